//! What hits add up to: the values of their fields, their addresses, their number by type and over time.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    Condition, ConnectionTrait, ExprTrait, Order,
    sea_query::{Alias, Expr, Func, NullOrdering, Query, SelectStatement, SimpleExpr},
};
use serde_json::Value;

use super::HitQuery;
use crate::{Store, StoreError, entity::hit};

/// A field that hits can be grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    name: &'static str,
    column: &'static str,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Number,
    Text,
    /// A text whose null stands for a word.
    Or(&'static str),
    /// `,a,b,`: each item is a value.
    List,
}

impl Term {
    /// Wire names of all fields that hits can be grouped by.
    pub const NAMES: &[&str] = &[
        "domain",
        "path",
        "type",
        "ip",
        "remote_country",
        "statuscode",
        "method",
        "poolid",
        "protocol",
        "auth_protocol",
        "datacenter",
        "tor",
        "known_attack",
        "node_uuid",
        "block_status",
        "parameter",
    ];

    /// The field of this wire name, if hits can be grouped by it.
    #[must_use]
    pub fn named(name: &str) -> Option<Term> {
        let (name, column, form) = match name {
            "domain" => ("domain", "domain", Form::Text),
            "path" => ("path", "path", Form::Text),
            "type" => ("type", "kind", Form::Text),
            "ip" => ("ip", "ip", Form::Text),
            "remote_country" => ("remote_country", "remote_country", Form::Text),
            "statuscode" => ("statuscode", "statuscode", Form::Number),
            "method" => ("method", "method", Form::Text),
            "poolid" => ("poolid", "pool", Form::Number),
            "protocol" => ("protocol", "api_protocol", Form::Text),
            "auth_protocol" => ("auth_protocol", "auth_protocol", Form::List),
            "datacenter" => ("datacenter", "datacenter", Form::Or("unknown")),
            "tor" => ("tor", "tor", Form::Or("none")),
            "known_attack" => ("known_attack", "known_attack", Form::List),
            "node_uuid" => ("node_uuid", "node_uuid", Form::Text),
            "block_status" => ("block_status", "block_status", Form::Text),
            "parameter" => ("parameter", "parameter", Form::Text),
            _ => return None,
        };
        Some(Term { name, column, form })
    }

    /// Wire name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.name
    }

    /// Whether a hit has several values.
    #[must_use]
    pub fn is_list(self) -> bool {
        self.form == Form::List
    }

    pub(crate) fn column(self) -> &'static str {
        self.column
    }

    fn expression(self) -> SimpleExpr {
        match self.form {
            Form::Or(word) => Func::coalesce([Expr::col(self.column), Expr::val(word)]).into(),
            _ => Expr::col(self.column),
        }
    }

    fn value(self, row: &sea_orm::QueryResult) -> Result<Value, StoreError> {
        Ok(match self.form {
            Form::Number => Value::from(row.try_get_by_index::<i64>(0)?),
            _ => Value::from(row.try_get_by_index::<Option<String>>(0)?),
        })
    }
}

/// Hits of one type with one outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindCount {
    /// Attack type.
    pub kind: String,
    /// Whether they were blocked.
    pub blocked: bool,
    /// Status sent.
    pub statuscode: i64,
    /// How many, counting those that a stored one stands for.
    pub hits: i64,
}

/// Hits of one stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// How many, counting those that a stored one stands for.
    pub hits: i64,
    /// Distinct addresses.
    pub ips: i64,
}

/// Equal stretches of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// Start of the first one, Unix seconds.
    pub from: i64,
    /// Seconds of all together, at least 1. A stretch need not be of whole seconds: events are in whole ones, so some
    /// stretches have one second more than others, and none when there are more stretches than seconds.
    pub length: i64,
    /// How many.
    pub points: usize,
}

impl Timeline {
    /// The stretches that cover `from..=to`.
    #[must_use]
    pub fn over(from: i64, to: i64, points: usize) -> Timeline {
        Timeline { from, length: Ord::max(to.saturating_sub(from).saturating_add(1), 1), points }
    }

