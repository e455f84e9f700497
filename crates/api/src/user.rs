//! Shapes of users (`spec/accounts.md` section 3).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A sign-in in the past.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LoginRecord {
    /// Unix seconds.
    pub time: i64,
    /// Address.
    pub ip: String,
}

/// A user as lists return it: `create_at` in Unix seconds.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UserView {
    /// Identity.
    pub id: i64,
    /// Identifier of UUID and secret authentication.
    pub uuid: String,
    /// Owner tenant.
    pub clientid: i64,
    /// Sign-in name: the e-mail address.
    pub username: String,
    /// E-mail address.
    pub email: String,
    /// Name.
    pub realname: String,
    /// Phone.
    pub phone: Option<String>,
    /// Assigned role or permissions.
    pub permissions: Vec<String>,
    /// Effective permissions, sorted.
    pub actual_permissions: Vec<String>,
    /// Whether the user may work.
    pub enabled: bool,
    /// Whether the address is confirmed or a password set.
    pub validated: bool,
    /// Whether a second factor is on.
    pub mfa_enabled: bool,
    /// Creating user; 0 is the system.
    pub create_by: i64,
    /// Unix seconds.
    pub create_at: i64,
    /// Address of the creator.
    pub create_from: String,
    /// Unix seconds; 0 is never.
    pub password_changed: i64,
    /// Last ten sign-ins, oldest first.
    pub login_history: Vec<LoginRecord>,
    /// Unix seconds.
    pub last_login_time: Option<i64>,
    /// IANA name or abbreviation.
    pub timezone: String,
    /// `ddmmyy`, `mmddyy` or `yymmdd`.
    pub date_format: String,
    /// `24h` or `12h`.
    pub time_format: String,
    /// `en` or `ru`.
    pub language: String,
    /// Rows per page, 10 to 1000.
    pub results_per_page: i64,
    /// Default application name.
    pub default_pool: String,
    /// Default application.
    pub default_poolid: Option<i64>,
    /// Last news read.
    pub last_read_news_id: i64,
    /// Saved searches: name to query.
    #[schema(value_type = Object)]
    pub search_templates: Value,
    /// Wanted notifications.
    #[schema(value_type = Object)]
    pub notifications: Value,
    /// Components.
    pub components: Vec<String>,
    /// Title.
    pub job_title: Option<String>,
    /// Ways to sign in.
    pub available_authentications: Vec<String>,
    /// Console of this cloud.
    pub frontend_url: String,
    /// Whether an invitation is open.
    pub invited: bool,
    /// Whether an identity provider manages the user.
    pub sso_managed: bool,
    /// Whether the password must be changed at the next sign-in.
    pub must_change_password: bool,
    /// Name of the owner tenant.
    pub client_name: String,
}

/// The current principal: as [`UserView`], with `client_id` and `create_at` as RFC 3339.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PrincipalView {
    /// Owner tenant again, as older clients read it.
    pub client_id: i64,
    /// RFC 3339.
    #[schema(example = "2026-01-05T09:18:38Z")]
    pub create_at: String,
    /// Everything else; its own `create_at` is left out.
    #[serde(flatten)]
    #[schema(value_type = UserView)]
    pub user: Value,
}
