//! The node-to-cloud protocol, except events (`spec/node.md` section 1.5). Bodies have no envelope.

use axum::{
    Extension,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bartizan_api::{
    ApiError, json_response,
    node::{
        BundleKind, HeartbeatRequest, HeartbeatResponse, ListsResponse, Manifest, RegisterRequest,
        RegisterResponse, WatchResponse,
    },
};
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{Origin, node::NodeCaller},
    extract::{self, Body, Path, RackQuery},
    failure::Failure,
    services::{node_registration, node_sync},
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(node_register))
        .routes(routes!(node_unregister))
        .routes(routes!(node_heartbeat))
        .routes(routes!(node_manifest))
        .routes(routes!(node_bundle))
        .routes(routes!(node_lists))
        .routes(routes!(node_watch))
}

/// Register a node instance
///
/// With the token of a node group, or with an API token for node deployment and the label `group`. The secret
/// in the answer is shown this once.
#[utoipa::path(post, path = "/node/v1/register", tag = "Node protocol", security(("ApiToken" = [])),
    request_body = RegisterRequest,
    responses((status = 200, description = "Registered", body = RegisterResponse)))]
pub async fn node_register(
    State(cloud): State<Cloud>,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let registrar = node_registration::authenticate(&cloud, &headers, &origin).await?;
    let request = extract::parse(&extract::whole(body)?)?;
    Ok(json_response(&node_registration::register(&cloud, registrar, &origin, &request).await?))
}

/// Unregister a node instance
///
/// Its credentials are refused from then on.
#[utoipa::path(post, path = "/node/v1/unregister", tag = "Node protocol", security(("Node" = [])),
    responses((status = 204, description = "Unregistered")))]
pub async fn node_unregister(State(cloud): State<Cloud>, node: NodeCaller) -> Result<StatusCode, Failure> {
    node_registration::unregister(&cloud, &node).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Send a heartbeat
///
/// Counters in a repeated heartbeat (same start, same or smaller sequence number) are not counted again.
#[utoipa::path(post, path = "/node/v1/heartbeat", tag = "Node protocol", security(("Node" = [])),
    request_body = HeartbeatRequest,
    responses((status = 200, description = "What the node should run", body = HeartbeatResponse)))]
pub async fn node_heartbeat(
    State(cloud): State<Cloud>,
    node: NodeCaller,
    Body(request): Body<HeartbeatRequest>,
) -> Result<Response, Failure> {
    Ok(json_response(&node_sync::heartbeat(&cloud, &node, &request).await?))
}

/// View the manifest
///
/// The bundles that the node should run, signed.
#[utoipa::path(get, path = "/node/v1/manifest", tag = "Node protocol", security(("Node" = [])),
    responses((status = 200, description = "Current bundles", body = Manifest)))]
pub async fn node_manifest(State(cloud): State<Cloud>, node: NodeCaller) -> Result<Response, Failure> {
    Ok(json_response(&node_sync::manifest(&cloud, node.tenant()).await?))
}

/// Download a bundle
///
/// Only the version that the manifest names; 404 means that the manifest changed.
#[utoipa::path(get, path = "/node/v1/bundle/{kind}/{version}", tag = "Node protocol", security(("Node" = [])),
    params(("kind" = BundleKind, Path, description = "Kind"), ("version" = i64, Path, description = "Version")),
    responses((status = 200, description = "The bytes that the manifest's hash and signature cover"),
        (status = 404, description = "Not the current version")))]
pub async fn node_bundle(
    State(cloud): State<Cloud>,
    node: NodeCaller,
    Path((kind, version)): Path<(String, i64)>,
) -> Result<Response, Failure> {
    let kind: BundleKind = serde_json::from_value(kind.into()).map_err(|_| ApiError::absent())?;
    let bundle = node_sync::bundle(&cloud, node.tenant(), kind, version).await?;
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(([kind], bundle.bytes.clone()).into_response())
}

/// Where a node stands.
#[derive(Deserialize)]
pub struct SinceQuery {
    #[serde(default, deserialize_with = "bartizan_api::lenient::int")]
    since: Option<i64>,
}

/// View changes of the IP lists
///
/// Without `since`, or with 0, the complete lists.
#[utoipa::path(get, path = "/node/v1/lists", tag = "Node protocol", security(("Node" = [])),
    params(("since" = Option<i64>, Query, description = "`seq` of the answer before")),
    responses((status = 200, description = "Entries added and removed", body = ListsResponse)))]
pub async fn node_lists(
    State(cloud): State<Cloud>,
    node: NodeCaller,
    RackQuery(query): RackQuery<SinceQuery>,
) -> Result<Response, Failure> {
    let since = query.since.unwrap_or(0);
    Ok(json_response(&node_sync::lists(&cloud, node.tenant(), since).await?))
}

/// Wait for a change
///
/// Answers as soon as something changed after `since`, or after 55 seconds with nothing changed.
#[utoipa::path(get, path = "/node/v1/watch", tag = "Node protocol", security(("Node" = [])),
    params(("since" = i64, Query, description = "`seq` of the manifest or of the answer before")),
    responses((status = 200, description = "Kinds that changed", body = WatchResponse)))]
pub async fn node_watch(
    State(cloud): State<Cloud>,
    node: NodeCaller,
    RackQuery(query): RackQuery<SinceQuery>,
) -> Result<Response, Failure> {
    let since = query.since.unwrap_or(0);
    Ok(json_response(&node_sync::watch(&cloud, node.tenant(), since).await?))
}
