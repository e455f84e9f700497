//! Measures the event index: rate of adding rows, size, and the queries of the Attacks API for the largest tenant.
//!
//! `measure [HITS] [FOLDER]`: so many hits over 30 days for 20 tenants of skewed size, the largest with 29 %. Values
//! are skewed too: few addresses, paths and payloads make most of the hits. The same seed always makes the same hits.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a tool"
)]

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use bartizan_events_index::{
    Aggregation, Dimension, Filter, Index, Metric, Number, Options, Order, Row, Subject, Text,
};

/// A small generator of pseudo-random numbers (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Below `count`, small numbers far more often.
    fn skewed(&mut self, count: u64) -> u64 {
        ((self.unit().powi(3) * count as f64) as u64).min(count - 1)
    }
}

const TENANTS: u64 = 20;
const KINDS: [&str; 8] = ["sqli", "xss", "rce", "ptrav", "scanner", "ssrf", "nosqli", "crlf"];
const START_MS: i64 = 1_780_272_000_000;
const SPAN_MS: i64 = 30 * 86_400_000;

/// Tenant 0 has 29 % of the hits, the next one a little less, and so on.
fn tenant(random: &mut Random) -> u64 {
    (random.unit().powf(2.42) * TENANTS as f64) as u64
}

fn row(random: &mut Random, id: i64, all: i64) -> Row {
    let request = if random.next() % 5 < 2 { id - 1 } else { id };
    let host = random.skewed(40);
    let kind = random.skewed(KINDS.len() as u64);
    // Four of five payloads are repeated by many tools, one is of its own.
    let payload = if random.next() % 5 < 4 {
        format!(
            "{}' OR {}=1 UNION SELECT password FROM users-- ",
            KINDS[kind as usize],
            random.skewed(20_000)
        )
    } else {
        format!("<script src=//{:x}.example/{:x}></script>", random.next(), random.next() % 1000)
    };
    Row::new(id, format!("{request:032x}"))
        .with_text(Text::Kind, KINDS[kind as usize])
        .with_text(Text::Subtype, format!("{}_generic", KINDS[kind as usize]))
        .with_text(Text::Ip, format!("10.{}.{}.{}", random.skewed(4), random.skewed(200), random.skewed(250)))
        .with_text(Text::Country, ["DE", "US", "CN", "FR", "BR"][random.skewed(5) as usize])
        .with_text(Text::Host, format!("api{host}.example.com"))
        .with_text(Text::Path, format!("/v1/{}/{}", random.skewed(60), random.skewed(300)))
        .with_text(Text::Method, ["GET", "POST", "PUT"][random.skewed(3) as usize])
        .with_text(Text::Scheme, "https")
        .with_text(Text::Protocol, "HTTP/1.1")
        .with_text(Text::ApiProtocol, "rest")
        .with_text(Text::AuthProtocol, ",bearer,")
        .with_text(Text::Parameter, format!("POST_JSON_DOC_HASH_f{}_value", random.skewed(500)))
        .with_text(Text::Payload, payload)
        .with_text(Text::KnownAttack, if random.next().is_multiple_of(50) { ",CVE-2017-9841," } else { "" })
        .with_number(Number::Time, START_MS + SPAN_MS / all.max(1) * id)
        .with_number(Number::Attack, random.skewed(200_000) as i64)
        .with_number(Number::Status, [403, 200, 404, 500][random.skewed(4) as usize])
        .with_number(Number::Application, random.skewed(8) as i64 - 1)
        .with_number(Number::ResponseTime, random.skewed(3000) as i64)
        .with_number(Number::ResponseSize, random.skewed(100_000) as i64)
        .with_number(Number::RequestSize, random.skewed(5000) as i64)
        .with_number(Number::UriLength, random.skewed(300) as i64)
        .with_number(Number::Blocked, i64::from(!random.next().is_multiple_of(3)))
}

fn open(folder: &Path) -> Index {
    Index::open(Options { folder: folder.to_owned(), cache_bytes: 512 << 20 }).unwrap()
}

fn fill(index: &Index, hits: i64) {
    let mut random = Random(7);
    let mut spent = Duration::ZERO;
    let mut batches: Vec<Vec<Row>> = (0..TENANTS).map(|_| vec![]).collect();
    for id in 1..=hits {
        let tenant = tenant(&mut random) as usize;
        batches[tenant].push(row(&mut random, id, hits));
        if batches[tenant].len() == 1000 || id == hits {
            for (tenant, batch) in batches.iter_mut().enumerate() {
                if batch.len() == 1000 || id == hits {
                    let start = Instant::now();
                    index.append(tenant as i64, batch).unwrap();
                    spent += start.elapsed();
                    batch.clear();
                }
            }
        }
    }
    let start = Instant::now();
    index.flush().unwrap();
    spent += start.elapsed();
    println!("add           {:>9.0} rows/s", hits as f64 / spent.as_secs_f64());
}

fn size(folder: &Path) -> u64 {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

/// Resident memory of this process, MiB.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// Runs a query 21 times and prints median and 95th percentile; the first run reads the columns from disk.
fn measure(name: &str, mut query: impl FnMut() -> usize) {
    let mut times: Vec<Duration> = vec![];
    let mut rows = 0;
    for _ in 0..21 {
        let start = Instant::now();
        rows = query();
        times.push(start.elapsed());
    }
    let first = times[0];
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "{name:<44} p50 {:>7.1}  p95 {:>7.1}  first {:>7.1} ms  {rows} rows",
        ms(times[10]),
        ms(times[19]),
        ms(first)
    );
}

