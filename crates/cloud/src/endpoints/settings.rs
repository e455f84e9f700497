//! Sign-in settings of a client (`spec/accounts.md` section 7.2).

use axum::extract::State;
use bartizan_api::{
    Envelope,
    settings::{SettingsUpdate, SettingsView},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{Body, Path},
    failure::Failure,
    services::settings,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new().routes(routes!(settings_view, settings_update))
}

/// View sign-in settings
///
/// Session time-outs, second factor, passwords, networks, and how long the activity log is kept.
#[utoipa::path(get, path = "/v1/clients/{client_id}/settings", tag = "Settings",
    params(("client_id" = i64, Path, description = "Client")),
    responses((status = 200, description = "The settings", body = Envelope<SettingsView>)))]
pub async fn settings_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
) -> Result<Envelope<SettingsView>, Failure> {
    Ok(Envelope::new(settings::find(&cloud, &caller, client_id).await?))
}

/// Change sign-in settings
///
/// What is absent stays. Lower time-outs hold for running sessions from their next request on; keys, tokens
/// and nodes are not affected by them.
#[utoipa::path(put, path = "/v1/clients/{client_id}/settings", tag = "Settings", request_body = SettingsUpdate,
    params(("client_id" = i64, Path, description = "Client")),
    responses((status = 200, description = "The changed settings", body = Envelope<SettingsView>)))]
pub async fn settings_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    Body(request): Body<SettingsUpdate>,
) -> Result<Envelope<SettingsView>, Failure> {
    Ok(Envelope::new(settings::update(&cloud, &caller, client_id, &request).await?))
}
