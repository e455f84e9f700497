//! Order and paging of list queries.

use bartizan_api::list::{Order, Page};
use sea_orm::{
    QueryOrder, QuerySelect,
    sea_query::{self, Expr},
};

/// Orders by `column`, ties by `tie`, and cuts the page out.
pub(crate) fn paged<Q: QueryOrder + QuerySelect>(
    query: Q,
    column: &'static str,
    tie: &'static str,
    order: Order,
    page: Page,
) -> Q {
    let direction = if order.descending { sea_query::Order::Desc } else { sea_query::Order::Asc };
    let query = query.order_by(Expr::col(column), direction);
    let query = if column == tie { query } else { query.order_by(Expr::col(tie), sea_query::Order::Asc) };
    query.limit(page.limit).offset(page.offset)
}
