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
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
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
    /// The last read found nothing: it is the client that is waited for, not the upstream.
    waiting: AtomicBool,
    /// Worker tick, plus one, since which the client takes nothing of what is there for it; 0 while it does.
    blocked_since: AtomicU32,
    /// Bytes received.
    received: AtomicU64,
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
    /// More bytes of another protocol, from either side.
    Tunnel,
    /// Nothing that this side has a say in.
    Open,
}

impl ConnState {
    pub(crate) fn phase(&self) -> Phase {
        if self.tunnel.load(Ordering::Relaxed) {
            return Phase::Tunnel;
        }
        // A client may begin its next request while an answer is on its way; that does not make it late.
        let answering = self.in_flight.load(Ordering::Relaxed) > 0;
        match self.phase.load(Ordering::Relaxed) {
            0 if !answering => Phase::Idle,
            1 if !answering => Phase::Head,
            2 if self.waiting.load(Ordering::Relaxed) => Phase::Body,
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

    /// Since when the client takes nothing of what is there for it, worker tick.
    pub(crate) fn blocked_since(&self) -> Option<u32> {
        self.blocked_since.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Notes whether the client took something.
    fn note_write(&self, taken: bool, tick: u32) {
        let since = self.blocked_since.load(Ordering::Relaxed);
        if taken != (since == 0) {
            self.blocked_since.store(if taken { 0 } else { tick.saturating_add(1) }, Ordering::Relaxed);
        }
    }

    /// Bytes received so far.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
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
    closing: Closing,
}

/// How far the end of a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closing {
    Open,
    /// Our side is shut; this many more bytes of the client are read and thrown away.
    Lingering(usize),
    Done,
}

/// Bytes that a refused client may still send before it is cut off. Closing with unread input makes the kernel
/// reset the connection, and the client would never see why it was refused.
const LINGER_BYTES: usize = 4 << 20;

/// No method, target, header name or value may hold the first byte; the rest makes hyper look at once.
const POISON: &[u8] = b"\0\r\n\r\n";

impl<T> Wire<T> {
    pub(crate) fn new(inner: T, state: Arc<ConnState>, stats: Arc<WorkerStats>) -> Wire<T> {
        Wire {
            inner,
            state,
            stats,
            framing: Framing::default(),
            pending: BytesMut::new(),
            closing: Closing::Open,
        }
    }

    /// Judges what was just put into `buf` after `before`.
    fn inspect(&mut self, buf: &mut ReadBuf<'_>, before: usize) {
        if self.state.tunnel.load(Ordering::Relaxed) {
            self.state.touch(self.stats.tick.get_u32());
            return;
        }
        if self.state.violated.load(Ordering::Relaxed) {
            return;
        }
        let Some(new) = buf.filled().get(before..) else { return };
        let verdict = self.framing.feed(new);
        // The time for a head counts from its first byte, everything else from the last one.
        let phase = self.framing.phase();
        if phase != 1 || self.state.phase.load(Ordering::Relaxed) != 1 {
            self.state.touch(self.stats.tick.get_u32());
        }
        self.state.phase.store(phase, Ordering::Relaxed);
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
                self.pending = BytesMut::from(POISON);
                buf.set_filled(before);
                self.deliver_pending(buf);
            }
        }
    }

    fn note_written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.state.note_write(written.is_ready(), self.stats.tick.get_u32());
        if let Poll::Ready(Ok(count)) = written {
            self.stats.bytes_out.add(count as u64);
            if self.state.tunnel.load(Ordering::Relaxed) {
                self.state.touch(self.stats.tick.get_u32());
            }
        }
        written
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
        if !self.pending.is_empty() {
            self.deliver_pending(buf);
            return Poll::Ready(Ok(()));
        }
        if self.state.violated.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.state.waiting.store(read.is_pending(), Ordering::Relaxed);
        ready!(read)?;
        let count = buf.filled().len() - before;
        if count > 0 {
            self.stats.bytes_in.add(count as u64);
            self.state.received.store(self.state.received() + count as u64, Ordering::Relaxed);
            self.inspect(buf, before);
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.note_written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.note_written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.state.note_write(flushed.is_ready(), self.stats.tick.get_u32());
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing == Closing::Open {
            ready!(Pin::new(&mut self.inner).poll_shutdown(cx))?;
            let mid_message = matches!(self.state.phase.load(Ordering::Relaxed), 1 | 2);
            self.closing = if mid_message || self.state.violated() {
                // The reaper bounds the wait like that for a head.
                self.state.phase.store(1, Ordering::Relaxed);
                self.state.touch(self.stats.tick.get_u32());
                Closing::Lingering(LINGER_BYTES)
            } else {
                Closing::Done
            };
        }
        while let Closing::Lingering(left) = self.closing {
            let mut scrap = [0; 8192];
            let mut buf = ReadBuf::new(&mut scrap);
            let read = ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buf));
            let count = buf.filled().len();
            let over = read.is_err() || count == 0 || count >= left;
            self.closing = if over { Closing::Done } else { Closing::Lingering(left - count) };
        }
        Poll::Ready(Ok(()))
    }
}
