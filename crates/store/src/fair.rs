//! Work that many tenants wait for, taken so that none of them takes all of it.

use sea_orm::sea_query::{
    Alias, Expr, ExprTrait, Func, Order, Query, SelectStatement, SimpleExpr, WindowStatement,
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
