//! Lists and changes by filter, as the accounts family spells them (`spec/accounts.md` section 1.4).

use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::{ApiError, lenient};

/// Most rows of one answer.
pub const MAX_LIMIT: u64 = 1000;
/// Largest offset.
pub const MAX_OFFSET: u64 = 1_000_000;

/// What to list, and which part of it.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({"filter": {"clientid": [7]}, "limit": 100, "offset": 0, "order_by": "id", "order_desc": true}))]
pub struct ListRequest {
    /// Conditions, all of which hold; an array of such objects means any of them. A value may be an array,
    /// which means any of its items. A leading `!` in a key negates.
    #[schema(value_type = Object)]
    #[serde(default)]
    pub filter: Value,
    /// Most rows, 1 to 1000; 0 is the default.
    #[serde(default, deserialize_with = "lenient::int")]
    pub limit: Option<i64>,
    /// Rows to skip, 0 to 1,000,000.
    #[serde(default, deserialize_with = "lenient::int")]
    pub offset: Option<i64>,
    /// Field to order by; empty is the default.
    #[serde(default)]
    pub order_by: Option<String>,
    /// Whether to order from high to low.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub order_desc: Option<bool>,
}

/// Which rows to change or delete.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({"filter": {"clientid": [7], "id": [71001, 71002]}}))]
pub struct SelectRequest {
    /// Conditions as in lists; it must select by more than the tenant.
    #[schema(value_type = Object)]
    #[serde(default)]
    pub filter: Value,
}

/// A part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Most rows.
    pub limit: u64,
    /// Rows to skip.
    pub offset: u64,
}

/// A sorting by one field; ties are broken by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Wire name of the field.
    pub field: &'static str,
    /// From high to low.
    pub descending: bool,
}

impl ListRequest {
    /// The part asked for; `default` rows when no limit is given.
    ///
    /// # Errors
    /// 400 when limit or offset is out of range.
    pub fn page(&self, default: u64) -> Result<Page, ApiError> {
        let limit = match self.limit.unwrap_or(0) {
            0 => default,
            asked => match u64::try_from(asked) {
                Ok(limit) if limit <= MAX_LIMIT => limit,
                Ok(_) => return Err(ApiError::invalid("limit is too big", asked)),
                Err(_) => return Err(ApiError::invalid("limit must not be negative", asked)),
            },
        };
        let asked = self.offset.unwrap_or(0);
        let offset = u64::try_from(asked).ok().filter(|offset| *offset <= MAX_OFFSET);
        let offset = offset.ok_or_else(|| ApiError::invalid("offset must be 0 to 1000000", asked))?;
        Ok(Page { limit, offset })
    }

    /// The order asked for among the `allowed` fields; the first one is the default.
    ///
    /// # Errors
    /// 400 when the field is not among them.
    pub fn order(&self, allowed: &[&'static str]) -> Result<Order, ApiError> {
        let descending = self.order_desc.unwrap_or(false);
        let asked = self.order_by.as_deref().unwrap_or_default();
        let field = if asked.is_empty() {
            allowed.first().copied()
        } else {
            allowed.iter().copied().find(|field| *field == asked)
        };
        let field = field.ok_or_else(|| ApiError::invalid("unknown order_by", asked))?;
        Ok(Order { field, descending })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(json: &str) -> ListRequest {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn zero_values_are_absent() {
        let zero = request(r#"{"limit":0,"offset":0,"order_by":"","filter":null}"#);
        assert_eq!(zero.page(50).unwrap(), Page { limit: 50, offset: 0 });
        assert_eq!(zero.order(&["id", "name"]).unwrap(), Order { field: "id", descending: false });
    }

    #[test]
    fn out_of_range_is_refused() {
        let error = request(r#"{"limit":1001}"#).page(50).unwrap_err();
        assert_eq!(error.body, serde_json::json!({"error": "limit is too big", "value": 1001}));
        assert!(request(r#"{"offset":-1}"#).page(50).is_err());
        assert!(request(r#"{"order_by":"password_hash"}"#).order(&["id"]).is_err());
    }
}
