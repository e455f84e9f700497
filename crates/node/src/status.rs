//! The statistics listener: `/wallarm-status`, `/metrics`, `/live`, `/ready` (`spec/node.md` sections 8.1 to 8.4).
//!
//! It answers loopback and configured networks only, and its own traffic is not counted.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::live::Live;
use crate::state::State;
use crate::stats::Totals;

/// Serves until the node stops.
pub(crate) async fn serve(live: Arc<Live>, listener: TcpListener) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let live = Arc::clone(&live);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let response = answer(&live.state(), peer.ip(), request.uri().path(), request.uri().query());
                async move { Ok::<_, Infallible>(response) }
            });
            // A client that goes away is its own business.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn answer(state: &State, peer: IpAddr, path: &str, query: Option<&str>) -> Response<Full<Bytes>> {
    let peer = peer.to_canonical();
    if !peer.is_loopback() && !state.config.status.allow.iter().any(|net| net.contains(&peer)) {
        return text(StatusCode::FORBIDDEN, "text/plain", "forbidden\n".into());
    }
    let prometheus = query.is_some_and(|query| query.split('&').any(|pair| pair == "format=prometheus"));
    match path {
        "/wallarm-status" if prometheus => text(StatusCode::OK, PROMETHEUS, wallarm_prometheus(state)),
        "/wallarm-status" => text(StatusCode::OK, "application/json", status(state).to_string()),
        "/metrics" => text(StatusCode::OK, PROMETHEUS, metrics(state)),
        "/live" => text(StatusCode::OK, "text/plain", "ok\n".into()),
        "/ready" if state.draining.load(Ordering::Relaxed) => {
            text(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "draining\n".into())
        }
        "/ready" => {
            let fallback = state.snapshot.load().ruleset_version == 0;
            text(
                StatusCode::OK,
                "text/plain",
                if fallback { "ok, without a ruleset\n" } else { "ok\n" }.into(),
            )
        }
        _ => text(StatusCode::NOT_FOUND, "text/plain", "not found\n".into()),
    }
}

const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}

fn seconds(nanoseconds: u64) -> f64 {
    std::time::Duration::from_nanos(nanoseconds).as_secs_f64()
}

/// Bytes that one counted value takes, about.
const RATE_KEY_BYTES: usize = 100;

fn rate_limit(state: &State) -> Value {
    let (counts, entries) = (&state.rates.counts, state.rates.entries());
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    json!({
        "shm_zone_size": state.config.rate_limit.keys * RATE_KEY_BYTES,
        "buckets_count": state.config.rate_limit.keys,
        "entries": entries,
        "delayed": count(&counts.delayed),
        "exceeded": count(&counts.exceeded),
        "expired": count(&counts.expired),
        "removed": count(&counts.removed),
        "no_free_nodes": count(&counts.no_free_nodes),
    })
}

/// Unix seconds with milliseconds, of the last request on any worker.
fn last_request(state: &State) -> f64 {
    let latest = state.workers.iter().map(|worker| worker.last_request_ms.get()).max().unwrap_or(0);
    std::time::Duration::from_millis(latest).as_secs_f64()
}

fn traffic(totals: &Totals) -> Value {
    json!({
        "requests": totals.requests,
        "streams": totals.streams,
        "messages": 0,
        "attacks": totals.attacks,
        "blocked": totals.blocked,
        "blocked_by_acl": totals.blocked_by_acl,
        "blocked_by_antibot": 0,
        "acl_allow_list": totals.acl_allow_list,
        "bytes_in": totals.bytes_in,
        "bytes_out": totals.bytes_out,
        "bytes_blocked_in": totals.bytes_blocked_in,
        "bytes_blocked_out": 0,
        "bytes_blocked_by_acl_in": totals.bytes_blocked_by_acl_in,
        "bytes_blocked_by_acl_out": 0,
        "overlimits_time": totals.overlimits_time,
        "time_detect": seconds(totals.time_detect_ns),
    })
}

/// The statistics as JSON.
pub(crate) fn status(state: &State) -> Value {
    let totals = state.totals();
    let snapshot = state.snapshot.load();
    let spool = state.spool.figures();
    let from_disk = state.link.from_disk.load(Ordering::Relaxed);
    let mut status = traffic(&totals);
    let rest = json!({
        "abnormal": totals.abnormal,
        "tnt_errors": spool.write_errors,
        "api_errors": state.link.api_errors.load(Ordering::Relaxed),
        "requests_lost": spool.lost,
        "segfaults": totals.segfaults,
        "memfaults": 0,
        "softmemfaults": 0,
        "proton_errors": totals.proton_errors,
        "db_id": bartizan_detect::Engine::version(),
        "lom_id": snapshot.ruleset_version,
        "custom_ruleset_id": snapshot.ruleset_version,
        "custom_ruleset_ver": bartizan_api::node::BUNDLE_FORMAT,
        "db_apply_time": 0,
        "lom_apply_time": snapshot.ruleset_applied_at,
        "custom_ruleset_apply_time": snapshot.ruleset_applied_at,
        "proton_instances": {
            "total": state.workers.len(),
            "success": if from_disk { 0 } else { state.workers.len() },
            "fallback": if from_disk { state.workers.len() } else { 0 },
            "failed": 0,
        },
        "stalled_workers_count": 0,
        "stalled_workers": [],
        "ts_files": [{ "id": snapshot.ruleset_version, "size": snapshot.ruleset_size,
            "mod_time": snapshot.ruleset_applied_at, "fname": format!("bundles/ruleset/{}.json", snapshot.ruleset_version) }],
        "db_files": [],
        "startid": state.start_id,
        "compatibility": 4,
        "config_revision": state.config_revision,
        "timestamp": last_request(state),
        "rate_limit": rate_limit(state),
        "apifw_subrequest_timeouts": 0,
        "split": { "clients": [] },
        "spool": { "bytes": spool.bytes, "pending": spool.pending, "acked": spool.acked, "lost": spool.lost },
        "lists_seq": snapshot.lists_seq,
        "cloud_connected": state.link.connected.load(Ordering::Relaxed),
    });
    if let (Value::Object(status), Value::Object(rest)) = (&mut status, rest) {
        status.extend(rest);
        let mut client = traffic(&totals);
        if let Value::Object(client) = &mut client {
            client.insert("client_id".into(), Value::Null);
            client.insert("applications".into(), json!([]));
        }
        status.insert("split".into(), json!({ "clients": [client] }));
    }
    status
}

