//! An upstream that tells what it received.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Upstream {
    pub(crate) async fn start() -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            // Connections end with the server, as they would with its process.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let count = Arc::clone(&count);
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        count.fetch_add(1, Ordering::SeqCst);
                        async move { Ok::<_, Infallible>(answer(request).await) }
                    });
                    let io = TokioIo::new(stream);
                    let _ =
                        Builder::new(TokioExecutor::new()).serve_connection_with_upgrades(io, service).await;
                });
            }
        });
        Upstream { address, requests, task }
    }

    /// Requests that arrived here.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut request: Request<Incoming>) -> Response<BoxBody<Bytes, Infallible>> {
    if request.headers().contains_key("upgrade") {
        return upgrade(&mut request);
    }
    let head = json!({
        "method": request.method().as_str(),
        "uri": request.uri().path_and_query().map(|target| target.as_str()),
        "version": format!("{:?}", request.version()),
        "headers": request.headers().iter().map(|(name, value)| {
            (name.as_str().to_owned(), json!(value.to_str().unwrap_or_default()))
        }).collect::<serde_json::Map<_, _>>(),
    });
    match request.uri().path() {
        "/grpc" => return grpc(request).await,
        "/grpc-echo" => return grpc_echo(request),
        "/endless" => return endless(),
        _ => {}
    }
    if let Some(answer) = ordered(&request) {
        return answer;
    }
    let mut size = 0;
    while let Some(frame) = request.body_mut().frame().await {
        match frame {
            Ok(frame) => size += frame.data_ref().map_or(0, Bytes::len),
            Err(_) => break,
        }
    }
    let mut answer = head;
    answer["body_size"] = json!(size);
    let mut response = Response::new(Full::new(Bytes::from(answer.to_string())).boxed());
    response.headers_mut().insert("connection", HeaderValue::from_static("x-hop"));
    response.headers_mut().insert("x-hop", HeaderValue::from_static("1"));
    response
}

/// The answer that the request orders, in hex so that inspection does not see it.
fn ordered(request: &Request<Incoming>) -> Option<Response<BoxBody<Bytes, Infallible>>> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let mut order = header("x-answer")?.to_owned();
    // Inspection decodes hexadecimal digits, too: markup is ordered backwards.
    if header("x-answer-backwards").is_some() {
        order = order.chars().rev().collect();
    }
    let mut body = hex::decode(order).unwrap();
    // Long answers are ordered by number: a header cannot hold them.
    let padding = |name: &str| vec![b'x'; header(name).map_or(0, |count| count.parse().unwrap())];
    body.splice(0..0, padding("x-answer-before"));
    body.extend(padding("x-answer-after"));
    let packed = header("x-answer-gzip").is_some();
    if packed {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, &body).unwrap();
        body = encoder.finish().unwrap();
    }
    // In small pieces, as a server that streams.
    let pieces: Vec<_> =
        body.chunks(1000).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
    let mut response = Response::new(StreamBody::new(futures_util::stream::iter(pieces)).boxed());
    *response.status_mut() = header("x-answer-status").unwrap_or("200").parse().unwrap();
    let headers = response.headers_mut();
    headers.insert(
        "content-type",
        HeaderValue::from_str(header("x-answer-type").unwrap_or("text/html")).unwrap(),
    );
    if packed {
        headers.insert("content-encoding", HeaderValue::from_static("gzip"));
    }
    if let Some(more) = header("x-answer-header") {
        let line = String::from_utf8(hex::decode(more).unwrap()).unwrap();
        let (name, value) = line.split_once(": ").unwrap();
        let name = http::HeaderName::try_from(name).unwrap();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    if let Some(location) = header("x-answer-location") {
        headers.insert("location", HeaderValue::from_str(location).unwrap());
    }
    Some(response)
}

/// Echoes whatever the upgraded connection brings.
fn upgrade(request: &mut Request<Incoming>) -> Response<BoxBody<Bytes, Infallible>> {
    let upgraded = hyper::upgrade::on(&mut *request);
    tokio::spawn(async move {
        let mut stream = TokioIo::new(upgraded.await.unwrap());
        let (mut reader, mut writer) = tokio::io::split(&mut stream);
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
    });
    let mut response = Response::new(Full::new(Bytes::new()).boxed());
    *response.status_mut() = http::StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().insert("connection", HeaderValue::from_static("upgrade"));
    response.headers_mut().insert("upgrade", HeaderValue::from_static("websocket"));
    response
}

/// Echoes messages and ends with trailers, as gRPC does.
async fn grpc(request: Request<Incoming>) -> Response<BoxBody<Bytes, Infallible>> {
    let version = format!("{:?}", request.version());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let frames = [Ok(Frame::data(body)), Ok(Frame::trailers(trailers))];
    let mut response = Response::new(StreamBody::new(futures_util::stream::iter(frames)).boxed());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response.headers_mut().insert("x-version", HeaderValue::from_str(&version).unwrap());
    response
}

/// Echoes data as it comes and ends with trailers.
fn grpc_echo(request: Request<Incoming>) -> Response<BoxBody<Bytes, Infallible>> {
    let frames = futures_util::stream::unfold(Some(request.into_body()), |body| async move {
        let mut body = body?;
        match body.frame().await {
            Some(Ok(frame)) => Some((Ok(frame), Some(body))),
            _ => {
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from_static("0"));
                Some((Ok(Frame::trailers(trailers)), None))
            }
        }
    });
    let mut response = Response::new(StreamBody::new(Box::pin(frames)).boxed());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

/// Sends for as long as somebody reads.
fn endless() -> Response<BoxBody<Bytes, Infallible>> {
    let frames = futures_util::stream::repeat_with(|| Ok(Frame::data(Bytes::from_static(&[b'a'; 16 << 10]))));
    Response::new(StreamBody::new(frames).boxed())
}
