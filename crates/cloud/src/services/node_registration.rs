//! How a node instance comes and goes (`spec/node.md` section 1.2).
//!
//! Two kinds of token register: the token of a group, and an API token made for node deployment, whose
//! `group` label names the group. Everything else is refused.

use axum::http::{HeaderMap, StatusCode};
use bartizan_api::{
    ApiError, Permission,
    node::{Intervals, RegisterRequest, RegisterResponse},
};
use bartizan_store::{
    TenantId,
    entity::{node_group, node_instance},
    nodes,
};
use serde_json::json;
use uuid::Uuid;

use super::{node_group as groups, node_sync::month_of};
use crate::{
    auth::{self, Caller, Origin, Scheme, node::NodeCaller},
    failure::Failure,
    secrets::Secret,
    state::Cloud,
};

/// How often nodes call.
const INTERVALS: Intervals = Intervals { heartbeat_s: 30, sync_s: 180 };
/// Longest texts that a node may say about itself, characters.
const MAX_TEXT_CHARS: usize = 255;

/// What a token registers into.
pub enum Registrar {
    /// The group that the token belongs to.
    Group(Box<node_group::Model>),
    /// The group that the label names, made when absent.
    Deployment {
        /// Principal of the API token.
        caller: Box<Caller>,
        /// Row of the API token.
        token_id: i64,
    },
}

/// What the token of a registration stands for. Asked before the body is read.
///
/// # Errors
/// 403 for a token that may not register, 429.
pub async fn authenticate(cloud: &Cloud, headers: &HeaderMap, origin: &Origin) -> Result<Registrar, Failure> {
    let token = auth::credential(headers, "x-wallarmapi-token")?.ok_or_else(ApiError::not_authenticated)?;
    if let Some(group) = by_node_token(cloud, &token).await? {
        return Ok(Registrar::Group(Box::new(group)));
    }
    let Some(caller) = auth::by_token(cloud, &token, origin).await? else {
        cloud.limits.failed_authentication(&cloud.store, "", origin.ip).await?;
        return Err(ApiError::not_authenticated().into());
    };
    match caller.scheme {
        Scheme::Token { id: Some(token_id) } if caller.usage_node && caller.may(Permission::CreateNode) => {
            Ok(Registrar::Deployment { caller: Box::new(caller), token_id })
        }
        _ => Err(ApiError::access_denied().into()),
    }
}

/// Registers an instance and gives it a secret of its own.
///
/// # Errors
/// 400 without the label that an API token needs.
pub async fn register(
    cloud: &Cloud,
    registrar: Registrar,
    origin: &Origin,
    request: &RegisterRequest,
) -> Result<RegisterResponse, Failure> {
    let (group, token_id) = match registrar {
        Registrar::Group(group) => (*group, None),
        Registrar::Deployment { caller, token_id } => {
            (labelled_group(cloud, &caller, request).await?, Some(token_id))
        }
    };
    let (secret, now) = (Secret::random(), cloud.now());
    let tenant = TenantId(group.client_id);
    let instance = node_instance::Model {
        uuid: Uuid::new_v4().to_string(),
        group_id: group.id,
        client_id: group.client_id,
        token_id,
        secret_mac: secret.mac(&cloud.keys),
        hostname: short(&request.hostname),
        ip: origin.ip.to_string(),
        version: short(&request.version),
        packages: json!({}),
        created_at: now,
        last_seen_at: now,
        last_event_at: None,
        startid: String::new(),
        heartbeat_seq: 0,
        ruleset_version: 0,
        ruleset_updated_at: None,
        detectdb_version: 0,
        detectdb_updated_at: None,
        lists_seq: 0,
        requests: 0,
        requests_month: month_of(now),
        rps: 0.0,
        last_error: None,
    };
    let uuid = instance.uuid.clone();
    let transaction = cloud.store.begin().await?;
    if let Some(previous) = &request.previous_uuid
        && let Some(replaced) = nodes::lock_instance(&transaction, tenant, previous).await?
        && replaced.group_id == group.id
    {
        nodes::delete_instance(&transaction, tenant, previous).await?;
    }
    nodes::insert_instance(&transaction, instance).await?;
    transaction.commit().await?;
    tracing::info!(
        node.id = uuid,
        node.group = group.hostname,
        client.id = group.client_id,
        "node registered"
    );
    Ok(RegisterResponse {
        uuid,
        secret: secret.hex(),
        clientid: group.client_id,
        group_id: group.id,
        partner_mode: group.partner_mode,
        signing_keys: vec![hex::encode(cloud.keys.signing().verifying_key().as_bytes())],
        intervals: INTERVALS,
    })
}

fn short(text: &str) -> String {
    text.chars().take(MAX_TEXT_CHARS).collect()
}

/// The group whose token this is.
async fn by_node_token(cloud: &Cloud, token: &str) -> Result<Option<node_group::Model>, Failure> {
    let Some(group) = auth::node::group(cloud, token).await? else { return Ok(None) };
    let client = cloud.store.identify_client(group.client_id).await?;
    if client.is_none_or(|client| !client.enabled) {
        return Err(ApiError::text(StatusCode::FORBIDDEN, "tenant disabled").into());
    }
    Ok(Some(group))
}

/// The group that the label of an API token's registration names, made when absent.
async fn labelled_group(
    cloud: &Cloud,
    caller: &Caller,
    request: &RegisterRequest,
) -> Result<node_group::Model, Failure> {
    let name = request.labels.get("group").map(|name| name.trim()).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| {
        ApiError::invalid(r#"label "group" is required for this registration type"#, json!(request.labels))
    })?;
    let name = short(name);
    let tenant = caller.tenant_of(None)?;
    if let Some(group) = cloud.store.find_node_group_by_name(tenant, &name).await? {
        return Ok(group);
    }
    let made = groups::insert(cloud, caller, tenant, &name, false, &Secret::random()).await;
    match made {
        // Another instance of the same deployment was faster.
        Err(failure) if failure.0 == ApiError::already_exists() => {
            let found = cloud.store.find_node_group_by_name(tenant, &name).await?;
            Ok(found.ok_or_else(ApiError::internal)?)
        }
        other => other,
    }
}

/// Removes the calling instance.
///
/// # Errors
/// 500 when the store fails.
pub async fn unregister(cloud: &Cloud, node: &NodeCaller) -> Result<(), Failure> {
    Ok(nodes::delete_instance(cloud.store.writer(), node.tenant(), &node.node.uuid).await?)
}
