//! Whether the ruleset would still compile: nodes refuse one that does not, and keep the one before.

use bartizan_api::ApiError;
use bartizan_rules::{ConditionKind, HintSpec, RuleError, Ruleset, RulesetSource};
use bartizan_store::{
    TenantId,
    entity::{action, hint},
    hints,
    sea_orm::DatabaseTransaction,
};
use serde_json::Value;

use crate::{failure::Failure, services::ruleset};

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
    let conditions = action.conditions.as_array();
    hint.fields.get("regex").is_some()
        || conditions
            .into_iter()
            .flatten()
            .any(|condition| condition.get("type").and_then(Value::as_str) == Some("regex"))
}

fn has_patterns(spec: &HintSpec) -> bool {
    let own = ["regex", "login_regex"].iter().any(|key| spec.fields.contains_key(*key));
    own || spec.action.conditions().iter().any(|condition| condition.kind() == ConditionKind::Regex)
}
