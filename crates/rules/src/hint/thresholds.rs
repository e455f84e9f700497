//! The inner objects of threshold controls: threshold, reaction, enumerated parameters and the two kinds of
//! conditions (`spec/rules.md` section 4.8). Order inside lists is kept, because clients keep lists.

use regex_automata::meta;
use serde_json::{Map, Value, json};

use super::check::texts;
use super::table::HintType;
use crate::error::{FieldError, text};
use crate::points::{parse_point, parse_request_point};

type Checked = Result<Value, Vec<FieldError>>;

/// Seconds that a reaction may last: ten minutes to ten years.
const REACTION_SECONDS: std::ops::RangeInclusive<i64> = 600..=315_569_520;
const BLOCK_KEYS: [&str; 2] = ["block_by_session", "block_by_ip"];
const MONITOR_KEYS: [&str; 1] = ["graylist_by_ip"];
/// Most bytes that one of these patterns may compile to.
const MAX_PATTERN_BYTES: usize = 1 << 20;
/// Most conditions or points in a list.
const MAX_ITEMS: usize = 100;

const OPERATORS: [&str; 10] =
    ["eq", "ne", "imatch", "notimatch", "match", "notmatch", "lt", "gt", "le", "ge"];
const FIELDS: [&str; 11] = [
    "ip",
    "method",
    "user_agent",
    "domain",
    "uri",
    "status_code",
    "request_time",
    "request_size",
    "response_size",
    "attack_type",
    "blocked",
];

fn invalid(field: &str, sent: &Value) -> Vec<FieldError> {
    vec![FieldError::new(field, text::INVALID, sent.clone())]
}

fn object<'v>(field: &str, sent: &'v Value) -> Result<&'v Map<String, Value>, Vec<FieldError>> {
    sent.as_object().ok_or_else(|| invalid(field, sent))
}

/// Largest count and period: what clients that keep numbers in 32 bits can read back.
pub(super) const MAX_NUMBER: i64 = 2_147_483_647;

pub(super) fn threshold(field: &str, sent: &Value) -> Checked {
    let sent = object(field, sent)?;
    let mut checked = Map::new();
    let mut faults = Vec::new();
    for key in ["count", "period"] {
        let value = sent.get(key).unwrap_or(&Value::Null);
        match value.as_i64() {
            Some(number) if (1..=MAX_NUMBER).contains(&number) => {
                checked.insert(key.into(), value.clone());
            }
            Some(number) if number > MAX_NUMBER => {
                let range = format!("should be in 1..{MAX_NUMBER}");
                faults.push(FieldError::new(format!("{field}.{key}"), range, value.clone()));
            }
            Some(_) => {
                faults.push(FieldError::new(format!("{field}.{key}"), text::AT_LEAST_ONE, value.clone()))
            }
            None if value.is_null() => {
                faults.push(FieldError::new(format!("{field}.{key}"), text::BLANK, Value::Null));
            }
            None => faults.push(FieldError::new(format!("{field}.{key}"), text::INVALID, value.clone())),
        }
    }
    if faults.is_empty() { Ok(Value::Object(checked)) } else { Err(faults) }
}

/// Keeps the keys that are set; zero and null are how clients spell "not set".
pub(super) fn reaction(field: &str, sent: &Value) -> Checked {
    let mut checked = Map::new();
    let mut faults = Vec::new();
    for (key, value) in object(field, sent)? {
        if !BLOCK_KEYS.iter().chain(&MONITOR_KEYS).any(|known| known == key) {
            if !value.is_null() {
                faults.push(FieldError::new(format!("{field}.{key}"), text::INVALID, value.clone()));
            }
            continue;
        }
        match value.as_i64() {
            Some(0) => {}
            Some(seconds) if REACTION_SECONDS.contains(&seconds) => {
                checked.insert(key.clone(), value.clone());
            }
            None if value.is_null() => {}
            _ => {
                let range = format!("should be in {}..{}", REACTION_SECONDS.start(), REACTION_SECONDS.end());
                faults.push(FieldError::new(format!("{field}.{key}"), range, value.clone()));
            }
        }
    }
    if faults.is_empty() { Ok(Value::Object(checked)) } else { Err(faults) }
}

/// The mode decides which reactions are possible.
pub(super) fn cross_check(kind: HintType, fields: &Map<String, Value>, faults: &mut Vec<FieldError>) {
    let (Some(mode), Some(Value::Object(reaction))) =
        (fields.get("mode").and_then(Value::as_str), fields.get("reaction"))
    else {
        return;
    };
    if kind.field("reaction").is_none() {
        return;
    }
    let allowed: &[&str] = if mode == "block" { &BLOCK_KEYS } else { &MONITOR_KEYS };
    if reaction.keys().any(|key| !allowed.contains(&key.as_str())) {
        let keys: Vec<String> = allowed.iter().map(|key| format!(":{key}")).collect();
        let error = format!("keys should contain only [{}] keys for the mode {mode}", keys.join(", "));
        faults.push(FieldError::new("reaction", error, Value::Object(reaction.clone())));
    } else if mode == "block" && reaction.is_empty() {
        faults.push(FieldError::new("reaction", text::BLANK, Value::Object(reaction.clone())));
    }
}

