//! Which of two branches that match the same request is more specific (`spec/rules.md` section 2.7).
//!
//! Parts are compared in a fixed order (that of [`ConditionPoint`]); at the first part where the strength
//! of the conditions differs, the stronger wins; then more conditions win. A superset of conditions is at
//! least as strong at every part, so this order also puts every branch above its ancestors.

use std::collections::BTreeMap;

use crate::condition::{Condition, ConditionKind, ConditionPoint, Scope};

/// Strengths by part, then the number of conditions.
type Key<'s> = (Vec<(&'s ConditionPoint, u8)>, usize);

fn strength(condition: &Condition) -> u8 {
    match condition.kind() {
        ConditionKind::Regex => 1,
        ConditionKind::Iequal => 2,
        ConditionKind::Equal | ConditionKind::Absent => 3,
    }
}

fn key(scope: &Scope) -> Key<'_> {
    let mut strengths: BTreeMap<&ConditionPoint, u8> = BTreeMap::new();
    for condition in scope.conditions() {
        let best = strengths.entry(condition.point()).or_default();
        *best = (*best).max(strength(condition));
    }
    (strengths.into_iter().collect(), scope.conditions().len())
}

fn compare(left: &Key<'_>, right: &Key<'_>) -> std::cmp::Ordering {
    // A part that one side does not name comes later in its list, where the other side is stronger.
    for (left, right) in left.0.iter().zip(&right.0) {
        let order = right.0.cmp(left.0).then(left.1.cmp(&right.1));
        if order.is_ne() {
            return order;
        }
    }
    (left.0.len(), left.1).cmp(&(right.0.len(), right.1))
}

/// A rank for each scope, in the order given: higher is more specific, equal is a tie.
pub(super) fn ranks<'s>(scopes: impl Iterator<Item = &'s Scope>) -> Vec<u32> {
    let keys: Vec<Key<'_>> = scopes.map(key).collect();
    let mut order: Vec<(usize, &Key<'_>)> = keys.iter().enumerate().collect();
    order.sort_by(|left, right| compare(left.1, right.1));
    let mut ranks = vec![0; keys.len()];
    let mut rank = 0;
    let mut before: Option<&Key<'_>> = None;
    for (index, key) in order {
        if before.is_some_and(|before| compare(before, key).is_ne()) {
            rank += 1;
        }
        if let Some(slot) = ranks.get_mut(index) {
            *slot = rank;
        }
        before = Some(key);
    }
    ranks
}
