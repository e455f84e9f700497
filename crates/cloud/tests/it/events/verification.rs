//! Active verification against servers of this test: one with flaws, one without.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode, Uri},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use bartizan_cloud::{CloudConfig, RunningCloud, config::VerificationTarget};
use bartizan_store::{
    entity,
    sea_orm::{ActiveModelTrait, ActiveValue::Set, IntoActiveModel},
};
use bartizan_testkit::{Credential, PATIENCE, TestCloud};
use serde_json::{Value, json};

use super::{TestNode, attacks, hit_with, recent};

/// A shop whose search repeats what is sought, and whose items come from a database.
#[derive(Clone, Default)]
struct Shop {
    /// Whether it escapes and binds.
    is_fixed: Arc<AtomicBool>,
    /// Whether something in front of it keeps away what is not plain.
    is_guarded: Arc<AtomicBool>,
    /// Where the name by which it is to call leads.
    callback: Arc<Mutex<Option<std::net::SocketAddr>>>,
    /// What it was asked.
    asked: Arc<Mutex<Vec<(Uri, HeaderMap)>>>,
    url: String,
}

#[derive(serde::Deserialize)]
struct Search {
    #[serde(default)]
    q: String,
}

impl Shop {
    async fn start() -> Shop {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shop = Shop { url, ..Shop::default() };
        let routes = Router::new().route("/search", get(search)).route("/items", get(items));
        let routes = routes.route("/moved", get(moved));
        let routes = routes.route("/fetch", get(fetch)).route("/import", axum::routing::post(import));
        let app = routes.fallback(missing).with_state(shop.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        shop
    }

    /// Asks an address, if it is of the one host whose name it can resolve.
    async fn call(&self, address: &str) {
        let callback = *self.callback.lock().unwrap();
        let Some((path, to)) = address.strip_prefix("http://callback.test").zip(callback) else { return };
        // It does not care for the answer.
        let _refused = reqwest::get(format!("http://{to}{path}")).await;
    }

    fn note(&self, uri: Uri, headers: HeaderMap) {
        self.asked.lock().unwrap().push((uri, headers));
    }

    fn asked(&self) -> Vec<(Uri, HeaderMap)> {
        self.asked.lock().unwrap().clone()
    }
}

async fn search(
    State(shop): State<Shop>,
    Query(query): Query<Search>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    shop.note(uri, headers);
    if shop.is_guarded.load(Ordering::SeqCst) && !query.q.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let fixed = shop.is_fixed.load(Ordering::SeqCst);
    let text = if fixed { query.q.replace('<', "&lt;").replace('"', "&quot;") } else { query.q };
    Html(format!("<p>Results for {text}</p>")).into_response()
}

/// Fetches what it is told to, and tells nothing of it.
async fn fetch(
    State(shop): State<Shop>,
    Query(query): Query<Search>,
    uri: Uri,
    headers: HeaderMap,
) -> &'static str {
    shop.note(uri, headers);
    if !shop.is_fixed.load(Ordering::SeqCst) {
        shop.call(&query.q).await;
    }
    "queued"
}

/// Reads a document as a parser that resolves external entities does.
async fn import(State(shop): State<Shop>, uri: Uri, headers: HeaderMap, body: String) -> &'static str {
    shop.note(uri, headers);
    let system = body.split_once("SYSTEM \"").and_then(|(_, rest)| rest.split_once('"'));
    if let Some((address, _)) = system.filter(|_| body.contains("&bz;") && body.contains("<order>")) {
        shop.call(address).await;
    }
    "imported"
}

/// Sends whoever comes to the other address, with what they sent.
async fn moved(State(shop): State<Shop>, uri: Uri, headers: HeaderMap) -> Response {
    shop.asked.lock().unwrap().push((uri.clone(), headers));
    let to = shop.callback.lock().unwrap().unwrap();
    (StatusCode::TEMPORARY_REDIRECT, [("location", format!("http://{to}{uri}"))]).into_response()
}

async fn missing(State(shop): State<Shop>, uri: Uri, headers: HeaderMap) -> StatusCode {
    shop.note(uri, headers);
    StatusCode::NOT_FOUND
}

/// `SELECT … WHERE id = '{q}'`, as a database would read it.
async fn items(
    State(shop): State<Shop>,
    Query(query): Query<Search>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    shop.note(uri, headers);
    if shop.is_fixed.load(Ordering::SeqCst) || query.q.matches('\'').count() % 2 == 0 {
        return Html("<p>No such item</p>").into_response();
    }
    let error = "You have an error in your SQL syntax; check the manual";
    (StatusCode::INTERNAL_SERVER_ERROR, Html(error)).into_response()
}

