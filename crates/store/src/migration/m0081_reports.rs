//! Reports of a period.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the table.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = "reports";
        let reports = Table::create()
            .table(table)
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(text("format"))
            .col(big_integer("time_from"))
            .col(big_integer("time_to"))
            .col(text("emails"))
            .col(text("extra_filter"))
            .col(text("status"))
            .col(big_integer("attempts"))
            .col(big_integer("due_at"))
            .col(big_integer("taken_at"))
            .col(text("media_type"))
            .col(binary_null("content"))
            .col(big_integer("created_at"))
            .col(big_integer("expires_at"))
            .to_owned();
        manager.create_table(reports).await?;
        for (name, columns) in
            [("ix_reports_client_id", ["client_id", "id"]), ("ix_reports_status", ["status", "due_at"])]
        {
            let [first, second] = columns;
            let index = Index::create().table(table).name(name).col(first).col(second).to_owned();
            manager.create_index(index).await?;
        }
        Ok(())
    }
}
