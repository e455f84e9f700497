//! What every answer has, and what becomes of a connection whose request was refused by its head.

use bartizan_testkit::{
    PATIENCE, TestCloud,
    cloud::{Credential, PASSWORD},
};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// A connection by hand: heads and bodies go out when the test says so.
struct Wire(BufReader<TcpStream>);

/// An answer as it came.
struct Answer {
    status: u16,
    /// In lower case.
    head: String,
    body: String,
}

impl Answer {
    fn says_close(&self) -> bool {
        self.head.contains("\r\nconnection: close\r\n")
    }
}

impl Wire {
    async fn to(cloud: &TestCloud) -> Wire {
        let stream = TcpStream::connect(cloud.running.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Wire(BufReader::new(stream))
    }

    async fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    /// Sends the head of a request, and lets the server see it before anything else comes.
    async fn begin(&mut self, line: &str, headers: &str) {
        self.send(&format!("{line} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")).await;
        self.0.get_ref().writable().await.unwrap();
        tokio::task::yield_now().await;
    }

    /// The next answer; `None` when the connection ended.
    async fn answer(&mut self) -> Option<Answer> {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("neither an answer nor an end")
    }

    async fn read(&mut self) -> Option<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        let head = head.to_ascii_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.split("content-length: ").nth(1).map_or("0", |rest| rest.lines().next().unwrap());
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).await.ok()?;
        Some(Answer { status, head, body: String::from_utf8(body).unwrap() })
    }

    /// Whether the server still answers here.
    async fn goes_on(&mut self) -> bool {
        self.begin("GET /healthz", "").await;
        self.answer().await.is_some_and(|answer| answer.status == 200)
    }
}

const JSON: &str = "Content-Type: application/json\r\n";
const BAD_TOKEN: &str = "X-WallarmApi-Token: bad\r\n";

/// A request that is refused by its head.
fn refused() -> [(&'static str, String, u16); 6] {
    [
        ("POST /v1/objects/pool", format!("{JSON}{BAD_TOKEN}"), 403),
        ("POST /v1/session/token", JSON.to_owned(), 401),
        ("POST /v1/login", "Content-Type: text/plain\r\n".to_owned(), 415),
        ("PATCH /v1/login", JSON.to_owned(), 405),
        ("POST /v1/nowhere", JSON.to_owned(), 404),
        ("POST /attacks", JSON.to_owned(), 405),
    ]
}

#[tokio::test]
async fn a_refusal_by_the_head_keeps_the_connection() {
    let cloud = TestCloud::start_with(|config| config.limits.unread_body_ms = 60_000).await;
    for (line, headers, status) in refused() {
        for chunked in [false, true] {
            let mut wire = Wire::to(&cloud).await;
            let length = if chunked { "Transfer-Encoding: chunked\r\n" } else { "Content-Length: 5000\r\n" };
            wire.begin(line, &format!("{headers}{length}")).await;
            // By two packets, so that there is always a part that the server has not seen yet.
            let half = "x".repeat(2500);
            for _ in 0..2 {
                wire.send(&if chunked { format!("9c4\r\n{half}\r\n") } else { half.clone() }).await;
            }
            wire.send(if chunked { "0\r\n\r\n" } else { "" }).await;
            let answer = wire.answer().await.unwrap_or_else(|| panic!("{line}: no answer"));
            assert_eq!((answer.status, answer.says_close()), (status, false), "{line}: {}", answer.head);
            assert!(wire.goes_on().await, "{line}: the connection is gone");
        }
    }
}

#[tokio::test]
async fn what_is_too_much_keeps_the_connection() {
    let cloud = TestCloud::start_with(|config| {
        config.limits.unread_body_ms = 60_000;
        config.limits.body_bytes = 1024;
        config.limits.password_checks_per_minute_address = 1;
    })
    .await;
    let mut wire = Wire::to(&cloud).await;
    wire.begin("POST /v1/login", &format!("{JSON}Content-Length: 5000\r\n")).await;
    wire.send(&" ".repeat(5000)).await;
    assert_eq!(wire.answer().await.unwrap().status, 413);
    let body = format!(r#"{{"username":"admin@acme.test","password":"{PASSWORD}"}}"#);
    for status in [200, 429] {
        wire.begin("POST /v1/login", &format!("{JSON}Content-Length: {}\r\n", body.len())).await;
        wire.send(&body).await;
        assert_eq!(wire.answer().await.unwrap().status, status);
    }
    assert!(wire.goes_on().await);
}

#[tokio::test]
async fn beyond_the_limits_the_answer_says_that_the_connection_ends() {
    let cloud = TestCloud::start_with(|config| {
        config.limits.unread_body_bytes = 1024;
        config.limits.unread_body_ms = 100;
    })
    .await;
    for (line, headers, status) in refused() {
        for rest in [
            // More than is read, announced or not.
            "Content-Length: 1025\r\n".to_owned(),
            // Never comes.
            "Content-Length: 10\r\n".to_owned(),
            // Whoever waits to be asked for the body is not asked for what is refused.
            "Content-Length: 10\r\nExpect: 100-continue\r\n".to_owned(),
        ] {
            let mut wire = Wire::to(&cloud).await;
            wire.begin(line, &format!("{headers}{rest}")).await;
            let answer = wire.answer().await.unwrap_or_else(|| panic!("{line} {rest}: no answer"));
            assert_eq!((answer.status, answer.says_close()), (status, true), "{line} {rest}");
            assert!(wire.answer().await.is_none(), "{line} {rest}: the connection is still there");
        }
    }
    let mut wire = Wire::to(&cloud).await;
    wire.begin("POST /v1/nowhere", "Transfer-Encoding: chunked\r\n").await;
    wire.send(&format!("401\r\n{}\r\n", "x".repeat(1025))).await;
    assert!(wire.answer().await.unwrap().says_close());
}

#[tokio::test]
async fn a_body_that_does_not_come_is_refused() {
    let cloud = TestCloud::start_with(|config| {
        config.limits.body_ms = 200;
        config.limits.body_bytes_per_second = 1 << 20;
    })
    .await;
    let Credential::Pair(uuid, secret) = cloud.admin_pair().await else { panic!("no pair") };
    let pair = format!("{JSON}X-WallarmAPI-UUID: {uuid}\r\nX-WallarmAPI-Secret: {secret}\r\n");
    for (line, headers) in [
        ("POST /v1/login", JSON.to_owned()),
        // Read before the credentials are known.
        ("POST /v1/security_issues", JSON.to_owned()),
        // Inflated while it is read.
        ("POST /v1/login", format!("{JSON}Content-Encoding: gzip\r\n")),
        // Read to know whether it is the same again.
        ("POST /v1/objects/pool/create", format!("{pair}Idempotency-Key: a\r\n")),
        // Read by the handler itself.
        (&format!("PUT /v1/clients/{}/configuration", cloud.client.id), pair.clone()),
    ] {
        // What a document begins with, or what is inflated.
        let first = if headers.contains("gzip") { "\u{1f}" } else { "{" };
        for begun in ["", first] {
            let mut wire = Wire::to(&cloud).await;
            wire.begin(line, &format!("{headers}Content-Length: 50\r\n")).await;
            wire.send(begun).await;
            let answer = wire.answer().await.unwrap_or_else(|| panic!("{line}: no answer"));
            assert_eq!((answer.status, answer.says_close()), (408, true), "{line}: {}", answer.head);
            assert_eq!(answer.body, r#"{"status":408,"body":"Request timeout"}"#, "{line}");
            assert!(wire.answer().await.is_none(), "{line}: the connection is still there");
        }
    }
}

#[tokio::test]
async fn whoever_sends_too_much_gets_the_answer() {
    let cloud = TestCloud::start_with(|config| config.limits.unread_body_ms = 60_000).await;
    let mut wire = Wire::to(&cloud).await;
    let length = 64 << 20;
    wire.begin("POST /v1/session/token", &format!("{JSON}Content-Length: {length}\r\n")).await;
    // As clients do that look for an answer only when everything is sent.
    let part = "x".repeat(1 << 20);
    for _ in 0..length / part.len() {
        wire.send(&part).await;
    }
    let answer = wire.answer().await.expect("no answer");
    assert_eq!((answer.status, answer.says_close()), (401, true));
    assert!(wire.answer().await.is_none());
}

#[tokio::test]
async fn over_http2_a_refusal_does_not_break_the_upload_off() {
    let cloud = TestCloud::start_with(|config| config.limits.unread_body_ms = 60_000).await;
    let client = reqwest::Client::builder().http2_prior_knowledge().build().unwrap();
    // More than fits into the windows of a connection whose server reads nothing.
    let parts = 48;
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let body = futures_util::stream::iter((0..parts).map(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![b'x'; 64 << 10])))
    }));
    let request =
        client.post(format!("{}/v1/session/token", cloud.url)).header("Content-Type", "application/json");
    let answer = request.body(reqwest::Body::wrap(StreamBody::new(body))).send().await.unwrap();
    assert_eq!((answer.version(), answer.status().as_u16()), (reqwest::Version::HTTP_2, 401));
    assert_eq!(sent.load(Ordering::SeqCst), parts, "the upload was broken off");
}

