//! Snapshots of rules.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table of snapshots of tenants' rules.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("rules_snapshots")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(boolean("automatic"))
            .col(string("comment"))
            .col(string("author"))
            .col(big_integer("created_at"))
            .col(big_integer("ruleset_version"))
            .col(big_integer("rules_count"))
            .col(text("content"))
            .to_owned();
        manager.create_table(table).await?;
        let index = Index::create()
            .table("rules_snapshots")
            .name("ix_rules_snapshots_client_id")
            .col("client_id")
            .col("automatic")
            .col("id")
            .to_owned();
        manager.create_index(index).await
    }
}
