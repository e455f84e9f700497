//! How much traffic nodes saw, minute by minute, and what tenants keep for how long.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the tables.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let traffic = Table::create()
            .table("traffic_minutes")
            .col(big_integer("client_id"))
            .col(big_integer("time"))
            .col(text("node_uuid"))
            .col(big_integer("requests"))
            .col(big_integer("attacks"))
            .col(big_integer("blocked"))
            .primary_key(Index::create().col("client_id").col("time").col("node_uuid"))
            .to_owned();
        manager.create_table(traffic).await?;
        let settings = Table::create()
            .table("event_settings")
            .col(big_integer("client_id"))
            .col(big_integer_null("retention_days"))
            .col(boolean("ip_grouping"))
            .col(text("dashboard"))
            .primary_key(Index::create().col("client_id"))
            .to_owned();
        manager.create_table(settings).await
    }
}
