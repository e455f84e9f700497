//! Changes by filter: how many rows one may touch, and which client it is about.

use std::collections::BTreeSet;

use bartizan_api::{
    ApiError,
    filter::{Condition, Filter, Test},
    list::Page,
};
use bartizan_store::TenantId;

use crate::auth::Caller;

/// Most rows of one change.
const MOST: usize = 1000;
/// The rows of a change, and one more, which tells that there are too many.
pub const PAGE: Page = Page { limit: MOST as u64 + 1, offset: 0 };

/// Notes the client that a filter names by one of the fields, if it names one alone and within reach: a change that is
/// refused, or that finds nothing, belongs in its log. Rows that are found may say something else.
pub fn about(caller: &Caller, filter: &Filter, fields: &[&str]) {
    let named = |clause: &Vec<Condition>| {
        let of_client = |asked: &&Condition| !asked.negated && fields.contains(&asked.field);
        clause.iter().filter(of_client).find_map(|asked| match &asked.test {
            Test::Ints(values, ranges) if ranges.is_empty() && values.len() == 1 => values.first().copied(),
            _ => None,
        })
    };
    // Every alternative must name the same one.
    let named: BTreeSet<Option<i64>> = filter.clauses.iter().map(named).collect();
    let one = named.first().copied().flatten().map(TenantId).filter(|_| named.len() == 1);
    if let Some(tenant) = one.filter(|tenant| caller.tenants.contains(*tenant)) {
        caller.act_on(tenant);
    }
}

/// Refuses a change of more rows than one may touch, rather than leave some as they are.
///
/// # Errors
/// 400.
pub fn bounded<T>(rows: &[T]) -> Result<(), ApiError> {
    if rows.len() > MOST { Err(ApiError::invalid("the filter selects too many rows", MOST)) } else { Ok(()) }
}
