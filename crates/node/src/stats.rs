//! Counters of the hot path.
//!
//! Each worker writes its own set, so an increment is a plain load and store that no other core waits for; readers
//! sum over the workers. Names are those of `spec/node.md` section 8.1.

use std::sync::atomic::{AtomicU64, Ordering};

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
    /// Requests with at least one recorded attack.
    attacks,
    /// Refused requests, lists included.
    blocked,
    /// Refused because the source is denylisted.
    blocked_by_acl,
    /// Passed without inspection because the source is allowlisted.
    acl_allow_list,
    /// Requests that could not be processed normally.
    abnormal,
    /// Bytes from clients.
    bytes_in,
    /// Bytes to clients.
    bytes_out,
    /// Bytes of requests that were refused for attacks.
    bytes_blocked_in,
    /// Bytes of requests that were refused by lists.
    bytes_blocked_by_acl_in,
    /// Requests whose inspection hit a limit.
    overlimits_time,
    /// Panics caught during inspection.
    segfaults,
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

impl WorkerStats {
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
