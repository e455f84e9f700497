//! What the rows of each attack measure, in order, kept from one question to the next.
//!
//! A list of attacks by their distinct addresses wants the first fifty of perhaps a million. A ranking is made once by
//! a pass over every row; afterwards only attacks with new rows, or with rows whose mark changed, are measured again,
//! from their own rows alone. It is as exact as measuring all of them, and never written to disk.

use std::{
    collections::BTreeSet,
    ops::Bound,
    sync::{Mutex, PoisonError},
};

use hashbrown::{HashMap, HashSet};

use crate::{
    aggregate::{self, Aggregation, Metric},
    block::ColumnId,
    cache::Cache,
    column::{Mark, Number},
    dimension::{Dimension, Value},
    error::IndexError,
    filter::Filter,
    scan::{Part, parts},
    tenant::Tenant,
};

/// Attacks that are measured again at once: their rows are looked up.
const AGAIN: usize = 1000;
/// When more attacks changed than this, every row is looked at.
const MAX_AGAIN: usize = 16 * AGAIN;

/// The rankings of a tenant, by what they measure.
#[derive(Debug, Default)]
pub(crate) struct Rankings(Mutex<Vec<Ranking>>);

impl Rankings {
    /// The attacks from a place of the order on, each as (measure, row number); of equal ones the numbers decide.
    /// Rows that are marked false count nowhere: an attack that has no others measures 0.
    pub(crate) fn page(
        &self,
        tenant: &Tenant,
        cache: &Cache,
        asked: &Order<'_>,
    ) -> Result<Vec<(i64, i64)>, IndexError> {
        // Who asks at the same time would have to do the same.
        let mut rankings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match rankings.iter().position(|ranking| ranking.measure == *asked.measure) {
            Some(place) => place,
            None => {
                rankings.push(Ranking::new(asked.measure.clone()));
                rankings.len() - 1
            }
        };
        let Some(ranking) = rankings.get_mut(place) else { return Ok(vec![]) };
        if let Err(error) = ranking.catch_up(tenant, cache) {
            // Half of it may be new: it is made again by whoever asks next.
            rankings.swap_remove(place);
            return Err(error);
        }
        Ok(ranking.page(asked))
    }
}

/// A page of a ranking.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// What is measured of each attack.
    pub measure: &'a Metric,
    /// Largest first.
    pub descending: bool,
    /// Where it starts: behind this measure and attack.
    pub after: Option<(i64, i64)>,
    /// Most attacks of the answer.
    pub limit: usize,
}

#[derive(Debug)]
struct Ranking {
    measure: Metric,
    /// Row number of the last row that is measured; none before the first.
    position: Option<i64>,
    /// Rows that were marked false, ascending.
    marked: Vec<i64>,
    by_attack: HashMap<i64, i64>,
    order: BTreeSet<(i64, i64)>,
}

impl Ranking {
    fn new(measure: Metric) -> Ranking {
        Ranking { measure, position: None, marked: vec![], by_attack: HashMap::new(), order: BTreeSet::new() }
    }

    fn page(&self, asked: &Order<'_>) -> Vec<(i64, i64)> {
        if asked.descending {
            let end = asked.after.map_or(Bound::Unbounded, Bound::Excluded);
            self.order.range((Bound::Unbounded, end)).rev().take(asked.limit).copied().collect()
        } else {
            let start = asked.after.map_or(Bound::Unbounded, Bound::Excluded);
            self.order.range((start, Bound::Unbounded)).take(asked.limit).copied().collect()
        }
    }

    /// Measures what changed since the last time.
    fn catch_up(&mut self, tenant: &Tenant, cache: &Cache) -> Result<(), IndexError> {
        let marked = tenant.marked_false();
        let parts = parts(tenant, cache);
        let changed = match self.position {
            None => None,
            Some(position) => {
                let mut changed = attacks_after(&parts, position)?;
                changed.extend(attacks_of_rows(&parts, &difference(&self.marked, &marked))?);
                (changed.len() <= MAX_AGAIN).then_some(changed)
            }
        };
        match changed {
            Some(changed) => {
                let changed: Vec<i64> = changed.into_iter().collect();
                for attacks in changed.chunks(AGAIN) {
                    let few = Filter::AnyOf(Number::Attack, attacks.to_vec());
                    let mut measured = measured(tenant, cache, &self.measure, few)?;
                    for attack in attacks {
                        self.set(*attack, measured.remove(attack).unwrap_or(0));
                    }
                }
            }
            None => self.make(tenant, cache, !marked.is_empty())?,
        }
        (self.position, self.marked) = (Some(tenant.position()), marked);
        Ok(())
    }

