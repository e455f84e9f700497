//! How tenants' rulesets are made.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the table of ruleset settings.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("ruleset_settings")
            .col(big_integer("client_id").primary_key())
            .col(json("settings"))
            .col(json_null("overlimit"))
            .col(json_null("held_bundle"))
            .to_owned();
        manager.create_table(table).await
    }
}
