//! Notifications that wait for others and go out together.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the end of the period whose notifications go out together; none for those that go out alone.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let batch = Table::alter().table("deliveries").add_column(big_integer_null("batch_until")).to_owned();
        manager.alter_table(batch).await
    }
}
