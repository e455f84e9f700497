//! Request rates per value of a point (`spec/node.md` section 5.3, `spec/rules.md` section 4.5).
//!
//! A leaking bucket for each (rule, value): every request adds one, time takes away at the rate of the rule. What
//! fits into `delay` passes at once, what fits into `burst` waits until the rate allows it, the rest is refused.
//! Buckets are kept for all workers together, in shards, because the limit is the node's; a request that no
//! rate rule selects never comes here. Values are kept as 128-bit keyed hashes only. When the table is full, idle
//! keys go first, then the oldest; a key that finds no room is not limited.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bartizan_rules::{RateLimit, RateUnit};

/// Values longer than this are not counted, bytes.
pub(crate) const VALUE_MAX: usize = 8000;
/// Without a request for so long, a key is forgotten.
const IDLE: Duration = Duration::from_secs(60);
const SHARDS: usize = 16;

/// What a rate rule says about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RateVerdict {
    /// It passes.
    Pass,
    /// It passes after a wait.
    Wait(Duration),
    /// It is refused with this status.
    Refuse(u16),
}

/// The buckets of all rules.
#[derive(Debug)]
pub(crate) struct RateTable {
    shards: [Mutex<HashMap<Key, Bucket>>; SHARDS],
    keys_max: usize,
    hashers: (RandomState, RandomState),
    pub(crate) counts: RateCounts,
}

/// What happened since the start, for the statistics.
#[derive(Debug, Default)]
pub(crate) struct RateCounts {
    pub(crate) delayed: AtomicU64,
    pub(crate) exceeded: AtomicU64,
    /// Keys forgotten because they were idle.
    pub(crate) expired: AtomicU64,
    /// Keys pushed out by newer ones.
    pub(crate) removed: AtomicU64,
    /// Requests that were not limited because there was no room.
    pub(crate) no_free_nodes: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    rule: i64,
    value: u128,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// Requests that have not leaked away yet.
    fill: f64,
    at: Instant,
}

impl RateTable {
    /// A table for so many keys; 0 limits nothing.
    pub(crate) fn new(keys_max: usize) -> RateTable {
        RateTable {
            shards: Default::default(),
            keys_max,
            hashers: (RandomState::new(), RandomState::new()),
            counts: RateCounts::default(),
        }
    }

    /// Counts a request and says what becomes of it.
    pub(crate) fn note(&self, rule: i64, limit: &RateLimit, value: &[u8], now: Instant) -> RateVerdict {
        if value.len() > VALUE_MAX {
            return RateVerdict::Pass;
        }
        let key = Key { rule, value: self.hash(value) };
        let shard = usize::try_from(key.value % SHARDS as u128).unwrap_or(0);
        let Some(shard) = self.shards.get(shard) else { return RateVerdict::Pass };
        let mut buckets = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.contains_key(&key) && !self.make_room(&mut buckets, now) {
            self.counts.no_free_nodes.fetch_add(1, Ordering::Relaxed);
            return RateVerdict::Pass;
        }
        let bucket = buckets.entry(key).or_insert(Bucket { fill: 0.0, at: now });
        let verdict = bucket.add(limit, now);
        drop(buckets);
        match verdict {
            RateVerdict::Pass => {}
            RateVerdict::Wait(_) => drop(self.counts.delayed.fetch_add(1, Ordering::Relaxed)),
            RateVerdict::Refuse(_) => drop(self.counts.exceeded.fetch_add(1, Ordering::Relaxed)),
        }
        verdict
    }

    /// Keys in the table.
    pub(crate) fn entries(&self) -> usize {
        let count =
            |shard: &Mutex<HashMap<Key, Bucket>>| shard.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.shards.iter().map(count).sum()
    }

    fn hash(&self, value: &[u8]) -> u128 {
        let half = |state: &RandomState| u128::from(state.hash_one(Bytes(value)));
        half(&self.hashers.0) << 64 | half(&self.hashers.1)
    }

    /// Whether there is room for one more key. What is pushed out goes in one sweep, so that a flood of new values
    /// does not pay for a sweep each.
    fn make_room(&self, buckets: &mut HashMap<Key, Bucket>, now: Instant) -> bool {
        let most = self.keys_max / SHARDS;
        if buckets.len() < most {
            return true;
        }
        let before = buckets.len();
        buckets.retain(|_, bucket| now.duration_since(bucket.at) < IDLE);
        let expired = before - buckets.len();
        self.counts.expired.fetch_add(expired as u64, Ordering::Relaxed);
        if buckets.len() < most {
            return true;
        }
        let mut times: Vec<Instant> = buckets.values().map(|bucket| bucket.at).collect();
        let eighth = times.len() / 8;
        if times.is_empty() {
            return false;
        }
        let (_, oldest_kept, _) = times.select_nth_unstable(eighth);
        let oldest_kept = *oldest_kept;
        let before = buckets.len();
        buckets.retain(|_, bucket| bucket.at > oldest_kept);
        self.counts.removed.fetch_add((before - buckets.len()) as u64, Ordering::Relaxed);
        buckets.len() < most
    }
}

