//! The queries that people wait for, asked over HTTP as the administrator of the largest tenant.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Access, traffic::DAYS};

/// How often each query is asked.
const RUNS: usize = 21;

struct Asker<'a> {
    client: reqwest::Client,
    url: &'a str,
    access: &'a Access,
}

impl Asker<'_> {
    async fn ask(&self, path: &str, body: &Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.url)).json(body);
        let request = request
            .header("X-WallarmAPI-UUID", &self.access.uuid)
            .header("X-WallarmAPI-Secret", &self.access.secret);
        let response = request.send().await.unwrap();
        let (status, text) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{path} {body}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Asks again and again and prints median and 95th percentile.
    async fn measure(&self, name: &str, path: &str, body: Value) {
        let mut times: Vec<Duration> = vec![];
        let mut reply = Value::Null;
        for _ in 0..RUNS {
            let start = Instant::now();
            reply = self.ask(path, &body).await;
            times.push(start.elapsed());
            // What takes so long needs no statistics.
            if times.iter().sum::<Duration>() > Duration::from_secs(30) {
                break;
            }
        }
        let first = times[0];
        times.sort();
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        println!(
            "{name:<44} p50 {:>8.1}  p95 {:>8.1}  first {:>8.1} ms  {}",
            ms(times[times.len() / 2]),
            ms(times[times.len() * 95 / 100]),
            ms(first),
            outcome(&reply)
        );
    }
}

/// The number of rows, or the counts themselves.
fn outcome(reply: &Value) -> String {
    let body = reply.get("body").or_else(|| reply.get("data")).unwrap_or(reply);
    match body {
        Value::Array(rows) => format!("{} rows", rows.len()),
        Value::Object(members) if members.len() <= 3 => body.to_string(),
        _ => String::new(),
    }
}

/// Asks everything.
pub(crate) async fn run(url: &str, access: &Access) {
    let asker = Asker { client: reqwest::Client::new(), url, access };
    let from = access.start_ms / 1000;
    let to = from + DAYS * 86_400;
    let day = json!([[to - 86_400, null]]);
    let month = json!([[from, null]]);
    let start = Instant::now();
    asker.ask("/v1/objects/attack/count", &json!({"filter": {"time": month}})).await;
    println!("first answer  {:>9.0} ms after the start", start.elapsed().as_secs_f64() * 1000.0);

    for (span, time) in [("30 d", &month), ("24 h", &day)] {
        let list = |filter: Value, order: &str| json!({"filter": filter, "limit": 50, "order_by": order});
        let plain = json!({"time": time, "!type": ["warn"], "vulnid": null});
        asker
            .measure(
                &format!("attack list, last, {span}"),
                "/v1/objects/attack",
                list(plain.clone(), "last_time"),
            )
            .await;
        asker
            .measure(
                &format!("attack list, most hits, {span}"),
                "/v1/objects/attack",
                list(plain.clone(), "hits"),
            )
            .await;
        asker
            .measure(
                &format!("attack list, most addresses, {span}"),
                "/v1/objects/attack",
                list(plain.clone(), "ip_count"),
            )
            .await;
        let of_type = json!({"time": time, "type": "rce", "statuscode": 500});
        asker
            .measure(
                &format!("attack list, type and status, {span}"),
                "/v1/objects/attack",
                list(of_type.clone(), "last_time"),
            )
            .await;
        asker
            .measure(&format!("attack count, {span}"), "/v1/objects/attack/count", json!({"filter": plain}))
            .await;
        asker
            .measure(
                &format!("attack count, type and status, {span}"),
                "/v1/objects/attack/count",
                json!({"filter": of_type}),
            )
            .await;
        let words = json!({"time": time, "value": "*777=1 UNION*"});
        asker
            .measure(
                &format!("attack list, payload search, {span}"),
                "/v1/objects/attack",
                list(words.clone(), "last_time"),
            )
            .await;
        asker
            .measure(
                &format!("attack count, payload search, {span}"),
                "/v1/objects/attack/count",
                json!({"filter": words}),
            )
            .await;
        let hits = json!({"filter": {"time": time}, "limit": 100, "order_by": "time", "order_desc": true});
        asker.measure(&format!("hit list, newest 100, {span}"), "/v1/objects/hit", hits).await;
        let terms = json!({"filter": {"time": time}, "terms": ["type", "domain"], "top": 10});
        asker
            .measure(&format!("hit terms, type and host, {span}"), "/v1/objects/hit/aggs_term_counts", terms)
            .await;
    }

    let path = format!("/v1/client/{}/attack-vectors/security-agg/query", access.client_id);
    let range = json!(format!("{from}-{to}"));
    for (name, body) in [
        (
            "vectors by type, 30 d",
            json!({"select": ["requests_count", "unique_ips"], "group_by": ["attack_type"]}),
        ),
        (
            "vectors by IP, 30 d",
            json!({"select": ["requests_count", "unique_endpoints"], "preset": "source_ip"}),
        ),
        (
            "vectors by host and path, 30 d",
            json!({"select": ["requests_count", "unique_ips"], "group_by": ["host", "path"]}),
        ),
        (
            "vectors by type, payload search, 30 d",
            json!({"select": ["requests_count"], "group_by": ["attack_type"],
            "where": {"kind": "condition", "field": "payload_search", "op": "=", "values": ["777=1 UNION"]}}),
        ),
    ] {
        let mut body = body;
        body["time_range"] = range.clone();
        asker.measure(name, &path, body).await;
    }
    let graph = json!({"start_time": from, "end_time": to, "points_count": 30});
    let graph_path = format!("/v2/graph_data/attacks/client/{}", access.client_id);
    asker.measure("attacks graph, 30 d", &graph_path, graph.clone()).await;
    let types_path = format!("/v2/graph_data/attack_types/total/client/{}", access.client_id);
    asker.measure("attack types, 30 d", &types_path, graph).await;
}
