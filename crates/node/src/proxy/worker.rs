//! A worker: one thread, one single-threaded runtime, its own sockets and its own upstream connections.
//!
//! The kernel spreads connections over the workers (`SO_REUSEPORT`); after that a request never leaves its thread,
//! so nothing on its way is locked. What takes long (large bodies, disk) happens elsewhere and is awaited.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::BytesMut;
use http::HeaderValue;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio_rustls::TlsAcceptor;

use super::io::{ClientSocket, ClientStream};
use super::proxy_protocol::{self, Announced};
use super::upstream::Upstreams;
use super::watch::{AnswerWatch, Watch};
use super::wire::{ConnState, Phase, Wire};
use crate::config::{Config, KeepAlive, ProxyProtocol};
use crate::response::Endpoints;
use crate::state::{Snapshot, State};
use crate::stats::WorkerStats;

/// Runs a future of hyper's on the worker's own thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalExecutor;

impl<F: Future<Output = ()> + 'static> Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        let (stream, registration) = futures_util::future::AbortHandle::new_pair();
        let future = futures_util::future::Abortable::new(future, registration);
        tokio::task::spawn_local(STREAM.scope(stream, async move {
            // Whether it was ended or came to its end, it is gone.
            let _ = future.await;
        }));
    }
}

tokio::task_local! {
    /// Ends the task of a stream of HTTP/2, which resets the stream.
    static STREAM: futures_util::future::AbortHandle;
}

/// What ends the stream that is being served; `None` over HTTP/1.
pub(super) fn current_stream() -> Option<futures_util::future::AbortHandle> {
    STREAM.try_with(Clone::clone).ok()
}

/// A snapshot as the requests of one worker share it: they clone the `Rc`, which no other core ever touches.
pub(crate) type LocalSnapshot = Rc<Arc<Snapshot>>;

/// What requests on one worker share.
pub(crate) struct Worker {
    pub(crate) stats: Arc<WorkerStats>,
    current: RefCell<Rc<Current>>,
    rules: Arc<ArcSwap<Snapshot>>,
    /// Endpoints whose answers were watched.
    pub(crate) endpoints: RefCell<Endpoints>,
    snapshot: RefCell<LocalSnapshot>,
    listening: RefCell<HashMap<u64, Listening>>,
    slots: Arc<Semaphore>,
    connections: RefCell<HashMap<u64, Tracked>>,
    next_connection: Cell<u64>,
    /// Told when the last connection ended.
    emptied: Notify,
}

/// What a configuration makes of a worker. A request keeps the one that it began with.
pub(crate) struct Current {
    pub(crate) state: Arc<State>,
    pub(crate) upstreams: Rc<Upstreams>,
    server: Builder<LocalExecutor>,
}

impl Current {
    fn new(state: Arc<State>, upstreams: Rc<Upstreams>) -> Rc<Current> {
        Rc::new(Current { server: server(&state.config), state, upstreams })
    }
}

/// Another configuration for a worker, ready to be taken over.
pub(crate) struct Update {
    pub(crate) state: Arc<State>,
    /// The listeners that there are from now on.
    pub(crate) sockets: Vec<Socket>,
    /// Told once requests are handled by it, or why they are not.
    pub(crate) done: oneshot::Sender<io::Result<()>>,
}

/// A listening socket of a worker.
pub(crate) struct Socket {
    pub(crate) id: u64,
    /// `None` when the worker has it already.
    pub(crate) listener: Option<std::net::TcpListener>,
    pub(crate) setup: ListenSetup,
}

/// How connections of a listener are served.
#[derive(Clone)]
pub(crate) struct ListenSetup {
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) proxy_protocol: ProxyProtocol,
}

/// A connection as the reaper and the end of the worker see it.
struct Tracked {
    state: Arc<ConnState>,
    watch: Rc<Watch>,
    /// Worker tick when it was accepted.
    opened: u32,
    task: AbortHandle,
}

struct Listening {
    setup: Rc<RefCell<ListenSetup>>,
    accepting: JoinHandle<()>,
}

/// What a connection takes of its worker: a place among those that it may have, and one in the list that the reaper and
/// the end of the worker go through. Given back when this is dropped.
struct Place {
    entry: Entry,
    _slot: OwnedSemaphorePermit,
}

/// The place of a connection, for whoever serves it at the time: its task, or the tunnel that it became.
#[derive(Default)]
struct PlaceOf(RefCell<Option<Place>>);

