//! Plain or TLS, behind one type per direction.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

macro_rules! stream {
    ($(#[$doc:meta])* $name:ident, $tls:ty) => {
        $(#[$doc])*
        pub(crate) enum $name {
            Plain(TcpStream),
            Tls(Box<$tls>),
        }

        impl AsyncRead for $name {
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                match &mut *self {
                    $name::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
                    $name::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
                }
            }
        }

        impl AsyncWrite for $name {
            fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                match &mut *self {
                    $name::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
                    $name::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
                }
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                match &mut *self {
                    $name::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
                    $name::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
                }
            }

            fn is_write_vectored(&self) -> bool {
                match self {
                    $name::Plain(stream) => stream.is_write_vectored(),
                    $name::Tls(stream) => stream.is_write_vectored(),
                }
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match &mut *self {
                    $name::Plain(stream) => Pin::new(stream).poll_flush(cx),
                    $name::Tls(stream) => Pin::new(stream).poll_flush(cx),
                }
            }

            fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                match &mut *self {
                    $name::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
                    $name::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
                }
            }
        }
    };
}

stream! {
    /// A connection to an upstream server.
    UpstreamStream, tokio_rustls::client::TlsStream<TcpStream>
}

stream! {
    /// A connection from a client.
    ClientStream, tokio_rustls::server::TlsStream<TcpStream>
}
