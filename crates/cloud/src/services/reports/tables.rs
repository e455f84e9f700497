//! A report as tables: one file per kind of rows that there are, several of them in an archive.

use bartizan_api::{AttackType, attack::AttackView, vuln::VulnView};

use super::content::Content;
use crate::services::{csv::Table, zip};

/// The media type and the file.
pub(super) fn tables(content: &Content) -> (&'static str, Vec<u8>) {
    let mut files = vec![
        ("attacks.csv", content.attacks.is_empty(), attacks(&content.attacks)),
        ("incidents.csv", content.incidents.is_empty(), attacks(&content.incidents)),
        ("vulnerabilities.csv", content.vulns.is_empty(), vulns(&content.vulns)),
    ];
    if files.iter().any(|(_, empty, _)| !empty) {
        files.retain(|(_, empty, _)| !empty);
    } else {
        // Nothing happened: a table that says so.
        files.truncate(1);
    }
    let mut files: Vec<(String, Vec<u8>)> =
        files.into_iter().map(|(name, _, text)| (name.to_owned(), text.into_bytes())).collect();
    match files.pop() {
        Some((_, file)) if files.is_empty() => ("text/csv; charset=utf-8", file),
        last => {
            files.extend(last);
            ("application/zip", zip::archive(&files))
        }
    }
}

/// A moment for people and programs: RFC 3339, UTC.
pub(super) fn moment(time: i64) -> String {
    let time = chrono::DateTime::from_timestamp(time, 0).unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// The name of an attack type, shown to people.
pub(super) fn type_label(code: &str) -> &str {
    AttackType::parse_code(code).map_or(code, |kind| kind.info().label)
}

fn attacks(rows: &[AttackView]) -> String {
    let mut table = Table::new(&[
        "id",
        "type",
        "type_label",
        "domain",
        "path",
        "parameter",
        "method",
        "application",
        "first_time",
        "last_time",
        "hits",
        "status",
        "sources",
        "top_sources",
        "countries",
        "response_statuses",
        "threat",
        "vulnerabilities",
        "incident_status",
    ]);
    for row in rows {
        let joined = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join("; ");
        table.row(&[
            &row.attackid,
            &row.kind,
            type_label(&row.kind),
            row.domain.as_deref().unwrap_or_default(),
            &row.path,
            &row.parameter,
            &row.method,
            &row.poolid.to_string(),
            &moment(row.first_time),
            &moment(row.last_time),
            &row.hits.to_string(),
            row.block_status.as_deref().unwrap_or_default(),
            &row.ip_count.to_string(),
            &joined(&mut row.ip_top.iter().map(|source| source.ip.clone())),
            &joined(&mut row.country_top.iter().map(|country| country.country.clone())),
            &joined(&mut row.statuscodes.iter().map(ToString::to_string)),
            &row.threat.to_string(),
            &joined(&mut row.vulns.iter().map(|vuln| vuln.wid.clone())),
            row.incident_status.as_deref().unwrap_or_default(),
        ]);
    }
    table.finish()
}

fn vulns(rows: &[VulnView]) -> String {
    let mut table = Table::new(&[
        "id",
        "title",
        "type",
        "severity",
        "threat",
        "status",
        "method",
        "domain",
        "path",
        "parameter",
        "detected_by",
        "found",
        "closed",
        "incidents",
    ]);
    for row in rows {
        table.row(&[
            &row.wid,
            &row.title,
            &row.kind,
            row.threat_level,
            &row.threat.to_string(),
            &row.status,
            &row.method,
            &row.domain,
            &row.path,
            &row.parameter,
            &row.detection_method,
            &moment(row.validate_time),
            &row.invalidate_time.map(moment).unwrap_or_default(),
            &row.incidents.as_ref().map_or(0, Vec::len).to_string(),
        ]);
    }
    table.finish()
}
