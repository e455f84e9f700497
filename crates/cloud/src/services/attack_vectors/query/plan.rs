//! Which groups make a page, and in which order: what is measured for that, and where a page begins.

use std::cmp::Ordering;

use bartizan_events_index::{Group, Metric as Measure, Table, Value as Key};
use serde_json::{Value, json};

use super::{Column, Query, Sorted, Start, view::plain};
use crate::services::attack_vectors::{
    conditions::Having,
    metrics::{self, Metric},
};

/// The measurements of a run: metrics that decide about groups first, those of a page after them.
pub(super) struct Plan {
    pub(super) metrics: Vec<Measure>,
    pub(super) details: Vec<Measure>,
}

impl Plan {
    pub(super) fn new(query: &Query) -> Plan {
        let mut plan = Plan { metrics: vec![], details: vec![] };
        for (sorted, _) in &query.order {
            if let Sorted::Metric(metric) = sorted {
                plan.decide_by(metric);
            }
        }
        for having in &query.conditions.groups {
            plan.decide_by_having(having);
        }
        let requests = metrics::find("requests_count");
        for column in &query.columns {
            let metric = match column {
                Column::Metric(metric) => Some(*metric),
                Column::Requests(_) => requests,
                _ => None,
            };
            if let Some(metric) = metric {
                for measure in metric.measures() {
                    if !plan.metrics.contains(&measure) && !plan.details.contains(&measure) {
                        plan.details.push(measure);
                    }
                }
            }
        }
        plan
    }

    /// What decides about conditions on groups.
    pub(super) fn of_conditions(groups: &[Having]) -> Plan {
        let mut plan = Plan { metrics: vec![], details: vec![] };
        groups.iter().for_each(|having| plan.decide_by_having(having));
        plan
    }

    /// Whether a group meets every condition.
    pub(super) fn all_pass(&self, table: &Table<'_>, groups: &[Having], group: usize) -> bool {
        groups.iter().all(|having| self.passes(table, having, group))
    }

    fn decide_by(&mut self, metric: &Metric) {
        for measure in metric.measures() {
            if !self.metrics.contains(&measure) {
                self.metrics.push(measure);
            }
        }
    }

    fn decide_by_having(&mut self, having: &Having) {
        match having {
            Having::All(members) | Having::Any(members) => {
                members.iter().for_each(|member| self.decide_by_having(member));
            }
            Having::Number { metric, .. } => self.decide_by(metric),
            Having::Status { .. } => {
                metrics::find("status").into_iter().for_each(|status| self.decide_by(status))
            }
        }
    }

    /// The measurements of a metric in a group that is not chosen yet.
    fn measured(&self, table: &Table<'_>, metric: &Metric, group: usize) -> Vec<i64> {
        let place = |measure| self.metrics.iter().position(|known| *known == measure);
        metric.measures().into_iter().filter_map(place).map(|place| table.metric(place, group)).collect()
    }

    fn passes(&self, table: &Table<'_>, having: &Having, group: usize) -> bool {
        match having {
            Having::All(members) => members.iter().all(|member| self.passes(table, member, group)),
            Having::Any(members) => members.iter().any(|member| self.passes(table, member, group)),
            Having::Number { metric, ranges, negated } => {
                let value = metric.rank(&self.measured(table, metric, group));
                ranges.iter().any(|range| range.contains(&value)) != *negated
            }
            Having::Status { names, negated } => {
                let Some(metric) = metrics::find("status") else { return true };
                let status = metrics::status(&self.measured(table, metric, group));
                names.iter().any(|name| name == status) != *negated
            }
        }
    }

    /// The value of a metric in a chosen group.
    pub(super) fn value(&self, group: &Group, metric: &Metric) -> Value {
        metric.value(&self.measured_in(group, metric))
    }

