//! Reports of a period: incidents, attacks and vulnerabilities as a PDF, tables, JSON or a letter
//! (`spec/events.md` section 8.4).
//!
//! A request is noted; the worker of a process ([`work_off`]) gathers the rows ([`content`]), makes the file and writes
//! to whoever wanted a letter. Work that a process left unfinished is taken up by another.

use axum::http::StatusCode;
use bartizan_api::{
    ApiError, Permission,
    filter::{Family, Field, Filter, int},
    listing::EventListRequest,
    report::{ReportRequest, ReportView},
};
use bartizan_store::{
    JsonText, TenantId,
    entity::report,
    reports::{self as store, FIELDS, ReportOrder, ReportRow},
};
use serde_json::{Value, json};

use super::{
    activity::{self, Change},
    attack_vectors::mac,
    letters,
    listing::{Rows, choice, flag},
};
use crate::{
    auth::Caller,
    failure::Failure,
    mail::{Letter, is_address},
    state::Cloud,
};

pub(super) mod content;
mod letter;
mod pages;
mod tables;

/// Most addresses that a report goes to.
const MAX_EMAILS: usize = 20;
/// Seconds that a file is kept.
const KEPT_S: i64 = 7 * 86_400;
/// PDF files that are kept longer.
const KEPT_PDFS: u64 = 3;
/// Seconds that those are kept: six months.
const KEPT_PDF_S: i64 = 183 * 86_400;
/// Seconds after which an unfinished report is taken up again.
const ABANDONED_S: i64 = 600;
/// Times that a report or its letter is tried.
const MAX_ATTEMPTS: i64 = 8;

/// A file to hand out.
pub struct ReportFile {
    /// Name.
    pub name: String,
    /// Media type.
    pub media_type: String,
    /// Content.
    pub content: Vec<u8>,
}

/// Notes a report for the worker and returns its id.
///
/// # Errors
/// 400 by field, 403, 429 when too many wait.
pub async fn request(cloud: &Cloud, caller: &Caller, request: &ReportRequest) -> Result<i64, Failure> {
    // A report shows vulnerabilities, too.
    caller.require(Permission::ViewVuln)?;
    let tenant = caller.tenant_of(optional("clientid", &request.clientid)?)?;
    let (from, to) = period(request)?;
    let format = request.format.as_str().filter(|format| ["pdf", "csv", "json", "mail"].contains(format));
    let format = format
        .ok_or_else(|| ApiError::field("format", "must be pdf, csv, json or mail", request.format.clone()))?;
    let emails = emails(&request.emails)?;
    if format == "mail" && emails.is_empty() {
        return Err(
            ApiError::field("emails", "at least one address is required", request.emails.clone()).into()
        );
    }
    content::Filters::parse(&request.extra_filter)?;
    let most = u64::from(cloud.config.limits.waiting_reports);
    if cloud.store.waiting_reports(tenant).await? >= most {
        let body = format!("{most} reports wait already").into();
        return Err(Failure(ApiError {
            status: StatusCode::TOO_MANY_REQUESTS,
            body,
            retry_after_s: Some(10),
        }));
    }
    // Last, so that what is refused uses up no letters.
    letters::allow(cloud, tenant, emails.len())?;
    let now = cloud.now();
    let report = report::Model {
        id: 0,
        client_id: tenant.0,
        format: format.to_owned(),
        time_from: from,
        time_to: to,
        emails: JsonText(json!(emails)),
        extra_filter: JsonText(request.extra_filter.clone()),
        status: "accepted".to_owned(),
        attempts: 0,
        due_at: now,
        taken_at: 0,
        media_type: String::new(),
        content: None,
        created_at: now,
        expires_at: now + if format == "pdf" { KEPT_PDF_S } else { KEPT_S },
    };
    let mut change = Change {
        object_type: "report",
        action: "create",
        object_id: String::new(),
        object_name: format.to_owned(),
        before: None,
        after: Some(json!({"format": format, "time_from": from, "time_to": to, "emails": report.emails.0,
            "extra_filter": request.extra_filter})),
    };
    let transaction = cloud.store.begin().await?;
    let id = store::create(&transaction, report).await?;
    change.object_id = id.to_string();
    activity::log(&transaction, caller, tenant, now, change).await?;
    transaction.commit().await?;
    cloud.files.notify_one();
    Ok(id)
}

/// A number that may be absent.
fn optional(name: &str, value: &Value) -> Result<Option<i64>, ApiError> {
    if value.is_null() {
        return Ok(None);
    }
    int(value).map(Some).ok_or_else(|| ApiError::field(name, "must be a number", value.clone()))
}

