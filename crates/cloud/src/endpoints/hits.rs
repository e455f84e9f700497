//! Hits (`spec/events.md` section 1).

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use bartizan_api::{
    Envelope,
    hit::{DroppedRequestView, HitDetailsQuery, HitRawView, HitView},
    hit_explanation::HitExplanation,
    listing::{Count, EventListRequest, FilterRequest, Filtered, MarkRequest, Marked},
    node::RawRequest,
};
use serde::Serialize;
use serde_json::Value;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{EventsBody, EventsPath, EventsQuery},
    failure::Failure,
    services::hits::{self, dropped, explanation, marks},
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(hit_list))
        .routes(routes!(hit_count))
        .routes(routes!(hit_details))
        .routes(routes!(hit_details_view))
        .routes(routes!(hit_explanation))
        .routes(routes!(dropped_hits_view))
        .routes(routes!(hit_raw))
        .routes(routes!(hit_mark_false))
}

/// The reply in its envelope, the header of ignored keys kept.
pub(super) fn enveloped<T: Serialize>(filtered: Filtered<T>) -> Response {
    Filtered { reply: Envelope::new(filtered.reply), ignored: filtered.ignored }.into_response()
}

/// List hits
///
/// Sorted by `id` unless `order_by` names `clientid`, `time`, `attackid`, `remote_country`, `vector`,
/// `statuscode`, `size` or `ip`. Without a time the last six months are searched. Hits marked false are included;
/// ask `"!state":"falsepositive"` to leave them out.
#[utoipa::path(post, path = "/v1/objects/hit", tag = "Hits", request_body = EventListRequest,
    responses((status = 200, description = "The hits", body = Envelope<Vec<HitView>>)))]
pub async fn hit_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<EventListRequest>,
) -> Result<Response, Failure> {
    Ok(enveloped(hits::list(&cloud, &caller, &request).await?))
}

/// Count hits
///
/// Takes the filter of the list.
#[utoipa::path(post, path = "/v1/objects/hit/count", tag = "Hits", request_body = FilterRequest,
    responses((status = 200, description = "How many", body = Envelope<Count>)))]
pub async fn hit_count(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<FilterRequest>,
) -> Result<Response, Failure> {
    Ok(enveloped(hits::count(&cloud, &caller, &request).await?))
}

/// View the requests of hits
///
/// `filter.id` names one hit or a list; every other key is ignored. Unknown ids are left out. Sensitive data was
/// masked by the node.
#[utoipa::path(post, path = "/v1/objects/hit/details", tag = "Hits", request_body = FilterRequest,
    responses((status = 200, description = "The requests", body = Envelope<Vec<HitRawView>>)))]
pub async fn hit_details(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<FilterRequest>,
) -> Result<Envelope<Vec<HitRawView>>, Failure> {
    Ok(Envelope::new(hits::details(&cloud, &caller, &request).await?))
}

/// View the request of a hit
///
/// `id` is `<index>:<id>`. The reply holds an `ebpf` object in addition.
#[utoipa::path(get, path = "/v2/hit/details", tag = "Hits", params(HitDetailsQuery),
    responses(
        (status = 200, description = "The request", body = Envelope<RawRequest>),
        (status = 404, description = "No such hit", body = bartizan_api::ErrorBody)))]
pub async fn hit_details_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsQuery(query): EventsQuery<HitDetailsQuery>,
) -> Result<Envelope<Value>, Failure> {
    Ok(Envelope::new(hits::detail(&cloud, &caller, &query.id).await?))
}

/// Explain a hit
///
/// Takes the recorded request apart and judges it with the present detection database, without rules: which points
/// it has, which signatures matched where, and what made them worth a look. Data that the node masked is judged as
/// masked.
#[utoipa::path(get, path = "/v2/hit/explanation", tag = "Hits", params(HitDetailsQuery),
    responses(
        (status = 200, description = "The points of the request and how each was judged", body = Envelope<HitExplanation>),
        (status = 404, description = "No such hit", body = bartizan_api::ErrorBody)))]
pub async fn hit_explanation(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsQuery(query): EventsQuery<HitDetailsQuery>,
) -> Result<Envelope<HitExplanation>, Failure> {
    Ok(Envelope::new(explanation::explanation(&cloud, &caller, &query.id).await?))
}

/// View a request that was sampled out
///
/// What is known of a malicious request whose hits nodes did not upload because enough like them were. Such hits
/// count in attacks and dashboards; they are in no list. 404 for a request whose hits were all uploaded, that was not
/// malicious, or that is not known.
#[utoipa::path(get, path = "/v2/client/{client_id}/dropped_raw_hits/{request_id}", tag = "Hits",
    params(("client_id" = i64, Path, description = "Client", example = 1),
        ("request_id" = String, Path, description = "Request", example = "5f1d8c0a9b3e4d7f8a6b5c4d3e2f1a0b")),
    responses(
        (status = 200, description = "The request", body = Envelope<DroppedRequestView>),
        (status = 404, description = "No such request", body = bartizan_api::ErrorBody)))]
pub async fn dropped_hits_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath((client_id, request_id)): EventsPath<(i64, String)>,
) -> Result<Envelope<DroppedRequestView>, Failure> {
    Ok(Envelope::new(dropped::view(&cloud, &caller, client_id, &request_id).await?))
}

/// Download the requests of hits
///
/// The serialised HTTP requests of `filter.id`, not JSON; several are separated by a line `--bartizan--`.
#[utoipa::path(post, path = "/v1/objects/hit/raw", tag = "Hits", request_body = FilterRequest,
    responses((status = 200, description = "The requests", content_type = "application/octet-stream", body = Vec<u8>)))]
pub async fn hit_raw(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<FilterRequest>,
) -> Result<Response, Failure> {
    let bytes = hits::raw(&cloud, &caller, &request).await?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

/// Mark hits as false positives
///
/// The filter names hits by `id` or all hits of attacks by `attackid`. Marked hits leave the counters of their
/// attack. A rule keeps nodes from finding the same again and goes with the last mark, unless `rule` is false.
/// `mode` `"false"` takes the mark away.
#[utoipa::path(post, path = "/v1/objects/hit/mark_false", tag = "Hits", request_body = MarkRequest,
    responses((status = 200, description = "How many hits changed", body = Envelope<Marked>)))]
pub async fn hit_mark_false(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<MarkRequest>,
) -> Result<Envelope<Marked>, Failure> {
    Ok(Envelope::new(marks::mark_false(&cloud, &caller, &request).await?))
}
