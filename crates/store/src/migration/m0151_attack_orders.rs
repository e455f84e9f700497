//! Pages of attacks by hits, and incidents, without reading every attack of a tenant.

use sea_orm_migration::prelude::*;

/// Adds an index in the order of hits, and makes that of incidents one that is preferred to the index over all attacks.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let hits = Index::create()
            .table("attacks")
            .name("ix_attacks_client_id_hits")
            .col("client_id")
            .col("hits")
            .to_owned();
        manager.create_index(hits).await?;
        let connection = manager.get_connection();
        connection.execute_unprepared("DROP INDEX ix_attacks_incidents").await?;
        connection
            .execute_unprepared(
                "CREATE INDEX ix_attacks_incidents ON attacks (client_id, vuln_id) WHERE vuln_id IS NOT NULL",
            )
            .await?;
        Ok(())
    }
}
