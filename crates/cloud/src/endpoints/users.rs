//! Users of tenants (`spec/accounts.md` section 3.3).

use axum::extract::State;
use bartizan_api::{
    Envelope,
    list::{ListRequest, SelectRequest},
    user::{UserCreate, UserFields, UserUpdate, UserView},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::Body,
    failure::Failure,
    services::{activity, users},
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(user_list))
        .routes(routes!(user_create))
        .routes(routes!(user_update))
        .routes(routes!(user_delete))
        .routes(routes!(user_enable))
        .routes(routes!(user_disable))
}

/// List users
///
/// Filters by `id`, `clientid`, `uuid`, `username`, `email`, `enabled`, `permissions`, `realname`, and by
/// `query`, a part of name, e-mail or role. A caller without the right to view users sees itself.
#[utoipa::path(post, path = "/v1/objects/user", tag = "Users", request_body = ListRequest,
    responses((status = 200, description = "The users", body = Envelope<Vec<UserView>>)))]
pub async fn user_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<ListRequest>,
) -> Result<Envelope<Vec<UserView>>, Failure> {
    Ok(Envelope::new(users::list(&cloud, &caller, &request).await?))
}

/// Create a user
///
/// With a password the user can work at once. The rights given cannot exceed the caller's.
#[utoipa::path(post, path = "/v1/objects/user/create", tag = "Users", request_body = UserCreate,
    responses((status = 200, description = "The user", body = Envelope<UserView>),
        (status = 409, description = "The e-mail address is taken: `Already exists`", body = bartizan_api::ErrorBody)))]
pub async fn user_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<UserCreate>,
) -> Result<Envelope<UserView>, Failure> {
    Ok(Envelope::new(users::create(&cloud, &caller, request).await?))
}

/// Change users
///
/// Changes every user that the filter selects, or none. Absent and empty values, also `{}`, leave what is
/// stored. Nobody can narrow or end the own access, and one administrator always stays.
#[utoipa::path(post, path = "/v1/objects/user/update", tag = "Users", request_body = UserUpdate,
    responses((status = 200, description = "The changed users", body = Envelope<Vec<UserView>>),
        (status = 409, description = "The e-mail address is taken: `Already exists`", body = bartizan_api::ErrorBody)))]
pub async fn user_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<UserUpdate>,
) -> Result<Envelope<Vec<UserView>>, Failure> {
    let changed = users::update(&cloud, &caller, request).await?;
    Ok(Envelope::new(activity::note_none(&cloud, &caller, ("user", "update"), changed).await?))
}

/// Delete users
///
/// Ends their sessions and personal tokens and frees their e-mail addresses. What they made stays.
#[utoipa::path(post, path = "/v1/objects/user/delete", tag = "Users", request_body = SelectRequest,
    responses((status = 200, description = "Ids of the deleted users", body = Envelope<Vec<i64>>)))]
pub async fn user_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<SelectRequest>,
) -> Result<Envelope<Vec<i64>>, Failure> {
    let changed = users::delete(&cloud, &caller, &request).await?;
    Ok(Envelope::new(activity::note_none(&cloud, &caller, ("user", "delete"), changed).await?))
}

/// Enable users
///
/// They may work again. Their personal tokens stay disabled.
#[utoipa::path(post, path = "/v1/objects/user/enabling", tag = "Users", request_body = SelectRequest,
    responses((status = 200, description = "The changed users", body = Envelope<Vec<UserView>>)))]
pub async fn user_enable(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<SelectRequest>,
) -> Result<Envelope<Vec<UserView>>, Failure> {
    let changed = users::update(&cloud, &caller, switched(request, true)).await?;
    Ok(Envelope::new(activity::note_none(&cloud, &caller, ("user", "update"), changed).await?))
}

/// Disable users
///
/// Ends their sessions and disables their personal tokens at once.
#[utoipa::path(post, path = "/v1/objects/user/disabling", tag = "Users", request_body = SelectRequest,
    responses((status = 200, description = "The changed users", body = Envelope<Vec<UserView>>)))]
pub async fn user_disable(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<SelectRequest>,
) -> Result<Envelope<Vec<UserView>>, Failure> {
    let changed = users::update(&cloud, &caller, switched(request, false)).await?;
    Ok(Envelope::new(activity::note_none(&cloud, &caller, ("user", "update"), changed).await?))
}

fn switched(request: SelectRequest, enabled: bool) -> UserUpdate {
    let fields = UserFields { enabled: Some(enabled), ..UserFields::default() };
    UserUpdate { filter: request.filter, fields: Some(fields) }
}
