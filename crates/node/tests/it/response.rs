//! Passive detection: what an answer proves reaches the spool, after the hits, and only in monitoring mode.

use std::time::Duration;

use serde_json::Value;

use crate::harness::{Options, Setup, eventually};

const SQLI: &str = "/search?q=1%27%20union%20select%20password%20from%20users--";
const ERROR: &str = "You have an error in your SQL syntax; check the manual";

/// What the upstream is to answer.
#[derive(Clone, Copy)]
struct Ordered<'a> {
    status: u16,
    kind: &'a str,
    body: &'a str,
    gzip: bool,
    /// Bytes around the body.
    padding: (usize, usize),
}

fn ordered(body: &str) -> Ordered<'_> {
    Ordered { status: 200, kind: "text/html", body, gzip: false, padding: (0, 0) }
}

async fn send(setup: &Setup, path: &str, answer: Ordered<'_>) -> String {
    let mut request = setup
        .http
        .get(setup.url(path))
        .header("x-answer", hex::encode(answer.body))
        .header("x-answer-status", answer.status.to_string())
        .header("x-answer-type", answer.kind)
        .header("x-answer-before", answer.padding.0.to_string())
        .header("x-answer-after", answer.padding.1.to_string());
    if answer.gzip {
        request = request.header("x-answer-gzip", "1");
    }
    let reply = request.send().await.unwrap();
    String::from_utf8_lossy(&reply.bytes().await.unwrap()).into_owned()
}

fn proofs(setup: &Setup) -> Vec<Value> {
    setup.spooled().into_iter().filter(|event| event["kind"] == "vuln_evidence").collect()
}

