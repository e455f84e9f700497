//! A call by which a verified host gave itself away.

use sea_orm::entity::prelude::*;

/// A call by which a verified host gave itself away.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "verification_callbacks")]
pub struct Model {
    /// What the payload named.
    #[sea_orm(primary_key, auto_increment = false)]
    pub token: String,
    /// Tenant.
    pub client_id: i64,
    /// Verification whose payload it was.
    pub verification_id: i64,
    /// Unix seconds.
    pub called_at: i64,
    /// Address that called.
    pub source: String,
    /// Method of the call.
    pub method: String,
    /// What the caller says it is.
    pub user_agent: String,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
