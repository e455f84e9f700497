//! Rules that judge new vulnerabilities false (`spec/events.md` section 4.3): before creation, never afterwards.

use bartizan_api::{
    ApiError, Empty,
    filter::int,
    security_issue::{FalsePositiveRuleView, FalsePositiveRuleWrite},
    vuln_type,
};
use bartizan_rules::Pattern;
use bartizan_store::{
    JsonText, TenantId, Tenants,
    entity::{false_positive_rule::Model, vuln},
    false_positive_rules as store,
    sea_orm::ConnectionTrait,
};
use serde_json::{Map, Value, json};

use super::{
    activity::{self, Change},
    security_issues::source,
};
use crate::{auth::Caller, failure::Failure, state::Cloud};

/// Most rules of a tenant: each is tried on every new vulnerability.
const MAX_RULES: usize = 200;
/// Parts of an address that a pattern may name.
const SCOPE: [&str; 3] = ["hostname", "endpoint", "parameter"];

/// A rule ready to judge.
pub(crate) struct Rule {
    id: i64,
    methods: Vec<String>,
    scope: Vec<(&'static str, Pattern)>,
    titles: Option<Pattern>,
    types: Vec<String>,
    drops: bool,
}

/// What rules say of a new vulnerability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It is kept out altogether.
    Drop,
    /// It is false, says this rule.
    False(i64),
    /// Nothing.
    None,
}

/// The rules of a tenant. One that does not compile any more judges nothing.
pub(crate) async fn compiled<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<Vec<Rule>, Failure> {
    let rows = store::list(connection, &tenant.into()).await?;
    Ok(rows.iter().filter_map(|row| compile(row).ok()).collect())
}

fn pattern(name: &str, value: &Value) -> Result<Pattern, ApiError> {
    let text = value.as_str().ok_or_else(|| ApiError::field(name, "must be a string", value.clone()))?;
    Pattern::compile(text).map_err(|error| ApiError::field(name, error.to_string(), text))
}

/// Whether a pattern asks for anything: clients without optional fields send empty ones.
fn is_given(value: &Value) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

fn compile(row: &Model) -> Result<Rule, ApiError> {
    let words = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|word| Some(word.as_str()?.to_owned())).collect()
    };
    let mut scope = Vec::new();
    for part in SCOPE {
        if let Some(value) = row.scope.0.get(part).filter(|value| is_given(value)) {
            scope.push((part, pattern(part, value)?));
        }
    }
    let titles = row.issues.0.get("titles_regex").filter(|value| is_given(value));
    Ok(Rule {
        id: row.id,
        methods: words(&row.source.0).iter().map(|name| source::method_of(name).to_owned()).collect(),
        scope,
        titles: titles.map(|value| pattern("titles_regex", value)).transpose()?,
        types: words(row.issues.0.get("types").unwrap_or(&Value::Null))
            .iter()
            .map(|word| vuln_type::code_of(word))
            .collect(),
        drops: row.action == "auto_delete",
    })
}

/// What the first rule that fits says.
pub(crate) fn judge(rules: &[Rule], row: &vuln::Model) -> Judgement {
    let fits = |rule: &&Rule| {
        let part = |name: &str| match name {
            "hostname" => &row.domain,
            "endpoint" => &row.path,
            _ => &row.parameter,
        };
        (rule.methods.is_empty() || rule.methods.contains(&row.detection_method))
            && rule.scope.iter().all(|(name, pattern)| pattern.is_match(part(name).as_bytes()))
            && rule.titles.as_ref().is_none_or(|pattern| pattern.is_match(row.title.as_bytes()))
            && (rule.types.is_empty() || rule.types.contains(&row.kind))
    };
    match rules.iter().find(fits) {
        Some(rule) if rule.drops => Judgement::Drop,
        Some(rule) => Judgement::False(rule.id),
        None => Judgement::None,
    }
}

/// The rules of the caller's tenant, or of another in reach.
///
/// # Errors
/// 403.
pub async fn list(
    cloud: &Cloud,
    caller: &Caller,
    client_id: Option<i64>,
) -> Result<Vec<FalsePositiveRuleView>, Failure> {
    let tenants = Tenants::from(caller.tenant_of(client_id)?);
    let rows = store::list(cloud.store.reader(), &tenants).await?;
    Ok(rows.iter().map(view).collect())
}

