//! The end of counters that no trigger names.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds when a counter goes; none while a trigger names it, and for all other rules. Those that are there stay until a
/// trigger that names them changes.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let end = Table::alter().table("hints").add_column(big_integer_null("expires_at")).to_owned();
        manager.alter_table(end).await?;
        let index = "CREATE INDEX ix_hints_expires_at ON hints (expires_at) WHERE expires_at IS NOT NULL";
        manager.get_connection().execute_unprepared(index).await?;
        Ok(())
    }
}
