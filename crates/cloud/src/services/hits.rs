//! Hits: lists, serialised requests, marking.

use std::fmt::Write;

use bartizan_api::{
    ApiError,
    filter::Field,
    hit::{HitRawView, HitView},
    listing::{Count, EventListRequest, FilterRequest, Filtered, MarkRequest, Marked, TermsRequest},
    public_id::{self, Indexed, Key},
};
use bartizan_store::{
    TenantId, Tenants, attacks,
    entity::{self, hit::Column},
    hits::{self, FIELDS, HitOrder, HitQuery},
    ingest,
    sea_orm::{ColumnTrait, EntityTrait, QueryFilter},
};
use serde_json::{Map, Value, json};

use super::{
    activity::{self, Change},
    event_view::{attack_id, hit_id, hit_view},
    listing::{Asked, Rows, choice, flag, keys, oldest},
};
use crate::{auth::Caller, failure::Failure, state::Cloud};

const IDS: &[(&str, Indexed)] = &[("id", Indexed::Hits), ("attackid", Indexed::Attacks)];
/// Most values of a term.
const MAX_VALUES: u64 = 1000;

fn asked(cloud: &Cloud, caller: &Caller, filter: &Value) -> Result<Asked, ApiError> {
    let fields: Vec<Field> = FIELDS.iter().map(|(field, _)| *field).collect();
    Asked::parse(cloud, caller, filter, &fields, IDS)
}

fn query(asked: &Asked) -> HitQuery<'_> {
    HitQuery { tenants: &asked.tenants, since: asked.since, filter: &asked.filter }
}

/// Hits of a filter.
///
/// # Errors
/// 400 by field, 403.
pub async fn list(
    cloud: &Cloud,
    caller: &Caller,
    request: &EventListRequest,
) -> Result<Filtered<Vec<HitView>>, Failure> {
    let asked = asked(cloud, caller, &request.filter)?;
    let rows = Rows::parse(request)?;
    let column = choice("order_by", &request.order_by, Column::Id, |name| {
        Some(match name {
            // Probabilities are not collected: all are equal.
            "id" | "probability" => Column::Id,
            "clientid" => Column::ClientId,
            "time" => Column::Time,
            "attackid" => Column::AttackId,
            "remote_country" => Column::RemoteCountry,
            "vector" => Column::Value,
            "statuscode" => Column::Statuscode,
            "size" => Column::ResponseSize,
            "ip" => Column::IpKey,
            _ => return None,
        })
    })?;
    let order = HitOrder { column, desc: flag("order_desc", &request.order_desc, false)? };
    let hits = if rows.limit == 0 {
        vec![]
    } else {
        cloud.store.hit_list(query(&asked), order, rows.offset, rows.limit).await?
    };
    let attacks = cloud.store.attack_rows(&asked.tenants, hits.iter().map(|hit| hit.attack_id)).await?;
    let reply = hits.iter().map(|hit| hit_view(hit, attacks.get(&hit.attack_id))).collect();
    Ok(Filtered { reply, ignored: asked.filter.ignored })
}

/// Number of hits of a filter.
///
/// # Errors
/// 400 by field, 403.
pub async fn count(
    cloud: &Cloud,
    caller: &Caller,
    request: &FilterRequest,
) -> Result<Filtered<Count>, Failure> {
    let asked = asked(cloud, caller, &request.filter)?;
    let count = cloud.store.hit_count(query(&asked)).await?;
    Ok(Filtered { reply: Count { count }, ignored: asked.filter.ignored })
}

/// The serialised requests of the hits that `filter.id` names; every other key is ignored.
///
/// # Errors
/// 400 without a usable id.
pub async fn details(
    cloud: &Cloud,
    caller: &Caller,
    request: &FilterRequest,
) -> Result<Vec<HitRawView>, Failure> {
    let keys = named(&request.filter)?;
    let found = cloud.store.hit_raws(&caller.tenants, oldest(cloud.now()), &keys).await?;
    Ok(found.into_iter().map(|(hit, raw)| HitRawView { id: hit_id(&hit), raw }).collect())
}

