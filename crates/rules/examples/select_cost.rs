//! Prints what the compiled ruleset costs: compile time, memory and time per selection with 10,000 rules
//! over 2,000 branches; and how long checking the hardest patterns takes.
//!
//! `cargo run --release -p bartizan-rules --example select_cost`

use std::hint::black_box;
use std::time::Instant;

use bartizan_request::Target;
use bartizan_rules::{HintSource, Pattern, RequestFacts, Ruleset, RulesetSource};
use serde_json::{Map, Value, json};

const BRANCHES: i64 = 2000;
const ROUNDS: u32 = 100_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let source = source();
    let before = resident_kib();
    let started = Instant::now();
    let rules = Ruleset::compile(&source)?;
    println!(
        "{} rules, {} branches: compiled in {:.1} ms, {} KiB",
        rules.hint_count(),
        rules.branch_count(),
        started.elapsed().as_secs_f64() * 1e3,
        resident_kib().saturating_sub(before),
    );
    for (name, host, path) in [
        ("matches one branch", "h7.test", "/s3/x?q=1"),
        ("matches three branches", "h0.test", "/s0/list?q=1"),
        ("known host, unknown path", "h7.test", "/static/app.js"),
        ("matches nothing", "other.test", "/a/b/c"),
    ] {
        let headers: [(&[u8], &[u8]); 8] = [
            (b"Host", host.as_bytes()),
            (b"User-Agent", b"curl/8.0"),
            (b"Accept", b"*/*"),
            (b"Accept-Encoding", b"gzip"),
            (b"Cookie", b"sid=0123456789abcdef"),
            (b"Content-Type", b"application/json"),
            (b"Content-Length", b"2048"),
            (b"X-Request-Id", b"0123456789abcdef"),
        ];
        let target = Target::parse(path.as_bytes());
        let facts = RequestFacts {
            instance: -1,
            scheme: "https",
            method: "GET",
            proto: "1.1",
            target: &target,
            headers: &headers,
        };
        let started = Instant::now();
        for _ in 0..ROUNDS {
            black_box(rules.select(black_box(&facts)).mode());
        }
        let each = started.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS);
        println!("{name}: {each:.2} µs per selection, {} hints", rules.select(&facts).hint_ids().count());
    }
    let long = format!("^(~({}))$", vec!["[a-z]{1,8}x"; 40].join("|"));
    for pattern in
        ["/[.]git", "^(~(.*a.*b.*))$", "x.{50}", "(.*a.{20})&(.*b.{20})", "^(~(.*a.{25}b.*))$", &long]
    {
        let started = Instant::now();
        let verdict = Pattern::check(pattern).map_or_else(|fault| fault.text(), |()| "accepted");
        let shown: String = pattern.chars().take(30).collect();
        println!("{shown}: {verdict} in {:.2} ms", started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}

/// Branches by host and first path segment; every third is one endpoint, every fiftieth asks for a client.
fn source() -> RulesetSource {
    let mut hints = Vec::new();
    for branch in 0..BRANCHES {
        let mut action = vec![
            json!({"type": "iequal", "point": ["header", "HOST"], "value": format!("h{}.test", branch % 40)}),
            json!({"type": "equal", "point": ["path", 0], "value": format!("s{}", branch / 40)}),
        ];
        if branch % 3 == 0 {
            action.push(json!({"type": "absent", "point": ["path", 1], "value": null}));
            action.push(json!({"type": "equal", "point": ["action_name"], "value": "list"}));
        }
        if branch % 50 == 0 {
            action.push(json!({"type": "regex", "point": ["header", "USER-AGENT"], "value": "curl|wget"}));
        }
        push(&mut hints, &action, "wallarm_mode", &json!({"mode": "block"}));
        push(&mut hints, &action, "vpatch", &json!({"attack_type": "sqli", "point": ["get", "q"]}));
        push(&mut hints, &action, "disable_attack_type", &json!({"attack_type": "xss", "point": ["uri"]}));
        push(&mut hints, &action, "sensitive_data", &json!({"point": ["header", "COOKIE"]}));
        push(&mut hints, &action, "disable_stamp", &json!({"stamp": 9, "point": ["uri"]}));
    }
    let any_api = [json!({"type": "regex", "point": ["path", 0], "value": "^s0"})];
    push(&mut hints, &any_api, "wallarm_mode", &json!({"mode": "monitoring"}));
    push(&mut hints, &[], "wallarm_mode", &json!({"mode": "monitoring"}));
    RulesetSource { version: 1, clientid: 1, hints }
}

fn push(hints: &mut Vec<HintSource>, action: &[Value], kind: &str, fields: &Value) {
    hints.push(HintSource {
        id: i64::try_from(hints.len()).unwrap_or(i64::MAX),
        kind: kind.into(),
        action: Value::Array(action.to_vec()),
        updated_at: 1,
        fields: fields.as_object().cloned().unwrap_or_else(Map::new),
    });
}

/// Resident memory of this process; 0 where the system does not say.
fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}
