//! The first schema: accounts, rules, lists, nodes and events.

use sea_orm_migration::{prelude::*, schema::*};

/// Creates every table of the first release.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in tables() {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

fn tables() -> Vec<TableCreateStatement> {
    [account_tables(), node_tables(), rule_tables(), event_tables()].concat()
}

fn account_tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("partners")
            .col(big_integer("id").primary_key().auto_increment())
            .col(text("uuid").unique_key())
            .to_owned(),
        Table::create()
            .table("clients")
            .col(big_integer("id").primary_key().auto_increment())
            .col(text("uuid").unique_key())
            .col(big_integer("partner_id"))
            .col(text("name"))
            .col(boolean("enabled"))
            .col(boolean("is_technical"))
            .col(text("vuln_prefix"))
            .col(text("language"))
            .col(text("date_format"))
            .col(text("attack_rechecker_mode"))
            .col(json("notifications"))
            .col(big_integer("created_at"))
            .col(big_integer_null("deleted_at"))
            .to_owned(),
        Table::create()
            .table("users")
            .col(big_integer("id").primary_key().auto_increment())
            .col(text("uuid").unique_key())
            .col(big_integer("client_id"))
            .col(text("email").unique_key())
            .col(text("realname"))
            .col(text_null("phone"))
            .col(text_null("job_title"))
            .col(json("permissions"))
            .col(boolean("enabled"))
            .col(boolean("validated"))
            .col(text_null("password_hash"))
            .col(big_integer("password_changed"))
            .col(big_integer("create_by"))
            .col(big_integer("created_at"))
            .col(text("create_from"))
            .col(json("profile"))
            .col(json("login_history"))
            .col(big_integer_null("last_login_time"))
            .col(text_null("secret_mac"))
            .col(big_integer_null("secret_created_at"))
            .col(big_integer_null("secret_last_used_at"))
            .to_owned(),
        Table::create()
            .table("sessions")
            .col(text("id_mac"))
            .col(text("public_id").unique_key())
            .col(big_integer("user_id"))
            .col(big_integer("client_id"))
            .col(text_null("parent_mac"))
            .col(text("csrf"))
            .col(text("ip"))
            .col(text("user_agent"))
            .col(big_integer("created_at"))
            .col(big_integer("last_seen_at"))
            .col(big_integer("expires_at"))
            .primary_key(Index::create().col("id_mac"))
            .to_owned(),
        Table::create()
            .table("api_tokens")
            .col(big_integer("id").primary_key().auto_increment())
            .col(text("uuid").unique_key())
            .col(big_integer("client_id"))
            .col(big_integer_null("user_id"))
            .col(text("name"))
            .col(text("kind"))
            .col(text("usage"))
            .col(json("permissions"))
            .col(boolean("enabled"))
            .col(big_integer_null("expires_at"))
            .col(big_integer_null("disabled_at"))
            .col(big_integer("created_at"))
            .col(big_integer("generated_at"))
            .col(big_integer_null("last_used_at"))
            .col(text_null("last_used_ip"))
            .col(text("secret_mac"))
            .col(text("masked"))
            .to_owned(),
        Table::create()
            .table("pools")
            .col(big_integer("client_id"))
            .col(big_integer("id"))
            .col(text("name"))
            .col(boolean("deleted"))
            .primary_key(Index::create().col("client_id").col("id"))
            .to_owned(),
        Table::create()
            .table("activity_log")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(big_integer("time"))
            .col(text("object_type"))
            .col(text("action_type"))
            .col(text("outcome"))
            .col(text("source"))
            .col(big_integer_null("initiator_id"))
            .col(big_integer_null("initiator_client_id"))
            .col(text("initiator_name"))
            .col(text_null("object_id"))
            .col(text("object_name"))
            .col(json_null("state_before"))
            .col(json_null("state_after"))
            .col(text("ip"))
            .col(text("request_id"))
            .to_owned(),
    ]
}

