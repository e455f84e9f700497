//! Attacks of one source (`spec/events.md` section 2.1, rule 3): for tenants that want it, a source that floods gets one
//! attack for everything it does, whatever the types, places and addresses.
//!
//! What counts is how many hits of the source were there before that lie within the period, on either side: of a flood
//! that comes by several uploads at once the same number of hits stays apart, whichever of them is first. It is decided in
//! the transaction that holds the tenant's lock, for hits that are new, so sending hits again changes nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use bartizan_store::{
    TenantId, event_settings,
    ingest::{self as store, SourceHit},
    sea_orm::ConnectionTrait,
};
use sha2::{Digest, Sha256};

use super::{batch::NewHit, grouping::WINDOW_S};
use crate::{failure::Failure, services::trigger::flood::Flood};

/// What a flood is when the tenant's settings ask for grouping: more than this many hits in so many seconds.
const DEFAULT: (i64, i64) = (50, 900);
/// Hits of the time before a batch that are looked at, over all its sources.
const MAX_RECENT: u64 = 50_000;
/// Types that are never grouped by source.
const APART: &[&str] = &["brute", "dirbust", "bola", "overlimit_res", "data_bomb", "vpatch"];
/// What the keys of groups of a source begin with; those of other groups are hex.
pub const SOURCE_GROUPS: &str = "ip:";

/// Whether attacks of this group are of one source, whatever it does.
#[must_use]
pub fn is_of_source(group_key: &str) -> bool {
    group_key.starts_with(SOURCE_GROUPS)
}

fn key_of(ip: &str) -> String {
    let digest = Sha256::digest(ip);
    format!("{SOURCE_GROUPS}{}", hex::encode(digest.get(..16).unwrap_or(&digest)))
}

/// Gives hits of sources that flood the key of their source's group. `fresh` is in the order of times.
pub(super) async fn regroup<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    fresh: &mut [NewHit],
) -> Result<(), Failure> {
    let mut floods = Flood::enabled(connection, tenant).await?;
    if event_settings::of_tenant(connection, tenant).await?.ip_grouping {
        floods.push(Flood::of_any(DEFAULT.0, DEFAULT.1));
    }
    if floods.is_empty() {
        return Ok(());
    }
    let grouped = |hit: &NewHit| !APART.contains(&hit.row.kind.as_str());
    let times = || fresh.iter().filter(|hit| grouped(hit)).map(|hit| hit.row.time);
    let (Some(first), Some(last)) = (times().min(), times().max()) else { return Ok(()) };
    let ips: HashSet<&str> = fresh.iter().filter(|hit| grouped(hit)).map(|hit| hit.row.ip.as_str()).collect();
    let mut sources = Sources::read(connection, tenant, &ips, &floods, (first, last)).await?;
    for hit in fresh.iter_mut().filter(|hit| grouped(hit)) {
        let seen = SourceHit {
            ip: hit.row.ip.clone(),
            time: hit.row.time,
            pool: hit.row.pool,
            domain: hit.row.domain.clone(),
            count: hit.row.aggregated_count,
        };
        if sources.take(&seen, &floods) {
            hit.key = key_of(&hit.row.ip);
        }
    }
    Ok(())
}

/// What is known of the sources of a batch while its hits are looked at one by one.
#[derive(Default)]
struct Sources {
    /// Times of the attacks of each source.
    attacks: HashMap<String, Vec<(i64, i64)>>,
    /// What each source did, flood by flood.
    recent: HashMap<String, Vec<Window>>,
}

/// Hits of a source that one flood counts. Asked in the order of times, each hit enters and leaves the sum once.
#[derive(Clone, Default)]
struct Window {
    /// Hits by second.
    counts: BTreeMap<i64, i64>,
    /// What the sum is of.
    within: Option<(i64, i64)>,
    sum: i64,
}

impl Window {
    fn add(&mut self, time: i64, count: i64) {
        let known = self.counts.entry(time).or_default();
        *known = known.saturating_add(count);
        if self.within.is_some_and(|(from, to)| (from..=to).contains(&time)) {
            self.sum = self.sum.saturating_add(count);
        }
    }

    /// Hits within `period` seconds of a moment, on either side.
    fn around(&mut self, time: i64, period: i64) -> i64 {
        let (from, to) = (time.saturating_sub(period), time.saturating_add(period));
        let total = |from: i64, to: i64| self.counts.range(from..to).map(|(_, count)| *count).sum::<i64>();
        self.sum = match self.within {
            Some((first, last)) if first <= from && from <= last && last <= to => {
                self.sum - total(first, from) + total(last + 1, to + 1)
            }
            _ => total(from, to.saturating_add(1)),
        };
        self.within = Some((from, to));
        self.sum
    }
}

