//! Groups of an identity provider that give roles in several clients (`spec/accounts.md` section 6.3).

use axum::extract::State;
use bartizan_api::{
    Envelope, ErrorBody,
    sso::{SsoGroupCreate, SsoGroupUpdate, SsoGroupView},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{Body, NoFields, Path},
    failure::Failure,
    services::sso::groups,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new().routes(routes!(sso_group_list, sso_group_create)).routes(routes!(
        sso_group_view,
        sso_group_update,
        sso_group_delete
    ))
}

/// List groups
///
/// Groups of the identity provider that give roles in clients of the caller's global account. They count while
/// `tenant_permissions` of `/v1/sso` is on. For global administrators.
#[utoipa::path(get, path = "/v1/sso/groups", tag = "Single sign-on",
    responses((status = 200, description = "By id", body = Envelope<Vec<SsoGroupView>>)))]
pub async fn sso_group_list(
    State(cloud): State<Cloud>,
    caller: Caller,
) -> Result<Envelope<Vec<SsoGroupView>>, Failure> {
    Ok(Envelope::new(groups::list(&cloud, &caller).await?))
}

/// Create a group
///
/// Several groups may have one name, with other roles and clients: where they overlap, the wider role counts. A global
/// role is one in all clients; it names the technical client alone.
#[utoipa::path(post, path = "/v1/sso/groups", tag = "Single sign-on", request_body = SsoGroupCreate,
    responses((status = 200, description = "The group", body = Envelope<SsoGroupView>)))]
pub async fn sso_group_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<SsoGroupCreate>,
) -> Result<Envelope<SsoGroupView>, Failure> {
    Ok(Envelope::new(groups::create(&cloud, &caller, request).await?))
}

/// View a group
///
/// One group of the caller's global account.
#[utoipa::path(get, path = "/v1/sso/groups/{id}", tag = "Single sign-on",
    params(("id" = i64, Path, description = "Group")),
    responses((status = 200, description = "The group", body = Envelope<SsoGroupView>),
        (status = 404, description = "There is no such group", body = ErrorBody)))]
pub async fn sso_group_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Envelope<SsoGroupView>, Failure> {
    Ok(Envelope::new(groups::find(&cloud, &caller, id).await?))
}

/// Change a group
///
/// What is absent stays. It counts with the next request of everybody in the group.
#[utoipa::path(put, path = "/v1/sso/groups/{id}", tag = "Single sign-on", request_body = SsoGroupUpdate,
    params(("id" = i64, Path, description = "Group")),
    responses((status = 200, description = "The group", body = Envelope<SsoGroupView>),
        (status = 404, description = "There is no such group", body = ErrorBody)))]
pub async fn sso_group_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
    Body(request): Body<SsoGroupUpdate>,
) -> Result<Envelope<SsoGroupView>, Failure> {
    Ok(Envelope::new(groups::update(&cloud, &caller, id, request).await?))
}

/// Delete a group
///
/// What it gave ends at once. The answer is the group as it was.
#[utoipa::path(delete, path = "/v1/sso/groups/{id}", tag = "Single sign-on",
    params(("id" = i64, Path, description = "Group")),
    responses((status = 200, description = "The group as it was", body = Envelope<SsoGroupView>),
        (status = 404, description = "There is no such group", body = ErrorBody)))]
pub async fn sso_group_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
    Body(NoFields {}): Body<NoFields>,
) -> Result<Envelope<SsoGroupView>, Failure> {
    Ok(Envelope::new(groups::delete(&cloud, &caller, id).await?))
}
