//! Figures for dashboards (`spec/events.md` section 8.3).

use std::collections::BTreeMap;

use axum::extract::State;
use bartizan_api::{
    Compared, Envelope,
    dashboard::{
        DashboardState, DashboardWrite, GraphRequest, MonthlySummary, MonthlyTraffic, OwaspCount, OwaspQuery,
        Point, TargetsView,
    },
    filter::int,
};
use serde_json::{Map, Value};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{EventsBody, EventsPath, EventsQuery},
    failure::Failure,
    services::dashboards::{self, Category, Figure},
    state::Cloud,
};

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new()
        .routes(routes!(attack_graph))
        .routes(routes!(incident_graph))
        .routes(routes!(request_graph))
        .routes(routes!(rps_graph))
        .routes(routes!(vuln_graph))
        .routes(routes!(denylist_graph))
        .routes(routes!(node_rps_graph))
        .routes(routes!(cloud_node_rps_graph))
        .routes(routes!(target_totals))
        .routes(routes!(attack_type_totals))
        .routes(routes!(source_totals))
        .routes(routes!(monthly_summary))
        .routes(routes!(monthly_traffic))
        .routes(routes!(testrun_graph))
        .routes(routes!(baseline_graph))
        .routes(routes!(owasp_2019))
        .routes(routes!(owasp_2023))
        .routes(routes!(dashboard_state_view, dashboard_state_update))
}

/// Handlers of graphs of a tenant, which differ in path, figure and words. For example,
/// `/// Graph requests  request_graph "/v2/graph_data/requests/client/{client_id}" Figure::Requests;` becomes
/// `pub async fn request_graph(…) -> Result<Points, Failure> { graph(…, Figure::Requests, …).await }`, declared under that
/// path with those words.
macro_rules! graphs {
    ($($(#[$words:meta])* $name:ident $path:tt $figure:expr;)*) => {$(
        $(#[$words])*
        ///
        /// Exactly `points_count` pairs of start and value.
        #[utoipa::path(post, path = $path, tag = "Dashboards",
            params(("client_id" = i64, Path, description = "Tenant")), request_body = GraphRequest,
            responses((status = 200, description = "The points", body = Compared<Vec<Vec<f64>>>)))]
        pub async fn $name(
            State(cloud): State<Cloud>,
            caller: Caller,
            EventsPath(client_id): EventsPath<i64>,
            EventsBody(request): EventsBody<GraphRequest>,
        ) -> Result<Points, Failure> {
            graph(&cloud, &caller, Some(client_id), &$figure, request).await
        }
    )*};
}

graphs! {
    /// Graph attacks
    ///
    /// Hits over time that proved no vulnerability.
    attack_graph "/v2/graph_data/attacks/client/{client_id}" Figure::Hits(Category::Attacks);
    /// Graph incidents
    ///
    /// Hits over time that proved a vulnerability.
    incident_graph "/v2/graph_data/incidents/client/{client_id}" Figure::Hits(Category::Incidents);
    /// Graph requests
    ///
    /// Inspected requests over time.
    request_graph "/v2/graph_data/requests/client/{client_id}" Figure::Requests;
    /// Graph the request rate
    ///
    /// Requests per second over time.
    rps_graph "/v2/graph_data/rps/client/{client_id}" Figure::Rps(None);
    /// Graph vulnerabilities
    ///
    /// Vulnerabilities found over time; `threat` is `low`, `medium` or `high`.
    vuln_graph "/v2/graph_data/vulns/client/{client_id}" Figure::Vulns;
    /// Graph the denylist
    ///
    /// Entries of the denylist over time.
    denylist_graph "/v2/graph_data/blacklist_size/client/{client_id}/full" Figure::Denylist;
}

type Points = Compared<Vec<Point>>;

/// A graph, and the one of the period before where that is wanted.
async fn graph(
    cloud: &Cloud,
    caller: &Caller,
    client_id: Option<i64>,
    figure: &Figure,
    request: GraphRequest,
) -> Result<Points, Failure> {
    dashboards::compared(request, |request| async move {
        dashboards::graph(cloud, caller, client_id, figure, &request).await
    })
    .await
}