fn period(request: &ReportRequest) -> Result<(i64, i64), ApiError> {
    let moment = |name: &str, value: &Value| {
        let time = int(value).filter(|time| (0..=253_402_300_799).contains(time));
        time.ok_or_else(|| ApiError::field(name, "must be Unix seconds", value.clone()))
    };
    let from = moment("time_from", &request.time_from)?;
    let to = moment("time_to", &request.time_to)?;
    if to <= from {
        return Err(ApiError::field("time_to", "must be after time_from", to));
    }
    Ok((from, to))
}

fn emails(value: &Value) -> Result<Vec<String>, ApiError> {
    let items = match value {
        Value::Null => return Ok(vec![]),
        Value::Array(items) if items.len() <= MAX_EMAILS => items.as_slice(),
        Value::String(_) => std::slice::from_ref(value),
        other => {
            let text = format!("must be at most {MAX_EMAILS} addresses");
            return Err(ApiError::field("emails", text, other.clone()));
        }
    };
    let address = |item: &Value| {
        let address = item.as_str().map(str::trim).filter(|address| is_address(address));
        let address = address.map(str::to_owned);
        address.ok_or_else(|| ApiError::field("emails", "must be an e-mail address", item.clone()))
    };
    items.iter().map(address).collect()
}

/// Reports of a filter.
///
/// # Errors
/// 400 by field, 403.
pub async fn list(
    cloud: &Cloud,
    caller: &Caller,
    request: &EventListRequest,
) -> Result<Vec<ReportView>, Failure> {
    if request.filter.is_null() {
        return Err(ApiError::field("filter", "is required", Value::Null).into());
    }
    let fields: Vec<Field> = FIELDS.iter().map(|(field, _)| *field).collect();
    let mut filter = Filter::parse(&request.filter, &fields, Family::Events)?;
    let tenants = caller.own_tenants_of(&filter.ints("clientid"))?;
    filter.drop_zero("clientid");
    let rows = Rows::parse(request)?;
    let order = choice("order_by", &request.order_by, ReportOrder::Id, |name| {
        Some(match name {
            "id" => ReportOrder::Id,
            "clientid" => ReportOrder::Client,
            "format" => ReportOrder::Format,
            "time" | "time_from" => ReportOrder::From,
            "time_to" => ReportOrder::To,
            "time_range" => ReportOrder::Length,
            _ => return None,
        })
    })?;
    let desc = flag("order_desc", &request.order_desc, false)?;
    if rows.limit == 0 {
        return Ok(vec![]);
    }
    let page = (rows.offset, rows.limit);
    let found = cloud.store.report_list(&tenants, &filter, (order, desc), page, cloud.now()).await?;
    Ok(found.into_iter().map(view).collect())
}

fn view(row: ReportRow) -> ReportView {
    ReportView {
        id: row.id,
        clientid: row.client_id,
        time_from: row.time_from,
        time_to: row.time_to,
        format: row.format,
        status: row.status,
        created_at: row.created_at,
    }
}

/// The file of a report.
///
/// # Errors
/// 400 without an id, 404, 409 when it is not made yet or could not be made.
pub async fn file(cloud: &Cloud, caller: &Caller, id: &Value) -> Result<ReportFile, Failure> {
    caller.require(Permission::ViewVuln)?;
    let id = int(id).ok_or_else(|| ApiError::field("id", "must be the id of a report", id.clone()))?;
    let report = cloud.store.report(&caller.tenants, id, cloud.now()).await?;
    handed_out(report.ok_or_else(ApiError::absent)?)
}

/// The file of a report, for whoever holds its link.
///
/// # Errors
/// 404 for a wrong token, too, so that ids cannot be tried.
pub async fn linked_file(
    cloud: &Cloud,
    tenant: TenantId,
    id: i64,
    token: &str,
) -> Result<ReportFile, Failure> {
    let given = hex::decode(token).unwrap_or_default();
    let right = signature(cloud, tenant, id);
    if !bool::from(subtle::ConstantTimeEq::ct_eq(right.as_slice(), given.as_slice())) {
        return Err(ApiError::absent().into());
    }
    let report = cloud.store.report(&tenant.into(), id, cloud.now()).await?;
    handed_out(report.ok_or_else(ApiError::absent)?)
}

fn handed_out(report: report::Model) -> Result<ReportFile, Failure> {
    let Some(content) = report.content else {
        let text = if report.status == "failed" {
            "The report could not be made"
        } else {
            "The report is not ready"
        };
        return Err(ApiError::text(StatusCode::CONFLICT, text).into());
    };
    let ending = match report.media_type.as_str() {
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "application/json" => "json",
        "text/html; charset=utf-8" => "html",
        _ => "csv",
    };
    let name = format!("report-{}.{ending}", report.id);
    Ok(ReportFile { name, media_type: report.media_type, content })
}

