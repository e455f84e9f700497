//! Calls of verified hosts that may have been missed: counted where it happened, and shared with the other processes, one
//! of which may be waiting for the call.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bartizan_store::{Store, StoreError};
use tokio::{sync::Notify, time::Instant};

use crate::state::Cloud;

/// Connections that are turned away are told of this often.
const WARN_EVERY: Duration = Duration::from_secs(60);
/// Time between two messages to the other processes, and until one that failed is tried again.
const GATHER: Duration = Duration::from_millis(100);
/// Within this time the others know, as long as the database can be written.
pub(super) const SHARED_WITHIN: Duration = Duration::from_millis(500);

/// Calls that this process may have missed, because it turned connections away or could not note what they said.
#[derive(Debug, Default)]
pub(crate) struct Missed {
    number: AtomicU64,
    warned: Mutex<Option<Instant>>,
    more: Notify,
}

/// How many calls were missed up to a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count {
    /// By this process, which may be unable to say so.
    own: u64,
    /// By every process that said so.
    all: i64,
}

impl Missed {
    pub(super) fn number(&self) -> u64 {
        self.number.load(Ordering::Relaxed)
    }

    pub(super) fn note(&self) {
        self.number.fetch_add(1, Ordering::Relaxed);
        self.more.notify_one();
    }

    /// How many there are.
    pub(super) async fn count(&self, store: &Store) -> Result<Count, StoreError> {
        Ok(Count { own: self.number(), all: store.missed_calls().await? })
    }

    /// Notes a connection that was turned away; whether it is time to tell of it.
    fn is_to_be_told(&self, now: Instant) -> bool {
        self.note();
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = warned.is_none_or(|last| now.duration_since(last) >= WARN_EVERY);
        if is_due {
            *warned = Some(now);
        }
        is_due
    }

    /// Notes a connection that was turned away.
    pub(super) fn turned_away(&self, places: usize) {
        if self.is_to_be_told(Instant::now()) {
            let text = "connections for calls of verified hosts are turned away: all places are taken";
            tracing::warn!(places, missed = self.number(), "{text}");
        }
    }
}

/// Tells the other processes, as long as the cloud runs.
pub(crate) async fn share(cloud: Cloud) {
    let (missed, mut told) = (&cloud.missed_calls, 0);
    let mut warned: Option<Instant> = None;
    loop {
        let number = missed.number();
        if number == told {
            missed.more.notified().await;
            continue;
        }
        let more = i64::try_from(number - told).unwrap_or(i64::MAX);
        match cloud.store.note_missed_calls(more).await {
            Ok(()) => told = number,
            Err(error) if warned.is_none_or(|last| last.elapsed() >= WARN_EVERY) => {
                warned = Some(Instant::now());
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "other processes do not know yet that calls of verified hosts were missed"
                );
            }
            Err(_) => {}
        }
        tokio::time::sleep(GATHER).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_turned_away_is_counted_and_told_of_now_and_then() {
        let missed = Missed::default();
        let start = Instant::now();
        for now in [start, start + WARN_EVERY] {
            assert!(missed.is_to_be_told(now) && !missed.is_to_be_told(now));
        }
        assert_eq!(missed.number(), 4);
    }
}
