//! Forgotten passwords and changes of address (`spec/accounts.md` sections 2.4 and 3.2).

use axum::{Extension, extract::State, http::HeaderMap};
use bartizan_api::{
    Empty, Envelope,
    invitation::{EmailChange, EmailConfirm, PasswordForgot, PasswordReset},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{self, Caller, Origin},
    extract::Body,
    failure::Failure,
    services::password_reset,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(password_forgot))
        .routes(routes!(password_reset_by_link))
        .routes(routes!(email_change))
        .routes(routes!(email_confirm))
}

/// Ask for a reset link
///
/// Goes out by e-mail if the address has an account with a password. The answer never tells.
#[utoipa::path(post, path = "/v1/password/forgot", tag = "Users", security(()), request_body = PasswordForgot,
    responses((status = 200, description = "Understood", body = Envelope<Empty>)))]
pub async fn password_forgot(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    Body(request): Body<PasswordForgot>,
) -> Result<Envelope<Empty>, Failure> {
    auth::session::check_page(&cloud, &headers, &origin)?;
    password_reset::forgot(&cloud, &request.email, &origin).await?;
    Ok(Envelope::new(Empty {}))
}

/// Choose a new password by a reset link
///
/// Ends every session of the user. Secret and API tokens stay.
#[utoipa::path(post, path = "/v1/password/reset", tag = "Users", security(()), request_body = PasswordReset,
    responses((status = 200, description = "Changed", body = Envelope<Empty>)))]
pub async fn password_reset_by_link(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    Body(request): Body<PasswordReset>,
) -> Result<Envelope<Empty>, Failure> {
    password_reset::reset(&cloud, &request.token, &request.password, &origin).await?;
    Ok(Envelope::new(Empty {}))
}

/// Change the own e-mail address
///
/// A link goes to the new address and a notice to the old one; the change happens when the link is opened.
#[utoipa::path(post, path = "/v1/user/email", tag = "Users", security(("Session" = [])),
    request_body = EmailChange,
    responses((status = 200, description = "The link is on its way", body = Envelope<Empty>)))]
pub async fn email_change(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<EmailChange>,
) -> Result<Envelope<Empty>, Failure> {
    password_reset::change_email(&cloud, &caller, &request).await?;
    Ok(Envelope::new(Empty {}))
}

/// Confirm an e-mail address
///
/// By the token of the link that went there. The link of a sign-up asks for the password that was chosen then, too.
#[utoipa::path(post, path = "/v1/user/email/confirm", tag = "Users", security(()), request_body = EmailConfirm,
    responses((status = 200, description = "Changed", body = Envelope<Empty>),
        (status = 403, description = "Not the password of the sign-up: `Invalid password`", body = bartizan_api::ErrorBody),
        (status = 409, description = "The e-mail address is taken: `Already exists`", body = bartizan_api::ErrorBody)))]
pub async fn email_confirm(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    Body(request): Body<EmailConfirm>,
) -> Result<Envelope<Empty>, Failure> {
    password_reset::confirm_email(&cloud, &request, &origin).await?;
    Ok(Envelope::new(Empty {}))
}
