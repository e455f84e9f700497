//! Paging of lists in the rules family, whose errors name the field.

use bartizan_api::{
    ApiError,
    list::{ListRequest, MAX_LIMIT, Page},
};

/// The part of a list that a request asks for; 0 and absent are the default.
///
/// # Errors
/// 400 for a negative value or a limit above [`MAX_LIMIT`].
pub fn of(request: &ListRequest, default: u64) -> Result<Page, ApiError> {
    part(request.limit, request.offset, default)
}

/// As [`of`], for requests of another form.
///
/// # Errors
/// As [`of`].
pub fn part(limit: Option<i64>, offset: Option<i64>, default: u64) -> Result<Page, ApiError> {
    let asked = limit.unwrap_or(0);
    let limit = match u64::try_from(asked) {
        Ok(0) => default,
        Ok(limit) if limit <= MAX_LIMIT => limit,
        _ => return Err(ApiError::field("limit", format!("should be in 1..{MAX_LIMIT}"), asked)),
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
        assert_eq!(part(Some(0), None, 100).unwrap(), Page { limit: 100, offset: 0 });
        assert_eq!(part(Some(1000), Some(7), 100).unwrap(), Page { limit: 1000, offset: 7 });
        assert!(part(Some(1001), None, 100).is_err());
        assert!(part(Some(-1), None, 100).is_err());
        assert!(part(None, Some(-1), 100).is_err());
    }
}
