//! Up to when tenants were told what is told in periods.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table of the ends of the periods that were told.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("periodic_notifications")
            .col(big_integer("client_id"))
            .col(string("event"))
            .col(big_integer("told_until"))
            .primary_key(Index::create().col("client_id").col("event"))
            .to_owned();
        manager.create_table(table).await
    }
}
