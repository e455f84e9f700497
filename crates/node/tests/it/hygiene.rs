//! What hostile or odd clients do on the wire, and what stands between them and the node.

use std::net::SocketAddr;
use std::path::Path;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Options, Setup, eventually};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// `GET /` of `http://a`, by the static table.
const HEAD: &[u8] = &[0x82, 0x86, 0x84, 0x41, 1, b'a'];
const ENHANCE_YOUR_CALM: u32 = 11;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Sends frames after the preface; the error code of the `GOAWAY` that comes back.
async fn goaway(setup: &Setup, frames: &[u8]) -> Option<u32> {
    let mut stream = TcpStream::connect(setup.address()).await.unwrap();
    let bytes = [PREFACE, &frame(4, 0, 0, b""), frames].concat();
    // The node may close while this is still being sent.
    let _ = stream.write_all(&bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let mut rest = &answer[..];
    while let Some((head, after)) = rest.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (payload, next) = after.split_at_checked(length)?;
        if head[3] == 7 {
            return Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        rest = next;
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn rapid_reset_ends_the_connection_and_is_counted() {
    let setup = Setup::in_mode("block").await;
    let mut frames = Vec::new();
    for stream in (1..2000).step_by(2) {
        frames.extend(frame(1, 5, stream, HEAD));
        frames.extend(frame(3, 0, stream, &8u32.to_be_bytes()));
    }
    assert_eq!(goaway(&setup, &frames).await, Some(ENHANCE_YOUR_CALM));
    eventually("it is counted", || async { setup.stats().await["abnormal"] == 1 }).await;
    assert_eq!(setup.status("/").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn continuation_flood_ends_the_connection_and_is_counted() {
    let setup = Setup::in_mode("block").await;
    let mut frames = frame(1, 1, 1, HEAD);
    for _ in 0..10_000 {
        frames.extend(frame(9, 0, 1, &[0, 1, b'x', 1, b'y']));
    }
    assert_eq!(goaway(&setup, &frames).await, Some(ENHANCE_YOUR_CALM));
    eventually("it is counted", || async { setup.stats().await["abnormal"] == 1 }).await;
    assert_eq!(setup.upstream.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_slow_heads_are_cut_off_and_others_served() {
    let setup = Setup::new(Options { extra: "timeouts = { header_s = 1 }", ..Options::default() }).await;
    let mut slow = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(setup.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nx: ").await.unwrap();
        slow.push(stream);
    }
    assert_eq!(setup.status("/").await, 200);
    for stream in &mut slow {
        assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or(0), 0);
    }
}

const TRUSTING: &str = "client_ip = { rule = [{ trusted_networks = [\"127.0.0.0/8\"] }] }\n";

fn listening(proxy_protocol: &str) -> String {
    format!("listen = [{{ address = \"127.0.0.1:0\", proxy_protocol = \"{proxy_protocol}\" }}]\n")
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: close\r\n\r\n";

/// A version 2 header for TCP over IPv4 which says that the client spoke TLS.
fn version_two() -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14".to_vec();
    bytes.extend([192, 0, 2, 9, 192, 0, 2, 1, 4, 0, 1, 187]);
    bytes.extend([0x20, 0, 5, 1, 0, 0, 0, 0]);
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn load_balancer_names_the_client_by_proxy_protocol() {
    for kind in ["required", "optional"] {
        let extra = listening(kind) + TRUSTING;
        let setup = Setup::new(Options { extra: &extra, ..Options::default() }).await;
        let text = b"PROXY TCP4 192.0.2.7 192.0.2.1 1000 443\r\n";
        let answer = setup.raw(&[text, REQUEST].concat()).await;
        assert!(answer.contains("\"x-forwarded-for\":\"192.0.2.7\""), "{answer}");
        let answer = setup.raw(&[&version_two()[..], REQUEST].concat()).await;
        assert!(answer.contains("\"x-forwarded-for\":\"192.0.2.9\""), "{answer}");
        assert!(answer.contains("\"x-forwarded-proto\":\"https\""), "{answer}");
        // Without a header, and with a wrong one.
        let answer = setup.raw(REQUEST).await;
        assert_eq!(answer.starts_with("HTTP/1.1 200 "), kind == "optional", "{answer}");
        assert_eq!(setup.raw(&[b"PROXY TCP9 x\r\n", REQUEST].concat()).await, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_protocol_of_strangers_is_not_believed() {
    let text = b"PROXY TCP4 192.0.2.7 192.0.2.1 1000 443\r\n";
    for kind in ["required", "optional", "off"] {
        let setup = Setup::new(Options { extra: &listening(kind), ..Options::default() }).await;
        let answer = setup.raw(&[text, REQUEST].concat()).await;
        assert!(!answer.contains("192.0.2.7") && !answer.contains(" 200 "), "{kind}: {answer}");
        let plain = setup.raw(REQUEST).await;
        assert_eq!(plain.contains("\"x-forwarded-for\":\"127.0.0.1\""), kind != "required", "{plain}");
    }
}

fn write_certificate(folder: &Path, file: &str, name: &str) -> reqwest::Certificate {
    let certified = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    std::fs::write(folder.join(format!("{file}.crt")), certified.cert.pem()).unwrap();
    std::fs::write(folder.join(format!("{file}.key")), certified.signing_key.serialize_pem()).unwrap();
    reqwest::Certificate::from_pem(certified.cert.pem().as_bytes()).unwrap()
}

async fn reached(address: SocketAddr, name: &str, root: reqwest::Certificate) -> bool {
    let client = reqwest::Client::builder().tls_built_in_root_certs(false).add_root_certificate(root);
    let client = client.resolve(name, address).build().unwrap();
    client.get(format!("https://{name}:{}/", address.port())).send().await.is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_chosen_by_name_and_renewed_by_reload() {
    let folder = tempfile::tempdir().unwrap();
    let at = |file: &str| folder.path().join(file).display().to_string();
    let main = write_certificate(folder.path(), "main", "main.test");
    let shop = write_certificate(folder.path(), "shop", "a.shop.test");
    let extra = format!(
        "listen = [{{ address = \"127.0.0.1:0\", tls = {{ cert = {:?}, key = {:?}, sni = [\
         {{ hosts = [\"*.shop.test\"], cert = {:?}, key = {:?} }}] }} }}]\n",
        at("main.crt"),
        at("main.key"),
        at("shop.crt"),
        at("shop.key")
    );
    let setup = Setup::new(Options { extra: &extra, ..Options::default() }).await;
    assert!(reached(setup.address(), "main.test", main.clone()).await);
    assert!(reached(setup.address(), "a.shop.test", shop.clone()).await);
    assert!(!reached(setup.address(), "a.shop.test", main.clone()).await);
    let renewed = write_certificate(folder.path(), "shop", "a.shop.test");
    setup.node.reload().await.unwrap();
    assert!(reached(setup.address(), "a.shop.test", renewed.clone()).await);
    assert!(!reached(setup.address(), "a.shop.test", shop).await);
    // A key that does not fit its certificate leaves the old ones in force.
    std::fs::copy(folder.path().join("main.key"), folder.path().join("shop.key")).unwrap();
    assert!(setup.node.reload().await.unwrap_err().to_string().contains("shop.crt"));
    assert!(reached(setup.address(), "a.shop.test", renewed).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_must_show_a_certificate_where_that_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let at = |file: &str| folder.path().join(file).display().to_string();
    let main = write_certificate(folder.path(), "main", "main.test");
    write_certificate(folder.path(), "client", "client.test");
    let extra = format!(
        "listen = [{{ address = \"127.0.0.1:0\", tls = {{ cert = {:?}, key = {:?}, client_ca = {:?} }} }}]\n",
        at("main.crt"),
        at("main.key"),
        at("client.crt")
    );
    let setup = Setup::new(Options { extra: &extra, ..Options::default() }).await;
    assert!(!reached(setup.address(), "main.test", main.clone()).await);
    let pem = [std::fs::read(at("client.crt")).unwrap(), std::fs::read(at("client.key")).unwrap()].concat();
    let client = reqwest::Client::builder()
        .tls_built_in_root_certs(false)
        .add_root_certificate(main)
        .identity(reqwest::Identity::from_pem(&pem).unwrap())
        .resolve("main.test", setup.address())
        .build()
        .unwrap();
    let url = format!("https://main.test:{}/", setup.address().port());
    assert_eq!(client.get(url).send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_ends_after_its_last_request() {
    let setup =
        Setup::new(Options { extra: "keep_alive = { max_requests = 2 }", ..Options::default() }).await;
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3);
    let answer = setup.raw(&request).await.to_lowercase();
    assert_eq!(answer.matches("http/1.1 200 ").count(), 2, "{answer}");
    assert_eq!(answer.matches("connection: close").count(), 1, "{answer}");
    let setup =
        Setup::new(Options { extra: "keep_alive = { max_requests = 1 }", ..Options::default() }).await;
    let stream = TcpStream::connect(setup.address()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::get(format!("http://{}/", setup.address()));
    let answer = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    assert!(!answer.into_body().collect().await.unwrap().to_bytes().is_empty());
    // `GOAWAY`, without an error.
    connection.await.unwrap().unwrap();
    assert_eq!(setup.upstream.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_ends_after_its_last_byte_or_second() {
    let extra = "keep_alive = { max_received_bytes = 60 }";
    let setup = Setup::new(Options { extra, ..Options::default() }).await;
    let answer = setup.raw(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(4)).await;
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    let setup =
        Setup::new(Options { extra: "keep_alive = { max_duration_s = 1 }", ..Options::default() }).await;
    // Reads until the node closes, which it does long before the time for idle connections is over.
    let answer = setup.raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
