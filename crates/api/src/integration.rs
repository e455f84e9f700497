//! Shapes of integrations and of their deliveries (`spec/rules.md` section 8).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The `body` of answers about integrations.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ResultObject<T> {
    /// `success`.
    #[schema(example = "success")]
    pub result: &'static str,
    /// The integration, the list, or null.
    pub object: T,
}

impl<T> ResultObject<T> {
    /// Wraps an object.
    #[must_use]
    pub const fn new(object: T) -> ResultObject<T> {
        ResultObject { result: "success", object }
    }
}

/// The `body` of an answer that says only that it worked.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Done {
    /// `success`.
    #[schema(example = "success")]
    pub result: &'static str,
}

impl Default for Done {
    fn default() -> Done {
        Done { result: "success" }
    }
}

/// A switch of an integration: which notifications go there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventSwitch {
    /// Kind of notification.
    #[schema(example = "siem")]
    pub event: String,
    /// Whether it is sent.
    #[serde(default)]
    pub active: bool,
    /// For `siem`: whether the headers of the request are sent along.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_headers: Option<bool>,
}

/// An integration. Secrets of its target are masked.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": 3, "active": true, "name": "SIEM", "type": "web_hooks", "created_at": 1_780_000_000,
    "created_by": "admin@example.com", "target": {"url": "https://siem.example.com/****hook", "http_method": "POST",
        "format": "json", "headers": {"X-Team": "****"}, "ca_file": "", "ca_verify": true, "timeout": 15, "open_timeout": 20,
        "subtype": "web_hooks"}, "events": [{"event": "siem", "active": true, "with_headers": true}]}))]
pub struct IntegrationView {
    /// Identity.
    pub id: i64,
    /// Whether notifications go there.
    pub active: bool,
    /// Name.
    #[schema(example = "SIEM")]
    pub name: String,
    /// Kind of destination.
    #[serde(rename = "type")]
    #[schema(example = "web_hooks")]
    pub kind: &'static str,
    /// Unix seconds.
    pub created_at: i64,
    /// Address of the author.
    #[schema(example = "admin@example.com")]
    pub created_by: String,
    /// Where to; the form depends on the type. Secrets read as `****` and their last four characters.
    #[schema(value_type = Object)]
    pub target: Value,
    /// Switches.
    pub events: Vec<EventSwitch>,
    /// Why the system switched it off; absent as long as it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled_reason: Option<String>,
}

/// `POST /v2/integration`, and `POST /v2/integration/test`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({"name": "SIEM", "active": true, "type": "web_hooks", "clientid": 7,
    "target": {"url": "https://siem.example.com/hook", "http_method": "POST", "format": "json",
        "headers": {"X-Team": "soc"}, "ca_file": "", "ca_verify": true},
    "events": [{"event": "siem", "active": true, "with_headers": true}]}))]
pub struct IntegrationCreate {
    /// Name, 1 to 255 characters.
    #[serde(default)]
    #[schema(example = "SIEM")]
    pub name: Option<String>,
    /// Whether notifications go there.
    #[serde(default, deserialize_with = "crate::lenient::flag")]
    pub active: Option<bool>,
    /// Where to; the form depends on the type.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub target: Value,
    /// Switches; events left out are off.
    #[serde(default)]
    pub events: Option<Vec<EventSwitch>>,
    /// Kind of destination.
    #[serde(default, rename = "type")]
    #[schema(example = "web_hooks")]
    pub kind: Option<String>,
    /// Tenant; the caller's own when absent.
    #[serde(default, deserialize_with = "crate::lenient::int")]
    pub clientid: Option<i64>,
}

/// `PUT /v2/integration/{id}`: what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({"active": false}))]
pub struct IntegrationUpdate {
    /// Name, 1 to 255 characters.
    #[serde(default)]
    pub name: Option<String>,
    /// Whether notifications go there.
    #[serde(default, deserialize_with = "crate::lenient::flag")]
    pub active: Option<bool>,
    /// Where to. Secrets that are sent as they were masked stay.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub target: Option<Value>,
    /// Switches; replaces all of them.
    #[serde(default)]
    pub events: Option<Vec<EventSwitch>>,
    /// May be sent, but not changed.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Recipient of a Telegram integration, as in its creation.
    #[serde(default)]
    pub chat_data: Option<String>,
    /// Bot of a Telegram integration, as in its creation.
    #[serde(default)]
    pub token: Option<String>,
}

/// `POST /v2/integration/telegram`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct TelegramCreate {
    /// Name, 1 to 255 characters.
    #[serde(default)]
    #[schema(example = "On call")]
    pub name: Option<String>,
    /// Tenant; the caller's own when absent.
    #[serde(default, deserialize_with = "crate::lenient::int")]
    pub clientid: Option<i64>,
    /// Token of the bot that speaks; without one the bot of this cloud.
    #[serde(default)]
    pub token: Option<String>,
    /// Chat to write to.
    #[serde(default)]
    #[schema(example = "-1001234567890")]
    pub chat_data: Option<String>,
}

/// `GET /v2/integration`.
#[derive(Debug, Default, Deserialize)]
pub struct IntegrationListQuery {
    /// Tenant; all in reach when absent.
    #[serde(default, deserialize_with = "crate::lenient::int")]
    pub clientid: Option<i64>,
}

/// A notification on its way to an integration, delivered, or given up.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    /// Identity.
    pub id: i64,
    /// Integration.
    pub integration_id: i64,
    /// What it tells of.
    #[schema(example = "new_hits")]
    pub notification_type: String,
    /// `pending`, `delivered` or `dead`.
    #[schema(example = "dead")]
    pub state: String,
    /// Attempts so far.
    pub attempts: i64,
    /// Next attempt, Unix seconds; null when there is none.
    pub next_attempt_at: Option<i64>,
    /// Unix seconds.
    pub created_at: i64,
    /// End, Unix seconds.
    pub finished_at: Option<i64>,
    /// HTTP status that the last attempt got.
    pub last_status: Option<i64>,
    /// What went wrong in the last attempt.
    pub last_error: Option<String>,
    /// The events, in the neutral form that webhooks get.
    #[schema(value_type = Vec<Object>)]
    pub events: Value,
}

/// `GET /v2/integration/{id}/deliveries`.
#[derive(Debug, Default, Deserialize)]
pub struct DeliveryListQuery {
    /// `pending`, `delivered` or `dead`; any when absent.
    #[serde(default)]
    pub state: Option<String>,
    /// First row.
    #[serde(default, deserialize_with = "crate::lenient::int")]
    pub offset: Option<i64>,
    /// Rows, 1 to 1000; 50 when absent.
    #[serde(default, deserialize_with = "crate::lenient::int")]
    pub limit: Option<i64>,
}
