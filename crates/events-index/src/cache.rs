//! Columns of blocks read from disk and rankings of attacks, kept while there is room.

use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;

use crate::{aggregate::Metric, block::Data, ranking::Ranking};

/// A block and the place of a column in it. Block numbers are never used twice.
type Key = (u64, u8);

/// What was not used for the longest time leaves first.
#[derive(Debug)]
pub(crate) struct Cache {
    budget_bytes: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    columns: HashMap<Key, (Arc<Data>, u64)>,
    /// By the serial number of the tenant's index; few of each.
    rankings: HashMap<u64, Vec<Kept>>,
    bytes: usize,
    clock: u64,
}

#[derive(Debug)]
struct Kept {
    measure: Metric,
    ranking: Arc<Mutex<Ranking>>,
    /// None until it is made.
    bytes: usize,
    used: u64,
}

/// Something that can leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Column(Key),
    Ranking(u64, usize),
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
        state.fit(self.budget_bytes);
        Ok(data)
    }

    /// The ranking of the attacks of a tenant's index by a measure, a new one when it is not here.
    pub(crate) fn ranking(&self, tenant: u64, measure: &Metric) -> Arc<Mutex<Ranking>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.clock += 1;
        let used = state.clock;
        let kept = state.rankings.entry(tenant).or_default();
        if let Some(kept) = kept.iter_mut().find(|kept| kept.measure == *measure) {
            kept.used = used;
            return Arc::clone(&kept.ranking);
        }
        let ranking = Arc::default();
        kept.push(Kept { measure: measure.clone(), ranking: Arc::clone(&ranking), bytes: 0, used });
        ranking
    }

    /// Notes the size of a ranking, unless it left meanwhile.
    pub(crate) fn weigh(&self, tenant: u64, ranking: &Arc<Mutex<Ranking>>, bytes: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut of_tenant = state.rankings.get_mut(&tenant).into_iter().flatten();
        let Some(kept) = of_tenant.find(|kept| Arc::ptr_eq(&kept.ranking, ranking)) else { return };
        let before = std::mem::replace(&mut kept.bytes, bytes);
        state.bytes = state.bytes.saturating_sub(before).saturating_add(bytes);
        state.fit(self.budget_bytes);
    }

    /// Drops the rankings of a tenant's index.
    pub(crate) fn forget_rankings(&self, tenant: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let gone: usize = state.rankings.remove(&tenant).iter().flatten().map(|kept| kept.bytes).sum();
        state.bytes = state.bytes.saturating_sub(gone);
    }

    /// Bytes of what is here, and the number of rankings.
    #[cfg(test)]
    pub(crate) fn held(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.bytes, state.rankings.values().map(Vec::len).sum())
    }
}

impl State {
    /// Drops what is oldest, when there is too much, until a quarter of the room is free, so that this is rare.
    fn fit(&mut self, budget: usize) {
        if self.bytes <= budget {
            return;
        }
        let mut ages: Vec<(u64, Place)> =
            self.columns.iter().map(|(key, (_, used))| (*used, Place::Column(*key))).collect();
        for (tenant, kept) in &self.rankings {
            // Those that are being made weigh nothing yet.
            let made = kept.iter().enumerate().filter(|(_, kept)| kept.bytes > 0);
            ages.extend(made.map(|(place, kept)| (kept.used, Place::Ranking(*tenant, place))));
        }
        ages.sort_unstable();
        let mut left = vec![];
        for (_, place) in ages {
            if self.bytes <= budget / 4 * 3 {
                break;
            }
            let bytes = match place {
                Place::Column(key) => self.columns.remove(&key).map_or(0, |(data, _)| data.bytes()),
                Place::Ranking(tenant, place) => {
                    left.push((tenant, place));
                    let kept = self.rankings.get(&tenant).and_then(|kept| kept.get(place));
                    kept.map_or(0, |kept| kept.bytes)
                }
            };
            self.bytes = self.bytes.saturating_sub(bytes);
        }
        // The last of a tenant first: the places before it stay.
        left.sort_unstable();
        for (tenant, place) in left.into_iter().rev() {
            if let Some(kept) = self.rankings.get_mut(&tenant).filter(|kept| place < kept.len()) {
                kept.remove(place);
            }
        }
        self.rankings.retain(|_, kept| !kept.is_empty());
    }
}
