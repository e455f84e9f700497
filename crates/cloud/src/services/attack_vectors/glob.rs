//! `*` and `?` masks, whatever the case.

use bartizan_api::filter::folded;

/// A mask; made only of texts that hold a wildcard.
#[derive(Clone, Debug)]
pub(super) struct Glob(Vec<char>);

impl Glob {
    /// The mask of a text with wildcards.
    pub(super) fn parse(text: &str) -> Option<Glob> {
        text.contains(['*', '?']).then(|| {
            let mut mask: Vec<char> = folded(text).chars().collect();
            mask.dedup_by(|a, b| *a == '*' && *b == '*');
            Glob(mask)
        })
    }

    /// Whether a text as a whole fits. Time is at most the product of both lengths.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = folded(text).chars().collect();
        let (mut at, mut in_mask) = (0, 0);
        // Where to go on when what follows the last `*` does not fit: one character further.
        let mut retry: Option<(usize, usize)> = None;
        while let Some(c) = text.get(at) {
            match self.0.get(in_mask) {
                Some('*') => {
                    in_mask += 1;
                    retry = Some((in_mask, at));
                }
                Some(mask) if *mask == '?' || mask == c => {
                    (at, in_mask) = (at + 1, in_mask + 1);
                }
                _ => {
                    let Some((mask, from)) = retry else { return false };
                    (at, in_mask) = (from + 1, mask);
                    retry = Some((mask, from + 1));
                }
            }
        }
        self.0.get(in_mask..).is_some_and(|rest| rest.iter().all(|c| *c == '*'))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive(mask: &[char], text: &[char]) -> bool {
        match (mask.split_first(), text.split_first()) {
            (None, None) => true,
            (Some(('*', rest)), _) => {
                naive(rest, text) || text.split_first().is_some_and(|(_, text)| naive(mask, text))
            }
            (Some(('?', mask)), Some((_, text))) => naive(mask, text),
            (Some((a, mask)), Some((b, text))) => a == b && naive(mask, text),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_its_definition(mask in "[ab*?]{1,8}", text in "[ab]{0,8}") {
            if let Some(glob) = Glob::parse(&mask) {
                let (mask, chars): (Vec<char>, Vec<char>) = (mask.chars().collect(), text.chars().collect());
                prop_assert_eq!(glob.matches(&text), naive(&mask, &chars));
            }
        }
    }

    #[test]
    fn ignores_case_and_needs_a_wildcard() {
        assert!(Glob::parse("*.SHOP.test").unwrap().matches("api.Shop.TEST"));
        assert!(Glob::parse("plain").is_none());
    }
}
