//! Rules settings and the general time budget (`spec/rules.md` sections 9.5 and 9.6).

use axum::extract::State;
use bartizan_api::{
    Envelope,
    rules_settings::{OverlimitSettings, RulesSettings, RulesSettingsView},
};
use serde_json::{Map, Value};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{EventsBody, Path},
    failure::Failure,
    services::rules_settings,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(rules_settings_view, rules_settings_update))
        .routes(routes!(overlimit_settings_view, overlimit_settings_update))
}

/// View the rules settings
///
/// Every field is present; the two formats are null while the server chooses.
#[utoipa::path(get, path = "/v2/client/{clientid}/rules/settings", tag = "Rules",
    params(("clientid" = i64, Path, description = "Tenant")),
    responses((status = 200, description = "The settings", body = Envelope<RulesSettingsView>)))]
pub async fn rules_settings_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
) -> Result<Envelope<RulesSettingsView>, Failure> {
    Ok(Envelope::new(rules_settings::view(&cloud, &caller, client_id).await?))
}

/// Change the rules settings
///
/// What is absent stays. With `rules_manipulation_locked` every change of rules answers 423 until it is
/// taken back; with `lom_disabled` nodes keep the rules that they have.
#[utoipa::path(put, path = "/v2/client/{clientid}/rules/settings", tag = "Rules",
    params(("clientid" = i64, Path, description = "Tenant")), request_body = RulesSettings,
    responses((status = 200, description = "The settings", body = Envelope<RulesSettingsView>)))]
pub async fn rules_settings_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    EventsBody(patch): EventsBody<Map<String, Value>>,
) -> Result<Envelope<RulesSettingsView>, Failure> {
    Ok(Envelope::new(rules_settings::update(&cloud, &caller, client_id, &patch).await?))
}

/// View the general time budget
///
/// How long the analysis of a request may take where no `overlimit_res_settings` rule says otherwise.
#[utoipa::path(get, path = "/v2/client/{clientid}/rules/overlimit_res_settings", tag = "Rules",
    params(("clientid" = i64, Path, description = "Tenant")),
    responses((status = 200, description = "The budget", body = Envelope<OverlimitSettings>)))]
pub async fn overlimit_settings_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
) -> Result<Envelope<OverlimitSettings>, Failure> {
    Ok(Envelope::new(rules_settings::overlimit(&cloud, &caller, client_id).await?))
}

/// Set the general time budget
///
/// What is absent stays.
#[utoipa::path(put, path = "/v2/client/{clientid}/rules/overlimit_res_settings", tag = "Rules",
    params(("clientid" = i64, Path, description = "Tenant")), request_body = OverlimitSettings,
    responses((status = 200, description = "The budget", body = Envelope<OverlimitSettings>),
        (status = 423, description = "Rules are locked")))]
pub async fn overlimit_settings_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    EventsBody(patch): EventsBody<Map<String, Value>>,
) -> Result<Envelope<OverlimitSettings>, Failure> {
    Ok(Envelope::new(rules_settings::set_overlimit(&cloud, &caller, client_id, &patch).await?))
}
