//! API specifications: their files, what is in them, and the policy of each (`spec/rules.md` section 9.1).
//!
//! A file is uploaded or fetched. The first fetch happens while the specification is created, so that its
//! author hears at once what is wrong; a server that does not answer leaves it in the state `error`, and it is
//! asked again every hour when the author wants that.

use bartizan_api::{
    ApiError, Permission,
    api_spec::{
        ApiSpecFileView, ApiSpecList, ApiSpecPolicyView, ApiSpecRequest, ApiSpecView, AuthHeader, SpecFinding,
    },
    filter::int,
};
use bartizan_store::{
    JsonText, StoreError, TenantId, api_specs, clients,
    entity::{api_spec::Model, api_spec_file},
    sea_orm::{ConnectionTrait, DatabaseTransaction},
};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Map, Value, json};

use super::{
    activity::{self, Change},
    pools::{DEFAULT_ID, MAX_ID},
    ruleset::builds,
    trigger::{self, named::Gone},
};
use crate::{auth::Caller, failure::Failure, keys::Keys, secrets, state::Cloud};

pub mod document;
mod file;
mod policy;
pub mod refresh;
pub(super) mod transfer;

use file::{FileFault, Loaded};

/// Largest upload: the file and its form, bytes.
pub const MAX_UPLOAD: usize = document::MAX_BYTES + (1 << 20);
/// Rows of a page without `per_page`; old clients read one page only.
const DEFAULT_PER_PAGE: u64 = 500;
const MAX_PER_PAGE: u64 = 1000;
const MAX_ITEMS: usize = 1000;
const MAX_HEADERS: usize = 20;
/// Seconds between fetches.
const FETCH_EVERY_S: i64 = 3600;

/// A file as it was uploaded.
#[derive(Debug)]
pub struct Upload {
    /// Name.
    pub name: String,
    /// Content.
    pub bytes: Vec<u8>,
}

/// A page of the specifications of a tenant.
///
/// # Errors
/// 400 for a page that is none, 403 for a foreign tenant.
pub async fn list(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    (page, per_page): (Option<i64>, Option<i64>),
) -> Result<ApiSpecList, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let number = |field: &str, value: Option<i64>, otherwise: u64, most: u64| match value {
        None => Ok(otherwise),
        Some(value) => u64::try_from(value)
            .ok()
            .filter(|number| (1..=most).contains(number))
            .ok_or_else(|| ApiError::field(field, format!("should be in 1..{most}"), value)),
    };
    let page = number("page", page, 1, u64::from(u32::MAX))?;
    let per_page = number("per_page", per_page, DEFAULT_PER_PAGE, MAX_PER_PAGE)?;
    let offset = (page - 1).saturating_mul(per_page);
    let (rows, total) = api_specs::list(cloud.store.reader(), tenant, offset, per_page).await?;
    Ok(ApiSpecList {
        items: rows.iter().map(|row| view(cloud, caller, row)).collect::<Result<_, _>>()?,
        current_page: page,
        per_page,
        total_pages: total.div_ceil(per_page),
        total_count: total,
    })
}

/// One specification.
///
/// # Errors
/// 403 for a foreign tenant, 404.
pub async fn find(cloud: &Cloud, caller: &Caller, client_id: i64, id: i64) -> Result<ApiSpecView, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let row = api_specs::find(cloud.store.reader(), tenant, id).await?.ok_or_else(ApiError::absent)?;
    view(cloud, caller, &row)
}

/// Creates a specification.
///
/// # Errors
/// 400 with the field at fault or the findings in the file, 403 for a foreign tenant.
pub async fn create(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    request: &ApiSpecRequest,
    upload: Option<Upload>,
) -> Result<ApiSpecView, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let now = cloud.now();
    let mut row = filled(&cloud.keys, blank(tenant, now), request)?;
    if row.title.is_empty() {
        return Err(ApiError::field("title", "can't be blank", Value::Null).into());
    }
    if row.file_remote_url.is_empty() && upload.is_none() {
        return Err(ApiError::field("file_remote_url", "can't be blank", Value::Null).into());
    }
    let loaded = load(cloud, &row, upload).await?;
    take_outcome(&mut row, &loaded, now);
    let transaction = cloud.store.begin().await?;
    let (_, total) = api_specs::list(&transaction, tenant, 0, 1).await?;
    let most = cloud.config.limits.api_specifications;
    if total >= most {
        return Err(ApiError::field("title", "too many specifications", most).into());
    }
    let row = api_specs::insert(&transaction, row).await?;
    if let Ok(loaded) = &loaded {
        put_content(&transaction, &row, loaded).await?;
    }
    log(&transaction, caller, now, "create", None, Some(&row)).await?;
    transaction.commit().await?;
    view(cloud, caller, &row)
}

