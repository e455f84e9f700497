//! A request through the node: admission, body, inspection, upstream, answer.
//!
//! ```text
//! head checks → client address → route → mode and lists (admit) → body up to the limit → inspect
//!     → refuse with a page, or pass to the upstream → events on disk → answer to the client
//! ```
//!
//! Whatever was found is on disk before the answer leaves; a request that found nothing never touches the spool.

mod body;
mod framing;
pub(crate) mod headers;
mod io;
pub(crate) mod tls;
mod tunnel;
pub(crate) mod upstream;
pub(crate) mod wire;
pub(crate) mod worker;

use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;

use crate::block::{Form, Refusal};
use crate::config::{BlockCause, Fallback};
use crate::hits::PendingHits;
use crate::pipeline::{self, Admission, Context, Plan, RateStage};
use crate::rate_limit::RateVerdict;
use crate::request_id::RequestId;
use crate::response::{Watch, Watched};
use body::{BodyError, Held, RequestBody, ResponseBody};
use upstream::UpstreamError;
use worker::{Connection, Current, InFlight, Worker};

/// Answers one request.
pub(crate) async fn handle(
    worker: Rc<Worker>,
    connection: Rc<Connection>,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let started = Instant::now();
    let in_flight = InFlight::begin(&worker, &connection);
    let current = worker.current();
    let state = &current.state;
    if let Err(status) = headers::check(&request, &state.config.limits) {
        worker.stats.abnormal.add(1);
        return failure(status, in_flight);
    }
    let host = headers::host_of(request.uri(), request.headers());
    let settings = state.routes.find(headers::host_name(host).as_bytes(), request.uri().path().as_bytes());
    if settings.upstream.is_none() {
        return failure(StatusCode::MISDIRECTED_REQUEST, in_flight);
    }
    let snapshot = worker.snapshot();
    let context = Context {
        state,
        stats: &worker.stats,
        endpoints: &worker.endpoints,
        snapshot: &snapshot,
        settings,
        id: RequestId::random(),
        client: state.client_ips.resolve(connection.peer.ip(), request.headers()),
        connection: &connection,
        started,
    };
    if request.headers().contains_key(header::UPGRADE) || headers::is_grpc(&request) {
        worker.stats.streams.add(1);
    }
    let admission =
        pipeline::admit(&context, request.method(), request.uri(), request.headers(), request.version());
    let changes = admission.response_headers();
    let mut response = answer(&current, &context, admission, request, in_flight).await;
    headers::apply_rules(response.headers_mut(), &changes);
    response
}

/// The answer to an admitted request: the upstream's or a refusal.
async fn answer(
    current: &Current,
    context: &Context<'_>,
    admission: Admission<'_>,
    request: Request<Incoming>,
    in_flight: InFlight,
) -> Response<ResponseBody> {
    let state = context.state;
    let limits = &state.config.limits;
    let plan = match admission {
        Admission::Proxy { .. } => {
            let (parts, incoming) = request.into_parts();
            let held = Held::streaming(incoming, limits.body_max);
            let request = Request::from_parts(parts, held.into_body());
            return forward(current, context, request, (None, None), in_flight).await;
        }
        Admission::Refuse { denial, hits, .. } => {
            let refusal = refusal(context, &request, denial.cause(), Some(denial.attack_type));
            let response = state.answers.render(&refusal);
            return refuse(response, hits, in_flight).await;
        }
        Admission::Inspect(plan) => plan,
    };
    let grpc = headers::is_grpc(&request);
    let over_limit = state.config.inspect.on_body_over_limit;
    let (parts, incoming) = request.into_parts();
    let rate_stage = plan.rate_stage(context);
    if rate_stage == Some(RateStage::Head)
        && let Some(status) = rate_refusal(context, &plan, &parts, b"").await
    {
        return too_many(context, &Request::from_parts(parts, ()), status, in_flight).await;
    }
    // A gRPC stream may wait for answers before it goes on, so only its first message is held.
    let enough = move |bytes: &[u8]| grpc && first_message_is_complete(bytes);
    // The reaper knows the phases of HTTP/1 only.
    let idle =
        (parts.version == Version::HTTP_2).then(|| Duration::from_secs(state.config.timeouts.body_idle_s));
    let bounds = bounds(context, &plan, &parts, idle);
    let held = match Held::read(incoming, bounds, enough).await {
        Ok(held) => held,
        Err(error) => return body_failure(context, &error, in_flight),
    };
    if rate_stage == Some(RateStage::Body)
        && let Some(status) = rate_refusal(context, &plan, &parts, &held.bytes).await
    {
        return too_many(context, &Request::from_parts(parts, ()), status, in_flight).await;
    }
    let too_large = held.truncated && !(grpc && first_message_is_complete(&held.bytes));
    let (parts, verdict) = pipeline::inspect(context, plan, parts, held.bytes.clone(), too_large).await;
    let request = Request::from_parts(parts, held.into_body());
    if let Some((cause, attack_type)) = verdict.block {
        let response = state.answers.render(&refusal(context, &request, cause, attack_type));
        return refuse(response, verdict.hits, in_flight).await;
    }
    if too_large && over_limit == Fallback::Block && pipeline::enforces(context, verdict.mode) {
        context.stats.blocked.add(1);
        let response = state.answers.render(&refusal(context, &request, BlockCause::BodyLimit, None));
        return refuse(response, verdict.hits, in_flight).await;
    }
    forward(current, context, request, (verdict.hits, verdict.watched), in_flight).await
}

