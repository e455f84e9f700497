//! Triggers that watch the configuration: new users and denylisted sources.

use bartizan_store::{
    TenantId,
    entity::{activity, ip_group},
    sea_orm::ConnectionTrait,
    triggers, users,
};
use serde_json::{Value, json};

use super::{
    firing::clock,
    watch::{Action, Watch},
};
use crate::{
    auth::strings,
    failure::Failure,
    services::notification::{self, Notification},
};

/// Entries of one change that are told one by one; of more, the first and how many others.
const TOLD_ONE_BY_ONE: usize = 20;

/// Applies `user_created` to a change that was just written to the activity log.
///
/// # Errors
/// 500 when the store fails.
pub async fn of_change<C: ConnectionTrait>(connection: &C, entry: &activity::Model) -> Result<(), Failure> {
    if entry.object_type != "user" || entry.action_type != "create" {
        return Ok(());
    }
    let tenant = TenantId(entry.client_id);
    let state = entry.state_after.as_ref().unwrap_or(&Value::Null);
    let role =
        state.get("permissions").map(strings).unwrap_or_default().into_iter().next().unwrap_or_default();
    let watching = triggers::enabled(connection, tenant, &["user_created"]).await?;
    let author = match (watching.is_empty(), entry.initiator_id, entry.initiator_client_id) {
        (false, Some(user), Some(home)) => users::find(connection, TenantId(home), user).await?,
        _ => None,
    };
    let author = author.map(|user| user.email);
    for row in watching {
        let watch = Watch::of(&row);
        if !watch.passes(|id, value| id != "user_role" || value.as_str() == Some(role_name(&role).as_str())) {
            continue;
        }
        let notification = Notification {
            kind: "create_user",
            summary: format!("New user \"{}\"", entry.object_name),
            description: format!("{} created the user {}.", entry.initiator_name, entry.object_name),
            details: json!({
                "trigger_name": watch.name,
                "trigger_id": watch.id,
                "user": {"id": entry.object_id, "name": entry.object_name, "email": state.get("email")},
                "role": role,
                "author": {"id": entry.initiator_id, "name": entry.initiator_name, "email": author},
            }),
        };
        tell(connection, tenant, &watch, &notification, entry.time * 1000).await?;
    }
    Ok(())
}

/// The role of the API in the words of the filter.
fn role_name(role: &str) -> String {
    let (prefix, base) = match role.strip_prefix("partner_") {
        Some(base) => ("global_", base),
        None => ("", role),
    };
    let base = match base.strip_suffix("_ext").unwrap_or(base) {
        "analytic" => "analyst",
        "auditor" => "read_only",
        other => other,
    };
    format!("{prefix}{base}")
}

/// Applies `blacklist_ip_added` to entries that were just put onto the denylist.
///
/// # Errors
/// 500 when the store fails.
pub async fn denylisted<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    entries: &[ip_group::Model],
    now_ms: i64,
) -> Result<(), Failure> {
    if entries.is_empty() {
        return Ok(());
    }
    for row in triggers::enabled(connection, tenant, &["blacklist_ip_added"]).await? {
        let watch = Watch::of(&row);
        let fitting: Vec<&ip_group::Model> = entries.iter().filter(|entry| fits(&watch, entry)).collect();
        if fitting.len() <= TOLD_ONE_BY_ONE {
            for entry in fitting {
                tell(connection, tenant, &watch, &denial(&watch, entry), now_ms).await?;
            }
        } else if let Some(first) = fitting.first() {
            let mut notification = denial(&watch, first);
            let others = fitting.len() - 1;
            notification.summary = format!("{} and {others} others were denylisted", denied(first));
            tell(connection, tenant, &watch, &notification, now_ms).await?;
        }
    }
    Ok(())
}

/// Whether an entry is about an application of the trigger.
fn fits(watch: &Watch, entry: &ip_group::Model) -> bool {
    let pools = pools(entry);
    watch.passes(|id, value| {
        id != "pool" || pools.contains(&0) || value.as_i64().is_some_and(|pool| pools.contains(&pool))
    })
}

fn pools(entry: &ip_group::Model) -> Vec<i64> {
    serde_json::from_value(entry.application_ids.clone()).unwrap_or_default()
}

fn denied(entry: &ip_group::Model) -> String {
    strings(&entry.values).join(", ")
}

fn denial(watch: &Watch, entry: &ip_group::Model) -> Notification {
    Notification {
        kind: "ip_blocked",
        summary: format!("{} was denylisted", denied(entry)),
        description: format!("Until: {}. Reason: {}", clock(entry.expired_at), entry.reason),
        details: json!({
            "trigger_name": watch.name,
            "trigger_id": watch.id,
            "application": pools(entry),
            "reason": entry.reason,
            "expire_at": entry.expired_at,
            "ip": denied(entry),
        }),
    }
}

async fn tell<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    watch: &Watch,
    notification: &Notification,
    now_ms: i64,
) -> Result<(), Failure> {
    for action in &watch.actions {
        if let Action::Notify(ids) = action {
            notification::tell(connection, tenant, ids, notification, now_ms).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_have_the_names_of_the_filter() {
        for (role, name) in [
            ("admin", "admin"),
            ("admin_ext", "admin"),
            ("analytic", "analyst"),
            ("auditor", "read_only"),
            ("partner_auditor", "global_read_only"),
            ("api_developer", "api_developer"),
        ] {
            assert_eq!(role_name(role), name);
        }
    }
}
