//! A request that is inspected as if it had arrived, and neither passed on, counted nor recorded.
//!
//! The bytes go through the same framing guard, the same HTTP parser and the same pipeline as traffic does, under the
//! rules and lists in force, so the verdict is the one that traffic would get.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use bartizan_request::Host;
use bytes::Bytes;
use http::{Request, Response, request};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::config::Role;
use crate::hits::PendingHits;
use crate::pipeline::{self, Admission, Context, Extent};
use crate::proxy::headers;
use crate::proxy::wire::{ConnState, Wire};
use crate::proxy::worker::Connection;
use crate::request_id::RequestId;
use crate::state::State;
use crate::stats::WorkerStats;

/// From where and how the request is said to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    client: IpAddr,
    secure: bool,
}

impl Circumstances {
    pub(super) fn from_query(query: &str) -> Circumstances {
        let field = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        Circumstances {
            client: field("client").and_then(|ip| ip.parse().ok()).unwrap_or(Ipv4Addr::LOCALHOST.into()),
            secure: field("secure") == Some("true"),
        }
    }
}

/// What would happen to a request.
pub(super) async fn try_out(
    state: &Arc<State>,
    text: &[u8],
    circumstances: Circumstances,
) -> Result<Value, String> {
    let mut state = state.reconfigured(state.config.clone()).map_err(|error| error.to_string())?;
    // The trial leaves no trace in what decides whether a denylisted source is reported.
    state.sampler = Arc::default();
    let state = Arc::new(state);
    let (request, body) = receive(text).await?;
    if let Err(status) = headers::check(&request, &state.config.limits) {
        return Ok(json!({ "verdict": "refuse", "status": status.as_u16(), "cause": "limits" }));
    }
    let (parts, ()) = request.into_parts();
    let stats = WorkerStats::default();
    let snapshot = Rc::new(state.snapshot.load_full());
    let host = headers::host_of(&parts.uri, &parts.headers).to_owned();
    let settings =
        state.routes.of_host(Host::parse(host.as_bytes()).name()).find(parts.uri.path().as_bytes());
    let peer = SocketAddr::new(circumstances.client, 0);
    let connection = Connection::new(peer, peer, circumstances.secure, Arc::default());
    let endpoints = RefCell::default();
    let context = Context {
        state: &state,
        stats: &stats,
        endpoints: &endpoints,
        snapshot: &snapshot,
        settings: &settings,
        id: RequestId::random(),
        client: state.client_ips.resolve(peer.ip(), &parts.headers),
        connection: &connection,
        started: Instant::now(),
    };
    let mut answer = json!({
        "request": format!("{} {}", parts.method, parts.uri),
        "host": host,
        "client": context.client.ip,
        "application": settings.application,
        "upstream": settings.upstream.and_then(|id| state.config.upstream.keys().nth(id.0)),
        "ruleset": snapshot.ruleset_version,
    });
    let outcome = judge(&context, parts, body).await;
    if let (Value::Object(answer), Value::Object(outcome)) = (&mut answer, outcome) {
        answer.extend(outcome);
    }
    Ok(answer)
}

async fn judge(context: &Context<'_>, parts: request::Parts, body: Bytes) -> Value {
    if context.settings.upstream.is_none() && context.state.config.role == Role::Proxy {
        return json!({ "verdict": "refuse", "status": 421, "cause": "no upstream for this host" });
    }
    let admission = pipeline::admit(context, &parts.method, &parts.uri, &parts.headers, parts.version);
    let plan = match admission {
        Admission::Proxy { .. } => return json!({ "verdict": "pass", "inspected": false }),
        Admission::Refuse { denial, hits, .. } => {
            return json!({
                "verdict": "block",
                "inspected": false,
                "cause": denial.cause(),
                "attack_type": denial.attack_type.info().code,
                "findings": findings(hits),
            });
        }
        Admission::Inspect(plan) => plan,
    };
    let api_abuse = plan.api_abuse_enabled();
    let max = context.state.config.inspect.body_max;
    let truncated = body.len() > max;
    let body = body.slice(..body.len().min(max));
    let points = pipeline::points(context, &parts, &body, truncated);
    let (_, verdict) = pipeline::inspect(context, plan, parts, body, Extent::cut(truncated)).await;
    let cause = verdict.block.map(|(cause, _)| cause);
    let attack_type = verdict.block.and_then(|(_, attack_type)| attack_type);
    json!({
        "mode": verdict.mode.name(),
        "verdict": if cause.is_some() { "block" } else { "pass" },
        "inspected": true,
        "cause": cause,
        "attack_type": attack_type.map(|attack_type| attack_type.info().code),
        "api_abuse": api_abuse.map(|enabled| if enabled { "enabled" } else { "disabled" }),
        "points": points.iter().map(|(point, value)| json!({ "point": point, "value": value })).collect::<Vec<_>>(),
        "findings": findings(verdict.hits),
    })
}

