//! Shapes of the dashboards' data (`spec/events.md` section 8.3).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A request for figures over time or of a period. Which fields matter depends on the figure.
#[derive(Clone, Debug, Default, Deserialize, ToSchema, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct GraphRequest {
    /// Start, Unix seconds.
    #[schema(value_type = i64, example = 1_767_225_600)]
    #[param(value_type = i64)]
    pub start_time: Value,
    /// End, Unix seconds.
    #[schema(value_type = i64, example = 1_767_312_000)]
    #[param(value_type = i64)]
    pub end_time: Value,
    /// Values wanted, 1 to 1000.
    #[schema(value_type = i64, example = 24)]
    #[param(value_type = i64)]
    pub points_count: Value,
    /// `coarse` (default) or `linear`.
    #[schema(value_type = Option<String>)]
    #[param(value_type = Option<String>)]
    pub interpolation: Value,
    /// `low`, `medium` or `high`, for vulnerabilities.
    #[schema(value_type = Option<String>)]
    #[param(value_type = Option<String>)]
    pub threat: Value,
    /// Applications, for attack types.
    #[schema(value_type = Option<Vec<i64>>)]
    #[param(value_type = Option<Vec<i64>>)]
    pub poolid: Value,
    /// `attacks` and `incidents`, for sources.
    #[schema(value_type = Option<Vec<String>>)]
    #[param(value_type = Option<Vec<String>>)]
    pub request_categories: Value,
    /// `countries`, `datacenters` and `tors`, for sources.
    #[schema(value_type = Option<Vec<String>>)]
    #[param(value_type = Option<Vec<String>>)]
    pub fields: Value,
    /// Year, for a monthly summary.
    #[schema(value_type = Option<i64>)]
    #[param(value_type = Option<i64>)]
    pub year: Value,
    /// Month, 1 to 12, for a monthly summary.
    #[schema(value_type = Option<i64>)]
    #[param(value_type = Option<i64>)]
    pub month: Value,
    /// Tenant.
    #[schema(value_type = Option<i64>)]
    #[param(value_type = Option<i64>)]
    pub clientid: Value,
    /// Whether `before` of the reply holds the same of the period before; default false.
    #[schema(value_type = Option<bool>)]
    #[param(value_type = Option<bool>)]
    pub compare: Value,
}

/// A moment and its value: whole for counts, with a fraction for rates.
pub type Point = (i64, Value);

/// Hits by what they aim at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct TargetCounts {
    /// The application.
    pub server: i64,
    /// Other users.
    pub client: i64,
    /// The data store.
    pub database: i64,
}

/// Hits by target, attacks and incidents apart.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct TargetsView {
    /// Of attacks.
    pub attacks: TargetCounts,
    /// Of incidents.
    pub incidents: TargetCounts,
}

/// A month in three numbers.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct MonthlySummary {
    /// Requests that nodes inspected.
    pub requests_count: i64,
    /// Malicious ones.
    pub attacks_count: i64,
    /// Refused ones.
    pub blocked_attacks_count: i64,
}

/// Requests of a month.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct MonthlyTraffic {
    /// Year.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: i64,
    /// Requests.
    pub requests_count: i64,
    /// Requests per second, on average.
    pub rps: f64,
}

/// Hits of an OWASP category.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct OwaspCount {
    /// Hits.
    pub count: i64,
    /// By attack type.
    pub by_type: BTreeMap<String, i64>,
    /// By status sent.
    pub by_response_status: BTreeMap<String, i64>,
}

/// `GET /v2/dashboards/owasp_api_{year}/{client_id}`.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OwaspQuery {
    /// Start, Unix seconds; six months ago when absent.
    #[serde(default, deserialize_with = "crate::lenient::int")]
    pub time_from: Option<i64>,
    /// End, Unix seconds; now when absent.
    #[serde(default, deserialize_with = "crate::lenient::int")]
    pub time_to: Option<i64>,
}

/// What of the product a tenant uses.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct DashboardObject {
    /// There are vulnerabilities.
    pub vulns: bool,
    /// There is a known scope.
    pub scope: bool,
    /// There are nodes.
    pub nodes: bool,
    /// There was traffic this month.
    pub traffic: bool,
    /// There were attacks within the retention time.
    pub attacks: bool,
    /// There were test runs.
    pub testrun: bool,
    /// Nodes heard of within five minutes.
    pub nodes_active: i64,
    /// Nodes.
    pub nodes_count: i64,
    /// Requests this month.
    pub requests_amount: i64,
    /// Requests of a month that were agreed on, as a page wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_requests_quota: Option<i64>,
}

/// State of a dashboard.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DashboardState {
    /// Of the tenant.
    pub object: DashboardObject,
    /// Requests this month of all tenants in reach.
    pub partner_requests_amount: i64,
    /// Requests through nodes that the cloud itself runs; null where there are none.
    pub cloud_requests_amount: Option<i64>,
}

/// `PUT /v2/dashboard_state/{clientid}`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct DashboardWrite {
    /// `vulns`, `nodes`, `traffic`, `requests_amount` and `monthly_requests_quota`, as the page last knew them.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"monthly_requests_quota": 1_000_000}))]
    pub dashboard_state: Value,
}
