//! Shapes of the sign-in settings of a tenant (`spec/accounts.md` sections 3.6 and 7.2).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::lenient;

/// What passwords must be. It applies from the next change of a password on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordPolicy {
    /// Least characters, 8 to 64.
    pub min_length: i64,
    /// Whether a character that is neither letter nor digit is needed.
    pub require_special: bool,
    /// Days after which a password must be changed, 1 to 365; null is never.
    pub rotation_days: Option<i64>,
    /// How many former passwords cannot be used again, 0 to 24.
    pub history: i64,
}

impl Default for PasswordPolicy {
    fn default() -> PasswordPolicy {
        PasswordPolicy { min_length: 8, require_special: false, rotation_days: None, history: 0 }
    }
}

/// Changes of what passwords must be: what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordPolicyUpdate {
    /// Least characters, 8 to 64.
    #[serde(default, deserialize_with = "lenient::int")]
    pub min_length: Option<i64>,
    /// Whether a character that is neither letter nor digit is needed.
    #[serde(default)]
    pub require_special: Option<bool>,
    /// Days after which a password must be changed, 1 to 365; null is never.
    #[serde(default, deserialize_with = "lenient::present")]
    #[schema(value_type = Option<i64>)]
    pub rotation_days: Option<Option<i64>>,
    /// How many former passwords cannot be used again, 0 to 24.
    #[serde(default, deserialize_with = "lenient::int")]
    pub history: Option<i64>,
}

/// What `allowed_networks` limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NetworkScope {
    /// Sign-in and sessions.
    Console,
    /// API tokens and UUID with secret.
    Api,
    /// Both.
    #[default]
    Both,
}

/// Sign-in settings of a tenant, for all of its users.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SettingsView {
    /// Seconds without activity that end a session.
    pub idle_timeout: i64,
    /// Seconds after sign-in that end a session.
    pub absolute_timeout: i64,
    /// Whether everybody who signs in by password needs a second factor.
    pub mfa_enforced: bool,
    /// What passwords must be.
    pub password_policy: PasswordPolicy,
    /// Networks that may use the account; empty is any.
    #[schema(example = json!(["203.0.113.0/24"]))]
    pub allowed_networks: Vec<String>,
    /// What the networks limit.
    pub allowed_networks_scope: NetworkScope,
    /// Days that the activity log is kept.
    pub audit_retention_days: i64,
}

/// `PUT /v1/clients/{client_id}/settings`: what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettingsUpdate {
    /// Seconds, 900 to 604800.
    #[serde(default, deserialize_with = "lenient::int")]
    pub idle_timeout: Option<i64>,
    /// Seconds, 3600 to 2592000, and not below `idle_timeout`.
    #[serde(default, deserialize_with = "lenient::int")]
    pub absolute_timeout: Option<i64>,
    /// Whether everybody needs a second factor. The caller must have one.
    #[serde(default)]
    pub mfa_enforced: Option<bool>,
    /// What passwords must be.
    #[serde(default)]
    pub password_policy: Option<PasswordPolicyUpdate>,
    /// Networks in CIDR form, at most 100; the caller's own address must be in one of them.
    #[serde(default)]
    pub allowed_networks: Option<Vec<String>>,
    /// What the networks limit.
    #[serde(default)]
    pub allowed_networks_scope: Option<NetworkScope>,
    /// Days, 90 to 3650.
    #[serde(default, deserialize_with = "lenient::int")]
    pub audit_retention_days: Option<i64>,
}
