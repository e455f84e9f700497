//! Connections to upstream servers, pooled per worker.
//!
//! A worker's pool is touched by its own thread only, so taking an idle connection is popping a vector. A
//! connection that broke before anything was written is replaced without the client noticing; a request that
//! may have been processed is repeated only when that is harmless (no body, safe method, stale connection).

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::uri::{Authority, Scheme};
use http::{Method, Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::body::RequestBody;
use super::io::UpstreamStream;
use super::tls;
use super::worker::LocalExecutor;
use crate::config::{Config, Timeouts, Upstream, UpstreamProtocol};
use crate::listeners::keep_alive;
use crate::routes::UpstreamId;

type Http1 = http1::SendRequest<RequestBody>;
type Http2 = http2::SendRequest<RequestBody>;

/// Idle connections that a worker keeps per server.
const IDLE_MAX: usize = 512;
/// An idle connection older than this may be about to be closed by the server.
const STALE_AFTER: Duration = Duration::from_millis(500);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// A server that does not answer a ping over HTTP/2 is gone: how often it is pinged, and how long it may take.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a server that refused a connection is tried last.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(2);

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    /// No server takes a connection.
    #[error("no upstream server takes a connection")]
    Connect(#[source] io::Error),
    /// The server did not answer in time.
    #[error("the upstream server did not answer in time")]
    Timeout,
    /// The connection or the exchange failed.
    #[error("the exchange with the upstream server failed")]
    Exchange(#[source] hyper::Error),
}

/// All pools of a worker.
pub(crate) struct Upstreams {
    pools: Vec<Pool>,
    timeouts: Timeouts,
}

struct Pool {
    servers: Vec<Rc<Server>>,
    next: Cell<usize>,
    protocol: UpstreamProtocol,
}

pub(crate) struct Server {
    host: String,
    port: u16,
    tls: Option<ServerTls>,
    idle: RefCell<Vec<Idle>>,
    http2: RefCell<Option<Shared>>,
    /// Connections over HTTP/2 that were made.
    http2_made: Cell<u64>,
    resting_until: Cell<Option<Instant>>,
}

struct ServerTls {
    http1: TlsConnector,
    http2: TlsConnector,
    name: ServerName<'static>,
}

struct Idle {
    sender: Http1,
    since: Instant,
}

/// The connection over HTTP/2 that all requests share.
#[derive(Clone)]
struct Shared {
    sender: Http2,
    /// Tells it from the one before.
    number: u64,
}

/// A connection in use, which goes back to its pool once the response was read.
pub(crate) struct Lease {
    sender: Http1,
    server: Rc<Server>,
    /// Alive while the request body is still being sent.
    sending: Option<Weak<Cell<Instant>>>,
}

impl Lease {
    pub(crate) fn give_back(self) {
        if self.sending.is_some_and(|sending| sending.strong_count() > 0) {
            // The answer was faster than its request; whoever came next would wait for a stranger's upload.
            return;
        }
        let mut idle = self.server.idle.borrow_mut();
        if !self.sender.is_closed() && idle.len() < IDLE_MAX {
            idle.push(Idle { sender: self.sender, since: Instant::now() });
        }
    }
}

/// A response head, and what keeps its connection.
pub(crate) struct Exchange {
    pub(crate) response: Response<Incoming>,
    pub(crate) lease: Option<Lease>,
}

impl Upstreams {
    pub(crate) fn new(config: &Config) -> io::Result<Upstreams> {
        let pools = config.upstream.values().map(Pool::new).collect::<io::Result<_>>()?;
        Ok(Upstreams { pools, timeouts: config.timeouts.clone() })
    }

    /// Sends a request and waits for the response head.
    pub(crate) async fn send(
        &self,
        id: UpstreamId,
        request: Request<RequestBody>,
        grpc: bool,
    ) -> Result<Exchange, UpstreamError> {
        let Some(pool) = self.pools.get(id.0) else {
            return Err(UpstreamError::Connect(io::ErrorKind::NotFound.into()));
        };
        let http2 = match pool.protocol {
            UpstreamProtocol::Auto => grpc,
            UpstreamProtocol::Http1 => false,
            UpstreamProtocol::Http2 => true,
        };
        if http2 { self.send_http2(pool, request).await } else { self.send_http1(pool, request).await }
    }

    async fn send_http1(
        &self,
        pool: &Pool,
        mut request: Request<RequestBody>,
    ) -> Result<Exchange, UpstreamError> {
        let mut reuse = true;
        loop {
            let connection =
                self.connect_any(pool, |server| async move { server.http1(&self.timeouts, reuse).await });
            let (server, (mut sender, stale)) = connection.await?;
            announce_open_body(&mut request);
            let repeat = (stale && request.body().is_empty() && is_safe(request.method()))
                .then(|| copy_head(&request));
            let progress = request.body().progress();
            let sending = progress.as_ref().map(Rc::downgrade);
            let exchange = sender.try_send_request(request);
            match within(self.timeouts.upstream_response(), progress, exchange).await {
                None => return Err(UpstreamError::Timeout),
                Some(Ok(response)) => {
                    return Ok(Exchange { response, lease: Some(Lease { sender, server, sending }) });
                }
                Some(Err(mut error)) => match (error.take_message(), repeat) {
                    // Nothing was sent.
                    (Some(unsent), _) if reuse => request = unsent,
                    // The server closed an idle connection while the request was on its way.
                    (None, Some(copy)) if error.error().is_incomplete_message() => request = copy,
                    _ => return Err(UpstreamError::Exchange(error.into_error())),
                },
            }
            reuse = false;
        }
    }

    async fn send_http2(
        &self,
        pool: &Pool,
        mut request: Request<RequestBody>,
    ) -> Result<Exchange, UpstreamError> {
        let mut retried = false;
        loop {
            let connection =
                self.connect_any(pool, |server| async move { server.http2(&self.timeouts).await });
            let (server, Shared { mut sender, number }) = connection.await?;
            set_absolute(&mut request, server.tls.is_some());
            let progress = request.body().progress();
            match within(self.timeouts.upstream_response(), progress, sender.try_send_request(request)).await
            {
                None => {
                    // Perhaps nothing arrives there any more. Other requests on it may still be answered, new ones do
                    // not rely on it.
                    server.forget_http2(number);
                    server.rest();
                    return Err(UpstreamError::Timeout);
                }
                Some(Ok(response)) => return Ok(Exchange { response, lease: None }),
                Some(Err(mut error)) => {
                    server.forget_http2(number);
                    match error.take_message() {
                        Some(unsent) if !retried => request = unsent,
                        _ => return Err(UpstreamError::Exchange(error.into_error())),
                    }
                }
            }
            retried = true;
        }
    }

    /// The next server in turn that gives a connection; servers that just refused one come last.
    async fn connect_any<C, F>(
        &self,
        pool: &Pool,
        connect: impl Fn(Rc<Server>) -> F,
    ) -> Result<(Rc<Server>, C), UpstreamError>
    where
        F: Future<Output = io::Result<C>>,
    {
        let mut failure = io::Error::from(io::ErrorKind::NotConnected);
        for server in pool.in_turn() {
            match connect(Rc::clone(&server)).await {
                Ok(connection) => return Ok((server, connection)),
                Err(error) => {
                    server.rest();
                    failure = error;
                }
            }
        }
        Err(UpstreamError::Connect(failure))
    }

    /// Drops connections that were idle for long; called every few seconds.
    pub(crate) fn tidy(&self) {
        let now = Instant::now();
        for server in self.pools.iter().flat_map(|pool| &pool.servers) {
            server
                .idle
                .borrow_mut()
                .retain(|idle| !idle.sender.is_closed() && now.duration_since(idle.since) < IDLE_TIMEOUT);
        }
    }
}

impl Pool {
    fn new(config: &Upstream) -> io::Result<Pool> {
        let servers = config.servers.iter().map(|server| Server::new(server, config).map(Rc::new));
        Ok(Pool {
            servers: servers.collect::<io::Result<_>>()?,
            next: Cell::new(0),
            protocol: config.protocol,
        })
    }

    fn in_turn(&self) -> impl Iterator<Item = Rc<Server>> + use<'_> {
        let start = self.next.get();
        self.next.set(start.wrapping_add(1));
        let count = self.servers.len();
        let turn = move |resting: bool| {
            (0..count)
                .filter_map(move |i| self.servers.get((start.wrapping_add(i)) % count.max(1)))
                .filter(move |server| server.is_resting() == resting)
                .cloned()
        };
        turn(false).chain(turn(true))
    }
}

impl Server {
    fn new(url: &str, config: &Upstream) -> io::Result<Server> {
        let bad = || io::Error::new(io::ErrorKind::InvalidInput, format!("{url:?} is no upstream URL"));
        let uri: http::Uri = url.parse().map_err(|_| bad())?;
        let host = uri.host().ok_or_else(bad)?.trim_matches(['[', ']']).to_owned();
        let secure = uri.scheme() == Some(&Scheme::HTTPS);
        let tls = if secure {
            let name = ServerName::try_from(host.clone()).map_err(|_| bad())?;
            Some(ServerTls {
                http1: tls::connector(config.ca_file.as_deref(), config.insecure, &[b"http/1.1"])?,
                http2: tls::connector(config.ca_file.as_deref(), config.insecure, &[b"h2"])?,
                name,
            })
        } else {
            None
        };
        Ok(Server {
            host,
            port: uri.port_u16().unwrap_or(if secure { 443 } else { 80 }),
            tls,
            idle: RefCell::new(Vec::new()),
            http2: RefCell::new(None),
            http2_made: Cell::new(0),
            resting_until: Cell::new(None),
        })
    }

    fn is_resting(&self) -> bool {
        self.resting_until.get().is_some_and(|until| until > Instant::now())
    }

    /// Has it tried last for a while.
    fn rest(&self) {
        self.resting_until.set(Some(Instant::now() + REST_AFTER_FAILURE));
    }

    /// A connection, and whether it was idle for so long that it may be stale.
    async fn http1(&self, timeouts: &Timeouts, reuse: bool) -> io::Result<(Http1, bool)> {
        while let Some(Idle { mut sender, since }) = self.take_idle(reuse) {
            // The connection task may still be finishing the exchange before; it is ready or closed at once.
            if sender.is_ready() || (!sender.is_closed() && sender.ready().await.is_ok()) {
                return Ok((sender, since.elapsed() > STALE_AFTER));
            }
        }
        let stream = self.connect(timeouts, false).await?;
        let (sender, connection) =
            http1::Builder::new().handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::task::spawn_local(async move {
            // Its error reaches whoever waits for the response.
            let _ = connection.with_upgrades().await;
        });
        self.resting_until.set(None);
        Ok((sender, false))
    }

    fn take_idle(&self, reuse: bool) -> Option<Idle> {
        if reuse { self.idle.borrow_mut().pop() } else { None }
    }

    async fn http2(&self, timeouts: &Timeouts) -> io::Result<Shared> {
        let known = self.http2.borrow().clone();
        if let Some(shared) = known.filter(|shared| !shared.sender.is_closed()) {
            return Ok(shared);
        }
        let stream = self.connect(timeouts, true).await?;
        let (sender, connection) = http2::Builder::new(LocalExecutor)
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        tokio::task::spawn_local(async move {
            let _ = connection.await;
        });
        self.resting_until.set(None);
        let number = self.http2_made.replace(self.http2_made.get().wrapping_add(1));
        let shared = Shared { sender, number };
        *self.http2.borrow_mut() = Some(shared.clone());
        Ok(shared)
    }

    /// The next request makes another connection, unless one before it did.
    fn forget_http2(&self, number: u64) {
        self.http2.borrow_mut().take_if(|shared| shared.number == number);
    }

    async fn connect(&self, timeouts: &Timeouts, http2: bool) -> io::Result<UpstreamStream> {
        let connect = async {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
            stream.set_nodelay(true)?;
            socket2::SockRef::from(&stream).set_tcp_keepalive(&keep_alive())?;
            match &self.tls {
                None => Ok(UpstreamStream::Plain(stream)),
                Some(tls) => {
                    let connector = if http2 { &tls.http2 } else { &tls.http1 };
                    let stream = connector.connect(tls.name.clone(), stream).await?;
                    Ok(UpstreamStream::Tls(Box::new(stream)))
                }
            }
        };
        match tokio::time::timeout(timeouts.upstream_connect(), connect).await {
            Ok(result) => result,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Waits for an exchange; while a request body still moves, the server is not late.
async fn within<T>(
    limit: Duration,
    progress: Option<Rc<Cell<Instant>>>,
    exchange: impl Future<Output = T>,
) -> Option<T> {
    let mut exchange = std::pin::pin!(exchange);
    let mut wait = limit;
    loop {
        if let Ok(result) = tokio::time::timeout(wait, &mut exchange).await {
            return Some(result);
        }
        let moved = progress.as_ref().map(|at| at.get().elapsed()).filter(|since| *since < limit)?;
        wait = limit.saturating_sub(moved);
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn copy_head(request: &Request<RequestBody>) -> Request<RequestBody> {
    let mut copy = Request::new(RequestBody::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

/// Where the method seldom has a body, hyper sends one of unknown length only if the head says that there is one.
fn announce_open_body(request: &mut Request<RequestBody>) {
    let is_open = !request.body().is_end_stream() && request.body().size_hint().exact().is_none();
    if is_open && !request.headers().contains_key(header::CONTENT_LENGTH) {
        request.headers_mut().insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

/// HTTP/2 carries scheme and host in the target.
fn set_absolute(request: &mut Request<RequestBody>, secure: bool) {
    let host = request.headers_mut().remove(http::header::HOST);
    let Some(authority) =
        host.and_then(|host| Authority::from_maybe_shared(Bytes::copy_from_slice(host.as_bytes())).ok())
    else {
        return;
    };
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(if secure { Scheme::HTTPS } else { Scheme::HTTP });
    parts.authority = Some(authority);
    if let Ok(uri) = http::Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    *request.version_mut() = http::Version::HTTP_2;
}
