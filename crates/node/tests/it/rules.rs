//! What each kind of rule does to traffic: the same request before and after, through a real node.

use std::path::{Path, PathBuf};

use bartizan_api::node::{ListEntry, ListName};
use serde_json::{Value, json};

use crate::cloud::{Cloud, hint, with_cloud};
use crate::harness::{Setup, eventually};

const SQLI: &str = "1' union select password from users--";

/// Puts rules in force and waits for them.
async fn enforce(cloud: &Cloud, setup: &Setup, rules: Vec<(&str, Value)>) {
    let before = setup.node.ruleset_version();
    let hints = rules.into_iter().zip(1..).map(|((kind, fields), id)| hint(id, kind, json!([]), fields));
    cloud.set_hints(hints.collect());
    eventually("rules are in force", || async { setup.node.ruleset_version() > before }).await;
}

async fn post(setup: &Setup, content_type: &str, body: impl Into<reqwest::Body>) -> u16 {
    let request = setup.http.post(setup.url("/graphql")).header("content-type", content_type).body(body);
    request.send().await.unwrap().status().as_u16()
}

async fn graphql(setup: &Setup, query: &str) -> u16 {
    post(setup, "application/json", json!({ "query": query }).to_string()).await
}

/// Waits for a hit of a type, and gives it.
async fn reported(cloud: &Cloud, attack_type: &str) -> Value {
    let find =
        || cloud.content(|content| content.hits().find(|hit| hit["attack_type"] == attack_type).cloned());
    eventually(attack_type, || async { find().is_some() }).await;
    find().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_are_limited_per_value() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    let call = |user: &str| {
        let request = setup.http.get(setup.url("/")).header("x-user", user);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    for _ in 0..3 {
        assert_eq!(call("ann").await, 200);
    }
    let limit = json!({ "point": [["header", "X-USER"]], "rate": 1, "time_unit": "rpm", "burst": 2, "delay": 2,
        "rsp_status": 429, "suffix": "abcdefgh" });
    enforce(&cloud, &setup, vec![("rate_limit", limit)]).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(call("ann").await);
    }
    assert_eq!(seen, [200, 200, 429]);
    assert_eq!(call("bob").await, 200);
    // Without the point there is nothing to count.
    for _ in 0..4 {
        assert_eq!(setup.status("/").await, 200);
    }
    let stats = setup.stats().await;
    assert_eq!((&stats["rate_limit"]["entries"], &stats["rate_limit"]["exceeded"]), (&2.into(), &1.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_may_count_by_a_value_in_the_body() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    let limit = json!({ "point": [["post"], ["json_doc"], ["hash", "user"]], "rate": 0, "time_unit": "rps",
        "burst": 1, "delay": 1, "rsp_status": 503, "suffix": "abcdefgh" });
    enforce(&cloud, &setup, vec![("rate_limit", limit)]).await;
    let login = |user: &str| post(&setup, "application/json", json!({ "user": user }).to_string());
    assert_eq!(login("ann").await, 200);
    assert_eq!(login("ann").await, 503);
    assert_eq!(login("bob").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attack_above_the_rate_is_an_event() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    let limit = json!({ "point": [["remote_addr"]], "rate": 0, "time_unit": "rps", "burst": 0, "delay": 0,
        "rsp_status": 599, "suffix": "abcdefgh" });
    enforce(&cloud, &setup, vec![("rate_limit", limit)]).await;
    let arrived = setup.upstream.requests();
    assert_eq!(setup.status("/").await, 599);
    assert_eq!(setup.status("/?f=../../../etc/passwd").await, 599);
    let hit = reported(&cloud, "ptrav").await;
    assert_eq!((&hit["statuscode"], &hit["point"]), (&json!(599), &json!(["get", "f"])));
    assert_eq!(cloud.content(|content| content.hit_count()), 1);
    assert_eq!(setup.upstream.requests(), arrived);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_rule_switches_a_finding_in_the_path_off() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    let path = "/fp/1%27%20union%20select%20password%20from%20users--/x";
    assert_eq!(setup.status(path).await, 403);
    assert_eq!(reported(&cloud, "sqli").await["point"], json!(["path", 1]));
    let off = json!({ "attack_type": "sqli", "point": [["path", 1]] });
    enforce(&cloud, &setup, vec![("disable_attack_type", off)]).await;
    assert_eq!(setup.status(path).await, 200);
    for other in [
        "/fp/x/1%27%20union%20select%20password%20from%20users--",
        "/fp/%3Cscript%3Ealert(1)%3C%2Fscript%3E/x",
        "/fp/1%27%20union%20select%20password%20from%20users--/..%2f..%2f..%2fetc%2fpasswd",
    ] {
        assert_eq!(setup.status(other).await, 403, "{other}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn virtual_patches_hold_for_what_has_no_value() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    let send = |body: &'static str| post(&setup, "application/json", body.to_owned());
    let patch = |point: Value| ("vpatch", json!({ "attack_type": "any", "point": point }));
    let wipe = r#"{"query":"mutation DeleteAll { wipe { ok } }"}"#;
    let read = r#"{"query":"query Q { user { id } }"}"#;
    assert_eq!((send(wipe).await, send(read).await), (200, 200));
    for holder in [json!([["hash", "query"], ["gql"]]), json!([["gql"]])] {
        let at = |below: Value| {
            let parts = [&json!([["post"], ["json_doc"]]), &holder, &below];
            Value::Array(parts.into_iter().flat_map(|part| part.as_array().unwrap().clone()).collect())
        };
        enforce(&cloud, &setup, vec![patch(at(json!([["gql_mutation", "DeleteAll"]])))]).await;
        assert_eq!((send(wipe).await, send(read).await), (403, 200));
        enforce(&cloud, &setup, vec![patch(at(json!([["gql_query", "Q"], ["hash", "user"]])))]).await;
        assert_eq!((send(wipe).await, send(read).await), (200, 403));
    }
    enforce(&cloud, &setup, vec![patch(json!([["post"], ["json_doc"], ["hash", "admin"]]))]).await;
    assert_eq!((send(r#"{"admin":{}}"#).await, send(r#"{"admin":[]}"#).await), (403, 403));
    assert_eq!(send(r#"{"other":{}}"#).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn response_headers_are_set_on_answers_and_refusals() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    assert!(!setup.get("/").await.headers().contains_key("x-frame-options"));
    enforce(
        &cloud,
        &setup,
        vec![
            (
                "set_response_header",
                json!({ "mode": "replace", "name": "X-Frame-Options", "values": ["DENY"] }),
            ),
            ("set_response_header", json!({ "mode": "append", "name": "X-Tag", "values": ["a", "b"] })),
            ("set_response_header", json!({ "mode": "replace", "name": "Content-Length", "values": ["1"] })),
        ],
    )
    .await;
    for (path, status) in [("/", 200), ("/?q=1%27%20union%20select%20password%20from%20users--", 403)] {
        let answer = setup.get(path).await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.headers()["x-frame-options"], "DENY");
        let tags: Vec<_> = answer.headers().get_all("x-tag").iter().collect();
        assert_eq!(tags, ["a", "b"]);
        assert!(answer.text().await.unwrap().len() > 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn graphql_limits_are_enforced() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    let deep = "{a{b{c{d}}}}";
    assert_eq!(graphql(&setup, deep).await, 200);
    let limits = |mode: &str| {
        json!({ "mode": mode, "max_depth": 3, "max_value_size_kb": 1, "max_doc_size_kb": 2, "max_aliases": 1,
            "max_doc_per_batch": 2, "introspection": true, "debug_enabled": true })
    };
    enforce(&cloud, &setup, vec![("graphql_detection", limits("block"))]).await;
    assert_eq!(graphql(&setup, "{a{b{c}}}").await, 200);
    let long = "x".repeat(1100);
    for (query, attack_type) in [
        (deep.to_owned(), "gql_depth"),
        ("{a{...F}} fragment F on T{b{c{d}}}".to_owned(), "gql_depth"),
        (format!("{{a(b:\"{long}\")}}"), "gql_value_size"),
        ("{x:a y:b}".to_owned(), "gql_aliases"),
        (format!("{{{}}}", "abcdefgh ".repeat(300)), "gql_doc_size"),
        ("{__schema{types}}".to_owned(), "gql_introspection"),
    ] {
        assert_eq!(graphql(&setup, &query).await, 403, "{attack_type}");
        reported(&cloud, attack_type).await;
    }
    let batch = |count: usize| json!(vec![json!({ "query": "{a}" }); count]).to_string();
    assert_eq!(post(&setup, "application/json", batch(2)).await, 200);
    assert_eq!(post(&setup, "application/json", batch(3)).await, 403);
    reported(&cloud, "gql_docs_per_batch").await;
    assert_eq!(setup.status("/graphql?query=%7Ba%7D").await, 200);
    assert_eq!(setup.status("/graphql?query=%7Ba%7D&debug=1").await, 403);
    assert_eq!(setup.status("/other?debug=1").await, 200);
    let variables = json!({ "query": "query($a:String){a(b:$a)}", "variables": { "a": long } }).to_string();
    assert_eq!(post(&setup, "application/json", variables).await, 403);

    enforce(&cloud, &setup, vec![("graphql_detection", limits("monitoring"))]).await;
    assert_eq!(graphql(&setup, deep).await, 200);
    // "default" follows the filtration mode.
    let mode = ("wallarm_mode", json!({ "mode": "block" }));
    enforce(&cloud, &setup, vec![("graphql_detection", limits("default")), mode]).await;
    assert_eq!(graphql(&setup, deep).await, 403);
    enforce(&cloud, &setup, vec![("graphql_detection", limits("off"))]).await;
    assert_eq!(graphql(&setup, deep).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn upload_sizes_are_limited_for_requests_and_points() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    let send = |size: usize| post(&setup, "application/octet-stream", "x".repeat(size));
    assert_eq!(send(3000).await, 200);
    let limit = |mode: &str| json!({ "size": 2, "size_unit": "kb", "mode": mode, "point": null });
    enforce(&cloud, &setup, vec![("file_upload_size_limit", limit("block"))]).await;
    let arrived = setup.upstream.requests();
    assert_eq!(send(2048).await, 200);
    assert_eq!(send(2049).await, 403);
    let piece = format!("5dc\r\n{}\r\n", "x".repeat(1500));
    let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    let chunked = setup.raw(format!("{head}{piece}{piece}0\r\n\r\n").as_bytes()).await;
    assert!(chunked.starts_with("HTTP/1.1 403"), "{chunked}");
    assert_eq!(setup.upstream.requests(), arrived + 1);
    let hit = reported(&cloud, "file_upload_violation").await;
    assert_eq!((&hit["point"], &hit["value"]), (&json!(["post"]), &json!("")));
    // Both uploads, and nothing about a body that was not read to its end.
    eventually("the second upload", || async { cloud.content(|content| content.hit_count()) >= 2 }).await;
    assert!(cloud.content(|content| content.hits().all(|hit| hit["attack_type"] == "file_upload_violation")));

    enforce(&cloud, &setup, vec![("file_upload_size_limit", limit("monitoring"))]).await;
    assert_eq!(send(2049).await, 200);

    let at_point = json!({ "size": 1, "size_unit": "kb", "mode": "block",
        "point": [["post"], ["json_doc"], ["hash", "avatar"]] });
    enforce(&cloud, &setup, vec![("file_upload_size_limit", at_point)]).await;
    let member = |name: &str| post(&setup, "application/json", json!({ name: "x".repeat(1100) }).to_string());
    assert_eq!(member("bio").await, 200);
    assert_eq!(member("avatar").await, 403);
}

/// A file upload with a little attack in the middle of binary data.
fn multipart(head: &[u8], middle: &str) -> Vec<u8> {
    let mut body = b"--b\r\ncontent-disposition: form-data; name=\"f\"; filename=\"f.png\"\r\n\r\n".to_vec();
    body.extend_from_slice(head);
    body.extend([0, 255, 1, 254].repeat(50));
    body.extend_from_slice(middle.as_bytes());
    body.extend([0, 255, 1, 254].repeat(50));
    body.extend_from_slice(b"\r\n--b--\r\n");
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn short_signs_in_declared_files_are_chance_and_long_ones_are_not() {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
    const FILE: &str = "multipart/form-data; boundary=b";
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    let shell = "<?php system($_GET['c']); ?>";
    let short = "../../etc";
    assert_eq!(post(&setup, FILE, multipart(PNG, shell)).await, 403);
    let before = post(&setup, FILE, multipart(PNG, short)).await;
    let point = json!([["post"], ["multipart", "f"], ["file"]]);
    for rule in [
        ("binary_data", json!({ "point": point })),
        ("uploads", json!({ "point": point, "file_type": "images" })),
    ] {
        enforce(&cloud, &setup, vec![rule]).await;
        assert_eq!(post(&setup, FILE, multipart(PNG, short)).await, 200);
        assert_eq!(post(&setup, FILE, multipart(PNG, shell)).await, 403);
    }
    // What is no image is scanned in full.
    assert_eq!(post(&setup, FILE, multipart(b"no image", short)).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn markup_in_declared_pages_is_no_attack() {
    const FILE: &str = "multipart/form-data; boundary=b";
    const PAGE: &str = "<html><script>alert(1)</script></html>";
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    let file = |name: &str, content: &str| {
        format!(
            "--b\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"a.html\"\r\n\r\n{content}\r\n--b--\r\n"
        )
    };
    assert_eq!(post(&setup, FILE, file("f", PAGE)).await, 403);
    for point in [json!([["post"], ["multipart", "f"], ["file"]]), json!([["post"], ["multipart", "f"]])] {
        let rule = json!({ "point": point, "file_type": "html" });
        enforce(&cloud, &setup, vec![("uploads", rule)]).await;
        assert_eq!(post(&setup, FILE, file("f", PAGE)).await, 200);
        assert_eq!(post(&setup, FILE, file("g", PAGE)).await, 403);
        // Other attacks in a page are found, and so is markup in what is no page.
        assert_eq!(post(&setup, FILE, file("f", &format!("<html><p>{SQLI}</p></html>"))).await, 403);
        let data = r#"{"a":"so <script>alert(1)</script>"}"#;
        assert_eq!(post(&setup, FILE, file("f", data)).await, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parsers_stamps_and_processing_time_follow_rules() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    let encoded = "MScgdW5pb24gc2VsZWN0IHBhc3N3b3JkIGZyb20gdXNlcnMtLQ==";
    assert_eq!(setup.status(&format!("/?q={encoded}")).await, 403);
    let state = json!({ "parser": "base64", "state": "disabled", "point": [["get", "q"]] });
    enforce(&cloud, &setup, vec![("parser_state", state)]).await;
    assert_eq!(setup.status(&format!("/?q={encoded}")).await, 200);
    assert_eq!(setup.status(&format!("/?p={encoded}")).await, 403);

    let attack = || post(&setup, "application/json", json!({ "q": SQLI }).to_string());
    assert_eq!(attack().await, 403);
    let stamps = reported(&cloud, "sqli").await["stamps"].as_array().unwrap().clone();
    let point = json!([["post"], ["json_doc"], ["hash", "q"]]);
    let disabled = |stamp: &Value| ("disable_stamp", json!({ "stamp": stamp, "point": point }));
    // Every stamp of the attack, whichever point it was reported for first.
    let mut rules: Vec<_> = stamps.iter().map(disabled).collect();
    enforce(&cloud, &setup, std::mem::take(&mut rules)).await;
    let left = attack().await;
    assert_eq!(setup.status(&format!("/?q={}", SQLI.replace(' ', "+"))).await, 403);
    assert_eq!(left, 200);

    let budget = json!({ "overlimit_time": 0, "mode": "blocking" });
    enforce(&cloud, &setup, vec![("overlimit_res_settings", budget)]).await;
    let large = json!({ "text": vec!["lorem ipsum"; 2000] }).to_string();
    assert_eq!(post(&setup, "application/json", large).await, 403);
    reported(&cloud, "overlimit_res").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn experimental_expressions_report_and_never_block() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    let rule =
        json!({ "regex": "forbidden", "attack_type": "vpatch", "point": [["get", "a"]], "regex_id": 7 });
    enforce(&cloud, &setup, vec![("experimental_regex", rule.clone())]).await;
    assert_eq!(setup.status("/?a=forbidden").await, 200);
    assert_eq!(reported(&cloud, "vpatch").await["experimental"], true);
    enforce(&cloud, &setup, vec![("regex", rule.clone())]).await;
    assert_eq!(setup.status("/?a=forbidden").await, 403);
    let exempt = json!({ "regex_id": 7, "point": [["get", "a"]] });
    enforce(&cloud, &setup, vec![("regex", rule), ("disable_regex", exempt)]).await;
    assert_eq!(setup.status("/?a=forbidden").await, 200);
}

/// A database that says the same of every address below 128.0.0.0, and nothing of the others.
fn database(folder: &Path, record: &[u8]) -> PathBuf {
    let text = |text: &str| [&[0x40 | u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    // One node: its left record points at the data, its right one at nothing.
    let mut file = vec![0, 0, 17, 0, 0, 1];
    file.extend([0; 16]);
    file.extend_from_slice(record);
    file.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    file.push(0xe9);
    for (key, value) in [
        ("binary_format_major_version", vec![0xa1, 2]),
        ("binary_format_minor_version", vec![0xa0]),
        ("build_epoch", vec![0x04, 0x02, 0x60, 0, 0, 0]),
        ("database_type", text("Test")),
        ("description", vec![0xe0]),
        ("ip_version", vec![0xa1, 4]),
        ("languages", vec![0x00, 0x04]),
        ("node_count", vec![0xc1, 1]),
        ("record_size", vec![0xa1, 24]),
    ] {
        file.extend(text(key));
        file.extend(value);
    }
    let path = folder.join("source.mmdb");
    std::fs::write(&path, file).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn countries_and_data_centres_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut record = vec![0xe2];
    record.extend(b"\x4ccountry_code\x42FR");
    record.extend(b"\x5d\x01autonomous_system_organization\x49AMAZON-02");
    let path = database(folder.path(), &record);
    let cloud = Cloud::start().await;
    let extra = format!("[acl]\ndatabases = [{path:?}]");
    let setup = with_cloud(&cloud, "block").await;
    setup.edit(|text| format!("{text}{extra}\n"));
    setup.control(bartizan_node::control::ControlRequest::Reload).await.unwrap();
    let entry = |kind: &str, value: &str| ListEntry {
        id: 1,
        list: ListName::Deny,
        kind: kind.into(),
        value: value.into(),
        apps: None,
        attack_type: None,
        expires_at: None,
    };
    for (kind, value, reason) in [
        ("country", "FR", "acl blacklist country blocked_source"),
        ("datacenter", "aws", "acl blacklist datacenter blocked_source"),
    ] {
        assert_eq!(setup.status("/").await, 200);
        cloud.set_entries(vec![entry(kind, value)]);
        eventually(value, || async { setup.status("/").await == 403 }).await;
        eventually("it is reported", || async {
            cloud.content(|content| content.hits().any(|hit| hit["block_reason"] == reason))
        })
        .await;
        cloud.set_entries(vec![entry(kind, "XX")]);
        eventually("another one passes", || async { setup.status("/").await == 200 }).await;
    }
    let hit = reported(&cloud, "blocked_source").await;
    assert_eq!((&hit["context"]["country"], &hit["context"]["datacenter"]), (&"FR".into(), &"aws".into()));
}