/// The serialised request of one hit, in the form `<index>:<id>`.
///
/// # Errors
/// 400 for another form, 404.
pub async fn detail(cloud: &Cloud, caller: &Caller, id: &str) -> Result<Value, Failure> {
    let keys = public_id::parse(Indexed::Hits, &Value::from(id))
        .map_err(|value| ApiError::field("id", "must be <index>:<id>", value))?;
    let found = cloud.store.hit_raws(&caller.tenants, oldest(cloud.now()), &keys).await?;
    let (_, mut raw) = found.into_iter().next().ok_or_else(ApiError::absent)?;
    if let Some(map) = raw.as_object_mut() {
        map.insert("ebpf".to_owned(), json!({}));
    }
    Ok(raw)
}

/// The requests as they were sent, separated by a boundary line.
///
/// # Errors
/// 400 without a usable id.
pub async fn raw(cloud: &Cloud, caller: &Caller, request: &FilterRequest) -> Result<Vec<u8>, Failure> {
    let requests: Vec<String> =
        details(cloud, caller, request).await?.iter().map(|hit| as_http(&hit.raw)).collect();
    Ok(requests.join("\r\n--bartizan--\r\n").into_bytes())
}

fn as_http(raw: &Value) -> String {
    let text = |name: &str| raw.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut request = format!("{} {} {}\r\n", text("method"), text("uri"), text("proto"));
    // By name: PostgreSQL does not keep the order of keys.
    let headers: std::collections::BTreeMap<&String, &Value> =
        raw.get("headers").and_then(Value::as_object).into_iter().flatten().collect();
    for (name, values) in headers {
        for value in values.as_array().into_iter().flatten() {
            // Writing to a string cannot fail.
            let _ = write!(request, "{name}: {}\r\n", value.as_str().unwrap_or_default());
        }
    }
    request.push_str("\r\n");
    request.push_str(text("body"));
    request
}

fn named(filter: &Value) -> Result<Vec<Key>, ApiError> {
    let id = filter.get("id").filter(|id| !id.is_null());
    let id = id.ok_or_else(|| ApiError::field("id", "is required", Value::Null))?;
    keys("id", Indexed::Hits, id)
}

/// Marks hits as false positives, or takes the mark away, and counts their attacks anew.
///
/// # Errors
/// 400 when neither `id` nor `attackid` is given, 403.
pub async fn mark_false(cloud: &Cloud, caller: &Caller, request: &MarkRequest) -> Result<Marked, Failure> {
    let names = |key: &str| request.filter.get(key).is_some_and(|value| !value.is_null());
    if !names("id") && !names("attackid") {
        return Err(ApiError::field("filter", "id or attackid is required", request.filter.clone()).into());
    }
    let asked = asked(cloud, caller, &request.filter)?;
    let state = flag("mode", &request.mode, true)?.then_some("falsepositive");
    // The ids name their tenants themselves; without `clientid` every tenant in reach is meant.
    let tenants = if names("clientid") { asked.tenants.clone() } else { caller.tenants.clone() };
    let mut marked = 0;
    for &tenant in tenants.ids() {
        marked += mark_in(cloud, caller, tenant, &asked, state).await?;
    }
    Ok(Marked { marked })
}

