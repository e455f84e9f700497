//! Which rule of a type was changed last.

use sea_orm_migration::prelude::*;

/// Adds an index that answers it.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut order = Index::create();
        order.table("hints").name("ix_hints_client_id_kind_updated_at");
        order.col("client_id").col("kind").col("updated_at");
        manager.create_index(order.to_owned()).await
    }
}
