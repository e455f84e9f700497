//! How far the events of each tenant go, for indexes that are derived from them.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the heads, and what following them needs.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let heads = Table::create()
            .table("event_heads")
            .col(big_integer("client_id"))
            .col(big_integer("hit_id"))
            .col(big_integer("changes"))
            .primary_key(Index::create().col("client_id"))
            .to_owned();
        manager.create_table(heads).await?;
        let uri_length = Table::alter().table("hits").add_column(big_integer_null("uri_length")).to_owned();
        manager.alter_table(uri_length).await?;
        let rows =
            Index::create().table("hits").name("ix_hits_client_id_id").col("client_id").col("id").to_owned();
        manager.create_index(rows).await?;
        let connection = manager.get_connection();
        // Few hits are ever marked or exploit something: those are read whole when one changes.
        connection
            .execute_unprepared(
                "CREATE INDEX ix_hits_changed ON hits (client_id) \
                 WHERE state IS NOT NULL OR vuln_id IS NOT NULL",
            )
            .await?;
        connection
            .execute_unprepared(
                "INSERT INTO event_heads (client_id, hit_id, changes) \
                 SELECT client_id, MAX(id), 0 FROM hits GROUP BY client_id",
            )
            .await?;
        Ok(())
    }
}
