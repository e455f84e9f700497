//! What hits and attacks know beyond the request: source, session, specification, changes, verification.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the columns; all may be null, so that earlier rows stay as they are.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column per statement.
        for column in hit_columns() {
            manager.alter_table(Table::alter().table("hits").add_column(column).to_owned()).await?;
        }
        for column in
            [big_integer_null("changed_at"), text_null("recheck_status"), big_integer_null("recheck_time")]
        {
            manager.alter_table(Table::alter().table("attacks").add_column(column).to_owned()).await?;
        }
        Ok(())
    }
}

fn hit_columns() -> Vec<ColumnDef> {
    let texts = [
        "counter",
        "datacenter",
        "proxy_type",
        "tor",
        "known_false",
        "endpoint_id",
        "api_spec_id",
        "api_spec_violation",
        "session_id",
        "orig_session_id",
        "compromised_logins",
    ];
    let numbers = ["value_hash", "changed_at", "mitigation_control_id"];
    let flags = ["wallarm_scanner", "ebpf", "aasm_event"];
    texts
        .map(text_null)
        .into_iter()
        .chain(numbers.map(big_integer_null))
        .chain(flags.map(boolean_null))
        .collect()
}
