//! Attacks and incidents (`spec/events.md` sections 2 and 3).

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use bartizan_api::{
    Compared, Envelope,
    attack::{AttackCount, AttackPage},
    listing::{EventListRequest, FilterRequest, Filtered, MarkRequest, Marked},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::hits::enveloped;
use crate::{
    auth::Caller,
    extract::EventsBody,
    failure::Failure,
    services::{attacks, hits::marks},
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(attack_list))
        .routes(routes!(attack_list_v2))
        .routes(routes!(attack_count))
        .routes(routes!(attack_ips))
        .routes(routes!(attack_mark_false))
}

/// List attacks
///
/// Attacks proper have `"vulnid":null`, incidents `"!vulnid":null`. Keys that attacks do not have themselves, such
/// as `ip` or `statuscode`, ask for a hit of the attack; all of them must hold for one hit. `time` asks that the
/// attack overlaps the range. Sorted by number of hits, most first, unless `order_by` and `order_desc` say
/// otherwise. With `paging` the reply holds a `cursor` for the next page.
#[utoipa::path(post, path = "/v1/objects/attack", tag = "Attacks", request_body = EventListRequest,
    responses((status = 200, description = "The attacks", body = AttackPage)))]
pub async fn attack_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<EventListRequest>,
) -> Result<Filtered<AttackPage>, Failure> {
    attacks::list(&cloud, &caller, &request).await
}

/// List attacks by the second path
///
/// The same as `/v1/objects/attack`.
#[utoipa::path(post, path = "/v2/objects/attack", tag = "Attacks", request_body = EventListRequest,
    responses((status = 200, description = "The attacks", body = AttackPage)))]
pub async fn attack_list_v2(
    cloud: State<Cloud>,
    caller: Caller,
    request: EventsBody<EventListRequest>,
) -> Result<Filtered<AttackPage>, Failure> {
    attack_list(cloud, caller, request).await
}

/// Count attacks
///
/// Attacks, their hits and their distinct addresses, by the filter of the list.
#[utoipa::path(post, path = "/v1/objects/attack/count", tag = "Attacks", request_body = FilterRequest,
    responses((status = 200, description = "How many", body = Compared<AttackCount>)))]
pub async fn attack_count(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<FilterRequest>,
) -> Result<Response, Failure> {
    Ok(attacks::count(&cloud, &caller, &request).await?.into_response())
}

/// List the addresses of attacks
///
/// Distinct source addresses, most hits first, at most 10000.
#[utoipa::path(post, path = "/v1/objects/attack/ip", tag = "Attacks", request_body = FilterRequest,
    responses((status = 200, description = "The addresses", body = Envelope<Vec<String>>)))]
pub async fn attack_ips(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<FilterRequest>,
) -> Result<Response, Failure> {
    Ok(enveloped(attacks::ips(&cloud, &caller, &request).await?))
}

/// Mark attacks as false positives
///
/// Marks all hits of the attacks that `filter.attackid` names; `mode` `"false"` takes the marks away.
#[utoipa::path(post, path = "/v1/objects/attack/mark_false", tag = "Attacks", request_body = MarkRequest,
    responses((status = 200, description = "How many hits changed", body = Envelope<Marked>)))]
pub async fn attack_mark_false(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<MarkRequest>,
) -> Result<Envelope<Marked>, Failure> {
    Ok(Envelope::new(marks::mark_false(&cloud, &caller, &request.of_attack()).await?))
}
