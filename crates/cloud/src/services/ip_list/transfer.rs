//! IP lists of a tenant in a document: what people listed.

use std::collections::HashMap;

use bartizan_api::{
    ApiError,
    configuration::{IpListEntry, SectionReport},
};
use bartizan_store::{
    TenantId, config_versions,
    entity::ip_group::Model,
    ip_groups::{self, GroupFilter},
    sea_orm::ConnectionTrait,
};
use serde_json::{Value, json};

use super::{
    ALL_APPLICATIONS, List, MAX_REASON_CHARS, NEVER, RuleType, applications, overlaps,
    values::{self, Group},
};
use crate::{
    auth::strings,
    config::Limits,
    failure::Failure,
    services::configuration::{Work, at, place, plan},
};

/// The live entries that people made, in an order that does not depend on when.
///
/// # Errors
/// 500 when the store fails.
pub(in crate::services) async fn export<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    now: i64,
) -> Result<Vec<IpListEntry>, Failure> {
    let mut entries: Vec<IpListEntry> = own(connection, tenant, now)
        .await?
        .iter()
        .map(|group| IpListEntry {
            list: group.list.clone(),
            rule_type: group.rule_type.clone(),
            values: strings(&group.values),
            application_ids: serde_json::from_value(group.application_ids.clone()).unwrap_or_default(),
            expired_at: (group.expired_at < NEVER).then_some(group.expired_at),
            reason: group.reason.clone(),
        })
        .collect();
    entries.sort_by(|left, right| order(left).cmp(&order(right)));
    Ok(entries)
}

fn order(entry: &IpListEntry) -> (&str, &str, &[String], &[i64], Option<i64>, &str) {
    (&entry.list, &entry.rule_type, &entry.values, &entry.application_ids, entry.expired_at, &entry.reason)
}

async fn own<C: ConnectionTrait>(connection: &C, tenant: TenantId, now: i64) -> Result<Vec<Model>, Failure> {
    let mut groups = ip_groups::matching(connection, tenant, &GroupFilter::default(), now).await?;
    groups.retain(|group| group.author_trigger_id.is_none());
    Ok(groups)
}

/// An entry of a document.
struct Wanted {
    index: usize,
    list: List,
    group: Group,
    applications: Vec<i64>,
    expired_at: i64,
    reason: String,
}

/// The entries of a document.
pub(in crate::services) struct Entries {
    wanted: Vec<Wanted>,
    /// What tells them apart, in the same order.
    keys: Vec<String>,
    /// How many have ended, which are left out.
    expired: usize,
}

/// Reads the entries of a document.
///
/// # Errors
/// 400 with the entry at fault.
pub(in crate::services) fn read(
    entries: Vec<IpListEntry>,
    now: i64,
    limits: &Limits,
) -> Result<Entries, Failure> {
    let (mut wanted, mut expired) = (Vec::with_capacity(entries.len()), 0);
    for (index, entry) in entries.into_iter().enumerate() {
        let parsed =
            parse(index, entry, now, limits).map_err(|error| at(&place("ip_lists", index), error))?;
        expired += usize::from(parsed.is_empty());
        wanted.extend(parsed);
    }
    refuse_conflicts(&wanted)?;
    Ok(Entries { keys: wanted.iter().map(key).collect(), wanted, expired })
}

/// Makes the entries of a tenant those of a document. What triggers listed stays, unless the document lists the
/// same.
///
/// # Errors
/// 403 for a list that the author may not change.
pub(in crate::services) async fn import(work: &Work<'_>, entries: Entries) -> Result<SectionReport, Failure> {
    let Entries { wanted, keys, expired } = entries;
    let mut report = SectionReport { expired, ..SectionReport::default() };
    let seq = config_versions::bump_lists(work.transaction, work.tenant).await?.lists_seq;
    let present = own(work.transaction, work.tenant, work.now).await?;
    let present = present.into_iter().map(|group| (stored_key(&group), group)).collect();
    let plan = plan(present, &keys);
    let mut removed: Vec<i64> = Vec::new();
    for group in &plan.gone {
        let list = List::of_stored(&group.list).ok_or_else(ApiError::internal)?;
        work.author.require(list.delete_permission())?;
        removed.push(group.id);
    }
    let new: Vec<Wanted> = wanted
        .into_iter()
        .zip(&plan.kept)
        .filter(|(_, kept)| kept.is_none())
        .map(|(entry, _)| entry)
        .collect();
    for entry in &new {
        work.author.require(entry.list.create_permission())?;
    }
    report.deleted = removed.len();
    report.created = new.len();
    report.unchanged = plan.kept.len() - new.len();
    removed.extend(automatic(work, &new).await?);
    ip_groups::remove(work.transaction, work.tenant, &removed, seq, work.now).await?;
    let rows = new.into_iter().map(|entry| row(work, entry, seq)).collect();
    ip_groups::insert_many(work.transaction, rows).await?;
    Ok(report)
}

