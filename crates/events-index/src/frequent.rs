//! The most frequent values of groups.

use hashbrown::HashMap;

use crate::{
    aggregate::{Rows, Top},
    block::ColumnId,
    column::Number,
    dimension::{Axis, Label},
    error::IndexError,
};

/// Largest number of (group, value) pairs that get a table of counters: 64 MiB.
const MAX_TABLE: u64 = 1 << 23;

/// Rows, or the sum of their weights, by group and value.
enum Counts {
    Table { values: u64, counts: Vec<u64> },
    Map(HashMap<(u32, u64), u64>),
}

impl Counts {
    fn new(groups: usize, values: u64) -> Counts {
        let all = (groups as u64).checked_mul(values).filter(|all| *all <= MAX_TABLE);
        match all.and_then(|all| usize::try_from(all).ok()) {
            Some(all) => Counts::Table { values, counts: vec![0; all] },
            None => Counts::Map(HashMap::new()),
        }
    }

    fn count(&mut self, group: u32, value: u64, weight: u64) {
        let count = match self {
            Counts::Table { values, counts } => usize::try_from(u64::from(group) * *values + value)
                .ok()
                .and_then(|place| counts.get_mut(place)),
            Counts::Map(counts) => Some(counts.entry((group, value)).or_default()),
        };
        if let Some(count) = count {
            *count = count.saturating_add(weight);
        }
    }

    /// The values of each group with their counts.
    fn by_group(self, groups: usize) -> Vec<Vec<(u64, u64)>> {
        let mut lists = vec![vec![]; groups];
        match self {
            Counts::Table { values, counts } => {
                let values = usize::try_from(values).unwrap_or(usize::MAX).max(1);
                for (list, counts) in lists.iter_mut().zip(counts.chunks(values)) {
                    let counts = (0_u64..).zip(counts.iter().copied());
                    list.extend(counts.filter(|(_, count)| *count > 0));
                }
            }
            Counts::Map(counts) => {
                for ((group, value), count) in counts {
                    if let Some(list) = lists.get_mut(group as usize) {
                        list.push((value, count));
                    }
                }
            }
        }
        lists
    }
}

/// The `limit` most frequent values of every group; of equally frequent ones the smallest. Empty texts are no values.
pub(crate) fn top(
    axis: &Axis<'_>,
    (limit, weight): (usize, Option<Number>),
    page: &[Rows<'_>],
    groups: usize,
) -> Result<Vec<Top>, IndexError> {
    let mut counts = Counts::new(groups, axis.count());
    for rows in page.iter().filter(|rows| !rows.rows.is_empty()) {
        let weights = weight.map(|number| rows.part.column(ColumnId::Number(number))).transpose()?;
        axis.for_each(&rows.part, &rows.rows, |place, value| {
            let row = rows.rows.get(place).copied().unwrap_or_default();
            let weight = weights.as_ref().map_or(1, |weights| weights.value(row as usize));
            let group = rows.groups.get(place).copied().unwrap_or_default();
            counts.count(group, value, u64::try_from(weight).unwrap_or_default());
        })?;
    }
    let most = |mut values: Vec<(u64, u64)>| {
        values.retain(|(value, _)| axis.value(*value) != Label::Text("".into()));
        let count = values.len();
        let order = |a: &(u64, u64), b: &(u64, u64)| {
            b.1.cmp(&a.1).then_with(|| axis.value(a.0).cmp(&axis.value(b.0)))
        };
        if values.len() > limit && limit > 0 {
            values.select_nth_unstable_by(limit - 1, order);
        }
        values.truncate(limit);
        values.sort_unstable_by(order);
        let values = values.into_iter();
        let values = values
            .map(|(value, rows)| (axis.value(value).into_value(), i64::try_from(rows).unwrap_or(i64::MAX)))
            .collect();
        Top { count, values }
    };
    Ok(counts.by_group(groups).into_iter().map(most).collect())
}
