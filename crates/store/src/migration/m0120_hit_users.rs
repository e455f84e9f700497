//! Who made a request of a hit, as the application knows them.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the columns: user, role, and the other context parameters of the session as JSON.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["app_user", "app_role", "context_params"] {
            manager.alter_table(Table::alter().table("hits").add_column(text_null(name)).to_owned()).await?;
        }
        Ok(())
    }
}
