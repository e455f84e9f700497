//! The cloud's side of `/node/v1`, spoken by the real types, and what the node makes of it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bartizan_api::node::{
    BUNDLE_FORMAT, BundleEntry, BundleKind, Event, EventsRequest, EventsResponse, HeartbeatRequest,
    HeartbeatResponse, Intervals, ListEntry, ListName, ListsResponse, Manifest, RegisterResponse,
    RulesetLimits, WatchResponse,
};
use bartizan_rules::{HintSource, RulesetSource};
use bytes::Bytes;
use ed25519_dalek::{Signer as _, SigningKey};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::harness::{Options, Setup, eventually};

const SQLI: &str = "/search?q=1%27%20union%20select%20password%20from%20users--";

#[derive(Default)]
pub(crate) struct Content {
    seq: i64,
    hints: Vec<HintSource>,
    version: i64,
    /// Damage done to the next bundles.
    forged: bool,
    pub(crate) lists: Vec<ListEntry>,
    pub(crate) lists_seq: i64,
    events: BTreeMap<String, Value>,
    deliveries: usize,
    refuse_events: Option<StatusCode>,
    max_events: usize,
    /// What batches with more events are answered.
    too_many: StatusCode,
    refuse_heartbeats: bool,
    refuse_bundles: bool,
    limits: RulesetLimits,
    heartbeats: Vec<HeartbeatRequest>,
    pub(crate) registrations: usize,
    pub(crate) unregistrations: usize,
}

impl Content {
    /// The next bundle is signed by a stranger.
    pub(crate) fn forge(&mut self) {
        self.forged = true;
        self.version += 1;
    }

    /// Hits that arrived, by their identity.
    pub(crate) fn hits(&self) -> impl Iterator<Item = &Value> {
        self.events.values()
    }

    /// Hits that arrived.
    pub(crate) fn hit_count(&self) -> usize {
        self.events.len()
    }
}

struct Shared {
    content: Mutex<Content>,
    changed: Notify,
    key: SigningKey,
}

pub(crate) struct Cloud {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Cloud {
    pub(crate) async fn start() -> Cloud {
        let content = Content { version: 1, max_events: usize::MAX, ..Content::default() };
        let shared = Shared {
            content: Mutex::new(content),
            changed: Notify::new(),
            key: SigningKey::from_bytes(&[7; 32]),
        };
        Cloud::serve(Arc::new(shared), "127.0.0.1:0".parse().unwrap()).await
    }

    async fn serve(shared: Arc<Shared>, address: SocketAddr) -> Cloud {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            // Connections end with the server, as they would with its process.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let shared = Arc::clone(&served);
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        let shared = Arc::clone(&shared);
                        async move { Ok::<_, Infallible>(answer(&shared, request).await) }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Cloud { address, shared, task }
    }

    /// Stops answering; what it holds stays.
    async fn go_away(self) -> (Arc<Shared>, SocketAddr) {
        let kept = (Arc::clone(&self.shared), self.address);
        self.task.abort();
        while !self.task.is_finished() {
            tokio::task::yield_now().await;
        }
        kept
    }

    /// Hits of the attack that the tests send.
    pub(crate) fn hits(&self) -> usize {
        self.request_ids().len()
    }

    /// Their requests, one entry per hit.
    pub(crate) fn request_ids(&self) -> Vec<String> {
        self.content(|content| {
            let hits = content.events.values().filter(|hit| hit["attack_type"] == "sqli");
            hits.map(|hit| hit["request_id"].as_str().unwrap_or_default().to_owned()).collect()
        })
    }

    pub(crate) fn content<T>(&self, read: impl FnOnce(&mut Content) -> T) -> T {
        read(&mut self.shared.content.lock().unwrap())
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Content)) {
        self.content(|content| {
            change(content);
            content.seq += 1;
        });
        self.shared.changed.notify_waiters();
    }

    pub(crate) fn set_hints(&self, hints: Vec<HintSource>) {
        self.change(|content| {
            content.hints = hints;
            content.version += 1;
        });
    }

