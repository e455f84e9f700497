//! The configuration of API discovery (`spec/rules.md` section 9.2).

use bartizan_api::{ApiError, api_discovery::ApiDiscoveryConfig};
use bartizan_store::{TenantId, api_discovery, sea_orm::ConnectionTrait};
use serde_json::{Map, Value, json};

use super::{
    activity::{self, Change},
    configuration::{Work, at},
};
use crate::{auth::Caller, extract::keyed, failure::Failure, state::Cloud};

const MAX_ITEMS: usize = 1000;
const MAX_TEXT: usize = 1024;

/// The configuration of a tenant.
///
/// # Errors
/// 403 for a foreign tenant.
pub async fn view(cloud: &Cloud, caller: &Caller, client_id: i64) -> Result<ApiDiscoveryConfig, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    current(cloud.store.reader(), tenant).await
}

async fn current<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<ApiDiscoveryConfig, Failure> {
    let Some(stored) = api_discovery::find(connection, tenant).await? else {
        return Ok(ApiDiscoveryConfig::new(tenant.0));
    };
    // What a later release adds is missing in what was stored before.
    let mut whole = json!(ApiDiscoveryConfig::new(tenant.0));
    overlay(&mut whole, &stored);
    Ok(serde_json::from_value(whole).map_err(|_| ApiError::internal())?)
}

/// Replaces the configuration. What is absent stays, and null clears a list.
///
/// # Errors
/// 400 with the field at fault, 403 for a foreign tenant.
pub async fn update(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    sent: &Map<String, Value>,
) -> Result<ApiDiscoveryConfig, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let transaction = cloud.store.begin().await?;
    let before = current(&transaction, tenant).await?;
    let mut whole = json!(before);
    overlay(&mut whole, &Value::Object(sent.clone()));
    if let Some(whole) = whole.as_object_mut() {
        whole.insert("clientid".to_owned(), json!(tenant.0));
    }
    let after = check(&json!(before), &whole)?;
    api_discovery::put(&transaction, tenant, json!(after)).await?;
    let change = Change {
        object_type: "api_discovery_config",
        action: "update",
        object_id: tenant.0.to_string(),
        object_name: "API discovery".to_owned(),
        before: Some(json!(before)),
        after: Some(json!(after)),
    };
    activity::log(&transaction, caller, tenant, cloud.now(), change).await?;
    transaction.commit().await?;
    Ok(after)
}

/// The configuration of a tenant for a document: without the tenant.
///
/// # Errors
/// 500 when the store fails.
pub(super) async fn export<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<Map<String, Value>, Failure> {
    let mut config = json!(current(connection, tenant).await?);
    let mut members = config.as_object_mut().map(std::mem::take).unwrap_or_default();
    members.shift_remove("clientid");
    Ok(members)
}

/// Reads the configuration of a document. What it leaves out is as in a new tenant.
///
/// # Errors
/// 400 with the field at fault.
pub(super) fn read(tenant: TenantId, sent: &Map<String, Value>) -> Result<ApiDiscoveryConfig, Failure> {
    let fresh = json!(ApiDiscoveryConfig::new(tenant.0));
    let mut whole = fresh.clone();
    overlay(&mut whole, &Value::Object(sent.clone()));
    if let Some(whole) = whole.as_object_mut() {
        whole.insert("clientid".to_owned(), json!(tenant.0));
    }
    check(&fresh, &whole).map_err(|error| at("api_discovery", error))
}

/// Takes the configuration of a document; returns whether it changed.
///
/// # Errors
/// 500 when the store fails.
pub(super) async fn import(work: &Work<'_>, after: &ApiDiscoveryConfig) -> Result<bool, Failure> {
    let changed = *after != current(work.transaction, work.tenant).await?;
    if changed {
        api_discovery::put(work.transaction, work.tenant, json!(after)).await?;
    }
    Ok(changed)
}

/// Lays members over those that are known; unknown ones are ignored.
fn overlay(whole: &mut Value, over: &Value) {
    match (whole, over) {
        (Value::Object(whole), Value::Object(over)) => {
            for (name, value) in over {
                if let Some(known) = whole.get_mut(name) {
                    overlay(known, value);
                }
            }
        }
        (Value::Array(items), Value::Null) => items.clear(),
        (_, Value::Null) => {}
        (known, value) => *known = value.clone(),
    }
}

