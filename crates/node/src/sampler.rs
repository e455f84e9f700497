//! Sampling of events from denylisted sources (`spec/node.md` section 1.6).
//!
//! A refused source often hammers on; the first ten identical events are reported one by one, then one per minute
//! that says how many it stands for. Blocking and counters are not sampled.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::net::IpAddr;

const FIRST: u32 = 10;
const THEN_EVERY_S: i64 = 60;
/// Identities remembered; beyond that, old ones are forgotten, which only means a few more events.
const CAPACITY: usize = 100_000;

/// What was reported per identity.
#[derive(Debug, Default)]
pub(crate) struct Sampler {
    seen: HashMap<u64, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    reported: u32,
    last: i64,
    skipped: u32,
}

/// What makes two refusals the same.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Identity<'a> {
    pub(crate) ip: IpAddr,
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) method: &'a str,
}

impl Sampler {
    /// How many refusals an event made now stands for, or `None` when there is to be no event.
    pub(crate) fn note(&mut self, identity: Identity<'_>, now: i64) -> Option<u32> {
        let mut hasher = DefaultHasher::new();
        identity.hash(&mut hasher);
        if self.seen.len() >= CAPACITY {
            self.seen.retain(|_, seen| seen.last > now - THEN_EVERY_S);
            if self.seen.len() >= CAPACITY {
                self.seen.clear();
            }
        }
        let seen = self.seen.entry(hasher.finish()).or_default();
        if seen.reported < FIRST || now - seen.last >= THEN_EVERY_S {
            seen.reported = seen.reported.saturating_add(1);
            seen.last = now;
            return Some(std::mem::take(&mut seen.skipped).saturating_add(1));
        }
        seen.skipped = seen.skipped.saturating_add(1);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_then_one_per_minute_with_the_count() {
        let mut sampler = Sampler::default();
        let identity = Identity { ip: "192.0.2.1".parse().unwrap(), host: "a", path: "/", method: "GET" };
        for _ in 0..10 {
            assert_eq!(sampler.note(identity, 1000), Some(1));
        }
        for second in 1..60 {
            assert_eq!(sampler.note(identity, 1000 + second), None);
        }
        assert_eq!(sampler.note(identity, 1060), Some(60));
        assert_eq!(sampler.note(identity, 1061), None);
        assert_eq!(sampler.note(Identity { path: "/b", ..identity }, 1061), Some(1));
    }
}
