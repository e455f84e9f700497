//! What a connection and those who watch over it tell each other: the reaper, the end of the worker, limits.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;

use futures_util::future::AbortHandle;

use crate::stats::WorkerStats;

/// The state of a connection above its bytes.
#[derive(Default)]
pub(super) struct Watch {
    /// The connection is to end after what it is doing.
    retired: Cell<bool>,
    /// The task that serves it.
    serving: RefCell<Option<Waker>>,
    /// Requests so far.
    requests: Cell<u64>,
    /// Answers that stream over HTTP/2: the worker tick, plus one, of the piece that was handed out last, or 0 while
    /// the upstream is waited for.
    answers: RefCell<Vec<Rc<Answer>>>,
}

/// An answer that streams over HTTP/2.
struct Answer {
    /// See [`Watch::answers`].
    handed_out: Cell<u32>,
    /// Ends the stream, and only it.
    stream: Option<AbortHandle>,
}

impl Watch {
    pub(super) fn retire(&self) {
        self.retired.set(true);
        if let Some(waker) = self.serving.take() {
            waker.wake();
        }
    }

    /// Whether the connection is to end; if not, `waker` is told later.
    pub(super) fn is_retired(&self, waker: &Waker) -> bool {
        let mut known = self.serving.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
        self.retired.get()
    }

    /// Whether the connection came so far as to be served.
    pub(super) fn is_served(&self) -> bool {
        self.serving.borrow().is_some()
    }

    /// Counts a request; which one it is.
    pub(super) fn count_request(&self) -> u64 {
        self.requests.set(self.requests.get() + 1);
        self.requests.get()
    }

    /// Resets the streams whose next piece the client has not taken for too long, given since when, worker tick. How
    /// many they are.
    pub(super) fn reset_stalled(&self, too_long: impl Fn(u32) -> bool) -> u64 {
        let mut count = 0;
        for answer in self.answers.borrow().iter() {
            let stalled = answer.handed_out.get().checked_sub(1).is_some_and(&too_long);
            if let Some(stream) = answer.stream.as_ref().filter(|stream| stalled && !stream.is_aborted()) {
                stream.abort();
                count += 1;
            }
        }
        count
    }
}

/// Notes, for an answer over HTTP/2, whether the client takes what it is given: flow control holds the answer back
/// above the socket, where [`super::wire::Wire`] cannot see it.
pub(crate) struct AnswerWatch {
    watch: Rc<Watch>,
    stats: Arc<WorkerStats>,
    answer: Rc<Answer>,
}

impl AnswerWatch {
    pub(super) fn begin(watch: &Rc<Watch>, stats: &Arc<WorkerStats>) -> AnswerWatch {
        let answer = Answer { handed_out: Cell::new(0), stream: super::worker::current_stream() };
        let answer = Rc::new(answer);
        watch.answers.borrow_mut().push(Rc::clone(&answer));
        AnswerWatch { watch: Rc::clone(watch), stats: Arc::clone(stats), answer }
    }

    /// The client asked for the next piece and got it, or the upstream is waited for.
    pub(super) fn note(&self, handed_out: bool) {
        self.answer.handed_out.set(if handed_out { self.stats.tick.get_u32().saturating_add(1) } else { 0 });
    }
}

impl Drop for AnswerWatch {
    fn drop(&mut self) {
        let mut answers = self.watch.answers.borrow_mut();
        if let Some(at) = answers.iter().position(|answer| Rc::ptr_eq(answer, &self.answer)) {
            answers.swap_remove(at);
        }
    }
}
