//! From a group to its vectors, by request, and judging them (`spec/events.md` section 5.6).

use std::collections::HashMap;

use bartizan_api::{
    ApiError,
    attack_vector::{VectorListRequest, VectorMarkRequest, VectorMarked, VectorPage, VectorView},
};
use bartizan_events_index::{Filter, Mark, Number};
use bartizan_store::{
    TenantId, entity,
    hits::Verdict,
    sea_orm::{ColumnTrait, Condition},
};
use serde_json::{Value, json};

use super::{
    conditions::{self, Conditions},
    fields::{self, Place},
    group_id::GroupKey,
    identity,
    metrics::rfc3339,
    normal,
    period::Zone,
    query::{kept_since, limit, passes, rows},
};
use crate::{
    auth::Caller,
    failure::Failure,
    services::{action, cursor, event_view::hit_view, hits::marks, listing::flag},
    state::Cloud,
};

/// Vectors of a page.
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
/// Ids of one request to mark.
const MAX_IDS: usize = 1000;

/// Whether a group is one of an internal type.
pub(super) fn names_internal(key: &GroupKey) -> bool {
    let mut dimensions = key.f.iter().zip(&key.v);
    dimensions
        .any(|(name, value)| name == "attack_type" && value.as_str().is_some_and(conditions::names_internal))
}

/// The rows of a group, as a condition: one value per dimension.
pub(super) fn rows_of_group(key: &GroupKey) -> Result<Filter, ApiError> {
    let invalid = || ApiError::field("group_id", "invalid", Value::Null);
    let mut all = vec![key.period().filter()];
    for (name, value) in key.f.iter().zip(&key.v) {
        let field = fields::find(name).ok_or_else(invalid)?;
        all.push(match (field.place, value) {
            // The times of the group lie within the bucket.
            (Place::Time(_), _) => continue,
            (Place::Request, Value::String(id)) => Filter::Requests(vec![id.clone()]),
            (Place::Type, Value::String(text)) => exact(bartizan_events_index::Text::Kind, text),
            (Place::Address, Value::String(text)) => exact(bartizan_events_index::Text::Ip, text),
            (Place::Text(column, _), Value::String(text)) => exact(column, text),
            (Place::Path, Value::String(text)) => {
                // Ids of earlier builds name the path as it was received, which never reads like an endpoint.
                let text = text.clone();
                let is_in_group = move |path: &str| path == text || normal::path(path) == text;
                Filter::text(bartizan_events_index::Text::Path, is_in_group)
            }
            (Place::Number(column) | Place::Id(column), Value::Number(number)) => {
                let number = number.as_i64().ok_or_else(invalid)?;
                Filter::number(column, number..=number)
            }
            _ => return Err(invalid()),
        });
    }
    Ok(Filter::All(all))
}

fn exact(column: bartizan_events_index::Text, value: &str) -> Filter {
    let value = value.to_owned();
    Filter::text(column, move |text| text == value)
}

/// The rows of a group id that a `where` leaves.
async fn grouped(
    cloud: &Cloud,
    tenant: TenantId,
    zone: Option<&str>,
    group_id: &Value,
    filter: &Value,
) -> Result<Filter, Failure> {
    let zone = Zone::parse(zone)?;
    let key = GroupKey::open(&cloud.keys, tenant, group_id)?;
    let mut asked = conditions::parse(filter, zone)?;
    asked.names_internal |= names_internal(&key);
    let of_group = rows_of_group(&key)?;
    let rows = Filter::All(vec![rows(&asked, key.period(), kept_since(cloud, tenant).await?), of_group]);
    // A group that a condition on metrics leaves out has no rows to show.
    let meets = asked.groups.is_empty() || passes(cloud, tenant, rows.clone(), asked.groups).await?;
    Ok(if meets { rows } else { Filter::Any(vec![]) })
}

/// Vectors of a group, newest first, with their requests.
///
/// # Errors
/// 400 by field.
pub async fn by_group(
    cloud: &Cloud,
    tenant: TenantId,
    zone: Option<&str>,
    request: &VectorListRequest,
) -> Result<VectorPage, Failure> {
    let filter = grouped(cloud, tenant, zone, &request.group_id, &request.filter).await?;
    let fingerprint = cursor::fingerprint(&json!([tenant.0, request.group_id, request.filter]));
    let (hits, next) = listed(cloud, tenant, filter, request, &fingerprint).await?;
    let ids: Vec<i64> = hits.iter().map(|hit| hit.id).collect();
    let mut raws = cloud.store.raws_by_row(tenant, &ids).await?;
    let data = hits
        .iter()
        .map(|hit| {
            let mut view = vector_view(hit);
            view.request_time = Value::from(rfc3339(hit.ts_ms));
            view.full_request = raws.remove(&hit.id);
            view
        })
        .collect();
    Ok(VectorPage { data, has_more: next.is_some(), cursor: next })
}

