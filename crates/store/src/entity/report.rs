//! A report that was asked for as a file or a letter.

use sea_orm::entity::prelude::*;

use crate::JsonText;

/// A report that was asked for as a file or a letter.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "reports")]
pub struct Model {
    /// Public id.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// `pdf`, `csv`, `json` or `mail`.
    pub format: String,
    /// Start of its period, Unix seconds.
    pub time_from: i64,
    /// End of its period, Unix seconds.
    pub time_to: i64,
    /// Who gets the link, or the report itself when it is a letter.
    pub emails: JsonText,
    /// Filters of attacks, incidents and vulnerabilities, as sent.
    pub extra_filter: JsonText,
    /// `accepted`, `running`, `ready` or `failed`.
    pub status: String,
    /// Times that letters could not be sent.
    pub attempts: i64,
    /// When to work on it, Unix seconds.
    pub due_at: i64,
    /// When a process took it, Unix seconds.
    pub taken_at: i64,
    /// Media type of the file.
    pub media_type: String,
    /// The file, once it is made.
    pub content: Option<Vec<u8>>,
    /// Unix seconds.
    pub created_at: i64,
    /// When it is removed, Unix seconds.
    pub expires_at: i64,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
