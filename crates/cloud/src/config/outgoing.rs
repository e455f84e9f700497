//! `[outgoing]`: which addresses the cloud itself may connect to.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Connections that the cloud opens to addresses that users name: integrations, remote API specifications.
///
/// Loopback, private, link-local and other addresses that the public network does not route are refused unless
/// they are listed here.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutgoingConfig {
    /// Networks that may be reached although the public network does not route them.
    pub allowed_networks: Vec<IpNet>,
    /// Whether webhooks and API specifications may use plain HTTP.
    pub plain_http: bool,
}
