//! Starting and stopping a node.
//!
//! ```text
//! validate → lock and prepare the state folder → rules and lists from disk → bind → workers → control thread
//! ```
//!
//! [`Node::start`] returns once every listener is bound and rules are in force: those on disk, or none yet.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use bartizan_detect::Engine;
use bartizan_rules::Ruleset;
use socket2::{Domain, Protocol, Socket as RawSocket, Type};
use tokio::sync::watch;

use crate::block::BlockAnswers;
use crate::client_ip::ClientIpRules;
use crate::cloud::bundles::Bundles;
use crate::cloud::identity::Identity;
use crate::cloud::{self, LinkError};
use crate::config::{Config, ConfigError, OnRegisterFailure};
use crate::proxy::{tls, worker};
use crate::routes::Routes;
use crate::spool::{Bounds, Spool};
use crate::state::{LinkState, Snapshot, State};

/// Why a node does not start. Each is one line for a person.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The cloud refused the registration, and the configuration says to exit then.
    #[error("cannot register at the cloud: {0}")]
    Register(String),
    /// The state folder cannot be used.
    #[error("state folder {}: {source}", path.display())]
    State {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something that the configuration names cannot be used: a certificate, a page, an upstream.
    #[error("cannot start: {0}")]
    Setup(#[source] io::Error),
}

/// The compiled signatures: immutable, large, the same for every node of a process.
static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| Arc::new(Engine::new()));

/// A filter node.
pub struct Node;

/// A node that is running. Dropping it begins to stop it without waiting for requests in flight.
pub struct RunningNode {
    state: Arc<State>,
    addresses: Vec<SocketAddr>,
    status_address: SocketAddr,
    stop: watch::Sender<bool>,
    synced: watch::Receiver<bool>,
    workers: Vec<JoinHandle<()>>,
    control: Option<JoinHandle<()>>,
    stop_control: Option<tokio::sync::oneshot::Sender<()>>,
    _lock: File,
}

impl Node {
    /// Starts a node. Blocks for as long as disk and sockets need, and for the registration when its failure is to
    /// prevent the start.
    ///
    /// # Errors
    /// [`NodeError`], when the node cannot do its work; nothing is left running then.
    pub fn start(config: Config) -> Result<RunningNode, NodeError> {
        config.validate()?;
        let lock = prepare_state_dir(&config)?;
        let state = Arc::new(prepare_state(config)?);
        let identity = load_rules(&state)?;
        let (sockets, addresses) = bind_all(&state.config)?;
        let status = bind(state.config.status.address, false)?;
        let status_address = status.local_addr().map_err(NodeError::Setup)?;
        let (stop, stopped) = watch::channel(false);
        let (synced_tx, synced) = watch::channel(false);
        let mut node = RunningNode {
            state,
            addresses,
            status_address,
            stop,
            synced,
            workers: Vec::new(),
            control: None,
            stop_control: None,
            _lock: lock,
        };
        node.start_workers(sockets, &stopped)?;
        node.start_control(status, identity, synced_tx)?;
        Ok(node)
    }
}

impl RunningNode {
    /// Addresses that take traffic, in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Address of the statistics listener.
    #[must_use]
    pub fn status_address(&self) -> SocketAddr {
        self.status_address
    }

    /// UUID of this node; empty before the first registration.
    #[must_use]
    pub fn uuid(&self) -> String {
        self.state.uuid.load().as_ref().clone()
    }

    /// Version of the ruleset in force; 0 is none.
    #[must_use]
    pub fn ruleset_version(&self) -> i64 {
        self.state.snapshot.load().ruleset_version
    }

    /// Waits until the node is registered and holds the cloud's rules and lists, at most so long.
    ///
    /// Returns whether it is.
    pub async fn wait_synced(&self, at_most: Duration) -> bool {
        let mut synced = self.synced.clone();
        let synced = synced.wait_for(|synced| *synced);
        matches!(tokio::time::timeout(at_most, synced).await, Ok(Ok(_)))
    }