pub(super) fn enumerated(field: &str, sent: &Value) -> Checked {
    let object = object(field, sent)?;
    let mode = object.get("mode").and_then(Value::as_str);
    let (allowed, checked): (&[&str], Checked) = match mode {
        Some("regexp") => (
            &["mode", "name_regexps", "value_regexps", "additional_parameters", "plain_parameters"],
            by_pattern(field, object),
        ),
        Some("exact") => (&["mode", "points"], by_point(field, object)),
        _ => {
            let sent = object.get("mode").cloned().unwrap_or_default();
            let error = if sent.is_null() { text::BLANK } else { text::INVALID };
            return Err(vec![FieldError::new(format!("{field}.mode"), error, sent)]);
        }
    };
    let foreign = object.iter().filter(|(key, value)| {
        let is_empty_list = value.as_array().is_some_and(Vec::is_empty);
        !allowed.contains(&key.as_str()) && !value.is_null() && !is_empty_list
    });
    let faults: Vec<FieldError> = foreign
        .map(|(key, value)| FieldError::new(format!("{field}.{key}"), text::INVALID, value.clone()))
        .chain(checked.as_ref().err().into_iter().flatten().cloned())
        .collect();
    if faults.is_empty() { checked } else { Err(faults) }
}

fn by_pattern(field: &str, object: &Map<String, Value>) -> Checked {
    let mut checked = Map::from_iter([("mode".to_owned(), json!("regexp"))]);
    let mut faults = Vec::new();
    for key in ["name_regexps", "value_regexps"] {
        let sent = object.get(key).unwrap_or(&Value::Null);
        let inner = format!("{field}.{key}");
        match texts(sent) {
            None if sent.is_null() => faults.push(FieldError::new(inner, text::BLANK, Value::Null)),
            None => faults.extend(invalid(&inner, sent)),
            Some([]) => faults.push(FieldError::new(inner, text::BLANK, sent.clone())),
            Some(patterns) => {
                let mut sources = patterns.iter().filter_map(Value::as_str);
                match sources.find_map(|pattern| check_linear(pattern).err()) {
                    Some(detail) => {
                        faults.push(FieldError::new(inner, text::INVALID, sent.clone()).with_detail(detail))
                    }
                    None => {
                        checked.insert(key.into(), sent.clone());
                    }
                }
            }
        }
    }
    for key in ["additional_parameters", "plain_parameters"] {
        match object.get(key) {
            None | Some(Value::Null) => {
                checked.insert(key.into(), json!(true));
            }
            Some(flag) if flag.is_boolean() => {
                checked.insert(key.into(), flag.clone());
            }
            Some(other) => faults.extend(invalid(&format!("{field}.{key}"), other)),
        }
    }
    if faults.is_empty() { Ok(Value::Object(checked)) } else { Err(faults) }
}

/// PCRE-like patterns of controls run on a linear engine: what it lacks is refused.
fn check_linear(pattern: &str) -> Result<(), String> {
    let config = meta::Config::new().nfa_size_limit(Some(MAX_PATTERN_BYTES));
    meta::Builder::new()
        .configure(config)
        .build(pattern)
        .map(drop)
        .map_err(|fault| fault.syntax_error().map_or_else(|| fault.to_string(), ToString::to_string))
}

/// Points here are echoed item by item as they were sent.
fn by_point(field: &str, object: &Map<String, Value>) -> Checked {
    let inner = format!("{field}.points");
    let sent = object.get("points").unwrap_or(&Value::Null);
    let Some(points) = sent.as_array().filter(|points| !points.is_empty()) else {
        let error = if sent.is_null() || sent.is_array() { text::BLANK } else { text::INVALID };
        return Err(vec![FieldError::new(inner, error, sent.clone())]);
    };
    let mut checked = Vec::new();
    for entry in points {
        let point = entry.get("point").ok_or_else(|| invalid(&inner, entry))?;
        parse_request_point(&inner, point).map_err(|fault| vec![fault])?;
        let sensitive = match entry.get("sensitive") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(sensitive)) => *sensitive,
            Some(_) => return Err(invalid(&inner, entry)),
        };
        checked.push(json!({ "point": point, "sensitive": sensitive }));
    }
    if checked.len() > MAX_ITEMS {
        return Err(invalid(&inner, sent));
    }
    Ok(json!({ "mode": "exact", "points": checked }))
}

pub(super) fn advanced(field: &str, sent: &Value) -> Checked {
    conditions(field, sent, |entry| {
        let name = entry.get("field").filter(|name| name.as_str().is_some_and(|name| FIELDS.contains(&name)));
        Some(("field", name.cloned()?))
    })
}

pub(super) fn arbitrary(field: &str, sent: &Value) -> Checked {
    conditions(field, sent, |entry| {
        let point = parse_point(field, entry.get("point")?).ok()?;
        Some(("point", serde_json::to_value(point).ok()?))
    })
}

/// A list of `{<subject>, operator, value[]}`.
fn conditions(
    field: &str,
    sent: &Value,
    subject: impl Fn(&Value) -> Option<(&'static str, Value)>,
) -> Checked {
    let entries = sent.as_array().filter(|entries| entries.len() <= MAX_ITEMS);
    let entries = entries.ok_or_else(|| invalid(field, sent))?;
    let check = |entry: &Value| {
        let (key, subject) = subject(entry)?;
        let operator = entry.get("operator")?.as_str().filter(|name| OPERATORS.contains(name))?;
        let value = entry.get("value").filter(|value| texts(value).is_some_and(|texts| !texts.is_empty()))?;
        // What nodes will have to compile or compare is refused here.
        let fits = |text: &str| match operator {
            "match" | "notmatch" | "imatch" | "notimatch" => check_linear(text).is_ok(),
            "lt" | "gt" | "le" | "ge" => text.trim().parse::<f64>().is_ok_and(f64::is_finite),
            _ => true,
        };
        if !texts(value)?.iter().filter_map(Value::as_str).all(fits) {
            return None;
        }
        Some(json!({ key: subject, "operator": operator, "value": value }))
    };
    entries.iter().map(|entry| check(entry).ok_or_else(|| invalid(field, entry))).collect()
}
