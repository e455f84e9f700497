//! Entries that triggers make.

use bartizan_store::{
    TenantId, config_versions, entity::ip_group::Model, ip_groups, sea_orm::ConnectionTrait,
};
use serde_json::json;

use super::{ALL_APPLICATIONS, List, RuleType, canonical_network, overlaps};
use crate::{failure::Failure, services::trigger::FOREVER_S};

/// An entry that the system makes.
#[derive(Clone, Debug)]
pub struct Automatic {
    /// List.
    pub list: List,
    /// Address.
    pub source: String,
    /// Applications; empty is all.
    pub applications: Vec<i64>,
    /// Why.
    pub reason: String,
    /// Unix seconds.
    pub expired_at: i64,
    /// Trigger that asks for it.
    pub trigger_id: i64,
}

/// Lists a source. What people allowed stays allowed, a denylisted source is not graylisted, an entry that ends later
/// stays, and what people took off a list stays off it for half of the time that it would have been there. Returns
/// the entry if one was made.
///
/// # Errors
/// 500 when the store fails.
pub async fn list_automatically<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    entry: &Automatic,
    now: i64,
) -> Result<Option<Model>, Failure> {
    let Some(network) = canonical_network(&entry.source) else { return Ok(None) };
    let applications =
        if entry.applications.is_empty() { vec![ALL_APPLICATIONS] } else { entry.applications.clone() };
    // First: it makes writers of the lists take turns.
    let seq = config_versions::bump_lists(connection, tenant).await?.lists_seq;
    let listed = ip_groups::with_networks(connection, tenant, std::slice::from_ref(&network), now).await?;
    let listed: Vec<Model> = listed.into_iter().filter(|group| overlaps(group, &applications)).collect();
    let stays = |group: &Model| {
        group.list == List::Allow.stored()
            || (group.list == List::Deny.stored() && entry.list == List::Gray)
            || (group.list == entry.list.stored() && group.expired_at >= entry.expired_at)
    };
    if listed.iter().any(stays) || was_taken_off(connection, tenant, entry, &network, now).await? {
        return Ok(None);
    }
    let replaced: Vec<i64> = listed.iter().map(|group| group.id).collect();
    if !replaced.is_empty() {
        ip_groups::remove(connection, tenant, &replaced, seq, now).await?;
    }
    let row = Model {
        id: 0,
        client_id: tenant.0,
        list: entry.list.stored().to_owned(),
        rule_type: RuleType::Subnet.stored().to_owned(),
        values: json!([network]),
        network: Some(network),
        application_ids: json!(applications),
        reason: entry.reason.clone(),
        created_at: now,
        expired_at: entry.expired_at,
        author_user_id: 0,
        added_seq: seq,
        removed_seq: None,
        removed_at: None,
        author_trigger_id: Some(entry.trigger_id),
    };
    Ok(Some(ip_groups::insert(connection, row).await?))
}

/// Whether people took the source off this list lately.
async fn was_taken_off<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    entry: &Automatic,
    network: &str,
    now: i64,
) -> Result<bool, Failure> {
    let last = ip_groups::last_deleted(connection, tenant, entry.list.stored(), network).await?;
    let rests = |group: &Model| {
        let was_for = (group.expired_at - group.created_at).min(FOREVER_S);
        group.removed_at.is_some_and(|removed_at| removed_at + was_for / 2 > now)
    };
    Ok(last.is_some_and(|group| group.author_trigger_id.is_some() && rests(&group)))
}
