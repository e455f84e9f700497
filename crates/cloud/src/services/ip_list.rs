//! IP lists: what may be listed, conflicts, expiry (`spec/rules.md` section 6).
//!
//! Two APIs spell the same entries differently; both end here. A change bumps the sequence number of the
//! tenant's lists and is stamped with it, so that nodes load only what changed.

use std::collections::HashSet;

use axum::http::StatusCode;
use bartizan_api::{
    ApiError, Permission,
    ip_list::{BlacklistRecord, IpListCounts},
    list::Page,
};
use bartizan_store::{
    TenantId, Tenants, config_versions,
    entity::ip_group::Model,
    ip_groups::{self, GroupFilter, ValueQuery},
    pools,
    sea_orm::DatabaseTransaction,
};
use serde_json::{Value, json};

use super::{
    activity::{self, Change},
    pools::{DEFAULT_ID, MAX_ID},
    trigger,
};
use crate::{
    auth::{Caller, strings},
    failure::Failure,
    state::Cloud,
};

mod automatic;
mod names;
pub(super) mod transfer;
mod values;

pub use automatic::{Automatic, list_automatically};
pub use names::{List, RuleType, Spelling};
pub use values::{DATACENTERS, canonical_network};

/// The expiry that means never.
pub const NEVER: i64 = 33_223_139_044;
/// The application id that means all applications.
pub const ALL_APPLICATIONS: i64 = 0;
/// Longest reason, characters.
const MAX_REASON_CHARS: usize = 1024;

/// Entries to create.
pub struct NewEntries {
    /// Tenant.
    pub tenant: TenantId,
    /// Spelling of names in errors.
    pub spelling: Spelling,
    /// List.
    pub list: List,
    /// Whether conflicting entries are replaced.
    pub force: bool,
    /// Why.
    pub reason: String,
    /// Applications; empty is all.
    pub applications: Vec<i64>,
    /// Expiry as sent.
    pub expired_at: Value,
    /// Types with their values.
    pub rules: Vec<(RuleType, Vec<String>)>,
}

/// The lists that a caller may see.
#[must_use]
pub fn visible_lists(caller: &Caller) -> Vec<List> {
    List::ALL.into_iter().filter(|list| caller.may(list.view_permission())).collect()
}

/// A page of entries, newest first. `asked` names lists; those that the caller may not see are left out.
///
/// # Errors
/// 400 for bad paging.
pub async fn list(
    cloud: &Cloud,
    caller: &Caller,
    tenants: &Tenants,
    asked: Vec<List>,
    mut filter: GroupFilter,
    page: Page,
) -> Result<Vec<Model>, Failure> {
    let visible = visible_lists(caller).into_iter().filter(|list| asked.is_empty() || asked.contains(list));
    filter.lists = visible.map(|list| list.stored().to_owned()).collect();
    if filter.lists.is_empty() {
        return Ok(vec![]);
    }
    Ok(cloud.store.ip_groups(tenants, &filter, cloud.now(), page.offset, page.limit).await?)
}

/// The look-up of a value as users type it.
#[must_use]
pub fn value_query(text: &str) -> ValueQuery {
    match canonical_network(text) {
        Some(network) => ValueQuery::Network(network),
        None => ValueQuery::Code(text.to_owned()),
    }
}

/// Creates entries: one group per subnet, one per rule of codes.
///
/// # Errors
/// 400 for invalid values, 403, 409 with the conflicts.
pub async fn create(cloud: &Cloud, caller: &Caller, new: NewEntries) -> Result<Vec<Model>, Failure> {
    caller.require(new.list.create_permission())?;
    let rows = Rows::judge(cloud, &new, values::groups(&new.rules, cloud.config.limits.ip_list_values)?)?;
    let transaction = cloud.store.begin().await?;
    let rows = rows.make_room(&transaction, caller, &new).await?;
    let mut created = Vec::with_capacity(rows.len());
    for row in rows {
        created.push(ip_groups::insert(&transaction, row).await?);
    }
    log(&transaction, caller, new.tenant, cloud.now(), "create", &created).await?;
    if new.list == List::Deny {
        trigger::changes::denylisted(&transaction, new.tenant, &created, cloud.clock.now_ms()).await?;
    }
    transaction.commit().await?;
    cloud.notices.changed(new.tenant);
    Ok(created)
}