/// A cloud that may ask the shop in the name of its company, as soon as the company says so.
async fn cloud_for(shop: &Shop, change: impl FnOnce(&mut CloudConfig)) -> TestCloud {
    let target = VerificationTarget {
        host: "shop.test".to_owned(),
        client: OWNER.to_owned(),
        url: shop.url.clone(),
        methods: vec![],
    };
    let cloud = TestCloud::start_with(|config| {
        config.verification.enabled = true;
        config.verification.pause_ms = 10;
        config.verification.targets = vec![target];
        config.outgoing.allowed_networks = vec!["127.0.0.0/8".parse().unwrap()];
        change(config);
    })
    .await;
    // The configuration names clients by their UUIDs, so the one of this cloud gets the UUID of the configuration.
    let mut client = cloud.client.clone().into_active_model();
    client.uuid = Set(OWNER.to_owned());
    client.update(cloud.running.cloud.store.writer()).await.unwrap();
    cloud
}

const OWNER: &str = "11111111-1111-4111-8111-111111111111";

async fn switch(cloud: &TestCloud, admin: &Credential, fields: Value) {
    let body = json!({"filter": {"id": cloud.client.id}, "fields": fields});
    cloud.post(admin, "/v1/objects/client/update", body).await.body();
}

/// An attack by a query parameter.
fn attack_on(id: &str, time: i64, kind: &str, path: &str) -> Value {
    let uri = format!("{path}?q=%3Cscript%3E'or&note=%3Cb%3E&api_key=s3cr3t&page=2");
    hit_with(
        id,
        time,
        json!({
            "attack_type": kind, "path": path, "method": "GET", "point": ["get", "q"], "parameter": "GET_q_value",
            "value": "<script>'or", "raw": {
                "method": "GET", "proto": "HTTP/1.1", "uri": uri, "headers": {
                    "HOST": ["shop.test"], "COOKIE": ["session=abc"], "AUTHORIZATION": ["Bearer abc"],
                    "X-API-KEY": ["abc"], "ACCEPT": ["text/html"]
                }
            }
        }),
    )
}

/// Waits until the attacks of a filter have a state of verification that is an end.
async fn ended(cloud: &TestCloud, caller: &Credential, filter: Value) -> Vec<String> {
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            let found = attacks(cloud, caller, filter.clone()).await;
            let states: Vec<String> = found
                .iter()
                .filter_map(|attack| attack["recheck_status"].as_str())
                .filter(|state| !state.ends_with("in_progress"))
                .map(str::to_owned)
                .collect();
            if !found.is_empty() && states.len() == found.len() {
                return states;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    waited.await.expect("the verification does not end")
}

async fn vulns(cloud: &TestCloud, caller: &Credential) -> Vec<Value> {
    cloud.post(caller, "/v1/objects/vuln", json!({})).await.body().as_array().unwrap().clone()
}

/// Waits until a vulnerability is so.
async fn vuln_becomes(cloud: &TestCloud, caller: &Credential, wanted: impl Fn(&Value) -> bool) -> Value {
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(vuln) = vulns(cloud, caller).await.into_iter().find(|vuln| wanted(vuln)) {
                return vuln;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    });
    waited.await.expect("the vulnerability does not become so")
}

