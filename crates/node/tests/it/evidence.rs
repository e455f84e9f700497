//! Every type of vulnerability that nodes find, through a node: the request that shows it, what the application answers,
//! and what reaches the spool.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::harness::{Setup, eventually};

/// An exchange that shows a flaw.
#[derive(Default)]
struct Exchange<'a> {
    path: &'a str,
    /// Header of the request, value.
    header: Option<(&'a str, String)>,
    /// XML to send; without it the request is a `GET`.
    xml: &'a str,
    status: u16,
    kind: &'a str,
    /// One more header of the answer.
    answer_header: &'a str,
    body: &'a str,
}

async fn send(setup: &Setup, exchange: &Exchange<'_>) {
    let url = setup.url(exchange.path);
    let mut request = if exchange.xml.is_empty() {
        setup.http.get(url)
    } else {
        setup.http.post(url).header("content-type", "application/xml").body(exchange.xml.to_owned())
    };
    let status = if exchange.status == 0 { 200 } else { exchange.status };
    let kind = if exchange.kind.is_empty() { "text/html" } else { exchange.kind };
    request = request
        .header("x-answer", hex::encode(exchange.body).chars().rev().collect::<String>())
        .header("x-answer-backwards", "1")
        .header("x-answer-status", status.to_string())
        .header("x-answer-type", kind);
    if let Some((name, value)) = &exchange.header {
        request = request.header(*name, value);
    }
    if !exchange.answer_header.is_empty() {
        request = request.header("x-answer-header", hex::encode(exchange.answer_header));
    }
    let reply = request.send().await.unwrap();
    assert_eq!(reply.status(), status, "{}", exchange.path);
    reply.bytes().await.unwrap();
}

fn proofs(setup: &Setup, path: &str) -> Vec<Value> {
    let is_proof = |event: &Value| event["kind"] == "vuln_evidence" && event["path"] == path;
    setup.spooled().into_iter().filter(is_proof).collect()
}

