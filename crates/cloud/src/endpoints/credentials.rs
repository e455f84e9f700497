//! UUID and secret key of the signed-in user (`spec/accounts.md` section 2.3).

use axum::extract::State;
use bartizan_api::{
    ApiError, Envelope,
    session::{CredentialsView, RenewRequest, RenewedView},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{auth::Caller, extract::Body, failure::Failure, services::session, state::Cloud};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new().routes(routes!(credentials_view)).routes(routes!(credentials_renew))
}

/// View the API credentials
///
/// The UUID and when the secret was made and used. The secret itself cannot be shown again.
#[utoipa::path(get, path = "/v1/user/credentials", tag = "API credentials", security(("Session" = [])),
    responses((status = 200, description = "The credentials", body = Envelope<CredentialsView>)))]
pub async fn credentials_view(
    State(cloud): State<Cloud>,
    caller: Caller,
) -> Result<Envelope<CredentialsView>, Failure> {
    // Read anew: times of use are newer than what authentication keeps.
    let user = cloud.store.identify_user(caller.user_id()).await?.ok_or_else(ApiError::access_denied)?;
    let by_provider = user.auth_method.is_some();
    Ok(Envelope::new(CredentialsView {
        uuid: user.uuid,
        secret_masked: "****".to_owned(),
        secret_set: user.secret_mac.is_some(),
        secret_created_at: user.secret_created_at,
        secret_last_used_at: user.secret_last_used_at,
        secret_last_used_ip: user.secret_last_used_ip,
        available: !by_provider,
        reason: by_provider.then(|| "sso".to_owned()),
    }))
}

/// Renew the secret
///
/// Asks for the password, returns the new secret once, and ends the old one at once.
#[utoipa::path(post, path = "/v1/user/credentials/renew", tag = "API credentials", security(("Session" = [])),
    request_body = RenewRequest,
    responses((status = 200, description = "The new secret, shown this once", body = Envelope<RenewedView>)))]
pub async fn credentials_renew(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<RenewRequest>,
) -> Result<Envelope<RenewedView>, Failure> {
    Ok(Envelope::new(
        session::renew_secret(&cloud, &caller, &request.password, request.otp.as_deref()).await?,
    ))
}
