//! Measures inspection alone: one core, no network.
//!
//! ```text
//! cargo run --release -p bartizan-detect --example speed [-- NAME [ROUNDS]]
//! cargo run --release -p bartizan-detect --example speed -- --write DIR
//! ```
//!
//! For each kind of request it prints the time per request (median and 99th percentile), and MB/s over all bytes of
//! the request, target and headers included: the median over batches with its 95 % confidence interval. The
//! second table has the worst inputs known, and how much slower per byte they are than the benign mean. With a name,
//! only the kinds whose names contain it are run, so that a profiler sees one of them alone. The last table, for which no
//! name may be given, tells the parts apart: taking the request apart, the same with libinjection on every value, and the
//! whole inspection.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bartizan_detect::{Engine, NoPolicy, inspect};
use bartizan_request::{Limits, PointPath, Role, Visitor, walk};

#[path = "speed/requests.rs"]
mod requests;

use requests::Sample;

const ROUNDS: usize = 4000;
/// Batches of a measurement; the confidence interval is that of their means.
const BATCHES: usize = 20;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let wanted = arguments.next().unwrap_or_default();
    if wanted == "--write" {
        return write(std::path::Path::new(&arguments.next().unwrap_or_else(|| ".".to_owned())));
    }
    let rounds = arguments.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS);
    let started = Instant::now();
    let engine = Engine::new();
    println!("engine built in {:.1} ms\n", started.elapsed().as_secs_f64() * 1e3);
    let chosen = |samples: Vec<Sample>| {
        let wanted = wanted.clone();
        samples.into_iter().filter(move |sample| sample.name.contains(&wanted))
    };
    println!(
        "| benign request | bytes | p50 µs | p99 µs | MB/s | 95 % interval |\n|---|---|---|---|---|---|"
    );
    let (mut nanos, mut bytes) = (0.0, 0.0);
    for sample in chosen(requests::benign()) {
        let speed = measure(&engine, &sample, rounds);
        assert_eq!(speed.detections, 0, "{} is not benign", sample.name);
        nanos += speed.nanos_per_byte * speed.bytes;
        bytes += speed.bytes;
        speed.print(&sample.name, None);
    }
    let mean = if bytes > 0.0 { nanos / bytes } else { 1.0 };
    println!(
        "\n| worst request | bytes | p50 µs | p99 µs | MB/s | 95 % interval | × benign per byte |\n|---|---|---|---|---|---|---|"
    );
    for sample in chosen(requests::worst()) {
        measure(&engine, &sample, (rounds / 40).max(BATCHES)).print(&sample.name, Some(mean));
    }
    if !wanted.is_empty() {
        return;
    }
    println!(
        "\n| benign request | walk µs | walk + libinjection µs | walk + engine µs | flagged by libinjection |\n|---|---|---|---|---|"
    );
    for sample in chosen(requests::benign()) {
        let ([walk, reference, whole], found) = compare(&engine, &sample, rounds);
        println!("| {} | {walk:.1} | {reference:.1} | {whole:.1} | {found} |", sample.name);
    }
}

/// Writes the benign requests to files of a folder, so that other engines can be given the same.
fn write(folder: &std::path::Path) {
    for sample in requests::benign() {
        let mut text = format!("{} {} HTTP/1.1\r\n", sample.method, sample.target).into_bytes();
        let length = sample.body.len().to_string();
        let mut headers = sample.headers();
        if !sample.body.is_empty() {
            headers.push((b"content-length", length.as_bytes()));
        }
        for (name, value) in headers {
            text.extend_from_slice(&[name, b": ", value, b"\r\n"].concat());
        }
        text.extend_from_slice(b"\r\n");
        text.extend_from_slice(&sample.body);
        let file = folder.join(sample.name.replace([' ', ','], "_"));
        if let Err(error) = std::fs::write(&file, text) {
            eprintln!("{}: {error}", file.display());
            std::process::exit(1);
        }
    }
}

