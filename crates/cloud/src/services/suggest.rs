//! What rules can be made of.

use bartizan_api::{ApiError, AttackType, rule::AttackTypeView};
use bartizan_rules::suggest_elements;
use serde_json::Value;

/// Most chains of one request.
const MAX_CHAINS: usize = 1000;
/// The number that the public list of attack types reserves.
const RESERVED: AttackTypeView = AttackTypeView { id: 23, name: "unused0" };

/// The names of the elements that may follow each chain.
///
/// # Errors
/// 400 for too many chains.
pub fn children(chains: &[Value]) -> Result<Vec<Vec<&'static str>>, ApiError> {
    if chains.len() > MAX_CHAINS {
        return Err(ApiError::field("points", format!("should be in 0..{MAX_CHAINS}"), chains.len()));
    }
    Ok(chains.iter().map(suggest_elements).collect())
}

/// Every attack type by number.
#[must_use]
pub fn attack_types() -> Vec<AttackTypeView> {
    let named = AttackType::ALL.iter().map(|kind| kind.info());
    let mut types: Vec<AttackTypeView> =
        named.map(|info| AttackTypeView { id: info.id, name: info.code }).chain([RESERVED]).collect();
    types.sort_by_key(|kind| kind.id);
    types
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attack_types_are_numbered_without_gaps() {
        let ids: Vec<u8> = attack_types().iter().map(|kind| kind.id).collect();
        assert_eq!(ids, (0..59).collect::<Vec<u8>>());
    }
}
