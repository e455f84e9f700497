//! Retention, deletion and export of a tenant's data.

use axum::body::Bytes;
use bartizan_api::{
    ApiError, Role,
    privacy::{DeletionRequest, DeletionView, EventSettings, EventSettingsUpdate},
};
use bartizan_store::{
    TenantId, entity, event_settings, ingest, privacy as store, privacy::Exported, sea_orm::DbErr,
};
use futures_util::{Stream, stream};
use serde_json::{Value, json};

use super::activity::{self, Change};
use crate::{auth::Caller, failure::Failure, state::Cloud};

/// Rows that an export reads at once.
const PAGE: u64 = 500;
/// Seconds that a deleted tenant's data is kept.
const KEPT_DELETED_S: i64 = 30 * 86_400;

fn view(row: &entity::event_setting::Model) -> EventSettings {
    EventSettings { retention_days: row.retention_days, default_attack_ip_grouping: row.ip_grouping }
}

/// The settings of a tenant.
///
/// # Errors
/// 403.
pub async fn settings(cloud: &Cloud, caller: &Caller, client_id: i64) -> Result<EventSettings, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    Ok(view(&event_settings::of_tenant(cloud.store.reader(), tenant).await?))
}

/// Changes settings. A shorter retention removes what is over at once.
///
/// # Errors
/// 400 by field, 403.
pub async fn update_settings(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    request: &EventSettingsUpdate,
) -> Result<EventSettings, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let transaction = cloud.store.begin().await?;
    ingest::lock(&transaction, tenant).await?;
    let before = event_settings::of_tenant(&transaction, tenant).await?;
    let mut row = before.clone();
    if let Some(days) = request.retention_days {
        if days.is_some_and(|days| !(1..=180).contains(&days)) {
            return Err(ApiError::field("retention_days", "must be 1 to 180", json!(days)).into());
        }
        row.retention_days = days;
    }
    if let Some(grouping) = request.default_attack_ip_grouping {
        row.ip_grouping = grouping;
    }
    event_settings::put(&transaction, row.clone()).await?;
    if let Some(days) = row.retention_days {
        store::purge_events(&transaction, tenant, cloud.now() - days * 86_400).await?;
    }
    let change = Change {
        object_type: "event_settings",
        action: "update",
        object_id: tenant.0.to_string(),
        object_name: "event settings".to_owned(),
        before: Some(json!(view(&before))),
        after: Some(json!(view(&row))),
    };
    activity::log(&transaction, caller, tenant, cloud.now(), change).await?;
    transaction.commit().await?;
    Ok(view(&row))
}

/// Removes every hit, attack and incident of a tenant.
///
/// # Errors
/// 400 without the tenant's name, 403.
pub async fn delete_events(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    request: &DeletionRequest,
) -> Result<DeletionView, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let client = cloud.store.identify_client(tenant.0).await?.ok_or_else(ApiError::absent)?;
    if request.confirm.as_str() != Some(client.name.as_str()) {
        let text = "must be the name of the tenant";
        return Err(ApiError::field("confirm", text, request.confirm.clone()).into());
    }
    let transaction = cloud.store.begin().await?;
    ingest::lock(&transaction, tenant).await?;
    let deleted = store::delete_events(&transaction, tenant).await?;
    let change = Change {
        object_type: "events",
        action: "delete",
        object_id: tenant.0.to_string(),
        object_name: client.name,
        before: None,
        after: Some(json!({"deleted": deleted})),
    };
    activity::log(&transaction, caller, tenant, cloud.now(), change).await?;
    let index = cloud.event_index.clone();
    // To the end even if the caller leaves: the index must not keep what the store no longer has.
    let done = tokio::spawn(async move {
        transaction.commit().await?;
        index.forget(tenant).await;
        Ok::<(), DbErr>(())
    });
    done.await.map_err(|_| ApiError::internal())??;
    Ok(DeletionView { deleted })
}

/// Where an export stands.
struct Progress {
    cloud: Cloud,
    tenant: TenantId,
    tables: std::slice::Iter<'static, Exported>,
    table: Option<&'static Exported>,
    last: Option<Value>,
}

/// What is stored about a tenant, a JSON object per line, read page by page while it is sent. It shows what lists show
/// under permissions of their own, so it takes an administrator who has them all.
///
/// # Errors
/// 403.
pub async fn export(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
) -> Result<impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    if !Role::Admin.permissions().is_subset(&caller.permissions) {
        return Err(ApiError::access_denied().into());
    }
    let transaction = cloud.store.begin().await?;
    let change = Change {
        object_type: "tenant_data",
        action: "export",
        object_id: tenant.0.to_string(),
        object_name: "export".to_owned(),
        before: None,
        after: None,
    };
    activity::log(&transaction, caller, tenant, cloud.now(), change).await?;
    transaction.commit().await?;
    let mut tables = store::EXPORTED.iter();
    let table = tables.next();
    let progress = Progress { cloud: cloud.clone(), tenant, tables, table, last: None };
    Ok(stream::try_unfold(progress, next_page))
}

async fn next_page(mut at: Progress) -> Result<Option<(Bytes, Progress)>, std::io::Error> {
    while let Some(exported) = at.table {
        let rows = store::rows(at.cloud.store.reader(), at.tenant, exported, at.last.as_ref(), PAGE)
            .await
            .map_err(std::io::Error::other)?;
        let line = |row: &Value| format!("{}\n", json!({"table": exported.table, "row": row}));
        let text: String = rows.iter().map(line).collect();
        if (rows.len() as u64) < PAGE {
            at.table = at.tables.next();
            at.last = None;
        } else {
            at.last = rows.into_iter().next_back();
        }
        if !text.is_empty() {
            return Ok(Some((text.into(), at)));
        }
    }
    Ok(None)
}

/// Removes what tenants keep no longer, and deleted tenants whose month is over.
///
/// # Errors
/// When the store fails.
pub(crate) async fn housekeeping(cloud: &Cloud) -> Result<(), Failure> {
    let now = cloud.now();
    for row in event_settings::all(cloud.store.reader()).await? {
        if let Some(days) = row.retention_days {
            let transaction = cloud.store.begin().await?;
            let tenant = TenantId(row.client_id);
            ingest::lock(&transaction, tenant).await?;
            store::purge_events(&transaction, tenant, now - days * 86_400).await?;
            transaction.commit().await?;
        }
    }
    bartizan_store::traffic::purge(cloud.store.writer(), super::listing::oldest(now)).await?;
    for tenant in bartizan_store::clients::deleted_before(cloud.store.reader(), now - KEPT_DELETED_S).await? {
        let transaction = cloud.store.begin().await?;
        store::delete_tenant(&transaction, tenant).await?;
        transaction.commit().await?;
        cloud.event_index.forget(tenant).await;
        tracing::info!(tenant.id = tenant.0, "a deleted tenant was removed for good");
    }
    Ok(())
}
