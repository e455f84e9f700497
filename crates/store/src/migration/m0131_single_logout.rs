//! What finds the sessions of a person by the name that the identity provider gave at their beginning.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the column, null for sessions that began otherwise, and its index.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = text_null("sso_name_mac");
        manager.alter_table(Table::alter().table("sessions").add_column(column).to_owned()).await?;
        let index =
            Index::create().table("sessions").name("ix_sessions_sso_name_mac").col("sso_name_mac").to_owned();
        manager.create_index(index).await
    }
}
