//! The whole configuration of a tenant as one document, out and in.
//!
//! An import compares: what the tenant has as the document says keeps its identity, the rest is created, changed or
//! deleted, in one transaction. Each section is known by the service of its resource (`transfer.rs` there).

use std::collections::{BTreeMap, HashMap, VecDeque};

use bartizan_api::{
    ApiError, Permission,
    configuration::{Configuration, ConfigurationReport, FORMAT, SectionReport, VERSION},
};
use bartizan_store::{TenantId, clients, config_versions, sea_orm::DatabaseTransaction};
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{
    activity::{self, Change},
    api_discovery, api_spec, integration, ip_list, pools, rule, rules_settings, trigger,
};
use crate::{auth::Caller, failure::Failure, state::Cloud};

/// Sections of a document, in the order in which they are imported: rules name counters that triggers name.
const SECTIONS: [&str; 10] = [
    "applications",
    "rules_settings",
    "overlimit_res_settings",
    "attack_rechecker_mode",
    "rules",
    "ip_lists",
    "integrations",
    "triggers",
    "api_specifications",
    "api_discovery",
];

/// What an export shows.
const VIEW: &[Permission] = &[
    Permission::ViewApplication,
    Permission::ViewRule,
    Permission::ViewMitigationControl,
    Permission::ViewWallarmMode,
    Permission::ViewAllowlist,
    Permission::ViewDenylist,
    Permission::ViewGraylist,
    Permission::ViewIntegration,
    Permission::ViewTrigger,
    Permission::ViewApiSpec,
    Permission::ViewApiDiscovery,
];

/// What an import changes besides rules and lists, which ask for themselves.
const CHANGE: &[(&str, &[Permission])] = &[
    (
        "applications",
        &[Permission::CreateApplication, Permission::UpdateApplication, Permission::DeleteApplication],
    ),
    ("rules_settings", &[Permission::UpdateWallarmMode]),
    ("overlimit_res_settings", &[Permission::UpdateWallarmMode]),
    ("attack_rechecker_mode", &[Permission::UpdateClient]),
    (
        "integrations",
        &[Permission::CreateIntegration, Permission::UpdateIntegration, Permission::DeleteIntegration],
    ),
    ("triggers", &[Permission::CreateTrigger, Permission::UpdateTrigger, Permission::DeleteTrigger]),
    (
        "api_specifications",
        &[Permission::CreateApiSpec, Permission::UpdateApiSpec, Permission::DeleteApiSpec],
    ),
    ("api_discovery", &[Permission::UpdateApiDiscovery]),
];

/// Who exports or imports.
#[derive(Clone, Copy)]
pub enum Author<'a> {
    /// Somebody through the API, with the rights that he has.
    Caller(&'a Caller),
    /// The operator, on the machine of the cloud.
    Operator,
}

impl Author<'_> {
    /// The user id, 0 for the operator.
    pub(super) fn user_id(self) -> i64 {
        match self {
            Author::Caller(caller) => caller.user_id(),
            Author::Operator => 0,
        }
    }

    /// What integrations keep of their author.
    pub(super) fn address(self) -> String {
        match self {
            Author::Caller(caller) => integration::author(caller),
            Author::Operator => "operator".to_owned(),
        }
    }

    pub(super) fn require(self, permission: Permission) -> Result<(), ApiError> {
        match self {
            Author::Caller(caller) => caller.require(permission),
            Author::Operator => Ok(()),
        }
    }

    async fn log(
        self,
        transaction: &DatabaseTransaction,
        tenant: TenantId,
        now: i64,
        (action, after): (&'static str, Value),
    ) -> Result<(), Failure> {
        let change = Change {
            object_type: "settings",
            action,
            object_id: tenant.0.to_string(),
            object_name: "configuration".to_owned(),
            before: None,
            after: Some(after),
        };
        match self {
            Author::Caller(caller) => activity::log(transaction, caller, tenant, now, change).await,
            Author::Operator => activity::log_by_operator(transaction, tenant, now, change).await,
        }
    }
}

/// One import at work.
pub(super) struct Work<'a> {
    pub(super) cloud: &'a Cloud,
    pub(super) author: Author<'a>,
    pub(super) tenant: TenantId,
    pub(super) now: i64,
    pub(super) transaction: &'a DatabaseTransaction,
}

