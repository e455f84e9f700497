//! The client side of a connection, below HTTP: strict framing, byte counts, what the client is doing.
//!
//! hyper is lenient where two parsers could come to different conclusions: it drops a `Content-Length` beside
//! `Transfer-Encoding`, joins equal `Content-Length` lines and takes bare line feeds. Smuggling lives on such
//! differences, so [`Wire`] follows the messages of an HTTP/1 connection as the bytes pass by and, on the first
//! violation, shows hyper a byte that no head may hold: hyper answers 400 and closes (`spec/node.md` section 9.2).
//! It also percent-encodes bytes in the request target that hyper refuses but that attack tools and old clients
//! send as they are, so that those requests are inspected like any other. HTTP/2 and tunnels pass untouched.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::framing::{Framing, Verdict};
use crate::stats::WorkerStats;

/// What the reaper needs to know about a connection. Written by its worker only; atomic because hyper wants the
/// stream to be `Send` for upgrades.
#[derive(Debug, Default)]
pub(crate) struct ConnState {
    phase: AtomicU8,
    /// Worker tick of the last progress.
    since: AtomicU32,
    in_flight: AtomicU32,
    tunnel: AtomicBool,
    violated: AtomicBool,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The next request.
    Idle,
    /// The rest of a request head.
    Head,
    /// The rest of a request body.
    Body,
    /// Nothing that this side has a say in.
    Open,
}

impl ConnState {
    pub(crate) fn phase(&self) -> Phase {
        if self.tunnel.load(Ordering::Relaxed) {
            return Phase::Open;
        }
        match self.phase.load(Ordering::Relaxed) {
            0 if self.in_flight.load(Ordering::Relaxed) == 0 => Phase::Idle,
            1 => Phase::Head,
            2 => Phase::Body,
            _ => Phase::Open,
        }
    }

    pub(crate) fn since(&self) -> u32 {
        self.since.load(Ordering::Relaxed)
    }

    pub(crate) fn touch(&self, tick: u32) {
        self.since.store(tick, Ordering::Relaxed);
    }

    /// One more request is being answered.
    pub(crate) fn begin(&self) {
        self.in_flight.store(self.in_flight.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// One request less is being answered.
    pub(crate) fn end(&self, tick: u32) {
        self.in_flight.store(self.in_flight.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
        self.touch(tick);
    }

    /// From here on bytes are not HTTP.
    pub(crate) fn become_tunnel(&self) {
        self.tunnel.store(true, Ordering::Relaxed);
    }

    /// Whether the client broke the framing rules.
    pub(crate) fn violated(&self) -> bool {
        self.violated.load(Ordering::Relaxed)
    }
}

/// A client stream with the guard on it.
pub(crate) struct Wire<T> {
    inner: T,
    state: Arc<ConnState>,
    stats: Arc<WorkerStats>,
    framing: Framing,
    /// Bytes read that did not fit, after a rewrite.
    pending: BytesMut,
}

impl<T> Wire<T> {
    pub(crate) fn new(inner: T, state: Arc<ConnState>, stats: Arc<WorkerStats>) -> Wire<T> {
        Wire { inner, state, stats, framing: Framing::default(), pending: BytesMut::new() }
    }

    /// Judges what was just put into `buf` after `before`.
    fn inspect(&mut self, buf: &mut ReadBuf<'_>, before: usize) {
        if self.state.tunnel.load(Ordering::Relaxed) {
            return;
        }
        let Some(new) = buf.filled().get(before..) else { return };
        let verdict = self.framing.feed(new);
        self.state.phase.store(self.framing.phase(), Ordering::Relaxed);
        match verdict {
            Verdict::Pass => {}
            Verdict::Rewrite(at) => {
                // Everything from the first refused byte goes through `pending`, with the request line encoded.
                let tail = new.get(at..).unwrap_or_default();
                let mut rewritten = super::framing::encode_target(tail);
                rewritten.unsplit(std::mem::take(&mut self.pending));
                self.pending = rewritten;
                buf.set_filled(before + at);
                if at == 0 {
                    self.deliver_pending(buf);
                }
            }
            Verdict::Violation => {
                self.state.violated.store(true, Ordering::Relaxed);
                self.pending.clear();
                buf.set_filled(before);
                // No method, target, header name or value may hold it, wherever the parser stands.
                buf.put_slice(b"\0");
            }
        }
    }

    fn deliver_pending(&mut self, buf: &mut ReadBuf<'_>) {
        let before = buf.filled().len();
        let count = self.pending.len().min(buf.remaining());
        buf.put_slice(self.pending.get(..count).unwrap_or_default());
        self.pending.advance(count);
        self.inspect(buf, before);
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Wire<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.state.violated.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        if !self.pending.is_empty() {
            self.deliver_pending(buf);
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let count = buf.filled().len() - before;
        if count > 0 {
            self.stats.bytes_in.add(count as u64);
            let tick = self.stats.tick.get_u32();
            self.state.touch(tick);
            self.inspect(buf, before);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.inner).poll_write(cx, buf))?;
        self.stats.bytes_out.add(count as u64);
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, bufs))?;
        self.stats.bytes_out.add(count as u64);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
