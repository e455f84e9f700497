//! Hits of attacks by method, so that attacks are found by the method of most of their hits, which is the one they show.

use sea_orm_migration::{prelude::*, schema::*, sea_orm::DbBackend};

/// Adds the column and fills it for attacks whose hits have several methods.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let add = Table::alter().table("attacks").add_column(text_null("methods")).to_owned();
        manager.alter_table(add).await?;
        let (object, collation) = match manager.get_database_backend() {
            DbBackend::Postgres => ("json_object_agg(method, n)::text", " COLLATE \"C\""),
            _ => ("json_group_object(method, n)", ""),
        };
        let counted =
            "attack_id = attacks.id AND (state IS NULL OR state <> 'falsepositive') GROUP BY method";
        let sum = "CAST(SUM(aggregated_count) AS bigint)";
        for statement in [
            format!(
                "UPDATE attacks SET methods = (SELECT {object} FROM (SELECT method, {sum} AS n FROM hits \
                 WHERE {counted}) AS of_attack) WHERE id IN (SELECT attack_id FROM hits GROUP BY attack_id \
                 HAVING COUNT(DISTINCT method) > 1)"
            ),
            // All of their hits are marked false.
            "UPDATE attacks SET methods = NULL WHERE methods = '{}'".to_owned(),
            format!(
                "UPDATE attacks SET method = (SELECT method FROM hits WHERE {counted} \
                 ORDER BY {sum} DESC, method{collation} LIMIT 1) WHERE methods IS NOT NULL"
            ),
        ] {
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}
