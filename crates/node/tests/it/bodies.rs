//! Request bodies as they arrive in pieces, messages of calls, clients that do not read, memory that runs out.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::cloud::{Cloud, hint, with_cloud};
use crate::harness::{Options, Setup, eventually};
use crate::upstream::Upstream;

const ATTACK: &str = "q=1%27%20union%20select%20password%20from%20users--";

/// An upstream whose every byte the test decides on.
struct Scripted {
    setup: Setup,
    listener: TcpListener,
}

impl Scripted {
    async fn new(mode: &str) -> Scripted {
        Scripted::with(mode, "").await
    }

    async fn with(mode: &str, more: &str) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let extra = format!(
            "upstream.scripted.servers = [\"http://{}\"]\nroute = {{ mode = \"{mode}\", upstream = \"scripted\" }}\n{more}\n",
            listener.local_addr().unwrap()
        );
        Scripted { setup: Setup::new(Options { extra: &extra, ..Options::default() }).await, listener }
    }

    async fn client(&self, length: usize, begin: &str) -> TcpStream {
        let mut client = TcpStream::connect(self.setup.address()).await.unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{begin}"
        );
        client.write_all(head.as_bytes()).await.unwrap();
        client
    }
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(end) {
        seen.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(seen).unwrap()
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut seen = String::new();
    stream.read_to_string(&mut seen).await.unwrap();
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn monitoring_streams_the_body_and_answers_when_the_hit_is_on_disk() {
    let scripted = Scripted::new("monitoring").await;
    let mut client = scripted.client(ATTACK.len() + 4, "a=1&").await;
    let (mut upstream, _) = scripted.listener.accept().await.unwrap();
    // The upstream has the beginning before the client has sent the end.
    read_until(&mut upstream, "\r\n\r\na=1&").await;
    client.write_all(ATTACK.as_bytes()).await.unwrap();
    read_until(&mut upstream, ATTACK).await;
    upstream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 201 "));
    let hits = scripted.setup.spooled();
    assert_eq!(hits.len(), 1, "{hits:?}");
    assert_eq!((&hits[0]["attack_type"], &hits[0]["statuscode"]), (&"sqli".into(), &201.into()));
    assert_eq!(hits[0]["block_status"], "monitored");
    assert!(hits[0]["raw"]["body"].as_str().unwrap().starts_with("a=1&q="));
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_that_comes_early_ends_when_what_had_arrived_is_judged() {
    let scripted = Scripted::new("monitoring").await;
    let mut client = scripted.client(1000, ATTACK).await;
    let (mut upstream, _) = scripted.listener.accept().await.unwrap();
    read_until(&mut upstream, ATTACK).await;
    upstream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhell").await.unwrap();
    // The answer begins although the request has not ended.
    read_until(&mut client, "\r\n\r\nhell").await;
    upstream.write_all(b"o up").await.unwrap();
    read_until(&mut client, "o up").await;
    let hits = scripted.setup.spooled();
    assert_eq!(hits[0]["attack_type"], "sqli");
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_of_an_upstream_that_falls_silent_is_broken_off() {
    let scripted = Scripted::with("block", "timeouts = { upstream_idle_s = 1 }").await;
    let mut client = scripted.client(3, "a=1").await;
    let (mut upstream, _) = scripted.listener.accept().await.unwrap();
    read_until(&mut upstream, "a=1").await;
    upstream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhell").await.unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nhell"), "{answer}");
    // The connection to the upstream is gone too.
    assert_eq!(upstream.read(&mut [0]).await.unwrap_or(0), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_goes_away_is_judged_by_what_it_sent() {
    let scripted = Scripted::new("monitoring").await;
    let client = scripted.client(1000, ATTACK).await;
    let (mut upstream, _) = scripted.listener.accept().await.unwrap();
    read_until(&mut upstream, ATTACK).await;
    drop(client);
    eventually("the hit is on disk", || async { !scripted.setup.spooled().is_empty() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_off_upload_is_no_attack_and_one_above_the_limit_is_reported() {
    let extra = "inspect = { body_max = 1000 }\n";
    let setup = Setup::new(Options { mode: "monitoring", extra, ..Options::default() }).await;
    for (kind, body) in [("text/plain", "half of it"), ("text/xml", "<?xml version=\"1.0\"?><a><b>half")] {
        let mut client = TcpStream::connect(setup.address()).await.unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\nContent-Type: {kind}\r\n\r\n{body}"
        );
        client.write_all(head.as_bytes()).await.unwrap();
    }
    eventually("both were judged", || async { inspections(&setup).await == 2 }).await;
    assert!(setup.spooled().is_empty(), "{:?}", setup.spooled());
    let large = setup.http.post(setup.url("/")).header("content-type", "text/plain").body("a".repeat(2000));
    assert_eq!(large.send().await.unwrap().status(), 200);
    let hits = setup.spooled();
    assert_eq!((hits.len(), &hits[0]["attack_type"]), (1, &"overlimit_res".into()));
}

async fn inspections(setup: &Setup) -> u64 {
    let url = format!("http://{}/metrics", setup.node.status_address());
    let text = setup.http.get(url).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("bartizan_node_inspection_seconds_count "));
    line.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn blocking_mode_holds_the_body_until_the_verdict() {
    let scripted = Scripted::new("block").await;
    let mut client = scripted.client(ATTACK.len() + 4, "a=1&").await;
    eventually("the request is in flight", || async { scripted.setup.stats().await["requests"] == 1 }).await;
    client.write_all(ATTACK.as_bytes()).await.unwrap();
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 403 "));
    let contacted = tokio::time::timeout(Duration::ZERO, scripted.listener.accept()).await;
    assert!(contacted.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn virtual_patch_holds_the_body_in_monitoring() {
    let cloud = Cloud::start().await;
    let setup = with_cloud(&cloud, "monitoring").await;
    let point = json!([["post"], ["form_urlencoded", "card"]]);
    cloud.set_hints(vec![hint(1, "vpatch", json!([]), json!({ "attack_type": "any", "point": point }))]);
    eventually("rules are in force", || async { setup.node.ruleset_version() == 2 }).await;
    let mut client = TcpStream::connect(setup.address()).await.unwrap();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 11\r\n\
                Content-Type: application/x-www-form-urlencoded\r\n\r\na=1&";
    client.write_all(head.as_bytes()).await.unwrap();
    eventually("the request is in flight", || async { setup.stats().await["requests"] == 1 }).await;
    client.write_all(b"card=12").await.unwrap();
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 403 "));
    assert_eq!(setup.upstream.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn body_without_room_in_memory_goes_the_way_of_a_failed_inspection() {
    let large = format!("a={}&{ATTACK}", "b".repeat(3 << 20));
    for (policy, status) in [("pass", 200), ("block", 403)] {
        let extra = format!(
            "inspect = {{ held_max = 1048576 }}\nroute = {{ mode = \"block\", on_inspection_error = \"{policy}\" }}\n"
        );
        let setup = Setup::new(Options { extra: &extra, ..Options::default() }).await;
        let send = |body: String| setup.http.post(setup.url("/")).body(body).send();
        assert_eq!(send(large.clone()).await.unwrap().status(), status, "{policy}");
        let stats = setup.stats().await;
        assert_eq!((&stats["memfaults"], &stats["abnormal"]), (&1.into(), &1.into()));
        // Small bodies need no room of their own, and what was taken is given back.
        assert_eq!(send(ATTACK.to_owned()).await.unwrap().status(), 403);
        assert_eq!(send(format!("a={}", "b".repeat(100 << 10))).await.unwrap().status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_does_not_read_its_answer_is_cut_off() {
    let setup =
        Setup::new(Options { extra: "timeouts = { response_idle_s = 1 }", ..Options::default() }).await;
    let mut client = TcpStream::connect(setup.address()).await.unwrap();
    client.write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    eventually("the client is cut off", || async { timeouts(&setup).await == 1 }).await;
    // Over HTTP/2 it is flow control, not the socket, that holds the answer back.
    let stream = TcpStream::connect(setup.address()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = |path: &str| {
        let request = http::Request::get(format!("http://{}{path}", setup.address()));
        request.body(Empty::<Bytes>::new()).unwrap()
    };
    let mut answer = sender.send_request(request("/endless")).await.unwrap();
    assert_eq!(answer.status(), 200);
    eventually("the stream is reset", || async { timeouts(&setup).await == 2 }).await;
    // The other streams of the connection go on.
    assert_eq!(sender.send_request(request("/")).await.unwrap().status(), 200);
    let error = loop {
        match answer.frame().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("the answer looks complete"),
        }
    };
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<h2::Error>());
    assert!(cause.is_some_and(h2::Error::is_reset), "{error:?}");
}

async fn timeouts(setup: &Setup) -> u64 {
    let url = format!("http://{}/metrics", setup.node.status_address());
    let text = setup.http.get(url).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("bartizan_node_client_timeouts_total "));
    line.unwrap().parse().unwrap()
}

/// A gRPC call that the test speaks message by message.
struct Call {
    messages: tokio::sync::mpsc::UnboundedSender<Bytes>,
    answer: http::Response<Incoming>,
}

impl Call {
    /// A call with a first message.
    async fn begin(setup: &Setup, first: &str) -> Call {
        Call::with(setup, "/grpc-echo", Some(first)).await
    }

    /// A call without messages so far.
    async fn open(setup: &Setup, target: &str) -> Call {
        Call::with(setup, target, None).await
    }

    async fn with(setup: &Setup, target: &str, first: Option<&str>) -> Call {
        let stream = TcpStream::connect(setup.address()).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let (messages, queue) = tokio::sync::mpsc::unbounded_channel();
        if let Some(first) = first {
            messages.send(message(first)).unwrap();
        }
        let body = futures_util::stream::unfold(queue, |mut queue| async move {
            let data = queue.recv().await?;
            Some((Ok::<_, std::io::Error>(Frame::data(data)), queue))
        });
        let request = http::Request::post(format!("http://{}{target}", setup.address()))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(StreamBody::new(Box::pin(body)))
            .unwrap();
        Call { messages, answer: sender.send_request(request).await.unwrap() }
    }

    async fn data(&mut self) -> Bytes {
        self.answer.frame().await.unwrap().unwrap().into_data().unwrap()
    }
}

/// A message with one string in field 1.
fn message(text: &str) -> Bytes {
    let length = u8::try_from(text.len()).unwrap();
    let mut bytes = vec![0, 0, 0, 0, length + 2, 0x0a, length];
    bytes.extend_from_slice(text.as_bytes());
    bytes.into()
}

const MESSAGE_ATTACK: &str = "1' union select password from users--";

#[tokio::test(flavor = "multi_thread")]
async fn later_message_of_a_call_is_refused_with_status_seven() {
    let setup = Setup::in_mode("block").await;
    let mut call = Call::begin(&setup, "hello").await;
    assert_eq!(call.data().await, message("hello"));
    call.messages.send(message("world")).unwrap();
    assert_eq!(call.data().await, message("world"));
    call.messages.send(message(MESSAGE_ATTACK)).unwrap();
    let trailers = call.answer.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "7");
    assert!(call.answer.frame().await.is_none());
    let hits = setup.spooled();
    let point = json!(["post", "grpc", 2, "protobuf", "1"]);
    let hit = hits.iter().find(|hit| hit["attack_type"] == "sqli" && hit["point"] == point).unwrap();
    assert_eq!((&hit["block_status"], &hit["statuscode"]), (&"blocked".into(), &200.into()));
    let stats = setup.stats().await;
    assert_eq!((&stats["streams"], &stats["messages"]), (&1.into(), &3.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn first_message_is_refused_before_the_upstream_has_it() {
    let setup = Setup::in_mode("block").await;
    let call = Call::begin(&setup, MESSAGE_ATTACK).await;
    assert_eq!(call.answer.status(), 200);
    // In the head when the message came with it, and in trailers when the upstream had begun to answer.
    let in_head = call.answer.headers().get("grpc-status").cloned();
    let rest = call.answer.into_body().collect().await.unwrap();
    let in_trailers = rest.trailers().and_then(|trailers| trailers.get("grpc-status").cloned());
    assert_eq!(in_head.or(in_trailers).unwrap(), "7");
    assert!(rest.to_bytes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn server_of_a_call_may_speak_first() {
    for mode in ["monitoring", "block"] {
        let setup = Setup::in_mode(mode).await;
        // The answer begins, although no message was sent.
        let mut call = Call::open(&setup, "/grpc-echo").await;
        assert_eq!((call.answer.status().as_u16(), setup.upstream.requests()), (200, 1), "{mode}");
        call.messages.send(message("hello")).unwrap();
        assert_eq!(call.data().await, message("hello"));
        call.messages.send(message(MESSAGE_ATTACK)).unwrap();
        if mode == "block" {
            let trailers = call.answer.frame().await.unwrap().unwrap().into_trailers().unwrap();
            assert_eq!(trailers["grpc-status"], "7");
        } else {
            assert_eq!(call.data().await, message(MESSAGE_ATTACK));
        }
        let hits = setup.spooled();
        let point = json!(["post", "grpc", 1, "protobuf", "1"]);
        assert!(hits.iter().any(|hit| hit["point"] == point), "{mode}: {hits:?}");
        assert_eq!(setup.stats().await["messages"], 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn head_of_a_call_is_judged_once_and_before_its_messages() {
    let attack = "/grpc-echo?q=1%27%20union%20select%20password%20from%20users--";
    let setup = Setup::in_mode("block").await;
    let call = Call::open(&setup, attack).await;
    assert_eq!(call.answer.headers()["grpc-status"], "7");
    assert_eq!(setup.upstream.requests(), 0);
    let setup = Setup::in_mode("monitoring").await;
    let mut call = Call::open(&setup, attack).await;
    for text in ["one", "two"] {
        call.messages.send(message(text)).unwrap();
        assert_eq!(call.data().await, message(text));
    }
    let hits = setup.spooled();
    assert_eq!(hits.iter().filter(|hit| hit["attack_type"] == "sqli").count(), 1, "{hits:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn later_message_of_a_call_is_reported_in_monitoring() {
    let setup = Setup::in_mode("monitoring").await;
    let mut call = Call::begin(&setup, "hello").await;
    assert_eq!(call.data().await, message("hello"));
    // In two pieces: messages are what counts, not frames.
    let attack = message(MESSAGE_ATTACK);
    call.messages.send(attack.slice(..9)).unwrap();
    call.messages.send(attack.slice(9..)).unwrap();
    let mut echoed = Vec::new();
    while echoed.len() < attack.len() {
        echoed.extend_from_slice(&call.data().await);
    }
    assert_eq!(echoed, attack);
    let hits = setup.spooled();
    assert_eq!((&hits[0]["attack_type"], &hits[0]["block_status"]), (&"sqli".into(), &"monitored".into()));
    drop(call.messages);
    let trailers = call.answer.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn message_above_what_is_inspected_passes_or_not_as_configured() {
    for (policy, passes) in [("pass", true), ("block", false)] {
        let extra = format!("inspect = {{ body_max = 64, on_body_over_limit = \"{policy}\" }}\n");
        let setup = Setup::new(Options { extra: &extra, ..Options::default() }).await;
        let mut call = Call::begin(&setup, "hello").await;
        assert_eq!(call.data().await, message("hello"));
        let long = message(&"a".repeat(120));
        call.messages.send(long.clone()).unwrap();
        if passes {
            let mut echoed = Vec::new();
            while echoed.len() < long.len() {
                echoed.extend_from_slice(&call.data().await);
            }
            assert_eq!(echoed, long);
            call.messages.send(message(MESSAGE_ATTACK)).unwrap();
        }
        let trailers = call.answer.frame().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(trailers["grpc-status"], "7", "{policy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_request_is_refused_for_leaves_a_true_event() {
    let large = "a".repeat(2000);
    let reason = |setup: &Setup| {
        let hits = setup.spooled();
        assert_eq!(hits.len(), 1, "{hits:?}");
        assert_eq!((&hits[0]["block_status"], &hits[0]["statuscode"]), (&"blocked".into(), &403.into()));
        assert_eq!(hits[0]["attack_type"], "overlimit_res");
        hits[0]["block_reason"].as_str().unwrap().to_owned()
    };
    for overlimit in ["monitoring", "off"] {
        let extra = format!(
            "inspect = {{ body_max = 1000, on_body_over_limit = \"block\", overlimit_mode = \"{overlimit}\" }}\n"
        );
        let setup = Setup::new(Options { extra: &extra, ..Options::default() }).await;
        assert_eq!(setup.http.post(setup.url("/")).body(large.clone()).send().await.unwrap().status(), 403);
        assert_eq!(reason(&setup), "limit body", "{overlimit}");
    }
    // No room in the queue, and none in memory: in every mode that inspects.
    for (mode, extra, body, wanted) in [
        ("monitoring", "inspect = { held_max = 1048576 }", "b".repeat(3 << 20), "limit memory"),
        ("block", "inspect = { held_max = 1048576 }", "b".repeat(3 << 20), "limit memory"),
    ] {
        let extra = format!("{extra}\nroute = {{ mode = \"{mode}\", on_inspection_error = \"block\" }}\n");
        let setup = Setup::new(Options { extra: &extra, ..Options::default() }).await;
        assert_eq!(setup.http.post(setup.url("/")).body(body).send().await.unwrap().status(), 403, "{mode}");
        assert_eq!(reason(&setup), wanted, "{mode}");
        assert_eq!(setup.stats().await["blocked"], 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn body_above_the_limit_is_refused_to_graylisted_sources() {
    let cloud = Cloud::start().await;
    let extra = "inspect = { body_max = 1000, on_body_over_limit = \"block\" }\n";
    let setup =
        Setup::new(Options { mode: "safe_blocking", extra, cloud: Some(&cloud), ..Options::default() }).await;
    let send = || setup.http.post(setup.url("/")).body("a".repeat(2000)).send();
    assert_eq!(send().await.unwrap().status(), 200);
    cloud.set_list(bartizan_api::node::ListName::Gray, "127.0.0.1");
    eventually("the source is graylisted", || async { send().await.unwrap().status() == 403 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_wait_for_their_turn_and_all_get_a_verdict() {
    let extra = "inspect = { offload_bytes = 0, process_time_limit_ms = 10000 }\n";
    let setup = Setup::new(Options { extra, ..Options::default() }).await;
    let sends: Vec<_> =
        (0..16).map(|_| tokio::spawn(setup.http.post(setup.url("/")).body(ATTACK).send())).collect();
    for send in sends {
        assert_eq!(send.await.unwrap().unwrap().status(), 403);
    }
    let stats: Value = setup.stats().await;
    assert_eq!((&stats["blocked"], &stats["abnormal"]), (&16.into(), &0.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn upstream_is_told_nothing_of_a_body_that_fails() {
    let upstream = Upstream::start().await;
    let options = Options {
        upstream: Some(upstream),
        extra: "limits = { body_max = 10 }",
        mode: "monitoring",
        ..Options::default()
    };
    let setup = Setup::new(options).await;
    let response = setup.http.post(setup.url("/")).body("a".repeat(5000)).send().await.unwrap();
    assert_eq!(response.status(), 413);
}
