//! A notification as it goes out: complete events, and the text for channels that people read.

use rand::Rng;
use serde_json::{Map, Value, json};

use crate::mail::Letter;

/// Version of the form of events; raised when a member changes its meaning or goes.
pub(super) const SCHEMA_VERSION: &str = "1";

/// Who sends.
#[derive(Clone, Debug)]
pub struct Sender {
    /// Tenant.
    pub client_name: String,
    /// Its UUID.
    pub client_uuid: String,
    /// Cloud.
    pub cloud: String,
}

/// One message to one destination.
#[derive(Clone, Debug)]
pub struct Message {
    /// What receivers tell repetitions by: the same in each attempt, and another for each test.
    pub reference: String,
    /// What it tells of.
    pub notification_type: String,
    /// Events, complete.
    pub events: Vec<Value>,
    /// Tenant and cloud.
    pub sender: Sender,
    /// When it became complete, Unix seconds; the same in each attempt.
    pub time: i64,
    /// Whether it only tests the connection.
    pub is_test: bool,
}

impl Message {
    /// Completes stored events with what is the same for all of a tenant. `id` is that of the delivery, 0 for a test,
    /// which is none.
    #[must_use]
    pub fn new(id: i64, kind: &str, events: Vec<Value>, sender: Sender) -> Message {
        let complete = |mut event: Value| {
            let mut details = Map::new();
            details.insert("client_name".to_owned(), json!(sender.client_name));
            details.insert("cloud".to_owned(), json!(sender.cloud));
            details.insert("notification_type".to_owned(), json!(kind));
            details.insert("schema_version".to_owned(), json!(SCHEMA_VERSION));
            if let Some(own) = event.get_mut("details").map(Value::take).as_ref().and_then(Value::as_object) {
                details.extend(own.clone());
            }
            if let Some(event) = event.as_object_mut() {
                event.insert("details".to_owned(), Value::Object(details));
            }
            event
        };
        Message {
            reference: match id {
                0 => format!("test-{:016x}", rand::rng().random::<u64>()),
                id => id.to_string(),
            },
            notification_type: kind.to_owned(),
            events: events.into_iter().map(complete).collect(),
            sender,
            time: 0,
            is_test: false,
        }
    }

    /// Title line.
    #[must_use]
    pub fn summary(&self) -> String {
        let first = self.events.first().and_then(|event| event.get("summary")?.as_str());
        let more = self.events.len().saturating_sub(1);
        match (first, more) {
            (None, _) => "Notification".to_owned(),
            (Some(first), 0) => first.to_owned(),
            (Some(first), more) => format!("{first} (and {more} more)"),
        }
    }

    /// Everything below the title, for people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines = vec![format!("Notification type: {}", self.notification_type)];
        for event in &self.events {
            if let Some(description) = event.get("description").and_then(Value::as_str) {
                lines.push(String::new());
                lines.push(description.to_owned());
            }
            let detail = |name: &str| event.get("details")?.get(name)?.as_str();
            if let Some(trigger) = detail("trigger_name") {
                lines.push(format!("Trigger: {trigger}"));
            }
            if let Some(link) = detail("link") {
                lines.push(link.to_owned());
            }
        }
        lines.push(String::new());
        lines.push(format!("Client: {}", self.sender.client_name));
        lines.push(format!("Cloud: {}", self.sender.cloud));
        lines.join("\n")
    }

    /// The page of the Console about the first event, if there is one.
    #[must_use]
    pub fn link(&self) -> Option<&str> {
        let details = self.events.first()?.get("details")?;
        details.get("security_issue_link").or_else(|| details.get("link"))?.as_str()
    }

    /// The message as a letter.
    #[must_use]
    pub fn letter(&self, to: &[String]) -> Letter {
        Letter { to: to.to_vec(), subject: self.summary(), text: self.text(), html: None }
    }

    /// How bad it is, in the four words of PagerDuty.
    #[must_use]
    pub fn severity(&self) -> &'static str {
        let details = self.events.first().and_then(|event| event.get("details"));
        let risk = details.and_then(|details| details.get("security_issue")?.get("risk")?.as_str());
        match (risk, self.notification_type.as_str()) {
            (Some("critical"), _) | (None, "incidents_exceeded") => "critical",
            (Some("high"), _) => "error",
            (Some("low" | "info"), _) | (None, "system" | "rules_and_triggers" | "create_user") => "info",
            _ => "warning",
        }
    }
}
