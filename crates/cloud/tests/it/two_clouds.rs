//! Two clouds that know nothing of each other, and two processes of one cloud.

use bartizan_cloud::RunningCloud;
use bartizan_testkit::{Credential, PATIENCE, TestCloud, cloud::PASSWORD};
use reqwest::Method;
use serde_json::{Value, json};

async fn cloud_of(region: &str, label: &str) -> TestCloud {
    TestCloud::start_with(|config| {
        config.region = region.to_owned();
        config.label = label.to_owned();
        let other = bartizan_cloud::config::OtherCloud {
            label: "Elsewhere".to_owned(),
            console_url: "https://my.elsewhere.test".to_owned(),
        };
        config.public.clouds = vec![other];
    })
    .await
}

#[tokio::test]
async fn neither_cloud_accepts_what_the_other_made() {
    let (us, eu) = (cloud_of("us1", "US").await, cloud_of("eu1", "EU").await);
    us.add_user(us.client.id, "only@us.test", &["admin"]).await;
    let session = us.sign_in("only@us.test").await;
    let token = us.post(&session, "/v1/api_tokens", json!({"name": "CI"})).await.body();
    let token = Credential::Token(token["token"].as_str().unwrap().to_owned());
    let node = us.post(&session, "/v2/node", json!({"hostname": "n", "type": "cloud_node"})).await.body();
    let node_token = Credential::Token(node["token"].as_str().unwrap().to_owned());
    let register = json!({"hostname": "n-1", "labels": {}, "version": "0.1.0", "role": "proxy"});
    let registered = us.post(&node_token, "/node/v1/register", register.clone()).await.json();
    let text = |name: &str| registered[name].as_str().unwrap().to_owned();
    let instance = Credential::Node(text("uuid"), text("secret"));
    let pair = us.admin_pair().await;
    for credential in [&session, &token, &pair] {
        assert_eq!(us.get(credential, "/v1/user").await.status, 200);
        assert!(matches!(eu.get(credential, "/v1/user").await.status, 401 | 403));
    }
    assert_eq!(us.get(&instance, "/node/v1/manifest").await.status, 200);
    assert_eq!(eu.get(&instance, "/node/v1/manifest").await.status, 401);
    assert_eq!(eu.post(&node_token, "/node/v1/register", register).await.status, 403);
    let sign_in = json!({"username": "only@us.test", "password": PASSWORD});
    assert_eq!(eu.post(&Credential::Anonymous, "/v1/login", sign_in).await.status, 401);
    let options = eu.get(&Credential::Anonymous, "/v1/login/options").await.body();
    assert_eq!(
        options,
        json!({
            "region": "eu1", "label": "EU", "mail": false, "signup": false,
            "clouds": [{"label": "Elsewhere", "console_url": "https://my.elsewhere.test"}],
        })
    );
}

/// A second process on the database and keys of the first.
async fn second_process(cloud: &TestCloud) -> (RunningCloud, String) {
    let mut config = cloud.running.cloud.config.clone();
    config.database.url = config.database_url();
    config.listen.address = "127.0.0.1:0".parse().unwrap();
    let second = RunningCloud::start(config).await.unwrap();
    let url = format!("http://{}", second.address);
    (second, url)
}

async fn status(url: &str, credential: &Credential) -> u16 {
    let request = reqwest::Client::new().post(format!("{url}/v1/objects/pool")).json(&json!({}));
    let request = match credential {
        Credential::Pair(uuid, secret) => {
            request.header("X-WallarmAPI-UUID", uuid).header("X-WallarmAPI-Secret", secret)
        }
        Credential::Token(token) => request.header("X-WallarmApi-Token", token),
        Credential::Cookie(cookie, csrf) => {
            request.header("Cookie", cookie).header("X-CSRF-Token", csrf).header("Origin", url)
        }
        other => panic!("{other:?}"),
    };
    request.send().await.unwrap().status().as_u16()
}

/// Waits until a process answers so.
async fn becomes(url: &str, credential: &Credential, expected: u16) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while status(url, credential).await != expected {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "{url} does not answer {expected}");
}

#[tokio::test]
async fn what_one_process_ends_ends_in_the_other() {
    end_each(TestCloud::start().await).await;
}

