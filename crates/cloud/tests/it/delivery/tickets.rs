//! Tickets: issues of Jira and incidents of ServiceNow.

use bartizan_testkit::receiver::Receiver;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::{integration, start, test_message};

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

#[tokio::test]
async fn jira_gets_an_issue_for_a_new_security_issue() {
    let receiver = Receiver::start().await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let target = json!({"host": format!("{}/jira", receiver.url), "email": "bot@acme.test", "token": "t0ken-0123456789",
        "project": "SEC", "issue_type": "10004"});
    integration(&cloud, &admin, "jira", target, &["security_issue_high"]).await;
    receiver.answer(201, r#"{"id":"10000","key":"SEC-1"}"#);
    let body = json!({"type": "sqli", "domain": "shop.test", "path": "/x{noformat}[a|http://evil.test]", "method": "GET",
        "title": "SQL injection", "parameter": "GET_q_value", "threat": 90});
    cloud.post(&admin, "/v1/objects/vuln/create", body).await.body();
    let got = receiver.next().await;
    assert_eq!((got.method.as_str(), got.uri.path()), ("POST", "/jira/rest/api/2/issue"));
    assert_eq!(got.header("authorization"), basic("bot@acme.test:t0ken-0123456789"));
    assert_eq!(got.header("content-type"), "application/json");
    let fields = got.json()["fields"].clone();
    assert_eq!(fields["project"], json!({"key": "SEC"}));
    assert_eq!(fields["issuetype"], json!({"id": "10004"}));
    assert_eq!(fields["summary"], "New high security issue: SQL injection");
    let text = fields["description"].as_str().unwrap();
    assert_eq!(text.matches("{noformat}").count(), 2, "{text}");
    let (block, link) = text.rsplit_once("\n{noformat}\n").unwrap();
    assert!(block.contains("GET shop.test/x{ noformat}[a|http://evil.test] (sqli)"), "{block}");
    assert!(link.starts_with("http") && link.contains("/vulnerabilities?open="), "{link}");
}

#[tokio::test]
async fn jira_takes_a_personal_access_token() {
    let receiver = Receiver::start().await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let target =
        json!({"host": receiver.url, "auth_type": "bearer", "token": "t0ken-0123456789", "project": "10001"});
    let id = integration(&cloud, &admin, "jira", target, &[]).await;
    test_message(&cloud, &admin, id).await;
    let got = receiver.next().await;
    assert_eq!(got.header("authorization"), "Bearer t0ken-0123456789");
    let fields = got.json()["fields"].clone();
    assert_eq!(
        (&fields["project"], &fields["issuetype"]),
        (&json!({"id": "10001"}), &json!({"name": "Task"}))
    );
    receiver.answer(400, r#"{"errors":{"project":"project is required"}}"#);
    let reply = cloud.post(&admin, &format!("/v2/integration/{id}/test"), json!({})).await;
    assert_eq!(
        reply.json()["body"]["target"]["value"],
        json!({"status": 400, "answer": r#"{"errors":{"project":"project is required"}}"#})
    );
}

#[tokio::test]
async fn servicenow_gets_an_incident() {
    let receiver = Receiver::start().await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let target = json!({"instance": receiver.url, "username": "bot", "password": "correct horse"});
    integration(&cloud, &admin, "servicenow", target, &["security_issue_critical"]).await;
    let body = json!({"type": "rce", "domain": "shop.test", "path": "/run", "method": "POST", "title": "Remote code execution",
        "parameter": "POST_value", "threat": 100});
    cloud.post(&admin, "/v1/objects/vuln/create", body).await.body();
    let got = receiver.next().await;
    assert_eq!((got.method.as_str(), got.uri.path()), ("POST", "/api/now/table/incident"));
    assert_eq!(got.header("authorization"), basic("bot:correct horse"));
    let mut sent = got.json();
    let text = sent["description"].as_str().unwrap().to_owned();
    assert!(text.contains("POST shop.test/run (rce)") && text.contains("Client: Acme"), "{text}");
    assert!(text.lines().last().unwrap().contains("/vulnerabilities?open="), "{text}");
    assert!(sent["correlation_id"].as_str().unwrap().starts_with("bartizan-us1-"));
    for name in ["description", "correlation_id"] {
        sent[name] = json!("…");
    }
    assert_eq!(
        sent,
        json!({"short_description": "New critical security issue: Remote code execution", "description": "…",
            "urgency": "1", "impact": "1", "correlation_id": "…", "correlation_display": "Bartizan"})
    );
}

#[tokio::test]
async fn servicenow_is_asked_for_a_token_of_the_application() {
    let receiver = Receiver::start().await;
    let cloud = start(|_| {}).await;
    let admin = cloud.admin_pair().await;
    let target = json!({"instance": receiver.url, "username": "bot", "password": "p&w", "client_id": "app",
        "client_secret": "s3cret-s3cret"});
    receiver.answer(200, r#"{"access_token":"abc.def","expires_in":1799}"#);
    let id = integration(&cloud, &admin, "servicenow", target, &[]).await;
    test_message(&cloud, &admin, id).await;
    let got = receiver.next().await;
    assert_eq!((got.method.as_str(), got.uri.path()), ("POST", "/oauth_token.do"));
    assert_eq!(got.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(
        String::from_utf8(got.body.to_vec()).unwrap(),
        "grant_type=password&client_id=app&client_secret=s3cret-s3cret&username=bot&password=p%26w"
    );
    let got = receiver.next().await;
    assert_eq!((got.uri.path(), got.header("authorization")), ("/api/now/table/incident", "Bearer abc.def"));
    assert_eq!(got.json()["urgency"], "3");
    // Without a token nothing is sent.
    receiver.answer(401, r#"{"error":"access_denied"}"#);
    let reply = cloud.post(&admin, &format!("/v2/integration/{id}/test"), json!({})).await;
    assert_eq!((reply.status, &reply.json()["body"]["target"]["value"]["status"]), (400, &json!(401)));
    assert_eq!(receiver.next().await.uri.path(), "/oauth_token.do");
    assert!(receiver.now().await.is_none());
}
