//! Saved views of attacks (`spec/events.md` section 5.8). Replies have no envelope.

use axum::{Json, extract::State, http::StatusCode};
use bartizan_api::attack_view::{AttackViewChange, AttackViewList, AttackViewSaved};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{EventsBody, EventsPath},
    failure::Failure,
    services::attack_views,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(attack_view_list, attack_view_create))
        .routes(routes!(attack_view_view, attack_view_update, attack_view_delete))
        .routes(routes!(attack_view_duplicate))
        .routes(routes!(attack_view_set_default))
}

/// List saved views of attacks
///
/// Presets, the client's own views, and views that are shared in its organisation.
#[utoipa::path(get, path = "/v1/client/{client_id}/attack-views", tag = "Attack views",
    params(("client_id" = i64, Path, description = "Client", example = 1)),
    responses((status = 200, description = "The views", body = AttackViewList)))]
pub async fn attack_view_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
) -> Result<Json<AttackViewList>, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    Ok(Json(attack_views::list(&cloud, &caller, tenant).await?))
}

/// Create a view of attacks
///
/// `name` and `config` are required. Keys of `config` that the product does not know are kept as they are.
#[utoipa::path(post, path = "/v1/client/{client_id}/attack-views", tag = "Attack views",
    params(("client_id" = i64, Path, description = "Client", example = 1)), request_body = AttackViewChange,
    responses((status = 201, description = "The view", body = AttackViewSaved),
        (status = 409, description = "The name is taken", body = bartizan_api::ErrorBody)))]
pub async fn attack_view_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
    EventsBody(change): EventsBody<AttackViewChange>,
) -> Result<(StatusCode, Json<AttackViewSaved>), Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    Ok((StatusCode::CREATED, Json(attack_views::create(&cloud, &caller, tenant, &change).await?)))
}

/// View a saved view of attacks
#[utoipa::path(get, path = "/v1/client/{client_id}/attack-views/{id}", tag = "Attack views",
    params(("client_id" = i64, Path, description = "Client", example = 1),
        ("id" = i64, Path, description = "View", example = 12)),
    responses((status = 200, description = "The view", body = AttackViewSaved)))]
pub async fn attack_view_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath((client_id, id)): EventsPath<(i64, i64)>,
) -> Result<Json<AttackViewSaved>, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    Ok(Json(attack_views::view(&cloud, &caller, tenant, id).await?))
}

/// Update a view of attacks
///
/// What is left out stays. `visibility` cannot change; presets cannot change at all.
#[utoipa::path(put, path = "/v1/client/{client_id}/attack-views/{id}", tag = "Attack views",
    params(("client_id" = i64, Path, description = "Client", example = 1),
        ("id" = i64, Path, description = "View", example = 12)), request_body = AttackViewChange,
    responses((status = 200, description = "The view", body = AttackViewSaved),
        (status = 409, description = "The name is taken", body = bartizan_api::ErrorBody)))]
pub async fn attack_view_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath((client_id, id)): EventsPath<(i64, i64)>,
    EventsBody(change): EventsBody<AttackViewChange>,
) -> Result<Json<AttackViewSaved>, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    Ok(Json(attack_views::update(&cloud, &caller, tenant, id, &change).await?))
}

/// Delete a view of attacks
///
/// A preset cannot be deleted, nor a view that somebody starts with.
#[utoipa::path(delete, path = "/v1/client/{client_id}/attack-views/{id}", tag = "Attack views",
    params(("client_id" = i64, Path, description = "Client", example = 1),
        ("id" = i64, Path, description = "View", example = 12)),
    responses((status = 204, description = "Deleted"),
        (status = 409, description = "Somebody starts with it", body = bartizan_api::ErrorBody)))]
pub async fn attack_view_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath((client_id, id)): EventsPath<(i64, i64)>,
) -> Result<StatusCode, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    attack_views::delete(&cloud, &caller, tenant, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Duplicate a view of attacks
///
/// Copies it under another name; the copy is neither a preset nor a default.
#[utoipa::path(post, path = "/v1/client/{client_id}/attack-views/{id}/duplicate", tag = "Attack views",
    params(("client_id" = i64, Path, description = "Client", example = 1),
        ("id" = i64, Path, description = "View", example = 12)), request_body = AttackViewChange,
    responses((status = 201, description = "The copy", body = AttackViewSaved),
        (status = 409, description = "The name is taken", body = bartizan_api::ErrorBody)))]
pub async fn attack_view_duplicate(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath((client_id, id)): EventsPath<(i64, i64)>,
    EventsBody(change): EventsBody<AttackViewChange>,
) -> Result<(StatusCode, Json<AttackViewSaved>), Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    Ok((StatusCode::CREATED, Json(attack_views::duplicate(&cloud, &caller, tenant, id, &change).await?)))
}

/// Start with a view of attacks
///
/// Makes it the view that the caller starts with in this client.
#[utoipa::path(post, path = "/v1/client/{client_id}/attack-views/{id}/set-default", tag = "Attack views",
    params(("client_id" = i64, Path, description = "Client", example = 1),
        ("id" = i64, Path, description = "View", example = 12)),
    responses((status = 200, description = "The view", body = AttackViewSaved)))]
pub async fn attack_view_set_default(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath((client_id, id)): EventsPath<(i64, i64)>,
) -> Result<Json<AttackViewSaved>, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    Ok(Json(attack_views::set_default(&cloud, &caller, tenant, id).await?))
}
