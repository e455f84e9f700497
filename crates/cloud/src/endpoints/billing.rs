//! Subscriptions (`spec/accounts.md` section 4.6). Answers are bare, except those about global accounts.

use axum::{extract::State, response::Response};
use bartizan_api::{
    Empty, Envelope,
    billing::{
        BindingCreate, Feature, FeatureCreate, FeatureView, PartnerBilling, PlanCreate, PlanView,
        SubscriptionFields, SubscriptionView, TrialCreate,
    },
    json_response,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{Body, Path},
    failure::Failure,
    services::billing::{
        self,
        trials::{self, Extend},
    },
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(subscription_list, subscription_create))
        .routes(routes!(subscription_update))
        .routes(routes!(trial_create))
        .routes(routes!(trial_create_by_operator))
        .routes(routes!(trial_create_by_token))
        .routes(routes!(plan_list, plan_create))
        .routes(routes!(plan_bind))
        .routes(routes!(feature_create))
        .routes(routes!(partner_billing_set, partner_billing_delete))
}

/// List subscriptions of a client
///
/// A client without one has the built-in plan with every feature and no end. The answer comes without an envelope.
#[utoipa::path(get, path = "/v1/clients/{client_id}/billing/subscriptions", tag = "Subscriptions",
    params(("client_id" = i64, Path, description = "Client")),
    responses((status = 200, description = "The subscriptions", body = Vec<SubscriptionView>)))]
pub async fn subscription_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
) -> Result<Response, Failure> {
    Ok(json_response(&billing::subscriptions(&cloud, &caller, client_id).await?))
}

/// Create a subscription
///
/// For the operator, as everything that writes here: it takes a token made on the machine of the cloud. The answer comes
/// without an envelope.
#[utoipa::path(post, path = "/v1/clients/{client_id}/billing/subscriptions", tag = "Subscriptions",
    params(("client_id" = i64, Path, description = "Client")), request_body = SubscriptionFields,
    responses((status = 200, description = "The subscription", body = SubscriptionView),
        (status = 404, description = "There is no such client", body = bartizan_api::ErrorBody)))]
pub async fn subscription_create(
    State(cloud): State<Cloud>,
    Path(client_id): Path<i64>,
    Body(request): Body<SubscriptionFields>,
) -> Result<Response, Failure> {
    Ok(json_response(&billing::subscribe(&cloud, client_id, &request).await?))
}

/// Change a subscription
///
/// For the operator. What is absent stays. The answer comes without an envelope.
#[utoipa::path(put, path = "/v1/clients/{client_id}/billing/subscriptions/{id}", tag = "Subscriptions",
    params(("client_id" = i64, Path, description = "Client"), ("id" = i64, Path, description = "Subscription")),
    request_body = SubscriptionFields,
    responses((status = 200, description = "The subscription", body = SubscriptionView),
        (status = 404, description = "There is no such client or subscription", body = bartizan_api::ErrorBody)))]
pub async fn subscription_update(
    State(cloud): State<Cloud>,
    Path((client_id, id)): Path<(i64, i64)>,
    Body(request): Body<SubscriptionFields>,
) -> Result<Response, Failure> {
    Ok(json_response(&billing::change(&cloud, client_id, id, &request).await?))
}

/// Begin a trial
///
/// For the operator, by the settings of the client's global account: one at a time, and the next after a while. The answer
/// comes without an envelope.
#[utoipa::path(post, path = "/v1/clients/{client_id}/billing/subscriptions/trials", tag = "Subscriptions",
    params(("client_id" = i64, Path, description = "Client")),
    responses((status = 200, description = "The trial", body = SubscriptionView),
        (status = 404, description = "There is no such client", body = bartizan_api::ErrorBody)))]
pub async fn trial_create(
    State(cloud): State<Cloud>,
    Path(client_id): Path<i64>,
) -> Result<Response, Failure> {
    Ok(json_response(&trials::trial(&cloud, client_id, Extend::No).await?))
}

/// Begin or extend a trial
///
/// For the operator: a trial that runs is made longer, and no time has to pass before the next one. The answer comes
/// without an envelope.
#[utoipa::path(post, path = "/v1/clients/{client_id}/billing/admin/subscriptions/trials", tag = "Subscriptions",
    params(("client_id" = i64, Path, description = "Client")),
    responses((status = 200, description = "The trial", body = SubscriptionView),
        (status = 404, description = "There is no such client", body = bartizan_api::ErrorBody)))]
