//! Plans, features and subscriptions. The built-in plan has every feature; a tenant without a subscription has it.

use sea_orm_migration::{prelude::*, schema::*};

/// Features of the built-in plan.
const FEATURES: &[&str] =
    &["waf", "api_discovery", "api_sessions", "vulnerabilities", "integrations", "multitenancy"];

/// Adds the tables.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let features = Table::create()
            .table("billing_features")
            .col(big_integer("id").primary_key().auto_increment())
            .col(text("slug").unique_key())
            .to_owned();
        manager.create_table(features).await?;
        let plans = Table::create()
            .table("billing_plans")
            .col(big_integer("id").primary_key().auto_increment())
            .col(text("slug").unique_key())
            .col(boolean("use_features"))
            .to_owned();
        manager.create_table(plans).await?;
        let bindings = Table::create()
            .table("billing_bindings")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("plan_id"))
            .col(big_integer("feature_id"))
            .col(json("settings"))
            .index(Index::create().unique().col("plan_id").col("feature_id"))
            .to_owned();
        manager.create_table(bindings).await?;
        manager.create_table(subscriptions()).await?;
        let index =
            Index::create().name("subscriptions_client").table("subscriptions").col("client_id").to_owned();
        manager.create_index(index).await?;
        let partners = Table::create()
            .table("partner_billing")
            .col(big_integer("partner_id").primary_key())
            .col(text("trial_plan_slug"))
            .col(big_integer("trial_period"))
            .col(big_integer("trial_extend_period"))
            .col(big_integer("trial_wait_period"))
            .col(boolean("trials_enabled"))
            .to_owned();
        manager.create_table(partners).await?;
        seed(manager).await
    }
}

fn subscriptions() -> TableCreateStatement {
    Table::create()
        .table("subscriptions")
        .col(big_integer("id").primary_key().auto_increment())
        .col(big_integer("client_id"))
        .col(big_integer("plan_id"))
        .col(text("kind"))
        .col(text("state"))
        .col(text("start_on"))
        .col(text("finish_on"))
        .col(big_integer("position"))
        .col(json("properties"))
        .to_owned()
}

/// The built-in plan. The tables are empty, so the database numbers rows from 1.
async fn seed(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let slugs: Vec<String> = FEATURES.iter().map(|slug| format!("('{slug}')")).collect();
    let bound: Vec<String> = (1..=FEATURES.len()).map(|feature| format!("(1, {feature}, '[]')")).collect();
    for sql in [
        format!("INSERT INTO billing_features (slug) VALUES {}", slugs.join(", ")),
        "INSERT INTO billing_plans (slug, use_features) VALUES ('bartizan', true)".to_owned(),
        format!("INSERT INTO billing_bindings (plan_id, feature_id, settings) VALUES {}", bound.join(", ")),
    ] {
        connection.execute_unprepared(&sql).await?;
    }
    Ok(())
}
