//! Security issues: vulnerabilities in the newer view (`spec/events.md` section 4.6).

use std::collections::HashSet;

use bartizan_api::{
    ApiError,
    filter::int,
    listing::{Count, Filtered},
    security_issue::{IssueDetail, IssueGroup, IssueListRequest, IssueUpdate, IssueView},
    vuln_type,
};
use bartizan_store::{
    TenantId, Tenants,
    entity::vuln::{Column, Model},
    verifications,
    vulns::{self as store, Sorting},
};
use serde_json::{Map, Value, json};

use super::{csv, listing::flag, vulns};
use crate::{auth::Caller, failure::Failure, state::Cloud};

mod filter;
pub(crate) mod source;
pub(crate) mod view;

/// Rows without a limit.
const DEFAULT_LIMIT: u64 = 1000;
/// Rows of an unlimited request.
const MAX_ROWS: u64 = 100_000;
/// Calls of a verified host that an issue shows.
const SHOWN_CALLS: u64 = 20;

/// A report: its text and what it is.
pub struct Report {
    /// Text.
    pub text: String,
    /// Content type.
    pub content_type: &'static str,
    /// Suggested file name.
    pub file_name: &'static str,
    /// Filter keys that were not understood.
    pub ignored: Vec<String>,
}

/// Which issues, and which part of them.
struct Page {
    tenants: Tenants,
    filter: bartizan_api::filter::Filter,
    order: (Sorting, bool),
    offset: u64,
    limit: u64,
}

fn page(caller: &Caller, request: &IssueListRequest) -> Result<Page, ApiError> {
    let asked = filter::parse(caller, &request.client_id, &request.filter)?;
    let number = |name: &str, value: &Value, most: u64| match value {
        Value::Null => Ok(0),
        value => int(value)
            .and_then(|number| u64::try_from(number).ok())
            .filter(|number| *number <= most)
            .ok_or_else(|| {
                ApiError::field(name, format!("{name} must be between 0 and {most}"), value.clone())
            }),
    };
    let limit = match number("limit", &request.limit, 1000)? {
        0 => DEFAULT_LIMIT,
        limit => limit,
    };
    let offset = number("offset", &request.offset, i64::MAX.unsigned_abs())?;
    let (offset, limit) =
        if flag("unlimited", &request.unlimited, false)? { (0, MAX_ROWS) } else { (offset, limit) };
    Ok(Page { tenants: asked.tenants, filter: asked.filter, order: order(request)?, offset, limit })
}

fn order(request: &IssueListRequest) -> Result<(Sorting, bool), ApiError> {
    let bad = || ApiError::field("order_by", "unknown field to sort by", request.order_by.clone());
    let (name, desc) = match &request.order_by {
        Value::Null => ("", true),
        Value::String(name) => (name.as_str(), flag("order_desc", &request.order_desc, false)?),
        Value::Object(order) => {
            let word = |key: &str| match order.get(key) {
                None | Some(Value::Null) => Ok(""),
                Some(value) => value.as_str().ok_or_else(bad),
            };
            let desc = match word("direction")? {
                "asc" | "ASC" | "" => false,
                "desc" | "DESC" => true,
                _ => {
                    let sent = request.order_by.clone();
                    return Err(ApiError::field("order_by", "direction must be asc or desc", sent));
                }
            };
            (word("name")?, desc)
        }
        _ => return Err(bad()),
    };
    let column = match name {
        "" => return Ok((Sorting::By(Column::ValidateTime), true)),
        "state" => return Ok((Sorting::State, desc)),
        "discovered_by" => return Ok((Sorting::Renamed(Column::DetectionMethod, source::NAMES), desc)),
        "id" => Column::Id,
        "severity" => Column::Threat,
        "volume" => Column::Volume,
        "name" => Column::Title,
        "host" => Column::Domain,
        "created_at" => Column::CreatedAt,
        "discovered_at" => Column::ValidateTime,
        "issue_type" => Column::Kind,
        _ => return Err(bad()),
    };
    Ok((Sorting::By(column), desc))
}

