//! What the rows of each attack measure, in order, kept from one question to the next.
//!
//! A list of attacks by their distinct addresses wants the first fifty of perhaps a million. A ranking is made once by
//! a pass over every row; afterwards only attacks with new rows, or with rows whose mark changed, are measured again,
//! from their own rows alone. It is as exact as measuring all of them, and never written to disk.
//!
//! A pass over every row is done in turns, some attacks each time, so that it takes no memory for all rows at once.
//! Each turn looks at the tenant as it is then, and each attack is as of its own turn. What came since the turns began is
//! known from the row numbers and marks, and the last step, which looks at one state of the tenant, measures just those
//! attacks again: the order is that of one moment. [`Cache`] keeps rankings and drops those that were not used for the
//! longest time.

use std::{
    collections::BTreeSet,
    ops::{Bound, RangeInclusive},
    sync::{PoisonError, RwLock},
};

use hashbrown::{HashMap, HashSet};

use crate::{
    aggregate::{self, Aggregation, Metric},
    block::{BLOCK_ROWS, ColumnId},
    cache::Cache,
    column::{Mark, Number},
    dimension::{Dimension, Value},
    error::IndexError,
    filter::Filter,
    scan::{Part, in_parallel, parts},
    tenant::{Tenant, View},
};

/// Rows that are looked at in one turn.
pub(crate) const TURN_ROWS: usize = 1 << 17;
/// Most turns of one pass: each looks for its attacks in every block.
const MAX_TURNS: usize = 64;
/// Attacks that are measured again in one turn: their rows are looked up.
pub(crate) const TURN_ATTACKS: usize = 1000;
/// When more attacks changed than in so many turns are measured, every row is looked at.
const MAX_AGAIN: usize = 16;
/// How often what changed in the meantime is measured in turns before the last step takes whatever is left.
const ROUNDS: usize = 3;

/// The attacks from a place of the order on, each as (measure, row number); of equal ones the numbers decide.
/// Rows that are marked false count nowhere: an attack that has no others measures 0.
pub(crate) fn page(
    tenant: &RwLock<Tenant>,
    cache: &Cache,
    asked: &Order<'_>,
    turns: Turns<'_>,
) -> Result<Vec<(i64, i64)>, IndexError> {
    let serial = now(tenant).serial;
    let kept = cache.ranking(serial, asked.measure);
    // Who asks at the same time would have to do the same.
    let mut ranking = kept.lock().unwrap_or_else(|poisoned| {
        kept.clear_poison();
        let mut broken = poisoned.into_inner();
        *broken = Ranking::default();
        broken
    });
    let followed = Pass { tenant, cache, measure: asked.measure, turns }.follow(&mut ranking);
    if followed.is_err() {
        // Half of it may be new: it is made again by whoever asks next.
        *ranking = Ranking::default();
    }
    let page = followed.map(|()| ranking.page(asked));
    cache.weigh(serial, &kept, ranking.bytes());
    page
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

/// How a ranking is made while rows come in.
pub(crate) struct Turns<'a> {
    /// Rows of a turn, of which there are [`MAX_TURNS`] at most.
    pub(crate) rows: usize,
    /// Attacks of a turn that measures some again.
    pub(crate) attacks: usize,
    /// Called between two turns.
    pub(crate) between: &'a mut dyn FnMut(),
}

#[derive(Debug, Default)]
pub(crate) struct Ranking {
    /// Up to where every row is measured; none before the first pass. Some attacks may be further.
    base: Option<Base>,
    by_attack: HashMap<i64, i64>,
    order: BTreeSet<(i64, i64)>,
    /// How many attacks had been removed when it was last followed.
    removed: usize,
}

/// A state of a tenant.
#[derive(Debug, Default)]
struct Base {
    /// Row number of the last row.
    position: i64,
    /// Rows that were marked false, ascending.
    marked: Vec<i64>,
    /// Rows that were marked otherwise in some turn since: a mark may come and go again.
    unsettled: Vec<i64>,
}

impl Base {
    fn of(tenant: &View) -> Base {
        Base { position: tenant.position(), marked: tenant.marked_false(), unsettled: vec![] }
    }

