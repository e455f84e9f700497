//! A Console session, or a short-lived token derived from one.

use sea_orm::entity::prelude::*;

/// A Console session, or a short-lived token derived from one.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// Keyed hash of the opaque id, hex.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id_mac: String,
    /// Name for listing and revoking.
    pub public_id: String,
    /// User.
    pub user_id: i64,
    /// Tenant of the user.
    pub client_id: i64,
    /// The session that a token derives from.
    pub parent_mac: Option<String>,
    /// Value that changing calls must repeat.
    pub csrf: String,
    /// Address at sign-in.
    pub ip: String,
    /// Browser at sign-in.
    pub user_agent: String,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub last_seen_at: i64,
    /// Absolute end, Unix seconds.
    pub expires_at: i64,
    /// Tenant that the Console shows, when it is another.
    pub acting_client_id: Option<i64>,
    /// What must be done first: `mfa` or `password`.
    pub restriction: Option<String>,
    /// What sign-out at the identity provider needs, encrypted.
    pub sso_sealed: Option<String>,
    /// Keyed hash of the name that the identity provider knows the person by.
    pub sso_name_mac: Option<String>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
