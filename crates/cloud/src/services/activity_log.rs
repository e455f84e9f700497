//! Reading the activity log (`spec/accounts.md` section 3.8): filters, pages, CSV, and the older form.

use bartizan_api::{
    ApiError, Permission, Role,
    activity::{
        ActivityFiltersView, ActivityObject, ActivityPage, ActivityView, AuditDiff, AuditPage, AuditRequest,
        AuditView, Initiator, Labelled,
    },
    filter::int,
    list::{ListRequest, Page},
};
use bartizan_store::{
    Tenants,
    activity::{self, ActivityFilter},
    entity::activity::Model,
};
use serde_json::{Map, Value, json};

use crate::{auth::Caller, failure::Failure, state::Cloud};

/// Seconds that a request without a time looks back: three months.
const LOOK_BACK_S: i64 = 92 * 86_400;
/// Rows that are read at once for a CSV file.
const CSV_PAGE: u64 = 1000;
const OUTCOMES: &[&str] = &["success", "failure"];
const SOURCES: &[&str] = &["unknown", "ui_page", "node", "api_token"];
const ACTIONS: &[(&str, &str)] = &[
    ("create", "Create"),
    ("update", "Update"),
    ("delete", "Delete"),
    ("mode_change", "Mode change"),
    ("mark_false", "Mark as false positive"),
    ("recheck", "Recheck"),
    ("export", "Export"),
];

/// A kind of object in the log.
struct ObjectType {
    value: &'static str,
    label: &'static str,
    /// The right to see such objects; without it their entries are hidden.
    needs: Permission,
    /// Name in the older form, which knows no others.
    older: Option<&'static str>,
}

const fn kind(
    value: &'static str,
    label: &'static str,
    needs: Permission,
    older: Option<&'static str>,
) -> ObjectType {
    ObjectType { value, label, needs, older }
}

use Permission as P;

const OBJECT_TYPES: &[ObjectType] = &[
    kind("client", "Client", P::ViewClient, Some("client")),
    kind("user", "User", P::ViewUser, Some("user")),
    kind("sign_in", "Sign-in", P::ViewUser, None),
    kind("subscription", "Subscription", P::ViewLicense, None),
    kind("application", "Application", P::ViewApplication, Some("pool")),
    kind("invitation", "Invitation", P::ViewUser, None),
    kind("integration", "Integration", P::ViewIntegration, Some("integration")),
    kind("api_token", "API token", P::ViewApiToken, None),
    kind("node", "Node", P::ViewNode, Some("node")),
    kind("node_token", "Node token", P::ViewNode, None),
    kind("security_edge", "Security Edge", P::ViewNode, None),
    kind("trigger", "Trigger", P::ViewTrigger, Some("triggers.trigger")),
    kind("sampling", "Sampling", P::ViewAttack, None),
    kind("extreme_sampling", "Extreme sampling", P::ViewAttack, None),
    kind("rule", "Rule", P::ViewRule, Some("grouped_hint")),
    kind("api_spec", "API spec", P::ViewApiSpec, None),
    kind("api_spec_policy", "API spec policy", P::ViewApiSpec, None),
    kind("session_export_config", "Session export config", P::ViewSettings, None),
    kind("rule_migration", "Rule migration", P::ViewRule, None),
    kind("rule_settings", "Rule settings", P::ViewRule, None),
    kind("attack", "Attack", P::ViewAttack, Some("attack")),
    kind("mfa", "2FA", P::ViewUser, Some("mfa")),
    kind("ip_list_object", "IP list object", P::ViewDenylist, Some("subnetorip")),
    kind("ldap_settings", "LDAP settings", P::ViewSso, None),
    kind("saml_authentication", "SAML authentication", P::ViewSso, None),
    kind("email_integration", "Email integration", P::ViewIntegration, Some("integration")),
    kind("settings", "Settings", P::ViewSettings, None),
    kind("oidc_authentication", "OIDC authentication", P::ViewSso, None),
    kind("secret_key", "Secret key", P::ViewUser, None),
    kind("vuln", "Security issue", P::ViewVuln, None),
    kind("false_positive_rule", "False positive rule", P::ViewVuln, None),
    kind("api_discovery_config", "API discovery settings", P::ViewApiDiscovery, None),
    kind("attack_view", "Attack view", P::ViewAttack, None),
    kind("attack_export", "Export of attacks", P::ViewAttack, None),
    kind("report", "Report", P::ViewVuln, None),
    kind("dashboard", "Dashboard", P::ViewDashboard, None),
    kind("event_settings", "Event settings", P::ViewSettings, None),
    kind("events", "Events", P::ViewSettings, None),
    kind("tenant_data", "Data of the client", P::ViewSettings, None),
];

