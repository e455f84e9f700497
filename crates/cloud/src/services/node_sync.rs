//! What nodes and cloud tell each other while running: heartbeats, versions, bundles, list deltas, the wait
//! for a change (`spec/node.md` sections 1.4 and 1.5).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bartizan_api::{
    ApiError, AttackType,
    node::{
        BundleKind, HeartbeatRequest, HeartbeatResponse, ListEntry, ListName, ListsResponse, Manifest,
        RulesetLimits, WatchResponse,
    },
};
use bartizan_store::{
    TenantId, config_versions,
    entity::{config_version, ip_group, node_instance, traffic_minute},
    nodes,
    sea_orm::{ActiveValue::Set, IntoActiveModel},
    traffic,
};
use chrono::{DateTime, Datelike};
use tokio::time::Instant;

use super::{
    ip_list::{ALL_APPLICATIONS, List, NEVER, RuleType},
    rules_settings,
    ruleset::{self, Bundle},
};
use crate::{auth::node::NodeCaller, failure::Failure, state::Cloud};

/// Longest wait of the watch call.
pub const WATCH: Duration = Duration::from_secs(55);
/// How often a waiting call looks at the database, for changes that another process made.
const LOOK: Duration = Duration::from_millis(500);
/// Most requests that a heartbeat may count: more than any node sees within a minute, and so little that the sums of
/// years stay numbers.
const MAX_COUNT: u64 = 1 << 36;
/// Longest problem text that is kept, characters.
const MAX_ERROR_CHARS: usize = 1000;

/// The month of a time, as year × 12 + month from 0.
#[must_use]
pub fn month_of(unix_s: i64) -> i64 {
    let date = DateTime::from_timestamp(unix_s, 0).unwrap_or_default();
    i64::from(date.year()) * 12 + i64::from(date.month0())
}

/// Takes a heartbeat. A repeated one keeps the node alive and counts nothing.
///
/// # Errors
/// 401 when the instance was removed meanwhile.
pub async fn heartbeat(
    cloud: &Cloud,
    node: &NodeCaller,
    request: &HeartbeatRequest,
) -> Result<HeartbeatResponse, Failure> {
    let tenant = node.tenant();
    let transaction = cloud.store.begin().await?;
    let row = nodes::lock_instance(&transaction, tenant, &node.node.uuid)
        .await?
        .ok_or_else(|| ApiError::text(axum::http::StatusCode::UNAUTHORIZED, "Unauthorized"))?;
    if is_news(&row, request) {
        traffic::add(&transaction, minute(&row, request, cloud.now())).await?;
    }
    let change = after_heartbeat(row, request, cloud.now(), &node.ip.to_string());
    nodes::update_instance(&transaction, tenant, change).await?;
    let versions = config_versions::current(&transaction, tenant).await?;
    transaction.commit().await?;
    let desired = [("ruleset", versions.ruleset_version), ("iplists", versions.lists_seq)];
    Ok(HeartbeatResponse {
        desired: desired.into_iter().map(|(kind, version)| (kind.to_owned(), version)).collect(),
    })
}

/// Whether a heartbeat was not applied before.
fn is_news(row: &node_instance::Model, request: &HeartbeatRequest) -> bool {
    let seq = i64::try_from(request.seq).unwrap_or(i64::MAX);
    row.startid != request.startid || seq > row.heartbeat_seq
}

/// One of the figures that a heartbeat reports.
fn count(request: &HeartbeatRequest, name: &str) -> i64 {
    let count = request.stats.get(name).copied().unwrap_or(0).min(MAX_COUNT);
    i64::try_from(count).unwrap_or(0)
}

/// The traffic that a heartbeat reports.
fn minute(row: &node_instance::Model, request: &HeartbeatRequest, now: i64) -> traffic_minute::Model {
    let count = |name: &str| count(request, name);
    traffic_minute::Model {
        client_id: row.client_id,
        time: now - now.rem_euclid(60),
        node_uuid: row.uuid.clone(),
        requests: count("requests"),
        attacks: count("attacks"),
        blocked: count("blocked"),
    }
}

/// What a heartbeat changes in the row of its instance.
fn after_heartbeat(
    row: node_instance::Model,
    request: &HeartbeatRequest,
    now: i64,
    ip: &str,
) -> node_instance::ActiveModel {
    let seq = i64::try_from(request.seq).unwrap_or(i64::MAX);
    let restarted = row.startid != request.startid;
    let repeated = !restarted && seq <= row.heartbeat_seq;
    let version = |kind: &str| request.versions.get(kind).copied().unwrap_or(0);
    let month = month_of(now);
    let counted = if row.requests_month == month { row.requests } else { 0 };
    let requests = count(request, "requests");
    let changed = restarted || version("ruleset") != row.ruleset_version;
    let error = match request.errors.last() {
        Some(text) => Some(text.chars().take(MAX_ERROR_CHARS).collect()),
        // A restart or a new ruleset makes an old problem moot.
        None if changed => None,
        None => row.last_error.clone(),
    };
    let (ruleset_before, detectdb_before) = (row.ruleset_version, row.detectdb_version);
    let mut change = row.into_active_model();
    change.last_seen_at = Set(now);
    change.ip = Set(ip.to_owned());
    if repeated {
        return change;
    }
    change.startid = Set(request.startid.chars().take(64).collect());
    change.heartbeat_seq = Set(seq);
    change.packages = Set(serde_json::to_value(&request.packages).unwrap_or_default());
    change.lists_seq = Set(version("iplists"));
    change.requests = Set(counted.saturating_add(requests));
    change.requests_month = Set(month);
    change.rps = Set(if request.rps_m1.is_finite() { request.rps_m1.max(0.0) } else { 0.0 });
    change.last_error = Set(error);
    if version("ruleset") != ruleset_before {
        change.ruleset_version = Set(version("ruleset"));
        change.ruleset_updated_at = Set(Some(now));
    }
    if version("detectdb") != detectdb_before {
        change.detectdb_version = Set(version("detectdb"));
        change.detectdb_updated_at = Set(Some(now));
    }
    change
}