/// Gives the place back at the end of the task that serves the connection, a kill by the reaper included, unless a
/// tunnel has taken it over.
struct Serving(Rc<PlaceOf>);

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.0.0.take());
    }
}

/// A client connection, as far as its requests care.
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) secure: bool,
    /// The peer's address as a header value, made once.
    pub(crate) peer_text: HeaderValue,
    pub(crate) state: Arc<ConnState>,
    watch: Rc<Watch>,
    place: Rc<PlaceOf>,
}

impl Connection {
    pub(crate) fn new(
        peer: SocketAddr,
        local: SocketAddr,
        secure: bool,
        state: Arc<ConnState>,
    ) -> Connection {
        Connection::watched(peer, local, secure, state, Rc::default(), Rc::default())
    }

    fn watched(
        peer: SocketAddr,
        local: SocketAddr,
        secure: bool,
        state: Arc<ConnState>,
        watch: Rc<Watch>,
        place: Rc<PlaceOf>,
    ) -> Connection {
        let text = peer.ip().to_canonical().to_string();
        let peer_text = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Connection { peer, local, secure, peer_text, state, watch, place }
    }

    /// Counts a request; whether the connection has reached a limit and is to end.
    pub(crate) fn note_request(&self, limits: &KeepAlive) -> bool {
        let requests = self.watch.count_request();
        let reached = |count: u64, limit: u64| limit > 0 && count >= limit;
        reached(requests, limits.max_requests) || reached(self.state.received(), limits.max_received_bytes)
    }

    /// Asks for the end of the connection after what it is doing.
    pub(crate) fn retire(&self) {
        self.watch.retire();
    }

    /// Goes on as a tunnel, which keeps the place of the connection and ends when the connection has to.
    pub(super) fn tunnel(&self, tunnel: impl Future<Output = ()> + 'static) {
        // The bytes after the head belong to another protocol; nobody may look for HTTP in them.
        self.state.become_tunnel();
        let (watch, place) = (Rc::clone(&self.watch), self.place.0.take());
        let entry = place.as_ref().map(|place| (Rc::clone(&place.entry.worker), place.entry.id));
        let task = tokio::task::spawn_local(async move {
            let _place = place;
            let retired =
                poll_fn(|cx| if watch.is_retired(cx.waker()) { Poll::Ready(()) } else { Poll::Pending });
            tokio::select! {
                () = tunnel => {}
                () = retired => {}
            }
        });
        if let Some((worker, id)) = entry
            && let Some(tracked) = worker.connections.borrow_mut().get_mut(&id)
        {
            tracked.task = task.abort_handle();
        }
    }

    #[cfg(test)]
    pub(crate) fn for_test(peer: SocketAddr) -> Connection {
        Connection::new(peer, peer, false, Arc::default())
    }
}

/// A request being answered, until its response body is gone.
pub(crate) struct InFlight {
    worker: Rc<Worker>,
    connection: Rc<Connection>,
}

impl InFlight {
    pub(crate) fn begin(worker: &Rc<Worker>, connection: &Rc<Connection>) -> InFlight {
        connection.state.begin();
        InFlight { worker: Rc::clone(worker), connection: Rc::clone(connection) }
    }
}

impl InFlight {
    /// Watches whether the client takes the answer.
    pub(crate) fn watch_answer(&self) -> AnswerWatch {
        AnswerWatch::begin(&self.connection.watch, &self.worker.stats)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.connection.state.end(self.worker.stats.tick.get_u32());
    }
}

impl Worker {
    fn new(state: Arc<State>, stats: Arc<WorkerStats>) -> io::Result<Worker> {
        let upstreams = Rc::new(Upstreams::new(&state.config)?);
        Ok(Worker {
            stats,
            rules: Arc::clone(&state.snapshot),
            snapshot: RefCell::new(Rc::new(state.snapshot.load_full())),
            slots: Arc::new(Semaphore::new(state.config.limits.connections)),
            current: RefCell::new(Current::new(state, upstreams)),
            listening: RefCell::default(),
            endpoints: RefCell::default(),
            connections: RefCell::default(),
            next_connection: Cell::new(0),
            emptied: Notify::new(),
        })
    }

    /// The configuration in force; a request keeps the one that it began with.
    pub(crate) fn current(&self) -> Rc<Current> {
        Rc::clone(&self.current.borrow())
    }

