//! The key of the certificate that the cloud shows to an LDAP server.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the column.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = text_null("client_key_sealed");
        manager.alter_table(Table::alter().table("sso_configs").add_column(column).to_owned()).await
    }
}
