//! What a tenant decides about its events.

use sea_orm::entity::prelude::*;

use crate::JsonText;

/// What a tenant decides about its events.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "event_settings")]
pub struct Model {
    /// Tenant.
    #[sea_orm(primary_key, auto_increment = false)]
    pub client_id: i64,
    /// Days that hits and attacks are kept; null is six months.
    pub retention_days: Option<i64>,
    /// Whether hits of one busy address form one attack.
    pub ip_grouping: bool,
    /// State of the dashboard, as last written.
    pub dashboard: JsonText,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
