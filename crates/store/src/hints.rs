//! Rules: actions and the hints attached to them.

use bartizan_api::filter::Filter;
use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait,
    IntoActiveModel, Order, QueryFilter, QueryOrder, QuerySelect, QueryTrait, sea_query::Expr,
};

use crate::{
    StoreError, TenantId, Tenants,
    conditions::{Place, filter_condition},
    entity::{action, hint, hit},
};

/// A page of hints.
pub struct HintQuery<'a> {
    /// Tenants that may be seen.
    pub tenants: &'a Tenants,
    /// Filter over the columns of the hint.
    pub filter: &'a Filter,
    /// Hash of the point asked for.
    pub point_hash: Option<String>,
    /// Types to leave out.
    pub hidden: Vec<&'static str>,
    /// Column to order by; ties go by id.
    pub order_by: hint::Column,
    /// Direction.
    pub order: Order,
    /// Rows to skip.
    pub offset: u64,
    /// Most rows.
    pub limit: u64,
}

/// A page of hints, each with its action.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn list<C: ConnectionTrait>(
    connection: &C,
    query: HintQuery<'_>,
) -> Result<Vec<(hint::Model, action::Model)>, StoreError> {
    use hint::{Column, Entity};
    let condition = filter_condition(query.filter, |field| match field {
        "id" => Place::Column("id"),
        "clientid" => Place::Column("client_id"),
        "actionid" => Place::Column("action_id"),
        "type" => Place::Column("kind"),
        "create_userid" => Place::Column("create_userid"),
        "create_time" => Place::Column("created_at"),
        "system" => Place::Column("system"),
        _ => Place::Elsewhere,
    });
    let mut select = Entity::find()
        .filter(Column::ClientId.is_in(query.tenants.ids().iter().map(|id| id.0)))
        .filter(condition);
    if let Some(hash) = query.point_hash {
        select = select.filter(Column::PointHash.eq(hash));
    }
    if !query.hidden.is_empty() {
        select = select.filter(Column::Kind.is_not_in(query.hidden.iter().copied()));
    }
    let order = query.order.clone();
    let rows = select
        .order_by(query.order_by, query.order)
        .order_by(Column::Id, order)
        .offset(query.offset)
        .limit(query.limit)
        .all(connection)
        .await?;
    with_actions(connection, query.tenants, rows).await
}

/// Joins hints with their actions, in the order given.
async fn with_actions<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    hints: Vec<hint::Model>,
) -> Result<Vec<(hint::Model, action::Model)>, StoreError> {
    let mut ids: Vec<i64> = hints.iter().map(|hint| hint.action_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut actions = std::collections::HashMap::new();
    // In steps: a statement takes a limited number of values.
    for step in ids.chunks(1000) {
        let found = action::Entity::find()
            .filter(action::Column::ClientId.is_in(tenants.ids().iter().map(|id| id.0)))
            .filter(action::Column::Id.is_in(step.iter().copied()))
            .all(connection)
            .await?;
        actions.extend(found.into_iter().map(|action| (action.id, action)));
    }
    let joined = hints.into_iter().filter_map(|hint| {
        let action = actions.get(&hint.action_id)?.clone();
        Some((hint, action))
    });
    Ok(joined.collect())
}

/// Hints of some tenants by id, each with its action, by ascending id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn by_ids<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    ids: &[i64],
) -> Result<Vec<(hint::Model, action::Model)>, StoreError> {
    use hint::{Column, Entity};
    let rows = Entity::find()
        .filter(Column::ClientId.is_in(tenants.ids().iter().map(|id| id.0)))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .order_by_asc(Column::Id)
        .all(connection)
        .await?;
    with_actions(connection, tenants, rows).await
}

/// Every active hint of a tenant with its action, by ascending id: what a ruleset is made of.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn active<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<Vec<(hint::Model, action::Model)>, StoreError> {
    use hint::{Column, Entity};
    let rows = Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Active.eq(true))
        .order_by_asc(Column::Id)
        .all(connection)
        .await?;
    joined(connection, tenant, rows).await
}

/// Every hint of a tenant with its action, those that win over others last: by time of the last change, then by
/// id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn all<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<Vec<(hint::Model, action::Model)>, StoreError> {
    use hint::{Column, Entity};
    let rows = Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .order_by_asc(Column::UpdatedAt)
        .order_by_asc(Column::Id)
        .all(connection)
        .await?;
    joined(connection, tenant, rows).await
}

