//! Attack detection as a `tower` layer, for applications that want it inside their own process.
//!
//! The layer reads the body up to a limit, inspects the whole request, and then either refuses it with `403` or passes
//! it on unchanged, with what was found among its extensions. It needs neither a node nor a cloud; rules, lists and
//! events are theirs. Bodies over the limit are refused with `413`: what cannot be inspected does not pass.
//!
//! ```
//! use bartizan_tower::{DetectLayer, Mode};
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::Full;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! let shop = service_fn(|_: Request<Full<Bytes>>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
//! });
//! let guarded = DetectLayer::new(Mode::Block).layer(shop);
//! let request = Request::get("/search?q=1%27+or+1%3D1--").body(Full::<Bytes>::default())?;
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! let response = runtime.block_on(guarded.oneshot(request))?;
//! assert_eq!(response.status(), 403);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bartizan_detect::{Detection, Engine, NoPolicy, inspect};
use bartizan_request::{Limits, RequestParts};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use tower::{Layer, Service};

/// What happens to a request in which an attack was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It is answered with `403` and does not reach the application.
    Block,
    /// It reaches the application, with [`Found`] among its extensions.
    Monitor,
}

/// The attacks found in a request; absent when there are none.
#[derive(Clone, Debug, PartialEq)]
pub struct Found(pub Arc<[Detection]>);

/// Wraps services so that their requests are inspected first.
#[derive(Clone)]
pub struct DetectLayer {
    settings: Arc<Settings>,
}

struct Settings {
    engine: Engine,
    limits: Limits,
    body_limit_bytes: usize,
    mode: Mode,
}

impl DetectLayer {
    /// Bodies longer than this are refused.
    pub const BODY_LIMIT_BYTES: usize = 8 << 20;

    /// A layer with the default limits. Building it compiles the detection database; do it once.
    #[must_use]
    pub fn new(mode: Mode) -> DetectLayer {
        DetectLayer::with_limits(mode, Limits::default(), DetectLayer::BODY_LIMIT_BYTES)
    }

    /// A layer with limits of one's own.
    #[must_use]
    pub fn with_limits(mode: Mode, limits: Limits, body_limit_bytes: usize) -> DetectLayer {
        DetectLayer { settings: Arc::new(Settings { engine: Engine::new(), limits, body_limit_bytes, mode }) }
    }
}

impl<S> Layer<S> for DetectLayer {
    type Service = Detect<S>;

    fn layer(&self, inner: S) -> Detect<S> {
        Detect { inner, settings: Arc::clone(&self.settings) }
    }
}

/// A service behind [`DetectLayer`].
#[derive(Clone)]
pub struct Detect<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S, B, R> Service<Request<B>> for Detect<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + From<Bytes> + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The service that was polled ready is the one to call; its clone waits for the next request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let settings = Arc::clone(&self.settings);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let Ok(body) = Limited::new(body, settings.body_limit_bytes).collect().await else {
                // Too long, or the client broke off; then nobody reads the answer.
                return Ok(refusal(StatusCode::PAYLOAD_TOO_LARGE));
            };
            let body = body.to_bytes();
            let found = settings.inspect(&parts, &body);
            if !found.is_empty() {
                if settings.mode == Mode::Block {
                    return Ok(refusal(StatusCode::FORBIDDEN));
                }
                parts.extensions.insert(Found(found.into()));
            }
            inner.call(Request::from_parts(parts, B::from(body))).await
        })
    }
}

impl Settings {
    fn inspect(&self, parts: &http::request::Parts, body: &[u8]) -> Vec<Detection> {
        let headers: Vec<(&[u8], &[u8])> =
            parts.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())).collect();
        let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let parts = RequestParts {
            method: parts.method.as_str(),
            target: target.as_bytes(),
            headers: &headers,
            body,
            body_truncated: false,
        };
        inspect(&self.engine, &parts, &self.limits, &mut NoPolicy).detections
    }
}

fn refusal<R: Default>(status: StatusCode) -> Response<R> {
    let mut response = Response::new(R::default());
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::Full;
    use tower::{ServiceExt, service_fn};

    use super::*;

    type Text = Full<Bytes>;

    /// Answers with the body it got, and with the number of findings in a header.
    async fn echo(request: Request<Text>) -> Result<Response<Text>, Infallible> {
        let found = request.extensions().get::<Found>().map_or(0, |found| found.0.len());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        Ok(Response::builder().header("found", found.to_string()).body(Text::new(body)).unwrap())
    }

    async fn send(layer: &DetectLayer, body: &str) -> Response<Text> {
        let request = Request::post("/items")
            .header("Content-Type", "application/json")
            .body(Text::new(Bytes::copy_from_slice(body.as_bytes())))
            .unwrap();
        layer.layer(service_fn(echo)).oneshot(request).await.unwrap()
    }

    const ATTACK: &str = r#"{"q":"<script>alert(1)</script>"}"#;

    #[tokio::test]
    async fn a_clean_request_passes_unchanged() {
        let response = send(&DetectLayer::new(Mode::Block), r#"{"q":"rock and roll"}"#).await;
        assert_eq!(
            (response.status(), &response.headers()["found"]),
            (StatusCode::OK, &"0".parse().unwrap())
        );
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, r#"{"q":"rock and roll"}"#);
    }

    #[tokio::test]
    async fn an_attack_is_refused_or_reported() {
        assert_eq!(send(&DetectLayer::new(Mode::Block), ATTACK).await.status(), StatusCode::FORBIDDEN);
        let response = send(&DetectLayer::new(Mode::Monitor), ATTACK).await;
        // At least once: the markup is found as text and as the element that it is.
        assert_eq!(response.status(), StatusCode::OK);
        assert_ne!(response.headers()["found"], "0");
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused() {
        let layer = DetectLayer::with_limits(Mode::Monitor, Limits::default(), 16);
        assert_eq!(send(&layer, ATTACK).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(send(&layer, r#"{"q":1}"#).await.status(), StatusCode::OK);
    }
}