fn token(algorithm: &str, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signature = if algorithm == "none" { "" } else { "c2lnbmF0dXJl" };
    format!("Bearer {}.{}.{signature}", part(&json!({"alg": algorithm})), part(claims))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_effect_of_each_attack_is_told_as_an_exploit() {
    let setup = Setup::in_mode("monitoring").await;
    let passwd = "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin";
    let entity = r#"<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"#;
    for (vuln_type, exchange) in [
        ("ptrav", Exchange { path: "/ptrav?f=../../../../etc/passwd", body: passwd, ..Exchange::default() }),
        (
            "rce",
            Exchange {
                path: "/rce?host=1;cat%20/etc/passwd;id",
                body: "uid=33(www-data) gid=33(www-data)",
                ..Exchange::default()
            },
        ),
        (
            "ssti",
            Exchange { path: "/ssti?name=%7B%7B1234*4%7D%7D", body: "Hello 4936", ..Exchange::default() },
        ),
        (
            "sqli",
            Exchange {
                path: "/sqli?q=1%27%20union%20select%20password%20from%20users--",
                status: 500,
                body: "ERROR: unterminated quoted string at or near \"'\"",
                ..Exchange::default()
            },
        ),
        (
            "nosqli",
            Exchange {
                path: "/nosqli?user[$where]=sleep(1)",
                status: 500,
                body: "MongoServerError: unknown operator: $where",
                ..Exchange::default()
            },
        ),
        (
            "ldapi",
            Exchange {
                path: "/ldapi?user=*)(uid=*))(%7C(uid=*",
                status: 500,
                body: "javax.naming.directory.InvalidSearchFilterException: Unbalanced parenthesis",
                ..Exchange::default()
            },
        ),
        (
            "xss",
            Exchange {
                path: "/xss?q=%3Csvg%20onload%3Dalert(1)%3E",
                body: "<p><svg onload=alert(1)></p>",
                ..Exchange::default()
            },
        ),
        (
            "redir",
            Exchange {
                path: "/redir?next=%2F%2Fevil.example%2Flogin",
                status: 302,
                answer_header: "location: //evil.example/login",
                ..Exchange::default()
            },
        ),
        (
            "crlf",
            Exchange {
                path: "/crlf?lang=en%0d%0aSet-Cookie:%20sid=evil",
                answer_header: "set-cookie: sid=evil",
                ..Exchange::default()
            },
        ),
        ("xxe", Exchange { path: "/xxe", xml: entity, body: passwd, ..Exchange::default() }),
        (
            "ssrf",
            Exchange {
                path: "/ssrf?url=http%3A%2F%2F169.254.169.254%2Flatest%2Fmeta-data%2F",
                body: "ami-id\nami-launch-index\nhostname",
                ..Exchange::default()
            },
        ),
    ] {
        let path = format!("/{vuln_type}");
        send(&setup, &exchange).await;
        eventually(vuln_type, || async { !proofs(&setup, &path).is_empty() }).await;
        let found = proofs(&setup, &path);
        let of_type = |event: &&Value| event["vuln_type"] == vuln_type;
        let proof = found.iter().find(of_type).unwrap_or_else(|| panic!("{vuln_type}: {found:?}"));
        assert_eq!((&proof["exploited"], &proof["attack_type"]), (&json!(true), &json!(vuln_type)));
        // The incident needs its hit: same request, same place.
        let is_hit = |event: &Value| {
            event["kind"] == "hit"
                && ["request_id", "parameter", "attack_type"].iter().all(|key| event[*key] == proof[*key])
        };
        assert!(setup.spooled().iter().any(is_hit), "{vuln_type}: {proof}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_betrays_itself_needs_no_attack() {
    let setup = Setup::in_mode("monitoring").await;
    let data = || json!({"sub": "u1"});
    for (vuln_type, exchange) in [
        (
            "infoleak",
            Exchange {
                path: "/backup.env",
                kind: "text/plain",
                body: "APP=1\nDB_PASSWORD=hunter22\n",
                ..Exchange::default()
            },
        ),
        (
            "infoleak",
            Exchange {
                path: "/sql",
                status: 500,
                body: "SQLSTATE[42000]: Syntax error",
                ..Exchange::default()
            },
        ),
        (
            "infoleak",
            Exchange {
                path: "/trace",
                status: 500,
                body: "Traceback (most recent call last):\n",
                ..Exchange::default()
            },
        ),
        (
            "infoleak",
            Exchange { path: "/files", body: "<title>Index of /backup</title>", ..Exchange::default() },
        ),
        (
            "weak_auth",
            Exchange {
                path: "/profile",
                header: Some(("authorization", token("none", &data()))),
                kind: "application/json",
                body: "{\"name\":\"x\"}",
                ..Exchange::default()
            },
        ),
        (
            "vuln_component",
            Exchange { path: "/old", answer_header: "x-powered-by: PHP/5.6.40", ..Exchange::default() },
        ),
        (
            "csrf",
            Exchange {
                path: "/settings",
                header: Some(("cookie", "session=0123456789abcdef".to_owned())),
                answer_header: "set-cookie: session=0123456789abcdef; Path=/",
                body: "<html><form method=\"post\" action=\"/email\"><input name=\"email\"></form></html>",
                ..Exchange::default()
            },
        ),
    ] {
        send(&setup, &exchange).await;
        let name = format!("{vuln_type} at {}", exchange.path);
        eventually(&name, || async { !proofs(&setup, exchange.path).is_empty() }).await;
        let found = proofs(&setup, exchange.path);
        let told: Vec<(&Value, &Value)> =
            found.iter().map(|proof| (&proof["vuln_type"], &proof["exploited"])).collect();
        assert_eq!(told, [(&json!(vuln_type), &json!(false))], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_names_another_person_and_is_answered_shows_a_flaw() {
    let setup = Setup::in_mode("monitoring").await;
    let ask = async |person: u64, uri: &str, status: u16| {
        let exchange = Exchange {
            path: uri,
            header: Some(("authorization", token("RS256", &json!({"sub": person.to_string()})))),
            status,
            kind: "application/json",
            body: r#"{"orders":["secret order"]}"#,
            ..Exchange::default()
        };
        send(&setup, &exchange).await;
    };
    // The first answer of an endpoint is looked at and then one in a hundred: 5 people, then one who names another.
    for number in 0..401 {
        let person = 100 + number / 100;
        ask(person, &format!("/users/{person}/orders"), 200).await;
    }
    for _ in 0..100 {
        ask(500, "/users/101/orders", 200).await;
    }
    let path = "/users/101/orders";
    eventually("the flaw is told", || async { !proofs(&setup, path).is_empty() }).await;
    let found = proofs(&setup, path);
    assert_eq!((&found[0]["vuln_type"], &found[0]["exploited"]), (&json!("idor"), &json!(false)));
    assert!(!found[0].to_string().contains("secret order"), "{}", found[0]);
    assert_eq!(found.len(), 1);
}
