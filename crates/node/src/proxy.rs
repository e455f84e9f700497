//! A request through the node: admission, body, inspection, upstream, answer.
//!
//! ```text
//! head checks → client address → route → mode and lists (admit) → body up to the limit → inspect
//!     → refuse with a page, or pass to the upstream → events on disk → answer to the client
//! ```
//!
//! Where nothing can be refused, a body that is still arriving is not waited for ([`observe`]); the messages of a gRPC
//! call after the first are judged while the call goes on ([`messages`]).
//!
//! Whatever was found is on disk before the answer leaves; a request that found nothing never touches the spool.

mod body;
mod framing;
pub(crate) mod headers;
mod io;
mod messages;
mod observe;
mod proxy_protocol;
mod tee;
pub(crate) mod tls;
mod tunnel;
pub(crate) mod upstream;
mod watch;
pub(crate) mod wire;
pub(crate) mod worker;

use std::rc::Rc;
use std::time::{Duration, Instant};

use bartizan_request::Host;
use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode, Version, request};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::access_log;
use crate::block::{Form, Refusal};
use crate::config::{AccessLogWhen, BlockCause, Role};
use crate::hits::PendingHits;
use crate::pipeline::{self, Admission, Context, Extent, Plan, RateStage};
use crate::rate_limit::RateVerdict;
use crate::request_id::RequestId;
use crate::response::{Watch, Watched};
use body::{BodyError, Held, Ready, RequestBody, ResponseBody};
use observe::Observed;
use upstream::UpstreamError;
use worker::{Connection, Current, InFlight, Worker};

/// Answers one request.
pub(crate) async fn handle(
    worker: Rc<Worker>,
    connection: Rc<Connection>,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let started = Instant::now();
    let current = worker.current();
    let version = request.version();
    let mut response = respond(&worker, &connection, &current, request, started).await;
    worker.stats.note_response(response.status().as_u16());
    worker.stats.answering.observe(started.elapsed());
    let limits = &current.state.config.keep_alive;
    if connection.note_request(limits) && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        if version == Version::HTTP_2 {
            connection.retire();
        } else {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
    response
}

async fn respond(
    worker: &Rc<Worker>,
    connection: &Rc<Connection>,
    current: &Rc<Current>,
    mut request: Request<Incoming>,
    started: Instant,
) -> Response<ResponseBody> {
    let in_flight = InFlight::begin(worker, connection);
    let state = &current.state;
    if let Err(status) = headers::check(&request, &state.config.limits) {
        worker.stats.abnormal.add(1);
        worker.stats.limit_head.add(1);
        return failure(status, in_flight);
    }
    if request.version() == Version::HTTP_2 {
        headers::join_cookies(request.headers_mut());
    }
    let host = headers::host_of(request.uri(), request.headers());
    let settings =
        state.routes.of_host(Host::parse(host.as_bytes()).name()).find(request.uri().path().as_bytes());
    if settings.upstream.is_none() && state.config.role == Role::Proxy {
        return failure(StatusCode::MISDIRECTED_REQUEST, in_flight);
    }
    let snapshot = worker.snapshot();
    let context = Context {
        state,
        stats: &worker.stats,
        endpoints: &worker.endpoints,
        snapshot: &snapshot,
        settings: &settings,
        id: RequestId::random(),
        client: state.client_ips.resolve(connection.peer.ip(), request.headers()),
        connection,
        started,
    };
    if headers::is_grpc(&request) || request.headers().contains_key(header::UPGRADE) {
        worker.stats.streams.add(1);
    }
    let admission =
        pipeline::admit(&context, request.method(), request.uri(), request.headers(), request.version());
    let changes = admission.response_headers();
    let logged = (state.config.log.access.when == AccessLogWhen::All)
        .then(|| (request.method().clone(), host.to_owned(), admission.logged_path(request.uri().path())));
    let exchange = Exchange { worker, connection, current, context: &context };
    let mut response = exchange.answer(admission, request, in_flight).await;
    headers::apply_rules(response.headers_mut(), &changes);
    if let Some((method, host, path)) = logged {
        access_log::request(&context, &method, &host, &path, response.status());
    }
    response
}

/// An admitted request on its way.
struct Exchange<'a> {
    worker: &'a Rc<Worker>,
    connection: &'a Rc<Connection>,
    current: &'a Rc<Current>,
    context: &'a Context<'a>,
}