/// Every action of a tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn actions<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<Vec<action::Model>, StoreError> {
    Ok(action::Entity::find().filter(action::Column::ClientId.eq(tenant.0)).all(connection).await?)
}

/// Joins the hints of a tenant, all or many of them, with their actions, in the order given.
async fn joined<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    rows: Vec<hint::Model>,
) -> Result<Vec<(hint::Model, action::Model)>, StoreError> {
    let actions: std::collections::HashMap<i64, action::Model> =
        actions(connection, tenant).await?.into_iter().map(|action| (action.id, action)).collect();
    let joined = rows.into_iter().filter_map(|hint| {
        let action = actions.get(&hint.action_id)?.clone();
        Some((hint, action))
    });
    Ok(joined.collect())
}

/// The hints of one action and type, by ascending id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn of_action<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    action_id: i64,
    kind: &str,
) -> Result<Vec<hint::Model>, StoreError> {
    use hint::{Column, Entity};
    Ok(Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::ActionId.eq(action_id))
        .filter(Column::Kind.eq(kind))
        .order_by_asc(Column::Id)
        .all(connection)
        .await?)
}

/// When a hint of a type was changed last, and its id: the greatest of both.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn last_change<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    kind: &str,
) -> Result<Option<(i64, i64)>, StoreError> {
    use hint::{Column, Entity};
    Ok(Entity::find()
        .select_only()
        .column(Column::UpdatedAt)
        .column(Column::Id)
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Kind.eq(kind))
        .order_by_desc(Column::UpdatedAt)
        .order_by_desc(Column::Id)
        .into_tuple()
        .one(connection)
        .await?)
}

/// The hints of some types, each with its action, by ascending id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn of_types<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    kinds: &[&str],
) -> Result<Vec<(hint::Model, action::Model)>, StoreError> {
    use hint::{Column, Entity};
    let rows = Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Kind.is_in(kinds.iter().copied()))
        .order_by_asc(Column::Id)
        .all(connection)
        .await?;
    with_actions(connection, &tenant.into(), rows).await
}

/// Tenants with hints that have ended.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn tenants_with_ended<C: ConnectionTrait>(
    connection: &C,
    now: i64,
) -> Result<Vec<TenantId>, StoreError> {
    use hint::{Column, Entity};
    let ids: Vec<i64> = Entity::find()
        .select_only()
        .column(Column::ClientId)
        .distinct()
        .filter(Column::ExpiresAt.lte(now))
        .into_tuple()
        .all(connection)
        .await?;
    Ok(ids.into_iter().map(TenantId).collect())
}

/// The hints of a tenant that have ended, with their actions.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn ended<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    now: i64,
) -> Result<Vec<(hint::Model, action::Model)>, StoreError> {
    use hint::{Column, Entity};
    let rows = Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::ExpiresAt.lte(now))
        .order_by_asc(Column::Id)
        .all(connection)
        .await?;
    with_actions(connection, &tenant.into(), rows).await
}

/// The hints of some types that carry or name one of these expression ids, with their actions.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn with_regex_ids<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    kinds: &[&str],
    regex_ids: &[i64],
) -> Result<Vec<(hint::Model, action::Model)>, StoreError> {
    use hint::{Column, Entity};
    let rows = Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::RegexId.is_in(regex_ids.iter().copied()))
        .filter(Column::Kind.is_in(kinds.iter().copied()))
        .order_by_asc(Column::Id)
        .all(connection)
        .await?;
    with_actions(connection, &tenant.into(), rows).await
}

/// Inserts a hint; its `id` is ignored.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert<C: ConnectionTrait>(
    connection: &C,
    hint: hint::Model,
) -> Result<hint::Model, StoreError> {
    let mut row = hint.into_active_model();
    row.id = NotSet;
    Ok(row.insert(connection).await?)
}

/// Writes every column of a hint back.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn update<C: ConnectionTrait>(
    connection: &C,
    hint: hint::Model,
) -> Result<hint::Model, StoreError> {
    Ok(hint.into_active_model().reset_all().update(connection).await?)
}

/// Deletes hints, and then those of the named actions that have conditions and no hint left.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    hints: &[hint::Model],
    default_branch_hash: &str,
) -> Result<(), StoreError> {
    hint::Entity::delete_many()
        .filter(hint::Column::ClientId.eq(tenant.0))
        .filter(hint::Column::Id.is_in(hints.iter().map(|hint| hint.id)))
        .exec(connection)
        .await?;
    let used = hint::Entity::find()
        .select_only()
        .column(hint::Column::ActionId)
        .filter(hint::Column::ClientId.eq(tenant.0));
    action::Entity::delete_many()
        .filter(action::Column::ClientId.eq(tenant.0))
        .filter(action::Column::Id.is_in(hints.iter().map(|hint| hint.action_id)))
        .filter(action::Column::ConditionsHash.ne(default_branch_hash))
        .filter(action::Column::Id.not_in_subquery(used.into_query()))
        .exec(connection)
        .await?;
    Ok(())
}