fn node_tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("node_groups")
            .col(big_integer("id").primary_key().auto_increment())
            .col(text("uuid").unique_key())
            .col(big_integer("client_id"))
            .col(text("hostname"))
            .col(boolean("partner_mode"))
            .col(text("token_mac"))
            .col(text_null("token_sealed"))
            .col(big_integer("created_at"))
            .col(text("create_from"))
            .to_owned(),
        Table::create()
            .table("node_instances")
            .col(text("uuid"))
            .col(big_integer("group_id"))
            .col(big_integer("client_id"))
            .col(big_integer_null("token_id"))
            .col(text("secret_mac"))
            .col(text("hostname"))
            .col(text("ip"))
            .col(text("version"))
            .col(json("packages"))
            .col(big_integer("created_at"))
            .col(big_integer("last_seen_at"))
            .col(big_integer_null("last_event_at"))
            .col(text("startid"))
            .col(big_integer("heartbeat_seq"))
            .col(big_integer("ruleset_version"))
            .col(big_integer_null("ruleset_updated_at"))
            .col(big_integer("detectdb_version"))
            .col(big_integer_null("detectdb_updated_at"))
            .col(big_integer("lists_seq"))
            .col(big_integer("requests"))
            .col(big_integer("requests_month"))
            .col(double("rps"))
            .col(text_null("last_error"))
            .primary_key(Index::create().col("uuid"))
            .to_owned(),
        Table::create()
            .table("config_versions")
            .col(big_integer("client_id"))
            .col(big_integer("seq"))
            .col(big_integer("ruleset_version"))
            .col(big_integer("ruleset_updated_at"))
            .col(big_integer("lists_seq"))
            .primary_key(Index::create().col("client_id"))
            .to_owned(),
    ]
}

fn rule_tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("actions")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(json("conditions"))
            .col(text("conditions_hash"))
            .col(text_null("name"))
            .col(big_integer("updated_at"))
            .to_owned(),
        Table::create()
            .table("hints")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(big_integer("action_id"))
            .col(text("kind"))
            .col(json("fields"))
            .col(text_null("point_hash"))
            .col(big_integer_null("regex_id"))
            .col(boolean("system"))
            .col(boolean("active"))
            .col(boolean("validated"))
            .col(boolean("variativity_disabled"))
            .col(text_null("comment"))
            .col(text_null("title"))
            .col(text_null("set_name"))
            .col(text("uuid"))
            .col(text("group_uuid"))
            .col(big_integer("created_at"))
            .col(big_integer("create_userid"))
            .col(big_integer("updated_at"))
            .to_owned(),
        Table::create()
            .table("ip_groups")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(text("list"))
            .col(text("rule_type"))
            .col(json("values"))
            .col(text_null("network"))
            .col(json("application_ids"))
            .col(text("reason"))
            .col(big_integer("created_at"))
            .col(big_integer("expired_at"))
            .col(big_integer("author_user_id"))
            .col(big_integer("added_seq"))
            .col(big_integer_null("removed_seq"))
            .col(big_integer_null("removed_at"))
            .to_owned(),
    ]
}

