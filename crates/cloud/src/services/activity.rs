//! Activity-log entries of API callers.

use axum::http::StatusCode;
use bartizan_store::{TenantId, activity, entity, sea_orm::ConnectionTrait};
use serde_json::Value;

use super::{notification, trigger};
use crate::{
    auth::{Caller, Origin},
    failure::Failure,
    state::Cloud,
};

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

/// Appends an entry and sends it to the systems that get the log as it is written.
async fn append<C: ConnectionTrait>(connection: &C, entry: entity::activity::Model) -> Result<(), Failure> {
    let row = activity::append(connection, entry).await?;
    notification::of_activity(connection, row).await
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
    let entry = entry_of(change, by_caller(caller, tenant, now));
    notification::of_change(connection, &entry).await?;
    trigger::changes::of_change(connection, &entry).await?;
    append(connection, entry).await
}

/// A change that was refused.
pub struct Refusal<'a> {
    /// Machine name of the object kind.
    pub object_type: &'a str,
    /// `create`, `update` or `delete`.
    pub action: &'a str,
    /// Id of the object, where the path named one or it is the account of the caller.
    pub object_id: Option<String>,
    /// Its name, where that is known.
    pub object_name: String,
    /// What was asked for and what was answered.
    pub description: String,
}

/// Appends a change that was refused to the log of the tenant that the caller acted on, else to that of its own.
///
/// # Errors
/// 500 when the store fails.
pub async fn log_refusal(cloud: &Cloud, caller: &Caller, refusal: Refusal<'_>) -> Result<(), Failure> {
    let entry = entity::activity::Model {
        object_type: refusal.object_type.to_owned(),
        action_type: refusal.action.to_owned(),
        object_id: refusal.object_id,
        object_name: refusal.object_name,
        outcome: "failure".to_owned(),
        description: Some(refusal.description),
        ..by_caller(caller, caller.acted_on(), cloud.now())
    };
    let transaction = cloud.store.begin().await?;
    append(&transaction, entry).await?;
    Ok(transaction.commit().await?)
}

/// Hands on the rows of a change by filter; a change that found none is appended without an object, to the log of the client
/// that the filter was about.
///
/// # Errors
/// 500 when the store fails.
pub async fn note_none<T>(
    cloud: &Cloud,
    caller: &Caller,
    (object_type, action): (&str, &str),
    changed: Vec<T>,
) -> Result<Vec<T>, Failure> {
    if changed.is_empty() {
        let entry = entity::activity::Model {
            object_type: object_type.to_owned(),
            action_type: action.to_owned(),
            description: Some("the filter selected nothing that can be changed".to_owned()),
            ..by_caller(caller, caller.acted_on(), cloud.now())
        };
        let transaction = cloud.store.begin().await?;
        append(&transaction, entry).await?;
        transaction.commit().await?;
    }
    Ok(changed)
}

/// Hands on what came of a link. A refusal is appended; answers that are no fault of the request leave no entry.
///
/// # Errors
/// Those of the outcome.
pub async fn note_link<T>(
    cloud: &Cloud,
    tenant: TenantId,
    (object_type, object_id, object_name): (&str, i64, &str),
    origin: &Origin,
    outcome: Result<T, Failure>,
) -> Result<T, Failure> {
    let status = outcome.as_ref().err().map(|failure| failure.0.status);
    let refused = |status: &StatusCode| status.is_client_error() && *status != StatusCode::TOO_MANY_REQUESTS;
    let Some(status) = status.filter(refused) else { return outcome };
    let entry = entity::activity::Model {
        object_type: object_type.to_owned(),
        action_type: "update".to_owned(),
        object_id: Some(object_id.to_string()),
        object_name: object_name.to_owned(),
        outcome: "failure".to_owned(),
        description: Some(format!("a link was answered with {}", status.as_u16())),
        ..by_stranger(tenant, origin, cloud.now())
    };
    if append(cloud.store.writer(), entry).await.is_err() {
        tracing::warn!(request.id = %origin.request_id, "a refused link was not logged");
    }
    outcome
}

/// Appends what a user did before there was a caller: signing in, or failing to.
///
/// # Errors
/// 500 when the store fails.
pub async fn log_sign_in<C: ConnectionTrait>(
    connection: &C,
    user: &entity::user::Model,
    origin: &Origin,
    now: i64,
    failure: Option<&str>,
) -> Result<(), Failure> {
    let entry = entity::activity::Model {
        object_type: "sign_in".to_owned(),
        action_type: "create".to_owned(),
        object_id: Some(user.id.to_string()),
        object_name: user.email.clone(),
        outcome: if failure.is_some() { "failure" } else { "success" }.to_owned(),
        description: failure.map(str::to_owned),
        ..by_user(user, origin, now)
    };
    append(connection, entry).await
}

/// Appends a change that a user made by a link instead of a session: a reset, an acceptance.
///
/// # Errors
/// 500 when the store fails.
pub async fn log_by_user<C: ConnectionTrait>(
    connection: &C,
    user: &entity::user::Model,
    origin: &Origin,
    now: i64,
    change: Change<'_>,
) -> Result<(), Failure> {
    let entry = entry_of(change, by_user(user, origin, now));
    notification::of_change(connection, &entry).await?;
    trigger::changes::of_change(connection, &entry).await?;
    append(connection, entry).await
}

