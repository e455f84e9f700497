//! A trigger as it is sent, checked and brought into one form.

use std::net::IpAddr;

use bartizan_api::{
    ApiError, AttackType,
    filter::int,
    trigger::{ActionParams, ActionView, FilterView, TriggerFields},
};
use bartizan_rules::uri_conditions;
use serde_json::{Value, json};

use super::{
    super::pools::{DEFAULT_ID, MAX_ID},
    FOREVER_S,
    template::{DEFAULT_LOCK_S, Template, Threshold},
};

/// Filters and actions of one trigger.
const MAX_FILTERS: usize = 12;
const MAX_ACTIONS: usize = 4;
/// Values of one filter.
const MAX_VALUES: usize = 1000;
/// Longest window, seconds: a year.
const MAX_PERIOD_S: i64 = 31_536_000;
const MAX_COUNT: i64 = 1_000_000_000;
/// Largest id of a specification that every client can read back: 53 bits.
const MAX_SPECIFICATION: i64 = (1 << 53) - 1;

const TARGETS: &[&str] = &["server", "client", "database"];
const CHANGES: &[&str] = &["added", "changed", "excluded", "unused"];
const DEVIATIONS: &[&str] = &["shadow", "orphan", "zombie"];
const ROLES: &[&str] = &["deploy", "analyst", "admin", "read_only", "api_developer"];

/// A trigger that was checked.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) template: &'static Template,
    pub(super) name: String,
    pub(super) comment: String,
    pub(super) enabled: bool,
    pub(super) filters: Vec<FilterView>,
    pub(super) actions: Vec<ActionView>,
    pub(super) threshold: Option<(i64, i64)>,
}

/// Checks what can be checked without the store. A notification may name no integration: all of its own may have been
/// deleted.
///
/// # Errors
/// 400 with the field at fault.
pub(super) fn parse(sent: &TriggerFields) -> Result<Parsed, ApiError> {
    let template = match sent.template_id.as_deref().unwrap_or_default() {
        "" => return Err(ApiError::field("template_id", "can't be blank", Value::Null)),
        id => Template::parse(id).ok_or_else(|| ApiError::field("template_id", "is invalid", id))?,
    };
    let (filters, in_filters) = filters(sent.filters.as_deref().unwrap_or_default())?;
    let threshold = sent.threshold.as_ref().filter(|value| !value.is_null()).or(in_filters.as_ref());
    let name = sent.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    Ok(Parsed {
        template,
        name: text("name", name.unwrap_or(template.title), 255)?,
        comment: text("comment", sent.comment.as_deref().unwrap_or_default(), 4096)?,
        enabled: sent.enabled.unwrap_or(true),
        filters,
        actions: actions(template, sent.actions.as_deref().unwrap_or_default())?,
        threshold: self::threshold(template, threshold)?,
    })
}

fn text(field: &str, text: &str, limit: usize) -> Result<String, ApiError> {
    if text.chars().count() <= limit {
        Ok(text.to_owned())
    } else {
        Err(ApiError::field(field, format!("is too long (maximum is {limit} characters)"), Value::Null))
    }
}

fn wrong_filter(value: &Value) -> ApiError {
    ApiError::field("filters", "is invalid", value.clone())
}

/// The filters, and the threshold where it was sent as one of them.
fn filters(sent: &[Value]) -> Result<(Vec<FilterView>, Option<Value>), ApiError> {
    let mut filters: Vec<FilterView> = Vec::new();
    let mut threshold = None;
    for filter in sent {
        let id = filter.get("id").and_then(Value::as_str).ok_or_else(|| wrong_filter(filter))?;
        let values = match filter.get("values") {
            None | Some(Value::Null) => vec![],
            Some(Value::Array(values)) => values.clone(),
            Some(one) => vec![one.clone()],
        };
        if id == "threshold" {
            threshold = values.into_iter().next();
            continue;
        }
        let operator = filter.get("operator").and_then(Value::as_str).filter(|text| !text.is_empty());
        let operator = operator.unwrap_or("eq");
        if !["eq", "ne"].contains(&operator)
            || filters.iter().any(|other| other.id == id)
            || values.len() > MAX_VALUES
            || filters.len() == MAX_FILTERS
        {
            return Err(wrong_filter(&json!(id)));
        }
        let values = values.iter().map(|value| filter_value(id, value)).collect::<Result<_, _>>()?;
        filters.push(FilterView { id: id.to_owned(), operator: operator.to_owned(), values });
    }
    Ok((filters, threshold))
}

