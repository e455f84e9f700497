//! A request with hits that sampling left out (`spec/events.md` section 1.4).

use sea_orm::entity::prelude::*;

use crate::JsonText;

/// A request with hits that sampling left out (`spec/events.md` section 1.4).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "dropped_requests")]
pub struct Model {
    /// Row number.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Identity, made by the node.
    pub event_id: String,
    /// Tenant.
    pub client_id: i64,
    /// Request.
    pub request_id: String,
    /// Unix milliseconds.
    pub ts_ms: i64,
    /// Application.
    pub pool: i64,
    /// Method.
    pub method: String,
    /// Host.
    pub domain: String,
    /// Path.
    pub path: String,
    /// Source.
    pub ip: String,
    /// Address of the server.
    pub server_addr: String,
    /// Status sent.
    pub statuscode: i64,
    /// List of words.
    pub tags: JsonText,
    /// List of the hits that were left out.
    pub hits: JsonText,
    /// Node.
    pub node_uuid: String,
    /// Unix seconds.
    pub received_at: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