    /// The rules and lists in force; a request keeps the ones that it began with.
    pub(crate) fn snapshot(&self) -> LocalSnapshot {
        let current = self.rules.load();
        let mut known = self.snapshot.borrow_mut();
        if !Arc::ptr_eq(&current, &known) {
            *known = Rc::new(Arc::clone(&current));
        }
        Rc::clone(&known)
    }

    /// Closes connections whose client is too slow, and retires those that were used for long enough.
    fn reap(&self) {
        let current = self.current();
        let (timeouts, limits) = (&current.state.config.timeouts, &current.state.config.keep_alive);
        let now = self.stats.tick.get_u32();
        let over = |since: u32, limit: u64| u64::from(now.wrapping_sub(since)) > limit;
        for Tracked { state, watch, opened, task } in self.connections.borrow().values() {
            let late = match state.phase() {
                Phase::Idle => over(state.since(), timeouts.keep_alive_s),
                Phase::Head => over(state.since(), timeouts.header_s),
                Phase::Body => over(state.since(), timeouts.body_idle_s),
                Phase::Tunnel => over(state.since(), timeouts.tunnel_idle_s),
                Phase::Open => false,
            };
            self.stats.timeouts.add(watch.reset_stalled(|since| over(since, timeouts.response_idle_s)));
            if late || state.blocked_since().is_some_and(|since| over(since, timeouts.response_idle_s)) {
                self.stats.timeouts.add(1);
                task.abort();
            } else if limits.max_duration_s > 0 && over(*opened, limits.max_duration_s) {
                watch.retire();
            }
        }
    }
}

fn server(config: &Config) -> Builder<LocalExecutor> {
    let mut server = Builder::new(LocalExecutor);
    server
        .http1()
        // Time-outs are the reaper's: a timer per request costs more than a glance per second.
        .header_read_timeout(None)
        .max_headers(config.limits.header_count)
        // No `pipeline_flush`: with unread input it would hold back the answer to a head that hyper refuses.
        .max_buf_size(config.limits.header_block_bytes.max(8192));
    server
        .http2()
        .max_concurrent_streams(config.limits.max_streams)
        // It also bounds the number of CONTINUATION frames of a head.
        .max_header_list_size(u32::try_from(config.limits.header_block_bytes).unwrap_or(u32::MAX))
        // Streams that a client resets before they are answered, and errors that this side answers with resets:
        // beyond, the connection ends ("rapid reset").
        .max_pending_accept_reset_streams(20)
        .max_local_error_reset_streams(256)
        .initial_stream_window_size(256 << 10)
        .initial_connection_window_size(1 << 20);
    server
}

/// What a worker thread starts with.
pub(crate) struct Start {
    pub(crate) state: Arc<State>,
    pub(crate) stats: Arc<WorkerStats>,
    pub(crate) sockets: Vec<Socket>,
    pub(crate) updates: mpsc::UnboundedReceiver<Update>,
    pub(crate) stop: watch::Receiver<bool>,
    /// Hears whether the worker can work.
    pub(crate) started: std::sync::mpsc::Sender<io::Result<()>>,
}

/// Starts a worker thread.
pub(crate) fn spawn(index: usize, start: Start) -> io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(start.started.send(Err(error))),
        };
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async move {
            let Start { state, stats, sockets, updates, stop, started } = start;
            let ready = Worker::new(state, stats).map(Rc::new).and_then(|worker| {
                worker.listen(sockets)?;
                Ok(worker)
            });
            match ready {
                Ok(worker) => {
                    // The starter may have given up already.
                    let _ = started.send(Ok(()));
                    drop(started);
                    run(worker, updates, stop).await;
                }
                Err(error) => drop(started.send(Err(error))),
            }
        });
    })
}

async fn run(
    worker: Rc<Worker>,
    mut updates: mpsc::UnboundedReceiver<Update>,
    mut stop: watch::Receiver<bool>,
) {
    let clock = tokio::task::spawn_local(tick(Rc::clone(&worker)));
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            Some(update) = updates.recv() => worker.take_over(update).await,
        }
    }
    worker.drain().await;
    clock.abort();
}

