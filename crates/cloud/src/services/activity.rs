//! Activity-log entries of API callers.

use bartizan_store::{TenantId, activity, entity, sea_orm::ConnectionTrait};
use serde_json::Value;

use crate::{auth::Caller, failure::Failure};

/// What happened to which object. States must not hold secrets.
pub struct Change<'a> {
    /// Machine name of the object kind, `user`, `rule`, ….
    pub object_type: &'a str,
    /// `create`, `update` or `delete`.
    pub action: &'a str,
    /// Id of the object.
    pub object_id: String,
    /// Name of the object.
    pub object_name: String,
    /// State before, if there was one.
    pub before: Option<Value>,
    /// State after, if there is one.
    pub after: Option<Value>,
}

/// Appends a successful change to the log of a tenant; call it within the transaction of the change.
///
/// # Errors
/// 500 when the store fails.
pub async fn log<C: ConnectionTrait>(
    connection: &C,
    caller: &Caller,
    tenant: TenantId,
    now: i64,
    change: Change<'_>,
) -> Result<(), Failure> {
    let entry = entity::activity::Model {
        id: 0,
        client_id: tenant.0,
        time: now,
        object_type: change.object_type.to_owned(),
        action_type: change.action.to_owned(),
        outcome: "success".to_owned(),
        source: caller.source().to_owned(),
        initiator_id: caller.user.as_ref().map(|user| user.id),
        initiator_client_id: Some(caller.client.id),
        initiator_name: caller.name.clone(),
        object_id: Some(change.object_id),
        object_name: change.object_name,
        state_before: change.before,
        state_after: change.after,
        ip: caller.ip.to_string(),
        request_id: caller.request_id.clone(),
    };
    Ok(activity::append(connection, entry).await?)
}