impl Exchange<'_> {
    /// The answer: the upstream's or a refusal.
    async fn answer(
        &self,
        admission: Admission<'_>,
        request: Request<Incoming>,
        in_flight: InFlight,
    ) -> Response<ResponseBody> {
        let (context, state) = (self.context, self.context.state);
        match admission {
            Admission::Proxy { .. } => {
                let (parts, incoming) = request.into_parts();
                let held = Held::streaming(incoming, state.config.limits.body_max);
                let request = Request::from_parts(parts, held.into_body());
                forward(self.current, context, request, Findings::default(), in_flight).await
            }
            Admission::Refuse { denial, hits, .. } => {
                let refusal = refusal(context, &request, denial.cause(), Some(denial.attack_type));
                let response = state.answers.render(&refusal);
                let unread = !request.body().is_end_stream();
                refuse(context, denial.cause(), response, hits, unread, in_flight).await
            }
            Admission::Inspect(plan) => {
                let (parts, incoming) = request.into_parts();
                self.receive(plan, parts, incoming, in_flight).await
            }
        }
    }

    /// Receives as much of the body as the verdict needs.
    async fn receive(
        &self,
        plan: Plan<'_>,
        parts: request::Parts,
        incoming: Incoming,
        in_flight: InFlight,
    ) -> Response<ResponseBody> {
        let (context, state) = (self.context, self.context.state);
        let rate_stage = plan.rate_stage(context);
        if rate_stage == Some(RateStage::Head)
            && let Some(status) = rate_refusal(context, &plan, &parts, b"").await
        {
            let unread = !incoming.is_end_stream();
            let extent = if unread { Extent::BrokenOff } else { Extent::Whole };
            let request = Request::from_parts(parts, Bytes::new());
            return too_many(context, plan, request, (extent, unread), status, in_flight).await;
        }
        // The reaper knows the phases of HTTP/1 only.
        let idle = (parts.version == Version::HTTP_2)
            .then(|| Duration::from_secs(state.config.timeouts.body_idle_s));
        let bounds = bounds(context, &plan, &parts, idle);
        let grpc = headers::is_grpc_head(parts.version, &parts.headers);
        let held = if grpc && rate_stage != Some(RateStage::Body) {
            match Held::ready(incoming, bounds, state.reservation()) {
                Ok(Ready::Complete(held)) => Ok(held),
                Ok(Ready::Open(open)) if messages::first_is_complete(open.begun()) => Ok(open.into_held()),
                // The server may have to speak first.
                Ok(Ready::Open(open)) => {
                    return self.begin_call(plan, parts, open.into_held(), in_flight).await;
                }
                Err(error) => Err(error),
            }
        } else if grpc {
            // What the call is counted by is in its first message.
            Held::read(incoming, bounds, state.reservation(), messages::first_is_complete).await
        } else if plan.may_refuse(context) {
            Held::read(incoming, bounds, state.reservation(), |_| false).await
        } else {
            match Held::ready(incoming, bounds, state.reservation()) {
                Ok(Ready::Complete(held)) => Ok(held),
                Ok(Ready::Open(open)) => {
                    let (body, copy) = open.with_copy(bounds.held);
                    let head = pipeline::copy_head(&parts);
                    let handles = (self.worker, self.connection, self.current);
                    let observed = observe::observe(handles, context, &plan, head, copy);
                    let request = Request::from_parts(parts, body);
                    let findings = Findings::observed(observed);
                    return forward(self.current, context, request, findings, in_flight).await;
                }
                Err(error) => Err(error),
            }
        };
        let held = match held {
            Ok(held) => held,
            Err(error) => return body_failure(context, &error, in_flight),
        };
        if rate_stage == Some(RateStage::Body)
            && let Some(status) = rate_refusal(context, &plan, &parts, &held.bytes).await
        {
            let extent = if held.truncated { Extent::BrokenOff } else { Extent::Whole };
            let request = Request::from_parts(parts, held.bytes.clone());
            return too_many(context, plan, request, (extent, held.truncated), status, in_flight).await;
        }
        self.judge(plan, parts, held, in_flight).await
    }

    /// Judges the head of a call whose first message is still to come; the messages are judged when they do.
    async fn begin_call(
        &self,
        plan: Plan<'_>,
        parts: request::Parts,
        held: Held,
        in_flight: InFlight,
    ) -> Response<ResponseBody> {
        let (context, state) = (self.context, self.context.state);
        let standing = plan.detach();
        let (parts, verdict) = pipeline::inspect(context, plan, parts, Bytes::new(), Extent::Whole).await;
        if let Some((cause, attack_type)) = verdict.block {
            let request = Request::from_parts(parts, ());
            let response = state.answers.render(&refusal(context, &request, cause, attack_type));
            return refuse(context, cause, response, verdict.hits, true, in_flight).await;
        }
        let handles = (self.worker, self.connection, self.current);
        let call = messages::Call::new(handles, context, standing, pipeline::copy_head(&parts), 0);
        let body = held.into_messages(0, Rc::clone(&call), state.reservation());
        let findings = Findings {
            hits: verdict.hits,
            watched: verdict.watched,
            call: Some(call),
            ..Findings::default()
        };
        forward(self.current, context, Request::from_parts(parts, body), findings, in_flight).await
    }

    /// Inspects, then refuses or forwards.
    async fn judge(
        &self,
        plan: Plan<'_>,
        parts: request::Parts,
        held: Held,
        in_flight: InFlight,
    ) -> Response<ResponseBody> {
        let (context, state) = (self.context, self.context.state);
        let grpc = headers::is_grpc_head(parts.version, &parts.headers);
        let (judged, messages) =
            if grpc { messages::complete_messages(&held.bytes) } else { (held.bytes.len(), 0) };
        context.stats.messages.add(messages);
        let too_large = held.truncated && messages == 0;
        let inspected = if messages > 0 { held.bytes.slice(..judged) } else { held.bytes.clone() };
        let standing = grpc.then(|| plan.detach());
        let extent = match (too_large, held.shed) {
            (false, _) => Extent::Whole,
            (true, false) => Extent::Cut,
            (true, true) => Extent::Shed,
        };
        let (parts, verdict) = pipeline::inspect(context, plan, parts, inspected, extent).await;
        if let Some((cause, attack_type)) = verdict.block {
            let request = Request::from_parts(parts, ());
            let response = state.answers.render(&refusal(context, &request, cause, attack_type));
            return refuse(context, cause, response, verdict.hits, held.truncated, in_flight).await;
        }
        let mut findings = Findings { hits: verdict.hits, watched: verdict.watched, ..Findings::default() };
        let body = match standing {
            Some(plan) if messages > 0 => {
                let handles = (self.worker, self.connection, self.current);
                let head = pipeline::copy_head(&parts);
                let call = messages::Call::new(handles, context, plan, head, messages);
                findings.call = Some(Rc::clone(&call));
                held.into_messages(judged, call, state.reservation())
            }
            _ => held.into_body(),
        };
        forward(self.current, context, Request::from_parts(parts, body), findings, in_flight).await
    }
}

