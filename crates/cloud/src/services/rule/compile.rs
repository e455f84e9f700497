//! Whether the ruleset would still compile: nodes refuse one that does not, and keep the one before.

use bartizan_api::ApiError;
use bartizan_rules::{ConditionKind, HintSpec, Pattern, RuleError, Ruleset, RulesetSource};
use bartizan_store::{
    TenantId,
    entity::{action, hint},
    hints,
    sea_orm::DatabaseTransaction,
};
use serde_json::Value;

use crate::{failure::Failure, services::ruleset, state::Cloud};

/// Fields of hints that hold a pattern.
const PATTERN_FIELDS: [&str; 2] = ["regex", "login_regex"];

/// Compiles, before the transaction begins, the patterns that [`check`] will want inside it, when `new` brings any: an
/// automaton may cost a second, and on SQLite every writer would wait for it. What is wrong with them is said there.
pub(super) async fn prepare(cloud: &Cloud, tenant: TenantId, new: Vec<String>) -> Result<(), Failure> {
    if new.is_empty() {
        return Ok(());
    }
    let mut texts = new;
    for (hint, action) in hints::active(cloud.store.reader(), tenant).await? {
        if may_have_patterns(&hint, &action) {
            texts.extend(patterns_of(&hint.fields, &action.conditions));
        }
    }
    let compiled = tokio::task::spawn_blocking(move || {
        for text in texts {
            // A stored one compiles; a new one is judged with its rule.
            let _ = Pattern::shared(&text);
        }
    });
    compiled.await.map_err(|_| ApiError::internal().into())
}

/// The patterns in the fields of a hint, or of what is sent for one, and in its conditions.
pub(super) fn patterns_of(fields: &Value, conditions: &Value) -> Vec<String> {
    let own = PATTERN_FIELDS.iter().filter_map(|key| fields.get(*key));
    let of_conditions = conditions.as_array().into_iter().flatten();
    let of_conditions = of_conditions
        .filter(|condition| condition.get("type").and_then(Value::as_str) == Some("regex"))
        .filter_map(|condition| condition.get("value"));
    own.chain(of_conditions).filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// Refuses a changed hint that does not compile, alone or, when it brings patterns, whose memory nodes bound,
/// together with all others.
pub(super) async fn check(
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    spec: &HintSpec,
    row: &hint::Model,
    action: &action::Model,
) -> Result<(), Failure> {
    if !spec.active {
        return Ok(());
    }
    let source = if has_patterns(spec) {
        let mut rows = hints::active(transaction, tenant).await?;
        rows.retain(|(hint, action)| may_have_patterns(hint, action));
        ruleset::source(tenant, 0, &rows, None)
    } else {
        let hints = vec![ruleset::hint_source(row, action)];
        RulesetSource { version: 0, clientid: tenant.0, hints }
    };
    let compiled = tokio::task::spawn_blocking(move || Ruleset::compile(&source).map(drop)).await;
    match compiled.map_err(|_| ApiError::internal())? {
        Ok(()) => Ok(()),
        Err(RuleError::TooLarge { .. }) => {
            Err(ApiError::field("regex", "is too complex", Value::Null).into())
        }
        Err(RuleError::Hints(faults)) => {
            let of_this = faults.iter().find(|fault| fault.id == row.id).or(faults.first());
            let reason = of_this.map(ToString::to_string).unwrap_or_default();
            Err(ApiError::field("action", "does not compile", reason).into())
        }
    }
}

/// Whether a stored hint brings patterns; the others have been checked alone.
fn may_have_patterns(hint: &hint::Model, action: &action::Model) -> bool {
    !patterns_of(&hint.fields, &action.conditions).is_empty()
}

fn has_patterns(spec: &HintSpec) -> bool {
    let own = PATTERN_FIELDS.iter().any(|key| spec.fields.contains_key(*key));
    own || spec.action.conditions().iter().any(|condition| condition.kind() == ConditionKind::Regex)
}