/// The configuration of a tenant; secrets are masked unless asked for, which is noted in the activity log.
///
/// # Errors
/// 403 without the right to see all of it, or to change what holds the secrets.
pub async fn export(
    cloud: &Cloud,
    author: Author<'_>,
    tenant: TenantId,
    with_secrets: bool,
) -> Result<Configuration, Failure> {
    for permission in VIEW {
        author.require(*permission)?;
    }
    if with_secrets {
        author.require(Permission::UpdateIntegration)?;
        author.require(Permission::UpdateApiSpec)?;
    }
    // One transaction: what is read belongs together.
    let transaction = cloud.store.begin().await?;
    let client = clients::lock(&transaction, tenant).await?.ok_or_else(ApiError::absent)?;
    let stored = rules_settings::stored(&transaction, tenant).await?;
    let (integrations, numbers) =
        integration::transfer::export(&transaction, &cloud.keys, tenant, with_secrets).await?;
    let document = Configuration {
        format: FORMAT.to_owned(),
        version: VERSION,
        applications: pools::export(&transaction, tenant).await?,
        rules: rule::transfer::export(&transaction, tenant).await?,
        rules_settings: stored.settings,
        overlimit_res_settings: stored.overlimit.unwrap_or_default(),
        attack_rechecker_mode: client.attack_rechecker_mode,
        ip_lists: ip_list::transfer::export(&transaction, tenant, cloud.now()).await?,
        integrations,
        triggers: trigger::transfer::export(&transaction, tenant, &numbers).await?,
        api_specifications: api_spec::transfer::export(&transaction, &cloud.keys, tenant, with_secrets)
            .await?,
        api_discovery: api_discovery::export(&transaction, tenant).await?,
    };
    if with_secrets {
        author.log(&transaction, tenant, cloud.now(), ("export", json!({"secrets": true}))).await?;
    }
    transaction.commit().await?;
    Ok(document)
}

/// Makes the configuration of a tenant what a document says, all of it or nothing.
///
/// # Errors
/// 400 with the place in the document, 403, 404 for an unknown tenant, 423 while rules are locked.
pub async fn import(
    cloud: &Cloud,
    author: Author<'_>,
    tenant: TenantId,
    document: &Map<String, Value>,
    dry_run: bool,
) -> Result<ConfigurationReport, Failure> {
    check_head(document)?;
    let asked = |name: &str| document.contains_key(name);
    for (section, permissions) in CHANGE.iter().filter(|(section, _)| asked(section)) {
        for permission in *permissions {
            author.require(*permission).map_err(|mut error| {
                error.body = json!(format!("Access denied: {section} needs {}", permission.code()));
                error
            })?;
        }
    }
    let specs: Option<Vec<_>> = entries(document, "api_specifications")?;
    let specs = match specs {
        Some(specs) => Some(api_spec::transfer::read(cloud, specs).await?),
        None => None,
    };
    let now = cloud.now();
    let transaction = cloud.store.begin().await?;
    let client = clients::lock(&transaction, tenant).await?.ok_or_else(ApiError::absent)?;
    config_versions::bump_ruleset(&transaction, tenant, now).await?;
    let work = Work { cloud, author, tenant, now, transaction: &transaction };
    let mut sections = BTreeMap::new();
    if let Some(applications) = entries(document, "applications")? {
        sections.insert("applications", pools::import(&work, applications).await?);
    }
    sections.extend(general(&work, document, client).await?);
    if let Some(rules) = array(document, "rules")? {
        sections.insert("rules", rule::transfer::import(&work, rules).await?);
    }
    if let Some(lists) = entries(document, "ip_lists")? {
        sections.insert("ip_lists", ip_list::transfer::import(&work, lists).await?);
    }
    let mut ids = HashMap::new();
    if let Some(integrations) = entries(document, "integrations")? {
        let (report, numbered) = integration::transfer::import(&work, integrations).await?;
        sections.insert("integrations", report);
        ids = numbered;
    }
    if let Some(triggers) = entries(document, "triggers")? {
        sections.insert("triggers", trigger::transfer::import(&work, triggers, &ids).await?);
    }
    if let Some(specs) = specs {
        sections.insert("api_specifications", api_spec::transfer::import(&work, specs).await?);
    }
    let report = ConfigurationReport { applied: !dry_run, sections };
    if dry_run {
        transaction.rollback().await?;
        return Ok(report);
    }
    author.log(&transaction, tenant, now, ("update", json!(report.sections))).await?;
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    Ok(report)
}