fn check(before: &Value, whole: &Value) -> Result<ApiDiscoveryConfig, ApiError> {
    if let Some(path) = other_type(before, whole, "") {
        return Err(nested(&path, "is invalid", Value::Null));
    }
    let config: ApiDiscoveryConfig = keyed(whole, "body", "")?;
    for (name, share) in [
        ("type_detection_threshold", config.type_detection_threshold),
        ("pii_detection_threshold", config.pii_detection_threshold),
    ] {
        if !(0.0..=1.0).contains(&share) {
            return Err(nested(name, "should be in 0.0..1.0", json!(share)));
        }
    }
    let stability = &config.endpoint_stability;
    for (name, value, most) in [
        ("endpoint_stability.min_count", stability.min_count, 100),
        ("endpoint_stability.min_time", stability.min_time, 900),
    ] {
        if !(1..=most).contains(&value) {
            return Err(nested(name, &format!("should be in 1..{most}"), json!(value)));
        }
    }
    let masked = &config.sensitive_samples;
    for (name, value) in [
        ("sensitive_samples.min_masked", masked.min_masked),
        ("sensitive_samples.max_masked", masked.max_masked),
    ] {
        if !(0..=100).contains(&value) {
            return Err(nested(name, "should be in 0..100", json!(value)));
        }
    }
    if config.call_points_storage_limit < 0 {
        return Err(nested(
            "call_points_storage_limit",
            "must be greater than or equal to 0",
            json!(config.call_points_storage_limit),
        ));
    }
    for (name, list) in [
        ("allowed_content_types_patterns", &config.allowed_content_types_patterns),
        ("server_variability.by_custom_paths", &config.server_variability.by_custom_paths.paths),
        ("extensions_whitelist.extensions", &config.extensions_whitelist.extensions),
    ] {
        if list.len() > MAX_ITEMS || list.iter().any(|text| text.len() > MAX_TEXT) {
            return Err(nested(name, "is too long", Value::Null));
        }
    }
    if config.disabled_apps.len() > MAX_ITEMS {
        return Err(nested("disabled_apps", "is too long", Value::Null));
    }
    Ok(config)
}

/// The first member whose kind of value is another one than before.
fn other_type(before: &Value, now: &Value, path: &str) -> Option<String> {
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => before.iter().find_map(|(name, old)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            other_type(old, now.get(name)?, &path)
        }),
        (Value::Bool(_), Value::Bool(_)) | (Value::Array(_), Value::Array(_)) => None,
        // Shares may be whole; counts may not be broken.
        (Value::Number(old), Value::Number(new)) if old.is_f64() || !new.is_f64() => None,
        _ => Some(path.to_owned()),
    }
}

/// 400 about a member, one level deep at most.
fn nested(path: &str, text: &str, value: Value) -> ApiError {
    match path.split_once('.') {
        None => ApiError::field(path, text, value),
        Some((outer, inner)) => {
            let mut error = ApiError::field(inner, text, value);
            error.body = json!({ outer: error.body });
            error
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(sent: &Value) -> Result<ApiDiscoveryConfig, Value> {
        let before = json!(ApiDiscoveryConfig::new(7));
        let mut whole = before.clone();
        overlay(&mut whole, sent);
        check(&before, &whole).map_err(|error| error.body)
    }

    #[test]
    fn what_is_absent_stays_and_null_clears_lists() {
        let config = changed(&json!({"type_detection_threshold": 1, "disabled_apps": [42, 7], "unknown": 1,
            "allowed_content_types_patterns": null, "protocols": {"soap": false}}))
        .unwrap();
        assert_eq!(config.disabled_apps, [42, 7]);
        assert!(config.allowed_content_types_patterns.is_empty());
        assert!(!config.protocols.soap && config.protocols.rest);
        assert_eq!(json!(config)["type_detection_threshold"], json!(1.0));
    }

    #[test]
    fn faults_name_their_member() {
        for (sent, body) in [
            (
                json!({"pii_detection_threshold": 1.5}),
                json!({"pii_detection_threshold": {"error": "should be in 0.0..1.0", "value": 1.5}}),
            ),
            (
                json!({"endpoint_stability": {"min_count": 0}}),
                json!({"endpoint_stability": {"min_count": {"error": "should be in 1..100", "value": 0}}}),
            ),
            (json!({"enabled": "yes"}), json!({"enabled": {"error": "is invalid"}})),
            (json!({"protocols": {"rest": 1}}), json!({"protocols": {"rest": {"error": "is invalid"}}})),
        ] {
            assert_eq!(changed(&sent).unwrap_err(), body);
        }
    }
}