/// How much of a body is read before the verdict. Where a rule refuses larger ones, not more than shows it.
fn bounds(
    context: &Context<'_>,
    plan: &Plan<'_>,
    parts: &http::request::Parts,
    idle: Option<Duration>,
) -> body::Bounds {
    let (mut held, mut whole) = (context.state.config.inspect.body_max, context.state.config.limits.body_max);
    if let Some(limit) = plan.body_limit(context) {
        let is_told = parts.headers.contains_key(header::CONTENT_LENGTH);
        if !is_told && limit > held as u64 && (whole == 0 || whole > limit) {
            // What goes beyond is noticed only while it streams, and broken off.
            whole = limit;
        }
        held = held.min(usize::try_from(limit).unwrap_or(usize::MAX).saturating_add(1));
    }
    body::Bounds { held, whole, idle }
}

/// Waits as a rule for the rate says; the status with which the request is refused, if it is.
async fn rate_refusal(
    context: &Context<'_>,
    plan: &Plan<'_>,
    parts: &http::request::Parts,
    body: &[u8],
) -> Option<u16> {
    match plan.note_rate(context, parts, body) {
        RateVerdict::Pass => None,
        RateVerdict::Wait(time) => {
            tokio::time::sleep(time).await;
            None
        }
        RateVerdict::Refuse(status) => Some(status),
    }
}

async fn too_many(
    context: &Context<'_>,
    request: &Request<()>,
    status: u16,
    in_flight: InFlight,
) -> Response<ResponseBody> {
    let refusal = Refusal { status: Some(status), ..refusal(context, request, BlockCause::RateLimit, None) };
    refuse(context.state.answers.render(&refusal), None, in_flight).await
}

/// Whether the length-prefixed message at the start of a gRPC body is all there.
fn first_message_is_complete(bytes: &[u8]) -> bool {
    let length = bytes.get(1..5).and_then(|prefix| prefix.try_into().ok()).map(u32::from_be_bytes);
    length.is_some_and(|length| bytes.len() - 5 >= length as usize)
}

fn refusal<'a, B>(
    context: &Context<'_>,
    request: &'a Request<B>,
    cause: BlockCause,
    attack_type: Option<bartizan_api::AttackType>,
) -> Refusal<'a> {
    let accept = request.headers().get(header::ACCEPT).map_or(&b""[..], HeaderValue::as_bytes);
    let form = if headers::is_grpc(request) {
        Form::Grpc
    } else if memchr::memmem::find(accept, b"application/json").is_some()
        && memchr::memmem::find(accept, b"text/html").is_none()
    {
        Form::Json
    } else {
        Form::Html
    };
    Refusal {
        cause,
        attack_type,
        status: None,
        form,
        request_id: context.id,
        client: context.client.ip,
        host: headers::host_of(request.uri(), request.headers()),
    }
}

async fn refuse(
    response: Response<Bytes>,
    hits: Option<PendingHits>,
    in_flight: InFlight,
) -> Response<ResponseBody> {
    if let Some(hits) = hits {
        hits.finish(response.status().as_u16(), response.body().len() as u64).await;
    }
    response.map(|body| ResponseBody::own(body, in_flight))
}

