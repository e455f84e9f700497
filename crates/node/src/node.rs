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
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use crate::cloud::bundles::Bundles;
use crate::cloud::identity::Identity;
use crate::cloud::{self, LinkError};
use crate::config::{Config, ConfigError, OnRegisterFailure};
use crate::control;
use crate::listeners;
use crate::live::Live;
use crate::proxy::worker;
use crate::spool::{Bounds, Spool};
use crate::state::State;

/// What the end of a node waits for the cloud at most: the last events, and the farewell.
const FAREWELL: Duration = Duration::from_secs(10);

/// Why a node does not start, or does not take over another configuration. Each is one line for a person.
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
    #[error("the configuration cannot be used: {0}")]
    Setup(#[source] io::Error),
}

/// A filter node.
pub struct Node;

/// A node that is running. Dropping it begins to stop it without waiting for requests in flight.
pub struct RunningNode {
    live: Arc<Live>,
    status_address: SocketAddr,
    stop: watch::Sender<bool>,
    synced: watch::Receiver<bool>,
    link: mpsc::UnboundedSender<cloud::Command>,
    workers: Vec<JoinHandle<()>>,
    control: Option<JoinHandle<()>>,
    stop_control: Option<oneshot::Sender<()>>,
    _lock: File,
}

impl Node {
    /// Compiles the signatures, which [`Node::start`] would do otherwise. For those who have the time before.
    pub fn prepare() {
        crate::state::prepare_engine();
    }

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
        let (bound, sockets) = listeners::rebind(&state.config, &[], state.workers.len())?;
        let status = listeners::bind(state.config.status.address, false)?;
        let status_address = status.local_addr().map_err(NodeError::Setup)?;
        let (stop, stopped) = watch::channel(false);
        let (workers, updates) = start_workers(&state, sockets, &stopped, &stop)?;
        let (synced_tx, synced) = watch::channel(false);
        let (link, commands) = mpsc::unbounded_channel();
        let mut node = RunningNode {
            live: Arc::new(Live::new(state, updates, bound)),
            status_address,
            stop,
            synced,
            link,
            workers,
            control: None,
            stop_control: None,
            _lock: lock,
        };
        node.start_control(status, identity, synced_tx, commands)?;
        Ok(node)
    }
}

