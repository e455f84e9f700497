//! Bodies that nobody read: a refusal that needs only the head of a request must not cost its connection.
//!
//! On HTTP/1 the next request follows the body of the one before, so a body that was left on the wire ends the connection,
//! and whoever writes the next request into it gets nothing. What a handler left is therefore thrown away before the
//! answer, within `limits.unread_body_bytes` and `limits.unread_body_ms`; beyond them the answer says `Connection: close`.
//! HTTP/2 ends a stream and keeps the connection: nothing of this is needed there.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderValue, Version, header},
    middleware::Next,
    response::Response,
};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::sync::oneshot::{self, error::TryRecvError};

use crate::config::Limits;

/// Has a request handled and deals with what was left of its body.
pub(super) async fn run(limits: &Limits, request: Request, next: Next) -> Response {
    let later = request.version() > Version::HTTP_11;
    if later || request.body().is_end_stream() {
        return next.run(request).await;
    }
    // Who waits for leave to send the body is not given it for nothing.
    let waits = request.headers().contains_key(header::EXPECT);
    let (back, returned) = oneshot::channel();
    let mut response = next.run(request.map(|body| Body::new(Lent::new(body, back)))).await;
    if !is_taken(limits, returned, waits).await {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whether nothing of the body is left on the wire, as far as this request knows.
async fn is_taken(limits: &Limits, mut returned: oneshot::Receiver<Rest>, waits: bool) -> bool {
    match returned.try_recv() {
        // It was read to its end, or whoever has it still reads.
        Err(TryRecvError::Closed | TryRecvError::Empty) => true,
        Ok(rest) if waits && !rest.begun => false,
        Ok(rest) => {
            let time = Duration::from_millis(limits.unread_body_ms);
            let discarding = discard(rest.body, limits.unread_body_bytes);
            tokio::time::timeout(time, discarding).await.unwrap_or(false)
        }
    }
}

/// Reads a body to its end; false when that takes more bytes than allowed, or it breaks off.
async fn discard(mut body: Body, mut left: usize) -> bool {
    // More than that was announced: waiting for a part of it would help nobody.
    if usize::try_from(body.size_hint().lower()).map_or(true, |announced| announced > left) {
        return false;
    }
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return false,
        }
    }
    true
}

/// What was left of a body.
struct Rest {
    body: Body,
    /// Whether anybody began to read it.
    begun: bool,
}

/// A body that comes back when whoever has it lets go of it before its end.
struct Lent {
    rest: Option<Rest>,
    back: Option<oneshot::Sender<Rest>>,
}

impl Lent {
    fn new(body: Body, back: oneshot::Sender<Rest>) -> Lent {
        Lent { rest: Some(Rest { body, begun: false }), back: Some(back) }
    }
}

impl http_body::Body for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        rest.begun = true;
        let frame = std::task::ready!(Pin::new(&mut rest.body).poll_frame(context));
        if frame.is_none() {
            self.rest = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.as_ref().is_none_or(|rest| rest.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.rest.as_ref().map_or(SizeHint::with_exact(0), |rest| rest.body.size_hint())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let rest = self.rest.take().filter(|rest| !rest.body.is_end_stream());
        if let (Some(rest), Some(back)) = (rest, self.back.take()) {
            // Nobody waits for it when the client has gone.
            let _ = back.send(rest);
        }
    }
}
