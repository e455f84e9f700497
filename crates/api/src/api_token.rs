//! Shapes of API tokens (`spec/accounts.md` section 2.5).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::lenient;

/// Whose a token is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenType {
    /// Made and used by one user; never above that user's rights.
    #[default]
    Personal,
    /// Of the tenant, managed by its administrators.
    Shared,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenUsage {
    /// Calls of the API.
    #[default]
    Api,
    /// Registration of nodes, and nothing else.
    Node,
}

/// A token. Its value is shown only when it is made or renewed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ApiTokenView {
    /// Identity.
    pub id: i64,
    /// Public part of the token.
    pub uuid: String,
    /// Tenant.
    pub client_id: i64,
    /// Owner; null when shared.
    pub user_id: Option<i64>,
    /// Name.
    pub name: String,
    /// Whose it is.
    #[serde(rename = "type")]
    pub token_type: String,
    /// Always `regular`.
    pub kind: String,
    /// What it is for.
    pub usage: String,
    /// Role, when the permissions are one.
    pub role: Option<String>,
    /// Assigned role or permissions.
    pub permissions: Vec<String>,
    /// Effective permissions, within those that the owner has now.
    pub actual_permissions: Vec<String>,
    /// Whether it works.
    pub enabled: bool,
    /// Unix seconds; null is never.
    pub expires_at: Option<i64>,
    /// Unix seconds.
    pub disabled_at: Option<i64>,
    /// When a disabled token is removed, Unix seconds.
    pub delete_at: Option<i64>,
    /// Unix seconds.
    pub created_at: i64,
    /// When the current value was made, Unix seconds.
    pub generated_at: i64,
    /// Unix seconds, to the minute.
    pub last_used_at: Option<i64>,
    /// Address of the last use.
    pub last_used_ip: Option<String>,
    /// Clients that a token of a global role is restricted to; null is every one in reach.
    pub client_ids: Option<Vec<i64>>,
    /// First five characters and asterisks.
    #[schema(example = "AtotJ*****")]
    pub token_masked: String,
}

/// A token with its value.
#[derive(Serialize, ToSchema)]
pub struct ApiTokenSecretView {
    /// The token's properties.
    #[serde(flatten)]
    pub properties: ApiTokenView,
    /// The value for `X-WallarmApi-Token`, shown this once.
    pub token: String,
}

/// `POST /v1/api_tokens`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiTokenCreate {
    /// Name, 1 to 128 characters.
    #[schema(example = "CI")]
    pub name: String,
    /// Whose it is, `personal` by default.
    #[serde(default, rename = "type")]
    pub token_type: TokenType,
    /// What it is for, `api` by default; `node` implies the role `deploy`.
    #[serde(default)]
    pub usage: TokenUsage,
    /// End of its life, Unix seconds in the future; never by default.
    #[serde(default, deserialize_with = "lenient::int")]
    pub expires_at: Option<i64>,
    /// One role; excludes `permissions`.
    #[serde(default)]
    #[schema(example = "analytic")]
    pub role: Option<String>,
    /// A set of permissions; excludes `role`. Without either, the caller's own rights.
    #[serde(default)]
    pub permissions: Option<Vec<String>>,
    /// Tenant; the caller's own by default.
    #[serde(default, deserialize_with = "lenient::int")]
    pub client_id: Option<i64>,
    /// Clients that a token of a global role is restricted to; every one in reach by default.
    #[serde(default)]
    pub client_ids: Option<Vec<i64>>,
}

/// The value of a token.
#[derive(Serialize, ToSchema)]
pub struct ApiTokenValueView {
    /// The value for `X-WallarmApi-Token`; null when this cloud keeps no values.
    pub token: Option<String>,
}

/// `PUT /v1/api_tokens/{id}`: what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiTokenUpdate {
    /// Name, 1 to 128 characters.
    #[serde(default)]
    pub name: Option<String>,
    /// End of its life, Unix seconds in the future; null is never. Needed when a disabled token is enabled.
    #[serde(default, deserialize_with = "lenient::present")]
    #[schema(value_type = Option<i64>)]
    pub expires_at: Option<Option<i64>>,
    /// One role, or a set of permissions; never above the caller's.
    #[serde(default)]
    pub permissions: Option<Vec<String>>,
    /// Whether it works. A disabled token is removed after a week.
    #[serde(default)]
    pub enabled: Option<bool>,
}
