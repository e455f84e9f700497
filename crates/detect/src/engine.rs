//! The engine: literals first, then only the signatures that a literal made candidates.
//!
//! Built once and shared. A value passes three gates, each cheaper than the next: a byte class that no attack
//! stays inside, one automaton over all gate literals, and the patterns of the candidates. All of them are
//! linear in the value. Signs are deterministic: they depend on the value and its place only.

use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use bartizan_api::attack_type::AttackType;
use regex_automata::meta::Regex;
use regex_automata::{Input, util::syntax};

use crate::place::Place;
use crate::shape::Context;
use crate::signature::{Detector, Signature, Test, Trust, expand};
use crate::view;

/// One finding in a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// The type of attack.
    pub attack_type: AttackType,
    /// The technique.
    pub subtype: &'static str,
    /// The stable id of the signature.
    pub stamp: u32,
    /// Where in the value; the whole value when it was found in a normalised form of it.
    pub span: Range<usize>,
}

/// A signature by its stamp, for lists and documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StampInfo {
    /// The stable id.
    pub stamp: u32,
    /// The type of attack.
    pub attack_type: AttackType,
    /// The technique.
    pub subtype: &'static str,
}

struct Compiled {
    attack_type: AttackType,
    signature: &'static Signature,
    /// Compiled on first use, so that an engine is ready at once.
    pattern: OnceLock<Regex>,
}

/// All detectors, compiled.
pub struct Engine {
    gates: AhoCorasick,
    /// Signatures (by index) that each gate literal makes candidates.
    opens: Vec<Box<[u16]>>,
    signatures: Vec<Compiled>,
}

/// How many matches of one pattern a check may look at; keeps a hostile value linear.
const MATCHES_CHECKED: usize = 32;
/// Words of the candidate set: room for 64 signatures each.
const WORDS: usize = 8;

impl Default for Engine {
    fn default() -> Engine {
        Engine::new()
    }
}

impl Engine {
    /// Builds the gate; patterns are compiled when they are first needed.
    ///
    /// # Panics
    /// If the literals of this crate do not compile, which its tests rule out.
    #[must_use]
    pub fn new() -> Engine {
        Engine::with(crate::DETECTORS)
    }

    fn with(detectors: &[&'static Detector]) -> Engine {
        let mut literals: Vec<&'static str> = Vec::new();
        let mut opens: Vec<Vec<u16>> = Vec::new();
        let mut signatures = Vec::new();
        for detector in detectors {
            for signature in detector.signatures {
                let index = u16::try_from(signatures.len()).unwrap_or(u16::MAX);
                for &literal in signature.gate {
                    let at = literals.iter().position(|&known| known == literal).unwrap_or_else(|| {
                        literals.push(literal);
                        opens.push(Vec::new());
                        literals.len() - 1
                    });
                    if let Some(list) = opens.get_mut(at) {
                        list.push(index);
                    }
                }
                signatures.push(Compiled {
                    attack_type: detector.attack_type,
                    signature,
                    pattern: OnceLock::new(),
                });
            }
        }
        assert!(signatures.len() <= WORDS * 64, "more signatures than the candidate set has room for");
        #[expect(clippy::expect_used, reason = "literals of this crate, compiled by every test")]
        let gates = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&literals)
            .expect("gate literals compile");
        Engine { gates, opens: opens.into_iter().map(Vec::into_boxed_slice).collect(), signatures }
    }

    /// The version of the detection database built into this crate.
    #[must_use]
    pub const fn version() -> u32 {
        1
    }

    /// Every signature, ascending by stamp.
    #[must_use]
    pub fn stamps() -> Vec<StampInfo> {
        let mut list: Vec<StampInfo> = crate::DETECTORS
            .iter()
            .flat_map(|detector| {
                detector.signatures.iter().map(|signature| StampInfo {
                    stamp: signature.stamp,
                    attack_type: detector.attack_type,
                    subtype: signature.subtype,
                })
            })
            .collect();
        list.sort_by_key(|info| info.stamp);
        list
    }

    /// Adds the signs found in `value` to `out`, in the order of the detectors.
    pub fn scan(&self, value: &[u8], place: Place, out: &mut Vec<Sign>) {
        let traits = traits_of(value);
        if is_plain(value, traits, place) {
            return;
        }
        let start = out.len();
        let context = Context::new(value, place);
        self.scan_form(&context, out);
        if traits & SHELL != 0
            && let Some(form) = view::without_shell_quoting(&context)
        {
            self.scan_derived(&form, &context, start, out);
        }
        if traits & SCRIPT != 0
            && let Some(form) = view::without_script_noise(&context)
        {
            self.scan_derived(&form, &context, start, out);
        }
    }

