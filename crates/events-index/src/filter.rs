//! Which rows: a tree of tests, decided once per distinct value where a column is coded.

use std::{
    fmt,
    ops::RangeInclusive,
    sync::{Arc, PoisonError},
};

use hashbrown::HashSet;

use crate::{
    block::ColumnId,
    column::{Number, Text},
    dictionary::request_hash,
    error::IndexError,
    scan::Part,
    tenant::View,
};

/// Most attacks whose rows are looked up one by one. For more, looking at every row is as fast.
const MAX_LOOKED_UP: usize = 1024;

/// Whether a text passes.
pub type TextTest = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Which rows are meant.
#[derive(Clone)]
pub enum Filter {
    /// All of them hold; without members, every row.
    All(Vec<Filter>),
    /// One of them holds; without members, no row.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// The text passes.
    Text(Text, TextTest),
    /// The number is in one of the ranges.
    Number(Number, Vec<RangeInclusive<i64>>),
    /// The number is one of these.
    AnyOf(Number, Vec<i64>),
    /// The row belongs to one of these requests.
    Requests(Vec<String>),
}

impl Filter {
    /// Rows whose text passes.
    pub fn text(column: Text, test: impl Fn(&str) -> bool + Send + Sync + 'static) -> Filter {
        Filter::Text(column, Arc::new(test))
    }

    /// Rows with a number in the range.
    #[must_use]
    pub fn number(column: Number, range: RangeInclusive<i64>) -> Filter {
        Filter::Number(column, vec![range])
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Filter::All(members) => f.debug_tuple("All").field(members).finish(),
            Filter::Any(members) => f.debug_tuple("Any").field(members).finish(),
            Filter::Not(member) => f.debug_tuple("Not").field(member).finish(),
            Filter::Text(column, _) => f.debug_tuple("Text").field(column).finish_non_exhaustive(),
            Filter::Number(column, ranges) => f.debug_tuple("Number").field(column).field(ranges).finish(),
            Filter::AnyOf(column, values) => f.debug_tuple("AnyOf").field(column).field(values).finish(),
            Filter::Requests(ids) => f.debug_tuple("Requests").field(ids).finish(),
        }
    }
}

/// A filter against the codes of one tenant.
pub(crate) enum Test {
    Constant(bool),
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    /// Passing codes.
    Codes(Text, Vec<bool>),
    Ranges(Number, Vec<RangeInclusive<i64>>),
    Values(Number, HashSet<i64>),
    Requests(HashSet<u32>),
}

impl Test {
    pub(crate) fn compile(filter: &Filter, tenant: &View) -> Test {
        let members =
            |filters: &[Filter]| filters.iter().map(|filter| Test::compile(filter, tenant)).collect();
        match filter {
            Filter::All(filters) => Test::all(members(filters)),
            Filter::Any(filters) => Test::any(members(filters)),
            Filter::Not(filter) => match Test::compile(filter, tenant) {
                Test::Constant(passes) => Test::Constant(!passes),
                test => Test::Not(Box::new(test)),
            },
            Filter::Text(column, passes) => {
                let words = tenant.words.get(column.slot());
                let codes: Vec<bool> =
                    words.map(|words| words.iter().map(|text| passes(text)).collect()).unwrap_or_default();
                // Code 0, the empty text, exists in every dictionary but perhaps in no row.
                match (codes.iter().any(|passes| *passes), codes.iter().all(|passes| *passes)) {
                    (false, _) => Test::Constant(false),
                    (_, true) => Test::Constant(true),
                    _ => Test::Codes(*column, codes),
                }
            }
            Filter::Number(column, ranges) => Test::Ranges(*column, ranges.clone()),
            Filter::AnyOf(_, values) if values.is_empty() => Test::Constant(false),
            Filter::AnyOf(column, values) => Test::Values(*column, values.iter().copied().collect()),
            Filter::Requests(ids) => {
                let requests = tenant.requests.read().unwrap_or_else(PoisonError::into_inner);
                let codes: HashSet<u32> =
                    ids.iter().filter_map(|id| requests.find(request_hash(id))).collect();
                if codes.is_empty() { Test::Constant(false) } else { Test::Requests(codes) }
            }
        }
    }

    fn all(mut tests: Vec<Test>) -> Test {
        if tests.iter().any(|test| matches!(test, Test::Constant(false))) {
            return Test::Constant(false);
        }
        tests.retain(|test| !matches!(test, Test::Constant(true)));
        if tests.is_empty() { Test::Constant(true) } else { Test::All(tests) }
    }

