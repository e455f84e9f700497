//! Counters of the hot path.
//!
//! Each worker writes its own set, so an increment is a plain load and store that no other core waits for; readers
//! sum over the workers. Names are those of `spec/node.md` section 8.1.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bartizan_api::AttackType;

/// A counter with one writing thread.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds without a locked instruction: only the owning worker writes.
    pub(crate) fn add(&self, count: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// The low half, for the worker tick.
    pub(crate) fn get_u32(&self) -> u32 {
        u32::try_from(self.get() & u64::from(u32::MAX)).unwrap_or(0)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What one worker counted.
        #[derive(Debug, Default)]
        pub(crate) struct WorkerStats {
            $($(#[$doc])* pub(crate) $name: Counter,)*
            /// Findings by attack type, in the order of the catalogue.
            pub(crate) found: Found,
            /// Counters by application.
            pub(crate) apps: Apps,
            /// Time of inspections.
            pub(crate) inspection: Histogram,
            /// Time from a request's head to its answer's.
            pub(crate) answering: Histogram,
            /// Time that upstream servers took for the heads of their answers.
            pub(crate) upstream: Histogram,
            /// When the worker last came round, milliseconds since the node started.
            pub(crate) beat_ms: Counter,
        }

        /// The sum over all workers.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Totals {
            $($(#[$doc])* pub(crate) $name: u64,)*
        }

        impl Totals {
            /// Sums over workers.
            pub(crate) fn sum<'a>(workers: impl Iterator<Item = &'a WorkerStats>) -> Totals {
                let mut totals = Totals::default();
                for worker in workers {
                    $(totals.$name = totals.$name.wrapping_add(worker.$name.get());)*
                }
                totals
            }

            /// Name and value of each counter.
            pub(crate) fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Requests processed, mode other than `off`.
    requests,
    /// gRPC streams and WebSocket connections.
    streams,
    /// Messages of gRPC calls that were inspected.
    messages,
    /// Requests with at least one recorded attack.
    attacks,
    /// Refused requests, lists included.
    blocked,
    /// Refused because the source is denylisted.
    blocked_by_acl,
    /// Refused because the source is listed for abuse by bots.
    blocked_by_antibot,
    /// Passed without inspection because the source is allowlisted.
    acl_allow_list,
    /// Requests of graylisted sources, in safe blocking.
    acl_gray_list,
    /// Requests that were passed uninspected, by mode `off`.
    passed_off,
    /// Requests that could not be processed normally.
    abnormal,
    /// Bytes from clients.
    bytes_in,
    /// Bytes to clients.
    bytes_out,
    /// Bytes of requests that were refused for attacks.
    bytes_blocked_in,
    /// Bytes of answers to them.
    bytes_blocked_out,
    /// Bytes of requests that were refused by lists.
    bytes_blocked_by_acl_in,
    /// Bytes of answers to them.
    bytes_blocked_by_acl_out,
    /// Answers with a status from 100 to 199.
    responses_1xx,
    /// Answers with a status from 200 to 299.
    responses_2xx,
    /// Answers with a status from 300 to 399.
    responses_3xx,
    /// Answers with a status from 400 to 499.
    responses_4xx,
    /// Answers with a status from 500 to 599.
    responses_5xx,
    /// Requests whose head was above a limit.
    limit_head,
    /// Requests whose body was above `limits.body_max`.
    limit_body,
    /// Requests whose inspection hit a limit.
    overlimits_time,
    /// Panics caught during inspection.
    segfaults,
    /// Bodies that were not inspected to their end because there was no memory to hold them.
    shed_memory,
    /// Requests that were not inspected because too many others were waiting.
    shed_queue,
    /// Other inspection errors.
    proton_errors,
    /// Nanoseconds of inspection.
    time_detect_ns,
    /// Requests that no upstream server answered.
    upstream_errors,
    /// Client connections accepted.
    connections,
    /// Client connections closed because the client was too slow.
    timeouts,
    /// Time of the last request, Unix milliseconds; the sum of workers is not used.
    last_request_ms,
    /// Seconds since the worker started; a coarse clock for time-outs.
    tick,
}

/// A counter per attack type.
#[derive(Debug)]
pub(crate) struct Found([Counter; AttackType::ALL.len()]);

impl Default for Found {
    fn default() -> Found {
        Found(std::array::from_fn(|_| Counter::default()))
    }
}

impl Found {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (AttackType, u64)> {
        AttackType::ALL.iter().copied().zip(self.0.iter().map(Counter::get))
    }
}

/// Upper bounds of the buckets of a [`Histogram`], microseconds.
pub(crate) const BUCKETS_US: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

/// How long something took, with one writing thread.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [Counter; BUCKETS_US.len()],
    count: Counter,
    sum_ns: Counter,
}

impl Histogram {
    pub(crate) fn observe(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS_US.partition_point(|bound| *bound < us);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.add(1);
        }
        self.count.add(1);
        self.sum_ns.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// The sum of the histograms of all workers; buckets include those before them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Distribution {
    pub(crate) buckets: [u64; BUCKETS_US.len()],
    pub(crate) count: u64,
    pub(crate) sum_ns: u64,
}

impl Distribution {
    pub(crate) fn sum<'a>(histograms: impl Iterator<Item = &'a Histogram>) -> Distribution {
        let mut sum = Distribution::default();
        for histogram in histograms {
            let mut below = 0;
            for (total, bucket) in sum.buckets.iter_mut().zip(&histogram.buckets) {
                below += bucket.get();
                *total += below;
            }
            sum.count += histogram.count.get();
            sum.sum_ns = sum.sum_ns.wrapping_add(histogram.sum_ns.get());
        }
        sum
    }
}

/// What is counted by application.
#[derive(Debug, Default)]
pub(crate) struct AppStats {
    pub(crate) requests: Counter,
    pub(crate) attacks: Counter,
    pub(crate) blocked: Counter,
    pub(crate) blocked_by_acl: Counter,
    pub(crate) overlimits_time: Counter,
    pub(crate) time_detect_ns: Counter,
}

/// Applications that are counted apart; those beyond share the last place.
const APPS: usize = 64;

/// Counters by application. A place is made at its first use, so that a node with one application pays for one.
#[derive(Debug)]
pub(crate) struct Apps([OnceLock<Box<AppStats>>; APPS]);

impl Default for Apps {
    fn default() -> Apps {
        Apps(std::array::from_fn(|_| OnceLock::new()))
    }
}

impl Apps {
    /// The counters of the application with this number among those of the node.
    pub(crate) fn of(&self, slot: usize) -> Option<&AppStats> {
        let place = self.0.get(slot.min(APPS - 1))?;
        Some(place.get_or_init(Box::default))
    }

    /// Counters that were used, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &AppStats)> {
        self.0.iter().enumerate().filter_map(|(slot, place)| Some((slot, place.get()?.as_ref())))
    }
}

impl WorkerStats {
    /// Counts an answer by the class of its status.
    pub(crate) fn note_response(&self, status: u16) {
        match status / 100 {
            1 => self.responses_1xx.add(1),
            2 => self.responses_2xx.add(1),
            3 => self.responses_3xx.add(1),
            4 => self.responses_4xx.add(1),
            _ => self.responses_5xx.add(1),
        }
    }

    pub(crate) fn note_found(&self, attack_type: AttackType) {
        let position = AttackType::ALL.iter().position(|known| *known == attack_type);
        if let Some(counter) = position.and_then(|at| self.found.0.get(at)) {
            counter.add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_include_those_before_them() {
        let (a, b) = (Histogram::default(), Histogram::default());
        a.observe(Duration::from_micros(100));
        a.observe(Duration::from_micros(101));
        b.observe(Duration::from_secs(60));
        let sum = Distribution::sum([&a, &b].into_iter());
        assert_eq!((sum.buckets[0], sum.buckets[1], sum.buckets[15], sum.count), (1, 2, 2, 3));
        assert_eq!(sum.sum_ns, 60_000_201_000);
    }

    #[test]
    fn totals_sum_over_workers() {
        let (a, b) = (WorkerStats::default(), WorkerStats::default());
        a.requests.add(2);
        b.requests.add(3);
        b.blocked.add(1);
        let totals = Totals::sum([&a, &b].into_iter());
        assert_eq!((totals.requests, totals.blocked), (5, 1));
        assert!(totals.named().any(|named| named == ("requests", 5)));
    }
}
