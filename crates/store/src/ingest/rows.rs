//! The rows of hits and attacks as values for bulk statements.

use sea_orm::Value;

use crate::{
    StoreError,
    bulk::Bulk,
    entity::{attack, hit},
};

/// How many of [`HIT_COLUMNS`] most hits have; the others are null in most batches and left out then.
const COMMON: usize = 45;
const HIT_COLUMNS: &[&str] = &[
    "id",
    "event_id",
    "client_id",
    "attack_id",
    "time",
    "ts_ms",
    "kind",
    "subtype",
    "ip",
    "ip_key",
    "remote_port",
    "remote_country",
    "request_id",
    "domain",
    "path",
    "method",
    "proto",
    "scheme",
    "api_protocol",
    "auth_protocol",
    "point",
    "parameter",
    "value",
    "stamps",
    "stamps_hash",
    "regex",
    "known_attack",
    "statuscode",
    "response_time",
    "response_size",
    "request_size",
    "block_status",
    "block_reason",
    "ip_blocked",
    "mode",
    "aggregated_count",
    "pool",
    "node_uuid",
    "received_at",
    "value_hash",
    "uri_length",
    "local_mode",
    "payload_start",
    "payload_end",
    "sign_place",
    "experimental",
    "state",
    "vuln_id",
    "reported_ts_ms",
    "changed_at",
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
    "mitigation_control_id",
    "compromised_logins",
    "wallarm_scanner",
    "ebpf",
    "aasm_event",
    "app_user",
    "app_role",
    "context_params",
];
const ATTACK_COLUMNS: &[&str] = &[
    "id",
    "public_id",
    "month",
    "client_id",
    "group_key",
    "kind",
    "point",
    "parameter",
    "domain",
    "path",
    "method",
    "methods",
    "pool",
    "first_time",
    "last_time",
    "hits",
    "blocked_hits",
    "stored_hits",
    "false_hits",
    "threat",
    "target",
    "experimental",
    "state",
    "vuln_id",
    "changed_at",
    "recheck_status",
    "recheck_time",
];
const RAW_COLUMNS: &[&str] = &["hit_id", "client_id", "raw"];

/// Inserts hits with the row numbers that they have.
pub(super) async fn insert_hits<C: sea_orm::ConnectionTrait>(
    connection: &C,
    hits: &[hit::Model],
) -> Result<(), StoreError> {
    let common = HIT_COLUMNS.get(..COMMON).filter(|_| hits.iter().all(is_common));
    let columns = common.unwrap_or(HIT_COLUMNS);
    // A row at a time: the values of a whole batch would not stay in the caches of the processor.
    let rows = hits.iter().map(|hit| {
        let mut row = hit_values(hit.clone());
        row.truncate(columns.len());
        row
    });
    Bulk { table: "hits", columns, end: "" }.insert(connection, rows).await
}

/// Inserts attacks with the row numbers that they have; `end` says what happens to those that exist.
pub(super) async fn insert_attacks<C: sea_orm::ConnectionTrait>(
    connection: &C,
    attacks: Vec<attack::Model>,
    end: &'static str,
) -> Result<(), StoreError> {
    let rows = attacks.into_iter().map(attack_values);
    Bulk { table: "attacks", columns: ATTACK_COLUMNS, end }.insert(connection, rows).await
}

/// Inserts serialised requests: row of the hit, tenant, JSON text.
pub(super) async fn insert_raws<C: sea_orm::ConnectionTrait>(
    connection: &C,
    raws: impl ExactSizeIterator<Item = (i64, i64, String)>,
) -> Result<(), StoreError> {
    let rows = raws.map(|(hit, tenant, raw)| vec![hit.into(), tenant.into(), raw.into()]);
    Bulk { table: "hit_raws", columns: RAW_COLUMNS, end: "" }.insert(connection, rows).await
}