/// The bundles that a tenant's nodes should run.
///
/// # Errors
/// 500 when the store fails.
pub async fn manifest(cloud: &Cloud, tenant: TenantId) -> Result<Manifest, Failure> {
    let (seq, bundle) = ruleset::current(cloud, tenant).await?;
    // Read last: settings newer than the bundle come with a version of their own.
    let settings = rules_settings::stored(cloud.store.reader(), tenant).await?.settings;
    let limits = RulesetLimits {
        max_size: Some(settings.max_lom_size),
        min_format: settings.min_lom_format,
        max_format: settings.max_lom_format,
    };
    Ok(Manifest { seq, bundles: vec![bundle.entry.clone()], limits })
}

/// The bytes of a bundle. Only the last versions are kept; a node asks the manifest first.
///
/// # Errors
/// 404 for another version.
pub async fn bundle(
    cloud: &Cloud,
    tenant: TenantId,
    kind: BundleKind,
    version: i64,
) -> Result<Arc<Bundle>, Failure> {
    let BundleKind::Ruleset = kind;
    if let Some(bundle) = cloud.bundles.of(tenant, version) {
        return Ok(bundle);
    }
    let (_, bundle) = ruleset::current(cloud, tenant).await?;
    if bundle.entry.version == version { Ok(bundle) } else { Err(ApiError::absent().into()) }
}

/// The IP lists, or what changed in them since a sequence number.
///
/// # Errors
/// 500 when the store fails.
pub async fn lists(cloud: &Cloud, tenant: TenantId, since: i64) -> Result<ListsResponse, Failure> {
    // The number first: a change in between is then sent twice rather than never.
    let seq = config_versions::current(cloud.store.reader(), tenant).await?.lists_seq;
    // A number from the future is one of another database.
    let full = since <= 0 || since > seq;
    let since = if full { 0 } else { since };
    let added = cloud.store.ip_groups_added(tenant, since, cloud.now()).await?;
    // Read last: what was removed while reading is in both, and gone counts.
    let del = cloud.store.ip_groups_removed(tenant, if full { seq } else { since }).await?;
    let live = added.iter().filter(|group| !del.contains(&group.id));
    Ok(ListsResponse { seq, full, add: live.flat_map(entries).collect(), del })
}

/// A group as nodes see it: one entry per value.
fn entries(group: &ip_group::Model) -> Vec<ListEntry> {
    let (Some(list), Some(rule_type)) = (List::of_stored(&group.list), RuleType::of_stored(&group.rule_type))
    else {
        return vec![];
    };
    let applications: Vec<i64> = serde_json::from_value(group.application_ids.clone()).unwrap_or_default();
    let apps =
        (!applications.is_empty() && !applications.contains(&ALL_APPLICATIONS)).then_some(applications);
    let values = crate::auth::strings(&group.values);
    let entry = |value: String| ListEntry {
        id: group.id,
        list: match list {
            List::Allow => ListName::Allow,
            List::Deny => ListName::Deny,
            List::Gray => ListName::Gray,
        },
        kind: rule_type.node_kind().to_owned(),
        value,
        apps: apps.clone(),
        // Of triggers, the one that counts malicious payloads makes entries.
        attack_type: group.author_trigger_id.map(|_| AttackType::Vectors),
        expires_at: (group.expired_at < NEVER).then_some(group.expired_at),
    };
    values.into_iter().map(entry).collect()
}

/// Waits until something changed after `since`, for at most [`WATCH`].
///
/// # Errors
/// 500 when the store fails.
pub async fn watch(cloud: &Cloud, tenant: TenantId, since: i64) -> Result<WatchResponse, Failure> {
    let notify = cloud.notices.of(tenant);
    let deadline = Instant::now() + WATCH;
    loop {
        // Before reading: a change after the look below wakes this wait.
        let notified = notify.notified();
        let versions = config_versions::current(cloud.store.reader(), tenant).await?;
        let changed = changed_since(&versions, since);
        if !changed.is_empty() || Instant::now() >= deadline || cloud.notices.is_closing() {
            return Ok(WatchResponse { seq: versions.seq, changed });
        }
        let look = deadline.min(Instant::now() + LOOK);
        tokio::select! {
            () = notified => {}
            () = tokio::time::sleep_until(look) => {}
        }
    }
}

/// The kinds that changed after a sequence number; all of them when the number is of another database.
fn changed_since(versions: &config_version::Model, since: i64) -> Vec<String> {
    let kinds: BTreeMap<&str, i64> =
        [("ruleset", versions.ruleset_version), ("iplists", versions.lists_seq)].into();
    let foreign = since > versions.seq;
    let changed = kinds.into_iter().filter(|(_, at)| foreign || *at > since);
    changed.map(|(kind, _)| kind.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_count_on() {
        assert_eq!(month_of(1_780_000_000), 2026 * 12 + 4);
    }

    #[test]
    fn a_number_from_another_database_means_everything_changed() {
        let versions = config_version::Model {
            client_id: 1,
            seq: 9,
            ruleset_version: 7,
            ruleset_updated_at: 0,
            lists_seq: 9,
        };
        assert_eq!(changed_since(&versions, 9), Vec::<String>::new());
        assert_eq!(changed_since(&versions, 8), ["iplists"]);
        assert_eq!(changed_since(&versions, 1), ["iplists", "ruleset"]);
        assert_eq!(changed_since(&versions, 10), ["iplists", "ruleset"]);
    }
}
