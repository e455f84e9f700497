//! Rules: hints, actions, the general filtration mode (`spec/rules.md` sections 1 and 9.6).

use axum::extract::State;
use bartizan_api::{
    ApiError, Empty, Envelope,
    list::{ListRequest, SelectRequest},
    rule::{
        ActionView, ByHitRequest, ByHitView, CredentialConfigsView, HintCreateRequest, HintUpdateRequest,
        HintView, WallarmModeView,
    },
};
use bartizan_rules::StoredHint;
use serde_json::{Map, Value};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{EventsBody, Path},
    failure::Failure,
    services::{action, rule},
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(hint_list))
        .routes(routes!(hint_create))
        .routes(routes!(hint_delete))
        .routes(routes!(hint_update_all))
        .routes(routes!(credential_configs))
        .routes(routes!(hint_view, hint_update))
        .routes(routes!(action_list))
        .routes(routes!(action_by_hit))
        .routes(routes!(action_view))
        .routes(routes!(action_delete))
        .routes(routes!(wallarm_mode_view, wallarm_mode_update))
}

fn view_of(hint: &StoredHint) -> Result<HintView, Failure> {
    Ok(serde_json::from_value(hint.to_json()).map_err(|_| ApiError::internal())?)
}

fn one(hint: &StoredHint) -> Result<Envelope<HintView>, Failure> {
    Ok(Envelope::new(view_of(hint)?))
}

fn views(hints: &[StoredHint]) -> Result<Vec<HintView>, Failure> {
    hints.iter().map(view_of).collect()
}

fn many(hints: &[StoredHint]) -> Result<Envelope<Vec<HintView>>, Failure> {
    Ok(Envelope::new(views(hints)?))
}

/// List rules
///
/// Filters by `id`, `clientid`, `actionid`, `type`, `point`, `system`, `create_userid` and `create_time`, and
/// by `!` forms of these. Orders by `updated_at`, `id` or `create_time`.
#[utoipa::path(post, path = "/v1/objects/hint", tag = "Rules", request_body = ListRequest,
    responses((status = 200, description = "Rules", body = Envelope<Vec<HintView>>)))]
pub async fn hint_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<ListRequest>,
) -> Result<Envelope<Vec<HintView>>, Failure> {
    many(&rule::list(&cloud, &caller, &request).await?)
}

/// Create a rule
///
/// Attaches it to the action with the same conditions, which is made when there is none. Nodes apply it within
/// a second.
#[utoipa::path(post, path = "/v1/objects/hint/create", tag = "Rules", request_body = HintCreateRequest,
    responses((status = 200, description = "The rule", body = Envelope<HintView>),
        (status = 423, description = "Rules are locked")))]
pub async fn hint_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(body): EventsBody<Map<String, Value>>,
) -> Result<Envelope<HintView>, Failure> {
    one(&rule::create(&cloud, &caller, &body).await?)
}

/// Delete rules
///
/// By `id`, up to 1000. Answers with the rules that went: unknown and protected ones are left out.
#[utoipa::path(post, path = "/v1/objects/hint/delete", tag = "Rules", request_body = SelectRequest,
    responses((status = 200, description = "The deleted rules", body = Envelope<Vec<HintView>>),
        (status = 423, description = "Rules are locked")))]
pub async fn hint_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<SelectRequest>,
) -> Result<Envelope<Vec<HintView>>, Failure> {
    many(&rule::delete(&cloud, &caller, &request.filter).await?)
}

/// Change rules by filter
///
/// The older form: changes every rule that the filter names by `id`, as `PUT /v3/hint/{id}` does. Unknown ones
/// are left out.
#[utoipa::path(post, path = "/v1/objects/hint/update", tag = "Rules", request_body = HintUpdateRequest,
    responses((status = 200, description = "The changed rules", body = Envelope<Vec<HintView>>),
        (status = 423, description = "Rules are locked")))]
pub async fn hint_update_all(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<HintUpdateRequest>,
) -> Result<Envelope<Vec<HintView>>, Failure> {
    many(&rule::update_all(&cloud, &caller, &request.filter, &request.fields).await?)
}

/// List credential stuffing rules
///
/// By the list of compromised passwords that they check. Lists of rules leave them out for most callers.
#[utoipa::path(get, path = "/v4/clients/{clientid}/credential_stuffing/configs", tag = "Rules",
    params(("clientid" = i64, Path, description = "Tenant")),
    responses((status = 200, description = "The rules", body = Envelope<CredentialConfigsView>)))]
pub async fn credential_configs(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
) -> Result<Envelope<CredentialConfigsView>, Failure> {
    let (default, custom) = rule::credential_configs(&cloud, &caller, client_id).await?;
    Ok(Envelope::new(CredentialConfigsView { default: views(&default)?, custom: views(&custom)? }))
}

