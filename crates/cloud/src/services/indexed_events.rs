//! Figures of hits from the event index where its columns can answer, from the database otherwise.
//!
//! The object endpoints and the dashboards ask in the filter language of `bartizan_api::filter`. A filter that names
//! something that the index does not have, or several tenants, is left to SQL, which takes longer on many hits and is
//! right on all of them; so is everything while the index is being built. Both must say the same: a test asks both.

use std::{sync::Arc, time::Duration};

use bartizan_events_index::{
    Aggregation, Dimension, Filter, Group, Index, IndexError, Metric, Number, Subject, Text, Value as Key,
};
use bartizan_store::{
    TenantId, Tenants,
    attacks::{self, AttackQuery},
    hits::{Bucket, HitQuery, KindCount, Term, Timeline},
};
use serde_json::Value;

use super::{attack_vectors::kept_since, ingest};
use crate::{failure::Failure, state::Cloud};

pub mod attack_order;
pub mod attack_page;
mod filter;

/// Most attacks that are named to the database one by one.
const MAX_NAMED: usize = 20_000;
/// How long an index that is behind is waited for: the database knows the answer, too.
const PATIENCE: Duration = Duration::from_millis(500);

/// The tenant of a query if it is one, and the oldest time whose events it still has.
async fn single(cloud: &Cloud, tenants: &Tenants, since: i64) -> Result<Option<(TenantId, i64)>, Failure> {
    let [tenant] = tenants.ids() else { return Ok(None) };
    Ok(Some((*tenant, since.max(kept_since(cloud, *tenant).await?))))
}

async fn hits(cloud: &Cloud, query: HitQuery<'_>) -> Result<Option<(TenantId, Filter)>, Failure> {
    let found = single(cloud, query.tenants, query.since).await?;
    Ok(found.and_then(|(tenant, since)| Some((tenant, filter::of_hits(query.filter, since)?))))
}

/// An answer of the index; none when it has no answer now, which was logged.
async fn ask<R: Send + 'static>(
    cloud: &Cloud,
    tenant: TenantId,
    question: impl Fn(&Index) -> Result<R, IndexError> + Send + Sync + 'static,
) -> Option<R> {
    cloud.event_index.ask_within(PATIENCE, tenant, question).await.ok()
}

/// Groups of hits, all of them.
async fn groups(
    cloud: &Cloud,
    (tenant, filter): (TenantId, Filter),
    dimensions: Vec<Dimension>,
    metrics: Vec<Metric>,
) -> Option<Vec<Group>> {
    let asked = Aggregation { filter, dimensions, metrics, details: vec![], tops: vec![], weight: None };
    ask(cloud, tenant, move |index| index.aggregate(tenant.0, &asked, |table| (0..table.len()).collect()))
        .await
}

fn metric(group: &Group, place: usize) -> i64 {
    group.metrics.get(place).copied().unwrap_or_default()
}

/// Number of hits.
///
/// # Errors
/// 500 when the store fails.
pub async fn count(cloud: &Cloud, query: HitQuery<'_>) -> Result<u64, Failure> {
    if let Some(hits) = hits(cloud, query).await?
        && let Some(found) = groups(cloud, hits, vec![], vec![Metric::Rows(None)]).await
    {
        let rows = found.first().map_or(0, |group| metric(group, 0));
        return Ok(u64::try_from(rows).unwrap_or_default());
    }
    Ok(cloud.store.hit_count(query).await?)
}

/// Hits by type, outcome and status.
///
/// # Errors
/// 500 when the store fails.
pub async fn kinds(cloud: &Cloud, query: HitQuery<'_>) -> Result<Vec<KindCount>, Failure> {
    let dimensions = vec![
        Dimension::Text(Text::Kind),
        Dimension::Number(Number::Blocked, 1),
        Dimension::Number(Number::Status, 1),
    ];
    let kind = |group: Group| match group.key.as_slice() {
        [Key::Text(kind), Key::Number(blocked), Key::Number(status)] => Some(KindCount {
            kind: kind.clone(),
            blocked: *blocked != 0,
            statuscode: *status,
            hits: metric(&group, 0),
        }),
        _ => None,
    };
    if let Some(hits) = hits(cloud, query).await?
        && let Some(found) = groups(cloud, hits, dimensions, vec![Metric::Sum(Number::Count)]).await
    {
        return Ok(found.into_iter().filter_map(kind).collect());
    }
    Ok(cloud.store.hit_kinds(query).await?)
}

