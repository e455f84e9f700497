//! Paging of lists in the rules family, whose errors name the field.

use bartizan_api::{
    ApiError,
    list::{ListRequest, MAX_LIMIT, Page},
};

/// Rows of a list without a limit.
const DEFAULT_LIMIT: u64 = 100;

/// The part of a list that a request asks for; 0 and absent are the default.
///
/// # Errors
/// 400 for a negative value or a limit above [`MAX_LIMIT`].
pub fn of(request: &ListRequest) -> Result<Page, ApiError> {
    part(request.limit, request.offset, MAX_LIMIT)
}

/// As [`of`], with another largest limit.
///
/// # Errors
/// As [`of`].
pub fn part(limit: Option<i64>, offset: Option<i64>, most: u64) -> Result<Page, ApiError> {
    let asked = limit.unwrap_or(0);
    let limit = match u64::try_from(asked) {
        Ok(0) => DEFAULT_LIMIT,
        Ok(limit) if limit <= most => limit,
        _ => return Err(ApiError::field("limit", format!("should be in 1..{most}"), asked)),
    };
    let asked = offset.unwrap_or(0);
    let offset = u64::try_from(asked)
        .map_err(|_| ApiError::field("offset", "must be greater than or equal to 0", asked))?;
    Ok(Page { limit, offset })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_the_default_and_too_much_is_refused() {
        assert_eq!(part(Some(0), None, 300).unwrap(), Page { limit: 100, offset: 0 });
        assert_eq!(part(Some(300), Some(7), 300).unwrap(), Page { limit: 300, offset: 7 });
        assert!(part(Some(301), None, 300).is_err());
        assert!(part(Some(-1), None, 300).is_err());
        assert!(part(None, Some(-1), 300).is_err());
    }
}
