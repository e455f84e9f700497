//! Tickets: short-lived rights that a secret stands for. A ticket is used once, by whoever deletes its row.

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, sea_query::Expr,
};

use crate::{
    Store, StoreError, TenantId,
    entity::ticket::{Column, Entity, Model},
};

/// Saves a new ticket.
///
/// # Errors
/// [`StoreError::Duplicate`] when there is one with this hash, or [`StoreError::Query`].
pub async fn insert<C: ConnectionTrait>(connection: &C, ticket: Model) -> Result<(), StoreError> {
    let insert = Entity::insert(ticket.into_active_model()).exec_without_returning(connection).await;
    insert.map(drop).map_err(StoreError::of_insert)
}

/// Uses a ticket up: true for the one caller whose deletion found it.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn take<C: ConnectionTrait>(connection: &C, id_mac: &str) -> Result<bool, StoreError> {
    Ok(Entity::delete_by_id(id_mac.to_owned()).exec(connection).await?.rows_affected == 1)
}

/// Ends every ticket of a kind that a user has.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete_of_user<C: ConnectionTrait>(
    connection: &C,
    user: i64,
    kind: &str,
) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::UserId.eq(user))
        .filter(Column::Kind.eq(kind))
        .exec(connection)
        .await?;
    Ok(())
}

/// Ends every ticket of a kind that a tenant has.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn delete_of_client<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    kind: &str,
) -> Result<(), StoreError> {
    let delete = Entity::delete_many().filter(Column::ClientId.eq(tenant.0)).filter(Column::Kind.eq(kind));
    delete.exec(connection).await?;
    Ok(())
}

/// Ends what a user began by a password or an address: changes of address, resets, sign-ins between their two
/// steps, proofs of the password.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn revoke_of_user<C: ConnectionTrait>(connection: &C, user: i64) -> Result<(), StoreError> {
    Entity::delete_many()
        .filter(Column::UserId.eq(user))
        .filter(Column::Kind.is_in(["email", "invited", "mfa_login", "reauth", "reset"]))
        .exec(connection)
        .await?;
    Ok(())
}

impl Store {
    /// The ticket of a kind with this keyed hash that has not ended.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn identify_ticket(
        &self,
        id_mac: &str,
        kind: &str,
        now: i64,
    ) -> Result<Option<Model>, StoreError> {
        Ok(Entity::find_by_id(id_mac.to_owned())
            .filter(Column::Kind.eq(kind))
            .filter(Column::ExpiresAt.gt(now))
            .one(self.reader())
            .await?)
    }

    /// Counts a failed use; the ticket ends with the `most`th.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn fail_ticket(&self, id_mac: &str, most: i64) -> Result<(), StoreError> {
        Entity::update_many()
            .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
            .filter(Column::IdMac.eq(id_mac))
            .exec(self.writer())
            .await?;
        Entity::delete_many()
            .filter(Column::IdMac.eq(id_mac))
            .filter(Column::Attempts.gte(most))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Replaces what a ticket holds.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn update_ticket(&self, id_mac: &str, payload: &serde_json::Value) -> Result<(), StoreError> {
        Entity::update_many()
            .col_expr(Column::Payload, Expr::val(payload.clone()))
            .filter(Column::IdMac.eq(id_mac))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Removes tickets that ended.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn purge_tickets(&self, now: i64) -> Result<(), StoreError> {
        Entity::delete_many().filter(Column::ExpiresAt.lte(now)).exec(self.writer()).await?;
        Ok(())
    }
}
