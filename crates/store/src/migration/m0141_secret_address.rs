//! Where the secret of a user was last used from.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the column: null until the secret is used again.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Table::alter().table("users").add_column(text_null("secret_last_used_ip")).to_owned();
        manager.alter_table(column).await
    }
}
