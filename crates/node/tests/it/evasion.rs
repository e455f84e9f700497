//! Requests that one server reads like this and the next one like that.

use bytes::Bytes;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::cloud::{Cloud, hint, with_cloud};
use crate::harness::{Options, Setup, eventually};

const SQLI: &str = "1'+union+select+password+from+users--";

#[tokio::test(flavor = "multi_thread")]
async fn no_protocol_but_websocket_is_offered_to_the_upstream() {
    let setup = Setup::in_mode("block").await;
    for upgrade in ["h2c", "websocket, h2c"] {
        let head = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\n\
             Upgrade: {upgrade}\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n"
        );
        let answer = setup.raw(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(!answer.contains("\"upgrade\""), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_form_is_inspected_although_it_is_json() {
    let setup = Setup::in_mode("block").await;
    let form = "application/x-www-form-urlencoded";
    for body in [format!("{{\"a\":\"&q={SQLI}&\"}}"), format!("--b\r\n&q={SQLI}&")] {
        let request = setup.http.post(setup.url("/")).header("content-type", form).body(body.clone());
        assert_eq!(request.send().await.unwrap().status(), 403, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuffed_query_does_not_hide_the_body() {
    let setup = Setup::in_mode("block").await;
    let url = setup.url(&format!("/?{}", "a&".repeat(7000)));
    let request = setup.http.post(url).header("content-type", "application/x-www-form-urlencoded");
    let response = request.body(format!("q={SQLI}")).send().await.unwrap();
    assert_eq!(response.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_do_not_reach_the_upstream() {
    let setup = Setup::in_mode("block").await;
    let answer = setup
        .raw(
            b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTE: trailers\r\nTrailer: x-evil\r\n\
              Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Evil: 1\r\n\r\n",
        )
        .await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"body_size\":5"), "{answer}");
    assert!(!answer.to_lowercase().contains("x-evil"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_target_s_host_is_the_only_one() {
    let extra = "route = { mode = \"block\", upstream = \"app\", hosts = [{ host = \"spared.test\", mode = \"off\" }] }";
    let setup = Setup::new(Options { extra, ..Options::default() }).await;
    let answer = setup
        .raw(
            format!(
                "GET http://shop.test/?q={SQLI} HTTP/1.1\r\nHost: spared.test\r\nConnection: close\r\n\r\n"
            )
            .as_bytes(),
        )
        .await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    let answer =
        setup.raw(b"GET http://shop.test/x HTTP/1.1\r\nHost: spared.test\r\nConnection: close\r\n\r\n").await;
    assert!(answer.contains("\"host\":\"shop.test\"") && !answer.contains("spared"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_cannot_have_the_type_of_its_body_removed() {
    let setup = Setup::in_mode("block").await;
    let response = setup
        .http
        .post(setup.url("/"))
        .header("connection", "content-type, content-encoding")
        .header("content-type", "text/x")
        .header("content-encoding", "identity")
        .body("a")
        .send()
        .await
        .unwrap();
    let seen: Value = response.json().await.unwrap();
    assert_eq!(seen["headers"]["content-type"], "text/x");
    assert_eq!(seen["headers"]["content-encoding"], "identity");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_for_100_is_inspected_whole() {
    let setup = Setup::in_mode("block").await;
    let mut stream = TcpStream::connect(setup.address()).await.unwrap();
    let body = format!("q={SQLI}");
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(setup.upstream.requests(), 0);
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert_eq!(setup.upstream.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http2_body_that_stops_is_given_up() {
    let setup = Setup::new(Options { extra: "timeouts = { body_idle_s = 1 }", ..Options::default() }).await;
    let stream = TcpStream::connect(setup.address()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let first = futures_util::stream::iter([Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"a")))]);
    let body = StreamBody::new(futures_util::StreamExt::chain(first, futures_util::stream::pending()));
    let request = http::Request::post(format!("http://{}/", setup.address())).body(body).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 408);
    assert!(response.into_body().collect().await.unwrap().to_bytes().is_empty());
    assert_eq!(setup.upstream.requests(), 0);
}

fn request(target: &str, host: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
}

async fn answers(setup: &Setup, target: &str, host: &str, status: u16) {
    let answer = setup.raw(request(target, host).as_bytes()).await;
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{target} at {host}: {answer}");
}

/// Other spellings of `shop.test`.
const SHOP: [&str; 5] = ["shop.test", "SHOP.test:443", "shop.test:9999", "shop.test.", "shop.test.:80"];

#[tokio::test(flavor = "multi_thread")]
async fn port_and_dot_do_not_lead_around_the_route_of_a_host() {
    let extra = "route = { mode = \"off\", upstream = \"app\", hosts = [{ host = \"shop.test\", mode = \"block\" }] }";
    let setup = Setup::new(Options { extra, ..Options::default() }).await;
    let target = format!("/?q={SQLI}");
    for host in SHOP {
        answers(&setup, &target, host, 403).await;
        let absolute = format!("http://{host}{target}");
        answers(&setup, &absolute, "other.test", 403).await;
    }
    answers(&setup, &format!("http://spared.test@shop.test{target}"), "other.test", 403).await;
    answers(&setup, &target, "other.test", 200).await;
    let domains: Vec<Value> = setup.spooled().iter().map(|hit| hit["domain"].clone()).collect();
    let domain = |name: &str| domains.iter().filter(|domain| *domain == name).count();
    assert_eq!(
        (domain("shop.test"), domain("shop.test:443"), domain("shop.test:9999")),
        (7, 2, 2),
        "{domains:?}"
    );
    // Who is named before the host is not told to the upstream.
    let answer = setup.raw(request("http://user@shop.test/", "shop.test").as_bytes()).await;
    assert!(answer.contains("\"host\":\"shop.test\""), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn port_and_dot_do_not_lead_around_the_rules_of_a_host() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    let host = |name: &str| json!([{ "type": "iequal", "point": ["header", "HOST"], "value": name }]);
    cloud.set_hints(vec![
        hint(1, "wallarm_mode", host("shop.test"), json!({ "mode": "block" })),
        hint(2, "wallarm_mode", host("port.test:3000"), json!({ "mode": "block" })),
    ]);
    eventually("rules are in force", || async { setup.node.ruleset_version() == 2 }).await;
    let target = format!("/?q={SQLI}");
    for host in SHOP.iter().chain(&["port.test:3000", "port.test.:3000"]) {
        answers(&setup, &target, host, 403).await;
    }
    for host in ["shop.test.other", "port.test", "port.test:30001"] {
        answers(&setup, &target, host, 200).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn path_is_not_less_protected_in_any_reading() {
    let paths = "[{ path = \"^~/static/\", mode = \"off\" }, { path = \"/api\", mode = \"block\" }]";
    let extra = format!(
        "route = {{ mode = \"monitoring\", upstream = \"app\", hosts = [{{ host = \"*\", paths = {paths} }}] }}"
    );
    let setup = Setup::new(Options { extra: &extra, ..Options::default() }).await;
    for (path, status) in [
        ("/static/x", 200),
        ("/api/login", 403),
        ("/static/..;/api/login", 403),
        ("/static/..;a=b/api/login", 403),
        ("/static/..%2fapi/login", 403),
        ("/static/..%5Capi/login", 403),
        ("/static/..\\api/login", 403),
        ("/static/%2e%2e/api/login", 403),
        ("/api/../static/x", 403),
        ("/static//../api/login", 403),
        ("/static/a;b/c%2fd", 200),
    ] {
        answers(&setup, &format!("{path}?q={SQLI}"), "a", status).await;
    }
    // Not inspected at all, as the route says.
    assert_eq!(setup.stats().await["requests"], 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_hold_in_every_reading_of_a_path_and_spare_only_in_all() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "block").await;
    let under = |first: &str| json!([{ "type": "equal", "point": ["path", 0], "value": first }]);
    let at = |value: &str| json!([{ "type": "equal", "point": ["action_name"], "value": value }]);
    let query = json!([["get", "q"]]);
    cloud.set_hints(vec![
        hint(1, "wallarm_mode", under("health"), json!({ "mode": "off" })),
        hint(2, "disable_attack_type", under("upload"), json!({ "attack_type": "sqli", "point": query })),
        hint(3, "vpatch", at("buy"), json!({ "attack_type": "any", "point": [["get", "card"]] })),
    ]);
    eventually("rules are in force", || async { setup.node.ruleset_version() == 2 }).await;
    for (target, status) in [
        (format!("/health/x?q={SQLI}"), 200),
        (format!("/health/..%2fshop/x?q={SQLI}"), 403),
        (format!("/health/..;/shop/x?q={SQLI}"), 403),
        (format!("/health\\..\\shop/x?q={SQLI}"), 403),
        (format!("/upload/x?q={SQLI}"), 200),
        (format!("/upload/..%2fshop/x?q={SQLI}"), 403),
        (format!("/shop/..;/upload/x?q={SQLI}"), 403),
        ("/shop/buy?card=1".to_owned(), 403),
        ("/shop/buy;x=1?card=1".to_owned(), 403),
        ("/shop%2fbuy?card=1".to_owned(), 403),
        ("/shop/sell?card=1".to_owned(), 200),
    ] {
        answers(&setup, &target, "a", status).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_none_is_refused() {
    let setup = Setup::in_mode("monitoring").await;
    for host in ["a/b?c", "a@evil.test", "a b", "a:80:81", "::1", "a\\b", "[::1"] {
        answers(&setup, "/", host, 400).await;
    }
    for host in ["a.test", "[::1]:80", "a_b.test:", "127.0.0.1:8080"] {
        answers(&setup, "/", host, 200).await;
    }
    for twin in ["Content_Length: 5", "Transfer_Encoding: chunked"] {
        let head = format!("GET / HTTP/1.1\r\nHost: a.test\r\n{twin}\r\nConnection: close\r\n\r\n");
        let answer = setup.raw(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{twin}: {answer}");
    }
}