/// Hits over time.
///
/// # Errors
/// 500 when the store fails.
pub async fn series(cloud: &Cloud, query: HitQuery<'_>, timeline: Timeline) -> Result<Vec<Bucket>, Failure> {
    let last = timeline.from.saturating_add(timeline.length).saturating_sub(1);
    let within = Filter::number(Number::Time, filter::span_ms(Some(timeline.from), Some(last)));
    let metrics = vec![Metric::Sum(Number::Count), Metric::Distinct(Subject::Text(Text::Ip), None)];
    let dimension = Dimension::Since {
        number: Number::Time,
        // The index knows milliseconds, the database seconds: both count in seconds.
        unit: 1000,
        from: timeline.from,
        length: timeline.length,
        parts: timeline.parts(),
    };
    if let Some((tenant, filter)) = hits(cloud, query).await?
        && let filter = Filter::All(vec![filter, within])
        && let Some(found) = groups(cloud, (tenant, filter), vec![dimension], metrics).await
    {
        let mut buckets = vec![Bucket::default(); timeline.points];
        for group in found {
            let Some(Key::Number(place)) = group.key.first() else { continue };
            let bucket = usize::try_from(*place).ok().and_then(|place| buckets.get_mut(place));
            if let Some(bucket) = bucket {
                *bucket = Bucket { hits: metric(&group, 0), ips: metric(&group, 1) };
            }
        }
        return Ok(buckets);
    }
    Ok(cloud.store.hit_series(query, timeline).await?)
}

/// Values of a field of hits with their number of hits, most first.
///
/// # Errors
/// 400 for a field that hits cannot be grouped by, 500 when the store fails.
pub async fn terms(
    cloud: &Cloud,
    query: HitQuery<'_>,
    term: Term,
    limit: usize,
) -> Result<Vec<(Value, i64)>, Failure> {
    if let (Some((tenant, filter)), Some(dimension)) = (hits(cloud, query).await?, dimension(term.name()))
        && let Some(found) = frequent(cloud, (tenant, filter), dimension, term, limit).await
    {
        return Ok(found);
    }
    Ok(cloud.store.hit_terms(query, term, u64::try_from(limit).unwrap_or(u64::MAX)).await?)
}

/// How a field of hits, by its wire name, is grouped in the index.
fn dimension(term: &str) -> Option<Dimension> {
    Some(match term {
        "domain" => Dimension::Text(Text::Host),
        "path" => Dimension::Text(Text::Path),
        "type" => Dimension::Text(Text::Kind),
        "ip" => Dimension::Text(Text::Ip),
        "remote_country" => Dimension::Text(Text::Country),
        "method" => Dimension::Text(Text::Method),
        "protocol" => Dimension::Text(Text::ApiProtocol),
        "node_uuid" => Dimension::Text(Text::Node),
        "parameter" => Dimension::Text(Text::Parameter),
        "statuscode" => Dimension::Number(Number::Status, 1),
        "poolid" => Dimension::Number(Number::Application, 1),
        "datacenter" => Dimension::Mapped(Text::Datacenter, Arc::new(|text| or(text, "unknown"))),
        "tor" => Dimension::Mapped(Text::Tor, Arc::new(|text| or(text, "none"))),
        "auth_protocol" => Dimension::Mapped(Text::AuthProtocol, Arc::new(items)),
        "known_attack" => Dimension::Mapped(Text::KnownAttack, Arc::new(items)),
        _ => return None,
    })
}

fn or(text: &str, word: &str) -> Vec<String> {
    vec![if text.is_empty() { word } else { text }.to_owned()]
}

/// The different items of `,a,b,`.
fn items(list: &str) -> Vec<String> {
    let mut items: Vec<String> = list.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect();
    items.sort_unstable();
    items.dedup();
    items
}

