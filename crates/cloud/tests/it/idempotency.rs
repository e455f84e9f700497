use bartizan_store::{
    entity::idempotent_answer::Model,
    idempotency::{KeyTaken, Lease},
};
use bartizan_testkit::{Credential, Reply, TestCloud};
use reqwest::Method;
use serde_json::{Value, json};

const REFUSED: &str = "the Idempotency-Key was sent with another request";

async fn send(
    cloud: &TestCloud,
    by: &Credential,
    method: Method,
    path: &str,
    key: &str,
    body: &Value,
) -> Reply {
    cloud.call_with(by, method, path, &[("Idempotency-Key", key)], Some(body)).await
}

fn settings(cloud: &TestCloud) -> String {
    format!("/v1/clients/{}/settings", cloud.client.id)
}

async fn updates(cloud: &TestCloud, by: &Credential) -> usize {
    let query = "filter[object_types][]=settings&filter[outcomes][]=success";
    let log = cloud.get(by, &format!("/v1/activity_log/{}/events?{query}", cloud.client.id)).await.body();
    log["objects"].as_array().unwrap().len()
}

fn replayed(reply: &Reply) -> Option<&str> {
    reply.headers.get("idempotency-replayed").map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_change_that_is_sent_again_is_answered_again() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let (path, body) = (settings(&cloud), json!({"idle_timeout": 1800}));
    let first = send(&cloud, &admin, Method::PUT, &path, "k-1", &body).await;
    assert_eq!((first.status, replayed(&first)), (200, None));
    // Somebody changes it meanwhile: the second time says what the first said, and undoes nothing.
    cloud.call(&admin, Method::PUT, &path, Some(&json!({"idle_timeout": 3600}))).await.body();
    let second = send(&cloud, &admin, Method::PUT, &path, "k-1", &body).await;
    assert_eq!((second.status, replayed(&second)), (200, Some("true")));
    assert_eq!(second.text, first.text);
    assert_eq!(second.headers["content-type"], first.headers["content-type"]);
    assert_eq!(cloud.get(&admin, &path).await.body()["idle_timeout"], 3600);
    assert_eq!(updates(&cloud, &admin).await, 2);
    insta::assert_json_snapshot!(second.json());
    // A day later the key is new.
    cloud.running.cloud.clock.shift_ms(86_400_000);
    let third = send(&cloud, &admin, Method::PUT, &path, "k-1", &body).await;
    assert_eq!((third.status, replayed(&third)), (200, None));
    assert_eq!(cloud.get(&admin, &path).await.body()["idle_timeout"], 1800);
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_credential() {
    let cloud = TestCloud::start().await;
    let (admin, session) = (cloud.admin_pair().await, cloud.sign_in("admin@acme.test").await);
    let (path, body) = (settings(&cloud), json!({"idle_timeout": 1800}));
    send(&cloud, &admin, Method::PUT, &path, "k-1", &body).await.body();
    let other_body = send(&cloud, &admin, Method::PUT, &path, "k-1", &json!({"idle_timeout": 900})).await;
    let other_query = send(&cloud, &admin, Method::PUT, &format!("{path}?x=1"), "k-1", &body).await;
    let enabling = json!({"filter": {"id": cloud.admin.id}});
    let other_path = send(&cloud, &admin, Method::POST, "/v1/objects/user/enabling", "k-1", &enabling).await;
    for reply in [other_body, other_query, other_path] {
        assert_eq!(reply.json(), json!({"status": 400, "body": {"error": REFUSED, "value": "k-1"}}));
    }
    let by_session = send(&cloud, &session, Method::PUT, &path, "k-1", &body).await;
    assert_eq!((by_session.status, replayed(&by_session)), (200, None));
    // What did not succeed is tried again.
    let wrong = json!({"idle_timeout": 1});
    for _ in 0..2 {
        let reply = send(&cloud, &admin, Method::PUT, &path, "k-2", &wrong).await;
        assert_eq!((reply.status, replayed(&reply)), (400, None));
    }
    assert_eq!(send(&cloud, &admin, Method::PUT, &path, "k-2", &body).await.status, 200);
}

#[tokio::test]
async fn of_two_at_once_one_is_handled() {
    let cloud = TestCloud::start().await;
    let admin = cloud.admin_pair().await;
    let (path, body) = (settings(&cloud), json!({"idle_timeout": 1800}));
    let one = || send(&cloud, &admin, Method::PUT, &path, "k-1", &body);
    let replies = futures_util::future::join_all((0..8).map(|_| one())).await;
    let handled = replies.iter().filter(|reply| reply.status == 200 && replayed(reply).is_none()).count();
    assert_eq!(handled, 1);
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        assert_eq!(
            (reply.status, reply.headers["retry-after"].to_str().unwrap()),
            (409, "1"),
            "{}",
            reply.text
        );
    }
    assert_eq!(updates(&cloud, &admin).await, 1);
}

