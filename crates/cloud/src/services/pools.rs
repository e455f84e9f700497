//! Applications, called pools on the wire (`spec/accounts.md` section 5).

use std::collections::{HashMap, HashSet};

use bartizan_api::{
    ApiError,
    configuration::{ApplicationEntry, SectionReport},
    filter::{Family, Field, Filter, Kind},
    list::{ListRequest, Order, SelectRequest},
    pool::{PoolCreate, PoolUpdate, PoolView},
};
use bartizan_store::{StoreError, TenantId, clients, entity, pools, sea_orm::ConnectionTrait};
use serde_json::{Value, json};

use super::{
    activity::{self, Change},
    changes,
    configuration::{Work, at, place},
};
use crate::{
    auth::{self, Caller},
    failure::Failure,
    state::Cloud,
};

/// Id of the default application, which every tenant has.
pub const DEFAULT_ID: i64 = -1;
/// Largest id that a node can carry.
pub const MAX_ID: i64 = 2_147_483_647;

const FIELDS: &[Field] = &[
    Field::new("id", Kind::Int),
    Field::new("clientid", Kind::Int),
    Field::new("client_id", Kind::Int),
    Field::new("name", Kind::Text),
    Field::new("deleted", Kind::Bool),
];
const BY_ID: Order = Order { field: "id", descending: false };

/// Applications of the tenants in reach, by id.
///
/// # Errors
/// 400 for a filter, limit or order that is not one.
pub async fn list(cloud: &Cloud, caller: &Caller, request: &ListRequest) -> Result<Vec<PoolView>, Failure> {
    let filter = parse_filter(&request.filter)?;
    let (order, page) = (request.order(&["id", "name"])?, request.page(1000)?);
    let rows = pools::list(cloud.store.reader(), &caller.tenants, &filter, order, page).await?;
    Ok(rows.into_iter().map(view).collect())
}

fn parse_filter(value: &Value) -> Result<Filter, ApiError> {
    let mut filter = Filter::parse(value, FIELDS, Family::Accounts)?;
    for field in ["id", "clientid", "client_id"] {
        filter.drop_zero(field);
    }
    Ok(filter)
}

fn parse_selection(caller: &Caller, value: &Value) -> Result<Filter, ApiError> {
    let filter = parse_filter(value)?;
    changes::about(caller, &filter, &["clientid", "client_id"]);
    filter.require_selective(&["clientid", "client_id"])?;
    Ok(filter)
}

/// Creates an application, or revives a deleted one of the same id under the new name.
///
/// # Errors
/// 400 `Already exists`, 400 for an id or name out of range, 403 for a foreign tenant.
pub async fn create(cloud: &Cloud, caller: &Caller, request: &PoolCreate) -> Result<PoolView, Failure> {
    let tenant = caller.tenant_of(auth::one_client(request.clientid, request.client_id)?)?;
    if let Some(id) = request.id.filter(|id| *id != DEFAULT_ID && !(1..=MAX_ID).contains(id)) {
        return Err(ApiError::invalid("id must be 1 to 2147483647", id).into());
    }
    let name = valid_name(&request.name)?;
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let known = match request.id {
        Some(id) => pools::find(&transaction, tenant, id).await?,
        None => None,
    };
    let row = match known {
        Some(row) if !row.deleted => return Err(ApiError::already_exists().into()),
        Some(row) => pools::update(&transaction, entity::pool::Model { name, deleted: false, ..row }).await?,
        None => {
            let most = cloud.config.limits.applications;
            if pools::count(&transaction, tenant).await? >= most {
                return Err(ApiError::invalid("too many applications", most).into());
            }
            let id = match request.id {
                Some(id) => id,
                None => next_id(&pools::all(&transaction, tenant).await?)?,
            };
            let row = entity::pool::Model { client_id: tenant.0, id, name, deleted: false };
            pools::insert(&transaction, row).await.map_err(duplicate)?
        }
    };
    let entry = change(&row, "create", None, Some(json!({"name": row.name})));
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    Ok(view(row))
}

/// The smallest free id above the largest one. Deleted applications keep theirs, as what happened under it is shown by it,
/// and count for nothing else.
fn next_id(rows: &[entity::pool::Model]) -> Result<i64, ApiError> {
    let live = rows.iter().filter(|row| !row.deleted).map(|row| row.id).max();
    // By id, so that one after the other is passed over.
    let next = rows.iter().fold(
        live.unwrap_or(0).max(0) + 1,
        |next, row| {
            if row.id == next { next + 1 } else { next }
        },
    );
    if next > MAX_ID {
        return Err(ApiError::invalid("no id is left above the largest one", MAX_ID));
    }
    Ok(next)
}

/// Renames the applications that the filter selects.
///
/// # Errors
/// 400 for an empty filter or a name out of range.
pub async fn update(cloud: &Cloud, caller: &Caller, request: &PoolUpdate) -> Result<Vec<PoolView>, Failure> {
    let filter = parse_selection(caller, &request.filter)?;
    let name = request.fields.name.as_deref().map(valid_name).transpose()?;
    let transaction = cloud.store.begin().await?;
    let mut rows = pools::list(&transaction, &caller.tenants, &filter, BY_ID, changes::PAGE).await?;
    changes::bounded(&rows)?;
    if let Some(name) = name {
        for row in &mut rows {
            let before = json!({"name": row.name});
            let renamed = entity::pool::Model { name: name.clone(), ..row.clone() };
            *row = pools::update(&transaction, renamed).await?;
            let entry = change(row, "update", Some(before), Some(json!({ "name": name })));
            activity::log(&transaction, caller, TenantId(row.client_id), cloud.now(), entry).await?;
        }
    }
    transaction.commit().await?;
    Ok(rows.into_iter().map(view).collect())
}

