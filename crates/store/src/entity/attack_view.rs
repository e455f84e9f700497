//! A saved way of looking at attacks.

use sea_orm::entity::prelude::*;

use crate::JsonText;

/// A saved way of looking at attacks.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "attack_views")]
pub struct Model {
    /// Id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Organisation of the tenant.
    pub partner_id: i64,
    /// Name, unique within the tenant.
    pub name: String,
    /// Description.
    pub description: String,
    /// What the client stored, byte for byte.
    pub config: JsonText,
    /// `tenant` or `org`.
    pub visibility: String,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub updated_at: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
