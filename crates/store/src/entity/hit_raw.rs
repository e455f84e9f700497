//! The serialised request of a hit.

use sea_orm::entity::prelude::*;

use crate::JsonText;

/// The serialised request of a hit.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "hit_raws")]
pub struct Model {
    /// Row of the hit.
    #[sea_orm(primary_key, auto_increment = false)]
    pub hit_id: i64,
    /// Tenant.
    pub client_id: i64,
    /// RAW object.
    pub raw: JsonText,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
