//! Grouping rows and measuring the groups.
//!
//! In three steps: every part finds its rows and their keys (in parallel); keys become dense group numbers; metrics
//! are measured group by group number, again in parallel. The caller then chooses the groups of a page, and what
//! only a page needs (further metrics, most frequent values) is measured for those alone.

use std::{cmp::Ordering, hash::Hash, ops::RangeInclusive};

use hashbrown::HashMap;

use crate::{
    block::ColumnId,
    cache::Cache,
    column::{Number, Text},
    dimension::{Axis, Dimension, Label, Value},
    distinct::{Seen, SeenRequests},
    error::IndexError,
    filter::{Filter, Test},
    frequent::top,
    scan::{Part, in_parallel, parts},
    tenant::View,
};

/// What is counted once per group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Requests.
    Requests,
    /// Texts that are not empty.
    Text(Text),
    /// Numbers.
    Number(Number),
    /// Host, path and method together.
    Endpoints,
}

/// Rows with a number in a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition(pub Number, pub RangeInclusive<i64>);

/// A number about a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Rows.
    Rows(Option<Condition>),
    /// Distinct values, among the rows that meet the condition.
    Distinct(Subject, Option<Condition>),
    /// A sum over rows.
    Sum(Number),
    /// A sum over requests, each by its first row.
    RequestSum(Number),
    /// An average over requests, each by its first row, rounded.
    RequestAverage(Number),
    /// Smallest value.
    Min(Number),
    /// Largest value.
    Max(Number),
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Aggregation {
    /// Which rows.
    pub filter: Filter,
    /// What they are grouped by; nothing makes one group of all rows.
    pub dimensions: Vec<Dimension>,
    /// Measured for every group, for choosing.
    pub metrics: Vec<Metric>,
    /// Measured for the chosen groups.
    pub details: Vec<Metric>,
    /// Most frequent values of the chosen groups: what, and how many.
    pub tops: Vec<(Dimension, usize)>,
    /// What a row counts among the most frequent values; 1 without.
    pub weight: Option<Number>,
}

/// Most frequent values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Top {
    /// Distinct values, empty texts left out.
    pub count: usize,
    /// Values with their rows, or the sum of their weights, most first.
    pub values: Vec<(Value, i64)>,
}

/// A chosen group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its value in each dimension.
    pub key: Vec<Value>,
    /// Row number of its first row.
    pub sample: i64,
    /// As in [`Aggregation::metrics`].
    pub metrics: Vec<i64>,
    /// As in [`Aggregation::details`].
    pub details: Vec<i64>,
    /// As in [`Aggregation::tops`].
    pub tops: Vec<Top>,
}

/// Every group, before the choice.
pub struct Table<'a> {
    axes: &'a [Axis<'a>],
    keys: &'a [u128],
    samples: &'a [i64],
    metrics: &'a [Vec<i64>],
}

impl Table<'_> {
    /// Number of groups.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no group.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// A metric of a group.
    #[must_use]
    pub fn metric(&self, metric: usize, group: usize) -> i64 {
        self.metrics.get(metric).and_then(|values| values.get(group)).copied().unwrap_or_default()
    }

    /// Row number of the first row of a group: groups differ in it, and it stays.
    #[must_use]
    pub fn sample(&self, group: usize) -> i64 {
        self.samples.get(group).copied().unwrap_or_default()
    }

    /// The value of a group in a dimension.
    #[must_use]
    pub fn value(&self, dimension: usize, group: usize) -> Value {
        self.label(dimension, group).into_value()
    }

    /// How a value of a group compares with another.
    #[must_use]
    pub fn compare(&self, dimension: usize, group: usize, other: &Value) -> Ordering {
        match (self.label(dimension, group), other) {
            (Label::Text(text), Value::Text(other)) => text.as_ref().cmp(other),
            (Label::Number(number), Value::Number(other)) => number.cmp(other),
            (Label::Text(_), Value::Number(_)) => Ordering::Less,
            (Label::Number(_), Value::Text(_)) => Ordering::Greater,
        }
    }

    /// How two groups compare in a dimension.
    #[must_use]
    pub fn compare_groups(&self, dimension: usize, a: usize, b: usize) -> Ordering {
        self.label(dimension, a).cmp(&self.label(dimension, b))
    }

    fn label(&self, dimension: usize, group: usize) -> Label<'_> {
        let key = self.keys.get(group).copied().unwrap_or_default();
        // The last dimension is the lowest digit.
        let below: u128 = self.axes.iter().skip(dimension + 1).map(|axis| u128::from(axis.count())).product();
        let Some(axis) = self.axes.get(dimension) else { return Label::Number(0) };
        let code = (key / below.max(1)) % u128::from(axis.count());
        axis.value(u64::try_from(code).unwrap_or_default())
    }
}