/// How much of a body is read before the verdict. Where a rule refuses larger ones, not more than shows it.
fn bounds(
    context: &Context<'_>,
    plan: &Plan<'_>,
    parts: &request::Parts,
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
    parts: &request::Parts,
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

/// Refuses for the rate. An attack is an event all the same (`spec/rules.md` section 4.5), as far as the request was read.
async fn too_many(
    context: &Context<'_>,
    plan: Plan<'_>,
    request: Request<Bytes>,
    (extent, unread): (Extent, bool),
    status: u16,
    in_flight: InFlight,
) -> Response<ResponseBody> {
    let (parts, body) = request.into_parts();
    let (parts, verdict) = pipeline::inspect(context, plan, parts, body, extent).await;
    let request = Request::from_parts(parts, ());
    let refusal = Refusal { status: Some(status), ..refusal(context, &request, BlockCause::RateLimit, None) };
    let response = context.state.answers.render(&refusal);
    refuse(context, BlockCause::RateLimit, response, verdict.hits, unread, in_flight).await
}

/// What is known of a request when it goes to the upstream, and what is still to be found out.
#[derive(Default)]
struct Findings {
    hits: Option<PendingHits>,
    /// What the answer is to be compared with.
    watched: Option<Box<Watched>>,
    /// The verdict on a body that is still arriving.
    observed: Option<Observed>,
    /// The call whose later messages are still to be judged.
    call: Option<Rc<messages::Call>>,
}

impl Findings {
    fn observed(observed: Observed) -> Findings {
        Findings { observed: Some(observed), ..Findings::default() }
    }

    /// Waits until everything that was found is on disk. What the answer is to be compared with is known then.
    async fn settle(self, status: StatusCode, size: u64) -> Option<Box<Watched>> {
        if let Some(hits) = self.hits {
            hits.finish(status.as_u16(), size).await;
        }
        match self.observed {
            Some(observed) => observed.settle(status.as_u16(), size).await,
            None => self.watched,
        }
    }
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

/// About how many bytes an answer has on the wire.
fn size_of_answer(response: &Response<Bytes>) -> u64 {
    let headers = response.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    (17 + headers.sum::<usize>() + response.body().len()) as u64
}

async fn refuse(
    context: &Context<'_>,
    cause: BlockCause,
    response: Response<Bytes>,
    hits: Option<PendingHits>,
    unread: bool,
    in_flight: InFlight,
) -> Response<ResponseBody> {
    let size = size_of_answer(&response);
    match cause {
        BlockCause::AclIp | BlockCause::AclSource => context.stats.bytes_blocked_by_acl_out.add(size),
        _ => context.stats.bytes_blocked_out.add(size),
    }
    if let Some(hits) = hits {
        hits.finish(response.status().as_u16(), response.body().len() as u64).await;
    }
    let mut response = response.map(|body| ResponseBody::own(body, in_flight));
    if unread {
        // What the client still sends is not read, so the connection cannot be used again.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Passes a request to its upstream and the answer to the client.
async fn forward(
    current: &Current,
    context: &Context<'_>,
    mut request: Request<RequestBody>,
    mut findings: Findings,
    in_flight: InFlight,
) -> Response<ResponseBody> {
    if context.state.config.role == Role::Mirror {
        return take_in(request.into_body(), findings, in_flight).await;
    }
    let Some(upstream) = context.settings.upstream else {
        return failure(StatusCode::MISDIRECTED_REQUEST, in_flight);
    };
    let upgrade = headers::is_upgrade(&request);
    let grpc = headers::is_grpc(&request);
    let http2 = request.version() == Version::HTTP_2;
    let client_side = upgrade.then(|| hyper::upgrade::on(&mut request));
    headers::to_upstream(&mut request, context.connection, context.client, context.id, upgrade);
    let begun = Instant::now();
    let sent = current.upstreams.send(upstream, request, grpc);
    let sent = match &findings.call {
        None => Some(sent.await),
        Some(call) => call.unless_refused(sent).await,
    };
    let exchange = match sent {
        Some(Ok(exchange)) => {
            context.stats.upstream.observe(begun.elapsed());
            exchange
        }
        // A message was refused before the answer began; what was found is on disk.
        None => {
            let response = grpc_refusal(current, context);
            return refuse(context, BlockCause::Attack, response, findings.hits, true, in_flight).await;
        }
        Some(Err(error)) => {
            context.stats.upstream_errors.add(1);
            let (status, text) = upstream_failure(&error);
            tracing::debug!(error = &error as &dyn std::error::Error, request.id = %context.id, "upstream failed");
            drop(findings.settle(status, 0).await);
            return plain(status, text, in_flight);
        }
    };
    let mut response = exchange.response;
    headers::to_client(&mut response);
    let (status, call) = (response.status(), findings.call.take());
    let size = response.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let size = size.and_then(|length| length.parse().ok()).unwrap_or(0);
    let streams = !response.body().is_end_stream();
    // The answer begins before the request has ended, so its end waits.
    let early = findings.observed.take_if(|observed| streams && !observed.has_ended());
    let watched = findings.settle(status, size).await;
    if status == StatusCode::SWITCHING_PROTOCOLS {
        if let Some(client_side) = client_side {
            let upstream_side = hyper::upgrade::on(&mut response);
            tunnel::start(context.connection, client_side, upstream_side);
        }
        return response.map(|_| ResponseBody::own(Bytes::new(), in_flight));
    }
    let finale = early.map(|observed| observed.into_finale(status.as_u16(), size));
    let pace = (http2 && streams).then(|| in_flight.watch_answer());
    let watch = Watch::begin(context.state, watched, &response);
    let silence = Duration::from_secs(context.state.config.timeouts.upstream_idle_s);
    response.map(|incoming| {
        ResponseBody::upstream(incoming, exchange.lease, watch, pace, in_flight)
            .with_finale(finale)
            .with_call(call)
            .with_silence(silence)
    })
}

/// Receives a copy of a request, which has its answer from elsewhere.
async fn take_in(mut body: RequestBody, findings: Findings, in_flight: InFlight) -> Response<ResponseBody> {
    let mut complete = true;
    while let Some(frame) = body.frame().await {
        complete = frame.is_ok();
        if !complete {
            break;
        }
    }
    // What has passed is judged now.
    drop(body);
    drop(findings.settle(StatusCode::NO_CONTENT, 0).await);
    let mut response = plain(StatusCode::NO_CONTENT, "", in_flight);
    if !complete {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn grpc_refusal(current: &Current, context: &Context<'_>) -> Response<Bytes> {
    current.state.answers.render(&Refusal {
        cause: BlockCause::Attack,
        attack_type: None,
        status: None,
        form: Form::Grpc,
        request_id: context.id,
        client: context.client.ip,
        host: "",
    })
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
                    Some(BodyError::Late | BodyError::Refused) => {
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
        BodyError::TooLarge(_) => {
            context.stats.limit_body.add(1);
            failure(StatusCode::PAYLOAD_TOO_LARGE, in_flight)
        }
        BodyError::Stream(_) | BodyError::Refused => failure(StatusCode::BAD_REQUEST, in_flight),
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
