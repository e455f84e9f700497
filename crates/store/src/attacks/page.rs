//! Pages of attacks: what they are sorted by, and where a page starts.

use std::collections::{HashMap, HashSet};

use sea_orm::{
    Condition, ConnectionTrait, ExprTrait, Order, QueryResult,
    sea_query::{Expr, Func, Query, SimpleExpr},
};

use super::{AttackQuery, filter::of_attack};
use crate::{
    Store, StoreError,
    entity::{
        attack::{self, Column},
        hit,
    },
};

/// Attacks that are looked at for a page before all of them are.
const PROBED: u64 = 2000;

/// What attacks are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttackOrder {
    /// Number of hits.
    Hits,
    /// Last hit.
    LastTime,
    /// First hit.
    FirstTime,
    /// Distinct addresses.
    IpCount,
    /// Host.
    Domain,
    /// Path.
    Path,
    /// Lowest status code.
    ResponseStatus,
    /// Rendered point.
    Parameter,
    /// Distinct payloads.
    VectorsCount,
}

impl AttackOrder {
    fn is_text(self) -> bool {
        matches!(self, AttackOrder::Domain | AttackOrder::Path | AttackOrder::Parameter)
    }

    fn expression(self) -> SimpleExpr {
        let column = |column: Column| Expr::col((attack::Entity, column));
        match self {
            AttackOrder::Hits => column(Column::Hits),
            AttackOrder::LastTime => column(Column::LastTime),
            AttackOrder::FirstTime => column(Column::FirstTime),
            AttackOrder::Domain => column(Column::Domain),
            AttackOrder::Path => column(Column::Path),
            AttackOrder::Parameter => column(Column::Parameter),
            AttackOrder::IpCount => distinct_of_attack(hit::Column::Ip),
            AttackOrder::VectorsCount => distinct_of_attack(hit::Column::Value),
            // None when all hits are false.
            AttackOrder::ResponseStatus => {
                let least = Func::min(Expr::col((hit::Entity, hit::Column::Statuscode)));
                of_counted(Func::coalesce([least.into(), Expr::val(0i64)]).into())
            }
        }
    }
}

/// Where a page ended: the sort value and row of its last attack.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    /// Sort value: a number or a text.
    pub value: serde_json::Value,
    /// Row number.
    pub id: i64,
}

/// Where a page starts.
#[derive(Clone, Debug)]
pub enum Start {
    /// After this many rows.
    Offset(u64),
    /// After this row.
    After(Position),
}

/// An attack and when it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Row number.
    pub id: i64,
    /// First hit, Unix seconds.
    pub first_time: i64,
    /// Last hit, Unix seconds.
    pub last_time: i64,
}

