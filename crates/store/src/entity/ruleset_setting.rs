//! How a tenant's ruleset is made.

use sea_orm::entity::prelude::*;

/// How a tenant's ruleset is made. No row is all defaults.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "ruleset_settings")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: i64,
    /// Settings that differ from a new tenant's, and others.
    pub settings: Json,
    /// General time budget; none is the default one.
    pub overlimit: Option<Json>,
    /// Content of the bundle that nodes keep while builds are off or wait.
    pub held_bundle: Option<Json>,
    /// When the next build is due, Unix seconds; none while builds do not wait.
    pub build_at: Option<i64>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
