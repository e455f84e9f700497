//! The aggregation-first Attacks API (`spec/events.md` section 5). Replies have no envelope.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use bartizan_api::attack_vector::{
    VectorGroups, VectorListRequest, VectorMarkRequest, VectorMarked, VectorPage, VectorQuery, VectorSchema,
    VectorStats, VectorStatsRequest,
};
use bartizan_api::attack_view::{AttackExportAccepted, AttackExportStatus};
use bartizan_store::TenantId;
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{EventsBody, EventsPath, EventsQuery},
    failure::Failure,
    services::attack_vectors,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(vector_schema))
        .routes(routes!(vector_query))
        .routes(routes!(vector_stats))
        .routes(routes!(vectors_by_group))
        .routes(routes!(vectors_by_request))
        .routes(routes!(vectors_mark))
        .routes(routes!(vector_export))
        .routes(routes!(vector_export_status))
        .routes(routes!(vector_export_file))
}

/// The tenant of the path, if the caller may read it.
fn tenant(caller: &Caller, client_id: i64) -> Result<TenantId, Failure> {
    Ok(caller.tenant_of(Some(client_id))?)
}

/// The value of `X-Time-Zone`.
fn zone(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-time-zone").map(|value| value.to_str().unwrap_or("?"))
}

/// View the schema of attack queries
///
/// Columns, dimensions, fields of filters with their operators, and presets. A client that builds its forms from
/// it needs no list of its own.
#[utoipa::path(get, path = "/v1/client/{client_id}/attack-vectors/security-agg/query/schema", tag = "Attack vectors",
    params(("client_id" = i64, Path, description = "Client", example = 1)),
    responses((status = 200, description = "The schema", body = VectorSchema)))]
pub async fn vector_schema(
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
) -> Result<Json<VectorSchema>, Failure> {
    tenant(&caller, client_id)?;
    Ok(Json(attack_vectors::schema()))
}

/// Query groups of attack vectors
///
/// Groups vectors (one attack sign of one request each) and measures the groups. Vectors marked `fp` are hidden
/// unless `where` names `mark`. Names that are not known are refused, with the nearest one in `did_you_mean`.
/// `X-Time-Zone` (an IANA name or `±HH:MM`) sets where days begin.
#[utoipa::path(post, path = "/v1/client/{client_id}/attack-vectors/security-agg/query", tag = "Attack vectors",
    params(("client_id" = i64, Path, description = "Client", example = 1),
        ("X-Time-Zone" = Option<String>, Header, description = "Where days begin", example = "Europe/Berlin")),
    request_body = VectorQuery,
    responses((status = 200, description = "A page of groups", body = VectorGroups)))]
pub async fn vector_query(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
    headers: HeaderMap,
    EventsBody(request): EventsBody<VectorQuery>,
) -> Result<Json<VectorGroups>, Failure> {
    let tenant = tenant(&caller, client_id)?;
    Ok(Json(attack_vectors::query(&cloud, tenant, zone(&headers), &request).await?))
}

/// Query the widgets of a dashboard
///
/// Single numbers, series over time (empty buckets are 0), and the greatest groups with their share.
#[utoipa::path(post, path = "/v1/client/{client_id}/attack-vectors/security-agg/stats", tag = "Attack vectors",
    params(("client_id" = i64, Path, description = "Client", example = 1),
        ("X-Time-Zone" = Option<String>, Header, description = "Where days begin", example = "Europe/Berlin")),
    request_body = VectorStatsRequest,
    responses((status = 200, description = "The widgets", body = VectorStats)))]
pub async fn vector_stats(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
    headers: HeaderMap,
    EventsBody(request): EventsBody<VectorStatsRequest>,
) -> Result<Json<VectorStats>, Failure> {
    let tenant = tenant(&caller, client_id)?;
    Ok(Json(attack_vectors::stats(&cloud, tenant, zone(&headers), &request).await?))
}

/// List the vectors of a group
///
/// Newest first, with the requests as far as they are stored. `group_id` is the `id` of a row of a query; it is
/// signed and good for this client only.
#[utoipa::path(post, path = "/v1/client/{client_id}/attack-vectors/by-group", tag = "Attack vectors",
    params(("client_id" = i64, Path, description = "Client", example = 1)),
    request_body = VectorListRequest,
    responses((status = 200, description = "A page of vectors", body = VectorPage)))]
pub async fn vectors_by_group(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
    headers: HeaderMap,
    EventsBody(request): EventsBody<VectorListRequest>,
) -> Result<Json<VectorPage>, Failure> {
    let tenant = tenant(&caller, client_id)?;
    Ok(Json(attack_vectors::by_group(&cloud, tenant, zone(&headers), &request).await?))
}