/// Creates an entry for each line of a text, all or none, and returns how many.
///
/// # Errors
/// 400 that names a bad line, 403, 409 with the conflicts.
pub async fn import(cloud: &Cloud, caller: &Caller, new: NewEntries, text: &str) -> Result<usize, Failure> {
    caller.require(new.list.create_permission())?;
    let rows = Rows::judge(cloud, &new, values::lines(text, cloud.config.limits.ip_list_import_lines)?)?;
    let transaction = cloud.store.begin().await?;
    let rows = rows.make_room(&transaction, caller, &new).await?;
    let count = rows.len();
    log(&transaction, caller, new.tenant, cloud.now(), "create", &rows).await?;
    if new.list == List::Deny {
        trigger::changes::denylisted(&transaction, new.tenant, &rows, cloud.clock.now_ms()).await?;
    }
    ip_groups::insert_many(&transaction, rows).await?;
    transaction.commit().await?;
    cloud.notices.changed(new.tenant);
    Ok(count)
}

/// New entries that are valid in themselves.
struct Rows {
    groups: Vec<values::Group>,
    applications: Vec<i64>,
    expired_at: i64,
    now: i64,
}

impl Rows {
    fn judge(cloud: &Cloud, new: &NewEntries, groups: Vec<values::Group>) -> Result<Rows, ApiError> {
        let (now, limits) = (cloud.now(), &cloud.config.limits);
        let expired_at = expiry(&new.expired_at, now)?;
        let applications = applications(&new.applications, limits.ip_list_applications)?;
        if groups.len().saturating_mul(applications.len()) > limits.ip_list_pairs {
            let text = format!("times the number of values should be at most {}", limits.ip_list_pairs);
            return Err(ApiError::field("application_ids", text, applications.len()));
        }
        Ok(Rows { groups, applications, expired_at, now })
    }

    /// Takes conflicting entries away, or refuses, and returns what is to insert.
    async fn make_room(
        self,
        transaction: &DatabaseTransaction,
        caller: &Caller,
        new: &NewEntries,
    ) -> Result<Vec<Model>, Failure> {
        let seq = config_versions::bump_lists(transaction, new.tenant).await?.lists_seq;
        if let Some(id) = first_unknown(transaction, new.tenant, &self.applications).await? {
            return Err(ApiError::field(new.spelling.applications(), "is unknown", id).into());
        }
        let conflicts =
            conflicts(transaction, new.tenant, &self.groups, &self.applications, self.now).await?;
        if !conflicts.is_empty() {
            resolve(transaction, caller, new, &self.groups, &conflicts, (seq, self.now)).await?;
        }
        let row = |group: values::Group| Model {
            id: 0,
            client_id: new.tenant.0,
            list: new.list.stored().to_owned(),
            rule_type: group.rule_type.stored().to_owned(),
            values: json!(group.values),
            network: group.network,
            application_ids: json!(self.applications),
            reason: new.reason.chars().take(MAX_REASON_CHARS).collect(),
            created_at: self.now,
            expired_at: self.expired_at,
            author_user_id: caller.user_id(),
            added_seq: seq,
            removed_seq: None,
            removed_at: None,
            author_trigger_id: None,
        };
        Ok(self.groups.into_iter().map(row).collect())
    }
}

/// The number of live entries of each type on the lists that the caller may see, of those asked for.
///
/// # Errors
/// 500 when the store fails.
pub async fn counts(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    asked: &[List],
) -> Result<IpListCounts, Failure> {
    let visible = visible_lists(caller).into_iter().filter(|list| asked.is_empty() || asked.contains(list));
    let lists: Vec<String> = visible.map(|list| list.stored().to_owned()).collect();
    let counted = cloud.store.ip_group_counts(tenant, &lists, cloud.now()).await?;
    let of = |kind: RuleType| counted.get(kind.stored()).copied().unwrap_or(0);
    Ok(IpListCounts {
        subnet: of(RuleType::Subnet),
        location: of(RuleType::Location),
        datacenter: of(RuleType::Datacenter),
        proxy_type: of(RuleType::ProxyType),
    })
}

/// The denied addresses, one record per address and application, newest first; with `history` also those that
/// are denied no more.
///
/// # Errors
/// 500 when the store fails.
pub async fn denied(
    cloud: &Cloud,
    tenants: &Tenants,
    history: bool,
    page: Page,
) -> Result<Vec<BlacklistRecord>, Failure> {
    let now = cloud.now();
    let groups =
        cloud.store.denied_subnets(tenants, (!history).then_some(now), page.offset, page.limit).await?;
    let records = groups.iter().flat_map(|group| {
        let applications: Vec<i64> =
            serde_json::from_value(group.application_ids.clone()).unwrap_or_default();
        let ended = group.removed_at.or((group.expired_at <= now).then_some(group.expired_at));
        let values = strings(&group.values);
        let record = move |ip: String, pool_id: i64| BlacklistRecord {
            ip,
            reason: group.reason.clone(),
            blocked_at: group.created_at,
            expire_at: group.expired_at,
            unblocked_at: ended,
            pool_id,
            client_id: group.client_id,
        };
        values.into_iter().flat_map(move |ip| {
            applications.clone().into_iter().map(move |pool_id| record(ip.clone(), pool_id))
        })
    });
    Ok(records.collect())
}

