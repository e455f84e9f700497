//! One event of a node: is it acceptable, and what rows does it make.

use std::net::IpAddr;

use bartizan_api::{
    node::{
        BlockStatus, ContextParam, DroppedHits, EbpfData, HitEvent, RawRequest, RequestSpan, SignPlace,
        VulnEvidence,
    },
    vuln_type,
};
use bartizan_store::{JsonText, conditions::address_key, entity};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{auth::node::NodeCaller, services::country::is_origin};

/// Oldest request time that is believed, relative to receipt.
const MAX_AGE_MS: i64 = 86_400_000;
/// Furthest request time in the future that is believed.
const MAX_AHEAD_MS: i64 = 300_000;
/// Times outside of 2000 to 2100 are no wrong clock but garbage.
const MIN_TS_MS: i64 = 946_684_800_000;
const MAX_TS_MS: i64 = 4_102_444_800_000;
/// Largest size that is believed, bytes: 1 PiB.
const MAX_SIZE: u64 = 1 << 50;
/// Longest payload, characters.
const MAX_VALUE: usize = 4096;
/// Longest other text that a node adds, characters.
const MAX_TEXT: usize = 256;
/// Most compromised logins of a hit.
const MAX_LOGINS: usize = 100;
/// Most context parameters of a request.
const MAX_CONTEXT: usize = 20;
/// Most hits of one request, and most words about it.
const MAX_HITS: usize = 1000;

/// Whether an event can be stored, and stands for no more hits than are believed.
pub(super) fn check(hit: &HitEvent, most_hits: u32) -> Result<(), &'static str> {
    check_identity(&hit.event_id, &hit.request_id)?;
    // It is shown to clients (`spec/events.md` section 0.3).
    if !(16..=20).contains(&hit.event_id.len()) {
        return Err("event_id of a hit must be 16 to 20 URL-safe characters");
    }
    if hit.ip.parse::<IpAddr>().is_err() {
        return Err("ip is not an address");
    }
    if hit.point.len() > 256 || !hit.point.iter().all(|step| step.is_string() || step.as_u64().is_some()) {
        return Err("point must be at most 256 strings and numbers");
    }
    let texts = [
        (hit.domain.len(), 2048),
        (hit.path.len(), 65_536),
        (hit.method.len(), 256),
        (hit.parameter.len(), 65_536),
        (hit.value.len(), 1 << 20),
        (hit.raw.body.len(), 1 << 20),
        (hit.stamps.len().max(hit.regex.len()).max(hit.known_attack.len()), 1024),
        (hit.known_attack.iter().map(String::len).sum(), 65_536),
        (hit.context.context_params.len(), 1024),
        (hit.raw.ebpf.as_ref().map_or(0, ebpf_length), 8192),
    ];
    if texts.iter().any(|(length, limit)| length > limit) {
        return Err("a field is too long");
    }
    if !(MIN_TS_MS..MAX_TS_MS).contains(&hit.ts_ms) {
        return Err("ts_ms is not a time of this age");
    }
    let sizes = hit.response_size.max(hit.request_size).max(hit.raw.body_original_size.unwrap_or(0));
    if sizes > MAX_SIZE {
        return Err("a size is not possible");
    }
    if hit.statuscode > 999 {
        return Err("statuscode is not one");
    }
    if hit.aggregated_count > most_hits {
        return Err("aggregated_count is beyond limits.aggregated_count");
    }
    Ok(())
}

/// Whether a proof can be stored.
pub(super) fn check_proof(proof: &VulnEvidence) -> Result<(), &'static str> {
    check_identity(&proof.event_id, &proof.request_id)?;
    if proof.request_id.contains('\0') {
        return Err("request_id must be 1 to 64 characters");
    }
    if proof.vuln_type.is_empty() || proof.domain.is_empty() || proof.path.is_empty() {
        return Err("vuln_type, domain and path are required");
    }
    if !vuln_type::is_known(&vuln_type::code_of(&proof.vuln_type)) {
        return Err("vuln_type is no type of vulnerability");
    }
    if proof.parameter.len() > 65_536 || proof.path.len() > 65_536 || proof.domain.len() > 2048 {
        return Err("a field is too long");
    }
    if proof.parameter.contains('\0') {
        return Err("U+0000 is not allowed");
    }
    Ok(())
}

