//! The rules that false-positive marks made.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the table.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("mark_rules")
                    .col(big_integer("hint_id"))
                    .col(big_integer("client_id"))
                    .col(text("kind"))
                    .col(big_integer("pool"))
                    .col(text("domain"))
                    .col(text("path"))
                    .col(text("parameter"))
                    .primary_key(Index::create().col("hint_id"))
                    .to_owned(),
            )
            .await?;
        let index =
            Index::create().name("ix_mark_rules_client_id").table("mark_rules").col("client_id").to_owned();
        manager.create_index(index).await
    }
}
