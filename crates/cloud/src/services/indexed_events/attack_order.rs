//! Pages of attacks in the order of what their hits add up to: from rankings of the index, where the database would
//! count the hits of every attack.
//!
//! The index knows every attack in order; the database knows which of them pass the filter. A page is mostly found
//! among the first few hundred of the order. When it is not, because the filter lets few through or the page is far
//! down, every attack that passes is read and sorted here; so it is where the filter itself tells that this is cheaper.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bartizan_events_index::{
    Aggregation, Dimension, Filter, Mark, Metric, Number, Order, Subject, Text, Value as Key,
};
use bartizan_store::{
    TenantId,
    attacks::{AttackOrder, AttackQuery, Position, Span, Start},
    entity::attack,
};
use serde_json::Value;

use super::{ask, single};
use crate::{failure::Failure, state::Cloud};

/// Attacks of the order that the database is asked about at once, doubled each time.
const PROBED: usize = 256;
/// Most of them for a page.
const MAX_PROBED: usize = 4096;
/// Attacks whose rows the index looks up one by one.
const FEW: usize = 1024;

/// A page of attacks with the position of each, as the database would give it.
///
/// # Errors
/// 500 when the store fails.
pub async fn page(
    cloud: &Cloud,
    query: AttackQuery<'_>,
    order: AttackOrder,
    desc: bool,
    start: Start,
    limit: u64,
) -> Result<Vec<(attack::Model, Position)>, Failure> {
    if let Some(measure) = measure(order)
        && let Some((tenant, _)) = single(cloud, query.tenants, query.since).await?
        // Every attack is read for its ranks: not in vain, while the index is behind or being built.
        && ask(cloud, tenant, |_| Ok(())).await.is_some()
    {
        let first = if is_probed(query) {
            first(cloud, tenant, query, &measure, desc, &start, limit).await?
        } else {
            None
        };
        let chosen = match first {
            Some(chosen) => Some(chosen),
            None => {
                let candidates = cloud.store.attack_spans(query).await?;
                let ranks = ranks(cloud, tenant, &candidates, measure).await;
                ranks.map(|ranks| choose(&candidates, &ranks, desc, &start, limit))
            }
        };
        if let Some(chosen) = chosen {
            let ids = chosen.iter().map(|(_, id)| *id);
            let mut rows = cloud.store.attack_rows(query.tenants, ids).await?;
            let page = chosen.into_iter().filter_map(|(rank, id)| {
                Some((rows.remove(&id)?, Position { value: Value::from(rank), id }))
            });
            return Ok(page.collect());
        }
    }
    Ok(cloud.store.attack_page(query, order, desc, start, limit).await?)
}

/// Whether the first attacks of the order are looked at before all that pass. What a filter asks of hits the database
/// looks for among the hits of each attack, and the first of an order are those with the most; where few attacks can
/// pass at all, ranking those is quick.
fn is_probed(query: AttackQuery<'_>) -> bool {
    match query.among {
        Some(attacks) => attacks.len() > FEW,
        None => !AttackQuery::asks_of_hits(query.filter),
    }
}

/// Attacks of the order that pass the filter, in their order.
#[derive(Default)]
struct Passing {
    ranked: Vec<(i64, i64)>,
    seen: HashSet<i64>,
}

impl Passing {
    /// Takes the next attacks of the order. One that was measured again since the last were asked for may come a second
    /// time, with its new rank: it stays where it was, as a page shows each attack once.
    fn extend(&mut self, ranked: &[(i64, i64)], among: &HashSet<i64>) {
        for (rank, id) in ranked {
            if among.contains(id) && self.seen.insert(*id) {
                self.ranked.push((*rank, *id));
            }
        }
    }
}

/// Rank and row of the attacks of a page, if they are found near the start of the order or the order is short; none when
/// the page is not full there.
async fn first(
    cloud: &Cloud,
    tenant: TenantId,
    query: AttackQuery<'_>,
    measure: &Metric,
    desc: bool,
    start: &Start,
    limit: u64,
) -> Result<Option<Vec<(i64, i64)>>, Failure> {
    let (skipped, mut after) = match start {
        Start::Offset(rows) => (usize::try_from(*rows).unwrap_or(usize::MAX), None),
        Start::After(position) => (0, Some((position.value.as_i64().unwrap_or_default(), position.id))),
    };
    let wanted = skipped.saturating_add(usize::try_from(limit).unwrap_or(usize::MAX));
    let (mut passing, mut asked, mut probed) = (Passing::default(), PROBED, 0);
    while wanted <= MAX_PROBED && probed < MAX_PROBED {
        let measure = measure.clone();
        let ranked = ask(cloud, tenant, move |index| {
            index.ranked(tenant.0, &Order { measure: &measure, descending: desc, after, limit: asked })
        });
        let Some(ranked) = ranked.await else { break };
        let ids: Vec<i64> = ranked.iter().map(|(_, id)| *id).collect();
        let among: HashSet<i64> = cloud.store.attacks_passing(query, &ids).await?;
        passing.extend(&ranked, &among);
        // Behind the end of the order there is nothing that could fill the page.
        if passing.ranked.len() >= wanted || ranked.len() < asked {
            return Ok(Some(passing.ranked.into_iter().take(wanted).skip(skipped).collect()));
        }
        after = ranked.last().copied();
        probed += asked;
        asked = (asked * 2).min(MAX_PROBED - probed);
    }
    Ok(None)
}

