//! A document as it was sent, read and checked as far as it can be without the tenant that it is for.
//!
//! This is the work of an import: up to some ten thousand rules with their expressions, which are compiled as nodes would,
//! and lists of some hundred thousand addresses. So it happens before the transaction, beside the threads that answer requests.

use bartizan_api::{
    ApiError,
    api_discovery::ApiDiscoveryConfig,
    configuration::{ApiSpecEntry, ApplicationEntry, FORMAT, VERSION},
    rules_settings::{OverlimitSettings, RulesSettings},
};
use bartizan_store::TenantId;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{
    super::{api_discovery, api_spec, integration, ip_list, pools, rule, rules_settings, trigger},
    Numbered,
};
use crate::{config::Limits, failure::Failure};

/// Sections of a document, in the order in which they are imported: triggers name counters of rules, integrations and
/// specifications.
const SECTIONS: [&str; 10] = [
    "applications",
    "rules_settings",
    "overlimit_res_settings",
    "attack_rechecker_mode",
    "rules",
    "ip_lists",
    "integrations",
    "api_specifications",
    "triggers",
    "api_discovery",
];

/// A document, section by section; none that it does not have.
pub(super) struct Document {
    pub(super) applications: Option<Vec<ApplicationEntry>>,
    pub(super) rules_settings: Option<RulesSettings>,
    pub(super) overlimit: Option<OverlimitSettings>,
    pub(super) attack_rechecker_mode: Option<String>,
    pub(super) rules: Option<rule::transfer::Rules>,
    pub(super) ip_lists: Option<ip_list::transfer::Entries>,
    pub(super) integrations: Option<Vec<integration::transfer::Entry>>,
    pub(super) triggers: Option<Vec<trigger::transfer::Entry>>,
    pub(super) api_specifications: Option<Vec<ApiSpecEntry>>,
    pub(super) api_discovery: Option<ApiDiscoveryConfig>,
}

impl Document {
    /// Reads a document for a tenant. Takes its time: not for a thread that answers requests.
    ///
    /// # Errors
    /// 400 with the place in the document.
    pub(super) fn read(
        sent: &Map<String, Value>,
        tenant: TenantId,
        now: i64,
        limits: &Limits,
    ) -> Result<Document, Failure> {
        check_head(sent)?;
        let applications = entries(sent, "applications")?
            .map(|entries| pools::read(entries, limits.applications))
            .transpose()?;
        let (rules_settings, overlimit) =
            rules_settings::read(object(sent, "rules_settings")?, object(sent, "overlimit_res_settings")?)?;
        let attack_rechecker_mode = sent.get("attack_rechecker_mode").map(rechecker_mode).transpose()?;
        let api_discovery =
            object(sent, "api_discovery")?.map(|config| api_discovery::read(tenant, config)).transpose()?;
        let rules = array(sent, "rules")?.map(|rules| rule::transfer::read(rules, tenant)).transpose()?;
        let ip_lists = entries(sent, "ip_lists")?
            .map(|lists| ip_list::transfer::read(lists, now, limits))
            .transpose()?;
        let integrations = entries(sent, "integrations")?
            .map(|entries| integration::transfer::read(entries, limits.integrations))
            .transpose()?;
        let api_specifications = entries(sent, "api_specifications")?;
        let numbers = Numbered {
            integrations: integrations.iter().flatten().map(|entry| entry.number).collect(),
            specifications: api_spec::transfer::numbers(api_specifications.as_deref().unwrap_or_default())?,
        };
        let read_triggers = |triggers| trigger::transfer::read(triggers, tenant, &numbers, limits.triggers);
        Ok(Document {
            applications,
            rules_settings,
            overlimit,
            attack_rechecker_mode,
            rules,
            ip_lists,
            triggers: entries(sent, "triggers")?.map(read_triggers).transpose()?,
            integrations,
            api_specifications,
            api_discovery,
        })
    }
}

fn rechecker_mode(sent: &Value) -> Result<String, ApiError> {
    let known = sent.as_str().filter(|mode| ["on", "off"].contains(mode));
    let wrong = || ApiError::field("attack_rechecker_mode", "should be on or off", sent.clone());
    known.map(str::to_owned).ok_or_else(wrong)
}

fn check_head(document: &Map<String, Value>) -> Result<(), ApiError> {
    let format = document.get("format").cloned().unwrap_or_default();
    if format != FORMAT {
        return Err(ApiError::field("format", format!("should be {FORMAT}"), format));
    }
    let version = document.get("version").cloned().unwrap_or_default();
    if version != json!(VERSION) {
        return Err(ApiError::field("version", format!("should be {VERSION}"), version));
    }
    let unknown = document
        .keys()
        .find(|name| !["format", "version"].contains(&name.as_str()) && !SECTIONS.contains(&name.as_str()));
    match unknown {
        Some(name) => Err(ApiError::field(name, "is no section of a configuration", Value::Null)),
        None => Ok(()),
    }
}

fn array<'a>(document: &'a Map<String, Value>, section: &str) -> Result<Option<&'a [Value]>, ApiError> {
    match document.get(section) {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(_) => Err(ApiError::field(section, "should be a list", Value::Null)),
    }
}

fn object<'a>(
    document: &'a Map<String, Value>,
    section: &str,
) -> Result<Option<&'a Map<String, Value>>, ApiError> {
    match document.get(section) {
        None => Ok(None),
        Some(Value::Object(members)) => Ok(Some(members)),
        Some(_) => Err(ApiError::field(section, "should be an object", Value::Null)),
    }
}

fn entries<T: DeserializeOwned>(
    document: &Map<String, Value>,
    section: &str,
) -> Result<Option<Vec<T>>, ApiError> {
    let Some(items) = array(document, section)? else { return Ok(None) };
    let entry = |(index, item): (usize, &Value)| {
        T::deserialize(item)
            .map_err(|error| ApiError::field(&place(section, index), error.to_string(), Value::Null))
    };
    items.iter().enumerate().map(entry).collect::<Result<_, _>>().map(Some)
}

/// How errors name an entry of a document, counted from 0.
pub(in crate::services) fn place(section: &str, index: usize) -> String {
    format!("{section}[{index}]")
}

/// A refusal that names the place in the document.
pub(in crate::services) fn at(place: &str, error: impl Into<Failure>) -> Failure {
    let Failure(mut error) = error.into();
    if error.status == StatusCode::BAD_REQUEST {
        error.body = match error.body {
            Value::Object(fault) if fault.contains_key("error") => json!({ place: fault }),
            Value::Object(fields) => {
                let placed = fields.into_iter().map(|(field, fault)| (format!("{place}.{field}"), fault));
                Value::Object(placed.collect())
            }
            text => json!({ place: {"error": text} }),
        };
    }
    Failure(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_their_place() {
        let field = at("rules[3]", ApiError::field("point", "is invalid", "x")).0.body;
        assert_eq!(field, json!({"rules[3].point": {"error": "is invalid", "value": "x"}}));
        let whole = at("rules[3]", ApiError::invalid("too long", 7)).0.body;
        assert_eq!(whole, json!({"rules[3]": {"error": "too long", "value": 7}}));
        assert_eq!(at("rules[3]", ApiError::access_denied()).0, ApiError::access_denied());
    }
}
