//! What a page of attacks says of their hits, from the index: one pass over the hits for the page, one for the countries
//! of the addresses that are named, and one more when the filter looks at hits.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use bartizan_events_index::{
    Aggregation, Dimension, Filter, Group, Index, Metric, Number, Subject, Text, Top, Value as Key,
};
use bartizan_store::{
    TenantId,
    attacks::{Aggregate, AttackQuery, Source, TOP},
};

use super::{ask, filter, items, metric, single};
use crate::{failure::Failure, state::Cloud};

/// As many as there are.
const ALL: usize = usize::MAX;

/// What the hits of these attacks add up to, by row number. `query` says which hits match the filter.
///
/// # Errors
/// 500 when the store fails.
pub async fn aggregates(
    cloud: &Cloud,
    query: AttackQuery<'_>,
    ids: &[i64],
) -> Result<HashMap<i64, Aggregate>, Failure> {
    if let ([_, ..], Some((tenant, _))) = (ids, single(cloud, query.tenants, query.since).await?)
        && let Some(found) = indexed(cloud, tenant, query, ids).await
    {
        return Ok(found);
    }
    Ok(cloud.store.attack_aggregates(query, ids).await?)
}

/// The same from the index alone; none for what it cannot tell, and while it is being built.
pub async fn indexed(
    cloud: &Cloud,
    tenant: TenantId,
    query: AttackQuery<'_>,
    ids: &[i64],
) -> Option<HashMap<i64, Aggregate>> {
    let clauses = AttackQuery::hit_clauses(query.filter);
    let all = filter::of_page(ids, None)?;
    let by_filter = match &clauses {
        Some(clauses) => Some(filter::of_page(ids, Some(clauses))?),
        None => None,
    };
    let mut page: HashMap<i64, Aggregate> = ids.iter().map(|id| (*id, Aggregate::default())).collect();
    for group in by_attack(cloud, tenant, all.clone(), tops()).await? {
        if let Some(attack) = attack(&mut page, &group) {
            describe(attack, group);
        }
    }
    if let Some(by_filter) = by_filter {
        page.values_mut().for_each(none_match);
        for group in by_attack(cloud, tenant, by_filter, vec![statuses()]).await? {
            if let Some(attack) = attack(&mut page, &group) {
                matching(attack, &group);
                attack.filtered_statuscodes = numbers(group.tops.into_iter().next()).collect();
            }
        }
    }
    let countries = countries(cloud, tenant, all, &page).await?;
    for (id, attack) in &mut page {
        for source in &mut attack.top_sources {
            source.country = countries.get(&(*id, source.ip.clone())).cloned();
        }
    }
    Some(page)
}

/// Hits by attack: rows, distinct addresses and payloads, and what is most frequent, by the hits each row stands for.
async fn by_attack(
    cloud: &Cloud,
    tenant: TenantId,
    filter: Filter,
    tops: Vec<(Dimension, usize)>,
) -> Option<Vec<Group>> {
    let distinct = |text| Metric::Distinct(Subject::Text(text), None);
    let asked = Aggregation {
        filter,
        dimensions: vec![Dimension::Number(Number::Attack, 1)],
        metrics: vec![Metric::Rows(None), distinct(Text::Ip), distinct(Text::Payload)],
        details: vec![],
        tops,
        weight: Some(Number::Count),
    };
    let every = move |index: &Index| index.aggregate(tenant.0, &asked, |table| (0..table.len()).collect());
    ask(cloud, tenant, every).await
}

fn statuses() -> (Dimension, usize) {
    (Dimension::Number(Number::Status, 1), ALL)
}

/// In the order in which [`describe`] reads them.
fn tops() -> Vec<(Dimension, usize)> {
    let list = |text| (Dimension::Mapped(text, Arc::new(items)), ALL);
    vec![
        (Dimension::Text(Text::Ip), TOP),
        (Dimension::Text(Text::Country), TOP),
        statuses(),
        list(Text::Stamps),
        list(Text::KnownAttack),
        (Dimension::Text(Text::Datacenter), ALL),
        (Dimension::Text(Text::Tor), 1),
    ]
}

