//! Active verification of attacks: what waits to be checked, and which hosts are being asked.

use sea_orm_migration::{prelude::*, schema::*};

/// Adds the switch for vulnerabilities and two tables.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mode = text("vuln_rechecker_mode").default("off").to_owned();
        manager.alter_table(Table::alter().table("clients").add_column(mode).to_owned()).await?;
        let verifications = Table::create()
            .table("verifications")
            .col(big_integer("id").primary_key().auto_increment())
            .col(big_integer("client_id"))
            .col(big_integer("attack_id"))
            .col(big_integer_null("vuln_id"))
            .col(text("group_key"))
            .col(text("host"))
            .col(boolean("forced"))
            .col(big_integer("misses"))
            .col(text("state"))
            .col(text_null("outcome"))
            .col(big_integer("due_ms"))
            .col(big_integer("created_at"))
            .col(big_integer_null("started_at"))
            .col(big_integer_null("finished_at"))
            .to_owned();
        manager.create_table(verifications).await?;
        let hosts = Table::create()
            .table("verification_hosts")
            .col(text("host").primary_key())
            .col(big_integer("free_at_ms"))
            .to_owned();
        manager.create_table(hosts).await?;
        let indexes: [(&str, &[&str]); 3] = [
            ("ix_verifications_due", &["state", "due_ms"]),
            ("ix_verifications_group", &["client_id", "group_key"]),
            ("ix_verifications_started", &["client_id", "started_at"]),
        ];
        for (name, columns) in indexes {
            let mut index = Index::create();
            index.table("verifications").name(name);
            columns.iter().for_each(|column| {
                index.col(*column);
            });
            manager.create_index(index.to_owned()).await?;
        }
        // One at a time of each thing, whichever process asks for it.
        for (name, columns, what) in [
            ("ux_verifications_attack", "client_id, attack_id", "vuln_id IS NULL"),
            ("ux_verifications_vuln", "client_id, vuln_id", "vuln_id IS NOT NULL"),
        ] {
            let index = format!(
                "CREATE UNIQUE INDEX {name} ON verifications ({columns}) WHERE state = 'pending' AND {what}"
            );
            manager.get_connection().execute_unprepared(&index).await?;
        }
        Ok(())
    }
}
