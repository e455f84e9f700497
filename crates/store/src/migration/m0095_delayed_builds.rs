//! When rulesets that wait are made.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the time of the next build of a tenant whose builds wait for the last of several changes.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column =
            Table::alter().table("ruleset_settings").add_column(big_integer_null("build_at")).to_owned();
        manager.alter_table(column).await?;
        let index = Index::create()
            .table("ruleset_settings")
            .name("ix_ruleset_settings_build_at")
            .col("build_at")
            .to_owned();
        manager.create_index(index).await
    }
}
