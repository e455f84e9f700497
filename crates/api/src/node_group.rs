//! Shapes of node groups as the public API has them (`spec/rules.md` section 9.7).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v2/node`.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct NodeCreateRequest {
    /// Name of the group, unique in the tenant.
    #[schema(example = "production")]
    pub hostname: Option<String>,
    /// `cloud_node`.
    #[serde(rename = "type")]
    #[schema(example = "cloud_node")]
    pub kind: Option<String>,
    /// Tenant; the caller's own when absent.
    pub clientid: Option<i64>,
    /// Whether its nodes serve several tenants; needs a global role.
    #[serde(default)]
    pub partner_mode: Option<bool>,
}

/// What the nodes of a group run.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct NodeEnvironment {
    /// Component to version, of the instance seen last.
    pub packages: BTreeMap<String, String>,
}

/// What every form of a node shows.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NodeState {
    /// Public UUID.
    pub uuid: String,
    /// Address of the instance seen last.
    pub ip: Option<String>,
    /// Last heartbeat, Unix seconds.
    pub last_activity: Option<i64>,
    /// Last upload of events, Unix seconds.
    pub last_analytic: Option<i64>,
    /// Always true.
    pub enabled: bool,
    /// Tenant.
    pub clientid: i64,
    /// Unix seconds.
    pub create_time: i64,
    /// Address of the creator.
    pub create_from: String,
    /// Name of the group.
    pub hostname: String,
    /// Version of the detection database in force.
    pub protondb_version: Option<i64>,
    /// Version of the custom ruleset in force.
    pub lom_version: Option<i64>,
    /// Unix seconds.
    pub protondb_updated_at: Option<i64>,
    /// Unix seconds.
    pub lom_updated_at: Option<i64>,
    /// What the nodes run.
    pub node_env_params: NodeEnvironment,
    /// Whether an instance was heard of in the last two minutes.
    pub active: bool,
    /// Whether its nodes serve several tenants.
    pub partner_mode: bool,
    /// Last problem that an active instance reported.
    pub last_error: Option<String>,
}

/// A node group.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NodeView {
    /// `cloud_node`.
    #[serde(rename = "type")]
    #[schema(example = "cloud_node")]
    pub kind: &'static str,
    /// Identity.
    pub id: i64,
    /// State.
    #[serde(flatten)]
    pub state: NodeState,
    /// Instances seen in the last 24 hours.
    pub instance_count: i64,
    /// Instances seen in the last two minutes.
    pub active_instance_count: i64,
    /// Registration token, for administrators; empty for others.
    pub token: String,
    /// Requests this month.
    pub requests_amount: i64,
    /// Requests per second over the last minute, all active instances.
    pub rps: f64,
    /// Shown in the answer to the creation only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// A node group as the filtered list returns it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct NodeFlatView {
    /// `cloud_node`.
    #[serde(rename = "type")]
    #[schema(example = "cloud_node")]
    pub kind: &'static str,
    /// The UUID again: this list has always identified nodes by it.
    pub id: String,
    /// State.
    #[serde(flatten)]
    pub state: NodeState,
}