/// View a rule
///
/// As lists return it.
#[utoipa::path(get, path = "/v3/hint/{id}", tag = "Rules", params(("id" = i64, Path, description = "Rule")),
    responses((status = 200, description = "The rule", body = Envelope<HintView>),
        (status = 404, description = "No such rule")))]
pub async fn hint_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Envelope<HintView>, Failure> {
    one(&rule::view(&cloud, &caller, id).await?)
}

/// Change a rule
///
/// What is absent stays. Type, conditions and point cannot change.
#[utoipa::path(put, path = "/v3/hint/{id}", tag = "Rules", params(("id" = i64, Path, description = "Rule")),
    request_body = HintCreateRequest,
    responses((status = 200, description = "The rule", body = Envelope<HintView>),
        (status = 404, description = "No such rule"),
        (status = 423, description = "Rules are locked")))]
pub async fn hint_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
    EventsBody(patch): EventsBody<Map<String, Value>>,
) -> Result<Envelope<HintView>, Failure> {
    one(&rule::update(&cloud, &caller, id, &patch).await?)
}

/// List actions
///
/// Filters by `id`, `!id`, `clientid`, `hint_type` (having a rule of the type) and `empty` (without conditions).
#[utoipa::path(post, path = "/v1/objects/action", tag = "Rules", request_body = ListRequest,
    responses((status = 200, description = "Actions", body = Envelope<Vec<ActionView>>)))]
pub async fn action_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<ListRequest>,
) -> Result<Envelope<Vec<ActionView>>, Failure> {
    Ok(Envelope::new(action::list(&cloud, &caller, &request).await?))
}

/// View the conditions for a hit
///
/// What a rule about the hit would be attached to: its application, host and path.
#[utoipa::path(post, path = "/v1/objects/action/by_hit", tag = "Rules", request_body = ByHitRequest,
    responses((status = 200, description = "Conditions", body = Envelope<ByHitView>),
        (status = 404, description = "No such hit")))]
pub async fn action_by_hit(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<ByHitRequest>,
) -> Result<Envelope<ByHitView>, Failure> {
    Ok(Envelope::new(action::by_hit(&cloud, &caller, &request.id).await?))
}

/// View an action
///
/// As lists return it.
#[utoipa::path(get, path = "/v3/action/{id}", tag = "Rules", params(("id" = i64, Path, description = "Action")),
    responses((status = 200, description = "The action", body = Envelope<ActionView>),
        (status = 404, description = "No such action")))]
pub async fn action_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Envelope<ActionView>, Failure> {
    Ok(Envelope::new(action::view(&cloud, &caller, id).await?))
}

/// Delete an action
///
/// With all its rules, except protected ones.
#[utoipa::path(delete, path = "/v2/action/{id}", tag = "Rules", params(("id" = i64, Path, description = "Action")),
    responses((status = 200, description = "Deleted", body = Envelope<Empty>),
        (status = 404, description = "No such action"),
        (status = 423, description = "Rules are locked")))]
pub async fn action_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Envelope<Empty>, Failure> {
    rule::delete_action(&cloud, &caller, id).await?;
    Ok(Envelope::new(Empty {}))
}

/// View the general filtration mode
///
/// The mode of the branch without conditions.
#[utoipa::path(get, path = "/v2/client/{clientid}/rules/wallarm_mode", tag = "Rules",
    params(("clientid" = i64, Path, description = "Tenant")),
    responses((status = 200, description = "The mode", body = Envelope<WallarmModeView>)))]
pub async fn wallarm_mode_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
) -> Result<Envelope<WallarmModeView>, Failure> {
    let mode = rule::general_mode(&cloud, &caller, client_id).await?;
    Ok(Envelope::new(WallarmModeView { mode }))
}

/// Set the general filtration mode
///
/// Changes the `wallarm_mode` rule of the branch without conditions.
#[utoipa::path(put, path = "/v2/client/{clientid}/rules/wallarm_mode", tag = "Rules",
    params(("clientid" = i64, Path, description = "Tenant")), request_body = WallarmModeView,
    responses((status = 200, description = "The mode", body = Envelope<WallarmModeView>),
        (status = 423, description = "Rules are locked")))]
pub async fn wallarm_mode_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    EventsBody(body): EventsBody<Map<String, Value>>,
) -> Result<Envelope<WallarmModeView>, Failure> {
    let mode = body.get("mode").unwrap_or(&Value::Null);
    let mode = rule::set_general_mode(&cloud, &caller, client_id, mode).await?;
    Ok(Envelope::new(WallarmModeView { mode }))
}
