//! What a global account may do about trials (`spec/accounts.md` section 4.6).

use sea_orm::entity::prelude::*;

/// What a global account may do about trials (`spec/accounts.md` section 4.6).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "partner_billing")]
pub struct Model {
    /// Global account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub partner_id: i64,
    /// Plan of trials.
    pub trial_plan_slug: String,
    /// Days of a trial.
    pub trial_period: i64,
    /// Days that a trial is extended by.
    pub trial_extend_period: i64,
    /// Days between two trials.
    pub trial_wait_period: i64,
    /// Whether trials may begin.
    pub trials_enabled: bool,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