/// Whether the record of a request without its hits can be stored.
pub(super) fn check_dropped(dropped: &DroppedHits) -> Result<(), &'static str> {
    check_identity(&dropped.event_id, &dropped.request_id)?;
    if dropped.ip.parse::<IpAddr>().is_err() {
        return Err("ip is not an address");
    }
    if !(1..=MAX_HITS).contains(&dropped.hits.len()) || dropped.tags.len() > MAX_HITS {
        return Err("1 to 1000 hits and at most 1000 tags are allowed");
    }
    let longest = |texts: &mut dyn Iterator<Item = &String>| texts.map(String::len).max().unwrap_or(0);
    let texts = [
        (dropped.domain.len(), 2048),
        (dropped.path.len(), 65_536),
        (dropped.method.len(), 256),
        (dropped.server_addr.len(), 256),
        (longest(&mut dropped.tags.iter()), 256),
        (longest(&mut dropped.hits.iter().map(|hit| &hit.parameter)), 65_536),
        (longest(&mut dropped.hits.iter().map(|hit| &hit.value)), 65_536),
        (dropped.hits.iter().map(|hit| hit.point.len()).max().unwrap_or(0), 256),
        (dropped.hits.iter().map(|hit| hit.stamps.len()).max().unwrap_or(0), 1024),
    ];
    if texts.iter().any(|(length, limit)| length > limit) {
        return Err("a field is too long");
    }
    if !(MIN_TS_MS..MAX_TS_MS).contains(&dropped.ts_ms) {
        return Err("ts_ms is not a time of this age");
    }
    if dropped.statuscode > 999 {
        return Err("statuscode is not one");
    }
    Ok(())
}

/// Bytes of everything that is known of a pod.
fn ebpf_length(data: &EbpfData) -> usize {
    let texts = [
        &data.address,
        &data.namespace,
        &data.container,
        &data.pod,
        &data.node_ip,
        &data.node_name,
        &data.load_balancer,
    ];
    texts.iter().map(|text| text.len()).sum()
}

/// Whether an event can be told from others, and its request, too.
fn check_identity(event_id: &str, request_id: &str) -> Result<(), &'static str> {
    let url_safe = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !(1..=64).contains(&event_id.len()) || !event_id.as_bytes().iter().all(url_safe) {
        return Err("event_id must be 1 to 64 URL-safe characters");
    }
    if request_id.is_empty() || request_id.len() > 64 {
        return Err("request_id must be 1 to 64 characters");
    }
    Ok(())
}

/// When a request was, as far as that can be believed; else now. Unix milliseconds.
pub(super) fn believed(ts_ms: i64, now_ms: i64) -> i64 {
    if (now_ms - MAX_AGE_MS..=now_ms + MAX_AHEAD_MS).contains(&ts_ms) { ts_ms } else { now_ms }
}

/// The address of a source. IPv4 is IPv4, also where a socket of both families received it.
fn address(text: &str) -> IpAddr {
    // Checked before; the unspecified address would be visible as such.
    text.parse().unwrap_or(IpAddr::from([0, 0, 0, 0])).to_canonical()
}

/// The row of a request without its hits.
pub(super) fn dropped_row(
    dropped: DroppedHits,
    node: &NodeCaller,
    now_ms: i64,
) -> entity::dropped_request::Model {
    let json = |value: serde_json::Result<Value>| JsonText(value.map(value_without_nul).unwrap_or_default());
    entity::dropped_request::Model {
        id: 0,
        event_id: dropped.event_id,
        client_id: node.tenant().0,
        request_id: without_nul(dropped.request_id),
        ts_ms: believed(dropped.ts_ms, now_ms),
        pool: dropped.application,
        method: without_nul(dropped.method),
        domain: without_nul(dropped.domain),
        path: without_nul(dropped.path),
        ip: address(&dropped.ip).to_string(),
        server_addr: without_nul(dropped.server_addr),
        statuscode: i64::from(dropped.statuscode),
        // Plain data: serialising it cannot fail.
        tags: json(serde_json::to_value(dropped.tags)),
        hits: json(serde_json::to_value(dropped.hits)),
        // From the credentials: a node cannot speak for another.
        node_uuid: node.node.uuid.clone(),
        received_at: now_ms / 1000,
    }
}