/// On PostgreSQL whatever database the other tests use.
#[tokio::test]
async fn what_one_process_ends_ends_in_the_other_on_postgresql() {
    let database = tokio::task::spawn_blocking(bartizan_testkit::postgres::fresh_database).await.unwrap();
    end_each(TestCloud::start_with(|config| config.database.url = database).await).await;
}

/// Ends each kind of credential in one process, in each way, and waits until the other one knows.
async fn end_each(cloud: TestCloud) {
    let (second, url) = second_process(&cloud).await;
    let session = cloud.sign_in("admin@acme.test").await;
    let user = cloud.add_user(cloud.client.id, "eve@acme.test", &["admin"]).await;
    let (hers, her_pair) = (cloud.sign_in("eve@acme.test").await, cloud.pair_of(&user).await);
    let make = async |by: &Credential| {
        let made = cloud.post(by, "/v1/api_tokens", json!({"name": "CI"})).await.body();
        (Credential::Token(made["token"].as_str().unwrap().to_owned()), made["id"].clone())
    };
    let (old, (token, id), (hers_too, _)) =
        (cloud.admin_pair().await, make(&session).await, make(&hers).await);
    let works = async |credential: &Credential| {
        assert_eq!((status(&cloud.url, credential).await, status(&url, credential).await), (200, 200));
    };
    let ends = async |credential: &Credential, expected: u16| {
        assert_eq!(status(&cloud.url, credential).await, expected);
        becomes(&url, credential, expected).await;
    };
    for credential in [&old, &token, &hers, &her_pair, &hers_too] {
        works(credential).await;
    }
    // Renewal.
    cloud.post(&session, "/v1/user/credentials/renew", json!({"password": PASSWORD})).await.body();
    ends(&old, 403).await;
    let path = format!("/v1/api_tokens/{id}");
    let renewed = cloud.post(&session, &format!("{path}/renew"), json!({})).await.body();
    ends(&token, 403).await;
    let token = Credential::Token(renewed["token"].as_str().unwrap().to_owned());
    works(&token).await;
    // Rights of a token, and its activity.
    let put = async |body: Value| cloud.call(&session, Method::PUT, &path, Some(&body)).await.body();
    put(json!({"permissions": ["view_user"]})).await;
    ends(&token, 403).await;
    put(json!({"permissions": ["view_application"]})).await;
    becomes(&url, &token, 200).await;
    put(json!({"enabled": false})).await;
    ends(&token, 403).await;
    let seen: Value = cloud.get(&session, &path).await.body();
    assert_eq!(seen["last_used_ip"], "127.0.0.1");
    // The role of a user, which bounds sessions, keys and tokens alike.
    let change = async |fields: Value| {
        let body = json!({"filter": {"id": user.id}, "fields": fields});
        cloud.post(&session, "/v1/objects/user/update", body).await.body();
    };
    change(json!({"permissions": ["view_user"]})).await;
    for credential in [&hers, &her_pair, &hers_too] {
        ends(credential, 403).await;
    }
    change(json!({"permissions": ["admin"]})).await;
    for credential in [&hers, &her_pair, &hers_too] {
        becomes(&url, credential, 200).await;
    }
    change(json!({"enabled": false})).await;
    ends(&hers, 401).await;
    ends(&her_pair, 403).await;
    ends(&hers_too, 403).await;
    // A session that signs out.
    works(&session).await;
    cloud.post(&session, "/v1/logout", json!({})).await.body();
    ends(&session, 401).await;
    second.shutdown().await;
}

#[tokio::test]
async fn two_processes_count_failed_authentications_together() {
    let database = tokio::task::spawn_blocking(bartizan_testkit::postgres::fresh_database).await.unwrap();
    let cloud = TestCloud::start_with(|config| {
        config.database.url = database;
        config.limits.failed_authentications_per_minute_credential = 4;
    })
    .await;
    let (second, url) = second_process(&cloud).await;
    let wrong = Credential::Pair(cloud.admin.uuid.clone(), "0".repeat(64));
    let mut answers = vec![];
    for url in [&cloud.url, &url, &cloud.url, &url, &url, &cloud.url] {
        answers.push(status(url, &wrong).await);
    }
    assert_eq!(answers, [403, 403, 403, 403, 429, 429]);
    second.shutdown().await;
}

