//! What is kept, and that every hit is told of once.

use proptest::prelude::*;

use super::*;

const SETTINGS: SamplingSettings =
    SamplingSettings { enabled: true, high_share_percent: 5, high_hits_per_s: 50, low_share_percent: 2 };

fn hit(kind: AttackType, value: &str, ip: &str) -> HitEvent {
    let event = serde_json::json!({
        "event_id": "e", "request_id": "r", "ts_ms": 1, "node_uuid": "", "application": -1, "ruleset_version": 0,
        "attack_type": kind, "point": ["get", "q"], "parameter": "GET_q_value", "value": value, "ip": ip,
        "domain": "shop.test", "path": "/", "method": "GET", "statuscode": 403, "block_status": "blocked",
        "remote_port": 40000, "proto": "HTTP/1.1", "scheme": "http", "api_protocol": "rest", "auth_protocol": [],
        "response_time": 1, "response_size": 1, "request_size": 1, "block_reason": "", "mode": "block", "stamps": [],
        "known_attack": [], "raw": {}
    });
    serde_json::from_value(event).unwrap()
}

fn sampling(high: bool) -> Sampling {
    let sampling = Sampling::default();
    sampling.high.store(high, Ordering::Relaxed);
    sampling
}

/// Counts of the hits that were uploaded.
fn counts(sampling: &Sampling, hits: impl IntoIterator<Item = HitEvent>, now: i64) -> Vec<u32> {
    hits.into_iter()
        .flat_map(|hit| sampling.sift(&SETTINGS, vec![hit], now).kept)
        .map(|hit| hit.aggregated_count)
        .collect()
}

fn same(count: usize, kind: AttackType) -> Vec<HitEvent> {
    vec![hit(kind, "x", "203.0.113.1"); count]
}

#[test]
fn input_validation_is_uploaded_whole_while_attacks_are_few() {
    assert_eq!(counts(&sampling(false), same(50, AttackType::Sqli), 0), [1; 50]);
}

#[test]
fn what_repeats_is_uploaded_five_times_an_hour_and_then_told_within_a_minute() {
    let sampling = sampling(false);
    assert_eq!(counts(&sampling, same(20, AttackType::OverlimitRes), 100), [1; 5]);
    assert!(sampling.told(100 + TOLD_AFTER_S - 1, false).is_empty());
    let told = sampling.told(100 + TOLD_AFTER_S, false);
    assert_eq!(told.iter().map(|hit| hit.aggregated_count).collect::<Vec<_>>(), [15]);
    assert!(sampling.told(10_000, true).is_empty(), "once is enough");
    // Another hour begins with five again, and the first of them tells of what was left out before.
    assert_eq!(counts(&sampling, same(3, AttackType::OverlimitRes), 200), [0; 0]);
    assert_eq!(counts(&sampling, same(7, AttackType::OverlimitRes), 3600), [4, 1, 1, 1, 1]);
    assert_eq!(sampling.figures(), (false, 20));
}

#[test]
fn in_an_attack_the_first_hit_of_each_payload_is_kept_and_of_those_five() {
    let sampling = sampling(true);
    assert_eq!(counts(&sampling, same(9, AttackType::Sqli), 0), [1]);
    let others = (0..20).map(|at| hit(AttackType::Sqli, &format!("p{at}"), "203.0.113.1"));
    assert_eq!(counts(&sampling, others, 0), [9, 1, 1, 1]);
    // The same payload of another source was seen, too; another type was not.
    assert_eq!(counts(&sampling, [hit(AttackType::Sqli, "x", "203.0.113.2")], 0), [0; 0]);
    assert_eq!(counts(&sampling, [hit(AttackType::Xss, "x", "203.0.113.2")], 0), [1]);
    // Of what repeats, the tenth part.
    let sources = (0..100).map(|at| hit(AttackType::OverlimitRes, "", &format!("198.51.100.{at}")));
    assert_eq!(counts(&sampling, sources, 0).len(), 10);
}

#[test]
fn hits_of_denied_sources_are_sampled_elsewhere() {
    let denied = HitEvent { ip_blocked: true, ..hit(AttackType::Sqli, "x", "203.0.113.1") };
    assert_eq!(counts(&sampling(true), vec![denied; 30], 0), [1; 30]);
}

#[test]
fn the_share_of_attacks_switches_it_on_and_off() {
    let sampling = Sampling::default();
    let mut totals = (0, 0);
    let mut second = |requests: u64, attacks: u64| {
        totals = (totals.0 + requests, totals.1 + attacks);
        sampling.tick(&SETTINGS, totals.0, totals.1);
        sampling.figures().0
    };
    for _ in 0..120 {
        assert!(!second(1000, 40), "4 % is usual");
    }
    for _ in 0..120 {
        assert!(!second(100, 40), "40 per second are few");
    }
    assert!((0..60).any(|_| second(1000, 60)), "60 of 1,000");
    for _ in 0..120 {
        assert!(second(1000, 30), "3 % do not end it");
    }
    assert!((0..61).any(|_| !second(1000, 10)), "1 % does");
    let off = SamplingSettings { enabled: false, ..SETTINGS };
    for at in 0..120 {
        sampling.tick(&off, at * 1000, at * 1000);
    }
    assert!(!sampling.figures().0);
}

proptest! {
    /// However hits come and whenever the minute ends, their numbers add up.
    #[test]
    fn every_hit_is_told_of_exactly_once(
        steps in proptest::collection::vec((0u8..3, 0u8..4, 0u8..4, 0i64..900, any::<bool>(), any::<bool>()), 1..300)
    ) {
        let sampling = Sampling::default();
        let (mut now, mut told, mut sent) = (0, 0u64, 0u64);
        for (kind, value, ip, wait, high, minute) in steps {
            now += wait;
            sampling.high.store(high, Ordering::Relaxed);
            let kind = [AttackType::Sqli, AttackType::OverlimitRes, AttackType::Xss][usize::from(kind)];
            let hit = hit(kind, &"v".repeat(usize::from(value)), &format!("203.0.113.{ip}"));
            sent += 1;
            told += sampling.sift(&SETTINGS, vec![hit], now).kept.iter().map(|hit| u64::from(hit.aggregated_count)).sum::<u64>();
            if minute {
                told += sampling.told(now, false).iter().map(|hit| u64::from(hit.aggregated_count)).sum::<u64>();
            }
        }
        told += sampling.told(now, true).iter().map(|hit| u64::from(hit.aggregated_count)).sum::<u64>();
        prop_assert_eq!(told, sent);
        prop_assert_eq!(sampling.table().waiting, 0);
    }
}
