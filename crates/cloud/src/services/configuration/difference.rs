//! Which objects of a tenant a document has already, and which it has not.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

/// Which present objects a document has, and which it has not.
pub(in crate::services) struct Plan<T> {
    /// For each wanted object the present one that is equal.
    pub(in crate::services) kept: Vec<Option<T>>,
    /// Present objects that nobody wants.
    pub(in crate::services) gone: Vec<T>,
}

/// Pairs objects that are equal by their keys; equal ones in their order.
pub(in crate::services) fn plan<T>(present: Vec<(String, T)>, wanted: &[String]) -> Plan<T> {
    let mut by_key: BTreeMap<String, VecDeque<T>> = BTreeMap::new();
    for (key, object) in present {
        by_key.entry(key).or_default().push_back(object);
    }
    let kept = wanted.iter().map(|key| by_key.get_mut(key)?.pop_front()).collect();
    Plan { kept, gone: by_key.into_values().flatten().collect() }
}

/// Whether a present object is the one that is wanted, by one measure.
pub(in crate::services) type Fit<'a, W, T> = &'a dyn Fn(&W, &T) -> bool;

/// Pairs objects that need not be equal to be one: each wanted one takes the first present one that fits it best. `fits` go
/// from the strictest on, and each is asked for all that are wanted before the next, so that none takes what another is
/// equal to.
pub(in crate::services) fn closest<W, T>(present: Vec<T>, wanted: &[W], fits: &[Fit<'_, W, T>]) -> Plan<T> {
    let mut present: Vec<Option<T>> = present.into_iter().map(Some).collect();
    let mut kept: Vec<Option<T>> = wanted.iter().map(|_| None).collect();
    for fits in fits {
        for (wanted, kept) in wanted.iter().zip(&mut kept).filter(|(_, kept)| kept.is_none()) {
            let found = present.iter_mut().find(|one| one.as_ref().is_some_and(|one| fits(wanted, one)));
            *kept = found.and_then(Option::take);
        }
    }
    Plan { kept, gone: present.into_iter().flatten().collect() }
}

/// A value as a text that does not depend on the order of members.
pub(in crate::services) fn canonical(value: &Value) -> String {
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
pub(in crate::services) fn holds_mask(value: &Value) -> bool {
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
    fn the_best_fit_is_taken_before_the_next_best() {
        let fits: [Fit<'_, (char, u8), (char, u8)>; 2] =
            [&|one, other| one == other, &|one, other| one.0 == other.0];
        let plan = closest(
            vec![('a', 1), ('a', 2), ('b', 1), ('a', 3)],
            &[('a', 9), ('a', 1), ('c', 1), ('a', 2)],
            &fits,
        );
        assert_eq!(plan.kept, [Some(('a', 3)), Some(('a', 1)), None, Some(('a', 2))]);
        assert_eq!(plan.gone, [('b', 1)]);
    }

    #[test]
    fn the_order_of_members_does_not_matter_that_of_items_does() {
        let one = json!({"b": [1, {"y": null, "x": "\""}], "a": 1.5});
        let same = json!({"a": 1.5, "b": [1, {"x": "\"", "y": null}]});
        assert_eq!(canonical(&one), canonical(&same));
        assert_eq!(serde_json::from_str::<Value>(&canonical(&one)).unwrap(), one);
        assert_ne!(canonical(&json!([1, 2])), canonical(&json!([2, 1])));
    }
}
