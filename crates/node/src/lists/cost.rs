//! What the lists cost: `cargo test --release -p bartizan-node --lib lists::cost -- --nocapture`.
//!
//! 100,000 entries as a large installation has them: single addresses, subnets of sixteen lengths of both families,
//! countries, regions, data centres and anonymisers, a tenth of them for some applications only.

use std::{hint::black_box, time::Instant};

use super::*;

const ENTRIES: u32 = 100_000;
/// Looks that are timed; a build for tests is slow, and says nothing about time.
const ROUNDS: u32 = if cfg!(debug_assertions) { 10_000 } else { 1_000_000 };

fn value(number: u32) -> (&'static str, String) {
    let [_, a, b, c] = number.wrapping_mul(2_654_435_761).to_be_bytes();
    match number % 100 {
        0..60 => ("subnet", format!("203.{a}.{b}.{c}/32")),
        60..80 => ("subnet", format!("198.{a}.{b}.0/{}", 17 + number % 8)),
        80..90 => ("subnet", format!("2001:db8:{a:x}{b:02x}:{c:x}::/{}", 57 + number % 8)),
        90..95 => ("subnet", format!("2001:db8::{a:x}{b:02x}:{c:x}/128")),
        95 | 96 => {
            let letter = |byte: u8| char::from(b'A' + byte % 26);
            ("location", format!("{}{}", letter(a), letter(b)))
        }
        97 => ("location", format!("US-{}", a % 100)),
        98 => ("datacenter", ["aws", "azure", "gce", "hetzner"][usize::from(a % 4)].to_owned()),
        _ => ("proxy_type", ["TOR", "VPN", "PUB", "DCH"][usize::from(a % 4)].to_owned()),
    }
}

fn entry(number: u32) -> ListEntry {
    let (kind, value) = value(number);
    ListEntry {
        id: number.into(),
        list: [ListName::Deny, ListName::Gray, ListName::Allow][usize::try_from(number % 3).unwrap()],
        kind: kind.to_owned(),
        value,
        apps: number.is_multiple_of(10).then(|| vec![7, i64::from(number) + 100]),
        attack_type: None,
        expires_at: Some(i64::from(number) + 2_000_000_000),
    }
}

#[test]
fn a_hundred_thousand_entries() {
    let entries: Vec<ListEntry> = (0..ENTRIES).map(entry).collect();
    let started = Instant::now();
    let lists = Lists::build(entries.iter());
    println!("{ENTRIES} entries: loaded in {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    assert_eq!(lists.ignored, 0);
    let first = entries[1].value.trim_end_matches("/32").parse().unwrap();
    assert!(lists.find(entries[1].list, first, 1, 0).is_some());
    for (name, ip) in [
        ("address that is listed", first),
        ("address that is not", "203.0.113.7".parse().unwrap()),
        ("IPv6 address that is not", "2001:db8:ffff::1".parse().unwrap()),
    ] {
        let lists_asked = [ListName::Allow, ListName::Deny, ListName::Gray];
        per_look(name, || lists_asked.iter().filter(|list| lists.find(**list, ip, 1, 0).is_some()).count());
    }
    let source = Source {
        country: Some("US".to_owned()),
        region: Some("7".to_owned()),
        datacenter: Some("aws"),
        proxies: vec!["TOR", "VPN"],
    };
    let lists_asked = [ListName::Allow, ListName::Deny, ListName::Gray];
    per_look("source with six codes", || {
        lists_asked.iter().filter(|list| lists.find_source(**list, &source, 1, 0).is_some()).count()
    });
}

/// All three lists are asked in one look, as for a request.
fn per_look(name: &str, look: impl Fn() -> usize) {
    let started = Instant::now();
    for _ in 0..ROUNDS {
        black_box(look());
    }
    println!("{name}: {:.3} µs", started.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS));
}
