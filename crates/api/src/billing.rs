//! Shapes of subscriptions (`spec/accounts.md` section 4.6). They come without the envelope.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A subscription of a client.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SubscriptionView {
    /// Identity.
    pub id: i64,
    /// Client.
    pub client_id: i64,
    /// Plan.
    pub plan_id: i64,
    /// `trial`, `annual` and others.
    #[serde(rename = "type")]
    #[schema(example = "annual")]
    pub kind: String,
    /// `active` and others.
    #[schema(example = "active")]
    pub state: String,
    /// First day.
    #[schema(example = "2026-01-05")]
    pub start_on: String,
    /// Last day.
    #[schema(example = "2099-12-31")]
    pub finish_on: String,
    /// Order among the subscriptions of a client.
    pub position: i64,
    /// Properties.
    #[schema(value_type = Object)]
    pub properties: Value,
    /// Features.
    pub features: Vec<FeatureView>,
}

/// A feature that a subscription includes.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FeatureView {
    /// Identity of the inclusion.
    pub binding_id: i64,
    /// The feature.
    pub feature: Feature,
    /// Settings.
    pub settings: Vec<FeatureSetting>,
}

/// A feature.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Feature {
    /// Identity.
    pub id: i64,
    /// Name.
    #[schema(example = "waf")]
    pub slug: String,
}

/// A setting of a feature.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureSetting {
    /// Name.
    pub name: String,
    /// Value.
    #[schema(value_type = Object)]
    pub value: Value,
}

/// A plan that clients can have.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlanView {
    /// Identity.
    pub id: i64,
    /// Name.
    #[schema(example = "bartizan")]
    pub slug: String,
    /// Whether the features of the plan decide.
    pub use_features: bool,
    /// Features.
    pub features: Vec<Feature>,
}

/// `POST /v1/billing/features`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureCreate {
    /// Name: 1 to 64 lower-case letters, digits, `_` and `-`; unique.
    #[schema(example = "api_sessions")]
    pub slug: String,
}

/// `POST /v1/billing/plans`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanCreate {
    /// Name: 1 to 64 lower-case letters, digits, `_` and `-`; unique.
    #[schema(example = "gold")]
    pub slug: String,
    /// Whether the features of the plan decide, true by default.
    #[serde(default = "yes")]
    pub use_features: bool,
}

fn yes() -> bool {
    true
}

/// `POST /v1/billing/plans/{id}/bindings`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BindingCreate {
    /// Feature.
    pub feature_id: i64,
    /// Settings, at most 100.
    #[serde(default)]
    pub settings: Vec<FeatureSetting>,
}

/// `POST` and `PUT` of a subscription. In a `PUT` what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionFields {
    /// Plan; needed to create one.
    #[serde(default)]
    pub plan_id: Option<i64>,
    /// `annual` by default, `trial` and others: 1 to 32 lower-case letters, digits, `_` and `-`.
    #[serde(default, rename = "type")]
    #[schema(example = "annual")]
    pub kind: Option<String>,
    /// `active` by default: 1 to 32 lower-case letters, digits, `_` and `-`.
    #[serde(default)]
    pub state: Option<String>,
    /// First day, today by default.
    #[serde(default)]
    #[schema(example = "2026-01-05")]
    pub start_on: Option<String>,
    /// Last day, not before the first; `2099-12-31` by default.
    #[serde(default)]
    #[schema(example = "2027-01-04")]
    pub finish_on: Option<String>,
    /// Order among the subscriptions of a client, 0 to 1000.
    #[serde(default)]
    pub position: Option<i64>,
    /// Properties, an object of at most 64 KiB. `requests_per_month` and `max_users`, whole numbers with 0 for no limit,
    /// are quotas of the client.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub properties: Option<Value>,
}

/// `POST /v1/billing/subscriptions/trials`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialCreate {
    /// JSON Web Token, at most 8192 characters.
    #[schema(example = "eyJhbGciOiJFZERTQSJ9.eyJjbGllbnRfaWQiOjE3fQ.c2lnbmF0dXJl")]
    pub jwt: String,
}

/// What a global account may do about trials.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartnerBilling {
    /// Plan of trials.
    #[schema(example = "bartizan")]
    pub trial_plan_slug: String,
    /// Days of a trial, 1 to 3650.
    pub trial_period: i64,
    /// Days that a trial is extended by, 0 to 3650.
    pub trial_extend_period: i64,
    /// Days between two trials, 0 to 3650.
    pub trial_wait_period: i64,
    /// Whether trials may begin.
    pub trials_enabled: bool,
}