#[tokio::test]
async fn flaws_are_found_where_they_are_and_nothing_is_sent_before_the_tenant_wants_it() {
    let shop = Shop::start().await;
    let cloud = cloud_for(&shop, |_| {}).await;
    let admin = cloud.admin_pair().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let elsewhere = json!({"domain": "other.test"});
    let mut foreign = attack_on("f", now, "xss", "/search");
    foreign["domain"] = elsewhere["domain"].clone();
    let mut post = attack_on("p", now, "xss", "/post");
    (post["method"], post["raw"]["method"]) = (json!("POST"), json!("POST"));
    let events = [
        attack_on("x", now, "xss", "/search"),
        attack_on("s", now, "sqli", "/items"),
        attack_on("n", now, "ptrav", "/items"),
        attack_on("b", now, "brute", "/items"),
        foreign,
        post,
    ];
    node.upload(&cloud, &events).await;
    // Asked for, but the tenant has it switched off: somebody else may do it.
    let found =
        attacks(&cloud, &admin, json!({"type": "xss", "domain": "shop.test", "path": "/search"})).await;
    let id = json!({"attackid": found[0]["id"][1], "attackindex": found[0]["id"][0]});
    let forced = cloud.post(&admin, "/v1/rechecker/forced", id.clone()).await.body();
    assert_eq!((forced["current_status"].as_str(), shop.asked().len()), (Some("forced"), 0));
    cloud.post(&admin, "/v1/rechecker/cancel", id.clone()).await.body();

    switch(&cloud, &admin, json!({"attack_rechecker_mode": "on"})).await;
    let forced = cloud.post(&admin, "/v1/rechecker/forced", id).await.body();
    assert_eq!(forced["current_status"], "forced_in_progress");
    let own = |kind: &str| json!({"type": kind, "domain": "shop.test"});
    assert_eq!(ended(&cloud, &admin, json!({"domain": "shop.test", "type": "sqli"})).await, ["vuln_found"]);
    let mut xss = ended(&cloud, &admin, own("xss")).await;
    xss.sort();
    assert_eq!(xss, ["unrecheckable", "vuln_found"], "a method that changes something is not replayed");
    assert_eq!(ended(&cloud, &admin, own("ptrav")).await, ["vuln_not_found"]);
    for filter in [json!({"type": "brute"}), json!({"domain": "other.test"})] {
        assert_eq!(attacks(&cloud, &admin, filter).await[0]["recheck_status"], json!(null));
    }
    // The response proved nothing about the attack itself, so there is no incident.
    assert!(attacks(&cloud, &admin, json!({"!vulnid": null})).await.is_empty());

    let mut found = vulns(&cloud, &admin).await;
    found.sort_by_key(|vuln| vuln["type"].as_str().unwrap().to_owned());
    let mut settings = insta::Settings::clone_current();
    settings.set_sort_maps(true);
    for vuln in &mut found {
        for place in ["/evidence", "/exploit_example", "/template_params/exploit_example"] {
            let example = vuln.pointer_mut(place).unwrap();
            *example = json!(without_word(example.as_str().unwrap()));
        }
    }
    settings.bind(|| {
        insta::assert_json_snapshot!(found, {
            "[].id" => "[id]", "[].clientid" => "[client]", "[].validate_time" => "[time]", "[].last_check" => "[time]",
            "[].wid" => "[wid]", "[].short_wid" => "[wid]",
        });
    });

    let asked = shop.asked();
    assert!(!asked.is_empty());
    for (uri, headers) in &asked {
        for name in ["authorization", "cookie", "x-api-key"] {
            assert!(!headers.contains_key(name), "{name} was sent: {uri}");
        }
        assert!(!uri.to_string().contains("s3cr3t") && uri.to_string().contains("note=1&page=2"), "{uri}");
        assert_eq!(headers["host"], "shop.test");
        assert!(headers["user-agent"].to_str().unwrap().starts_with("Bartizan-Verify/"));
    }

    // A node in front of the shop sees the same requests and reports them.
    let mark = asked[0].1["x-bartizan-verify"].to_str().unwrap();
    let mut own = attack_on("m", now, "xss", "/search/own");
    own["raw"]["headers"]["X-BARTIZAN-VERIFY"] = json!([mark]);
    let mut forged = attack_on("o", now, "xss", "/search/forged");
    forged["raw"]["headers"]["X-BARTIZAN-VERIFY"] = json!([mark.replace('.', ".1")]);
    let mut elsewhere = own.clone();
    (elsewhere["event_id"], elsewhere["domain"]) = (json!("elsewhere-0123456789"), json!("other.test"));
    elsewhere["path"] = json!("/search/elsewhere");
    let mut late = own.clone();
    late["event_id"] = json!("late-012345678901234");
    node.upload(&cloud, &[own, forged, elsewhere]).await;
    assert!(attacks(&cloud, &admin, json!({"path": "/search/own"})).await.is_empty());
    assert_eq!(attacks(&cloud, &admin, json!({"path": "/search/forged"})).await.len(), 1);
    assert_eq!(attacks(&cloud, &admin, json!({"path": "/search/elsewhere"})).await.len(), 1);
    // A node that was cut off tells of them an hour later.
    cloud.running.cloud.clock.shift_ms(3_600_000);
    node.upload(&cloud, &[late]).await;
    assert!(attacks(&cloud, &admin, json!({"path": "/search/own"})).await.is_empty());
}

