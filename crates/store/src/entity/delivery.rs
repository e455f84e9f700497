//! A notification on its way to an integration: a row of the outbox.

use sea_orm::entity::prelude::*;

use crate::JsonText;

/// A notification on its way to an integration: a row of the outbox.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "deliveries")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Where to.
    pub integration_id: i64,
    /// `new_hits`, `system`, ….
    pub notification_type: String,
    /// The events, in the neutral form.
    pub events: JsonText,
    /// `pending`, `delivered` or `dead`.
    pub state: String,
    /// Attempts so far.
    pub attempts: i64,
    /// When to try next, Unix milliseconds; while somebody tries, when others may.
    pub due_ms: i64,
    /// End of the period whose notifications go out together, Unix seconds; none: it goes out alone.
    pub batch_until: Option<i64>,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub finished_at: Option<i64>,
    /// HTTP status of the last attempt.
    pub last_status: Option<i64>,
    /// What went wrong in the last attempt.
    pub last_error: Option<String>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
