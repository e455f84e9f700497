//! What was called false was not closed.

use sea_orm_migration::prelude::*;

/// Takes the time of closing from vulnerabilities that were called false.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let update = Query::update()
            .table("vulns")
            .value("invalidate_time", Option::<i64>::None)
            .and_where(Expr::col("status").eq("falsepositive"))
            .to_owned();
        manager.exec_stmt(update).await
    }
}
