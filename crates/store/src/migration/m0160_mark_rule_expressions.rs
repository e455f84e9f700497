//! Which expression the rule of a false-positive mark disables.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the column, filled from the rules.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::alter().table("mark_rules").add_column(big_integer_null("regex_id")).to_owned();
        manager.alter_table(table).await?;
        let fill = "UPDATE mark_rules SET regex_id = (SELECT hints.regex_id FROM hints \
                    WHERE hints.id = mark_rules.hint_id AND hints.kind = 'disable_regex')";
        manager.get_connection().execute_unprepared(fill).await.map(|_| ())
    }
}
