//! A tenant (`spec/accounts.md` section 4.2).

use sea_orm::entity::prelude::*;

/// A tenant (`spec/accounts.md` section 4.2).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "clients")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Public UUID.
    pub uuid: String,
    /// Global account.
    pub partner_id: i64,
    /// Name, unique within the partner.
    pub name: String,
    /// Whether users and nodes may work.
    pub enabled: bool,
    /// Home of global users.
    pub is_technical: bool,
    /// Prefix of vulnerability ids.
    pub vuln_prefix: String,
    /// `en` or `ru`.
    pub language: String,
    /// `ddmmyy`, `mmddyy` or `yymmdd`.
    pub date_format: String,
    /// `on` or `off`.
    pub attack_rechecker_mode: String,
    /// `on` or `off`.
    pub vuln_rechecker_mode: String,
    /// Report receivers.
    pub notifications: Json,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds; from then on the tenant is invisible, and purged a month later.
    pub deleted_at: Option<i64>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
