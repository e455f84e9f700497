//! A worker: one thread, one single-threaded runtime, its own sockets and its own upstream connections.
//!
//! The kernel spreads connections over the workers (`SO_REUSEPORT`); after that a request never leaves its thread,
//! so nothing on its way is locked. What takes long (large bodies, disk) happens elsewhere and is awaited.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use super::io::ClientStream;
use super::upstream::Upstreams;
use super::wire::{ConnState, Phase, Wire};
use crate::config::Config;
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
    pub(crate) state: Arc<State>,
    pub(crate) stats: Arc<WorkerStats>,
    pub(crate) upstreams: Upstreams,
    server: Builder<LocalExecutor>,
    snapshot: RefCell<LocalSnapshot>,
    connections: RefCell<HashMap<u64, (Arc<ConnState>, AbortHandle)>>,
    next_connection: Cell<u64>,
}

/// A client connection, as far as its requests care.
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) secure: bool,
    /// The peer's address as a header value, made once.
    pub(crate) peer_text: HeaderValue,
    pub(crate) state: Arc<ConnState>,
}

impl Connection {
    fn new(peer: SocketAddr, local: SocketAddr, secure: bool, state: Arc<ConnState>) -> Connection {
        let text = peer.ip().to_canonical().to_string();
        let peer_text = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Connection { peer, local, secure, peer_text, state }
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

/// A listening socket of a worker.
pub(crate) struct Socket {
    pub(crate) listener: std::net::TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
}

impl Worker {
    fn new(state: Arc<State>, stats: Arc<WorkerStats>) -> io::Result<Worker> {
        let upstreams = Upstreams::new(&state.config)?;
        let snapshot = RefCell::new(Rc::new(state.snapshot.load_full()));
        Ok(Worker {
            server: server(&state.config),
            state,
            stats,
            upstreams,
            snapshot,
            connections: RefCell::default(),
            next_connection: Cell::new(0),
        })
    }

    /// The rules and lists in force; a request keeps the ones that it began with.
    pub(crate) fn snapshot(&self) -> LocalSnapshot {
        let current = self.state.snapshot.load();
        let mut known = self.snapshot.borrow_mut();
        if !Arc::ptr_eq(&current, &known) {
            *known = Rc::new(Arc::clone(&current));
        }
        Rc::clone(&known)
    }

    /// Closes connections whose client is too slow.
    fn reap(&self) {
        let timeouts = &self.state.config.timeouts;
        let now = self.stats.tick.get_u32();
        for (state, task) in self.connections.borrow().values() {
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

/// Starts a worker thread; `started` hears whether it can work.
pub(crate) fn spawn(
    index: usize,
    state: Arc<State>,
    stats: Arc<WorkerStats>,
    sockets: Vec<Socket>,
    stop: watch::Receiver<bool>,
    started: std::sync::mpsc::Sender<io::Result<()>>,
) -> io::Result<std::thread::JoinHandle<()>> {
    std::thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return drop(started.send(Err(error))),
        };
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async move {
            match Worker::new(state, stats) {
                Ok(worker) => run(Rc::new(worker), sockets, stop, &started).await,
                Err(error) => drop(started.send(Err(error))),
            }
        });
    })
}

async fn run(
    worker: Rc<Worker>,
    sockets: Vec<Socket>,
    mut stop: watch::Receiver<bool>,
    started: &std::sync::mpsc::Sender<io::Result<()>>,
) {
    let graceful = Rc::new(GracefulShutdown::new());
    let slots = Arc::new(Semaphore::new(worker.state.config.limits.connections));
    let mut acceptors = Vec::new();
    for socket in sockets {
        let listener = match TcpListener::from_std(socket.listener) {
            Ok(listener) => listener,
            Err(error) => return drop(started.send(Err(error))),
        };
        let accept =
            accept(Rc::clone(&worker), listener, socket.tls, Arc::clone(&slots), Rc::clone(&graceful));
        acceptors.push(tokio::task::spawn_local(accept));
    }
    let clock = tokio::task::spawn_local(tick(Rc::clone(&worker)));
    // The starter may have given up already.
    let _ = started.send(Ok(()));
    let _ = stop.wait_for(|stop| *stop).await;
    for acceptor in &acceptors {
        acceptor.abort();
    }
    for acceptor in acceptors {
        // Its end gives back the share of `graceful`.
        let _ = acceptor.await;
    }
    let Some(graceful) = Rc::into_inner(graceful) else { return };
    let drain = Duration::from_secs(worker.state.config.timeouts.drain_s);
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("worker.drain timed out, connections are closed");
    }
    clock.abort();
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
            worker.upstreams.tidy();
        }
    }
}

async fn accept(
    worker: Rc<Worker>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    slots: Arc<Semaphore>,
    graceful: Rc<GracefulShutdown>,
) {
    let Ok(local) = listener.local_addr() else { return };
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
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
        let connection = Rc::new(Connection::new(peer, local, tls.is_some(), Arc::clone(&state)));
        let (task_worker, tls, watcher) = (Rc::clone(&worker), tls.clone(), graceful.watcher());
        let task = tokio::task::spawn_local(async move {
            // Removes the entry however the task ends, a kill by the reaper included.
            let _entry = Entry { worker: Rc::clone(&task_worker), id };
            let _slot = slot;
            serve(task_worker, connection, stream, tls, watcher).await;
        });
        worker.connections.borrow_mut().insert(id, (state, task.abort_handle()));
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
        }
    }
}

async fn serve(
    worker: Rc<Worker>,
    connection: Rc<Connection>,
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    watcher: Watcher,
) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let stream = match tls {
        None => ClientStream::Plain(stream),
        Some(tls) => {
            let limit = Duration::from_secs(worker.state.config.timeouts.tls_handshake_s);
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
    let serving = worker.server.serve_connection_with_upgrades(TokioIo::new(wire), service);
    let result = watcher.watch(serving).await;
    let refused = result.err().and_then(|error| error.downcast::<hyper::Error>().ok()).is_some_and(|error| {
        // Anything else is a client that went away.
        error.is_parse() || error.is_parse_too_large()
    });
    if refused || state.violated() {
        worker.stats.abnormal.add(1);
    }
}
