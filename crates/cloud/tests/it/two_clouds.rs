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
            "region": "eu1", "label": "EU", "mail": false,
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
    let cloud = TestCloud::start().await;
    let (second, url) = second_process(&cloud).await;
    let session = cloud.sign_in("admin@acme.test").await;
    let old = cloud.admin_pair().await;
    let made = cloud.post(&session, "/v1/api_tokens", json!({"name": "CI"})).await.body();
    let token = Credential::Token(made["token"].as_str().unwrap().to_owned());
    // Both processes know both credentials.
    for credential in [&old, &token] {
        assert_eq!((status(&cloud.url, credential).await, status(&url, credential).await), (200, 200));
    }
    cloud.post(&session, "/v1/user/credentials/renew", json!({"password": PASSWORD})).await.body();
    assert_eq!(status(&cloud.url, &old).await, 403);
    becomes(&url, &old, 403).await;
    let path = format!("/v1/api_tokens/{}", made["id"]);
    let narrow = json!({"permissions": ["view_user"]});
    cloud.call(&session, Method::PUT, &path, Some(&narrow)).await.body();
    assert_eq!(status(&cloud.url, &token).await, 403);
    becomes(&url, &token, 403).await;
    let wide = json!({"permissions": ["view_application"]});
    cloud.call(&session, Method::PUT, &path, Some(&wide)).await.body();
    becomes(&url, &token, 200).await;
    cloud.call(&session, Method::PUT, &path, Some(&json!({"enabled": false}))).await.body();
    becomes(&url, &token, 403).await;
    let seen: Value = cloud.get(&session, &path).await.body();
    assert_eq!(seen["last_used_ip"], "127.0.0.1");
    second.shutdown().await;
}
