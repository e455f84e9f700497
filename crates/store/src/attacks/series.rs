//! Attacks over time, by payload and by the values of their hits' fields.

use std::collections::{BTreeMap, HashSet};

use sea_orm::{
    ConnectionTrait, ExprTrait, Order,
    sea_query::{Expr, Func},
};
use serde_json::Value;

use super::AttackQuery;
use crate::{
    Store, StoreError,
    hits::{Bucket, Term, Timeline},
};

/// A payload and the hit that carried it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorOfHit {
    /// Payload.
    pub value: String,
    /// Tenant.
    pub client_id: i64,
    /// Public id within the tenant.
    pub event_id: String,
    /// Unix seconds.
    pub time: i64,
}

impl Store {
    /// Hits and addresses of the attacks over time.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn attack_series(
        &self,
        query: AttackQuery<'_>,
        timeline: Timeline,
    ) -> Result<Vec<Bucket>, StoreError> {
        self.series(self.hits_of(query), timeline).await
    }

    /// Payloads of the attacks' hits, oldest hit first.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn attack_vectors(
        &self,
        query: AttackQuery<'_>,
        limit: u64,
    ) -> Result<Vec<VectorOfHit>, StoreError> {
        let mut select = self.hits_of(query);
        select
            .columns(["value", "client_id", "event_id", "time"])
            .and_where(Expr::col("value").ne(""))
            .order_by("time", Order::Asc)
            .order_by("id", Order::Asc)
            .limit(limit);
        let rows = self.reader().query_all(&select).await?;
        rows.iter()
            .map(|row| {
                Ok(VectorOfHit {
                    value: row.try_get_by_index(0)?,
                    client_id: row.try_get_by_index(1)?,
                    event_id: row.try_get_by_index(2)?,
                    time: row.try_get_by_index(3)?,
                })
            })
            .collect()
    }

    /// As [`Store::attack_terms`] where hits have several values: an attack counts once for each.
    async fn attack_list_terms(
        &self,
        query: AttackQuery<'_>,
        term: Term,
        limit: u64,
    ) -> Result<Vec<(Value, i64)>, StoreError> {
        let mut select = self.hits_of(query);
        select.distinct().column("attack_id").column(term.column());
        let mut attacks: BTreeMap<String, HashSet<i64>> = BTreeMap::new();
        for row in self.reader().query_all(&select).await? {
            let (attack, list): (i64, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            for item in list.split(',').filter(|item| !item.is_empty()) {
                attacks.entry(item.to_owned()).or_default().insert(attack);
            }
        }
        let mut counts: Vec<(Value, i64)> = attacks
            .into_iter()
            .map(|(value, of)| (Value::from(value), i64::try_from(of.len()).unwrap_or(i64::MAX)))
            .collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(counts)
    }

    /// Values of a field with the number of attacks that have a hit with it, most first.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn attack_terms(
        &self,
        query: AttackQuery<'_>,
        term: Term,
        limit: u64,
    ) -> Result<Vec<(Value, i64)>, StoreError> {
        if term.is_list() {
            return self.attack_list_terms(query, term, limit).await;
        }
        let attacks = Func::count_distinct(Expr::col("attack_id")).into();
        self.terms(self.hits_of(query), term, attacks, limit).await
    }
}
