//! Rules and lists from the cloud, heartbeats to it.
//!
//! A full synchronisation at start and every few minutes; between them one long poll is always open, so that a
//! change is in force well under a second after it was made.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bartizan_api::node::{BundleEntry, BundleKind, HeartbeatRequest};
use tokio::sync::{mpsc, watch};

use super::bundles::{self, Bundles, ListStore};
use super::client::{Client, LinkError};
use super::identity::Identity;
use super::{Backoff, Reply, told};
use crate::lists::Lists;
use crate::state::{Snapshot, State};

struct Link<'a> {
    state: &'a State,
    client: &'a Client,
    identity: &'a Identity,
    bundles: Bundles,
    lists: ListStore,
    /// A version that was refused; fetching it again would not change it.
    refused: Option<i64>,
    seq: i64,
    /// Who asked for a synchronisation and has not heard of it yet.
    waiting: Vec<Reply>,
}

/// Synchronises until the node stops.
pub(super) async fn keep_in_sync(
    state: &State,
    client: &Client,
    identity: &Identity,
    synced: &watch::Sender<bool>,
    syncs: &mut mpsc::UnboundedReceiver<Reply>,
) {
    let bundles = Bundles::new(&state.config.state_dir);
    let lists = bundles.load_lists().unwrap_or_default();
    let mut link =
        Link { state, client, identity, bundles, lists, refused: None, seq: 0, waiting: Vec::new() };
    let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(30));
    loop {
        match link.follow(synced, syncs).await {
            Ok(()) => backoff.reset(),
            Err(error) => {
                if state.link.connected.swap(false, Ordering::Relaxed) {
                    backoff.reset();
                }
                state.link.api_errors.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cloud.sync failed, the rules in force stay"
                );
                link.answer(&Err(told(&error)));
                tokio::select! {
                    () = backoff.wait() => {}
                    Some(reply) = syncs.recv() => link.waiting.push(reply),
                }
            }
        }
    }
}

impl Link<'_> {
    /// One full synchronisation, then changes as they come, until the next full one is due.
    async fn follow(
        &mut self,
        synced: &watch::Sender<bool>,
        syncs: &mut mpsc::UnboundedReceiver<Reply>,
    ) -> Result<(), LinkError> {
        let due = Instant::now() + Duration::from_secs(self.identity.sync_s);
        // Lists do not depend on rules: whoever attacks is kept out although a ruleset cannot be fetched.
        let (rules, lists) = (self.rules().await, self.lists().await);
        rules.and(lists)?;
        self.note_success();
        synced.send_replace(true);
        self.answer(&Ok(()));
        while Instant::now() < due {
            let answer = tokio::select! {
                answer = self.client.watch(self.seq) => answer?,
                Some(reply) = syncs.recv() => {
                    self.waiting.push(reply);
                    // Whoever asks wants to see why it was refused, again.
                    self.refused = None;
                    return Ok(());
                }
            };
            let mut outcome = Ok(());
            for kind in &answer.changed {
                let fetched = match kind.as_str() {
                    "ruleset" => self.rules().await,
                    "iplists" => self.lists().await,
                    // A newer cloud may know more kinds.
                    _ => Ok(()),
                };
                outcome = outcome.and(fetched);
            }
            outcome?;
            self.seq = self.seq.max(answer.seq);
            self.note_success();
        }
        Ok(())
    }

    fn answer(&mut self, outcome: &Result<(), String>) {
        let outcome = match (outcome, self.refused) {
            (Ok(()), Some(version)) => Err(format!("bundle {version} is refused, the rules in force stay")),
            _ => outcome.clone(),
        };
        for reply in self.waiting.drain(..) {
            // Who asked may be gone.
            let _ = reply.send(outcome.clone());
        }
    }

    fn note_success(&self) {
        self.state.link.connected.store(true, Ordering::Relaxed);
        self.state.link.last_sync.store(crate::clock::unix_seconds(), Ordering::Relaxed);
    }

    async fn rules(&mut self) -> Result<(), LinkError> {
        let manifest = self.client.manifest().await?;
        let entry = manifest.bundles.iter().find(|entry| entry.kind == BundleKind::Ruleset);
        if let Some(entry) = entry {
            let current = self.state.snapshot.load().ruleset_version;
            if entry.version == current {
                self.state.link.on_backup.store(false, Ordering::Relaxed);
            } else if self.refused != Some(entry.version) {
                // Before it is fetched: there is no use in bytes that are too many.
                let outcome = match manifest.limits.fault(entry.format, entry.size) {
                    Some(fault) => Err(fault),
                    None => self.verified(entry, self.client.bundle(entry).await?, current).await,
                };
                match outcome {
                    Ok(verified) => {
                        put_in_force(self.state, verified);
                        self.state.link.on_backup.store(false, Ordering::Relaxed);
                        self.refused = None;
                    }
                    Err(reason) => self.refuse(entry.version, &reason),
                }
            }
        }
        self.seq = self.seq.max(manifest.seq);
        Ok(())
    }

    /// Notes that a bundle does not come into force, for the log, the statistics and the next heartbeat.
    fn refuse(&mut self, version: i64, reason: &str) {
        tracing::error!(version, reason, "bundle is refused, the rules in force stay");
        let link = &self.state.link;
        *link.rejection.lock().unwrap_or_else(PoisonError::into_inner) =
            format!("ruleset {version} is refused: {reason}");
        link.rejected_bundles.fetch_add(1, Ordering::Relaxed);
        link.on_backup.store(true, Ordering::Relaxed);
        self.refused = Some(version);
    }

    async fn lists(&mut self) -> Result<(), LinkError> {
        if !self.state.config.acl.enabled {
            return Ok(());
        }
        let answer = self.client.lists(self.lists.seq).await?;
        let unchanged = !answer.full && answer.add.is_empty() && answer.del.is_empty();
        if answer.full {
            self.lists.entries.clear();
        }
        for id in &answer.del {
            self.lists.entries.remove(id);
        }
        self.lists.entries.extend(answer.add.into_iter().map(|entry| (entry.id, entry)));
        self.lists.seq = answer.seq;
        if unchanged && self.state.snapshot.load().lists_seq == answer.seq {
            return Ok(());
        }
        self.replace_lists().await
    }

    /// Checks, compiles and keeps a bundle, on another thread: that may take seconds, and heartbeats and probes are
    /// answered here.
    async fn verified(
        &self,
        entry: &BundleEntry,
        bytes: Vec<u8>,
        current: i64,
    ) -> Result<bundles::Verified, String> {
        let (entry, identity, bundles) = (entry.clone(), self.identity.clone(), self.bundles.clone());
        let work = tokio::task::spawn_blocking(move || {
            let verified = bundles::verify_newer(&entry, &bytes, &identity, current)?;
            if let Err(error) = bundles.save(&entry, &bytes) {
                tracing::warn!(%error, "bundle cannot be written to disk");
            }
            Ok(verified)
        });
        work.await.unwrap_or_else(|error| Err(error.to_string()))
    }

    /// Puts the lists in force and on disk, on another thread likewise.
    async fn replace_lists(&mut self) -> Result<(), LinkError> {
        let failed = |error: tokio::task::JoinError| LinkError::Lists(error.to_string());
        let store = std::mem::take(&mut self.lists);
        let work = tokio::task::spawn_blocking(move || (Lists::build(store.entries.values()), store));
        let (lists, store) = work.await.map_err(failed)?;
        use_lists(self.state, lists, store.seq);
        // On disk after they are in force: a change must not wait for a slow disk.
        let bundles = self.bundles.clone();
        let work = tokio::task::spawn_blocking(move || (bundles.save_lists(&store), store));
        let (saved, store) = work.await.map_err(failed)?;
        if let Err(error) = saved {
            tracing::warn!(%error, "lists cannot be written to disk");
        }
        self.lists = store;
        Ok(())
    }
}

