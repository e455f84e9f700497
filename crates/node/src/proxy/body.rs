//! Bodies in both directions.
//!
//! A request body is held only where the verdict may be to refuse, and only up to the inspection limit; what is beyond
//! it streams, and everything streams where nothing can be refused, with a copy for the verdict ([`super::tee`]).
//! Response bodies stream always. Nothing here copies a body that arrived in one piece.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::messages::{Call, Gate};
use super::observe::Finale;
use super::tee;
use super::upstream::Lease;
use super::watch::AnswerWatch;
use super::worker::InFlight;
use crate::budget::Reservation;
use crate::response::Watch;

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    /// The other side broke it off or sent garbage.
    #[error("body stream failed")]
    Stream(#[from] hyper::Error),
    /// More than `limits.body_max`.
    #[error("body is larger than {0} bytes")]
    TooLarge(u64),
    /// The client stopped sending.
    #[error("body did not arrive in time")]
    Late,
    /// A message of the body is refused.
    #[error("a message is refused")]
    Refused,
}

/// How much of a body is read before the verdict.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes that are held.
    pub(super) held: usize,
    /// Bytes of the whole body; 0 is no limit.
    pub(super) whole: u64,
    /// Longest wait for the next piece, where nobody else watches over it.
    pub(super) idle: Option<Duration>,
}

/// A request body on its way to the upstream. Trailers end here: they come after the verdict, and a server that
/// takes them for headers would act on what nobody looked at.
#[derive(Default)]
pub(crate) struct RequestBody {
    held: Option<Bytes>,
    rest: Option<Rest>,
    /// Where a copy of what passes goes.
    copy: Option<tee::Writer>,
    /// Judges the messages of the rest.
    gate: Option<Gate>,
    /// Counts what is held.
    _reservation: Option<Reservation>,
}

/// The part of a body that is still at the client.
pub(super) struct Rest {
    incoming: Incoming,
    left: u64,
    limit: u64,
    progress: Rc<Cell<Instant>>,
}

impl Rest {
    fn new(incoming: Incoming, left: u64, limit: u64) -> Rest {
        Rest { incoming, left, limit, progress: Rc::new(Cell::new(Instant::now())) }
    }

    /// The next piece of data; `None` at the end.
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
            self.progress.set(Instant::now());
            let Some(frame) = frame else { return Poll::Ready(None) };
            let Ok(data) = frame?.into_data() else { continue };
            match self.left.checked_sub(data.len() as u64) {
                Some(left) => self.left = left,
                None => return Poll::Ready(Some(Err(BodyError::TooLarge(self.limit)))),
            }
            return Poll::Ready(Some(Ok(data)));
        }
    }

    fn has_ended(&self) -> bool {
        self.incoming.is_end_stream()
    }
}

impl RequestBody {
    pub(crate) fn empty() -> RequestBody {
        RequestBody::default()
    }

    /// When a body that is still streaming last moved; `None` when all of it is here.
    pub(crate) fn progress(&self) -> Option<Rc<Cell<Instant>>> {
        self.rest.as_ref().map(|rest| Rc::clone(&rest.progress))
    }

    /// Whether the same body can be sent a second time.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_none() && self.rest.is_none() && self.gate.is_none()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let body = &mut *self;
        if let Some(held) = body.held.take() {
            return Poll::Ready(Some(Ok(Frame::data(held))));
        }
        if let Some(gate) = &mut body.gate {
            let message = ready!(gate.poll_message(&mut body.rest, cx));
            return Poll::Ready(message.map(|message| message.map(Frame::data)));
        }
        let Some(rest) = &mut body.rest else { return Poll::Ready(None) };
        let data = ready!(rest.poll_data(cx));
        if let (Some(copy), Some(Ok(data))) = (&body.copy, &data) {
            copy.push(data);
        }
        if data.is_none() || rest.has_ended() {
            // The verdict need not wait for whoever reads to find out that there is no more.
            if let Some(copy) = body.copy.as_ref().filter(|_| !matches!(data, Some(Err(_)))) {
                copy.finish();
            }
        }
        if data.is_none() {
            body.rest = None;
        }
        Poll::Ready(data.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.gate.is_none() && self.rest.as_ref().is_none_or(Rest::has_ended)
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held.as_ref().map_or(0, |held| held.len() as u64);
        if self.gate.is_some() {
            return SizeHint::default();
        }
        let Some(rest) = &self.rest else { return SizeHint::with_exact(held) };
        let hint = rest.incoming.size_hint();
        let mut sum = SizeHint::new();
        sum.set_lower(hint.lower() + held);
        if let Some(upper) = hint.upper() {
            sum.set_upper(upper + held);
        }
        sum
    }
}

