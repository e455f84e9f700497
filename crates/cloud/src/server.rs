//! Starting and stopping a cloud: database, router, listeners, background jobs.

use std::{
    net::{SocketAddr, TcpListener},
    os::unix::fs::DirBuilderExt,
    sync::OnceLock,
    time::Duration,
};

use axum::{
    Router, ServiceExt,
    body::Bytes,
    extract::{DefaultBodyLimit, Request},
    http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use axum_server::Handle;
use bartizan_api::ApiError;
use bartizan_events_index::IndexError;
use bartizan_store::{Store, StoreError, StoreOptions};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::task::JoinHandle;
use tower::{Layer, util::MapRequestLayer};
use tower_http::{
    compression::{
        CompressionLayer,
        predicate::{Predicate, SizeAbove},
    },
    cors::CorsLayer,
    decompression::RequestDecompressionLayer,
};

use crate::{
    auth,
    certificates::Certificates,
    config::CloudConfig,
    connection::{Acceptor, Times},
    console, edge, endpoints,
    keys::{Keys, KeysError},
    limits,
    mail::{MailError, Mailer},
    openapi,
    services::{
        accounts, activity_chain, api_spec, api_tokens::KEPT_DISABLED_S, delivery, event_index, files,
        periodic, quotas, rule, rules_snapshots, ruleset, scim, verification,
    },
    state::Cloud,
};

/// Requests that a connection of HTTP/2 may have open at the same time.
const STREAMS: u32 = 100;
/// Bytes of the answer to each of them that wait for the client to take them.
const STREAM_BUFFER: usize = 64 << 10;

/// Why a cloud does not start: one clear line.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The listening address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Address.
        address: SocketAddr,
        /// Cause.
        source: std::io::Error,
    },
    /// The data folder cannot be made or written.
    #[error("the data folder {path} cannot be used: {source}")]
    DataDir {
        /// Folder.
        path: String,
        /// Cause.
        source: std::io::Error,
    },
    /// Certificate or key do not load.
    #[error("the TLS certificate cannot be loaded: {0}")]
    Tls(std::io::Error),
    /// The server's own keys do not load.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The mail configuration does not make a connection.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The database does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder of the event index cannot be used.
    #[error(transparent)]
    EventIndex(#[from] IndexError),
}

/// A cloud that serves.
pub struct RunningCloud {
    /// Shared state, for provisioning in the same process.
    pub cloud: Cloud,
    /// Address in force, also when port 0 was asked for.
    pub address: SocketAddr,
    /// Address where calls of verified hosts are taken, if they are.
    pub callback_address: Option<SocketAddr>,
    handle: Handle<SocketAddr>,
    server: JoinHandle<std::io::Result<()>>,
    jobs: Vec<JoinHandle<()>>,
}

/// Opens database and keys without listening; for `admin` commands.
///
/// # Errors
/// [`StartError`].
pub async fn open(config: CloudConfig) -> Result<Cloud, StartError> {
    // For its owner only: the database holds requests as they came, passwords of visitors included.
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&config.data_dir)
        .map_err(|source| StartError::DataDir { path: config.data_dir.display().to_string(), source })?;
    let keys = Keys::load_or_create(&config.data_dir)?;
    let mailer = Mailer::new(&config.mail)?;
    let mut options = StoreOptions::new(config.database_url());
    options.max_connections = config.database.max_connections;
    let store = Store::open(&options).await?;
    let event_index = event_index::EventIndex::open(store.clone(), &config)?;
    Ok(Cloud::new(store, event_index, keys, mailer, config))
}

