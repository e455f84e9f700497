//! Changes of vulnerabilities by people: fields, statuses and what is said of them.

use std::collections::BTreeSet;

use bartizan_api::{ApiError, filter::int};
use bartizan_store::{
    TenantId, Tenants,
    entity::{self, vuln::Model},
    ingest,
    sea_orm::{ConnectionTrait, DatabaseTransaction},
    vulns::{self as store, history},
};
use serde_json::{Map, Value, json};

use super::status::{self, Step};
use crate::{
    auth::Caller,
    failure::Failure,
    services::activity::{self, Change},
    state::Cloud,
};

/// What a person says about a change; none where nothing is said.
///
/// # Errors
/// 400 when it is no text, or longer than `limits.vuln_comment_characters`.
pub(crate) fn comment_of(cloud: &Cloud, sent: &Value) -> Result<Option<String>, ApiError> {
    let text = match sent {
        Value::Null => return Ok(None),
        Value::String(text) => text.replace('\0', ""),
        other => return Err(ApiError::field("comment", "must be a string", other.clone())),
    };
    let most = cloud.config.limits.vuln_comment_characters;
    if text.chars().count() > most {
        let error = format!("comment must be at most {most} characters");
        return Err(ApiError::field("comment", error, Value::Null));
    }
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

/// Rows by id, and nobody else changes them until the end of the transaction: proofs and checks write whole rows.
pub(super) async fn locked(
    transaction: &DatabaseTransaction,
    tenants: &Tenants,
    ids: &[i64],
) -> Result<Vec<Model>, Failure> {
    let of = store::of_ids(transaction, tenants, ids).await?;
    let owners: BTreeSet<i64> = of.iter().map(|row| row.client_id).collect();
    for owner in owners {
        ingest::lock(transaction, TenantId(owner)).await?;
    }
    Ok(store::of_ids(transaction, tenants, ids).await?)
}

/// Changes rows of the tenants and keeps what happened to them. What is as it is to be already stays, without a trace;
/// so does what was said of it last by the same caller.
///
/// # Errors
/// 400 by field, 409 when one that was called false is to be closed; then none is changed.
pub(crate) async fn change_rows(
    cloud: &Cloud,
    caller: &Caller,
    tenants: &Tenants,
    ids: &[i64],
    fields: &Map<String, Value>,
    comment: Option<&str>,
) -> Result<Vec<Model>, Failure> {
    let transaction = cloud.store.begin().await?;
    let mut rows = Vec::new();
    for before in locked(&transaction, tenants, ids).await? {
        let mut row = before.clone();
        for (name, value) in fields {
            set(&mut row, name, value, cloud.now())?;
        }
        let is_changed = row != before;
        if is_changed {
            row = store::update(&transaction, row).await?;
        }
        let said = match comment {
            Some(comment) if !is_changed && !fields.is_empty() => {
                !is_repeated(&transaction, caller, &row, comment).await?
            }
            comment => comment.is_some(),
        };
        if is_changed || said {
            log(cloud, caller, &transaction, "update", Some(&before), &row, comment).await?;
        }
        rows.push(row);
    }
    transaction.commit().await?;
    Ok(rows)
}

/// Whether the last that happened to a row is that this caller said these words, as when a request is sent again.
async fn is_repeated(
    transaction: &DatabaseTransaction,
    caller: &Caller,
    row: &Model,
    comment: &str,
) -> Result<bool, Failure> {
    let changes = history::of_vuln(transaction, TenantId(row.client_id), row.id).await?;
    let is_same = |last: &entity::vuln_change::Model| {
        last.author == caller.name.to_string() && last.after == status_word(row) && last.comment == comment
    };
    Ok(changes.last().is_some_and(is_same))
}

/// Keeps a change in the history of a vulnerability, where it has one, and in the activity log.
pub(super) async fn log<C: ConnectionTrait>(
    cloud: &Cloud,
    caller: &Caller,
    connection: &C,
    action: &str,
    before: Option<&Model>,
    after: &Model,
    comment: Option<&str>,
) -> Result<(), Failure> {
    let state = |row: &Model| json!({"status": row.status, "threat": row.threat, "hidden": row.hidden});
    let mut now = state(after);
    if let (Some(map), Some(comment)) = (now.as_object_mut(), comment) {
        map.insert("comment".to_owned(), json!(comment));
    }
    let change = Change {
        object_type: "vuln",
        action,
        object_id: after.id.to_string(),
        object_name: after.wid.clone(),
        before: before.map(state),
        after: Some(now),
    };
    let was = before.map(status_word).unwrap_or_default();
    if was != status_word(after) || comment.is_some() {
        let entry = entity::vuln_change::Model {
            id: 0,
            client_id: after.client_id,
            vuln_id: after.id,
            time: cloud.now(),
            author: caller.name.to_string(),
            before: was,
            after: status_word(after),
            comment: comment.unwrap_or_default().to_owned(),
        };
        history::append(connection, entry).await?;
    }
    activity::log(connection, caller, TenantId(after.client_id), cloud.now(), change).await
}

/// The status that histories name.
fn status_word(row: &Model) -> String {
    if row.hidden { "hidden".to_owned() } else { row.status.clone() }
}

/// Clients send scalars and arrays of one alike.
pub(super) fn first(value: &Value) -> &Value {
    value.as_array().and_then(|items| items.first()).unwrap_or(value)
}

/// Sets a field that a client names.
pub(super) fn set(row: &mut Model, name: &str, sent: &Value, now: i64) -> Result<(), ApiError> {
    let value = first(sent);
    let bad = |text: &str| ApiError::field(name, text, sent.clone());
    let text = || value.as_str().map(|text| text.replace('\0', "")).ok_or_else(|| bad("must be a string"));
    let boolean = || value.as_bool().ok_or_else(|| bad("must be true or false"));
    match name {
        "status" => {
            let step = Step::to(&text()?).ok_or_else(|| bad("must be open, closed or falsepositive"))?;
            status::take(row, step, now)?;
        }
        "threat" => {
            let threat = int(value).filter(|threat| (0..=100).contains(threat));
            row.threat = threat.ok_or_else(|| bad("must be 0 to 100"))?;
        }
        "last_check" if value.is_null() => row.last_check = None,
        "last_check" => row.last_check = Some(int(value).ok_or_else(|| bad("must be Unix seconds or null"))?),
        "vuln_recheck_type" => {
            row.vuln_recheck_type = match value.as_str() {
                None if value.is_null() => None,
                Some(kind @ ("auto" | "manual")) => Some(kind.to_owned()),
                _ => return Err(bad("must be auto, manual or null")),
            };
        }
        "template" => row.template = text()?,
        "title" => row.title = text()?,
        "description" => row.description = text()?,
        "additional" => row.additional = text()?,
        "exploit_example" => row.exploit_example = text()?,
        "validated" => row.validated = boolean()?,
        "hidden" => row.hidden = boolean()?,
        "vpatched" => row.vpatched = boolean()?,
        "template_params" if value.is_object() => row.template_params = value.clone(),
        "filter" if sent.is_array() => row.scope = sent.clone(),
        "template_params" | "filter" => return Err(bad("has the wrong type")),
        // Unknown keys are ignored, as in every request of this family.
        _ => {}
    }
    Ok(())
}
