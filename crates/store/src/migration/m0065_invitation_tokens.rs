//! Invitations remember the shared API token that issued them.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the column.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = big_integer_null("create_by_token");
        manager.alter_table(Table::alter().table("invitations").add_column(column).to_owned()).await
    }
}
