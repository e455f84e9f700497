//! Vulnerabilities as both views show them: evidence, history, incidents, and rules for false ones.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds columns and tables.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in columns() {
            manager.alter_table(Table::alter().table("vulns").add_column(column).to_owned()).await?;
        }
        let earlier = Query::update()
            .table("vulns")
            .value("volume", 1)
            .value("created_at", Expr::col("validate_time"))
            .to_owned();
        manager.exec_stmt(earlier).await?;
        for table in tables() {
            manager.create_table(table).await?;
        }
        for (table, columns) in INDEXES {
            let mut index = Index::create();
            index.table(*table).name(format!("ix_{table}_{}", columns.join("_")));
            columns.iter().for_each(|column| {
                index.col(*column);
            });
            manager.create_index(index.to_owned()).await?;
        }
        Ok(())
    }
}

const INDEXES: &[(&str, &[&str])] = &[
    ("vuln_changes", &["client_id", "vuln_id"]),
    ("incidents", &["client_id", "attack_id"]),
    ("vuln_proofs", &["client_id", "request_id"]),
    ("false_positive_rules", &["client_id"]),
];

fn columns() -> Vec<ColumnDef> {
    let numbers = [
        "pool",
        "testrun_id",
        "volume",
        "last_seen",
        "created_at",
        "mitigation_rule_id",
        "false_positive_rule_id",
        "recheck_requested_at",
    ];
    let texts = ["ticket_status", "ticket_history", "scheme", "evidence"];
    numbers.map(big_integer_null).into_iter().chain(texts.map(text_null)).collect()
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("vuln_changes")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(big_integer("vuln_id"))
            .col(big_integer("time"))
            .col(text("author"))
            .col(text("before"))
            .col(text("after"))
            .col(text("comment"))
            .to_owned(),
        Table::create()
            .table("incidents")
            .col(big_integer("vuln_id"))
            .col(big_integer("attack_id"))
            .col(big_integer("client_id"))
            .col(big_integer("time"))
            .primary_key(Index::create().col("vuln_id").col("attack_id"))
            .to_owned(),
        Table::create()
            .table("vuln_proofs")
            .col(big_integer("client_id"))
            .col(text("event_id"))
            .col(big_integer("vuln_id"))
            .col(text("request_id"))
            .col(text("kind"))
            .col(text("parameter"))
            .col(boolean("exploited"))
            .col(big_integer("received_at"))
            .primary_key(Index::create().col("client_id").col("event_id"))
            .to_owned(),
        Table::create()
            .table("false_positive_rules")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(text("title"))
            .col(text("source"))
            .col(text("scope"))
            .col(text("issues"))
            .col(text("action"))
            .col(big_integer("created_at"))
            .to_owned(),
    ]
}
