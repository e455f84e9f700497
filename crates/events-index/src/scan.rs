//! Reading rows part by part: full blocks from the cache, and the tail.

use std::sync::Arc;

use crate::{
    block::{ColumnId, Data},
    cache::Cache,
    column::Number,
    error::IndexError,
    tenant::{Block, Change, Tenant},
};

/// A block, or the tail.
#[derive(Clone, Copy)]
pub(crate) struct Part<'a> {
    pub(crate) tenant: &'a Tenant,
    cache: &'a Cache,
    block: Option<&'a Block>,
}

/// Every part of a tenant, oldest first.
pub(crate) fn parts<'a>(tenant: &'a Tenant, cache: &'a Cache) -> Vec<Part<'a>> {
    let blocks = tenant.blocks.iter().map(|block| Part { tenant, cache, block: Some(block) });
    let tail = (tenant.tail.rows() > 0).then_some(Part { tenant, cache, block: None });
    blocks.chain(tail).collect()
}

impl Part<'_> {
    pub(crate) fn rows(&self) -> usize {
        self.block.map_or_else(|| self.tenant.tail.rows(), |block| block.header.rows)
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
        // There are 32 columns.
        let slot = column.slot().and_then(|slot| u8::try_from(slot).ok()).unwrap_or(u8::MAX);
        self.cache.column((block.serial, slot), || self.tenant.read_column(block, column))
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
