//! What happens when a trigger fires: lists and notifications.

use bartizan_store::{TenantId, entity::trigger_firing, sea_orm::ConnectionTrait, triggers};
use chrono::DateTime;
use serde_json::json;

use super::{
    FOREVER_S,
    watch::{Action, Watch},
};
use crate::{
    failure::Failure,
    services::{
        ip_list::{self, Automatic, List, NEVER},
        notification::{self, Notification},
    },
};

/// That a trigger fired.
pub(super) struct Fired<'a> {
    pub(super) watch: &'a Watch,
    /// Source that exceeded; none when the whole tenant counts.
    pub(super) source: Option<&'a str>,
    /// What was counted.
    pub(super) total: i64,
    /// Application of the last hit.
    pub(super) pool: Option<i64>,
    pub(super) now_ms: i64,
}

/// Does what the trigger says. Returns whether the IP lists changed.
///
/// # Errors
/// 500 when the store fails.
pub(super) async fn fire<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    fired: &Fired<'_>,
) -> Result<bool, Failure> {
    let watch = fired.watch;
    let now = fired.now_ms / 1000;
    triggers::note_firing(
        connection,
        trigger_firing::Model {
            trigger_id: watch.id,
            source: fired.source.unwrap_or_default().to_owned(),
            client_id: tenant.0,
            fired_at: now,
            quiet_until: now + watch.period,
        },
    )
    .await?;
    tracing::info!(client.id = tenant.0, trigger.id = watch.id, count = fired.total, "a trigger fired");
    let mut listed = false;
    for action in &watch.actions {
        match (action, fired.source) {
            (Action::Notify(ids), _) => {
                notification::tell(connection, tenant, ids, &notification_of(fired), fired.now_ms).await?;
            }
            (Action::Block(seconds), Some(source)) => {
                listed |= list(connection, tenant, fired, List::Deny, source, *seconds).await?;
            }
            (Action::Graylist(seconds), Some(source)) => {
                listed |= list(connection, tenant, fired, List::Gray, source, *seconds).await?;
            }
            (Action::Block(_) | Action::Graylist(_), None) => {}
        }
    }
    Ok(listed)
}

async fn list<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    fired: &Fired<'_>,
    list: List,
    source: &str,
    seconds: i64,
) -> Result<bool, Failure> {
    let now = fired.now_ms / 1000;
    let entry = Automatic {
        list,
        source: source.to_owned(),
        applications: fired.watch.pools(),
        reason: format!("Trigger \"{}\": {} malicious payloads", fired.watch.name, fired.total),
        expired_at: expiry(seconds, now),
        trigger_id: fired.watch.id,
    };
    let made = ip_list::list_automatically(connection, tenant, &entry, now).await?;
    if let Some(row) = made.as_ref().filter(|_| list == List::Deny) {
        super::changes::denylisted(connection, tenant, std::slice::from_ref(row), fired.now_ms).await?;
    }
    Ok(made.is_some())
}

fn expiry(seconds: i64, now: i64) -> i64 {
    if seconds >= FOREVER_S { NEVER } else { now + seconds }
}

/// Unix seconds as people read them.
pub(super) fn clock(time: i64) -> String {
    if time >= NEVER {
        return "never".to_owned();
    }
    DateTime::from_timestamp(time, 0).map(|time| time.to_rfc3339()).unwrap_or_default()
}

fn notification_of(fired: &Fired<'_>) -> Notification {
    let watch = fired.watch;
    let (count, period, total) = (watch.count, watch.period, fired.total);
    if let Some(source) = fired.source {
        let lock = watch.actions.iter().find_map(|action| match action {
            Action::Block(seconds) | Action::Graylist(seconds) => Some(*seconds),
            Action::Notify(_) => None,
        });
        let applications: Vec<i64> = fired.pool.into_iter().collect();
        let reason = format!("more than {count} malicious payloads within {period} s");
        let details = match lock {
            Some(seconds) => json!({
                "trigger_name": watch.name,
                "trigger_id": watch.id,
                "application": applications,
                "reason": reason,
                "expire_at": expiry(seconds, fired.now_ms / 1000),
                "ip": source,
            }),
            None => json!({
                "object": {"type": "trigger", "id": watch.id, "name": watch.name},
                "action": "fire",
                "trigger_name": watch.name,
                "trigger_id": watch.id,
                "application": applications,
                "reason": reason,
                "count": total,
                "ip": source,
            }),
        };
        return Notification {
            // A trigger that only tells puts the source onto no list.
            kind: if lock.is_some() { "ip_blocked" } else { "rules_and_triggers" },
            summary: format!("{source} sent {total} different malicious payloads"),
            description: format!(
                "The source {source} sent more than {count} different malicious payloads within {period} s."
            ),
            details,
        };
    }
    let (kind, noun, link) = match watch.template.as_str() {
        "attacks_exceeded" => ("attacks_exceeded", "attacks", "/attacks"),
        "incidents_exceeded" => ("incidents_exceeded", "incidents", "/incidents"),
        _ => ("hits_exceeded", "hits", "/attacks"),
    };
    Notification {
        kind,
        summary: format!("The number of {noun} exceeded {count}"),
        description: format!("There were {total} {noun} within {period} s; the threshold is {count}."),
        details: json!({
            "trigger_name": watch.name,
            "trigger_id": watch.id,
            "count": total,
            "threshold": count,
            "period": period,
            "filters": watch.clauses(),
            "link": link,
        }),
    }
}
