//! Reports of a period (`spec/events.md` section 8.4).

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use bartizan_api::{
    Envelope,
    listing::EventListRequest,
    report::{ReportAccepted, ReportFileRequest, ReportRequest, ReportView},
};
use bartizan_store::TenantId;
use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{EventsBody, EventsPath, EventsQuery},
    failure::Failure,
    services::reports::{self, ReportFile},
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(report_request))
        .routes(routes!(report_list))
        .routes(routes!(report_file))
        .routes(routes!(report_linked_file))
}

/// Ask for a report
///
/// Incidents, attacks and vulnerabilities of a period with its figures beside those of the period before. It is made
/// in the background: `pdf`, `csv` (a table per kind of rows, in an archive when there are several), `json`, or `mail`,
/// a letter to `emails`. For the other formats `emails` get a link that is good as long as the file is kept: the newest
/// three PDF files for six months, everything else for seven days. Open vulnerabilities are always part of it.
#[utoipa::path(post, path = "/v1/objects/report/request", tag = "Reports", request_body = ReportRequest,
    responses((status = 200, description = "Taken on", body = Envelope<ReportAccepted>),
        (status = 429, description = "Too many reports wait", body = bartizan_api::ErrorBody)))]
pub async fn report_request(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<ReportRequest>,
) -> Result<Envelope<ReportAccepted>, Failure> {
    Ok(Envelope::new(ReportAccepted { id: reports::request(&cloud, &caller, &request).await? }))
}

/// List reports
///
/// `filter` takes `id`, `clientid`, `format`, `time_from`, `time_to`, `time` (the period touches the range) and
/// `time_range` (the period lies within the range). Sorted by `id` unless `order_by` names `clientid`, `format`,
/// `time`, `time_range` (length of the period), `time_to` or `time_from`.
#[utoipa::path(post, path = "/v1/objects/report/list", tag = "Reports", request_body = EventListRequest,
    responses((status = 200, description = "The reports", body = Envelope<Vec<ReportView>>)))]
pub async fn report_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<EventListRequest>,
) -> Result<Envelope<Vec<ReportView>>, Failure> {
    Ok(Envelope::new(reports::list(&cloud, &caller, &request).await?))
}

/// Download a report
///
/// The file itself: PDF, CSV, ZIP, JSON, or the letter as HTML. 409 while it is not made.
#[utoipa::path(post, path = "/v1/objects/report", tag = "Reports", request_body = ReportFileRequest,
    responses((status = 200, description = "The file", content_type = "application/pdf", body = Vec<u8>),
        (status = 404, description = "No such report", body = bartizan_api::ErrorBody),
        (status = 409, description = "Not ready", body = bartizan_api::ErrorBody)))]
pub async fn report_file(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<ReportFileRequest>,
) -> Result<Response, Failure> {
    Ok(attachment(reports::file(&cloud, &caller, &request.id).await?))
}

/// The token of a link.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct LinkQuery {
    token: String,
}

/// Download a report by its link
///
/// The link that letters hold; its token is what opens it.
#[utoipa::path(get, path = "/v1/client/{client_id}/report/{report_id}/file", tag = "Reports", security(()),
    params(("client_id" = i64, Path, description = "Client", example = 1),
        ("report_id" = i64, Path, description = "Report", example = 1),
        ("token" = String, Query, description = "Token of the link", example = "0f1e2d3c")),
    responses((status = 200, description = "The file", content_type = "application/pdf", body = Vec<u8>),
        (status = 404, description = "No such report, or a wrong token", body = bartizan_api::ErrorBody)))]
pub async fn report_linked_file(
    State(cloud): State<Cloud>,
    EventsPath((client_id, report_id)): EventsPath<(i64, i64)>,
    EventsQuery(query): EventsQuery<LinkQuery>,
) -> Result<Response, Failure> {
    Ok(attachment(reports::linked_file(&cloud, TenantId(client_id), report_id, &query.token).await?))
}

/// The file as something to save: a letter with text of attackers in it is never shown in the place of a page.
fn attachment(file: ReportFile) -> Response {
    let name = format!("attachment; filename=\"{}\"", file.name);
    let text = |text: &str| HeaderValue::from_str(text).ok();
    let mut response = file.content.into_response();
    let headers = [
        (header::CONTENT_TYPE, text(&file.media_type)),
        (header::CONTENT_DISPOSITION, text(&name)),
        (header::CACHE_CONTROL, text("no-store")),
    ];
    for (name, value) in headers {
        if let Some(value) = value {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
