//! What an administrator decided for the sign-in of all users (`spec/accounts.md` section 7.2).

use sea_orm::entity::prelude::*;

/// What an administrator decided for the sign-in of all users (`spec/accounts.md` section 7.2).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "client_settings")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: i64,
    /// Seconds without activity that end a session.
    pub idle_timeout: i64,
    /// Seconds after sign-in that end a session.
    pub absolute_timeout: i64,
    /// Whether everybody needs a second factor.
    pub mfa_enforced: bool,
    /// Password policy.
    pub password_policy: Json,
    /// Networks that may use the account.
    pub allowed_networks: Json,
    /// Days that the activity log is kept.
    pub audit_retention_days: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