    /// The measurements of a metric in a chosen group.
    fn measured_in(&self, group: &Group, metric: &Metric) -> Vec<i64> {
        let measured = metric.measures().into_iter().filter_map(|measure| {
            let find = |known: &[Measure]| known.iter().position(|known| *known == measure);
            find(&self.metrics)
                .and_then(|place| group.metrics.get(place))
                .or_else(|| find(&self.details).and_then(|place| group.details.get(place)))
                .copied()
        });
        measured.collect()
    }
}

/// The groups of a page in their order, and whether there are more after and before.
pub(super) fn choose(
    query: &Query,
    plan: &Plan,
    table: &Table<'_>,
    limit: usize,
) -> (Vec<usize>, bool, bool) {
    let passes = |group: &usize| plan.all_pass(table, &query.conditions.groups, *group);
    let groups: Vec<usize> = (0..table.len()).filter(passes).collect();
    let ranks: Vec<Option<Vec<i64>>> = query
        .order
        .iter()
        .map(|(sorted, _)| match sorted {
            Sorted::Metric(metric) => {
                let rank = |group| metric.rank(&plan.measured(table, metric, group));
                Some((0..table.len()).map(rank).collect())
            }
            Sorted::Dimension(_) => None,
        })
        .collect();
    let rank = |column: usize, group: usize| {
        ranks
            .get(column)
            .and_then(Option::as_ref)
            .and_then(|ranks| ranks.get(group))
            .copied()
            .unwrap_or_default()
    };
    // Newest group first where everything else is equal: stable, because new rows come after old ones.
    let compare = |a: usize, b: usize| {
        let order = query.order.iter().enumerate().fold(Ordering::Equal, |order, (place, (sorted, desc))| {
            order.then_with(|| {
                let order = match sorted {
                    Sorted::Metric(_) => rank(place, a).cmp(&rank(place, b)),
                    Sorted::Dimension(dimension) => table.compare_groups(*dimension, a, b),
                };
                if *desc { order.reverse() } else { order }
            })
        });
        order.then_with(|| table.sample(b).cmp(&table.sample(a)))
    };
    let against_start = |group: usize, start: &Start| {
        let order = query.order.iter().zip(&start.values).enumerate();
        let order = order.fold(Ordering::Equal, |order, (place, ((sorted, desc), value))| {
            order.then_with(|| {
                let order = match sorted {
                    Sorted::Metric(_) => Key::Number(rank(place, group)).cmp(value),
                    Sorted::Dimension(dimension) => table.compare(*dimension, group, value),
                };
                if *desc { order.reverse() } else { order }
            })
        });
        order.then_with(|| start.sample.cmp(&table.sample(group)))
    };
    let (mut wanted, others): (Vec<usize>, usize) = match &query.start {
        None => (groups, 0),
        Some(start) => {
            let beyond = if start.backwards { Ordering::Less } else { Ordering::Greater };
            let all = groups.len();
            let wanted: Vec<usize> =
                groups.into_iter().filter(|group| against_start(*group, start) == beyond).collect();
            let others = all - wanted.len();
            (wanted, others)
        }
    };
    let backwards = query.start.as_ref().is_some_and(|start| start.backwards);
    let compare = |a: &usize, b: &usize| if backwards { compare(*b, *a) } else { compare(*a, *b) };
    let more = wanted.len() > limit;
    if more {
        wanted.select_nth_unstable_by(limit, compare);
        wanted.truncate(limit);
    }
    wanted.sort_unstable_by(compare);
    if backwards {
        wanted.reverse();
        return (wanted, others > 0, more);
    }
    (wanted, more, others > 0)
}

pub(super) fn position(query: &Query, plan: &Plan, group: &Group, backwards: bool) -> Value {
    let values: Vec<Value> = query
        .order
        .iter()
        .map(|(sorted, _)| match sorted {
            Sorted::Metric(metric) => Value::from(metric.rank(&plan.measured_in(group, metric))),
            Sorted::Dimension(dimension) => group.key.get(*dimension).map_or(Value::Null, plain),
        })
        .collect();
    json!([backwards, group.sample, values])
}
