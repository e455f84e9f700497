//! A rule.

use sea_orm::entity::prelude::*;

/// A rule.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "hints")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Action.
    pub action_id: i64,
    /// Hint type.
    pub kind: String,
    /// Fields that the type owns, the point and what the server assigned among them.
    pub fields: Json,
    /// SHA-256 of the flat point, hex, to find it by.
    pub point_hash: Option<String>,
    /// Expression id.
    pub regex_id: Option<i64>,
    /// Made by the system.
    pub system: bool,
    /// Compiled or only kept.
    pub active: bool,
    /// Echoed.
    pub validated: bool,
    /// Echoed.
    pub variativity_disabled: bool,
    /// Comment.
    pub comment: Option<String>,
    /// Title.
    pub title: Option<String>,
    /// Set.
    pub set_name: Option<String>,
    /// Random.
    pub uuid: String,
    /// Random.
    pub group_uuid: String,
    /// Unix seconds.
    pub created_at: i64,
    /// Author, 0 is the system.
    pub create_userid: i64,
    /// Unix seconds.
    pub updated_at: i64,
    /// When a counter that no trigger names goes, Unix seconds.
    pub expires_at: Option<i64>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