/// As much of a request body as is inspected, and the way to the rest.
pub(crate) struct Held {
    /// The inspected part.
    pub(crate) bytes: Bytes,
    /// Whether the body goes on.
    pub(crate) truncated: bool,
    /// Whether it goes on because there is no memory to hold more of it.
    pub(crate) shed: bool,
    body: RequestBody,
}

/// A body of which nothing had to be waited for.
pub(crate) enum Ready {
    /// All of it is here.
    Complete(Held),
    /// The client is still sending.
    Open(Open),
}

/// The beginning of a body that is still arriving.
pub(crate) struct Open {
    gathered: Gathered,
    reservation: Reservation,
    rest: Rest,
}

impl Open {
    /// What has arrived.
    pub(super) fn begun(&self) -> &[u8] {
        self.gathered.as_slice()
    }

    /// What has arrived, to be judged before it goes on.
    pub(super) fn into_held(self) -> Held {
        let bytes = self.gathered.finish();
        let held = (!bytes.is_empty()).then(|| bytes.clone());
        let body = RequestBody {
            held,
            rest: Some(self.rest),
            _reservation: Some(self.reservation),
            ..RequestBody::default()
        };
        Held { bytes, truncated: true, shed: false, body }
    }

    /// The body for the upstream, and a copy of at most `max` bytes of it for the verdict.
    pub(super) fn with_copy(self, max: usize) -> (RequestBody, tee::Copy) {
        let begun = self.gathered.finish();
        let (writer, copy) = tee::tee(&begun, max, self.reservation);
        let held = (!begun.is_empty()).then_some(begun);
        (RequestBody { held, rest: Some(self.rest), copy: Some(writer), ..RequestBody::default() }, copy)
    }
}

impl Held {
    /// A body that is not looked at.
    pub(crate) fn streaming(incoming: Incoming, limit: u64) -> Held {
        let limit = if limit == 0 { u64::MAX } else { limit };
        let mut body = RequestBody::empty();
        if !incoming.is_end_stream() {
            body.rest = Some(Rest::new(incoming, limit, limit));
        }
        Held { bytes: Bytes::new(), truncated: false, shed: false, body }
    }

    fn complete(bytes: Bytes, reservation: Reservation) -> Held {
        let held = (!bytes.is_empty()).then(|| bytes.clone());
        let body = RequestBody { held, _reservation: Some(reservation), ..RequestBody::default() };
        Held { bytes, truncated: false, shed: false, body }
    }

    /// Takes what has arrived already. A small body usually came with its head.
    pub(super) fn ready(
        mut incoming: Incoming,
        bounds: Bounds,
        mut reservation: Reservation,
    ) -> Result<Ready, BodyError> {
        let limit = if bounds.whole == 0 { u64::MAX } else { bounds.whole };
        let mut gathered = Gathered::default();
        while !incoming.is_end_stream() && gathered.len() <= bounds.held && reservation.cover(gathered.len())
        {
            match incoming.frame().now_or_never() {
                None => break,
                Some(None) => return Ok(Ready::Complete(Held::complete(gathered.finish(), reservation))),
                Some(Some(frame)) => {
                    let Ok(data) = frame?.into_data() else { continue };
                    gathered.push(data, 0);
                    if gathered.len() as u64 > limit {
                        return Err(BodyError::TooLarge(limit));
                    }
                }
            }
        }
        if incoming.is_end_stream() && gathered.len() <= bounds.held {
            return Ok(Ready::Complete(Held::complete(gathered.finish(), reservation)));
        }
        let left = limit - gathered.len() as u64;
        Ok(Ready::Open(Open { gathered, reservation, rest: Rest::new(incoming, left, limit) }))
    }