impl RunningNode {
    /// Addresses that take traffic, in the order of the configuration.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.live.addresses()
    }

    /// Address of the statistics listener.
    #[must_use]
    pub fn status_address(&self) -> SocketAddr {
        self.status_address
    }

    /// UUID of this node; empty before the first registration.
    #[must_use]
    pub fn uuid(&self) -> String {
        self.live.state().uuid.load().as_ref().clone()
    }

    /// Version of the ruleset in force; 0 is none.
    #[must_use]
    pub fn ruleset_version(&self) -> i64 {
        self.live.state().snapshot.load().ruleset_version
    }

    /// Waits until the node is registered and holds the cloud's rules and lists, at most so long.
    ///
    /// Returns whether it is.
    pub async fn wait_synced(&self, at_most: Duration) -> bool {
        let mut synced = self.synced.clone();
        let synced = synced.wait_for(|synced| *synced);
        matches!(tokio::time::timeout(at_most, synced).await, Ok(Ok(_)))
    }

    /// Reads the file that the configuration came from again and puts it in force: new requests are handled by it,
    /// those in flight finish under the old one, no connection is lost.
    ///
    /// # Errors
    /// [`NodeError`], when the configuration is wrong, needs a restart or cannot be put in force; the old one stays.
    pub async fn reload(&self) -> Result<(), NodeError> {
        self.live.reload_file().await
    }

    /// Stops: new connections are refused, requests in flight finish (at most `timeouts.drain_s`), events are on disk.
    pub async fn shutdown(mut self) {
        let state = self.live.state();
        state.draining.store(true, Ordering::Relaxed);
        self.stop.send_replace(true);
        let workers = std::mem::take(&mut self.workers);
        let joined = tokio::task::spawn_blocking(move || {
            for worker in workers {
                // A worker that panicked has said so already.
                let _ = worker.join();
            }
        });
        let _ = joined.await;
        // An error is a spool that is gone, which is counted there.
        let _ = state.tell_sampled(true).await;
        if state.config.cloud.enabled && state.config.cloud.unregister_on_exit {
            let outcome = tokio::time::timeout(FAREWELL, self.take_leave(&state)).await;
            match outcome {
                Ok(Ok(())) => {}
                Ok(Err(reason)) => tracing::warn!(reason, "cloud.unregister failed"),
                Err(_) => tracing::warn!("cloud.unregister failed: the cloud does not answer in time"),
            }
        }
        // Dropping the rest stops the control thread.
        drop(self);
    }

    /// Waits until the cloud has every event, then has itself removed from its list of nodes.
    async fn take_leave(&self, state: &State) -> Result<(), String> {
        while state.spool.figures().pending > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        cloud::ask(&self.link, cloud::Command::Unregister).await
    }

    fn start_control(
        &mut self,
        status: std::net::TcpListener,
        identity: Option<Identity>,
        synced: watch::Sender<bool>,
        commands: mpsc::UnboundedReceiver<cloud::Command>,
    ) -> Result<(), NodeError> {
        let runtime = control_runtime().map_err(NodeError::Setup)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (live, link) = (Arc::clone(&self.live), self.link.clone());
        let socket = control::bind(&live.state().config.state_dir);
        let control = std::thread::Builder::new().name("control".into()).spawn(move || {
            tokio::task::LocalSet::new().block_on(&runtime, async move {
                match tokio::net::TcpListener::from_std(status) {
                    Ok(listener) => drop(tokio::spawn(crate::status::serve(Arc::clone(&live), listener))),
                    Err(error) => tracing::error!(%error, "status listener failed"),
                }
                tokio::task::spawn_local(keep_sampling(Arc::clone(&live)));
                tokio::task::spawn_local(cloud::keep(Arc::clone(&live), identity, synced, commands));
                if let Some(socket) = socket {
                    tokio::task::spawn_local(control::serve(live, link, socket));
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

/// Watches the share of attacks and tells of what was left out.
async fn keep_sampling(live: Arc<Live>) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        second.tick().await;
        let state = live.state();
        let totals = state.totals();
        state.sampling.tick(&state.config.sampling, totals.requests, totals.attacks);
        let _ = state.tell_sampled(false).await;
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

type Updates = Vec<mpsc::UnboundedSender<worker::Update>>;

/// Starts a thread per worker and waits until each can work.
fn start_workers(
    state: &Arc<State>,
    sockets: Vec<Vec<worker::Socket>>,
    stopped: &watch::Receiver<bool>,
    stop: &watch::Sender<bool>,
) -> Result<(Vec<JoinHandle<()>>, Updates), NodeError> {
    let (started, starts) = std::sync::mpsc::channel();
    let (mut threads, mut updates) = (Vec::new(), Vec::new());
    let spawned = state.workers.iter().zip(sockets).enumerate().try_for_each(|(index, (stats, sockets))| {
        let (sender, receiver) = mpsc::unbounded_channel();
        updates.push(sender);
        let start = worker::Start {
            state: Arc::clone(state),
            stats: Arc::clone(stats),
            sockets,
            updates: receiver,
            stop: stopped.clone(),
            started: started.clone(),
        };
        threads.push(worker::spawn(index, start)?);
        Ok(())
    });
    drop(started);
    let ready = spawned.and_then(|()| {
        threads
            .iter()
            .try_for_each(|_| starts.recv().unwrap_or_else(|_| Err(io::Error::other("a worker died"))))
    });
    match ready {
        Ok(()) => Ok((threads, updates)),
        Err(error) => {
            stop.send_replace(true);
            Err(NodeError::Setup(error))
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
    let path = config.state_dir.clone();
    let failed = |source: io::Error| NodeError::State { path: path.clone(), source };
    let bounds = Bounds {
        max_bytes: config.spool.max_bytes,
        segment_bytes: config.spool.segment_bytes,
        queue_bytes: config.spool.queue_bytes,
    };
    let (spool, recovered) =
        Spool::open(&path.join("spool"), bounds).map_err(|error| failed(io::Error::other(error)))?;
    if recovered.torn_bytes + recovered.corrupt_segments + recovered.lost_records > 0 {
        tracing::warn!(
            torn_bytes = recovered.torn_bytes,
            corrupt_segments = recovered.corrupt_segments,
            lost_records = recovered.lost_records,
            "spool.recovered after a crash"
        );
    }
    let start_id: u64 = rand::random();
    cloud::identity::write_private(&path.join("startid"), start_id.to_string().as_bytes()).map_err(failed)?;
    State::new(config, spool, start_id).map_err(NodeError::Setup)
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
            state.link.on_backup.store(true, Ordering::Relaxed);
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