/// The issues of a request.
///
/// # Errors
/// 400 by field, 403.
pub async fn list(
    cloud: &Cloud,
    caller: &Caller,
    request: &IssueListRequest,
) -> Result<Filtered<Vec<IssueView>>, Failure> {
    let page = page(caller, request)?;
    let rows =
        store::list(cloud.store.reader(), &page.tenants, &page.filter, page.order, page.offset, page.limit)
            .await?;
    let rows = with_incidents(cloud, &page.tenants, rows).await?;
    let reply = rows.iter().map(|(row, incident)| view::issue(row, *incident)).collect();
    Ok(Filtered { reply, ignored: page.filter.ignored })
}

async fn with_incidents(
    cloud: &Cloud,
    tenants: &Tenants,
    rows: Vec<Model>,
) -> Result<Vec<(Model, bool)>, Failure> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let exploited: HashSet<i64> = store::incidents::exploited(cloud.store.reader(), tenants, &ids).await?;
    Ok(rows.into_iter().map(|row| (exploited.contains(&row.id), row)).map(|(yes, row)| (row, yes)).collect())
}

/// Number of issues.
///
/// # Errors
/// 400 by field, 403.
pub async fn count(
    cloud: &Cloud,
    caller: &Caller,
    request: &IssueListRequest,
) -> Result<Filtered<Count>, Failure> {
    let asked = filter::parse(caller, &request.client_id, &request.filter)?;
    let count = store::count(cloud.store.reader(), &asked.tenants, &asked.filter).await?;
    Ok(Filtered { reply: Count { count }, ignored: asked.filter.ignored })
}

/// Issues gathered by title, severity and source.
///
/// # Errors
/// 400 by field, 403.
pub async fn groups(
    cloud: &Cloud,
    caller: &Caller,
    request: &IssueListRequest,
) -> Result<Filtered<Vec<IssueGroup>>, Failure> {
    let page = page(caller, request)?;
    let groups = all_groups(cloud, request, &page).await?;
    let (offset, limit) = (usize::try_from(page.offset), usize::try_from(page.limit));
    let groups = groups.into_iter().skip(offset.unwrap_or(usize::MAX)).take(limit.unwrap_or(usize::MAX));
    Ok(Filtered { reply: groups.collect(), ignored: page.filter.ignored })
}

/// Groups in the order that is asked for: each is where its first issue is; else by falling severity.
async fn all_groups(
    cloud: &Cloud,
    request: &IssueListRequest,
    page: &Page,
) -> Result<Vec<IssueGroup>, Failure> {
    let is_ordered = match &request.order_by {
        Value::String(name) => !name.is_empty(),
        Value::Object(order) => {
            order.get("name").and_then(Value::as_str).is_some_and(|name| !name.is_empty())
        }
        _ => false,
    };
    let order = if is_ordered { page.order } else { (Sorting::By(Column::Id), false) };
    let rows = store::list(cloud.store.reader(), &page.tenants, &page.filter, order, 0, MAX_ROWS).await?;
    Ok(view::groups(&with_incidents(cloud, &page.tenants, rows).await?, is_ordered))
}

/// Number of groups.
///
/// # Errors
/// 400 by field, 403.
pub async fn groups_count(
    cloud: &Cloud,
    caller: &Caller,
    request: &IssueListRequest,
) -> Result<Filtered<Count>, Failure> {
    let page = page(caller, request)?;
    let count = all_groups(cloud, request, &page).await?.len() as u64;
    Ok(Filtered { reply: Count { count }, ignored: page.filter.ignored })
}

