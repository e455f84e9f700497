//! An HTTP receiver on a free port that keeps what it gets, for tests of what the cloud sends out.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
};

use crate::tls::Authority;

/// A request that the receiver got.
#[derive(Clone, Debug)]
pub struct TakenRequest {
    /// Method.
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl TakenRequest {
    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The lines of the body as JSON.
    #[must_use]
    pub fn lines(&self) -> Vec<Value> {
        let text = String::from_utf8(self.body.to_vec()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// A header, or empty.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

struct Desk {
    status: AtomicU16,
    answer: std::sync::Mutex<String>,
    sender: mpsc::UnboundedSender<TakenRequest>,
}

/// A running receiver.
pub struct Receiver {
    /// `http://127.0.0.1:port`, or `https://localhost:port`.
    pub url: String,
    desk: Arc<Desk>,
    requests: Mutex<mpsc::UnboundedReceiver<TakenRequest>>,
}

impl Receiver {
    /// Over plain HTTP.
    pub async fn start() -> Receiver {
        Receiver::start_with(None).await
    }

    /// Over HTTPS, with a certificate of this authority.
    pub async fn start_tls(authority: &Authority) -> Receiver {
        Receiver::start_with(Some(authority)).await
    }

    async fn start_with(authority: Option<&Authority>) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, requests) = mpsc::unbounded_channel();
        let desk =
            Arc::new(Desk { status: AtomicU16::new(200), answer: std::sync::Mutex::default(), sender });
        let app = Router::new().fallback(take).with_state(Arc::clone(&desk));
        let acceptor = authority.map(Authority::acceptor);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = TowerToHyperService::new(app.clone());
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    match acceptor {
                        None => {
                            let _ = server.serve_connection(TokioIo::new(stream), service).await;
                        }
                        Some(acceptor) => {
                            let Ok(stream) = acceptor.accept(stream).await else { return };
                            let _ = server.serve_connection(TokioIo::new(stream), service).await;
                        }
                    }
                });
            }
        });
        let url = match authority {
            None => format!("http://127.0.0.1:{port}"),
            Some(_) => format!("https://localhost:{port}"),
        };
        Receiver { url, desk, requests: Mutex::new(requests) }
    }

    /// What it answers from now on.
    pub fn answer(&self, status: u16, body: &str) {
        body.clone_into(&mut self.desk.answer.lock().unwrap());
        self.desk.status.store(status, Ordering::SeqCst);
    }

    /// The next request; waits for it as long as the test runs.
    pub async fn next(&self) -> TakenRequest {
        let mut requests = self.requests.lock().await;
        tokio::time::timeout(crate::PATIENCE, requests.recv()).await.expect("no request came").unwrap()
    }

    /// A request that is there already.
    pub async fn now(&self) -> Option<TakenRequest> {
        self.requests.lock().await.try_recv().ok()
    }
}

async fn take(
    State(desk): State<Arc<Desk>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, String), Infallible> {
    // First: whoever waits for the request may say what the next answer is.
    let status = StatusCode::from_u16(desk.status.load(Ordering::SeqCst)).unwrap();
    let answer = desk.answer.lock().unwrap().clone();
    let _ = desk.sender.send(TakenRequest { method, uri, headers, body });
    Ok((status, answer))
}
