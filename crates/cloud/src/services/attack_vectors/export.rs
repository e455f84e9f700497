//! `export`: the groups of a query as a CSV file, made by a worker, with the link sent by mail
//! (`spec/events.md` section 5.7).

use bartizan_api::{
    ApiError,
    attack_vector::VectorQuery,
    attack_view::{AttackExportAccepted, AttackExportStatus},
};
use bartizan_store::{JsonText, TenantId, attack_views, entity::attack_export};
use serde_json::{Value, json};

use super::{
    fields,
    group_id::mac,
    query::{self, Column, Query},
};
use crate::{
    auth::Caller,
    failure::Failure,
    mail::{Letter, is_address},
    services::{
        activity::{self, Change},
        letters,
    },
    state::Cloud,
};

/// Rows of a file.
const MAX_ROWS: usize = 100_000;
/// Seconds that a file is kept.
const KEPT_S: i64 = 7 * 86_400;
/// Seconds after which an unfinished export is taken up again.
const ABANDONED_S: i64 = 600;

/// Notes an export for the worker.
///
/// # Errors
/// 400 by field.
pub async fn export(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    zone: Option<&str>,
    request: &VectorQuery,
) -> Result<AttackExportAccepted, Failure> {
    let email = request.email.as_str().map(str::trim).filter(|email| is_address(email));
    let email = email
        .ok_or_else(|| ApiError::field("email", "an e-mail address is required", request.email.clone()))?;
    for (name, value) in [("cursor", &request.cursor), ("limit", &request.limit)] {
        if !value.is_null() {
            return Err(ApiError::field(name, "does not go with an export", value.clone()).into());
        }
    }
    Query::parse(cloud, tenant, zone, request)?;
    letters::allow(cloud, tenant, 1)?;
    let now = cloud.now();
    let export = attack_export::Model {
        id: uuid::Uuid::new_v4().to_string(),
        client_id: tenant.0,
        email: email.to_owned(),
        query: JsonText(serde_json::to_value(request).map_err(|_| ApiError::internal())?),
        zone: zone.unwrap_or_default().to_owned(),
        status: "accepted".to_owned(),
        content: None,
        created_at: now,
        expires_at: now + KEPT_S,
    };
    let reply = AttackExportAccepted { export_id: export.id.clone(), status: export.status.clone() };
    let change = Change {
        object_type: "attack_export",
        action: "create",
        object_id: export.id.clone(),
        object_name: export.email.clone(),
        before: None,
        after: Some(json!({"email": export.email, "query": export.query.0, "time_zone": export.zone})),
    };
    let transaction = cloud.store.begin().await?;
    attack_views::create_export(&transaction, export).await?;
    activity::log(&transaction, caller, tenant, now, change).await?;
    transaction.commit().await?;
    cloud.files.notify_one();
    Ok(reply)
}

/// How far an export is.
///
/// # Errors
/// 404.
pub async fn export_status(cloud: &Cloud, tenant: TenantId, id: &str) -> Result<AttackExportStatus, Failure> {
    let export = cloud.store.attack_export(tenant, id, cloud.now()).await?.ok_or_else(ApiError::absent)?;
    let url = (export.status == "ready").then(|| link(cloud, tenant, id));
    Ok(AttackExportStatus { export_id: export.id, status: export.status, url })
}

/// The file of an export, for whoever holds its link.
///
/// # Errors
/// 404 for a wrong token, too, so that ids cannot be tried.
pub async fn export_file(cloud: &Cloud, tenant: TenantId, id: &str, token: &str) -> Result<String, Failure> {
    let given = hex::decode(token).unwrap_or_default();
    let right = signature(cloud, tenant, id);
    if !bool::from(subtle::ConstantTimeEq::ct_eq(right.as_slice(), given.as_slice())) {
        return Err(ApiError::absent().into());
    }
    let export = cloud.store.attack_export(tenant, id, cloud.now()).await?;
    Ok(export.and_then(|export| export.content).ok_or_else(ApiError::absent)?)
}

fn link(cloud: &Cloud, tenant: TenantId, id: &str) -> String {
    let token = hex::encode(signature(cloud, tenant, id));
    let origin = cloud.config.public.console_url.trim_end_matches('/');
    format!("{origin}/v1/client/{}/attack-vectors/security-agg/export/{id}/file?token={token}", tenant.0)
}