async fn proof(setup: &Setup, count: usize) -> Value {
    eventually("the proof is in the spool", || async { proofs(setup).len() >= count }).await;
    proofs(setup).pop().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_database_proves_an_injection() {
    let setup = Setup::in_mode("monitoring").await;
    let answer = send(&setup, SQLI, Ordered { status: 500, ..ordered(ERROR) }).await;
    assert_eq!(answer, ERROR, "the client gets the answer untouched");
    let found = proof(&setup, 1).await;
    let hit = setup.spooled().into_iter().find(|event| event["kind"] == "hit").unwrap();
    assert_eq!((&found["vuln_type"], &found["exploited"]), (&"sqli".into(), &true.into()));
    for key in ["request_id", "parameter", "domain", "path", "method", "attack_type"] {
        assert_eq!(found[key], hit[key], "{key}");
    }
    assert_eq!((&found["statuscode"], &found["sign"]), (&500.into(), &"An error of MySQL".into()));
    assert!(found["evidence"].as_str().unwrap().contains("SQL syntax"));
    // The same again within a minute links its hits, and shows nothing twice.
    send(&setup, SQLI, Ordered { status: 500, ..ordered(ERROR) }).await;
    let second = proof(&setup, 2).await;
    assert_ne!(second["request_id"], found["request_id"]);
    assert_eq!((&second["exploited"], &second["evidence"]), (&true.into(), &"".into()));
    send(&setup, "/other?q=%3Csvg%20onload%3Dalert(1)%3E", ordered("<p><svg onload=alert(1)></p>")).await;
    assert_eq!(proof(&setup, 3).await["vuln_type"], "xss");
    assert_eq!(proofs(&setup).len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_with_numbers_are_exploited_each_and_leak_once() {
    let setup = Setup::in_mode("monitoring").await;
    for (count, item) in [(1, "/items/17"), (2, "/items/99")] {
        send(&setup, &SQLI.replace("/search", item), Ordered { status: 500, ..ordered(ERROR) }).await;
        let found = proof(&setup, count).await;
        assert_eq!((&found["exploited"], &found["path"]), (&true.into(), &item.into()));
        assert!(found["evidence"].as_str().unwrap().contains("SQL syntax"));
    }
    // Harmless requests: the trace of the first order stands for those of all.
    let trace = Ordered { status: 500, ..ordered("Traceback (most recent call last):") };
    send(&setup, "/orders/17", trace).await;
    proof(&setup, 3).await;
    send(&setup, &SQLI.replace("/search", "/orders/18"), trace).await;
    send(&setup, &SQLI.replace("/search", "/items/5"), Ordered { status: 500, ..ordered(ERROR) }).await;
    assert_eq!(proof(&setup, 4).await["path"], "/items/5");
    assert_eq!(proofs(&setup).iter().filter(|proof| proof["vuln_type"] == "infoleak").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn unpacking_and_markup_can_be_switched_off() {
    let extra = "inspect = { unpack_response = false, parse_html_response = false }\n";
    let setup = Setup::new(Options { mode: "monitoring", extra, ..Options::default() }).await;
    send(&setup, SQLI, Ordered { status: 500, gzip: true, ..ordered(ERROR) }).await;
    send(&setup, "/page?q=%3Csvg%20onload%3Dalert(1)%3E", ordered("<p><svg onload=alert(1)></p>")).await;
    send(&setup, &SQLI.replace("search", "plain"), Ordered { status: 500, ..ordered(ERROR) }).await;
    assert_eq!(proof(&setup, 1).await["path"], "/plain");
    let (state, _upstream) = setup.stop().await;
    let spooled = crate::harness::spooled(&state.path().join("state/spool"));
    assert_eq!(spooled.iter().filter(|event| event["kind"] == "vuln_evidence").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_and_long_answers_are_read_within_bounds() {
    let setup = Setup::in_mode("monitoring").await;
    let answer = Ordered { status: 500, ..ordered(ERROR) };
    send(&setup, SQLI, Ordered { gzip: true, padding: (100_000, 0), ..answer }).await;
    assert_eq!(proof(&setup, 1).await["vuln_type"], "sqli");
    // Beyond the bound nothing is looked at; what comes before it is.
    let far = Ordered { padding: (300 << 10, 0), ..answer };
    let length = send(&setup, &SQLI.replace("search", "far"), far).await.len();
    assert_eq!(length, (300 << 10) + ERROR.len());
    let near = Ordered { padding: (0, 300 << 10), ..answer };
    send(&setup, &SQLI.replace("search", "near"), near).await;
    assert_eq!(proof(&setup, 2).await["path"], "/near");
    assert_eq!(proofs(&setup).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_explode_are_read_as_far_as_the_bound() {
    let setup = Setup::in_mode("monitoring").await;
    // 48 MiB after the error, in 50 kB.
    let answer = Ordered { status: 500, gzip: true, padding: (0, 48 << 20), ..ordered(ERROR) };
    send(&setup, SQLI, answer).await;
    let found = proof(&setup, 1).await;
    assert_eq!(found["vuln_type"], "sqli");
    assert!(found["evidence"].as_str().unwrap().len() <= 8 << 10);
    // The same before it: the error is beyond the bound.
    let far = Ordered { padding: (48 << 20, 0), ..answer };
    send(&setup, &SQLI.replace("search", "far"), far).await;
    // What is of no known coding is passed on and not looked at.
    let reply = setup
        .http
        .get(setup.url(&SQLI.replace("search", "unknown")))
        .header("x-answer", hex::encode(ERROR))
        .header("x-answer-status", "500")
        .header("x-answer-header", hex::encode("content-encoding: gzip, unknown"))
        .send()
        .await
        .unwrap();
    assert_eq!(reply.bytes().await.unwrap(), ERROR);
    send(&setup, &SQLI.replace("search", "last"), Ordered { status: 500, ..ordered(ERROR) }).await;
    assert_eq!(proof(&setup, 2).await["path"], "/last");
    let (state, _upstream) = setup.stop().await;
    let spooled = crate::harness::spooled(&state.path().join("state/spool"));
    assert_eq!(spooled.iter().filter(|event| event["kind"] == "vuln_evidence").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_in_answers_are_told_of_and_masked() {
    let setup = Setup::in_mode("monitoring").await;
    let secret = "k9Xw2QvR7mTz4LbN8cYp3HsJ6gDf1KqA5eUo";
    let body = format!("{{\"github\":\"ghp_{secret}\",\"database\":\"postgres://shop:t9kLm2vQ@db/shop\"}}");
    let kind = "application/json";
    // A page about tokens is none.
    let manual = "<p>Tokens look like <code>ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx</code></p>";
    send(&setup, "/manual", ordered(manual)).await;
    send(&setup, "/settings", Ordered { kind, ..ordered(&body) }).await;
    proof(&setup, 2).await;
    let found = proofs(&setup);
    let mut classes: Vec<&str> = found.iter().map(|proof| proof["sign_class"].as_str().unwrap()).collect();
    classes.sort_unstable();
    assert_eq!(classes, ["access_token", "connection_string"]);
    for proof in &found {
        assert_eq!((&proof["vuln_type"], &proof["path"]), (&"infoleak".into(), &"/settings".into()));
        let text = proof.to_string();
        assert!(text.contains("ghp_****") && text.contains("shop:****@db"), "{text}");
        assert!(!text.contains(secret) && !text.contains("t9kLm2vQ"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_by_forms_and_by_pages_are_told_of() {
    let setup = Setup::in_mode("monitoring").await;
    let evil = "https://evil.example/";
    let form = "a=1&next=https%3A%2F%2Fevil.example%2F";
    let post = async |path: &str, kind: &str, body: &str, headers: &[(&str, String)]| {
        let mut request = setup.http.post(setup.url(path)).header("content-type", kind).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.send().await.unwrap();
    };
    let form_kind = "application/x-www-form-urlencoded";
    let to = |location: &str| {
        [
            ("x-answer", String::new()),
            ("x-answer-status", "302".to_owned()),
            ("x-answer-location", location.to_owned()),
        ]
    };
    post("/own", form_kind, form, &to("/login?next=https://evil.example/")).await;
    post("/guarded", form_kind, &format!("{form}&csrf_token=1"), &to(evil)).await;
    post("/form", form_kind, form, &to(evil)).await;
    let object = r#"{"a":1,"next":"https://evil.example/"}"#;
    post("/json", "application/json", object, &to(evil)).await;
    let refresh =
        [("x-answer", String::new()), ("x-answer-header", hex::encode(format!("refresh: 0; url={evil}")))];
    post("/refresh", form_kind, form, &refresh).await;
    let query = "next=https%3A%2F%2Fevil.example%2F";
    let meta = format!("<meta http-equiv=\"refresh\" content=\"0; url={evil}\">");
    let script = format!("<script>window.location.href = \"{}\";</script>", evil.replace('/', "\\/"));
    let link = format!("<p>You leave us for <a href=\"{evil}\">this page</a>.</p>");
    for (path, page) in [("link", link), ("meta", meta), ("script", script)] {
        // Backwards, so that inspection does not read the markup in the order.
        let order: String = hex::encode(page).chars().rev().collect();
        let request = setup.http.get(setup.url(&format!("/{path}?{query}"))).header("x-answer", order);
        request.header("x-answer-backwards", "1").send().await.unwrap();
    }
    proof(&setup, 5).await;
    let mut found: Vec<(String, String, String)> = proofs(&setup)
        .iter()
        .map(|proof| {
            assert_eq!((&proof["vuln_type"], &proof["exploited"]), (&"redir".into(), &false.into()));
            let text = |key: &str| proof[key].as_str().unwrap().to_owned();
            (text("path"), text("parameter"), text("evidence"))
        })
        .collect();
    found.sort();
    let row =
        |path: &str, parameter: &str, text: &str| (path.to_owned(), parameter.to_owned(), text.to_owned());
    assert_eq!(
        found,
        [
            row("/form", "POST_FORM_URLENCODED_next_value", "Location: https://evil.example"),
            row("/json", "POST_JSON_DOC_HASH_next_value", "Location: https://evil.example"),
            row("/meta", "GET_next_value", "meta refresh: https://evil.example"),
            row("/refresh", "POST_FORM_URLENCODED_next_value", "Refresh: https://evil.example"),
            row("/script", "GET_next_value", "location = https://evil.example"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn leaks_are_found_without_an_attack() {
    let setup = Setup::in_mode("monitoring").await;
    let trace = "Traceback (most recent call last):\n  File \"app.py\"";
    send(&setup, "/orders/17", Ordered { status: 500, kind: "text/plain", ..ordered(trace) }).await;
    let found = proof(&setup, 1).await;
    assert_eq!(
        (&found["vuln_type"], &found["exploited"], &found["attack_type"]),
        (&"infoleak".into(), &false.into(), &Value::Null)
    );
    assert_eq!((&found["parameter"], &found["path"]), (&"".into(), &"/orders/17".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn private_data_in_answers_are_told_of_and_masked() {
    let setup = Setup::in_mode("monitoring").await;
    let kind = "application/json";
    // An order with a long number is none.
    send(&setup, "/orders/1", Ordered { kind, ..ordered(r#"{"order":4539578763621486}"#) }).await;
    send(&setup, "/cards/1", Ordered { kind, ..ordered(r#"{"card":"4539 5787 6362 1486"}"#) }).await;
    let found = proof(&setup, 1).await;
    assert_eq!(
        (&found["vuln_type"], &found["exploited"], &found["path"], &found["sign"]),
        (&"infoleak".into(), &false.into(), &"/cards/1".into(), &"A payment card number".into())
    );
    assert_eq!(found["evidence"], "1, such as 453957******1486");
    assert!(!found.to_string().contains("7636"), "{found}");
    assert_eq!(proofs(&setup).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_kinds_of_leaks_of_one_answer_are_two() {
    let setup = Setup::in_mode("monitoring").await;
    let body = "Traceback (most recent call last):\n  File \"app.py\"\ncard 4539 5787 6362 1486";
    send(&setup, "/pay", Ordered { status: 500, kind: "text/plain", ..ordered(body) }).await;
    proof(&setup, 2).await;
    let mut classes: Vec<String> =
        proofs(&setup).iter().map(|proof| proof["sign_class"].as_str().unwrap().to_owned()).collect();
    classes.sort();
    assert_eq!(classes, ["card_number", "stack_trace"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_asked_for_credentials_and_answers_without_is_told_of() {
    let setup = Setup::in_mode("monitoring").await;
    let refused = Ordered { status: 401, kind: "application/json", ..ordered("{}") };
    let granted = Ordered { kind: "application/json", ..ordered(r#"{"orders":["secret order"]}"#) };
    // The first answer of an endpoint is looked at and then one in a hundred.
    for _ in 0..101 {
        send(&setup, "/orders", refused).await;
    }
    let with = setup.http.get(setup.url("/orders")).header("authorization", "Bearer abc");
    with.header("x-answer", hex::encode(granted.body))
        .header("x-answer-type", granted.kind)
        .send()
        .await
        .unwrap();
    for _ in 0..100 {
        send(&setup, "/orders", granted).await;
    }
    let found = proof(&setup, 1).await;
    assert_eq!(
        (&found["vuln_type"], &found["exploited"], &found["path"]),
        (&"auth".into(), &false.into(), &"/orders".into())
    );
    assert_eq!(found["evidence"], "200 without credentials, after 401 or 403 before");
    assert!(!found.to_string().contains("secret order"), "what was to be protected is not sent: {found}");
    assert_eq!(proofs(&setup).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_everybody_gets_is_no_exploit() {
    let setup = Setup::in_mode("monitoring").await;
    send(&setup, "/broken?q=1", Ordered { status: 500, ..ordered(ERROR) }).await;
    assert_eq!(proof(&setup, 1).await["exploited"], false);
    send(&setup, &SQLI.replace("search", "broken"), Ordered { status: 500, ..ordered(ERROR) }).await;
    // It is the same leak at the same place, and that was told already.
    tokio::time::timeout(Duration::from_secs(5), async {
        eventually("the hit is in the spool", || async {
            setup.spooled().iter().any(|event| event["kind"] == "hit")
        })
        .await;
    })
    .await
    .unwrap();
    assert!(proofs(&setup).iter().all(|proof| proof["exploited"] == false));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_watched_in_other_modes_or_when_switched_off() {
    for (mode, extra) in
        [("block", ""), ("off", ""), ("monitoring", "inspect = { parse_response = false }\n")]
    {
        let setup = Setup::new(Options { mode, extra, ..Options::default() }).await;
        send(&setup, "/plain", Ordered { status: 500, ..ordered(ERROR) }).await;
        send(&setup, SQLI, Ordered { status: 500, ..ordered(ERROR) }).await;
        let (state, _upstream) = setup.stop().await;
        let spooled = crate::harness::spooled(&state.path().join("state/spool"));
        assert!(spooled.iter().all(|event| event["kind"] == "hit"), "{mode} {extra}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_read_when_they_are_text_and_were_attacked() {
    let setup = Setup::in_mode("monitoring").await;
    let passwd = "root:x:0:0:root:/root:/bin/bash\n";
    let picture = format!("\u{1}PNG\0{passwd}");
    let image = Ordered { kind: "image/png", ..ordered(passwd) };
    // Without an attack it is not looked at.
    let key = Ordered { body: "-----BEGIN RSA PRIVATE KEY-----", ..image };
    send(&setup, "/image?filename=1.png", key).await;
    let attack = "/image?filename=../../../etc/passwd";
    send(&setup, &attack.replace("image", "real"), Ordered { body: &picture, ..image }).await;
    send(&setup, attack, Ordered { gzip: true, ..image }).await;
    let found = proof(&setup, 1).await;
    assert_eq!((&found["vuln_type"], &found["path"]), (&"ptrav".into(), &"/image".into()));
    assert!(found["evidence"].as_str().unwrap().starts_with(passwd.trim()));
    let (state, _upstream) = setup.stop().await;
    let spooled = crate::harness::spooled(&state.path().join("state/spool"));
    assert_eq!(spooled.iter().filter(|event| event["kind"] == "vuln_evidence").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_the_host_of_a_parameter_is_told_of() {
    let setup = Setup::in_mode("monitoring").await;
    let go = async |path: &str, location: &str| {
        let request = setup.http.get(setup.url(path)).header("x-answer", "").header("x-answer-status", "302");
        request.header("x-answer-location", location).send().await.unwrap()
    };
    go("/own?next=https%3A%2F%2Fevil.example%2F", "/login?next=https://evil.example/").await;
    go("/oauth?client_id=1&redirect_uri=https%3A%2F%2Fevil.example%2F", "https://evil.example/").await;
    go("/redir?a=1&next=https%3A%2F%2Fevil.example%2F", "https://evil.example/").await;
    let found = proof(&setup, 1).await;
    assert_eq!(
        (&found["vuln_type"], &found["exploited"], &found["parameter"], &found["path"]),
        (&"redir".into(), &false.into(), &"GET_next_value".into(), &"/redir".into())
    );
    assert_eq!(found["evidence"], "Location: https://evil.example");
    assert!(setup.spooled().iter().all(|event| event["kind"] != "hit"), "a plain address is no attack");
    let (state, _upstream) = setup.stop().await;
    let spooled = crate::harness::spooled(&state.path().join("state/spool"));
    assert_eq!(spooled.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn weak_tokens_are_found_in_queries_and_other_fields() {
    // {"alg":"HS256"}, {"sub":"1"}, signed with the key "secret".
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.M11_c_Mkz5wKz70TPIkcPwzBTd5M-3ZW69WFmxuEnHk";
    let setup = Setup::in_mode("monitoring").await;
    send(&setup, &format!("/query?token={token}"), ordered("ok")).await;
    assert_eq!(proof(&setup, 1).await["vuln_type"], "weak_auth");
    let request = setup.http.get(setup.url("/field")).header("x-access-token", token);
    request.header("x-answer", "6f6b").send().await.unwrap();
    let found = proof(&setup, 2).await;
    assert_eq!((&found["vuln_type"], &found["path"]), (&"weak_auth".into(), &"/field".into()));
    let signature = token.rsplit('.').next().unwrap();
    assert!(!found["evidence"].as_str().unwrap().contains(signature), "tokens are no evidence to show");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_shown_through_an_entity_is_no_traversal() {
    let setup = Setup::in_mode("monitoring").await;
    let passwd = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin";
    let document = r#"<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"#;
    let request = setup.http.post(setup.url("/import")).header("content-type", "application/xml");
    request.header("x-answer", hex::encode(passwd)).body(document).send().await.unwrap();
    let found = proof(&setup, 1).await;
    assert_eq!((&found["vuln_type"], &found["attack_type"]), (&"xxe".into(), &"xxe".into()));
    let hits: Vec<Value> = setup
        .spooled()
        .into_iter()
        .filter(|event| event["kind"] == "hit" && event["attack_type"] == "xxe")
        .collect();
    assert!(hits.iter().any(|hit| hit["parameter"] == found["parameter"]), "{hits:?}");
    assert_eq!(proofs(&setup).len(), 1);
}
