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
use std::task::Waker;
use std::time::Duration;

use arc_swap::ArcSwap;
use http::HeaderValue;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinHandle};
use tokio_rustls::TlsAcceptor;

use super::io::ClientStream;
use super::upstream::Upstreams;
use super::wire::{ConnState, Phase, Wire};
use crate::config::Config;
use crate::response::Endpoints;
use crate::state::{Snapshot, State};
use crate::stats::WorkerStats;

/// Runs a future of hyper's on the worker's own thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalExecutor;

impl<F: Future<Output = ()> + 'static> Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
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
    connections: RefCell<HashMap<u64, (Rc<Connection>, AbortHandle)>>,
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
    /// Told once requests are handled by it.
    pub(crate) done: oneshot::Sender<()>,
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
}

struct Listening {
    setup: Rc<RefCell<ListenSetup>>,
    accepting: JoinHandle<()>,
}

/// A client connection, as far as its requests care.
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) secure: bool,
    /// The peer's address as a header value, made once.
    pub(crate) peer_text: HeaderValue,
    pub(crate) state: Arc<ConnState>,
    retirement: Retirement,
}

/// The wish that a connection ends after what it is doing.
#[derive(Default)]
struct Retirement {
    asked: Cell<bool>,
    serving: RefCell<Option<Waker>>,
}

impl Retirement {
    fn ask(&self) {
        self.asked.set(true);
        if let Some(waker) = self.serving.take() {
            waker.wake();
        }
    }

    /// Whether it was asked for; if not, `waker` is told later.
    fn is_asked(&self, waker: &Waker) -> bool {
        let mut known = self.serving.borrow_mut();
        if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *known = Some(waker.clone());
        }
        self.asked.get()
    }

    /// Whether the connection came so far as to be served.
    fn is_heard(&self) -> bool {
        self.serving.borrow().is_some()
    }
}

impl Connection {
    pub(crate) fn new(
        peer: SocketAddr,
        local: SocketAddr,
        secure: bool,
        state: Arc<ConnState>,
    ) -> Connection {
        let text = peer.ip().to_canonical().to_string();
        let peer_text = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Connection { peer, local, secure, peer_text, state, retirement: Retirement::default() }
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

    /// Closes connections whose client is too slow.
    fn reap(&self) {
        let current = self.current();
        let timeouts = &current.state.config.timeouts;
        let now = self.stats.tick.get_u32();
        for (connection, task) in self.connections.borrow().values() {
            let state = &connection.state;
            let limit = match state.phase() {
                Phase::Idle => timeouts.keep_alive_s,
                Phase::Head => timeouts.header_s,
                Phase::Body => timeouts.body_idle_s,
                Phase::Open => continue,
            };
            if u64::from(now.wrapping_sub(state.since())) > limit {
                self.stats.timeouts.add(1);
                task.abort();
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
        .max_header_list_size(u32::try_from(config.limits.header_block_bytes).unwrap_or(u32::MAX))
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
                let _ = done.send(());
            }
            // All of it was tried out a moment before, so the machine has run out of something.
            Err(error) => tracing::error!(%error, "worker.reload failed"),
        }
    }

    /// Stops accepting and waits for requests in flight, at most `timeouts.drain_s`.
    async fn drain(&self) {
        let listening = self.listening.take();
        for accepting in listening.into_values().map(|listening| listening.accepting) {
            accepting.abort();
            let _ = accepting.await;
        }
        for (connection, task) in self.connections.borrow().values() {
            if connection.retirement.is_heard() {
                connection.retirement.ask();
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
        let Ok(slot) = Arc::clone(&worker.slots).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, usually: accepting at once again would spin.
                tracing::warn!(%error, "listener.accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        worker.stats.connections.add(1);
        let id = worker.next_connection.replace(worker.next_connection.get().wrapping_add(1));
        let state = Arc::new(ConnState::default());
        state.touch(worker.stats.tick.get_u32());
        let local = stream.local_addr().unwrap_or(local);
        let setup = setup.borrow().clone();
        let connection = Rc::new(Connection::new(peer, local, setup.tls.is_some(), state));
        let (task_worker, task_connection) = (Rc::clone(&worker), Rc::clone(&connection));
        let task = tokio::task::spawn_local(async move {
            // Removes the entry however the task ends, a kill by the reaper included.
            let _entry = Entry { worker: Rc::clone(&task_worker), id };
            let _slot = slot;
            serve(task_worker, task_connection, stream, setup).await;
        });
        worker.connections.borrow_mut().insert(id, (connection, task.abort_handle()));
    }
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

async fn serve(worker: Rc<Worker>, connection: Rc<Connection>, stream: TcpStream, setup: ListenSetup) {
    let current = worker.current();
    if stream.set_nodelay(true).is_err() {
        return;
    }
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
    let state = Arc::clone(&connection.state);
    let wire = Wire::new(stream, Arc::clone(&state), Arc::clone(&worker.stats));
    let service = service_fn(|request| {
        let (worker, connection) = (Rc::clone(&worker), Rc::clone(&connection));
        async move { Ok::<_, Infallible>(super::handle(worker, connection, request).await) }
    });
    let mut serving = pin!(current.server.serve_connection_with_upgrades(TokioIo::new(wire), service));
    let mut retired = false;
    let result = poll_fn(|cx| {
        if !retired && connection.retirement.is_asked(cx.waker()) {
            retired = true;
            serving.as_mut().graceful_shutdown();
        }
        serving.as_mut().poll(cx)
    })
    .await;
    let refused = result.err().and_then(|error| error.downcast::<hyper::Error>().ok()).is_some_and(|error| {
        // Anything else is a client that went away.
        error.is_parse() || error.is_parse_too_large()
    });
    if refused || state.violated() {
        worker.stats.abnormal.add(1);
    }
}
