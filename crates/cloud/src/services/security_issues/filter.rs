//! The filter of security issues as conditions on vulnerabilities.

use bartizan_api::{
    ApiError,
    filter::{Condition, Filter, Mask, Range, Test, boolean, int, like_pattern},
    owasp, vuln_type,
};
use bartizan_store::Tenants;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use super::source;
use crate::{auth::Caller, services::listing::ids};

/// Most values of one key.
const MAX_VALUES: usize = 250;
/// Most groups of one filter: each makes a clause for each state.
const MAX_GROUPS: usize = 10;
/// States of issues.
const STATES: [&str; 4] = ["open", "closed", "marked_false", "hidden"];

/// A filter that is understood.
pub(super) struct Asked {
    pub(super) tenants: Tenants,
    pub(super) filter: Filter,
}

/// Alternatives, each a conjunction.
type Alternatives = Vec<Vec<Condition>>;

/// Reads a filter.
///
/// # Errors
/// 400 by field, 403 for a tenant out of reach.
pub(super) fn parse(caller: &Caller, client_id: &Value, filter: &Value) -> Result<Asked, ApiError> {
    let keys = match filter {
        Value::Null => serde_json::Map::new(),
        Value::Object(keys) => keys.clone(),
        other => return Err(ApiError::field("filter", "filter must be an object", other.clone())),
    };
    let mut clients = Vec::new();
    let mut ignored = Vec::new();
    let (mut allowed, mut refused): (Vec<String>, Vec<String>) = (vec![], vec![]);
    let mut factors: Vec<Alternatives> = Vec::new();
    // Clients without optional fields send false where they mean nothing, except of incidents.
    let asks = |key: &str, sent: &Value| !is_zero(sent) || key == "incident" && says_false(sent);
    for (key, sent) in keys.iter().filter(|(key, sent)| asks(key, sent)) {
        let (name, negated) = key.strip_prefix('!').map_or((key.as_str(), false), |name| (name, true));
        let values = sent.as_array().cloned().unwrap_or_else(|| vec![sent.clone()]);
        if values.len() > MAX_VALUES {
            return Err(ApiError::field(name, "too many values", values.len()));
        }
        match name {
            "client_id" if negated => {
                let others = Test::Ints(ids("client_id", sent)?, vec![]);
                factors.push(vec![vec![Condition { field: "clientid", negated, test: others }]]);
            }
            "client_id" => clients.extend(ids("client_id", sent)?),
            // Any host at all.
            "host" if values.iter().any(is_anything) => {}
            "state" if negated => refused.extend(states(&values)?),
            "state" => allowed.extend(states(&values)?),
            "group_id" => factors.push(groups(&values, negated)?),
            _ => match condition(name, negated, &values)? {
                Some(condition) => factors.push(vec![vec![condition]]),
                None => ignored.push(key.clone()),
            },
        }
    }
    if allowed.is_empty() {
        // Hidden ones only where the filter asks for them.
        allowed =
            STATES.iter().filter(|state| **state != "hidden").map(|state| (*state).to_owned()).collect();
    }
    let of_state = |state: &String| {
        let hidden = state == "hidden";
        let mut clause = vec![Condition { field: "hidden", negated: false, test: Test::Bool(hidden) }];
        if !hidden {
            clause.push(texts("status", false, vec![status_of(state).to_owned()]));
        }
        clause
    };
    factors.push(allowed.iter().filter(|state| !refused.contains(state)).map(of_state).collect());
    let clauses = factors.into_iter().fold(vec![vec![]], |left, right| product(&left, &right));
    let clauses = if clauses.is_empty() { vec![vec![nothing("status")]] } else { clauses };
    let tenants = tenants(caller, &ids("client_id", client_id)?, &clients)?;
    Ok(Asked { tenants, filter: Filter { clauses, ignored } })
}

/// The tenants of a request, narrowed by those of its filter; the caller's own where neither names any.
fn tenants(caller: &Caller, asked: &[i64], narrowed: &[i64]) -> Result<Tenants, ApiError> {
    let is_named = |ids: &[i64]| ids.iter().any(|id| *id != 0);
    if !is_named(asked) {
        return caller.own_tenants_of(narrowed);
    }
    let tenants = caller.own_tenants_of(asked)?;
    if !is_named(narrowed) {
        return Ok(tenants);
    }
    let narrowed = caller.own_tenants_of(narrowed)?;
    Ok(Tenants::new(tenants.ids().iter().copied().filter(|id| narrowed.contains(*id)).collect()))
}

/// Every combination of an alternative of one side with one of the other.
fn product(left: &Alternatives, right: &Alternatives) -> Alternatives {
    left.iter().flat_map(|a| right.iter().map(|b| [a.as_slice(), b.as_slice()].concat())).collect()
}

/// What clients without optional fields send for "no condition".
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(is_zero),
        Value::Object(_) | Value::Bool(true) => false,
    }
}

fn says_false(value: &Value) -> bool {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).first() == Some(&Value::Bool(false))
}

/// Whether a mask lets everything pass.
fn is_anything(mask: &Value) -> bool {
    mask.as_str().is_some_and(|mask| !mask.is_empty() && mask.bytes().all(|byte| byte == b'*'))
}

fn texts(field: &'static str, negated: bool, texts: Vec<String>) -> Condition {
    Condition { field, negated, test: Test::Texts(texts) }
}

fn nothing(field: &'static str) -> Condition {
    Condition { field, negated: false, test: Test::Nothing }
}