#[tokio::test]
async fn keys_are_checked_bounded_and_never_keep_secrets() {
    let cloud = TestCloud::start_with(|config| config.limits.idempotency_keys = 2).await;
    let (admin, session) = (cloud.admin_pair().await, cloud.sign_in("admin@acme.test").await);
    let (path, body) = (settings(&cloud), json!({"idle_timeout": 1800}));
    for key in ["", "a b", &"x".repeat(65)] {
        let reply = send(&cloud, &admin, Method::PUT, &path, key, &body).await;
        assert_eq!((reply.status, &reply.json()["body"]["value"]), (400, &json!("Idempotency-Key")), "{key}");
    }
    let token = send(&cloud, &session, Method::POST, "/v1/api_tokens", "k", &json!({"name": "CI"})).await;
    assert_eq!((token.status, &token.json()["body"]["value"]), (400, &json!("Idempotency-Key")));
    let listed = cloud.get(&session, "/v1/api_tokens").await;
    assert!(!listed.text.contains("\"CI\""), "{}", listed.text);
    // The public API knows no such header.
    let pool = json!({"name": "Shop"});
    for _ in 0..2 {
        let reply = send(&cloud, &admin, Method::POST, "/v1/objects/pool/create", "k", &pool).await;
        assert_eq!((reply.status, replayed(&reply)), (200, None));
    }
    for (key, status) in [("k-1", 200), ("k-2", 200), ("k-3", 429), ("k-1", 200)] {
        assert_eq!(send(&cloud, &admin, Method::PUT, &path, key, &body).await.status, status, "{key}");
    }
    cloud.running.cloud.clock.shift_ms(86_400_000);
    bartizan_cloud::services::accounts::clean(&cloud.running.cloud).await;
    let left = bartizan_store::privacy::count(
        cloud.running.cloud.store.reader(),
        bartizan_store::TenantId(cloud.client.id),
        "idempotent_answers",
    );
    assert_eq!(left.await.unwrap(), 0);
}

#[tokio::test]
async fn only_who_holds_a_key_ends_it() {
    let cloud = TestCloud::start().await;
    let store = &cloud.running.cloud.store;
    let now = cloud.running.cloud.now();
    let take = async |at: i64| {
        let row = Model {
            credential: "user:1".to_owned(),
            key: "k".to_owned(),
            client_id: cloud.client.id,
            request_mac: String::new(),
            status: None,
            answer: None,
            expires_at: at + 300,
        };
        let taken = store.take_idempotency_key(row, 10, at).await.unwrap();
        (taken, Lease { credential: "user:1".to_owned(), key: "k".to_owned(), until: at + 300 })
    };
    let (first, slow) = take(now).await;
    let (second, holder) = take(now + 300).await;
    assert_eq!((first, second), (KeyTaken::New, KeyTaken::New));
    // The slow one comes to its end when somebody else has the key.
    store.give_idempotency_key_back(&slow).await.unwrap();
    store.keep_idempotent_answer(&slow, 201, None, now + 86_400).await.unwrap();
    let (KeyTaken::Before(row), _) = take(now + 301).await else { panic!("the key is free") };
    assert_eq!((row.status, row.expires_at), (None, holder.until));
    // An answer that was kept stays.
    store.keep_idempotent_answer(&holder, 200, None, now + 86_400).await.unwrap();
    store.give_idempotency_key_back(&holder).await.unwrap();
    store.give_idempotency_key_back(&Lease { until: now + 86_400, ..holder }).await.unwrap();
    let (KeyTaken::Before(row), _) = take(now + 302).await else { panic!("the key is free") };
    assert_eq!(row.status, Some(200));
}
