//! Attacks that the database removed: their rows are hidden.
//!
//! The index never decides by itself that an attack is gone: it names those that ended before a moment
//! ([`ended_before`]), and whoever follows the database says which of them are not there any more. Their rows
//! ([`gone`]) are left out then. What is hidden is known in memory only, so there is nothing that a crash could leave half
//! done: after a start the question is asked again.

use hashbrown::HashSet;

use crate::{
    aggregate,
    cache::Cache,
    column::Number,
    error::IndexError,
    filter::Filter,
    scan::{in_parallel, parts},
    tenant::View,
};

/// Attacks whose rows are all older than a time (Unix milliseconds), ascending.
pub(crate) fn ended_before(tenant: &View, cache: &Cache, time_ms: i64) -> Result<Vec<i64>, IndexError> {
    let older = Filter::number(Number::Time, i64::MIN..=time_ms.saturating_sub(1));
    let mut ended = aggregate::values(tenant, cache, &older, Number::Attack)?;
    if ended.is_empty() {
        return Ok(ended);
    }
    let since = Filter::number(Number::Time, time_ms..=i64::MAX);
    let going_on = Filter::All(vec![Filter::AnyOf(Number::Attack, ended.clone()), since]);
    let going_on = aggregate::values(tenant, cache, &going_on, Number::Attack)?;
    ended.retain(|attack| going_on.binary_search(attack).is_err());
    Ok(ended)
}

/// The rows of some attacks, and those that are hidden already: of each block, and of the tail if it has any.
pub(crate) fn gone(
    tenant: &View,
    cache: &Cache,
    attacks: &HashSet<i64>,
) -> Result<Vec<Vec<u32>>, IndexError> {
    in_parallel(&parts(tenant, cache), |part| {
        let mut gone = part.rows_of_attacks(attacks)?;
        gone.extend(part.gone());
        gone.sort_unstable();
        gone.dedup();
        Ok(gone)
    })
}