fn signature(cloud: &Cloud, tenant: TenantId, id: &str) -> Vec<u8> {
    mac(&cloud.keys, "export", format!("{} {id}", tenant.0).as_bytes())
}

/// Makes the files of exports that wait, until there is none.
pub(in crate::services) async fn work_off(cloud: &Cloud) {
    let now = cloud.now();
    if let Err(error) = cloud.store.tidy_attack_exports(now, now - ABANDONED_S).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "exports were not tidied");
    }
    loop {
        match cloud.store.take_attack_export().await {
            Ok(Some(export)) => finish(cloud, export).await,
            Ok(None) => break,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "no export was taken");
                break;
            }
        }
    }
}

async fn finish(cloud: &Cloud, export: attack_export::Model) {
    let tenant = TenantId(export.client_id);
    let made = table(cloud, tenant, &export).await;
    let (status, content) = match made {
        Ok(content) => ("ready", Some(content)),
        Err(failure) => {
            tracing::warn!(export.id, error = %failure.0, "an export failed");
            ("failed", None)
        }
    };
    if let Err(error) = cloud.store.finish_attack_export(tenant, &export.id, status, content).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "an export was not stored");
        return;
    }
    if status == "ready" && cloud.mailer.is_configured() {
        let letter = Letter {
            to: vec![export.email.clone()],
            subject: "Your export of attacks is ready".to_owned(),
            text: format!(
                "The file that was asked for is here for seven days:\n\n{}\n\nWhoever holds this link can read it.\n",
                link(cloud, tenant, &export.id)
            ),
            html: None,
        };
        if let Err(error) = cloud.mailer.send(&letter).await {
            tracing::warn!(export.id, error = &error as &dyn std::error::Error, "the link was not sent");
        }
    }
}

async fn table(cloud: &Cloud, tenant: TenantId, export: &attack_export::Model) -> Result<String, Failure> {
    let request: VectorQuery =
        serde_json::from_value(export.query.0.clone()).map_err(|_| ApiError::internal())?;
    let zone = (!export.zone.is_empty()).then_some(export.zone.as_str());
    let query = Query::parse(cloud, tenant, zone, &request)?;
    let rows = query::all(cloud, &query, MAX_ROWS).await?;
    let columns = columns(&query);
    let mut csv = String::new();
    line(&mut csv, columns.iter().map(|(_, label)| Value::from(*label)));
    for row in &rows {
        line(&mut csv, columns.iter().map(|(name, _)| row.get(name).cloned().unwrap_or_default()));
    }
    Ok(csv)
}

/// Names and labels of the columns, dimensions first.
fn columns(query: &Query) -> Vec<(&'static str, &'static str)> {
    let dimensions = query.dimensions.iter().map(|field| (field.name, field.label));
    let display = |name: &'static str, default: &'static str| {
        let known = fields::DISPLAY.iter().find(|(known, ..)| *known == name);
        (name, known.map_or(default, |(_, label, _)| *label))
    };
    let selected = query.columns.iter().filter_map(|column| match column {
        Column::Metric(metric) => Some((metric.name, metric.label)),
        Column::Values(name, field) => Some(display(name, field.label)),
        Column::Requests(field) => Some((field.name, field.label)),
        Column::Name => Some(("attack_name", "Attack")),
        Column::Security => Some(("security_info", "Security Info")),
        Column::Dimension => None,
    });
    dimensions.chain(selected).collect()
}

fn line(csv: &mut String, cells: impl Iterator<Item = Value>) {
    for (place, value) in cells.enumerate() {
        if place > 0 {
            csv.push(',');
        }
        csv.push_str(&cell(&value));
    }
    csv.push_str("\r\n");
}

/// A cell, safe to open in a spreadsheet: a text that would be read as a formula starts with an apostrophe.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(map) => match map.get("values").and_then(Value::as_array) {
            Some(values) => joined(values),
            None => value.to_string(),
        },
        Value::Array(values) => joined(values),
        other => return other.to_string(),
    };
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn joined(values: &[Value]) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    values.iter().map(text).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        assert_eq!(cell(&json!("=1+1")), "'=1+1");
        assert_eq!(cell(&json!("@x,y")), "\"'@x,y\"");
        assert_eq!(cell(&json!("a \"b\"")), "\"a \"\"b\"\"\"");
        assert_eq!(cell(&json!({"count": 2, "values": ["-a", 7]})), "'-a; 7");
        assert_eq!(cell(&json!(-1)), "-1");
        assert_eq!(cell(&Value::Null), "");
    }
}
