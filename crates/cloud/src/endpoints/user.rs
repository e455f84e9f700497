//! The current principal (`spec/accounts.md` section 3.2).

use axum::extract::State;
use bartizan_api::{Envelope, user::PrincipalView};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{auth::Caller, failure::Failure, services::user_view::principal_view, state::Cloud};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new().routes(routes!(user_self)).routes(routes!(user_self_read))
}

/// View the current principal
///
/// Works for every kind of credential. The body is ignored and may be empty.
#[utoipa::path(post, path = "/v1/user", tag = "Users",
    responses((status = 200, description = "Who calls", body = Envelope<PrincipalView>)))]
pub async fn user_self(
    State(cloud): State<Cloud>,
    caller: Caller,
) -> Result<Envelope<PrincipalView>, Failure> {
    Ok(Envelope::new(principal_view(&cloud, &caller)))
}

/// View the current principal by GET
///
/// As the POST form.
#[utoipa::path(get, path = "/v1/user", tag = "Users",
    responses((status = 200, description = "Who calls", body = Envelope<PrincipalView>)))]
pub async fn user_self_read(cloud: State<Cloud>, caller: Caller) -> Result<Envelope<PrincipalView>, Failure> {
    user_self(cloud, caller).await
}
