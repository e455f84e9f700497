//! Counting and sorting the attacks of a tenant from an index alone.

use sea_orm_migration::prelude::*;

/// Makes the index over the time of attacks cover what lists count, sort and mostly filter by.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut covering = Index::create();
        covering.table("attacks").name("ix_attacks_lists");
        for column in ["client_id", "last_time", "first_time", "hits", "kind", "vuln_id", "state"] {
            covering.col(column);
        }
        manager.create_index(covering.to_owned()).await?;
        // Few attacks are incidents.
        manager
            .get_connection()
            .execute_unprepared(
                "CREATE INDEX ix_attacks_incidents ON attacks (client_id) WHERE vuln_id IS NOT NULL",
            )
            .await?;
        manager
            .drop_index(Index::drop().table("attacks").name("ix_attacks_client_id_last_time").to_owned())
            .await
    }
}
