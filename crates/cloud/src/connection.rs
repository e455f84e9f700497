//! Connections below HTTP: how they begin and how they end.
//!
//! **Beginning.** Which version a client speaks is told by its first bytes, and nothing else limits how long it may take for
//! them: the limit on heads begins after that. Whoever says nothing is let go here.
//!
//! **Middle.** Whoever takes nothing of an answer for a while is let go, too, so that answers nobody reads are not kept.
//!
//! **End.** A connection that is closed while its client still sends is reset, and with it goes what the client has not
//! read: the answer that says why (RFC 9112, section 9.6). So the server ends its own side only, and throws away what comes
//! until the client ends its side or the time is over.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum_server::accept::Accept;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::TcpStream,
    runtime::Handle,
    time::Sleep,
};

use crate::config::Limits;

/// What a client of HTTP/2 begins with (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Times of a connection.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    /// For the first bytes.
    pub(crate) beginning: Duration,
    /// For the client to take something of what is written.
    pub(crate) stalled: Duration,
    /// For the client to notice the end.
    pub(crate) end: Duration,
}

impl Times {
    pub(crate) fn of(limits: &Limits) -> Times {
        Times {
            beginning: Duration::from_millis(limits.idle_ms),
            stalled: Duration::from_millis(limits.stalled_ms),
            end: Duration::from_millis(limits.unread_body_ms),
        }
    }
}

/// Makes a [`Connection`] of what another acceptor accepts.
#[derive(Clone)]
pub(crate) struct Acceptor<A> {
    inner: A,
    times: Times,
}

impl<A> Acceptor<A> {
    pub(crate) fn new(inner: A, times: Times) -> Acceptor<A> {
        Acceptor { inner, times }
    }
}

impl<A, S> Accept<TcpStream, S> for Acceptor<A>
where
    A: Accept<TcpStream, S>,
    A::Stream: AsyncRead + Send + Unpin + 'static,
    A::Future: Send + 'static,
{
    type Stream = Connection<A::Stream>;
    type Service = A::Service;
    type Future =
        Pin<Box<dyn Future<Output = io::Result<(Connection<A::Stream>, A::Service)>> + Send + 'static>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let (accepting, times) = (self.inner.accept(stream, service), self.times);
        Box::pin(async move {
            let (stream, service) = accepting.await?;
            Ok((Connection::new(stream, times), service))
        })
    }
}

/// A connection with a limit on its beginning and an end that lets the last answer arrive.
pub(crate) struct Connection<S: AsyncRead + Send + Unpin + 'static> {
    /// Gone when this is dropped.
    stream: Option<S>,
    beginning: Option<Beginning>,
    times: Times,
    /// While the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether the server ended its side.
    shut_down: bool,
    /// Whether nothing more comes.
    ended: bool,
}

/// As long as the first bytes may be those of either version.
struct Beginning {
    timer: Pin<Box<Sleep>>,
    read: usize,
}

impl Beginning {
    /// Whether more is needed to know the version.
    fn goes_on(&mut self, bytes: &[u8]) -> bool {
        let matching = PREFACE.get(self.read..).is_some_and(|rest| rest.starts_with(bytes));
        self.read += bytes.len();
        matching && self.read < PREFACE.len()
    }
}

impl<S: AsyncRead + Send + Unpin + 'static> Connection<S> {
    fn new(stream: S, times: Times) -> Connection<S> {
        let timer = Box::pin(tokio::time::sleep(times.beginning));
        let beginning = Some(Beginning { timer, read: 0 });
        Connection { stream: Some(stream), beginning, times, stalled: None, shut_down: false, ended: false }
    }

    /// What became of writing something, which may not take for ever.
    // TLS keeps what it is given, so what stalls is often the flush or the end.
    fn written<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let time = self.times.stalled;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
        std::task::ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

fn gone<T>() -> Poll<io::Result<T>> {
    Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
}