async fn mark_in(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    asked: &Asked,
    state: Option<&str>,
) -> Result<u64, Failure> {
    let own = Tenants::from(tenant);
    let condition = HitQuery { tenants: &own, since: asked.since, filter: &asked.filter }.condition();
    let transaction = cloud.store.begin().await?;
    ingest::lock(&transaction, tenant).await?;
    let (marked, changed) = hits::mark(&transaction, tenant, condition, state, cloud.now()).await?;
    if marked > 0 {
        attacks::recount(&transaction, tenant, &changed, cloud.now()).await?;
        let rows = entity::attack::Entity::find()
            .filter(entity::attack::Column::Id.is_in(changed))
            .filter(entity::attack::Column::ClientId.eq(tenant.0))
            .all(&transaction)
            .await?;
        for attack in rows {
            let change = Change {
                object_type: "attack",
                action: "mark_false",
                object_id: attack_id(&attack).join(":"),
                object_name: format!("{} {}{}", attack.kind, attack.domain, attack.path),
                before: None,
                after: Some(json!({"mark": state, "hits": attack.hits, "false_hits": attack.false_hits})),
            };
            activity::log(&transaction, caller, tenant, cloud.now(), change).await?;
        }
    }
    transaction.commit().await?;
    Ok(marked)
}

/// Unique values of fields.
///
/// # Errors
/// 400 by field, 403.
pub async fn terms(
    cloud: &Cloud,
    caller: &Caller,
    request: &TermsRequest,
) -> Result<Filtered<Map<String, Value>>, Failure> {
    let (asked, found) = grouped(cloud, caller, request, MAX_VALUES).await?;
    let values = |rows: Vec<(Value, i64)>| rows.into_iter().map(|(value, _)| value).collect();
    let reply = found.into_iter().map(|(term, rows)| (term, values(rows))).collect();
    Ok(Filtered { reply, ignored: asked.filter.ignored })
}

/// The most frequent values of fields with their number of hits.
///
/// # Errors
/// 400 by field, 403.
pub async fn term_counts(
    cloud: &Cloud,
    caller: &Caller,
    request: &TermsRequest,
) -> Result<Filtered<Map<String, Value>>, Failure> {
    let top = bartizan_api::filter::int(&request.top)
        .and_then(|top| u64::try_from(top).ok())
        .filter(|top| (1..=100).contains(top))
        .ok_or_else(|| ApiError::field("top", "top must be between 1 and 100", request.top.clone()))?;
    let (asked, found) = grouped(cloud, caller, request, top).await?;
    let counts = |rows: Vec<(Value, i64)>| {
        rows.into_iter().map(|(value, count)| json!({"value": value, "count": count})).collect()
    };
    let reply = found.into_iter().map(|(term, rows)| (term, counts(rows))).collect();
    Ok(Filtered { reply, ignored: asked.filter.ignored })
}

type Terms = Vec<(String, Vec<(Value, i64)>)>;

async fn grouped(
    cloud: &Cloud,
    caller: &Caller,
    request: &TermsRequest,
    limit: u64,
) -> Result<(Asked, Terms), Failure> {
    let asked = asked(cloud, caller, &request.filter)?;
    let names = match &request.terms {
        Value::Array(names) if !names.is_empty() && names.len() <= 20 => names.clone(),
        Value::String(_) => vec![request.terms.clone()],
        other => return Err(ApiError::field("terms", "1 to 20 fields are required", other.clone()).into()),
    };
    let mut found = Vec::with_capacity(names.len());
    for name in &names {
        let unknown = || ApiError::field("terms", "unknown field", name.clone());
        let name = name.as_str().ok_or_else(unknown)?;
        let column = term_column(name).ok_or_else(unknown)?;
        found.push((name.to_owned(), cloud.store.hit_terms(query(&asked), column, limit).await?));
    }
    Ok((asked, found))
}

fn term_column(name: &str) -> Option<Column> {
    Some(match name {
        "domain" => Column::Domain,
        "path" => Column::Path,
        "type" => Column::Kind,
        "ip" => Column::Ip,
        "remote_country" => Column::RemoteCountry,
        "statuscode" => Column::Statuscode,
        "method" => Column::Method,
        "poolid" => Column::Pool,
        "protocol" => Column::ApiProtocol,
        "node_uuid" => Column::NodeUuid,
        "block_status" => Column::BlockStatus,
        "parameter" => Column::Parameter,
        _ => return None,
    })
}
