//! Accounts in full: second factor, invitations, settings of tenants, single sign-on, changes of rights.

use sea_orm_migration::{
    prelude::*,
    schema::*,
    sea_orm::{ConnectionTrait, DatabaseBackend},
};

/// Adds the tables and columns, and the triggers that note changes of rights.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in columns() {
            // One at a time: SQLite takes no more.
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        for table in tables() {
            manager.create_table(table).await?;
        }
        for (table, column) in
            [("tickets", "expires_at"), ("invitations", "client_id"), ("sso_groups", "client_id")]
        {
            let name = format!("ix_{table}_{column}");
            manager.create_index(Index::create().table(table).name(name).col(column).to_owned()).await?;
        }
        note_changes(manager).await
    }
}

fn columns() -> Vec<(&'static str, ColumnDef)> {
    let flag = |name: &'static str| boolean(name).default(false).to_owned();
    let number = |name: &'static str| big_integer(name).default(0).to_owned();
    vec![
        ("users", text_null("mfa_sealed")),
        ("users", number("mfa_step")),
        ("users", json_null("mfa_recovery")),
        ("users", text_null("auth_method")),
        ("users", text_null("sso_subject")),
        ("users", flag("sso_managed")),
        ("users", flag("api_access")),
        ("users", flag("is_fallback")),
        ("users", json_null("password_history")),
        ("sessions", big_integer_null("acting_client_id")),
        ("sessions", text_null("restriction")),
        ("sessions", text_null("sso_sealed")),
        ("api_tokens", text_null("sealed")),
        ("api_tokens", json_null("client_ids")),
        ("api_tokens", big_integer_null("notified_at")),
        ("activity_log", text("user_agent").default("").to_owned()),
        ("activity_log", big_integer_null("token_id")),
        ("activity_log", text_null("description")),
    ]
}

fn tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("tickets")
            .col(text("id_mac"))
            .col(text("kind"))
            .col(big_integer_null("client_id"))
            .col(big_integer_null("user_id"))
            .col(json("payload"))
            .col(big_integer("attempts"))
            .col(big_integer("created_at"))
            .col(big_integer("expires_at"))
            .primary_key(Index::create().col("id_mac"))
            .to_owned(),
        Table::create()
            .table("invitations")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(big_integer_null("user_id"))
            .col(text("email"))
            .col(text("realname"))
            .col(json("permissions"))
            .col(text("token_mac").unique_key())
            .col(big_integer("create_by"))
            .col(big_integer("created_at"))
            .col(big_integer("expires_at"))
            .to_owned(),
        Table::create()
            .table("client_settings")
            .col(big_integer("client_id"))
            .col(big_integer("idle_timeout"))
            .col(big_integer("absolute_timeout"))
            .col(boolean("mfa_enforced"))
            .col(json("password_policy"))
            .col(json("allowed_networks"))
            .col(big_integer("audit_retention_days"))
            .primary_key(Index::create().col("client_id"))
            .to_owned(),
        Table::create()
            .table("partner_clients")
            .col(big_integer("partner_id"))
            .col(big_integer("id"))
            .col(big_integer("client_id"))
            .col(json_null("params"))
            .primary_key(Index::create().col("partner_id").col("id").col("client_id"))
            .to_owned(),
        Table::create()
            .table("login_failures")
            .col(text("account"))
            .col(big_integer("count"))
            .col(big_integer("since"))
            .col(big_integer("last"))
            .primary_key(Index::create().col("account"))
            .to_owned(),
        Table::create()
            .table("sso_configs")
            .col(big_integer("client_id"))
            .col(text("kind"))
            .col(text("vendor"))
            .col(text("state"))
            .col(boolean("provisioning"))
            .col(boolean("strict"))
            .col(boolean("extended_security"))
            .col(boolean("tenant_permissions"))
            .col(json("role_mapping"))
            .col(json("settings"))
            .col(text_null("secret_sealed"))
            .col(big_integer_null("tested_at"))
            .primary_key(Index::create().col("client_id"))
            .to_owned(),
        Table::create()
            .table("sso_groups")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(text("name"))
            .col(text("role"))
            .col(json("client_ids"))
            .col(boolean("enabled"))
            .to_owned(),
        Table::create()
            .table("auth_changes")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("at"))
            .to_owned(),
    ]
}

/// What decides who may do what, and the columns of it; none is every column. Columns that change with mere
/// use are left out.
const WATCHED: &[(&str, Option<&str>)] = &[
    (
        "users",
        Some(
            "uuid, client_id, email, realname, phone, job_title, permissions, enabled, validated, password_hash, \
             password_changed, profile, secret_mac, secret_created_at, mfa_sealed, auth_method, sso_subject, \
             sso_managed, api_access, is_fallback",
        ),
    ),
    (
        "api_tokens",
        Some("client_id, user_id, name, usage, permissions, enabled, expires_at, secret_mac, client_ids"),
    ),
    ("clients", None),
    ("client_settings", None),
    ("sessions", Some("acting_client_id, restriction, expires_at")),
    ("sso_configs", Some("kind, state, provisioning, strict, tenant_permissions")),
    ("sso_groups", None),
];

/// Every change of rights leaves a row in `auth_changes`, in its own transaction and whichever statement made
/// it. Appending needs no lock that two changes could wait for.
async fn note_changes(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    let postgres = manager.get_database_backend() == DatabaseBackend::Postgres;
    if postgres {
        connection
            .execute_unprepared(
                "CREATE FUNCTION note_auth_change() RETURNS trigger AS $$ BEGIN \
                 INSERT INTO auth_changes (at) VALUES (extract(epoch from now())::bigint); RETURN NULL; END $$ \
                 LANGUAGE plpgsql",
            )
            .await?;
    }
    for (table, columns) in WATCHED {
        let of = columns.map_or(String::new(), |columns| format!(" OF {columns}"));
        for (name, event) in
            [("d", "DELETE".to_owned()), ("u", format!("UPDATE{of}")), ("i", "INSERT".to_owned())]
        {
            // A new session or user changes nothing for those that are known.
            if name == "i" && matches!(*table, "sessions" | "users" | "api_tokens") {
                continue;
            }
            let action = if postgres {
                "FOR EACH STATEMENT EXECUTE FUNCTION note_auth_change()".to_owned()
            } else {
                "BEGIN INSERT INTO auth_changes (at) VALUES (unixepoch()); END".to_owned()
            };
            let sql = format!("CREATE TRIGGER auth_{table}_{name} AFTER {event} ON {table} {action}");
            connection.execute_unprepared(&sql).await?;
        }
    }
    Ok(())
}