    fn any(mut tests: Vec<Test>) -> Test {
        if tests.iter().any(|test| matches!(test, Test::Constant(true))) {
            return Test::Constant(true);
        }
        tests.retain(|test| !matches!(test, Test::Constant(false)));
        if tests.is_empty() { Test::Constant(false) } else { Test::Any(tests) }
    }

    /// The passing rows of a part, ascending.
    pub(crate) fn rows(&self, part: &Part<'_>) -> Result<Vec<u32>, IndexError> {
        let mut rows = match self.looked_up(part)? {
            Some(rows) => rows,
            None => self.seen(part)?,
        };
        if !part.gone().is_empty() {
            remove(&mut rows, part.gone());
        }
        Ok(rows)
    }

    /// The passing rows, by looking at every row.
    fn seen(&self, part: &Part<'_>) -> Result<Vec<u32>, IndexError> {
        let all = || 0..u32::try_from(part.rows()).unwrap_or(u32::MAX);
        Ok(match self.passing(part)? {
            Passing::All => all().collect(),
            Passing::None => vec![],
            Passing::Some(rows) => {
                all().zip(rows).filter(|(_, passes)| *passes).map(|(row, _)| row).collect()
            }
        })
    }

    /// The passing rows where few attacks are named: found by attack, not by looking at every row.
    fn looked_up(&self, part: &Part<'_>) -> Result<Option<Vec<u32>>, IndexError> {
        match self {
            Test::Values(Number::Attack, attacks) if attacks.len() <= MAX_LOOKED_UP => {
                part.rows_of_attacks(attacks).map(Some)
            }
            Test::All(tests) => {
                for (place, test) in tests.iter().enumerate() {
                    let Some(mut rows) = test.looked_up(part)? else { continue };
                    for (_, other) in tests.iter().enumerate().filter(|(other, _)| *other != place) {
                        rows = other.narrowed(part, rows)?;
                    }
                    return Ok(Some(rows));
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// Those of some rows, ascending, that pass.
    fn narrowed(&self, part: &Part<'_>, mut rows: Vec<u32>) -> Result<Vec<u32>, IndexError> {
        if rows.is_empty() {
            return Ok(rows);
        }
        match self {
            Test::Constant(true) => {}
            Test::Constant(false) => rows.clear(),
            Test::Not(test) => {
                let passing = test.narrowed(part, rows.clone())?;
                remove(&mut rows, &passing);
            }
            Test::All(tests) => {
                for test in tests {
                    rows = test.narrowed(part, rows)?;
                }
            }
            Test::Any(tests) => {
                let mut failing = rows.clone();
                for test in tests {
                    let passing = test.narrowed(part, failing.clone())?;
                    remove(&mut failing, &passing);
                }
                remove(&mut rows, &failing);
            }
            Test::Codes(column, codes) => {
                let data = part.column(ColumnId::Text(*column))?;
                let code = |row: u32| data.codes().get(row as usize).copied().unwrap_or_default();
                rows.retain(|row| codes.get(code(*row) as usize).copied().unwrap_or_default());
            }
            Test::Requests(wanted) => {
                let data = part.column(ColumnId::Request)?;
                rows.retain(|row| data.codes().get(*row as usize).is_some_and(|code| wanted.contains(code)));
            }
            Test::Ranges(column, ranges) => {
                match ranges_in_bounds(part, *column, ranges) {
                    Some(true) => return Ok(rows),
                    Some(false) => return Ok(vec![]),
                    None => {}
                }
                let data = part.column(ColumnId::Number(*column))?;
                rows.retain(|row| ranges.iter().any(|range| range.contains(&data.value(*row as usize))));
            }
            Test::Values(column, wanted) => {
                match values_in_bounds(part, *column, wanted) {
                    Some(true) => return Ok(rows),
                    Some(false) => return Ok(vec![]),
                    None => {}
                }
                let data = part.column(ColumnId::Number(*column))?;
                rows.retain(|row| wanted.contains(&data.value(*row as usize)));
            }
        }
        Ok(rows)
    }

    fn passing(&self, part: &Part<'_>) -> Result<Passing, IndexError> {
        Ok(match self {
            Test::Constant(true) => Passing::All,
            Test::Constant(false) => Passing::None,
            Test::Not(test) => match test.passing(part)? {
                Passing::All => Passing::None,
                Passing::None => Passing::All,
                Passing::Some(rows) => Passing::Some(rows.into_iter().map(|passes| !passes).collect()),
            },
            Test::All(tests) => {
                let mut passing = Passing::All;
                for test in tests {
                    passing = passing.and(|| test.passing(part))?;
                }
                passing
            }
            Test::Any(tests) => {
                let mut passing = Passing::None;
                for test in tests {
                    passing = passing.or(|| test.passing(part))?;
                }
                passing
            }
            Test::Codes(column, codes) => {
                let data = part.column(ColumnId::Text(*column))?;
                let passes = |code: &u32| codes.get(*code as usize).copied().unwrap_or_default();
                Passing::Some(data.codes().iter().map(passes).collect())
            }
            Test::Requests(wanted) => {
                let data = part.column(ColumnId::Request)?;
                Passing::Some(data.codes().iter().map(|code| wanted.contains(code)).collect())
            }
            Test::Ranges(column, ranges) => ranges_passing(part, *column, ranges)?,
            Test::Values(column, wanted) => values_passing(part, *column, wanted)?,
        })
    }
}

/// Removes rows that are among them; both ascend.
fn remove(rows: &mut Vec<u32>, removed: &[u32]) {
    let mut removed = removed.iter().peekable();
    rows.retain(|row| {
        while removed.next_if(|other| *other < row).is_some() {}
        removed.peek() != Some(&row)
    });
}

/// Whether all rows of a part have one of the values, or none has; none when only the rows themselves can tell.
fn values_in_bounds(part: &Part<'_>, column: Number, wanted: &HashSet<i64>) -> Option<bool> {
    let (smallest, largest) = part.bounds(column);
    if !wanted.iter().any(|value| (smallest..=largest).contains(value)) {
        return Some(false);
    }
    (smallest == largest).then_some(true)
}

/// Whether all rows of a part are within the ranges, or none is; none when only the rows themselves can tell.
fn ranges_in_bounds(part: &Part<'_>, column: Number, ranges: &[RangeInclusive<i64>]) -> Option<bool> {
    let (smallest, largest) = part.bounds(column);
    if ranges.iter().any(|range| range.contains(&smallest) && range.contains(&largest)) {
        return Some(true);
    }
    ranges.iter().all(|range| *range.start() > largest || *range.end() < smallest).then_some(false)
}

fn values_passing(part: &Part<'_>, column: Number, wanted: &HashSet<i64>) -> Result<Passing, IndexError> {
    match values_in_bounds(part, column, wanted) {
        Some(true) => return Ok(Passing::All),
        Some(false) => return Ok(Passing::None),
        None => {}
    }
    let data = part.column(ColumnId::Number(column))?;
    Ok(Passing::Some((0..part.rows()).map(|row| wanted.contains(&data.value(row))).collect()))
}

fn ranges_passing(
    part: &Part<'_>,
    column: Number,
    ranges: &[RangeInclusive<i64>],
) -> Result<Passing, IndexError> {
    match ranges_in_bounds(part, column, ranges) {
        Some(true) => return Ok(Passing::All),
        Some(false) => return Ok(Passing::None),
        None => {}
    }
    let data = part.column(ColumnId::Number(column))?;
    let passes = |value: i64| ranges.iter().any(|range| range.contains(&value));
    Ok(Passing::Some((0..part.rows()).map(|row| passes(data.value(row))).collect()))
}

/// The rows of a part that pass.
enum Passing {
    All,
    None,
    Some(Vec<bool>),
}

impl Passing {
    fn and(self, other: impl FnOnce() -> Result<Passing, IndexError>) -> Result<Passing, IndexError> {
        Ok(match self {
            Passing::None => Passing::None,
            Passing::All => other()?,
            Passing::Some(mut rows) => match other()? {
                Passing::All => Passing::Some(rows),
                Passing::None => Passing::None,
                Passing::Some(more) => {
                    rows.iter_mut().zip(more).for_each(|(row, other)| *row &= other);
                    Passing::Some(rows)
                }
            },
        })
    }

    fn or(self, other: impl FnOnce() -> Result<Passing, IndexError>) -> Result<Passing, IndexError> {
        Ok(match self {
            Passing::All => Passing::All,
            Passing::None => other()?,
            Passing::Some(mut rows) => match other()? {
                Passing::All => Passing::All,
                Passing::None => Passing::Some(rows),
                Passing::Some(more) => {
                    rows.iter_mut().zip(more).for_each(|(row, other)| *row |= other);
                    Passing::Some(rows)
                }
            },
        })
    }
}
