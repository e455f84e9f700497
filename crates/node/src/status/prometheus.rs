//! Both Prometheus forms: `wallarm_*`, which mirrors the JSON, and the native `bartizan_node_*`.
//!
//! Samples of one name stand together under one `# TYPE` line, as the format wants it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::seconds;
use crate::state::State;
use crate::stats::{BUCKETS_US, Distribution, Histogram, WorkerStats};

/// Text in the making.
#[derive(Default)]
struct Text(String);

impl Text {
    /// A metric with its samples: labels without braces, and values.
    fn family(&mut self, kind: &str, name: &str, samples: impl IntoIterator<Item = (String, Value)>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# TYPE {name} {kind}");
        for (labels, value) in samples {
            let value = match value {
                Value::Bool(value) => u8::from(value).to_string(),
                value => value.to_string(),
            };
            let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }

    fn gauge(&mut self, name: &str, value: impl Into<Value>) {
        self.family("gauge", name, [(String::new(), value.into())]);
    }

    fn counter(&mut self, name: &str, value: u64) {
        self.family("counter", name, [(String::new(), value.into())]);
    }

    fn histogram(&mut self, name: &str, sum: &Distribution) {
        let _ = writeln!(self.0, "# TYPE {name} histogram");
        for (bound, count) in BUCKETS_US.iter().zip(sum.buckets) {
            let bound = std::time::Duration::from_micros(*bound).as_secs_f64();
            let _ = writeln!(self.0, "{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        let _ = writeln!(self.0, "{name}_bucket{{le=\"+Inf\"}} {}", sum.count);
        let _ = writeln!(self.0, "{name}_sum {}", seconds(sum.sum_ns));
        let _ = writeln!(self.0, "{name}_count {}", sum.count);
    }
}

fn label(name: &str, value: impl std::fmt::Display) -> String {
    let value = value.to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{name}=\"{value}\"")
}

/// Every scalar of the JSON form as `wallarm_<name>`.
pub(super) fn wallarm(status: &Value) -> String {
    let mut text = Text::default();
    for (name, value) in status.as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            ("time_detect", value) => text.gauge("wallarm_time_detect_seconds", value.clone()),
            ("custom_ruleset_id", value) => {
                let labels = label("format", bartizan_api::node::BUNDLE_FORMAT);
                text.family("gauge", "wallarm_custom_ruleset_id", [(labels, value.clone())]);
            }
            ("proton_instances", Value::Object(instances)) => {
                let samples =
                    instances.iter().map(|(status, value)| (label("status", status), value.clone()));
                text.family("gauge", "wallarm_proton_instances", samples);
            }
            (group @ ("rate_limit" | "sampling" | "spool"), Value::Object(fields)) => {
                for (field, value) in fields {
                    text.gauge(&format!("wallarm_{group}_{field}"), value.clone());
                }
            }
            ("split", split) => applications(&mut text, split),
            (name, Value::Number(_) | Value::Bool(_)) => {
                text.gauge(&format!("wallarm_{name}"), value.clone())
            }
            _ => {}
        }
    }
    text.0
}

/// Series by application.
fn applications(text: &mut Text, split: &Value) {
    let all = split.pointer("/clients/0/applications").and_then(Value::as_array);
    let all = all.map(Vec::as_slice).unwrap_or_default();
    for name in ["requests", "attacks", "blocked", "blocked_by_acl", "overlimits_time", "time_detect"] {
        let samples =
            all.iter().filter_map(|app| Some((label("app_id", app.get("app_id")?), app.get(name)?.clone())));
        text.family("gauge", &format!("wallarm_{name}_per_app_total"), samples);
    }
}

const NAMESPACE: &str = "bartizan_node_";

/// The native metrics.
pub(super) fn native(state: &State) -> String {
    let mut text = Text::default();
    traffic(&mut text, state);
    protection(&mut text, state);
    rules_and_cloud(&mut text, state);
    process(&mut text, state);
    text.0
}

fn named(name: &str) -> String {
    format!("{NAMESPACE}{name}")
}

fn times(state: &State, of: fn(&WorkerStats) -> &Histogram) -> Distribution {
    Distribution::sum(state.workers.iter().map(|worker| of(worker)))
}

fn traffic(text: &mut Text, state: &State) {
    let totals = state.totals();
    text.counter(&named("requests_total"), totals.requests);
    let classes = [
        ("1xx", totals.responses_1xx),
        ("2xx", totals.responses_2xx),
        ("3xx", totals.responses_3xx),
        ("4xx", totals.responses_4xx),
        ("5xx", totals.responses_5xx),
    ];
    let samples = classes.map(|(class, count)| (label("code", class), json!(count)));
    text.family("counter", &named("responses_total"), samples);
    let directions = [("in", totals.bytes_in), ("out", totals.bytes_out)];
    let samples = directions.map(|(direction, count)| (label("direction", direction), json!(count)));
    text.family("counter", &named("bytes_total"), samples);
    text.counter(&named("connections_total"), totals.connections);
    text.counter(&named("client_timeouts_total"), totals.timeouts);
    text.counter(&named("upstream_errors_total"), totals.upstream_errors);
    text.histogram(&named("inspection_seconds"), &times(state, |worker| &worker.inspection));
    text.histogram(&named("request_seconds"), &times(state, |worker| &worker.answering));
    text.histogram(&named("upstream_seconds"), &times(state, |worker| &worker.upstream));
}

fn protection(text: &mut Text, state: &State) {
    let totals = state.totals();
    text.counter(&named("attacks_total"), totals.attacks);
    text.counter(&named("blocked_total"), totals.blocked);
    let mut found: BTreeMap<&str, u64> = BTreeMap::new();
    for (attack_type, count) in state.workers.iter().flat_map(|worker| worker.found.iter()) {
        *found.entry(attack_type.info().code).or_default() += count;
    }
    let found = found.into_iter().filter(|(_, count)| *count > 0);
    let samples = found.map(|(code, count)| (label("type", code), json!(count)));
    text.family("counter", &named("threats_found_total"), samples);
    let by_acl = totals.blocked_by_acl;
    let sources = [("acl", by_acl), ("detector", totals.blocked.saturating_sub(by_acl))];
    let samples = sources.map(|(source, count)| (label("source", source), json!(count)));
    text.family("counter", &named("threats_blocked_total"), samples);
    let lists = [("allow", totals.acl_allow_list), ("deny", by_acl), ("gray", totals.acl_gray_list)];
    let samples = lists.map(|(list, count)| (label("list", list), json!(count)));
    text.family("counter", &named("acl_results_total"), samples);
    let bypassed = [
        ("allowlist", totals.acl_allow_list),
        ("memory", totals.shed_memory),
        ("off", totals.passed_off),
        ("panic", totals.segfaults),
        ("queue", totals.shed_queue),
    ];
    let samples = bypassed.map(|(reason, count)| (label("reason", reason), json!(count)));
    text.family("counter", &named("bypassed_total"), samples);
    let limits = [("body", totals.limit_body), ("head", totals.limit_head), ("time", totals.overlimits_time)];
    let samples = limits.map(|(limit, count)| (label("limit", limit), json!(count)));
    text.family("counter", &named("limits_hit_total"), samples);
    text.gauge(&named("held_bytes"), state.held.now());
    text.gauge(&named("queue_depth"), state.offload.queued());
    let full = state.offload.queued() >= state.config.inspect.queue_max.max(1);
    text.gauge(&named("overloaded"), full);
}

fn rules_and_cloud(text: &mut Text, state: &State) {
    let (snapshot, spool) = (state.snapshot.load(), state.spool.figures());
    let versions = [("iplists", snapshot.lists_seq), ("ruleset", snapshot.ruleset_version)];
    let samples = versions.map(|(kind, version)| (label("kind", kind), json!(version)));
    text.family("gauge", &named("bundle_version"), samples);
    let applied = [(label("kind", "ruleset"), json!(snapshot.ruleset_applied_at))];
    text.family("gauge", &named("bundle_apply_timestamp_seconds"), applied);
    text.counter(&named("bundle_apply_errors_total"), state.link.rejected_bundles.load(Ordering::Relaxed));
    text.gauge(&named("cloud_connected"), state.link.connected.load(Ordering::Relaxed));
    text.counter(&named("cloud_errors_total"), state.link.api_errors.load(Ordering::Relaxed));
    let last_sync = state.link.last_sync.load(Ordering::Relaxed);
    text.gauge(&named("sync_last_success_timestamp_seconds"), last_sync);
    text.gauge(&named("spool_bytes"), spool.bytes);
    text.gauge(&named("spool_pending"), spool.pending);
    text.counter(&named("events_acked_total"), spool.acked);
    text.counter(&named("events_dropped_total"), spool.lost);
    text.gauge(&named("config_revision"), state.config_revision);
}

/// The process, by the names that Prometheus clients of other languages use, and the build.
fn process(text: &mut Text, state: &State) {
    let build = [label("version", env!("CARGO_PKG_VERSION")), label("role", role(state))].join(",");
    text.family("gauge", &named("build_info"), [(build, json!(1))]);
    text.gauge("process_start_time_seconds", state.started_at);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    if let Some(kib) = resident {
        text.gauge("process_resident_memory_bytes", kib * 1024);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        text.gauge("process_open_fds", open.count());
    }
}

fn role(state: &State) -> &'static str {
    match state.config.role {
        crate::config::Role::Proxy => "proxy",
        crate::config::Role::Mirror => "mirror",
    }
}
