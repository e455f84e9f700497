//! The denylist in its oldest form, read-only (`spec/rules.md` section 6.6).

use axum::extract::State;
use bartizan_api::{
    Envelope, filter,
    ip_list::{BlacklistRecord, Objects},
    list::ListRequest,
};
use serde_json::Value;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::EventsQuery,
    failure::Failure,
    services::{ip_list, page},
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new().routes(routes!(blacklist)).routes(routes!(blacklist_history))
}

async fn records(
    cloud: &Cloud,
    caller: &Caller,
    request: &ListRequest,
    history: bool,
) -> Result<Envelope<Objects<BlacklistRecord>>, Failure> {
    let asked: Vec<i64> = match request.filter.get("clientid") {
        Some(Value::Array(items)) => items.iter().filter_map(filter::int).collect(),
        one => one.and_then(filter::int).into_iter().collect(),
    };
    let part = page::of(request)?;
    let tenants = caller.tenants_or_own(&asked);
    Ok(Envelope::new(Objects::new(ip_list::denied(cloud, &tenants, history, part).await?)))
}

/// List denied addresses
///
/// The oldest form: a record for each application. `filter[clientid]` names the tenant.
#[utoipa::path(get, path = "/v3/blacklist", tag = "IP lists",
    params(("filter[clientid]" = Option<i64>, Query, description = "Tenant"),
        ("limit" = Option<i64>, Query, description = "Most entries, 1 to 1000; default 100"),
        ("offset" = Option<i64>, Query, description = "Entries to skip")),
    responses((status = 200, description = "Records", body = Envelope<Objects<BlacklistRecord>>)))]
pub async fn blacklist(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsQuery(request): EventsQuery<ListRequest>,
) -> Result<Envelope<Objects<BlacklistRecord>>, Failure> {
    records(&cloud, &caller, &request, false).await
}

/// List addresses that were denied
///
/// As the list of denied ones, with those that are denied no more and since when.
#[utoipa::path(get, path = "/v3/blacklist/history", tag = "IP lists",
    params(("filter[clientid]" = Option<i64>, Query, description = "Tenant"),
        ("limit" = Option<i64>, Query, description = "Most entries, 1 to 1000; default 100"),
        ("offset" = Option<i64>, Query, description = "Entries to skip")),
    responses((status = 200, description = "Records", body = Envelope<Objects<BlacklistRecord>>)))]
pub async fn blacklist_history(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsQuery(request): EventsQuery<ListRequest>,
) -> Result<Envelope<Objects<BlacklistRecord>>, Failure> {
    records(&cloud, &caller, &request, true).await
}
