//! An attack or a vulnerability that waits to be verified, or was.

use sea_orm::entity::prelude::*;

/// An attack or a vulnerability that waits to be verified, or was.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "verifications")]
pub struct Model {
    /// Row number.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Row of the attack whose request is replayed.
    pub attack_id: i64,
    /// The vulnerability that is checked again; none when an attack is verified.
    pub vuln_id: Option<i64>,
    /// Group of the attack: type, point, address and application.
    pub group_key: String,
    /// Origin that is asked.
    pub host: String,
    /// Whether somebody asked for it.
    pub forced: bool,
    /// How often it was not reproduced.
    pub misses: i64,
    /// `pending` or `done`.
    pub state: String,
    /// How it ended, as `recheck_status` of attacks says it.
    pub outcome: Option<String>,
    /// When to begin, Unix milliseconds.
    pub due_ms: i64,
    /// Unix seconds.
    pub created_at: i64,
    /// When requests were sent last, Unix seconds.
    pub started_at: Option<i64>,
    /// Unix seconds.
    pub finished_at: Option<i64>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
