//! Authentication of nodes: `Authorization: Node <uuid>:<secret>` (`spec/node.md` section 1.5).

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use bartizan_api::ApiError;
use bartizan_store::{TenantId, entity};

use super::{Origin, header::Presented};
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
    let (uuid, secret) = credential(headers).ok_or_else(refused)?;
    let Some(node) = instance(cloud, uuid, secret).await? else {
        cloud.limits.failed_authentication(&cloud.store, uuid, origin.ip).await?;
        return Err(refused().into());
    };
    let client = cloud.store.identify_client(node.client_id).await?.ok_or_else(refused)?;
    if !client.enabled {
        return Err(ApiError::text(StatusCode::FORBIDDEN, "tenant disabled").into());
    }
    Ok(NodeCaller { node, ip: origin.ip })
}

/// UUID and secret of the node scheme.
pub(super) fn credential(headers: &HeaderMap) -> Option<(&str, &str)> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    // Of two the one that counts would be anybody's guess.
    let value = values.next().filter(|_| values.next().is_none())?.to_str().ok()?;
    value.strip_prefix("Node ")?.trim().split_once(':')
}

/// The instance that UUID and secret stand for, unless what it registered with was revoked.
async fn instance(
    cloud: &Cloud,
    uuid: &str,
    secret: &str,
) -> Result<Option<entity::node_instance::Model>, Failure> {
    let node = cloud.store.identify_node(uuid).await?;
    if let Some(node) = &node {
        // Known nodes only: a bucket for every name that a stranger makes up would be memory for strangers.
        cloud.limits.node_call(&node.uuid)?;
    }
    let Some(secret) = Secret::parse_hex(secret) else { return Ok(None) };
    let right = secret.matches(&cloud.keys, node.as_ref().map(|node| node.secret_mac.as_str()));
    let Some(node) = node.filter(|_| right) else { return Ok(None) };
    if let Some(token_id) = node.token_id {
        // Registered with an API token: revoked together with it.
        let token = cloud.store.identify_api_token_by_id(token_id).await?;
        let alive = |token: &entity::api_token::Model| {
            token.enabled && token.expires_at.is_none_or(|end| end > cloud.now())
        };
        if !token.is_some_and(|token| alive(&token)) {
            return Ok(None);
        }
    }
    Ok(Some(node))
}

/// A node as the public API knows it: an instance, or the group whose token it holds.
#[derive(Clone, Debug)]
pub struct NodePrincipal {
    /// UUID of the instance or the group.
    pub uuid: String,
    /// Name of the machine or the group.
    pub hostname: String,
    /// When it was made, Unix seconds.
    pub created_at: i64,
    /// Address that it was made from.
    pub create_from: String,
    /// The tenant.
    pub client: entity::client::Model,
}

/// The node that a credential stands for, in whichever header; none when it is of no node.
///
/// # Errors
/// 403 `Access denied` for a disabled tenant, 429.
pub(super) async fn principal(
    cloud: &Cloud,
    presented: &Presented,
    headers: &HeaderMap,
) -> Result<Option<NodePrincipal>, Failure> {
    let found = match presented {
        Presented::Token(token) => group(cloud, token)
            .await?
            .map(|row| (row.uuid, row.hostname, row.created_at, row.create_from, row.client_id)),
        Presented::Pair(uuid, secret) => instance(cloud, uuid, secret).await?.map(of_instance),
        Presented::Session => match credential(headers) {
            Some((uuid, secret)) => instance(cloud, uuid, secret).await?.map(of_instance),
            None => None,
        },
        Presented::Nothing => None,
    };
    let Some((uuid, hostname, created_at, create_from, client_id)) = found else { return Ok(None) };
    let client = cloud.store.identify_client(client_id).await?.filter(|client| client.enabled);
    let client = client.ok_or_else(ApiError::access_denied)?;
    Ok(Some(NodePrincipal { uuid, hostname, created_at, create_from, client }))
}

fn of_instance(row: entity::node_instance::Model) -> (String, String, i64, String, i64) {
    (row.uuid, row.hostname, row.created_at, row.ip, row.client_id)
}

/// The group whose token this is.
///
/// # Errors
/// 500 when the store fails.
pub(crate) async fn group(cloud: &Cloud, token: &str) -> Result<Option<entity::node_group::Model>, Failure> {
    let Some((secret, uuid)) = super::token_parts(token) else { return Ok(None) };
    let Some(group) = cloud.store.identify_node_group(&uuid.to_string()).await? else { return Ok(None) };
    Ok(Some(group).filter(|group| secret.matches(&cloud.keys, Some(&group.token_mac))))
}