impl Store {
    /// All attacks of a query, in no order.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn attack_spans(&self, query: AttackQuery<'_>) -> Result<Vec<Span>, StoreError> {
        let select = Query::select()
            .columns(["id", "first_time", "last_time"])
            .from(attack::Entity)
            .cond_where(query.condition())
            .to_owned();
        let rows = self.reader().query_all(&select).await?;
        let span = |row: &QueryResult| {
            Ok(Span {
                id: row.try_get_by_index(0)?,
                first_time: row.try_get_by_index(1)?,
                last_time: row.try_get_by_index(2)?,
            })
        };
        Ok(rows.iter().map(span).collect::<Result<_, sea_orm::DbErr>>()?)
    }

    /// Which of these attacks are of the query.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn attacks_passing(
        &self,
        query: AttackQuery<'_>,
        ids: &[i64],
    ) -> Result<HashSet<i64>, StoreError> {
        let select = Query::select()
            .column("id")
            .from(attack::Entity)
            .and_where(Expr::col("id").is_in(ids.iter().copied()))
            .cond_where(query.condition_of_named())
            .to_owned();
        let rows = self.reader().query_all(&select).await?;
        Ok(rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<_, sea_orm::DbErr>>()?)
    }

    /// A page of attacks with the position of each; equal ones are sorted by row.
    ///
    /// # Errors
    /// [`StoreError::Query`].
    pub async fn attack_page(
        &self,
        query: AttackQuery<'_>,
        order: AttackOrder,
        desc: bool,
        start: Start,
        limit: u64,
    ) -> Result<Vec<(attack::Model, Position)>, StoreError> {
        let first = match order {
            AttackOrder::Hits => self.first_by_hits(query, desc, &start, limit).await?,
            _ => None,
        };
        let positions = match first {
            Some(positions) => positions,
            None => self.attack_positions(query, order, desc, start, limit).await?,
        };
        let mut rows: HashMap<i64, attack::Model> =
            self.attack_rows(query.tenants, positions.iter().map(|position| position.id)).await?;
        Ok(positions
            .into_iter()
            .filter_map(|position| rows.remove(&position.id).map(|row| (row, position)))
            .collect())
    }

    /// The positions of a page by hits, where they are among the first [`PROBED`] of one tenant: those are read in their
    /// order from an index, while the filter alone would have all attacks of the period sorted. None otherwise.
    async fn first_by_hits(
        &self,
        query: AttackQuery<'_>,
        desc: bool,
        start: &Start,
        limit: u64,
    ) -> Result<Option<Vec<Position>>, StoreError> {
        let (offset, beyond) = match start {
            Start::Offset(rows) => (*rows, Condition::all()),
            Start::After(position) => (0, after(AttackOrder::Hits, desc, position.clone())),
        };
        if query.tenants.ids().len() != 1 || offset.saturating_add(limit) > PROBED {
            return Ok(None);
        }
        let direction = || if desc { Order::Desc } else { Order::Asc };
        let first = Query::select()
            .column("id")
            .from(attack::Entity)
            .and_where(query.tenants.holds("client_id"))
            .cond_where(beyond)
            .order_by("hits", direction())
            .order_by("id", direction())
            .limit(PROBED)
            .to_owned();
        let select = Query::select()
            .columns(["id", "hits"])
            .from(attack::Entity)
            .and_where(Expr::col("id").in_subquery(first))
            .cond_where(query.condition_of_named())
            .order_by("hits", direction())
            .order_by("id", direction())
            .limit(limit)
            .offset(offset)
            .to_owned();
        let rows = self.reader().query_all(&select).await?;
        let positions =
            rows.iter().map(|row| position(row, AttackOrder::Hits)).collect::<Result<Vec<_>, _>>()?;
        Ok(Some(positions).filter(|positions| positions.len() as u64 == limit))
    }

    async fn attack_positions(
        &self,
        query: AttackQuery<'_>,
        order: AttackOrder,
        desc: bool,
        start: Start,
        limit: u64,
    ) -> Result<Vec<Position>, StoreError> {
        let direction = if desc { Order::Desc } else { Order::Asc };
        let mut select = Query::select();
        select
            .column((attack::Entity, Column::Id))
            .expr(order.expression())
            .from(attack::Entity)
            .cond_where(query.condition())
            .order_by_expr(order.expression(), direction.clone())
            .order_by((attack::Entity, Column::Id), direction)
            .limit(limit);
        match start {
            Start::Offset(rows) => {
                select.offset(rows);
            }
            Start::After(position) => {
                select.cond_where(after(order, desc, position));
            }
        }
        let mut positions = Vec::new();
        for row in self.reader().query_all(&select).await? {
            positions.push(position(&row, order)?);
        }
        Ok(positions)
    }
}

/// How many different values the hits of the attack have that count.
pub(super) fn distinct_of_attack(column: hit::Column) -> SimpleExpr {
    // Hits without a payload have none in common.
    let value = Func::cust("NULLIF").args([Expr::col((hit::Entity, column)), Expr::val("")]);
    of_counted(Func::count_distinct(value).into())
}

/// What the hits of the attack that count add up to.
fn of_counted(what: SimpleExpr) -> SimpleExpr {
    let mut select = of_attack();
    let state = || Expr::col((hit::Entity, hit::Column::State));
    select.clear_selects().expr(what).and_where(state().is_null().or(state().ne("falsepositive")));
    SimpleExpr::from(select)
}

fn after(order: AttackOrder, desc: bool, position: Position) -> Condition {
    let value = match position.value {
        serde_json::Value::String(text) => Expr::val(text),
        number => Expr::val(number.as_i64().unwrap_or_default()),
    };
    let id = Expr::col((attack::Entity, Column::Id));
    let (beyond, next) = if desc {
        (order.expression().lt(value.clone()), id.lt(position.id))
    } else {
        (order.expression().gt(value.clone()), id.gt(position.id))
    };
    Condition::any().add(beyond).add(order.expression().eq(value).and(next))
}

fn position(row: &QueryResult, order: AttackOrder) -> Result<Position, StoreError> {
    let value = if order.is_text() {
        serde_json::Value::from(row.try_get_by_index::<String>(1)?)
    } else {
        serde_json::Value::from(row.try_get_by_index::<i64>(1)?)
    };
    Ok(Position { value, id: row.try_get_by_index(0)? })
}
