//! Attacks: pages with what their hits add up to, counts, addresses.

use bartizan_api::{
    ApiError,
    attack::{AttackCount, AttackPage, AttackView, CountryCount, IpCount},
    listing::{EventListRequest, FilterRequest, Filtered},
    public_id::Indexed,
};
use bartizan_store::{
    attacks::{self, Aggregate, AttackOrder, AttackQuery, Position, Start},
    entity,
};
use serde_json::{Value, json};

use super::{
    cursor,
    event_view::attack_id,
    listing::{Asked, Rows, choice, flag},
};
use crate::{auth::Caller, failure::Failure, state::Cloud};

const IDS: &[(&str, Indexed)] = &[("id", Indexed::Attacks), ("attackid", Indexed::Attacks)];
/// Addresses and countries shown with an attack.
const TOP: usize = 5;
/// Most addresses of the address list.
const MAX_IPS: u64 = 10_000;

fn asked(cloud: &Cloud, caller: &Caller, filter: &Value) -> Result<Asked, ApiError> {
    Asked::parse(cloud, caller, filter, &attacks::fields(), IDS)
}

fn query(asked: &Asked) -> AttackQuery<'_> {
    AttackQuery { tenants: &asked.tenants, since: asked.since, filter: &asked.filter }
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
    let rows = Rows::parse(request)?;
    let order = choice("order_by", &request.order_by, AttackOrder::Hits, order_named)?;
    let desc = flag("order_desc", &request.order_desc, true)?;
    let paging = flag("paging", &request.paging, false)?;
    let fingerprint = cursor::fingerprint(&json!([
        asked.tenants.ids().iter().map(|id| id.0).collect::<Vec<_>>(),
        request.filter,
        request.order_by,
        desc
    ]));
    let start = if paging { after(cloud, &request.cursor, &fingerprint)? } else { None };
    let start = start.map_or(Start::Offset(if paging { 0 } else { rows.offset }), Start::After);
    let mut page = if rows.limit == 0 {
        vec![]
    } else {
        // One more than asked for tells whether there is a next page.
        cloud.store.attack_page(query(&asked), order, desc, start, rows.limit + 1).await?
    };
    let limit = usize::try_from(rows.limit).unwrap_or(usize::MAX);
    let more = page.len() > limit;
    page.truncate(limit);
    let cursor = page.last().filter(|_| paging && more).map(|(_, position)| {
        let position = json!([position.value, position.id]);
        cursor::issue(&cloud.keys, &fingerprint, &position, cloud.now())
    });
    let ids: Vec<i64> = page.iter().map(|(attack, _)| attack.id).collect();
    let mut aggregates = cloud.store.attack_aggregates(query(&asked), &ids).await?;
    let body = page
        .iter()
        .map(|(attack, _)| attack_view(attack, aggregates.remove(&attack.id).unwrap_or_default()))
        .collect();
    Ok(Filtered { reply: AttackPage { status: 200, cursor, body }, ignored: asked.filter.ignored })
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
) -> Result<Filtered<AttackCount>, Failure> {
    let asked = asked(cloud, caller, &request.filter)?;
    let (attacks, hits, ips) = cloud.store.attack_count(query(&asked)).await?;
    Ok(Filtered { reply: AttackCount { attacks, hits, ips }, ignored: asked.filter.ignored })
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
fn attack_view(attack: &entity::attack::Model, hits: Aggregate) -> AttackView {
    let id = attack_id(attack);
    let countries = countries(&hits);
    let top = hits.sources.iter().take(TOP).map(|source| IpCount {
        ip: source.ip.clone(),
        count: source.hits,
        country: source.country.clone().unwrap_or_default(),
    });
    // The most frequent method; of equal ones the first in the alphabet.
    let method = hits.methods.iter().max_by(|a, b| a.1.cmp(b.1).then_with(|| b.0.cmp(a.0)));
    let ips: std::collections::BTreeSet<&str> =
        hits.sources.iter().map(|source| source.ip.as_str()).collect();
    AttackView {
        attackid: id.join(":"),
        id,
        clientid: attack.client_id,
        domain: Some(attack.domain.clone()),
        poolid: attack.pool,
        method: method.map_or_else(|| attack.method.clone(), |(method, _)| method.clone()),
        parameter: attack.parameter.clone(),
        point: attack.point.clone(),
        path: attack.path.clone(),
        kind: attack.kind.clone(),
        first_time: attack.first_time,
        last_time: attack.last_time,
        hits: attack.hits,
        hits_count_by_filter: hits.filtered_hits,
        ip_count: i64::try_from(ips.len()).unwrap_or(i64::MAX),
        ip_count_by_filter: hits.filtered_ips,
        ip_top: top.collect(),
        country_count: i64::try_from(countries.len()).unwrap_or(i64::MAX),
        country_top: countries.into_iter().take(TOP).collect(),
        datacenter: vec![],
        tor: None,
        statuscodes: hits.statuscodes.iter().copied().collect(),
        statuscodes_by_filter: Some(hits.filtered_statuscodes.iter().copied().collect()),
        vectors_count: hits.vectors,
        vectors_count_by_filter: Some(hits.filtered_vectors),
        anomality: None,
        sid: hits.stamps.iter().map(ToString::to_string).collect(),
        vulnid: attack.vuln_id,
        vulns: vec![],
        threat: attack.threat,
        target: attack.target.clone(),
        experimental: attack.experimental,
        recheck_status: None,
        recheck_time: None,
        block_status: Some(block_status(attack).to_owned()),
        state: attack.state.clone(),
        known_attack: hits.known_attack.into_iter().collect(),
        sampled: attack.hits > attack.stored_hits - attack.false_hits,
        incident_status: None,
    }
}

fn block_status(attack: &entity::attack::Model) -> &'static str {
    if attack.blocked_hits == 0 {
        "monitored"
    } else if attack.blocked_hits >= attack.hits {
        "blocked"
    } else {
        "partially_blocked"
    }
}

/// Hits by known country, most first.
fn countries(hits: &Aggregate) -> Vec<CountryCount> {
    let mut counts: std::collections::BTreeMap<&str, i64> = std::collections::BTreeMap::new();
    for source in &hits.sources {
        if let Some(country) = &source.country {
            *counts.entry(country).or_default() += source.hits;
        }
    }
    let mut counts: Vec<CountryCount> = counts
        .into_iter()
        .map(|(country, count)| CountryCount { country: country.to_owned(), count })
        .collect();
    counts.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.country.cmp(&b.country)));
    counts
}