impl RunningCloud {
    /// Starts serving; returns once the port is bound.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(mut config: CloudConfig) -> Result<RunningCloud, StartError> {
        // First the port: a second cloud must not touch the first one's database.
        let (listener, address) = listen(config.listen.address)?;
        let callback = config.verification.callback_listen.filter(|_| config.verification.enabled);
        let callback = callback.map(listen).transpose()?;
        let callback_address = callback.as_ref().map(|(_, address)| *address);
        config.listen.address = address;
        if config.public.console_url.is_empty() {
            config.public.console_url =
                format!("{}://{address}", if config.tls() { "https" } else { "http" });
        }
        let tls = match (&config.listen.tls_cert, &config.listen.tls_key) {
            (Some(cert), Some(key)) => Some(Certificates::load(cert, key).await.map_err(StartError::Tls)?),
            _ => None,
        };
        let cloud = open(config).await?;
        let handle = Handle::new();
        let service = service(cloud.clone());
        let serving = handle.clone();
        let tls_config = tls.as_ref().map(Certificates::config);
        let times = Times::of(&cloud.config.limits);
        let server = tokio::spawn(async move {
            match tls_config {
                Some(tls) => {
                    let mut server = axum_server::from_tcp_rustls(listener, tls)?.handle(serving);
                    limit(server.http_builder(), times);
                    server.map(|tls| Acceptor::new(tls, times)).serve(service).await
                }
                None => {
                    let mut server = axum_server::from_tcp(listener)?.handle(serving);
                    limit(server.http_builder(), times);
                    server.map(|plain| Acceptor::new(plain, times)).serve(service).await
                }
            }
        });
        let mut jobs = vec![
            tokio::spawn(housekeeping(cloud.clone())),
            tokio::spawn(activity_chain::run(cloud.clone())),
            tokio::spawn(auth::known::watch(cloud.clone())),
            tokio::spawn(event_index::follow(cloud.clone())),
            tokio::spawn(files::work(cloud.clone())),
            tokio::spawn(delivery::run(cloud.clone())),
            tokio::spawn(rule::counters::run(cloud.clone())),
            tokio::spawn(ruleset::builds::run(cloud.clone())),
            tokio::spawn(periodic::run(cloud.clone())),
            tokio::spawn(quotas::run(cloud.clone())),
            tokio::spawn(rules_snapshots::run(cloud.clone())),
            tokio::spawn(verification::run(cloud.clone())),
            tokio::spawn(refresh_specifications(cloud.clone())),
            tokio::spawn(limits::shared::exchange(cloud.clone())),
        ];
        jobs.extend(tls.map(|certificates| tokio::spawn(certificates.watch())));
        if let Some((listener, _)) = callback {
            jobs.push(tokio::spawn(take_calls(cloud.clone(), listener)));
            jobs.push(tokio::spawn(verification::missed::share(cloud.clone())));
        }
        Ok(RunningCloud { cloud, address, callback_address, handle, server, jobs })
    }

    /// Finishes open requests for at most five seconds and closes the database.
    pub async fn shutdown(self) {
        self.cloud.notices.close();
        self.handle.graceful_shutdown(Some(Duration::from_secs(5)));
        self.jobs.iter().for_each(JoinHandle::abort);
        let _ = self.server.await;
        self.cloud.event_index.close().await;
        self.cloud.store.clone().close().await;
    }
}

/// How long clients of either version of HTTP may be silent.
fn limit(http: &mut Builder<TokioExecutor>, times: Times) {
    http.http1().timer(TokioTimer::new()).header_read_timeout(times.beginning);
    // HTTP/2 is asked whether it is still there. The question queues behind answers that are on their way.
    let mut http2 = http.http2();
    http2.timer(TokioTimer::new()).keep_alive_interval(times.beginning).keep_alive_timeout(times.stalled);
    http2.max_concurrent_streams(STREAMS).max_send_buf_size(STREAM_BUFFER);
}

