//! The activity log: append-only, written in the transaction of the change it tells of.

use bartizan_api::list::Page;
use sea_orm::{
    ActiveModelTrait, ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Select,
    sea_query::{Condition, Expr, ExprTrait, Func, LikeExpr, Order, Query},
};

use crate::{
    StoreError, TenantId, Tenants,
    entity::{
        self,
        activity::{Column, Entity, Model},
        user,
    },
};

/// Appends an entry, whose `id` is ignored, and returns it as stored.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn append<C: ConnectionTrait>(
    connection: &C,
    entry: entity::activity::Model,
) -> Result<Model, StoreError> {
    let mut row = entry.into_active_model();
    row.id = ActiveValue::NotSet;
    Ok(row.insert(connection).await?)
}

/// Which entries to read. An empty list is no condition.
#[derive(Clone, Debug, Default)]
pub struct ActivityFilter {
    /// Kinds of objects; these and no others.
    pub object_types: Vec<String>,
    /// Kinds of objects that are left out.
    pub hidden: Vec<String>,
    /// Actions.
    pub action_types: Vec<String>,
    /// `success`, `failure`.
    pub outcomes: Vec<String>,
    /// Sources.
    pub sources: Vec<String>,
    /// Users.
    pub actor_ids: Vec<i64>,
    /// First second.
    pub from: i64,
    /// Second after the last.
    pub to: Option<i64>,
    /// Part of the name of who did it.
    pub query: Option<String>,
    /// Only entries before this id, for paging by cursor.
    pub before_id: Option<i64>,
    /// Whether entries without an object are left out.
    pub with_object: bool,
}

/// Entries of the tenants.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn list<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    filter: &ActivityFilter,
    descending: bool,
    page: Page,
) -> Result<Vec<Model>, StoreError> {
    let direction = if descending { Order::Desc } else { Order::Asc };
    Ok(selected(tenants, filter)
        .order_by(Column::Time, direction.clone())
        .order_by(Column::Id, direction)
        .limit(page.limit)
        .offset(page.offset)
        .all(connection)
        .await?)
}

fn selected(tenants: &Tenants, filter: &ActivityFilter) -> Select<Entity> {
    let mut query = Entity::find().filter(tenants.holds("client_id")).filter(Column::Time.gte(filter.from));
    let lists = [
        (Column::ObjectType, &filter.object_types),
        (Column::ActionType, &filter.action_types),
        (Column::Outcome, &filter.outcomes),
        (Column::Source, &filter.sources),
    ];
    for (column, values) in lists {
        if !values.is_empty() {
            query = query.filter(column.is_in(values.iter().cloned()));
        }
    }
    if !filter.hidden.is_empty() {
        query = query.filter(Column::ObjectType.is_not_in(filter.hidden.iter().cloned()));
    }
    if !filter.actor_ids.is_empty() {
        query = query.filter(Column::InitiatorId.is_in(filter.actor_ids.iter().copied()));
    }
    if let Some(to) = filter.to {
        query = query.filter(Column::Time.lt(to));
    }
    if let Some(id) = filter.before_id {
        query = query.filter(Column::Id.lt(id));
    }
    if filter.with_object {
        query = query.filter(Column::ObjectId.is_not_null());
    }
    if let Some(text) = &filter.query {
        let escaped = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let name = Expr::expr(Func::lower(Expr::col(Column::InitiatorName)));
        let pattern = || LikeExpr::new(format!("%{escaped}%")).escape('\\');
        let users = Query::select()
            .column(user::Column::Id)
            .from(user::Entity)
            // Others' addresses must not be found out piece by piece.
            .and_where(tenants.holds(user::Column::ClientId))
            .and_where(Expr::col(user::Column::Email).like(pattern()))
            .to_owned();
        let by_address = Column::InitiatorId.in_subquery(users);
        query = query.filter(Condition::any().add(name.like(pattern())).add(by_address));
    }
    query
}

/// One entry of a tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn find<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(id).filter(Column::ClientId.eq(tenant.0)).one(connection).await?)
}
