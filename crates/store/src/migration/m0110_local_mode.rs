//! The filtration mode that a node was configured with, beside the one in force.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the column: null where it is the mode in force.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("hits").add_column(text_null("local_mode")).to_owned()).await
    }
}