/// Hashed without the length prefix that slices get; one value stands alone here.
struct Bytes<'a>(&'a [u8]);

impl Hash for Bytes<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write(self.0);
    }
}

impl Bucket {
    fn add(&mut self, limit: &RateLimit, now: Instant) -> RateVerdict {
        let per_second = per_second(limit);
        let leaked = now.saturating_duration_since(self.at).as_secs_f64() * per_second;
        let fill = (self.fill - leaked).max(0.0) + 1.0;
        // A request within the rate needs neither burst nor delay; at rate 0 there is none.
        let least = if limit.rate == 0 { 0.0 } else { 1.0 };
        let refused = fill > f64::from(limit.burst).max(least);
        self.at = now;
        if refused {
            self.fill = fill - 1.0;
            return RateVerdict::Refuse(limit.status);
        }
        self.fill = fill;
        let early = fill - f64::from(limit.delay).max(least);
        if early <= 0.0 || limit.rate == 0 {
            return RateVerdict::Pass;
        }
        RateVerdict::Wait(Duration::from_secs_f64(early / per_second))
    }
}

/// Requests per second that a rule allows.
pub(crate) fn per_second(limit: &RateLimit) -> f64 {
    match limit.time_unit {
        RateUnit::PerSecond => f64::from(limit.rate),
        RateUnit::PerMinute => f64::from(limit.rate) / 60.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(rate: u32, burst: u32, delay: u32) -> RateLimit {
        let point = serde_json::json!(["remote_addr"]);
        serde_json::from_value(serde_json::json!({
            "point": point, "rate": rate, "time_unit": "rps", "burst": burst, "delay": delay, "rsp_status": 503
        }))
        .unwrap()
    }

    fn burst_of(count: usize, limit: &RateLimit) -> [usize; 3] {
        let (table, now) = (RateTable::new(1000), Instant::now());
        let mut seen = [0; 3];
        for _ in 0..count {
            match table.note(1, limit, b"198.51.100.7", now) {
                RateVerdict::Pass => seen[0] += 1,
                RateVerdict::Wait(_) => seen[1] += 1,
                RateVerdict::Refuse(status) => {
                    assert_eq!(status, 503);
                    seen[2] += 1;
                }
            }
        }
        seen
    }

    #[test]
    fn a_burst_passes_waits_and_is_refused() {
        assert_eq!(burst_of(15, &limit(5, 12, 8)), [8, 4, 3]);
        assert_eq!(burst_of(3, &limit(5, 0, 0)), [1, 0, 2]);
        assert_eq!(burst_of(3, &limit(0, 2, 0)), [2, 0, 1]);
        assert_eq!(burst_of(2, &limit(0, 0, 0)), [0, 0, 2]);
    }

    #[test]
    fn waits_keep_the_rate_and_time_gives_room() {
        let (table, start) = (RateTable::new(1000), Instant::now());
        let limit = limit(10, 3, 0);
        let note = |after_ms| table.note(1, &limit, b"v", start + Duration::from_millis(after_ms));
        assert_eq!(note(0), RateVerdict::Pass);
        assert_eq!(note(0), RateVerdict::Wait(Duration::from_millis(100)));
        assert_eq!(note(0), RateVerdict::Wait(Duration::from_millis(200)));
        assert_eq!(note(0), RateVerdict::Refuse(503));
        assert_eq!(note(1000), RateVerdict::Pass);
    }

    #[test]
    fn values_and_rules_are_counted_apart() {
        let (table, now) = (RateTable::new(1000), Instant::now());
        let limit = limit(1, 0, 0);
        for (rule, value) in [(1, b"a"), (1, b"b"), (2, b"a")] {
            assert_eq!(table.note(rule, &limit, value, now), RateVerdict::Pass);
            assert_eq!(table.note(rule, &limit, value, now), RateVerdict::Refuse(503));
        }
        assert_eq!(table.entries(), 3);
        assert_eq!(table.counts.exceeded.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn a_flood_of_values_stays_in_bounds_and_drops_the_oldest() {
        let (table, start) = (RateTable::new(1600), Instant::now());
        let limit = limit(1, 0, 0);
        for index in 0..20_000_u32 {
            table.note(1, &limit, &index.to_be_bytes(), start + Duration::from_micros(index.into()));
        }
        assert!(table.entries() <= 1600);
        assert!(table.counts.removed.load(Ordering::Relaxed) > 10_000);
        // Idle keys go without pushing anything out.
        let removed = table.counts.removed.load(Ordering::Relaxed);
        for index in 0..1000_u32 {
            table.note(2, &limit, &index.to_be_bytes(), start + Duration::from_secs(120));
        }
        assert_eq!(table.counts.removed.load(Ordering::Relaxed), removed);
        assert!(table.counts.expired.load(Ordering::Relaxed) > 0);
    }

    #[test]
    fn overlong_values_are_not_limited() {
        let (table, now) = (RateTable::new(1000), Instant::now());
        let long = vec![b'x'; VALUE_MAX + 1];
        for _ in 0..3 {
            assert_eq!(table.note(1, &limit(1, 0, 0), &long, now), RateVerdict::Pass);
        }
    }
}