#[tokio::test]
async fn flaws_that_no_answer_shows_are_found_by_the_calls_that_hosts_make() {
    let shop = Shop::start().await;
    let cloud = cloud_for(&shop, |config| {
        config.verification.callback_listen = Some("127.0.0.1:0".parse().unwrap());
        config.verification.callback_url = "http://callback.test".to_owned();
        config.verification.targets[0].methods = vec!["POST".to_owned()];
    })
    .await;
    let callback = cloud.running.callback_address.unwrap();
    *shop.callback.lock().unwrap() = Some(callback);
    let admin = cloud.admin_pair().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    switch(&cloud, &admin, json!({"attack_rechecker_mode": "on"})).await;
    let now = recent(&cloud);
    let mut document = attack_on("x", now, "xxe", "/import");
    document["method"] = json!("POST");
    document["point"] = json!(["post", "xml", "xml_dtd_entity", 0]);
    document["raw"]["method"] = json!("POST");
    document["raw"]["body"] =
        json!("<!DOCTYPE order [<!ENTITY x SYSTEM \"http://10.0.0.1/\">]><order>&x;</order>");
    document["raw"]["headers"]["CONTENT-TYPE"] = json!(["application/xml"]);
    let events = [attack_on("s", now, "ssrf", "/fetch"), document, attack_on("n", now, "ssrf", "/search")];
    node.upload(&cloud, &events).await;
    for (path, state) in [("/fetch", "vuln_found"), ("/import", "vuln_found"), ("/search", "vuln_not_found")]
    {
        assert_eq!(ended(&cloud, &admin, json!({"path": path})).await, [state], "{path}");
    }
    let mut found = vulns(&cloud, &admin).await;
    found.sort_by_key(|vuln| vuln["type"].as_str().unwrap().to_owned());
    assert_eq!(found.iter().map(|vuln| &vuln["type"]).collect::<Vec<_>>(), ["ssrf", "xxe"]);
    assert!(found[0]["exploit_example"].as_str().unwrap().contains("callback.test"), "{}", found[0]);
    // Who called is shown with the issue.
    let path = format!("/v1/security_issues/{}?client_id={}", found[0]["id"], cloud.client.id);
    let mut issue = cloud.get(&admin, &path).await.json();
    let calls = issue["oob_interaction"].take();
    assert_eq!((calls.as_array().unwrap().len(), issue["verified"].as_bool()), (2, Some(true)));
    assert_eq!(
        (&calls[0]["protocol"], &calls[0]["source"], &calls[0]["method"]),
        (&json!("http"), &json!("127.0.0.1"), &json!("GET"))
    );
    assert!(calls[0]["time"].is_i64());
    // Asking around tells nothing and is not kept.
    for path in ["", "/", "/admin", "/1-1-00000000-0123"] {
        let reply = reqwest::get(format!("http://{callback}{path}")).await.unwrap();
        assert_eq!((reply.status().as_u16(), reply.text().await.unwrap().as_str()), (200, "ok"));
    }
    let kept = {
        use bartizan_store::sea_orm::EntityTrait;
        entity::verification_callback::Entity::find().all(cloud.running.cloud.store.writer()).await.unwrap()
    };
    assert!(kept.iter().all(|call| call.client_id == cloud.client.id && call.token.len() > 40));
    assert_eq!(kept.len(), 4, "{kept:?}");
}

#[tokio::test]
async fn a_flaw_that_only_a_call_shows_is_not_closed_because_none_came() {
    let shop = Shop::start().await;
    let cloud = cloud_for(&shop, |config| {
        config.verification.callback_listen = Some("127.0.0.1:0".parse().unwrap());
        config.verification.callback_url = "http://callback.test".to_owned();
    })
    .await;
    *shop.callback.lock().unwrap() = cloud.running.callback_address;
    let admin = cloud.admin_pair().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    switch(&cloud, &admin, json!({"attack_rechecker_mode": "on", "vuln_rechecker_mode": "on"})).await;
    node.upload(&cloud, &[attack_on("s", recent(&cloud), "ssrf", "/fetch")]).await;
    assert_eq!(ended(&cloud, &admin, json!({})).await, ["vuln_found"]);
    let vuln = vulns(&cloud, &admin).await[0].clone();
    let checked = vuln["last_check"].as_i64().unwrap();
    // From now on a firewall keeps the host from calling.
    *shop.callback.lock().unwrap() = None;
    for round in 1..=2 {
        cloud.running.cloud.clock.shift_ms(90_000_000);
        let recheck = json!({"id": vuln["id"]});
        cloud.post(&admin, "/v1/objects/vuln/recheck", recheck).await.body();
        let after = checked + 80_000 * round;
        let now = vuln_becomes(&cloud, &admin, |vuln| vuln["last_check"].as_i64() > Some(after)).await;
        assert_eq!((&now["status"], &now["invalidate_time"]), (&json!("open"), &json!(null)));
    }
    let detail = cloud.get(&admin, &format!("/v1/security_issues/{}", vuln["id"])).await.json();
    let history = detail["status_history"].as_array().unwrap();
    let comments: Vec<&str> = history.iter().map(|change| change["comment"].as_str().unwrap()).collect();
    assert_eq!(comments, ["Found by active verification", "Not proved again: no call came"]);
}