async fn frequent(
    cloud: &Cloud,
    (tenant, filter): (TenantId, Filter),
    dimension: Dimension,
    term: Term,
    limit: usize,
) -> Option<Vec<(Value, i64)>> {
    // One more for the hits without any item, which are no value of a list.
    let wanted = limit.saturating_add(usize::from(term.is_list()));
    let metrics = vec![Metric::Sum(Number::Count)];
    let asked = Aggregation {
        filter,
        dimensions: vec![dimension],
        metrics,
        details: vec![],
        tops: vec![],
        weight: None,
    };
    let question = move |index: &Index| {
        index.aggregate(tenant.0, &asked, |table| {
            let mut groups: Vec<usize> = (0..table.len()).collect();
            let order = |a: &usize, b: &usize| {
                let rows = table.metric(0, *b).cmp(&table.metric(0, *a));
                rows.then_with(|| table.compare_groups(0, *a, *b))
            };
            if groups.len() > wanted && wanted > 0 {
                groups.select_nth_unstable_by(wanted - 1, order);
            }
            groups.truncate(wanted);
            groups.sort_unstable_by(order);
            groups
        })
    };
    let found = ask(cloud, tenant, question).await?;
    let value = |key: Option<&Key>| match key {
        Some(Key::Text(text)) if text.is_empty() && term.name() == "remote_country" => Value::Null,
        Some(Key::Text(text)) => Value::from(text.as_str()),
        Some(Key::Number(number)) => Value::from(*number),
        None => Value::Null,
    };
    let rows = found.iter().map(|group| (value(group.key.first()), metric(group, 0)));
    Some(rows.filter(|(value, _)| !term.is_list() || *value != "").take(limit).collect())
}

/// Attacks of a query, their hits and their distinct addresses.
///
/// # Errors
/// 500 when the store fails.
pub async fn attack_count(cloud: &Cloud, query: AttackQuery<'_>) -> Result<(i64, i64, i64), Failure> {
    let among = attacks_with_hit(cloud, query).await?;
    let query = AttackQuery { among: among.as_deref(), ..query };
    let (attacks, hits) = cloud.store.attack_totals(query).await?;
    let ips = match addresses(cloud, query).await? {
        Some(ips) => ips,
        None => cloud.store.attack_addresses(query).await?,
    };
    Ok((attacks, hits, ips))
}

/// Distinct addresses of the hits of attacks, marked ones left out.
async fn addresses(cloud: &Cloud, query: AttackQuery<'_>) -> Result<Option<i64>, Failure> {
    let Some((tenant, since)) = single(cloud, query.tenants, query.since).await? else { return Ok(None) };
    // Hits of a source's attack have types and places of their own, which are not those of the attack.
    if attacks::any_in_groups(cloud.store.reader(), query.tenants, ingest::SOURCE_GROUPS).await? {
        return Ok(None);
    }
    let incidents = attacks::incident_rows(cloud.store.reader(), query.tenants).await?;
    let Some(filter) = filter::of_attacks(query.filter, since, &incidents) else { return Ok(None) };
    let metrics = vec![Metric::Distinct(Subject::Text(Text::Ip), None)];
    let found = groups(cloud, (tenant, filter), vec![], metrics).await;
    Ok(found.map(|found| found.first().map_or(0, |group| metric(group, 0))))
}

/// The attacks that have a hit as a filter of attacks wants it; none when the database must find out.
///
/// # Errors
/// 500 when the store fails.
pub async fn attacks_with_hit(cloud: &Cloud, query: AttackQuery<'_>) -> Result<Option<Vec<i64>>, Failure> {
    let of_hit = AttackQuery::of_one_hit(query.filter);
    let (Some(mut of_hit), Some((tenant, _))) = (of_hit, single(cloud, query.tenants, query.since).await?)
    else {
        return Ok(None);
    };
    // Fewer to name.
    of_hit.extend(filter::shared(query.filter));
    let Some(filter) = filter::clause(&of_hit) else { return Ok(None) };
    let attacks = ask(cloud, tenant, move |index| index.values(tenant.0, &filter, Number::Attack)).await;
    Ok(attacks.filter(|attacks| attacks.len() <= MAX_NAMED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_that_the_index_groups_is_one_of_hits() {
        for name in ["type", "tor", "known_attack", "statuscode", "node_uuid"] {
            assert!(dimension(name).is_some() && Term::named(name).is_some(), "{name}");
        }
        assert!(dimension("block_status").is_none());
        assert_eq!(items(",b,a,b,"), ["a", "b"]);
    }
}
