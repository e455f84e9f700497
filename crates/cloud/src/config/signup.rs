//! `[signup]`: whether strangers may make a company of their own.

use serde::{Deserialize, Serialize};

/// Whether strangers may make a company of their own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignupConfig {
    /// Whether `POST /v1/signup` works. It needs a mail server: the address is confirmed by a letter.
    pub enabled: bool,
}
