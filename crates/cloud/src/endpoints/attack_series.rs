//! Attacks over time, by payload and field, and what types there are (`spec/events.md` section 2.5).

use axum::{extract::State, response::Response};
use bartizan_api::{
    Envelope,
    listing::{FilterRequest, SeriesRequest, SeriesView, TermsRequest},
};
use serde_json::{Map, Value};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::hits::enveloped;
use crate::{
    auth::Caller,
    extract::EventsBody,
    failure::Failure,
    services::attacks::{self, series},
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(attack_ip_series))
        .routes(routes!(attack_hit_series))
        .routes(routes!(attack_vectors))
        .routes(routes!(attack_term_counts))
        .routes(routes!(attack_cost))
        .routes(routes!(attack_types_suggest))
}

/// Count the addresses of attacks over time
///
/// `filter.time` and `filter.attackid` are required. `all` counts every hit of the attacks, `filtered` those that
/// match the whole filter.
#[utoipa::path(post, path = "/v1/objects/attack/ip_count", tag = "Attacks", request_body = SeriesRequest,
    responses((status = 200, description = "One value per point", body = Envelope<SeriesView>)))]
pub async fn attack_ip_series(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<SeriesRequest>,
) -> Result<Response, Failure> {
    Ok(enveloped(series::addresses(&cloud, &caller, &request).await?))
}

/// Count the hits of attacks over time
///
/// The range of `filter.time` in `points` equal parts; `all` counts every hit in it, `filtered` those of the filter.
#[utoipa::path(post, path = "/v1/objects/attack/hit_count", tag = "Attacks", request_body = SeriesRequest,
    responses((status = 200, description = "One value per point", body = Envelope<SeriesView>)))]
pub async fn attack_hit_series(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<SeriesRequest>,
) -> Result<Response, Failure> {
    Ok(enveloped(series::hits(&cloud, &caller, &request).await?))
}

/// List the payloads of attacks
///
/// Payloads with the joined ids of the hits that carried them, at most 1000 payloads.
#[utoipa::path(post, path = "/v1/objects/attack/vectors", tag = "Attacks", request_body = FilterRequest,
    responses((status = 200, description = "Hits by payload", body = Envelope<Object>)))]
pub async fn attack_vectors(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<FilterRequest>,
) -> Result<Response, Failure> {
    Ok(enveloped(series::vectors(&cloud, &caller, &request).await?))
}

/// Count attacks by field values
///
/// For each field in `terms` the 100 values that most attacks have a hit with.
#[utoipa::path(post, path = "/v1/objects/attack/aggs_terms", tag = "Attacks", request_body = TermsRequest,
    responses((status = 200, description = "Values with counts by field", body = Envelope<Object>)))]
pub async fn attack_term_counts(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<TermsRequest>,
) -> Result<Response, Failure> {
    Ok(enveloped(series::term_counts(&cloud, &caller, &request).await?))
}

/// Estimate the cost of attacks
///
/// Kept for older clients: always 0, because no estimate is made.
#[utoipa::path(post, path = "/v1/objects/attack/cost_interval", tag = "Attacks", request_body = FilterRequest,
    responses((status = 200, description = "Zero", body = Envelope<i64>)))]
pub async fn attack_cost(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<FilterRequest>,
) -> Result<Response, Failure> {
    Ok(enveloped(attacks::cost(&cloud, &caller, &request)?))
}

/// Suggest attack types
///
/// The types that make sense in each place: rules, events, triggers, sessions.
#[utoipa::path(get, path = "/v2/suggest/attack_types", tag = "Attacks",
    responses((status = 200, description = "Types by place", body = Envelope<Object>)))]
pub async fn attack_types_suggest(_: Caller) -> Envelope<Map<String, Value>> {
    Envelope::new(attacks::suggested_types())
}
