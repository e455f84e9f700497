//! What a page of attacks says of their hits: a few grouped queries over the whole page, none per attack.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::{
    Condition, ConnectionTrait, ExprTrait,
    sea_query::{Expr, Func, Query, SelectStatement, SimpleExpr},
};

use super::{AttackQuery, total};
use crate::{Store, StoreError, entity::hit};

/// Addresses and countries that are named.
pub const TOP: usize = 5;

/// An address that attacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Address.
    pub ip: String,
    /// The known country of most of its hits.
    pub country: Option<String>,
    /// Hits.
    pub hits: i64,
}

/// Addresses with the hits of each country.
type Sources = BTreeMap<String, BTreeMap<Option<String>, i64>>;

/// What the hits of one attack add up to. Hits marked false count nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aggregate {
    /// Distinct addresses.
    pub ips: i64,
    /// The [`TOP`] addresses with most hits, most first; of equal ones the first in the alphabet.
    pub top_sources: Vec<Source>,
    /// Distinct known countries.
    pub countries: i64,
    /// The [`TOP`] countries with most hits, and their hits, in the same order.
    pub top_countries: Vec<(String, i64)>,
    /// Status codes.
    pub statuscodes: BTreeSet<i64>,
    /// Signature ids.
    pub stamps: BTreeSet<i64>,
    /// CVE ids and tags.
    pub known_attack: BTreeSet<String>,
    /// Data centres of the sources.
    pub datacenters: BTreeSet<String>,
    /// Whether a source is a Tor exit.
    pub tor: bool,
    /// Distinct payloads that are not empty.
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

impl Aggregate {
    fn set_sources(&mut self, sources: &Sources) {
        let mut countries: BTreeMap<String, i64> = BTreeMap::new();
        for (country, hits) in sources.values().flatten() {
            if let Some(country) = country.as_ref().filter(|country| !country.is_empty()) {
                *countries.entry(country.clone()).or_default() += hits;
            }
        }
        self.ips = i64::try_from(sources.len()).unwrap_or(i64::MAX);
        self.countries = i64::try_from(countries.len()).unwrap_or(i64::MAX);
        self.top_countries = most(countries);
        self.top_countries.truncate(TOP);
        let hits = sources.iter().map(|(ip, countries)| (ip.clone(), countries.values().sum())).collect();
        let source = |(ip, hits): (String, i64)| {
            let mut countries = most(sources.get(&ip).cloned().unwrap_or_default()).into_iter();
            let known = |(country, _): (Option<String>, i64)| country.filter(|country| !country.is_empty());
            Source { country: countries.find_map(known), ip, hits }
        };
        self.top_sources = most(hits).into_iter().take(TOP).map(source).collect();
    }
}

/// Most first; what is equal stays in its order.
fn most<K>(counts: BTreeMap<K, i64>) -> Vec<(K, i64)> {
    let mut counts: Vec<(K, i64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
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
        self.add_statuscodes(ids, &mut page).await?;
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
        let mut attacks: HashMap<i64, Sources> = HashMap::new();
        for row in self.reader().query_all(&select).await? {
            let (id, ip, country) =
                (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
            let sources: &mut Sources = attacks.entry(id).or_default();
            *sources.entry(ip).or_default().entry(country).or_default() += row.try_get_by_index::<i64>(3)?;
        }
        for (id, sources) in attacks {
            if let Some(attack) = page.get_mut(&id) {
                attack.set_sources(&sources);
            }
        }
        Ok(())
    }

    async fn add_statuscodes(
        &self,
        ids: &[i64],
        page: &mut HashMap<i64, Aggregate>,
    ) -> Result<(), StoreError> {
        let select = grouped(ids).column("statuscode").group_by_col("statuscode").to_owned();
        for row in self.reader().query_all(&select).await? {
            if let Some(attack) = page.get_mut(&row.try_get_by_index(0)?) {
                attack.statuscodes.insert(row.try_get_by_index(1)?);
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
                let named = |name: Option<String>| name.filter(|name| !name.is_empty());
                attack.datacenters.extend(named(row.try_get_by_index(3)?));
                attack.tor |= named(row.try_get_by_index(4)?).is_some();
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
        .expr(Func::count_distinct(Expr::cust("NULLIF(value, '')")))
        .to_owned()
}