/// The entries that one of a document stands for; none when it has ended.
fn parse(index: usize, entry: IpListEntry, now: i64, limits: &Limits) -> Result<Vec<Wanted>, ApiError> {
    let list = List::of_stored(&entry.list)
        .ok_or_else(|| ApiError::field("list", "should be allow, block or gray", entry.list.clone()))?;
    let rule_type = RuleType::of_stored(&entry.rule_type)
        .ok_or_else(|| ApiError::field("rule_type", "is invalid", entry.rule_type.clone()))?;
    if entry.reason.chars().count() > MAX_REASON_CHARS {
        let error = format!("is too long (maximum is {MAX_REASON_CHARS} characters)");
        return Err(ApiError::field("reason", error, Value::Null));
    }
    let applications = applications(&entry.application_ids, limits.ip_list_applications)?;
    let groups = values::groups(&[(rule_type, entry.values)], limits.ip_list_values)?;
    let expired_at = entry.expired_at.filter(|time| *time != 0).map_or(NEVER, |time| time.min(NEVER));
    if expired_at <= now {
        return Ok(vec![]);
    }
    let wanted = |group| Wanted {
        index,
        list,
        group,
        applications: applications.clone(),
        expired_at,
        reason: entry.reason.clone(),
    };
    Ok(groups.into_iter().map(wanted).collect())
}

/// One value is on one list only, for each application.
fn refuse_conflicts(wanted: &[Wanted]) -> Result<(), Failure> {
    let mut seen: HashMap<String, Vec<&Wanted>> = HashMap::new();
    for entry in wanted {
        let names = match &entry.group.network {
            Some(network) => vec![network.clone()],
            None => {
                let code =
                    |value: &String| format!("{} {}", entry.group.rule_type.stored(), value.to_lowercase());
                entry.group.values.iter().map(code).collect()
            }
        };
        for name in names {
            let others = seen.entry(name).or_default();
            if let Some(other) = others.iter().find(|other| share(&other.applications, &entry.applications)) {
                let error = format!("lists what ip_lists[{}] lists", other.index);
                let value = json!(entry.group.values);
                return Err(at(&place("ip_lists", entry.index), ApiError::field("values", error, value)));
            }
            others.push(entry);
        }
    }
    Ok(())
}

fn share(one: &[i64], other: &[i64]) -> bool {
    one.contains(&ALL_APPLICATIONS)
        || other.contains(&ALL_APPLICATIONS)
        || one.iter().any(|id| other.contains(id))
}

fn key(entry: &Wanted) -> String {
    json!([
        entry.list.stored(),
        entry.group.rule_type.stored(),
        entry.group.values,
        entry.applications,
        entry.expired_at,
        entry.reason
    ])
    .to_string()
}

fn stored_key(group: &Model) -> String {
    json!([group.list, group.rule_type, group.values, group.application_ids, group.expired_at, group.reason])
        .to_string()
}

/// What triggers listed and new entries say something about, too.
async fn automatic(work: &Work<'_>, new: &[Wanted]) -> Result<Vec<i64>, Failure> {
    let applications: HashMap<&str, Vec<&[i64]>> = new.iter().fold(HashMap::new(), |mut map, entry| {
        if let Some(network) = &entry.group.network {
            map.entry(network.as_str()).or_default().push(&entry.applications);
        }
        map
    });
    let networks: Vec<String> = applications.keys().map(|network| (*network).to_owned()).collect();
    let listed = ip_groups::with_networks(work.transaction, work.tenant, &networks, work.now).await?;
    let in_the_way = |group: &&Model| {
        let new = group.network.as_deref().and_then(|network| applications.get(network));
        group.author_trigger_id.is_some()
            && new.is_some_and(|all| all.iter().any(|applications| overlaps(group, applications)))
    };
    Ok(listed.iter().filter(in_the_way).map(|group| group.id).collect())
}

fn row(work: &Work<'_>, entry: Wanted, seq: i64) -> Model {
    Model {
        id: 0,
        client_id: work.tenant.0,
        list: entry.list.stored().to_owned(),
        rule_type: entry.group.rule_type.stored().to_owned(),
        values: json!(entry.group.values),
        network: entry.group.network,
        application_ids: json!(entry.applications),
        reason: entry.reason,
        created_at: work.now,
        expired_at: entry.expired_at,
        author_user_id: work.author.user_id(),
        added_seq: seq,
        removed_seq: None,
        removed_at: None,
        author_trigger_id: None,
    }
}
