//! Attacks: pages with what their hits add up to, counts, addresses.

use bartizan_api::{
    ApiError, AttackType, Compared,
    attack::{AttackCount, AttackPage, AttackView, CountryCount, IpCount, LinkedVuln},
    filter::Filter,
    listing::{EventListRequest, FilterRequest, Filtered},
    public_id::Indexed,
    vuln_type,
};
use bartizan_store::{
    attacks::{self, Aggregate, AttackOrder, AttackQuery, Position, Start},
    entity,
    vulns::incidents,
};
use serde_json::{Map, Value, json};

use super::{
    cursor,
    event_view::attack_id,
    indexed_events,
    listing::{Asked, Rows, attack_types, choice, flag, of_period_before, understood},
};
use crate::{auth::Caller, failure::Failure, state::Cloud};

pub mod series;

pub(super) const IDS: &[(&str, Indexed)] =
    &[("id", Indexed::Attacks), ("hitid", Indexed::Hits), ("attackid", Indexed::Attacks)];
/// Most addresses of the address list.
const MAX_IPS: u64 = 10_000;

fn asked(cloud: &Cloud, caller: &Caller, filter: &Value) -> Result<Asked, ApiError> {
    Asked::parse(cloud, caller, filter, &attacks::fields(), IDS, attack_types)
}

/// A filter of attacks, whoever asks.
///
/// # Errors
/// 400 by field.
pub(super) fn understood_filter(filter: &Value) -> Result<Filter, ApiError> {
    understood(filter, &attacks::fields(), IDS, attack_types)
}

fn query(asked: &Asked) -> AttackQuery<'_> {
    AttackQuery { tenants: &asked.tenants, since: asked.since, filter: &asked.filter, among: None }
}

/// A page of attacks.
///
/// # Errors
/// 400 by field, 403.
pub async fn list(
    cloud: &Cloud,
    caller: &Caller,
    request: &EventListRequest,
) -> Result<Filtered<AttackPage>, Failure> {
    let asked = asked(cloud, caller, &request.filter)?;
    let paging = flag("paging", &request.paging, false)?;
    // Whoever pages by cursor may count rows on all the same.
    let offset = if paging { Value::Null } else { request.offset.clone() };
    let rows = Rows::parse(&EventListRequest { offset, ..request.clone() })?;
    let order = choice("order_by", &request.order_by, AttackOrder::Hits, order_named)?;
    let desc = flag("order_desc", &request.order_desc, true)?;
    let fingerprint = cursor::fingerprint(&json!([
        asked.tenants.ids().iter().map(|id| id.0).collect::<Vec<_>>(),
        request.filter,
        request.order_by,
        desc
    ]));
    let start = if paging { after(cloud, &request.cursor, &fingerprint)? } else { None };
    let start = start.map_or(Start::Offset(rows.offset), Start::After);
    let mut page = if rows.limit == 0 {
        vec![]
    } else {
        let among = indexed_events::attacks_with_hit(cloud, query(&asked)).await?;
        let query = AttackQuery { among: among.as_deref(), ..query(&asked) };
        // One more than asked for tells whether there is a next page.
        indexed_events::attack_order::page(cloud, query, order, desc, start, rows.limit + 1).await?
    };
    let limit = usize::try_from(rows.limit).unwrap_or(usize::MAX);
    let more = page.len() > limit;
    page.truncate(limit);
    let cursor = page.last().filter(|_| paging && more).map(|(_, position)| {
        let position = json!([position.value, position.id]);
        cursor::issue(&cloud.keys, &fingerprint, &position, cloud.now())
    });
    let found: Vec<entity::attack::Model> = page.into_iter().map(|(attack, _)| attack).collect();
    let body = views(cloud, query(&asked), &found).await?;
    Ok(Filtered { reply: AttackPage { status: 200, cursor, body }, ignored: asked.filter.ignored })
}

