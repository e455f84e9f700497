//! The activity log: append-only, written in the transaction of the change it tells of.

use sea_orm::{ActiveModelTrait, ActiveValue, ConnectionTrait, IntoActiveModel};

use crate::{StoreError, entity};

/// Appends an entry; its `id` is ignored.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn append<C: ConnectionTrait>(
    connection: &C,
    entry: entity::activity::Model,
) -> Result<(), StoreError> {
    let mut row = entry.into_active_model();
    row.id = ActiveValue::NotSet;
    row.insert(connection).await?;
    Ok(())
}
