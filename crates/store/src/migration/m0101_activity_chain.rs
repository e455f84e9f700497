//! The chain of the activity log: each entry's place, what binds it to the one before, and both ends of the chain.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::ConnectionTrait};

/// Adds columns and table. Entries that are there are chained as new ones are.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [big_integer_null("seq"), text_null("chain_mac")] {
            manager.alter_table(Table::alter().table("activity_log").add_column(column).to_owned()).await?;
        }
        let place = Index::create()
            .table("activity_log")
            .name("ix_activity_log_seq")
            .col("client_id")
            .col("seq")
            .unique()
            .to_owned();
        manager.create_index(place).await?;
        let heads = Table::create()
            .table("activity_heads")
            .col(big_integer("client_id").primary_key())
            .col(big_integer("seq"))
            .col(text("mac"))
            .col(text("seal"))
            .col(big_integer("anchor_seq"))
            .col(text("anchor_mac"))
            .col(text("anchor_seal"))
            .to_owned();
        manager.create_table(heads).await?;
        // What waits for its place is found without reading the log.
        let waiting =
            "CREATE INDEX ix_activity_log_waiting ON activity_log (client_id, id) WHERE seq IS NULL";
        manager.get_connection().execute_unprepared(waiting).await?;
        Ok(())
    }
}