/// Changes what is named of a specification; a new address or file is read at once.
///
/// # Errors
/// 400 with the field at fault or the findings in the file, 403 for a foreign tenant, 404.
pub async fn update(
    cloud: &Cloud,
    caller: &Caller,
    (client_id, id): (i64, i64),
    request: &ApiSpecRequest,
    upload: Option<Upload>,
) -> Result<ApiSpecView, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let found = api_specs::find(cloud.store.reader(), tenant, id).await?;
    let before = found.ok_or_else(ApiError::absent)?;
    if request.title.as_deref().is_some_and(|title| title.trim().is_empty()) {
        return Err(ApiError::field("title", "can't be blank", Value::Null).into());
    }
    let changed = filled(&cloud.keys, before.clone(), request)?;
    let other_source = changed.file_remote_url != before.file_remote_url || request.auth_headers.is_some();
    let loaded = if upload.is_some() || (other_source && !changed.file_remote_url.is_empty()) {
        Some(load(cloud, &changed, upload).await?)
    } else {
        None
    };
    let now = cloud.now();
    let transaction = cloud.store.begin().await?;
    // Once more, because reading a file takes time.
    let latest = api_specs::find(&transaction, tenant, id).await?.ok_or_else(ApiError::absent)?;
    let mut row = filled(&cloud.keys, latest, request)?;
    if let Some(loaded) = &loaded {
        take_outcome(&mut row, loaded, now);
    }
    row.updated_at = now;
    row.next_fetch_at = next_fetch(&row, now);
    let row = api_specs::update(&transaction, row).await?;
    if let Some(Ok(loaded)) = &loaded {
        put_content(&transaction, &row, loaded).await?;
    }
    log(&transaction, caller, now, "update", Some(&before), Some(&row)).await?;
    transaction.commit().await?;
    view(cloud, caller, &row)
}

/// Deletes a specification with its policy. Triggers name it no more.
///
/// # Errors
/// 403 for a foreign tenant, 404.
pub async fn delete(cloud: &Cloud, caller: &Caller, client_id: i64, id: i64) -> Result<(), Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let transaction = cloud.store.begin().await?;
    // A trigger that is written meanwhile could name it.
    clients::lock(&transaction, tenant).await?;
    let row = api_specs::find(&transaction, tenant, id).await?.ok_or_else(ApiError::absent)?;
    api_specs::delete(&transaction, tenant, id).await?;
    let now = cloud.now();
    log(&transaction, caller, now, "delete", Some(&row), None).await?;
    let gone = Gone { specifications: &[id], ..Gone::default() };
    trigger::named::release_by(&transaction, caller, tenant, gone, now).await?;
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    Ok(())
}

/// Sets the policy of a specification.
///
/// # Errors
/// 400 with the field at fault, 403 for a foreign tenant, 404.
pub async fn put_policy(
    cloud: &Cloud,
    caller: &Caller,
    (client_id, id): (i64, i64),
    sent: &Map<String, Value>,
) -> Result<ApiSpecPolicyView, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let transaction = cloud.store.begin().await?;
    builds::change(&transaction, tenant, cloud.now()).await?;
    let mut row = api_specs::find(&transaction, tenant, id).await?.ok_or_else(ApiError::absent)?;
    let before = row.policy.take().map(|policy| policy.0);
    let after = policy::changed(before.as_ref(), sent)?;
    row.policy = Some(JsonText(after.clone()));
    let row = api_specs::update(&transaction, row).await?;
    let change = Change {
        object_type: "api_spec_policy",
        action: if before.is_some() { "update" } else { "create" },
        object_id: row.id.to_string(),
        object_name: row.title.clone(),
        before,
        after: Some(after.clone()),
    };
    activity::log(&transaction, caller, tenant, cloud.now(), change).await?;
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    Ok(policy::view(&after))
}

/// The file behind a signed link, with its name and type.
///
/// # Errors
/// 404 for a link that was not made here or has ended, and when there is no file.
pub async fn download(
    cloud: &Cloud,
    (client_id, id): (i64, i64),
    (expires, nonce, signature): (i64, &str, &str),
) -> Result<(String, String), Failure> {
    if !file::is_signed(&cloud.keys, (client_id, id), (expires, nonce, signature), cloud.now()) {
        return Err(ApiError::absent().into());
    }
    let tenant = TenantId(client_id);
    let reader = cloud.store.reader();
    let row = api_specs::find(reader, tenant, id).await?.ok_or_else(ApiError::absent)?;
    let content = api_specs::file(reader, tenant, id).await?.ok_or_else(ApiError::absent)?;
    Ok((row.file_mime_type.unwrap_or_else(|| "application/octet-stream".to_owned()), content))
}

