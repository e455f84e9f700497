//! Shapes of invitations and of password reset (`spec/accounts.md` sections 2.4 and 3.5).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::lenient;

/// How long an invitation can be accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ttl {
    /// 24 hours.
    #[default]
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
}

impl Ttl {
    /// Seconds.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        match self {
            Ttl::Day => 86_400,
            Ttl::Week => 7 * 86_400,
            Ttl::Month => 30 * 86_400,
        }
    }
}

/// `POST /v1/invitations`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationCreate {
    /// E-mail address of the invited person.
    #[schema(example = "eve@acme.test")]
    pub email: String,
    /// One role, or a set of permissions; never above those of the caller.
    #[schema(example = json!(["analytic"]))]
    pub permissions: Vec<String>,
    /// Name, when it is known.
    #[serde(default)]
    pub realname: Option<String>,
    /// Lifetime of the link.
    #[serde(default)]
    pub ttl: Ttl,
    /// Whether to send the link by e-mail. Whoever gets it otherwise must confirm the address by a letter.
    #[serde(default)]
    pub send: bool,
    /// Tenant; the caller's own by default.
    #[serde(default, deserialize_with = "lenient::int")]
    pub client_id: Option<i64>,
}

/// A new invitation.
#[derive(Serialize, ToSchema)]
pub struct InvitationLink {
    /// Identity.
    pub id: i64,
    /// Link for the invited person, shown this once; `null` when it went to the address by letter, which proves that
    /// whoever accepts reads it.
    pub url: Option<String>,
    /// Unix seconds.
    pub expires_at: i64,
}

/// An open invitation.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationView {
    /// Identity.
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// The user, when it was created beforehand.
    pub user_id: Option<i64>,
    /// E-mail address.
    pub email: String,
    /// Name, when it is known.
    pub realname: String,
    /// Role or permissions.
    pub permissions: Vec<String>,
    /// Issuer.
    pub create_by: i64,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub expires_at: i64,
}

/// What the holder of a link may know.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationPreview {
    /// E-mail address.
    pub email: String,
    /// Name of the client that invites.
    pub client_name: String,
    /// Name, when it is known.
    pub realname: String,
    /// Whether single sign-on replaces the password.
    pub sso: bool,
}

/// `POST /v1/invitations/accept`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationAccept {
    /// Token of the link.
    pub token: String,
    /// Name, 1 to 255 characters.
    #[serde(default)]
    pub realname: Option<String>,
    /// Password; not with single sign-on.
    #[serde(default)]
    #[schema(format = Password)]
    pub password: Option<String>,
    /// Password again.
    #[serde(default)]
    #[schema(format = Password)]
    pub password_confirmation: Option<String>,
}

/// What comes of an accepted invitation.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationAccepted {
    /// Whether the address must be confirmed by the letter that was sent to it, before the user can sign in: so where the link
    /// was handed over.
    pub confirm_email: bool,
}

/// `POST /v1/password/forgot`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordForgot {
    /// E-mail address.
    #[schema(example = "eve@acme.test")]
    pub email: String,
}

/// `POST /v1/password/reset`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordReset {
    /// Token of the link.
    pub token: String,
    /// New password.
    #[schema(format = Password)]
    pub password: String,
}

/// `POST /v1/user/email`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailChange {
    /// New e-mail address.
    #[schema(example = "eve@acme.test")]
    pub email: String,
    /// Password of the account.
    #[schema(format = Password)]
    pub password: String,
    /// Code of the second factor, when the account has one.
    #[schema(example = "123456")]
    pub otp: Option<String>,
}

/// `POST /v1/user/email/confirm`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailConfirm {
    /// Token of the link.
    pub token: String,
    /// For the link of a sign-up: the password that was chosen then.
    #[schema(format = Password)]
    pub password: Option<String>,
}
