//! What every list of security events asks: which tenants, which filter, which page.

use std::collections::BTreeSet;

use bartizan_api::{
    ApiError, AttackType,
    filter::{Condition, Family, Field, Filter, MAX_TERMS, Range, Test, int},
    hit::ANOMALIES,
    listing::EventListRequest,
    owasp,
    public_id::{self, Indexed, Key},
};
use bartizan_store::{TenantId, Tenants};
use chrono::{DateTime, Months};
use serde_json::{Value, json};

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
        let mut filter = understood(filter, fields, ids, named)?;
        let tenants = caller.own_tenants_of(&filter.ints("clientid"))?;
        keep_apart(&mut filter, &tenants, caller.tenant());
        Ok(Asked { tenants, filter, since: oldest(cloud.now()) })
    }
}

/// A filter against the fields of an endpoint. `ids` says which fields hold public ids of what, `named` which types a
/// word means. Which tenants it may look at is for the caller to say.
///
/// # Errors
/// 400 by field.
pub fn understood(
    filter: &Value,
    fields: &[Field],
    ids: &[(&str, Indexed)],
    named: fn(&str) -> Vec<String>,
) -> Result<Filter, ApiError> {
    let mut filter = Filter::parse(filter, fields, Family::Events)?;
    if fields.iter().any(|field| field.name == SUBTYPE) {
        filter.clauses = filter.clauses.into_iter().flat_map(with_subtypes).collect();
    }
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
            Test::Ints(values, ranges) if ["stamps", "regex"].contains(&condition.field) => {
                spelt_out(condition.field, values, ranges)?;
            }
            Test::Texts(words) if condition.field == "anomality" => {
                if let Some(word) = words.iter().find(|word| !ANOMALIES.contains(&word.as_str())) {
                    let text = format!("must be one of {}", ANOMALIES.join(", "));
                    return Err(ApiError::field("anomality", text, word.as_str()));
                }
            }
            Test::Texts(words) if condition.field == "preset" => {
                if let Some(word) = words.iter().find(|word| owasp::preset(word).is_none()) {
                    return Err(ApiError::field("preset", "unknown preset", word.as_str()));
                }
            }
            _ => {}
        }
    }
    Ok(filter)
}

/// Ranges of numbers that are kept in lists, number by number.
fn spelt_out(field: &str, values: &mut Vec<i64>, ranges: &mut Vec<Range>) -> Result<(), ApiError> {
    for Range { from, to } in ranges.drain(..) {
        let numbers = from.zip(to).filter(|(from, to)| to.saturating_sub(*from) < MAX_SPELT);
        let Some((from, to)) = numbers else {
            return Err(ApiError::field(
                field,
                "a range of at most 250 numbers is allowed",
                json!([from, to]),
            ));
        };
        values.extend(from..=to);
    }
    if values.len() > MAX_TERMS {
        return Err(ApiError::field(field, "too many values", values.len()));
    }
    Ok(())
}

/// Each of several alternatives is about the tenants that it names itself, or the caller's own: the query as a whole
/// sees those of all.
fn keep_apart(filter: &mut Filter, tenants: &Tenants, own: TenantId) {
    if filter.clauses.len() < 2 || tenants.ids().len() < 2 {
        return;
    }
    for clause in &mut filter.clauses {
        let named = clause.iter().filter(|condition| condition.field == "clientid" && !condition.negated);
        let mut named: Vec<i64> = named
            .flat_map(|condition| match &condition.test {
                Test::Ints(ids, _) => ids.clone(),
                _ => vec![],
            })
            .map(|id| if id == 0 { own.0 } else { id })
            .collect();
        if named.is_empty() {
            named.push(own.0);
        }
        let others = tenants.ids().iter().map(|id| id.0).filter(|id| !named.contains(id)).collect();
        clause.push(Condition { field: "clientid", negated: true, test: Test::Ints(others, vec![]) });
    }
}

/// The filter, asked of the period of the same length that ends where its period begins.
///
/// # Errors
/// 400 unless every alternative names one range of `time` with a start.
pub fn of_period_before(filter: &Filter, now: i64) -> Result<Filter, ApiError> {
    let bad = || ApiError::field("time", "one range with a start is required to compare", Value::Null);
    let mut filter = filter.clone();
    for clause in &mut filter.clauses {
        let mut times = clause.iter_mut().filter(|asked| asked.field == "time" && !asked.negated);
        let (Some(time), None) = (times.next(), times.next()) else { return Err(bad()) };
        let Test::Ints(moments, ranges) = &mut time.test else { return Err(bad()) };
        let [Range { from: Some(from), to }] = ranges.as_mut_slice() else { return Err(bad()) };
        if !moments.is_empty() {
            return Err(bad());
        }
        let length = to.unwrap_or(now).saturating_sub(*from).saturating_add(1).max(1);
        (*to, *from) = (Some(*from - 1), from.saturating_sub(length));
    }
    if filter.clauses.is_empty() { Err(bad()) } else { Ok(filter) }
}

