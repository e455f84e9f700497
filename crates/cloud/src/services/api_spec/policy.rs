//! Policies of specifications: what happens to requests that break them.

use bartizan_api::{ApiError, api_spec::ApiSpecPolicyView, rule::ConditionView};
use bartizan_rules::Scope;
use serde_json::{Map, Value, json};

const MODES: [&str; 3] = ["block", "monitor", "ignore"];
/// Modes that tenants set.
const OWN: [&str; 6] = [
    "undefined_endpoint_mode",
    "undefined_parameter_mode",
    "missing_parameter_mode",
    "invalid_parameter_value_mode",
    "missing_auth_mode",
    "invalid_request_mode",
];

/// The policy that a request makes of the one in force. Limits and their modes belong to the operator: what is
/// sent for them has no effect.
///
/// # Errors
/// 400 with the field at fault.
pub(super) fn changed(current: Option<&Value>, sent: &Map<String, Value>) -> Result<Value, ApiError> {
    let Some(conditions) = sent.get("conditions") else {
        return Err(ApiError::field("conditions", "can't be blank", Value::Null));
    };
    let scope = Scope::parse(Some(conditions))
        .map_err(|fault| ApiError::field("conditions", fault.error.to_string(), fault.value))?;
    let mut policy = base();
    if let (Some(policy), Some(current)) = (policy.as_object_mut(), current.and_then(Value::as_object)) {
        policy.extend(current.clone());
    }
    let Some(members) = policy.as_object_mut() else { return Err(ApiError::internal()) };
    members.insert("conditions".to_owned(), scope.to_json());
    match sent.get("enabled") {
        None | Some(Value::Null) => {}
        Some(Value::Bool(enabled)) => {
            members.insert("enabled".to_owned(), json!(enabled));
        }
        Some(other) => return Err(ApiError::field("enabled", "is invalid", other.clone())),
    }
    for name in OWN {
        match sent.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(mode)) if mode.is_empty() => {}
            Some(Value::String(mode)) if MODES.contains(&mode.as_str()) => {
                members.insert(name.to_owned(), json!(mode));
            }
            Some(other) => return Err(ApiError::field(name, "is invalid", other.clone())),
        }
    }
    Ok(policy)
}

fn base() -> Value {
    json!({
        "enabled": false,
        "conditions": [],
        "undefined_endpoint_mode": "monitor",
        "undefined_parameter_mode": "monitor",
        "missing_parameter_mode": "monitor",
        "invalid_parameter_value_mode": "monitor",
        "missing_auth_mode": "monitor",
        "invalid_request_mode": "monitor",
        "timeout_mode": "monitor",
        "max_request_size_mode": "monitor",
        "timeout": 50,
        "max_request_size": 1024,
    })
}

/// A stored policy as the API shows it.
pub(super) fn view(policy: &Value) -> ApiSpecPolicyView {
    let text = |name: &str| policy.get(name).and_then(Value::as_str).unwrap_or("monitor").to_owned();
    let number = |name: &str, otherwise: i64| policy.get(name).and_then(Value::as_i64).unwrap_or(otherwise);
    let conditions = policy.get("conditions").cloned().unwrap_or_default();
    ApiSpecPolicyView {
        enabled: policy.get("enabled").and_then(Value::as_bool).unwrap_or(false),
        conditions: serde_json::from_value::<Vec<ConditionView>>(conditions).unwrap_or_default(),
        undefined_endpoint_mode: text("undefined_endpoint_mode"),
        undefined_parameter_mode: text("undefined_parameter_mode"),
        missing_parameter_mode: text("missing_parameter_mode"),
        invalid_parameter_value_mode: text("invalid_parameter_value_mode"),
        missing_auth_mode: text("missing_auth_mode"),
        invalid_request_mode: text("invalid_request_mode"),
        timeout_mode: text("timeout_mode"),
        max_request_size_mode: text("max_request_size_mode"),
        timeout: number("timeout", 50),
        max_request_size: number("max_request_size", 1024),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(current: Option<&Value>, sent: &Value) -> Result<Value, Value> {
        changed(current, sent.as_object().unwrap()).map_err(|error| error.body)
    }

    #[test]
    fn a_policy_is_completed_and_limits_are_not_taken() {
        let sent = json!({"enabled": true, "conditions": null, "missing_auth_mode": "block", "timeout": 9, "timeout_mode": "block"});
        let made = put(None, &sent).unwrap();
        assert_eq!(
            (&made["missing_auth_mode"], &made["invalid_request_mode"]),
            (&json!("block"), &json!("monitor"))
        );
        assert_eq!((&made["timeout"], &made["timeout_mode"]), (&json!(50), &json!("monitor")));
        let off = put(Some(&made), &json!({"enabled": false, "conditions": []})).unwrap();
        assert_eq!((&off["enabled"], &off["missing_auth_mode"]), (&json!(false), &json!("block")));
    }

    #[test]
    fn faults_name_their_field() {
        assert_eq!(put(None, &json!({})).unwrap_err(), json!({"conditions": {"error": "can't be blank"}}));
        let mode = put(None, &json!({"conditions": [], "missing_auth_mode": "off"}));
        assert_eq!(mode.unwrap_err(), json!({"missing_auth_mode": {"error": "is invalid", "value": "off"}}));
        let condition =
            put(None, &json!({"conditions": [{"type": "equal", "point": ["moon"], "value": "x"}]}));
        assert!(condition.unwrap_err().get("conditions").is_some());
    }
}