/// Takes a port; answers the address in force, too.
fn listen(asked: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Listen { address: asked, source };
    let listener = TcpListener::bind(asked).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

async fn take_calls(cloud: Cloud, listener: TcpListener) {
    if let Err(error) = verification::callback::serve(cloud, listener).await {
        let error = &error as &dyn std::error::Error;
        tracing::error!(error, "calls of verified hosts are not taken");
    }
}

type Squeeze = fn(axum::http::Request<Incoming>) -> axum::http::Request<Incoming>;

/// The whole service, with the path normalised before routing.
fn service(
    cloud: Cloud,
) -> axum::extract::connect_info::IntoMakeServiceWithConnectInfo<
    tower::util::MapRequest<Router, Squeeze>,
    SocketAddr,
> {
    let squeeze: Squeeze = squeeze_slashes;
    let service = MapRequestLayer::new(squeeze).layer(router(cloud));
    ServiceExt::<axum::http::Request<Incoming>>::into_make_service_with_connect_info::<SocketAddr>(service)
}

/// Routes, edge and static pages.
pub fn router(cloud: Cloud) -> Router {
    let (api, _) = endpoints::routes().split_for_parts();
    let guarded = api
        .route("/openapi.json", get(openapi_json))
        .layer(middleware::from_fn_with_state(cloud.clone(), edge::guard))
        .layer(DefaultBodyLimit::max(cloud.config.limits.body_bytes))
        .layer(RequestDecompressionLayer::new().pass_through_unaccepted(true))
        .layer(CompressionLayer::new().compress_when(worth_compressing().and(may_be_compressed)));
    let envelope = middleware::from_fn_with_state(cloud.clone(), edge::envelope);
    guarded.layer(cors(&cloud)).fallback(fallback).layer(envelope).with_state(cloud)
}

/// Lets pages of the Console and of the further origins call the API, with cookies; nobody else's.
fn cors(cloud: &Cloud) -> CorsLayer {
    let origins = cloud.config.public.origins();
    let origins = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
    let sent = [
        "authorization",
        "content-type",
        "idempotency-key",
        "x-background",
        "x-csrf-token",
        "x-reauth",
        "x-wallarmapi-secret",
        "x-wallarmapi-token",
        "x-wallarmapi-uuid",
    ];
    let read = [
        "idempotency-replayed",
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
        "retry-after",
        "x-mfa-ticket",
        "x-request-id",
    ];
    CorsLayer::new()
        .allow_origin(origins.collect::<Vec<_>>())
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(sent.map(HeaderName::from_static))
        .expose_headers(read.map(HeaderName::from_static))
        .max_age(Duration::from_secs(600))
}

fn worth_compressing() -> impl Predicate {
    SizeAbove::new(1024)
}

/// See [`crate::access::SECRET_ANSWERS`].
fn may_be_compressed(_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions) -> bool {
    extensions.get::<edge::Plain>().is_none()
}

/// The description of the API, which everybody may ask for: made once, and shared by all who take it.
async fn openapi_json() -> Response {
    static DOCUMENT: OnceLock<Option<Bytes>> = OnceLock::new();
    match DOCUMENT.get_or_init(|| openapi::document_json().ok().map(Bytes::from)) {
        Some(document) => ([("content-type", "application/json")], document.clone()).into_response(),
        None => ApiError::internal().into_response(),
    }
}

/// API paths that do not exist answer as the API does, also those of versions that there are not; everything else is the
/// Console, which is only read.
async fn fallback(request: Request) -> Response {
    let path = request.uri().path();
    let read = matches!(*request.method(), Method::GET | Method::HEAD);
    match path.split('/').nth(1).unwrap_or_default() {
        "scim" => scim::Refusal::from(ApiError::absent()).into_response(),
        first if is_of_the_api(first) => ApiError::absent().into_response(),
        _ if read => console::page(path),
        _ => ApiError::text(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed").into_response(),
    }
}

/// Whether paths that begin so are the API's: `v1` and other versions, and what nodes ask.
fn is_of_the_api(first: &str) -> bool {
    let version = first.strip_prefix('v').unwrap_or_default();
    first == "node" || (!version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `//v1/user`, from a base URL ending in a slash, is `/v1/user`.
fn squeeze_slashes<B>(mut request: axum::http::Request<B>) -> axum::http::Request<B> {
    let path_and_query =
        request.uri().path_and_query().map(|text| text.as_str().to_owned()).unwrap_or_default();
    if path_and_query.starts_with("//") {
        let squeezed = format!("/{}", path_and_query.trim_start_matches('/'));
        let mut parts = request.uri().clone().into_parts();
        if let Ok(text) = squeezed.parse() {
            parts.path_and_query = Some(text);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
    }
    request
}

/// Seconds that a batch is known for; after that its events are still known one by one.
const KEPT_BATCHES_S: i64 = 7 * 86_400;

/// Seconds that deliveries are kept: those that arrived, and those that were given up.
const KEPT_DELIVERED_S: i64 = 86_400;
const KEPT_DEAD_S: i64 = 30 * 86_400;
/// Seconds that verifications are kept after they ended.
const KEPT_VERIFICATIONS_S: i64 = 30 * 86_400;
/// Longest window of a trigger, seconds.
const LONGEST_WINDOW_S: i64 = 366 * 86_400;

/// Fetches the files of API specifications again, every hour each.
async fn refresh_specifications(cloud: Cloud) {
    let mut tick = tokio::time::interval(Duration::from_secs(60));
    loop {
        tick.tick().await;
        if api_spec::refresh::pass(&cloud).await.is_err() {
            tracing::warn!("files of API specifications were not fetched");
        }
    }
}

/// Periodic cleaning.
async fn housekeeping(cloud: Cloud) {
    let mut tick = tokio::time::interval(Duration::from_secs(600));
    loop {
        tick.tick().await;
        clean(&cloud).await;
    }
}

/// Removes what has had its time, as it is removed every ten minutes.
pub async fn clean(cloud: &Cloud) {
    cloud.limits.shrink();
    if let Err(error) = cloud.store.purge_sessions(cloud.now()).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "ended sessions were not purged");
    }
    let now = cloud.now();
    if let Err(error) = cloud.store.expire_api_tokens(now, now - KEPT_DISABLED_S).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "API tokens were not expired");
    }
    accounts::clean(cloud).await;
    if let Err(error) = cloud.store.purge_rate_limits().await {
        tracing::warn!(error = &error as &dyn std::error::Error, "full buckets were not removed");
    }
    let hour = now / 3600 - 48;
    let purged = cloud.store.purge_deliveries(now - KEPT_DELIVERED_S, now - KEPT_DEAD_S, hour).await;
    if let Err(error) = purged {
        tracing::warn!(error = &error as &dyn std::error::Error, "old deliveries were not removed");
    }
    if let Err(error) = cloud.store.purge_verifications(now - KEPT_VERIFICATIONS_S).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "old verifications were not removed");
    }
    if let Err(error) = cloud.store.purge_trigger_state(now - LONGEST_WINDOW_S, now).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "old counts of triggers were not removed");
    }
    if let Err(error) = cloud.store.purge_reports(now).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "expired reports were not removed");
    }
    let expired = crate::services::listing::oldest(now);
    if let Err(error) = cloud.store.purge_events(expired, now - KEPT_BATCHES_S, now).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "expired events were not removed");
    }
    if let Err(failure) = crate::services::privacy::housekeeping(cloud).await {
        tracing::warn!(error = %failure.0, "data that is kept no longer was not removed");
    }
}
