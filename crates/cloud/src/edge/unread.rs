//! Bodies that nobody read: a refusal that needs only the head of a request must not cost its connection.
//!
//! On HTTP/1 the next request follows the body of the one before, so a body that was left on the wire ends the connection,
//! and whoever writes the next request into it gets nothing. What a handler left is therefore thrown away before the
//! answer, within `limits.unread_body_bytes` and `limits.unread_body_ms`; beyond them the answer says `Connection: close`.
//!
//! HTTP/2 keeps the connection and resets the stream after the answer, with `NO_ERROR` (RFC 9113, section 8.1). Some clients
//! report that reset instead of the answer (curl 7.88), so the rest is thrown away first there too, within the same limits;
//! beyond them the answer goes out and what comes is thrown away as long again before the stream is reset.

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

use super::pace::Paced;
use crate::config::Limits;

/// Has a request handled and deals with what was left of its body.
pub(super) async fn run(limits: &Limits, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let closes = request.version() <= Version::HTTP_11;
    // Who waits for leave to send the body is not given it for nothing.
    let waits = request.headers().contains_key(header::EXPECT);
    let (back, returned) = oneshot::channel();
    let mut response =
        next.run(request.map(|body| Body::new(Lent::new(Paced::new(body, limits), back)))).await;
    if let Some(rest) = left_over(limits, returned, waits).await {
        if closes {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        } else {
            let time = Duration::from_millis(limits.unread_body_ms);
            tokio::spawn(tokio::time::timeout(time, throw_away(rest.into_inner())));
        }
    }
    response
}

/// What of the body is left on the wire, as far as this request knows.
async fn left_over(limits: &Limits, mut returned: oneshot::Receiver<Paced>, waits: bool) -> Option<Paced> {
    match returned.try_recv() {
        // It was read to its end, or whoever has it still reads.
        Err(TryRecvError::Closed | TryRecvError::Empty) => None,
        Ok(rest) if waits && !rest.is_begun() => Some(rest),
        Ok(mut rest) => {
            let time = Duration::from_millis(limits.unread_body_ms);
            let discarding = discard(&mut rest, limits.unread_body_bytes);
            let is_taken = tokio::time::timeout(time, discarding).await.unwrap_or(false);
            (!is_taken).then_some(rest)
        }
    }
}

/// Reads a body to its end.
async fn throw_away(mut body: Body) {
    while body.frame().await.is_some_and(|frame| frame.is_ok()) {}
}

/// Reads a body to its end; false when that takes more bytes than allowed, or it breaks off.
async fn discard(body: &mut Paced, mut left: usize) -> bool {
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

/// A body that comes back when whoever has it lets go of it before its end.
struct Lent {
    rest: Option<Paced>,
    back: Option<oneshot::Sender<Paced>>,
}

impl Lent {
    fn new(body: Paced, back: oneshot::Sender<Paced>) -> Lent {
        Lent { rest: Some(body), back: Some(back) }
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
        let frame = std::task::ready!(Pin::new(rest).poll_frame(context));
        if frame.is_none() {
            self.rest = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.rest.as_ref().is_none_or(Paced::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.rest.as_ref().map_or(SizeHint::with_exact(0), |rest| rest.size_hint())
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let rest = self.rest.take().filter(|rest| !rest.is_end_stream());
        if let (Some(rest), Some(back)) = (rest, self.back.take()) {
            // Nobody waits for it when the client has gone.
            let _ = back.send(rest);
        }
    }
}