    /// Number of stretches, at least 1.
    #[must_use]
    pub fn parts(self) -> i64 {
        Ord::max(i64::try_from(self.points).unwrap_or(i64::MAX), 1)
    }

    /// The first second of a stretch, from 0; of the one after the last, the end.
    #[must_use]
    pub fn start(self, index: usize) -> i64 {
        let beyond = i128::from(self.length) * i128::try_from(index).unwrap_or(i128::MAX);
        let parts = i128::from(self.parts());
        let seconds = beyond.div_euclid(parts) + i128::from(beyond.rem_euclid(parts) != 0);
        self.from.saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    /// The stretch that a time of the period lies in.
    pub(crate) fn stretch(self, column: &'static str) -> SimpleExpr {
        Expr::col(column).sub(self.from).mul(self.parts()).div(Ord::max(self.length, 1))
    }

    /// The condition that a time lies within the period.
    pub(crate) fn covers(self, column: &'static str) -> SimpleExpr {
        Expr::col(column).between(self.from, self.from.saturating_add(self.length).saturating_sub(1))
    }
}

/// Names of computed columns; no table has such a column.
const TERM: &str = "term_value";
const STRETCH: &str = "stretch";

fn counted(term: SimpleExpr, what: SimpleExpr, select: &mut SelectStatement, limit: u64) {
    // By name: PostgreSQL would not see that two expressions with bound values are the same.
    select
        .expr_as(term, TERM)
        .expr(what.clone())
        .group_by_col(TERM)
        .order_by_expr(what, Order::Desc)
        // Databases differ in where they put what is absent.
        .order_by_with_nulls(TERM, Order::Asc, NullOrdering::First)
        .limit(limit);
}

fn sum_of_hits() -> SimpleExpr {
    SimpleExpr::from(Func::sum(Expr::col("aggregated_count"))).cast_as(Alias::new("bigint"))
}

impl Store {
    /// Values of a field with their number of hits, most first, counting those that a stored one stands for.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn hit_terms(
        &self,
        query: HitQuery<'_>,
        term: Term,
        limit: u64,
    ) -> Result<Vec<(Value, i64)>, StoreError> {
        let mut select = Query::select();
        select.from(hit::Entity).cond_where(query.condition());
        self.terms(select, term, sum_of_hits(), limit).await
    }

