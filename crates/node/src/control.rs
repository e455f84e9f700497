//! The control socket: how the machine's operator talks to the running node (`spec/node.md` section 8.4).
//!
//! HTTP over a Unix socket in the state folder, readable by the node's own user only. `bartizan node status`,
//! `reload` and the others are calls on it; so is `curl --unix-socket`.

mod client;
mod dump;
mod trial;

use std::convert::Infallible;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::sync::mpsc;

pub use client::{ControlError, ControlRequest, call};

use crate::cloud;
use crate::live::Live;

/// A request to try out may not be larger.
const BODY_MAX: usize = 64 << 20;

fn socket_path(state_dir: &Path) -> PathBuf {
    state_dir.join("control.sock")
}

/// Makes the socket. A node works without it, so a failure is only told.
pub(crate) fn bind(state_dir: &Path) -> Option<std::os::unix::net::UnixListener> {
    let path = socket_path(state_dir);
    let bind = || -> io::Result<_> {
        // The lock on the folder is ours: whoever left a socket behind is gone.
        if path.exists() {
            std::fs::remove_file(&path)?;
        }
        let listener = std::os::unix::net::UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind()
        .inspect_err(|error| tracing::warn!(%error, path = %path.display(), "control socket cannot be made"))
        .ok()
}

/// Serves until the node stops.
pub(crate) async fn serve(
    live: Arc<Live>,
    link: mpsc::UnboundedSender<cloud::Command>,
    listener: std::os::unix::net::UnixListener,
) {
    let listener = match UnixListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::warn!(%error, "control socket cannot be served"),
    };
    let control = Rc::new(Control { live, link });
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, usually: accepting at once again would spin.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let control = Rc::clone(&control);
        tokio::task::spawn_local(async move {
            let service = service_fn(move |request| {
                let control = Rc::clone(&control);
                async move { Ok::<_, Infallible>(control.answer(request).await) }
            });
            // A client that goes away is its own business.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

struct Control {
    live: Arc<Live>,
    link: mpsc::UnboundedSender<cloud::Command>,
}

/// A status and a reason.
type Refused = (StatusCode, String);

impl Control {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, body) = match self.act(request).await {
            Ok(body) => (StatusCode::OK, body),
            Err((status, reason)) => (status, json!({ "error": reason })),
        };
        let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
        *response.status_mut() = status;
        let json = header::HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }

    async fn act(&self, request: Request<Incoming>) -> Result<Value, Refused> {
        let (parts, body) = request.into_parts();
        match (&parts.method, parts.uri.path()) {
            (&Method::GET, "/status") => Ok(crate::status::status(&self.live.state())),
            (&Method::GET, "/dump") => Ok(dump::dump(&self.live)),
            (&Method::POST, "/reload") => {
                let outcome = self.live.reload_file().await;
                outcome.map_err(|error| {
                    let reason = cloud::told(&error);
                    tracing::error!(reason, "configuration is refused, the one in force stays");
                    (StatusCode::UNPROCESSABLE_ENTITY, reason)
                })?;
                Ok(json!({
                    "config_revision": self.live.state().config_revision,
                    "addresses": self.live.addresses(),
                }))
            }
            (&Method::POST, "/sync") => {
                self.ask(cloud::Command::Sync).await?;
                let snapshot = self.live.state().snapshot.load_full();
                Ok(json!({ "ruleset": snapshot.ruleset_version, "iplists": snapshot.lists_seq }))
            }
            (&Method::POST, "/unregister") => {
                self.ask(cloud::Command::Unregister).await?;
                Ok(json!({ "unregistered": true }))
            }
            (&Method::POST, "/test-request") => {
                let body = Limited::new(body, BODY_MAX).collect().await;
                let body = body.map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
                let circumstances = trial::Circumstances::from_query(parts.uri.query().unwrap_or_default());
                let tried = trial::try_out(&self.live.state(), &body.to_bytes(), circumstances).await;
                tried.map_err(|reason| (StatusCode::UNPROCESSABLE_ENTITY, reason))
            }
            _ => Err((StatusCode::NOT_FOUND, "no such call".to_owned())),
        }
    }

    async fn ask(&self, command: impl FnOnce(cloud::Reply) -> cloud::Command) -> Result<(), Refused> {
        cloud::ask(&self.link, command).await.map_err(|reason| (StatusCode::BAD_GATEWAY, reason))
    }
}