/// Asks one process again and again until it is told to end: what it admitted, what it refused, and for how long this
/// machine stood still.
async fn ask(
    url: String,
    credential: Credential,
    until: std::time::Instant,
) -> (u32, u32, std::time::Duration) {
    let Credential::Pair(uuid, secret) = credential else { unreachable!() };
    let client = reqwest::Client::new();
    let (mut admitted, mut refused) = (0, 0);
    let (mut last, mut still) = (std::time::Instant::now(), std::time::Duration::ZERO);
    while std::time::Instant::now() < until {
        let request = client.get(format!("{url}/v1/user")).header("X-WallarmAPI-UUID", &uuid);
        let answer = request.header("X-WallarmAPI-Secret", &secret).send().await.unwrap();
        assert_eq!(answer.headers()["ratelimit-limit"], "50");
        match answer.status().as_u16() {
            200 => admitted += 1,
            429 => {
                assert!(answer.headers().contains_key("retry-after"));
                refused += 1;
            }
            other => panic!("{other}"),
        }
        // What was due meanwhile does not fit into the bucket.
        still += last.elapsed().saturating_sub(std::time::Duration::from_millis(250));
        last = std::time::Instant::now();
    }
    (admitted, refused, still)
}

/// On PostgreSQL whatever database the other tests use: an embedded one belongs to one process.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_hold_the_limit_of_a_client_together() {
    let database = tokio::task::spawn_blocking(bartizan_testkit::postgres::fresh_database).await.unwrap();
    let cloud = TestCloud::start_with(|config| {
        config.database.url = database;
        (config.limits.requests_per_second, config.limits.request_burst) = (50, 50);
    })
    .await;
    const SECONDS: u64 = 8;
    let pair = cloud.admin_pair().await;
    let (second, url) = second_process(&cloud).await;
    let met = tokio::time::timeout(PATIENCE, async {
        while cloud.running.cloud.limits.processes() != 2 || second.cloud.limits.processes() != 2 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    met.await.expect("the processes do not know of each other");
    let begin = std::time::Instant::now();
    let until = begin + std::time::Duration::from_secs(SECONDS);
    // One is asked by three at once, the other by one.
    let askers = [&cloud.url, &cloud.url, &cloud.url, &url]
        .map(|url| tokio::spawn(ask(url.clone(), pair.clone(), until)));
    let (mut admitted, mut refused, mut still) = (0, 0, std::time::Duration::ZERO);
    for asker in askers {
        let (some, others, stood) = asker.await.unwrap();
        (admitted, refused, still) = (admitted + some, refused + others, still.max(stood));
    }
    // A full bucket and what came in meanwhile, however long that was.
    let allowed = 50.0 + 50.0 * begin.elapsed().as_secs_f64();
    assert!(refused > 0, "nothing was refused of {admitted}");
    assert!(f64::from(admitted) <= 1.1 * allowed, "{admitted} of {allowed} were admitted");
    assert!(still.as_secs() < SECONDS / 2, "this machine stood still for {still:?}");
    // What one process does not use is for the other.
    let due = 50.0 + 50.0 * (SECONDS as f64 - still.as_secs_f64());
    assert!(
        f64::from(admitted) >= 0.9 * due,
        "{admitted} of {due} were admitted, {still:?} without a request"
    );
    second.shutdown().await;
}

#[tokio::test]
async fn two_processes_hold_the_limit_of_sign_ins_together() {
    let database = tokio::task::spawn_blocking(bartizan_testkit::postgres::fresh_database).await.unwrap();
    let cloud = TestCloud::start_with(|config| {
        config.database.url = database;
        config.limits.password_checks_per_minute = 4;
    })
    .await;
    let (second, url) = second_process(&cloud).await;
    let client = reqwest::Client::new();
    let mut answers = vec![];
    for url in [&cloud.url, &url, &cloud.url, &url, &url, &cloud.url] {
        let body = json!({"username": "admin@acme.test", "password": "wrong"});
        let answer = client.post(format!("{url}/v1/login")).json(&body).send().await.unwrap();
        if answer.status() == 429 {
            let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=15).contains(&wait), "{wait}");
        }
        answers.push(answer.status().as_u16());
    }
    assert_eq!(answers, [401, 401, 401, 401, 429, 429]);
    second.shutdown().await;
}
