//! Active verification of attacks (`spec/events.md` section 4.5).

use axum::extract::State;
use bartizan_api::{
    Envelope,
    rechecker::{RecheckQuery, RecheckRequest, RecheckStatusView},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{EventsBody, EventsQuery},
    failure::Failure,
    services::rechecker::{self, Outcome},
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(recheck_status))
        .routes(routes!(recheck_forced))
        .routes(routes!(recheck_cancel))
        .routes(routes!(recheck_vuln_found))
        .routes(routes!(recheck_vuln_not_found))
        .routes(routes!(recheck_tech_failed))
        .routes(routes!(recheck_cannot_connect))
}

/// View the state of a verification
///
/// `attackid` is the bare id, `attackindex` the name of its index.
#[utoipa::path(get, path = "/v1/rechecker/current_status", tag = "Verification", params(RecheckQuery),
    responses((status = 200, description = "The state", body = Envelope<RecheckStatusView>),
        (status = 404, description = "No such attack", body = bartizan_api::ErrorBody)))]
pub async fn recheck_status(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsQuery(query): EventsQuery<RecheckQuery>,
) -> Result<Envelope<RecheckStatusView>, Failure> {
    Ok(Envelope::new(rechecker::status(&cloud, &caller, &query).await?))
}

/// Ask for a verification
///
/// Somebody wants the attack repeated now.
#[utoipa::path(post, path = "/v1/rechecker/forced", tag = "Verification", request_body = RecheckRequest,
    responses((status = 200, description = "The state", body = Envelope<RecheckStatusView>),
        (status = 404, description = "No such attack", body = bartizan_api::ErrorBody)))]
pub async fn recheck_forced(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<RecheckRequest>,
) -> Result<Envelope<RecheckStatusView>, Failure> {
    Ok(Envelope::new(rechecker::note(&cloud, &caller, &request, Outcome::Forced).await?))
}

/// Cancel a verification
///
/// The attack is skipped.
#[utoipa::path(post, path = "/v1/rechecker/cancel", tag = "Verification", request_body = RecheckRequest,
    responses((status = 200, description = "The state", body = Envelope<RecheckStatusView>),
        (status = 404, description = "No such attack", body = bartizan_api::ErrorBody)))]
pub async fn recheck_cancel(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<RecheckRequest>,
) -> Result<Envelope<RecheckStatusView>, Failure> {
    Ok(Envelope::new(rechecker::note(&cloud, &caller, &request, Outcome::Cancel).await?))
}

/// Report a proven attack
///
/// `vulnid` names the vulnerability; the attack becomes an incident.
#[utoipa::path(post, path = "/v1/rechecker/vuln_found", tag = "Verification", request_body = RecheckRequest,
    responses((status = 200, description = "The state", body = Envelope<RecheckStatusView>),
        (status = 404, description = "No such attack", body = bartizan_api::ErrorBody)))]
pub async fn recheck_vuln_found(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<RecheckRequest>,
) -> Result<Envelope<RecheckStatusView>, Failure> {
    Ok(Envelope::new(rechecker::note(&cloud, &caller, &request, Outcome::VulnFound).await?))
}

/// Report a disproven attack
///
/// Repeating the attack showed no flaw.
#[utoipa::path(post, path = "/v1/rechecker/vuln_not_found", tag = "Verification", request_body = RecheckRequest,
    responses((status = 200, description = "The state", body = Envelope<RecheckStatusView>),
        (status = 404, description = "No such attack", body = bartizan_api::ErrorBody)))]
pub async fn recheck_vuln_not_found(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<RecheckRequest>,
) -> Result<Envelope<RecheckStatusView>, Failure> {
    Ok(Envelope::new(rechecker::note(&cloud, &caller, &request, Outcome::VulnNotFound).await?))
}

/// Report a failed verification
///
/// It could not be carried out.
#[utoipa::path(post, path = "/v1/rechecker/tech_failed", tag = "Verification", request_body = RecheckRequest,
    responses((status = 200, description = "The state", body = Envelope<RecheckStatusView>),
        (status = 404, description = "No such attack", body = bartizan_api::ErrorBody)))]
pub async fn recheck_tech_failed(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<RecheckRequest>,
) -> Result<Envelope<RecheckStatusView>, Failure> {
    Ok(Envelope::new(rechecker::note(&cloud, &caller, &request, Outcome::TechFailed).await?))
}

/// Report an unreachable host
///
/// The host did not answer.
#[utoipa::path(post, path = "/v1/rechecker/cannot_connect", tag = "Verification", request_body = RecheckRequest,
    responses((status = 200, description = "The state", body = Envelope<RecheckStatusView>),
        (status = 404, description = "No such attack", body = bartizan_api::ErrorBody)))]
pub async fn recheck_cannot_connect(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<RecheckRequest>,
) -> Result<Envelope<RecheckStatusView>, Failure> {
    Ok(Envelope::new(rechecker::note(&cloud, &caller, &request, Outcome::CannotConnect).await?))
}