pub async fn trial_create_by_operator(
    State(cloud): State<Cloud>,
    Path(client_id): Path<i64>,
) -> Result<Response, Failure> {
    Ok(json_response(&trials::trial(&cloud, client_id, Extend::Yes).await?))
}

/// Begin the trial of a signed token
///
/// For the operator. The JSON Web Token is signed by RS256, ES256 or `EdDSA` with a key of `billing.trial_keys`. Claims:
/// `client_id`, `aud` (the region of the cloud), `exp`; `plan` (name) and `days` where they are not those of the global
/// account. The answer comes without an envelope.
#[utoipa::path(post, path = "/v1/billing/subscriptions/trials", tag = "Subscriptions", request_body = TrialCreate,
    responses((status = 200, description = "The trial", body = SubscriptionView),
        (status = 404, description = "There is no such client", body = bartizan_api::ErrorBody)))]
pub async fn trial_create_by_token(
    State(cloud): State<Cloud>,
    Body(request): Body<TrialCreate>,
) -> Result<Response, Failure> {
    Ok(json_response(&trials::by_token(&cloud, &request.jwt).await?))
}

/// List plans
///
/// The answer comes without an envelope.
#[utoipa::path(get, path = "/v1/billing/plans", tag = "Subscriptions",
    responses((status = 200, description = "The plans", body = Vec<PlanView>)))]
pub async fn plan_list(State(cloud): State<Cloud>) -> Result<Response, Failure> {
    Ok(json_response(&billing::plans(&cloud).await?))
}

/// Create a plan
///
/// For the operator. The answer comes without an envelope.
#[utoipa::path(post, path = "/v1/billing/plans", tag = "Subscriptions", request_body = PlanCreate,
    responses((status = 200, description = "The plan", body = PlanView)))]
pub async fn plan_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<PlanCreate>,
) -> Result<Response, Failure> {
    Ok(json_response(&billing::create_plan(&cloud, &caller, &request).await?))
}

/// Add a feature to a plan
///
/// For the operator. The answer comes without an envelope.
#[utoipa::path(post, path = "/v1/billing/plans/{id}/bindings", tag = "Subscriptions",
    params(("id" = i64, Path, description = "Plan")), request_body = BindingCreate,
    responses((status = 200, description = "The feature of the plan", body = FeatureView),
        (status = 404, description = "There is no such plan", body = bartizan_api::ErrorBody)))]
pub async fn plan_bind(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
    Body(request): Body<BindingCreate>,
) -> Result<Response, Failure> {
    Ok(json_response(&billing::bind(&cloud, &caller, id, &request).await?))
}

/// Create a feature
///
/// For the operator. The answer comes without an envelope.
#[utoipa::path(post, path = "/v1/billing/features", tag = "Subscriptions", request_body = FeatureCreate,
    responses((status = 200, description = "The feature", body = Feature)))]
pub async fn feature_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<FeatureCreate>,
) -> Result<Response, Failure> {
    Ok(json_response(&billing::create_feature(&cloud, &caller, &request).await?))
}

/// Set what a global account may do about trials
///
/// For the operator.
#[utoipa::path(post, path = "/v1/partners/{partner_id}/billing/settings", tag = "Subscriptions",
    params(("partner_id" = i64, Path, description = "Global account")), request_body = PartnerBilling,
    responses((status = 200, description = "The settings", body = Envelope<PartnerBilling>),
        (status = 404, description = "There is no such global account", body = bartizan_api::ErrorBody)))]
pub async fn partner_billing_set(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(partner_id): Path<i64>,
    Body(request): Body<PartnerBilling>,
) -> Result<Envelope<PartnerBilling>, Failure> {
    billing::put_partner(&cloud, &caller, partner_id, &request).await?;
    Ok(Envelope::new(request))
}

/// Take the trials of a global account away
///
/// For the operator.
#[utoipa::path(delete, path = "/v1/partners/{partner_id}/billing/settings", tag = "Subscriptions",
    params(("partner_id" = i64, Path, description = "Global account")),
    responses((status = 200, description = "Taken away", body = Envelope<Empty>),
        (status = 404, description = "There is no such global account", body = bartizan_api::ErrorBody)))]
pub async fn partner_billing_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(partner_id): Path<i64>,
) -> Result<Envelope<Empty>, Failure> {
    billing::delete_partner(&cloud, &caller, partner_id).await?;
    Ok(Envelope::new(Empty {}))
}
