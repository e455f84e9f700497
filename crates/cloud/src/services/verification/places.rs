//! A bound on the connections of the listener for calls and on how long each lasts: strangers can reach it, and each
//! connection costs a descriptor.

use std::{
    future::{Ready, ready},
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum_server::accept::Accept;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Sleep, sleep},
};

use super::missed::Missed;

/// Takes so many connections at a time; others are closed at once, and counted.
#[derive(Clone, Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    most: usize,
    life: Duration,
    missed: Arc<Missed>,
}

impl Places {
    pub(super) fn new(most: usize, life: Duration, missed: Arc<Missed>) -> Places {
        Places { free: Arc::new(Semaphore::new(most)), most, life, missed }
    }
}

impl<S> Accept<TcpStream, S> for Places {
    type Stream = Placed;
    type Service = S;
    type Future = Ready<io::Result<(Placed, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let place = Arc::clone(&self.free).try_acquire_owned();
        ready(match place {
            Ok(place) => Ok((Placed { stream, end: Box::pin(sleep(self.life)), _place: place }, service)),
            Err(_) => {
                self.missed.turned_away(self.most);
                Err(io::Error::other("too many connections"))
            }
        })
    }
}

/// A connection with its place, which is free again when it ends.
pub(super) struct Placed {
    stream: TcpStream,
    /// When it ends at the latest. Whoever holds it waits for it to be read or written, or for an answer, which takes
    /// no time.
    end: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl Placed {
    /// Fails when the time is over, and has the task woken when that is later.
    fn live(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.end.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Placed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.live(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.live(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
