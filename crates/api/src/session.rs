//! Shapes of sign-in, sessions and credentials (`spec/accounts.md` sections 2.3 and 2.4).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/login`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// E-mail address.
    #[schema(example = "admin@demo.test")]
    pub username: String,
    /// Password.
    #[schema(format = Password)]
    pub password: String,
}

/// A successful sign-in; the session is in the cookie.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoginView {
    /// User.
    pub user_id: i64,
    /// Tenant of the user.
    pub client_id: i64,
    /// Second factor that was asked: `none`.
    #[schema(example = "none")]
    pub mfa: String,
}

/// `POST /v1/logout`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogoutRequest {
    /// End every session of the user, not only this one.
    #[serde(default)]
    pub all: bool,
}

/// `GET /v1/session`.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionView {
    /// User.
    pub user_id: i64,
    /// Tenant of the user.
    pub client_id: i64,
    /// Tenant that the Console shows.
    pub acting_client_id: i64,
    /// Sign-in, Unix seconds.
    pub created_at: i64,
    /// Last activity, Unix seconds.
    pub last_seen_at: i64,
    /// When idleness ends the session, Unix seconds.
    pub idle_expires_at: i64,
    /// When the session ends anyway, Unix seconds.
    pub absolute_expires_at: i64,
    /// Value for the `X-CSRF-Token` header of changing calls made with the cookie.
    pub csrf: String,
    /// What must be done before anything else: `mfa`, set up a second factor; `password`, choose a new one.
    pub restriction: Option<String>,
}

/// `POST /v1/session/client`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionClient {
    /// Tenant that the Console shows.
    #[schema(example = 18)]
    pub client_id: i64,
}

/// `POST /v1/session/reauth`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReauthRequest {
    /// Password of the account.
    #[schema(format = Password)]
    pub password: String,
    /// Second factor, when it is on.
    #[serde(default)]
    pub otp: Option<String>,
}

/// A proof that the password was given, for the `X-Reauth` header.
#[derive(Serialize, ToSchema)]
pub struct ReauthView {
    /// The proof; works in this session only.
    pub ticket: String,
    /// Lifetime, seconds.
    #[schema(example = 900)]
    pub expires_in: i64,
}

/// `POST /v1/login/discover`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscoverRequest {
    /// E-mail address.
    #[schema(example = "admin@demo.test")]
    pub username: String,
}

/// How people of an e-mail domain sign in.
#[derive(Debug, Serialize, ToSchema)]
pub struct DiscoverView {
    /// `password` or `sso`.
    #[schema(example = json!(["password"]))]
    pub methods: Vec<String>,
    /// Where single sign-on begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sso_url: Option<String>,
}

/// `POST /v1/session/token`.
#[derive(Serialize, ToSchema)]
pub struct SessionTokenView {
    /// Bearer token; dies with the session.
    pub token: String,
    /// Lifetime, seconds.
    #[schema(example = 900)]
    pub expires_in: i64,
}

/// `GET /v1/user/credentials`.
#[derive(Debug, Serialize, ToSchema)]
pub struct CredentialsView {
    /// For the `X-WallarmAPI-UUID` header.
    pub uuid: String,
    /// Always `****`: the secret cannot be shown again.
    #[schema(example = "****")]
    pub secret_masked: String,
    /// Whether there is a secret.
    pub secret_set: bool,
    /// Unix seconds.
    pub secret_created_at: Option<i64>,
    /// Unix seconds, to the minute.
    pub secret_last_used_at: Option<i64>,
    /// Address that this was from.
    pub secret_last_used_ip: Option<String>,
    /// Whether UUID and secret may be used.
    pub available: bool,
    /// Why not.
    pub reason: Option<String>,
}

/// `POST /v1/user/credentials/renew`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewRequest {
    /// Password of the account.
    #[schema(format = Password)]
    pub password: String,
    /// Second factor, when it is on.
    #[serde(default)]
    pub otp: Option<String>,
}

/// The new credentials, shown this once.
#[derive(Serialize, ToSchema)]
pub struct RenewedView {
    /// For the `X-WallarmAPI-UUID` header.
    pub uuid: String,
    /// For the `X-WallarmAPI-Secret` header: 64 hex characters.
    pub secret: String,
    /// The same secret as a token for the `X-WallarmApi-Token` header.
    pub token: String,
}

/// `POST /v1/user/credentials/revoke`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// Password of the caller's account.
    #[schema(format = Password)]
    pub password: String,
    /// Another user of the caller's tenants, for administrators; the caller by default.
    #[serde(default, deserialize_with = "crate::lenient::int")]
    pub user_id: Option<i64>,
}

/// The credentials after a revocation.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevokedView {
    /// Always false.
    pub secret_set: bool,
}

/// `PUT /v1/user/password`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// Password so far.
    #[schema(format = Password)]
    pub current_password: String,
    /// New password: 8 characters with lower case, upper case and digit, or 10 with three of lower case,
    /// upper case, digit and others.
    #[schema(format = Password)]
    pub password: String,
    /// New password again.
    #[schema(format = Password)]
    pub password_confirmation: String,
}

/// `GET /v1/sessions`.
#[derive(Debug, Default, Deserialize)]
pub struct SessionsQuery {
    /// User; the caller by default.
    #[serde(default, deserialize_with = "crate::lenient::int")]
    pub user_id: Option<i64>,
}

/// A running session in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionItem {
    /// Name for revoking; not the secret id.
    pub id: String,
    /// User.
    pub user_id: i64,
    /// Address at sign-in.
    pub ip: String,
    /// Browser at sign-in.
    pub user_agent: String,
    /// Sign-in, Unix seconds.
    pub created_at: i64,
    /// Last activity, Unix seconds, to the minute.
    pub last_seen_at: i64,
    /// When the session ends anyway, Unix seconds.
    pub expires_at: i64,
    /// Whether this call came by it.
    pub current: bool,
}

/// A sign-out.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct LogoutView {
    /// Where the session at the identity provider ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sso_logout_url: Option<String>,
}

/// What the sign-in page offers.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoginOptions {
    /// Region of this cloud.
    #[schema(example = "us1")]
    pub region: String,
    /// Its name for people.
    #[schema(example = "US")]
    pub label: String,
    /// Whether letters go out, so that a forgotten password can be replaced.
    pub mail: bool,
    /// Whether strangers may make a company of their own.
    pub signup: bool,
    /// Other clouds, with users of their own.
    pub clouds: Vec<CloudLink>,
}

/// Another cloud.
#[derive(Debug, Serialize, ToSchema)]
pub struct CloudLink {
    /// Its name for people.
    #[schema(example = "EU")]
    pub label: String,
    /// Origin of its Console.
    pub console_url: String,
}