    /// Replaces all entries of all lists.
    pub(crate) fn set_entries(&self, mut entries: Vec<ListEntry>) {
        self.change(|content| {
            content.lists_seq += 1;
            for entry in &mut entries {
                entry.id = content.lists_seq;
            }
            content.lists = entries;
        });
    }

    pub(crate) fn set_list(&self, list: ListName, value: &str) {
        self.change(|content| {
            content.lists_seq += 1;
            content.lists = vec![ListEntry {
                id: content.lists_seq,
                list,
                kind: "ip".into(),
                value: value.into(),
                apps: None,
                attack_type: None,
                expires_at: None,
            }];
        });
    }
}

fn ok(value: impl Serialize) -> Response<Full<Bytes>> {
    Response::new(Full::new(Bytes::from(serde_json::to_vec(&value).unwrap())))
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}

fn bundle(shared: &Shared) -> (BundleEntry, Vec<u8>) {
    let content = shared.content.lock().unwrap();
    let source = RulesetSource { version: content.version, clientid: 8, hints: content.hints.clone() };
    let bytes = serde_json::to_vec(&source).unwrap();
    let sha256 = hex::encode(Sha256::digest(&bytes));
    let text = BundleEntry::signed_text(BundleKind::Ruleset, 8, content.version, BUNDLE_FORMAT, &sha256);
    let key = if content.forged { SigningKey::from_bytes(&[9; 32]) } else { shared.key.clone() };
    let entry = BundleEntry {
        kind: BundleKind::Ruleset,
        version: content.version,
        format: BUNDLE_FORMAT,
        size: bytes.len() as u64,
        sha256,
        sig: hex::encode(key.sign(text.as_bytes()).to_bytes()),
        url: format!("/node/v1/bundle/ruleset/{}", content.version),
    };
    (entry, bytes)
}

async fn answer(shared: &Shared, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let since = request.uri().query().and_then(|query| query.strip_prefix("since=")?.parse::<i64>().ok());
    let authorized = match path.as_str() {
        "/node/v1/register" => {
            request.headers().get("x-wallarmapi-token").is_some_and(|token| token == "t0ken")
        }
        _ => request.headers().get("authorization").is_some_and(|value| value == "Node node-uuid:s3cret"),
    };
    if !authorized {
        return status(StatusCode::UNAUTHORIZED);
    }
    let body = request.into_body().collect().await.unwrap().to_bytes();
    match path.as_str() {
        "/node/v1/register" => {
            shared.content.lock().unwrap().registrations += 1;
            ok(RegisterResponse {
                uuid: "node-uuid".into(),
                secret: "s3cret".into(),
                clientid: 8,
                group_id: 1,
                partner_mode: false,
                signing_keys: vec![hex::encode(shared.key.verifying_key().as_bytes())],
                intervals: Intervals { heartbeat_s: 1, sync_s: 3600 },
            })
        }
        "/node/v1/unregister" => {
            shared.content.lock().unwrap().unregistrations += 1;
            status(StatusCode::NO_CONTENT)
        }
        "/node/v1/heartbeat" => {
            let mut content = shared.content.lock().unwrap();
            content.heartbeats.push(serde_json::from_slice(&body).unwrap());
            if content.refuse_heartbeats {
                return status(StatusCode::SERVICE_UNAVAILABLE);
            }
            ok(HeartbeatResponse { desired: BTreeMap::new() })
        }
        "/node/v1/manifest" => {
            let entry = bundle(shared).0;
            let content = shared.content.lock().unwrap();
            ok(Manifest { seq: content.seq, bundles: vec![entry], limits: content.limits.clone() })
        }
        "/node/v1/lists" => {
            let content = shared.content.lock().unwrap();
            let full = since == Some(0);
            let del = if full { vec![] } else { (1..content.lists_seq).collect() };
            ok(ListsResponse { seq: content.lists_seq, full, add: content.lists.clone(), del })
        }
        "/node/v1/watch" => watch(shared, since.unwrap_or(0)).await,
        "/node/v1/events" => events(shared, &body),
        path if path.starts_with("/node/v1/bundle/ruleset/") => {
            if shared.content.lock().unwrap().refuse_bundles {
                return status(StatusCode::INTERNAL_SERVER_ERROR);
            }
            Response::new(Full::new(Bytes::from(bundle(shared).1)))
        }
        _ => status(StatusCode::NOT_FOUND),
    }
}