fn event_tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("hits")
            .col(big_integer("id").primary_key().auto_increment())
            .col(text("event_id"))
            .col(big_integer("client_id"))
            .col(big_integer("attack_id"))
            .col(big_integer("time"))
            .col(big_integer("ts_ms"))
            .col(text("kind"))
            .col(text_null("subtype"))
            .col(text("ip"))
            .col(text("ip_key"))
            .col(big_integer("remote_port"))
            .col(text_null("remote_country"))
            .col(text("request_id"))
            .col(text("domain"))
            .col(text("path"))
            .col(text("method"))
            .col(text("proto"))
            .col(text("scheme"))
            .col(text("api_protocol"))
            .col(text("auth_protocol"))
            .col(json("point"))
            .col(text("parameter"))
            .col(text("value"))
            .col(text("stamps"))
            .col(big_integer("stamps_hash"))
            .col(text("regex"))
            .col(text("known_attack"))
            .col(boolean_null("experimental"))
            .col(big_integer("statuscode"))
            .col(big_integer("response_time"))
            .col(big_integer("response_size"))
            .col(big_integer("request_size"))
            .col(text("block_status"))
            .col(text("block_reason"))
            .col(boolean("ip_blocked"))
            .col(text("mode"))
            .col(big_integer("aggregated_count"))
            .col(big_integer("pool"))
            .col(text("node_uuid"))
            .col(text_null("state"))
            .col(big_integer_null("vuln_id"))
            .col(big_integer("received_at"))
            .col(big_integer_null("reported_ts_ms"))
            .to_owned(),
        Table::create()
            .table("hit_raws")
            .col(big_integer("hit_id"))
            .col(big_integer("client_id"))
            .col(text("raw"))
            .primary_key(Index::create().col("hit_id"))
            .to_owned(),
        Table::create()
            .table("attacks")
            .col(big_integer("id").primary_key().auto_increment())
            .col(text("public_id"))
            .col(big_integer("month"))
            .col(big_integer("client_id"))
            .col(text("group_key"))
            .col(text("kind"))
            .col(json("point"))
            .col(text("parameter"))
            .col(text("domain"))
            .col(text("path"))
            .col(text("method"))
            .col(big_integer("pool"))
            .col(big_integer("first_time"))
            .col(big_integer("last_time"))
            .col(big_integer("hits"))
            .col(big_integer("blocked_hits"))
            .col(big_integer("stored_hits"))
            .col(big_integer("false_hits"))
            .col(big_integer("threat"))
            .col(text("target"))
            .col(boolean_null("experimental"))
            .col(text_null("state"))
            .col(big_integer_null("vuln_id"))
            .to_owned(),
        Table::create()
            .table("vulns")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(text("wid"))
            .col(text("status"))
            .col(text("kind"))
            .col(text("target"))
            .col(big_integer("threat"))
            .col(text("title"))
            .col(text("description"))
            .col(text("additional"))
            .col(text("exploit_example"))
            .col(text("method"))
            .col(text("domain"))
            .col(text("path"))
            .col(text("parameter"))
            .col(text("template"))
            .col(text("detection_method"))
            .col(big_integer("validate_time"))
            .col(big_integer_null("invalidate_time"))
            .col(big_integer_null("last_check"))
            .col(boolean("validated"))
            .col(boolean("hidden"))
            .col(boolean("vpatched"))
            .col(text_null("vuln_recheck_type"))
            .col(json("scope"))
            .col(json("template_params"))
            .to_owned(),
        Table::create()
            .table("event_batches")
            .col(text("node_uuid"))
            .col(text("batch_id"))
            .col(text("digest"))
            .col(big_integer("received_at"))
            .primary_key(Index::create().col("node_uuid").col("batch_id"))
            .to_owned(),
        Table::create()
            .table("rejected_events")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(text("node_uuid"))
            .col(text("batch_id"))
            .col(big_integer("position"))
            .col(text("reason"))
            .col(json("payload"))
            .col(text("digest"))
            .col(big_integer("received_at"))
            .to_owned(),
    ]
}

fn indexes() -> Vec<IndexCreateStatement> {
    let index = |table: &'static str, columns: &[&'static str], unique: bool| {
        let mut statement = Index::create();
        statement.table(table).name(format!("ix_{table}_{}", columns.join("_")));
        for column in columns {
            statement.col(*column);
        }
        if unique {
            statement.unique();
        }
        statement
    };
    vec![
        index("clients", &["partner_id", "name"], true),
        index("users", &["client_id"], false),
        index("sessions", &["user_id"], false),
        index("api_tokens", &["client_id"], false),
        index("activity_log", &["client_id", "time"], false),
        index("node_groups", &["client_id", "hostname"], true),
        index("node_instances", &["group_id"], false),
        index("actions", &["client_id", "conditions_hash"], true),
        index("hints", &["client_id", "action_id"], false),
        index("hints", &["client_id", "regex_id"], false),
        index("ip_groups", &["client_id", "added_seq"], false),
        index("ip_groups", &["client_id", "removed_seq"], false),
        index("ip_groups", &["client_id", "network"], false),
        index("hits", &["client_id", "event_id"], true),
        index("hits", &["client_id", "time"], false),
        index("hits", &["attack_id", "time"], false),
        index("hits", &["client_id", "request_id"], false),
        index("attacks", &["client_id", "public_id"], true),
        index("attacks", &["client_id", "group_key", "last_time"], false),
        index("attacks", &["client_id", "last_time"], false),
        index("vulns", &["client_id", "status"], false),
        index("event_batches", &["received_at"], false),
        index("rejected_events", &["client_id", "node_uuid", "digest"], true),
    ]
}