    /// Stops: new connections are refused, requests in flight finish (at most `timeouts.drain_s`), events are on disk.
    pub async fn shutdown(mut self) {
        self.state.draining.store(true, Ordering::Relaxed);
        self.stop.send_replace(true);
        let workers = std::mem::take(&mut self.workers);
        let joined = tokio::task::spawn_blocking(move || {
            for worker in workers {
                // A worker that panicked has said so already.
                let _ = worker.join();
            }
        });
        let _ = joined.await;
        // Dropping the rest stops the control thread.
        drop(self);
    }

    fn start_workers(
        &mut self,
        sockets: Vec<Vec<worker::Socket>>,
        stopped: &watch::Receiver<bool>,
    ) -> Result<(), NodeError> {
        let (started, starts) = std::sync::mpsc::channel();
        for (index, sockets) in sockets.into_iter().enumerate() {
            let Some(stats) = self.state.workers.get(index) else { continue };
            let (state, stats) = (Arc::clone(&self.state), Arc::clone(stats));
            let thread = worker::spawn(index, state, stats, sockets, stopped.clone(), started.clone());
            self.workers.push(thread.map_err(NodeError::Setup)?);
        }
        drop(started);
        for _ in 0..self.workers.len() {
            starts
                .recv()
                .unwrap_or_else(|_| Err(io::Error::other("a worker died")))
                .map_err(NodeError::Setup)?;
        }
        Ok(())
    }

    fn start_control(
        &mut self,
        status: std::net::TcpListener,
        identity: Option<Identity>,
        synced: watch::Sender<bool>,
    ) -> Result<(), NodeError> {
        let runtime = control_runtime().map_err(NodeError::Setup)?;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let state = Arc::clone(&self.state);
        let control = std::thread::Builder::new().name("control".into()).spawn(move || {
            runtime.block_on(async move {
                match tokio::net::TcpListener::from_std(status) {
                    Ok(listener) => drop(tokio::spawn(crate::status::serve(Arc::clone(&state), listener))),
                    Err(error) => tracing::error!(%error, "status listener failed"),
                }
                if state.config.cloud.enabled {
                    tokio::spawn(cloud::run(state, identity, synced));
                }
                // An error is a node that was dropped: the same signal.
                let _ = stopped.await;
            });
            runtime.shutdown_background();
        });
        self.control = Some(control.map_err(NodeError::Setup)?);
        self.stop_control = Some(stop);
        Ok(())
    }
}

impl Drop for RunningNode {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        drop(self.stop_control.take());
        if let Some(control) = self.control.take() {
            // It ends at the signal above without waiting for anything.
            let _ = control.join();
        }
    }
}

fn control_runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn prepare_state_dir(config: &Config) -> Result<File, NodeError> {
    use std::os::unix::fs::DirBuilderExt as _;

    let failed = |source| NodeError::State { path: config.state_dir.clone(), source };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.state_dir).map_err(failed)?;
    let lock = File::create(config.state_dir.join("lock")).map_err(failed)?;
    lock.try_lock().map_err(|_| failed(io::Error::other("another node is using it")))?;
    Ok(lock)
}

fn prepare_state(config: Config) -> Result<State, NodeError> {
    let failed = |source: io::Error| NodeError::State { path: config.state_dir.clone(), source };
    let routes =
        Routes::compile(&config).map_err(|error| NodeError::Setup(io::Error::other(error.message)))?;
    let bounds = Bounds { max_bytes: config.spool.max_bytes, segment_bytes: config.spool.segment_bytes };
    let (spool, recovered) = Spool::open(&config.state_dir.join("spool"), bounds)
        .map_err(|error| failed(io::Error::other(error)))?;
    if recovered.torn_bytes + recovered.corrupt_segments + recovered.lost_records > 0 {
        tracing::warn!(
            torn_bytes = recovered.torn_bytes,
            corrupt_segments = recovered.corrupt_segments,
            lost_records = recovered.lost_records,
            "spool.recovered after a crash"
        );
    }
    let start_id: u64 = rand::random();
    cloud::identity::write_private(&config.state_dir.join("startid"), start_id.to_string().as_bytes())
        .map_err(failed)?;
    Ok(State {
        routes,
        client_ips: ClientIpRules::new(&config.client_ip),
        answers: BlockAnswers::load(&config).map_err(NodeError::Setup)?,
        engine: Arc::clone(&ENGINE),
        snapshot: ArcSwap::from_pointee(Snapshot {
            ruleset: Arc::new(Ruleset::default()),
            ruleset_version: 0,
            ruleset_applied_at: 0,
            ruleset_size: 0,
            lists: Arc::default(),
            lists_seq: 0,
        }),
        spool,
        workers: (0..config.workers.count()).map(|_| Arc::default()).collect(),
        sampler: Mutex::default(),
        link: LinkState::default(),
        uuid: ArcSwap::from_pointee(String::new()),
        start_id,
        started: Instant::now(),
        draining: AtomicBool::new(false),
        config,
    })
}

