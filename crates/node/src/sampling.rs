//! Sampling of hits (`spec/node.md` section 1.6): of what repeats itself, the first are uploaded, the rest is counted.
//!
//! It stands between the verdict and the spool, so it changes neither detection nor blocking nor any counter of the
//! node. Types that repeat by their nature are always sampled; hits of input validation only while an unusual share of
//! traffic is an attack: then the first hit of each payload in an hour, and of those the first five that are otherwise
//! the same. What is left out is told within a minute by a hit that says how many it stands for; at the end of the
//! node, too. Where memory for that is short, hits are uploaded.
//!
//! Hits of denylisted sources are sampled before they are made, see [`crate::sampler`].

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bartizan_api::AttackType;
use bartizan_api::node::{BlockStatus, DroppedHit, DroppedHits, HitEvent, RawRequest};

use crate::config::SamplingSettings;
use crate::request_id::event_id;

/// Identical hits of an hour that are kept.
const FIRST: u32 = 5;
/// One of so many is kept of types that repeat by their nature, in an attack.
const SHARE: u64 = 10;
/// Longest time that a hit that was left out is not told of, seconds.
const TOLD_AFTER_S: i64 = 60;
/// Seconds over which the share of attacks is measured.
const WINDOW: usize = 60;
/// Identities remembered.
const IDENTITIES: usize = 100_000;
/// Payloads remembered.
const PAYLOADS: usize = 200_000;
/// Identities with hits that are not told of yet; of each the last hit is kept.
const WAITING: usize = 4096;

/// Records of requests with hits that were left out, per second. The counts of hits do not depend on them.
const RECORDS_PER_S: u32 = 100;
/// The same per hour: what is left out must not fill the cloud after all.
const RECORDS_PER_HOUR: u32 = 10_000;
/// Characters of a payload in a record.
const RECORDED: usize = 256;

/// What was decided about the hits of a request.
#[derive(Debug, Default)]
pub(crate) struct Sifted {
    /// To be uploaded.
    pub(crate) kept: Vec<HitEvent>,
    /// Left out, with why.
    pub(crate) dropped: Vec<(HitEvent, &'static str)>,
}

/// The sampling of a node.
#[derive(Debug, Default)]
pub(crate) struct Sampling {
    /// Whether an unusual share of traffic is an attack.
    high: AtomicBool,
    dropped: AtomicU64,
    table: Mutex<Table>,
    load: Mutex<VecDeque<(u64, u64)>>,
}

#[derive(Debug, Default)]
struct Table {
    hasher: RandomState,
    seen: HashMap<u64, Seen>,
    waiting: usize,
    hour: i64,
    payloads: HashSet<u64>,
    /// Repeating hits of the hour, and those of them that were kept.
    repeating: (u64, u64),
    /// A second and the records of it.
    records: (i64, u32),
    /// An hour and the records of it.
    hourly: (i64, u32),
}

/// What is known of hits that are the same.
#[derive(Debug, Default)]
struct Seen {
    hour: i64,
    kept: u32,
    skipped: u32,
    since: i64,
    /// The last one that was left out, without its request.
    last: Option<Box<HitEvent>>,
}

/// Whether hits of a type repeat by their nature.
fn is_repeating(kind: AttackType) -> bool {
    use AttackType::{Bola, Brute, CredentialStuffing, DataBomb, Dirbust, Enum, OverlimitRes, RateLimit};
    matches!(kind, Bola | Brute | CredentialStuffing | DataBomb | Dirbust | Enum | OverlimitRes | RateLimit)
}

/// The header by which the cloud knows the requests of its own verification.
const MARK: &str = "X-BARTIZAN-VERIFY";
/// Longest mark.
const MAX_MARK: usize = 128;

fn mark(raw: &RawRequest) -> Option<&String> {
    raw.headers.get(MARK).and_then(|values| values.first()).filter(|mark| mark.len() <= MAX_MARK)
}

/// Nothing of a request but what says that it is of the cloud's verification, which is no attack.
pub(crate) fn trimmed(raw: &RawRequest) -> RawRequest {
    let headers = mark(raw).map(|mark| (MARK.to_owned(), vec![mark.clone()]));
    RawRequest { headers: headers.into_iter().collect(), ..RawRequest::default() }
}

impl Sampling {
    /// Whether an unusual share of traffic is an attack, and hits left out since the start.
    pub(crate) fn figures(&self) -> (bool, u64) {
        (self.high.load(Ordering::Relaxed), self.dropped.load(Ordering::Relaxed))
    }