/// The row of an event, not yet in an attack, and its serialised request.
pub(super) fn rows(hit: HitEvent, node: &NodeCaller, now_ms: i64) -> (entity::hit::Model, String) {
    let ts_ms = believed(hit.ts_ms, now_ms);
    let ip = address(&hit.ip);
    let place = sign_place(&hit);
    let uri_length = i64::try_from(hit.raw.uri.chars().count()).unwrap_or(i64::MAX);
    let raw = raw_text(&hit.raw);
    let is_ebpf = hit.raw.ebpf.is_some();
    let context = hit.context;
    let text = |value: Option<String>| value.map(|value| without_nul(cut(value, MAX_TEXT)));
    // Nobody is no user.
    let named = |value: Option<String>| text(value).filter(|value| !value.is_empty());
    let sent = hit.value.chars().count();
    let value: String = cut(without_nul(hit.value), MAX_VALUE);
    // What was left out of the value would move it.
    let span = hit.payload_span.filter(|span| is_within(*span, value.chars().count()));
    let span = span.filter(|_| value.chars().count() == sent);
    let row = entity::hit::Model {
        id: 0,
        event_id: hit.event_id,
        client_id: node.tenant().0,
        attack_id: 0,
        time: ts_ms.div_euclid(1000),
        ts_ms,
        kind: hit.attack_type.code().to_owned(),
        subtype: hit.attack_subtype.map(without_nul),
        ip: ip.to_string(),
        ip_key: address_key(ip),
        remote_port: i64::from(hit.remote_port),
        remote_country: context.country.map(|code| code.to_uppercase()).filter(|code| is_origin(code)),
        request_id: without_nul(hit.request_id),
        domain: without_nul(hit.domain),
        path: without_nul(hit.path),
        method: without_nul(hit.method),
        proto: without_nul(hit.proto),
        scheme: without_nul(hit.scheme),
        api_protocol: if hit.api_protocol.is_empty() {
            "none".to_owned()
        } else {
            without_nul(hit.api_protocol)
        },
        auth_protocol: comma_list(hit.auth_protocol.iter()),
        point: value_without_nul(Value::Array(hit.point)),
        parameter: without_nul(hit.parameter),
        value_hash: Some(value_hash(&value)),
        value,
        payload_start: span.map(|[start, _]| i64::from(start)),
        payload_end: span.map(|[_, end]| i64::from(end)),
        sign_place: place.and_then(|place| serde_json::to_string(&place).ok()),
        stamps_hash: stamps_hash(&hit.stamps),
        stamps: comma_list(hit.stamps.iter()),
        regex: comma_list(hit.regex.iter()),
        known_attack: comma_list(hit.known_attack.iter()),
        experimental: hit.experimental.then_some(true),
        statuscode: i64::from(hit.statuscode),
        response_time: i64::from(hit.response_time),
        response_size: i64::try_from(hit.response_size).unwrap_or(i64::MAX),
        request_size: i64::try_from(hit.request_size).unwrap_or(i64::MAX),
        block_status: match hit.block_status {
            BlockStatus::Blocked => "blocked",
            BlockStatus::Monitored => "monitored",
        }
        .to_owned(),
        block_reason: without_nul(hit.block_reason),
        ip_blocked: hit.ip_blocked,
        mode: without_nul(hit.mode),
        aggregated_count: i64::from(hit.aggregated_count.max(1)),
        pool: hit.application,
        // From the credentials: a node cannot speak for another.
        node_uuid: node.node.uuid.clone(),
        state: None,
        vuln_id: None,
        received_at: now_ms / 1000,
        reported_ts_ms: (ts_ms != hit.ts_ms).then_some(hit.ts_ms),
        changed_at: None,
        counter: text(context.counter),
        datacenter: text(context.datacenter),
        tor: (context.tor || context.proxy_type.as_deref() == Some("TOR")).then(|| "tor".to_owned()),
        proxy_type: text(context.proxy_type),
        known_false: text(context.known_false),
        endpoint_id: text(context.endpoint_id),
        api_spec_id: text(context.api_spec_id),
        api_spec_violation: text(context.api_spec_violation),
        session_id: text(context.session_id),
        orig_session_id: text(context.orig_session_id),
        mitigation_control_id: context.mitigation_control_id,
        compromised_logins: logins(context.compromised_logins),
        wallarm_scanner: context.wallarm_scanner.then_some(true),
        ebpf: (context.ebpf || is_ebpf).then_some(true),
        aasm_event: context.aasm_event.then_some(true),
        local_mode: text(context.local_mode),
        uri_length: Some(uri_length),
        app_user: named(context.user),
        app_role: named(context.user_role),
        context_params: context_params(context.context_params),
    };
    (row, raw)
}

