//! Which (group, value) pairs were seen: bits when they fit, a hash set otherwise.

use hashbrown::HashSet;

use crate::dictionary::Bits;

/// Most bits of the fast form: 32 MiB.
const MAX_BITS: u64 = 1 << 28;

/// The pairs seen so far.
pub(crate) enum Seen {
    Bits { values: u64, bits: Bits },
    Pairs(HashSet<u64>),
    Wide(HashSet<(u32, u64)>),
}

impl Seen {
    /// For groups below `groups` and values below `values`.
    pub(crate) fn new(groups: usize, values: u64) -> Seen {
        let all = (groups as u64).checked_mul(values).filter(|all| *all <= MAX_BITS);
        match all.and_then(|all| usize::try_from(all).ok()) {
            Some(all) => Seen::Bits { values, bits: Bits::with_capacity(all) },
            None if values <= u64::from(u32::MAX) => Seen::Pairs(HashSet::new()),
            None => Seen::Wide(HashSet::new()),
        }
    }

    /// Notes a pair and says whether it is new.
    pub(crate) fn insert(&mut self, group: u32, value: u64) -> bool {
        match self {
            Seen::Bits { values, bits } => {
                // Below MAX_BITS by construction.
                usize::try_from(u64::from(group) * *values + value).is_ok_and(|bit| bits.insert(bit))
            }
            Seen::Pairs(pairs) => pairs.insert((u64::from(group) << 32) | value),
            Seen::Wide(pairs) => pairs.insert((group, value)),
        }
    }
}
