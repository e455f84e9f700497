//! What rows are grouped by: a column, or something derived from one, as dense codes.

use std::{borrow::Cow, fmt, sync::Arc};

use hashbrown::HashMap;

use crate::{
    block::ColumnId,
    column::{Number, Text},
    error::IndexError,
    scan::Part,
    tenant::View,
};

/// The values that a text stands for; a row counts under each. None is the same as one empty value.
pub type TextMap = Arc<dyn Fn(&str) -> Vec<String> + Send + Sync>;
/// The bucket of a quarter of an hour, given its start (Unix seconds). Later quarters have no smaller buckets.
pub type TimeMap = Arc<dyn Fn(i64) -> i64 + Send + Sync>;

/// Seconds of a slot: every time zone in use is a multiple of it away from UTC.
const SLOT_S: i64 = 900;

/// What rows are grouped by.
#[derive(Clone)]
pub enum Dimension {
    /// A text as it is.
    Text(Text),
    /// What a text stands for.
    Mapped(Text, TextMap),
    /// A number, divided by a positive one and rounded down.
    Number(Number, i64),
    /// Which of the equal parts of a span a number lies in, from 0; their ends need not be whole.
    Since {
        /// Which number.
        number: Number,
        /// What the number is divided by first, rounded down; positive.
        unit: i64,
        /// Where the span begins, in units.
        from: i64,
        /// Length of the span in units, positive.
        length: i64,
        /// Number of parts, positive.
        parts: i64,
    },
    /// A bucket of time.
    Time(TimeMap),
    /// The request. Its id is not in the index: [`Value::Number`] holds the row number of one of its hits.
    Request,
}

impl fmt::Debug for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dimension::Text(column) => f.debug_tuple("Text").field(column).finish(),
            Dimension::Mapped(column, _) => f.debug_tuple("Mapped").field(column).finish_non_exhaustive(),
            Dimension::Number(column, by) => f.debug_tuple("Number").field(column).field(by).finish(),
            Dimension::Since { number, unit, from, length, parts } => f
                .debug_tuple("Since")
                .field(number)
                .field(unit)
                .field(from)
                .field(length)
                .field(parts)
                .finish(),
            Dimension::Time(_) => f.write_str("Time"),
            Dimension::Request => f.write_str("Request"),
        }
    }
}

/// The value of a group in a dimension.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

/// A dimension against the codes of one tenant.
pub(crate) enum Axis<'a> {
    Text(&'a View, Text),
    Mapped { column: Text, lists: Vec<Vec<u32>>, labels: Vec<String>, single: bool },
    Number { column: Number, divisor: i64, first: i64, count: u64 },
    Span { column: Number, span: Span, first: i64, count: u64 },
    Time { first: i64, codes: Vec<u32>, labels: Vec<i64> },
    Request(u64),
}

