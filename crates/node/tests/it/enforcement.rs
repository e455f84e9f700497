//! Modes, lists and pages without a cloud, and what is on disk when an answer arrives.

use bartizan_node::{Config, Node, NodeError};

use crate::harness::{Options, Setup, config_text};

const SQLI: &str = "/search?q=1%27%20union%20select%20password%20from%20users--";

#[tokio::test(flavor = "multi_thread")]
async fn attack_is_blocked_and_its_hit_is_on_disk_with_the_answer() {
    let setup = Setup::in_mode("block").await;
    let response = setup
        .http
        .get(setup.url(SQLI))
        .header("cookie", "session=topsecret")
        .header("authorization", "Bearer topsecret")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 403);
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert!(response.text().await.unwrap().contains(&id));
    assert_eq!(setup.upstream.requests(), 0);
    let events = setup.spooled();
    let hit = events.iter().find(|hit| hit["attack_type"] == "sqli").expect("a sqli hit");
    assert_eq!(hit["request_id"], id.as_str());
    assert_eq!(hit["point"], serde_json::json!(["get", "q"]));
    assert_eq!(hit["parameter"], "GET_q_value");
    assert_eq!((&hit["block_status"], &hit["statuscode"]), (&"blocked".into(), &403.into()));
    assert!(hit["block_reason"].as_str().unwrap().starts_with("attack mask="));
    assert_eq!(hit["ip"], "127.0.0.1");
    assert!(!serde_json::to_string(&events).unwrap().contains("topsecret"));
    let stats = setup.stats().await;
    assert_eq!((&stats["attacks"], &stats["blocked"]), (&1.into(), &1.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_in_credentials_is_reported_without_them() {
    let setup = Setup::in_mode("block").await;
    let secret = "topsecret' union select password from users--";
    for name in ["cookie", "authorization"] {
        let value = if name == "cookie" { format!("session={secret}") } else { secret.to_owned() };
        let response = setup.http.get(setup.url("/")).header(name, value).send().await.unwrap();
        assert_eq!(response.status(), 403, "{name}");
    }
    let events = setup.spooled();
    let points: Vec<String> = events.iter().map(|hit| hit["point"].to_string()).collect();
    assert!(points.iter().any(|point| point.contains("COOKIE") && point.contains("session")), "{points:?}");
    assert!(!serde_json::to_string(&events).unwrap().contains("topsecret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn monitoring_passes_and_reports_the_upstream_status() {
    let setup = Setup::in_mode("monitoring").await;
    assert_eq!(setup.status(SQLI).await, 200);
    let events = setup.spooled();
    assert_eq!((&events[0]["block_status"], &events[0]["statuscode"]), (&"monitored".into(), &200.into()));
    assert_eq!(events[0]["block_reason"], "not blocked");
}

#[tokio::test(flavor = "multi_thread")]
async fn off_inspects_and_reports_nothing() {
    let setup = Setup::in_mode("off").await;
    assert_eq!(setup.status(SQLI).await, 200);
    assert!(setup.spooled().is_empty());
    let stats = setup.stats().await;
    assert_eq!(stats["requests"], 0);
    assert!(stats["bytes_in"].as_u64().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn safe_blocking_passes_sources_that_are_not_graylisted() {
    let setup = Setup::in_mode("safe_blocking").await;
    assert_eq!(setup.status(SQLI).await, 200);
    assert_eq!(setup.spooled()[0]["mode"], "safe_blocking");
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_switch_blocks_nothing_and_reports_all_the_same() {
    let setup = Setup::new(Options { extra: "blocking = false", ..Options::default() }).await;
    assert_eq!(setup.status(SQLI).await, 200);
    assert_eq!(setup.spooled()[0]["block_status"], "monitored");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_clients_are_refused_in_json() {
    let setup = Setup::in_mode("block").await;
    let response = setup.http.get(setup.url(SQLI)).header("accept", "application/json").send().await.unwrap();
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!(body["error"], "blocked");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_body_is_inspected_elsewhere_with_the_same_result() {
    let setup = Setup::in_mode("block").await;
    let body =
        |attack: &str| serde_json::json!({ "pad": "lorem ipsum ".repeat(60_000), "q": attack }).to_string();
    let send = |body: String| {
        setup.http.post(setup.url("/")).header("content-type", "application/json").body(body).send()
    };
    assert_eq!(send(body("fine")).await.unwrap().status(), 200);
    assert_eq!(send(body("1' union select password from users--")).await.unwrap().status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_client_address_changes_nothing() {
    let setup = Setup::in_mode("block").await;
    setup.http.get(setup.url(SQLI)).header("x-forwarded-for", "8.8.8.8").send().await.unwrap();
    assert_eq!(setup.spooled()[0]["ip"], "127.0.0.1");
    let trusting = "client_ip = { rule = [{ trusted_networks = [\"127.0.0.0/8\"] }] }";
    let setup = Setup::new(Options { extra: trusting, ..Options::default() }).await;
    setup.http.get(setup.url(SQLI)).header("x-forwarded-for", "1.1.1.1, 8.8.8.8").send().await.unwrap();
    assert_eq!(setup.spooled()[0]["ip"], "8.8.8.8");
}

#[tokio::test(flavor = "multi_thread")]
async fn node_says_that_it_is_alive_and_ready() {
    let setup = Setup::in_mode("block").await;
    for path in ["/live", "/ready"] {
        let url = format!("http://{}{path}", setup.node.status_address());
        assert_eq!(setup.http.get(url).send().await.unwrap().status(), 200);
    }
}

fn start(text: &str) -> Result<bartizan_node::RunningNode, NodeError> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.toml");
    std::fs::write(&path, text).unwrap();
    Node::start(Config::load(&path).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_port_and_unusable_state_folder_are_told_in_one_line() {
    let setup = Setup::in_mode("block").await;
    let dir = tempfile::tempdir().unwrap();
    let text = config_text(&dir.path().join("state"), setup.upstream.address, &Options::default());
    let taken = text.replacen("\"127.0.0.1:0\"", &format!("\"{}\"", setup.address()), 1);
    for taken in [taken.clone(), taken.replace("workers = 1", "workers = 2")] {
        let error = start(&taken).err().expect("the port is taken").to_string();
        assert!(error.contains(&setup.address().to_string()) && !error.contains('\n'), "{error}");
    }
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = start(&config_text(&file.join("state"), setup.upstream.address, &Options::default()));
    let error = error.err().expect("the folder cannot be made").to_string();
    assert!(error.starts_with("state folder") && !error.contains('\n'), "{error}");
}
