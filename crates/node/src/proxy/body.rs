//! Bodies in both directions.
//!
//! A request body is held only up to the inspection limit; what is beyond it streams. Response bodies stream
//! always. Nothing here copies a body that arrived in one piece.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::upstream::Lease;
use super::worker::InFlight;
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
pub(crate) struct RequestBody {
    held: Option<Bytes>,
    rest: Option<Rest>,
}

/// The part of a body that is still at the client.
struct Rest {
    incoming: Incoming,
    left: u64,
    limit: u64,
    progress: Rc<Cell<Instant>>,
}

impl RequestBody {
    pub(crate) fn empty() -> RequestBody {
        RequestBody { held: None, rest: None }
    }

    /// When a body that is still streaming last moved; `None` when all of it is here.
    pub(crate) fn progress(&self) -> Option<Rc<Cell<Instant>>> {
        self.rest.as_ref().map(|rest| Rc::clone(&rest.progress))
    }

    /// Whether the same body can be sent a second time.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_none() && self.rest.is_none()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(held) = self.held.take() {
            return Poll::Ready(Some(Ok(Frame::data(held))));
        }
        while let Some(rest) = self.rest.as_mut() {
            let frame = ready!(Pin::new(&mut rest.incoming).poll_frame(cx));
            rest.progress.set(Instant::now());
            let Some(frame) = frame else {
                self.rest = None;
                break;
            };
            let Ok(data) = frame?.into_data() else { continue };
            match rest.left.checked_sub(data.len() as u64) {
                Some(left) => rest.left = left,
                None => return Poll::Ready(Some(Err(BodyError::TooLarge(rest.limit)))),
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_none() && self.rest.as_ref().is_none_or(|r| r.incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held.as_ref().map_or(0, |held| held.len() as u64);
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
    body: RequestBody,
}

impl Held {
    /// A body that is not looked at.
    pub(crate) fn streaming(incoming: Incoming, limit: u64) -> Held {
        let limit = if limit == 0 { u64::MAX } else { limit };
        let mut body = RequestBody::empty();
        if !incoming.is_end_stream() {
            let progress = Rc::new(Cell::new(Instant::now()));
            body.rest = Some(Rest { incoming, left: limit, limit, progress });
        }
        Held { bytes: Bytes::new(), truncated: false, body }
    }

    /// Reads until the end, or until the bounds, or until `enough` says so.
    pub(super) async fn read(
        mut incoming: Incoming,
        bounds: Bounds,
        enough: impl Fn(&[u8]) -> bool,
    ) -> Result<Held, BodyError> {
        let max = bounds.held;
        let limit = if bounds.whole == 0 { u64::MAX } else { bounds.whole };
        let mut body = RequestBody::empty();
        if incoming.is_end_stream() {
            return Ok(Held { bytes: Bytes::new(), truncated: false, body });
        }
        let mut gathered = Gathered::default();
        loop {
            let frame = match bounds.idle {
                None => incoming.frame().await,
                Some(idle) => {
                    tokio::time::timeout(idle, incoming.frame()).await.map_err(|_| BodyError::Late)?
                }
            };
            let Some(frame) = frame else { break };
            if let Ok(data) = frame?.into_data() {
                gathered.push(data, usize::try_from(incoming.size_hint().lower()).unwrap_or(0).min(max));
            }
            if gathered.len() as u64 > limit {
                return Err(BodyError::TooLarge(limit));
            }
            if incoming.is_end_stream() {
                break;
            }
            if gathered.len() >= max || enough(gathered.as_slice()) {
                let progress = Rc::new(Cell::new(Instant::now()));
                let left = limit - gathered.len() as u64;
                body.rest = Some(Rest { incoming, left, limit, progress });
                break;
            }
        }
        let bytes = gathered.finish();
        body.held = (!bytes.is_empty()).then(|| bytes.clone());
        let truncated = body.rest.is_some() || bytes.len() > max;
        Ok(Held { bytes, truncated, body })
    }

    /// The body for the upstream.
    pub(crate) fn into_body(self) -> RequestBody {
        self.body
    }
}

/// Body bytes so far; one piece is not copied.
#[derive(Default)]
struct Gathered {
    first: Bytes,
    more: BytesMut,
}

impl Gathered {
    fn push(&mut self, data: Bytes, expected: usize) {
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

    fn len(&self) -> usize {
        self.as_slice().len()
    }

    fn as_slice(&self) -> &[u8] {
        if self.more.is_empty() { &self.first } else { &self.more }
    }

    fn finish(self) -> Bytes {
        if self.more.is_empty() { self.first } else { self.more.freeze() }
    }
}

/// A response body on its way to the client.
pub(crate) struct ResponseBody {
    source: Source,
    /// Keeps the connection counted as busy until the body is gone.
    _in_flight: Option<InFlight>,
}

enum Source {
    Own(Option<Bytes>),
    Upstream { incoming: Incoming, lease: Option<Lease>, watch: Option<Box<Watch>> },
}

impl ResponseBody {
    /// A body of our own.
    pub(crate) fn own(bytes: Bytes, in_flight: InFlight) -> ResponseBody {
        let bytes = (!bytes.is_empty()).then_some(bytes);
        ResponseBody { source: Source::Own(bytes), _in_flight: Some(in_flight) }
    }

    /// A body that streams from an upstream; its connection goes back to the pool at the end.
    pub(crate) fn upstream(
        incoming: Incoming,
        lease: Option<Lease>,
        in_flight: InFlight,
        watch: Option<Box<Watch>>,
    ) -> ResponseBody {
        let mut source = Source::Upstream { incoming, lease, watch };
        if let Source::Upstream { incoming, lease, .. } = &mut source
            && incoming.is_end_stream()
            && let Some(lease) = lease.take()
        {
            lease.give_back();
        }
        ResponseBody { source, _in_flight: Some(in_flight) }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.source {
            Source::Own(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Source::Upstream { incoming, lease, watch } => {
                let frame = ready!(Pin::new(&mut *incoming).poll_frame(cx));
                let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
                // Dropped as soon as it has enough, or with the body.
                if watch.as_mut().zip(data).is_some_and(|(watch, data)| watch.push(data)) {
                    *watch = None;
                }
                if (frame.is_none() || incoming.is_end_stream())
                    && let Some(lease) = lease.take()
                {
                    lease.give_back();
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(bytes) => bytes.is_none(),
            Source::Upstream { incoming, .. } => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64)),
            Source::Upstream { incoming, .. } => incoming.size_hint(),
        }
    }
}