fn known(value: &str) -> Option<&'static ObjectType> {
    OBJECT_TYPES.iter().find(|kind| kind.value == value)
}

/// A name for people: of a kind that is not in the table, its value with a capital.
fn object_label(value: &str) -> String {
    known(value).map_or_else(|| capitalised(value), |kind| kind.label.to_owned())
}

fn action_label(value: &str) -> String {
    let known = ACTIONS.iter().find(|(action, _)| *action == value);
    known.map_or_else(|| capitalised(value), |(_, label)| (*label).to_owned())
}

fn capitalised(value: &str) -> String {
    let text = value.replace('_', " ");
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// What the log can be filtered by.
#[must_use]
pub fn filters(caller: &Caller) -> ActivityFiltersView {
    let labelled = |value: &str, label: &str| Labelled { label: label.to_owned(), value: value.to_owned() };
    let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
    ActivityFiltersView {
        object_types: OBJECT_TYPES
            .iter()
            .filter(|kind| visible(caller, kind))
            .map(|kind| labelled(kind.value, kind.label))
            .collect(),
        action_types: ACTIONS.iter().map(|(value, label)| labelled(value, label)).collect(),
        outcomes: texts(OUTCOMES),
        sources: texts(SOURCES),
    }
}

fn visible(caller: &Caller, kind: &ObjectType) -> bool {
    caller.may(kind.needs)
}

/// Whether the caller may see entries about objects that the table does not know: only who may see everything.
fn sees_unknown(caller: &Caller) -> bool {
    Role::Admin.permissions().is_subset(&caller.permissions)
}

/// The filter on these kinds. No entry is of no kind, and a filter on nothing would be none.
fn only(kinds: impl Iterator<Item = &'static ObjectType>) -> Vec<String> {
    kinds.map(|kind| kind.value.to_owned()).chain([String::new()]).collect()
}

/// Leaves entries out whose kinds the caller may not see.
fn restrict(caller: &Caller, filter: &mut ActivityFilter) {
    let hidden = OBJECT_TYPES.iter().filter(|kind| !visible(caller, kind));
    filter.hidden = hidden.map(|kind| kind.value.to_owned()).collect();
    if sees_unknown(caller) {
        return;
    }
    if filter.object_types.is_empty() {
        let shown = OBJECT_TYPES.iter().filter(|kind| visible(caller, kind));
        filter.object_types = only(shown);
    } else {
        let unknown = filter.object_types.iter().filter(|kind| known(kind).is_none());
        filter.hidden.extend(unknown.cloned());
    }
}

/// A page of the log of a tenant, newest first unless asked otherwise.
///
/// # Errors
/// 403 for a tenant out of reach, 400 for a filter, limit or order that is not one.
pub async fn list(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    request: &ListRequest,
) -> Result<ActivityPage, Failure> {
    let tenants = Tenants::from(caller.tenant_of(Some(client_id))?);
    let filter = parse_filter(caller, &request.filter, cloud.now())?;
    request.order(&["timestamp"])?;
    let descending = request.order_desc.unwrap_or(true);
    let page = request.page(50)?;
    let rows = activity::list(cloud.store.reader(), &tenants, &filter, descending, page).await?;
    Ok(ActivityPage { objects: rows.into_iter().map(view).collect() })
}

/// One entry.
///
/// # Errors
/// 403 for a tenant out of reach, 404 when there is no such entry.
pub async fn find(cloud: &Cloud, caller: &Caller, client_id: i64, id: i64) -> Result<ActivityPage, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let row = activity::find(cloud.store.reader(), tenant, id).await?;
    let row = row.filter(|row| {
        known(&row.object_type).map_or_else(|| sees_unknown(caller), |kind| visible(caller, kind))
    });
    let row = row.ok_or_else(|| ApiError::not_found("event", id))?;
    Ok(ActivityPage { objects: vec![view(row)] })
}

fn parse_filter(caller: &Caller, filter: &Value, now: i64) -> Result<ActivityFilter, ApiError> {
    let mut parsed = ActivityFilter { from: now - LOOK_BACK_S, ..ActivityFilter::default() };
    let fields = match filter {
        Value::Null => &Map::new(),
        Value::Object(fields) => fields,
        other => return Err(ApiError::invalid("filter must be an object", other.clone())),
    };
    for (name, value) in fields {
        match name.as_str() {
            "object_types" => parsed.object_types = texts(name, value)?,
            "action_types" => parsed.action_types = texts(name, value)?,
            "outcomes" => parsed.outcomes = choices(name, value, OUTCOMES)?,
            "sources" => parsed.sources = choices(name, value, SOURCES)?,
            "actor_ids" => parsed.actor_ids = numbers(name, value)?,
            "time_start" => parsed.from = number(name, value)?.unwrap_or(parsed.from),
            "time_end" => parsed.to = number(name, value)?,
            "query" => parsed.query = texts(name, value)?.pop().filter(|text| !text.is_empty()),
            _ => return Err(ApiError::invalid("unknown filter field", name.as_str())),
        }
    }
    restrict(caller, &mut parsed);
    Ok(parsed)
}

