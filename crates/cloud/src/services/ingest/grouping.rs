//! Which attack a hit belongs to (`spec/events.md` section 2.1, rules 1, 2 and 4; for rule 3 see [`super::sources`]).
//!
//! Pure: it works on the attacks that the transaction read and says which rows to add or change. A hit joins
//! the attack of its group whose time span is nearest, at most an hour away, the older one when two are equally
//! near; two attacks that come to touch stay two.

use std::collections::HashMap;

use bartizan_api::AttackType;
use bartizan_store::{attacks::methods, entity};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::services::event_view::month_of;

/// Longest gap inside one attack, seconds.
pub(super) const WINDOW_S: i64 = 3600;
/// Stands for fields that differ within an attack.
pub const MULTIPLE: &str = "[multiple]";
/// Stands for the application where hits of several are in one attack.
const UNSPECIFIED: i64 = 0;

/// The group of a hit: hits of different groups never share an attack.
#[must_use]
pub fn group_key(hit: &entity::hit::Model) -> String {
    let pool = hit.pool.to_string();
    let point = hit.point.to_string();
    let control = hit.mitigation_control_id.map(|id| id.to_string());
    let parts: Vec<&str> = if is_behavioural(&hit.kind) {
        // One counter or control, one source, one host: the addresses tried are what makes the attack. Controls count
        // by session where there is one, counters by address.
        let counter = control.as_deref().or(hit.counter.as_deref()).unwrap_or_default();
        let session = hit.session_id.as_deref().filter(|_| control.is_some());
        vec!["source", &hit.kind, counter, session.unwrap_or(&hit.ip), &hit.domain, &pool]
    } else {
        vec![&hit.kind, &point, &hit.domain, &hit.path, &pool]
    };
    let mut hash = Sha256::new();
    for part in parts {
        // Lengths first, so that no two lists of parts read alike.
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    hex::encode(digest.get(..16).unwrap_or(&digest))
}

fn is_behavioural(kind: &str) -> bool {
    use AttackType::{
        AccountTakeover, ApiAbuse, Bola, Brute, CredentialStuffing, Dirbust, Enum, ResourceConsumption,
        Scraping, SecurityCrawlers,
    };
    matches!(
        AttackType::parse_code(kind),
        Some(
            Brute
                | Dirbust
                | Bola
                | Enum
                | CredentialStuffing
                | ApiAbuse
                | AccountTakeover
                | SecurityCrawlers
                | Scraping
                | ResourceConsumption
        )
    )
}

/// The attacks of one batch while hits are sorted in.
pub(super) struct Grouping {
    attacks: Vec<entity::attack::Model>,
    /// Attacks from this index on are new.
    known: usize,
    changed: Vec<bool>,
    by_group: HashMap<String, Vec<usize>>,
}

impl Grouping {
    pub(super) fn new(attacks: Vec<entity::attack::Model>) -> Grouping {
        let mut by_group: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, attack) in attacks.iter().enumerate() {
            by_group.entry(attack.group_key.clone()).or_default().push(index);
        }
        Grouping { known: attacks.len(), changed: vec![false; attacks.len()], attacks, by_group }
    }

    /// Puts a hit into its attack and returns a handle of that attack.
    pub(super) fn add(&mut self, hit: &entity::hit::Model, key: &str) -> usize {
        let near = self.by_group.get(key).into_iter().flatten().filter_map(|&index| {
            let gap = gap(self.attacks.get(index)?, hit.time);
            (gap <= WINDOW_S).then_some((gap, index))
        });
        let home = near.min().map(|(_, index)| index);
        let home = home.unwrap_or_else(|| {
            let index = self.attacks.len();
            self.attacks.push(attack_of(hit, key));
            self.changed.push(true);
            self.by_group.entry(key.to_owned()).or_default().push(index);
            index
        });
        if let (Some(attack), Some(changed)) = (self.attacks.get_mut(home), self.changed.get_mut(home)) {
            count(attack, hit);
            *changed = true;
        }
        home
    }

    pub(super) fn new_attacks(&self) -> &[entity::attack::Model] {
        self.attacks.get(self.known..).unwrap_or_default()
    }

    /// Gives the new attacks their row numbers.
    pub(super) fn number(&mut self, numbers: &[i64]) {
        for (attack, number) in self.attacks.iter_mut().skip(self.known).zip(numbers) {
            attack.id = *number;
        }
    }

    pub(super) fn changed_attacks(&self) -> impl Iterator<Item = &entity::attack::Model> {
        self.attacks
            .iter()
            .zip(&self.changed)
            .take(self.known)
            .filter(|(_, changed)| **changed)
            .map(|(a, _)| a)
    }

    /// The row number behind a handle, once the new attacks have theirs.
    pub(super) fn row_of(&self, home: usize) -> i64 {
        self.attacks.get(home).map_or(0, |attack| attack.id)
    }
}