#[tokio::test]
async fn a_check_whose_calls_may_have_been_turned_away_says_nothing() {
    let shop = Shop::start().await;
    let cloud = cloud_for(&shop, |config| {
        config.verification.callback_listen = Some("127.0.0.1:0".parse().unwrap());
        config.verification.callback_url = "http://callback.test".to_owned();
        config.verification.callback_connections = 1;
    })
    .await;
    let callback = cloud.running.callback_address.unwrap();
    *shop.callback.lock().unwrap() = Some(callback);
    let admin = cloud.admin_pair().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    switch(&cloud, &admin, json!({"attack_rechecker_mode": "on"})).await;
    // A stranger has the only place.
    let _silent = tokio::net::TcpStream::connect(callback).await.unwrap();
    node.upload(&cloud, &[attack_on("s", recent(&cloud), "ssrf", "/fetch")]).await;
    assert_eq!(ended(&cloud, &admin, json!({})).await, ["tech_failed"]);
}

/// On PostgreSQL whatever database the other tests use.
#[tokio::test]
async fn calls_count_in_whichever_process_they_arrive_or_are_turned_away() {
    let database = tokio::task::spawn_blocking(bartizan_testkit::postgres::fresh_database).await.unwrap();
    let shop = Shop::start().await;
    let cloud = cloud_for(&shop, |config| {
        config.database.url = database;
        config.verification.callback_listen = Some("127.0.0.1:0".parse().unwrap());
        config.verification.callback_url = "http://callback.test".to_owned();
    })
    .await;
    let mut config = cloud.running.cloud.config.clone();
    config.database.url = config.database_url();
    config.listen.address = "127.0.0.1:0".parse().unwrap();
    config.verification.callback_connections = 1;
    // It takes calls and leaves the checks to the other one.
    let hour = u8::try_from(cloud.running.cloud.now() / 3600 % 24).unwrap();
    config.verification.from_hour = (hour + 2) % 24;
    config.verification.to_hour = config.verification.from_hour + 1;
    let second = bartizan_cloud::RunningCloud::start(config).await.unwrap();
    *shop.callback.lock().unwrap() = second.callback_address;
    let admin = cloud.admin_pair().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    switch(&cloud, &admin, json!({"attack_rechecker_mode": "on"})).await;
    let now = recent(&cloud);
    // A stranger has the only place.
    let silent = tokio::net::TcpStream::connect(second.callback_address.unwrap()).await.unwrap();
    node.upload(&cloud, &[attack_on("s", now, "ssrf", "/fetch")]).await;
    assert_eq!(ended(&cloud, &admin, json!({"type": "ssrf"})).await, ["tech_failed"]);
    drop(silent);
    let id = attacks(&cloud, &admin, json!({"type": "ssrf"})).await[0]["id"].clone();
    let again = json!({"attackindex": id[0], "attackid": id[1]});
    cloud.post(&admin, "/v1/rechecker/forced", again).await.body();
    assert_eq!(ended(&cloud, &admin, json!({"type": "ssrf"})).await, ["vuln_found"]);
    second.shutdown().await;
}

#[tokio::test]
async fn the_address_for_calls_takes_so_many_connections() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let shop = Shop::start().await;
    let cloud = cloud_for(&shop, |config| {
        config.verification.callback_listen = Some("127.0.0.1:0".parse().unwrap());
        config.verification.callback_url = "http://callback.test".to_owned();
        config.verification.callback_connections = 2;
    })
    .await;
    let callback = cloud.running.callback_address.unwrap();
    let ask = async |stream: &mut tokio::net::TcpStream| {
        let _closed = stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        let mut text = [0; 15];
        stream.read_exact(&mut text).await.is_ok()
    };
    let mut open = vec![];
    for _ in 0..2 {
        let mut stream = tokio::net::TcpStream::connect(callback).await.unwrap();
        assert!(ask(&mut stream).await);
        open.push(stream);
    }
    let mut third = tokio::net::TcpStream::connect(callback).await.unwrap();
    assert!(!ask(&mut third).await, "closed at once");
    open.pop();
    // The place is free when the server has seen the end.
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            let mut stream = tokio::net::TcpStream::connect(callback).await.unwrap();
            if ask(&mut stream).await {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    waited.await.expect("no place became free");
}

#[tokio::test]
async fn what_a_guard_refuses_is_not_taken_for_safe() {
    let shop = Shop::start().await;
    shop.is_guarded.store(true, Ordering::SeqCst);
    let cloud = cloud_for(&shop, |_| {}).await;
    let admin = cloud.admin_pair().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    switch(&cloud, &admin, json!({"attack_rechecker_mode": "on"})).await;
    node.upload(&cloud, &[attack_on("x", recent(&cloud), "xss", "/search")]).await;
    assert_eq!(ended(&cloud, &admin, json!({})).await, ["tech_failed"]);
}

