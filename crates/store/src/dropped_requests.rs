//! Requests with hits that sampling left out.

use sea_orm::{
    ActiveValue::NotSet, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};

use crate::{
    Store, StoreError, Tenants,
    entity::dropped_request::{Column, Entity, Model},
};

/// Rows of one statement.
const ROWS: usize = 512;

/// Stores records of requests; one that is known by its event id changes nothing.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn insert<C: ConnectionTrait>(connection: &C, requests: &[Model]) -> Result<(), StoreError> {
    for rows in requests.chunks(ROWS) {
        let rows = rows.iter().cloned().map(|row| {
            let mut row = row.into_active_model();
            row.id = NotSet;
            row
        });
        Entity::insert_many(rows)
            .on_conflict_do_nothing_on([Column::ClientId, Column::EventId])
            .exec_without_returning(connection)
            .await?;
    }
    Ok(())
}

impl Store {
    /// The records of one request, oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn dropped_request(
        &self,
        tenants: &Tenants,
        request_id: &str,
        since: i64,
        limit: u64,
    ) -> Result<Vec<Model>, StoreError> {
        Ok(Entity::find()
            .filter(tenants.holds("client_id"))
            .filter(Column::RequestId.eq(request_id))
            .filter(Column::ReceivedAt.gte(since))
            .order_by_asc(Column::TsMs)
            .order_by_asc(Column::Id)
            .limit(limit)
            .all(self.reader())
            .await?)
    }
}