/// Name in the log of whoever asks for something without having signed in.
const STRANGER: &str = "Somebody not signed in";

/// Appends what somebody asked for an account without having shown to own it. It is no change and not the user's doing: no
/// notification and no trigger tells of it, or strangers could fill the channels of a tenant. Like every entry it goes to
/// the systems that get the log as it is written.
///
/// # Errors
/// 500 when the store fails.
pub async fn log_by_stranger<C: ConnectionTrait>(
    connection: &C,
    user: &entity::user::Model,
    origin: &Origin,
    now: i64,
    change: Change<'_>,
) -> Result<(), Failure> {
    let by = by_stranger(TenantId(user.client_id), origin, now);
    append(connection, entry_of(change, by)).await
}

/// The entry of a change, by whom `by` names.
fn entry_of(change: Change<'_>, by: entity::activity::Model) -> entity::activity::Model {
    entity::activity::Model {
        object_type: change.object_type.to_owned(),
        action_type: change.action.to_owned(),
        object_id: Some(change.object_id),
        object_name: change.object_name,
        state_before: change.before.map(masked),
        state_after: change.after.map(masked),
        ..by
    }
}

/// Name of the operator in the log; there is no user behind it.
const OPERATOR: &str = "Technical support";

/// Name of the cloud in the log, for what it does by itself.
pub const SYSTEM: &str = "System";

/// Appends what the operator changed on the machine of the cloud.
///
/// # Errors
/// 500 when the store fails.
pub async fn log_by_operator<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    now: i64,
    change: Change<'_>,
) -> Result<(), Failure> {
    log_by_system(connection, tenant, now, OPERATOR, change).await
}

/// Appends what nobody with an account changed, under a name for it.
///
/// # Errors
/// 500 when the store fails.
pub async fn log_by_system<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    now: i64,
    name: &str,
    change: Change<'_>,
) -> Result<(), Failure> {
    let by = entity::activity::Model { initiator_name: name.to_owned(), ..plain(tenant, now) };
    append(connection, entry_of(change, by)).await
}

fn by_user(user: &entity::user::Model, origin: &Origin, now: i64) -> entity::activity::Model {
    entity::activity::Model {
        initiator_id: Some(user.id),
        initiator_client_id: Some(user.client_id),
        initiator_name: user.realname.clone(),
        ..by_stranger(TenantId(user.client_id), origin, now)
    }
}

fn by_stranger(tenant: TenantId, origin: &Origin, now: i64) -> entity::activity::Model {
    entity::activity::Model {
        source: "ui_page".to_owned(),
        initiator_name: STRANGER.to_owned(),
        ip: origin.ip.to_string(),
        request_id: origin.request_id.clone(),
        user_agent: origin.user_agent.to_string(),
        ..plain(tenant, now)
    }
}

fn by_caller(caller: &Caller, tenant: TenantId, now: i64) -> entity::activity::Model {
    entity::activity::Model {
        source: caller.source().to_owned(),
        initiator_id: caller.user.as_ref().map(|user| user.id),
        initiator_client_id: Some(caller.client.id),
        initiator_name: caller.name.to_string(),
        ip: caller.ip.to_string(),
        request_id: caller.request_id.clone(),
        user_agent: caller.user_agent.to_string(),
        token_id: caller.token_id(),
        ..plain(tenant, now)
    }
}

/// An entry of nobody about nothing, which the callers above complete.
fn plain(tenant: TenantId, now: i64) -> entity::activity::Model {
    entity::activity::Model {
        id: 0,
        client_id: tenant.0,
        time: now,
        object_type: String::new(),
        action_type: String::new(),
        outcome: "success".to_owned(),
        source: "unknown".to_owned(),
        initiator_id: None,
        initiator_client_id: None,
        initiator_name: String::new(),
        object_id: None,
        object_name: String::new(),
        state_before: None,
        state_after: None,
        ip: String::new(),
        request_id: String::new(),
        user_agent: String::new(),
        token_id: None,
        description: None,
        seq: None,
        chain_mac: None,
    }
}

/// Names of fields whose values never reach the log, whatever a caller of [`log`] overlooked.
const SECRET_NAMES: &[&str] =
    &["password", "secret", "token", "api_key", "apikey", "private_key", "authorization", "credential"];

/// The state with every value of a secret's name replaced by `***`.
fn masked(state: Value) -> Value {
    match state {
        Value::Object(map) => map
            .into_iter()
            .map(|(name, value)| {
                let value = if is_secret(&name, &value) { Value::from("***") } else { masked(value) };
                (name, value)
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Array(items) => items.into_iter().map(masked).collect(),
        other => other,
    }
}

/// Only texts and whatever holds texts: `password_changed` is a time and `secret_set` a flag.
fn is_secret(name: &str, value: &Value) -> bool {
    let name = name.to_ascii_lowercase();
    value.is_string() && SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_hide() {
        let state =
            json!({"name": "x", "auth": [{"API_Token": "abc"}], "password_changed": 5, "secret": null});
        let kept =
            json!({"name": "x", "auth": [{"API_Token": "***"}], "password_changed": 5, "secret": null});
        assert_eq!(masked(state), kept);
    }
}
