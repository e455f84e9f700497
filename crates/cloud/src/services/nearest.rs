//! The name that somebody may have meant.

/// Most changed letters between what was written and what was meant.
const MOST_CHANGES: usize = 2;
/// Longer words are no slips of the keyboard.
const MAX_LENGTH: usize = 64;

/// The known name nearest to a word, in any case: at most two letters apart, and fewer for short words.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > MAX_LENGTH {
        return None;
    }
    let word = word.to_lowercase();
    let most = (length / 2).min(MOST_CHANGES);
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(&word, &name.to_lowercase()), name))
        .filter(|(changes, _)| *changes <= most)
        .min_by_key(|(changes, _)| *changes)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_understood_and_other_words_are_not() {
        let known = ["attack_type", "ip", "host", "hosts"];
        assert_eq!(nearest("atack_tpye", known), Some("attack_type"));
        assert_eq!(nearest("HOST", known), Some("host"));
        assert_eq!(nearest("hosst", known), Some("host"));
        assert_eq!(nearest("ipp", known), Some("ip"));
        assert_eq!(nearest("x", known), None);
        assert_eq!(nearest("moon", known), None);
        assert_eq!(nearest(&"a".repeat(100_000), known), None);
    }
}