    fn make(&mut self, tenant: &Tenant, cache: &Cache, any_marked: bool) -> Result<(), IndexError> {
        let every = || Filter::All(vec![]);
        self.by_attack = measured(tenant, cache, &self.measure, every())?;
        if any_marked {
            // Those whose rows are all marked.
            for attack in aggregate::values(tenant, cache, &every(), Number::Attack)? {
                self.by_attack.entry(attack).or_insert(0);
            }
        }
        self.order = self.by_attack.iter().map(|(attack, measure)| (*measure, *attack)).collect();
        Ok(())
    }

    fn set(&mut self, attack: i64, measure: i64) {
        if let Some(before) = self.by_attack.insert(attack, measure) {
            self.order.remove(&(before, attack));
        }
        self.order.insert((measure, attack));
    }
}

/// The measure of each attack that has a row that passes and is not marked false.
fn measured(
    tenant: &Tenant,
    cache: &Cache,
    measure: &Metric,
    filter: Filter,
) -> Result<HashMap<i64, i64>, IndexError> {
    let marked = Mark::False.code()..=Mark::False.code();
    let asked = Aggregation {
        filter: Filter::All(vec![filter, Filter::Not(Box::new(Filter::number(Number::Mark, marked)))]),
        dimensions: vec![Dimension::Number(Number::Attack, 1)],
        metrics: vec![measure.clone()],
        details: vec![],
        tops: vec![],
        weight: None,
    };
    let mut measured = HashMap::new();
    aggregate::run(tenant, cache, &asked, |table| {
        measured.extend((0..table.len()).filter_map(|group| match table.value(0, group) {
            Value::Number(attack) => Some((attack, table.metric(0, group))),
            Value::Text(_) => None,
        }));
        // Nothing else is asked of the groups.
        vec![]
    })?;
    Ok(measured)
}

/// The attacks of rows that came after a row. Row numbers ascend.
fn attacks_after(parts: &[Part<'_>], position: i64) -> Result<HashSet<i64>, IndexError> {
    let mut attacks = HashSet::new();
    for part in parts.iter().rev().take_while(|part| part.bounds(Number::Id).1 > position) {
        let ids = part.column(ColumnId::Number(Number::Id))?;
        let column = part.column(ColumnId::Number(Number::Attack))?;
        let rows = (0..part.rows()).rev().take_while(|row| ids.value(*row) > position);
        attacks.extend(rows.map(|row| column.value(row)));
    }
    Ok(attacks)
}

/// The attacks of rows by their numbers, ascending.
fn attacks_of_rows(parts: &[Part<'_>], rows: &[i64]) -> Result<HashSet<i64>, IndexError> {
    let mut attacks = HashSet::new();
    for part in parts {
        let (first, last) = part.bounds(Number::Id);
        let from = rows.partition_point(|row| *row < first);
        let here = rows.get(from..rows.partition_point(|row| *row <= last)).unwrap_or_default();
        if here.is_empty() {
            continue;
        }
        let wanted: HashSet<i64> = here.iter().copied().collect();
        let ids = part.column(ColumnId::Number(Number::Id))?;
        let column = part.column(ColumnId::Number(Number::Attack))?;
        let rows = (0..part.rows()).filter(|row| wanted.contains(&ids.value(*row)));
        attacks.extend(rows.map(|row| column.value(row)));
    }
    Ok(attacks)
}

/// What only one of two ascending lists has, ascending.
fn difference(a: &[i64], b: &[i64]) -> Vec<i64> {
    let only = |these: &[i64], those: &[i64]| -> Vec<i64> {
        these.iter().copied().filter(|one| those.binary_search(one).is_err()).collect()
    };
    let mut all = only(a, b);
    all.extend(only(b, a));
    all.sort_unstable();
    all
}
