//! Calls of verified hosts that a process may have missed, for all processes to know.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the table, which has one row.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let calls = Table::create()
            .table("verification_missed_calls")
            .col(big_integer("id").primary_key())
            .col(big_integer("number"))
            .to_owned();
        manager.create_table(calls).await?;
        let row = "INSERT INTO verification_missed_calls (id, number) VALUES (1, 0)";
        manager.get_connection().execute_unprepared(row).await.map(|_| ())
    }
}
