//! Work that many tenants wait for, taken so that none of them takes all of it.

use sea_orm::sea_query::{
    Alias, Expr, ExprTrait, Func, Order, OverStatement, Query, SelectStatement, SimpleExpr, WindowStatement,
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

/// The same where the work of a tenant is for several receivers, the rows of `receiver`: at most `of_receiver` rows of
/// each, and of a tenant the first of every receiver before the second of any.
pub(crate) fn first_of_each_receiver(
    table: &'static str,
    receiver: &'static str,
    due: &'static str,
    is_due: SimpleExpr,
    (most, of_receiver): (i64, i64),
) -> SelectStatement {
    let row_number = || Func::cust("ROW_NUMBER");
    let turn = WindowStatement::new()
        .partition_by_columns(["client_id", receiver])
        .order_by(due, Order::Asc)
        .order_by("id", Order::Asc)
        .to_owned();
    let turns = Query::select()
        .columns(["id", "client_id", due])
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
        .column("id")
        .expr_window_as(row_number(), place, Alias::new("place"))
        .from_subquery(turns, Alias::new("turns"))
        .and_where(Expr::col("turn").lte(of_receiver))
        .to_owned();
    Query::select()
        .column("id")
        .from_subquery(ranked, Alias::new("ranked"))
        .and_where(Expr::col("place").lte(most))
        .to_owned()
}