impl Worker {
    /// Starts to accept on new sockets; those that it has get other settings. Sockets that are not named are closed.
    fn listen(self: &Rc<Self>, sockets: Vec<Socket>) -> io::Result<Vec<JoinHandle<()>>> {
        let mut before = self.listening.take();
        let mut now = HashMap::with_capacity(sockets.len());
        for Socket { id, listener, setup } in sockets {
            let listening = match (listener, before.remove(&id)) {
                (Some(listener), _) => {
                    let listener = TcpListener::from_std(listener)?;
                    let setup = Rc::new(RefCell::new(setup));
                    let accepting =
                        tokio::task::spawn_local(accept(Rc::clone(self), listener, Rc::clone(&setup)));
                    Listening { setup, accepting }
                }
                (None, Some(listening)) => {
                    listening.setup.replace(setup);
                    listening
                }
                (None, None) => continue,
            };
            now.insert(id, listening);
        }
        self.listening.replace(now);
        let closed = before.into_values().map(|listening| listening.accepting);
        Ok(closed.inspect(JoinHandle::abort).collect())
    }

    /// Another configuration. Idle upstream connections are kept when they lead to the same servers.
    async fn take_over(self: &Rc<Self>, update: Update) {
        let Update { state, sockets, done } = update;
        let old = self.current();
        let same = old.state.config.upstream == state.config.upstream
            && old.state.config.timeouts == state.config.timeouts;
        let upstreams =
            if same { Ok(Rc::clone(&old.upstreams)) } else { Upstreams::new(&state.config).map(Rc::new) };
        let closed = upstreams.and_then(|upstreams| {
            self.current.replace(Current::new(state, upstreams));
            self.listen(sockets)
        });
        match closed {
            Ok(closed) => {
                for accepting in closed {
                    // Its end closes the socket.
                    let _ = accepting.await;
                }
                // Who asked may be gone.
                let _ = done.send(Ok(()));
            }
            // All of it was tried out a moment before, so the machine has run out of something.
            Err(error) => {
                tracing::error!(%error, "worker.reload failed");
                let _ = done.send(Err(error));
            }
        }
    }

    /// Stops accepting and waits for requests in flight, at most `timeouts.drain_s`.
    async fn drain(&self) {
        let listening = self.listening.take();
        for accepting in listening.into_values().map(|listening| listening.accepting) {
            accepting.abort();
            let _ = accepting.await;
        }
        for Tracked { watch, task, .. } in self.connections.borrow().values() {
            if watch.is_served() {
                watch.retire();
            } else {
                task.abort();
            }
        }
        let emptied = async {
            while !self.connections.borrow().is_empty() {
                self.emptied.notified().await;
            }
        };
        let limit = Duration::from_secs(self.current().state.config.timeouts.drain_s);
        if tokio::time::timeout(limit, emptied).await.is_err() {
            tracing::warn!("worker.drain timed out, connections are closed");
        }
    }
}

/// The worker's coarse clock and its housekeeping.
async fn tick(worker: Rc<Worker>) {
    let mut interval = tokio::time::interval(Duration::from_secs(1));
    let mut requests = 0;
    loop {
        interval.tick().await;
        worker.stats.tick.add(1);
        let since_start = worker.current().state.started.elapsed();
        worker.stats.beat_ms.set(u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX));
        let now = worker.stats.requests.get();
        if now != requests {
            requests = now;
            worker.stats.last_request_ms.set(u64::try_from(crate::clock::unix_millis()).unwrap_or(0));
        }
        worker.reap();
        if worker.stats.tick.get().is_multiple_of(10) {
            worker.current().upstreams.tidy();
        }
    }
}

async fn accept(worker: Rc<Worker>, listener: TcpListener, setup: Rc<RefCell<ListenSetup>>) {
    let Ok(local) = listener.local_addr() else { return };
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, usually: accepting at once again would spin.
                tracing::warn!(%error, "listener.accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        // Not before: a listener on which nobody connects must not keep a slot from the others.
        let Ok(slot) = Arc::clone(&worker.slots).acquire_owned().await else { return };
        worker.stats.connections.add(1);
        let id = worker.next_connection.replace(worker.next_connection.get().wrapping_add(1));
        let (state, watch) = (Arc::new(ConnState::default()), Rc::new(Watch::default()));
        let opened = worker.stats.tick.get_u32();
        state.touch(opened);
        let place = Place { entry: Entry { worker: Rc::clone(&worker), id }, _slot: slot };
        let place = Rc::new(PlaceOf(RefCell::new(Some(place))));
        let accepted = Accepted {
            peer,
            local: stream.local_addr().unwrap_or(local),
            setup: setup.borrow().clone(),
            state: Arc::clone(&state),
            watch: Rc::clone(&watch),
            place: Rc::clone(&place),
        };
        let task_worker = Rc::clone(&worker);
        let serving = Serving(place);
        let task = tokio::task::spawn_local(async move {
            let _serving = serving;
            serve(task_worker, accepted, stream).await;
        });
        let tracked = Tracked { state, watch, opened, task: task.abort_handle() };
        worker.connections.borrow_mut().insert(id, tracked);
    }
}

