//! Tenants themselves.

use std::collections::HashMap;

use bartizan_api::{filter::Filter, list::Page};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseBackend, EntityTrait, ExprTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, Statement, sea_query::Expr,
};

use crate::{
    Store, StoreError, TenantId, Tenants,
    conditions::{Place, filter_condition},
    difference::difference,
    entity::{
        self,
        client::{Column, Entity, Model},
    },
};

impl Store {
    /// Removes everything of the tenants that were deleted before a time, and returns their ids. Which tables
    /// hold something of tenants is asked of the database, so that none is forgotten when it is added.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn purge_clients(&self, before: i64) -> Result<Vec<i64>, StoreError> {
        let gone = Entity::find().filter(Column::DeletedAt.lt(before)).all(self.reader()).await?;
        for client in &gone {
            let transaction = self.begin().await?;
            for table in tables_of_tenants(&transaction).await? {
                // The name is the database's own; the id is a number.
                transaction
                    .execute_unprepared(&format!("DELETE FROM \"{table}\" WHERE client_id = {}", client.id))
                    .await?;
            }
            Entity::delete_by_id(client.id).exec(&transaction).await?;
            transaction.commit().await?;
        }
        Ok(gone.into_iter().map(|client| client.id).collect())
    }
}

/// Tables with a column `client_id`.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn tables_of_tenants<C: ConnectionTrait>(connection: &C) -> Result<Vec<String>, StoreError> {
    let backend = connection.get_database_backend();
    let sql = match backend {
        DatabaseBackend::Postgres => {
            "SELECT table_name AS name FROM information_schema.columns \
             WHERE column_name = 'client_id' AND table_schema = current_schema()"
        }
        _ => {
            "SELECT tables.name AS name FROM sqlite_master AS tables JOIN pragma_table_info(tables.name) AS columns \
             WHERE tables.type = 'table' AND columns.name = 'client_id'"
        }
    };
    let rows = connection.query_all_raw(Statement::from_string(backend, sql)).await?;
    rows.iter().map(|row| row.try_get("", "name").map_err(StoreError::from)).collect()
}

/// The tenants that a filter selects: `first`, then by id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn list<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    filter: &Filter,
    first: TenantId,
    page: Page,
) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find()
        .filter(tenants.holds("id"))
        .filter(Column::DeletedAt.is_null())
        .filter(filter_condition(filter, place))
        .order_by_asc(Expr::col("id").ne(first.0))
        .order_by_asc(Column::Id)
        .limit(page.limit)
        .offset(page.offset)
        .all(connection)
        .await?)
}

/// The rows of tenants, in no order.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn of_ids<C: ConnectionTrait>(connection: &C, tenants: &Tenants) -> Result<Vec<Model>, StoreError> {
    Ok(Entity::find().filter(tenants.holds("id")).all(connection).await?)
}

/// UUIDs of global accounts, by id.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn partner_uuids<C: ConnectionTrait>(
    connection: &C,
    rows: &[Model],
) -> Result<HashMap<i64, String>, StoreError> {
    use entity::partner;
    let ids = rows.iter().map(|row| row.partner_id);
    let partners = partner::Entity::find().filter(partner::Column::Id.is_in(ids)).all(connection).await?;
    Ok(partners.into_iter().map(|partner| (partner.id, partner.uuid)).collect())
}

/// The filtration mode of each tenant as a whole: the mode rule of its default branch, which `branch` names by
/// the hash of its conditions.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn modes<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    branch: &str,
) -> Result<HashMap<i64, String>, StoreError> {
    use entity::{action, hint};
    let branches = action::Entity::find()
        .filter(tenants.holds("client_id"))
        .filter(action::Column::ConditionsHash.eq(branch))
        .all(connection)
        .await?;
    let hints = hint::Entity::find()
        .filter(tenants.holds("client_id"))
        .filter(hint::Column::ActionId.is_in(branches.into_iter().map(|branch| branch.id)))
        .filter(hint::Column::Kind.eq("wallarm_mode"))
        .all(connection)
        .await?;
    let mode = |hint: &hint::Model| hint.fields.get("mode")?.as_str().map(str::to_owned);
    Ok(hints.into_iter().filter_map(|hint| Some((hint.client_id, mode(&hint)?))).collect())
}

/// Reads a tenant and lets other changes of it wait until the transaction ends, so that a rule over several
/// rows ("one administrator stays") holds. SQLite has one writer and needs no lock.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn lock<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find().filter(Column::Id.eq(tenant.0)).lock_exclusive().one(connection).await?)
}

/// Writes what differs from the row as it was read; what somebody else changed in other columns stands.
///
/// # Errors
/// [`StoreError::Duplicate`] when the global account has a tenant of this name.
pub async fn update<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    before: &Model,
    after: Model,
) -> Result<Model, StoreError> {
    debug_assert!(tenants.contains(TenantId(after.id)), "a tenant out of reach was changed");
    let change = difference(&before.clone().into_active_model(), after.into_active_model());
    change.update(connection).await.map_err(StoreError::of_insert)
}

/// A tenant that was deleted and whose data is still there. For the operator: it knows no tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn deleted<C: ConnectionTrait>(connection: &C, id: i64) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(id).filter(Column::DeletedAt.is_not_null()).one(connection).await?)
}

/// Tenants that were deleted before a moment. Housekeeping: it knows no tenant.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn deleted_before<C: ConnectionTrait>(
    connection: &C,
    moment: i64,
) -> Result<Vec<TenantId>, StoreError> {
    let ids: Vec<i64> = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::DeletedAt.lt(moment))
        .into_tuple()
        .all(connection)
        .await?;
    Ok(ids.into_iter().map(TenantId).collect())
}

fn place(field: &str) -> Place {
    match field {
        "id" | "clientid" => Place::Column("id"),
        "enabled" => Place::Column("enabled"),
        "name" => Place::Column("name"),
        "uuid" => Place::Folded("uuid"),
        "partnerid" => Place::Column("partner_id"),
        _ => Place::Elsewhere,
    }
}