    /// Takes note of the marks by which a turn measures.
    fn see(&mut self, tenant: &View) {
        let marked = tenant.marked_false();
        if marked != self.marked {
            self.unsettled.extend(difference(&self.marked, &marked));
            self.unsettled.sort_unstable();
            self.unsettled.dedup();
        }
    }

    /// Attacks whose rows may measure otherwise by now, ascending.
    fn changed(&mut self, tenant: &View, cache: &Cache) -> Result<Vec<i64>, IndexError> {
        self.see(tenant);
        let parts = parts(tenant, cache);
        let mut changed = attacks_after(&parts, self.position)?;
        changed.extend(attacks_of_rows(&parts, &self.unsettled)?);
        let left = |attack: &i64| !tenant.removed.contains(attack);
        let mut changed: Vec<i64> = changed.into_iter().filter(left).collect();
        changed.sort_unstable();
        Ok(changed)
    }
}

impl Ranking {
    fn page(&self, asked: &Order<'_>) -> Vec<(i64, i64)> {
        if asked.descending {
            let end = asked.after.map_or(Bound::Unbounded, Bound::Excluded);
            self.order.range((Bound::Unbounded, end)).rev().take(asked.limit).copied().collect()
        } else {
            let start = asked.after.map_or(Bound::Unbounded, Bound::Excluded);
            self.order.range((start, Bound::Unbounded)).take(asked.limit).copied().collect()
        }
    }

    /// About what it takes in memory: nodes of the tree are not full.
    fn bytes(&self) -> usize {
        let pair = size_of::<(i64, i64)>();
        let marked = self.base.as_ref().map_or(0, |base| base.marked.capacity() * size_of::<i64>());
        self.by_attack.capacity() * (pair + 1) + self.order.len() * pair * 3 / 2 + marked
    }

    /// Puts attacks where they belong now.
    fn set(&mut self, measured: Vec<(i64, i64)>) {
        for (attack, measure) in measured {
            if let Some(before) = self.by_attack.insert(attack, measure) {
                self.order.remove(&(before, attack));
            }
            self.order.insert((measure, attack));
        }
    }

    /// Leaves out attacks that were removed.
    fn leave(&mut self, removed: &HashSet<i64>) {
        if self.removed != removed.len() {
            self.by_attack.retain(|attack, _| !removed.contains(attack));
            self.order.retain(|(_, attack)| !removed.contains(attack));
            self.removed = removed.len();
        }
    }
}

/// The tenant as it is now.
fn now(tenant: &RwLock<Tenant>) -> View {
    tenant.read().unwrap_or_else(PoisonError::into_inner).view.clone()
}

/// What it takes to bring a ranking up to date.
struct Pass<'a, 't> {
    tenant: &'a RwLock<Tenant>,
    cache: &'a Cache,
    measure: &'a Metric,
    turns: Turns<'t>,
}

impl Pass<'_, '_> {
    /// Measures what changed since the last time.
    fn follow(mut self, ranking: &mut Ranking) -> Result<(), IndexError> {
        for round in 0.. {
            let tenant = now(self.tenant);
            let now = Base::of(&tenant);
            let changed = match &mut ranking.base {
                Some(base) => Some(base.changed(&tenant, self.cache)?),
                None => None,
            };
            match changed {
                Some(changed) if changed.len() <= self.turns.attacks || round >= ROUNDS => {
                    for attacks in changed.chunks(self.turns.attacks) {
                        ranking.set(again(&tenant, self.cache, self.measure, attacks)?);
                    }
                    ranking.leave(&tenant.removed);
                    ranking.base = Some(now);
                    break;
                }
                changed => {
                    drop(tenant);
                    ranking.base = Some(now);
                    match changed.filter(|changed| changed.len() / MAX_AGAIN < self.turns.attacks) {
                        Some(changed) => self.some(ranking, &changed)?,
                        None => self.all(ranking)?,
                    }
                }
            }
        }
        Ok(())
    }

