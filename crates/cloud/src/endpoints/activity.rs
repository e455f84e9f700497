//! The activity log (`spec/accounts.md` section 3.8).

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use bartizan_api::{
    Envelope,
    activity::{ActivityFiltersView, ActivityPage, AuditPage, AuditRequest},
    list::ListRequest,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{Body, Path, RackQuery},
    failure::Failure,
    services::activity_log,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(activity_filters))
        .routes(routes!(activity_list))
        .routes(routes!(activity_view))
        .routes(routes!(activity_csv))
        .routes(routes!(audit_list))
}

/// List filters of the activity log
///
/// Kinds of objects and actions with the names that people read, outcomes and sources.
#[utoipa::path(get, path = "/v1/activity_log/events_get_filters", tag = "Activity log",
    responses((status = 200, description = "The filters", body = Envelope<ActivityFiltersView>)))]
pub async fn activity_filters(caller: Caller) -> Envelope<ActivityFiltersView> {
    Envelope::new(activity_log::filters(&caller))
}

/// List the activity log
///
/// Who did what to what, newest first. Without `filter[time_start]`, the last three months. Entries about
/// objects that the caller may not see are left out.
#[utoipa::path(get, path = "/v1/activity_log/{client_id}/events", tag = "Activity log",
    params(("client_id" = i64, Path, description = "Client"),
        ("filter[object_types][]" = Option<Vec<String>>, Query, description = "Kinds of objects, by value"),
        ("filter[action_types][]" = Option<Vec<String>>, Query, description = "Actions, by value"),
        ("filter[outcomes][]" = Option<Vec<String>>, Query, description = "`success`, `failure`"),
        ("filter[sources][]" = Option<Vec<String>>, Query, description = "`ui_page`, `api_token`, `node`, `unknown`"),
        ("filter[actor_ids][]" = Option<Vec<i64>>, Query, description = "Users who did it"),
        ("filter[time_start]" = Option<i64>, Query, description = "First second, Unix"),
        ("filter[time_end]" = Option<i64>, Query, description = "Second after the last, Unix"),
        ("filter[query]" = Option<String>, Query, description = "Part of the name of who did it"),
        ("limit" = Option<i64>, Query, description = "Most entries, 1 to 1000; 50 by default"),
        ("offset" = Option<i64>, Query, description = "Entries to skip"),
        ("order_by" = Option<String>, Query, description = "`timestamp`"),
        ("order_desc" = Option<bool>, Query, description = "Newest first; true by default")),
    responses((status = 200, description = "The entries", body = Envelope<ActivityPage>)))]
pub async fn activity_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    RackQuery(request): RackQuery<ListRequest>,
) -> Result<Envelope<ActivityPage>, Failure> {
    Ok(Envelope::new(activity_log::list(&cloud, &caller, client_id, &request).await?))
}

/// View an entry of the activity log
///
/// In a list of one.
#[utoipa::path(get, path = "/v1/activity_log/{client_id}/events/{id}", tag = "Activity log",
    params(("client_id" = i64, Path, description = "Client"), ("id" = i64, Path, description = "Entry")),
    responses((status = 200, description = "The entry", body = Envelope<ActivityPage>),
        (status = 404, description = "There is no such entry", body = bartizan_api::ErrorBody)))]
pub async fn activity_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path((client_id, id)): Path<(i64, i64)>,
) -> Result<Envelope<ActivityPage>, Failure> {
    Ok(Envelope::new(activity_log::find(&cloud, &caller, client_id, id).await?))
}

/// Export the activity log
///
/// As a CSV file of at most 100,000 entries, with the filters of the list.
#[utoipa::path(get, path = "/v1/activity_log/{client_id}/events.csv", tag = "Activity log",
    params(("client_id" = i64, Path, description = "Client"),
        ("filter[time_start]" = Option<i64>, Query, description = "First second, Unix"),
        ("filter[time_end]" = Option<i64>, Query, description = "Second after the last, Unix"),
        ("limit" = Option<i64>, Query, description = "Most entries, 1 to 100000")),
    responses((status = 200, description = "The file", body = String, content_type = "text/csv")))]
pub async fn activity_csv(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    RackQuery(request): RackQuery<ListRequest>,
) -> Result<Response, Failure> {
    let text = activity_log::csv(&cloud, &caller, client_id, &request).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"activity-log.csv\""),
    ];
    Ok((headers, text).into_response())
}

/// List the activity log in its older form
///
/// Fewer kinds of objects; pages are asked for by `continuation`.
#[utoipa::path(post, path = "/v1/audit_log", tag = "Activity log", request_body = AuditRequest,
    responses((status = 200, description = "The entries", body = Envelope<AuditPage>)))]
pub async fn audit_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<AuditRequest>,
) -> Result<Envelope<AuditPage>, Failure> {
    Ok(Envelope::new(activity_log::older(&cloud, &caller, &request).await?))
}
