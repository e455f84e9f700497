//! Reading rows part by part: full blocks from the cache, and the tail.

use std::sync::Arc;

use hashbrown::HashSet;

use crate::{
    block::{COLUMNS, ColumnId, Data},
    cache::Cache,
    column::{Number, Text},
    error::IndexError,
    tenant::{Block, Change, View},
};

/// Where the cache keeps the rows of a block in the order of their attacks: behind the columns.
const BY_ATTACK: u8 = u8::MAX - 1;
/// Where the cache keeps the different codes of a text in a block, text by text.
const DISTINCT: u8 = 128;
const _: () =
    assert!(COLUMNS < DISTINCT as usize && DISTINCT as usize + Text::ALL.len() < BY_ATTACK as usize);

/// A block, or the tail.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) tenant: &'a View,
    cache: &'a Cache,
    block: Option<&'a Block>,
}

/// Every part of a tenant, oldest first.
pub(crate) fn parts<'a>(tenant: &'a View, cache: &'a Cache) -> Vec<Part<'a>> {
    let blocks = tenant.blocks.iter().map(|block| Part { tenant, cache, block: Some(block) });
    let tail = (tenant.tail.rows() > 0).then_some(Part { tenant, cache, block: None });
    blocks.chain(tail).collect()
}

impl Part<'_> {
    pub(crate) fn rows(&self) -> usize {
        self.block.map_or_else(|| self.tenant.tail.rows(), |block| block.header.rows)
    }

    /// Rows whose attack was removed, ascending.
    pub(crate) fn gone(&self) -> &[u32] {
        self.block.map_or(&self.tenant.tail.gone, |block| &block.gone)
    }

    /// The smallest and largest value of a number in this part.
    pub(crate) fn bounds(&self, number: Number) -> (i64, i64) {
        match number {
            Number::Mark => {
                let marks = self.changes().iter().map(|change| change.mark.code());
                (0, marks.max().unwrap_or_default())
            }
            Number::Issue => {
                let issues = || self.changes().iter().map(|change| change.issue);
                (issues().min().unwrap_or_default().min(0), issues().max().unwrap_or_default().max(0))
            }
            number => self
                .block
                .map_or_else(|| self.tenant.tail.bounds(number), |block| block.header.bounds(number)),
        }
    }

    /// A column, whole.
    pub(crate) fn column(&self, column: ColumnId) -> Result<Arc<Data>, IndexError> {
        if let ColumnId::Number(number @ (Number::Mark | Number::Issue)) = column {
            return self.changed(number).map(Arc::new);
        }
        let Some(block) = self.block else { return Ok(Arc::new(self.tenant.tail.column(column))) };
        // There are 36 columns.
        let slot = column.slot().and_then(|slot| u8::try_from(slot).ok()).unwrap_or(u8::MAX);
        self.cache.column((block.serial, slot), || self.tenant.read_column(block, column))
    }

    /// The different codes of a text in a block, ascending; none for the tail, which grows.
    pub(crate) fn distinct_codes(&self, text: Text) -> Result<Option<Arc<Data>>, IndexError> {
        let Some(block) = self.block else { return Ok(None) };
        let slot = DISTINCT + u8::try_from(text.slot()).unwrap_or_default();
        let codes = self.cache.column((block.serial, slot), || {
            let mut codes = self.column(ColumnId::Text(text))?.codes().to_vec();
            codes.sort_unstable();
            codes.dedup();
            Ok::<_, IndexError>(Data::of_codes(codes))
        });
        codes.map(Some)
    }

    /// The rows of some attacks, ascending, those that are gone among them.
    pub(crate) fn rows_of_attacks(&self, attacks: &HashSet<i64>) -> Result<Vec<u32>, IndexError> {
        let (smallest, largest) = self.bounds(Number::Attack);
        let here: Vec<i64> =
            attacks.iter().copied().filter(|attack| (smallest..=largest).contains(attack)).collect();
        if here.is_empty() {
            return Ok(vec![]);
        }
        let column = self.column(ColumnId::Number(Number::Attack))?;
        let Some(block) = self.block else {
            let rows = 0..u32::try_from(self.rows()).unwrap_or(u32::MAX);
            return Ok(rows.filter(|row| attacks.contains(&column.value(*row as usize))).collect());
        };
        let sorted = self.cache.column((block.serial, BY_ATTACK), || {
            let mut rows: Vec<u32> = (0..u32::try_from(self.rows()).unwrap_or(u32::MAX)).collect();
            rows.sort_by_key(|row| column.value(*row as usize));
            Ok::<_, IndexError>(Data::of_codes(rows))
        })?;
        let sorted = sorted.codes();
        let mut found = vec![];
        for attack in here {
            let from = sorted.partition_point(|row| column.value(*row as usize) < attack);
            let rows = sorted.iter().skip(from);
            found.extend(rows.take_while(|row| column.value(**row as usize) == attack));
        }
        found.sort_unstable();
        Ok(found)
    }

    fn changes(&self) -> &[Change] {
        let (first, last) = self.bounds(Number::Id);
        let changes = &self.tenant.changes;
        let from = changes.partition_point(|change| change.id < first);
        let to = changes.partition_point(|change| change.id <= last);
        changes.get(from..to).unwrap_or_default()
    }

    fn changed(&self, number: Number) -> Result<Data, IndexError> {
        let changes = self.changes();
        if changes.is_empty() {
            return Ok(Data::of_codes(vec![0; self.rows()]));
        }
        let ids = self.column(ColumnId::Number(Number::Id))?;
        let mut changes = changes.iter().peekable();
        let values: Vec<i64> = (0..self.rows())
            .map(|row| {
                let id = ids.value(row);
                while changes.next_if(|change| change.id < id).is_some() {}
                changes.peek().filter(|change| change.id == id).map_or(0, |change| match number {
                    Number::Mark => change.mark.code(),
                    _ => change.issue,
                })
            })
            .collect();
        Ok(Data::of_numbers(&values))
    }
}

/// Runs `work` on every item, on all cores, and keeps the order of the answers.
pub(crate) fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, IndexError> + Sync,
) -> Result<Vec<R>, IndexError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len());
    if threads <= 1 {
        return items.iter().map(work).collect();
    }
    let size = items.len().div_ceil(threads);
    let answers = std::thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = items
            .chunks(size)
            .map(|items| scope.spawn(move || items.iter().map(work).collect::<Result<Vec<R>, _>>()))
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Vec<_>>()
    });
    let mut all = Vec::with_capacity(items.len());
    for answer in answers {
        all.extend(answer?);
    }
    Ok(all)
}
