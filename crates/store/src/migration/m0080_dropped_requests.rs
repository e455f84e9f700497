//! Requests with hits that sampling left out.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the table.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = "dropped_requests";
        let requests = Table::create()
            .table(table)
            .col(big_integer("id").primary_key().auto_increment())
            .col(text("event_id"))
            .col(big_integer("client_id"))
            .col(text("request_id"))
            .col(big_integer("ts_ms"))
            .col(big_integer("pool"))
            .col(text("method"))
            .col(text("domain"))
            .col(text("path"))
            .col(text("ip"))
            .col(text("server_addr"))
            .col(big_integer("statuscode"))
            .col(text("tags"))
            .col(text("hits"))
            .col(text("node_uuid"))
            .col(big_integer("received_at"))
            .to_owned();
        manager.create_table(requests).await?;
        for (name, unique, columns) in [
            ("ux_dropped_requests_event", true, ["client_id", "event_id"]),
            ("ix_dropped_requests_request", false, ["client_id", "request_id"]),
            ("ix_dropped_requests_received", false, ["received_at", "client_id"]),
        ] {
            let mut index = Index::create();
            index.table(table).name(name);
            if unique {
                index.unique();
            }
            for column in columns {
                index.col(column);
            }
            manager.create_index(index.to_owned()).await?;
        }
        Ok(())
    }
}
