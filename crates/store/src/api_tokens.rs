//! API tokens.

use bartizan_api::{
    filter::Filter,
    list::{Order, Page},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::NotSet,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};

use crate::{
    Store, StoreError, TenantId, Tenants,
    conditions::{Place, filter_condition},
    entity::api_token::{Column, Entity, Model},
    page::paged,
};

/// Which tokens of its tenants a caller may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visible {
    /// Every one.
    All,
    /// Those of this user.
    OwnedBy(i64),
}

impl Visible {
    fn condition(self) -> Condition {
        match self {
            Visible::All => Condition::all(),
            Visible::OwnedBy(user) => Condition::all().add(Column::UserId.eq(user)),
        }
    }
}

impl Store {
    /// Tokens that a filter selects.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn api_tokens(
        &self,
        tenants: &Tenants,
        visible: Visible,
        filter: &Filter,
        order: Order,
        page: Page,
    ) -> Result<Vec<Model>, StoreError> {
        let query = Entity::find()
            .filter(tenants.holds("client_id"))
            .filter(visible.condition())
            .filter(filter_condition(filter, place));
        Ok(paged(query, order.field, "id", order, page).all(self.reader()).await?)
    }

    /// Working tokens that end within a period and lived long enough to be warned of, without a warning yet.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn tokens_about_to_end(
        &self,
        from: i64,
        to: i64,
        least_life_s: i64,
    ) -> Result<Vec<Model>, StoreError> {
        let lived = Expr::col(Column::ExpiresAt).sub(Expr::col(Column::CreatedAt));
        Ok(Entity::find()
            .filter(Column::Enabled.eq(true))
            .filter(Column::NotifiedAt.is_null())
            .filter(Column::ExpiresAt.gt(from))
            .filter(Column::ExpiresAt.lte(to))
            .filter(lived.gte(least_life_s))
            .all(self.reader())
            .await?)
    }

    /// Claims the warning about a token: true for one caller, in whichever process.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn claim_token_notice(&self, id: i64, now: i64) -> Result<bool, StoreError> {
        let claimed = Entity::update_many()
            .col_expr(Column::NotifiedAt, Expr::val(now))
            .filter(Column::Id.eq(id))
            .filter(Column::NotifiedAt.is_null())
            .exec(self.writer())
            .await?;
        Ok(claimed.rows_affected == 1)
    }

    /// Deactivates tokens whose time has come, and removes those disabled before `purge_before`.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn expire_api_tokens(&self, now: i64, purge_before: i64) -> Result<(), StoreError> {
        Entity::update_many()
            .col_expr(Column::Enabled, Expr::val(false))
            .col_expr(Column::DisabledAt, Expr::col(Column::ExpiresAt))
            .filter(Column::Enabled.eq(true))
            .filter(Column::ExpiresAt.lte(now))
            .exec(self.writer())
            .await?;
        Entity::delete_many()
            .filter(Column::Enabled.eq(false))
            .filter(Column::DisabledAt.lt(purge_before))
            .exec(self.writer())
            .await?;
        Ok(())
    }
}

/// One token of the tenants.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn find<C: ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    id: i64,
) -> Result<Option<Model>, StoreError> {
    Ok(Entity::find_by_id(id).filter(tenants.holds("client_id")).one(connection).await?)
}

/// How many tokens a user has, or with no user, how many shared ones the tenant has.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn count<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    user: Option<i64>,
) -> Result<u64, StoreError> {
    let owner = match user {
        Some(user) => Column::UserId.eq(user),
        None => Column::UserId.is_null(),
    };
    Ok(Entity::find().filter(Column::ClientId.eq(tenant.0)).filter(owner).count(connection).await?)
}

/// Inserts a token; its `id` is ignored.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert<C: ConnectionTrait>(connection: &C, token: Model) -> Result<Model, StoreError> {
    let mut row = token.into_active_model();
    row.id = NotSet;
    Ok(row.insert(connection).await?)
}

/// Writes a changed row back.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn update<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    row: Model,
) -> Result<Model, StoreError> {
    let updated = row.into_active_model().reset_all().update(connection).await?;
    debug_assert_eq!(updated.client_id, tenant.0, "a token was changed outside its tenant");
    Ok(updated)
}

/// Removes a token.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete<C: ConnectionTrait>(connection: &C, tenant: TenantId, id: i64) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::Id.eq(id))
        .exec(connection)
        .await?;
    Ok(())
}

/// Disables every personal token of a user that still works.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn disable_of_user<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    user: i64,
    now: i64,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::Enabled, Expr::val(false))
        .col_expr(Column::DisabledAt, Expr::val(now))
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::UserId.eq(user))
        .filter(Column::Enabled.eq(true))
        .exec(connection)
        .await?;
    Ok(())
}

/// Disables the personal tokens of a user that are for calls to the API; those for nodes go on.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn disable_api_of_user<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    user: i64,
    now: i64,
) -> Result<(), StoreError> {
    Entity::update_many()
        .col_expr(Column::Enabled, Expr::val(false))
        .col_expr(Column::DisabledAt, Expr::val(now))
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::UserId.eq(user))
        .filter(Column::Usage.eq("api"))
        .filter(Column::Enabled.eq(true))
        .exec(connection)
        .await?;
    Ok(())
}

/// Removes every personal token of a user.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete_of_user<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    user: i64,
) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::ClientId.eq(tenant.0))
        .filter(Column::UserId.eq(user))
        .exec(connection)
        .await?;
    Ok(())
}

fn place(field: &str) -> Place {
    match field {
        "id" => Place::Column("id"),
        "client_id" => Place::Column("client_id"),
        "user_id" => Place::Column("user_id"),
        "type" => Place::Column("kind"),
        "usage" => Place::Column("usage"),
        "enabled" => Place::Column("enabled"),
        _ => Place::Elsewhere,
    }
}