/// What was queued for vulnerabilities.
async fn checks_of_vulns(cloud: &TestCloud) -> Vec<entity::verification::Model> {
    use bartizan_store::sea_orm::EntityTrait;
    let rows = entity::verification::Entity::find().all(cloud.running.cloud.store.writer()).await.unwrap();
    rows.into_iter().filter(|row| row.vuln_id.is_some()).collect()
}

#[tokio::test]
async fn a_vulnerability_that_cannot_be_checked_is_tried_once_a_day() {
    let shop = Shop::start().await;
    let cloud = cloud_for(&shop, |_| {}).await;
    let admin = cloud.admin_pair().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    switch(&cloud, &admin, json!({"attack_rechecker_mode": "on", "vuln_rechecker_mode": "on"})).await;
    node.upload(&cloud, &[attack_on("x", recent(&cloud), "xss", "/search")]).await;
    assert_eq!(ended(&cloud, &admin, json!({})).await, ["vuln_found"]);
    shop.is_guarded.store(true, Ordering::SeqCst);
    for day in 2..=3 {
        cloud.running.cloud.clock.shift_ms(86_400_000 + 60_000);
        let now = cloud.running.cloud.now();
        cloud.running.cloud.verification.notify_one();
        vuln_becomes(&cloud, &admin, |vuln| vuln["last_check"].as_i64().is_some_and(|at| at >= now)).await;
        // Looking again at once finds nothing to do: what it queues is checked before the tenant's next wish.
        cloud.running.cloud.verification.notify_one();
        let path = format!("/search/{day}");
        node.upload(&cloud, &[attack_on(&format!("x{day}"), recent(&cloud), "xss", &path)]).await;
        ended(&cloud, &admin, json!({"path": path})).await;
        assert_eq!(checks_of_vulns(&cloud).await.len(), day);
    }
    assert_eq!(vulns(&cloud, &admin).await[0]["status"], "open", "nothing is known of it");
    // Of the checks the last one is kept, whatever its age.
    cloud.running.cloud.store.purge_verifications(i64::MAX / 2000).await.unwrap();
    assert_eq!(checks_of_vulns(&cloud).await.len(), 1);
}

#[tokio::test]
async fn what_called_once_is_remembered_however_old_it_is() {
    use bartizan_store::{
        TenantId,
        sea_orm::{ActiveValue::NotSet, EntityTrait},
        verifications::callbacks_of_vuln,
    };
    let cloud = TestCloud::start().await;
    let store = &cloud.running.cloud.store;
    let tenant = TenantId(cloud.client.id);
    let mut ids = vec![];
    // Two calls long ago, and two checks since then that brought none.
    for calls in [true, true, false, false] {
        let mut row = entity::verification::Model {
            id: 0,
            client_id: tenant.0,
            attack_id: 1,
            vuln_id: Some(5),
            group_key: "g".to_owned(),
            host: "http://shop.test".to_owned(),
            forced: false,
            misses: 0,
            state: "pending".to_owned(),
            outcome: None,
            due_ms: 0,
            created_at: 1000,
            started_at: Some(1000),
            finished_at: Some(1000),
        }
        .into_active_model();
        row.id = NotSet;
        let row = row.insert(store.writer()).await.unwrap();
        if calls {
            let call = entity::verification_callback::Model {
                token: format!("token{}", row.id),
                client_id: 0,
                verification_id: row.id,
                called_at: 1000,
                source: "192.0.2.1".to_owned(),
                method: "GET".to_owned(),
                user_agent: String::new(),
            };
            store.note_callback(call).await.unwrap();
        }
        ids.push(row.id);
        let mut row = row.into_active_model();
        row.state = Set("done".to_owned());
        row.update(store.writer()).await.unwrap();
    }
    store.purge_verifications(2000).await.unwrap();
    let left = entity::verification::Entity::find().all(store.writer()).await.unwrap();
    assert_eq!(left.iter().map(|row| row.id).collect::<Vec<_>>(), [ids[1], ids[3]]);
    let calls = callbacks_of_vuln(store.writer(), tenant, 5, 10).await.unwrap();
    assert_eq!(calls.iter().map(|call| call.verification_id).collect::<Vec<_>>(), [ids[1]]);
}

