//! What can go wrong in the store.

/// A failed query or connection.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be opened.
    #[error("the database {url} cannot be opened")]
    Open {
        /// Connection URL without its password.
        url: String,
        /// Cause.
        #[source]
        source: sea_orm::DbErr,
    },
    /// The database refused or lost a query.
    #[error("a database query failed")]
    Query(#[from] sea_orm::DbErr),
    /// A unique value exists already.
    #[error("already exists")]
    Duplicate,
}

impl StoreError {
    /// Turns the violation of a unique index into [`StoreError::Duplicate`].
    #[must_use]
    pub fn of_insert(error: sea_orm::DbErr) -> StoreError {
        match error.sql_err() {
            Some(sea_orm::SqlErr::UniqueConstraintViolation(_)) => StoreError::Duplicate,
            _ => StoreError::Query(error),
        }
    }
}
