//! Single sign-on in full: groups that lead into several tenants, and the end of users.

use sea_orm_migration::{
    prelude::*,
    schema::*,
    sea_orm::{ConnectionTrait, DatabaseBackend},
};

/// Adds what the identity provider last told about a user, and when.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns =
            [json_null("sso_groups"), big_integer_null("sso_seen_at"), text_null("sso_disabled_by")];
        for column in columns {
            manager.alter_table(Table::alter().table("users").add_column(column).to_owned()).await?;
        }
        let action = match manager.get_database_backend() {
            DatabaseBackend::Postgres => "FOR EACH STATEMENT EXECUTE FUNCTION note_auth_change()",
            _ => "BEGIN INSERT INTO auth_changes (at) VALUES (unixepoch()); END",
        };
        let sql = format!("CREATE TRIGGER auth_users_groups AFTER UPDATE OF sso_groups ON users {action}");
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}