    /// Reads until the end, or until the bounds, or until `enough` says so.
    pub(super) async fn read(
        mut incoming: Incoming,
        bounds: Bounds,
        mut reservation: Reservation,
        enough: impl Fn(&[u8]) -> bool,
    ) -> Result<Held, BodyError> {
        let max = bounds.held;
        let limit = if bounds.whole == 0 { u64::MAX } else { bounds.whole };
        let mut body = RequestBody::empty();
        if incoming.is_end_stream() {
            return Ok(Held { bytes: Bytes::new(), truncated: false, shed: false, body });
        }
        let mut gathered = Gathered::default();
        let mut shed = false;
        loop {
            let frame = match bounds.idle {
                None => incoming.frame().await,
                Some(idle) => {
                    tokio::time::timeout(idle, incoming.frame()).await.map_err(|_| BodyError::Late)?
                }
            };
            let Some(frame) = frame else { break };
            if let Ok(data) = frame?.into_data() {
                shed = !reservation.cover(gathered.len() + data.len());
                let expected = usize::try_from(incoming.size_hint().lower()).unwrap_or(0);
                // Nothing is set aside for what may never come.
                gathered.push(data, expected.min(max).min(EXPECTED_MAX));
            }
            if gathered.len() as u64 > limit {
                return Err(BodyError::TooLarge(limit));
            }
            if incoming.is_end_stream() {
                shed = false;
                break;
            }
            if shed || gathered.len() >= max || enough(gathered.as_slice()) {
                let left = limit - gathered.len() as u64;
                body.rest = Some(Rest::new(incoming, left, limit));
                break;
            }
        }
        let bytes = gathered.finish();
        body.held = (!bytes.is_empty()).then(|| bytes.clone());
        body._reservation = Some(reservation);
        let truncated = body.rest.is_some() || bytes.len() > max;
        Ok(Held { bytes, truncated, shed, body })
    }

    /// The body for the upstream.
    pub(crate) fn into_body(self) -> RequestBody {
        self.body
    }

    /// The body for the upstream, each message of which passes a judge. The first `judged` bytes have passed.
    pub(super) fn into_messages(
        self,
        judged: usize,
        call: Rc<Call>,
        reservation: Reservation,
    ) -> RequestBody {
        let mut body = self.body;
        let left_over = self.bytes.slice(judged.min(self.bytes.len())..);
        body.held = (judged > 0).then(|| self.bytes.slice(..judged.min(self.bytes.len())));
        if body.rest.is_some() || !left_over.is_empty() {
            body.gate = Some(Gate::new(call, left_over, reservation));
        }
        body
    }
}

/// Memory that is set aside at once for a body that announces its length.
const EXPECTED_MAX: usize = 256 << 10;

/// Body bytes so far; one piece is not copied.
#[derive(Default)]
pub(super) struct Gathered {
    first: Bytes,
    more: BytesMut,
}

impl Gathered {
    pub(super) fn push(&mut self, data: Bytes, expected: usize) {
        if self.first.is_empty() && self.more.is_empty() {
            self.first = data;
            return;
        }
        if self.more.is_empty() {
            self.more.reserve(self.first.len() + data.len() + expected);
            self.more.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.more.extend_from_slice(&data);
    }

    pub(super) fn len(&self) -> usize {
        self.as_slice().len()
    }

    fn as_slice(&self) -> &[u8] {
        if self.more.is_empty() { &self.first } else { &self.more }
    }

    pub(super) fn finish(self) -> Bytes {
        if self.more.is_empty() { self.first } else { self.more.freeze() }
    }
}

/// A response body on its way to the client.
pub(crate) struct ResponseBody {
    source: Source,
    /// The verdict that the end of the answer waits for.
    finale: Option<Finale>,
    /// The gRPC call that this answers.
    call: Option<Rc<Call>>,
    /// Notes when the client does not take what it is given.
    pace: Option<AnswerWatch>,
    /// Ends the wait for an upstream that fell silent.
    silence: Option<Silence>,
    /// Keeps the connection counted as busy until the body is gone.
    _in_flight: Option<InFlight>,
}

/// Why an answer broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    /// The connection to the upstream failed.
    #[error("the answer of the upstream server broke off")]
    Upstream(#[from] hyper::Error),
    /// Nothing came for `timeouts.upstream_idle_s`.
    #[error("the upstream server fell silent in its answer")]
    Silent,
}

/// A bound on the silence of an upstream in the middle of its answer. Runs only while the upstream is waited for, not
/// while the client does not take what there is.
struct Silence {
    limit: Duration,
    timer: Pin<Box<tokio::time::Sleep>>,
    is_waiting: bool,
}

impl Silence {
    fn poll_over(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.is_waiting {
            self.is_waiting = true;
            self.timer.as_mut().reset(tokio::time::Instant::now() + self.limit);
        }
        self.timer.as_mut().poll(cx).is_ready()
    }
}

enum Source {
    Own(Option<Bytes>),
    Upstream { incoming: Incoming, lease: Option<Lease>, watch: Option<Box<Watch>> },
}

impl ResponseBody {
    /// A body of our own.
    pub(crate) fn own(bytes: Bytes, in_flight: InFlight) -> ResponseBody {
        let bytes = (!bytes.is_empty()).then_some(bytes);
        ResponseBody {
            source: Source::Own(bytes),
            finale: None,
            call: None,
            pace: None,
            silence: None,
            _in_flight: Some(in_flight),
        }
    }

