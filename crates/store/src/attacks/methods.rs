//! Which method an attack has: that of most of its hits that count, of equally many the first in the alphabet.
//!
//! Most attacks know one method, and then there is nothing to keep beside the number of hits.

use std::{cmp::Reverse, collections::BTreeMap};

use crate::entity::attack;

/// Most methods that are told apart. Clients may make up any number of them; of more, the rare ones are counted roughly.
pub(crate) const MAX_METHODS: usize = 64;

/// Counts hits of a method that an attack gets; before they are added to its own number of hits.
pub fn count(attack: &mut attack::Model, method: &str, hits: i64) {
    if attack.methods.is_none() && attack.method == method {
        return;
    }
    let mut counts = match &attack.methods {
        Some(text) => serde_json::from_str(text).unwrap_or_default(),
        None => BTreeMap::from([(attack.method.clone(), attack.hits)]),
    };
    add(&mut counts, method, hits);
    set(attack, counts);
}

/// Adds hits of a method.
fn add(counts: &mut BTreeMap<String, i64>, method: &str, hits: i64) {
    let mut before = 0;
    if counts.len() >= MAX_METHODS && !counts.contains_key(method) {
        // The rarest gives up its place and its number, so that a method that comes often wins whenever it begins.
        let rarest = counts.iter().min_by_key(|(_, hits)| **hits).map(|(method, _)| method.clone());
        before = rarest.and_then(|method| counts.remove(&method)).unwrap_or(0);
    }
    *counts.entry(method.to_owned()).or_insert(before) += hits;
}

/// Sets the numbers of hits by method. An attack none of whose hits counts keeps the method it had.
pub(super) fn set(attack: &mut attack::Model, mut counts: BTreeMap<String, i64>) {
    counts.retain(|_, hits| *hits > 0);
    let counts = most_frequent(counts);
    // The last of the greatest is the first of the alphabet when the alphabet is read backwards.
    if let Some((method, _)) = counts.iter().rev().max_by_key(|(_, hits)| **hits) {
        attack.method.clone_from(method);
    }
    // Plain data: serialising it cannot fail.
    attack.methods = if counts.len() > 1 { serde_json::to_string(&counts).ok() } else { None };
}

/// As many as are told apart; of equally frequent ones the first in the alphabet.
fn most_frequent(counts: BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    if counts.len() <= MAX_METHODS {
        return counts;
    }
    let mut by_hits: Vec<_> = counts.into_iter().collect();
    by_hits.sort_by_key(|(_, hits)| Reverse(*hits));
    by_hits.truncate(MAX_METHODS);
    by_hits.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_method_is_kept_among_too_many() {
        let mut counts: BTreeMap<String, i64> =
            (0..2 * MAX_METHODS).map(|n| (format!("A{n:03}"), 1)).collect();
        counts.insert("POST".to_owned(), 9);
        let kept = most_frequent(counts);
        assert_eq!((kept.len(), kept.get("POST"), kept.contains_key("A000")), (MAX_METHODS, Some(&9), true));
    }
    #[test]
    fn a_frequent_method_wins_although_many_came_before() {
        let mut counts = BTreeMap::new();
        (0..2 * MAX_METHODS).for_each(|number| add(&mut counts, &format!("A{number:03}"), 1));
        (0..9).for_each(|_| add(&mut counts, "GET", 1));
        let most = counts.iter().max_by_key(|(_, hits)| **hits).map(|(method, _)| method.as_str());
        assert_eq!((counts.len(), most), (MAX_METHODS, Some("GET")));
    }
}
