//! Security issues (`spec/events.md` section 4.6). Replies have no envelope; a JSON body is read with GET too.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use bartizan_api::{
    Empty, json_response,
    listing::{Count, name_ignored},
    security_issue::{
        FalsePositiveRuleView, FalsePositiveRuleWrite, IssueDetail, IssueGroup, IssueListRequest, IssueQuery,
        IssueUpdate, IssueView,
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{BodyOrQuery, EventsBody, EventsPath, EventsQuery},
    failure::Failure,
    services::{false_positive_rules, security_issues},
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(security_issue_list, security_issue_list_by_get))
        .routes(routes!(security_issue_count))
        .routes(routes!(security_issue_groups))
        .routes(routes!(security_issue_groups_count))
        .routes(routes!(security_issue_report))
        .routes(routes!(false_positive_rule_list, false_positive_rule_create))
        .routes(routes!(false_positive_rule_update, false_positive_rule_delete))
        .routes(routes!(security_issue_view, security_issue_update))
}

/// List security issues
///
/// Newest first unless `order_by` says otherwise. Filters by `client_id`, `severity`, `host`, `state`, `created_since`,
/// `discovered_since`, `discovered_by`, `id`, `domain_id`, `subdomain_id`, `issue_type`, `owasp`, `source_template`,
/// `group_id`, `search_query`, `test_run_public_uuids`, `verified` and `incident`; hidden issues only where `state` names
/// them. The token may stand in the body.
#[utoipa::path(post, path = "/v1/security_issues", tag = "Security issues", request_body = IssueListRequest,
    responses((status = 200, description = "The issues", body = Vec<IssueView>)))]
pub async fn security_issue_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    BodyOrQuery(request): BodyOrQuery<IssueListRequest>,
) -> Result<Response, Failure> {
    Ok(security_issues::list(&cloud, &caller, &request).await?.into_response())
}

/// List security issues by GET
///
/// The same as by POST, for older clients that send the body with GET.
#[utoipa::path(get, path = "/v1/security_issues", tag = "Security issues",
    responses((status = 200, description = "The issues", body = Vec<IssueView>)))]
pub async fn security_issue_list_by_get(
    cloud: State<Cloud>,
    caller: Caller,
    request: BodyOrQuery<IssueListRequest>,
) -> Result<Response, Failure> {
    security_issue_list(cloud, caller, request).await
}

/// Count security issues
///
/// Takes the filter of the list.
#[utoipa::path(post, path = "/v1/security_issues/count", tag = "Security issues", request_body = IssueListRequest,
    responses((status = 200, description = "How many", body = Count)))]
pub async fn security_issue_count(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<IssueListRequest>,
) -> Result<Response, Failure> {
    Ok(security_issues::count(&cloud, &caller, &request).await?.into_response())
}

/// List groups of security issues
///
/// Issues of the same title, severity and source are one group; most severe first.
#[utoipa::path(post, path = "/v1/security_issues/groups", tag = "Security issues", request_body = IssueListRequest,
    responses((status = 200, description = "The groups", body = Vec<IssueGroup>)))]
pub async fn security_issue_groups(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<IssueListRequest>,
) -> Result<Response, Failure> {
    Ok(security_issues::groups(&cloud, &caller, &request).await?.into_response())
}

/// Count groups of security issues
///
/// Takes the filter of the list.
#[utoipa::path(post, path = "/v1/security_issues/groups_count", tag = "Security issues",
    request_body = IssueListRequest, responses((status = 200, description = "How many", body = Count)))]
pub async fn security_issue_groups_count(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<IssueListRequest>,
) -> Result<Response, Failure> {
    Ok(security_issues::groups_count(&cloud, &caller, &request).await?.into_response())
}

/// Download security issues
///
/// The list as `csv` or `json`; without a limit all of it.
#[utoipa::path(post, path = "/v1/security_issues/report", tag = "Security issues", request_body = IssueListRequest,
    responses((status = 200, description = "The file", content_type = "text/csv", body = String)))]
