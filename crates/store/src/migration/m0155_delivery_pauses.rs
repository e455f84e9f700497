//! Receivers that fail are left alone for a while.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the table, and an index that tells at once whether anything waits for an integration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let pauses = Table::create()
            .table("delivery_pauses")
            .col(big_integer("integration_id").primary_key())
            .col(big_integer("client_id"))
            .col(big_integer("failures"))
            .col(big_integer("until_ms"))
            .to_owned();
        manager.create_table(pauses).await?;
        let mut waiting = Index::create();
        waiting.table("deliveries").name("ix_deliveries_integration_id_state_due_ms");
        waiting.col("integration_id").col("state").col("due_ms");
        manager.create_index(waiting.to_owned()).await
    }
}