/// Whether a hit has nothing in the columns beyond [`COMMON`].
fn is_common(hit: &hit::Model) -> bool {
    let texts = [
        &hit.state,
        &hit.counter,
        &hit.datacenter,
        &hit.proxy_type,
        &hit.tor,
        &hit.known_false,
        &hit.endpoint_id,
        &hit.api_spec_id,
        &hit.api_spec_violation,
        &hit.session_id,
        &hit.orig_session_id,
        &hit.compromised_logins,
        &hit.app_user,
        &hit.app_role,
        &hit.context_params,
    ];
    let numbers = [hit.vuln_id, hit.reported_ts_ms, hit.changed_at, hit.mitigation_control_id];
    let flags = [hit.experimental, hit.wallarm_scanner, hit.ebpf, hit.aasm_event];
    texts.iter().all(|text| text.is_none())
        && numbers.iter().all(Option::is_none)
        && flags.iter().all(Option::is_none)
}

/// In the order of [`HIT_COLUMNS`].
fn hit_values(row: hit::Model) -> Vec<Value> {
    vec![
        row.id.into(),
        row.event_id.into(),
        row.client_id.into(),
        row.attack_id.into(),
        row.time.into(),
        row.ts_ms.into(),
        row.kind.into(),
        row.subtype.into(),
        row.ip.into(),
        row.ip_key.into(),
        row.remote_port.into(),
        row.remote_country.into(),
        row.request_id.into(),
        row.domain.into(),
        row.path.into(),
        row.method.into(),
        row.proto.into(),
        row.scheme.into(),
        row.api_protocol.into(),
        row.auth_protocol.into(),
        row.point.into(),
        row.parameter.into(),
        row.value.into(),
        row.stamps.into(),
        row.stamps_hash.into(),
        row.regex.into(),
        row.known_attack.into(),
        row.statuscode.into(),
        row.response_time.into(),
        row.response_size.into(),
        row.request_size.into(),
        row.block_status.into(),
        row.block_reason.into(),
        row.ip_blocked.into(),
        row.mode.into(),
        row.aggregated_count.into(),
        row.pool.into(),
        row.node_uuid.into(),
        row.received_at.into(),
        row.value_hash.into(),
        row.uri_length.into(),
        row.local_mode.into(),
        row.payload_start.into(),
        row.payload_end.into(),
        row.sign_place.into(),
        row.experimental.into(),
        row.state.into(),
        row.vuln_id.into(),
        row.reported_ts_ms.into(),
        row.changed_at.into(),
        row.counter.into(),
        row.datacenter.into(),
        row.proxy_type.into(),
        row.tor.into(),
        row.known_false.into(),
        row.endpoint_id.into(),
        row.api_spec_id.into(),
        row.api_spec_violation.into(),
        row.session_id.into(),
        row.orig_session_id.into(),
        row.mitigation_control_id.into(),
        row.compromised_logins.into(),
        row.wallarm_scanner.into(),
        row.ebpf.into(),
        row.aasm_event.into(),
        row.app_user.into(),
        row.app_role.into(),
        row.context_params.into(),
    ]
}

/// In the order of [`ATTACK_COLUMNS`].
fn attack_values(row: attack::Model) -> Vec<Value> {
    vec![
        row.id.into(),
        row.public_id.into(),
        row.month.into(),
        row.client_id.into(),
        row.group_key.into(),
        row.kind.into(),
        row.point.into(),
        row.parameter.into(),
        row.domain.into(),
        row.path.into(),
        row.method.into(),
        row.methods.into(),
        row.pool.into(),
        row.first_time.into(),
        row.last_time.into(),
        row.hits.into(),
        row.blocked_hits.into(),
        row.stored_hits.into(),
        row.false_hits.into(),
        row.threat.into(),
        row.target.into(),
        row.experimental.into(),
        row.state.into(),
        row.vuln_id.into(),
        row.changed_at.into(),
        row.recheck_status.into(),
        row.recheck_time.into(),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use sea_orm::{Iden, Iterable};

    use super::*;

    fn names<C: Iterable + Iden>() -> BTreeSet<String> {
        C::iter().map(|column| column.to_string()).collect()
    }

    #[test]
    fn every_column_is_written() {
        let written =
            |columns: &[&str]| columns.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(written(HIT_COLUMNS), names::<hit::Column>());
        assert_eq!(written(ATTACK_COLUMNS), names::<attack::Column>());
        // Each rare column is looked at before it is left out.
        assert_eq!(HIT_COLUMNS.len() - COMMON, 15 + 4 + 4);
    }
}
