//! Applications that the conditions of a rule name.
//!
//! An id that nobody uses yet is taken: rules may be written before a node reports the application. An id that the
//! rule's tenant does not have, but another tenant within the author's reach does, or is linked to, is foreign: the rule
//! would never match. What other tenants have stays unknown to who cannot see them.

use bartizan_api::ApiError;
use bartizan_rules::{Condition, ConditionKind, ConditionPoint, FieldError, Scope, text};
use bartizan_store::{TenantId, partner_clients, pools, sea_orm::ConnectionTrait};

use super::refused;
use crate::{auth::Caller, failure::Failure};

/// The fault of the field `action` in a scope on an application of another tenant.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn foreign<C: ConnectionTrait>(
    connection: &C,
    caller: &Caller,
    tenant: TenantId,
    scope: &Scope,
) -> Result<Option<ApiError>, Failure> {
    for (id, condition) in scope.conditions().iter().filter_map(named) {
        let mut owners = pools::owners(connection, &caller.tenants, id).await?;
        owners.extend(partner_clients::owners(connection, &caller.tenants, id).await?);
        if let Some(owner) = owners.first().filter(|_| !owners.contains(&tenant)) {
            return Ok(Some(fault(condition, id, *owner)));
        }
    }
    Ok(None)
}

/// The application that a condition asks for.
fn named(condition: &Condition) -> Option<(i64, &Condition)> {
    let exact = [ConditionKind::Equal, ConditionKind::Iequal].contains(&condition.kind());
    let id = condition.value().filter(|_| exact && *condition.point() == ConditionPoint::Instance)?;
    Some((id.parse().ok()?, condition))
}

fn fault(condition: &Condition, id: i64, owner: TenantId) -> ApiError {
    let detail = format!(
        "application {id} is one of tenant {}, not of the rule's; to use the id here, make the application first",
        owner.0
    );
    let fault = FieldError::new("action", text::INVALID, condition.to_json()).with_detail(detail);
    refused(&fault.into())
}
