//! The statistics listener: `/wallarm-status`, `/metrics`, `/live`, `/ready` (`spec/node.md` sections 8.1 to 8.4).
//!
//! It answers loopback and configured networks only, and its own traffic is not counted.

mod prometheus;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

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
            // Out of descriptors, usually: accepting at once again would spin.
            tokio::time::sleep(Duration::from_millis(50)).await;
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
        "/wallarm-status" if prometheus => {
            text(StatusCode::OK, PROMETHEUS, prometheus::wallarm(&status(state)))
        }
        "/wallarm-status" => text(StatusCode::OK, "application/json", status(state).to_string()),
        "/metrics" => text(StatusCode::OK, PROMETHEUS, prometheus::native(state)),
        "/live" => {
            let uptime_ms = u64::try_from(state.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            if is_live(uptime_ms, state.workers.iter().map(|worker| worker.beat_ms.get())) {
                text(StatusCode::OK, "text/plain", "ok\n".into())
            } else {
                text(StatusCode::SERVICE_UNAVAILABLE, "text/plain", "a worker does not respond\n".into())
            }
        }
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

/// A worker that has not come round for this long does not come back by itself. Much longer than a busy machine may
/// hold one up.
const DEAD_AFTER_MS: u64 = 60_000;

/// Whether every worker has come round lately; times since the start.
fn is_live(uptime_ms: u64, mut beats_ms: impl Iterator<Item = u64>) -> bool {
    beats_ms.all(|beat| uptime_ms.saturating_sub(beat) <= DEAD_AFTER_MS)
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
        "messages": totals.messages,
        "attacks": totals.attacks,
        "blocked": totals.blocked,
        "blocked_by_acl": totals.blocked_by_acl,
        "blocked_by_antibot": totals.blocked_by_antibot,
        "acl_allow_list": totals.acl_allow_list,
        "bytes_in": totals.bytes_in,
        "bytes_out": totals.bytes_out,
        "bytes_blocked_in": totals.bytes_blocked_in,
        "bytes_blocked_out": totals.bytes_blocked_out,
        "bytes_blocked_by_acl_in": totals.bytes_blocked_by_acl_in,
        "bytes_blocked_by_acl_out": totals.bytes_blocked_by_acl_out,
        "overlimits_time": totals.overlimits_time,
        "time_detect": seconds(totals.time_detect_ns),
    })
}

/// Where the rules that are in force come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Instances {
    Cloud,
    Backup,
    None,
}

/// A worker that does not come round for so long is stuck.
const STALLED: Duration = Duration::from_secs(5);

/// Workers that are stuck, with the seconds since they last came round.
fn stalled_workers(state: &State) -> Vec<Value> {
    let now = state.started.elapsed();
    let silent = state
        .workers
        .iter()
        .enumerate()
        .map(|(index, worker)| (index, now.saturating_sub(Duration::from_millis(worker.beat_ms.get()))));
    silent
        .filter(|(_, silence)| *silence > STALLED)
        .map(|(index, silence)| json!({ "worker": index, "time_spent": silence.as_secs() }))
        .collect()
}

/// Counters by application, over all workers; those that share the last place are named after its first.
fn applications(state: &State) -> Value {
    let known = state.applications.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut sums: std::collections::BTreeMap<usize, [u64; 6]> = std::collections::BTreeMap::new();
    for (slot, app) in state.workers.iter().flat_map(|worker| worker.apps.iter()) {
        let counters = [
            &app.requests,
            &app.attacks,
            &app.blocked,
            &app.blocked_by_acl,
            &app.overlimits_time,
            &app.time_detect_ns,
        ];
        for (sum, counter) in sums.entry(slot).or_default().iter_mut().zip(counters) {
            *sum += counter.get();
        }
    }
    let view = |(slot, [requests, attacks, blocked, by_acl, overlimits, time]): (usize, [u64; 6])| {
        json!({
            "app_id": known.get(slot).copied().unwrap_or(-1),
            "requests": requests,
            "attacks": attacks,
            "blocked": blocked,
            "blocked_by_acl": by_acl,
            "overlimits_time": overlimits,
            "time_detect": seconds(time),
        })
    };
    sums.into_iter().map(view).collect()
}

/// The statistics as JSON.
pub(crate) fn status(state: &State) -> Value {
    let totals = state.totals();
    let snapshot = state.snapshot.load();
    let (spool, sampling) = (state.spool.figures(), state.sampling.figures());
    let workers = state.workers.len();
    let stalled = stalled_workers(state);
    let instances = match (snapshot.ruleset_version, state.link.on_backup.load(Ordering::Relaxed)) {
        (0, _) => Instances::None,
        (_, true) => Instances::Backup,
        (_, false) => Instances::Cloud,
    };
    let mut status = traffic(&totals);
    let rest = json!({
        "abnormal": totals.abnormal,
        "tnt_errors": spool.write_errors,
        "api_errors": state.link.api_errors.load(Ordering::Relaxed),
        "requests_lost": spool.lost,
        "segfaults": totals.segfaults,
        "memfaults": totals.shed_memory,
        "softmemfaults": 0,
        "proton_errors": totals.proton_errors,
        "db_id": bartizan_detect::Engine::version(),
        "lom_id": snapshot.ruleset_version,
        "custom_ruleset_id": snapshot.ruleset_version,
        "custom_ruleset_ver": bartizan_api::node::BUNDLE_FORMAT,
        "db_apply_time": state.started_at,
        "lom_apply_time": snapshot.ruleset_applied_at,
        "custom_ruleset_apply_time": snapshot.ruleset_applied_at,
        "proton_instances": {
            "total": workers,
            "success": if instances == Instances::Cloud { workers } else { 0 },
            "fallback": if instances == Instances::Backup { workers } else { 0 },
            "failed": if instances == Instances::None { workers } else { 0 },
        },
        "stalled_workers_count": stalled.len(),
        "stalled_workers": stalled,
        "ts_files": [{ "id": snapshot.ruleset_version, "size": snapshot.ruleset_size,
            "mod_time": snapshot.ruleset_applied_at, "fname": format!("bundles/ruleset/{}.json", snapshot.ruleset_version) }],
        "db_files": [{ "id": bartizan_detect::Engine::version(), "size": 0, "mod_time": state.started_at,
            "fname": "built-in" }],
        "startid": state.start_id,
        "compatibility": 4,
        "config_revision": state.config_revision,
        "timestamp": last_request(state),
        "rate_limit": rate_limit(state),
        "apifw_subrequest_timeouts": 0,
        "split": { "clients": [] },
        "spool": { "bytes": spool.bytes, "pending": spool.pending, "acked": spool.acked, "lost": spool.lost },
        "sampling": { "high": u8::from(sampling.0), "dropped": sampling.1 },
        "lists_seq": snapshot.lists_seq,
        "cloud_connected": state.link.connected.load(Ordering::Relaxed),
    });
    if let (Value::Object(status), Value::Object(rest)) = (&mut status, rest) {
        status.extend(rest);
        let mut client = traffic(&totals);
        if let Value::Object(client) = &mut client {
            client.insert("client_id".into(), Value::Null);
            client.insert("applications".into(), applications(state));
            client.insert("groups".into(), json!([]));
        }
        status.insert("split".into(), json!({ "clients": [client] }));
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_is_live_while_every_worker_comes_round() {
        assert!(is_live(1000, [0, 0].into_iter()));
        assert!(is_live(100_000, [99_000, 60_000].into_iter()));
        assert!(!is_live(100_000, [99_000, 30_000].into_iter()));
    }
}
