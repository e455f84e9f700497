//! A subscription of a tenant (`spec/accounts.md` section 4.6).

use sea_orm::entity::prelude::*;

/// A subscription of a tenant (`spec/accounts.md` section 4.6).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "subscriptions")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Plan.
    pub plan_id: i64,
    /// `trial`, `annual`, ….
    pub kind: String,
    /// `active`, ….
    pub state: String,
    /// First day, `YYYY-MM-DD`.
    pub start_on: String,
    /// Last day, `YYYY-MM-DD`.
    pub finish_on: String,
    /// Order among those of the tenant.
    pub position: i64,
    /// Properties, an object.
    pub properties: Json,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