/// The technique of a hit.
const SUBTYPE: &str = "attack_subtype";

/// A clause whose words for types may mean techniques, too: those become conditions of their own. A technique says its
/// type, so "one of these types or techniques" is two alternatives, and "none of them" two conditions.
fn with_subtypes(clause: Vec<Condition>) -> Vec<Vec<Condition>> {
    let mut alternatives = vec![vec![]];
    for condition in clause {
        let words = match &condition.test {
            Test::Texts(words) if condition.field == "type" => words.clone(),
            _ => vec![],
        };
        let (subtypes, types): (Vec<String>, Vec<String>) =
            words.into_iter().partition(|word| AttackType::subtype_named(word).is_some());
        let subtypes: Vec<String> =
            subtypes.iter().filter_map(|word| AttackType::subtype_named(word)).map(str::to_owned).collect();
        let parts: Vec<Condition> = if subtypes.is_empty() {
            vec![condition]
        } else {
            let subtypes = Condition { field: SUBTYPE, test: Test::Texts(subtypes), ..condition.clone() };
            let types = (!types.is_empty()).then(|| Condition { test: Test::Texts(types), ..condition });
            types.into_iter().chain([subtypes]).collect()
        };
        if parts.iter().all(|part| part.negated) {
            alternatives.iter_mut().for_each(|clause| clause.extend(parts.iter().cloned()));
        } else {
            let with = |clause: &Vec<Condition>| {
                let with = |part: &Condition| [clause.as_slice(), std::slice::from_ref(part)].concat();
                parts.iter().map(with).collect::<Vec<_>>()
            };
            alternatives = alternatives.iter().flat_map(with).collect();
        }
    }
    alternatives
}

/// Most ids of one request, as many as a page has rows.
const MAX_IDS: usize = 1000;
/// Most numbers of a range that is spelt out.
const MAX_SPELT: i64 = 250;
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

/// Ids, one or a list of them; absent or empty is none, and names none in a list.
///
/// # Errors
/// 400 by field.
pub fn ids(name: &str, value: &Value) -> Result<Vec<i64>, ApiError> {
    let id = |value: &Value| {
        int(value)
            .ok_or_else(|| ApiError::field(name, "must be a number or a list of numbers", value.clone()))
    };
    let sent = if let Value::Array(values) = value { values } else { std::slice::from_ref(value) };
    sent.iter().filter(|one| !one.is_null() && one.as_str() != Some("")).map(id).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_ids_are_none_wherever_they_stand() {
        for none in [json!(null), json!(""), json!([]), json!([null]), json!(["", null])] {
            assert_eq!(ids("clientid", &none), Ok(vec![]), "{none}");
        }
        assert_eq!(ids("clientid", &json!([null, 7, "", "8"])), Ok(vec![7, 8]));
        assert_eq!(ids("clientid", &json!(7)), Ok(vec![7]));
        for wrong in [json!([null, "x"]), json!("x"), json!([[7]]), json!({}), json!([false])] {
            assert!(ids("clientid", &wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn words_for_techniques_are_conditions_of_their_own() {
        let asked = |negated, words: &[&str]| Condition {
            field: "type",
            negated,
            test: Test::Texts(words.iter().map(|word| (*word).to_owned()).collect()),
        };
        let shown = |clauses: Vec<Vec<Condition>>| {
            let one = |condition: &Condition| {
                let sign = if condition.negated { "!" } else { "" };
                format!("{sign}{}{:?}", condition.field, condition.test)
            };
            let clauses: Vec<String> =
                clauses.iter().map(|clause| clause.iter().map(one).collect::<Vec<_>>().join(" & ")).collect();
            clauses.join(" | ")
        };
        assert_eq!(shown(with_subtypes(vec![asked(false, &["sqli"])])), r#"typeTexts(["sqli"])"#);
        assert_eq!(
            shown(with_subtypes(vec![asked(false, &["sqli", "AI_prompt_injection"])])),
            r#"typeTexts(["sqli"]) | attack_subtypeTexts(["ai_prompt_injection"])"#
        );
        assert_eq!(
            shown(with_subtypes(vec![asked(true, &["sqli", "ai_prompt_retrieval"])])),
            r#"!typeTexts(["sqli"]) & !attack_subtypeTexts(["ai_prompt_retrieval"])"#
        );
    }
}
