//! How many requests clients with a quota had in a month, and what follows from it.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table of what is used.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("client_usage")
            .col(big_integer("client_id").primary_key())
            .col(big_integer("month"))
            .col(big_integer("counted_until"))
            .col(big_integer("requests"))
            .col(big_integer("level"))
            .to_owned();
        manager.create_table(table).await
    }
}