/// Graph the request rate of a node
///
/// Requests per second over time. Exactly `points_count` pairs of start and value.
#[utoipa::path(post, path = "/v2/graph_data/rps/node/{uuid}", tag = "Dashboards",
    params(("uuid" = String, Path, description = "Node instance")), request_body = GraphRequest,
    responses((status = 200, description = "The points", body = Compared<Vec<Vec<f64>>>)))]
pub async fn node_rps_graph(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(uuid): EventsPath<String>,
    EventsBody(request): EventsBody<GraphRequest>,
) -> Result<Points, Failure> {
    graph(&cloud, &caller, None, &Figure::Rps(Some(uuid)), request).await
}

/// Graph the request rate of a cloud node
///
/// As of any node. Exactly `points_count` pairs of start and value.
#[utoipa::path(post, path = "/v2/graph_data/rps/cloud_node/{uuid}", tag = "Dashboards",
    params(("uuid" = String, Path, description = "Node instance")), request_body = GraphRequest,
    responses((status = 200, description = "The points", body = Compared<Vec<Vec<f64>>>)))]
pub async fn cloud_node_rps_graph(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(uuid): EventsPath<String>,
    EventsBody(request): EventsBody<GraphRequest>,
) -> Result<Points, Failure> {
    graph(&cloud, &caller, None, &Figure::Rps(Some(uuid)), request).await
}

/// Count attacks by target
///
/// Hits of a period at servers, clients and databases, attacks and incidents apart.
#[utoipa::path(post, path = "/v2/graph_data/targets/total/client/{client_id}", tag = "Dashboards",
    params(("client_id" = i64, Path, description = "Tenant")), request_body = GraphRequest,
    responses((status = 200, description = "The counts", body = Compared<TargetsView>)))]
pub async fn target_totals(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
    EventsBody(request): EventsBody<GraphRequest>,
) -> Result<Compared<TargetsView>, Failure> {
    let (cloud, caller) = (&cloud, &caller);
    dashboards::compared(request, |request| async move {
        dashboards::targets(cloud, caller, client_id, &request).await
    })
    .await
}

/// Count attacks by type
///
/// Hits of a period; `poolid` names applications.
#[utoipa::path(post, path = "/v2/graph_data/attack_types/total/client/{client_id}", tag = "Dashboards",
    params(("client_id" = i64, Path, description = "Tenant")), request_body = GraphRequest,
    responses((status = 200, description = "The counts", body = Compared<Object>)))]
pub async fn attack_type_totals(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
    EventsBody(request): EventsBody<GraphRequest>,
) -> Result<Compared<BTreeMap<String, i64>>, Failure> {
    let (cloud, caller) = (&cloud, &caller);
    dashboards::compared(request, |request| async move {
        dashboards::attack_types(cloud, caller, client_id, &request).await
    })
    .await
}

/// Count attacks by source
///
/// Hits of a period by country, data centre and Tor, for each of `request_categories`.
#[utoipa::path(post, path = "/v2/graph_data/attacks_stats/total/client/{client_id}", tag = "Dashboards",
    params(("client_id" = i64, Path, description = "Tenant")), request_body = GraphRequest,
    responses((status = 200, description = "The counts", body = Compared<Object>)))]
pub async fn source_totals(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
    EventsBody(request): EventsBody<GraphRequest>,
) -> Result<Compared<Map<String, Value>>, Failure> {
    let (cloud, caller) = (&cloud, &caller);
    dashboards::compared(request, |request| async move {
        dashboards::sources(cloud, caller, client_id, &request).await
    })
    .await
}

/// Summarize a month
///
/// `year` and `month` instead of times.
#[utoipa::path(post, path = "/v2/graph_data/summary/monthly/total/client/{client_id}", tag = "Dashboards",
    params(("client_id" = i64, Path, description = "Tenant")), request_body = GraphRequest,
    responses((status = 200, description = "The counts", body = Compared<MonthlySummary>)))]
pub async fn monthly_summary(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
    EventsBody(request): EventsBody<GraphRequest>,
) -> Result<Compared<MonthlySummary>, Failure> {
    let (cloud, caller) = (&cloud, &caller);
    dashboards::compared(request, |request| async move {
        dashboards::monthly_summary(cloud, caller, client_id, &request).await
    })
    .await
}

