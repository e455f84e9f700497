//! Subscriptions (`spec/accounts.md` section 4.6): one built-in plan with everything. Answers are bare.

use axum::{extract::State, response::Response};
use bartizan_api::{
    ApiError,
    billing::{Feature, FeatureView, PlanView, SubscriptionView},
    json_response,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{auth::Caller, extract::Path, failure::Failure, state::Cloud};

/// Features of the built-in plan.
const FEATURES: &[&str] =
    &["waf", "api_discovery", "api_sessions", "vulnerabilities", "integrations", "multitenancy"];

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new().routes(routes!(subscription_list)).routes(routes!(plan_list))
}

fn features() -> impl Iterator<Item = Feature> {
    (1..).zip(FEATURES).map(|(id, slug)| Feature { id, slug: (*slug).to_owned() })
}

/// List subscriptions of a client
///
/// A self-hosted cloud has one plan with every feature and no end. The answer comes without an envelope.
#[utoipa::path(get, path = "/v1/clients/{client_id}/billing/subscriptions", tag = "Subscriptions",
    params(("client_id" = i64, Path, description = "Client")),
    responses((status = 200, description = "The subscriptions", body = Vec<SubscriptionView>)))]
pub async fn subscription_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
) -> Result<Response, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let client = cloud.store.identify_client(tenant.0).await?.ok_or_else(ApiError::access_denied)?;
    let created = chrono::DateTime::from_timestamp(client.created_at, 0).unwrap_or_default();
    let subscription = SubscriptionView {
        id: client.id,
        client_id: client.id,
        plan_id: 1,
        kind: "annual".to_owned(),
        state: "active".to_owned(),
        start_on: created.format("%Y-%m-%d").to_string(),
        finish_on: "2099-12-31".to_owned(),
        position: 0,
        properties: serde_json::json!({}),
        features: features()
            .map(|feature| FeatureView { binding_id: feature.id, feature, settings: vec![] })
            .collect(),
    };
    Ok(json_response(&[subscription]))
}

/// List plans
///
/// The built-in one. The answer comes without an envelope.
#[utoipa::path(get, path = "/v1/billing/plans", tag = "Subscriptions",
    responses((status = 200, description = "The plans", body = Vec<PlanView>)))]
pub async fn plan_list(_: Caller) -> Response {
    let plan =
        PlanView { id: 1, slug: "bartizan".to_owned(), use_features: true, features: features().collect() };
    json_response(&[plan])
}