fn blank(tenant: TenantId, now: i64) -> Model {
    Model {
        id: 0,
        client_id: tenant.0,
        title: String::new(),
        description: String::new(),
        status: "ready".to_owned(),
        instances: JsonText(json!([])),
        domains: JsonText(json!([])),
        regular_file_update: false,
        api_detection: false,
        file_remote_url: String::new(),
        auth_headers: String::new(),
        spec_version: String::new(),
        openapi_version: String::new(),
        format: 0,
        version: 0,
        endpoints_count: 0,
        node_sync_version: 0,
        file_name: None,
        file_checksum: None,
        file_mime_type: None,
        report: JsonText(json!([])),
        policy: None,
        created_at: now,
        updated_at: now,
        file_changed_at: None,
        last_synced_at: None,
        next_fetch_at: None,
    }
}

/// A row with what was sent, checked.
fn filled(keys: &Keys, mut row: Model, request: &ApiSpecRequest) -> Result<Model, Failure> {
    let limited = |field: &str, text: &str, limit: usize| {
        if text.chars().count() > limit {
            let message = format!("is too long (maximum is {limit} characters)");
            return Err(ApiError::field(field, message, Value::Null));
        }
        Ok(text.to_owned())
    };
    if let Some(title) = &request.title {
        row.title = limited("title", title.trim(), 255)?;
    }
    if let Some(description) = &request.description {
        row.description = limited("description", description, 4096)?;
    }
    if let Some(url) = &request.file_remote_url {
        row.file_remote_url = limited("file_remote_url", url.trim(), 4096)?;
    }
    row.regular_file_update = request.regular_file_update.unwrap_or(row.regular_file_update);
    row.api_detection = request.api_detection.unwrap_or(row.api_detection);
    if let Some(instances) = &request.instances {
        let ids: Option<Vec<i64>> = instances.iter().map(int).collect();
        let fits = |id: &i64| *id == DEFAULT_ID || (0..=MAX_ID).contains(id);
        let ids = ids.filter(|ids| ids.len() <= MAX_ITEMS && ids.iter().all(fits));
        let wrong = || ApiError::field("instances", "is invalid", json!(instances));
        row.instances = JsonText(json!(ids.ok_or_else(wrong)?));
    }
    if let Some(domains) = &request.domains {
        let wrong = |domain: &&String| domain.is_empty() || domain.len() > 253 || domain.contains(['/', ' ']);
        if let Some(bad) = domains.iter().find(wrong) {
            return Err(ApiError::field("domains", "is invalid", bad.clone()).into());
        }
        if domains.len() > MAX_ITEMS {
            return Err(ApiError::field("domains", "too many domains", MAX_ITEMS).into());
        }
        row.domains = JsonText(json!(domains));
    }
    if let Some(headers) = &request.auth_headers {
        if let Some(bad) = file::bad_header(headers) {
            return Err(ApiError::field("auth_headers", "is invalid", bad.key.clone()).into());
        }
        if headers.len() > MAX_HEADERS {
            return Err(ApiError::field("auth_headers", "too many headers", MAX_HEADERS).into());
        }
        let sealed = secrets::seal(keys, &json!(headers).to_string());
        row.auth_headers = sealed.ok_or_else(ApiError::internal)?;
    }
    Ok(row)
}