/// Makes a rule.
///
/// # Errors
/// 400 by field, 403, 409 when there are too many.
pub async fn create(
    cloud: &Cloud,
    caller: &Caller,
    request: &FalsePositiveRuleWrite,
) -> Result<FalsePositiveRuleView, Failure> {
    let tenant = caller.tenant_of(int(&request.client_id))?;
    let mut row = Model {
        id: 0,
        client_id: tenant.0,
        title: String::new(),
        source: JsonText(json!([])),
        scope: JsonText(json!({})),
        issues: JsonText(json!({})),
        action: "mark_as_false".to_owned(),
        created_at: cloud.now(),
    };
    fill(&mut row, request)?;
    if row.title.is_empty() {
        return Err(ApiError::field("title", "is required", Value::Null).into());
    }
    let transaction = cloud.store.begin().await?;
    if store::list(&transaction, &tenant.into()).await?.len() >= MAX_RULES {
        return Err(ApiError::text(http::StatusCode::CONFLICT, "Too many rules").into());
    }
    let row = store::insert(&transaction, row).await?;
    log(cloud, caller, &transaction, "create", None, Some(&row)).await?;
    transaction.commit().await?;
    Ok(view(&row))
}

/// Changes a rule; what is absent stays.
///
/// # Errors
/// 400 by field, 404.
pub async fn update(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    request: &FalsePositiveRuleWrite,
) -> Result<FalsePositiveRuleView, Failure> {
    let transaction = cloud.store.begin().await?;
    let before = store::find(&transaction, &caller.tenants, id).await?.ok_or_else(ApiError::absent)?;
    let mut row = before.clone();
    fill(&mut row, request)?;
    let row = store::update(&transaction, row).await?;
    log(cloud, caller, &transaction, "update", Some(&before), Some(&row)).await?;
    transaction.commit().await?;
    Ok(view(&row))
}

/// Deletes a rule. What it judged stays as it is.
///
/// # Errors
/// 404.
pub async fn delete(cloud: &Cloud, caller: &Caller, id: i64) -> Result<Empty, Failure> {
    let transaction = cloud.store.begin().await?;
    let row = store::find(&transaction, &caller.tenants, id).await?.ok_or_else(ApiError::absent)?;
    store::delete(&transaction, TenantId(row.client_id), id).await?;
    log(cloud, caller, &transaction, "delete", Some(&row), None).await?;
    transaction.commit().await?;
    Ok(Empty {})
}

fn fill(row: &mut Model, request: &FalsePositiveRuleWrite) -> Result<(), ApiError> {
    let bad = |name: &str, text: &str, value: &Value| Err(ApiError::field(name, text, value.clone()));
    match &request.title {
        Value::Null => {}
        Value::String(text) if (1..=255).contains(&text.chars().count()) => text.clone_into(&mut row.title),
        other => return bad("title", "must be 1 to 255 characters", other),
    }
    match &request.source {
        Value::Null => {}
        Value::Array(names) if names.len() <= 10 && names.iter().all(Value::is_string) => {
            row.source = JsonText(request.source.clone());
        }
        other => return bad("source", "must be a list of detection methods", other),
    }
    match &request.scope {
        Value::Null => {}
        Value::Object(parts) if parts.keys().all(|name| SCOPE.contains(&name.as_str())) => {
            row.scope = JsonText(request.scope.clone());
        }
        other => return bad("scope", "must be hostname, endpoint and parameter", other),
    }
    match &request.issues {
        Value::Null => {}
        Value::Object(parts) if is_issues(parts) => row.issues = JsonText(request.issues.clone()),
        other => return bad("issues", "must be titles_regex or types", other),
    }
    match &request.action {
        Value::Null => {}
        Value::String(word) if word == "mark_as_false" || word == "auto_delete" => {
            word.clone_into(&mut row.action)
        }
        other => return bad("action", "must be mark_as_false or auto_delete", other),
    }
    // Patterns are tried before they are kept.
    compile(row).map(|_| ())
}

fn is_issues(parts: &Map<String, Value>) -> bool {
    let types = parts.get("types");
    parts.keys().all(|name| name == "titles_regex" || name == "types")
        && types.is_none_or(|types| {
            types.as_array().is_some_and(|list| list.len() <= 100 && list.iter().all(Value::is_string))
        })
}

fn view(row: &Model) -> FalsePositiveRuleView {
    FalsePositiveRuleView {
        id: row.id,
        client_id: row.client_id,
        title: row.title.clone(),
        source: serde_json::from_value(row.source.0.clone()).unwrap_or_default(),
        scope: row.scope.0.clone(),
        issues: row.issues.0.clone(),
        action: row.action.clone(),
        created_at: row.created_at,
    }
}

async fn log<C: ConnectionTrait>(
    cloud: &Cloud,
    caller: &Caller,
    connection: &C,
    action: &str,
    before: Option<&Model>,
    after: Option<&Model>,
) -> Result<(), Failure> {
    let Some(row) = after.or(before) else { return Ok(()) };
    let state = |row: &Model| json!(view(row));
    let change = Change {
        object_type: "false_positive_rule",
        action,
        object_id: row.id.to_string(),
        object_name: row.title.clone(),
        before: before.map(state),
        after: after.map(state),
    };
    activity::log(connection, caller, TenantId(row.client_id), cloud.now(), change).await
}
