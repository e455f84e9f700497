//! How fast a walk is on benign input, and how much slower on the worst shapes known.
//!
//! `cargo run --release -p bartizan-request --example walk_speed`

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bartizan_request::{Limits, PointPath, RequestParts, Role, Visitor, walk};

/// Looks at nothing, so that only the walk is measured.
#[derive(Default)]
struct Count {
    values: usize,
}

impl Visitor for Count {
    fn visit(&mut self, _point: &PointPath<'_>, _value: &[u8], _role: Role) -> ControlFlow<()> {
        self.values += 1;
        ControlFlow::Continue(())
    }
}

fn main() {
    let order = r#"{"id":184467,"sku":"TS-RED-XL","title":"Long-sleeved shirt, red","qty":2,"price":39.95,"note":"Please leave it with the neighbour if nobody is at home.","tags":["sale","cotton","summer 2024"],"ship":{"city":"Groningen","zip":"9712 CP","at":"2024-05-17T09:30:00Z","gift":false}}"#;
    let json = format!("{{\"orders\":[{}]}}", [order; 7].join(","));
    let form = "name=Ada+Lovelace&city=London&comment=A+longer+text%2C+as+people+write+it&".repeat(25);
    let cases = [
        ("2 KB JSON", "application/json", json.clone()),
        ("2 KB form", "application/x-www-form-urlencoded", form),
        ("64 KB text", "text/plain", "The quick brown fox jumps over the lazy dog. ".repeat(1450)),
        ("64 KB percent of percent", "text/plain", "%2525".repeat(13_000)),
        ("64 KB mixed escapes", "text/plain", "%26amp;\\u0026&#x25;41".repeat(3_200)),
        ("64 KB escaped JSON", "application/json", format!("[{}1]", "\"\\u003c\\n\",".repeat(5_400))),
        ("64 KB XML", "text/xml", format!("<a>{}</a>", "<b c='d'>e</b>".repeat(4_600))),
        ("64 KB empty arrays", "application/json", format!("[{}[]]", "[],".repeat(21_000))),
    ];
    for (name, content_type, body) in cases {
        let headers: [(&[u8], &[u8]); 4] = [
            (b"host", b"shop.example.com"),
            (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"),
            (b"accept", b"application/json, text/plain, */*"),
            (b"content-type", content_type.as_bytes()),
        ];
        let parts = RequestParts {
            method: "POST",
            target: b"/api/v1/orders?source=web&page=2",
            headers: &headers,
            body: body.as_bytes(),
            body_truncated: false,
        };
        let limits = Limits::default();
        let (mut rounds, mut values) = (0u32, 0);
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(400) {
            let mut count = Count::default();
            walk(&parts, &limits, &mut count);
            values = count.values;
            rounds += 1;
        }
        let each = started.elapsed() / rounds;
        let rate = body.len() as f64 / each.as_secs_f64() / 1e6;
        println!("{name:26} {each:>12.1?}  {rate:>8.1} MB/s  {values:>6} values");
    }
}
