//! What is asked of reports without reading their files.

use sea_orm_migration::prelude::*;

/// Adds indexes: files stand before the times, so a row without one would be read whole.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, columns) in INDEXES {
            let mut index = Index::create().table("reports").name(*name).to_owned();
            for column in *columns {
                index.col(*column);
            }
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

const INDEXES: &[(&str, &[&str])] = &[
    ("ix_reports_expires_at", &["expires_at"]),
    // All that the list shows.
    (
        "ix_reports_list",
        &["client_id", "expires_at", "id", "time_from", "time_to", "format", "status", "created_at"],
    ),
];
