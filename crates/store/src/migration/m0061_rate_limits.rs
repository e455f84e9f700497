//! What processes of a cloud need to hold limits together: how much each is asked, and buckets in the database.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the tables.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let usage = Table::create()
            .table("rate_usage")
            .col(string("process"))
            .col(big_integer("client_id"))
            .col(big_integer("demand"))
            .col(big_integer("at"))
            .primary_key(Index::create().col("process").col("client_id"))
            .to_owned();
        manager.create_table(usage).await?;
        let cells = Table::create()
            .table("rate_cells")
            .col(string("key"))
            .col(big_integer("at"))
            .primary_key(Index::create().col("key"))
            .to_owned();
        manager.create_table(cells).await
    }
}
