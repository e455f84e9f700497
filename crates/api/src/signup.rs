//! Shapes of self sign-up (`spec/accounts.md` section 3.5).

use serde::Deserialize;
use utoipa::ToSchema;

/// `POST /v1/signup`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignupRequest {
    /// Name of the company, 1 to 128 characters.
    #[schema(example = "Acme")]
    pub client_name: String,
    /// Name of its first administrator, 1 to 255 characters.
    #[schema(example = "Ada Admin")]
    pub realname: String,
    /// E-mail address, which a letter goes to.
    #[schema(example = "ada@acme.test")]
    pub email: String,
    /// Password: 8 characters with lower case, upper case and digit, or 10 with three of lower case, upper case, digit
    /// and others.
    #[schema(format = Password)]
    pub password: String,
}
