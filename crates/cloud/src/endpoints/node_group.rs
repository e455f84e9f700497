//! Node groups (`spec/rules.md` section 9.7).

use axum::extract::State;
use bartizan_api::{
    Empty, Envelope,
    list::ListRequest,
    node_group::{NodeCreateRequest, NodeFlatView, NodeView},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{EventsBody, EventsQuery, Path},
    failure::Failure,
    services::node_group,
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(node_create, node_list))
        .routes(routes!(node_delete))
        .routes(routes!(node_token_regenerate))
        .routes(routes!(node_find))
}

/// Create a node group
///
/// Answers with the registration token of the group. A name that exists answers 400 `Already exists`.
#[utoipa::path(post, path = "/v2/node", tag = "Nodes", request_body = NodeCreateRequest,
    responses((status = 200, description = "The group, with its token", body = Envelope<NodeView>)))]
pub async fn node_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<NodeCreateRequest>,
) -> Result<Envelope<NodeView>, Failure> {
    Ok(Envelope::new(node_group::create(&cloud, &caller, &request).await?))
}

/// List node groups
///
/// Filter with `filter[clientid][]`, `filter[hostname]`, `filter[uuid]`, `filter[ip]`, `filter[type]` and
/// `filter[!type]`. The token is shown to administrators.
#[utoipa::path(get, path = "/v2/node", tag = "Nodes",
    params(
        ("filter[clientid][]" = Option<Vec<i64>>, Query, description = "Tenants"),
        ("filter[type]" = Option<String>, Query, description = "`cloud_node`"),
        ("limit" = Option<i64>, Query, description = "Most rows, 1 to 1000; default 100"),
        ("offset" = Option<i64>, Query, description = "Rows to skip"),
        ("order_by" = Option<String>, Query, description = "`id`, `hostname` or `create_time`"),
        ("order_desc" = Option<bool>, Query, description = "Descending order")
    ),
    responses((status = 200, description = "Groups", body = Envelope<Vec<NodeView>>)))]
pub async fn node_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsQuery(request): EventsQuery<ListRequest>,
) -> Result<Envelope<Vec<NodeView>>, Failure> {
    Ok(Envelope::new(node_group::list(&cloud, &caller, &request).await?))
}

/// Delete a node group
///
/// Its token and its instances are refused from then on.
#[utoipa::path(delete, path = "/v2/node/{id}", tag = "Nodes",
    params(("id" = i64, Path, description = "Group")),
    responses((status = 200, description = "Deleted", body = Envelope<Empty>),
        (status = 404, description = "No such group")))]
pub async fn node_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Envelope<Empty>, Failure> {
    node_group::delete(&cloud, &caller, id).await?;
    Ok(Envelope::new(Empty {}))
}

/// Regenerate the token of a node group
///
/// The old token, and instances that registered with it, are refused from then on.
#[utoipa::path(post, path = "/v2/node/{id}/regenerate_token", tag = "Nodes",
    params(("id" = i64, Path, description = "Group")),
    responses((status = 200, description = "The group, with its new token", body = Envelope<NodeView>),
        (status = 404, description = "No such group")))]
pub async fn node_token_regenerate(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<Envelope<NodeView>, Failure> {
    Ok(Envelope::new(node_group::regenerate_token(&cloud, &caller, id).await?))
}

/// Find node groups
///
/// The flat form: `id` is the UUID, without counters and token.
#[utoipa::path(post, path = "/v1/objects/node", tag = "Nodes", request_body = ListRequest,
    responses((status = 200, description = "Groups", body = Envelope<Vec<NodeFlatView>>)))]
pub async fn node_find(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<ListRequest>,
) -> Result<Envelope<Vec<NodeFlatView>>, Failure> {
    Ok(Envelope::new(node_group::list_flat(&cloud, &caller, &request).await?))
}
