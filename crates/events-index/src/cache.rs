//! Columns of blocks read from disk, kept while there is room.

use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;

use crate::block::Data;

/// A block and the place of a column in it. Block numbers are never used twice.
type Key = (u64, u8);

/// Least recently used columns leave first.
#[derive(Debug)]
pub(crate) struct Cache {
    budget_bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    columns: HashMap<Key, (Arc<Data>, u64)>,
    bytes: usize,
    clock: u64,
}

impl Cache {
    pub(crate) fn new(budget_bytes: usize) -> Cache {
        Cache { budget_bytes, state: Mutex::default() }
    }

    /// Columns that are here.
    #[cfg(test)]
    pub(crate) fn columns(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).columns.len()
    }

    /// The column, read by `load` when it is not here.
    pub(crate) fn column<E>(&self, key: Key, load: impl FnOnce() -> Result<Data, E>) -> Result<Arc<Data>, E> {
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.clock += 1;
            let now = state.clock;
            if let Some((data, used)) = state.columns.get_mut(&key) {
                *used = now;
                return Ok(Arc::clone(data));
            }
        }
        // Read without the lock; two readers may read the same column, which costs time only.
        let data = Arc::new(load()?);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = state.clock;
        if state.columns.insert(key, (Arc::clone(&data), now)).is_none() {
            state.bytes += data.bytes();
        }
        if state.bytes > self.budget_bytes {
            state.shrink(self.budget_bytes);
        }
        Ok(data)
    }
}

impl State {
    /// Drops the oldest columns until a quarter of the room is free, so that this is rare.
    fn shrink(&mut self, budget: usize) {
        let mut ages: Vec<(u64, Key)> = self.columns.iter().map(|(key, (_, used))| (*used, *key)).collect();
        ages.sort_unstable();
        for (_, key) in ages {
            if self.bytes <= budget / 4 * 3 {
                return;
            }
            if let Some((data, _)) = self.columns.remove(&key) {
                self.bytes = self.bytes.saturating_sub(data.bytes());
            }
        }
    }
}
