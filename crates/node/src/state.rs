//! What the whole node shares: configuration, the rules and lists in force, the spool, counters.
//!
//! A reload makes another [`State`] from another configuration. What lives as long as the process is behind an `Arc`
//! in it and goes along; a request keeps the state that it began with.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Instant;

use arc_swap::ArcSwap;
use bartizan_api::node::Event;
use bartizan_detect::Engine;
use bartizan_rules::Ruleset;

use crate::block::BlockAnswers;
use crate::budget::{HeldBytes, Offload, Reservation};
use crate::client_ip::ClientIpRules;
use crate::config::Config;
use crate::lists::Lists;
use crate::rate_limit::RateTable;
use crate::response::ResponseState;
use crate::routes::Routes;
use crate::sampler::Sampler;
use crate::sampling::Sampling;
use crate::sources::Sources;
use crate::spool::Spool;
use crate::stats::{Totals, WorkerStats};

/// The compiled signatures: immutable, large, the same for every node of a process.
static ENGINE: LazyLock<Arc<Engine>> = LazyLock::new(|| Arc::new(Engine::new()));
/// The same for configurations that do without confirmation.
static UNCONFIRMED: LazyLock<Arc<Engine>> = LazyLock::new(|| Arc::new(Engine::new().without_confirmation()));

/// Compiles the signatures, if they are not yet.
pub(crate) fn prepare_engine() {
    LazyLock::force(&ENGINE);
}

fn compile_routes(config: &Config, applications: &Mutex<Vec<i64>>) -> io::Result<Routes> {
    let mut routes = Routes::compile(config).map_err(|error| io::Error::other(error.message))?;
    routes.number_applications(&mut applications.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(routes)
}

fn open_sources(config: &Config) -> io::Result<Sources> {
    Sources::open(config.acl.databases.iter().map(PathBuf::as_path)).map_err(io::Error::other)
}

fn rate_table(config: &Config) -> RateTable {
    RateTable::new(if config.rate_limit.enabled { config.rate_limit.keys } else { 0 })
}

/// The rules and lists in force. Replaced as a whole; requests in flight finish on the one they began with.
#[derive(Default)]
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
    /// Why the last of them was.
    pub(crate) rejection: Mutex<String>,
    /// Whether the rules in force are a backup: they came from disk and the cloud did not say yet that they are current,
    /// or a newer bundle was refused.
    pub(crate) on_backup: AtomicBool,
    /// The heartbeats of this process, whichever configuration they were sent under.
    pub(crate) heartbeats: Mutex<Heartbeats>,
}

/// What the cloud has been told of the counters. It knows a heartbeat by the start of the process and its number, so one
/// that was not answered is sent again as it was: it may have arrived.
#[derive(Debug, Default)]
pub(crate) struct Heartbeats {
    /// Number of the last one.
    pub(crate) seq: u64,
    /// The counters as of the last answered one.
    pub(crate) told: BTreeMap<&'static str, u64>,
    /// The counters as of the last one, while it is not answered.
    pub(crate) unanswered: Option<BTreeMap<&'static str, u64>>,
}

impl Heartbeats {
    /// The next one: its number, and how much each counter has grown.
    pub(crate) fn next(
        &mut self,
        counters: impl Iterator<Item = (&'static str, u64)>,
    ) -> (u64, BTreeMap<String, u64>) {
        if self.unanswered.is_none() {
            self.seq += 1;
            self.unanswered = Some(counters.collect());
        }
        let grown = |(name, now): (&&'static str, &u64)| {
            let more = now.saturating_sub(self.told.get(name).copied().unwrap_or(0));
            (more > 0).then(|| ((*name).to_owned(), more))
        };
        (self.seq, self.unanswered.iter().flatten().filter_map(grown).collect())
    }

    /// The last one has arrived.
    pub(crate) fn answered(&mut self) {
        if let Some(told) = self.unanswered.take() {
            self.told = told;
        }
    }
}

fn engine(config: &Config) -> Arc<Engine> {
    Arc::clone(if config.inspect.enable_confirmation { &ENGINE } else { &UNCONFIRMED })
}

/// The node under one configuration.
pub(crate) struct State {
    pub(crate) config: Config,
    /// How many configurations were in force before, since the start.
    pub(crate) config_revision: u64,
    pub(crate) routes: Routes,
    /// Applications that any configuration named, by the number of their counters.
    pub(crate) applications: Arc<Mutex<Vec<i64>>>,
    pub(crate) client_ips: ClientIpRules,
    pub(crate) answers: BlockAnswers,
    pub(crate) engine: Arc<Engine>,
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) spool: Spool,
    /// One entry per worker.
    pub(crate) workers: Arc<[Arc<WorkerStats>]>,
    /// Events of denylisted sources; requests from other sources do not come here.
    pub(crate) sampler: Arc<Mutex<Sampler>>,
    /// Which hits are uploaded.
    pub(crate) sampling: Arc<Sampling>,
    /// Request rates; requests without such a rule do not come here.
    pub(crate) rates: Arc<RateTable>,
    /// Where addresses are.
    pub(crate) sources: Arc<Sources>,
    /// What is known of answers.
    pub(crate) response: Arc<ResponseState>,
    pub(crate) link: Arc<LinkState>,
    /// Identity towards the cloud; empty before registration.
    pub(crate) uuid: Arc<ArcSwap<String>>,
    /// Random number of this start.
    pub(crate) start_id: u64,
    pub(crate) started: Instant,
    /// The same, Unix seconds.
    pub(crate) started_at: i64,
    pub(crate) draining: Arc<AtomicBool>,
    /// Bytes of bodies that are held.
    pub(crate) held: Arc<HeldBytes>,
    /// Inspections that run off the workers.
    pub(crate) offload: Arc<Offload>,
}

