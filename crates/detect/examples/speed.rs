//! Measures inspection alone: one core, no network.
//!
//! ```text
//! cargo run --release -p bartizan-detect --example speed
//! ```
//!
//! Prints the time per 2.3 KB JSON request (p50, p99), and MB/s on benign bodies of several kinds; the last line
//! is the engine alone on one long prose value.

use std::time::{Duration, Instant};

use bartizan_detect::{Engine, NoPolicy, Place, inspect};
use bartizan_request::{Limits, RequestParts};

const ROUNDS: usize = 20_000;

fn main() {
    let started = Instant::now();
    let engine = Engine::new();
    println!("engine built in {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    let json = order();
    let prose =
        "Please select a plan from the list, and let us know where you'd like to sit; it's 5 or 6 minutes. ";
    measure(&engine, "2.3 KB JSON request, 80 values", "application/json", json.as_bytes());
    let form = (0..60).map(|i| format!("field_{i}=value+{i}+of+the+form")).collect::<Vec<_>>().join("&");
    measure(&engine, "form, 60 fields", "application/x-www-form-urlencoded", form.as_bytes());
    let text = serde_json::json!({ "title": "Notes", "body": prose.repeat(80) }).to_string();
    measure(&engine, "JSON with 8 KB of prose", "application/json", text.as_bytes());
    measure(&engine, "GET without body", "text/plain", b"");
    let long = prose.repeat(10_000);
    let mut signs = Vec::new();
    let started = Instant::now();
    engine.scan(long.as_bytes(), Place::BodyValue, &mut signs);
    println!("engine alone, 1 MB of prose: {:.0} MB/s", megabytes_per_second(long.len(), started.elapsed()));
}

/// An order of a shop: 80 values, 2.3 KB.
fn order() -> String {
    let items: Vec<_> = (0..13)
        .map(|i| {
            serde_json::json!({
                "id": 18_442 + i, "sku": format!("WDG-{i:04}-BL"), "name": "Desk lamp, adjustable (blue)",
                "qty": 1 + i % 3, "price": "24.90", "note": "gift wrap; no card",
            })
        })
        .collect();
    serde_json::json!({ "order": "8f14e45f-ceea-467f-9d3a-6a3f1c2b9e10", "customer": "Jane O'Reilly", "items": items }).to_string()
}

fn measure(engine: &Engine, name: &str, content_type: &str, body: &[u8]) {
    let headers: [(&[u8], &[u8]); 6] = [
        (b"Host", b"api.example.com"),
        (b"User-Agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0"),
        (b"Accept", b"application/json, text/plain, */*"),
        (b"Accept-Language", b"en-US,en;q=0.5"),
        (b"Cookie", b"session=9v4k2l8m1n0b3c5x7z; theme=dark"),
        (b"Content-Type", content_type.as_bytes()),
    ];
    let parts = RequestParts {
        method: "POST",
        target: b"/v1/orders?dry_run=false",
        headers: &headers,
        body,
        body_truncated: false,
    };
    let limits = Limits::default();
    let mut times = Vec::with_capacity(ROUNDS);
    let mut found = 0;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        found += inspect(engine, &parts, &limits, &mut NoPolicy).detections.len();
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let at = |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        "{name} ({} B): p50 {:.1} µs, p99 {:.1} µs, {:.0} MB/s at p50, {found} detections",
        body.len(),
        micros(at(50)),
        micros(at(99)),
        megabytes_per_second(body.len(), at(50)),
    );
}

fn megabytes_per_second(bytes: usize, time: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "sizes of samples are small")]
    let bytes = bytes as f64;
    bytes / time.as_secs_f64().max(1e-9) / 1e6
}