impl<'a> Axis<'a> {
    pub(crate) fn compile(dimension: &Dimension, tenant: &'a View, parts: &[Part<'_>]) -> Axis<'a> {
        match dimension {
            Dimension::Text(column) => Axis::Text(tenant, *column),
            Dimension::Request => Axis::Request(tenant.request_count as u64),
            Dimension::Mapped(column, map) => mapped(tenant, *column, map),
            Dimension::Number(column, divisor) => {
                let divisor = (*divisor).max(1);
                let (first, count) = codes_of(parts, *column, |value| value.div_euclid(divisor));
                Axis::Number { column: *column, divisor, first, count }
            }
            Dimension::Since { number, unit, from, length, parts: count } => {
                let span =
                    Span { unit: (*unit).max(1), from: *from, length: (*length).max(1), parts: *count };
                let (first, count) = codes_of(parts, *number, |value| span.part(value));
                Axis::Span { column: *number, span, first, count }
            }
            Dimension::Time(map) => {
                let (smallest, largest) = bounds(parts, Number::Time);
                let first = smallest.div_euclid(SLOT_S * 1000);
                let mut labels: Vec<i64> = vec![];
                let codes = (first..=largest.div_euclid(SLOT_S * 1000))
                    .map(|slot| {
                        let bucket = map(slot * SLOT_S);
                        if labels.last() != Some(&bucket) {
                            labels.push(bucket);
                        }
                        u32::try_from(labels.len() - 1).unwrap_or(u32::MAX)
                    })
                    .collect();
                Axis::Time { first, codes, labels }
            }
        }
    }

    /// Number of codes; at least 1.
    pub(crate) fn count(&self) -> u64 {
        let count = match self {
            Axis::Text(tenant, column) => {
                tenant.words.get(column.slot()).map_or(1, |words| words.len() as u64)
            }
            Axis::Mapped { labels, .. } => labels.len() as u64,
            Axis::Number { count, .. } | Axis::Span { count, .. } => *count,
            Axis::Time { labels, .. } => labels.len() as u64,
            Axis::Request(count) => *count,
        };
        count.max(1)
    }

    /// Calls `each` with the place of a row among `rows` and a code of it, in the order of rows.
    pub(crate) fn for_each(
        &self,
        part: &Part<'_>,
        rows: &[u32],
        mut each: impl FnMut(usize, u64),
    ) -> Result<(), IndexError> {
        let coded = |column| part.column(column);
        match self {
            Axis::Text(_, text) => {
                let data = coded(ColumnId::Text(*text))?;
                let codes = data.codes();
                for (place, row) in rows.iter().enumerate() {
                    each(place, u64::from(codes.get(*row as usize).copied().unwrap_or_default()));
                }
            }
            Axis::Request(_) => {
                let data = coded(ColumnId::Request)?;
                let codes = data.codes();
                for (place, row) in rows.iter().enumerate() {
                    each(place, u64::from(codes.get(*row as usize).copied().unwrap_or_default()));
                }
            }
            Axis::Mapped { column, lists, .. } => {
                let data = coded(ColumnId::Text(*column))?;
                let codes = data.codes();
                for (place, row) in rows.iter().enumerate() {
                    let code = codes.get(*row as usize).copied().unwrap_or_default();
                    for code in lists.get(code as usize).into_iter().flatten() {
                        each(place, u64::from(*code));
                    }
                }
            }
            Axis::Number { column, divisor, first, .. } => {
                let data = coded(ColumnId::Number(*column))?;
                for (place, row) in rows.iter().enumerate() {
                    each(place, data.value(*row as usize).div_euclid(*divisor).abs_diff(*first));
                }
            }
            Axis::Span { column, span, first, .. } => {
                let data = coded(ColumnId::Number(*column))?;
                for (place, row) in rows.iter().enumerate() {
                    each(place, span.part(data.value(*row as usize)).abs_diff(*first));
                }
            }
            Axis::Time { first, codes, .. } => {
                let data = coded(ColumnId::Number(Number::Time))?;
                for (place, row) in rows.iter().enumerate() {
                    let slot = data.value(*row as usize).div_euclid(SLOT_S * 1000).abs_diff(*first);
                    let code = usize::try_from(slot).ok().and_then(|slot| codes.get(slot)).copied();
                    each(place, u64::from(code.unwrap_or_default()));
                }
            }
        }
        Ok(())
    }

    /// Whether every row has exactly one code.
    pub(crate) fn is_single(&self) -> bool {
        !matches!(self, Axis::Mapped { single: false, .. })
    }

    /// The value of a code.
    pub(crate) fn value(&self, code: u64) -> Label<'_> {
        let place = usize::try_from(code).unwrap_or(usize::MAX);
        match self {
            Axis::Text(tenant, column) => {
                let words = tenant.words.get(column.slot());
                let code = u32::try_from(code).unwrap_or(u32::MAX);
                Label::Text(Cow::Borrowed(words.map_or("", |words| words.text(code))))
            }
            Axis::Mapped { labels, .. } => {
                Label::Text(Cow::Borrowed(labels.get(place).map_or("", String::as_str)))
            }
            Axis::Number { first, .. } | Axis::Span { first, .. } => {
                Label::Number(first.saturating_add_unsigned(code))
            }
            Axis::Time { labels, .. } => Label::Number(labels.get(place).copied().unwrap_or_default()),
            Axis::Request(_) => Label::Number(i64::try_from(code).unwrap_or(i64::MAX)),
        }
    }
}

/// A value, not copied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Label<'a> {
    Text(Cow<'a, str>),
    Number(i64),
}

impl Label<'_> {
    pub(crate) fn into_value(self) -> Value {
        match self {
            Label::Text(text) => Value::Text(text.into_owned()),
            Label::Number(number) => Value::Number(number),
        }
    }
}

fn mapped<'a>(tenant: &View, column: Text, map: &TextMap) -> Axis<'a> {
    let mut labels: Vec<String> = vec![];
    let mut known: HashMap<String, u32> = HashMap::new();
    let mut code = |label: String| {
        *known.entry(label).or_insert_with_key(|label| {
            labels.push(label.clone());
            u32::try_from(labels.len() - 1).unwrap_or(u32::MAX)
        })
    };
    let words = tenant.words.get(column.slot());
    let lists: Vec<Vec<u32>> = words
        .into_iter()
        .flat_map(|words| words.iter())
        .map(|text| {
            let mut values = map(text);
            if values.is_empty() {
                values.push(String::new());
            }
            let mut codes: Vec<u32> = values.into_iter().map(&mut code).collect();
            codes.sort_unstable();
            codes.dedup();
            codes
        })
        .collect();
    let single = lists.iter().all(|list| list.len() == 1);
    Axis::Mapped { column, lists, labels, single }
}

/// Equal parts of a span of numbers.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    unit: i64,
    from: i64,
    length: i64,
    parts: i64,
}

impl Span {
    fn part(self, value: i64) -> i64 {
        let beyond = value.div_euclid(self.unit).saturating_sub(self.from);
        beyond.saturating_mul(self.parts).div_euclid(self.length)
    }
}

/// The smallest code that values of a column have, and how many there may be; `code` never falls.
fn codes_of(parts: &[Part<'_>], column: Number, code: impl Fn(i64) -> i64) -> (i64, u64) {
    let (smallest, largest) = bounds(parts, column);
    let (first, last) = (code(smallest), code(largest));
    (first, last.abs_diff(first).saturating_add(1))
}

fn bounds(parts: &[Part<'_>], column: Number) -> (i64, i64) {
    let bounds = || parts.iter().map(|part| part.bounds(column));
    let smallest = bounds().map(|(smallest, _)| smallest).min().unwrap_or_default();
    (smallest, bounds().map(|(_, largest)| largest).max().unwrap_or_default())
}
