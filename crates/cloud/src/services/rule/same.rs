//! Rules that say the same as one that is about to be made.

use bartizan_rules::HintSpec;
use bartizan_store::{TenantId, hints, sea_orm::ConnectionTrait};
use serde_json::{Map, Value};

use super::refused;
use crate::failure::Failure;

/// The active rules of a tenant that say what `body` would: of its type, on its conditions, with its fields.
///
/// # Errors
/// 400 for a body that is no rule.
pub async fn same<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    body: &Map<String, Value>,
) -> Result<Vec<i64>, Failure> {
    let spec = HintSpec::create(body).map_err(|faults| refused(&faults))?;
    let hash = spec.action.conditions_hash();
    let Some(action) = hints::find_action_by_hash(connection, tenant, &hash).await? else {
        return Ok(vec![]);
    };
    let fields = Value::Object(spec.fields.clone());
    let rows = hints::of_action(connection, tenant, action.id, spec.kind.name()).await?;
    Ok(rows.into_iter().filter(|row| row.active && row.fields == fields).map(|row| row.id).collect())
}
