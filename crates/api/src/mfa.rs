//! Shapes of the second factor (`spec/accounts.md` section 3.7).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A second factor that waits for its first code.
#[derive(Serialize, ToSchema)]
pub struct MfaSetupView {
    /// Seed for typing into an authenticator, base32.
    pub secret: String,
    /// The same as a link.
    pub otpauth_url: String,
    /// The link as a QR code, an SVG picture.
    pub qr_svg: String,
}

/// `POST /v1/user/mfa/confirm`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MfaConfirm {
    /// Code of six digits from the authenticator.
    #[schema(example = "123456")]
    pub otp: String,
    /// Password of the account.
    #[schema(format = Password)]
    pub password: String,
}

/// Codes for the day when the authenticator is lost; each works once. Shown this once.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodesView {
    /// Ten codes.
    pub recovery_codes: Vec<String>,
}

/// `DELETE /v1/user/mfa` and `POST /v1/user/mfa/recovery_codes`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MfaProof {
    /// Password of the account.
    #[schema(format = Password)]
    pub password: String,
    /// Code of six digits from the authenticator.
    #[schema(example = "123456")]
    pub otp: String,
}

/// `POST /v1/user/{id}/mfa/disable`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MfaDisable {
    /// Password of the caller, not of the user.
    #[schema(format = Password)]
    pub password: String,
}

/// `POST /v1/login/mfa`: the ticket and one of both codes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MfaLogin {
    /// The `X-MFA-Ticket` of the first step.
    pub ticket: String,
    /// Code of six digits from the authenticator.
    #[serde(default)]
    #[schema(example = "123456")]
    pub otp: Option<String>,
    /// A recovery code instead.
    #[serde(default)]
    pub recovery_code: Option<String>,
}