async fn watch(shared: &Shared, since: i64) -> Response<Full<Bytes>> {
    let deadline = Instant::now() + Duration::from_secs(55);
    loop {
        let changed = shared.changed.notified();
        let seq = shared.content.lock().unwrap().seq;
        if seq > since {
            return ok(WatchResponse { seq, changed: vec!["ruleset".into(), "iplists".into()] });
        }
        if tokio::time::timeout_at(deadline.into(), changed).await.is_err() {
            return ok(WatchResponse { seq, changed: vec![] });
        }
    }
}

fn events(shared: &Shared, body: &[u8]) -> Response<Full<Bytes>> {
    let batch: EventsRequest = serde_json::from_slice(body).unwrap();
    let mut content = shared.content.lock().unwrap();
    content.deliveries += 1;
    if let Some(refusal) = content.refuse_events {
        return status(refusal);
    }
    if batch.events.len() > content.max_events {
        return status(content.too_many);
    }
    for event in batch.events {
        let Event::Hit(hit) = event else { continue };
        assert_eq!(hit.node_uuid, "node-uuid");
        content.events.insert(hit.event_id.clone(), serde_json::to_value(&*hit).unwrap());
    }
    ok(EventsResponse { acked_seq: batch.seq, rejected: vec![] })
}

pub(crate) fn hint(id: i64, kind: &str, action: Value, fields: Value) -> HintSource {
    HintSource {
        id,
        kind: kind.into(),
        action,
        updated_at: 1,
        fields: match fields {
            Value::Object(fields) => fields,
            _ => serde_json::Map::new(),
        },
    }
}