impl State {
    /// The state of a node that starts.
    ///
    /// # Errors
    /// A route that does not compile, a page that cannot be read.
    pub(crate) fn new(config: Config, spool: Spool, start_id: u64) -> io::Result<State> {
        let applications = Arc::default();
        Ok(State {
            routes: compile_routes(&config, &applications)?,
            applications,
            started_at: crate::clock::unix_seconds(),
            client_ips: ClientIpRules::new(&config.client_ip),
            answers: BlockAnswers::load(&config)?,
            config_revision: 0,
            engine: engine(&config),
            snapshot: Arc::default(),
            spool,
            workers: (0..config.workers.count()).map(|_| Arc::default()).collect(),
            sampler: Arc::default(),
            sampling: Arc::default(),
            rates: Arc::new(rate_table(&config)),
            response: Arc::default(),
            sources: Arc::new(open_sources(&config)?),
            link: Arc::default(),
            uuid: Arc::new(ArcSwap::from_pointee(String::new())),
            start_id,
            started: Instant::now(),
            draining: Arc::default(),
            held: Arc::default(),
            offload: Arc::new(Offload::new(config.workers.count())),
            config,
        })
    }

    /// The same node under another configuration.
    ///
    /// # Errors
    /// Like [`State::new`].
    pub(crate) fn reconfigured(&self, config: Config) -> io::Result<State> {
        Ok(State {
            routes: compile_routes(&config, &self.applications)?,
            applications: Arc::clone(&self.applications),
            started_at: self.started_at,
            client_ips: ClientIpRules::new(&config.client_ip),
            answers: BlockAnswers::load(&config)?,
            config_revision: self.config_revision + 1,
            engine: engine(&config),
            snapshot: Arc::clone(&self.snapshot),
            spool: self.spool.clone(),
            workers: Arc::clone(&self.workers),
            sampler: Arc::clone(&self.sampler),
            sampling: Arc::clone(&self.sampling),
            rates: if config.rate_limit == self.config.rate_limit {
                Arc::clone(&self.rates)
            } else {
                Arc::new(rate_table(&config))
            },
            // The files may have been replaced.
            sources: Arc::new(open_sources(&config)?),
            response: Arc::clone(&self.response),
            link: Arc::clone(&self.link),
            uuid: Arc::clone(&self.uuid),
            start_id: self.start_id,
            started: self.started,
            draining: Arc::clone(&self.draining),
            held: Arc::clone(&self.held),
            offload: Arc::clone(&self.offload),
            config,
        })
    }

    /// A share of the memory for bodies, with nothing in it.
    pub(crate) fn reservation(&self) -> Reservation {
        Reservation::new(&self.held, self.config.inspect.held_max)
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals::sum(self.workers.iter().map(Arc::as_ref))
    }

    /// Writes the hits that tell of those left out, and waits until they are on disk.
    pub(crate) async fn tell_sampled(&self, all: bool) -> Option<()> {
        let told = self.sampling.told(crate::clock::unix_seconds(), all);
        if told.is_empty() {
            return None;
        }
        let stands_for: u64 = told.iter().map(|hit| u64::from(hit.aggregated_count)).sum();
        let encoded = told.into_iter().filter_map(|hit| serde_json::to_vec(&Event::Hit(Box::new(hit))).ok());
        let encoded: Vec<Vec<u8>> = encoded.collect();
        let rows = encoded.len() as u64;
        let written = self.spool.append(encoded).await;
        if written.is_err() {
            // The spool counts rows.
            self.spool.note_lost(stands_for.saturating_sub(rows));
        }
        written.ok()
    }

    /// Puts other rules or lists in force.
    pub(crate) fn update(&self, change: impl Fn(&Snapshot) -> Snapshot) {
        self.snapshot.rcu(|current| Arc::new(change(current)));
    }
}