/// Passes a request to its upstream and the answer to the client.
async fn forward(
    current: &Current,
    context: &Context<'_>,
    mut request: Request<RequestBody>,
    (hits, watched): (Option<PendingHits>, Option<Box<Watched>>),
    in_flight: InFlight,
) -> Response<ResponseBody> {
    let Some(upstream) = context.settings.upstream else {
        return failure(StatusCode::MISDIRECTED_REQUEST, in_flight);
    };
    let upgrade = headers::is_upgrade(&request);
    let grpc = headers::is_grpc(&request);
    let client_side = upgrade.then(|| hyper::upgrade::on(&mut request));
    headers::to_upstream(&mut request, context.connection, context.client, context.id, upgrade);
    let exchange = match current.upstreams.send(upstream, request, grpc).await {
        Ok(exchange) => exchange,
        Err(error) => {
            context.stats.upstream_errors.add(1);
            let (status, text) = upstream_failure(&error);
            tracing::debug!(error = &error as &dyn std::error::Error, request.id = %context.id, "upstream failed");
            if let Some(hits) = hits {
                hits.finish(status.as_u16(), 0).await;
            }
            return plain(status, text, in_flight);
        }
    };
    let mut response = exchange.response;
    headers::to_client(&mut response);
    if let Some(hits) = hits {
        let size = response.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        let size = size.and_then(|length| length.parse().ok()).unwrap_or(0);
        hits.finish(response.status().as_u16(), size).await;
    }
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        if let Some(client_side) = client_side {
            let upstream_side = hyper::upgrade::on(&mut response);
            tunnel::start(&context.connection.state, client_side, upstream_side);
        }
        return response.map(|_| ResponseBody::own(Bytes::new(), in_flight));
    }
    let watch = Watch::begin(context.state, watched, &response);
    response.map(|incoming| ResponseBody::upstream(incoming, exchange.lease, in_flight, watch))
}

fn upstream_failure(error: &UpstreamError) -> (StatusCode, &'static str) {
    match error {
        UpstreamError::Timeout => {
            (StatusCode::GATEWAY_TIMEOUT, "The server behind this gateway did not answer in time.\n")
        }
        UpstreamError::Exchange(error) => {
            let mut source = std::error::Error::source(error);
            while let Some(cause) = source {
                match cause.downcast_ref::<BodyError>() {
                    // It was the client's body that failed, not the server.
                    Some(BodyError::TooLarge(_)) => {
                        return (StatusCode::PAYLOAD_TOO_LARGE, "The request is too large.\n");
                    }
                    Some(BodyError::Stream(_)) => {
                        return (StatusCode::BAD_REQUEST, "The request body broke off.\n");
                    }
                    Some(BodyError::Late) => {
                        return (StatusCode::REQUEST_TIMEOUT, "The request body did not arrive in time.\n");
                    }
                    None => source = cause.source(),
                }
            }
            (StatusCode::BAD_GATEWAY, "The server behind this gateway broke off.\n")
        }
        UpstreamError::Connect(_) => {
            (StatusCode::BAD_GATEWAY, "The server behind this gateway cannot be reached.\n")
        }
    }
}

fn body_failure(context: &Context<'_>, error: &BodyError, in_flight: InFlight) -> Response<ResponseBody> {
    context.stats.abnormal.add(1);
    match error {
        BodyError::TooLarge(_) => failure(StatusCode::PAYLOAD_TOO_LARGE, in_flight),
        BodyError::Stream(_) => failure(StatusCode::BAD_REQUEST, in_flight),
        BodyError::Late => {
            context.stats.timeouts.add(1);
            failure(StatusCode::REQUEST_TIMEOUT, in_flight)
        }
    }
}

/// A request that ends here for reasons of protocol; the connection is not used again.
fn failure(status: StatusCode, in_flight: InFlight) -> Response<ResponseBody> {
    let mut response = plain(status, "", in_flight);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn plain(status: StatusCode, text: &'static str, in_flight: InFlight) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::own(Bytes::from_static(text.as_bytes()), in_flight));
    *response.status_mut() = status;
    if !text.is_empty() {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    response
}