pub(crate) async fn with_cloud(cloud: &Cloud, mode: &str) -> Setup {
    let setup = Setup::new(Options { mode, cloud: Some(cloud), ..Options::default() }).await;
    assert!(setup.node.wait_synced(Duration::from_secs(20)).await);
    setup
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_reach_the_cloud_once_and_leave_the_spool() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    for _ in 0..5 {
        assert_eq!(setup.status(SQLI).await, 403);
    }
    eventually("five hits in the cloud", || async {
        cloud.content(|c| c.events.values().filter(|hit| hit["attack_type"] == "sqli").count()) == 5
    })
    .await;
    eventually("the spool is drained", || async { setup.stats().await["spool"]["pending"] == 0 }).await;
    eventually("a heartbeat counts them", || async {
        cloud.content(|c| c.heartbeats.iter().filter_map(|beat| beat.stats.get("blocked")).sum::<u64>()) == 5
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_change_is_enforced_within_a_second() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    assert_eq!(setup.status("/?card=1").await, 200);
    let begin = Instant::now();
    cloud.set_hints(vec![hint(
        1,
        "vpatch",
        json!([]),
        json!({ "attack_type": "any", "point": [["get", "card"]] }),
    )]);
    eventually("the virtual patch blocks in monitoring", || async { setup.status("/?card=1").await == 403 })
        .await;
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
    assert_eq!(setup.status("/?other=1").await, 200);
    cloud.set_hints(vec![hint(2, "wallarm_mode", json!([]), json!({ "mode": "block" }))]);
    eventually("the mode of the cloud holds", || async { setup.status(SQLI).await == 403 }).await;
    assert_eq!(setup.status("/?card=1").await, 200);
    eventually("hits have both modes", || async {
        let both = |hit: &Value| hit["mode"] == "block" && hit["context"]["local_mode"] == "monitoring";
        cloud.content(|c| c.events.values().any(both))
    })
    .await;
    eventually("the hits are marked", || async {
        cloud.content(|c| {
            c.events
                .values()
                .any(|hit| hit["attack_type"] == "vpatch" && hit["parameter"] == "GET_card_value")
        })
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_refuse_and_pass_sources() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    cloud.set_list(ListName::Deny, "127.0.0.0/8");
    eventually("the denylist is enforced", || async { setup.status("/").await == 403 }).await;
    eventually("it is reported", || async {
        cloud.content(|c| {
            c.events.values().any(|hit| hit["attack_type"] == "blocked_source" && hit["ip_blocked"] == true)
        })
    })
    .await;
    cloud.set_list(ListName::Allow, "127.0.0.1");
    eventually("the allowlist is in force", || async { setup.status("/").await == 200 }).await;
    cloud.set_hints(vec![hint(1, "wallarm_mode", json!([]), json!({ "mode": "block" }))]);
    eventually("rules are in force", || async { setup.node.ruleset_version() == 2 }).await;
    assert_eq!(setup.status(SQLI).await, 200);
    cloud.set_hints(vec![hint(1, "wallarm_mode", json!([]), json!({ "mode": "safe_blocking" }))]);
    cloud.set_list(ListName::Gray, "127.0.0.1");
    eventually("graylisted sources are blocked in safe blocking", || async {
        setup.status(SQLI).await == 403
    })
    .await;
    assert_eq!(setup.status("/").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn forged_bundle_is_refused_and_the_old_rules_stay() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    cloud.set_hints(vec![hint(1, "wallarm_mode", json!([]), json!({ "mode": "block" }))]);
    eventually("rules are in force", || async { setup.node.ruleset_version() == 2 }).await;
    cloud.change(|content| {
        content.forged = true;
        content.version += 1;
        content.hints = vec![hint(1, "wallarm_mode", json!([]), json!({ "mode": "off" }))];
    });
    let metrics = format!("http://{}/metrics", setup.node.status_address());
    eventually("the refusal is counted", || async {
        let text = setup.http.get(&metrics).send().await.unwrap().text().await.unwrap();
        text.contains("bartizan_node_bundle_apply_errors_total 1")
    })
    .await;
    assert_eq!(setup.node.ruleset_version(), 2);
    assert_eq!(setup.status(SQLI).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_beyond_the_limits_of_the_tenant_is_refused_and_told() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    cloud.set_hints(vec![hint(1, "wallarm_mode", json!([]), json!({ "mode": "block" }))]);
    eventually("rules are in force", || async { setup.node.ruleset_version() == 2 }).await;
    let off = || vec![hint(1, "wallarm_mode", json!([]), json!({ "mode": "off" }))];
    let limits = [
        (RulesetLimits { max_size: Some(20), ..RulesetLimits::default() }, "are more than max_lom_size, 20"),
        (RulesetLimits { min_format: Some(55), ..RulesetLimits::default() }, "is below min_lom_format, 55"),
        (RulesetLimits { max_format: Some(53), ..RulesetLimits::default() }, "is above max_lom_format, 53"),
    ];
    for (version, (limits, told)) in (3..).zip(limits) {
        cloud.content(|content| content.limits = limits);
        cloud.set_hints(off());
        eventually("the refusal is told", || async {
            cloud.content(|content| {
                let errors = content.heartbeats.iter().flat_map(|heartbeat| &heartbeat.errors);
                errors.into_iter().any(|text| {
                    text.starts_with(&format!("ruleset {version} is refused: ")) && text.ends_with(told)
                })
            })
        })
        .await;
        assert_eq!((setup.node.ruleset_version(), setup.status(SQLI).await), (2, 403));
        let instances = setup.stats().await["proton_instances"].clone();
        assert_eq!((&instances["fallback"], &instances["success"]), (&instances["total"], &json!(0)));
    }
    cloud.content(|content| {
        content.limits =
            RulesetLimits { max_size: Some(10_240_000), min_format: Some(50), max_format: Some(54) };
    });
    cloud.set_hints(off());
    eventually("it is in force", || async { setup.node.ruleset_version() == 6 }).await;
    assert_eq!(setup.status(SQLI).await, 200);
    let instances = setup.stats().await["proton_instances"].clone();
    assert_eq!((&instances["fallback"], &instances["success"]), (&json!(0), &instances["total"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_bundle_is_refused_however_well_it_is_signed() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    let vpatch = json!({ "attack_type": "any", "point": [["get", "card"]] });
    cloud.set_hints(vec![hint(1, "vpatch", json!([]), vpatch)]);
    eventually("the virtual patch is in force", || async { setup.status("/?card=1").await == 403 }).await;
    cloud.change(|content| {
        content.hints.clear();
        content.version -= 1;
    });
    let metrics = format!("http://{}/metrics", setup.node.status_address());
    eventually("the refusal is counted", || async {
        let text = setup.http.get(&metrics).send().await.unwrap().text().await.unwrap();
        text.contains("bartizan_node_bundle_apply_errors_total 1")
    })
    .await;
    assert_eq!(setup.status("/?card=1").await, 403);
    assert_eq!(setup.node.ruleset_version(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn node_works_and_starts_while_the_cloud_is_away() {
    let cloud = Cloud::start().await;
    cloud.set_hints(vec![hint(1, "wallarm_mode", json!([]), json!({ "mode": "block" }))]);
    let setup = with_cloud(&cloud, "monitoring").await;
    let (shared, address) = cloud.go_away().await;
    assert_eq!(setup.status(SQLI).await, 403);
    let (state, upstream) = setup.stop().await;
    // A dead port stands in for the cloud that is away: the address is the same, nobody listens.
    let away = Cloud { address, shared: Arc::clone(&shared), task: tokio::spawn(async {}) };
    let options = Options {
        mode: "monitoring",
        cloud: Some(&away),
        state: Some(state),
        upstream: Some(upstream),
        ..Options::default()
    };
    let setup = Setup::new(options).await;
    assert_eq!(setup.node.ruleset_version(), 2);
    assert_eq!(setup.status(SQLI).await, 403);
    let back = Cloud::serve(shared, address).await;
    eventually("both hits arrive once the cloud is back", || async {
        back.content(|c| c.events.values().filter(|hit| hit["attack_type"] == "sqli").count()) == 2
    })
    .await;
    assert_eq!(back.content(|c| c.registrations), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_ruleset_on_disk_is_set_aside() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    cloud.set_hints(vec![hint(1, "wallarm_mode", json!([]), json!({ "mode": "block" }))]);
    eventually("rules are in force", || async { setup.node.ruleset_version() == 2 }).await;
    let (state, upstream) = setup.stop().await;
    let (shared, address) = cloud.go_away().await;
    let path = state.path().join("state/bundles/ruleset/2.json");
    std::fs::write(&path, b"{}").unwrap();
    let away = Cloud { address, shared, task: tokio::spawn(async {}) };
    let options =
        Options { cloud: Some(&away), state: Some(state), upstream: Some(upstream), ..Options::default() };
    let setup = Setup::new(options).await;
    assert_eq!(setup.node.ruleset_version(), 1);
    assert!(path.with_extension("corrupt").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_batches_are_kept_split_and_sent_again() {
    let cloud = Cloud::start().await;
    cloud.change(|content| content.refuse_events = Some(StatusCode::SERVICE_UNAVAILABLE));
    let setup = with_cloud(&cloud, "block").await;
    for _ in 0..8 {
        assert_eq!(setup.status(SQLI).await, 403);
    }
    eventually("the cloud was asked", || async { cloud.content(|c| c.deliveries) > 0 }).await;
    cloud.change(|content| {
        content.refuse_events = None;
        content.max_events = 2;
        content.too_many = StatusCode::PAYLOAD_TOO_LARGE;
    });
    eventually("all hits arrive in small batches", || async {
        cloud.content(|c| c.events.values().filter(|hit| hit["attack_type"] == "sqli").count()) == 8
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_not_understood_holds_up_nothing_and_loses_nothing() {
    let cloud = Cloud::start().await;
    cloud.change(|content| content.refuse_events = Some(StatusCode::BAD_REQUEST));
    let setup = with_cloud(&cloud, "block").await;
    for _ in 0..8 {
        assert_eq!(setup.status(SQLI).await, 403);
    }
    let arrived = || cloud.content(|c| c.events.values().filter(|hit| hit["attack_type"] == "sqli").count());
    // Whole events wait, also alone: what is wrong is not theirs.
    eventually("the cloud was asked again", || async { cloud.content(|c| c.deliveries) > 3 }).await;
    assert_eq!(arrived(), 0);
    cloud.change(|content| {
        content.refuse_events = None;
        content.max_events = 1;
        content.too_many = StatusCode::BAD_REQUEST;
    });
    eventually("each hit arrives alone", || async { arrived() == 8 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_find_hide_and_mask_at_their_points() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    let point = |name: &str| json!([["get", name]]);
    cloud.set_hints(vec![
        hint(
            1,
            "regex",
            json!([]),
            json!({ "regex": "forbidden", "attack_type": "rce", "point": point("a"), "regex_id": 77 }),
        ),
        hint(2, "disable_attack_type", json!([]), json!({ "attack_type": "sqli", "point": point("b") })),
        hint(3, "sensitive_data", json!([]), json!({ "point": point("c") })),
    ]);
    eventually("rules are in force", || async { setup.node.ruleset_version() == 2 }).await;
    let attack = "1%27%20union%20select%20password%20from%20users--";
    assert_eq!(setup.status("/?a=very-forbidden-thing").await, 403);
    assert_eq!(setup.status("/?z=very-forbidden-thing").await, 200);
    assert_eq!(setup.status(&format!("/?b={attack}")).await, 200);
    assert_eq!(setup.status(&format!("/?c={attack}")).await, 403);
    eventually("hits of both rules arrive", || async {
        cloud.content(|c| {
            let hit = |parameter: &str| c.events.values().find(|hit| hit["parameter"] == parameter).cloned();
            hit("GET_a_value").is_some_and(|hit| hit["regex"] == json!([77]) && hit["attack_type"] == "rce")
                && hit("GET_c_value")
                    .is_some_and(|hit| hit["value"] == "" && hit["raw"]["uri"] == "/?c=********")
        })
    })
    .await;
    // A repeated parameter is still that parameter.
    assert_eq!(setup.status("/?a=very-forbidden-thing&a=").await, 403);
    let leaked = cloud.content(|c| {
        c.events.values().any(|hit| hit["parameter"] == "GET_c_value" && hit.to_string().contains("password"))
    });
    assert!(!leaked);
}

#[tokio::test(flavor = "multi_thread")]
async fn hits_say_where_the_sign_stands_in_what_is_recorded() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    cloud.set_hints(vec![hint(1, "sensitive_data", json!([]), json!({ "point": [["get", "pin"]] }))]);
    eventually("rules are in force", || async { setup.node.ruleset_version() == 2 }).await;
    let attack = "x%27%20union%20select%20password%20from%20users--";
    // Masked before the sign, behind it, and the sign itself.
    for query in [
        format!("a={attack}"),
        format!("pin=1&b={attack}"),
        format!("c={attack}&pin=1"),
        format!("pin={attack}"),
    ] {
        assert_eq!(setup.status(&format!("/?{query}")).await, 403);
    }
    let send = setup.http.post(setup.url("/")).header("content-type", "application/json");
    let sent = send.body("{\"d\":\"äx' union select password from users--\"}").send().await.unwrap();
    assert_eq!(sent.status(), 403);
    eventually("all are uploaded", || async { cloud.hits() == 5 }).await;
    let text = |hit: &Value, part: &str| {
        let place = &hit["sign_place"]["request"];
        assert_eq!(place["part"], part, "{hit}");
        let at = |index: usize| usize::try_from(place["span"][index].as_u64().unwrap()).unwrap();
        let recorded = hit["raw"][part].as_str().unwrap().chars();
        recorded.skip(at(0)).take(at(1) - at(0)).collect::<String>()
    };
    cloud.content(|c| {
        let hit = |parameter: &str| c.events.values().find(|hit| hit["parameter"] == parameter).unwrap();
        for parameter in ["GET_a_value", "GET_c_value"] {
            assert!(text(hit(parameter), "uri").starts_with("union%20select"), "{}", hit(parameter));
        }
        for parameter in ["GET_a_value", "GET_b_value"] {
            assert_eq!(hit(parameter)["sign_place"]["value"][0], 3, "{}", hit(parameter));
        }
        assert_eq!(hit("GET_b_value")["sign_place"]["request"], Value::Null);
        assert!(hit("GET_pin_value").get("sign_place").is_none());
        let body = c.events.values().find(|hit| hit["raw"]["body"] != "").unwrap();
        assert!(text(body, "body").starts_with("union select"), "{body}");
        // Bytes there, characters here.
        assert_eq!((&body["sign_place"]["value"][0], &body["payload_span"][0]), (&json!(5), &json!(4)));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn list_entry_ends_on_time_while_the_cloud_is_away() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    cloud.set_list(ListName::Deny, "127.0.0.1");
    cloud.change(|content| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        content.lists_seq += 1;
        content.lists[0].id = content.lists_seq;
        content.lists[0].expires_at = Some(i64::try_from(now.as_secs()).unwrap() + 3);
    });
    eventually("the denylist is enforced", || async {
        setup.stats().await["lists_seq"] == 2 && setup.status("/").await == 403
    })
    .await;
    let _away = cloud.go_away().await;
    eventually("the entry has ended", || async { setup.status("/").await == 200 }).await;
    assert_eq!(setup.status(SQLI).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_behind_a_deleted_segment_are_sent_and_the_loss_is_counted() {
    let cloud = Cloud::start().await;
    cloud.change(|content| content.refuse_events = Some(StatusCode::SERVICE_UNAVAILABLE));
    let setup = with_cloud(&cloud, "block").await;
    assert_eq!(setup.status(SQLI).await, 403);
    let segments = || {
        let entries = std::fs::read_dir(setup.state_dir().join("spool")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|end| end == "seg")).collect::<Vec<_>>()
    };
    // The answer does not wait for the disk.
    eventually("the hit is in the spool", || async { !setup.spooled().is_empty() }).await;
    for path in segments() {
        std::fs::remove_file(path).unwrap();
    }
    // What was read before its segment went must not arrive from memory: the cloud refuses until the loss is noticed.
    eventually("the loss is counted", || async { setup.stats().await["requests_lost"].as_u64() > Some(0) })
        .await;
    cloud.change(|content| content.refuse_events = None);
    // Lists, rules and heartbeats go on, and so do events.
    cloud.set_hints(vec![]);
    eventually("rules are in force", || async { setup.node.ruleset_version() == 2 }).await;
    assert_eq!(setup.status(SQLI).await, 403);
    assert_eq!(segments().len(), 1);
    eventually("the next hit arrives", || async { cloud.hits() == 1 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_into_force_although_rules_cannot_be_fetched() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    cloud.change(|content| content.refuse_bundles = true);
    cloud.set_hints(vec![]);
    cloud.set_list(ListName::Deny, "127.0.0.1");
    eventually("the source is refused", || async { setup.status("/").await == 403 }).await;
    assert_eq!(setup.node.ruleset_version(), 1);
    cloud.change(|content| content.refuse_bundles = false);
    eventually("rules are in force", || async { setup.node.ruleset_version() == 2 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_go_on_where_they_were_when_the_link_restarts() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    // One whose answer the restart cut off is sent again as it was, and counts once.
    let beats = || {
        cloud.content(|c| {
            let mut beats = BTreeMap::new();
            for beat in &c.heartbeats {
                let requests = beat.stats.get("requests").copied().unwrap_or(0);
                let known = beats.insert(beat.seq, (beat.startid.clone(), requests));
                assert!(known.is_none_or(|known| known == (beat.startid.clone(), requests)), "{}", beat.seq);
            }
            beats
        })
    };
    let told = || beats().values().map(|(_, requests)| requests).sum::<u64>();
    for _ in 0..3 {
        setup.status("/").await;
    }
    eventually("the requests are told", || async { told() == 3 }).await;
    setup.edit(|text| text.replace("token = \"t0ken\"", "token = \"t0ken\"\nlabels = { zone = \"b\" }"));
    setup.node.reload().await.unwrap();
    setup.status("/").await;
    eventually("one more is told", || async { told() == 4 }).await;
    let beats = beats();
    assert!(beats.iter().zip(1..).all(|((seq, _), at)| *seq == at), "{beats:?}");
    assert!(beats.values().all(|(start, _)| *start == beats[&1].0), "{beats:?}");
    assert_eq!(told(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeat_that_was_not_answered_is_sent_again_as_it_was() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    let mut refused = 0;
    cloud.change(|content| {
        content.refuse_heartbeats = true;
        refused = content.heartbeats.iter().map(|beat| beat.seq).max().unwrap_or(0) + 1;
    });
    let requests = |seq: u64| {
        cloud.content(|c| {
            let beats = c.heartbeats.iter().filter(|beat| beat.seq == seq);
            beats.map(|beat| beat.stats.get("requests").copied().unwrap_or(0)).collect::<Vec<_>>()
        })
    };
    let last = || cloud.content(|c| c.heartbeats.iter().map(|beat| beat.seq).max().unwrap_or(0));
    setup.status("/").await;
    eventually("it is sent twice", || async { requests(refused).len() > 1 }).await;
    setup.status("/").await;
    cloud.change(|content| content.refuse_heartbeats = false);
    eventually("the next one is sent", || async { last() > refused }).await;
    let beats = requests(refused);
    assert!(beats.iter().all(|count| *count == beats[0]), "{beats:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_and_oddly_written_masked_parameters_are_in_no_event() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    cloud.set_hints(vec![hint(1, "sensitive_data", json!([]), json!({ "point": [["get", "card no"]] }))]);
    eventually("rules are in force", || async { setup.node.ruleset_version() == 2 }).await;
    for query in
        ["card+no=k3pt-s3cret", "a=1;card+no=k3pt-s3cret%27%20or%201%3D1--", "card%20no[x]=k3pt-s3cret"]
    {
        assert_eq!(setup.status(&format!("{SQLI}&{query}")).await, 403);
    }
    let login = |kind: &str, body: &str| {
        let request = setup.http.post(setup.url(SQLI)).header("content-type", kind).body(body.to_owned());
        async move { request.send().await.unwrap().status() }
    };
    for (kind, body) in [
        ("application/x-www-form-urlencoded", "user=a&pass%77ord=k3pt-s3cret%27%20or%201%3D1--"),
        ("application/json", r#"{"user":{"name":"a","Password" : "k3pt-s3cret' or 1=1--"}}"#),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nk3pt-s3cret' or 1=1--\r\n--b--\r\n",
        ),
    ] {
        assert_eq!(login(kind, body).await, 403, "{kind}");
    }
    assert_eq!(
        setup
            .status("/login?user=a&password=k3pt-s3cret%27%20union%20select%20password%20from%20users--")
            .await,
        403
    );
    eventually("all are uploaded", || async {
        let requests: std::collections::BTreeSet<_> = cloud.request_ids().into_iter().collect();
        requests.len() == 7
    })
    .await;
    let uploaded = cloud.content(|content| format!("{:?}", content.events));
    assert!(uploaded.contains("union") && !uploaded.contains("k3pt-s3cret"), "{uploaded}");
    let names = cloud.content(|content| content.hits().filter(|hit| hit["raw"]["body"] != "").count());
    assert!(names > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn masked_values_are_in_no_file_and_no_upload() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    cloud.set_hints(vec![hint(1, "sensitive_data", json!([]), json!({ "point": [["get", "pin"]] }))]);
    eventually("rules are in force", || async { setup.node.ruleset_version() == 2 }).await;
    let attack =
        setup.http.get(setup.url(&format!("{SQLI}&pin=k3pt-s3cret"))).header("cookie", "session=k3pt-s3cret");
    assert_eq!(attack.send().await.unwrap().status(), 403);
    let mut folders = vec![setup.state_dir()];
    let mut spooled = false;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                assert!(memchr::memmem::find(&bytes, b"k3pt-s3cret").is_none(), "{}", path.display());
                spooled |= memchr::memmem::find(&bytes, b"union").is_some();
            }
        }
    }
    assert!(spooled);
    eventually("the hit is uploaded", || async { cloud.hits() == 1 }).await;
    let uploaded = cloud.content(|content| format!("{:?}", content.events));
    assert!(uploaded.contains("union") && !uploaded.contains("k3pt-s3cret"));
}
