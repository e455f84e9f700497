//! Triggers (`spec/rules.md` section 7). This family answers without an envelope.

use axum::{extract::State, response::Response};
use bartizan_api::{
    Empty, ErrorBody, json_response,
    trigger::{TriggerList, TriggerOne, TriggerRequest},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{EventsBody, Path},
    failure::Failure,
    services::trigger,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(trigger_list, trigger_create))
        .routes(routes!(trigger_update, trigger_delete))
}

/// List triggers
///
/// Oldest first. `denormalize` is accepted and has no effect.
#[utoipa::path(get, path = "/v2/clients/{client_id}/triggers", tag = "Triggers",
    params(("client_id" = i64, Path, description = "Tenant"),
        ("denormalize" = Option<bool>, Query, description = "Without effect")),
    responses((status = 200, description = "Triggers", body = TriggerList)))]
pub async fn trigger_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
) -> Result<Response, Failure> {
    Ok(json_response(&TriggerList { triggers: trigger::list(&cloud, &caller, client_id).await? }))
}

/// Create a trigger
///
/// A template decides which actions go with it and whether it has a threshold. The first trigger of your own on
/// `vector_attack` takes the place of the default one.
#[utoipa::path(post, path = "/v2/clients/{client_id}/triggers", tag = "Triggers",
    params(("client_id" = i64, Path, description = "Tenant")), request_body = TriggerRequest,
    responses((status = 200, description = "The trigger", body = TriggerOne)))]
pub async fn trigger_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    EventsBody(request): EventsBody<TriggerRequest>,
) -> Result<Response, Failure> {
    let trigger = trigger::create(&cloud, &caller, client_id, request.trigger.as_ref()).await?;
    Ok(json_response(&TriggerOne { trigger }))
}

/// Replace a trigger
///
/// What is absent goes back to its default. The trigger counts from nothing again.
#[utoipa::path(put, path = "/v2/clients/{client_id}/triggers/{id}", tag = "Triggers",
    params(("client_id" = i64, Path, description = "Tenant"), ("id" = i64, Path, description = "Trigger")),
    request_body = TriggerRequest,
    responses((status = 200, description = "The trigger", body = TriggerOne),
        (status = 404, description = "No such trigger", body = ErrorBody)))]
pub async fn trigger_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path((client_id, id)): Path<(i64, i64)>,
    EventsBody(request): EventsBody<TriggerRequest>,
) -> Result<Response, Failure> {
    let trigger = trigger::replace(&cloud, &caller, client_id, id, request.trigger.as_ref()).await?;
    Ok(json_response(&TriggerOne { trigger }))
}

/// Delete a trigger
///
/// What it has listed stays listed until it expires.
#[utoipa::path(delete, path = "/v2/clients/{client_id}/triggers/{id}", tag = "Triggers",
    params(("client_id" = i64, Path, description = "Tenant"), ("id" = i64, Path, description = "Trigger")),
    responses((status = 200, description = "Deleted", body = Empty),
        (status = 404, description = "No such trigger", body = ErrorBody)))]
pub async fn trigger_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path((client_id, id)): Path<(i64, i64)>,
) -> Result<Response, Failure> {
    trigger::delete(&cloud, &caller, client_id, id).await?;
    Ok(json_response(&Empty {}))
}