    /// Number of different values of a field; absent ones do not count.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn hit_distinct(&self, query: HitQuery<'_>, term: Term) -> Result<i64, StoreError> {
        if term.form == Form::List {
            let found = self.hit_terms(query, term, u64::MAX).await?;
            return Ok(i64::try_from(found.len()).unwrap_or(i64::MAX));
        }
        let select = Query::select()
            .expr(Func::count_distinct(term.expression()))
            .from(hit::Entity)
            .cond_where(query.condition())
            .to_owned();
        Ok(match self.reader().query_one(&select).await? {
            Some(row) => row.try_get_by_index(0)?,
            None => 0,
        })
    }

    /// Values of a field over the hits that `select` ranges over, with `what` of each; nothing selected yet.
    pub(crate) async fn terms(
        &self,
        mut select: SelectStatement,
        term: Term,
        what: SimpleExpr,
        limit: u64,
    ) -> Result<Vec<(Value, i64)>, StoreError> {
        if term.form == Form::List {
            return self.list_terms(select, term, what, limit).await;
        }
        counted(term.expression(), what, &mut select, limit);
        let rows = self.reader().query_all(&select).await?;
        rows.iter().map(|row| Ok((term.value(row)?, row.try_get_by_index(1)?))).collect()
    }

    /// As [`Store::terms`] where a hit has several values: whole lists are grouped, then taken apart.
    async fn list_terms(
        &self,
        mut select: SelectStatement,
        term: Term,
        what: SimpleExpr,
        limit: u64,
    ) -> Result<Vec<(Value, i64)>, StoreError> {
        select.expr_as(term.expression(), TERM).expr(what).group_by_col(TERM);
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for row in self.reader().query_all(&select).await? {
            let (list, hits): (String, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let items: BTreeSet<&str> = list.split(',').filter(|item| !item.is_empty()).collect();
            for item in items {
                *counts.entry(item.to_owned()).or_default() += hits;
            }
        }
        let mut counts: Vec<(Value, i64)> =
            counts.into_iter().map(|(value, hits)| (Value::from(value), hits)).collect();
        counts.sort_by_key(|(_, hits)| std::cmp::Reverse(*hits));
        counts.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(counts)
    }

    /// Distinct addresses of one family.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn hit_addresses(
        &self,
        query: HitQuery<'_>,
        v6: bool,
        limit: u64,
    ) -> Result<Vec<String>, StoreError> {
        let colon = Expr::col("ip").like("%:%");
        let select = Query::select()
            .distinct()
            .column("ip")
            .column("ip_key")
            .from(hit::Entity)
            .cond_where(query.condition())
            .and_where(if v6 { colon } else { colon.not() })
            .order_by("ip_key", Order::Asc)
            .limit(limit)
            .to_owned();
        let rows = self.reader().query_all(&select).await?;
        Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, _>>()?)
    }

    /// Hits by type, outcome and status.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn hit_kinds(&self, query: HitQuery<'_>) -> Result<Vec<KindCount>, StoreError> {
        let select = Query::select()
            .columns(["kind", "block_status", "statuscode"])
            .expr(sum_of_hits())
            .from(hit::Entity)
            .cond_where(query.condition())
            .group_by_columns(["kind", "block_status", "statuscode"])
            .to_owned();
        let rows = self.reader().query_all(&select).await?;
        rows.iter()
            .map(|row| {
                Ok(KindCount {
                    kind: row.try_get_by_index(0)?,
                    blocked: row.try_get_by_index::<String>(1)? == "blocked",
                    statuscode: row.try_get_by_index(2)?,
                    hits: row.try_get_by_index(3)?,
                })
            })
            .collect()
    }

    /// Hits over time.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn hit_series(
        &self,
        query: HitQuery<'_>,
        timeline: Timeline,
    ) -> Result<Vec<Bucket>, StoreError> {
        let mut select = Query::select();
        select.from(hit::Entity).cond_where(query.condition());
        self.series(select, timeline).await
    }

    /// The hits that `select` ranges over, by stretch of time; nothing selected yet.
    pub(crate) async fn series(
        &self,
        mut select: SelectStatement,
        timeline: Timeline,
    ) -> Result<Vec<Bucket>, StoreError> {
        select
            .expr_as(timeline.stretch("time"), STRETCH)
            .expr(sum_of_hits())
            .expr(Func::count_distinct(Expr::col("ip")))
            .cond_where(Condition::all().add(timeline.covers("time")))
            .group_by_col(STRETCH);
        let mut buckets = vec![Bucket::default(); timeline.points];
        for row in self.reader().query_all(&select).await? {
            let index: i64 = row.try_get_by_index(0)?;
            let bucket = usize::try_from(index).ok().and_then(|index| buckets.get_mut(index));
            if let Some(bucket) = bucket {
                (bucket.hits, bucket.ips) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
            }
        }
        Ok(buckets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_cover_their_period() {
        let starts =
            |timeline: Timeline| (0..=timeline.points).map(|i| timeline.start(i)).collect::<Vec<_>>();
        assert_eq!(starts(Timeline::over(0, 99, 4)), [0, 25, 50, 75, 100]);
        assert_eq!(starts(Timeline::over(10, 19, 3)), [10, 14, 17, 20]);
        assert_eq!(starts(Timeline::over(5, 5, 3)), [5, 6, 6, 6]);
        assert_eq!(Timeline::over(9, 0, 3).length, 1);
        for (seconds, points) in [(100, 30), (7, 1000), (86_400, 7), (1, 1)] {
            let timeline = Timeline::over(50, 49 + seconds, points);
            for time in 50..50 + seconds {
                let stretch = (time - 50) * timeline.parts() / timeline.length;
                let index = usize::try_from(stretch).unwrap();
                assert!((timeline.start(index)..timeline.start(index + 1)).contains(&time), "{time}");
            }
        }
    }
}
