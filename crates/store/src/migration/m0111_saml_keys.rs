//! Keys of our own for SAML, and the test sign-in that proves that the identity provider encrypts for them.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the columns.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [json_null("saml_keys"), big_integer_null("tested_encrypted_at")] {
            manager.alter_table(Table::alter().table("sso_configs").add_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
