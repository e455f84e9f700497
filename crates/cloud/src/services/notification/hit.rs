//! A hit as SIEM systems get it: the whole event (`docs/integrations.md` has its members).

use bartizan_api::AttackType;
use bartizan_store::entity::hit::Model;
use serde_json::{Value, json};

use crate::services::event_view::{hit_id, hit_view, items, logins};

/// Title, and everything that is known of a hit. `headers` are those of the request, upper-case name to values.
#[must_use]
pub(super) fn event(hit: &Model, headers: Option<&Value>) -> Value {
    let verb = if hit.block_status == "blocked" { "blocked" } else { "detected" };
    let mut details = json!({ "hit": members(hit) });
    if let (Some(headers), Some(details)) = (headers, details.as_object_mut()) {
        details.insert("headers".to_owned(), headers.clone());
    }
    json!({
        "summary": format!("{} {verb}: {} {}{}", title(&hit.kind), hit.method, hit.domain, hit.path),
        "details": details,
    })
}

fn title(kind: &str) -> String {
    let info = AttackType::parse_code(kind).map(AttackType::info);
    info.map_or_else(|| kind.to_owned(), |info| info.label.to_owned())
}

/// Everything that is known of a hit, in the groups of the manual.
fn members(hit: &Model) -> Value {
    let groups = [finding(hit), request(hit), source(hit), outcome(hit)];
    groups.into_iter().filter_map(|group| group.as_object().cloned()).flatten().collect()
}

fn finding(hit: &Model) -> Value {
    let view = hit_view(hit, None);
    json!({
        "id": hit_id(hit),
        "object_type": "hit",
        "request_id": hit.request_id,
        "node_uuid": hit.node_uuid,
        "request_time": hit.time,
        "create_time": hit.received_at,
        "type": hit.kind,
        "attack_subtype": hit.subtype,
        "parameter": hit.parameter,
        "point": hit.point,
        "payloads": view.payloads,
        "known_attack": view.known_attack,
        "stamps": view.stamps,
        "stamps_hash": hit.stamps_hash,
        "regex": view.regex,
        "regex_hash": 0,
        "experimental": hit.experimental.unwrap_or(false),
        // Found by signs, not by what is unusual.
        "anomaly": 0,
        "probability": 1.0,
        "heur_distance": 0.0,
    })
}

fn request(hit: &Model) -> Value {
    json!({
        "host": hit.domain,
        "method": hit.method,
        "path": hit.path,
        "scheme": hit.scheme,
        "proto": hit.proto,
        "protocol": hit.api_protocol,
        "auth_protocol": items(&hit.auth_protocol),
        "request_len": hit.request_size,
        "applications": [hit.pool],
        "session_id": hit.session_id,
        "api_spec_id": hit.api_spec_id,
        "api_spec_violation": hit.api_spec_violation,
        "compromised_logins": logins(hit),
    })
}

fn source(hit: &Model) -> Value {
    let view = hit_view(hit, None);
    json!({
        "remote_addr4": view.remote_addr4,
        "remote_addr6": view.remote_addr6,
        "remote_port": hit.remote_port,
        "remote_country": hit.remote_country,
        "datacenter": view.datacenter,
        "proxy_type": hit.proxy_type,
        "tor": view.tor,
        "ip_blocked": hit.ip_blocked,
    })
}

fn outcome(hit: &Model) -> Value {
    json!({
        "block_status": hit.block_status,
        "block_reason": hit.block_reason,
        "wallarm_mode": hit.local_mode.as_ref().unwrap_or(&hit.mode),
        "final_wallarm_mode": hit.mode,
        "brute_counter": hit.counter,
        "mitigation_control_id": hit.mitigation_control_id,
        "aggregated_count": hit.aggregated_count,
        "response_status": hit.statuscode,
        "response_time": hit.response_time,
        "response_len": hit.response_size,
        "libproton_version": null,
        "lom_id": null,
    })
}
