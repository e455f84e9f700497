//! Saved views of attacks and exports of groups.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the tables.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        let names = Index::create()
            .table("attack_views")
            .name("ix_attack_views_client_id_name")
            .col("client_id")
            .col("name")
            .unique()
            .to_owned();
        manager.create_index(names).await
    }
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("attack_views")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(big_integer("partner_id"))
            .col(text("name"))
            .col(text("description"))
            .col(text("config"))
            .col(text("visibility"))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .to_owned(),
        Table::create()
            .table("attack_view_defaults")
            .col(big_integer("client_id"))
            .col(big_integer("user_id"))
            .col(big_integer("view_id"))
            .primary_key(Index::create().col("client_id").col("user_id"))
            .to_owned(),
        Table::create()
            .table("attack_exports")
            .col(text("id"))
            .col(big_integer("client_id"))
            .col(text("email"))
            .col(text("query"))
            .col(text("zone"))
            .col(text("status"))
            .col(text_null("content"))
            .col(big_integer("created_at"))
            .col(big_integer("expires_at"))
            .primary_key(Index::create().col("id"))
            .to_owned(),
    ]
}
