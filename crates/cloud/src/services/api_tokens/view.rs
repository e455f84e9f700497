//! What is shown of API tokens: to callers, and in the activity log.

use std::collections::{BTreeSet, HashMap};

use bartizan_api::{
    ApiError, Grant, Permission,
    api_token::ApiTokenView,
    filter::{Condition, Filter, Test},
    list::{Order, Page},
};
use bartizan_store::{Tenants, entity, sea_orm::ConnectionTrait, users};
use serde_json::{Value, json};

use super::KEPT_DISABLED_S;
use crate::{
    auth::{Caller, strings},
    failure::Failure,
    state::Cloud,
};

pub(super) async fn views<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    tenants: &Tenants,
    rows: Vec<entity::api_token::Model>,
) -> Result<Vec<ApiTokenView>, Failure> {
    let owners: Vec<i64> = rows.iter().filter_map(|row| row.user_id).collect();
    let test = Test::Ints(owners, vec![]);
    let filter =
        Filter { clauses: vec![vec![Condition { field: "id", negated: false, test }]], ignored: vec![] };
    let page = Page { limit: 1000, offset: 0 };
    let owners: HashMap<i64, BTreeSet<Permission>> =
        users::list(connection, tenants, &filter, Order { field: "id", descending: false }, page)
            .await?
            .into_iter()
            .map(|user| (user.id, grant_of(&user.permissions).permissions()))
            .collect();
    let now = cloud.now();
    Ok(rows
        .into_iter()
        .map(|row| {
            let bound = row.user_id.map(|owner| owners.get(&owner).cloned().unwrap_or_default());
            view(row, bound.as_ref(), now)
        })
        .collect())
}

/// A token as the API shows it; `bound` are the rights of its owner, if it has one.
pub(super) fn view(
    row: entity::api_token::Model,
    bound: Option<&BTreeSet<Permission>>,
    now: i64,
) -> ApiTokenView {
    let row = expired(row, now);
    let grant = grant_of(&row.permissions);
    let within = |permission: &Permission| bound.is_none_or(|bound| bound.contains(permission));
    let mut actual: Vec<String> = grant
        .permissions()
        .into_iter()
        .filter(within)
        .map(|permission| permission.code().to_owned())
        .collect();
    actual.sort();
    ApiTokenView {
        id: row.id,
        uuid: row.uuid,
        client_id: row.client_id,
        user_id: row.user_id,
        name: row.name,
        token_type: row.kind,
        kind: "regular".to_owned(),
        usage: row.usage,
        role: match &grant {
            Grant::Role(role) => Some(role.code().to_owned()),
            Grant::Custom(_) => None,
        },
        permissions: grant.strings(),
        actual_permissions: actual,
        enabled: row.enabled,
        expires_at: row.expires_at,
        disabled_at: row.disabled_at,
        delete_at: row.disabled_at.map(|at| at + KEPT_DISABLED_S),
        created_at: row.created_at,
        generated_at: row.generated_at,
        last_used_at: row.last_used_at,
        last_used_ip: row.last_used_ip,
        client_ids: row.client_ids.and_then(|ids| serde_json::from_value(ids).ok()),
        token_masked: row.masked,
    }
}

/// A token is disabled from its end on, also before the hourly job has noted it.
pub(super) fn expired(row: entity::api_token::Model, now: i64) -> entity::api_token::Model {
    match row.expires_at {
        Some(end) if row.enabled && end <= now => {
            entity::api_token::Model { enabled: false, disabled_at: Some(end), ..row }
        }
        _ => row,
    }
}

pub(super) fn grant_of(permissions: &Value) -> Grant {
    Grant::parse(&strings(permissions)).unwrap_or_else(|_| Grant::Custom(BTreeSet::new()))
}

pub(super) async fn one<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    caller: &Caller,
    row: entity::api_token::Model,
) -> Result<ApiTokenView, Failure> {
    let view = views(cloud, connection, &caller.tenants, vec![row]).await?.pop();
    Ok(view.ok_or_else(ApiError::internal)?)
}

/// What the activity log keeps of a token: nothing of its value.
pub(super) fn state(row: &entity::api_token::Model) -> Value {
    json!({
        "name": row.name, "type": row.kind, "usage": row.usage, "permissions": row.permissions,
        "enabled": row.enabled, "expires_at": row.expires_at, "generated_at": row.generated_at,
        "client_ids": row.client_ids,
    })
}
