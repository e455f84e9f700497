//! Whether the link of an invitation went to the address that it is for.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the column: what was made before went out by letter as far as anybody knows.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = boolean("sent").default(true).to_owned();
        manager.alter_table(Table::alter().table("invitations").add_column(column).to_owned()).await
    }
}
