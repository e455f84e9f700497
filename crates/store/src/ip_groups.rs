//! IP lists: groups with the sequence numbers of their addition and removal.

use std::collections::{HashMap, HashSet};

use sea_orm::{
    ActiveModelTrait,
    ActiveValue::NotSet,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{Expr, Func, LikeExpr, SimpleExpr},
};

use crate::{
    Store, StoreError, TenantId, Tenants,
    entity::{
        ip_group::{Column, Entity, Model},
        user,
    },
};

/// Rows or values of one statement.
const STEP: usize = 500;

/// What a list of groups asks for.
#[derive(Clone, Debug, Default)]
pub struct GroupFilter {
    /// Lists; empty is any.
    pub lists: Vec<String>,
    /// Types; empty is any.
    pub rule_types: Vec<String>,
    /// Ids; none is any.
    pub ids: Option<Vec<i64>>,
    /// A value to look up.
    pub value: Option<ValueQuery>,
    /// Applications, one of which it holds for; empty is any.
    pub applications: Vec<i64>,
    /// Whether to list what expired instead of what is live.
    pub expired: bool,
}

/// A value to look up.
#[derive(Clone, Debug)]
pub enum ValueQuery {
    /// Canonical network of a subnet group.
    Network(String),
    /// Code of a country, provider or kind of source, in any case.
    Code(String),
}

impl GroupFilter {
    fn condition(&self, now: i64) -> Condition {
        let mut all = Condition::all().add(Column::RemovedSeq.is_null()).add(if self.expired {
            Column::ExpiredAt.lte(now)
        } else {
            Column::ExpiredAt.gt(now)
        });
        if !self.lists.is_empty() {
            all = all.add(Column::List.is_in(self.lists.iter().cloned()));
        }
        if !self.rule_types.is_empty() {
            all = all.add(Column::RuleType.is_in(self.rule_types.iter().cloned()));
        }
        if let Some(ids) = &self.ids {
            all = all.add(Column::Id.is_in(ids.iter().copied()));
        }
        if !self.applications.is_empty() {
            let mut any = Condition::any();
            for id in self.applications.iter().chain([&0]) {
                any = any.add(holds_application(*id));
            }
            all = all.add(any);
        }
        match &self.value {
            Some(ValueQuery::Network(network)) => all.add(Column::Network.eq(network.clone())),
            Some(ValueQuery::Code(code)) => all.add(Column::Network.is_null()).add(holds_code(code)),
            None => all,
        }
    }
}

/// Whether the JSON array of values holds this code, in any case.
fn holds_code(code: &str) -> SimpleExpr {
    let escaped =
        code.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_").replace('"', "");
    let text = SimpleExpr::from(Func::lower(Expr::col(Column::Values).cast_as("text")));
    text.like(LikeExpr::new(format!("%\"{escaped}\"%")).escape('\\'))
}

/// Whether the JSON array of applications holds this one, 0 being all of them.
fn holds_application(id: i64) -> Condition {
    let text = || SimpleExpr::from(Expr::col(Column::ApplicationIds).cast_as("text"));
    // An array of numbers, written with or without spaces.
    [
        format!("[{id}]"),
        format!("[{id},%"),
        format!("%,{id},%"),
        format!("%,{id}]"),
        format!("%, {id},%"),
        format!("%, {id}]"),
    ]
    .into_iter()
    .fold(Condition::any(), |any, pattern| any.add(text().like(pattern)))
}

impl Store {
    /// A page of live (or expired) groups, newest first.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn ip_groups(
        &self,
        tenants: &Tenants,
        filter: &GroupFilter,
        now: i64,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<Model>, StoreError> {
        Ok(Entity::find()
            .filter(Column::ClientId.is_in(tenants.ids().iter().map(|id| id.0)))
            .filter(filter.condition(now))
            .order_by_desc(Column::Id)
            .offset(offset)
            .limit(limit)
            .all(self.reader())
            .await?)
    }

    /// Names of the people who made these groups, by id. They may belong to another tenant, as global users do; then
    /// their address does not stand in for a missing name.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn ip_group_authors(&self, groups: &[Model]) -> Result<HashMap<i64, String>, StoreError> {
        let mut ids: Vec<i64> =
            groups.iter().map(|group| group.author_user_id).filter(|id| *id != 0).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let own: HashSet<i64> = groups.iter().map(|group| group.client_id).collect();
        let rows: Vec<(i64, i64, String, String)> = user::Entity::find()
            .select_only()
            .column(user::Column::Id)
            .column(user::Column::ClientId)
            .column(user::Column::Realname)
            .column(user::Column::Email)
            .filter(user::Column::Id.is_in(ids))
            .into_tuple()
            .all(self.reader())
            .await?;
        let name = |(id, client_id, name, email): (i64, i64, String, String)| match name.is_empty() {
            false => Some((id, name)),
            true => own.contains(&client_id).then_some((id, email)),
        };
        Ok(rows.into_iter().filter_map(name).collect())
    }

    /// The number of live groups of each type on some lists of a tenant.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn ip_group_counts(
        &self,
        tenant: TenantId,
        lists: &[String],
        now: i64,
    ) -> Result<HashMap<String, i64>, StoreError> {
        let rows: Vec<(String, i64)> = Entity::find()
            .select_only()
            .column(Column::RuleType)
            .column_as(Column::Id.count(), "groups")
            .filter(Column::ClientId.eq(tenant.0))
            .filter(Column::List.is_in(lists.iter().cloned()))
            .filter(Column::RemovedSeq.is_null())
            .filter(Column::ExpiredAt.gt(now))
            .group_by(Column::RuleType)
            .into_tuple()
            .all(self.reader())
            .await?;
        Ok(rows.into_iter().collect())
    }

    /// A page of the denied subnets of tenants, newest first: those live at a time, or all there ever were.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn denied_subnets(
        &self,
        tenants: &Tenants,
        live_at: Option<i64>,
        offset: u64,
        limit: u64,
    ) -> Result<Vec<Model>, StoreError> {
        let mut select = Entity::find()
            .filter(Column::ClientId.is_in(tenants.ids().iter().map(|id| id.0)))
            .filter(Column::List.eq("block"))
            .filter(Column::RuleType.eq("subnet"));
        if let Some(now) = live_at {
            select = select.filter(Column::RemovedSeq.is_null()).filter(Column::ExpiredAt.gt(now));
        }
        Ok(select.order_by_desc(Column::Id).offset(offset).limit(limit).all(self.reader()).await?)
    }

    /// Every live group of a tenant that was added after `since`, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn ip_groups_added(
        &self,
        tenant: TenantId,
        since: i64,
        now: i64,
    ) -> Result<Vec<Model>, StoreError> {
        Ok(Entity::find()
            .filter(Column::ClientId.eq(tenant.0))
            .filter(Column::AddedSeq.gt(since))
            .filter(Column::RemovedSeq.is_null())
            .filter(Column::ExpiredAt.gt(now))
            .order_by_asc(Column::Id)
            .all(self.reader())
            .await?)
    }

    /// Ids of the groups of a tenant that were removed after `since`, some of which were added after it, too.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn ip_groups_removed(&self, tenant: TenantId, since: i64) -> Result<Vec<i64>, StoreError> {
        Ok(Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::ClientId.eq(tenant.0))
            .filter(Column::RemovedSeq.gt(since))
            .order_by_asc(Column::Id)
            .into_tuple()
            .all(self.reader())
            .await?)
    }
}

