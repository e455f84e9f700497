//! The file of an API specification.

use sea_orm::entity::prelude::*;

/// The file of an API specification.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "api_spec_files")]
pub struct Model {
    /// Specification.
    #[sea_orm(primary_key, auto_increment = false)]
    pub spec_id: i64,
    /// Tenant.
    pub client_id: i64,
    /// The file as it came.
    pub content: String,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
