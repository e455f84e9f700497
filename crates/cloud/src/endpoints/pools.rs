//! Applications, called pools on the wire (`spec/accounts.md` section 5).

use axum::extract::State;
use bartizan_api::{
    Envelope,
    list::{ListRequest, SelectRequest},
    pool::{PoolCreate, PoolUpdate, PoolView},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::Body,
    failure::Failure,
    services::{activity, pools},
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(pool_list))
        .routes(routes!(pool_create))
        .routes(routes!(pool_update))
        .routes(routes!(pool_delete))
}

/// List applications
///
/// Filters by `id`, `clientid`, `name` and `deleted`. Deleted ones appear only when the filter asks for them.
#[utoipa::path(post, path = "/v1/objects/pool", tag = "Applications", request_body = ListRequest,
    responses((status = 200, description = "The applications", body = Envelope<Vec<PoolView>>)))]
pub async fn pool_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<ListRequest>,
) -> Result<Envelope<Vec<PoolView>>, Failure> {
    Ok(Envelope::new(pools::list(&cloud, &caller, &request).await?))
}

/// Create an application
///
/// A deleted one of the same id comes back under the new name; a live one is refused with `Already exists`.
#[utoipa::path(post, path = "/v1/objects/pool/create", tag = "Applications", request_body = PoolCreate,
    responses((status = 200, description = "The application", body = Envelope<PoolView>)))]
pub async fn pool_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<PoolCreate>,
) -> Result<Envelope<PoolView>, Failure> {
    Ok(Envelope::new(pools::create(&cloud, &caller, &request).await?))
}

/// Rename applications
///
/// Renames every application that the filter selects.
#[utoipa::path(post, path = "/v1/objects/pool/update", tag = "Applications", request_body = PoolUpdate,
    responses((status = 200, description = "The changed applications", body = Envelope<Vec<PoolView>>)))]
pub async fn pool_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<PoolUpdate>,
) -> Result<Envelope<Vec<PoolView>>, Failure> {
    let changed = pools::update(&cloud, &caller, &request).await?;
    Ok(Envelope::new(activity::note_none(&cloud, &caller, ("application", "update"), changed).await?))
}

/// Delete applications
///
/// Their events and rules stay. The default application cannot be deleted.
#[utoipa::path(post, path = "/v1/objects/pool/delete", tag = "Applications", request_body = SelectRequest,
    responses((status = 200, description = "Ids of the deleted applications", body = Envelope<Vec<i64>>)))]
pub async fn pool_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    Body(request): Body<SelectRequest>,
) -> Result<Envelope<Vec<i64>>, Failure> {
    let changed = pools::delete(&cloud, &caller, &request).await?;
    Ok(Envelope::new(activity::note_none(&cloud, &caller, ("application", "delete"), changed).await?))
}
