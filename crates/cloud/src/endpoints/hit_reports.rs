//! What hits add up to (`spec/events.md` section 1.4).

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use bartizan_api::{
    Compared, Envelope,
    hit::{HitAddresses, HitStatsQuery, HitSummary, MitigationStats},
    listing::{FilterRequest, TermsRequest},
};
use serde_json::{Map, Value};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::hits::enveloped;
use crate::{
    auth::Caller,
    extract::{EventsBody, EventsQuery},
    failure::Failure,
    services::hits::{reports, terms},
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(hit_terms))
        .routes(routes!(hit_term_counts))
        .routes(routes!(hit_distinct_counts))
        .routes(routes!(hit_addresses))
        .routes(routes!(hit_mitigation_stats))
        .routes(routes!(hit_compromised_logins))
        .routes(routes!(hit_summary))
}

/// List the values of hit fields
///
/// The unique values of each field in `terms`, at most 1000 each. Fields are `domain`, `path`, `type`, `ip`,
/// `remote_country`, `statuscode`, `method`, `poolid`, `protocol`, `auth_protocol`, `datacenter`, `known_attack`,
/// `node_uuid`, `block_status` and `parameter`.
#[utoipa::path(post, path = "/v1/objects/hit/aggs_terms", tag = "Hits", request_body = TermsRequest,
    responses((status = 200, description = "Values by field", body = Envelope<Object>)))]
pub async fn hit_terms(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<TermsRequest>,
) -> Result<Response, Failure> {
    Ok(enveloped::<Map<String, Value>>(terms::values(&cloud, &caller, &request).await?))
}

/// Count hits by field values
///
/// The `top` most frequent values of each field in `terms`.
#[utoipa::path(post, path = "/v1/objects/hit/aggs_term_counts", tag = "Hits", request_body = TermsRequest,
    responses((status = 200, description = "Values with counts by field", body = Envelope<Object>)))]
pub async fn hit_term_counts(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<TermsRequest>,
) -> Result<Response, Failure> {
    Ok(enveloped::<Map<String, Value>>(terms::counts(&cloud, &caller, &request).await?))
}

/// Count the values of hit fields
///
/// How many different values each field in `terms` has.
#[utoipa::path(get, path = "/v1/objects/hit/aggs_counts", tag = "Hits", params(HitStatsQuery),
    responses((status = 200, description = "Counts by field", body = Envelope<Object>)))]
pub async fn hit_distinct_counts(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsQuery(query): EventsQuery<HitStatsQuery>,
) -> Result<Envelope<Map<String, Value>>, Failure> {
    Ok(Envelope::new(terms::distinct(&cloud, &caller, &query).await?))
}

/// List the addresses of hits
///
/// Distinct source addresses, at most 10000 of each family.
#[utoipa::path(post, path = "/v1/objects/hit/ips", tag = "Hits", request_body = FilterRequest,
    responses((status = 200, description = "The addresses", body = Envelope<HitAddresses>)))]
pub async fn hit_addresses(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<FilterRequest>,
) -> Result<Response, Failure> {
    Ok(enveloped(reports::addresses(&cloud, &caller, &request).await?))
}

/// Count hits by protection
///
/// Blocked hits and all hits that API abuse prevention, credential stuffing detection, GraphQL policies, the limit of
/// processing time and virtual patches found.
#[utoipa::path(get, path = "/v1/objects/hit/mitigations/stats", tag = "Hits", params(HitStatsQuery),
    responses((status = 200, description = "Counts by protection", body = Envelope<MitigationStats>)))]
pub async fn hit_mitigation_stats(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsQuery(query): EventsQuery<HitStatsQuery>,
) -> Result<Envelope<MitigationStats>, Failure> {
    Ok(Envelope::new(reports::mitigations(&cloud, &caller, &query).await?))
}

/// Download compromised logins
///
/// A table of the logins that credential stuffing detection found, newest first, of at most 10000 hits.
#[utoipa::path(post, path = "/v1/objects/hit/compromised_logins/csv", tag = "Hits", request_body = FilterRequest,
    responses((status = 200, description = "The table", content_type = "text/csv", body = String)))]
pub async fn hit_compromised_logins(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<FilterRequest>,
) -> Result<Response, Failure> {
    let table = reports::compromised_logins(&cloud, &caller, &request).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"compromised_logins.csv\""),
    ];
    Ok((headers, table).into_response())
}

/// Summarize hits
///
/// Hits, incidents and blocked hits of one range of `time`; sampled-out hits count. With `compare`, the same of the
/// period before stands beside `body`.
#[utoipa::path(post, path = "/v2/hits/summary", tag = "Hits", request_body = FilterRequest,
    responses((status = 200, description = "The sums", body = Compared<HitSummary>)))]
pub async fn hit_summary(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<FilterRequest>,
) -> Result<Response, Failure> {
    Ok(reports::summary(&cloud, &caller, &request).await?.into_response())
}