/// List the vectors of a request
///
/// Newest first, with the conditions that a rule for this request would have. An unknown request has none.
#[utoipa::path(post, path = "/v1/client/{client_id}/attack-vectors/by-request", tag = "Attack vectors",
    params(("client_id" = i64, Path, description = "Client", example = 1)),
    request_body = VectorListRequest,
    responses((status = 200, description = "A page of vectors", body = VectorPage)))]
pub async fn vectors_by_request(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
    EventsBody(request): EventsBody<VectorListRequest>,
) -> Result<Json<VectorPage>, Failure> {
    let tenant = tenant(&caller, client_id)?;
    Ok(Json(attack_vectors::by_request(&cloud, tenant, &request).await?))
}

/// Mark vectors as true or false positives
///
/// Exactly one of `group_id`, `vector_ids` and `request_ids` says which. False positives leave the counters of
/// their attacks and make rules, as those of `/v1/objects/hit/mark_false` do, and both end with the mark. An empty mark
/// takes every mark back.
#[utoipa::path(post, path = "/v1/client/{client_id}/attack-vectors/mark", tag = "Attack vectors",
    params(("client_id" = i64, Path, description = "Client", example = 1)),
    request_body = VectorMarkRequest,
    responses((status = 200, description = "How many vectors changed", body = VectorMarked)))]
pub async fn vectors_mark(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
    EventsBody(request): EventsBody<VectorMarkRequest>,
) -> Result<Json<VectorMarked>, Failure> {
    let tenant = tenant(&caller, client_id)?;
    Ok(Json(attack_vectors::mark(&cloud, &caller, tenant, &request).await?))
}

/// Export groups of attack vectors
///
/// Takes a query without `cursor` and `limit`, and an `email`. The file (CSV, at most 100,000 rows) is made in the
/// background; its link is mailed and is valid for seven days.
#[utoipa::path(post, path = "/v1/client/{client_id}/attack-vectors/security-agg/export", tag = "Attack vectors",
    params(("client_id" = i64, Path, description = "Client", example = 1),
        ("X-Time-Zone" = Option<String>, Header, description = "Where days begin", example = "Europe/Berlin")),
    request_body = VectorQuery,
    responses((status = 202, description = "The export is accepted", body = AttackExportAccepted)))]
pub async fn vector_export(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
    headers: HeaderMap,
    EventsBody(request): EventsBody<VectorQuery>,
) -> Result<(StatusCode, Json<AttackExportAccepted>), Failure> {
    let tenant = tenant(&caller, client_id)?;
    let accepted = attack_vectors::export(&cloud, &caller, tenant, zone(&headers), &request).await?;
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

/// View an export
///
/// Its status, and where the file is once it is ready.
#[utoipa::path(get, path = "/v1/client/{client_id}/attack-vectors/security-agg/export/{export_id}",
    tag = "Attack vectors",
    params(("client_id" = i64, Path, description = "Client", example = 1),
        ("export_id" = String, Path, description = "Export", example = "5f9a0c2e-6f0b-4c6e-9a53-0a4c6f1f2b11")),
    responses((status = 200, description = "The export", body = AttackExportStatus)))]
pub async fn vector_export_status(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath((client_id, export_id)): EventsPath<(i64, String)>,
) -> Result<Json<AttackExportStatus>, Failure> {
    let tenant = tenant(&caller, client_id)?;
    Ok(Json(attack_vectors::export_status(&cloud, tenant, &export_id).await?))
}

/// The token of a link.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct FileQuery {
    token: String,
}

/// Download an export
///
/// The link that was mailed; it needs no sign-in.
#[utoipa::path(get, path = "/v1/client/{client_id}/attack-vectors/security-agg/export/{export_id}/file",
    tag = "Attack vectors",
    params(("client_id" = i64, Path, description = "Client", example = 1),
        ("export_id" = String, Path, description = "Export", example = "5f9a0c2e-6f0b-4c6e-9a53-0a4c6f1f2b11"),
        ("token" = String, Query, description = "Token of the link", example = "0f1e2d3c")),
    responses((status = 200, description = "The file", body = String, content_type = "text/csv")))]
pub async fn vector_export_file(
    State(cloud): State<Cloud>,
    EventsPath((client_id, export_id)): EventsPath<(i64, String)>,
    EventsQuery(query): EventsQuery<FileQuery>,
) -> Result<Response, Failure> {
    let csv = attack_vectors::export_file(&cloud, TenantId(client_id), &export_id, &query.token).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"attacks.csv\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, csv).into_response())
}
