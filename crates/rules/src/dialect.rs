//! The pattern language of rules (`spec/rules.md` section 5.6): literals, classes, quantifiers, `|`, `&`
//! (intersection), `~` (complement), anchors; no captures, no look-around, no back-references.
//!
//! Text is parsed into one tree ([`parse`]). A tree without `&` and `~` is handed to `regex-automata`
//! ([`hir`]); any other becomes a deterministic automaton through derivatives ([`derivative`]). Either way a
//! match costs time linear in the value, and [`Pattern::check`], which the cloud runs before storing a
//! pattern, bounds the number of states, so no stored pattern is slow or large.
//!
//! A pattern is searched for anywhere in the value unless anchored. The empty value never matches.

use std::fmt;

use regex_automata::meta;

use crate::error::text;

mod ast;
mod derivative;
mod hir;
mod parse;
mod shared;

use derivative::Dfa;

/// Most states of the automaton of one pattern.
pub const MAX_STATES: usize = 65_536;
/// Most bytes of the automaton of one pattern.
pub const MAX_AUTOMATON_BYTES: usize = 10 << 20;
/// Longest pattern, bytes.
pub const MAX_PATTERN_BYTES: usize = 4096;

/// Why a pattern is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The text is not of the language.
    #[error("at byte {at}: {reason}")]
    Syntax {
        /// Byte offset into the pattern.
        at: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// The automaton would be too large.
    #[error("the automaton would need more than {MAX_STATES} states or {MAX_AUTOMATON_BYTES} bytes")]
    TooComplex,
}

impl PatternError {
    /// The literal text of the API for this refusal.
    #[must_use]
    pub fn text(&self) -> &'static str {
        match self {
            PatternError::Syntax { .. } => text::INVALID,
            PatternError::TooComplex => text::TOO_COMPLEX,
        }
    }
}

/// A compiled pattern.
pub struct Pattern {
    source: Box<str>,
    engine: Engine,
}

enum Engine {
    Regular(meta::Regex),
    Derived(Box<Dfa>),
}

impl Pattern {
    /// Whether a pattern may be stored: parses it and bounds its automaton. Slower than
    /// [`Pattern::compile`]; whatever passes here compiles there.
    ///
    /// # Errors
    /// [`PatternError::Syntax`] with the place, or [`PatternError::TooComplex`].
    pub fn check(pattern: &str) -> Result<(), PatternError> {
        let ast = parse::parse(pattern)?;
        match hir::translate(&ast) {
            Some(hir) => hir::check_size(&hir),
            // The work is done then, and not lost when the rule is stored and compiled.
            None => Pattern::shared(pattern).map(drop),
        }
    }

    /// Compiles a pattern for matching.
    ///
    /// # Errors
    /// [`PatternError::Syntax`] with the place, or [`PatternError::TooComplex`].
    pub fn compile(pattern: &str) -> Result<Pattern, PatternError> {
        let ast = parse::parse(pattern)?;
        let engine = match hir::translate(&ast) {
            Some(hir) => Engine::Regular(hir::compile(&hir)?),
            None => Engine::Derived(Box::new(Dfa::build(&ast)?)),
        };
        Ok(Pattern { source: pattern.into(), engine })
    }

    /// Whether the pattern occurs in the value; never in an empty one. Linear in the value.
    #[must_use]
    pub fn is_match(&self, value: &[u8]) -> bool {
        if value.is_empty() {
            return false;
        }
        match &self.engine {
            Engine::Regular(regex) => regex.is_match(value),
            Engine::Derived(dfa) => dfa.is_match(value),
        }
    }

    /// The text it was compiled from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Rough memory use, bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let engine = match &self.engine {
            Engine::Regular(regex) => regex.memory_usage(),
            Engine::Derived(dfa) => dfa.memory_bytes(),
        };
        engine + self.source.len() + size_of::<Self>()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.source)
    }
}

#[cfg(test)]
mod tests;
