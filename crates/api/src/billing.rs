//! Shapes of subscriptions (`spec/accounts.md` section 4.6). They come without the envelope.

use serde::Serialize;
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
#[derive(Clone, Debug, Serialize, ToSchema)]
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