/// Deletes the applications that the filter selects; their events and rules stay. The default one is left.
///
/// # Errors
/// 400 for an empty filter.
pub async fn delete(cloud: &Cloud, caller: &Caller, request: &SelectRequest) -> Result<Vec<i64>, Failure> {
    let filter = parse_selection(caller, &request.filter)?;
    let transaction = cloud.store.begin().await?;
    let mut rows = pools::list(&transaction, &caller.tenants, &filter, BY_ID, changes::PAGE).await?;
    changes::bounded(&rows)?;
    rows.retain(|row| row.id != DEFAULT_ID && !row.deleted);
    for row in &rows {
        pools::update(&transaction, entity::pool::Model { deleted: true, ..row.clone() }).await?;
        let entry = change(row, "delete", Some(json!({"name": row.name})), None);
        activity::log(&transaction, caller, TenantId(row.client_id), cloud.now(), entry).await?;
    }
    transaction.commit().await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// The applications of a tenant for a document, by id.
///
/// # Errors
/// 500 when the store fails.
pub(super) async fn export<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<Vec<ApplicationEntry>, Failure> {
    let rows = pools::all(connection, tenant).await?.into_iter().filter(|row| !row.deleted);
    Ok(rows.map(|row| ApplicationEntry { id: row.id, name: row.name }).collect())
}

/// Checks the applications of a document.
///
/// # Errors
/// 400 with the application and field at fault.
pub(super) fn read(entries: Vec<ApplicationEntry>, most: u64) -> Result<Vec<ApplicationEntry>, Failure> {
    if entries.len() as u64 > most {
        return Err(ApiError::field("applications", "too many applications", most).into());
    }
    let mut seen = HashSet::new();
    let mut read = |(index, entry): (usize, ApplicationEntry)| {
        let fault = |field: &str, error: &str, value: Value| {
            at(&place("applications", index), ApiError::field(field, error, value))
        };
        if entry.id != DEFAULT_ID && !(1..=MAX_ID).contains(&entry.id) {
            return Err(fault("id", "should be in 1..2147483647", json!(entry.id)));
        }
        if !seen.insert(entry.id) {
            return Err(fault("id", "is that of another application, too", json!(entry.id)));
        }
        let name = valid_name(&entry.name)
            .map_err(|_| fault("name", "should have 1 to 255 characters", json!(entry.name)))?;
        Ok(ApplicationEntry { name, ..entry })
    };
    entries.into_iter().enumerate().map(&mut read).collect()
}

/// Makes the applications of a tenant those of a document. Events and rules of those that go stay.
///
/// # Errors
/// 500 when the store fails.
pub(super) async fn import(
    work: &Work<'_>,
    entries: Vec<ApplicationEntry>,
) -> Result<SectionReport, Failure> {
    let (transaction, tenant) = (work.transaction, work.tenant);
    let mut present: HashMap<i64, entity::pool::Model> =
        pools::all(transaction, tenant).await?.into_iter().map(|row| (row.id, row)).collect();
    let mut report = SectionReport::default();
    for ApplicationEntry { id, name } in entries {
        match present.remove(&id) {
            Some(row) if !row.deleted && row.name == name => report.unchanged += 1,
            Some(row) => {
                let counter = if row.deleted { &mut report.created } else { &mut report.updated };
                *counter += 1;
                pools::update(transaction, entity::pool::Model { name, deleted: false, ..row }).await?;
            }
            None => {
                report.created += 1;
                let row = entity::pool::Model { client_id: tenant.0, id, name, deleted: false };
                pools::insert(transaction, row).await?;
            }
        }
    }
    for row in present.into_values().filter(|row| row.id != DEFAULT_ID && !row.deleted) {
        report.deleted += 1;
        pools::update(transaction, entity::pool::Model { deleted: true, ..row }).await?;
    }
    Ok(report)
}

fn duplicate(error: StoreError) -> Failure {
    match error {
        StoreError::Duplicate => ApiError::already_exists().into(),
        other => other.into(),
    }
}

fn valid_name(text: &str) -> Result<String, ApiError> {
    if (1..=255).contains(&text.trim().chars().count()) {
        Ok(text.trim().to_owned())
    } else {
        Err(ApiError::invalid("name must have 1 to 255 characters", text))
    }
}

fn view(row: entity::pool::Model) -> PoolView {
    PoolView { id: row.id, clientid: row.client_id, name: row.name, deleted: row.deleted }
}

fn change(
    row: &entity::pool::Model,
    action: &'static str,
    before: Option<Value>,
    after: Option<Value>,
) -> Change<'static> {
    Change {
        object_type: "application",
        action,
        object_id: row.id.to_string(),
        object_name: row.name.clone(),
        before,
        after,
    }
}