/// Vectors of a request, with the conditions that a rule for it would have.
///
/// # Errors
/// 400 by field.
pub async fn by_request(
    cloud: &Cloud,
    tenant: TenantId,
    request: &VectorListRequest,
) -> Result<VectorPage, Failure> {
    let id = request.request_id.as_str().filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| ApiError::field("request_id", "is required", request.request_id.clone()))?;
    let kept = Filter::number(Number::Time, kept_since(cloud, tenant).await? * 1000..=i64::MAX);
    let filter = Filter::All(vec![Filter::Requests(vec![id.to_owned()]), kept]);
    let fingerprint = cursor::fingerprint(&json!([tenant.0, "request", id]));
    let (hits, next) = listed(cloud, tenant, filter, request, &fingerprint).await?;
    let data = hits
        .iter()
        // Requests are known to the index by a hash.
        .filter(|hit| hit.request_id == id)
        .map(|hit| {
            let mut view = vector_view(hit);
            view.request_time = Value::from(hit.ts_ms);
            view.action_conditions = Some(action_conditions(hit)?);
            Ok(view)
        })
        .collect::<Result<_, Failure>>()?;
    Ok(VectorPage { data, has_more: next.is_some(), cursor: next })
}

async fn listed(
    cloud: &Cloud,
    tenant: TenantId,
    filter: Filter,
    request: &VectorListRequest,
    fingerprint: &str,
) -> Result<(Vec<entity::hit::Model>, Option<String>), Failure> {
    let limit = limit(&request.limit, DEFAULT_LIMIT, MAX_LIMIT)?;
    let after: Option<(i64, i64)> = match &request.cursor {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => {
            let position = cursor::open(&cloud.keys, fingerprint, text, cloud.now())?;
            let bad = |_| ApiError::field("cursor", "invalid cursor", Value::Null);
            Some(serde_json::from_value(position).map_err(bad)?)
        }
        other => return Err(ApiError::field("cursor", "must be a text", other.clone()).into()),
    };
    let newest =
        move |index: &bartizan_events_index::Index| index.newest(tenant.0, &filter, after, limit + 1);
    let mut found = cloud.event_index.ask(tenant, newest).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found
        .last()
        .filter(|_| more)
        .map(|position| cursor::issue(&cloud.keys, fingerprint, &json!(position), cloud.now()));
    let ids: Vec<i64> = found.iter().map(|(_, id)| *id).collect();
    let mut rows = cloud.store.hits_by_row(tenant, &ids).await?;
    Ok((ids.iter().filter_map(|id| rows.remove(id)).collect(), next))
}

fn vector_view(hit: &entity::hit::Model) -> VectorView {
    let view = hit_view(hit, None);
    VectorView {
        vector_id: identity::of_hit(hit),
        request_id: view.request_id,
        client_id: hit.client_id,
        application_id: hit.pool,
        attack_subtype: hit.subtype.clone().unwrap_or_default(),
        point: hit.point.to_string(),
        value: view.value,
        payloads: view.payloads,
        stamps: view.stamps,
        // The same 32 bits, read without a sign.
        stamps_hash: hit.stamps_hash.rem_euclid(1 << 32),
        host: hit.domain.clone(),
        path: hit.path.clone(),
        normalized_host: normal::host(&hit.domain, &hit.scheme),
        normalized_path: normal::path(&hit.path),
        scheme: hit.scheme.clone(),
        method: hit.method.clone(),
        protocol: hit.proto.clone(),
        remote_addr4: view.remote_addr4,
        remote_addr6: view.remote_addr6,
        country: hit.remote_country.clone().unwrap_or_default(),
        response_status_code: hit.statuscode,
        request_time: Value::Null,
        block_status: hit.block_status.clone(),
        known_attack: fields::items(&hit.known_attack).join(","),
        node_uuid: view.node_uuid,
        state: "NOT FILLED".to_owned(),
        mark: match hit.state.as_deref() {
            Some("falsepositive") => "fp",
            Some("truepositive") => "tp",
            _ => "",
        }
        .to_owned(),
        cwe_ids: fields::cwes(&hit.kind),
        owasp_categories: fields::owasp(&hit.kind),
        capec_ids: fields::capecs(&hit.kind),
        cve_ids: fields::cves(&hit.known_attack),
        user: hit.app_user.clone().unwrap_or_default(),
        user_role: hit.app_role.clone().unwrap_or_default(),
        session_id: hit.session_id.clone().unwrap_or_default(),
        orig_session_id: hit.orig_session_id.clone().unwrap_or_default(),
        request_size: hit.request_size,
        response_size: hit.response_size,
        response_time: hit.response_time,
        uri_length: hit.uri_length.unwrap_or_default(),
        mitigation_control_id: hit.mitigation_control_id,
        security_issue_id: hit.vuln_id,
        full_request: None,
        action_conditions: None,
        kind: view.kind,
    }
}

