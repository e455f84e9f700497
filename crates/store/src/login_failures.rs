//! Failed sign-ins by address, known or not: what makes guessing slow without telling who has an account.

use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
    sea_query::{Expr, ExprTrait, OnConflict},
};

use crate::{
    Store, StoreError,
    entity::login_failure::{Column, Entity, Model},
};

impl Store {
    /// Failures of an account within the window that began at or after `since`.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn login_failures(&self, account: &str, since: i64) -> Result<Option<Model>, StoreError> {
        Ok(Entity::find_by_id(account.to_owned()).filter(Column::Since.gte(since)).one(self.reader()).await?)
    }

    /// Counts a failure; a window that began before `since` begins anew.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn note_login_failure(&self, account: &str, since: i64, now: i64) -> Result<(), StoreError> {
        Entity::delete_many()
            .filter(Column::Account.eq(account))
            .filter(Column::Since.lt(since))
            .exec(self.writer())
            .await?;
        let row = Model { account: account.to_owned(), count: 1, since: now, last: now };
        let again = OnConflict::column(Column::Account)
            .value(Column::Count, Expr::col(("login_failures", "count")).add(1))
            .value(Column::Last, Expr::val(now))
            .to_owned();
        Entity::insert(row.into_active_model())
            .on_conflict(again)
            .exec_without_returning(self.writer())
            .await?;
        Ok(())
    }

    /// Forgets the failures of an account, after a success.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn forget_login_failures(&self, account: &str) -> Result<(), StoreError> {
        Entity::delete_by_id(account.to_owned()).exec(self.writer()).await?;
        Ok(())
    }

    /// Removes windows that began before `since`.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn purge_login_failures(&self, since: i64) -> Result<(), StoreError> {
        Entity::delete_many().filter(Column::Since.lt(since)).exec(self.writer()).await?;
        Ok(())
    }
}
