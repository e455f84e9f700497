//! What tells two leaks at one address apart, and the incidents of a vulnerability in their order.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the column, null where type and place are enough, and the index.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = text_null("sign_class");
        manager.alter_table(Table::alter().table("vulns").add_column(column).to_owned()).await?;
        // The first incidents of a vulnerability are asked for, however many there are.
        let index = Index::create()
            .table("incidents")
            .name("ix_incidents_vuln_id_time_attack_id")
            .col("vuln_id")
            .col("time")
            .col("attack_id")
            .to_owned();
        manager.create_index(index).await
    }
}