#[tokio::test]
async fn a_body_that_is_read_is_asked_for() {
    let cloud = TestCloud::start().await;
    let mut wire = Wire::to(&cloud).await;
    let headers = format!("{JSON}Content-Length: 2\r\nExpect: 100-continue\r\n");
    wire.begin("POST /v1/login/discover", &headers).await;
    assert_eq!(wire.answer().await.unwrap().status, 100);
    wire.send("{}").await;
    let answer = wire.answer().await.unwrap();
    assert_eq!((answer.status, answer.says_close()), (400, false));
    assert!(wire.goes_on().await);
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_the_headers_of_safety() {
    let cloud = TestCloud::start_with(|config| {
        config.listen.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;
    let mut seen = std::collections::BTreeSet::new();
    for (line, headers) in [
        ("GET /healthz", ""),
        ("GET /", ""),
        ("GET /apiconsole", ""),
        ("GET /no-such-file.js", ""),
        ("GET /v1/nowhere", ""),
        ("POST /attacks", ""),
        ("OPTIONS /v1/user", "Origin: http://x\r\nAccess-Control-Request-Method: POST\r\n"),
    ] {
        for scheme in ["http", "https"] {
            let mut wire = Wire::to(&cloud).await;
            wire.begin(line, &format!("{headers}X-Forwarded-Proto: {scheme}\r\n")).await;
            let Answer { head, .. } = wire.answer().await.unwrap();
            let id = head.split("\r\nx-request-id: ").nth(1).unwrap_or_else(|| panic!("{line}: {head}"));
            assert!(seen.insert(id.lines().next().unwrap().to_owned()), "{line}: an id of another request");
            assert!(head.contains("\r\nx-content-type-options: nosniff\r\n"), "{line}: {head}");
            assert!(head.contains("\r\nreferrer-policy: same-origin\r\n"), "{line}: {head}");
            assert!(head.contains("\r\ncache-control: "), "{line}: {head}");
            let over_tls = head.contains("\r\nstrict-transport-security: max-age=31536000");
            assert_eq!(over_tls, scheme == "https", "{line}: {head}");
        }
    }
}