fn attack<'a>(page: &'a mut HashMap<i64, Aggregate>, group: &Group) -> Option<&'a mut Aggregate> {
    match group.key.first() {
        Some(Key::Number(id)) => page.get_mut(id),
        _ => None,
    }
}

fn describe(attack: &mut Aggregate, group: Group) {
    matching(attack, &group);
    attack.ips = attack.filtered_ips;
    attack.vectors = attack.filtered_vectors;
    let mut tops = group.tops.into_iter();
    attack.top_sources = texts(tops.next()).map(|(ip, hits)| Source { ip, country: None, hits }).collect();
    let countries = tops.next();
    attack.countries = countries.as_ref().map_or(0, |top| i64::try_from(top.count).unwrap_or(i64::MAX));
    attack.top_countries = texts(countries).collect();
    attack.statuscodes = numbers(tops.next()).collect();
    attack.filtered_statuscodes.clone_from(&attack.statuscodes);
    let names = |top| texts(top).map(|(name, _)| name);
    attack.stamps = names(tops.next()).filter_map(|stamp| stamp.parse().ok()).collect();
    attack.known_attack = names(tops.next()).collect();
    attack.datacenters = names(tops.next()).collect();
    attack.tor = names(tops.next()).next().is_some();
}

fn matching(attack: &mut Aggregate, group: &Group) {
    attack.filtered_hits = metric(group, 0);
    attack.filtered_ips = metric(group, 1);
    attack.filtered_vectors = metric(group, 2);
}

fn none_match(attack: &mut Aggregate) {
    (attack.filtered_hits, attack.filtered_ips, attack.filtered_vectors) = (0, 0, 0);
    attack.filtered_statuscodes = BTreeSet::new();
}

fn texts(top: Option<Top>) -> impl Iterator<Item = (String, i64)> {
    top.into_iter().flat_map(|top| top.values).filter_map(|(value, hits)| match value {
        Key::Text(text) => Some((text, hits)),
        Key::Number(_) => None,
    })
}

fn numbers(top: Option<Top>) -> impl Iterator<Item = i64> {
    top.into_iter().flat_map(|top| top.values).filter_map(|(value, _)| match value {
        Key::Number(number) => Some(number),
        Key::Text(_) => None,
    })
}

/// The country of most hits of each address that is named, by attack.
async fn countries(
    cloud: &Cloud,
    tenant: TenantId,
    all: Filter,
    page: &HashMap<i64, Aggregate>,
) -> Option<HashMap<(i64, String), String>> {
    // Nothing to tell apart, and often nothing known.
    if page.values().all(|attack| attack.countries == 0) {
        return Some(HashMap::new());
    }
    let sources = page.values().flat_map(|attack| &attack.top_sources);
    let named: HashSet<String> = sources.map(|source| source.ip.clone()).collect();
    let asked = Aggregation {
        filter: Filter::All(vec![all, Filter::text(Text::Ip, move |ip| named.contains(ip))]),
        dimensions: vec![Dimension::Number(Number::Attack, 1), Dimension::Text(Text::Ip)],
        metrics: vec![],
        details: vec![],
        tops: vec![(Dimension::Text(Text::Country), 1)],
        weight: Some(Number::Count),
    };
    let every = move |index: &Index| index.aggregate(tenant.0, &asked, |table| (0..table.len()).collect());
    let country = |group: Group| match group.key.as_slice() {
        [Key::Number(id), Key::Text(ip)] => {
            Some(((*id, ip.clone()), texts(group.tops.into_iter().next()).next()?.0))
        }
        _ => None,
    };
    Some(ask(cloud, tenant, every).await?.into_iter().filter_map(country).collect())
}