    /// Decides about the hits of a request, when its answer is known.
    pub(crate) fn sift(&self, settings: &SamplingSettings, hits: Vec<HitEvent>, now: i64) -> Sifted {
        let high = self.high.load(Ordering::Relaxed);
        // Hits of denied sources were sampled before.
        let is_sampled = |hit: &HitEvent| !hit.ip_blocked && (high || is_repeating(hit.attack_type));
        if !settings.enabled || !hits.iter().any(is_sampled) {
            return Sifted { kept: hits, dropped: vec![] };
        }
        let mut table = self.table();
        let mut sifted = Sifted::default();
        for mut hit in hits {
            let reason = if is_sampled(&hit) { table.decide(&mut hit, high, now) } else { None };
            match reason {
                None => sifted.kept.push(hit),
                Some(reason) => sifted.dropped.push((hit, reason)),
            }
        }
        self.dropped.fetch_add(sifted.dropped.len() as u64, Ordering::Relaxed);
        sifted
    }

    /// What the cloud is told of a request with hits that were left out, so that it can be found by its id; none when there
    /// are too many of them in this second.
    pub(crate) fn record(&self, dropped: &[(HitEvent, &'static str)], now: i64) -> Option<DroppedHits> {
        let (hit, _) = dropped.first()?;
        // A record has no place for the mark, and what verification asks is no attack. Whoever else sends one only
        // keeps the request from being found by its id: its hits are counted.
        if mark(&hit.raw).is_some() {
            return None;
        }
        {
            let mut table = self.table();
            let (second, hour) = (now, now.div_euclid(3600));
            if table.records.0 != second {
                table.records = (second, 0);
            }
            if table.hourly.0 != hour {
                table.hourly = (hour, 0);
            }
            if table.records.1 >= RECORDS_PER_S || table.hourly.1 >= RECORDS_PER_HOUR {
                return None;
            }
            table.records.1 += 1;
            table.hourly.1 += 1;
        }
        let mut tags: Vec<&str> = dropped.iter().map(|(_, reason)| *reason).collect();
        tags.sort_unstable();
        tags.dedup();
        let of = |(hit, _): &(HitEvent, &str)| DroppedHit {
            attack_type: hit.attack_type,
            attack_subtype: hit.attack_subtype.clone(),
            point: hit.point.clone(),
            parameter: hit.parameter.clone(),
            value: hit.value.chars().take(RECORDED).collect(),
            stamps: hit.stamps.clone(),
            block_status: hit.block_status,
        };
        Some(DroppedHits {
            event_id: event_id(),
            request_id: hit.request_id.clone(),
            ts_ms: hit.ts_ms,
            node_uuid: hit.node_uuid.clone(),
            application: hit.application,
            method: hit.method.clone(),
            domain: hit.domain.clone(),
            path: hit.path.clone(),
            ip: hit.ip.clone(),
            server_addr: hit.raw.server_addr.clone(),
            statuscode: hit.statuscode,
            tags: tags.into_iter().map(str::to_owned).collect(),
            hits: dropped.iter().map(of).collect(),
        })
    }

    /// Hits that tell of those left out for a minute; of all when the node ends.
    pub(crate) fn told(&self, now: i64, all: bool) -> Vec<HitEvent> {
        self.table().told(now, all)
    }

    /// Takes the requests and attacks counted so far, once a second.
    pub(crate) fn tick(&self, settings: &SamplingSettings, requests: u64, attacks: u64) {
        let mut load = self.load.lock().unwrap_or_else(PoisonError::into_inner);
        load.push_back((requests, attacks));
        if load.len() > WINDOW + 1 {
            load.pop_front();
        }
        let (first_requests, first_attacks) = load.front().copied().unwrap_or_default();
        let requests = requests.saturating_sub(first_requests);
        let attacks = attacks.saturating_sub(first_attacks);
        drop(load);
        let high = self.high.load(Ordering::Relaxed);
        let percent = if high { settings.low_share_percent } else { settings.high_share_percent };
        let share = attacks.saturating_mul(100) > requests.saturating_mul(u64::from(percent));
        let many = attacks >= u64::from(settings.high_hits_per_s).saturating_mul(WINDOW as u64);
        // Once on, it is the share alone that ends it.
        let now_high = settings.enabled && attacks > 0 && share && (high || many);
        if now_high != high {
            self.high.store(now_high, Ordering::Relaxed);
            tracing::info!(requests, attacks, on = now_high, "sampling.extreme");
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Why a hit is left out, if it is. One that is kept says how many it stands for.
    fn decide(&mut self, hit: &mut HitEvent, high: bool, now: i64) -> Option<&'static str> {
        self.turn(now.div_euclid(3600));
        let extreme = high && !self.passes_extreme(hit);
        let identity = self.identity(hit);
        if self.seen.len() >= IDENTITIES && !self.seen.contains_key(&identity) {
            return None;
        }
        let (hour, has_room) = (self.hour, self.waiting < WAITING);
        let seen = self.seen.entry(identity).or_default();
        if seen.hour != hour {
            (seen.hour, seen.kept) = (hour, 0);
        }
        let reason = match (extreme, seen.kept >= FIRST) {
            (true, _) => Some("extreme"),
            (false, true) => Some("regular"),
            (false, false) => None,
        };
        let reason = reason.filter(|_| has_room || seen.last.is_some());
        if reason.is_none() {
            seen.kept = seen.kept.saturating_add(1);
            if is_repeating(hit.attack_type) {
                self.repeating.1 += 1;
            }
            hit.aggregated_count = hit.aggregated_count.saturating_add(std::mem::take(&mut seen.skipped));
            if seen.last.take().is_some() {
                self.waiting -= 1;
            }
            return None;
        }
        if seen.last.is_none() {
            (self.waiting, seen.since) = (self.waiting + 1, now);
        }
        seen.skipped = seen.skipped.saturating_add(hit.aggregated_count);
        let mut last = Box::new(hit.clone());
        crate::hits::trim(&mut last);
        seen.last = Some(last);
        reason
    }

    /// The first stage: the first hit of each payload, or the tenth part of what repeats.
    fn passes_extreme(&mut self, hit: &HitEvent) -> bool {
        if is_repeating(hit.attack_type) {
            self.repeating.0 += 1;
            return self.repeating.1 * SHARE < self.repeating.0;
        }
        // A payload that is masked or too many of them say nothing.
        if hit.value.is_empty() || self.payloads.len() >= PAYLOADS {
            return true;
        }
        let payload = self.hasher.hash_one((hit.attack_type, &hit.value));
        self.payloads.insert(payload)
    }

    fn identity(&self, hit: &HitEvent) -> u64 {
        let is_blocked = hit.block_status == BlockStatus::Blocked;
        let address = (hit.application, &hit.domain, &hit.path, &hit.method);
        let source = (&hit.ip, mark(&hit.raw).is_some());
        self.hasher.hash_one((hit.attack_type, &hit.parameter, address, hit.statuscode, is_blocked, source))
    }

    /// Begins another hour.
    fn turn(&mut self, hour: i64) {
        if self.hour != hour {
            self.hour = hour;
            self.payloads.clear();
            self.repeating = (0, 0);
            self.seen.retain(|_, seen| seen.last.is_some());
        }
    }

    fn told(&mut self, now: i64, all: bool) -> Vec<HitEvent> {
        let mut told = Vec::new();
        if self.waiting == 0 {
            return told;
        }
        for seen in self.seen.values_mut() {
            // A clock that went back must not hold anything up.
            let is_due = all || !(seen.since..seen.since + TOLD_AFTER_S).contains(&now);
            if let Some(mut hit) = seen.last.take_if(|_| is_due) {
                hit.aggregated_count = std::mem::take(&mut seen.skipped);
                told.push(*hit);
            }
        }
        self.waiting -= told.len();
        told
    }
}

#[cfg(test)]
mod tests;
