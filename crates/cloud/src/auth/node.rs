//! Authentication of nodes: `Authorization: Node <uuid>:<secret>` (`spec/node.md` section 1.5).

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use bartizan_api::ApiError;
use bartizan_store::{TenantId, entity};

use super::Origin;
use crate::{failure::Failure, secrets::Secret, state::Cloud};

/// An authenticated node instance.
#[derive(Clone, Debug)]
pub struct NodeCaller {
    /// The instance.
    pub node: entity::node_instance::Model,
    /// Address it calls from.
    pub ip: std::net::IpAddr,
}

impl NodeCaller {
    /// The tenant that owns the node.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        TenantId(self.node.client_id)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NodeCaller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<NodeCaller, ApiError> {
        parts.extensions.get::<NodeCaller>().cloned().ok_or_else(ApiError::not_authenticated)
    }
}

/// Authenticates a node call.
///
/// # Errors
/// 401 for unknown or revoked instances, 403 `tenant disabled`, 429.
pub async fn authenticate(
    cloud: &Cloud,
    headers: &HeaderMap,
    origin: &Origin,
) -> Result<NodeCaller, Failure> {
    let refused = || ApiError::text(StatusCode::UNAUTHORIZED, "Unauthorized");
    let (uuid, secret) = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Node "))
        .and_then(|value| value.trim().split_once(':'))
        .ok_or_else(refused)?;
    let node = cloud.store.identify_node(uuid).await?;
    if let Some(node) = &node {
        // Known nodes only: a bucket for every name that a stranger makes up would be memory for strangers.
        cloud.limits.node_call(&node.uuid)?;
    }
    let secret = Secret::parse_hex(secret).ok_or_else(refused)?;
    if !secret.matches(&cloud.keys, node.as_ref().map(|node| node.secret_mac.as_str())) {
        cloud.limits.failed_authentication(uuid, origin.ip)?;
        return Err(refused().into());
    }
    let node = node.ok_or_else(refused)?;
    if let Some(token_id) = node.token_id {
        // Registered with an API token: revoked together with it.
        let token = cloud.store.identify_api_token_by_id(token_id).await?.ok_or_else(refused)?;
        if !token.enabled || token.expires_at.is_some_and(|end| end <= cloud.now()) {
            return Err(refused().into());
        }
    }
    let client = cloud.store.identify_client(node.client_id).await?.ok_or_else(refused)?;
    if !client.enabled {
        return Err(ApiError::text(StatusCode::FORBIDDEN, "tenant disabled").into());
    }
    Ok(NodeCaller { node, ip: origin.ip })
}
