//! Requests whose hits sampling left out: what nodes tell of them (`spec/events.md` section 1.4).

use bartizan_api::{ApiError, hit::DroppedRequestView};
use bartizan_store::{JsonText, Tenants, entity::dropped_request, ingest::KEPT_DROPPED_S};
use serde_json::Value;

use crate::{auth::Caller, failure::Failure, services::attack_vectors::kept_since, state::Cloud};

/// Most records of one request; a node makes one.
const MAX_RECORDS: u64 = 100;

/// One request by its id.
///
/// # Errors
/// 403, 404.
pub async fn view(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    request_id: &str,
) -> Result<DroppedRequestView, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    if request_id.contains('\0') {
        return Err(ApiError::absent().into());
    }
    let since = kept_since(cloud, tenant).await?.max(cloud.now() - KEPT_DROPPED_S);
    let records = cloud.store.dropped_request(&Tenants::from(tenant), request_id, since, MAX_RECORDS).await?;
    let mut records = records.into_iter();
    let mut view = records.next().map(first).ok_or_else(ApiError::absent)?;
    for record in records {
        add(&mut view.applications, record.pool);
        for tag in tags(record.tags) {
            add(&mut view.tags, tag);
        }
        view.hits.extend(items(record.hits));
    }
    Ok(view)
}

fn first(record: dropped_request::Model) -> DroppedRequestView {
    DroppedRequestView {
        client_id: record.client_id,
        request_id: record.request_id,
        request_time: record.ts_ms.div_euclid(1000),
        applications: vec![record.pool],
        request_method: record.method,
        domain: record.domain,
        path: record.path,
        remote_addr: record.ip,
        server_addr: record.server_addr,
        response_status: record.statuscode,
        tags: tags(record.tags),
        hits: items(record.hits),
    }
}

fn add<T: PartialEq>(items: &mut Vec<T>, item: T) {
    if !items.contains(&item) {
        items.push(item);
    }
}

fn items(list: JsonText) -> Vec<Value> {
    match list.0 {
        Value::Array(items) => items,
        _ => vec![],
    }
}

fn tags(list: JsonText) -> Vec<String> {
    items(list).into_iter().filter_map(|tag| tag.as_str().map(str::to_owned)).collect()
}
