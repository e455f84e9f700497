//! Single sign-on of a tenant (`spec/accounts.md` section 6).

use sea_orm::entity::prelude::*;

/// Single sign-on of a tenant (`spec/accounts.md` section 6).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sso_configs")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: i64,
    /// `saml`, `oidc` or `ldap`.
    pub kind: String,
    /// `google`, `okta` or `custom`.
    pub vendor: String,
    /// `draft`, `testing` or `active`.
    pub state: String,
    /// Whether the identity provider is the source of users.
    pub provisioning: bool,
    /// Whether everybody must use it.
    pub strict: bool,
    /// Whether requests are signed and assertions encrypted.
    pub extended_security: bool,
    /// Whether groups decide about tenants.
    pub tenant_permissions: bool,
    /// `[{"group", "role"}]`.
    pub role_mapping: Json,
    /// What the kind needs, nothing secret.
    pub settings: Json,
    /// Client secret or bind password, encrypted.
    pub secret_sealed: Option<String>,
    /// Key of the certificate that is shown to an LDAP server, encrypted.
    pub client_key_sealed: Option<String>,
    /// Keys of our own for SAML, oldest first: certificates, and private keys encrypted.
    pub saml_keys: Option<Json>,
    /// Last successful test sign-in, Unix seconds.
    pub tested_at: Option<i64>,
    /// Last one whose assertion was signed and encrypted, Unix seconds.
    pub tested_encrypted_at: Option<i64>,
    /// Keyed hash of the token that the identity provider pushes users with, hex.
    pub scim_token_mac: Option<String>,
    /// When it was made, Unix seconds.
    pub scim_token_created_at: Option<i64>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
