//! Compiled patterns that are kept: a change of one rule must not compile the patterns of all others again.
//!
//! A pattern with `&` or `~` may cost a second of processor; a ruleset may have many, and is compiled by the cloud to
//! check each change and by nodes to put it in force. Equal texts give equal automata, whoever compiles them.

use std::sync::{Arc, LazyLock};

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use super::{Pattern, PatternError};

/// Most bytes of patterns that are kept though no ruleset uses them: as many as one ruleset may have.
const KEPT_BYTES: u64 = 64 << 20;
/// About how many these are.
const KEPT_PATTERNS: usize = 16_384;

#[derive(Clone)]
struct Bytes;

impl Weighter<Box<str>, Arc<Pattern>> for Bytes {
    fn weight(&self, text: &Box<str>, pattern: &Arc<Pattern>) -> u64 {
        (text.len() + pattern.memory_bytes()) as u64
    }
}

type Kept = Cache<Box<str>, Arc<Pattern>, Bytes>;

static KEPT: LazyLock<Option<Kept>> = LazyLock::new(|| {
    let mut options = OptionsBuilder::new();
    // One part, so that the largest pattern fits in.
    options.shards(1).estimated_items_capacity(KEPT_PATTERNS).weight_capacity(KEPT_BYTES);
    let options = options.build().ok()?;
    Some(Cache::with_options(options, Bytes, DefaultHashBuilder::default(), DefaultLifecycle::default()))
});

impl Pattern {
    /// As [`Pattern::compile`]; a pattern that was compiled lately is taken as it is.
    ///
    /// # Errors
    /// As [`Pattern::compile`].
    pub fn shared(pattern: &str) -> Result<Arc<Pattern>, PatternError> {
        let kept = KEPT.as_ref();
        if let Some(found) = kept.and_then(|kept| kept.get(pattern)) {
            return Ok(found);
        }
        let compiled = Arc::new(Pattern::compile(pattern)?);
        if let Some(kept) = kept {
            kept.insert(pattern.into(), Arc::clone(&compiled));
        }
        Ok(compiled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_compiled_once() {
        for text in ["shared[0-9]+", "(.*shared.{6})&(.*S.*)"] {
            let first = Pattern::shared(text).unwrap();
            assert!(Arc::ptr_eq(&first, &Pattern::shared(text).unwrap()), "{text}");
        }
        assert_eq!(Pattern::shared("(").unwrap_err().text(), "is invalid");
    }
}
