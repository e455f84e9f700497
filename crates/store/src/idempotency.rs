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

/// A key that was taken for a request which is being handled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Whose key it is.
    pub credential: String,
    /// The key.
    pub key: String,
    /// Unix seconds: the end that the row was taken with. Whoever takes the key after that has a later one.
    pub until: i64,
}

fn is(credential: &str, key: &str) -> Condition {
    Condition::all().add(Column::Credential.eq(credential)).add(Column::Key.eq(key))
}

/// The row of a lease, as long as nobody else has the key and there is no answer.
fn held(lease: &Lease) -> Condition {
    is(&lease.credential, &lease.key).add(Column::ExpiresAt.eq(lease.until)).add(Column::Status.is_null())
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

    /// Keeps the answer to a request that took a key. Does nothing when the lease ended and somebody else has
    /// the key.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn keep_idempotent_answer(
        &self,
        lease: &Lease,
        status: u16,
        answer: Option<String>,
        expires_at: i64,
    ) -> Result<(), StoreError> {
        Entity::update_many()
            .col_expr(Column::Status, Expr::val(i32::from(status)))
            .col_expr(Column::Answer, Expr::val(answer))
            .col_expr(Column::ExpiresAt, Expr::val(expires_at))
            .filter(held(lease))
            .exec(self.writer())
            .await?;
        Ok(())
    }

    /// Gives a key back, for another attempt. Does nothing when the lease ended and somebody else has the
    /// key, or when an answer was kept.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn give_idempotency_key_back(&self, lease: &Lease) -> Result<(), StoreError> {
        Entity::delete_many().filter(held(lease)).exec(self.writer()).await?;
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