/// Attacks as lists return them; `query` says which of their hits count as "by filter".
///
/// # Errors
/// 500 when the store fails.
pub(super) async fn views(
    cloud: &Cloud,
    query: AttackQuery<'_>,
    attacks: &[entity::attack::Model],
) -> Result<Vec<AttackView>, Failure> {
    let ids: Vec<i64> = attacks.iter().map(|attack| attack.id).collect();
    let mut aggregates = indexed_events::attack_page::aggregates(cloud, query, &ids).await?;
    let mut vulns = incidents::vulns_of_attacks(cloud.store.reader(), query.tenants, &ids).await?;
    let view = |attack: &entity::attack::Model| {
        let linked = vulns.remove(&attack.id).unwrap_or_default();
        attack_view(attack, aggregates.remove(&attack.id).unwrap_or_default(), &linked)
    };
    Ok(attacks.iter().map(view).collect())
}

fn after(cloud: &Cloud, cursor: &Value, fingerprint: &str) -> Result<Option<Position>, ApiError> {
    match cursor {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => {
            let position = cursor::open(&cloud.keys, fingerprint, text, cloud.now())?;
            let (value, id) = serde_json::from_value(position)
                .map_err(|_| ApiError::field("cursor", "invalid cursor", Value::Null))?;
            Ok(Some(Position { value, id }))
        }
        other => Err(ApiError::field("cursor", "must be a string", other.clone())),
    }
}

fn order_named(name: &str) -> Option<AttackOrder> {
    Some(match name {
        "hits" | "hit_count" => AttackOrder::Hits,
        "last_time" => AttackOrder::LastTime,
        "first_time" => AttackOrder::FirstTime,
        "ip_count" => AttackOrder::IpCount,
        "domain" => AttackOrder::Domain,
        "path" => AttackOrder::Path,
        "response_status" => AttackOrder::ResponseStatus,
        "parameter" => AttackOrder::Parameter,
        "vectors_count" => AttackOrder::VectorsCount,
        _ => return None,
    })
}

/// Attacks, hits and addresses of a filter.
///
/// # Errors
/// 400 by field, 403.
pub async fn count(
    cloud: &Cloud,
    caller: &Caller,
    request: &FilterRequest,
) -> Result<Filtered<Compared<AttackCount>>, Failure> {
    let asked = asked(cloud, caller, &request.filter)?;
    let count = async |filter: Filter| {
        let query = AttackQuery { filter: &filter, ..query(&asked) };
        let (attacks, hits, ips) = indexed_events::attack_count(cloud, query).await?;
        Ok::<_, Failure>(AttackCount { attacks, hits, ips })
    };
    let body = count(asked.filter.clone()).await?;
    let before = if flag("compare", &request.compare, false)? {
        Some(count(of_period_before(&asked.filter, cloud.now())?).await?)
    } else {
        None
    };
    Ok(Filtered { reply: Compared::new(body, before), ignored: asked.filter.ignored })
}

/// Addresses of the attacks of a filter, most hits first.
///
/// # Errors
/// 400 by field, 403.
pub async fn ips(
    cloud: &Cloud,
    caller: &Caller,
    request: &FilterRequest,
) -> Result<Filtered<Vec<String>>, Failure> {
    let asked = asked(cloud, caller, &request.filter)?;
    let reply = cloud.store.attack_ips(query(&asked), MAX_IPS).await?;
    Ok(Filtered { reply, ignored: asked.filter.ignored })
}

/// An attack as lists return it.
fn attack_view(attack: &entity::attack::Model, hits: Aggregate, vulns: &[entity::vuln::Model]) -> AttackView {
    let id = attack_id(attack);
    let top = hits.top_sources.into_iter().map(|source| IpCount {
        ip: source.ip,
        count: source.hits,
        country: source.country.unwrap_or_default(),
    });
    let countries =
        hits.top_countries.into_iter().map(|(country, count)| CountryCount { country, count }).collect();
    AttackView {
        attackid: id.join(":"),
        id,
        clientid: attack.client_id,
        domain: Some(attack.domain.clone()),
        poolid: attack.pool,
        method: attack.method.clone(),
        parameter: attack.parameter.clone(),
        point: attack.point.clone(),
        path: attack.path.clone(),
        kind: attack.kind.clone(),
        first_time: attack.first_time,
        last_time: attack.last_time,
        hits: attack.hits,
        hits_count_by_filter: hits.filtered_hits,
        ip_count: hits.ips,
        ip_count_by_filter: hits.filtered_ips,
        ip_top: top.collect(),
        country_count: hits.countries,
        country_top: countries,
        datacenter: hits.datacenters.iter().cloned().collect(),
        tor: hits.tor.then(|| "tor".to_owned()),
        statuscodes: hits.statuscodes.iter().copied().collect(),
        statuscodes_by_filter: Some(hits.filtered_statuscodes.iter().copied().collect()),
        vectors_count: hits.vectors,
        vectors_count_by_filter: Some(hits.filtered_vectors),
        anomality: None,
        sid: hits.stamps.iter().map(ToString::to_string).collect(),
        vulnid: attack.vuln_id,
        vulns: vulns.iter().map(linked).collect(),
        threat: attack.threat,
        target: attack.target.clone(),
        experimental: attack.experimental,
        recheck_status: attack.recheck_status.clone(),
        recheck_time: attack.recheck_time,
        block_status: Some(block_status(attack).to_owned()),
        state: attack.state.clone(),
        known_attack: hits.known_attack.into_iter().collect(),
        sampled: attack.hits > attack.stored_hits - attack.false_hits,
        incident_status: attack.vuln_id.map(|_| {
            let open = vulns.iter().any(|row| row.status == "open");
            if open { "open" } else { "closed" }.to_owned()
        }),
    }
}

