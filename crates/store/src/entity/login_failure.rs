//! Failed sign-ins of an address, whether or not a user has it.

use sea_orm::entity::prelude::*;

/// Failed sign-ins of an address, whether or not a user has it.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "login_failures")]
pub struct Model {
    /// Keyed hash of the address, hex.
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: String,
    /// Failures within the window.
    pub count: i64,
    /// Begin of the window, Unix seconds.
    pub since: i64,
    /// Last failure, Unix seconds.
    pub last: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
