//! Saved views of attacks, and exports of groups.

use sea_orm::{
    ActiveModelTrait, ActiveValue::NotSet, ColumnTrait, Condition, ConnectionTrait, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, sea_query::OnConflict,
};

use crate::{
    Store, StoreError, TenantId,
    entity::{
        attack_export, attack_view,
        attack_view::Column,
        attack_view_default::{self, Column as DefaultColumn},
    },
};

/// The views that a tenant sees: its own, and those shared in its organisation.
fn visible(tenant: TenantId, partner: i64) -> Condition {
    Condition::any()
        .add(Column::ClientId.eq(tenant.0))
        .add(Condition::all().add(Column::PartnerId.eq(partner)).add(Column::Visibility.eq("org")))
}

/// Makes a view.
///
/// # Errors
/// [`StoreError::Duplicate`] when the tenant has one of this name.
pub async fn create<C: ConnectionTrait>(
    connection: &C,
    view: attack_view::Model,
) -> Result<attack_view::Model, StoreError> {
    let mut row = view.into_active_model();
    row.id = NotSet;
    row.insert(connection).await.map_err(StoreError::of_insert)
}

/// Writes the changeable members of a tenant's own view.
///
/// # Errors
/// [`StoreError::Duplicate`] when the tenant has another one of this name.
pub async fn update<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    view: &attack_view::Model,
) -> Result<(), StoreError> {
    use sea_orm::sea_query::Expr;
    attack_view::Entity::update_many()
        .col_expr(Column::Name, Expr::val(view.name.as_str()))
        .col_expr(Column::Description, Expr::val(view.description.as_str()))
        .col_expr(Column::Config, Expr::val(view.config.to_string()))
        .col_expr(Column::UpdatedAt, Expr::val(view.updated_at))
        .filter(Column::Id.eq(view.id))
        .filter(Column::ClientId.eq(tenant.0))
        .exec(connection)
        .await
        .map_err(StoreError::of_insert)?;
    Ok(())
}

/// Removes a tenant's own view.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete<C: ConnectionTrait>(connection: &C, tenant: TenantId, id: i64) -> Result<(), StoreError> {
    attack_view::Entity::delete_many()
        .filter(Column::Id.eq(id))
        .filter(Column::ClientId.eq(tenant.0))
        .exec(connection)
        .await?;
    Ok(())
}

/// Makes a view the one that a user starts with.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn set_default<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    user: i64,
    view: i64,
) -> Result<(), StoreError> {
    let row = attack_view_default::Model { client_id: tenant.0, user_id: user, view_id: view };
    attack_view_default::Entity::insert(row.into_active_model())
        .on_conflict(
            OnConflict::columns([DefaultColumn::ClientId, DefaultColumn::UserId])
                .update_column(DefaultColumn::ViewId)
                .to_owned(),
        )
        .exec_without_returning(connection)
        .await?;
    Ok(())
}

/// Notes an export that was asked for.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn create_export<C: ConnectionTrait>(
    connection: &C,
    export: attack_export::Model,
) -> Result<(), StoreError> {
    attack_export::Entity::insert(export.into_active_model()).exec_without_returning(connection).await?;
    Ok(())
}

impl Store {
    /// The views that a tenant sees, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn attack_views(
        &self,
        tenant: TenantId,
        partner: i64,
    ) -> Result<Vec<attack_view::Model>, StoreError> {
        let views = attack_view::Entity::find().filter(visible(tenant, partner)).order_by_asc(Column::Id);
        Ok(views.all(self.reader()).await?)
    }

    /// A view that a tenant sees.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn attack_view(
        &self,
        tenant: TenantId,
        partner: i64,
        id: i64,
    ) -> Result<Option<attack_view::Model>, StoreError> {
        let view = attack_view::Entity::find_by_id(id).filter(visible(tenant, partner));
        Ok(view.one(self.reader()).await?)
    }

    /// The view that a user starts with in a tenant.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn default_attack_view(&self, tenant: TenantId, user: i64) -> Result<Option<i64>, StoreError> {
        let row = attack_view_default::Entity::find_by_id((tenant.0, user)).one(self.reader()).await?;
        Ok(row.map(|row| row.view_id))
    }

    /// Whether a view is anybody's default.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn is_default_attack_view(&self, id: i64) -> Result<bool, StoreError> {
        let row = attack_view_default::Entity::find().filter(DefaultColumn::ViewId.eq(id));
        Ok(row.one(self.reader()).await?.is_some())
    }

    /// An export of a tenant that is not expired.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn attack_export(
        &self,
        tenant: TenantId,
        id: &str,
        now: i64,
    ) -> Result<Option<attack_export::Model>, StoreError> {
        Ok(attack_export::Entity::find_by_id(id)
            .filter(attack_export::Column::ClientId.eq(tenant.0))
            .filter(attack_export::Column::ExpiresAt.gt(now))
            .one(self.reader())
            .await?)
    }

    /// Takes the oldest export that waits, or that was taken by a process that ended; none when there is no work.
    /// It knows no tenant: one worker serves all.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn take_attack_export(&self) -> Result<Option<attack_export::Model>, StoreError> {
        use attack_export::{Column, Entity};
        use sea_orm::sea_query::Expr;
        let waiting = Entity::find()
            .filter(Column::Status.eq("accepted"))
            .order_by_asc(Column::CreatedAt)
            .order_by_asc(Column::Id);
        while let Some(export) = waiting.clone().one(self.reader()).await? {
            let taken = Entity::update_many()
                .col_expr(Column::Status, Expr::val("running"))
                .filter(Column::Id.eq(export.id.as_str()))
                .filter(Column::Status.eq("accepted"))
                .exec(self.writer())
                .await?;
            if taken.rows_affected == 1 {
                return Ok(Some(export));
            }
        }
        Ok(None)
    }

    /// Lets exports wait again that a process left unfinished, and removes what expired.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn tidy_attack_exports(&self, now: i64, abandoned_before: i64) -> Result<(), StoreError> {
        use attack_export::{Column, Entity};
        use sea_orm::sea_query::Expr;
        Entity::delete_many().filter(Column::ExpiresAt.lte(now)).exec(self.writer()).await?;
        Entity::update_many()
            .col_expr(Column::Status, Expr::val("accepted"))
            .filter(Column::Status.eq("running"))
            .filter(Column::CreatedAt.lt(abandoned_before))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Writes how an export ended.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn finish_attack_export(
        &self,
        tenant: TenantId,
        id: &str,
        status: &str,
        content: Option<String>,
    ) -> Result<(), StoreError> {
        use attack_export::{Column, Entity};
        use sea_orm::sea_query::Expr;
        Entity::update_many()
            .col_expr(Column::Status, Expr::val(status))
            .col_expr(Column::Content, Expr::val(content))
            .filter(Column::Id.eq(id))
            .filter(Column::ClientId.eq(tenant.0))
            .exec(self.writer())
            .await?;
        Ok(())
    }
}
