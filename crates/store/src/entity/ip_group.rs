//! An entry of an IP list.

use sea_orm::entity::prelude::*;

/// An entry of an IP list.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "ip_groups")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// `allow`, `block` or `gray`.
    pub list: String,
    /// `subnet`, `location`, `datacenter` or `proxy_type`.
    pub rule_type: String,
    /// Values as typed.
    pub values: Json,
    /// The one value of a subnet group, masked and canonical, to find it by.
    pub network: Option<String>,
    /// Applications; `[0]` is all.
    pub application_ids: Json,
    /// Why.
    pub reason: String,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds; 33223139044 is never.
    pub expired_at: i64,
    /// Author, 0 is the system.
    pub author_user_id: i64,
    /// List sequence number of the addition.
    pub added_seq: i64,
    /// List sequence number of the removal.
    pub removed_seq: Option<i64>,
    /// Unix seconds.
    pub removed_at: Option<i64>,
    /// Trigger that made it.
    pub author_trigger_id: Option<i64>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
