//! Snapshots of a tenant's rules, to go back to (`spec/rules.md` section 1.10): the newest seven that the system takes,
//! one a day, after the rules changed, and as many by hand as the settings say.

use std::time::Duration;

use bartizan_api::{
    ApiError,
    configuration::{ConfigurationReport, FORMAT, VERSION},
    rules_snapshot::{RulesSnapshotCreate, RulesSnapshotView},
};
use bartizan_store::{
    JsonText, TenantId, clients, config_versions,
    entity::rules_snapshot::Model,
    rules_snapshots::{self, SnapshotRow},
    sea_orm::DatabaseTransaction,
};
use serde_json::{Map, Value, json};

use super::{
    activity::{self, Change},
    configuration::{self, Author},
    rule, rules_settings,
};
use crate::{auth::Caller, failure::Failure, state::Cloud};

/// How often changed rules are looked for.
const LOOK: Duration = Duration::from_secs(60);
/// Seconds between two snapshots by the system.
const APART_S: i64 = 86_400;
/// Snapshots by the system that are kept.
const KEPT_AUTOMATIC: u64 = 7;
/// Longest comment, characters.
const MAX_COMMENT: usize = 255;

/// The snapshots of a tenant, newest first.
///
/// # Errors
/// 403 for a foreign tenant.
pub async fn list(cloud: &Cloud, caller: &Caller, client_id: i64) -> Result<Vec<RulesSnapshotView>, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let rows = rules_snapshots::list(cloud.store.reader(), tenant).await?;
    Ok(rows.into_iter().map(|row| view(tenant, row)).collect())
}

/// Takes a snapshot. Where there are as many as the settings allow, the oldest taken by hand goes.
///
/// # Errors
/// 400 for a long comment or where the settings allow none, 403 for a foreign tenant.
pub async fn create(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    request: RulesSnapshotCreate,
) -> Result<RulesSnapshotView, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    if request.comment.chars().count() > MAX_COMMENT {
        return Err(
            ApiError::field("comment", "is too long (maximum is 255 characters)", request.comment).into()
        );
    }
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?.ok_or_else(ApiError::absent)?;
    let most = rules_settings::stored(&transaction, tenant).await?.settings.rules_snapshot_max_count;
    if most < 1 {
        return Err(ApiError::field("rules_snapshot_max_count", "allows no snapshots", most).into());
    }
    let row = Model {
        automatic: false,
        comment: request.comment,
        author: caller.name.to_string(),
        ..taken(&transaction, tenant, cloud.now()).await?
    };
    let row = rules_snapshots::keep(&transaction, row, most.unsigned_abs()).await?;
    log(&transaction, caller, (tenant, cloud.now()), "create", &row).await?;
    transaction.commit().await?;
    let row = SnapshotRow {
        id: row.id,
        automatic: row.automatic,
        comment: row.comment,
        author: row.author,
        created_at: row.created_at,
        ruleset_version: row.ruleset_version,
        rules_count: row.rules_count,
    };
    Ok(view(tenant, row))
}

/// Makes the rules of a tenant those of a snapshot, all or none. Rules that did not change keep their identity.
///
/// # Errors
/// 403 for a foreign tenant or without the right to change one of the rules, 404, 423 while rules are locked.
pub async fn restore(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    id: i64,
) -> Result<ConfigurationReport, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let found = rules_snapshots::find(cloud.store.reader(), tenant, id).await?;
    let row = found.ok_or_else(ApiError::absent)?;
    let document = Map::from_iter([
        ("format".to_owned(), json!(FORMAT)),
        ("version".to_owned(), json!(VERSION)),
        ("rules".to_owned(), row.content.0),
    ]);
    configuration::import(cloud, Author::Caller(caller), tenant, document, false).await
}

