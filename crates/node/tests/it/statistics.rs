//! The statistics listener: every field, and Prometheus text that a strict reader takes.

use std::collections::{BTreeMap, BTreeSet};

use crate::harness::{Options, Setup};

const SQLI: &str = "/search?q=1%27%20union%20select%20password%20from%20users--";

const FIELDS: [&str; 41] = [
    "requests",
    "streams",
    "messages",
    "attacks",
    "blocked",
    "blocked_by_acl",
    "blocked_by_antibot",
    "acl_allow_list",
    "abnormal",
    "bytes_in",
    "bytes_out",
    "bytes_blocked_in",
    "bytes_blocked_out",
    "bytes_blocked_by_acl_in",
    "bytes_blocked_by_acl_out",
    "tnt_errors",
    "api_errors",
    "requests_lost",
    "overlimits_time",
    "segfaults",
    "memfaults",
    "softmemfaults",
    "proton_errors",
    "time_detect",
    "db_id",
    "lom_id",
    "custom_ruleset_id",
    "custom_ruleset_ver",
    "db_apply_time",
    "lom_apply_time",
    "custom_ruleset_apply_time",
    "proton_instances",
    "stalled_workers_count",
    "stalled_workers",
    "ts_files",
    "db_files",
    "startid",
    "compatibility",
    "config_revision",
    "timestamp",
    "apifw_subrequest_timeouts",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_the_statistics_is_there_and_counts() {
    let extra = "route = { mode = \"block\", hosts = [{ host = \"shop.test\", application = 7 }] }\n";
    let setup = Setup::new(Options { extra, ..Options::default() }).await;
    assert_eq!(setup.status("/").await, 200);
    let attack = setup.http.get(setup.url(SQLI)).header("host", "shop.test").send().await.unwrap();
    assert_eq!(attack.status(), 403);
    let stats = setup.stats().await;
    for field in FIELDS {
        assert!(!stats[field].is_null(), "{field} is not in {stats}");
    }
    for field in [
        "shm_zone_size",
        "buckets_count",
        "entries",
        "delayed",
        "exceeded",
        "expired",
        "removed",
        "no_free_nodes",
    ] {
        assert!(stats["rate_limit"][field].is_u64(), "{field}");
    }
    for field in ["requests", "attacks", "blocked"] {
        assert_eq!(stats[field], if field == "requests" { 2 } else { 1 }, "{field}");
    }
    for field in ["bytes_in", "bytes_out", "bytes_blocked_in", "bytes_blocked_out"] {
        assert!(stats[field].as_u64().unwrap() > 0, "{field}");
    }
    assert_eq!(stats["proton_instances"]["failed"], 1);
    let client = &stats["split"]["clients"][0];
    assert!(client["client_id"].is_null() && client["groups"].is_array());
    let applications = client["applications"].as_array().unwrap();
    let of = |id: i64| applications.iter().find(|app| app["app_id"] == id).unwrap();
    assert_eq!((&of(-1)["requests"], &of(-1)["attacks"]), (&1.into(), &0.into()));
    assert_eq!((&of(7)["requests"], &of(7)["attacks"], &of(7)["blocked"]), (&1.into(), &1.into(), &1.into()));
}

/// Reads text strictly: a type before its samples, each name in one place, no sample twice, numbers that are numbers.
fn parse(text: &str) -> BTreeMap<String, f64> {
    let (mut samples, mut seen, mut current) = (BTreeMap::new(), BTreeSet::new(), (String::new(), ""));
    for line in text.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').unwrap();
            assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
            assert!(seen.insert(name.to_owned()), "{name} is declared twice");
            current = (name.to_owned(), if kind == "histogram" { kind } else { "" });
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let name = series.split('{').next().unwrap();
        let base = match current.1 {
            "histogram" => {
                ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap()
            }
            _ => name,
        };
        assert_eq!(base, current.0, "{line} stands under another name");
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{line}");
        if let Some(labels) = series.strip_prefix(name).filter(|labels| !labels.is_empty()) {
            let labels = labels.strip_prefix('{').and_then(|labels| labels.strip_suffix('}')).unwrap();
            for pair in labels.split(',') {
                let (_, quoted) = pair.split_once('=').unwrap();
                assert!(quoted.len() >= 2 && quoted.starts_with('"') && quoted.ends_with('"'), "{line}");
            }
        }
        let value: f64 = value.parse().unwrap();
        assert!(samples.insert(series.to_owned(), value).is_none(), "{series} stands twice");
    }
    samples
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_text_parses_in_both_forms() {
    let setup = Setup::in_mode("block").await;
    assert_eq!(setup.status("/").await, 200);
    assert_eq!(setup.status(SQLI).await, 403);
    let text = |path: &str| {
        let request = setup.http.get(format!("http://{}{path}", setup.node.status_address()));
        async move { request.send().await.unwrap().text().await.unwrap() }
    };
    let wallarm = parse(&text("/wallarm-status?format=prometheus").await);
    assert!((wallarm["wallarm_requests"] - 2.0).abs() < f64::EPSILON);
    assert!(wallarm["wallarm_time_detect_seconds"] > 0.0);
    assert!(wallarm.contains_key("wallarm_proton_instances{status=\"success\"}"));
    assert!((wallarm["wallarm_blocked_per_app_total{app_id=\"-1\"}"] - 1.0).abs() < f64::EPSILON);
    let native = parse(&text("/metrics").await);
    for (series, value) in [
        ("bartizan_node_requests_total", 2.0),
        ("bartizan_node_responses_total{code=\"2xx\"}", 1.0),
        ("bartizan_node_responses_total{code=\"4xx\"}", 1.0),
        ("bartizan_node_threats_found_total{type=\"sqli\"}", 1.0),
        ("bartizan_node_threats_blocked_total{source=\"detector\"}", 1.0),
        ("bartizan_node_inspection_seconds_count", 2.0),
        ("bartizan_node_request_seconds_bucket{le=\"+Inf\"}", 2.0),
        ("bartizan_node_upstream_seconds_count", 1.0),
        ("bartizan_node_bypassed_total{reason=\"off\"}", 0.0),
        ("bartizan_node_overloaded", 0.0),
    ] {
        assert!((native[series] - value).abs() < f64::EPSILON, "{series} is {}", native[series]);
    }
    assert!(native["process_resident_memory_bytes"] > 0.0);
    let counts: Vec<f64> = native
        .iter()
        .filter(|(series, _)| series.starts_with("bartizan_node_request_seconds_bucket"))
        .map(|(_, count)| *count)
        .collect();
    assert!(counts.len() > 10 && counts.iter().all(|count| *count <= 2.0));
}