/// Settings of the tenant as a whole: each is one object.
async fn general(
    work: &Work<'_>,
    document: &Map<String, Value>,
    mut client: bartizan_store::entity::client::Model,
) -> Result<BTreeMap<&'static str, SectionReport>, Failure> {
    let mut sections = BTreeMap::new();
    let mut note = |name: &'static str, changed: bool| {
        sections.insert(
            name,
            SectionReport {
                updated: usize::from(changed),
                unchanged: usize::from(!changed),
                ..SectionReport::default()
            },
        );
    };
    let rules = object(document, "rules_settings")?;
    let overlimit = object(document, "overlimit_res_settings")?;
    if overlimit.is_some() || document.contains_key("rules") {
        rules_settings::require_unlocked(work.transaction, work.tenant).await?;
    }
    let changed = rules_settings::import(work, rules, overlimit).await?;
    if rules.is_some() {
        note("rules_settings", changed.0);
    }
    if overlimit.is_some() {
        note("overlimit_res_settings", changed.1);
    }
    if let Some(mode) = document.get("attack_rechecker_mode") {
        let known = mode.as_str().filter(|mode| ["on", "off"].contains(mode));
        let wrong = || ApiError::field("attack_rechecker_mode", "should be on or off", mode.clone());
        let mode = known.ok_or_else(wrong)?.to_owned();
        note("attack_rechecker_mode", client.attack_rechecker_mode != mode);
        let before = client.clone();
        client.attack_rechecker_mode = mode;
        clients::update(work.transaction, &work.tenant.into(), &before, client).await?;
    }
    if let Some(config) = object(document, "api_discovery")? {
        note("api_discovery", api_discovery::import(work, config).await?);
    }
    Ok(sections)
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
pub(super) fn place(section: &str, index: usize) -> String {
    format!("{section}[{index}]")
}

/// A refusal that names the place in the document.
pub(super) fn at(place: &str, error: impl Into<Failure>) -> Failure {
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

/// Which present objects a document has, and which it has not.
pub(super) struct Plan<T> {
    /// For each wanted object the present one that is equal.
    pub(super) kept: Vec<Option<T>>,
    /// Present objects that nobody wants.
    pub(super) gone: Vec<T>,
}

/// Pairs objects that are equal by their keys; equal ones in their order.
pub(super) fn plan<T>(present: Vec<(String, T)>, wanted: &[String]) -> Plan<T> {
    let mut by_key: BTreeMap<String, VecDeque<T>> = BTreeMap::new();
    for (key, object) in present {
        by_key.entry(key).or_default().push_back(object);
    }
    let kept = wanted.iter().map(|key| by_key.get_mut(key)?.pop_front()).collect();
    Plan { kept, gone: by_key.into_values().flatten().collect() }
}

/// A value as a text that does not depend on the order of members.
pub(super) fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            let members = members.iter().map(|(name, value)| format!("{}:{}", json!(name), canonical(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => {
            format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

/// Whether a value holds the mask of a secret.
pub(super) fn holds_mask(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("****"),
        Value::Array(items) => items.iter().any(holds_mask),
        Value::Object(members) => members.values().any(holds_mask),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_objects_are_paired_each_once() {
        let present = vec![("a".to_owned(), 1), ("b".to_owned(), 2), ("a".to_owned(), 3)];
        let wanted = ["a", "c", "a", "a"].map(str::to_owned);
        let plan = plan(present, &wanted);
        assert_eq!((plan.kept, plan.gone), (vec![Some(1), None, Some(3), None], vec![2]));
    }

    #[test]
    fn the_order_of_members_does_not_matter_that_of_items_does() {
        let one = json!({"b": [1, {"y": null, "x": "\""}], "a": 1.5});
        let same = json!({"a": 1.5, "b": [1, {"x": "\"", "y": null}]});
        assert_eq!(canonical(&one), canonical(&same));
        assert_eq!(serde_json::from_str::<Value>(&canonical(&one)).unwrap(), one);
        assert_ne!(canonical(&json!([1, 2])), canonical(&json!([2, 1])));
    }

    #[test]
    fn refusals_name_their_place() {
        let field = at("rules[3]", ApiError::field("point", "is invalid", "x")).0.body;
        assert_eq!(field, json!({"rules[3].point": {"error": "is invalid", "value": "x"}}));
        let whole = at("rules[3]", ApiError::invalid("too long", 7)).0.body;
        assert_eq!(whole, json!({"rules[3]": {"error": "too long", "value": 7}}));
        assert_eq!(at("rules[3]", ApiError::access_denied()).0, ApiError::access_denied());
    }
}
