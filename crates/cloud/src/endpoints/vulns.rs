//! Vulnerabilities (`spec/events.md` section 4).

use axum::{extract::State, response::Response};
use bartizan_api::{
    Envelope,
    listing::{Count, EventListRequest, FilterRequest},
    vuln::{PassiveDetection, RecheckView, VulnCreate, VulnStatusRequest, VulnUpdate, VulnView, VulnsView},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::hits::enveloped;
use crate::{
    auth::{Caller, node::NodeCaller},
    extract::EventsBody,
    failure::Failure,
    services::vulns,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(vuln_list))
        .routes(routes!(vuln_count))
        .routes(routes!(vuln_create))
        .routes(routes!(vuln_update))
        .routes(routes!(vuln_close))
        .routes(routes!(vuln_open))
        .routes(routes!(vuln_falsepositive))
        .routes(routes!(vuln_recheck))
        .routes(routes!(vuln_passive_detection))
}

/// List vulnerabilities
///
/// `time` is the time of confirmation; `status` `active` means `open`; hidden ones need `"hidden":true`.
#[utoipa::path(post, path = "/v1/objects/vuln", tag = "Vulnerabilities", request_body = EventListRequest,
    responses((status = 200, description = "The vulnerabilities", body = Envelope<Vec<VulnView>>)))]
pub async fn vuln_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<EventListRequest>,
) -> Result<Response, Failure> {
    Ok(enveloped(vulns::list(&cloud, &caller, &request).await?))
}

/// Count vulnerabilities
///
/// Takes the filter of the list.
#[utoipa::path(post, path = "/v1/objects/vuln/count", tag = "Vulnerabilities", request_body = FilterRequest,
    responses((status = 200, description = "How many", body = Envelope<Count>)))]
pub async fn vuln_count(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<FilterRequest>,
) -> Result<Response, Failure> {
    Ok(enveloped(vulns::count(&cloud, &caller, &request).await?))
}

/// Add a vulnerability
///
/// For what was found by hand. An open one of the same type, host, path and parameter is a 409.
#[utoipa::path(post, path = "/v1/objects/vuln/create", tag = "Vulnerabilities", request_body = VulnCreate,
    responses(
        (status = 200, description = "The vulnerability", body = Envelope<VulnView>),
        (status = 409, description = "It is known already", body = bartizan_api::ErrorBody)))]
pub async fn vuln_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<VulnCreate>,
) -> Result<Envelope<VulnView>, Failure> {
    Ok(Envelope::new(vulns::create(&cloud, &caller, &request).await?))
}

/// Change vulnerabilities
///
/// Closing sets `invalidate_time`, reopening clears it; what was called false cannot be closed. Values may be scalars or
/// arrays of one.
#[utoipa::path(post, path = "/v1/objects/vuln/update", tag = "Vulnerabilities", request_body = VulnUpdate,
    responses((status = 200, description = "After the change", body = Envelope<VulnsView>),
        (status = 409, description = "One was called false and is to be closed", body = bartizan_api::ErrorBody)))]
pub async fn vuln_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<VulnUpdate>,
) -> Result<Envelope<VulnsView>, Failure> {
    Ok(Envelope::new(vulns::update(&cloud, &caller, &request).await?))
}

/// Close vulnerabilities
///
/// They are fixed. Those that are closed already stay as they are. One that was called false is a 409, and then none of
/// them is changed: the next proof would open it, so a person has to open it first.
#[utoipa::path(post, path = "/v1/objects/vuln/close", tag = "Vulnerabilities", request_body = VulnStatusRequest,
    responses((status = 200, description = "After the change", body = Envelope<VulnsView>),
        (status = 409, description = "One was called false", body = bartizan_api::ErrorBody)))]
pub async fn vuln_close(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<VulnStatusRequest>,
) -> Result<Envelope<VulnsView>, Failure> {
    Ok(Envelope::new(vulns::set_status(&cloud, &caller, &request, "closed").await?))
}

/// Reopen vulnerabilities
///
/// They are not fixed after all.
#[utoipa::path(post, path = "/v1/objects/vuln/open", tag = "Vulnerabilities", request_body = VulnStatusRequest,
    responses((status = 200, description = "After the change", body = Envelope<VulnsView>)))]
pub async fn vuln_open(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<VulnStatusRequest>,
) -> Result<Envelope<VulnsView>, Failure> {
    Ok(Envelope::new(vulns::set_status(&cloud, &caller, &request, "open").await?))
}

/// Mark vulnerabilities as false positives
///
/// They are none, and stay so until a person opens them: neither proofs nor checks do.
#[utoipa::path(post, path = "/v1/objects/vuln/falsepositive", tag = "Vulnerabilities", request_body = VulnStatusRequest,
    responses((status = 200, description = "After the change", body = Envelope<VulnsView>)))]
pub async fn vuln_falsepositive(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<VulnStatusRequest>,
) -> Result<Envelope<VulnsView>, Failure> {
    Ok(Envelope::new(vulns::set_status(&cloud, &caller, &request, "falsepositive").await?))
}

/// Check vulnerabilities again
///
/// Notes the wish; what cannot be checked again, because `vuln_recheck_type` is null, is a 400.
#[utoipa::path(post, path = "/v1/objects/vuln/recheck", tag = "Vulnerabilities", request_body = VulnStatusRequest,
    responses((status = 200, description = "Noted", body = Envelope<RecheckView>),
        (status = 404, description = "No such vulnerability", body = bartizan_api::ErrorBody)))]
pub async fn vuln_recheck(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<VulnStatusRequest>,
) -> Result<Envelope<RecheckView>, Failure> {
    Ok(Envelope::new(vulns::recheck(&cloud, &caller, &request).await?))
}

/// Report a passively detected vulnerability
///
/// For filter nodes. Answers with the vulnerability found or made; the tenant is the node's.
#[utoipa::path(post, path = "/v2/vuln/passive_detection", tag = "Node protocol", security(("Node" = [])),
    request_body = PassiveDetection,
    responses((status = 200, description = "The vulnerability", body = Envelope<VulnView>),
        (status = 404, description = "A rule keeps it out", body = bartizan_api::ErrorBody)))]
pub async fn vuln_passive_detection(
    State(cloud): State<Cloud>,
    node: NodeCaller,
    EventsBody(request): EventsBody<PassiveDetection>,
) -> Result<Envelope<VulnView>, Failure> {
    Ok(Envelope::new(vulns::passive_detection(&cloud, &node, &request).await?))
}
