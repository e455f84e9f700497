//! What an index that is derived from events must know besides their end: which events were deleted.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

/// Adds the columns. On PostgreSQL, texts that masks look at compare and fold as SQLite does it.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["epoch", "purged_before"] {
            let column = big_integer(name).default(0).to_owned();
            manager.alter_table(Table::alter().table("event_heads").add_column(column).to_owned()).await?;
        }
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        for (table, columns) in FOLDED {
            let columns = columns.iter().map(|name| format!("ALTER COLUMN {name} TYPE text COLLATE \"C\""));
            let statement = format!("ALTER TABLE {table} {}", columns.collect::<Vec<_>>().join(", "));
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}

const FOLDED: [(&str, &[&str]); 3] = [
    ("hits", &["domain", "path", "parameter", "value"]),
    ("attacks", &["domain", "path", "parameter"]),
    ("vulns", &["domain", "path", "parameter", "title"]),
];