/// Identity, rules and lists from disk; registers first when the start depends on it.
fn load_rules(state: &Arc<State>) -> Result<Option<Identity>, NodeError> {
    let config = &state.config;
    let mut identity = Identity::load(config).unwrap_or_else(|error| {
        tracing::error!(%error, "identity on disk is damaged, registering anew");
        None
    });
    if config.cloud.enabled && config.cloud.force_register {
        identity = None;
    }
    if identity.is_none()
        && config.cloud.enabled
        && config.cloud.on_register_failure == OnRegisterFailure::Exit
    {
        identity = Some(register_now(state)?);
    }
    if let Some(identity) = &identity {
        state.uuid.store(Arc::new(identity.uuid.clone()));
        let bundles = Bundles::new(&config.state_dir);
        if let Some(verified) = bundles.load(identity) {
            state.link.from_disk.store(true, Ordering::Relaxed);
            cloud::put_in_force(state, verified);
        }
        if config.acl.enabled
            && let Some(lists) = bundles.load_lists()
        {
            cloud::put_lists_in_force(state, &lists);
        }
    }
    Ok(identity)
}

/// On a thread of its own: the caller may be inside a runtime, where blocking on another is not allowed.
fn register_now(state: &Arc<State>) -> Result<Identity, NodeError> {
    let state = Arc::clone(state);
    let registration = std::thread::spawn(move || -> Result<Identity, LinkError> {
        control_runtime().map_err(LinkError::Disk)?.block_on(cloud::register(&state))
    });
    match registration.join() {
        Ok(Ok(identity)) => Ok(identity),
        Ok(Err(error)) => Err(NodeError::Register(error.to_string())),
        Err(_) => Err(NodeError::Register("the registration died".into())),
    }
}

type WorkerSockets = Vec<Vec<worker::Socket>>;

/// One socket per worker and address. The kernel spreads connections among the sockets of an address.
fn bind_all(config: &Config) -> Result<(WorkerSockets, Vec<SocketAddr>), NodeError> {
    let count = config.workers.count();
    let mut sockets: WorkerSockets = (0..count).map(|_| Vec::new()).collect();
    let mut addresses = Vec::new();
    for listen in &config.listen {
        let tls = listen.tls.as_ref().map(tls::acceptor).transpose().map_err(NodeError::Setup)?;
        let mut address = listen.address;
        if count > 1 && address.port() != 0 {
            // With SO_REUSEPORT a second node would share the port silently; without it, it is told.
            drop(bind(address, false)?);
        }
        for worker in &mut sockets {
            let listener = bind(address, count > 1)?;
            address = listener.local_addr().map_err(NodeError::Setup)?;
            worker.push(worker::Socket { listener, tls: tls.clone() });
        }
        addresses.push(address);
    }
    Ok((sockets, addresses))
}

fn bind(address: SocketAddr, shared: bool) -> Result<std::net::TcpListener, NodeError> {
    let bind = || -> io::Result<std::net::TcpListener> {
        let socket = RawSocket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(shared)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(4096)?;
        Ok(socket.into())
    };
    bind().map_err(|source| NodeError::Bind { address, source })
}