impl Sources {
    async fn read<C: ConnectionTrait>(
        connection: &C,
        tenant: TenantId,
        ips: &HashSet<&str>,
        floods: &[Flood],
        (first, last): (i64, i64),
    ) -> Result<Sources, Failure> {
        let mut sources = Sources::default();
        let mut sorted: Vec<&str> = ips.iter().copied().collect();
        sorted.sort_unstable();
        let keys: Vec<String> = sorted.iter().map(|ip| key_of(ip)).collect();
        let by_key: HashMap<&str, &str> =
            keys.iter().map(String::as_str).zip(sorted.iter().copied()).collect();
        let asked: Vec<&str> = keys.iter().map(String::as_str).collect();
        for attack in
            store::attacks_near(connection, tenant, &asked, first - WINDOW_S, last + WINDOW_S).await?
        {
            if let Some(ip) = by_key.get(attack.group_key.as_str()) {
                let spans = sources.attacks.entry((*ip).to_owned()).or_default();
                spans.push((attack.first_time, attack.last_time));
            }
        }
        // A source with an attack of its own needs no count, so that a flood at full speed costs nothing more.
        let quiet: Vec<&str> = sorted.into_iter().filter(|ip| !sources.attacks.contains_key(*ip)).collect();
        let period = floods.iter().map(|flood| flood.period).max().unwrap_or_default();
        let within = (first - period, last + period);
        let recent = store::hits_of_sources(connection, tenant, &quiet, APART, within, MAX_RECENT).await?;
        for hit in recent {
            sources.note(&hit, floods);
        }
        Ok(sources)
    }

    /// Counts a hit of a source that has no attack of its own.
    fn note(&mut self, hit: &SourceHit, floods: &[Flood]) {
        let windows =
            self.recent.entry(hit.ip.clone()).or_insert_with(|| vec![Window::default(); floods.len()]);
        for (flood, window) in floods.iter().zip(windows) {
            if flood.fits(hit.pool, &hit.domain) {
                window.add(hit.time, hit.count);
            }
        }
    }

    /// Whether the next hit belongs to an attack of its source; notes it.
    fn take(&mut self, hit: &SourceHit, floods: &[Flood]) -> bool {
        if let Some(spans) = self.attacks.get_mut(&hit.ip) {
            let gap = |(first, last): (i64, i64)| (first - hit.time).max(hit.time - last).max(0);
            if let Some(span) =
                spans.iter_mut().min_by_key(|span| gap(**span)).filter(|span| gap(**span) <= WINDOW_S)
            {
                *span = (span.0.min(hit.time), span.1.max(hit.time));
                return true;
            }
        }
        let known = self.recent.get_mut(&hit.ip).map(Vec::as_mut_slice).unwrap_or_default();
        let is_flood = floods.iter().zip(known).any(|(flood, window)| {
            flood.fits(hit.pool, &hit.domain) && window.around(hit.time, flood.period) >= flood.count
        });
        if is_flood {
            self.attacks.entry(hit.ip.clone()).or_default().push((hit.time, hit.time));
        } else {
            self.note(hit, floods);
        }
        is_flood
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(time: i64) -> SourceHit {
        SourceHit { ip: "192.0.2.1".into(), time, pool: -1, domain: "a.test".into(), count: 1 }
    }

    #[test]
    fn later_hits_of_a_flood_are_of_the_source() {
        let floods = [Flood::of_any(3, 900)];
        let mut sources = Sources::default();
        let taken: Vec<bool> = (0..5).map(|time| sources.take(&hit(time * 60), &floods)).collect();
        assert_eq!(taken, [false, false, false, true, true]);
        // As long as the attack of the source is open; later the source must flood anew.
        assert!(sources.take(&hit(240 + WINDOW_S), &floods));
        assert!(!sources.take(&hit(240 + 2 * WINDOW_S + 1), &floods));
        let other = SourceHit { ip: "192.0.2.2".into(), ..hit(300) };
        assert!(!sources.take(&other, &floods));
    }

    #[test]
    fn slow_sources_do_not_flood() {
        let floods = [Flood::of_any(3, 900)];
        let mut sources = Sources::default();
        assert!((0..20).all(|turn| !sources.take(&hit(turn * 301), &floods)));
    }

    #[test]
    fn a_window_counts_as_if_it_looked_at_every_hit() {
        let times = [0_i64, 1, 5, 5, 9, 30, 31, 40, 90, 200, 7, 0];
        let mut window = Window::default();
        for (at, time) in times.into_iter().enumerate() {
            let expected = times[..at].iter().filter(|known| time.abs_diff(**known) <= 10).count();
            assert_eq!(window.around(time, 10), i64::try_from(expected).unwrap(), "{at}");
            window.add(time, 1);
        }
    }

    #[test]
    fn keys_of_sources_are_told_from_others() {
        assert!(is_of_source(&key_of("192.0.2.1")));
        assert_ne!(key_of("192.0.2.1"), key_of("192.0.2.2"));
        assert!(!is_of_source("0123456789abcdef0123456789abcdef"));
    }
}