/// A connection before its first byte.
struct Accepted {
    peer: SocketAddr,
    local: SocketAddr,
    setup: ListenSetup,
    state: Arc<ConnState>,
    watch: Rc<Watch>,
    place: Rc<PlaceOf>,
}

struct Entry {
    worker: Rc<Worker>,
    id: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        // The reaper aborts while it walks the map, but an abort runs the drop later, on the task's own turn.
        if let Ok(mut connections) = self.worker.connections.try_borrow_mut() {
            connections.remove(&self.id);
            if connections.is_empty() {
                self.worker.emptied.notify_one();
            }
        }
    }
}

/// Reads the PROXY protocol header, if the listener has one. `None` closes the connection.
async fn announced(
    current: &Current,
    accepted: &Accepted,
    stream: &mut TcpStream,
) -> Option<(Option<Announced>, BytesMut)> {
    let trusted = current.state.client_ips.trusts(accepted.peer.ip());
    match accepted.setup.proxy_protocol {
        ProxyProtocol::Off => return Some((None, BytesMut::new())),
        ProxyProtocol::Optional if !trusted => return Some((None, BytesMut::new())),
        ProxyProtocol::Required if !trusted => return None,
        ProxyProtocol::Optional | ProxyProtocol::Required => {}
    }
    let limit = Duration::from_secs(current.state.config.timeouts.header_s);
    let read = tokio::time::timeout(limit, proxy_protocol::read(stream)).await;
    let (header, ahead) = read.ok()?.ok()?;
    let missing = header.is_none() && accepted.setup.proxy_protocol == ProxyProtocol::Required;
    (!missing).then_some((header, ahead))
}

async fn serve(worker: Rc<Worker>, accepted: Accepted, mut stream: TcpStream) {
    let current = worker.current();
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let Some((header, ahead)) = announced(&current, &accepted, &mut stream).await else {
        return worker.stats.abnormal.add(1);
    };
    let Accepted { peer, local, setup, state, watch, place } = accepted;
    let (peer, local) = header.and_then(|header| header.addresses).unwrap_or((peer, local));
    let secure = setup.tls.is_some() || header.is_some_and(|header| header.secure);
    let stream = ClientSocket::new(stream, ahead);
    let stream = match setup.tls {
        None => ClientStream::Plain(stream),
        Some(tls) => {
            let limit = Duration::from_secs(current.state.config.timeouts.tls_handshake_s);
            match tokio::time::timeout(limit, tls.accept(stream)).await {
                Ok(Ok(stream)) => ClientStream::Tls(Box::new(stream)),
                Ok(Err(_)) | Err(_) => return worker.stats.abnormal.add(1),
            }
        }
    };
    let connection = Rc::new(Connection::watched(peer, local, secure, Arc::clone(&state), watch, place));
    let wire = Wire::new(stream, Arc::clone(&state), Arc::clone(&worker.stats));
    let service = service_fn(|request| {
        let (worker, connection) = (Rc::clone(&worker), Rc::clone(&connection));
        async move { Ok::<_, Infallible>(super::handle(worker, connection, request).await) }
    });
    let mut serving = pin!(current.server.serve_connection_with_upgrades(TokioIo::new(wire), service));
    let mut retired = false;
    let result = poll_fn(|cx| {
        if !retired && connection.watch.is_retired(cx.waker()) {
            retired = true;
            serving.as_mut().graceful_shutdown();
        }
        serving.as_mut().poll(cx)
    })
    .await;
    if state.violated() || result.is_err_and(|error| is_violation(&*error)) {
        worker.stats.abnormal.add(1);
    }
}

/// Whether a connection ended because the client broke the rules of HTTP, not because it went away.
fn is_violation(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let Some(error) = error.downcast_ref::<hyper::Error>() else { return false };
    let http2 = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<h2::Error>());
    error.is_parse()
        || error.is_parse_too_large()
        // What this side ended itself: malformed frames, floods of resets or of continuations.
        || http2.is_some_and(|error| error.is_library() && error.reason() != Some(h2::Reason::NO_ERROR))
}
