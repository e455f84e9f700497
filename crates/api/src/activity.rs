//! Shapes of the activity log (`spec/accounts.md` section 3.8).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::lenient;

/// A value with the name that people read.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Labelled {
    /// Name for people.
    #[schema(example = "API token")]
    pub label: String,
    /// Value for filters.
    #[schema(example = "api_token")]
    pub value: String,
}

/// What the activity log can be filtered by.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ActivityFiltersView {
    /// Kinds of objects.
    pub object_types: Vec<Labelled>,
    /// Actions.
    pub action_types: Vec<Labelled>,
    /// `success` and `failure`.
    pub outcomes: Vec<String>,
    /// Where calls come from.
    pub sources: Vec<String>,
}

/// A page of the activity log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ActivityPage {
    /// Entries.
    pub objects: Vec<ActivityView>,
}

/// Who did it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Initiator {
    /// User; null for the operator of the installation and for shared tokens.
    pub id: Option<i64>,
    /// Home tenant of the user.
    pub client_id: Option<i64>,
    /// Name.
    pub name: String,
}

/// What it was done to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ActivityObject {
    /// Name.
    pub name: String,
    /// More about it.
    pub info: Option<String>,
}

/// A field before and after.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldChange {
    /// Value before.
    #[schema(value_type = Object)]
    pub old: Value,
    /// Value after.
    #[schema(value_type = Object)]
    pub new: Value,
}

/// An entry of the activity log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ActivityView {
    /// Identity.
    pub id: i64,
    /// Unix seconds.
    pub time: i64,
    /// Label of the action.
    #[schema(example = "Create")]
    pub action_type: String,
    /// Label of the kind of object.
    #[schema(example = "API token")]
    pub object_type: String,
    /// The kind of object with its machine value.
    pub object_type_info: Labelled,
    /// `success` or `failure`.
    pub outcome: String,
    /// `ui_page`, `api_token`, `node` or `unknown`.
    pub source: String,
    /// Tenant.
    pub client_id: i64,
    /// Who did it.
    pub initiator: Initiator,
    /// Identity of the object, always as text.
    pub object_id: Option<String>,
    /// The object.
    pub object: ActivityObject,
    /// What went wrong, or more about it.
    pub description: Option<String>,
    /// Names of the fields that changed.
    pub changed_fields: Vec<String>,
    /// Those fields before and after.
    #[schema(value_type = Object)]
    pub diff: Map<String, Value>,
    /// State before; secrets are `***`.
    #[schema(value_type = Option<Object>)]
    pub state_before_action: Option<Value>,
    /// State after; secrets are `***`.
    #[schema(value_type = Option<Object>)]
    pub state_after_action: Option<Value>,
    /// Address.
    pub ip: String,
    /// Browser or program.
    pub user_agent: String,
    /// Request, as answered in `X-Request-Id`.
    pub request_id: String,
    /// API token that was used.
    pub token_id: Option<i64>,
}

/// `POST /v1/audit_log`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct AuditRequest {
    /// Most entries, 1 to 1000; 50 by default.
    #[serde(default, deserialize_with = "lenient::int")]
    pub limit: Option<i64>,
    /// Conditions: `subject_clientid`.
    #[schema(value_type = Object)]
    #[serde(default)]
    pub filter: Value,
    /// The `continuation` of the page before.
    #[serde(default)]
    pub continuation: Option<String>,
}

/// A page of the older form of the activity log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditPage {
    /// Entries, newest first.
    pub objects: Vec<AuditView>,
    /// For the next page; null on the last one.
    pub continuation: Option<String>,
}

/// State before and after.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditDiff {
    /// State before.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// State after.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
}

/// An entry in the older form.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AuditView {
    /// `create`, `update`, `delete` or `mark_false`.
    pub action: String,
    /// State before and after.
    pub diff: AuditDiff,
    /// Name of what was changed.
    pub entity: String,
    /// Identity of what was changed: a number where it is one, or else a text.
    pub subject_id: Value,
    /// Its tenant.
    pub subject_clientid: i64,
    /// Kind of what was changed.
    pub object_type: String,
    /// Who changed it.
    pub object_userid: Option<i64>,
    /// The tenant of who changed it.
    pub object_clientid: Option<i64>,
    /// Unix seconds.
    pub time: i64,
    /// Identity of the entry.
    pub realid: i64,
}
