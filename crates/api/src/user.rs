//! Shapes of users (`spec/accounts.md` section 3).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::lenient;

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

/// `POST /v1/objects/user/create`.
#[derive(Default, Deserialize, ToSchema)]
pub struct UserCreate {
    /// E-mail address, at most 254 characters. It is unique in the whole cloud, whatever the case.
    #[schema(example = "eve@acme.test", required = true)]
    #[serde(default)]
    pub email: String,
    /// The e-mail address again, or nothing.
    #[serde(default)]
    pub username: Option<String>,
    /// Password. Without one the user is invited and cannot sign in yet.
    #[schema(format = Password)]
    #[serde(default)]
    pub password: Option<String>,
    /// Name, 1 to 255 characters.
    #[schema(example = "Eve Low", required = true)]
    #[serde(default)]
    pub realname: String,
    /// One role, or a set of permissions; never above those of the caller.
    #[schema(example = json!(["analytic"]), required = true)]
    #[serde(default)]
    pub permissions: Vec<String>,
    /// Tenant; the caller's own by default.
    #[serde(default, deserialize_with = "lenient::int")]
    pub clientid: Option<i64>,
    /// The same, by another name.
    #[serde(default, deserialize_with = "lenient::int")]
    pub client_id: Option<i64>,
    /// Whether the user may work, true by default.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub enabled: Option<bool>,
    /// Everything optional.
    #[serde(flatten)]
    pub profile: UserProfile,
}

/// `POST /v1/objects/user/update`.
#[derive(Default, Deserialize, ToSchema)]
#[schema(example = json!({"filter": {"id": 5}, "fields": {"realname": "Ada Admin", "permissions": ["analytic"]}}))]
pub struct UserUpdate {
    /// Which users; it must select by more than the tenant.
    #[schema(value_type = Object)]
    #[serde(default)]
    pub filter: Value,
    /// What to change; absent and empty values stay as they are.
    #[serde(default)]
    pub fields: Option<UserFields>,
}

/// Changes of a user.
#[derive(Default, Deserialize, ToSchema)]
pub struct UserFields {
    /// New e-mail address.
    #[serde(default)]
    pub email: Option<String>,
    /// New password. The user must change it at the next sign-in, and his sessions end.
    #[schema(format = Password)]
    #[serde(default)]
    pub password: Option<String>,
    /// Name, 1 to 255 characters.
    #[serde(default)]
    pub realname: Option<String>,
    /// One role, or a set of permissions; never above those of the caller.
    #[serde(default)]
    pub permissions: Option<Vec<String>>,
    /// Tenant to move the user to, for global administrators.
    #[serde(default, deserialize_with = "lenient::int")]
    pub clientid: Option<i64>,
    /// Whether the user may work.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub enabled: Option<bool>,
    /// Everything optional.
    #[serde(flatten)]
    pub profile: UserProfile,
}

/// `PUT /v1/user`: what is absent or empty stays.
#[derive(Default, Deserialize, ToSchema)]
pub struct ProfileUpdate {
    /// Name, 1 to 255 characters.
    #[serde(default)]
    pub realname: Option<String>,
    /// Everything else; `components` are not for users to choose.
    #[serde(flatten)]
    pub profile: UserProfile,
    /// What is no part of a profile.
    #[serde(flatten)]
    #[schema(ignore)]
    pub unknown: serde_json::Map<String, Value>,
}

/// Optional properties and preferences of a user. Absent and empty values stay as they are.
#[derive(Default, Deserialize, ToSchema)]
pub struct UserProfile {
    /// Phone: at most 32 of digits, blanks and `+()-`. Null removes it.
    #[serde(default, deserialize_with = "lenient::present")]
    #[schema(value_type = Option<String>)]
    pub phone: Option<Option<String>>,
    /// Title, at most 128 characters. Null removes it.
    #[serde(default, deserialize_with = "lenient::present")]
    #[schema(value_type = Option<String>)]
    pub job_title: Option<Option<String>>,
    /// IANA name or abbreviation.
    #[serde(default)]
    pub timezone: Option<String>,
    /// `en` or `ru`.
    #[serde(default)]
    pub language: Option<String>,
    /// `ddmmyy`, `mmddyy` or `yymmdd`.
    #[serde(default)]
    pub date_format: Option<String>,
    /// `24h` or `12h`.
    #[serde(default)]
    pub time_format: Option<String>,
    /// Rows per page, 10 to 1000.
    #[serde(default, deserialize_with = "lenient::int")]
    pub results_per_page: Option<i64>,
    /// Default application name.
    #[serde(default)]
    pub default_pool: Option<String>,
    /// Default application. Null is none.
    #[serde(default, deserialize_with = "lenient::present")]
    #[schema(value_type = Option<i64>)]
    pub default_poolid: Option<Option<i64>>,
    /// Last news read.
    #[serde(default, deserialize_with = "lenient::int")]
    pub last_read_news_id: Option<i64>,
    /// Some of `waf`, `fast`, `license`, `nodedata`, `closed`.
    #[serde(default)]
    pub components: Option<Vec<String>>,
    /// Wanted notifications: kind to `{"email", "sms"}`. What is empty stays as it is.
    #[schema(value_type = Option<Object>)]
    #[serde(default)]
    pub notifications: Option<Value>,
    /// Saved searches, name to query: at most 100, 2 KiB each. An empty object leaves them, null removes them.
    #[serde(default, deserialize_with = "lenient::present")]
    #[schema(value_type = Option<Object>)]
    pub search_templates: Option<Option<Value>>,
}
