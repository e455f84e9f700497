//! Where in the payload of a hit the sign itself stands.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the columns: null where it is unknown.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite takes one column at a time.
        for column in ["payload_start", "payload_end"] {
            let add = Table::alter().table("hits").add_column(big_integer_null(column)).to_owned();
            manager.alter_table(add).await?;
        }
        Ok(())
    }
}