/// Where the sign stands, as far as that is within the request; a place beyond it is unknown.
fn sign_place(hit: &HitEvent) -> Option<SignPlace> {
    let place = hit.sign_place?;
    let is_there = |found: &RequestSpan| {
        // What is written otherwise than it was sent has its characters elsewhere.
        let text = hit.recorded(found.part).filter(|text| !text.contains('\0'));
        text.is_some_and(|text| is_within(found.span, text.chars().count()))
    };
    // Without a payload nothing is said of its value either: it was masked. How long the value was is not known here.
    let value = place.value.filter(|span| !hit.value.is_empty() && is_within(*span, usize::MAX));
    let request = place.request.filter(is_there);
    (value.is_some() || request.is_some()).then_some(SignPlace { value, request })
}

fn is_within([start, end]: [u32; 2], length: usize) -> bool {
    start < end && end as usize <= length
}

/// The request as JSON, without U+0000, which some may not be able to read.
fn raw_text(raw: &RawRequest) -> String {
    // Plain data: serialising it cannot fail.
    let text = serde_json::to_string(raw).unwrap_or_default();
    if !text.contains("\\u0000") {
        return text;
    }
    serde_json::from_str(&text).map(value_without_nul).unwrap_or_default().to_string()
}

/// `,a,b,`, or empty. Commas inside an item would split it and become spaces.
fn comma_list<T: ToString>(items: impl Iterator<Item = T>) -> String {
    let mut list = String::new();
    for item in items {
        if list.is_empty() {
            list.push(',');
        }
        list.push_str(&without_nul(item.to_string()).replace(',', " "));
        list.push(',');
    }
    list
}

fn cut(text: String, characters: usize) -> String {
    if text.len() <= characters { text } else { text.chars().take(characters).collect() }
}

/// The logins as a JSON list; none is null.
fn logins(logins: Vec<String>) -> Option<String> {
    let kept = logins.into_iter().take(MAX_LOGINS).map(|login| without_nul(cut(login, MAX_TEXT)));
    let kept: Vec<String> = kept.collect();
    if kept.is_empty() { None } else { serde_json::to_string(&kept).ok() }
}

/// The parameters as a JSON list of pairs; none is null.
fn context_params(params: Vec<ContextParam>) -> Option<String> {
    let kept = params.into_iter().filter(|param| !param.name.is_empty()).take(MAX_CONTEXT);
    let text = |text: String| without_nul(cut(text, MAX_TEXT));
    let kept: Vec<(String, String)> = kept.map(|param| (text(param.name), text(param.value))).collect();
    if kept.is_empty() { None } else { serde_json::to_string(&kept).ok() }
}

/// Signed 32-bit hash of a payload.
fn value_hash(value: &str) -> i64 {
    first_32_bits(Sha256::digest(value).into())
}

fn first_32_bits(digest: [u8; 32]) -> i64 {
    let [a, b, c, d, ..] = digest;
    i64::from(i32::from_be_bytes([a, b, c, d]))
}

/// Signed 32-bit hash of the sorted stamps; 0 when there are none.
fn stamps_hash(stamps: &[u32]) -> i64 {
    if stamps.is_empty() {
        return 0;
    }
    let mut sorted = stamps.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut hash = Sha256::new();
    for stamp in sorted {
        hash.update(stamp.to_be_bytes());
    }
    first_32_bits(hash.finalize().into())
}

/// PostgreSQL stores no NUL in text: it is written as escapes write other bytes.
pub(super) fn without_nul(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\\x00") } else { text }
}

pub(super) fn value_without_nul(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_nul(text)),
        Value::Array(items) => Value::Array(items.into_iter().map(value_without_nul).collect()),
        Value::Object(map) => Value::Object(
            map.into_iter().map(|(key, value)| (without_nul(key), value_without_nul(value))).collect(),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stamps_hash_ignores_order_and_repeats() {
        assert_eq!(stamps_hash(&[3, 1, 2]), stamps_hash(&[1, 2, 3, 3]));
        assert_eq!(stamps_hash(&[]), 0);
        assert!(i32::try_from(stamps_hash(&[7])).is_ok());
    }

    #[test]
    fn lists_have_outer_commas_and_nothing_else_does() {
        assert_eq!(comma_list([1, 22].iter()), ",1,22,");
        assert_eq!(comma_list(["a,b"].iter()), ",a b,");
        assert_eq!(comma_list(Vec::<u32>::new().iter()), "");
    }

    #[test]
    fn nul_never_reaches_the_database() {
        let value = value_without_nul(serde_json::json!({"a\0": ["x\0y", 1]}));
        assert_eq!(value, serde_json::json!({"a\\x00": ["x\\x00y", 1]}));
    }
}
