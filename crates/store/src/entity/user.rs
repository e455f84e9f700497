//! A person (`spec/accounts.md` section 3.1).

use sea_orm::entity::prelude::*;

/// A person (`spec/accounts.md` section 3.1).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Identifier of UUID and secret authentication.
    pub uuid: String,
    /// Owner tenant.
    pub client_id: i64,
    /// Lower-case address and sign-in name.
    pub email: String,
    /// Name.
    pub realname: String,
    /// Phone.
    pub phone: Option<String>,
    /// Title.
    pub job_title: Option<String>,
    /// Assigned grant: array of strings.
    pub permissions: Json,
    /// Whether the user may work.
    pub enabled: bool,
    /// Whether the address is confirmed or a password set.
    pub validated: bool,
    /// Argon2id PHC string.
    pub password_hash: Option<String>,
    /// Unix seconds, 0 is never.
    pub password_changed: i64,
    /// Creating user, 0 is the system.
    pub create_by: i64,
    /// Unix seconds.
    pub created_at: i64,
    /// Address of the creator.
    pub create_from: String,
    /// Preferences: timezone, formats, notifications, templates.
    pub profile: Json,
    /// Last ten sign-ins.
    pub login_history: Json,
    /// Unix seconds.
    pub last_login_time: Option<i64>,
    /// Keyed hash of the secret, hex.
    pub secret_mac: Option<String>,
    /// Unix seconds.
    pub secret_created_at: Option<i64>,
    /// Unix seconds.
    pub secret_last_used_at: Option<i64>,
    /// Address that this was from.
    pub secret_last_used_ip: Option<String>,
    /// Seed of the second factor, encrypted; null is off.
    pub mfa_sealed: Option<String>,
    /// Last time step whose code was used.
    pub mfa_step: i64,
    /// Keyed hashes of the recovery codes that are left.
    pub mfa_recovery: Option<Json>,
    /// `saml`, `oidc` or `ldap`; null is the password.
    pub auth_method: Option<String>,
    /// Issuer and subject at the identity provider, once known.
    pub sso_subject: Option<String>,
    /// Groups, and roles by name, that the identity provider told at the last sign-in.
    pub sso_groups: Option<Json>,
    /// When the identity provider, or an administrator in its place, last vouched for the user, Unix seconds.
    pub sso_seen_at: Option<i64>,
    /// `scim` when only messages of the identity provider may enable the user again.
    pub sso_disabled_by: Option<String>,
    /// What the identity provider calls the user when it pushes it.
    pub scim_external_id: Option<String>,
    /// Whether the identity provider manages the user.
    pub sso_managed: bool,
    /// Whether a user of an identity provider may have API tokens.
    pub api_access: bool,
    /// The one administrator who keeps the password whatever happens to the identity provider.
    pub is_fallback: bool,
    /// Hashes of former passwords, newest first.
    pub password_history: Option<Json>,
}

impl Model {
    /// Ends the secret, and what was known of its use.
    pub fn forget_secret(&mut self) {
        (self.secret_mac, self.secret_created_at) = (None, None);
        (self.secret_last_used_at, self.secret_last_used_ip) = (None, None);
    }
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
