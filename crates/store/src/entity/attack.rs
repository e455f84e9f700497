//! A group of hits (`spec/events.md` section 2).

use sea_orm::entity::prelude::*;

/// A group of hits (`spec/events.md` section 2).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "attacks")]
pub struct Model {
    /// Row number.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Public id.
    pub public_id: String,
    /// Month of the index that the public id names, `YYYYMM`. Fixed: a late hit must not change an id.
    pub month: i64,
    /// Tenant.
    pub client_id: i64,
    /// Hash of type, point, address and application.
    pub group_key: String,
    /// Attack type.
    pub kind: String,
    /// Flat point.
    pub point: Json,
    /// Rendered point.
    pub parameter: String,
    /// Host.
    pub domain: String,
    /// Path.
    pub path: String,
    /// Method of most hits that count; of equally many the first in the alphabet.
    pub method: String,
    /// Hits that count by method, a JSON object, where they have several: [`crate::attacks::methods`].
    pub methods: Option<String>,
    /// Application.
    pub pool: i64,
    /// Unix seconds.
    pub first_time: i64,
    /// Unix seconds.
    pub last_time: i64,
    /// Hits, dropped ones included, false positives not.
    pub hits: i64,
    /// Of them, blocked.
    pub blocked_hits: i64,
    /// Rows, false positives included.
    pub stored_hits: i64,
    /// Rows marked false.
    pub false_hits: i64,
    /// 0 to 100.
    pub threat: i64,
    /// `server`, `client` or `database`.
    pub target: String,
    /// All hits by experimental rules.
    pub experimental: Option<bool>,
    /// `falsepositive` when all hits are, `truepositive` when all that count are.
    pub state: Option<String>,
    /// Vulnerability: then it is an incident.
    pub vuln_id: Option<i64>,
    /// Unix seconds of the last change: a hit, a mark, a vulnerability.
    pub changed_at: Option<i64>,
    /// State of active verification.
    pub recheck_status: Option<String>,
    /// Unix seconds of that state.
    pub recheck_time: Option<i64>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
