//! Upload of security events by nodes (`spec/node.md` section 1.5).

use axum::{
    extract::{Request, State},
    response::Response,
};
use bartizan_api::{
    Envelope,
    abuse_event::{AbuseEvents, AbuseTaken},
    json_response,
    node::{EventsRequest, EventsResponse},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::node::NodeCaller,
    extract::{self, EventsBody},
    failure::Failure,
    services::ingest,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new().routes(routes!(events_upload)).routes(routes!(abuse_attacks_create))
}

/// Upload a batch of events
///
/// For filter nodes. When the answer arrives, every event of the batch is durable and visible. Sending events
/// again, in the same or another batch, changes nothing. Events that cannot be taken are set aside and listed;
/// they must not be sent again.
#[utoipa::path(post, path = "/node/v1/events", tag = "Node protocol", security(()), request_body = EventsRequest,
    responses(
        (status = 200, description = "Durable", body = EventsResponse),
        (status = 413, description = "The batch is too large, split it", body = bartizan_api::ErrorBody)))]
pub async fn events_upload(
    State(cloud): State<Cloud>,
    node: NodeCaller,
    request: Request,
) -> Result<Response, Failure> {
    // Larger than other bodies may be, so it is read here.
    let bytes = extract::read(request.into_body(), cloud.config.limits.event_batch_bytes).await?;
    Ok(json_response(&ingest::take(&cloud, &node, &bytes).await?))
}

/// Report attacks by bots
///
/// For bot engines beside a filter node, with the node's credentials. Each event becomes one attack; its requests count
/// as hits of the addresses named. An event that is known already changes nothing.
#[utoipa::path(post, path = "/v2/attacks", tag = "Node protocol", security(("Node" = [])), request_body = AbuseEvents,
    responses((status = 200, description = "Durable", body = Envelope<AbuseTaken>)))]
pub async fn abuse_attacks_create(
    State(cloud): State<Cloud>,
    node: NodeCaller,
    EventsBody(request): EventsBody<AbuseEvents>,
) -> Result<Envelope<AbuseTaken>, Failure> {
    ingest::take_abuse(&cloud, &node, &request).await?;
    Ok(Envelope::new(AbuseTaken {}))
}
