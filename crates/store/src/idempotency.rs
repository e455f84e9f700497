//! Changes that carry an `Idempotency-Key`: each is handled once, and its answer is given again.

use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};

use crate::{
    Store, StoreError,
    entity::idempotent_answer::{Column, Entity, Model},
};

/// What became of an attempt to take a key.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyTaken {
    /// The key is new: the request is the caller's to handle.
    New,
    /// The key was used before.
    Before(Box<Model>),
    /// The credential has as many keys as it may.
    TooMany,
}

fn is(credential: &str, key: &str) -> Condition {
    Condition::all().add(Column::Credential.eq(credential)).add(Column::Key.eq(key))
}

impl Store {
    /// Takes a key for a request, unless it is taken. Of several at once one is told that it is new.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn take_idempotency_key(
        &self,
        row: Model,
        most: u64,
        now: i64,
    ) -> Result<KeyTaken, StoreError> {
        let transaction = self.begin().await?;
        let (credential, key) = (row.credential.clone(), row.key.clone());
        let ended = is(&credential, &key).add(Column::ExpiresAt.lte(now));
        Entity::delete_many().filter(ended).exec(&transaction).await?;
        let find = || Entity::find().filter(is(&credential, &key));
        if let Some(before) = find().one(&transaction).await? {
            return Ok(KeyTaken::Before(Box::new(before)));
        }
        let live = Entity::find()
            .filter(Column::Credential.eq(credential.as_str()))
            .filter(Column::ExpiresAt.gt(now))
            .count(&transaction)
            .await?;
        if live >= most {
            return Ok(KeyTaken::TooMany);
        }
        let inserted = Entity::insert(row.into_active_model())
            .on_conflict(OnConflict::columns([Column::Credential, Column::Key]).do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await?;
        let taken = match inserted {
            1 => KeyTaken::New,
            // Another process was faster.
            _ => {
                find().one(&transaction).await?.map_or(KeyTaken::TooMany, |row| KeyTaken::Before(row.into()))
            }
        };
        transaction.commit().await?;
        Ok(taken)
    }

    /// Keeps the answer to a request that took a key.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn keep_idempotent_answer(
        &self,
        credential: &str,
        key: &str,
        status: u16,
        answer: Option<String>,
        expires_at: i64,
    ) -> Result<(), StoreError> {
        Entity::update_many()
            .col_expr(Column::Status, Expr::val(i32::from(status)))
            .col_expr(Column::Answer, Expr::val(answer))
            .col_expr(Column::ExpiresAt, Expr::val(expires_at))
            .filter(is(credential, key))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Gives a key back, for another attempt.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn give_idempotency_key_back(&self, credential: &str, key: &str) -> Result<(), StoreError> {
        Entity::delete_many().filter(is(credential, key)).exec(self.writer()).await?;
        Ok(())
    }

    /// Removes keys whose time is over.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn purge_idempotent_answers(&self, now: i64) -> Result<(), StoreError> {
        Entity::delete_many().filter(Column::ExpiresAt.lte(now)).exec(self.writer()).await?;
        Ok(())
    }
}
