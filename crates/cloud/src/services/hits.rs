//! Hits: lists, serialised requests, marking.

use std::fmt::Write;

use bartizan_api::{
    ApiError,
    filter::Field,
    hit::{HitRawView, HitStatsQuery, HitView},
    listing::{Count, EventListRequest, FilterRequest, Filtered},
    public_id::{self, Indexed, Key},
};
use bartizan_store::{
    entity::hit::Column,
    hits::{FIELDS, HitOrder, HitQuery},
};
use serde_json::{Value, json};

use super::{
    event_view::{hit_id, hit_view},
    indexed_events,
    listing::{Asked, Rows, attack_types, choice, flag, keys, oldest},
};
use crate::{auth::Caller, failure::Failure, state::Cloud};

pub mod dropped;
pub mod explanation;
pub mod marks;
pub mod reports;
pub mod terms;

const IDS: &[(&str, Indexed)] =
    &[("id", Indexed::Hits), ("hitid", Indexed::Hits), ("attackid", Indexed::Attacks)];

fn asked(cloud: &Cloud, caller: &Caller, filter: &Value) -> Result<Asked, ApiError> {
    let fields: Vec<Field> = FIELDS.iter().map(|(field, _)| *field).collect();
    Asked::parse(cloud, caller, filter, &fields, IDS, attack_types)
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
    let count = indexed_events::count(cloud, query(&asked)).await?;
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
    let views = found.into_iter().map(|(hit, mut raw)| {
        take_ebpf(&mut raw);
        HitRawView { id: hit_id(&hit), raw }
    });
    Ok(views.collect())
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
    let ebpf = take_ebpf(&mut raw);
    if let Some(map) = raw.as_object_mut() {
        map.insert("ebpf".to_owned(), ebpf.unwrap_or_else(|| json!({})));
    }
    Ok(raw)
}

/// What the eBPF source says of a request is no part of it.
fn take_ebpf(raw: &mut Value) -> Option<Value> {
    raw.as_object_mut()?.remove("ebpf")
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

/// The alternatives of a filter: one object, or those of an array.
fn members(filter: &Value) -> &[Value] {
    match filter {
        Value::Array(members) => members,
        one => std::slice::from_ref(one),
    }
}

fn named(filter: &Value) -> Result<Vec<Key>, ApiError> {
    let ids = members(filter).iter().filter_map(|one| one.get("id")).filter(|id| !id.is_null());
    let keys: Vec<Key> = ids
        .map(|id| keys("id", Indexed::Hits, id))
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .flatten()
        .collect();
    if keys.is_empty() {
        return Err(ApiError::field("id", "is required", filter.get("id").cloned().unwrap_or_default()));
    }
    Ok(keys)
}

/// The filter of a query that names a tenant and a period.
///
/// # Errors
/// 400 without a tenant.
fn period(request: &HitStatsQuery) -> Result<Value, ApiError> {
    let client = request.client_id.ok_or_else(|| ApiError::field("client_id", "is required", Value::Null))?;
    if let Some((from, to)) = request.start_time.zip(request.end_time)
        && to < from
    {
        return Err(ApiError::field("end_time", "must not be before start_time", to));
    }
    Ok(json!({"clientid": client, "time": [[request.start_time, request.end_time]]}))
}