/// Deletes a snapshot.
///
/// # Errors
/// 403 for a foreign tenant, 404.
pub async fn delete(cloud: &Cloud, caller: &Caller, client_id: i64, id: i64) -> Result<(), Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let transaction = cloud.store.begin().await?;
    let row = rules_snapshots::find(&transaction, tenant, id).await?.ok_or_else(ApiError::absent)?;
    if !rules_snapshots::delete(&transaction, tenant, id).await? {
        return Err(ApiError::absent().into());
    }
    log(&transaction, caller, (tenant, cloud.now()), "delete", &row).await?;
    transaction.commit().await?;
    Ok(())
}

/// Takes snapshots after rules changed, as long as the cloud runs.
pub async fn run(cloud: Cloud) {
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(failure) = take_due(&cloud).await {
            tracing::warn!(error = %failure.0, "snapshots of rules were not taken; it is tried again");
        }
    }
}

/// Takes a snapshot of the rules of each tenant whose rules changed since its last one, when that is a day old. One
/// tenant that fails does not keep the others waiting.
///
/// # Errors
/// 500 when the store fails.
pub async fn take_due(cloud: &Cloud) -> Result<(), Failure> {
    for tenant in rules_snapshots::due(cloud.store.reader(), cloud.now() - APART_S).await? {
        if let Err(failure) = take(cloud, tenant).await {
            tracing::warn!(client.id = tenant.0, error = %failure.0, "a snapshot of rules was not taken");
        }
    }
    Ok(())
}

async fn take(cloud: &Cloud, tenant: TenantId) -> Result<(), Failure> {
    if !rules_settings::stored(cloud.store.reader(), tenant).await?.settings.rules_snapshot_enabled {
        return Ok(());
    }
    let transaction = cloud.store.begin().await?;
    if clients::lock(&transaction, tenant).await?.is_none() {
        return Ok(());
    }
    let row = taken(&transaction, tenant, cloud.now()).await?;
    match rules_snapshots::newest_automatic(&transaction, tenant).await? {
        // Another process was faster.
        Some(last) if last.created_at > cloud.now() - APART_S => return Ok(()),
        // A version is not always a change of rules.
        Some(last) if last.content == row.content => {
            rules_snapshots::confirm(&transaction, tenant, last.id, row.ruleset_version).await?;
        }
        _ => {
            rules_snapshots::keep(&transaction, row, KEPT_AUTOMATIC).await?;
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// The rules as they are now.
async fn taken(transaction: &DatabaseTransaction, tenant: TenantId, now: i64) -> Result<Model, Failure> {
    // Nobody changes rules meanwhile: the version is that of what is read.
    let ruleset_version = config_versions::lock(transaction, tenant).await?.ruleset_version;
    let rules = rule::transfer::export(transaction, tenant).await?;
    Ok(Model {
        id: 0,
        client_id: tenant.0,
        automatic: true,
        comment: String::new(),
        author: String::new(),
        created_at: now,
        ruleset_version,
        rules_count: i64::try_from(rules.len()).unwrap_or(i64::MAX),
        content: JsonText(json!(rules)),
    })
}

fn view(tenant: TenantId, row: SnapshotRow) -> RulesSnapshotView {
    RulesSnapshotView {
        id: row.id,
        clientid: tenant.0,
        kind: if row.automatic { "auto" } else { "manual" }.to_owned(),
        comment: row.comment,
        author: Some(row.author).filter(|author| !author.is_empty()),
        created_at: row.created_at,
        ruleset_version: row.ruleset_version,
        rules_count: row.rules_count,
    }
}

async fn log(
    transaction: &DatabaseTransaction,
    caller: &Caller,
    (tenant, now): (TenantId, i64),
    action: &'static str,
    row: &Model,
) -> Result<(), Failure> {
    let state: Value =
        json!({"comment": row.comment, "rules_count": row.rules_count, "created_at": row.created_at});
    let (before, after) = if action == "delete" { (Some(state), None) } else { (None, Some(state)) };
    let change = Change {
        object_type: "rule_settings",
        action,
        object_id: row.id.to_string(),
        object_name: "snapshot".to_owned(),
        before,
        after,
    };
    activity::log(transaction, caller, tenant, now, change).await
}