/// The conditions of a rule for this request; of absent things there is no value.
fn action_conditions(hit: &entity::hit::Model) -> Result<Value, Failure> {
    let conditions = action::of_hit(hit)?;
    let mut conditions = serde_json::to_value(conditions).map_err(|_| ApiError::internal())?;
    for condition in conditions.as_array_mut().into_iter().flatten() {
        if let Some(map) = condition.as_object_mut()
            && map.get("type").and_then(Value::as_str) == Some("absent")
        {
            map.remove("value");
        }
    }
    Ok(conditions)
}

/// Judges vectors, counts their attacks anew, and makes or removes rules as `mark_false` does.
///
/// # Errors
/// 400 by field.
pub async fn mark(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    request: &VectorMarkRequest,
) -> Result<VectorMarked, Failure> {
    let (mark, verdict) = match request.mark.as_str() {
        Some("fp") => (Mark::False, Verdict::False),
        Some("tp") => (Mark::True, Verdict::True),
        Some("") => (Mark::None, Verdict::Open),
        _ => return Err(ApiError::field("mark", "must be tp, fp or empty", request.mark.clone()).into()),
    };
    let selectors = [
        ("group_id", &request.group_id),
        ("vector_ids", &request.vector_ids),
        ("request_ids", &request.request_ids),
    ];
    // Clients without optional fields send empty ones.
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    let mut given = selectors.into_iter().filter(|(_, value)| !is_empty(value));
    let (Some((name, value)), None) = (given.next(), given.next()) else {
        let error = "exactly one of group_id, vector_ids and request_ids is required";
        return Err(ApiError::field("group_id", error, Value::Null).into());
    };
    // What is marked so already need not be looked at.
    let marked = Filter::number(Number::Mark, mark.code()..=mark.code());
    let open = Filter::Not(Box::new(marked));
    let rows = match name {
        "vector_ids" => rows_of_vectors(cloud, tenant, &ids(name, value)?).await?,
        "request_ids" => {
            let filter = Filter::All(vec![Filter::Requests(ids(name, value)?), open]);
            matching(cloud, tenant, filter).await?
        }
        _ => {
            let key = GroupKey::open(&cloud.keys, tenant, value)?;
            let of_group = rows_of_group(&key)?;
            // Judging takes hits back that are hidden for being false.
            let all = Conditions {
                rows: Filter::All(vec![]),
                groups: vec![],
                names_mark: true,
                names_internal: names_internal(&key),
            };
            let filter =
                Filter::All(vec![rows(&all, key.period(), kept_since(cloud, tenant).await?), of_group, open]);
            matching(cloud, tenant, filter).await?
        }
    };
    let rule = flag("rule", &request.rule, true)?;
    let id = entity::hit::Column::Id;
    let of_rows = |rows: &[i64]| Condition::all().add(id.is_in(rows.iter().copied()));
    let conditions: Vec<Condition> = rows.chunks(CHUNK).map(of_rows).collect();
    let marked_count = marks::judge(cloud, caller, tenant, &conditions, verdict, rule).await?;
    Ok(VectorMarked { marked_count })
}

fn ids(name: &str, value: &Value) -> Result<Vec<String>, ApiError> {
    let texts: Option<Vec<String>> =
        value.as_array().and_then(|ids| ids.iter().map(|id| id.as_str().map(str::to_owned)).collect());
    let ids = texts.ok_or_else(|| ApiError::field(name, "must be a list of texts", value.clone()))?;
    if ids.is_empty() || ids.len() > MAX_IDS {
        return Err(ApiError::field(name, "1 to 1000 ids are required", ids.len()));
    }
    Ok(ids)
}

/// The hits that ids of vectors name.
///
/// # Errors
/// 400 when one is none that the tenant has.
async fn rows_of_vectors(cloud: &Cloud, tenant: TenantId, ids: &[String]) -> Result<Vec<i64>, Failure> {
    let invalid = |id: &str| ApiError::field("vector_ids", "invalid", id);
    let keys: Vec<i64> =
        ids.iter().map(|id| identity::key_of(id).ok_or_else(|| invalid(id))).collect::<Result<_, _>>()?;
    let kept = Filter::number(Number::Time, kept_since(cloud, tenant).await? * 1000..=i64::MAX);
    let filter = Filter::All(vec![kept, Filter::AnyOf(Number::Vector, keys)]);
    let found = matching(cloud, tenant, filter).await?;
    let mut rows: HashMap<String, Vec<i64>> = HashMap::new();
    for chunk in found.chunks(CHUNK) {
        for hit in cloud.store.hits_by_row(tenant, chunk).await?.values() {
            rows.entry(identity::of_hit(hit)).or_default().push(hit.id);
        }
    }
    let named = ids.iter().map(|id| rows.get(&id.to_ascii_lowercase()).ok_or_else(|| invalid(id)));
    let mut named: Vec<i64> = named.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().copied().collect();
    named.sort_unstable();
    named.dedup();
    Ok(named)
}

async fn matching(cloud: &Cloud, tenant: TenantId, filter: Filter) -> Result<Vec<i64>, Failure> {
    let found = cloud.event_index.ask(tenant, move |index| index.matching(tenant.0, &filter)).await?;
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

/// Rows of one statement.
const CHUNK: usize = 500;