/// Every scalar of the JSON form as `wallarm_<name>`.
fn wallarm_prometheus(state: &State) -> String {
    let Value::Object(status) = status(state) else { return String::new() };
    let mut out = String::new();
    for (name, value) in &status {
        match (name.as_str(), value) {
            ("time_detect", value) => gauge(&mut out, "wallarm_time_detect_seconds", "", value),
            ("custom_ruleset_id", value) => {
                let labels = format!("{{format=\"{}\"}}", bartizan_api::node::BUNDLE_FORMAT);
                gauge(&mut out, "wallarm_custom_ruleset_id", &labels, value);
            }
            ("proton_instances", Value::Object(instances)) => {
                for (status, value) in instances {
                    gauge(&mut out, "wallarm_proton_instances", &format!("{{status=\"{status}\"}}"), value);
                }
            }
            (group @ ("rate_limit" | "spool"), Value::Object(fields)) => {
                for (field, value) in fields {
                    gauge(&mut out, &format!("wallarm_{group}_{field}"), "", value);
                }
            }
            (name, Value::Number(_) | Value::Bool(_)) => {
                gauge(&mut out, &format!("wallarm_{name}"), "", value)
            }
            _ => {}
        }
    }
    out
}

fn gauge(out: &mut String, name: &str, labels: &str, value: &Value) {
    let value = match value {
        Value::Bool(value) => u8::from(*value).to_string(),
        value => value.to_string(),
    };
    if !out.contains(&format!("# TYPE {name} ")) {
        let _ = writeln!(out, "# TYPE {name} gauge");
    }
    let _ = writeln!(out, "{name}{labels} {value}");
}

fn metrics(state: &State) -> String {
    let totals = state.totals();
    let spool = state.spool.figures();
    let snapshot = state.snapshot.load();
    let mut out = String::new();
    let mut counter = |name: &str, value: u64| {
        let _ = writeln!(out, "# TYPE bartizan_node_{name} counter\nbartizan_node_{name} {value}");
    };
    counter("requests_total", totals.requests);
    counter("attacks_total", totals.attacks);
    counter("blocked_total", totals.blocked);
    counter("connections_total", totals.connections);
    counter("client_timeouts_total", totals.timeouts);
    counter("upstream_errors_total", totals.upstream_errors);
    counter("events_acked_total", spool.acked);
    counter("events_dropped_total", spool.lost);
    counter("bundle_apply_errors_total", state.link.rejected_bundles.load(Ordering::Relaxed));
    let _ = writeln!(out, "# TYPE bartizan_node_threats_found_total counter");
    let mut found: std::collections::BTreeMap<&str, u64> = std::collections::BTreeMap::new();
    for (attack_type, count) in state.workers.iter().flat_map(|worker| worker.found.iter()) {
        *found.entry(attack_type.info().code).or_default() += count;
    }
    for (code, count) in found.into_iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(out, "bartizan_node_threats_found_total{{type=\"{code}\"}} {count}");
    }
    let _ = writeln!(out, "# TYPE bartizan_node_bytes_total counter");
    let _ = writeln!(out, "bartizan_node_bytes_total{{direction=\"in\"}} {}", totals.bytes_in);
    let _ = writeln!(out, "bartizan_node_bytes_total{{direction=\"out\"}} {}", totals.bytes_out);
    for (name, value) in [
        ("spool_bytes", json!(spool.bytes)),
        ("spool_pending", json!(spool.pending)),
        ("inspection_seconds_sum", json!(seconds(totals.time_detect_ns))),
        ("cloud_connected", json!(u8::from(state.link.connected.load(Ordering::Relaxed)))),
        ("sync_last_success_timestamp_seconds", json!(state.link.last_sync.load(Ordering::Relaxed))),
        ("bundle_version", json!(snapshot.ruleset_version)),
    ] {
        let _ = writeln!(out, "# TYPE bartizan_node_{name} gauge\nbartizan_node_{name} {value}");
    }
    out
}
