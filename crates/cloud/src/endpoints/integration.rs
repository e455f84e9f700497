//! Integrations and their deliveries (`spec/rules.md` section 8).

use axum::extract::State;
use bartizan_api::{
    Envelope, ErrorBody,
    integration::{
        DeliveryListQuery, DeliveryView, Done, IntegrationCreate, IntegrationListQuery, IntegrationUpdate,
        IntegrationView, ResultObject, TelegramCreate,
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{EventsBody, EventsQuery, NoFields, Path},
    failure::Failure,
    services::integration,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(integration_list, integration_create))
        .routes(routes!(integration_update, integration_delete))
        .routes(routes!(integration_create_telegram))
        .routes(routes!(integration_test_new))
        .routes(routes!(integration_test))
        .routes(routes!(delivery_list))
        .routes(routes!(delivery_retry))
}

type Answer<T> = Result<Envelope<ResultObject<T>>, Failure>;

fn answer<T>(object: T) -> Envelope<ResultObject<T>> {
    Envelope::new(ResultObject::new(object))
}

/// List integrations
///
/// Oldest first. Secrets of targets are masked.
#[utoipa::path(get, path = "/v2/integration", tag = "Integrations",
    params(("clientid" = Option<i64>, Query, description = "Tenant; all in reach when absent")),
    responses((status = 200, description = "Integrations", body = Envelope<ResultObject<Vec<IntegrationView>>>)))]
pub async fn integration_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsQuery(query): EventsQuery<IntegrationListQuery>,
) -> Answer<Vec<IntegrationView>> {
    Ok(answer(integration::list(&cloud, &caller, query.clientid).await?))
}

/// Create an integration
///
/// Types: `aws_s3`, `data_dog`, `email`, `insight_connect`, `jira`, `ms_teams`, `opsgenie`, `pager_duty`, `servicenow`,
/// `slack`, `splunk`, `sumo_logic`, `telegram`, `web_hooks`. Targets must lead to public addresses, or to what the operator of
/// this cloud allows.
#[utoipa::path(post, path = "/v2/integration", tag = "Integrations", request_body = IntegrationCreate,
    responses((status = 200, description = "The integration", body = Envelope<ResultObject<IntegrationView>>)))]
pub async fn integration_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<IntegrationCreate>,
) -> Answer<IntegrationView> {
    Ok(answer(integration::create(&cloud, &caller, &request).await?))
}

/// Change an integration
///
/// What is absent stays, and so do secrets that are sent as they were masked. The type cannot change.
#[utoipa::path(put, path = "/v2/integration/{id}", tag = "Integrations",
    params(("id" = i64, Path, description = "Integration")), request_body = IntegrationUpdate,
    responses((status = 200, description = "The integration", body = Envelope<ResultObject<IntegrationView>>),
        (status = 404, description = "No such integration", body = ErrorBody)))]
pub async fn integration_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
    EventsBody(request): EventsBody<IntegrationUpdate>,
) -> Answer<IntegrationView> {
    Ok(answer(integration::update(&cloud, &caller, id, &request).await?))
}

/// Delete an integration
///
/// What waits for it is not sent any more. Triggers that name it stay and notify the others.
#[utoipa::path(delete, path = "/v2/integration/{id}", tag = "Integrations",
    params(("id" = i64, Path, description = "Integration")),
    responses((status = 200, description = "Deleted", body = Envelope<ResultObject<Option<bartizan_api::Empty>>>),
        (status = 404, description = "No such integration", body = ErrorBody)))]
pub async fn integration_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Answer<Option<bartizan_api::Empty>> {
    integration::delete(&cloud, &caller, id).await?;
    Ok(answer(None))
}

/// Create a Telegram integration
///
/// It is off and has no events at first.
#[utoipa::path(post, path = "/v2/integration/telegram", tag = "Integrations", request_body = TelegramCreate,
    responses((status = 200, description = "The integration", body = Envelope<ResultObject<IntegrationView>>)))]
pub async fn integration_create_telegram(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<TelegramCreate>,
) -> Answer<IntegrationView> {
    Ok(answer(integration::create_telegram(&cloud, &caller, &request).await?))
}

/// Test an integration before creating it
///
/// Sends a test message and answers when the receiver has taken it; 400 holds the receiver's answer.
#[utoipa::path(post, path = "/v2/integration/test", tag = "Integrations", request_body = IntegrationCreate,
    responses((status = 200, description = "Delivered", body = Envelope<Done>)))]
pub async fn integration_test_new(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<IntegrationCreate>,
) -> Result<Envelope<Done>, Failure> {
    integration::test_new(&cloud, &caller, &request).await?;
    Ok(Envelope::new(Done::default()))
}

/// Test an integration
///
/// Sends a test message and answers when the receiver has taken it; 400 holds the receiver's answer.
#[utoipa::path(post, path = "/v2/integration/{id}/test", tag = "Integrations",
    params(("id" = i64, Path, description = "Integration")),
    responses((status = 200, description = "Delivered", body = Envelope<Done>),
        (status = 404, description = "No such integration", body = ErrorBody)))]
pub async fn integration_test(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
    EventsBody(NoFields {}): EventsBody<NoFields>,
) -> Result<Envelope<Done>, Failure> {
    integration::test_stored(&cloud, &caller, id).await?;
    Ok(Envelope::new(Done::default()))
}

/// List the deliveries of an integration
///
/// Newest first: what waits, what arrived (for a day), and what was given up (for a month).
#[utoipa::path(get, path = "/v2/integration/{id}/deliveries", tag = "Integrations",
    params(("id" = i64, Path, description = "Integration"),
        ("state" = Option<String>, Query, description = "`pending`, `delivered` or `dead`"),
        ("limit" = Option<i64>, Query, description = "Rows, 1 to 1000; 50 when absent"),
        ("offset" = Option<i64>, Query, description = "First row")),
    responses((status = 200, description = "Deliveries", body = Envelope<ResultObject<Vec<DeliveryView>>>),
        (status = 404, description = "No such integration", body = ErrorBody)))]
pub async fn delivery_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
    EventsQuery(query): EventsQuery<DeliveryListQuery>,
) -> Answer<Vec<DeliveryView>> {
    Ok(answer(integration::delivery_list(&cloud, &caller, id, &query).await?))
}

/// Send a delivery again
///
/// For one that was given up: it gets all its attempts once more.
#[utoipa::path(post, path = "/v2/integration/{id}/deliveries/{delivery_id}/retry", tag = "Integrations",
    params(("id" = i64, Path, description = "Integration"),
        ("delivery_id" = i64, Path, description = "Delivery")),
    responses((status = 200, description = "It is tried again", body = Envelope<Done>),
        (status = 404, description = "No such delivery, or it was not given up", body = ErrorBody)))]
pub async fn delivery_retry(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path((id, delivery_id)): Path<(i64, i64)>,
    EventsBody(NoFields {}): EventsBody<NoFields>,
) -> Result<Envelope<Done>, Failure> {
    integration::delivery_retry(&cloud, &caller, id, delivery_id).await?;
    Ok(Envelope::new(Done::default()))
}