impl<S: AsyncRead + Send + Unpin + 'static> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let connection = &mut *self;
        let Some(stream) = &mut connection.stream else { return gone() };
        let before = buffer.filled().len();
        match Pin::new(stream).poll_read(context, buffer) {
            Poll::Ready(read) => {
                let bytes = buffer.filled().get(before..).unwrap_or_default();
                connection.ended |= read.is_err() || bytes.is_empty();
                connection.beginning.take_if(|beginning| !beginning.goes_on(bytes));
                Poll::Ready(read)
            }
            Poll::Pending => {
                let Some(beginning) = &mut connection.beginning else { return Poll::Pending };
                std::task::ready!(beginning.timer.as_mut().poll(context));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(stream) = &mut self.stream else { return gone() };
        let polled = Pin::new(stream).poll_write(context, bytes);
        self.written(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else { return gone() };
        let polled = Pin::new(stream).poll_flush(context);
        self.written(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut_down = true;
        let Some(stream) = &mut self.stream else { return gone() };
        let polled = Pin::new(stream).poll_shutdown(context);
        self.written(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Some(stream) = &mut self.stream else { return gone() };
        let polled = Pin::new(stream).poll_write_vectored(context, parts);
        self.written(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }
}

impl<S: AsyncRead + Send + Unpin + 'static> Drop for Connection<S> {
    fn drop(&mut self) {
        let lingers = self.shut_down && !self.ended && !self.times.end.is_zero();
        let Some(stream) = self.stream.take().filter(|_| lingers) else { return };
        // Without a runtime the process is on its way out.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(tokio::time::timeout(self.times.end, throw_away(stream)));
        }
    }
}

/// Reads to the end of what a client sends.
async fn throw_away(mut stream: impl AsyncRead + Unpin) {
    let mut buffer = vec![0; 16 << 10];
    while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncWriteExt, DuplexStream};

    fn times(beginning_ms: u64, end_ms: u64) -> Times {
        let [beginning, end] = [beginning_ms, end_ms].map(Duration::from_millis);
        Times { beginning, stalled: Duration::from_millis(1), end }
    }

    #[tokio::test]
    async fn who_takes_nothing_is_let_go() {
        let (_client, server) = tokio::io::duplex(64);
        let mut server = Connection::new(server, times(60_000, 0));
        server.write_all(&[0; 64]).await.unwrap();
        assert_eq!(server.write_all(&[0]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        // What keeps it for a while stalls later.
        for ends in [false, true] {
            let (_client, server) = tokio::io::duplex(64);
            let mut server = Connection::new(tokio::io::BufWriter::new(server), times(60_000, 0));
            server.write_all(&[0; 65]).await.unwrap();
            let stalled = if ends { server.shutdown().await } else { server.flush().await };
            assert_eq!(stalled.unwrap_err().kind(), io::ErrorKind::TimedOut);
        }
    }

    /// The server's side of a connection whose client said this, bit by bit, and nothing more, with the client's side.
    async fn after(said: &[u8]) -> (Connection<DuplexStream>, DuplexStream) {
        let (mut client, server) = tokio::io::duplex(64);
        let mut server = Connection::new(server, times(1, 60_000));
        for byte in said {
            client.write_all(&[*byte]).await.unwrap();
            assert_eq!(server.read_u8().await.unwrap(), *byte);
        }
        (server, client)
    }

    #[tokio::test]
    async fn who_does_not_begin_is_let_go_and_who_did_is_not() {
        for said in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"] {
            let (mut server, _client) = after(said).await;
            assert_eq!(server.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut, "{said:?}");
        }
        for said in [&b"G"[..], b"POST / HTTP/1.1\r\n", PREFACE, b"PRI * HTTP/1.1"] {
            assert!(after(said).await.0.beginning.is_none(), "{said:?}");
        }
    }

    #[tokio::test]
    async fn what_is_sent_after_the_end_is_taken_for_a_while() {
        for end_ms in [60_000, 1, 0] {
            let (mut client, server) = tokio::io::duplex(64);
            let mut server = Connection::new(server, times(60_000, end_ms));
            server.write_all(b"no").await.unwrap();
            server.shutdown().await.unwrap();
            drop(server);
            if end_ms == 60_000 {
                client.write_all(&[0; 1 << 20]).await.unwrap();
            } else {
                while client.write_all(&[0]).await.is_ok() {}
            }
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            assert_eq!(answer, b"no");
        }
    }
}