    /// Scans a normalised form; its offsets mean nothing to the reader, so signs span the whole value.
    fn scan_derived(&self, form: &[u8], original: &Context<'_>, start: usize, out: &mut Vec<Sign>) {
        let mut found = Vec::new();
        self.scan_form(&Context::derived(form, original), &mut found);
        for mut sign in found {
            let known = out.get(start..).unwrap_or_default().iter().any(|have| have.stamp == sign.stamp);
            if !known {
                sign.span = 0..original.value.len();
                out.push(sign);
            }
        }
    }

    fn scan_form(&self, context: &Context<'_>, out: &mut Vec<Sign>) {
        let candidates = self.candidates(context.value);
        for (word, mut bits) in candidates.into_iter().enumerate() {
            while bits != 0 {
                let index = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                let Some(compiled) = self.signatures.get(index) else { continue };
                let Some(span) = compiled.judge(context) else { continue };
                out.push(Sign {
                    attack_type: compiled.attack_type,
                    subtype: compiled.signature.subtype,
                    stamp: compiled.signature.stamp,
                    span,
                });
            }
        }
    }

    /// One pass over the value: which signatures have a literal in it.
    fn candidates(&self, value: &[u8]) -> [u64; WORDS] {
        let mut set = [0_u64; WORDS];
        for found in self.gates.find_overlapping_iter(value) {
            let Some(list) = self.opens.get(found.pattern().as_usize()) else { continue };
            for &index in list {
                if let Some(word) = set.get_mut(usize::from(index) / 64) {
                    *word |= 1 << (index % 64);
                }
            }
        }
        set
    }
}

impl Compiled {
    fn judge(&self, context: &Context<'_>) -> Option<Range<usize>> {
        let signature = self.signature;
        if !signature.places.contain(context.place)
            || signature.trust != Trust::Any && !signature.trust.covers(context.shape())
        {
            return None;
        }
        if !context.holds_any(signature.needs) {
            return None;
        }
        match &signature.test {
            Test::Code(judge) => judge(context),
            Test::Pattern(text) => {
                self.compiled(text).find(Input::new(context.value)).map(|found| found.range())
            }
            Test::Checked(text, accept) => self
                .compiled(text)
                .find_iter(context.value)
                .take(MATCHES_CHECKED)
                .map(|found| found.range())
                .find(|span| accept(context, span)),
        }
    }

    fn compiled(&self, text: &str) -> &Regex {
        self.pattern.get_or_init(|| compile(text))
    }
}

/// Whether the value stays inside a byte class that no attack can be written in. Exempt are places where a bare
/// word is an attack (file names, tools), names of object internals, and headers of serialized objects.
fn is_plain(value: &[u8], traits: u8, place: Place) -> bool {
    if traits & OTHER != 0 || matches!(place, Place::UserAgent | Place::FileName) {
        return false;
    }
    if place.is_name() {
        return !value.starts_with(b"__") && !value.starts_with(b"rO0AB");
    }
    traits & UNDERSCORE == 0
        && !matches!(
            value,
            [b'r', b'O', b'0', b'A', b'B', ..] | [b'K', b'z', b't', b'A', ..] | [b'C', b's', b'7', b'Q', ..]
        )
}

/// Bytes beyond letters, digits and dashes.
const OTHER: u8 = 1;
const UNDERSCORE: u8 = 2;
/// Bytes that a shell drops or expands.
const SHELL: u8 = 4;
/// Bytes that browsers drop, begin a comment or an entity, or lead full-width forms.
const SCRIPT: u8 = 8;

/// The traits of each byte.
static TRAITS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        let class = match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' => 0,
            b'_' => UNDERSCORE,
            b'\\' => OTHER | SHELL | SCRIPT,
            b'\'' | b'"' | b'^' | b'$' | b'`' => OTHER | SHELL,
            0..=0x1f | b'*' | b'&' | 0xef => OTHER | SCRIPT,
            _ => OTHER,
        };
        #[expect(clippy::indexing_slicing, reason = "the table has an entry for every byte")]
        {
            table[byte as usize] = class;
        }
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    table
};

/// The traits of all bytes together, in one pass.
fn traits_of(value: &[u8]) -> u8 {
    value.iter().fold(0, |all, &byte| all | TRAITS.get(usize::from(byte)).copied().unwrap_or(OTHER))
}

fn compile(pattern: &str) -> Regex {
    #[expect(
        clippy::expect_used,
        reason = "a pattern of this crate; every test that builds an engine compiles it"
    )]
    Regex::builder()
        .configure(
            Regex::config().nfa_size_limit(Some(4 << 20)).hybrid_cache_capacity(256 << 10).utf8_empty(false),
        )
        .syntax(
            syntax::Config::new()
                .unicode(false)
                .utf8(false)
                .case_insensitive(true)
                .dot_matches_new_line(true),
        )
        .build(&expand(pattern))
        .expect("patterns compile")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for compiled in Engine::new().signatures {
            if let Test::Pattern(text) | Test::Checked(text, _) = compiled.signature.test {
                compile(text);
            }
            assert!(!compiled.signature.gate.is_empty(), "{} has no gate", compiled.signature.stamp);
        }
    }
}
