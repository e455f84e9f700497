//! What a page of attacks says of their hits: a few grouped queries over the whole page, none per attack.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::{
    Condition, ConnectionTrait, ExprTrait,
    sea_query::{Expr, Func, Query, SelectStatement, SimpleExpr},
};

use super::{AttackQuery, total};
use crate::{Store, StoreError, entity::hit};

/// An address that attacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Address.
    pub ip: String,
    /// Country.
    pub country: Option<String>,
    /// Hits.
    pub hits: i64,
}

/// What the hits of one attack add up to. Hits marked false count nowhere.
#[derive(Clone, Debug, Default)]
pub struct Aggregate {
    /// Addresses, most hits first.
    pub sources: Vec<Source>,
    /// Status codes.
    pub statuscodes: BTreeSet<i64>,
    /// Methods with their hits.
    pub methods: BTreeMap<String, i64>,
    /// Signature ids.
    pub stamps: BTreeSet<i64>,
    /// CVE ids and tags.
    pub known_attack: BTreeSet<String>,
    /// Data centres of the sources.
    pub datacenters: BTreeSet<String>,
    /// Whether a source is a Tor exit.
    pub tor: bool,
    /// Distinct payloads.
    pub vectors: i64,
    /// Stored hits that match the filter.
    pub filtered_hits: i64,
    /// Their distinct addresses.
    pub filtered_ips: i64,
    /// Their distinct payloads.
    pub filtered_vectors: i64,
    /// Their status codes.
    pub filtered_statuscodes: BTreeSet<i64>,
}

/// The hits that count.
pub(super) fn counted() -> SimpleExpr {
    Expr::col("state").is_null().or(Expr::col("state").ne("falsepositive"))
}

impl Store {
    /// What the hits of these attacks add up to, by row number. `query` says which hits match the filter.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn attack_aggregates(
        &self,
        query: AttackQuery<'_>,
        ids: &[i64],
    ) -> Result<HashMap<i64, Aggregate>, StoreError> {
        let mut page: HashMap<i64, Aggregate> = ids.iter().map(|id| (*id, Aggregate::default())).collect();
        if ids.is_empty() {
            return Ok(page);
        }
        self.add_sources(ids, &mut page).await?;
        self.add_methods(ids, &mut page).await?;
        self.add_signs(ids, &mut page).await?;
        self.add_filtered(ids, query.hit_condition(), &mut page).await?;
        Ok(page)
    }

    async fn add_sources(&self, ids: &[i64], page: &mut HashMap<i64, Aggregate>) -> Result<(), StoreError> {
        let select = grouped(ids)
            .columns(["ip", "remote_country"])
            .expr(total("aggregated_count"))
            .group_by_columns(["ip", "remote_country"])
            .to_owned();
        for row in self.reader().query_all(&select).await? {
            if let Some(attack) = page.get_mut(&row.try_get_by_index(0)?) {
                let (ip, country) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
                attack.sources.push(Source { ip, country, hits: row.try_get_by_index(3)? });
            }
        }
        for attack in page.values_mut() {
            attack.sources.sort_by(|a, b| b.hits.cmp(&a.hits).then_with(|| a.ip.cmp(&b.ip)));
        }
        Ok(())
    }

    async fn add_methods(&self, ids: &[i64], page: &mut HashMap<i64, Aggregate>) -> Result<(), StoreError> {
        let select = grouped(ids)
            .columns(["method", "statuscode"])
            .expr(total("aggregated_count"))
            .group_by_columns(["method", "statuscode"])
            .to_owned();
        for row in self.reader().query_all(&select).await? {
            if let Some(attack) = page.get_mut(&row.try_get_by_index(0)?) {
                *attack.methods.entry(row.try_get_by_index(1)?).or_default() +=
                    row.try_get_by_index::<i64>(3)?;
                attack.statuscodes.insert(row.try_get_by_index(2)?);
            }
        }
        Ok(())
    }

    async fn add_signs(&self, ids: &[i64], page: &mut HashMap<i64, Aggregate>) -> Result<(), StoreError> {
        let select = grouped(ids)
            .columns(["stamps", "known_attack", "datacenter", "tor"])
            .group_by_columns(["stamps", "known_attack", "datacenter", "tor"])
            .to_owned();
        for row in self.reader().query_all(&select).await? {
            if let Some(attack) = page.get_mut(&row.try_get_by_index(0)?) {
                let (stamps, known): (String, String) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
                attack.stamps.extend(stamps.split(',').filter_map(|stamp| stamp.parse::<i64>().ok()));
                attack.datacenters.extend(row.try_get_by_index::<Option<String>>(3)?);
                attack.tor |= row.try_get_by_index::<Option<String>>(4)?.is_some();
                attack.known_attack.extend(known.split(',').filter(|tag| !tag.is_empty()).map(str::to_owned));
            }
        }
        Ok(())
    }

    /// Distinct payloads of all hits, then everything once more for those that match the filter.
    async fn add_filtered(
        &self,
        ids: &[i64],
        condition: Option<Condition>,
        page: &mut HashMap<i64, Aggregate>,
    ) -> Result<(), StoreError> {
        for row in self.reader().query_all(&counts(ids)).await? {
            if let Some(attack) = page.get_mut(&row.try_get_by_index(0)?) {
                attack.filtered_hits = row.try_get_by_index(1)?;
                attack.filtered_ips = row.try_get_by_index(2)?;
                attack.vectors = row.try_get_by_index(3)?;
                attack.filtered_vectors = attack.vectors;
                attack.filtered_statuscodes.clone_from(&attack.statuscodes);
            }
        }
        let Some(condition) = condition else { return Ok(()) };
        for attack in page.values_mut() {
            (attack.filtered_hits, attack.filtered_ips, attack.filtered_vectors) = (0, 0, 0);
            attack.filtered_statuscodes.clear();
        }
        for row in self.reader().query_all(counts(ids).cond_where(condition.clone())).await? {
            if let Some(attack) = page.get_mut(&row.try_get_by_index(0)?) {
                attack.filtered_hits = row.try_get_by_index(1)?;
                attack.filtered_ips = row.try_get_by_index(2)?;
                attack.filtered_vectors = row.try_get_by_index(3)?;
            }
        }
        let codes =
            grouped(ids).column("statuscode").group_by_col("statuscode").cond_where(condition).to_owned();
        for row in self.reader().query_all(&codes).await? {
            if let Some(attack) = page.get_mut(&row.try_get_by_index(0)?) {
                attack.filtered_statuscodes.insert(row.try_get_by_index(1)?);
            }
        }
        Ok(())
    }
}

/// The counted hits of the attacks, grouped by attack, which is the first column.
fn grouped(ids: &[i64]) -> SelectStatement {
    Query::select()
        .column("attack_id")
        .from(hit::Entity)
        .and_where(Expr::col("attack_id").is_in(ids.iter().copied()))
        .and_where(counted())
        .group_by_col("attack_id")
        .to_owned()
}

/// Rows, distinct addresses and distinct payloads.
fn counts(ids: &[i64]) -> SelectStatement {
    grouped(ids)
        .expr(Func::count(Expr::col("id")))
        .expr(Func::count_distinct(Expr::col("ip")))
        .expr(Func::count_distinct(Expr::col("value")))
        .to_owned()
}