pub(crate) fn put_in_force(state: &State, verified: bundles::Verified) {
    let ruleset = Arc::new(verified.ruleset);
    tracing::info!(version = verified.version, rules = ruleset.hint_count(), "ruleset in force");
    state.update(|current| Snapshot {
        ruleset: Arc::clone(&ruleset),
        ruleset_version: verified.version,
        ruleset_applied_at: crate::clock::unix_seconds(),
        ruleset_size: verified.size,
        lists: Arc::clone(&current.lists),
        lists_seq: current.lists_seq,
    });
}

pub(crate) fn put_lists_in_force(state: &State, store: &ListStore) {
    use_lists(state, Lists::build(store.entries.values()), store.seq);
}

fn use_lists(state: &State, lists: Lists, seq: i64) {
    let lists = Arc::new(lists);
    if lists.ignored > 0 {
        tracing::warn!(entries = lists.ignored, "list entries of unknown kinds are not evaluated");
    }
    if lists.name_sources() && state.sources.is_empty() {
        tracing::warn!(
            "list entries for countries, data centres or proxies match nothing: acl.databases is empty"
        );
    }
    state.update(|current| Snapshot {
        ruleset: Arc::clone(&current.ruleset),
        ruleset_version: current.ruleset_version,
        ruleset_applied_at: current.ruleset_applied_at,
        ruleset_size: current.ruleset_size,
        lists: Arc::clone(&lists),
        lists_seq: seq,
    });
}

/// Sends heartbeats until the node stops. Increments are those since the last one that was answered.
pub(super) async fn keep_alive(state: &State, client: &Client, identity: &Identity) {
    let mut interval = tokio::time::interval(Duration::from_secs(identity.heartbeat_s));
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last = Instant::now();
    let mut rejected = 0;
    let heartbeats = || state.link.heartbeats.lock().unwrap_or_else(PoisonError::into_inner);
    let rejection = || state.link.rejection.lock().unwrap_or_else(PoisonError::into_inner).clone();
    loop {
        interval.tick().await;
        let totals = state.totals();
        let counters = totals.named().filter(|(name, _)| !matches!(*name, "tick" | "last_request_ms"));
        let (seq, stats) = heartbeats().next(counters);
        let elapsed = last.elapsed().as_secs_f64().max(0.001);
        let requests = u32::try_from(stats.get("requests").copied().unwrap_or(0)).unwrap_or(u32::MAX);
        let refused = state.link.rejected_bundles.load(Ordering::Relaxed);
        let request = HeartbeatRequest {
            startid: state.start_id.to_string(),
            seq,
            uptime_s: state.started.elapsed().as_secs(),
            versions: versions(state),
            packages: BTreeMap::from([("bartizan-node".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
            rps_m1: f64::from(requests) / elapsed,
            stats,
            errors: (refused > rejected).then(rejection).into_iter().collect(),
        };
        match client.heartbeat(&request).await {
            Ok(_) => {
                heartbeats().answered();
                last = Instant::now();
                rejected = refused;
            }
            Err(error) => {
                state.link.api_errors.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(error = &error as &dyn std::error::Error, "cloud.heartbeat failed");
            }
        }
    }
}

fn versions(state: &State) -> BTreeMap<String, i64> {
    let snapshot = state.snapshot.load();
    BTreeMap::from([
        ("ruleset".to_owned(), snapshot.ruleset_version),
        ("iplists".to_owned(), snapshot.lists_seq),
        ("detectdb".to_owned(), i64::from(bartizan_detect::Engine::version())),
    ])
}
