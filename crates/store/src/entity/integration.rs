//! A destination of notifications.

use sea_orm::entity::prelude::*;

use crate::JsonText;

/// A destination of notifications.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "integrations")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// `slack`, `email`, `web_hooks`, ….
    pub kind: String,
    /// Name.
    pub name: String,
    /// Whether notifications go there.
    pub active: bool,
    /// Sealed JSON of the target: it holds secrets.
    pub target: String,
    /// The events with their switches.
    pub events: JsonText,
    /// Unix seconds.
    pub created_at: i64,
    /// Address of the author.
    pub created_by: String,
    /// Unix seconds.
    pub updated_at: i64,
    /// Why the system switched it off.
    pub disabled_reason: Option<String>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
