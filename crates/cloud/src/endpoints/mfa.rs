//! The second factor (`spec/accounts.md` section 3.7).

use axum::{Extension, extract::State, response::Response};
use bartizan_api::{
    Empty, Envelope,
    mfa::{MfaConfirm, MfaDisable, MfaProof, MfaSetupView, RecoveryCodesView},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::session::renewed;
use crate::{
    auth::{Caller, Origin},
    extract::{Body, NoFields, Path},
    failure::Failure,
    services::second_factor,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(mfa_begin, mfa_remove))
        .routes(routes!(mfa_confirm))
        .routes(routes!(mfa_recovery_codes))
        .routes(routes!(user_mfa_disable))
}

/// Begin setting up the second factor
///
/// The seed for an authenticator, valid for ten minutes. It counts only after its first code is confirmed.
#[utoipa::path(post, path = "/v1/user/mfa", tag = "Second factor", security(("Session" = [])),
    responses((status = 200, description = "The seed", body = Envelope<MfaSetupView>)))]
pub async fn mfa_begin(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(NoFields {}): Body<NoFields>,
) -> Result<Envelope<MfaSetupView>, Failure> {
    Ok(Envelope::new(second_factor::begin(&cloud, &caller).await?))
}

/// Turn the second factor on
///
/// With the first code and the password. The recovery codes are shown this once.
#[utoipa::path(post, path = "/v1/user/mfa/confirm", tag = "Second factor", security(("Session" = [])),
    request_body = MfaConfirm,
    responses((status = 200, description = "It is on", body = Envelope<RecoveryCodesView>)))]
pub async fn mfa_confirm(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    caller: Caller,
    Body(request): Body<MfaConfirm>,
) -> Result<Response, Failure> {
    let confirmed = second_factor::confirm(&cloud, &caller, &request.otp, &request.password).await?;
    let (recovery_codes, session) = confirmed;
    renewed(&cloud, &origin, session, Envelope::new(RecoveryCodesView { recovery_codes }))
}

/// Turn the second factor off
///
/// Not while the client enforces it.
#[utoipa::path(delete, path = "/v1/user/mfa", tag = "Second factor", security(("Session" = [])),
    request_body = MfaProof,
    responses((status = 200, description = "It is off", body = Envelope<Empty>)))]
pub async fn mfa_remove(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<MfaProof>,
) -> Result<Envelope<Empty>, Failure> {
    second_factor::remove(&cloud, &caller, &request.password, &request.otp).await?;
    Ok(Envelope::new(Empty {}))
}

/// Renew the recovery codes
///
/// The old ones are void.
#[utoipa::path(post, path = "/v1/user/mfa/recovery_codes", tag = "Second factor", security(("Session" = [])),
    request_body = MfaProof,
    responses((status = 200, description = "The new codes", body = Envelope<RecoveryCodesView>)))]
pub async fn mfa_recovery_codes(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<MfaProof>,
) -> Result<Envelope<RecoveryCodesView>, Failure> {
    let recovery_codes = second_factor::renew_codes(&cloud, &caller, &request.password, &request.otp).await?;
    Ok(Envelope::new(RecoveryCodesView { recovery_codes }))
}

/// Turn the second factor of a user off
///
/// For administrators, with their own password, when a user lost the authenticator.
#[utoipa::path(post, path = "/v1/user/{id}/mfa/disable", tag = "Second factor", security(("Session" = [])),
    params(("id" = i64, Path, description = "User")), request_body = MfaDisable,
    responses((status = 200, description = "It is off", body = Envelope<Empty>),
        (status = 404, description = "There is no such user", body = bartizan_api::ErrorBody)))]
pub async fn user_mfa_disable(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
    Body(request): Body<MfaDisable>,
) -> Result<Envelope<Empty>, Failure> {
    second_factor::remove_of(&cloud, &caller, id, &request.password).await?;
    Ok(Envelope::new(Empty {}))
}
