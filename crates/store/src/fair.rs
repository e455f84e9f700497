//! Work that many tenants wait for, taken so that none of them takes all of it.

use sea_orm::sea_query::{
    Alias, CaseStatement, Expr, ExprTrait, Func, Order, OverStatement, Query, SelectStatement, SimpleExpr,
    WindowStatement,
};

/// Ids of the first rows of each tenant, at most `most` each, by when they are due.
pub(crate) fn first_of_each_tenant(
    table: &'static str,
    due: &'static str,
    is_due: SimpleExpr,
    most: i64,
) -> SelectStatement {
    let place = WindowStatement::partition_by("client_id")
        .order_by(due, Order::Asc)
        .order_by("id", Order::Asc)
        .to_owned();
    let ranked = Query::select()
        .column("id")
        .expr_window_as(Func::cust("ROW_NUMBER"), place, Alias::new("place"))
        .from(table)
        .and_where(is_due)
        .to_owned();
    Query::select()
        .column("id")
        .from_subquery(ranked, Alias::new("ranked"))
        .and_where(Expr::col("place").lte(most))
        .to_owned()
}

/// How much of a kind may be at work at the same time, and how much is already, by id.
pub(crate) struct Share<'a> {
    pub(crate) most: i64,
    pub(crate) at_work: &'a [(i64, i64)],
}

impl Share<'_> {
    /// What is left for the id in a column.
    fn left(&self, column: &'static str) -> SimpleExpr {
        let mut left = CaseStatement::new();
        for (id, count) in self.at_work {
            left = left.case(Expr::col(column).eq(*id), self.most.saturating_sub(*count));
        }
        if self.at_work.is_empty() { Expr::val(self.most) } else { left.finally(self.most).into() }
    }
}

/// The same where the work of a tenant is for several receivers, named by the column `receiver`: each has its share and
/// each tenant, and of a tenant the first row of every receiver comes before the second of any.
pub(crate) fn first_of_each_receiver(
    table: &'static str,
    receiver: &'static str,
    due: &'static str,
    is_due: SimpleExpr,
    (of_tenant, of_receiver): (&Share<'_>, &Share<'_>),
) -> SelectStatement {
    let row_number = || Func::cust("ROW_NUMBER");
    let turn = WindowStatement::new()
        .partition_by_columns(["client_id", receiver])
        .order_by(due, Order::Asc)
        .order_by("id", Order::Asc)
        .to_owned();
    let turns = Query::select()
        .columns(["id", "client_id", receiver, due])
        .expr_window_as(row_number(), turn, Alias::new("turn"))
        .from(table)
        .and_where(is_due)
        .to_owned();
    let place = WindowStatement::partition_by("client_id")
        .order_by("turn", Order::Asc)
        .order_by(due, Order::Asc)
        .order_by("id", Order::Asc)
        .to_owned();
    let ranked = Query::select()
        .columns(["id", "client_id"])
        .expr_window_as(row_number(), place, Alias::new("place"))
        .from_subquery(turns, Alias::new("turns"))
        .and_where(Expr::col("turn").lte(of_receiver.left(receiver)))
        .to_owned();
    Query::select()
        .column("id")
        .from_subquery(ranked, Alias::new("ranked"))
        .and_where(Expr::col("place").lte(of_tenant.left("client_id")))
        .to_owned()
}
