//! Requests that cannot be refused: passed on as they arrive, judged afterwards (`spec/node.md` section 9.4).
//!
//! ```text
//! body ──┬──────────────► upstream ──► answer ──► client
//!        └ copy ► verdict ► events on disk ┘
//! ```
//!
//! When the body has ended before the answer begins, which is the rule, the answer waits until the events are on disk.
//! An answer that begins earlier (a refusal by the upstream, a call in both directions) flows, and only its end waits:
//! the verdict is then given on what has arrived by that time. So in either case whoever has the whole answer may
//! rely on the events, whatever happens to the node.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http::request;
use http_body::Frame;
use tokio::sync::oneshot;

use super::body::AnswerError;
use super::tee;
use super::worker::{Connection, Current, Worker};
use crate::pipeline::{self, Context, Plan};
use crate::response::Watched;

/// A verdict that is given while the request is on its way.
pub(super) struct Observed {
    copy: tee::Copy,
    /// Status and size of the answer, for the events.
    answer: oneshot::Sender<(u16, u64)>,
    done: oneshot::Receiver<Option<Box<Watched>>>,
}

/// Begins to wait for the copy of a body, and judges it when it has ended.
pub(super) fn observe(
    (worker, connection, current): (&Rc<Worker>, &Rc<Connection>, &Rc<Current>),
    context: &Context<'_>,
    plan: &Plan<'_>,
    parts: request::Parts,
    copy: tee::Copy,
) -> Observed {
    let (answer, answered) = oneshot::channel();
    let (judged, done) = oneshot::channel();
    let (worker, connection, current) = (Rc::clone(worker), Rc::clone(connection), Rc::clone(current));
    let (snapshot, settings, plan) = (Rc::clone(context.snapshot), *context.settings, plan.detach());
    let (id, client, started) = (context.id, context.client, context.started);
    let body = copy.clone();
    tokio::task::spawn_local(async move {
        let whole = body.whole().await;
        let context = Context {
            state: &current.state,
            stats: &worker.stats,
            endpoints: &worker.endpoints,
            snapshot: &snapshot,
            settings: &settings,
            id,
            client,
            connection: &connection,
            started,
        };
        let plan = plan.attach(&context, &parts);
        let (_, verdict) = pipeline::inspect(&context, plan, parts, whole.bytes, whole.extent).await;
        drop(whole.reservation);
        if let Some(hits) = verdict.hits {
            let (status, size) = answered.await.unwrap_or((0, 0));
            hits.finish(status, size).await;
        }
        // The client may be gone.
        let _ = judged.send(verdict.watched);
    });
    Observed { copy, answer, done }
}

impl Observed {
    /// Whether the verdict does not wait for more of the body.
    pub(super) fn has_ended(&self) -> bool {
        self.copy.has_ended()
    }

    /// Waits until everything that was found is on disk. What the answer is to be compared with is known then.
    pub(super) async fn settle(self, status: u16, size: u64) -> Option<Box<Watched>> {
        self.copy.close();
        // An error is a task that is gone, with the worker.
        let _ = self.answer.send((status, size));
        self.done.await.ok().flatten()
    }

    /// Lets the answer begin; its end waits.
    pub(super) fn into_finale(self, status: u16, size: u64) -> Finale {
        let _ = self.answer.send((status, size));
        Finale { copy: self.copy, done: self.done, last: None }
    }
}

/// The end of an answer, which waits for the verdict on what has arrived of the request.
pub(super) struct Finale {
    copy: tee::Copy,
    done: oneshot::Receiver<Option<Box<Watched>>>,
    /// The last frame, once it is known to be the last.
    last: Option<Last>,
}

type Last = Option<Result<Frame<Bytes>, AnswerError>>;

impl Finale {
    pub(super) fn has_begun(&self) -> bool {
        self.last.is_some()
    }

    /// The answer is complete but for this.
    pub(super) fn begin(&mut self, last: Last) {
        self.copy.close();
        self.last = Some(last);
    }

    /// Bytes of the answer that wait here.
    pub(super) fn held_back(&self) -> u64 {
        let last = self.last.as_ref().and_then(Option::as_ref);
        let data = last.and_then(|frame| frame.as_ref().ok()?.data_ref());
        data.map_or(0, |data| data.len() as u64)
    }

    pub(super) fn poll_last(&mut self, cx: &mut TaskContext<'_>) -> Poll<Last> {
        if self.last.is_some() && Pin::new(&mut self.done).poll(cx).is_pending() {
            return Poll::Pending;
        }
        Poll::Ready(self.last.take().flatten())
    }
}

impl Drop for Finale {
    fn drop(&mut self) {
        // The client went away; what it sent is judged all the same.
        self.copy.close();
    }
}