    /// One turn, with the tenant as it is now.
    fn turn<R>(
        &mut self,
        base: Option<&mut Base>,
        work: impl FnOnce(&View, &Cache, &Metric) -> Result<R, IndexError>,
    ) -> Result<R, IndexError> {
        let tenant = now(self.tenant);
        if let Some(base) = base {
            base.see(&tenant);
        }
        let done = work(&tenant, self.cache, self.measure);
        drop(tenant);
        (self.turns.between)();
        done
    }

    /// Measures some attacks again, in turns.
    fn some(&mut self, ranking: &mut Ranking, attacks: &[i64]) -> Result<(), IndexError> {
        for attacks in attacks.chunks(self.turns.attacks) {
            let measured = self.turn(ranking.base.as_mut(), |tenant, cache, measure| {
                again(tenant, cache, measure, attacks)
            })?;
            ranking.set(measured);
        }
        Ok(())
    }

    /// Measures every attack, in turns.
    fn all(&mut self, ranking: &mut Ranking) -> Result<(), IndexError> {
        (ranking.by_attack, ranking.order) = (HashMap::new(), BTreeSet::new());
        for span in self.spans()? {
            let few = Filter::number(Number::Attack, span);
            let measured = self.turn(ranking.base.as_mut(), |tenant, cache, measure| {
                let mut measured = measured(tenant, cache, measure, few.clone())?;
                if tenant.changes.iter().any(|change| change.mark == Mark::False) {
                    // Those whose rows are all marked.
                    for attack in aggregate::values(tenant, cache, &few, Number::Attack)? {
                        measured.entry(attack).or_insert(0);
                    }
                }
                Ok(measured)
            })?;
            ranking.by_attack.extend(measured);
        }
        ranking.order = ranking.by_attack.iter().map(|(attack, measure)| (*measure, *attack)).collect();
        Ok(())
    }

    /// Every attack number, in spans that have about as many rows each.
    fn spans(&mut self) -> Result<Vec<RangeInclusive<i64>>, IndexError> {
        let (rows, step) = (self.turns.rows.max(1), (self.turns.rows / 128).clamp(1, 1024));
        let (mut all_rows, mut sample, mut seen) = (0, vec![], 0);
        let count = parts(&now(self.tenant), self.cache).len();
        while seen < count {
            let here = seen..(seen + rows.div_ceil(BLOCK_ROWS)).min(count);
            seen = here.end;
            let (more_rows, more) = self.turn(None, |tenant, cache, _| {
                let parts = parts(tenant, cache);
                let parts = parts.get(here).unwrap_or_default();
                let more = in_parallel(parts, |part| {
                    let column = part.column(ColumnId::Number(Number::Attack))?;
                    Ok((0..part.rows()).step_by(step).map(|row| column.value(row)).collect::<Vec<_>>())
                })?;
                Ok((parts.iter().map(Part::rows).sum::<usize>(), more.concat()))
            })?;
            all_rows += more_rows;
            sample.extend(more);
        }
        sample.sort_unstable();
        let turns = all_rows.div_ceil(rows).clamp(1, MAX_TURNS);
        let mut ends: Vec<i64> =
            (1..turns).filter_map(|turn| sample.get(sample.len() * turn / turns)).copied().collect();
        ends.dedup();
        let starts = ends.iter().map(|end| end.saturating_add(1));
        let starts: Vec<i64> = std::iter::once(i64::MIN).chain(starts).collect();
        Ok(starts.into_iter().zip(ends.into_iter().chain([i64::MAX])).map(|(from, to)| from..=to).collect())
    }
}

/// The measure of each attack that has a row that passes and is not marked false.
fn measured(
    tenant: &View,
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

/// What some attacks measure, each with its measure.
fn again(
    tenant: &View,
    cache: &Cache,
    measure: &Metric,
    attacks: &[i64],
) -> Result<Vec<(i64, i64)>, IndexError> {
    let measured = measured(tenant, cache, measure, Filter::AnyOf(Number::Attack, attacks.to_vec()))?;
    let measure = |attack: &i64| measured.get(attack).copied().unwrap_or(0);
    Ok(attacks.iter().map(|attack| (*attack, measure(attack))).collect())
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