fn day() -> Dimension {
    Dimension::Time(std::sync::Arc::new(|slot| slot.div_euclid(86_400) * 86_400))
}

fn groups(index: &Index, filter: &Filter, dimensions: &[Dimension], details: &[Metric]) -> usize {
    let requests = Metric::Distinct(Subject::Requests, None);
    let asked = Aggregation {
        filter: filter.clone(),
        dimensions: dimensions.to_vec(),
        metrics: vec![requests],
        details: details.to_vec(),
        tops: vec![(Dimension::Text(Text::Ip), 10)],
        weight: None,
    };
    let mut all = 0;
    let page = index
        .aggregate(0, &asked, |table| {
            all = table.len();
            let mut groups: Vec<usize> = (0..table.len()).collect();
            // As the API does it.
            if groups.len() > 50 {
                groups.select_nth_unstable_by_key(50, |group| std::cmp::Reverse(table.metric(0, *group)));
            }
            groups.truncate(50);
            groups.sort_unstable_by_key(|group| std::cmp::Reverse(table.metric(0, *group)));
            groups
        })
        .unwrap();
    assert!(page.len() <= 50);
    all
}

/// The first ranking of attacks by addresses while hits come in one by one: how long it takes, how long the hit that
/// waited longest waited, and a page afterwards.
fn ranking(index: &Index, hits: i64) {
    let measure = Metric::Distinct(Subject::Text(Text::Ip), None);
    let asked = Order { measure: &measure, descending: true, after: None, limit: 50 };
    let stopped = AtomicBool::new(false);
    let (start, mut random) = (Instant::now(), Random(11));
    let (first, again, longest, added) = std::thread::scope(|scope| {
        let adding = scope.spawn(|| {
            let (mut longest, mut id) = (Duration::ZERO, hits);
            while !stopped.load(Ordering::Relaxed) {
                id += 1;
                let row = row(&mut random, id, hits);
                let start = Instant::now();
                index.append(0, &[row]).unwrap();
                longest = longest.max(start.elapsed());
                std::thread::sleep(Duration::from_millis(1));
            }
            (longest, id - hits)
        });
        index.ranked(0, &asked).unwrap();
        let first = start.elapsed();
        index.ranked(0, &asked).unwrap();
        let again = start.elapsed().saturating_sub(first);
        stopped.store(true, Ordering::Relaxed);
        let (longest, added) = adding.join().unwrap();
        (first, again, longest, added)
    });
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "ranking by addresses: first {:.1} ms, then {:.1} ms; longest wait of {added} hits {:.1} ms",
        ms(first),
        ms(again),
        ms(longest)
    );
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let hits: i64 = arguments.next().map_or(1_000_000, |text| text.parse().unwrap());
    let folder =
        arguments.next().map_or_else(|| std::env::temp_dir().join("bartizan-measure"), PathBuf::from);
    let _ = std::fs::remove_dir_all(&folder);
    println!("{hits} hits, {TENANTS} tenants, 30 days");
    let index = open(&folder);
    fill(&index, hits);
    index.close().unwrap();
    println!("size          {:>9} MiB", size(&folder) >> 20);
    drop(index);

    let index = open(&folder);
    let start = Instant::now();
    for tenant in 0..TENANTS {
        index.position(tenant as i64).unwrap();
    }
    println!("open          {:>9.0} ms", start.elapsed().as_secs_f64() * 1000.0);
    println!("largest       {:>9} rows", index.rows(0).unwrap());

    let all = Filter::All(vec![]);
    let last_day = Filter::number(Number::Time, START_MS + SPAN_MS - 86_400_000..=i64::MAX);
    let ips = [Metric::Distinct(Subject::Text(Text::Ip), None)];
    let paths = [Metric::Distinct(Subject::Text(Text::Path), None)];
    let text = Dimension::Text;
    measure("by type and day, distinct IPs, 30 d", || groups(&index, &all, &[day(), text(Text::Kind)], &ips));
    measure("by IP and day, distinct paths, 30 d", || groups(&index, &all, &[day(), text(Text::Ip)], &paths));
    let host_path = [day(), text(Text::Host), text(Text::Path)];
    measure("by host + path and day, 30 d", || groups(&index, &all, &host_path, &ips));
    measure("by type and day, 24 h", || groups(&index, &last_day, &[day(), text(Text::Kind)], &ips));
    let search =
        Filter::text(Text::Payload, |text| text.contains("777=1 union") || text.contains("777=1 UNION"));
    measure("payload substring, count by type, 30 d", || groups(&index, &search, &[text(Text::Kind)], &[]));
    measure("payload substring, newest 100, 30 d", || index.newest(0, &search, None, 100).unwrap().len());
    measure("newest 100 of all", || index.newest(0, &all, None, 100).unwrap().len());
    let kind = Filter::text(Text::Kind, |kind| kind == "rce");
    measure("newest 100 of a type, last day", || {
        index.newest(0, &Filter::All(vec![kind.clone(), last_day.clone()]), None, 100).unwrap().len()
    });
    let total = Aggregation {
        filter: all.clone(),
        dimensions: vec![],
        metrics: vec![
            Metric::Distinct(Subject::Number(Number::Attack), None),
            Metric::Rows(None),
            Metric::Distinct(Subject::Text(Text::Ip), None),
        ],
        details: vec![],
        tops: vec![],
        weight: None,
    };
    measure("attacks, hits, addresses, 30 d", || index.aggregate(0, &total, |_| vec![0]).unwrap().len());
    ranking(&index, hits);
    println!("resident      {:>9} MiB", resident_mib());
    let _ = std::fs::remove_dir_all(&folder);
}