/// Deletes the entries that each filter names, and returns them. Unknown ids are ignored.
///
/// # Errors
/// 403 when an entry is on a list that the caller may not change.
pub async fn delete(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    filters: &[GroupFilter],
) -> Result<Vec<Model>, Failure> {
    let now = cloud.now();
    let transaction = cloud.store.begin().await?;
    let seq = config_versions::bump_lists(&transaction, tenant).await?.lists_seq;
    let mut found = Vec::new();
    for filter in filters {
        found.extend(ip_groups::matching(&transaction, tenant, filter, now).await?);
    }
    if found.is_empty() {
        // Nothing changed: the bump is rolled back.
        return Ok(found);
    }
    for group in &found {
        require_delete(caller, group)?;
    }
    let ids: Vec<i64> = found.iter().map(|group| group.id).collect();
    ip_groups::remove(&transaction, tenant, &ids, seq, now).await?;
    log(&transaction, caller, tenant, now, "delete", &found).await?;
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    Ok(found)
}

fn require_delete(caller: &Caller, group: &Model) -> Result<(), ApiError> {
    let list = List::of_stored(&group.list).ok_or_else(ApiError::internal)?;
    caller.require(list.delete_permission())
}

/// When an entry ends, from what was sent.
fn expiry(sent: &Value, now: i64) -> Result<i64, ApiError> {
    if sent.is_null() {
        return Err(ApiError::field("expired_at", "can't be blank", Value::Null));
    }
    let time = bartizan_api::filter::int(sent)
        .ok_or_else(|| ApiError::field("expired_at", "is invalid", sent.clone()))?;
    match time {
        0 => Ok(NEVER),
        time if time > now => Ok(time.min(NEVER)),
        _ => Err(ApiError::field("expired_at", "must be in the future", sent.clone())),
    }
}

/// The applications of an entry, each once; all of them as `[0]`.
fn applications(sent: &[i64], most: usize) -> Result<Vec<i64>, ApiError> {
    if sent.is_empty() || sent.contains(&ALL_APPLICATIONS) {
        return Ok(vec![ALL_APPLICATIONS]);
    }
    match sent.iter().find(|id| **id != DEFAULT_ID && !(1..=MAX_ID).contains(*id)) {
        Some(id) => Err(ApiError::field("application_ids", "is invalid", *id)),
        None => {
            let mut seen = HashSet::new();
            let each: Vec<i64> = sent.iter().copied().filter(|id| seen.insert(*id)).collect();
            if each.len() > most {
                let text = format!("should be in 1..{most}");
                return Err(ApiError::field("application_ids", text, each.len()));
            }
            Ok(each)
        }
    }
}

/// The first application that the tenant does not have. All of them, and the default one, are always there.
async fn first_unknown(
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    applications: &[i64],
) -> Result<Option<i64>, Failure> {
    let named: Vec<i64> =
        applications.iter().copied().filter(|id| ![ALL_APPLICATIONS, DEFAULT_ID].contains(id)).collect();
    if named.is_empty() {
        return Ok(None);
    }
    let known = pools::in_use(transaction, tenant, &named).await?;
    Ok(named.into_iter().find(|id| !known.contains(id)))
}

/// A value of an entry that a new one says something about, too.
struct Conflict {
    group: Model,
    value: String,
}

/// Live entries, on any list, with a value of the new ones and an overlapping application scope.
async fn conflicts(
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    groups: &[values::Group],
    applications: &[i64],
    now: i64,
) -> Result<Vec<Conflict>, Failure> {
    let mut found = Vec::new();
    let networks: Vec<String> = groups.iter().filter_map(|group| group.network.clone()).collect();
    let same_network = ip_groups::with_networks(transaction, tenant, &networks, now).await?;
    for group in same_network.into_iter().filter(|group| overlaps(group, applications)) {
        let value = strings(&group.values).into_iter().next().unwrap_or_default();
        found.push(Conflict { group, value });
    }
    for new in groups.iter().filter(|group| group.network.is_none()) {
        let live = ip_groups::with_codes(transaction, tenant, new.rule_type.stored(), now).await?;
        for group in live.into_iter().filter(|group| overlaps(group, applications)) {
            let shared = strings(&group.values)
                .into_iter()
                .find(|value| new.values.iter().any(|other| other.eq_ignore_ascii_case(value)));
            if let Some(value) = shared {
                found.push(Conflict { group, value });
            }
        }
    }
    Ok(found)
}

