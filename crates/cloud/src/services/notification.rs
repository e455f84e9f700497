//! What is worth telling, on its way into the outbox.
//!
//! Everything here runs in the transaction of what it tells of: either both happen or neither. The name of the
//! tenant and of the cloud are added when the notification goes out.

use bartizan_api::{integration::EventSwitch, vuln_type};
use bartizan_store::{
    JsonText, TenantId, deliveries,
    entity::{activity, delivery, hit::Model as Hit, integration::Model, vuln},
    integrations,
    sea_orm::ConnectionTrait,
};
use serde_json::{Value, json};

use super::{activity_log, integration::Kind, security_issues::source};
use crate::failure::Failure;

mod hit;

/// Events in one notification, for destinations that take several.
const BATCH: usize = 100;

/// An event to tell of.
#[derive(Clone, Debug)]
pub struct Notification {
    /// `notification_type` of the wire.
    pub kind: &'static str,
    /// Title line.
    pub summary: String,
    /// Text.
    pub description: String,
    /// Members of `details` of this kind.
    pub details: Value,
}

impl Notification {
    /// The event in its neutral form.
    #[must_use]
    pub fn event(&self) -> Value {
        json!({"summary": self.summary, "description": self.description, "details": self.details})
    }
}

/// Whether an integration asks for a kind of event, and how.
#[must_use]
pub fn switch_of(row: &Model, event: &str) -> Option<EventSwitch> {
    switch_among(&row.events, event)
}

/// Whether events of an integration hold a kind that is switched on, and how.
#[must_use]
pub fn switch_among(events: &JsonText, event: &str) -> Option<EventSwitch> {
    let switches: Vec<EventSwitch> = serde_json::from_value(events.0.clone()).unwrap_or_default();
    switches.into_iter().find(|switch| switch.event == event && switch.active)
}

/// Tells every integration of the tenant that asks for this kind of event.
///
/// # Errors
/// 500 when the store fails.
pub async fn announce<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    event: &str,
    notification: &Notification,
    now_ms: i64,
) -> Result<(), Failure> {
    let active = integrations::active(connection, tenant).await?;
    let asking: Vec<&Model> = active.iter().filter(|row| switch_of(row, event).is_some()).collect();
    enqueue(connection, &asking, notification.kind, &[notification.event()], now_ms).await
}

/// Tells these integrations of the tenant, whatever they ask for.
///
/// # Errors
/// 500 when the store fails.
pub async fn tell<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    ids: &[i64],
    notification: &Notification,
    now_ms: i64,
) -> Result<(), Failure> {
    let active = integrations::active(connection, tenant).await?;
    let named: Vec<&Model> = active.iter().filter(|row| ids.contains(&row.id)).collect();
    enqueue(connection, &named, notification.kind, &[notification.event()], now_ms).await
}

/// Puts events into the outbox for each of these integrations, in batches where the destination takes them.
///
/// # Errors
/// 500 when the store fails.
pub async fn enqueue<C: ConnectionTrait>(
    connection: &C,
    destinations: &[&Model],
    kind: &str,
    events: &[Value],
    now_ms: i64,
) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for destination in destinations {
        let kind_of_destination = Kind::parse(&destination.kind);
        let batches = kind_of_destination.is_some_and(Kind::takes_batches);
        let period_s = kind_of_destination.and_then(Kind::collects_for_s);
        let batch_until = period_s.map(|period_s| (now_ms / 1000 / period_s + 1) * period_s);
        for events in events.chunks(if batches { BATCH } else { 1 }) {
            rows.push(delivery::Model {
                id: 0,
                client_id: destination.client_id,
                integration_id: destination.id,
                notification_type: kind.to_owned(),
                events: JsonText(json!(events)),
                state: deliveries::PENDING.to_owned(),
                attempts: 0,
                due_ms: batch_until.map_or(now_ms, |until| until * 1000),
                batch_until,
                created_at: now_ms / 1000,
                finished_at: None,
                last_status: None,
                last_error: None,
            });
        }
    }
    Ok(deliveries::enqueue(connection, rows).await?)
}