/// Rows of a part with their groups. A row of several groups is here several times.
pub(crate) struct Rows<'a> {
    pub(crate) part: Part<'a>,
    pub(crate) rows: Vec<u32>,
    pub(crate) groups: Vec<u32>,
}

/// Runs an aggregation.
pub(crate) fn run(
    tenant: &View,
    cache: &Cache,
    asked: &Aggregation,
    choose: impl FnOnce(&Table<'_>) -> Vec<usize>,
) -> Result<Vec<Group>, IndexError> {
    let parts = parts(tenant, cache);
    let test = Test::compile(&asked.filter, tenant);
    let axes: Vec<Axis<'_>> =
        asked.dimensions.iter().map(|dimension| Axis::compile(dimension, tenant, &parts)).collect();
    let space = axes.iter().try_fold(1_u64, |all, axis| all.checked_mul(axis.count()));
    let (found, keys) = match space {
        Some(space) => group::<u64>(&parts, &test, &axes, Some(space))?,
        None => group::<u128>(&parts, &test, &axes, None)?,
    };
    let samples = samples(&found, keys.len())?;
    let metrics = measure_all(&asked.metrics, &found, keys.len())?;
    let table = Table { axes: &axes, keys: &keys, samples: &samples, metrics: &metrics };
    let chosen = choose(&table);
    let page = restrict(found, &chosen, keys.len());
    let details = measure_all(&asked.details, &page, chosen.len())?;
    let tops = asked
        .tops
        .iter()
        .map(|(dimension, limit)| {
            top(&Axis::compile(dimension, tenant, &parts), (*limit, asked.weight), &page, chosen.len())
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(chosen
        .into_iter()
        .enumerate()
        .map(|(place, group)| Group {
            key: (0..axes.len()).map(|dimension| table.value(dimension, group)).collect(),
            sample: table.sample(group),
            metrics: (0..metrics.len()).map(|metric| table.metric(metric, group)).collect(),
            details: details.iter().map(|values| values.get(place).copied().unwrap_or_default()).collect(),
            tops: tops.iter().map(|values| values.get(place).cloned().unwrap_or_default()).collect(),
        })
        .collect())
}

/// The different values of a number among the rows that pass, ascending.
pub(crate) fn values(
    tenant: &View,
    cache: &Cache,
    filter: &Filter,
    number: Number,
) -> Result<Vec<i64>, IndexError> {
    let test = Test::compile(filter, tenant);
    let found = in_parallel(&parts(tenant, cache), |part| {
        let rows = test.rows(part)?;
        if rows.is_empty() {
            return Ok(vec![]);
        }
        let column = part.column(ColumnId::Number(number))?;
        let mut values: Vec<i64> = rows.into_iter().map(|row| column.value(row as usize)).collect();
        values.sort_unstable();
        values.dedup();
        Ok(values)
    })?;
    let mut values = found.concat();
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

/// A key of a group: its codes as digits of one number.
trait Key: Copy + Default + Eq + Hash + Send + Into<u128> {
    fn digit(self, count: u64, code: u64) -> Self;
    fn place(self) -> usize;
}

impl Key for u64 {
    fn digit(self, count: u64, code: u64) -> u64 {
        self * count + code
    }

    fn place(self) -> usize {
        usize::try_from(self).unwrap_or(usize::MAX)
    }
}

impl Key for u128 {
    fn digit(self, count: u64, code: u64) -> u128 {
        // Six dictionaries of four billion words would be needed to wrap.
        self.wrapping_mul(u128::from(count)).wrapping_add(u128::from(code))
    }

    fn place(self) -> usize {
        usize::try_from(self).unwrap_or(usize::MAX)
    }
}

/// Largest key space that gets a table instead of a hash map: 128 MiB, of which only what rows touch is given out.
/// Time is the first dimension and rows are in its order, so what is touched at a time lies together.
const MAX_TABLE: u64 = 1 << 25;

fn group<'a, K: Key>(
    parts: &[Part<'a>],
    test: &Test,
    axes: &[Axis<'_>],
    space: Option<u64>,
) -> Result<(Vec<Rows<'a>>, Vec<u128>), IndexError> {
    let keyed = in_parallel(parts, |part| keys_of::<K>(part, test.rows(part)?, axes))?;
    let mut keys: Vec<u128> = vec![];
    let mut new_group = |key: K| {
        keys.push(key.into());
        u32::try_from(keys.len() - 1).unwrap_or(u32::MAX)
    };
    let mut found = Vec::with_capacity(parts.len());
    if let Some(space) = space.filter(|space| *space <= MAX_TABLE) {
        // Groups plus 1; 0 is none yet.
        let mut table = vec![0_u32; usize::try_from(space).unwrap_or_default()];
        for (part, (rows, keys)) in parts.iter().zip(keyed) {
            let group = |key: K| match table.get_mut(key.place()) {
                Some(group) => {
                    if *group == 0 {
                        *group = new_group(key).saturating_add(1);
                    }
                    *group - 1
                }
                None => 0,
            };
            found.push(Rows { part: *part, rows, groups: keys.into_iter().map(group).collect() });
        }
    } else {
        let mut table: HashMap<K, u32> = HashMap::new();
        for (part, (rows, keys)) in parts.iter().zip(keyed) {
            let groups =
                keys.into_iter().map(|key| *table.entry(key).or_insert_with(|| new_group(key))).collect();
            found.push(Rows { part: *part, rows, groups });
        }
    }
    Ok((found, keys))
}

fn keys_of<K: Key>(
    part: &Part<'_>,
    rows: Vec<u32>,
    axes: &[Axis<'_>],
) -> Result<(Vec<u32>, Vec<K>), IndexError> {
    let mut rows = rows;
    let mut keys = vec![K::default(); rows.len()];
    if rows.is_empty() {
        return Ok((rows, keys));
    }
    for axis in axes {
        let count = axis.count();
        if axis.is_single() {
            axis.for_each(part, &rows, |place, code| {
                if let Some(key) = keys.get_mut(place) {
                    *key = key.digit(count, code);
                }
            })?;
        } else {
            let (mut more_rows, mut more_keys) = (Vec::new(), Vec::new());
            axis.for_each(part, &rows, |place, code| {
                if let (Some(row), Some(key)) = (rows.get(place), keys.get(place)) {
                    more_rows.push(*row);
                    more_keys.push(key.digit(count, code));
                }
            })?;
            (rows, keys) = (more_rows, more_keys);
        }
    }
    Ok((rows, keys))
}

/// The row number of the first row of each group. Parts and rows ascend, so the first seen is the smallest.
fn samples(found: &[Rows<'_>], groups: usize) -> Result<Vec<i64>, IndexError> {
    let mut samples = vec![i64::MIN; groups];
    for rows in found.iter().filter(|rows| !rows.rows.is_empty()) {
        let ids = rows.part.column(ColumnId::Number(Number::Id))?;
        for (row, group) in rows.rows.iter().zip(&rows.groups) {
            if let Some(sample) = samples.get_mut(*group as usize).filter(|sample| **sample == i64::MIN) {
                *sample = ids.value(*row as usize);
            }
        }
    }
    Ok(samples)
}

/// The rows of the chosen groups, numbered in the order of the choice.
fn restrict<'a>(found: Vec<Rows<'a>>, chosen: &[usize], groups: usize) -> Vec<Rows<'a>> {
    let mut places = vec![u32::MAX; groups];
    for (place, group) in chosen.iter().enumerate() {
        if let Some(slot) = places.get_mut(*group) {
            *slot = u32::try_from(place).unwrap_or(u32::MAX);
        }
    }
    let place = |group: &u32| places.get(*group as usize).copied().unwrap_or(u32::MAX);
    found
        .into_iter()
        .map(|Rows { part, rows, groups }| {
            let kept = rows.into_iter().zip(groups.iter().map(place)).filter(|(_, group)| *group != u32::MAX);
            let (rows, groups) = kept.unzip();
            Rows { part, rows, groups }
        })
        .collect()
}

fn measure_all(metrics: &[Metric], found: &[Rows<'_>], groups: usize) -> Result<Vec<Vec<i64>>, IndexError> {
    in_parallel(metrics, |metric| measure(metric, found, groups))
}

fn measure(metric: &Metric, found: &[Rows<'_>], groups: usize) -> Result<Vec<i64>, IndexError> {
    let mut values = vec![0_i64; groups];
    match metric {
        Metric::Rows(condition) => each(found, condition.as_ref(), |_, group| {
            add(&mut values, group, 1);
        })?,
        Metric::Min(column) => {
            values = vec![i64::MAX; groups];
            fold(found, *column, &mut values, i64::min)?;
        }
        Metric::Max(column) => {
            values = vec![i64::MIN; groups];
            fold(found, *column, &mut values, i64::max)?;
        }
        Metric::Distinct(Subject::Requests, condition) => {
            first_of_requests(found, condition.as_ref(), |_, _, group| add(&mut values, group, 1))?;
        }
        Metric::Distinct(subject, condition) => {
            distinct(found, groups, *subject, condition.as_ref(), &mut values)?;
        }
        Metric::Sum(column) => fold(found, *column, &mut values, i64::saturating_add)?,
        Metric::RequestSum(column) => sum(found, *column, &mut values)?,
        Metric::RequestAverage(column) => {
            sum(found, *column, &mut values)?;
            let mut counts = vec![0_i64; groups];
            first_of_requests(found, None, |_, _, group| add(&mut counts, group, 1))?;
            for (value, count) in values.iter_mut().zip(counts) {
                *value = (*value + count / 2) / count.max(1);
            }
        }
    }
    Ok(values)
}

fn add(values: &mut [i64], group: u32, by: i64) {
    if let Some(value) = values.get_mut(group as usize) {
        *value = value.saturating_add(by);
    }
}

/// Calls `visit` with every row that meets the condition, and its group.
fn each(
    found: &[Rows<'_>],
    condition: Option<&Condition>,
    mut visit: impl FnMut(u32, u32),
) -> Result<(), IndexError> {
    for rows in found.iter().filter(|rows| !rows.rows.is_empty()) {
        each_of(rows, condition, &mut visit)?;
    }
    Ok(())
}

fn each_of(
    rows: &Rows<'_>,
    condition: Option<&Condition>,
    mut visit: impl FnMut(u32, u32),
) -> Result<(), IndexError> {
    let pairs = rows.rows.iter().zip(&rows.groups);
    match condition {
        None => pairs.for_each(|(row, group)| visit(*row, *group)),
        Some(Condition(column, range)) => {
            let data = rows.part.column(ColumnId::Number(*column))?;
            pairs
                .filter(|(row, _)| range.contains(&data.value(**row as usize)))
                .for_each(|(row, group)| visit(*row, *group));
        }
    }
    Ok(())
}

fn fold(
    found: &[Rows<'_>],
    column: Number,
    values: &mut [i64],
    both: impl Fn(i64, i64) -> i64,
) -> Result<(), IndexError> {
    for rows in found.iter().filter(|rows| !rows.rows.is_empty()) {
        let data = rows.part.column(ColumnId::Number(column))?;
        for (row, group) in rows.rows.iter().zip(&rows.groups) {
            if let Some(value) = values.get_mut(*group as usize) {
                *value = both(*value, data.value(*row as usize));
            }
        }
    }
    Ok(())
}

/// Calls `visit` with the place of the part, row and group, once for every request of a group.
fn first_of_requests(
    found: &[Rows<'_>],
    condition: Option<&Condition>,
    mut visit: impl FnMut(usize, u32, u32),
) -> Result<(), IndexError> {
    let Some(tenant) = found.first().map(|rows| rows.part.tenant) else { return Ok(()) };
    let mut seen = SeenRequests::new(tenant.request_count);
    for (place, rows) in found.iter().enumerate().filter(|(_, rows)| !rows.rows.is_empty()) {
        let data = rows.part.column(ColumnId::Request)?;
        let codes = data.codes();
        each_of(rows, condition, |row, group| {
            let request = codes.get(row as usize).copied().unwrap_or_default();
            // Most requests have one row, which needs no memory.
            if !tenant.repeated.contains(request as usize) || seen.insert(group, request) {
                visit(place, row, group);
            }
        })?;
    }
    Ok(())
}

fn sum(found: &[Rows<'_>], column: Number, values: &mut [i64]) -> Result<(), IndexError> {
    let columns = found
        .iter()
        .map(|rows| rows.part.column(ColumnId::Number(column)))
        .collect::<Result<Vec<_>, IndexError>>()?;
    first_of_requests(found, None, |place, row, group| {
        if let Some(data) = columns.get(place) {
            add(values, group, data.value(row as usize));
        }
    })
}

fn distinct(
    found: &[Rows<'_>],
    groups: usize,
    subject: Subject,
    condition: Option<&Condition>,
    values: &mut [i64],
) -> Result<(), IndexError> {
    let Some(tenant) = found.first().map(|rows| rows.part.tenant) else { return Ok(()) };
    let parts: Vec<Part<'_>> = found.iter().map(|rows| rows.part).collect();
    let dimensions: &[Dimension] = match subject {
        Subject::Text(column) => &[Dimension::Text(column)],
        Subject::Number(column) => &[Dimension::Number(column, 1)],
        Subject::Endpoints => {
            &[Dimension::Text(Text::Host), Dimension::Text(Text::Path), Dimension::Text(Text::Method)]
        }
        Subject::Requests => &[Dimension::Request],
    };
    let axes: Vec<Axis<'_>> =
        dimensions.iter().map(|dimension| Axis::compile(dimension, tenant, &parts)).collect();
    let space = axes.iter().fold(1_u64, |all, axis| all.saturating_mul(axis.count()));
    let mut seen = Seen::new(groups, space);
    let skip_empty = matches!(subject, Subject::Text(_));
    for rows in found.iter().filter(|rows| !rows.rows.is_empty()) {
        // All of a block in one group, where no row is twice: what differs in it is known from the last time.
        if let (Subject::Text(text), 1, None) = (subject, groups, condition)
            && rows.rows.len() == rows.part.rows()
            && let Some(codes) = rows.part.distinct_codes(text)?
        {
            for code in codes.codes().iter().filter(|code| **code != 0) {
                if seen.insert(0, u64::from(*code)) {
                    add(values, 0, 1);
                }
            }
            continue;
        }
        let (mut kept, mut owners) = (vec![], vec![]);
        each_of(rows, condition, |row, group| {
            kept.push(row);
            owners.push(group);
        })?;
        let (_, codes) = keys_of::<u64>(&rows.part, kept, &axes)?;
        for (code, group) in codes.into_iter().zip(owners) {
            if !(skip_empty && code == 0) && seen.insert(group, code) {
                add(values, group, 1);
            }
        }
    }
    Ok(())
}
