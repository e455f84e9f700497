//! Users and groups that an identity provider pushes (SCIM).

use sea_orm_migration::{
    prelude::*,
    schema::*,
    sea_orm::{ConnectionTrait, DatabaseBackend},
};

/// Adds the token, the names that the provider gives, and groups with their members. A change of members is one of
/// rights.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in [
            ("users", text_null("scim_external_id")),
            ("sso_configs", text_null("scim_token_mac")),
            ("sso_configs", big_integer_null("scim_token_created_at")),
        ] {
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        for table in tables() {
            manager.create_table(table).await?;
        }
        let unique = Index::create()
            .table("scim_groups")
            .name("ix_scim_groups_name")
            .col("client_id")
            .col("name")
            .unique()
            .to_owned();
        manager.create_index(unique).await?;
        let by_user =
            Index::create().table("scim_members").name("ix_scim_members_user").col("user_id").to_owned();
        manager.create_index(by_user).await?;
        let action = match manager.get_database_backend() {
            DatabaseBackend::Postgres => "FOR EACH STATEMENT EXECUTE FUNCTION note_auth_change()",
            _ => "BEGIN INSERT INTO auth_changes (at) VALUES (unixepoch()); END",
        };
        for (name, event) in [("d", "DELETE"), ("i", "INSERT")] {
            let sql =
                format!("CREATE TRIGGER auth_scim_members_{name} AFTER {event} ON scim_members {action}");
            manager.get_connection().execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}

fn tables() -> [TableCreateStatement; 2] {
    [
        Table::create()
            .table("scim_groups")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(text("name"))
            .col(text_null("external_id"))
            .col(big_integer("created_at"))
            .col(big_integer("updated_at"))
            .to_owned(),
        Table::create()
            .table("scim_members")
            .col(big_integer("group_id"))
            .col(big_integer("user_id"))
            .col(big_integer("client_id"))
            .primary_key(Index::create().col("group_id").col("user_id"))
            .to_owned(),
    ]
}