fn headers_of(keys: &Keys, row: &Model) -> Vec<AuthHeader> {
    let text = secrets::unseal(keys, &row.auth_headers);
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// The file of a specification, or why there is none yet.
async fn load(cloud: &Cloud, row: &Model, upload: Option<Upload>) -> Result<Result<Loaded, String>, Failure> {
    let (field, read) = match upload {
        Some(upload) => ("file", file::read(&upload.name, upload.bytes).await),
        None => {
            let headers = headers_of(&cloud.keys, row);
            ("file_remote_url", file::fetch(cloud, &row.file_remote_url, &headers).await)
        }
    };
    match read {
        Ok(loaded) => Ok(Ok(loaded)),
        Err(FileFault::Unreachable(reason)) => Ok(Err(reason)),
        Err(FileFault::Refused(text)) => {
            Err(ApiError::field(field, text, row.file_remote_url.clone()).into())
        }
        Err(FileFault::Unusable(findings)) => {
            Err(ApiError::field(field, "is not a valid specification", json!(findings)).into())
        }
    }
}

/// Puts a file, or the lack of one, into a row.
fn take_outcome(row: &mut Model, loaded: &Result<Loaded, String>, now: i64) {
    match loaded {
        Ok(loaded) => take(row, loaded, now),
        Err(reason) => {
            row.status = "error".to_owned();
            let finding = SpecFinding {
                level: "error".to_owned(),
                pointer: String::new(),
                message: format!("the file could not be fetched: {reason}"),
            };
            row.report = JsonText(json!([finding]));
            row.next_fetch_at = next_fetch(row, now);
        }
    }
}

/// Puts a file into a row.
fn take(row: &mut Model, loaded: &Loaded, now: i64) {
    if row.file_checksum.as_ref() != Some(&loaded.checksum) {
        row.version += 1;
        row.file_changed_at = Some(now);
    }
    row.status = "ready".to_owned();
    row.spec_version.clone_from(&loaded.document.spec_version);
    row.openapi_version.clone_from(&loaded.document.openapi_version);
    row.format = loaded.document.format;
    row.endpoints_count = i64::try_from(loaded.document.endpoints).unwrap_or(i64::MAX);
    row.file_name = Some(loaded.name.clone());
    row.file_checksum = Some(loaded.checksum.clone());
    row.file_mime_type = Some(loaded.document.mime_type().to_owned());
    row.report = JsonText(json!(loaded.document.report));
    row.last_synced_at = Some(now);
    row.next_fetch_at = next_fetch(row, now);
}

fn next_fetch(row: &Model, now: i64) -> Option<i64> {
    (row.regular_file_update && !row.file_remote_url.is_empty()).then_some(now + FETCH_EVERY_S)
}

async fn put_content<C: ConnectionTrait>(
    connection: &C,
    row: &Model,
    loaded: &Loaded,
) -> Result<(), StoreError> {
    let file =
        api_spec_file::Model { spec_id: row.id, client_id: row.client_id, content: loaded.content.clone() };
    api_specs::put_file(connection, file).await
}

fn rfc3339(time: i64) -> String {
    let time = DateTime::from_timestamp(time, 0).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn view(cloud: &Cloud, caller: &Caller, row: &Model) -> Result<ApiSpecView, Failure> {
    let mut headers = headers_of(&cloud.keys, row);
    // Clients keep what they read: for those who write them, headers come back as they are.
    if !caller.may(Permission::UpdateApiSpec) {
        headers.iter_mut().for_each(|header| header.value = "****".to_owned());
    }
    let file = row.file_checksum.as_ref().map(|checksum| ApiSpecFileView {
        name: row.file_name.clone().unwrap_or_default(),
        signed_url: format!(
            "{}/v4/clients/{}/rules/api-specs/{}/file?{}",
            cloud.config.public.console_url.trim_end_matches('/'),
            row.client_id,
            row.id,
            file::sign(&cloud.keys, row.client_id, row.id, cloud.now())
        ),
        checksum: checksum.clone(),
        mime_type: row.file_mime_type.clone().unwrap_or_default(),
        version: row.version,
    });
    Ok(ApiSpecView {
        id: row.id,
        client_id: row.client_id,
        title: row.title.clone(),
        description: row.description.clone(),
        status: row.status.clone(),
        instances: row.instances.0.clone(),
        domains: row.domains.0.clone(),
        regular_file_update: row.regular_file_update,
        api_detection: row.api_detection,
        spec_version: row.spec_version.clone(),
        version: row.version,
        endpoints_count: row.endpoints_count,
        shadow_endpoints_count: 0,
        orphan_endpoints_count: 0,
        zombie_endpoints_count: 0,
        openapi_version: row.openapi_version.clone(),
        last_synced_at: row.last_synced_at.map(rfc3339),
        last_compared_at: None,
        updated_at: rfc3339(row.updated_at),
        created_at: rfc3339(row.created_at),
        node_sync_version: row.node_sync_version,
        file_remote_url: row.file_remote_url.clone(),
        file,
        policy: row.policy.as_ref().map(|policy| policy::view(&policy.0)),
        auth_headers: headers,
        file_changed_at: row.file_changed_at.map(rfc3339),
        format: row.format,
        report: serde_json::from_value(row.report.0.clone()).unwrap_or_default(),
    })
}

async fn log(
    transaction: &DatabaseTransaction,
    caller: &Caller,
    now: i64,
    action: &'static str,
    before: Option<&Model>,
    after: Option<&Model>,
) -> Result<(), Failure> {
    let Some(row) = after.or(before) else { return Ok(()) };
    let change = Change {
        object_type: "api_spec",
        action,
        object_id: row.id.to_string(),
        object_name: row.title.clone(),
        before: before.map(state),
        after: after.map(state),
    };
    activity::log(transaction, caller, TenantId(row.client_id), now, change).await
}

/// What the activity log keeps: nothing of the headers.
fn state(row: &Model) -> Value {
    json!({"title": row.title, "description": row.description, "status": row.status,
        "file_remote_url": row.file_remote_url, "regular_file_update": row.regular_file_update,
        "api_detection": row.api_detection, "instances": row.instances.0, "domains": row.domains.0,
        "version": row.version, "checksum": row.file_checksum, "auth_headers": "***"})
}
