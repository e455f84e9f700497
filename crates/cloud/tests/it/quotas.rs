//! Quotas: off unless the operator defines them; what follows from using more, and trials by signed tokens.

use bartizan_cloud::services::{delivery, quotas};
use bartizan_testkit::{Credential, Reply, TestCloud, receiver::Receiver, smtp::MailServer};
use chrono::{Datelike, Days, Months, NaiveDate};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{billing::operator, events::TestNode, letters, sso};

pub(crate) mod users;

const CLOSED: (u16, &str) = (402, r#"{"status":402,"body":"Payment required"}"#);

fn refusal(reply: &Reply) -> (u16, &str) {
    (reply.status, &reply.text)
}

/// The day in the cloud.
fn today(cloud: &TestCloud) -> NaiveDate {
    chrono::DateTime::from_timestamp(cloud.running.cloud.now(), 0).unwrap().date_naive()
}

/// Sets the clock ahead to a day of the month after this one: what a test does must not run into its end.
fn set_day_of_next_month(cloud: &TestCloud, day: u32) {
    let then = today(cloud).with_day(1).unwrap().checked_add_months(Months::new(1)).unwrap();
    let then = then.checked_add_days(Days::new(u64::from(day) - 1)).unwrap();
    let then = then.and_time(chrono::NaiveTime::MIN).and_utc().timestamp();
    cloud.running.cloud.clock.shift_ms((then - cloud.running.cloud.now()) * 1000);
}

async fn heartbeat(cloud: &TestCloud, node: &TestNode, seq: u64, requests: u64) {
    let credential = Credential::Node(node.uuid.clone(), node.secret.clone());
    let beat =
        json!({"startid": "a", "seq": seq, "uptime_s": 30, "versions": {}, "stats": {"requests": requests}});
    assert_eq!(cloud.post(&credential, "/node/v1/heartbeat", beat).await.status, 200);
    // The minute is over, and so is the time in which others write what was in it.
    cloud.running.cloud.clock.shift_ms(240_000);
    quotas::refresh(&cloud.running.cloud).await.unwrap();
}

/// The hints that a node runs by.
async fn hints(cloud: &TestCloud, node: &TestNode) -> Value {
    let credential = Credential::Node(node.uuid.clone(), node.secret.clone());
    let manifest = cloud.get(&credential, "/node/v1/manifest").await.json();
    let url = manifest["bundles"][0]["url"].as_str().unwrap().to_owned();
    let bundle = cloud.get(&credential, &url).await.json();
    assert_eq!(bundle["version"], manifest["bundles"][0]["version"]);
    bundle
}

fn is_off(bundle: &Value) -> bool {
    let hints = bundle["hints"].as_array().unwrap();
    hints.len() == 1 && hints[0]["fields"]["mode"] == "off" && hints[0]["action"] == json!([])
}

#[tokio::test]
async fn beyond_the_quota_console_and_integrations_are_closed_and_beyond_twice_as_much_protection_ends() {
    let receiver = Receiver::start().await;
    let cloud = TestCloud::start_with(|config| {
        config.billing.requests_per_month = 100;
        config.outgoing.allowed_networks = vec!["127.0.0.0/8".parse().unwrap()];
        config.outgoing.plain_http = true;
    })
    .await;
    set_day_of_next_month(&cloud, 10);
    let (admin, node) = (cloud.admin_pair().await, TestNode::register(&cloud, cloud.client.id).await);
    let body = json!({"type": "web_hooks", "active": true, "target": {"url": receiver.url},
        "events": [{"event": "system", "active": true}]});
    let id = cloud.post(&admin, "/v2/integration", body).await.body()["object"]["id"].clone();
    // Its own creation.
    receiver.next().await;
    heartbeat(&cloud, &node, 1, 100).await;
    let session = cloud.sign_in("admin@acme.test").await;
    assert_eq!(cloud.post(&session, "/v1/objects/pool", json!({})).await.status, 200);
    heartbeat(&cloud, &node, 2, 1).await;
    // Nothing but seeing that it is so, and the own account.
    assert_eq!(refusal(&cloud.post(&session, "/v1/objects/pool", json!({})).await), CLOSED);
    assert_eq!(refusal(&cloud.get(&session, "/v2/integration").await), CLOSED);
    assert_eq!(refusal(&cloud.get(&admin, "/v2/integration").await), CLOSED);
    let subscriptions = format!("/v1/clients/{}/billing/subscriptions", cloud.client.id);
    for path in
        ["/v1/session", "/v1/user", "/v1/sessions", "/v1/api_tokens", "/v1/billing/plans", &subscriptions]
    {
        assert_eq!(cloud.get(&session, path).await.status, 200, "{path}");
    }
    // What fell into wrong hands can be ended, and nothing else is made.
    let token = json!({"name": "x", "permissions": ["view_attack"]});
    assert_eq!(refusal(&cloud.post(&session, "/v1/api_tokens", token).await), CLOSED);
    for (method, path) in [
        (Method::DELETE, "/v1/sessions/999999"),
        (Method::DELETE, "/v1/api_tokens/999999"),
        (Method::POST, "/v1/session/reauth"),
        (Method::POST, "/v1/user/email"),
    ] {
        let body = (method == Method::POST).then(|| json!({}));
        let reply = cloud.call(&session, method, path, body.as_ref()).await;
        assert!((400..500).contains(&reply.status) && reply.status != 402, "{path}: {}", reply.text);
    }
    // Programs go on, and nodes protect.
    cloud.post(&admin, "/v1/objects/pool/create", json!({"name": "Shop"})).await.body();
    delivery::pass(&cloud.running.cloud).await.unwrap();
    assert!(receiver.now().await.is_none());
    let before = hints(&cloud, &node).await;
    assert!(!is_off(&before));
    heartbeat(&cloud, &node, 3, 100).await;
    let off = hints(&cloud, &node).await;
    assert!(is_off(&off), "{off}");
    assert!(off["version"].as_i64() > before["version"].as_i64());
    let log = format!("/v1/activity_log/{}/events?filter[object_types][]=subscription", cloud.client.id);
    let entries = cloud.get(&admin, &log).await.body();
    let states: Vec<_> =
        entries["objects"].as_array().unwrap().iter().map(|entry| entry["diff"]["quota"].clone()).collect();
    assert_eq!(
        states,
        [json!({"old": "closed", "new": "unprotected"}), json!({"old": "open", "new": "closed"})]
    );
    // With the month everything opens.
    set_day_of_next_month(&cloud, 1);
    quotas::refresh(&cloud.running.cloud).await.unwrap();
    let listed = cloud.get(&admin, &format!("/v2/integration/{id}/deliveries?limit=1")).await.body();
    let told = &listed["object"][0];
    assert_eq!(
        (&told["state"], &told["last_error"], &told["attempts"]),
        (&json!("dead"), &json!("the monthly quota of requests is used up"), &json!(0))
    );
    let after = hints(&cloud, &node).await;
    assert!(!is_off(&after) && after["version"].as_i64() > off["version"].as_i64());
    let session = cloud.sign_in("admin@acme.test").await;
    assert_eq!(cloud.post(&session, "/v1/objects/pool", json!({})).await.status, 200);
}

#[tokio::test]
async fn what_nodes_keep_while_builds_are_off_comes_back_under_a_higher_number() {
    let cloud = TestCloud::start_with(|config| config.billing.requests_per_month = 10).await;
    set_day_of_next_month(&cloud, 10);
    let (admin, node) = (cloud.admin_pair().await, TestNode::register(&cloud, cloud.client.id).await);
    let settings = format!("/v2/client/{}/rules/settings", cloud.client.id);
    let stop = json!({"lom_disabled": true});
    assert_eq!(cloud.call(&admin, Method::PUT, &settings, Some(&stop)).await.status, 200);
    let kept = hints(&cloud, &node).await;
    heartbeat(&cloud, &node, 1, 21).await;
    let off = hints(&cloud, &node).await;
    assert!(is_off(&off));
    set_day_of_next_month(&cloud, 1);
    quotas::refresh(&cloud.running.cloud).await.unwrap();
    let back = hints(&cloud, &node).await;
    assert_eq!(back["hints"], kept["hints"]);
    assert!(back["version"].as_i64() > off["version"].as_i64());
}

#[tokio::test]
async fn administrators_are_told_by_letter_once_for_each_limit() {
    let mail = MailServer::start().await;
    let cloud = letters::start_with_mail(&mail, |config| config.billing.requests_per_month = 100).await;
    set_day_of_next_month(&cloud, 10);
    cloud.add_user(cloud.client.id, "root@acme.test", &["admin_ext"]).await;
    cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let gone = cloud.add_user(cloud.client.id, "gone@acme.test", &["admin"]).await;
    let off = json!({"filter": {"id": [gone.id]}});
    cloud.post(&cloud.admin_pair().await, "/v1/objects/user/disabling", off).await.body();
    let node = TestNode::register(&cloud, cloud.client.id).await;
    let told = async |says: &str| {
        // Letters of one moment go out side by side.
        let mut letters = [mail.next().await, mail.next().await];
        letters.sort_by(|one, two| one.to.cmp(&two.to));
        let to = letters.each_ref().map(|letter| letter.to.join(","));
        assert_eq!(to, ["admin@acme.test", "root@acme.test"]);
        for letter in &letters {
            assert!(letter.data.contains("Subject: The quota of this month is used up"), "{}", letter.data);
            let text = letters::text(letter);
            assert!(text.split_whitespace().collect::<Vec<_>>().join(" ").contains(says), "{text}");
        }
    };
    heartbeat(&cloud, &node, 1, 100).await;
    assert!(mail.now().await.is_none());
    heartbeat(&cloud, &node, 2, 1).await;
    told("more than the 100 requests of this month's quota. The Console and integrations are closed").await;
    heartbeat(&cloud, &node, 3, 50).await;
    assert!(mail.now().await.is_none(), "it was told already");
    heartbeat(&cloud, &node, 4, 50).await;
    told("more than twice the 100 requests of this month's quota. They let requests pass uninspected").await;
    // A new month begins with nothing used and nothing told.
    set_day_of_next_month(&cloud, 1);
    heartbeat(&cloud, &node, 5, 7).await;
    assert!(mail.now().await.is_none());
}

#[tokio::test]
async fn a_subscription_in_force_has_quotas_of_its_own() {
    let cloud = TestCloud::start_with(|config| {
        config.billing.requests_per_month = 10;
        config.billing.max_users = 1;
    })
    .await;
    set_day_of_next_month(&cloud, 10);
    let (operator, admin) = (operator(&cloud).await, cloud.admin_pair().await);
    let node = TestNode::register(&cloud, cloud.client.id).await;
    heartbeat(&cloud, &node, 1, 50).await;
    assert_eq!(refusal(&cloud.get(&admin, "/v2/integration").await), CLOSED);
    let user = json!({"email": "eve@acme.test", "realname": "Eve Low", "permissions": ["auditor"], "password": "Correct1horse"});
    assert_eq!(refusal(&cloud.post(&admin, "/v1/objects/user/create", user.clone()).await), CLOSED);
    let invitation = json!({"email": "bob@acme.test", "permissions": ["auditor"], "send": false});
    assert_eq!(refusal(&cloud.post(&admin, "/v1/invitations", invitation.clone()).await), CLOSED);
    let path = format!("/v1/clients/{}/billing/subscriptions", cloud.client.id);
    for wrong in [json!({"requests_per_month": -1}), json!({"max_users": "three"})] {
        let reply = cloud.post(&operator, &path, json!({"plan_id": 1, "properties": wrong})).await;
        assert!(reply.status == 400 && reply.text.contains("must be a whole number"), "{}", reply.text);
    }
    let quotas = json!({"requests_per_month": 1000, "max_users": 2});
    let made = cloud.post(&operator, &path, json!({"plan_id": 1, "properties": quotas})).await;
    assert_eq!(made.status, 200, "{}", made.text);
    quotas::refresh(&cloud.running.cloud).await.unwrap();
    assert_eq!(cloud.get(&admin, "/v2/integration").await.status, 200);
    let link = cloud.post(&admin, "/v1/invitations", invitation).await.body();
    cloud.post(&admin, "/v1/objects/user/create", user).await.body();
    // The place that the invitation was for is taken.
    let token = link["url"].as_str().unwrap().split('#').next_back().unwrap();
    let accept = json!({"token": token, "realname": "Bob Low", "password": "Correct1horse"});
    assert_eq!(refusal(&cloud.post(&Credential::Anonymous, "/v1/invitations/accept", accept).await), CLOSED);
}

#[tokio::test]
async fn who_looks_after_other_clients_goes_on() {
    let cloud = TestCloud::start_with(|config| {
        config.billing.requests_per_month = 10;
        config.billing.max_users = 1;
    })
    .await;
    set_day_of_next_month(&cloud, 10);
    let operator = operator(&cloud).await;
    let (home, linked) = cloud.add_global_account().await;
    cloud.add_user(home.id, "global@home.test", &["partner_admin"]).await;
    cloud.add_user(linked.id, "root@linked.test", &["admin"]).await;
    let node = TestNode::register(&cloud, linked.id).await;
    heartbeat(&cloud, &node, 1, 50).await;
    let (global, root) = (cloud.sign_in("global@home.test").await, cloud.sign_in("root@linked.test").await);
    let settings = format!("/v2/client/{}/rules/settings", linked.id);
    assert_eq!(refusal(&cloud.get(&root, &settings).await), CLOSED);
    assert_eq!(cloud.get(&global, &settings).await.status, 200);
    // The home of global users has as many as it likes, unless a subscription says otherwise.
    let create = async |email: &str, client: i64| {
        let user = json!({"email": email, "realname": "Eve Low", "permissions": ["auditor"],
            "password": "Correct1horse", "clientid": client});
        cloud.post(&global, "/v1/objects/user/create", user).await
    };
    assert_eq!(refusal(&create("eve@linked.test", linked.id).await), CLOSED);
    assert_eq!(create("eve@home.test", home.id).await.status, 200);
    let path = format!("/v1/clients/{}/billing/subscriptions", home.id);
    let sold = json!({"plan_id": 1, "properties": {"max_users": 2}});
    assert_eq!(cloud.post(&operator, &path, sold).await.status, 200);
    assert_eq!(refusal(&create("bob@home.test", home.id).await), CLOSED);
}

#[tokio::test]
async fn trials_can_be_sold_by_signed_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let (good, other) = (sso::key("good"), sso::key("good"));
    std::fs::write(&path, json!({"keys": [good.jwk]}).to_string()).unwrap();
    let cloud = TestCloud::start_with(|config| config.billing.trial_keys = Some(path)).await;
    let (operator, now) = (operator(&cloud).await, cloud.running.cloud.now());
    let ask = async |key: &sso::Key, change: Value| {
        let mut claims = json!({"client_id": cloud.client.id, "aud": "us1", "exp": now + 300, "plan": "bartizan", "days": 14});
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let header = Header { kid: Some("good".to_owned()), ..Header::new(Algorithm::ES256) };
        let jwt = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ec_der(&key.pkcs8)).unwrap();
        cloud.post(&operator, "/v1/billing/subscriptions/trials", json!({ "jwt": jwt })).await
    };
    for (key, change, said) in [
        (&other, json!({}), "no key signed it"),
        (&good, json!({"aud": "eu1"}), "for another cloud"),
        (&good, json!({"exp": now - 1}), "it ended"),
        (&good, json!({"nbf": now + 300}), "it does not hold yet"),
        (&good, json!({"nbf": "soon"}), "nbf must be a whole number"),
        (&good, json!({"client_id": null}), "client_id is needed"),
        (&good, json!({"days": 0}), "days must be 1 to 3650"),
        (&good, json!({"plan": "gold"}), "plan is unknown"),
        (&good, json!({"plan": null}), "plan is needed"),
    ] {
        let reply = ask(key, change).await;
        assert!(reply.status == 400 && reply.text.contains(said), "{said}: {}", reply.text);
    }
    assert_eq!(ask(&good, json!({"client_id": 999})).await.status, 404);
    let reply = ask(&good, json!({})).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let day = |name: &str| reply.json()[name].as_str().unwrap().parse::<NaiveDate>().unwrap();
    assert_eq!(
        (reply.json()["type"].as_str(), (day("finish_on") - day("start_on")).num_days()),
        (Some("trial"), 14)
    );
    assert!(ask(&good, json!({})).await.text.contains("a trial runs"));
    // Blocked, it does not run any more. The token was good for one trial all the same.
    let trial = format!("/v1/clients/{}/billing/subscriptions/{}", cloud.client.id, reply.json()["id"]);
    let blocked = json!({"state": "blocked"});
    assert_eq!(cloud.call(&operator, Method::PUT, &trial, Some(&blocked)).await.status, 200);
    assert!(ask(&good, json!({})).await.text.contains("it was used before"));
    assert_eq!(ask(&good, json!({"exp": now + 301, "nbf": now})).await.status, 200);
    let path = "/v1/billing/subscriptions/trials";
    for jwt in ["", "a.b.c", &"x".repeat(9000)] {
        assert_eq!(cloud.post(&operator, path, json!({ "jwt": jwt })).await.status, 400);
    }
    // Without the right nothing is looked at; without keys there are none.
    let admin = cloud.admin_pair().await;
    assert_eq!(cloud.post(&admin, path, json!({"jwt": "x"})).await.status, 403);
    let without = TestCloud::start().await;
    let by = crate::billing::operator(&without).await;
    let reply = without.post(&by, path, json!({"jwt": "x"})).await;
    assert_eq!(
        (reply.status, reply.json()["body"]["error"].as_str()),
        (400, Some("trials by jwt are off: the cloud has no billing.trial_keys"))
    );
}
