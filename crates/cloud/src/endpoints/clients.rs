//! Clients, that is tenants (`spec/accounts.md` section 4.3).

use axum::extract::State;
use bartizan_api::{
    Envelope,
    client::{
        ClientCreate, ClientSwitch, ClientUpdate, ClientView, PartnerClientCreate, PartnerClientQuery,
        PartnerClientView,
    },
    list::{ListRequest, SelectRequest},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{self, Caller},
    extract::{Body, Path, RackQuery},
    failure::Failure,
    services::{activity, clients},
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(client_list))
        .routes(routes!(client_list_read))
        .routes(routes!(client_create))
        .routes(routes!(client_update))
        .routes(routes!(client_delete))
        .routes(routes!(client_enable))
        .routes(routes!(client_disable))
        .routes(routes!(partner_client_list))
        .routes(routes!(partner_client_create))
}

/// List clients
///
/// Filters by `id`, `enabled`, `name`, `uuid` and `partnerid`. The caller's own client comes first; global
/// users also see every client of their global account, disabled ones included.
#[utoipa::path(post, path = "/v1/objects/client", tag = "Clients", request_body = ListRequest,
    responses((status = 200, description = "The clients", body = Envelope<Vec<ClientView>>)))]
pub async fn client_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<ListRequest>,
) -> Result<Envelope<Vec<ClientView>>, Failure> {
    Ok(Envelope::new(clients::list(&cloud, &caller, &request).await?))
}

/// List clients by GET
///
/// As the POST form, with the filter in the query string.
#[utoipa::path(get, path = "/v1/objects/client", tag = "Clients",
    params(("filter[id]" = Option<i64>, Query, description = "Identity"),
        ("filter[name]" = Option<String>, Query, description = "Name"),
        ("filter[uuid]" = Option<String>, Query, description = "Public UUID"),
        ("filter[enabled]" = Option<bool>, Query, description = "Whether users and nodes may work"),
        ("limit" = Option<i64>, Query, description = "Most rows, 1 to 1000; 0 is the default"),
        ("offset" = Option<i64>, Query, description = "Rows to skip")),
    responses((status = 200, description = "The clients", body = Envelope<Vec<ClientView>>)))]
pub async fn client_list_read(
    State(cloud): State<Cloud>,
    caller: Caller,
    RackQuery(request): RackQuery<ListRequest>,
) -> Result<Envelope<Vec<ClientView>>, Failure> {
    Ok(Envelope::new(clients::list(&cloud, &caller, &request).await?))
}

/// Create a client
///
/// For global administrators. A name that the global account has already is refused with `Already exists`. `admin` is
/// invited as the first administrator.
#[utoipa::path(post, path = "/v1/objects/client/create", tag = "Clients", request_body = ClientCreate,
    responses((status = 200, description = "The client", body = Envelope<ClientView>),
        (status = 409, description = "The address of `admin` is taken", body = bartizan_api::ErrorBody)))]
pub async fn client_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<ClientCreate>,
) -> Result<Envelope<ClientView>, Failure> {
    Ok(Envelope::new(clients::create(&cloud, &caller, &request).await?))
}

/// Change clients
///
/// Administrators change their own client; global administrators change others, and activate or deactivate
/// them. Absent and empty values stay as they are.
#[utoipa::path(post, path = "/v1/objects/client/update", tag = "Clients", request_body = ClientUpdate,
    responses((status = 200, description = "The changed clients", body = Envelope<Vec<ClientView>>)))]
pub async fn client_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<ClientUpdate>,
) -> Result<Envelope<Vec<ClientView>>, Failure> {
    let changed = clients::update(&cloud, &caller, &request).await?;
    Ok(Envelope::new(activity::note_none(&cloud, &caller, ("client", "update"), changed).await?))
}

/// Delete clients
///
/// Only disabled ones; they disappear at once.
#[utoipa::path(post, path = "/v1/objects/client/delete", tag = "Clients", request_body = SelectRequest,
    responses((status = 200, description = "Ids of the deleted clients", body = Envelope<Vec<i64>>)))]
pub async fn client_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<SelectRequest>,
) -> Result<Envelope<Vec<i64>>, Failure> {
    let changed = clients::delete(&cloud, &caller, &request).await?;
    Ok(Envelope::new(activity::note_none(&cloud, &caller, ("client", "delete"), changed).await?))
}

/// Activate a client
///
/// Its users and nodes may work again.
#[utoipa::path(post, path = "/v1/objects/client/enabling", tag = "Clients", request_body = ClientSwitch,
    responses((status = 200, description = "The changed client", body = Envelope<ClientView>)))]
pub async fn client_enable(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<ClientSwitch>,
) -> Result<Envelope<ClientView>, Failure> {
    let id = auth::one_client(request.clientid, request.client_id)?;
    Ok(Envelope::new(clients::switch(&cloud, &caller, id, true).await?))
}

/// Deactivate a client
///
/// Its users and nodes are refused from now on; nothing is deleted.
#[utoipa::path(post, path = "/v1/objects/client/disabling", tag = "Clients", request_body = ClientSwitch,
    responses((status = 200, description = "The changed client", body = Envelope<ClientView>)))]
pub async fn client_disable(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<ClientSwitch>,
) -> Result<Envelope<ClientView>, Failure> {
    let id = auth::one_client(request.clientid, request.client_id)?;
    Ok(Envelope::new(clients::switch(&cloud, &caller, id, false).await?))
}

/// List links of application ids to clients
///
/// For global users: those of their global account.
#[utoipa::path(get, path = "/v2/partner_client", tag = "Clients",
    params(("partnerid" = Option<i64>, Query, description = "Global account; the caller's own by default"),
        ("limit" = Option<i64>, Query, description = "Most rows, 1 to 1000"),
        ("offset" = Option<i64>, Query, description = "Rows to skip")),
    responses((status = 200, description = "The links", body = Envelope<Vec<PartnerClientView>>)))]
pub async fn partner_client_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    RackQuery(query): RackQuery<PartnerClientQuery>,
) -> Result<Envelope<Vec<PartnerClientView>>, Failure> {
    Ok(Envelope::new(clients::partner_links(&cloud, &caller, &query).await?))
}

/// Link an application id to a client
///
/// For global administrators. A link that exists is refused with `Already exists`.
#[utoipa::path(post, path = "/v2/partner/{partnerid}/partner_client", tag = "Clients",
    params(("partnerid" = i64, Path, description = "Global account")), request_body = PartnerClientCreate,
    responses((status = 200, description = "The link", body = Envelope<PartnerClientView>)))]
pub async fn partner_client_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(partner_id): Path<i64>,
    Body(request): Body<PartnerClientCreate>,
) -> Result<Envelope<PartnerClientView>, Failure> {
    Ok(Envelope::new(clients::link_partner(&cloud, &caller, partner_id, &request).await?))
}