fn overlaps(group: &Model, applications: &[i64]) -> bool {
    let own: Vec<i64> = serde_json::from_value(group.application_ids.clone()).unwrap_or_default();
    own.contains(&ALL_APPLICATIONS)
        || applications.contains(&ALL_APPLICATIONS)
        || own.iter().any(|id| applications.contains(id))
}

/// Refuses conflicts, or with `force` takes the conflicting values off their lists.
async fn resolve(
    transaction: &DatabaseTransaction,
    caller: &Caller,
    new: &NewEntries,
    groups: &[values::Group],
    conflicts: &[Conflict],
    (seq, now): (i64, i64),
) -> Result<(), Failure> {
    if !new.force {
        return Err(conflict_error(new.spelling, conflicts).into());
    }
    for conflict in conflicts {
        require_delete(caller, &conflict.group)?;
    }
    let mut ids: Vec<i64> = conflicts.iter().map(|conflict| conflict.group.id).collect();
    ids.sort_unstable();
    ids.dedup();
    ip_groups::remove(transaction, new.tenant, &ids, seq, now).await?;
    // Codes that the new entry does not name stay listed, under a new id; a subnet is the only value of its entry.
    let mut seen = HashSet::new();
    let of_codes = conflicts.iter().map(|conflict| &conflict.group).filter(|group| group.network.is_none());
    for group in of_codes.filter(|group| seen.insert(group.id)) {
        let replaced = |value: &String| {
            let same_type = groups.iter().filter(|new| new.rule_type.stored() == group.rule_type);
            same_type.flat_map(|new| &new.values).any(|other| other.eq_ignore_ascii_case(value))
        };
        let kept: Vec<String> = strings(&group.values).into_iter().filter(|value| !replaced(value)).collect();
        if !kept.is_empty() {
            let row = Model { values: json!(kept), added_seq: seq, ..group.clone() };
            ip_groups::insert(transaction, row).await?;
        }
    }
    let removed: Vec<Model> = conflicts.iter().map(|conflict| conflict.group.clone()).collect();
    log(transaction, caller, new.tenant, now, "delete", &removed).await
}

fn conflict_error(spelling: Spelling, conflicts: &[Conflict]) -> ApiError {
    let named: Vec<Value> = conflicts
        .iter()
        .map(|conflict| {
            let list = List::of_stored(&conflict.group.list).map(|list| list.name(spelling));
            json!({"id": conflict.group.id, "list": list, "value": conflict.value})
        })
        .collect();
    ApiError { status: StatusCode::CONFLICT, body: json!({"conflicts": named}), retry_after_s: None }
}

/// One activity entry per list that changed.
async fn log(
    transaction: &DatabaseTransaction,
    caller: &Caller,
    tenant: TenantId,
    now: i64,
    action: &'static str,
    groups: &[Model],
) -> Result<(), Failure> {
    for list in List::ALL {
        let touched: Vec<&Model> = groups.iter().filter(|group| group.list == list.stored()).collect();
        let Some(first) = touched.first() else { continue };
        let values: Vec<String> = touched.iter().flat_map(|group| strings(&group.values)).take(100).collect();
        let state = json!({"list": list.stored(), "values": values, "count": touched.len(), "reason": first.reason,
            "expired_at": first.expired_at, "application_ids": first.application_ids});
        let (before, after) = if action == "delete" { (Some(state), None) } else { (None, Some(state)) };
        let change = Change {
            object_type: "ip_list_object",
            action,
            object_id: first.id.to_string(),
            object_name: values.first().cloned().unwrap_or_default(),
            before,
            after,
        };
        activity::log(transaction, caller, tenant, now, change).await?;
    }
    Ok(())
}

impl List {
    fn view_permission(self) -> Permission {
        match self {
            List::Allow => Permission::ViewAllowlist,
            List::Deny => Permission::ViewDenylist,
            List::Gray => Permission::ViewGraylist,
        }
    }

    fn create_permission(self) -> Permission {
        match self {
            List::Allow => Permission::CreateAllowlist,
            List::Deny => Permission::CreateDenylist,
            List::Gray => Permission::CreateGraylist,
        }
    }

    fn delete_permission(self) -> Permission {
        match self {
            List::Allow => Permission::DeleteAllowlist,
            List::Deny => Permission::DeleteDenylist,
            List::Gray => Permission::DeleteGraylist,
        }
    }
}
