//! The current principal (`spec/accounts.md` section 3.2).

use axum::extract::State;
use bartizan_api::{
    Envelope,
    user::{PrincipalView, ProfileUpdate},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{Caller, Principal},
    extract::Body,
    failure::Failure,
    services::account,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new().routes(routes!(user_self)).routes(routes!(user_self_read, user_self_update))
}

/// View the current principal
///
/// Works for every kind of credential, also for those of a node: UUID and secret of an instance in either form, or the
/// token of a group. The body is ignored and may be empty.
#[utoipa::path(post, path = "/v1/user", tag = "Users",
    responses((status = 200, description = "Who calls", body = Envelope<PrincipalView>)))]
pub async fn user_self(
    State(cloud): State<Cloud>,
    principal: Principal,
) -> Result<Envelope<PrincipalView>, Failure> {
    Ok(Envelope::new(account::principal(&cloud, &principal).await?))
}

/// View the current principal by GET
///
/// As the POST form.
#[utoipa::path(get, path = "/v1/user", tag = "Users",
    responses((status = 200, description = "Who calls", body = Envelope<PrincipalView>)))]
pub async fn user_self_read(
    cloud: State<Cloud>,
    principal: Principal,
) -> Result<Envelope<PrincipalView>, Failure> {
    user_self(cloud, principal).await
}

/// Change the own profile
///
/// Name, phone, title, formats, notifications, saved searches. Absent and empty values stay.
#[utoipa::path(put, path = "/v1/user", tag = "Users", security(("Session" = [])), request_body = ProfileUpdate,
    responses((status = 200, description = "Who calls, changed", body = Envelope<PrincipalView>)))]
pub async fn user_self_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<ProfileUpdate>,
) -> Result<Envelope<PrincipalView>, Failure> {
    Ok(Envelope::new(account::update_profile(&cloud, &caller, request).await?))
}