/// Most values of one field.
const MAX_VALUES: usize = 250;

fn items(name: &str, value: &Value) -> Result<Vec<Value>, ApiError> {
    match value {
        Value::Null => Ok(vec![]),
        Value::Array(items) if items.len() <= MAX_VALUES => Ok(items.clone()),
        Value::Array(items) => Err(ApiError::invalid(format!("{name}: too many values"), items.len())),
        other => Ok(vec![other.clone()]),
    }
}

fn texts(name: &str, value: &Value) -> Result<Vec<String>, ApiError> {
    let text = |item: Value| match item {
        Value::String(text) if text.chars().count() <= 255 => Ok(text),
        other => Err(ApiError::invalid(format!("{name} must be texts"), short(other))),
    };
    items(name, value)?.into_iter().map(text).collect()
}

/// What is worth repeating of a value in an error.
fn short(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.chars().take(64).collect()),
        other => other,
    }
}

fn choices(name: &str, value: &Value, known: &[&str]) -> Result<Vec<String>, ApiError> {
    let texts = texts(name, value)?;
    match texts.iter().find(|text| !known.contains(&text.as_str())) {
        Some(unknown) => Err(ApiError::invalid(format!("unknown value of {name}"), unknown.as_str())),
        None => Ok(texts),
    }
}

fn numbers(name: &str, value: &Value) -> Result<Vec<i64>, ApiError> {
    let number = |item: Value| {
        int(&item).ok_or_else(|| ApiError::invalid(format!("{name} must be whole numbers"), short(item)))
    };
    items(name, value)?.into_iter().map(number).collect()
}

fn number(name: &str, value: &Value) -> Result<Option<i64>, ApiError> {
    Ok(numbers(name, value)?.pop())
}

/// An entry as callers see it.
#[must_use]
pub fn view(row: Model) -> ActivityView {
    let label = object_label(&row.object_type);
    let (changed_fields, diff) = differences(row.state_before.as_ref(), row.state_after.as_ref());
    ActivityView {
        id: row.id,
        time: row.time,
        action_type: action_label(&row.action_type),
        object_type: label.clone(),
        object_type_info: Labelled { label, value: row.object_type },
        outcome: row.outcome,
        source: row.source,
        client_id: row.client_id,
        initiator: Initiator {
            id: row.initiator_id,
            client_id: row.initiator_client_id,
            name: row.initiator_name,
        },
        object_id: row.object_id,
        object: ActivityObject { name: row.object_name, info: None },
        description: row.description,
        changed_fields,
        diff,
        state_before_action: row.state_before,
        state_after_action: row.state_after,
        ip: row.ip,
        user_agent: row.user_agent,
        request_id: row.request_id,
        token_id: row.token_id,
    }
}

/// The fields of two states that differ, sorted by name: databases keep no order of keys.
fn differences(before: Option<&Value>, after: Option<&Value>) -> (Vec<String>, Map<String, Value>) {
    let empty = Map::new();
    let fields = |state: Option<&'_ Value>| state.and_then(Value::as_object).cloned().unwrap_or_default();
    let (old, new) = (fields(before), fields(after));
    let mut names: Vec<&String> =
        old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))).collect();
    names.sort();
    let value = |state: &Map<String, Value>, name: &str| state.get(name).cloned().unwrap_or_default();
    let changed: Vec<String> =
        names.into_iter().filter(|name| value(&old, name) != value(&new, name)).cloned().collect();
    let mut diff = empty;
    for name in &changed {
        diff.insert(name.clone(), json!({"old": value(&old, name), "new": value(&new, name)}));
    }
    (changed, diff)
}