/// The live groups of a tenant with one of these networks.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn with_networks<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    networks: &[String],
    now: i64,
) -> Result<Vec<Model>, StoreError> {
    let mut found = Vec::new();
    // In steps: a statement takes a limited number of values.
    for step in networks.chunks(STEP) {
        let among = Condition::all().add(Column::Network.is_in(step.iter().cloned()));
        found.extend(live(tenant, now, among, connection).await?);
    }
    Ok(found)
}

/// The group of a network on a list that was deleted last, not to make room for another of this network.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn last_deleted<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    list: &str,
    network: &str,
) -> Result<Option<Model>, StoreError> {
    let of_network = Entity::find().filter(Column::ClientId.eq(tenant.0)).filter(Column::Network.eq(network));
    let last = of_network
        .clone()
        .filter(Column::List.eq(list))
        .filter(Column::RemovedSeq.is_not_null())
        .order_by_desc(Column::RemovedSeq)
        .one(connection)
        .await?;
    let Some(last) = last else { return Ok(None) };
    // What replaces a group is added in the same step.
    let replaced = of_network.filter(Column::AddedSeq.eq(last.removed_seq)).one(connection).await?;
    Ok(replaced.is_none().then_some(last))
}

/// The live groups of a tenant that hold codes of one type.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn with_codes<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    rule_type: &str,
    now: i64,
) -> Result<Vec<Model>, StoreError> {
    live(tenant, now, Condition::all().add(Column::RuleType.eq(rule_type)), connection).await
}

/// The live groups of a tenant that a filter names.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn matching<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    filter: &GroupFilter,
    now: i64,
) -> Result<Vec<Model>, StoreError> {
    let Some(ids) = filter.ids.as_ref().filter(|ids| ids.len() > STEP) else {
        return live(tenant, now, filter.condition(now), connection).await;
    };
    let mut ids = ids.clone();
    ids.sort_unstable();
    ids.dedup();
    let mut found = Vec::new();
    for ids in ids.chunks(STEP) {
        let step = GroupFilter { ids: Some(ids.to_vec()), ..filter.clone() };
        found.extend(live(tenant, now, step.condition(now), connection).await?);
    }
    Ok(found)
}

async fn live<C: ConnectionTrait>(
    tenant: TenantId,
    now: i64,
    condition: Condition,
    connection: &C,
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::RemovedSeq.is_null())
        .filter(Column::ExpiredAt.gt(now))
        .filter(condition)
        .order_by_asc(Column::Id)
        .all(connection)
        .await?)
}

/// Inserts a group; its `id` is ignored.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert<C: ConnectionTrait>(connection: &C, group: Model) -> Result<Model, StoreError> {
    let mut row = group.into_active_model();
    row.id = NotSet;
    Ok(row.insert(connection).await?)
}

/// Inserts many groups; their ids are ignored.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert_many<C: ConnectionTrait>(connection: &C, groups: Vec<Model>) -> Result<(), StoreError> {
    let mut rows = groups.into_iter().map(|group| {
        let mut row = group.into_active_model();
        row.id = NotSet;
        row
    });
    loop {
        let step: Vec<_> = rows.by_ref().take(STEP).collect();
        if step.is_empty() {
            return Ok(());
        }
        Entity::insert_many(step).exec_without_returning(connection).await?;
    }
}

/// Marks groups as removed. The rows stay, for nodes that lag behind and for the history.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn remove<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    ids: &[i64],
    seq: i64,
    now: i64,
) -> Result<(), StoreError> {
    for step in ids.chunks(STEP) {
        Entity::update_many()
            .col_expr(Column::RemovedSeq, Expr::val(seq))
            .col_expr(Column::RemovedAt, Expr::val(now))
            .filter(Column::ClientId.eq(tenant.0))
            .filter(Column::Id.is_in(step.iter().copied()))
            .filter(Column::RemovedSeq.is_null())
            .exec(connection)
            .await?;
    }
    Ok(())
}