/// A vulnerability as its incidents show it.
fn linked(row: &entity::vuln::Model) -> LinkedVuln {
    LinkedVuln {
        id: row.id,
        wid: row.wid.clone(),
        threat: row.threat,
        status: row.status.clone(),
        title: row.title.clone(),
    }
}

/// Kept for older clients: there is no estimate.
///
/// # Errors
/// 400 by field, 403.
pub fn cost(cloud: &Cloud, caller: &Caller, request: &FilterRequest) -> Result<Filtered<i64>, Failure> {
    let asked = asked(cloud, caller, &request.filter)?;
    Ok(Filtered { reply: 0, ignored: asked.filter.ignored })
}

fn block_status(attack: &entity::attack::Model) -> &'static str {
    if attack.hits == 0 {
        // Every hit is false.
        "unknown"
    } else if attack.blocked_hits == 0 {
        "monitored"
    } else if attack.blocked_hits >= attack.hits {
        "blocked"
    } else {
        "partially_blocked"
    }
}

/// The attack types that make sense in each place.
#[must_use]
pub fn suggested_types() -> Map<String, Value> {
    let codes = |passes: &dyn Fn(AttackType) -> bool| -> Vec<&'static str> {
        AttackType::ALL.iter().copied().filter(|kind| passes(*kind)).map(AttackType::code).collect()
    };
    // Types that the platform uses for itself have no threat.
    let shown = codes(&|kind| kind.info().threat > 0);
    let exploitable = codes(&|kind| EXPLOITABLE.contains(&kind.code()));
    let vulns: Vec<&str> =
        exploitable.iter().copied().chain(vuln_type::ONLY_VULNS.iter().map(|info| info.code)).collect();
    let lists: [(&str, Vec<&str>); 12] = [
        ("rules.regex", bartizan_rules::attack_types::BY_PATTERN.to_vec()),
        ("rules.disable_attack", bartizan_rules::attack_types::PATCHABLE.to_vec()),
        ("rules.vpatch", bartizan_rules::attack_types::PATCHABLE.to_vec()),
        ("events.vulns", vulns),
        ("events.attacks", shown.clone()),
        ("events.incidents", exploitable.clone()),
        ("triggers.attacks", shown.clone()),
        ("triggers.incidents", exploitable),
        ("triggers.malicious_payload", codes(&|kind| PAYLOADS.contains(&kind.code()))),
        ("sessions", shown.clone()),
        ("known", shown),
        ("test_runs", vec![]),
    ];
    lists.into_iter().map(|(place, list)| (place.to_owned(), json!(list))).collect()
}

/// Types whose success an answer can prove.
const EXPLOITABLE: &[&str] =
    &["sqli", "nosqli", "rce", "ssti", "ldapi", "ssrf", "xxe", "xss", "redir", "crlf", "ptrav", "infoleak"];
/// Types that carry a payload of the client.
const PAYLOADS: &[&str] = &[
    "xss",
    "sqli",
    "rce",
    "xxe",
    "ptrav",
    "crlf",
    "redir",
    "nosqli",
    "ldapi",
    "scanner",
    "mass_assignment",
    "ssrf",
    "ssi",
    "mail_injection",
    "ssti",
    "invalid_xml",
    "vpatch",
];
