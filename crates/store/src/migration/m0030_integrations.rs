//! Integrations and their deliveries, triggers and their counters.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates the tables and gives every tenant the default trigger.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [integration_tables(), trigger_tables()].concat() {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        let trigger =
            Table::alter().table("ip_groups").add_column(big_integer_null("author_trigger_id")).to_owned();
        manager.alter_table(trigger).await?;
        manager.get_connection().execute_unprepared(DEFAULT_TRIGGERS).await?;
        Ok(())
    }
}

/// What a new tenant starts with, for those that are there.
const DEFAULT_TRIGGERS: &str = r#"INSERT INTO triggers (client_id, template, name, comment, enabled, filters,
    actions, threshold_period, threshold_count, is_default, created_at, updated_at)
    SELECT id, 'vector_attack', 'Number of malicious payloads', '', TRUE, '[]',
    '[{"id":"add_to_graylist","params":{"lock_time":3600}}]', 3600, 3, TRUE, created_at, created_at FROM clients"#;

fn integration_tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("integrations")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(text("kind"))
            .col(text("name"))
            .col(boolean("active"))
            .col(text("target"))
            .col(text("events"))
            .col(big_integer("created_at"))
            .col(text("created_by"))
            .col(big_integer("updated_at"))
            .col(text_null("disabled_reason"))
            .to_owned(),
        Table::create()
            .table("deliveries")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(big_integer("integration_id"))
            .col(text("notification_type"))
            .col(text("events"))
            .col(text("state"))
            .col(big_integer("attempts"))
            .col(big_integer("due_ms"))
            .col(big_integer("created_at"))
            .col(big_integer_null("finished_at"))
            .col(big_integer_null("last_status"))
            .col(text_null("last_error"))
            .to_owned(),
        Table::create()
            .table("delivery_hours")
            .col(big_integer("integration_id"))
            .col(big_integer("hour"))
            .col(big_integer("client_id"))
            .col(big_integer("delivered"))
            .col(big_integer("failed"))
            .primary_key(Index::create().col("integration_id").col("hour"))
            .to_owned(),
    ]
}

fn trigger_tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("triggers")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(text("template"))
            .col(text("name"))
            .col(text("comment"))
            .col(boolean("enabled"))
            .col(text("filters"))
            .col(text("actions"))
            .col(big_integer_null("threshold_period"))
            .col(big_integer_null("threshold_count"))
            .col(boolean("is_default"))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .to_owned(),
        Table::create()
            .table("trigger_counts")
            .col(big_integer("trigger_id"))
            .col(big_integer("bucket"))
            .col(big_integer("client_id"))
            .col(big_integer("count"))
            .primary_key(Index::create().col("trigger_id").col("bucket"))
            .to_owned(),
        Table::create()
            .table("trigger_payloads")
            .col(big_integer("trigger_id"))
            .col(text("source"))
            .col(text("digest"))
            .col(big_integer("client_id"))
            .col(big_integer("seen_at"))
            .primary_key(Index::create().col("trigger_id").col("source").col("digest"))
            .to_owned(),
        Table::create()
            .table("trigger_firings")
            .col(big_integer("trigger_id"))
            .col(text("source"))
            .col(big_integer("client_id"))
            .col(big_integer("fired_at"))
            .col(big_integer("quiet_until"))
            .primary_key(Index::create().col("trigger_id").col("source"))
            .to_owned(),
    ]
}

fn indexes() -> Vec<IndexCreateStatement> {
    let index = |table: &'static str, columns: &[&'static str]| {
        let mut statement = Index::create();
        statement.table(table).name(format!("ix_{table}_{}", columns.join("_")));
        for column in columns {
            statement.col(*column);
        }
        statement
    };
    vec![
        index("integrations", &["client_id"]),
        index("deliveries", &["state", "due_ms"]),
        index("deliveries", &["client_id", "integration_id", "state"]),
        index("delivery_hours", &["hour"]),
        index("triggers", &["client_id"]),
        index("trigger_payloads", &["seen_at"]),
        index("trigger_firings", &["quiet_until"]),
    ]
}
