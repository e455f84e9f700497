//! The account of the signed-in user: password, secret, sessions (`spec/accounts.md` sections 2.3 and 2.4).

use axum::{Extension, extract::State, response::Response};
use bartizan_api::{
    Empty, Envelope,
    session::{PasswordChange, RevokeRequest, RevokedView, SessionItem, SessionsQuery},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::session::renewed;
use crate::{
    auth::{Caller, Origin},
    extract::{Body, NoFields, Path, RackQuery},
    failure::Failure,
    services::account,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(credentials_revoke))
        .routes(routes!(password_update))
        .routes(routes!(session_list))
        .routes(routes!(session_delete))
}

/// Revoke the secret
///
/// Ends UUID and secret of the caller, or with `user_id` of another user, until the next renewal.
#[utoipa::path(post, path = "/v1/user/credentials/revoke", tag = "API credentials", security(("Session" = [])),
    request_body = RevokeRequest,
    responses((status = 200, description = "There is no secret now", body = Envelope<RevokedView>)))]
pub async fn credentials_revoke(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<RevokeRequest>,
) -> Result<Envelope<RevokedView>, Failure> {
    account::revoke_secret(&cloud, &caller, &request).await?;
    Ok(Envelope::new(RevokedView { secret_set: false }))
}

/// Change the password
///
/// Ends the other sessions of the user. Secret and API tokens stay.
#[utoipa::path(put, path = "/v1/user/password", tag = "Users", security(("Session" = [])),
    request_body = PasswordChange,
    responses((status = 200, description = "Changed", body = Envelope<Empty>)))]
pub async fn password_update(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    caller: Caller,
    Body(request): Body<PasswordChange>,
) -> Result<Response, Failure> {
    let session = account::change_password(&cloud, &caller, &request).await?;
    renewed(&cloud, &origin, session, Envelope::new(Empty {}))
}

/// List sessions
///
/// Running Console sessions of the caller, or with `user_id` of another user, newest first.
#[utoipa::path(get, path = "/v1/sessions", tag = "Sessions", security(("Session" = [])),
    params(("user_id" = Option<i64>, Query, description = "User, for administrators; the caller by default")),
    responses((status = 200, description = "The sessions", body = Envelope<Vec<SessionItem>>),
        (status = 404, description = "There is no such user", body = bartizan_api::ErrorBody)))]
pub async fn session_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    RackQuery(query): RackQuery<SessionsQuery>,
) -> Result<Envelope<Vec<SessionItem>>, Failure> {
    Ok(Envelope::new(account::list_sessions(&cloud, &caller, query.user_id).await?))
}

/// End a session
///
/// Also the tokens derived from it. For its user and for administrators.
#[utoipa::path(delete, path = "/v1/sessions/{id}", tag = "Sessions", security(("Session" = [])),
    params(("id" = String, Path, description = "Session, as listed")),
    responses((status = 200, description = "Ended", body = Envelope<Empty>),
        (status = 404, description = "There is no such session", body = bartizan_api::ErrorBody)))]
pub async fn session_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<String>,
    Body(NoFields {}): Body<NoFields>,
) -> Result<Envelope<Empty>, Failure> {
    account::end_session(&cloud, &caller, &id).await?;
    Ok(Envelope::new(Empty {}))
}