pub async fn security_issue_report(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<IssueListRequest>,
) -> Result<Response, Failure> {
    let report = security_issues::report(&cloud, &caller, &request).await?;
    let name = format!("attachment; filename=\"{}\"", report.file_name);
    let headers =
        [(header::CONTENT_TYPE, report.content_type.to_owned()), (header::CONTENT_DISPOSITION, name)];
    let mut response = (headers, report.text).into_response();
    name_ignored(&mut response, &report.ignored);
    Ok(response)
}

/// View a security issue
///
/// With history, references and what to do.
#[utoipa::path(get, path = "/v1/security_issues/{id}", tag = "Security issues",
    params(("id" = i64, Path, description = "Issue"), IssueQuery),
    responses((status = 200, description = "The issue", body = IssueDetail),
        (status = 404, description = "No such issue", body = bartizan_api::ErrorBody)))]
pub async fn security_issue_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(id): EventsPath<i64>,
    EventsQuery(query): EventsQuery<IssueQuery>,
) -> Result<Response, Failure> {
    Ok(json_response(&security_issues::detail(&cloud, &caller, id, query.client_id).await?))
}

/// Change a security issue
///
/// State or severity, with a comment; a comment alone only goes into the history.
#[utoipa::path(put, path = "/v1/security_issues/{id}", tag = "Security issues",
    params(("id" = i64, Path, description = "Issue")), request_body = IssueUpdate,
    responses((status = 200, description = "After the change", body = IssueView),
        (status = 404, description = "No such issue", body = bartizan_api::ErrorBody),
        (status = 409, description = "It was called false and is to be closed", body = bartizan_api::ErrorBody)))]
pub async fn security_issue_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(id): EventsPath<i64>,
    EventsBody(request): EventsBody<IssueUpdate>,
) -> Result<Response, Failure> {
    Ok(json_response(&security_issues::update(&cloud, &caller, id, &request).await?))
}

/// List rules for false issues
///
/// In the order in which they judge.
#[utoipa::path(get, path = "/v1/security_issues/false_positive_rules", tag = "Security issues", params(IssueQuery),
    responses((status = 200, description = "The rules", body = Vec<FalsePositiveRuleView>)))]
pub async fn false_positive_rule_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsQuery(query): EventsQuery<IssueQuery>,
) -> Result<Response, Failure> {
    Ok(json_response(&false_positive_rules::list(&cloud, &caller, query.client_id).await?))
}

/// Create a rule for false issues
///
/// Judges issues before they are stored, never those that exist. `auto_delete` keeps them out altogether.
#[utoipa::path(post, path = "/v1/security_issues/false_positive_rules", tag = "Security issues",
    request_body = FalsePositiveRuleWrite,
    responses((status = 200, description = "The rule", body = FalsePositiveRuleView)))]
pub async fn false_positive_rule_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<FalsePositiveRuleWrite>,
) -> Result<Response, Failure> {
    Ok(json_response(&false_positive_rules::create(&cloud, &caller, &request).await?))
}

/// Change a rule for false issues
///
/// What is absent stays.
#[utoipa::path(put, path = "/v1/security_issues/false_positive_rules/{id}", tag = "Security issues",
    params(("id" = i64, Path, description = "Rule")), request_body = FalsePositiveRuleWrite,
    responses((status = 200, description = "The rule", body = FalsePositiveRuleView),
        (status = 404, description = "No such rule", body = bartizan_api::ErrorBody)))]
pub async fn false_positive_rule_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(id): EventsPath<i64>,
    EventsBody(request): EventsBody<FalsePositiveRuleWrite>,
) -> Result<Response, Failure> {
    Ok(json_response(&false_positive_rules::update(&cloud, &caller, id, &request).await?))
}

/// Delete a rule for false issues
///
/// What it judged stays as it is.
#[utoipa::path(delete, path = "/v1/security_issues/false_positive_rules/{id}", tag = "Security issues",
    params(("id" = i64, Path, description = "Rule")),
    responses((status = 200, description = "Deleted", body = Empty),
        (status = 404, description = "No such rule", body = bartizan_api::ErrorBody)))]
pub async fn false_positive_rule_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(id): EventsPath<i64>,
) -> Result<Response, Failure> {
    Ok(json_response(&false_positive_rules::delete(&cloud, &caller, id).await?))
}
