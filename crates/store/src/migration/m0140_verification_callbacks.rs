//! Calls by which verified hosts gave themselves away.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the table.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let callbacks = Table::create()
            .table("verification_callbacks")
            .col(text("token").primary_key())
            .col(big_integer("client_id"))
            .col(big_integer("verification_id"))
            .col(big_integer("called_at"))
            .col(text("source"))
            .col(text("method"))
            .col(text("user_agent"))
            .to_owned();
        manager.create_table(callbacks).await?;
        let mut index = Index::create();
        index.table("verification_callbacks").name("ix_verification_callbacks");
        index.col("verification_id");
        manager.create_index(index.to_owned()).await
    }
}
