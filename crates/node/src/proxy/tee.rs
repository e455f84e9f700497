//! A copy of a request body, taken while the body streams to the upstream (`spec/node.md` section 9.4).
//!
//! Where nothing can be refused, nothing needs to be held: the upstream gets the body as it arrives, and the verdict
//! is given on the copy once the body has ended, is larger than what is inspected, or nobody reads it any more.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use bytes::Bytes;

use super::body::Gathered;
use crate::budget::Reservation;
use crate::pipeline::Extent;

/// What has been copied.
struct Copied {
    gathered: Gathered,
    max: usize,
    reservation: Reservation,
    ended: bool,
    extent: Extent,
    waker: Option<Waker>,
}

impl Copied {
    fn end(&mut self, extent: Extent) {
        if !self.ended {
            self.ended = true;
            self.extent = extent;
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }
    }
}

/// The side that the body passes.
pub(super) struct Writer(Rc<RefCell<Copied>>);

/// The side that waits for the end.
#[derive(Clone)]
pub(super) struct Copy(Rc<RefCell<Copied>>);

/// The body, as far as it was copied.
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    pub(super) extent: Extent,
    /// Counts the bytes as held while they are inspected.
    pub(super) reservation: Reservation,
}

/// A copy of at most `max` bytes, which begins with what has arrived already.
pub(super) fn tee(begun: &Bytes, max: usize, reservation: Reservation) -> (Writer, Copy) {
    let cut = begun.len() > max;
    let mut gathered = Gathered::default();
    gathered.push(begun.slice(..begun.len().min(max)), 0);
    let copied = Copied { gathered, max, reservation, ended: cut, extent: Extent::cut(cut), waker: None };
    let copied = Rc::new(RefCell::new(copied));
    (Writer(Rc::clone(&copied)), Copy(copied))
}

impl Writer {
    /// A piece of the body passes.
    pub(super) fn push(&self, data: &Bytes) {
        let mut copied = self.0.borrow_mut();
        if copied.ended || data.is_empty() {
            return;
        }
        let room = copied.max.saturating_sub(copied.gathered.len());
        let kept = data.slice(..data.len().min(room));
        let wanted = copied.gathered.len() + kept.len();
        if !copied.reservation.cover(wanted) {
            copied.end(Extent::Shed);
            return;
        }
        let cut = kept.len() < data.len();
        copied.gathered.push(kept, 0);
        if cut {
            copied.end(Extent::Cut);
        }
    }

    /// The body has passed as a whole.
    pub(super) fn finish(&self) {
        self.0.borrow_mut().end(Extent::Whole);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // The client gave up, or whoever read the body has lost interest in the rest of it.
        self.0.borrow_mut().end(Extent::BrokenOff);
    }
}

impl Copy {
    /// Whether the verdict can be given.
    pub(super) fn has_ended(&self) -> bool {
        self.0.borrow().ended
    }

    /// No more than what has arrived is to be judged.
    pub(super) fn close(&self) {
        self.0.borrow_mut().end(Extent::BrokenOff);
    }

    /// Waits for the end and takes what was copied.
    pub(super) async fn whole(&self) -> Whole {
        poll_fn(|cx| {
            let mut copied = self.0.borrow_mut();
            if copied.ended {
                return Poll::Ready(());
            }
            copied.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
        let mut copied = self.0.borrow_mut();
        let spare = copied.reservation.spare();
        Whole {
            bytes: std::mem::take(&mut copied.gathered).finish(),
            extent: copied.extent,
            reservation: std::mem::replace(&mut copied.reservation, spare),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn start(max: usize) -> (Writer, Copy) {
        tee(&Bytes::new(), max, Reservation::new(&Arc::default(), u64::MAX))
    }

    #[tokio::test]
    async fn whole_body_is_copied() {
        let (writer, copy) = start(10);
        writer.push(&Bytes::from_static(b"abc"));
        writer.push(&Bytes::from_static(b"def"));
        assert!(!copy.has_ended());
        writer.finish();
        let whole = copy.whole().await;
        assert_eq!((&whole.bytes[..], whole.extent), (&b"abcdef"[..], Extent::Whole));
    }

    #[tokio::test]
    async fn copy_ends_at_its_bound_or_with_the_reader_of_the_body() {
        let (writer, copy) = start(4);
        writer.push(&Bytes::from_static(b"abcdef"));
        let whole = copy.whole().await;
        assert_eq!((&whole.bytes[..], whole.extent), (&b"abcd"[..], Extent::Cut));
        let (writer, copy) = start(4);
        writer.push(&Bytes::from_static(b"ab"));
        drop(writer);
        let whole = copy.whole().await;
        assert_eq!((&whole.bytes[..], whole.extent), (&b"ab"[..], Extent::BrokenOff));
    }

    #[tokio::test]
    async fn copy_stops_when_there_is_no_memory() {
        let (writer, copy) = tee(&Bytes::new(), 1 << 20, Reservation::new(&Arc::default(), 0));
        writer.push(&Bytes::from(vec![b'a'; 4 << 10]));
        writer.push(&Bytes::from(vec![b'a'; 64 << 10]));
        let whole = copy.whole().await;
        assert_eq!((whole.bytes.len(), whole.extent), (4 << 10, Extent::Shed));
    }
}
