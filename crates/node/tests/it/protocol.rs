//! HTTP as a proxy must speak it, and what it must refuse.

use std::fmt::Write as _;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Options, Setup, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn request_reaches_the_upstream_with_forwarding_headers() {
    let setup = Setup::in_mode("block").await;
    let request =
        setup.http.post(setup.url("/a/b?c=%20d")).header("x-forwarded-for", "6.6.6.6").body("hello");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("x-hop"));
    let seen: Value = response.json().await.unwrap();
    assert_eq!((&seen["method"], &seen["uri"]), (&"POST".into(), &"/a/b?c=%20d".into()));
    assert_eq!(seen["body_size"], 5);
    assert_eq!(seen["headers"]["x-forwarded-for"], "127.0.0.1");
    assert_eq!(seen["headers"]["x-forwarded-proto"], "http");
    assert_eq!(seen["headers"]["host"], setup.address().to_string());
    assert_eq!(seen["headers"]["x-request-id"].as_str().unwrap().len(), 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn ambiguous_framing_is_refused_and_counted() {
    let setup = Setup::in_mode("block").await;
    let heads = [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length : 4\r\n",
        "A: b\r\n c\r\n",
        "A: b\nC: d\r\n",
        "Host: other\r\n",
        "Transfer-Encoding: xchunked\r\n",
    ];
    for head in heads {
        let answer = setup.raw(format!("POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n0\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{head:?}: {answer:?}");
    }
    assert_eq!(setup.upstream.requests(), 0);
    eventually("counted as abnormal", || async { setup.stats().await["abnormal"] == heads.len() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_smuggling_attempt_is_refused_after_the_good_request() {
    let setup = Setup::in_mode("block").await;
    let answer = setup
        .raw(
            b"POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\
              POST /second HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        )
        .await;
    assert!(!answer.contains("/second"), "{answer}");
    assert!(setup.upstream.requests() <= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_heads_are_refused() {
    let setup = Setup::in_mode("block").await;
    let many: String = (0..10_000).fold(String::new(), |mut text, i| {
        write!(text, "x-{i}: 1\r\n").unwrap();
        text
    });
    let answer = setup.raw(format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
    let long = "y".repeat(17 << 10);
    let answer = setup.raw(format!("GET / HTTP/1.1\r\nHost: a\r\nx: {long}\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
    let answer = setup.raw(b"GET / HTTP/1.1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer:?}");
    assert_eq!(setup.upstream.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_angle_brackets_in_the_target_are_inspected() {
    let setup = Setup::in_mode("block").await;
    let answer = setup
        .raw(b"GET /?q=<script>alert(1)</script> HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer:?}");
    let answer = setup.raw(b"GET /?q=a<b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("/?q=a%3Cb"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hundred_megabytes_stream_through_in_bounded_memory() {
    let setup = Setup::in_mode("block").await;
    let chunk = Bytes::from(vec![b'a'; 1 << 20]);
    let chunks = (0..100).map(move |_| Ok::<_, std::io::Error>(Frame::data(chunk.clone())));
    let body = reqwest::Body::wrap(StreamBody::new(futures_util::stream::iter(chunks)));
    let before = peak_memory();
    let response = setup.http.post(setup.url("/upload")).body(body).send().await.unwrap();
    let seen: Value = response.json().await.unwrap();
    assert_eq!(seen["body_size"], 100 << 20);
    let grown = peak_memory() - before;
    assert!(grown < 64 << 20, "grew by {grown} bytes");
}

fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn body_over_the_limit_is_blocked_on_demand() {
    let extra = "inspect = { body_max = 1000, on_body_over_limit = \"block\" }";
    let setup = Setup::new(Options { extra, ..Options::default() }).await;
    let send = |size: usize| setup.http.post(setup.url("/")).body("a".repeat(size)).send();
    assert_eq!(send(900).await.unwrap().status(), 200);
    assert_eq!(send(2000).await.unwrap().status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn body_above_what_is_accepted_is_413() {
    let setup = Setup::new(Options { extra: "limits = { body_max = 1000 }", ..Options::default() }).await;
    let response = setup.http.post(setup.url("/")).body("a".repeat(5000)).send().await.unwrap();
    assert_eq!(response.status(), 413);
}

async fn websocket(setup: &Setup) -> TcpStream {
    let mut stream = TcpStream::connect(setup.address()).await.unwrap();
    let head = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn tunnel_counts_as_a_connection_until_it_ends() {
    let setup = Setup::new(Options { extra: "limits = { connections = 1 }", ..Options::default() }).await;
    let mut tunnel = websocket(&setup).await;
    let mut other = TcpStream::connect(setup.address()).await.unwrap();
    other.write_all(b"GET /waits HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    for i in 0..20 {
        let message = format!("message {i}");
        tunnel.write_all(message.as_bytes()).await.unwrap();
        let mut echo = vec![0; message.len()];
        tunnel.read_exact(&mut echo).await.unwrap();
    }
    // The worker had its turns, and did not take the other connection.
    assert_eq!(setup.upstream.requests(), 1);
    drop(tunnel);
    let mut answer = String::new();
    other.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn listener_without_clients_takes_nothing_from_the_others() {
    let extra = "listen = [{ address = \"127.0.0.1:0\" }, { address = \"127.0.0.1:0\" }]\nlimits = { connections = 1 }";
    let setup = Setup::new(Options { extra, ..Options::default() }).await;
    for address in setup.node.addresses() {
        let answer = setup.http.get(format!("http://{address}/")).header("connection", "close").send().await;
        assert_eq!(answer.unwrap().status(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_request_without_exactly_one_host_is_refused() {
    let setup = Setup::in_mode("block").await;
    // `:method GET`, `:scheme http`, `:path /`, then `host` fields as literals without a name of the table.
    let host =
        |name: &str| [&[0, 4][..], b"host", &[u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
    for (hosts, status) in [(vec!["a"], 200), (vec!["a", "b"], 400), (vec![], 400)] {
        let fields: Vec<u8> = hosts.into_iter().flat_map(host).collect();
        assert_eq!(http2_status(&setup, &[&[0x82, 0x86, 0x84][..], &fields].concat()).await, status);
    }
}

/// Sends a head as it is; the status of the answer, by its index in the static table or as a literal.
async fn http2_status(setup: &Setup, head: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(setup.address()).await.unwrap();
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let length = u8::try_from(head.len()).unwrap();
    let frame = [&[0, 0, length, 1, 5, 0, 0, 0, 1][..], head].concat();
    stream.write_all(&[&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &settings, &frame].concat()).await.unwrap();
    loop {
        let mut header = [0; 9];
        stream.read_exact(&mut header).await.unwrap();
        let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload).await.unwrap();
        if header[3] == 1 {
            return match payload[0] {
                0x88 => 200,
                0x8c => 400,
                other => panic!("status is coded as {other:#x}"),
            };
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tunnel_ends_after_silence_and_with_the_node() {
    let setup = Setup::new(Options { extra: "timeouts = { tunnel_idle_s = 1 }", ..Options::default() }).await;
    let mut tunnel = websocket(&setup).await;
    let mut rest = Vec::new();
    // An end or a reset: either way it is over.
    let _ = tunnel.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
    let setup = Setup::in_mode("block").await;
    let mut tunnel = websocket(&setup).await;
    let (_state, _upstream) = setup.stop().await;
    let _ = tunnel.read_to_end(&mut rest).await;
    assert!(rest.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn websocket_is_tunnelled() {
    let setup = Setup::in_mode("block").await;
    let mut stream = websocket(&setup).await;
    // Bytes that would be a framing violation if they were still taken for HTTP.
    let message = b"\n\x81\x05hello\nContent-Length: x\n\n";
    stream.write_all(message).await.unwrap();
    let mut echo = vec![0; message.len()];
    stream.read_exact(&mut echo).await.unwrap();
    assert_eq!(echo, message);
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_passes_over_http2_with_trailers() {
    let setup = Setup::in_mode("block").await;
    let stream = TcpStream::connect(setup.address()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let message = Bytes::from_static(b"\0\0\0\0\x05hello");
    let request = http::Request::post(format!("http://{}/grpc", setup.address()))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(message.clone()))
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.headers()["x-version"], "HTTP/2.0");
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(body.to_bytes(), message);
}

#[tokio::test(flavor = "multi_thread")]
async fn upstream_that_is_down_is_502_and_comes_back() {
    let setup = Setup::in_mode("block").await;
    assert_eq!(setup.status("/").await, 200);
    let address = setup.upstream.address;
    let Setup { node, upstream, http, .. } = setup;
    drop(upstream);
    let url = format!("http://{}/", node.addresses()[0]);
    let status = || async { http.get(&url).send().await.unwrap().status().as_u16() };
    eventually("the node sees that the upstream is gone", || async { status().await == 502 }).await;
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
        }
    });
    eventually("the node uses the upstream again", || async { status().await == 204 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_finishes_requests_in_flight() {
    let setup = Setup::in_mode("monitoring").await;
    let mut stream = TcpStream::connect(setup.address()).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab").await.unwrap();
    eventually("the request is in flight", || async { setup.stats().await["requests"] == 1 }).await;
    let stopping = tokio::spawn(setup.stop());
    stream.write_all(b"cde").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
    stopping.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_listener_speaks_http2_and_tells_the_upstream() {
    let dir = tempfile::tempdir().unwrap();
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, certified.cert.pem()).unwrap();
    std::fs::write(&key, certified.signing_key.serialize_pem()).unwrap();
    let extra = format!(
        "listen = [{{ address = \"127.0.0.1:0\", tls = {{ cert = {cert:?}, key = {key:?} }} }}, {{ address = \"127.0.0.1:0\" }}]"
    );
    let setup = Setup::new(Options { extra: &extra, ..Options::default() }).await;
    let client = reqwest::Client::builder().danger_accept_invalid_certs(true).build().unwrap();
    let response = client.get(format!("https://{}/x", setup.address())).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, http::Version::HTTP_2));
    let seen: Value = response.json().await.unwrap();
    assert_eq!(seen["headers"]["x-forwarded-proto"], "https");
    assert_eq!(seen["headers"]["host"], setup.address().to_string());
    let attack = format!("https://{}/?q=1%27%20union%20select%20password%20from%20users--", setup.address());
    assert_eq!(client.get(attack).send().await.unwrap().status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn client_that_dawdles_over_its_head_is_cut_off() {
    let setup = Setup::new(Options { extra: "timeouts = { header_s = 1 }", ..Options::default() }).await;
    assert_eq!(setup.raw(b"GET / HTTP/1.1\r\nHost: a\r\nx: ").await, "");
    assert_eq!(setup.status("/").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_and_paths_choose_mode_and_upstream() {
    let other = crate::upstream::Upstream::start().await;
    let extra = format!(
        "route = {{ mode = \"block\", upstream = \"app\", hosts = [{{ host = \"*.shop.test\", mode = \"off\", \
         application = 3, upstream = \"other\", paths = [{{ path = \"/admin\", mode = \"block\" }}] }}] }}\n\
         upstream.other.servers = [\"http://{}\"]\n",
        other.address
    );
    let setup = Setup::new(Options { extra: &extra, ..Options::default() }).await;
    let attack = "?q=1%27%20union%20select%20password%20from%20users--";
    let status = |host: &'static str, path: &str| {
        let request = setup.http.get(setup.url(&format!("{path}{attack}"))).header("host", host);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(status("a.shop.test", "/x").await, 200);
    assert_eq!((other.requests(), setup.upstream.requests()), (1, 0));
    assert_eq!(status("a.shop.test", "/%61dmin/x").await, 403);
    assert_eq!(setup.spooled()[0]["application"], 3);
    assert_eq!(status("b.test", "/x").await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_of_a_pool_take_turns_and_a_dead_one_is_skipped() {
    let second = crate::upstream::Upstream::start().await;
    let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let extra = format!(
        "upstream.pool.servers = [\"http://{dead}\", \"http://{}\"]\nroute = {{ mode = \"block\", upstream = \"pool\" }}\n",
        second.address
    );
    let setup = Setup::new(Options { extra: &extra, ..Options::default() }).await;
    for _ in 0..6 {
        assert_eq!(setup.status("/").await, 200);
    }
    assert_eq!(second.requests(), 6);
}

async fn http2(setup: &Setup) -> hyper::client::conn::http2::SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(setup.address()).await.unwrap();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_of_http2_are_one_field_to_inspection_and_upstream() {
    let setup = Setup::in_mode("block").await;
    let mut sender = http2(&setup).await;
    let request = |cookies: [&str; 2]| {
        let request = http::Request::get(format!("http://{}/", setup.address()));
        let request = cookies.iter().fold(request, |request, cookie| request.header("cookie", *cookie));
        request.body(Full::default()).unwrap()
    };
    let answer = sender.send_request(request(["a=1", "b=2"])).await.unwrap();
    let seen: Value =
        serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!(seen["headers"]["cookie"], "a=1; b=2");
    let attack = ["a=1", "b=1' union select password from users--"];
    assert_eq!(sender.send_request(request(attack)).await.unwrap().status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn body_of_unknown_length_reaches_the_upstream_with_every_method() {
    for mode in ["off", "monitoring", "block"] {
        let setup = Setup::in_mode(mode).await;
        for method in ["GET", "DELETE", "POST"] {
            let mut client = TcpStream::connect(setup.address()).await.unwrap();
            let head = format!(
                "{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            );
            client.write_all(head.as_bytes()).await.unwrap();
            if mode != "block" {
                eventually("the upstream is asked", || async { setup.upstream.requests() > 0 }).await;
            }
            client.write_all(b"5\r\nhello\r\n0\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            assert!(answer.contains("\"body_size\":5"), "{mode} {method}: {answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_http2_connection_to_an_upstream_is_replaced() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let extra = format!(
        "timeouts = {{ upstream_response_s = 1 }}\nroute = {{ upstream = \"scripted\" }}\n\
         upstream.scripted = {{ servers = [\"http://{}\"], protocol = \"http2\" }}\n",
        listener.local_addr().unwrap()
    );
    let setup = Setup::new(Options { extra: &extra, ..Options::default() }).await;
    let server = tokio::spawn(async move {
        // The first connection takes requests and never answers.
        let (silent, _) = listener.accept().await.unwrap();
        let (alive, _) = listener.accept().await.unwrap();
        let service = hyper::service::service_fn(|_| async {
            Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(Bytes::from_static(b"alive"))))
        });
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        connection.serve_connection(TokioIo::new(alive), service).await.unwrap();
        drop(silent);
    });
    assert_eq!(setup.status("/").await, 504);
    let answer = setup.get("/").await;
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "alive"));
    drop(setup);
    server.abort();
}
