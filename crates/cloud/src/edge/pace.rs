//! Bodies that come too slowly: whoever sends a byte a minute must not hold a connection, and a reader, for ever.
//!
//! A body that is read may take `limits.body_ms`, and beyond that as long as it comes by `limits.body_bytes_per_second` on
//! average. So a large upload over a slow line passes, and how long a body can take is bounded by how large it may be. The
//! time begins when somebody begins to read; what nobody reads has limits of its own in [`super::unread`].

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::config::Limits;

/// Why a body ends early: answered with 408.
#[derive(Debug, thiserror::Error)]
#[error("the body came too slowly")]
pub(crate) struct TooSlow;

/// A body that breaks off by [`TooSlow`] when it does not keep pace.
pub(super) struct Paced {
    body: Body,
    time: Duration,
    bytes_per_second: u32,
    /// When it was first asked for.
    begun: Option<Instant>,
    received: u64,
    timer: Option<Pin<Box<Sleep>>>,
    late: bool,
}

impl Paced {
    pub(super) fn new(body: Body, limits: &Limits) -> Paced {
        Paced {
            body,
            time: Duration::from_millis(limits.body_ms),
            bytes_per_second: limits.body_bytes_per_second,
            begun: None,
            received: 0,
            timer: None,
            late: false,
        }
    }

    /// The body without a pace.
    pub(super) fn into_inner(self) -> Body {
        self.body
    }

    /// Whether anybody began to read it.
    pub(super) fn is_begun(&self) -> bool {
        self.begun.is_some()
    }

    /// How long what came so far may have taken.
    fn allowed(&self) -> Duration {
        let milliseconds = self.received.saturating_mul(1000) / u64::from(self.bytes_per_second.max(1));
        self.time + Duration::from_millis(milliseconds)
    }

    /// Ready when the time is over in which another byte had to come.
    fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let deadline = *self.begun.get_or_insert_with(Instant::now) + self.allowed();
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(context)
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.begun.get_or_insert_with(Instant::now);
        if self.late {
            return Poll::Ready(Some(Err(axum::Error::new(TooSlow))));
        }
        // What is there counts, however late somebody asks for it.
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            let bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()).and_then(Frame::data_ref);
            self.received += bytes.map_or(0, |bytes| bytes.len() as u64);
            return Poll::Ready(frame);
        }
        std::task::ready!(self.poll_late(context));
        self.late = true;
        Poll::Ready(Some(Err(axum::Error::new(TooSlow))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A part of a body.
    type Part = Result<Frame<Bytes>, axum::Error>;

    #[tokio::test]
    async fn what_was_read_gives_time() {
        use http_body_util::BodyExt;

        let limits = Limits { body_ms: 1, body_bytes_per_second: 1, ..Limits::default() };
        let (parts, body) = tokio::sync::mpsc::unbounded_channel::<Part>();
        let stream = futures_util::stream::unfold(body, async |mut body| Some((body.recv().await?, body)));
        let body = Body::new(http_body_util::StreamBody::new(Box::pin(stream)));
        let mut body = Paced::new(body, &limits);
        // An hour for these, however slow this machine is.
        parts.send(Ok(Frame::data(Bytes::from(vec![0; 3600])))).unwrap();
        assert!(body.frame().await.unwrap().is_ok());
        let next = tokio::time::timeout(Duration::from_millis(50), body.frame()).await;
        assert!(next.is_err(), "a body that came fast enough ended");
        // Nothing came of this one.
        let (_silent, body) = tokio::sync::mpsc::unbounded_channel::<Part>();
        let stream = futures_util::stream::unfold(body, async |mut body| Some((body.recv().await?, body)));
        let body = Body::new(http_body_util::StreamBody::new(Box::pin(stream)));
        let late = Paced::new(body, &limits).frame().await.unwrap().unwrap_err();
        assert!(late.into_inner().is::<TooSlow>());
    }

    #[test]
    fn a_body_has_its_time_and_more_by_what_came() {
        let limits = Limits { body_ms: 10_000, body_bytes_per_second: 1000, ..Limits::default() };
        let mut body = Paced::new(Body::empty(), &limits);
        for (received, seconds) in [(0, 10.0), (1, 10.001), (500, 10.5), (600_000, 610.0)] {
            body.received = received;
            assert_eq!(body.allowed().as_secs_f64(), seconds, "{received}");
        }
        body.received = u64::MAX;
        assert!(body.allowed() > Duration::from_secs(1 << 30));
    }
}