/// A value of a filter in the form that it is kept in.
fn filter_value(id: &str, value: &Value) -> Result<Value, ApiError> {
    let text = value.as_str().filter(|text| !text.is_empty() && text.chars().count() <= 1024);
    let lower = || text.map(str::to_lowercase);
    let one_of = |known: &[&str]| lower().filter(|text| known.contains(&text.as_str())).map(Value::String);
    let kept = match id {
        "ip_address" => text.and_then(|text| text.parse::<IpAddr>().ok()).map(|ip| json!(ip.to_string())),
        "pool" => int(value).filter(|id| *id == DEFAULT_ID || (0..=MAX_ID).contains(id)).map(Value::from),
        "api_spec_ids" => int(value).filter(|id| (1..=MAX_SPECIFICATION).contains(id)).map(Value::from),
        "attack_type" => text.filter(|text| AttackType::parse_code(text).is_some()).map(Value::from),
        "url" => text.filter(|text| uri_conditions(text).is_ok()).map(Value::from),
        "domain" | "hint_tag" | "pii" => text.map(Value::from),
        "target" => one_of(TARGETS),
        "response_status" => response_status(value),
        "change_type" => one_of(CHANGES),
        "deviation_type" => one_of(DEVIATIONS),
        "user_role" => lower()
            .filter(|role| ROLES.contains(&role.strip_prefix("global_").unwrap_or(role)))
            .map(Value::String),
        _ => return Err(wrong_filter(&json!(id))),
    };
    kept.ok_or_else(|| wrong_filter(value))
}

/// A status, or a class of them.
fn response_status(value: &Value) -> Option<Value> {
    if let Some(status) = int(value) {
        return (100..=599).contains(&status).then(|| Value::from(status));
    }
    let class = value.as_str()?.to_lowercase();
    ["1xx", "2xx", "3xx", "4xx", "5xx"].contains(&class.as_str()).then_some(Value::String(class))
}

fn actions(template: &Template, sent: &[Value]) -> Result<Vec<ActionView>, ApiError> {
    let wrong = || ApiError::field("actions", "is invalid", Value::Null);
    if sent.is_empty() {
        return Err(ApiError::field("actions", "can't be blank", Value::Null));
    }
    if sent.len() > MAX_ACTIONS {
        return Err(wrong());
    }
    let mut actions: Vec<ActionView> = Vec::new();
    for action in sent {
        let id = action.get("id").and_then(Value::as_str).unwrap_or_default();
        if !template.actions.contains(&id) || actions.iter().any(|other| other.id == id) {
            return Err(wrong());
        }
        let given = action.get("params").unwrap_or(&Value::Null);
        let params = match id {
            "send_notification" => {
                ActionParams { integration_ids: Some(integration_ids(given)?), lock_time: None }
            }
            "block_ips" | "add_to_graylist" => {
                ActionParams { integration_ids: None, lock_time: Some(lock_time(given)?) }
            }
            _ => ActionParams::default(),
        };
        actions.push(ActionView { id: id.to_owned(), params });
    }
    Ok(actions)
}

fn integration_ids(params: &Value) -> Result<Vec<i64>, ApiError> {
    let sent = params.get("integration_ids").and_then(Value::as_array).cloned();
    let sent = sent.ok_or_else(|| ApiError::field("integration_ids", "can't be blank", Value::Null))?;
    if sent.len() > MAX_VALUES {
        let error = format!("has too many values (maximum is {MAX_VALUES})");
        return Err(ApiError::field("integration_ids", error, Value::Null));
    }
    let ids: Option<Vec<i64>> = sent.iter().map(int).collect();
    ids.ok_or_else(|| ApiError::field("integration_ids", "is invalid", Value::Array(sent)))
}

fn lock_time(params: &Value) -> Result<i64, ApiError> {
    let Some(sent) = params.get("lock_time").filter(|value| !value.is_null()) else {
        return Ok(DEFAULT_LOCK_S);
    };
    let seconds = int(sent).filter(|seconds| (1..=FOREVER_S).contains(seconds));
    seconds.ok_or_else(|| ApiError::field("lock_time", format!("should be in 1..{FOREVER_S}"), sent.clone()))
}

