//! Shapes of triggers (`spec/rules.md` section 7).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A list of triggers.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TriggerList {
    /// Triggers, oldest first.
    pub triggers: Vec<TriggerView>,
}

/// One trigger.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TriggerOne {
    /// The trigger.
    pub trigger: TriggerView,
}

/// A trigger: on what to do what.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TriggerView {
    /// Identity.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Free text.
    pub comment: String,
    /// Whether it is in force.
    pub enabled: bool,
    /// Tenant.
    pub client_id: i64,
    /// What it watches.
    #[schema(example = "attacks_exceeded")]
    pub template_id: String,
    /// Filters, and the threshold once more as the filter `threshold`.
    pub filters: Vec<FilterView>,
    /// Actions.
    pub actions: Vec<ActionView>,
    /// Threshold; all zero without one.
    pub threshold: ThresholdView,
    /// The same as a list; empty without a threshold.
    pub thresholds: Vec<ThresholdView>,
    /// What the template begins with.
    pub template: TemplateView,
}

/// A filter of a trigger.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FilterView {
    /// What it looks at.
    #[schema(example = "attack_type")]
    pub id: String,
    /// `eq` or `ne`; `gt` for the threshold.
    #[schema(example = "eq")]
    pub operator: String,
    /// Values, one of which has to fit.
    #[schema(value_type = Vec<Object>, example = json!(["sqli"]))]
    pub values: Vec<Value>,
}

/// An action of a trigger.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
// The rules have an `ActionView` of their own; in the document each needs its name.
#[schema(as = TriggerActionView)]
pub struct ActionView {
    /// What is done.
    #[schema(example = "send_notification")]
    pub id: String,
    /// How.
    pub params: ActionParams,
}

/// How an action is done.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ActionParams {
    /// For `send_notification`: where to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_ids: Option<Vec<i64>>,
    /// For `block_ips` and `add_to_graylist`: seconds; 315360000 is for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock_time: Option<i64>,
}

/// More than `count` within `period` seconds.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct ThresholdView {
    /// `gt`; empty without a threshold.
    #[schema(example = "gt")]
    pub operator: &'static str,
    /// Seconds.
    #[schema(example = 3600)]
    pub period: i64,
    /// How many are still fine.
    #[schema(example = 100)]
    pub count: i64,
}

/// What a template begins with.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TemplateView {
    /// Template.
    pub id: &'static str,
    /// Filters that it knows.
    pub filters: Vec<TemplateFilter>,
    /// Threshold; all zero when it has none.
    pub threshold: TemplateThreshold,
    /// Actions that it knows.
    pub actions: Vec<ActionView>,
}

/// A filter that a template knows.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TemplateFilter {
    /// What it looks at.
    pub id: &'static str,
    /// Whether it has to be there.
    pub required: bool,
    /// Values that it begins with.
    #[schema(value_type = Vec<Object>)]
    pub values: Vec<Value>,
    /// Operators that it knows.
    pub allowed_operators: Vec<&'static str>,
    /// Operator that it begins with.
    pub operator: &'static str,
}

/// The threshold of a template.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct TemplateThreshold {
    /// Operators that it knows.
    pub allowed_operators: Vec<&'static str>,
    /// Operator that it begins with.
    pub operator: &'static str,
    /// Seconds.
    pub period: i64,
    /// How many are still fine.
    pub count: i64,
}

/// `POST` and `PUT` of triggers.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct TriggerRequest {
    /// The trigger; a change replaces it whole.
    #[serde(default)]
    pub trigger: Option<TriggerFields>,
}

/// What a trigger is made of.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct TriggerFields {
    /// What it watches.
    #[serde(default)]
    #[schema(example = "attacks_exceeded")]
    pub template_id: Option<String>,
    /// Name; that of the template when absent.
    #[serde(default)]
    pub name: Option<String>,
    /// Free text.
    #[serde(default)]
    pub comment: Option<String>,
    /// Whether it is in force.
    #[serde(default, deserialize_with = "crate::lenient::flag")]
    pub enabled: Option<bool>,
    /// Filters; all of them have to fit.
    #[serde(default)]
    #[schema(value_type = Option<Vec<FilterView>>)]
    pub filters: Option<Vec<Value>>,
    /// Actions, 1 to 4.
    #[serde(default)]
    #[schema(value_type = Option<Vec<ActionView>>)]
    pub actions: Option<Vec<Value>>,
    /// Threshold, where the template has one.
    #[serde(default)]
    #[schema(value_type = Option<Object>, example = json!({"operator": "gt", "period": 3600, "count": 100}))]
    pub threshold: Option<Value>,
}
