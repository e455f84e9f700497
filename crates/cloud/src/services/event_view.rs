//! Rows of hits and attacks as the API shows them.

use std::net::IpAddr;

use bartizan_api::{
    hit::HitView,
    public_id::{self, Indexed},
};
use bartizan_store::entity;
use chrono::{DateTime, Datelike};

/// The UTC month of a time as `YYYYMM`.
#[must_use]
pub fn month_of(time: i64) -> i64 {
    let date = DateTime::from_timestamp(time, 0).unwrap_or_default();
    i64::from(date.year()) * 100 + i64::from(date.month())
}

/// The public id of a hit.
#[must_use]
pub fn hit_id(hit: &entity::hit::Model) -> [String; 2] {
    public_id::pair(Indexed::Hits, hit.client_id, month_of(hit.time), &hit.event_id)
}

/// The public id of an attack.
#[must_use]
pub fn attack_id(attack: &entity::attack::Model) -> [String; 2] {
    public_id::pair(Indexed::Attacks, attack.client_id, attack.month, &attack.public_id)
}

/// The items of a stored `,a,b,` list.
#[must_use]
pub fn items(list: &str) -> Vec<String> {
    list.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// The compromised logins of a hit.
#[must_use]
pub fn logins(hit: &entity::hit::Model) -> Vec<String> {
    hit.compromised_logins.as_deref().and_then(|list| serde_json::from_str(list).ok()).unwrap_or_default()
}

fn numbers(list: &str) -> Vec<i64> {
    list.split(',').filter_map(|item| item.parse().ok()).collect()
}

/// A hit as lists return it.
#[must_use]
pub fn hit_view(hit: &entity::hit::Model, attack: Option<&entity::attack::Model>) -> HitView {
    let v6 = hit.ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6());
    let known = items(&hit.known_attack);
    HitView {
        id: hit_id(hit),
        kind: hit.kind.clone(),
        ip: hit.ip.clone(),
        size: hit.response_size,
        statuscode: hit.statuscode,
        time: hit.time,
        value: hit.value.clone(),
        payload_span: hit.payload_start.zip(hit.payload_end).map(|(start, end)| [start, end]),
        sign_place: hit.sign_place.as_deref().and_then(|place| serde_json::from_str(place).ok()),
        impression: None,
        stamps: numbers(&hit.stamps),
        stamps_hash: hit.stamps_hash,
        regex: numbers(&hit.regex),
        response_time: hit.response_time,
        remote_country: hit.remote_country.clone(),
        point: hit.point.clone(),
        remote_port: hit.remote_port,
        poolid: hit.pool,
        ip_blocked: hit.ip_blocked,
        experimental: hit.experimental,
        wallarm_scanner: hit.wallarm_scanner,
        attackid: attack.map(|attack| attack_id(attack).to_vec()).unwrap_or_default(),
        block_status: hit.block_status.clone(),
        request_id: hit.request_id.clone(),
        datacenter: hit.datacenter.clone().unwrap_or_else(|| "unknown".to_owned()),
        proxy_type: hit.proxy_type.clone(),
        tor: hit.tor.clone().unwrap_or_else(|| "none".to_owned()),
        state: hit.state.clone(),
        known_attack: (!known.is_empty()).then_some(known),
        known_false: hit.known_false.clone(),
        protocol: hit.api_protocol.clone(),
        auth_protocol: items(&hit.auth_protocol),
        endpoint_id: hit.endpoint_id.clone(),
        path: hit.path.clone(),
        domain: hit.domain.clone(),
        node_uuid: vec![hit.node_uuid.clone()],
        compromised_logins: logins(hit),
        ebpf: hit.ebpf,
        aasm_event: hit.aasm_event.unwrap_or(false),
        api_spec_violation: hit.api_spec_violation.clone(),
        api_spec_id: hit.api_spec_id.clone(),
        security_issue_id: hit.vuln_id,
        vulnid: hit.vuln_id,
        method: hit.method.clone(),
        parameter: hit.parameter.clone(),
        remote_addr4: if v6 { String::new() } else { hit.ip.clone() },
        remote_addr6: if v6 { hit.ip.clone() } else { String::new() },
        payloads: if hit.value.is_empty() { vec![] } else { vec![hit.value.clone()] },
        session_id: hit.session_id.clone(),
        orig_session_id: hit.orig_session_id.clone(),
        mitigation_control_id: hit.mitigation_control_id,
        attack_subtype: hit.subtype.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_utc() {
        assert_eq!(month_of(1_767_225_599), 202_512);
        assert_eq!(month_of(1_767_225_600), 202_601);
    }
}