fn condition(name: &str, negated: bool, values: &[Value]) -> Result<Option<Condition>, ApiError> {
    let words = || values.iter().map(|value| word(name, value)).collect::<Result<Vec<String>, _>>();
    let number = |value: &Value| int(value).ok_or_else(|| bad(name, "must be a number", value));
    let since = |field: &'static str| {
        let times = values.iter().map(number).collect::<Result<Vec<_>, _>>()?;
        let range = Range { from: times.into_iter().min(), to: None };
        Ok::<_, ApiError>(Condition { field, negated: false, test: Test::Ints(vec![], vec![range]) })
    };
    let flag = |field: &'static str| {
        let flags = values.iter().map(|value| boolean(value).ok_or(value)).collect::<Result<Vec<_>, _>>();
        let flags = flags.map_err(|value| bad(name, "must be true or false", value))?;
        Ok::<_, ApiError>(match (flags.contains(&true), flags.contains(&false)) {
            (true, false) => Condition { field, negated, test: Test::Bool(true) },
            (false, true) if name == "incident" && !negated => {
                Condition { field, negated, test: Test::Bool(false) }
            }
            // One or the other is anything.
            (true, true) if negated => nothing("status"),
            _ => Condition { negated: true, ..nothing("status") },
        })
    };
    Ok(Some(match name {
        "severity" => severity(negated, &words()?)?,
        "host" => {
            let mask = |word: String| {
                if word.contains(['*', '?']) { Mask::Like(like_pattern(&word)) } else { Mask::Exact(word) }
            };
            let masks = words()?.into_iter().map(mask).collect();
            Condition { field: "domain", negated, test: Test::Masks(masks) }
        }
        "created_since" if !negated => since("created_at")?,
        "discovered_since" if !negated => since("validate_time")?,
        "discovered_by" => texts(
            "detection_method",
            negated,
            words()?.iter().map(|word| source::method_of(word).to_owned()).collect(),
        ),
        "id" => {
            let ids = values.iter().map(number).collect::<Result<_, _>>()?;
            Condition { field: "id", negated, test: Test::Ints(ids, vec![]) }
        }
        // Nothing has domains or test runs of its own, so none is any of those named.
        "domain_id" | "subdomain_id" => {
            values.iter().try_for_each(|value| number(value).map(drop))?;
            Condition { field: "testrun_id", negated, test: Test::Nothing }
        }
        "test_run_public_uuids" => {
            words()?;
            Condition { field: "testrun_id", negated, test: Test::Nothing }
        }
        "issue_type" => {
            texts("type", negated, words()?.iter().map(|word| vuln_type::code_of(word)).collect())
        }
        "owasp" => {
            let kinds = words()?.into_iter().filter_map(|id| owasp::types_of(&id)).flatten();
            texts("type", negated, kinds.map(str::to_owned).collect())
        }
        "source_template" => texts("template", negated, words()?),
        "search_query" => texts("issue_search", negated, words()?),
        "verified" => flag("validated")?,
        "incident" => flag("incident")?,
        _ => return Ok(None),
    }))
}

fn bad(name: &str, text: &str, value: &Value) -> ApiError {
    ApiError::field(name, text, value.clone())
}

fn word(name: &str, value: &Value) -> Result<String, ApiError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        other => Err(bad(name, "must be a string", other)),
    }
}

fn severity(negated: bool, words: &[String]) -> Result<Condition, ApiError> {
    let range = |word: &String| {
        let (from, to) = vuln_type::threats(&word.to_lowercase())
            .ok_or_else(|| ApiError::field("severity", "unknown severity", word.as_str()))?;
        Ok(Range { from: Some(from), to: Some(to) })
    };
    let ranges = words.iter().map(range).collect::<Result<_, ApiError>>()?;
    Ok(Condition { field: "threat", negated, test: Test::Ints(vec![], ranges) })
}

fn states(values: &[Value]) -> Result<Vec<String>, ApiError> {
    values
        .iter()
        .map(|value| {
            let word = word("state", value)?;
            state_named(&word).map(str::to_owned).ok_or_else(|| bad("state", "unknown state", value))
        })
        .collect()
}

/// The state that a word means.
pub(super) fn state_named(word: &str) -> Option<&'static str> {
    match word {
        "falsepositive" | "false_positive" => Some("marked_false"),
        known => STATES.iter().copied().find(|state| *state == known),
    }
}

/// The status of vulnerabilities in a state of issues.
pub(super) fn status_of(state: &str) -> &str {
    if state == "marked_false" { "falsepositive" } else { state }
}

/// The id of the group of issues with this title, severity and source.
pub(super) fn group_id(title: &str, severity: &str, method: &str) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::json!([title, severity, method]).to_string())
}

/// The alternatives "in one of these groups", or the one "in none of them". The second is one clause however many
/// groups there are: multiplied out, ten of them would be 3 to the power of 10.
fn groups(values: &[Value], negated: bool) -> Result<Alternatives, ApiError> {
    if values.len() > MAX_GROUPS {
        return Err(ApiError::field("group_id", "too many values", values.len()));
    }
    let parts = |value: &Value| {
        let bytes = value.as_str().and_then(|id| URL_SAFE_NO_PAD.decode(id).ok());
        let parts: Option<[String; 3]> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let [title, level, method] = parts.ok_or_else(|| bad("group_id", "is invalid", value))?;
        Ok::<_, ApiError>(vec![
            texts("title", false, vec![title]),
            severity(false, &[level])?,
            texts("detection_method", false, vec![method]),
        ])
    };
    let groups = values.iter().map(parts).collect::<Result<Vec<_>, _>>()?;
    let outside = |parts| Condition { field: "group_id", negated: true, test: Test::All(parts) };
    Ok(if negated { vec![groups.into_iter().map(outside).collect()] } else { groups })
}
