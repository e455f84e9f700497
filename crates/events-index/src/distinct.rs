//! Which (group, value) pairs were seen: bits when they fit, a hash set otherwise; requests by their first group.

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

/// The groups that each request was seen in. Nearly always it is one, and the rows of a request lie together, so a
/// table of first groups is read from one end to the other where a hash set would be read all over.
pub(crate) struct SeenRequests {
    /// First group plus 1; 0 is none. Memory that is never touched is never given out.
    first: Vec<u32>,
    /// Further groups with their requests.
    more: HashSet<u64>,
}

impl SeenRequests {
    /// For requests below `requests`.
    pub(crate) fn new(requests: usize) -> SeenRequests {
        SeenRequests { first: vec![0; requests], more: HashSet::new() }
    }

    /// Notes a request in a group and says whether it is new there.
    pub(crate) fn insert(&mut self, group: u32, request: u32) -> bool {
        let group = group.saturating_add(1);
        match self.first.get_mut(request as usize) {
            Some(first) if *first == 0 => {
                *first = group;
                true
            }
            Some(first) if *first == group => false,
            _ => self.more.insert((u64::from(group) << 32) | u64::from(request)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_new_once_in_each_group() {
        let mut seen = SeenRequests::new(3);
        let asked = [(0, 2), (0, 2), (1, 2), (5, 2), (1, 2), (0, 2), (0, 0), (5, 0), (5, 0)];
        let new: Vec<bool> = asked.iter().map(|&(group, request)| seen.insert(group, request)).collect();
        assert_eq!(new, [true, false, true, true, false, false, true, true, false]);
    }
}