/// One issue with everything known of it.
///
/// # Errors
/// 403, 404.
pub async fn detail(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    client_id: Option<i64>,
) -> Result<IssueDetail, Failure> {
    let tenants = caller.own_tenants_of(&client_id.into_iter().collect::<Vec<_>>())?;
    let tenants = if client_id.is_none_or(|id| id == 0) { caller.tenants.clone() } else { tenants };
    let row =
        store::of_ids(cloud.store.reader(), &tenants, &[id]).await?.pop().ok_or_else(ApiError::absent)?;
    let history = store::history::of_vuln(cloud.store.reader(), TenantId(row.client_id), row.id).await?;
    let calls =
        verifications::callbacks_of_vuln(cloud.store.reader(), TenantId(row.client_id), row.id, SHOWN_CALLS);
    let calls = calls.await?;
    let rows = with_incidents(cloud, &tenants, vec![row]).await?;
    let (row, incident) = rows.first().ok_or_else(ApiError::absent)?;
    Ok(view::detail(row, *incident, history, &calls))
}

/// Changes state or severity, or only comments.
///
/// # Errors
/// 400 by field or when nothing is asked, 403, 404, 409 when one that was called false is to be closed.
pub async fn update(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    request: &IssueUpdate,
) -> Result<IssueView, Failure> {
    let mut fields = Map::new();
    if !is_absent(&request.state) {
        let state = request.state.as_str().and_then(filter::state_named);
        let state = state.ok_or_else(|| ApiError::field("state", "unknown state", request.state.clone()))?;
        fields.insert("hidden".to_owned(), json!(state == "hidden"));
        if state != "hidden" {
            fields.insert("status".to_owned(), json!(filter::status_of(state)));
        }
    }
    if !is_absent(&request.severity) {
        let threats = request.severity.as_str().and_then(vuln_type::threats);
        let (from, to) = threats
            .ok_or_else(|| ApiError::field("severity", "unknown severity", request.severity.clone()))?;
        fields.insert("threat".to_owned(), json!((from + to) / 2));
    }
    let comment = vulns::comment_of(cloud, &request.comment)?;
    let comment = comment.as_deref();
    if fields.is_empty() && comment.is_none() {
        return Err(ApiError::field("state", "state, severity or comment is required", Value::Null).into());
    }
    let asked = int(&request.client_id).filter(|id| *id != 0);
    let tenants = match asked {
        Some(id) => Tenants::from(caller.tenant_of(Some(id))?),
        None => caller.tenants.clone(),
    };
    let rows = vulns::change_rows(cloud, caller, &tenants, &[id], &fields, comment).await?;
    let rows = with_incidents(cloud, &tenants, rows).await?;
    let (row, incident) = rows.first().ok_or_else(ApiError::absent)?;
    Ok(view::issue(row, *incident))
}

fn is_absent(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

/// The issues of a request as a file.
///
/// # Errors
/// 400 by field, 403.
pub async fn report(cloud: &Cloud, caller: &Caller, request: &IssueListRequest) -> Result<Report, Failure> {
    let format = request.format.as_str().unwrap_or("csv");
    if !["csv", "json"].contains(&format) {
        return Err(ApiError::field("format", "must be csv or json", request.format.clone()).into());
    }
    let mut request = request.clone();
    if request.limit.is_null() {
        request.unlimited = json!(true);
    }
    let Filtered { reply: issues, ignored } = list(cloud, caller, &request).await?;
    if format == "json" {
        let text = serde_json::to_string(&issues).map_err(|_| ApiError::internal())?;
        let (content_type, file_name) = ("application/json", "security_issues.json");
        return Ok(Report { text, content_type, file_name, ignored });
    }
    let mut table = csv::Table::new(&[
        "id",
        "severity",
        "state",
        "name",
        "type",
        "host",
        "path",
        "parameter",
        "method",
        "discovered_by",
        "discovered_at",
        "incident",
    ]);
    for issue in issues {
        let found = chrono::DateTime::from_timestamp(issue.discovered_at, 0).unwrap_or_default();
        table.row(&[
            &issue.id.to_string(),
            &issue.severity,
            &issue.state,
            &issue.name,
            &issue.issue_type.id,
            &issue.host,
            &issue.path,
            &issue.parameter_display_name,
            &issue.http_method,
            &issue.discovered_by,
            &found.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            &issue.incident.to_string(),
        ]);
    }
    Ok(Report {
        text: table.finish(),
        content_type: "text/csv; charset=utf-8",
        file_name: "security_issues.csv",
        ignored,
    })
}
