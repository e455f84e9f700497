//! gRPC calls: a verdict for each message, before it reaches the upstream.
//!
//! A first message that comes with the head of the call is judged with it, like any request; otherwise the head is
//! judged by itself, because the server may have to speak first. Other messages are held one by one up to the inspection
//! limit, while the answer may already be streaming the other way. A refused message ends both
//! directions: the upstream sees the call broken off, the client status 7 in the trailers of the answer.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context as TaskContext, Poll, Waker, ready};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, request};
use http_body::Frame;

use super::body::{BodyError, Rest};
use super::worker::{Connection, Current, LocalSnapshot, Worker};
use crate::budget::Reservation;
use crate::client_ip::Client;
use crate::pipeline::{self, Context, Extent, Plan};
use crate::request_id::RequestId;
use crate::routes::Settings;

/// Flag and length in front of a message.
const PREFIX: usize = 5;

/// Length of the message at the start, prefix included, if that much is known.
fn message_length(bytes: &[u8]) -> Option<usize> {
    let length: [u8; 4] = bytes.get(1..PREFIX)?.try_into().ok()?;
    Some(PREFIX + u32::from_be_bytes(length) as usize)
}

/// Whether the message at the start is all there.
pub(super) fn first_is_complete(bytes: &[u8]) -> bool {
    message_length(bytes).is_some_and(|length| bytes.len() >= length)
}

/// Bytes and number of the complete messages at the start.
pub(super) fn complete_messages(bytes: &[u8]) -> (usize, u64) {
    let (mut at, mut count) = (0, 0);
    while let Some(length) = bytes.get(at..).and_then(message_length) {
        if bytes.len() - at < length {
            break;
        }
        at += length;
        count += 1;
    }
    (at, count)
}

/// A call whose head has passed.
pub(super) struct Call {
    worker: Rc<Worker>,
    connection: Rc<Connection>,
    current: Rc<Current>,
    snapshot: LocalSnapshot,
    settings: Settings,
    plan: Plan<'static>,
    id: RequestId,
    client: Client,
    started: Instant,
    /// The head, lent to the inspection of one message at a time.
    head: RefCell<Option<request::Parts>>,
    /// Messages that were judged.
    judged: Cell<u64>,
    refused: Cell<bool>,
    /// Who waits for the refusal.
    waker: RefCell<Option<Waker>>,
}

impl Call {
    pub(super) fn new(
        (worker, connection, current): (&Rc<Worker>, &Rc<Connection>, &Rc<Current>),
        context: &Context<'_>,
        plan: Plan<'static>,
        head: request::Parts,
        judged: u64,
    ) -> Rc<Call> {
        Rc::new(Call {
            worker: Rc::clone(worker),
            connection: Rc::clone(connection),
            current: Rc::clone(current),
            snapshot: Rc::clone(context.snapshot),
            settings: *context.settings,
            plan,
            id: context.id,
            client: context.client,
            started: context.started,
            head: RefCell::new(Some(head)),
            judged: Cell::new(judged),
            refused: Cell::new(false),
            waker: RefCell::default(),
        })
    }

    /// Judges a message; whether it may pass. What was found is on disk then.
    async fn judge(self: Rc<Self>, message: Bytes, extent: Extent) -> bool {
        let Some(parts) = self.head.take() else { return true };
        let context = Context {
            state: &self.current.state,
            stats: &self.worker.stats,
            endpoints: &self.worker.endpoints,
            snapshot: &self.snapshot,
            settings: &self.settings,
            id: self.id,
            client: self.client,
            connection: &self.connection,
            started: self.started,
        };
        let index = self.judged.replace(self.judged.get() + 1);
        context.stats.messages.add(1);
        let plan = self.plan.attach(&context, &parts);
        let (parts, verdict) = pipeline::inspect(&context, plan, parts, message, extent).await;
        self.head.replace(Some(parts));
        if let Some(mut hits) = verdict.hits {
            // What there is in the head was reported with the head.
            hits.set_message(index);
            hits.finish(200, 0).await;
        }
        verdict.block.is_none()
    }

