//! Triggers that watch attacks, on the hits of one batch, in the transaction that stores them.
//!
//! `attacks_exceeded`, `hits_exceeded` and `incidents_exceeded` count for the whole tenant, in slices of a
//! sliding window; `vector_attack` counts different payloads of each source. A trigger fires when more than its
//! count came within its period, and then stays quiet (about this source) for one period. Hits of experimental
//! rules never count.

use std::collections::{HashMap, HashSet};

use bartizan_store::{
    TenantId,
    entity::{hit, trigger_payload},
    sea_orm::ConnectionTrait,
    triggers,
};
use sha2::{Digest, Sha256};

use super::{
    firing::{self, Fired},
    watch::Watch,
};
use crate::failure::Failure;

const TEMPLATES: &[&str] = &["attacks_exceeded", "hits_exceeded", "vector_attack"];
/// Attacks that are no payloads.
const NO_PAYLOADS: &[&str] = &["brute", "dirbust", "overlimit_res", "data_bomb", "vpatch"];

/// What one batch brought.
#[derive(Debug)]
pub struct Stored<'a> {
    /// Hits that were not there before.
    pub hits: &'a [hit::Model],
    /// Attacks that these hits opened.
    pub new_attacks: &'a HashSet<i64>,
}

/// Applies the triggers of the tenant. Returns whether the IP lists changed.
///
/// # Errors
/// 500 when the store fails.
pub async fn hits<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    stored: &Stored<'_>,
    now_ms: i64,
) -> Result<bool, Failure> {
    let mut listed = false;
    for row in triggers::enabled(connection, tenant, TEMPLATES).await? {
        let watch = Watch::of(&row);
        let fitting: Vec<&hit::Model> = stored
            .hits
            .iter()
            .filter(|hit| hit.experimental != Some(true) && watch.passes_hit(hit))
            .collect();
        if fitting.is_empty() {
            continue;
        }
        listed |= match watch.template.as_str() {
            "vector_attack" => payloads(connection, tenant, &watch, &fitting, now_ms).await?,
            "attacks_exceeded" => {
                let times = first_times(&fitting, stored.new_attacks);
                count(connection, tenant, &watch, &times, now_ms).await?
            }
            _ => {
                let times: Vec<i64> = fitting.iter().map(|hit| hit.time).collect();
                count(connection, tenant, &watch, &times, now_ms).await?
            }
        };
    }
    Ok(listed)
}

/// Applies the triggers that count incidents. `hits` has one hit of each attack that became an incident.
///
/// # Errors
/// 500 when the store fails.
pub async fn incidents<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    hits: &[hit::Model],
    now_ms: i64,
) -> Result<(), Failure> {
    if hits.is_empty() {
        return Ok(());
    }
    for row in triggers::enabled(connection, tenant, &["incidents_exceeded"]).await? {
        let watch = Watch::of(&row);
        // An old attack that turns out to be an incident is a new incident.
        let fitting = hits.iter().filter(|hit| hit.experimental != Some(true) && watch.passes_hit(hit));
        let times: Vec<i64> = fitting.map(|_| now_ms / 1000).collect();
        count(connection, tenant, &watch, &times, now_ms).await?;
    }
    Ok(())
}

/// One time for each of these attacks that has a fitting hit.
fn first_times(fitting: &[&hit::Model], attacks: &HashSet<i64>) -> Vec<i64> {
    let mut times: HashMap<i64, i64> = HashMap::new();
    for hit in fitting.iter().filter(|hit| attacks.contains(&hit.attack_id)) {
        times.entry(hit.attack_id).and_modify(|time| *time = hit.time.min(*time)).or_insert(hit.time);
    }
    times.into_values().collect()
}

/// Counts for the whole tenant.
async fn count<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    watch: &Watch,
    times: &[i64],
    now_ms: i64,
) -> Result<bool, Failure> {
    let now = now_ms / 1000;
    let (since, slice) = (now - watch.period, watch.slice());
    let mut added: HashMap<i64, i64> = HashMap::new();
    for time in times.iter().filter(|time| **time > since) {
        *added.entry(time - time.rem_euclid(slice)).or_default() += 1;
    }
    if added.is_empty() {
        return Ok(false);
    }
    // A slice counts as long as a part of it lies within the window.
    let total = triggers::add_counts(connection, tenant, watch.id, &added, since - slice + 1).await?;
    if total <= watch.count || !triggers::quiet(connection, tenant, watch.id, &[""], now).await?.is_empty() {
        return Ok(false);
    }
    let fired = Fired { watch, source: None, total, pool: None, now_ms };
    firing::fire(connection, tenant, &fired).await
}

/// Counts different payloads of each source.
async fn payloads<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    watch: &Watch,
    fitting: &[&hit::Model],
    now_ms: i64,
) -> Result<bool, Failure> {
    let now = now_ms / 1000;
    let since = now - watch.period;
    let counted = |hit: &&&hit::Model| {
        hit.time > since && !hit.value.is_empty() && !NO_PAYLOADS.contains(&hit.kind.as_str())
    };
    let hits: Vec<&hit::Model> = fitting.iter().filter(counted).copied().collect();
    let sources: HashSet<&str> = hits.iter().map(|hit| hit.ip.as_str()).collect();
    let sources: Vec<&str> = sources.into_iter().collect();
    // Sources that it fired about are not counted, so that an attack at full speed costs nothing more.
    let quiet = triggers::quiet(connection, tenant, watch.id, &sources, now).await?;
    let mut seen: HashMap<(&str, String), i64> = HashMap::new();
    let mut pools: HashMap<&str, i64> = HashMap::new();
    for hit in hits.iter().filter(|hit| !quiet.contains(&hit.ip)) {
        let digest = hex::encode(Sha256::digest(&hit.value));
        let time = seen.entry((hit.ip.as_str(), digest)).or_insert(hit.time);
        *time = hit.time.max(*time);
        pools.insert(hit.ip.as_str(), hit.pool);
    }
    let rows: Vec<trigger_payload::Model> = seen
        .into_iter()
        .map(|((source, digest), seen_at)| trigger_payload::Model {
            trigger_id: watch.id,
            source: source.to_owned(),
            digest,
            client_id: tenant.0,
            seen_at,
        })
        .collect();
    if rows.is_empty() {
        return Ok(false);
    }
    let counts = triggers::add_payloads(connection, tenant, watch.id, rows, since + 1).await?;
    let mut exceeding: Vec<(&String, &i64)> =
        counts.iter().filter(|(_, total)| **total > watch.count).collect();
    exceeding.sort();
    let mut listed = false;
    for (source, total) in exceeding {
        let pool = pools.get(source.as_str()).copied();
        let fired = Fired { watch, source: Some(source), total: *total, pool, now_ms };
        listed |= firing::fire(connection, tenant, &fired).await?;
    }
    Ok(listed)
}
