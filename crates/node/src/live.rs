//! Another configuration for the running node, without losing a connection.
//!
//! ```text
//! read and check → what needs files and sockets is made ready → every worker takes it over → in force
//! ```
//!
//! Whatever fails before the workers take over leaves everything as it was.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot, watch};

use crate::config::Config;
use crate::listeners::{self, Bound};
use crate::node::NodeError;
use crate::proxy::upstream::Upstreams;
use crate::proxy::worker::Update;
use crate::state::State;

/// The node as those see it who watch over it.
pub(crate) struct Live {
    current: watch::Sender<Arc<State>>,
    workers: Vec<mpsc::UnboundedSender<Update>>,
    /// Held for the whole of a reload: one at a time.
    bound: Mutex<Vec<Bound>>,
    addresses: watch::Sender<Vec<SocketAddr>>,
}

impl Live {
    pub(crate) fn new(
        state: Arc<State>,
        workers: Vec<mpsc::UnboundedSender<Update>>,
        bound: Vec<Bound>,
    ) -> Live {
        let addresses = watch::Sender::new(actual(&bound));
        Live { current: watch::Sender::new(state), workers, bound: Mutex::new(bound), addresses }
    }

    /// The state in force.
    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.current.borrow())
    }

    /// The state in force, and every one after it.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<State>> {
        self.current.subscribe()
    }

    /// Addresses that take traffic.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.borrow().clone()
    }

    /// Reads the file that the configuration came from and puts it in force.
    pub(crate) async fn reload_file(&self) -> Result<(), NodeError> {
        let state = self.state();
        let source =
            state.config.source.as_deref().ok_or_else(|| {
                NodeError::Setup(std::io::Error::other("the node was not started from a file"))
            })?;
        let config = Config::load(source)?;
        self.reload(config).await
    }

    /// Puts a configuration in force. When this returns, every new request is handled by it.
    pub(crate) async fn reload(&self, config: Config) -> Result<(), NodeError> {
        config.validate()?;
        let mut bound = self.bound.lock().await;
        let old = self.state();
        config.reloadable_from(&old.config)?;
        let state = Arc::new(old.reconfigured(config).map_err(NodeError::Setup)?);
        // Workers make their own; whether they can is found out here.
        Upstreams::new(&state.config).map_err(NodeError::Setup)?;
        let (now_bound, mut sockets) = listeners::rebind(&state.config, &bound, self.workers.len())?;
        let mut taken = Vec::with_capacity(self.workers.len());
        for worker in &self.workers {
            let (done, takes) = oneshot::channel();
            let sockets = sockets.pop().unwrap_or_default();
            // A worker that is gone takes no requests either.
            if worker.send(Update { state: Arc::clone(&state), sockets, done }).is_ok() {
                taken.push(takes);
            }
        }
        let mut failure = None;
        for takes in taken {
            // A worker that ended meanwhile says nothing.
            if let Ok(Err(error)) = takes.await {
                failure = Some(error);
            }
        }
        self.addresses.send_replace(actual(&now_bound));
        *bound = now_bound;
        tracing::info!(revision = state.config_revision, "configuration in force");
        self.current.send_replace(state);
        // The others have taken it over, so it is what the next reload starts from.
        failure.map_or(Ok(()), |error| Err(NodeError::Setup(error)))
    }
}

fn actual(bound: &[Bound]) -> Vec<SocketAddr> {
    bound.iter().map(|bound| bound.actual).collect()
}
