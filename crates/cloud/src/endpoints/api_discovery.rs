//! The configuration of API discovery (`spec/rules.md` section 9.2).

use axum::extract::State;
use bartizan_api::{Envelope, api_discovery::ApiDiscoveryConfig};
use serde_json::{Map, Value};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{EventsBody, Path},
    failure::Failure,
    services::api_discovery,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new().routes(routes!(api_discovery_view, api_discovery_update))
}

/// View the configuration of API discovery
///
/// Every tenant has one.
#[utoipa::path(get, path = "/v1/clients/{client_id}/apid/config", tag = "API discovery",
    params(("client_id" = i64, Path, description = "Tenant")),
    responses((status = 200, description = "The configuration", body = Envelope<ApiDiscoveryConfig>)))]
pub async fn api_discovery_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
) -> Result<Envelope<ApiDiscoveryConfig>, Failure> {
    Ok(Envelope::new(api_discovery::view(&cloud, &caller, client_id).await?))
}

/// Change the configuration of API discovery
///
/// What is absent stays; null clears a list.
#[utoipa::path(post, path = "/v1/clients/{client_id}/apid/config", tag = "API discovery",
    params(("client_id" = i64, Path, description = "Tenant")), request_body = ApiDiscoveryConfig,
    responses((status = 200, description = "The configuration", body = Envelope<ApiDiscoveryConfig>)))]
pub async fn api_discovery_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    EventsBody(body): EventsBody<Map<String, Value>>,
) -> Result<Envelope<ApiDiscoveryConfig>, Failure> {
    Ok(Envelope::new(api_discovery::update(&cloud, &caller, client_id, &body).await?))
}
