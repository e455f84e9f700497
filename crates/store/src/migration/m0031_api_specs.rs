//! API specifications with their files, and the configuration of API discovery.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the tables.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        let index =
            Index::create().table("api_specs").name("ix_api_specs_client_id").col("client_id").to_owned();
        manager.create_index(index).await
    }
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("api_specs")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(text("title"))
            .col(text("description"))
            .col(text("status"))
            .col(text("instances"))
            .col(text("domains"))
            .col(boolean("regular_file_update"))
            .col(boolean("api_detection"))
            .col(text("file_remote_url"))
            .col(text("auth_headers"))
            .col(text("spec_version"))
            .col(text("openapi_version"))
            .col(big_integer("format"))
            .col(big_integer("version"))
            .col(big_integer("endpoints_count"))
            .col(big_integer("node_sync_version"))
            .col(text_null("file_name"))
            .col(text_null("file_checksum"))
            .col(text_null("file_mime_type"))
            .col(text("report"))
            .col(text_null("policy"))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .col(big_integer_null("file_changed_at"))
            .col(big_integer_null("last_synced_at"))
            .col(big_integer_null("next_fetch_at"))
            .to_owned(),
        Table::create()
            .table("api_spec_files")
            .col(big_integer("spec_id"))
            .col(big_integer("client_id"))
            .col(text("content"))
            .primary_key(Index::create().col("spec_id"))
            .to_owned(),
        Table::create()
            .table("api_discovery_configs")
            .col(big_integer("client_id"))
            .col(text("config"))
            .primary_key(Index::create().col("client_id"))
            .to_owned(),
    ]
}