    fn refuse(&self) {
        self.refused.set(true);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The end of the answer, when a message was refused.
    pub(super) fn poll_refusal(&self, cx: &TaskContext<'_>) -> Option<Frame<Bytes>> {
        if !self.refused.get() {
            self.waker.replace(Some(cx.waker().clone()));
            return None;
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("7"));
        trailers.insert("grpc-message", HeaderValue::from_static("blocked"));
        Some(Frame::trailers(trailers))
    }

    /// Waits for an outcome, but not beyond a refusal, for which it is `None`.
    pub(super) async fn unless_refused<T>(&self, outcome: impl Future<Output = T>) -> Option<T> {
        let mut outcome = std::pin::pin!(outcome);
        let outcome = poll_fn(|cx| {
            // The body is sent by another task, so a refusal may come while the outcome is pending.
            if self.poll_refusal(cx).is_some() {
                return Poll::Ready(None);
            }
            outcome.as_mut().poll(cx).map(Some)
        });
        outcome.await.filter(|_| !self.refused.get())
    }
}

type Judging = Pin<Box<dyn Future<Output = bool>>>;

/// Lets messages of a call through one by one.
pub(super) struct Gate {
    call: Rc<Call>,
    gathered: BytesMut,
    reservation: Reservation,
    /// Bytes of a message that was too long to be held as a whole.
    passing: usize,
    judging: Option<(Judging, Bytes)>,
}

impl Gate {
    pub(super) fn new(call: Rc<Call>, begun: Bytes, reservation: Reservation) -> Gate {
        Gate { call, gathered: BytesMut::from(begun), reservation, passing: 0, judging: None }
    }

    /// The next message that may pass.
    pub(super) fn poll_message(
        &mut self,
        rest: &mut Option<Rest>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            if let Some((judging, _)) = &mut self.judging {
                let passes = ready!(judging.as_mut().poll(cx));
                let message = self.judging.take().map(|(_, message)| message).unwrap_or_default();
                if passes {
                    return Poll::Ready(Some(Ok(message)));
                }
                self.call.refuse();
                *rest = None;
                self.gathered.clear();
                return Poll::Ready(Some(Err(BodyError::Refused)));
            }
            if self.passing > 0 && !self.gathered.is_empty() {
                let passes = self.gathered.split_to(self.passing.min(self.gathered.len()));
                self.passing -= passes.len();
                return Poll::Ready(Some(Ok(passes.freeze())));
            }
            let max = self.call.current.state.config.inspect.body_max.max(PREFIX);
            let length = message_length(&self.gathered);
            if let Some(length) = length.filter(|length| self.gathered.len() >= *length && *length <= max) {
                self.begin(length, length, false);
                continue;
            }
            if let Some(length) = length.filter(|_| self.gathered.len() >= max) {
                self.begin(max, length, false);
                continue;
            }
            let Some(open) = rest else {
                if self.gathered.is_empty() {
                    return Poll::Ready(None);
                }
                // Cut short by the client; whether a server makes something of it is not for us to know.
                let left = self.gathered.len();
                self.begin(left, left, false);
                continue;
            };
            match ready!(open.poll_data(cx)) {
                None => *rest = None,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(data)) => {
                    self.gathered.extend_from_slice(&data);
                    let room = self.reservation.cover(self.gathered.len());
                    if let Some(length) = message_length(&self.gathered).filter(|_| !room) {
                        let held = self.gathered.len().min(length);
                        self.begin(held, length, true);
                    }
                }
            }
        }
    }

    /// Has the first `held` bytes of a message of `length` bytes judged.
    fn begin(&mut self, held: usize, length: usize, shed: bool) {
        let message = self.gathered.split_to(held).freeze();
        self.passing = length - held;
        let extent = match (held < length, shed) {
            (false, _) => Extent::Whole,
            (true, false) => Extent::Cut,
            (true, true) => Extent::Shed,
        };
        let judging = Rc::clone(&self.call).judge(message.clone(), extent);
        self.judging = Some((Box::pin(judging), message));
        if self.gathered.is_empty() {
            // The message is on its way; what comes next is counted anew.
            self.reservation = self.reservation.spare();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_as_far_as_they_are_complete() {
        let two = b"\0\0\0\0\x02ab\0\0\0\0\0";
        assert_eq!(complete_messages(two), (12, 2));
        assert_eq!(complete_messages(&two[..9]), (7, 1));
        assert_eq!(complete_messages(b"\0\0\0"), (0, 0));
        assert!(first_is_complete(two) && !first_is_complete(&two[..6]));
        assert!(!first_is_complete(b"\0\xff\xff\xff\xff"));
    }
}
