//! The other end of the control socket, for the command line.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use super::socket_path;

/// What to ask a running node.
#[derive(Clone, Debug)]
pub enum ControlRequest {
    /// Everything that helps to find out what is wrong, without secrets.
    Dump,
    /// Read the configuration file again and put it in force.
    Reload,
    /// The statistics.
    Status,
    /// Fetch rules and lists now.
    Sync,
    /// Inspect a request as if it had arrived, without passing or recording it.
    TestRequest {
        /// The request as on the wire, HTTP/1.1; line ends may be bare line feeds in the head.
        text: Vec<u8>,
        /// The client that it comes from; loopback otherwise.
        client: Option<IpAddr>,
        /// Whether it came over TLS.
        secure: bool,
    },
    /// Leave the cloud's list of nodes.
    Unregister,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControlError {
    /// Nothing listens on the socket.
    #[error("no node answers at {}", path.display())]
    Absent {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The exchange broke off.
    #[error("the node broke off")]
    Exchange(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The node says no.
    #[error("{0}")]
    Refused(String),
}

/// Asks the node that uses a state folder.
///
/// # Errors
/// [`ControlError`].
pub async fn call(state_dir: &Path, request: ControlRequest) -> Result<Value, ControlError> {
    let path = socket_path(state_dir);
    let stream = UnixStream::connect(&path).await.map_err(|source| ControlError::Absent { path, source })?;
    let (method, target, body) = match request {
        ControlRequest::Dump => (Method::GET, "/dump".to_owned(), Vec::new()),
        ControlRequest::Reload => (Method::POST, "/reload".to_owned(), Vec::new()),
        ControlRequest::Status => (Method::GET, "/status".to_owned(), Vec::new()),
        ControlRequest::Sync => (Method::POST, "/sync".to_owned(), Vec::new()),
        ControlRequest::Unregister => (Method::POST, "/unregister".to_owned(), Vec::new()),
        ControlRequest::TestRequest { text, client, secure } => {
            let client = client.map(|ip| format!("&client={ip}")).unwrap_or_default();
            (Method::POST, format!("/test-request?secure={secure}{client}"), text)
        }
    };
    let (status, body) = exchange(stream, method, &target, body).await.map_err(ControlError::Exchange)?;
    let answer: Value =
        serde_json::from_slice(&body).map_err(|error| ControlError::Exchange(error.into()))?;
    if status.is_success() {
        return Ok(answer);
    }
    let reason = answer.get("error").and_then(Value::as_str).unwrap_or("refused");
    Err(ControlError::Refused(reason.to_owned()))
}

async fn exchange(
    stream: UnixStream,
    method: Method,
    target: &str,
    body: Vec<u8>,
) -> Result<(http::StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Its error reaches whoever waits for the response.
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header("host", "node")
        .body(Full::new(Bytes::from(body)))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}