#[tokio::test]
async fn a_flaw_that_was_fixed_is_closed_after_three_checks_and_opens_when_it_is_back() {
    let shop = Shop::start().await;
    let cloud = cloud_for(&shop, |_| {}).await;
    let admin = cloud.admin_pair().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    switch(&cloud, &admin, json!({"attack_rechecker_mode": "on", "vuln_rechecker_mode": "on"})).await;
    node.upload(&cloud, &[attack_on("x", recent(&cloud), "xss", "/search")]).await;
    assert_eq!(ended(&cloud, &admin, json!({})).await, ["vuln_found"]);
    let vuln = vulns(&cloud, &admin).await[0].clone();
    assert_eq!((&vuln["status"], &vuln["vuln_recheck_type"]), (&json!("open"), &json!("auto")));

    shop.is_fixed.store(true, Ordering::SeqCst);
    let recheck = json!({"id": vuln["id"]});
    assert_eq!(
        cloud.post(&admin, "/v1/objects/vuln/recheck", recheck.clone()).await.body(),
        json!({"status": "queued"})
    );
    // Ten minutes lie between the checks: each time the first request is a neutral value.
    let checks = || shop.asked().iter().filter(|(uri, _)| is_neutral(uri)).count();
    let before = checks();
    for expected in 1..=3 {
        let waited = tokio::time::timeout(PATIENCE, async {
            while checks() < before + expected {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        });
        waited.await.expect("no further check");
        if expected < 3 {
            assert_eq!(vulns(&cloud, &admin).await[0]["status"], "open");
            wait_for_a_miss(&cloud, i64::try_from(expected).unwrap()).await;
            cloud.running.cloud.clock.shift_ms(600_000);
        }
    }
    let closed = vuln_becomes(&cloud, &admin, |vuln| vuln["status"] == "closed").await;
    assert!(closed["invalidate_time"].is_i64() && closed["last_check"].is_i64());

    shop.is_fixed.store(false, Ordering::SeqCst);
    // A proof of the second in which it was closed may be older than that.
    cloud.running.cloud.clock.shift_ms(5_000);
    cloud.post(&admin, "/v1/objects/vuln/recheck", recheck).await.body();
    vuln_becomes(&cloud, &admin, |vuln| vuln["status"] == "open").await;
    assert_eq!(vulns(&cloud, &admin).await.len(), 1);
    let detail = cloud.get(&admin, &format!("/v1/security_issues/{}", vuln["id"])).await.json();
    let history: Vec<&str> = detail["status_history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["comment"].as_str().unwrap())
        .collect();
    assert_eq!(
        history,
        ["Found by active verification", "Not reproduced by active verification", "Seen again"]
    );
}

/// The text without the number that every check chooses anew.
fn without_word(text: &str) -> String {
    let Some((before, after)) = text.split_once("bz") else { return text.to_owned() };
    format!("{before}bz[word]{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
}

fn is_neutral(uri: &Uri) -> bool {
    let value = uri.query().unwrap_or_default().split('&').next().unwrap_or_default();
    value.strip_prefix("q=bz").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

async fn wait_for_a_miss(cloud: &TestCloud, misses: i64) {
    use bartizan_store::sea_orm::EntityTrait;
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            let rows =
                entity::verification::Entity::find().all(cloud.running.cloud.store.writer()).await.unwrap();
            if rows.iter().any(|row| row.vuln_id.is_some() && row.misses >= misses) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    waited.await.expect("the miss is not noted");
}

#[tokio::test]
async fn what_is_called_false_while_it_waits_is_not_asked_any_more() {
    let shop = Shop::start().await;
    let cloud = cloud_for(&shop, |_| {}).await;
    let admin = cloud.admin_pair().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    switch(&cloud, &admin, json!({"attack_rechecker_mode": "on", "vuln_rechecker_mode": "on"})).await;
    node.upload(&cloud, &[attack_on("x", recent(&cloud), "xss", "/search")]).await;
    assert_eq!(ended(&cloud, &admin, json!({})).await, ["vuln_found"]);
    let id = vulns(&cloud, &admin).await[0]["id"].clone();
    shop.is_fixed.store(true, Ordering::SeqCst);
    cloud.post(&admin, "/v1/objects/vuln/recheck", json!({"id": id})).await.body();
    wait_for_a_miss(&cloud, 1).await;
    cloud.post(&admin, "/v1/objects/vuln/falsepositive", json!({"id": id})).await.body();
    let asked = shop.asked().len();
    cloud.running.cloud.clock.shift_ms(600_000);
    let waited = tokio::time::timeout(PATIENCE, async {
        while checks_of_vulns(&cloud).await.iter().any(|row| row.outcome.is_none()) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    waited.await.expect("the check does not end");
    let outcomes: Vec<_> =
        checks_of_vulns(&cloud).await.into_iter().map(|row| row.outcome.unwrap()).collect();
    assert_eq!(outcomes, ["vuln_found", "skipped"]);
    assert_eq!(shop.asked().len(), asked);
    assert_eq!(vulns(&cloud, &admin).await[0]["status"], "falsepositive");
    assert_eq!(cloud.post(&admin, "/v1/objects/vuln/recheck", json!({"id": id})).await.status, 400);
}

#[tokio::test]
async fn a_redirect_to_another_host_is_not_followed() {
    let (shop, other) = (Shop::start().await, Shop::start().await);
    let to = other.url.trim_start_matches("http://").parse().unwrap();
    *shop.callback.lock().unwrap() = Some(to);
    let cloud = cloud_for(&shop, |_| {}).await;
    let admin = cloud.admin_pair().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    switch(&cloud, &admin, json!({"attack_rechecker_mode": "on"})).await;
    // A path that reads like another authority stays a path.
    let now = recent(&cloud);
    let mut strange = attack_on("s", now, "xss", "/search");
    let uri = strange["raw"]["uri"].as_str().unwrap().replace("/search", &format!("@{to}/search"));
    strange["raw"]["uri"] = json!(uri);
    node.upload(&cloud, &[attack_on("x", now, "xss", "/moved"), strange]).await;
    ended(&cloud, &admin, json!({})).await;
    assert!(shop.asked().iter().any(|(uri, _)| uri.path() == "/moved"));
    assert!(other.asked().is_empty(), "{:?}", other.asked());
}

#[tokio::test]
async fn an_inner_address_is_not_asked_though_it_is_a_target() {
    let shop = Shop::start().await;
    let cloud = cloud_for(&shop, |config| config.outgoing.allowed_networks = vec![]).await;
    let admin = cloud.admin_pair().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    switch(&cloud, &admin, json!({"attack_rechecker_mode": "on"})).await;
    node.upload(&cloud, &[attack_on("x", recent(&cloud), "xss", "/search")]).await;
    assert_eq!(ended(&cloud, &admin, json!({})).await, ["connect_failed"]);
    assert!(shop.asked().is_empty() && vulns(&cloud, &admin).await.is_empty());
}

#[tokio::test]
async fn an_hour_has_so_many_checks() {
    let shop = Shop::start().await;
    let cloud = cloud_for(&shop, |config| config.verification.checks_per_hour = 1).await;
    let admin = cloud.admin_pair().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    switch(&cloud, &admin, json!({"attack_rechecker_mode": "on"})).await;
    let now = recent(&cloud);
    let events = [attack_on("x", now, "xss", "/search"), attack_on("s", now, "sqli", "/items")];
    node.upload(&cloud, &events).await;
    let done = async || attacks(&cloud, &admin, json!({"recheck_status": "vuln_found"})).await.len();
    let postponed = async || {
        use bartizan_store::sea_orm::EntityTrait;
        let rows =
            entity::verification::Entity::find().all(cloud.running.cloud.store.writer()).await.unwrap();
        rows.iter().any(|row| row.state == "pending" && row.due_ms > cloud.running.cloud.clock.now_ms())
    };
    let waited = tokio::time::timeout(PATIENCE, async {
        while done().await != 1 || !postponed().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    waited.await.expect("not exactly one is checked");
    cloud.running.cloud.clock.shift_ms(3_700_000);
    assert_eq!(ended(&cloud, &admin, json!({})).await, ["vuln_found", "vuln_found"]);
}

/// On PostgreSQL whatever database the other tests use: an embedded one belongs to one process.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_check_each_attack_once() {
    let database = tokio::task::spawn_blocking(bartizan_testkit::postgres::fresh_database).await.unwrap();
    let shop = Shop::start().await;
    let cloud = cloud_for(&shop, |config| config.database.url = database).await;
    let mut config = cloud.running.cloud.config.clone();
    config.database.url = config.database_url();
    config.listen.address = "127.0.0.1:0".parse().unwrap();
    let second = RunningCloud::start(config).await.unwrap();
    let admin = cloud.admin_pair().await;
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let now = recent(&cloud);
    let events: Vec<Value> =
        (0..6).map(|at| attack_on(&format!("x{at}"), now, "xss", &format!("/none/{at}"))).collect();
    node.upload(&cloud, &events).await;
    switch(&cloud, &admin, json!({"attack_rechecker_mode": "on"})).await;
    second.cloud.verification.notify_one();
    cloud.running.cloud.verification.notify_one();
    assert_eq!(ended(&cloud, &admin, json!({})).await, ["vuln_not_found"; 6]);
    use bartizan_store::sea_orm::EntityTrait;
    let rows = entity::verification::Entity::find().all(cloud.running.cloud.store.writer()).await.unwrap();
    assert_eq!(rows.len(), 6, "nothing was queued twice");
    let checks = shop.asked().iter().filter(|(uri, _)| is_neutral(uri)).count();
    assert_eq!(checks, 6, "nothing was checked twice");
    second.shutdown().await;
}
