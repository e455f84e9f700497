//! Answers that an `Idempotency-Key` gives again.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the table.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let answers = Table::create()
            .table("idempotent_answers")
            .col(text("credential"))
            .col(text("key"))
            .col(big_integer("client_id"))
            .col(text("request_mac"))
            .col(integer_null("status"))
            .col(text_null("answer"))
            .col(big_integer("expires_at"))
            .primary_key(Index::create().col("credential").col("key"))
            .to_owned();
        manager.create_table(answers).await?;
        let ended = Index::create()
            .table("idempotent_answers")
            .name("ix_idempotent_answers_expires_at")
            .col("expires_at")
            .to_owned();
        manager.create_index(ended).await
    }
}
