//! Hits as rows of the event index.

use bartizan_events_index::{Number, Row, Text};
use bartizan_store::{entity, event_index::IndexedHit};

use crate::services::attack_vectors::identity;

/// What the index holds of a hit.
pub(super) fn row_of(hit: IndexedHit) -> Row {
    let vector = identity::key(&identity::digest(
        hit.client_id,
        &hit.request_id,
        &hit.kind,
        &hit.point.to_string(),
        &hit.stamps,
    ));
    Row::new(hit.id, hit.request_id)
        .with_number(Number::Vector, vector)
        .with_text(Text::Kind, hit.kind)
        .with_text(Text::Subtype, hit.subtype.unwrap_or_default())
        .with_text(Text::Ip, hit.ip)
        .with_text(Text::Country, hit.remote_country.unwrap_or_default())
        .with_text(Text::Host, hit.domain)
        .with_text(Text::Path, hit.path)
        .with_text(Text::Method, hit.method)
        .with_text(Text::Scheme, hit.scheme)
        .with_text(Text::Protocol, hit.proto)
        .with_text(Text::ApiProtocol, hit.api_protocol)
        .with_text(Text::AuthProtocol, hit.auth_protocol)
        .with_text(Text::Parameter, hit.parameter)
        .with_text(Text::Payload, hit.value)
        .with_text(Text::KnownAttack, hit.known_attack)
        .with_text(Text::Session, hit.orig_session_id.unwrap_or_default())
        .with_number(Number::Time, hit.ts_ms)
        .with_number(Number::Attack, hit.attack_id)
        .with_number(Number::Status, hit.statuscode)
        .with_number(Number::Application, hit.pool)
        .with_number(Number::ResponseTime, hit.response_time)
        .with_number(Number::ResponseSize, hit.response_size)
        .with_number(Number::RequestSize, hit.request_size)
        .with_number(Number::UriLength, hit.uri_length.unwrap_or_default())
        .with_number(Number::Blocked, i64::from(hit.block_status == "blocked"))
        .with_number(Number::Control, hit.mitigation_control_id.unwrap_or_default())
        .with_text(Text::Datacenter, hit.datacenter.unwrap_or_default())
        .with_text(Text::Tor, hit.tor.unwrap_or_default())
        .with_text(Text::Node, hit.node_uuid)
        .with_number(Number::Count, hit.aggregated_count)
        .with_text(Text::Stamps, hit.stamps)
        .with_text(Text::User, hit.app_user.unwrap_or_default())
        .with_text(Text::UserRole, hit.app_role.unwrap_or_default())
        .with_text(Text::Context, hit.context_params.unwrap_or_default())
}

/// The same of a hit that was just stored.
pub(super) fn row_of_model(hit: entity::hit::Model) -> Row {
    row_of(IndexedHit {
        id: hit.id,
        client_id: hit.client_id,
        point: hit.point,
        request_id: hit.request_id,
        ts_ms: hit.ts_ms,
        attack_id: hit.attack_id,
        kind: hit.kind,
        subtype: hit.subtype,
        ip: hit.ip,
        remote_country: hit.remote_country,
        domain: hit.domain,
        path: hit.path,
        method: hit.method,
        scheme: hit.scheme,
        proto: hit.proto,
        api_protocol: hit.api_protocol,
        auth_protocol: hit.auth_protocol,
        parameter: hit.parameter,
        value: hit.value,
        known_attack: hit.known_attack,
        orig_session_id: hit.orig_session_id,
        statuscode: hit.statuscode,
        pool: hit.pool,
        response_time: hit.response_time,
        response_size: hit.response_size,
        request_size: hit.request_size,
        uri_length: hit.uri_length,
        block_status: hit.block_status,
        mitigation_control_id: hit.mitigation_control_id,
        datacenter: hit.datacenter,
        tor: hit.tor,
        node_uuid: hit.node_uuid,
        aggregated_count: hit.aggregated_count,
        stamps: hit.stamps,
        app_user: hit.app_user,
        app_role: hit.app_role,
        context_params: hit.context_params,
    })
}