/// Looks at every value with libinjection, or at none.
struct Reference {
    looks: bool,
    found: usize,
}

impl Visitor for Reference {
    fn visit(&mut self, _: &PointPath<'_>, value: &[u8], role: Role) -> ControlFlow<()> {
        if self.looks && role != Role::Parsed {
            let xss = libinjectionrs::detect_xss(value) == libinjectionrs::XssResult::Xss;
            self.found += usize::from(libinjectionrs::detect_sqli(value).is_injection()) + usize::from(xss);
        }
        ControlFlow::Continue(())
    }
}

/// Median microseconds of the walk, of the walk with libinjection, and of the inspection, measured in turns.
fn compare(engine: &Engine, sample: &Sample, rounds: usize) -> ([f64; 3], usize) {
    let headers = sample.headers();
    let parts = sample.parts(&headers);
    let limits = Limits::default();
    let mut times: [Vec<Duration>; 3] = std::array::from_fn(|_| Vec::with_capacity(rounds));
    let mut found = 0;
    for _ in 0..rounds {
        for (kind, times) in times.iter_mut().enumerate() {
            let started = Instant::now();
            if kind == 2 {
                inspect(engine, &parts, &limits, &mut NoPolicy);
            } else {
                let mut reference = Reference { looks: kind == 1, found: 0 };
                walk(&parts, &limits, &mut reference);
                found = found.max(reference.found);
            }
            times.push(started.elapsed());
        }
    }
    let medians = times.map(|mut times| {
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default().as_secs_f64() * 1e6
    });
    (medians, found)
}

/// What a measurement found.
struct Speed {
    bytes: f64,
    p50: Duration,
    p99: Duration,
    /// By the fastest batch: what disturbs the machine only ever adds to it.
    nanos_per_byte: f64,
    /// MB/s: the median of the batches and the interval around it.
    rate: [f64; 3],
    detections: usize,
}

impl Speed {
    fn print(&self, name: &str, benign: Option<f64>) {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let [rate, low, high] = self.rate;
        print!(
            "| {name} | {} | {:.1} | {:.1} | {rate:.0} | {low:.0}–{high:.0} |",
            self.bytes,
            micros(self.p50),
            micros(self.p99),
        );
        match benign {
            Some(benign) => println!(" {:.1} |", self.nanos_per_byte / benign),
            None => println!(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes of samples are small")]
fn measure(engine: &Engine, sample: &Sample, rounds: usize) -> Speed {
    let headers = sample.headers();
    let parts = sample.parts(&headers);
    let size =
        parts.target.len() + parts.body.len() + headers.iter().map(|(n, v)| n.len() + v.len()).sum::<usize>();
    let bytes = size as f64;
    let limits = Limits::default();
    let mut detections = inspect(engine, &parts, &limits, &mut NoPolicy).detections.len();
    let mut times = Vec::with_capacity(rounds);
    let mut batches = Vec::with_capacity(BATCHES);
    for _ in 0..BATCHES {
        let count = (rounds / BATCHES).max(1);
        let started = Instant::now();
        for _ in 0..count {
            let one = Instant::now();
            detections = detections.max(inspect(engine, &parts, &limits, &mut NoPolicy).detections.len());
            times.push(one.elapsed());
        }
        batches.push(started.elapsed().as_nanos() as f64 / count as f64);
    }
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    let mut rates: Vec<f64> = batches.iter().map(|nanos| bytes / nanos * 1e3).collect();
    rates.sort_by(f64::total_cmp);
    let fastest = batches.iter().copied().fold(f64::INFINITY, f64::min);
    // Of 20 values, the 6th and the 15th enclose the median with 95.9 % confidence, whatever the distribution.
    let rate = [10, 5, 14].map(|index| rates.get(index).copied().unwrap_or_default());
    Speed { bytes, p50: at(50), p99: at(99), nanos_per_byte: fastest / bytes, rate, detections }
}