/// What the events would have said.
fn findings(hits: Option<PendingHits>) -> Vec<Value> {
    let events = hits.map(PendingHits::discard).unwrap_or_default();
    let finding = |hit: &bartizan_api::node::HitEvent| {
        json!({
            "attack_type": hit.attack_type.info().code,
            "point": hit.point,
            "value": hit.value,
            "stamps": hit.stamps,
            "regex": hit.regex,
            "experimental": hit.experimental,
        })
    };
    events.iter().map(finding).collect()
}

/// Reads a request the way a listener does.
async fn receive(text: &[u8]) -> Result<(Request<()>, Bytes), String> {
    let bytes = as_on_the_wire(text);
    let (mut client, server) = tokio::io::duplex(bytes.len().max(64 << 10));
    let written = async {
        client.write_all(&bytes).await?;
        client.shutdown().await
    };
    written.await.map_err(|error| error.to_string())?;
    let state = Arc::new(ConnState::default());
    let wire = Wire::new(server, Arc::clone(&state), Arc::default());
    let received = Rc::new(RefCell::new(None));
    let service = service_fn(|request: Request<Incoming>| {
        let received = Rc::clone(&received);
        async move {
            let (parts, body) = request.into_parts();
            let body = Limited::new(body, super::BODY_MAX).collect().await.map(|body| body.to_bytes());
            received.borrow_mut().get_or_insert((Request::from_parts(parts, ()), body));
            Ok::<_, std::convert::Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    // The end of the text is no reason to give up on what it says.
    let served = hyper::server::conn::http1::Builder::new()
        .half_close(true)
        .serve_connection(TokioIo::new(wire), service)
        .await;
    let received = received.take();
    match received {
        Some((request, Ok(body))) => Ok((request, body)),
        Some((_, Err(error))) => Err(format!("the body is not complete: {error}")),
        None if state.violated() => {
            Err("the node refuses this with 400: its framing is ambiguous".to_owned())
        }
        None => match served {
            Err(error) => Err(format!("the node refuses this with 400: {}", crate::cloud::told(&error))),
            Ok(()) => Err("there is no request in it".to_owned()),
        },
    }
}

/// A file written by a person: line feeds in the head become what HTTP wants, a body without a length gets one.
fn as_on_the_wire(text: &[u8]) -> Vec<u8> {
    let crlf = memchr::memmem::find(text, b"\r\n\r\n").map(|at| (at, at + 4));
    let lf = memchr::memmem::find(text, b"\n\n").map(|at| (at, at + 2));
    let (head_end, body_start, rewrite) = match (crlf, lf) {
        (Some((head, _)), Some((bare_head, bare_body))) if bare_head < head => (bare_head, bare_body, true),
        (Some((head, body)), _) => (head, body, false),
        (None, Some((head, body))) => (head, body, true),
        (None, None) => (text.trim_ascii_end().len(), text.len(), true),
    };
    let (head, body) = (text.get(..head_end).unwrap_or(text), text.get(body_start..).unwrap_or_default());
    let mut wire = Vec::with_capacity(text.len() + 64);
    if rewrite {
        for (index, line) in head.split(|byte| *byte == b'\n').enumerate() {
            if index > 0 {
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        }
    } else {
        wire.extend_from_slice(head);
    }
    let lower = head.to_ascii_lowercase();
    let framed = [&b"\ncontent-length:"[..], b"\ntransfer-encoding:"]
        .iter()
        .any(|name| memchr::memmem::find(&lower, name).is_some());
    if !framed && !body.is_empty() {
        wire.extend_from_slice(format!("\r\nContent-Length: {}", body.len()).as_bytes());
    }
    wire.extend_from_slice(b"\r\n\r\n");
    wire.extend_from_slice(body);
    wire
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(text: &str) -> String {
        String::from_utf8(as_on_the_wire(text.as_bytes())).unwrap()
    }

    #[test]
    fn files_of_people_become_requests() {
        assert_eq!(wire("GET / HTTP/1.1\nHost: a\n"), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(
            wire("POST / HTTP/1.1\nHost: a\n\na=b"),
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na=b"
        );
    }

    #[test]
    fn requests_as_on_the_wire_stay_as_they_are() {
        for text in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\na\n\nb",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            assert_eq!(wire(text), text);
        }
    }
}
