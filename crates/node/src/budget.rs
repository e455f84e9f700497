//! Bounds that all requests of the process share: memory for bodies that are held, and the queue of inspections that
//! run off the workers.
//!
//! What does not fit is shed: the request goes the way of one whose inspection failed (`on_inspection_error`) and is
//! counted. A flood costs inspection of the surplus, never memory without end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes that a request may hold without asking: about what a connection reads at a time, and bounded by the number
/// of connections.
const FREE: u64 = 8 << 10;
/// Bytes that are taken at a time, so that a body does not touch the shared counter with every piece.
const PORTION: u64 = 64 << 10;

/// Bytes of bodies that are held in the process.
#[derive(Debug, Default)]
pub(crate) struct HeldBytes(AtomicU64);

impl HeldBytes {
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The share of one request; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    held: Arc<HeldBytes>,
    max: u64,
    taken: u64,
}

impl Reservation {
    /// Of at most `max` bytes for the whole process.
    pub(crate) fn new(held: &Arc<HeldBytes>, max: u64) -> Reservation {
        Reservation { held: Arc::clone(held), max, taken: 0 }
    }

    /// Another share under the same bound, with nothing in it.
    pub(crate) fn spare(&self) -> Reservation {
        Reservation { held: Arc::clone(&self.held), max: self.max, taken: 0 }
    }

    /// Makes room for this many bytes in all; `false` when there is none.
    pub(crate) fn cover(&mut self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        if bytes <= FREE + self.taken {
            return true;
        }
        let more = (bytes - FREE - self.taken).next_multiple_of(PORTION);
        let before = self.held.0.fetch_add(more, Ordering::Relaxed);
        if before + more > self.max {
            self.held.0.fetch_sub(more, Ordering::Relaxed);
            return false;
        }
        self.taken += more;
        true
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.taken > 0 {
            self.held.0.fetch_sub(self.taken, Ordering::Relaxed);
        }
    }
}

/// Inspections that run on threads of their own: as many at a time as there are workers, the others wait their turn.
#[derive(Debug)]
pub(crate) struct Offload {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Offload {
    pub(crate) fn new(slots: usize) -> Offload {
        Offload { slots: Arc::new(Semaphore::new(slots.max(1))), waiting: AtomicUsize::new(0) }
    }

    /// Inspections that wait.
    pub(crate) fn queued(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// A turn, to be held during the inspection; `None` when `max` others wait already or it takes longer than
    /// `patience`.
    pub(crate) async fn turn(&self, max: usize, patience: Duration) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.slots).try_acquire_owned() {
            return Some(permit);
        }
        let place = Place::take(&self.waiting, max)?;
        let permit = tokio::time::timeout(patience, Arc::clone(&self.slots).acquire_owned()).await;
        drop(place);
        // Neither late nor closed.
        permit.ok()?.ok()
    }
}

/// A place in the queue, given back however the wait ends.
struct Place<'q>(&'q AtomicUsize);

impl Place<'_> {
    fn take(waiting: &AtomicUsize, max: usize) -> Option<Place<'_>> {
        if waiting.fetch_add(1, Ordering::Relaxed) >= max {
            waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Place(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_are_bounded_together_and_given_back() {
        let held = Arc::new(HeldBytes::default());
        let mut first = Reservation::new(&held, 200 << 10);
        let mut second = Reservation::new(&held, 200 << 10);
        assert!(first.cover(4 << 10));
        assert_eq!(held.now(), 0);
        assert!(first.cover(130 << 10));
        assert_eq!(held.now(), 128 << 10);
        assert!(second.cover(64 << 10));
        assert!(!second.cover(90 << 10));
        drop(first);
        assert!(second.cover(90 << 10));
        drop(second);
        assert_eq!(held.now(), 0);
    }

    #[tokio::test]
    async fn queue_is_bounded() {
        let offload = Offload::new(1);
        let patience = Duration::from_secs(60);
        let running = offload.turn(1, patience).await.unwrap();
        let waiting = offload.turn(1, patience);
        let mut waiting = std::pin::pin!(waiting);
        let first = std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx))).await;
        assert!(first.is_pending());
        assert_eq!(offload.queued(), 1);
        assert!(offload.turn(1, patience).await.is_none());
        drop(running);
        assert!(waiting.await.is_some());
        assert_eq!(offload.queued(), 0);
        let _running = offload.turn(1, patience).await.unwrap();
        assert!(offload.turn(1, Duration::from_millis(1)).await.is_none());
    }
}
