//! Retention, deletion and export of a tenant's data.

use axum::{
    body::Body as HttpBody,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use bartizan_api::{
    Envelope,
    privacy::{DeletionRequest, DeletionView, EventSettings, EventSettingsUpdate},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{EventsBody, Path},
    failure::Failure,
    services::privacy,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(event_settings_view, event_settings_update))
        .routes(routes!(event_delete))
        .routes(routes!(tenant_export))
}

/// View the settings of events
///
/// How long they are kept.
#[utoipa::path(get, path = "/v1/client/{client_id}/event_settings", tag = "Privacy",
    params(("client_id" = i64, Path, description = "Tenant")),
    responses((status = 200, description = "The settings", body = Envelope<EventSettings>)))]
pub async fn event_settings_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
) -> Result<Envelope<EventSettings>, Failure> {
    Ok(Envelope::new(privacy::settings(&cloud, &caller, client_id).await?))
}

/// Change the settings of events
///
/// A shorter retention removes what is over at once; what is absent stays.
#[utoipa::path(put, path = "/v1/client/{client_id}/event_settings", tag = "Privacy",
    params(("client_id" = i64, Path, description = "Tenant")), request_body = EventSettingsUpdate,
    responses((status = 200, description = "The settings", body = Envelope<EventSettings>)))]
pub async fn event_settings_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    EventsBody(request): EventsBody<EventSettingsUpdate>,
) -> Result<Envelope<EventSettings>, Failure> {
    Ok(Envelope::new(privacy::update_settings(&cloud, &caller, client_id, &request).await?))
}

/// Delete all events
///
/// Every hit, attack and incident of the tenant, for good; `confirm` is the name of the tenant. Vulnerabilities stay.
#[utoipa::path(delete, path = "/v1/client/{client_id}/events", tag = "Privacy",
    params(("client_id" = i64, Path, description = "Tenant")), request_body = DeletionRequest,
    responses((status = 200, description = "What went", body = Envelope<DeletionView>)))]
pub async fn event_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    EventsBody(request): EventsBody<DeletionRequest>,
) -> Result<Envelope<DeletionView>, Failure> {
    Ok(Envelope::new(privacy::delete_events(&cloud, &caller, client_id, &request).await?))
}

/// Export all data
///
/// What is stored about the tenant, without secrets: a JSON object with `table` and `row` per line. It takes every
/// permission of an administrator.
#[utoipa::path(get, path = "/v1/client/{client_id}/export", tag = "Privacy",
    params(("client_id" = i64, Path, description = "Tenant")),
    responses((status = 200, description = "The data", content_type = "application/x-ndjson", body = String)))]
pub async fn tenant_export(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
) -> Result<Response, Failure> {
    let rows = privacy::export(&cloud, &caller, client_id).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"export.ndjson\""),
    ];
    Ok((headers, HttpBody::from_stream(rows)).into_response())
}
