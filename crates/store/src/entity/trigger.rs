//! A trigger: on what to do what.

use sea_orm::entity::prelude::*;

use crate::JsonText;

/// A trigger: on what to do what.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "triggers")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// What it watches.
    pub template: String,
    /// Name.
    pub name: String,
    /// Free text.
    pub comment: String,
    /// Whether it is in force.
    pub enabled: bool,
    /// Filters as on the wire, without the threshold.
    pub filters: JsonText,
    /// Actions as on the wire.
    pub actions: JsonText,
    /// Seconds.
    pub threshold_period: Option<i64>,
    /// How many are still fine.
    pub threshold_count: Option<i64>,
    /// Made by the system for lack of another of the template.
    pub is_default: bool,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub updated_at: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