/// The log as a CSV file.
///
/// # Errors
/// As [`list`].
pub async fn csv(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
    request: &ListRequest,
) -> Result<String, Failure> {
    let tenants = Tenants::from(caller.tenant_of(Some(client_id))?);
    let filter = parse_filter(caller, &request.filter, cloud.now())?;
    request.order(&["timestamp"])?;
    let descending = request.order_desc.unwrap_or(true);
    let allowed = cloud.config.limits.activity_csv_rows;
    let most = match request.limit.unwrap_or(0) {
        0 => allowed,
        asked => u64::try_from(asked)
            .map_err(|_| ApiError::invalid("limit must not be negative", asked))?
            .min(allowed),
    };
    let mut text = String::from(
        "time,action,object_type,object_id,object_name,outcome,source,initiator,initiator_id,ip,request_id,changed_fields,description\r\n",
    );
    let mut offset = 0;
    while offset < most {
        let page = Page { limit: CSV_PAGE.min(most - offset), offset };
        let rows = activity::list(cloud.store.reader(), &tenants, &filter, descending, page).await?;
        let full = rows.len() as u64 == page.limit;
        rows.into_iter().for_each(|row| csv_row(&mut text, row));
        if !full {
            break;
        }
        offset += CSV_PAGE;
    }
    Ok(text)
}

fn csv_row(text: &mut String, row: Model) {
    let time = chrono::DateTime::from_timestamp(row.time, 0).unwrap_or_default();
    let entry = view(row);
    let cells = [
        time.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        entry.action_type,
        entry.object_type,
        entry.object_id.unwrap_or_default(),
        entry.object.name,
        entry.outcome,
        entry.source,
        entry.initiator.name,
        entry.initiator.id.map(|id| id.to_string()).unwrap_or_default(),
        entry.ip,
        entry.request_id,
        entry.changed_fields.join(" "),
        entry.description.unwrap_or_default(),
    ];
    text.push_str(&cells.map(|cell| csv_cell(&cell)).join(","));
    text.push_str("\r\n");
}

/// Quoted where needed, and never a formula: spreadsheets compute what begins with `= + - @`.
fn csv_cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// The log in its older form, which knows fewer kinds of objects. Newest first.
///
/// # Errors
/// 400 for a filter, limit or continuation that is not one.
pub async fn older(cloud: &Cloud, caller: &Caller, request: &AuditRequest) -> Result<AuditPage, Failure> {
    let page = ListRequest { limit: request.limit, ..ListRequest::default() }.page(50)?;
    let mut asked = Vec::new();
    for (name, value) in request.filter.as_object().into_iter().flatten() {
        match name.as_str() {
            "subject_clientid" | "clientid" | "client_id" => asked = numbers(name, value)?,
            _ => return Err(ApiError::invalid("unknown filter field", name.as_str()).into()),
        }
    }
    let before_id = match request.continuation.as_deref().filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => {
            let id = text.parse::<i64>().map_err(|_| ApiError::invalid("unknown continuation", text))?;
            Some(id)
        }
    };
    let shown = OBJECT_TYPES.iter().filter(|kind| kind.older.is_some() && visible(caller, kind));
    let filter = ActivityFilter {
        object_types: only(shown),
        action_types: ["create", "update", "delete", "mark_false"].map(str::to_owned).to_vec(),
        outcomes: vec!["success".to_owned()],
        from: cloud.now() - LOOK_BACK_S,
        before_id,
        // There an entry is about what was changed.
        with_object: true,
        ..ActivityFilter::default()
    };
    let tenants = caller.tenants_of(&asked);
    let one_more = Page { limit: page.limit + 1, offset: 0 };
    let mut rows = activity::list(cloud.store.reader(), &tenants, &filter, true, one_more).await?;
    let more = rows.len() as u64 > page.limit;
    rows.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
    let continuation = rows.last().filter(|_| more).map(|row| row.id.to_string());
    Ok(AuditPage { objects: rows.into_iter().map(older_view).collect(), continuation })
}

fn older_view(row: Model) -> AuditView {
    let id = row.object_id.unwrap_or_default();
    AuditView {
        action: row.action_type,
        diff: AuditDiff { before: row.state_before, after: row.state_after },
        entity: row.object_name,
        subject_id: id.parse::<i64>().map_or_else(|_| json!(id), |number| json!(number)),
        subject_clientid: row.client_id,
        object_type: known(&row.object_type).and_then(|kind| kind.older).unwrap_or_default().to_owned(),
        object_userid: row.initiator_id,
        object_clientid: row.initiator_client_id,
        time: row.time,
        realid: row.id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula() {
        assert_eq!(csv_cell("=1+1"), "'=1+1");
        assert_eq!(csv_cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_cell("plain"), "plain");
    }

    #[test]
    fn only_fields_that_differ_are_named() {
        let (names, diff) =
            differences(Some(&json!({"a": 1, "b": 2})), Some(&json!({"b": 2, "a": 3, "c": 4})));
        assert_eq!(names, ["a", "c"]);
        assert_eq!(diff["a"], json!({"old": 1, "new": 3}));
    }
}