/// Summarize the traffic of months
///
/// The last six months, oldest first.
#[utoipa::path(post, path = "/v2/graph_data/summary/rpm/client/{client_id}", tag = "Dashboards",
    params(("client_id" = i64, Path, description = "Tenant")),
    responses((status = 200, description = "The months", body = Envelope<Vec<MonthlyTraffic>>)))]
pub async fn monthly_traffic(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
) -> Result<Envelope<Vec<MonthlyTraffic>>, Failure> {
    Ok(Envelope::new(dashboards::monthly_traffic(&cloud, &caller, client_id).await?))
}

/// Graph test runs
///
/// Kept for older clients: there are none, so every value is 0.
#[utoipa::path(get, path = "/v1/graph_data/testrun", tag = "Dashboards", params(GraphRequest),
    responses((status = 200, description = "The points", body = Compared<Vec<Vec<f64>>>)))]
pub async fn testrun_graph(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsQuery(request): EventsQuery<GraphRequest>,
) -> Result<Points, Failure> {
    let client = int(&request.clientid);
    graph(&cloud, &caller, client, &Figure::Testruns, request).await
}

/// Graph baselines
///
/// Kept for older clients: there are none, so every value is 0.
#[utoipa::path(get, path = "/v1/graph_data/baseline", tag = "Dashboards", params(GraphRequest),
    responses((status = 200, description = "The points", body = Compared<Vec<Vec<f64>>>)))]
pub async fn baseline_graph(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsQuery(request): EventsQuery<GraphRequest>,
) -> Result<Points, Failure> {
    let client = int(&request.clientid);
    graph(&cloud, &caller, client, &Figure::Testruns, request).await
}

/// Count attacks by OWASP API 2019 category
///
/// Hits of a period in each of the ten categories, by type and by status sent.
#[utoipa::path(get, path = "/v2/dashboards/owasp_api_2019/{client_id}", tag = "Dashboards",
    params(("client_id" = i64, Path, description = "Tenant"), OwaspQuery),
    responses((status = 200, description = "Counts by category", body = Envelope<Object>)))]
pub async fn owasp_2019(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
    EventsQuery(query): EventsQuery<OwaspQuery>,
) -> Result<Envelope<BTreeMap<String, OwaspCount>>, Failure> {
    Ok(Envelope::new(dashboards::owasp(&cloud, &caller, "2019", client_id, &query).await?))
}

/// Count attacks by OWASP API 2023 category
///
/// Hits of a period in each of the ten categories, by type and by status sent.
#[utoipa::path(get, path = "/v2/dashboards/owasp_api_2023/{client_id}", tag = "Dashboards",
    params(("client_id" = i64, Path, description = "Tenant"), OwaspQuery),
    responses((status = 200, description = "Counts by category", body = Envelope<Object>)))]
pub async fn owasp_2023(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
    EventsQuery(query): EventsQuery<OwaspQuery>,
) -> Result<Envelope<BTreeMap<String, OwaspCount>>, Failure> {
    Ok(Envelope::new(dashboards::owasp(&cloud, &caller, "2023", client_id, &query).await?))
}

/// View what a tenant uses
///
/// Which parts of the product have data, and how many nodes and requests there are.
#[utoipa::path(get, path = "/v2/dashboard_state/{client_id}", tag = "Dashboards",
    params(("client_id" = i64, Path, description = "Tenant")),
    responses((status = 200, description = "The state", body = Envelope<DashboardState>)))]
pub async fn dashboard_state_view(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
) -> Result<Envelope<DashboardState>, Failure> {
    Ok(Envelope::new(dashboards::state(&cloud, &caller, client_id).await?))
}

/// Keep the state of a dashboard
///
/// What a page remembers; the reply is the state as it is now.
#[utoipa::path(put, path = "/v2/dashboard_state/{client_id}", tag = "Dashboards",
    params(("client_id" = i64, Path, description = "Tenant")), request_body = DashboardWrite,
    responses((status = 200, description = "The state", body = Envelope<DashboardState>)))]
pub async fn dashboard_state_update(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsPath(client_id): EventsPath<i64>,
    EventsBody(request): EventsBody<DashboardWrite>,
) -> Result<Envelope<DashboardState>, Failure> {
    Ok(Envelope::new(dashboards::write_state(&cloud, &caller, client_id, &request).await?))
}