/// Ids of the hints of one action.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn ids_of_action<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    action_id: i64,
) -> Result<Vec<i64>, StoreError> {
    use hint::{Column, Entity};
    Ok(Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::ActionId.eq(action_id))
        .into_tuple()
        .all(connection)
        .await?)
}

/// The action with this id among the tenants.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn find_action<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    id: i64,
) -> Result<Option<action::Model>, StoreError> {
    Ok(action::Entity::find_by_id(id)
        .filter(action::Column::ClientId.is_in(tenants.ids().iter().map(|id| id.0)))
        .one(connection)
        .await?)
}

/// The hit with this public id among the tenants.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn find_hit<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    event_id: &str,
) -> Result<Option<hit::Model>, StoreError> {
    Ok(hit::Entity::find()
        .filter(hit::Column::ClientId.is_in(tenants.ids().iter().map(|id| id.0)))
        .filter(hit::Column::EventId.eq(event_id))
        .one(connection)
        .await?)
}

/// The action of a tenant with this hash.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn find_action_by_hash<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    hash: &str,
) -> Result<Option<action::Model>, StoreError> {
    use action::{Column, Entity};
    Ok(Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::ConditionsHash.eq(hash))
        .one(connection)
        .await?)
}

/// Inserts an action; its `id` is ignored.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert_action<C: ConnectionTrait>(
    connection: &C,
    action: action::Model,
) -> Result<action::Model, StoreError> {
    let mut row = action.into_active_model();
    row.id = NotSet;
    Ok(row.insert(connection).await?)
}

/// Notes that the hints of an action changed.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn touch_action<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
    now: i64,
) -> Result<(), StoreError> {
    use action::{Column, Entity};
    Entity::update_many()
        .col_expr(Column::UpdatedAt, Expr::val(now))
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await?;
    Ok(())
}

/// A page of actions by ascending id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn list_actions<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    filter: &Filter,
    default_branch_hash: &str,
    offset: u64,
    limit: u64,
) -> Result<Vec<action::Model>, StoreError> {
    use action::{Column, Entity};
    let mut select = Entity::find()
        .filter(Column::ClientId.is_in(tenants.ids().iter().map(|id| id.0)))
        .filter(filter_condition(filter, |field| match field {
            "id" => Place::Column("id"),
            "clientid" => Place::Column("client_id"),
            _ => Place::Elsewhere,
        }));
    for clause in &filter.clauses {
        for asked in clause {
            use bartizan_api::filter::Test;
            let condition = match (asked.field, &asked.test) {
                ("hint_type", Test::Texts(kinds)) => {
                    let having = hint::Entity::find()
                        .select_only()
                        .column(hint::Column::ActionId)
                        .filter(hint::Column::Kind.is_in(kinds.iter().cloned()));
                    Condition::all().add(Column::Id.in_subquery(having.into_query()))
                }
                ("hint_type", Test::Nothing) => Condition::all().add(Expr::val(1).eq(0)),
                ("empty", Test::Bool(true)) => {
                    Condition::all().add(Column::ConditionsHash.eq(default_branch_hash))
                }
                ("empty", Test::Bool(false)) => {
                    Condition::all().add(Column::ConditionsHash.ne(default_branch_hash))
                }
                _ => continue,
            };
            select = select.filter(if asked.negated { condition.not() } else { condition });
        }
    }
    Ok(select.order_by_asc(Column::Id).offset(offset).limit(limit).all(connection).await?)
}

/// The number of hints of some actions.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn counts<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    action_ids: &[i64],
) -> Result<std::collections::HashMap<i64, i64>, StoreError> {
    use hint::{Column, Entity};
    let rows: Vec<(i64, i64)> = Entity::find()
        .select_only()
        .column(Column::ActionId)
        .column_as(Column::Id.count(), "hints")
        .filter(Column::ClientId.is_in(tenants.ids().iter().map(|id| id.0)))
        .filter(Column::ActionId.is_in(action_ids.iter().copied()))
        .group_by(Column::ActionId)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(rows.into_iter().collect())
}