/// Seconds between a time and the span of an attack; 0 inside.
fn gap(attack: &entity::attack::Model, time: i64) -> i64 {
    (attack.first_time - time).max(time - attack.last_time).max(0)
}

/// An attack as its first hit makes it, before counting that hit.
fn attack_of(hit: &entity::hit::Model, key: &str) -> entity::attack::Model {
    let info = AttackType::parse_code(&hit.kind).map(AttackType::info);
    // From the hit that opens it, which opens no other: the same history gives the same id.
    let digest = Sha256::digest(format!("{}\n{key}\n{}", hit.client_id, hit.event_id));
    entity::attack::Model {
        id: 0,
        public_id: URL_SAFE_NO_PAD.encode(digest.get(..15).unwrap_or(&digest)),
        month: month_of(hit.time),
        client_id: hit.client_id,
        group_key: key.to_owned(),
        kind: hit.kind.clone(),
        point: hit.point.clone(),
        parameter: hit.parameter.clone(),
        domain: hit.domain.clone(),
        path: hit.path.clone(),
        method: hit.method.clone(),
        methods: None,
        pool: hit.pool,
        first_time: hit.time,
        last_time: hit.time,
        hits: 0,
        blocked_hits: 0,
        stored_hits: 0,
        false_hits: 0,
        threat: info.map_or(0, |info| i64::from(info.threat)),
        target: info
            .and_then(|info| serde_json::to_value(info.target).ok()?.as_str().map(str::to_owned))
            .unwrap_or_else(|| "server".to_owned()),
        experimental: Some(true),
        state: None,
        vuln_id: None,
        changed_at: None,
        recheck_status: None,
        recheck_time: None,
    }
}

fn count(attack: &mut entity::attack::Model, hit: &entity::hit::Model) {
    attack.first_time = attack.first_time.min(hit.time);
    attack.last_time = attack.last_time.max(hit.time);
    methods::count(attack, &hit.method, hit.aggregated_count);
    attack.hits += hit.aggregated_count;
    attack.stored_hits += 1;
    attack.changed_at = attack.changed_at.max(Some(hit.received_at));
    if hit.block_status == "blocked" {
        attack.blocked_hits += hit.aggregated_count;
    }
    if hit.experimental != Some(true) {
        attack.experimental = None;
    }
    // A new hit is unmarked, so not all hits are false any more.
    attack.state = None;
    merge(attack, hit);
}

/// Fields in which the hits of an attack differ say so. Within most groups only paths can.
fn merge(attack: &mut entity::attack::Model, hit: &entity::hit::Model) {
    for (field, value) in [
        (&mut attack.path, &hit.path),
        (&mut attack.kind, &hit.kind),
        (&mut attack.domain, &hit.domain),
        (&mut attack.parameter, &hit.parameter),
    ] {
        if field != value {
            MULTIPLE.clone_into(field);
        }
    }
    if attack.point != hit.point {
        attack.point = json!([MULTIPLE]);
    }
    if attack.pool != hit.pool {
        attack.pool = UNSPECIFIED;
    }
    let threat = AttackType::parse_code(&hit.kind).map_or(0, |kind| i64::from(kind.info().threat));
    attack.threat = attack.threat.max(threat);
}
