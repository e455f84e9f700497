//! What every list of security events asks: which tenants, which filter, which page.

use std::collections::BTreeSet;

use bartizan_api::{
    ApiError, AttackType,
    filter::{Family, Field, Filter, Test, int},
    listing::EventListRequest,
    owasp,
    public_id::{self, Indexed, Key},
};
use bartizan_store::Tenants;
use chrono::{DateTime, Months};
use serde_json::Value;

use crate::{auth::Caller, state::Cloud};

/// Months that hits and attacks are kept for.
const RETENTION_MONTHS: u32 = 6;
/// Most rows of a page.
const MAX_LIMIT: u64 = 1000;
/// Deepest row that an offset reaches.
const MAX_DEPTH: u64 = 100_000;

/// A filter that is understood, with the tenants it may look at.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Tenants.
    pub tenants: Tenants,
    /// Filter.
    pub filter: Filter,
    /// Oldest time that still exists.
    pub since: i64,
}

impl Asked {
    /// Reads a filter against the fields of an endpoint. `ids` says which fields hold public ids of what, `named`
    /// which types a word means.
    ///
    /// # Errors
    /// 400 by field, 403 for a tenant out of reach.
    pub fn parse(
        cloud: &Cloud,
        caller: &Caller,
        filter: &Value,
        fields: &[Field],
        ids: &[(&str, Indexed)],
        named: fn(&str) -> Vec<String>,
    ) -> Result<Asked, ApiError> {
        let mut filter = Filter::parse(filter, fields, Family::Events)?;
        for condition in filter.clauses.iter_mut().flatten() {
            match &mut condition.test {
                Test::Raw(value) => {
                    if let Some((name, indexed)) = ids.iter().find(|(name, _)| *name == condition.field) {
                        keys(name, *indexed, value)?;
                    }
                }
                Test::Texts(words) if condition.field == "type" => {
                    *words = words.iter().flat_map(|word| named(word)).collect();
                }
                Test::Texts(words) if condition.field == "preset" => {
                    if let Some(word) = words.iter().find(|word| owasp::preset(word).is_none()) {
                        return Err(ApiError::field("preset", "unknown preset", word.as_str()));
                    }
                }
                _ => {}
            }
        }
        let tenants = caller.own_tenants_of(&filter.ints("clientid"))?;
        Ok(Asked { tenants, filter, since: oldest(cloud.now()) })
    }
}

/// Most ids of one request, as many as a page has rows.
const MAX_IDS: usize = 1000;
/// Most tenants that the ids of one request name: each is a term of its own in the query.
const MAX_ID_TENANTS: usize = 250;

/// The public ids that a value holds.
///
/// # Errors
/// 400 by field.
pub fn keys(name: &str, indexed: Indexed, value: &Value) -> Result<Vec<Key>, ApiError> {
    let keys =
        public_id::parse(indexed, value).map_err(|item| ApiError::field(name, "must be an id", item))?;
    let tenants: BTreeSet<i64> = keys.iter().map(|key| key.clientid).collect();
    if keys.len() > MAX_IDS || tenants.len() > MAX_ID_TENANTS {
        return Err(ApiError::field(name, "too many ids", keys.len()));
    }
    Ok(keys)
}

/// The attack types that a word names; a word that names none stands for itself and matches nothing.
#[must_use]
pub fn attack_types(word: &str) -> Vec<String> {
    let types = AttackType::named(word);
    if types.is_empty() {
        vec![word.to_owned()]
    } else {
        types.into_iter().map(|kind| kind.code().to_owned()).collect()
    }
}

/// The oldest time whose events still exist.
#[must_use]
pub fn oldest(now: i64) -> i64 {
    DateTime::from_timestamp(now, 0)
        .and_then(|time| time.checked_sub_months(Months::new(RETENTION_MONTHS)))
        .map_or(0, |time| time.timestamp())
}

/// Rows of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Most rows; 0 answers nothing.
    pub limit: u64,
    /// Rows to skip.
    pub offset: u64,
}

impl Rows {
    /// Reads limit and offset.
    ///
    /// # Errors
    /// 400 by field.
    pub fn parse(request: &EventListRequest) -> Result<Rows, ApiError> {
        let limit =
            number(&request.limit).map_or(Some(100), |limit| limit.filter(|limit| *limit <= MAX_LIMIT));
        let limit = limit.ok_or_else(|| {
            ApiError::field("limit", "limit must be between 1 and 1000", request.limit.clone())
        })?;
        let offset = number(&request.offset).unwrap_or(Some(0)).ok_or_else(|| {
            ApiError::field("offset", "offset must not be negative", request.offset.clone())
        })?;
        if offset.saturating_add(limit) > MAX_DEPTH {
            return Err(ApiError::field("offset", "use cursor", request.offset.clone()));
        }
        Ok(Rows { limit, offset })
    }
}

/// None when absent; some none when it is not a number from 0.
fn number(value: &Value) -> Option<Option<u64>> {
    (!value.is_null()).then(|| int(value).and_then(|number| u64::try_from(number).ok()))
}

/// A flag that may be absent.
///
/// # Errors
/// 400 by field.
pub fn flag(name: &str, value: &Value, default: bool) -> Result<bool, ApiError> {
    match value {
        Value::Null => Ok(default),
        Value::Bool(flag) => Ok(*flag),
        Value::String(text) if text == "true" => Ok(true),
        Value::String(text) if text == "false" => Ok(false),
        other => Err(ApiError::field(name, "must be true or false", other.clone())),
    }
}

/// One of the names that `known` knows; absent or empty is the default.
///
/// # Errors
/// 400 by field.
pub fn choice<T>(
    name: &str,
    value: &Value,
    default: T,
    known: impl Fn(&str) -> Option<T>,
) -> Result<T, ApiError> {
    match value {
        Value::Null => Ok(default),
        Value::String(text) if text.is_empty() => Ok(default),
        Value::String(text) => {
            known(text).ok_or_else(|| ApiError::field(name, "unknown field to sort by", text.as_str()))
        }
        other => Err(ApiError::field(name, "must be a string", other.clone())),
    }
}