/// Tells the SIEM systems of the tenant of hits that were just stored. `raws` are their requests, in the same
/// order. Returns whether anybody is told.
///
/// # Errors
/// 500 when the store fails.
pub async fn of_hits<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    hits: &[Hit],
    raws: &[String],
    now_ms: i64,
) -> Result<bool, Failure> {
    let active = integrations::active(connection, tenant).await?;
    let mut told = false;
    for row in &active {
        let Some(switch) = switch_of(row, "siem") else { continue };
        let with_headers = switch.with_headers == Some(true);
        let events: Vec<Value> = hits
            .iter()
            .zip(raws)
            .map(|(hit, raw)| {
                let headers = with_headers.then(|| serde_json::from_str::<Value>(raw).ok()).flatten();
                hit::event(hit, headers.as_ref().and_then(|raw| raw.get("headers")))
            })
            .collect();
        enqueue(connection, &[row], "new_hits", &events, now_ms).await?;
        told = true;
    }
    Ok(told)
}

/// Tells of a new vulnerability, by its severity; of one that is false already nobody is told.
///
/// # Errors
/// 500 when the store fails.
pub async fn of_issue<C: ConnectionTrait>(
    connection: &C,
    row: &vuln::Model,
    now_ms: i64,
) -> Result<(), Failure> {
    if row.status != "open" {
        return Ok(());
    }
    let risk = vuln_type::severity(row.threat);
    let notification = Notification {
        kind: "security_issue",
        summary: format!("New {risk} security issue: {}", row.title),
        description: format!("{} {}{} ({})", row.method, row.domain, row.path, row.kind),
        details: json!({
            "security_issue_link": format!("/vulnerabilities?open={}", row.id),
            "security_issue": {
                "id": row.id,
                "title": row.title,
                "type": row.kind,
                "risk": risk,
                "host": row.domain,
                "path": row.path,
                "method": row.method,
                "parameter": row.parameter,
                "discovered_by": source::names_of(&row.detection_method).0,
            },
        }),
    };
    let event = format!("security_issue_{risk}");
    announce(connection, TenantId(row.client_id), &event, &notification, now_ms).await
}

/// Objects whose changes are told as `rules_and_triggers`.
const RULES: &[&str] = &["rule", "trigger", "api_spec", "api_spec_policy", "rule_settings"];
/// Objects whose changes are told as `system`.
const SYSTEM: &[&str] = &[
    "user",
    "integration",
    "email_integration",
    "application",
    "node",
    "api_token",
    "client",
    "settings",
    "saml_authentication",
    "oidc_authentication",
    "ldap_settings",
];

/// Tells of a change of the configuration that was just written to the activity log.
///
/// # Errors
/// 500 when the store fails.
pub async fn of_change<C: ConnectionTrait>(connection: &C, entry: &activity::Model) -> Result<(), Failure> {
    let (event, kind) = match entry.object_type.as_str() {
        object if RULES.contains(&object) => ("rules_and_triggers", "rules_and_triggers"),
        object if SYSTEM.contains(&object) => ("system", "system"),
        _ => return Ok(()),
    };
    let object = entry.object_type.replace('_', " ");
    let notification = Notification {
        kind,
        summary: format!("{}: {object} \"{}\"", past(&entry.action_type), entry.object_name),
        description: format!("{} by {}.", past(&entry.action_type), entry.initiator_name),
        details: json!({
            "object": {"type": entry.object_type, "id": entry.object_id, "name": entry.object_name},
            "action": entry.action_type,
            "author": {"id": entry.initiator_id, "name": entry.initiator_name},
            "time": entry.time,
        }),
    };
    announce(connection, TenantId(entry.client_id), event, &notification, entry.time * 1000).await
}

/// Name of the stream of the activity log, among events and on the wire.
pub const ACTIVITY: &str = "activity_log";

/// Sends an entry of the activity log, as the log shows it, to the systems of the tenant that get all of it.
///
/// # Errors
/// 500 when the store fails.
pub async fn of_activity<C: ConnectionTrait>(connection: &C, entry: activity::Model) -> Result<(), Failure> {
    let active = integrations::active(connection, TenantId(entry.client_id)).await?;
    let asking: Vec<&Model> = active.iter().filter(|row| switch_of(row, ACTIVITY).is_some()).collect();
    if asking.is_empty() {
        return Ok(());
    }
    let now_ms = entry.time * 1000;
    let view = activity_log::view(entry);
    let failed = if view.outcome == "failure" { " (refused)" } else { "" };
    let notification = Notification {
        kind: ACTIVITY,
        summary: format!("{}: {} \"{}\"{failed}", view.action_type, view.object_type, view.object.name),
        description: format!("By {} from {}.", view.initiator.name, view.ip),
        details: json!({ "activity": view }),
    };
    enqueue(connection, &asking, notification.kind, &[notification.event()], now_ms).await
}

fn past(action: &str) -> &'static str {
    match action {
        "create" => "Created",
        "delete" => "Deleted",
        _ => "Changed",
    }
}