    /// A body that streams from an upstream; its connection goes back to the pool at the end.
    pub(crate) fn upstream(
        incoming: Incoming,
        lease: Option<Lease>,
        watch: Option<Box<Watch>>,
        pace: Option<AnswerWatch>,
        in_flight: InFlight,
    ) -> ResponseBody {
        let mut source = Source::Upstream { incoming, lease, watch };
        if let Source::Upstream { incoming, lease, .. } = &mut source
            && incoming.is_end_stream()
            && let Some(lease) = lease.take()
        {
            lease.give_back();
        }
        ResponseBody { source, finale: None, call: None, pace, silence: None, _in_flight: Some(in_flight) }
    }

    /// The same body, the end of which waits for a verdict.
    pub(super) fn with_finale(mut self, finale: Option<Finale>) -> ResponseBody {
        self.finale = finale;
        self
    }

    /// The same body, which ends when a message of the call is refused.
    pub(super) fn with_call(mut self, call: Option<Rc<Call>>) -> ResponseBody {
        self.call = call;
        self
    }

    /// The same body, which is broken off when the upstream says nothing for so long; zero is no bound.
    pub(super) fn with_silence(mut self, limit: Duration) -> ResponseBody {
        self.silence = (!limit.is_zero()).then(|| Silence {
            limit,
            timer: Box::pin(tokio::time::sleep(limit)),
            is_waiting: false,
        });
        self
    }

    fn poll_upstream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, AnswerError>>> {
        let Source::Upstream { incoming, lease, watch } = &mut self.source else { return Poll::Ready(None) };
        if let Some(refusal) = self.call.as_ref().and_then(|call| call.poll_refusal(cx)) {
            // The exchange with the upstream is of no use any more, and neither is its connection.
            self.source = Source::Own(None);
            self.call = None;
            return Poll::Ready(Some(Ok(refusal)));
        }
        if let Some(finale) = &mut self.finale
            && finale.has_begun()
        {
            let last = ready!(finale.poll_last(cx));
            self.finale = None;
            return Poll::Ready(last);
        }
        let Poll::Ready(frame) = Pin::new(&mut *incoming).poll_frame(cx) else {
            if self.silence.as_mut().is_some_and(|silence| silence.poll_over(cx)) {
                return Poll::Ready(Some(Err(AnswerError::Silent)));
            }
            return Poll::Pending;
        };
        if let Some(silence) = &mut self.silence {
            silence.is_waiting = false;
        }
        let frame = frame.map(|frame| frame.map_err(AnswerError::from));
        let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
        // Dropped as soon as it has enough, or with the body.
        if watch.as_mut().zip(data).is_some_and(|(watch, data)| watch.push(data)) {
            *watch = None;
        }
        if frame.is_none() || incoming.is_end_stream() {
            if let Some(lease) = lease.take() {
                lease.give_back();
            }
            if let Some(finale) = &mut self.finale {
                finale.begin(frame);
                let last = ready!(finale.poll_last(cx));
                self.finale = None;
                return Poll::Ready(last);
            }
        }
        Poll::Ready(frame)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = AnswerError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerError>>> {
        if let Source::Own(bytes) = &mut self.source {
            return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))));
        }
        let frame = self.poll_upstream(cx);
        if let Some(pace) = &self.pace {
            pace.note(frame.is_ready());
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(bytes) => bytes.is_none(),
            Source::Upstream { incoming, .. } => self.finale.is_none() && incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Source::Upstream { incoming, .. } => {
                let held_back = self.finale.as_ref().map_or(0, Finale::held_back);
                let hint = incoming.size_hint();
                let mut sum = SizeHint::new();
                sum.set_lower(hint.lower() + held_back);
                if let Some(upper) = hint.upper() {
                    sum.set_upper(upper + held_back);
                }
                sum
            }
        }
    }
}
