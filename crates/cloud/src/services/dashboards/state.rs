//! What of the product a tenant uses, and what a page of the Console remembers of its dashboard.

use bartizan_api::{
    ApiError,
    dashboard::{DashboardObject, DashboardState, DashboardWrite},
    filter::{Filter, int},
};
use bartizan_store::{JsonText, TenantId, Tenants, event_settings, hits::HitQuery, nodes};
use serde_json::Value;

use super::{filter, months::requests_this_month};
use crate::{
    auth::Caller,
    failure::Failure,
    services::{
        activity::{self, Change},
        listing::oldest,
    },
    state::Cloud,
};

/// Seconds after which a silent node is not active.
const ACTIVE_S: i64 = 300;
/// Largest settings of a dashboard, bytes.
const MAX_STATE: usize = 4096;

/// What of the product a tenant uses.
///
/// # Errors
/// 403.
pub async fn state(cloud: &Cloud, caller: &Caller, client_id: i64) -> Result<DashboardState, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let tenants = Tenants::from(tenant);
    let reader = cloud.store.reader();
    let now = cloud.now();
    let seen = nodes::last_seen(reader, &tenants).await?;
    let requests = requests_this_month(cloud, &tenants).await?;
    let attacks = filter(None, None, vec![]);
    let attacks = HitQuery { tenants: &tenants, since: oldest(now), filter: &attacks };
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    // What a page wrote stands; the rest is as it is.
    let written = event_settings::of_tenant(reader, tenant).await?.dashboard.0;
    let flag = |name: &str| written.get(name).and_then(Value::as_bool);
    let amount = |name: &str| written.get(name).and_then(int);
    let vulns = bartizan_store::vulns::count(reader, &tenants, &Filter::default()).await? > 0;
    Ok(DashboardState {
        object: DashboardObject {
            vulns: flag("vulns").unwrap_or(vulns),
            scope: false,
            nodes: flag("nodes").unwrap_or(!seen.is_empty()),
            traffic: flag("traffic").unwrap_or(requests > 0),
            attacks: cloud.store.hit_exists(attacks).await?,
            testrun: false,
            nodes_active: number(seen.iter().filter(|at| now - **at <= ACTIVE_S).count()),
            nodes_count: number(seen.len()),
            requests_amount: amount("requests_amount").unwrap_or(requests),
            monthly_requests_quota: amount("monthly_requests_quota"),
        },
        partner_requests_amount: requests_this_month(cloud, &caller.tenants).await?,
        cloud_requests_amount: None,
    })
}

/// Keeps what a page remembers of its dashboard.
///
/// # Errors
/// 400 for anything but a small object, 403.
pub async fn write_state(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    request: &DashboardWrite,
) -> Result<DashboardState, Failure> {
    let tenant: TenantId = caller.tenant_of(Some(client_id))?;
    let state = &request.dashboard_state;
    if !state.is_object() || state.to_string().len() > MAX_STATE {
        return Err(ApiError::field("dashboard_state", "must be a small object", Value::Null).into());
    }
    let transaction = cloud.store.begin().await?;
    let mut row = event_settings::of_tenant(&transaction, tenant).await?;
    let before = std::mem::replace(&mut row.dashboard, JsonText(state.clone())).0;
    event_settings::put(&transaction, row).await?;
    let change = Change {
        object_type: "dashboard",
        action: "update",
        object_id: tenant.0.to_string(),
        object_name: "dashboard".to_owned(),
        before: Some(before),
        after: Some(state.clone()),
    };
    activity::log(&transaction, caller, tenant, cloud.now(), change).await?;
    transaction.commit().await?;
    self::state(cloud, caller, client_id).await
}
