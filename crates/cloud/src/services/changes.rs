//! Changes by filter: how many rows one may touch.

use bartizan_api::{ApiError, list::Page};

/// Most rows of one change.
const MOST: usize = 1000;
/// The rows of a change, and one more, which tells that there are too many.
pub const PAGE: Page = Page { limit: MOST as u64 + 1, offset: 0 };

/// Refuses a change of more rows than one may touch, rather than leave some as they are.
///
/// # Errors
/// 400.
pub fn bounded<T>(rows: &[T]) -> Result<(), ApiError> {
    if rows.len() > MOST { Err(ApiError::invalid("the filter selects too many rows", MOST)) } else { Ok(()) }
}
