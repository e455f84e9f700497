//! Actions: sets of conditions that rules share (`spec/rules.md` section 1.8).

use bartizan_api::{
    ApiError,
    filter::{Family, Field, Filter, Kind},
    list::ListRequest,
    rule::{ActionView, ByHitAction, ByHitView, ConditionView},
};
use bartizan_rules::Scope;
use bartizan_store::{
    TenantId, Tenants,
    entity::{action, hit},
    hints,
};
use serde_json::Value;

use super::{page, provision::DEFAULT_BRANCH_HASH};
use crate::{auth::Caller, failure::Failure, state::Cloud};

const FIELDS: &[Field] = &[
    Field::new("id", Kind::Int),
    Field::new("clientid", Kind::Int),
    Field::new("hint_type", Kind::Text),
    Field::new("empty", Kind::Bool),
];

/// A page of actions by ascending id.
///
/// # Errors
/// 400 for a bad filter or limit.
pub async fn list(cloud: &Cloud, caller: &Caller, request: &ListRequest) -> Result<Vec<ActionView>, Failure> {
    let filter = Filter::parse(&request.filter, FIELDS, Family::Rules)?;
    let tenants = caller.tenants_or_own(&filter.ints("clientid"));
    let part = page::of(request)?;
    let reader = cloud.store.reader();
    let rows =
        hints::list_actions(reader, &tenants, &filter, DEFAULT_BRANCH_HASH, part.offset, part.limit).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let counts = hints::counts(reader, &tenants, &ids).await?;
    rows.iter().map(|row| view_of(row, counts.get(&row.id).copied().unwrap_or(0))).collect()
}

/// One action.
///
/// # Errors
/// 404.
pub async fn view(cloud: &Cloud, caller: &Caller, id: i64) -> Result<ActionView, Failure> {
    let (row, count) = find(cloud, &caller.tenants, id).await?;
    view_of(&row, count)
}

/// An action with the number of its hints.
pub(super) async fn find(cloud: &Cloud, tenants: &Tenants, id: i64) -> Result<(action::Model, i64), Failure> {
    let reader = cloud.store.reader();
    let row = hints::find_action(reader, tenants, id).await?.ok_or_else(ApiError::absent)?;
    let counts = hints::counts(reader, tenants, &[id]).await?;
    Ok((row, counts.get(&id).copied().unwrap_or(0)))
}

/// The conditions that a rule about a hit would have. No action need exist.
///
/// # Errors
/// 400 for an id that is none, 404.
pub async fn by_hit(cloud: &Cloud, caller: &Caller, id: &Value) -> Result<ByHitView, Failure> {
    let invalid = || ApiError::field("id", "is invalid", id.clone());
    let (index, event) = match id {
        Value::Array(pair) => match pair.as_slice() {
            [Value::String(index), Value::String(event)] => (index.as_str(), event.as_str()),
            [Value::String(joined)] => joined.split_once(':').ok_or_else(invalid)?,
            _ => return Err(invalid().into()),
        },
        Value::String(joined) => joined.split_once(':').ok_or_else(invalid)?,
        _ => return Err(invalid().into()),
    };
    // hits_<env>_<clientid>_<YYYYMM>_v_1: the same id may exist in two tenants.
    let client: i64 = index.split('_').nth(2).and_then(|digits| digits.parse().ok()).ok_or_else(invalid)?;
    let tenants = caller.tenants_of(&[client]);
    let hit = hints::find_hit(cloud.store.reader(), &tenants, event).await?.ok_or_else(ApiError::absent)?;
    let scope = Scope::by_hit(hit.pool, &hit.domain, &hit.path);
    let reader = cloud.store.reader();
    let known = hints::find_action_by_hash(reader, TenantId(hit.client_id), &scope.conditions_hash()).await?;
    let action = known.map(|row| {
        Ok::<_, Failure>(ByHitAction {
            id: row.id,
            clientid: row.client_id,
            name: row.name.clone(),
            conditions: conditions(&row.conditions)?,
            updated_at: row.updated_at,
        })
    });
    Ok(ByHitView { conditions: of_hit(&hit)?, clientid: hit.client_id, action: action.transpose()? })
}

/// The conditions that a rule about this hit would have.
///
/// # Errors
/// None that a stored hit can cause.
pub(super) fn of_hit(hit: &hit::Model) -> Result<Vec<ConditionView>, Failure> {
    conditions(&Scope::by_hit(hit.pool, &hit.domain, &hit.path).to_json())
}

fn conditions(wire: &Value) -> Result<Vec<ConditionView>, Failure> {
    Ok(serde_json::from_value(wire.clone()).map_err(|_| ApiError::internal())?)
}

fn view_of(row: &action::Model, count: i64) -> Result<ActionView, Failure> {
    let scope: Scope = serde_json::from_value(row.conditions.clone()).map_err(|_| ApiError::internal())?;
    let endpoint = scope.endpoint();
    Ok(ActionView {
        id: row.id,
        clientid: row.client_id,
        name: row.name.clone(),
        conditions: conditions(&row.conditions)?,
        hints: count,
        grouped_hints_count: count,
        endpoint: format!("{}{}", endpoint.domain.as_deref().unwrap_or_default(), endpoint.path),
        endpoint_path: Some(endpoint.path),
        endpoint_domain: endpoint.domain,
        endpoint_instance: endpoint.instance,
        method: endpoint.method,
        updated_at: row.updated_at,
    })
}
