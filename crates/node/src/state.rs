//! What the whole node shares: configuration, the rules and lists in force, the spool, counters.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::time::Instant;

use arc_swap::ArcSwap;
use bartizan_detect::Engine;
use bartizan_rules::Ruleset;

use crate::block::BlockAnswers;
use crate::client_ip::ClientIpRules;
use crate::config::Config;
use crate::lists::Lists;
use crate::routes::Routes;
use crate::sampler::Sampler;
use crate::spool::Spool;
use crate::stats::{Totals, WorkerStats};

/// The rules and lists in force. Replaced as a whole; requests in flight finish on the one they began with.
pub(crate) struct Snapshot {
    pub(crate) ruleset: Arc<Ruleset>,
    /// Version of the ruleset; 0 before the first one.
    pub(crate) ruleset_version: i64,
    /// When it came into force, Unix seconds.
    pub(crate) ruleset_applied_at: i64,
    /// Its size, bytes.
    pub(crate) ruleset_size: u64,
    pub(crate) lists: Arc<Lists>,
    /// Sequence number of the lists.
    pub(crate) lists_seq: i64,
}

/// How the link to the cloud is doing.
#[derive(Debug, Default)]
pub(crate) struct LinkState {
    pub(crate) connected: AtomicBool,
    /// Unix seconds of the last successful synchronisation.
    pub(crate) last_sync: AtomicI64,
    pub(crate) api_errors: AtomicU64,
    /// Bundles that were refused.
    pub(crate) rejected_bundles: AtomicU64,
    /// Whether the rules in force came from disk.
    pub(crate) from_disk: AtomicBool,
}

/// The node.
pub(crate) struct State {
    pub(crate) config: Config,
    pub(crate) routes: Routes,
    pub(crate) client_ips: ClientIpRules,
    pub(crate) answers: BlockAnswers,
    pub(crate) engine: Arc<Engine>,
    pub(crate) snapshot: ArcSwap<Snapshot>,
    pub(crate) spool: Spool,
    /// One entry per worker.
    pub(crate) workers: Vec<Arc<WorkerStats>>,
    /// Events of denylisted sources; requests from other sources do not come here.
    pub(crate) sampler: Mutex<Sampler>,
    pub(crate) link: LinkState,
    /// Identity towards the cloud; empty before registration.
    pub(crate) uuid: ArcSwap<String>,
    /// Random number of this start.
    pub(crate) start_id: u64,
    pub(crate) started: Instant,
    pub(crate) draining: AtomicBool,
}

impl State {
    pub(crate) fn totals(&self) -> Totals {
        Totals::sum(self.workers.iter().map(Arc::as_ref))
    }

    /// Puts other rules or lists in force.
    pub(crate) fn update(&self, change: impl Fn(&Snapshot) -> Snapshot) {
        self.snapshot.rcu(|current| Arc::new(change(current)));
    }
}
