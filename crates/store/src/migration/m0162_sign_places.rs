//! Where in its request the sign of a hit stands.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the column: null where it is unknown.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let add = Table::alter().table("hits").add_column(text_null("sign_place")).to_owned();
        manager.alter_table(add).await
    }
}