fn threshold(template: &Template, sent: Option<&Value>) -> Result<Option<(i64, i64)>, ApiError> {
    let member = |name: &str| sent.and_then(|sent| sent.get(name)).unwrap_or(&Value::Null);
    let number = |name: &str| int(member(name)).unwrap_or_default();
    let (period, count) = (number("period"), number("count"));
    // All zero is how clients spell "none".
    let given = sent.is_some() && (period != 0 || count != 0);
    if !given {
        return match template.threshold {
            Threshold::Required(..) => Err(ApiError::field("threshold", "can't be blank", Value::Null)),
            Threshold::Defaulted(period, count) => Ok(Some((period, count))),
            Threshold::Forbidden => Ok(None),
        };
    }
    let wrong = |text: String| ApiError::field("threshold", text, sent.cloned().unwrap_or_default());
    if template.threshold == Threshold::Forbidden {
        return Err(wrong("is invalid".to_owned()));
    }
    let operator = member("operator").as_str().unwrap_or("gt");
    if !["", "gt"].contains(&operator) {
        return Err(wrong("operator should be gt".to_owned()));
    }
    if !(1..=MAX_PERIOD_S).contains(&period) {
        return Err(wrong(format!("period should be in 1..{MAX_PERIOD_S}")));
    }
    if !(1..=MAX_COUNT).contains(&count) {
        return Err(wrong(format!("count should be in 1..{MAX_COUNT}")));
    }
    let step = if period > 600 { 600 } else { 30 };
    if template.counted_by_nodes && period % step != 0 {
        return Err(wrong(format!("period should be a multiple of {step}")));
    }
    Ok(Some((period, count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(trigger: Value) -> Result<Parsed, Value> {
        parse(&serde_json::from_value(trigger).unwrap()).map_err(|error| error.body)
    }

    #[test]
    fn templates_take_their_own_actions_and_thresholds() {
        let notify = json!([{"id": "send_notification", "params": {"integration_ids": [1]}}]);
        let limit = json!({"operator": "gt", "period": 60, "count": 5, "allowed_operators": null});
        let wrong = json!({"actions": {"error": "is invalid"}});
        for (template, actions, threshold, expected) in [
            ("attacks_exceeded", notify.clone(), limit.clone(), None),
            (
                "attacks_exceeded",
                notify.clone(),
                Value::Null,
                Some(json!({"threshold": {"error": "can't be blank"}})),
            ),
            ("user_created", notify.clone(), Value::Null, None),
            (
                "user_created",
                notify.clone(),
                limit.clone(),
                Some(json!({"threshold": {"error": "is invalid", "value": limit}})),
            ),
            (
                "bruteforce_started",
                json!([{"id": "mark_as_brute", "params": {}}, {"id": "block_ips", "params": {"lock_time": 60}}]),
                limit.clone(),
                None,
            ),
            ("bruteforce_started", notify.clone(), limit.clone(), Some(wrong.clone())),
            ("attacks_exceeded", json!([{"id": "block_ips"}]), limit.clone(), Some(wrong.clone())),
            (
                "attacks_exceeded",
                json!([]),
                limit.clone(),
                Some(json!({"actions": {"error": "can't be blank"}})),
            ),
            ("vector_attack", json!([{"id": "block_ips"}, {"id": "block_ips"}]), limit.clone(), Some(wrong)),
            (
                "vector_attack",
                json!([{"id": "block_ips", "params": {"lock_time": 0}}]),
                limit.clone(),
                Some(json!({"lock_time": {"error": "should be in 1..315360000", "value": 0}})),
            ),
            ("forced_browsing_started", json!([{"id": "mark_as_brute"}]), Value::Null, None),
            (
                "no_such",
                notify.clone(),
                Value::Null,
                Some(json!({"template_id": {"error": "is invalid", "value": "no_such"}})),
            ),
        ] {
            let got = parsed(json!({"template_id": template, "actions": actions, "threshold": threshold}));
            assert_eq!(got.err(), expected, "{template}");
        }
    }

    #[test]
    fn counters_of_nodes_have_a_step() {
        let trigger = |period| {
            parsed(json!({"template_id": "bruteforce_started", "actions": [{"id": "mark_as_brute"}],
                "threshold": {"period": period, "count": 1}}))
        };
        assert!(trigger(90).is_ok() && trigger(1200).is_ok());
        assert!(trigger(45).is_err() && trigger(630).is_err());
    }

    #[test]
    fn filters_are_brought_into_one_form() {
        let filters = json!([
            {"id": "pool", "operator": "eq", "values": ["-1", 42]},
            {"id": "response_status", "operator": "ne", "values": [504, "5XX"]},
            {"id": "target", "values": ["Server"]},
            {"id": "threshold", "operator": "gt", "values": [{"count": 1, "period": 3600}]},
        ]);
        let actions = json!([{"id": "add_to_graylist"}]);
        let got =
            parsed(json!({"template_id": "vector_attack", "filters": filters, "actions": actions})).unwrap();
        assert_eq!(
            json!(got.filters),
            json!([
                {"id": "pool", "operator": "eq", "values": [-1, 42]},
                {"id": "response_status", "operator": "ne", "values": [504, "5xx"]},
                {"id": "target", "operator": "eq", "values": ["server"]},
            ])
        );
        assert_eq!(got.threshold, Some((3600, 1)));
        assert_eq!(got.actions[0].params.lock_time, Some(3600));
    }

    #[test]
    fn values_that_no_filter_has_are_refused() {
        for (id, value) in [
            ("ip_address", json!("10.0.0.0/8")),
            ("pool", json!("x")),
            ("pool", json!(-2)),
            ("pool", json!(1_i64 << 60)),
            ("api_spec_ids", json!(1_i64 << 60)),
            ("attack_type", json!("nonsense")),
            ("target", json!("moon")),
            ("response_status", json!("6xx")),
            ("response_status", json!(42)),
            ("no_such_filter", json!("x")),
        ] {
            let filters = json!([{"id": id, "operator": "eq", "values": [value]}]);
            let got = parsed(
                json!({"template_id": "vector_attack", "filters": filters, "actions": [{"id": "block_ips"}],
                "threshold": {"period": 60, "count": 3}}),
            );
            assert!(got.unwrap_err().get("filters").is_some(), "{id}");
        }
    }
}