fn link(cloud: &Cloud, tenant: TenantId, id: i64) -> String {
    let token = hex::encode(signature(cloud, tenant, id));
    let origin = cloud.config.public.console_url.trim_end_matches('/');
    format!("{origin}/v1/client/{}/report/{id}/file?token={token}", tenant.0)
}

fn signature(cloud: &Cloud, tenant: TenantId, id: i64) -> Vec<u8> {
    mac(&cloud.keys, "report", format!("{} {id}", tenant.0).as_bytes())
}

/// Makes the reports that wait, until none is due.
pub async fn work_off(cloud: &Cloud) {
    if let Err(error) = cloud.store.retake_reports(cloud.now() - ABANDONED_S, MAX_ATTEMPTS).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "unfinished reports were not taken up");
    }
    loop {
        match cloud.store.take_report(cloud.now()).await {
            Ok(Some(report)) => finish(cloud, report).await,
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no report was taken");
                break;
            }
        }
    }
}

async fn finish(cloud: &Cloud, report: report::Model) {
    let (tenant, id, attempts) = (TenantId(report.client_id), report.id, report.attempts);
    let taken_at = report.taken_at;
    let ended = make_and_send(cloud, report).await;
    if let Err(Trouble::File(failure)) = &ended {
        tracing::warn!(id, error = %failure.0, "a report was not made");
    }
    let passes = match &ended {
        Ok(()) => false,
        Err(Trouble::Letter) => true,
        Err(Trouble::File(failure)) => failure.0.status.is_server_error(),
    };
    let (status, due_at) = match &ended {
        Err(_) if passes && attempts < MAX_ATTEMPTS => ("accepted", cloud.now() + (30 << attempts.min(16))),
        // The file is there, whoever did not hear of it.
        Ok(()) | Err(Trouble::Letter) => ("ready", 0),
        Err(Trouble::File(_)) => ("failed", 0),
    };
    if let Err(error) = cloud.store.finish_report(tenant, (id, taken_at), status, due_at).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the end of a report was not stored");
    }
}

/// What can go wrong with a report.
enum Trouble {
    /// It cannot be made.
    File(Failure),
    /// It cannot be sent now.
    Letter,
}

impl<E: Into<Failure>> From<E> for Trouble {
    fn from(error: E) -> Trouble {
        Trouble::File(error.into())
    }
}

async fn make_and_send(cloud: &Cloud, report: report::Model) -> Result<(), Trouble> {
    let tenant = TenantId(report.client_id);
    let to: Vec<String> = serde_json::from_value(report.emails.0.clone()).unwrap_or_default();
    // A letter that is tried again says what the file says.
    let made = match (&report.content, report.format.as_str()) {
        (Some(_), "pdf" | "csv" | "json") => None,
        _ => Some(make(cloud, tenant, &report).await?),
    };
    if let Some(made) = &made
        && report.content.is_none()
    {
        cloud.store.keep_report(tenant, report.id, made.media_type, &made.bytes).await?;
        if report.format == "pdf" {
            let until = cloud.now() + KEPT_S;
            cloud.store.shorten_reports(tenant, "pdf", KEPT_PDFS, until).await?;
        }
    }
    if to.is_empty() || !cloud.mailer.is_configured() {
        return Ok(());
    }
    let letter = match made.and_then(|made| made.letter) {
        Some(letter) => Letter { to, ..letter },
        None => letter::with_link(&report, &link(cloud, tenant, report.id), to),
    };
    cloud.mailer.send(&letter).await.or_else(|error| {
        tracing::warn!(report.id, error = &error as &dyn std::error::Error, "a report was not sent");
        if error.is_temporary() { Err(Trouble::Letter) } else { Ok(()) }
    })
}

/// A report that was made.
struct Made {
    media_type: &'static str,
    bytes: Vec<u8>,
    letter: Option<Letter>,
}

async fn make(cloud: &Cloud, tenant: TenantId, report: &report::Model) -> Result<Made, Failure> {
    let content = content::gather(cloud, tenant, report).await?;
    let format = report.format.clone();
    // Thousands of rows take a while, during which others must go on.
    let made = tokio::task::spawn_blocking(move || match format.as_str() {
        "pdf" => Made { media_type: "application/pdf", bytes: pages::document(&content), letter: None },
        "json" => Made {
            media_type: "application/json",
            bytes: serde_json::to_vec_pretty(&content).unwrap_or_default(),
            letter: None,
        },
        "mail" => {
            let letter = letter::whole(&content);
            let bytes = letter.html.clone().unwrap_or_default().into_bytes();
            Made { media_type: "text/html; charset=utf-8", bytes, letter: Some(letter) }
        }
        _ => {
            let (media_type, bytes) = tables::tables(&content);
            Made { media_type, bytes, letter: None }
        }
    });
    Ok(made.await.map_err(|_| ApiError::internal())?)
}