/// What the index measures for an order; none for what attacks say themselves.
fn measure(order: AttackOrder) -> Option<Metric> {
    match order {
        AttackOrder::IpCount => Some(Metric::Distinct(Subject::Text(Text::Ip), None)),
        AttackOrder::VectorsCount => Some(Metric::Distinct(Subject::Text(Text::Payload), None)),
        AttackOrder::ResponseStatus => Some(Metric::Min(Number::Status)),
        _ => None,
    }
}

/// What is measured of each attack, by row number. Attacks whose hits are all marked false are not there.
async fn ranks(
    cloud: &Cloud,
    tenant: TenantId,
    candidates: &[Span],
    measure: Metric,
) -> Option<HashMap<i64, i64>> {
    let first = candidates.iter().map(|attack| attack.first_time).min();
    let last = candidates.iter().map(|attack| attack.last_time).max();
    let (Some(first), Some(last)) = (first, last) else { return Some(HashMap::new()) };
    let marked = Mark::False.code()..=Mark::False.code();
    let meant = if candidates.len() <= FEW {
        Filter::AnyOf(Number::Attack, candidates.iter().map(|attack| attack.id).collect())
    } else {
        // Blocks of other times are not looked at.
        let last = last.saturating_mul(1000).saturating_add(999);
        Filter::number(Number::Time, first.saturating_mul(1000)..=last)
    };
    let asked = Arc::new(Aggregation {
        filter: Filter::All(vec![meant, Filter::Not(Box::new(Filter::number(Number::Mark, marked)))]),
        dimensions: vec![Dimension::Number(Number::Attack, 1)],
        metrics: vec![measure],
        details: vec![],
        tops: vec![],
        weight: None,
    });
    ask(cloud, tenant, move |index| {
        let mut ranks = HashMap::new();
        index.aggregate(tenant.0, &asked, |table| {
            ranks.extend((0..table.len()).filter_map(|group| match table.value(0, group) {
                Key::Number(attack) => Some((attack, table.metric(0, group))),
                Key::Text(_) => None,
            }));
            // Nothing else is asked of the groups.
            vec![]
        })?;
        Ok(ranks)
    })
    .await
}

/// Rank and row of the attacks of a page; equal ones are sorted by row.
fn choose(
    candidates: &[Span],
    ranks: &HashMap<i64, i64>,
    desc: bool,
    start: &Start,
    limit: u64,
) -> Vec<(i64, i64)> {
    let ranked = candidates.iter().map(|attack| (ranks.get(&attack.id).copied().unwrap_or(0), attack.id));
    let mut ranked: Vec<(i64, i64)> = match start {
        Start::Offset(_) => ranked.collect(),
        Start::After(position) => {
            let last = (position.value.as_i64().unwrap_or_default(), position.id);
            ranked.filter(|one| if desc { *one < last } else { *one > last }).collect()
        }
    };
    if desc {
        ranked.sort_unstable_by_key(|one| Reverse(*one))
    } else {
        ranked.sort_unstable()
    }
    let offset = if let Start::Offset(rows) = start { *rows } else { 0 };
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    ranked.into_iter().skip(count(offset)).take(count(limit)).collect()
}

#[cfg(test)]
mod tests {
    use bartizan_api::filter::{Condition, Filter, Test};
    use bartizan_store::Tenants;

    use super::*;

    #[test]
    fn an_attack_that_is_measured_again_between_two_rounds_fills_one_place() {
        let among = HashSet::from([1, 2, 3, 4]);
        let mut passing = Passing::default();
        passing.extend(&[(9, 1), (8, 7), (8, 2)], &among);
        // A hit came in for the second, whose rank ascends here: it comes again.
        passing.extend(&[(10, 2), (11, 3), (12, 8), (12, 4)], &among);
        assert_eq!(passing.ranked, [(9, 1), (8, 2), (11, 3), (12, 4)]);
    }

    #[test]
    fn the_order_is_probed_where_that_may_help() {
        let tenants = Tenants::from(TenantId(1));
        let of = |fields: &[&'static str]| {
            let asked =
                |field: &&'static str| Condition { field, negated: false, test: Test::Ints(vec![7], vec![]) };
            Filter { clauses: vec![fields.iter().map(asked).collect()], ignored: vec![] }
        };
        let is_probed = |filter: &Filter, among: Option<&[i64]>| {
            is_probed(AttackQuery { tenants: &tenants, since: 0, filter, among })
        };
        let many: Vec<i64> = (0..2000).collect();
        assert!(is_probed(&of(&["type", "time"]), None) && is_probed(&of(&[]), None));
        assert!(!is_probed(&of(&["type", "statuscode"]), None), "hits would be looked for");
        assert!(is_probed(&of(&["type", "statuscode"]), Some(&many)));
        assert!(!is_probed(&of(&["type", "statuscode"]), many.get(..50)), "few");
    }
}
