//! The engine: literals first, then only the signatures that a literal made candidates.
//!
//! Built once and shared. A value passes three gates, each cheaper than the next: a byte class that no attack
//! stays inside, one search for all literals (`gate.rs`), and the patterns of the candidates. All of them are
//! linear in the value. Signs are deterministic: they depend on the value and its place only.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use bartizan_api::attack_type::AttackType;
use bartizan_request::ByteSet;
use regex_automata::meta::Regex;
use regex_automata::{Input, util::syntax};

use crate::gate::{Gate, SignSet, WHOLE};
use crate::place::Place;
use crate::shape::{Context, Shape};
use crate::signature::{Detector, Signature, Test, expand};
use crate::sqli::confirm;
use crate::view;
use crate::xss::document;

mod comment;
mod data;
mod explain;
#[cfg(test)]
mod work;

pub use explain::{Candidate, Judgement, Outcome};

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
    /// The bytes of `signature.needs`.
    needs: ByteSet,
    /// Compiled on first use, so that an engine is ready at once.
    pattern: OnceLock<Regex>,
}

/// All detectors, compiled.
pub struct Engine {
    /// The literals of signatures for targets, tools and names of files, and of those for everything else.
    gates: [Gates; 2],
    signatures: Vec<Compiled>,
    /// The signatures that apply in a place.
    in_place: [SignSet; Place::ALL.len()],
    /// The signatures that are believed in text of a shape.
    in_shape: [SignSet; Shape::ALL.len()],
    /// Whether signs have to be confirmed.
    confirms: bool,
}

/// How many matches of one pattern a check may look at; keeps a hostile value linear.
const MATCHES_CHECKED: usize = 32;

/// What names, sentences, dates, addresses and paths are made of.
const WORD_BYTES: ByteSet = ByteSet::ALPHANUMERIC.or(ByteSet::of_bytes(b" _.,:-@/+?"));

/// What sentences are made of besides, in any language.
const TEXT_BYTES: ByteSet = WORD_BYTES.or(ByteSet::NON_ASCII).or(ByteSet::of_bytes(b"'\"();!&\n\r\t#"));
/// What numbers, dates and versions are made of.
const NUMERIC: ByteSet = ByteSet::DIGITS.or(ByteSet::of_bytes(b".:,-"));

impl Default for Engine {
    fn default() -> Engine {
        Engine::new()
    }
}

impl Engine {
    /// Files the literals; patterns are compiled when they are first needed.
    #[must_use]
    pub fn new() -> Engine {
        Engine::with(crate::DETECTORS)
    }

    fn with(detectors: &[&'static Detector]) -> Engine {
        let signatures: Vec<Compiled> = detectors
            .iter()
            .flat_map(|detector| {
                detector.signatures.iter().map(|signature| Compiled {
                    attack_type: detector.attack_type,
                    signature,
                    needs: ByteSet::of_bytes(signature.needs.as_bytes()),
                    pattern: OnceLock::new(),
                })
            })
            .collect();
        assert!(signatures.len() <= SignSet::CAPACITY, "more signatures than a set has room for");
        let select = |holds: &dyn Fn(&Signature) -> bool| {
            SignSet::of(signatures.len(), |index| signatures.get(index).is_some_and(|c| holds(c.signature)))
        };
        Engine {
            gates: [true, false].map(|special| Gates::new(&signatures, special)),
            in_place: Place::ALL.map(|place| select(&|signature| signature.places.contain(place))),
            in_shape: Shape::ALL.map(|shape| select(&|signature| signature.trust.covers(shape))),
            signatures,
            confirms: true,
        }
    }

    /// The same engine with signs that nobody confirmed: it reports a `union select` with nothing behind it, too.
    #[must_use]
    pub fn without_confirmation(self) -> Engine {
        Engine { confirms: false, ..self }
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
            .chain(crate::names::STAMPS)
            .collect();
        list.sort_by_key(|info| info.stamp);
        list
    }

    /// Adds the signs found in `value` to `out`, in the order of the detectors.
    pub fn scan(&self, value: &[u8], place: Place, out: &mut Vec<Sign>) {
        self.scan_known(value, ByteSet::of(value), place, out);
    }

    /// The same for a value whose kinds of bytes are known.
    pub(crate) fn scan_known(&self, value: &[u8], bytes: ByteSet, place: Place, out: &mut Vec<Sign>) {
        self.scan_apart(value, bytes, place, out, &mut Vec::new());
    }

    /// The same; signs that the value has only with an open clause at its end go to `open`, for what follows the clause may
    /// stand in another value.
    pub(crate) fn scan_apart(
        &self,
        value: &[u8],
        bytes: ByteSet,
        place: Place,
        out: &mut Vec<Sign>,
        open: &mut Vec<Sign>,
    ) {
        if is_plain(value, bytes, place) {
            return;
        }
        let start = out.len();
        let context = Context::new(value, bytes, place);
        self.scan_form(&context, out);
        let known = out.len();
        // What a fence encloses is code for people: rewritten, it would not be seen as that.
        let fenced = is_fenced(&context);
        if bytes.intersects(SHELL)
            && !fenced
            && let Some(form) = view::without_shell_quoting(&context)
        {
            self.scan_derived(&form, &context, start, out);
        }
        if bytes.intersects(SCRIPT)
            && !fenced
            && let Some(form) = view::without_script_noise(&context)
        {
            self.scan_derived(&form, &context, start, out);
        }
        // Nothing is hidden in a document of which no browser runs anything; without its signs it is none.
        if out.len() > known && document::is_inert(value) {
            let found = out.split_off(known);
            out.extend(found.into_iter().filter(|sign| !document::STAMPS.contains(&sign.stamp)));
        }
        if value.len() > LONG
            && let Some(form) = view::without_padding(&context)
        {
            // Judged as the short text that it is.
            let short = Context::new(&form, ByteSet::of(&form), place);
            self.scan_again(&short, value.len(), start, out);
        }
        for (head, types) in heads(&context) {
            self.scan_head(head, types, &context, start, out);
        }
        if bytes.intersects(NOISE)
            && let Some(form) = view::without_sql_noise(&context)
        {
            self.scan_derived(&form, &context, start, out);
        }
        if let Some(before) = self.unconfirmed(value, out.get(start..).unwrap_or_default()) {
            let mut confirmed = Vec::new();
            self.scan_known(before, ByteSet::of(before), place, &mut confirmed);
            let is_confirmed = |sign: &Sign| {
                sign.attack_type != AttackType::Sqli || confirmed.iter().any(|have| have.stamp == sign.stamp)
            };
            let (found, apart) = out.split_off(start).into_iter().partition::<Vec<_>, _>(is_confirmed);
            out.extend(found);
            open.extend(apart);
        }
    }

    /// The part of the value that has to be an attack by itself, where what follows it is only the beginning of a clause.
    fn unconfirmed<'v>(&self, value: &'v [u8], signs: &[Sign]) -> Option<&'v [u8]> {
        let is_asked = self.confirms && signs.iter().any(|sign| sign.attack_type == AttackType::Sqli);
        is_asked.then(|| confirm::before_open_union(value)).flatten()
    }

    /// Scans a normalised form; its offsets mean nothing to the reader, so signs span the whole value.
    fn scan_derived(&self, form: &[u8], original: &Context<'_>, start: usize, out: &mut Vec<Sign>) {
        self.scan_again(&Context::derived(form, original), original.value.len(), start, out);
    }

    /// Scans the beginning of a value as the short value that it is to what is attacked: a database stops at a comment, a
    /// client of URLs asks a host whatever its path. The rest is padding. Only signs of `types` count, for in other languages
    /// it is none.
    fn scan_head(
        &self,
        head: &[u8],
        types: &[AttackType],
        original: &Context<'_>,
        start: usize,
        out: &mut Vec<Sign>,
    ) {
        let known = out.len();
        let head = Context::new(head, ByteSet::of(head), original.place);
        self.scan_again(&head, original.value.len(), start, out);
        let found = out.split_off(known);
        out.extend(found.into_iter().filter(|sign| types.contains(&sign.attack_type)));
    }

    fn scan_again(&self, form: &Context<'_>, length: usize, start: usize, out: &mut Vec<Sign>) {
        let mut found = Vec::new();
        self.scan_form(form, &mut found);
        for mut sign in found {
            let known = out.get(start..).unwrap_or_default().iter().any(|have| have.stamp == sign.stamp);
            if !known {
                sign.span = 0..length;
                out.push(sign);
            }
        }
    }

    fn scan_form(&self, context: &Context<'_>, out: &mut Vec<Sign>) {
        let Some(candidates) = self.candidates(context) else { return };
        for index in candidates.iter() {
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

    /// The signatures that have a literal in the value and a byte that they need, apply in its place and are
    /// believed in text like it. `None` when there is none.
    fn candidates(&self, context: &Context<'_>) -> Option<SignSet> {
        let [special, general] = &self.gates;
        let gates = if is_special(context.place) { special } else { general };
        let gate = if context.is_surely_document() {
            if context.bytes.is_within(TEXT_BYTES) { &gates.document_text } else { &gates.document }
        } else if context.bytes.is_within(WORD_BYTES) {
            &gates.words
        } else if context.bytes.is_within(TEXT_BYTES) {
            &gates.text
        } else {
            &gates.all
        };
        let mut candidates = gate.candidates(context.value, context.bytes)?;
        if let Some(here) = self.in_place.get(context.place as usize) {
            candidates.keep(here);
        }
        let has_needs = |index: usize| self.signatures.get(index).is_some_and(|c| context.holds_any(c.needs));
        if !candidates.retain(has_needs) {
            return None;
        }
        // Finding out the shape is work; it is spared where all that is left is believed everywhere.
        let [.., anywhere] = &self.in_shape;
        if !candidates.is_within(anywhere)
            && let Some(believed) = self.in_shape.get(context.shape() as usize)
        {
            candidates.keep(believed);
        }
        Some(candidates)
    }
}

/// The literals of a group of places, by the kinds of bytes of the values that they are searched in.
struct Gates {
    /// Every literal.
    all: Gate,
    /// Those of signatures that can match in a value without any rare byte.
    words: Gate,
    /// Those of signatures that can match in sentences.
    text: Gate,
    /// Those of signatures that are believed in documents.
    document: Gate,
    /// The same, of signatures that can match in documents made of sentences.
    document_text: Gate,
}

impl Gates {
    fn new(signatures: &[Compiled], special: bool) -> Gates {
        let [all, words, text] = [ByteSet::ALL, WORD_BYTES, TEXT_BYTES]
            .map(|bytes| gate(signatures, special, bytes, Shape::Tight));
        let [document, document_text] =
            [ByteSet::ALL, TEXT_BYTES].map(|bytes| gate(signatures, special, bytes, Shape::Document));
        Gates { all, words, text, document, document_text }
    }
}

/// Places with many signatures of their own, whose literals no other value needs to be searched for.
const fn is_special(place: Place) -> bool {
    matches!(place, Place::Uri | Place::Path | Place::UserAgent | Place::FileName)
}

/// Files the literals of all signatures that are believed in text of a shape and can match in a value of the given kinds
/// of bytes.
fn gate(signatures: &[Compiled], special: bool, bytes: ByteSet, shape: Shape) -> Gate {
    let mut literals: BTreeMap<&'static [u8], SignSet> = BTreeMap::new();
    for (index, compiled) in signatures.iter().enumerate() {
        let applies =
            |place: &Place| is_special(*place) == special && compiled.signature.places.contain(*place);
        let may_match = (compiled.needs.is_empty() || compiled.needs.intersects(bytes))
            && compiled.signature.trust.covers(shape)
            && Place::ALL.iter().any(applies);
        for literal in compiled.signature.gate.iter().map(|literal| literal.as_bytes()) {
            let text = literal.strip_suffix(&[WHOLE]).unwrap_or(literal);
            if may_match && ByteSet::of(text).is_within(bytes) {
                literals.entry(literal).or_default().insert(index);
            }
        }
    }
    Gate::new(&literals.into_iter().collect::<Vec<_>>())
}

impl Compiled {
    fn judge(&self, context: &Context<'_>) -> Option<Range<usize>> {
        #[cfg(test)]
        work::note(context.value.len());
        match &self.signature.test {
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

/// The beginnings of a value that are judged as short values, and for what: of a long one, and of one that words behind a
/// comment make a text.
fn heads<'v>(context: &Context<'v>) -> impl Iterator<Item = (&'v [u8], &'static [AttackType])> {
    const OF_A_STATEMENT: &[AttackType] = &[AttackType::Sqli];
    const OF_A_SCRIPT: &[AttackType] = &[AttackType::Xss];
    const OF_AN_ADDRESS: &[AttackType] = &[AttackType::Ssrf, AttackType::Redir, AttackType::Ptrav];
    let (value, bytes) = (context.value, context.bytes);
    let long = value.len() > LONG;
    // Asked first: what is no comment costs one look at the beginning, what is no text no reading of comments.
    let is_text =
        value.len() > SHORT && comment::holds_comment(value) && (long || context.shape() == Shape::Prose);
    let statement = is_text.then(|| comment::before_comment(value, bytes)).flatten();
    let script = is_text.then(|| comment::before_remark(value, bytes)).flatten();
    let address = long.then(|| address(value)).flatten().map(|head| (head, OF_AN_ADDRESS));
    let statement = statement.map(|head| (head, OF_A_STATEMENT));
    let script = script.map(|head| (head, OF_A_SCRIPT));
    statement.into_iter().chain(script).chain(address)
}

fn is_fenced(context: &Context<'_>) -> bool {
    context.value.starts_with(b"```") && context.is_fenced_block()
}

/// The beginning of a value that is one address: a scheme or two slashes, and no blank.
fn address(value: &[u8]) -> Option<&[u8]> {
    let head = value.get(..HEAD).unwrap_or(value);
    let is_address =
        head.starts_with(b"//") || memchr::memmem::find(head.get(..16).unwrap_or(head), b"://").is_some();
    (is_address && head.iter().all(|b| b.is_ascii_graphic())).then_some(head)
}

/// Whether the value stays inside a byte class that no attack can be written in. Exempt are places where a bare
/// word is an attack (file names, tools), names of object internals, and headers of serialized objects.
fn is_plain(value: &[u8], bytes: ByteSet, place: Place) -> bool {
    if bytes.is_within(NUMERIC) && !matches!(place, Place::UserAgent | Place::FileName) {
        // Two marks in a row are a climb or a comment.
        return !value.windows(2).any(|pair| matches!(pair, [b'.', b'.'] | [b'-', b'-']));
    }
    if !bytes.is_within(PLAIN) || matches!(place, Place::UserAgent | Place::FileName) {
        return false;
    }
    // `1--`: a number, and a comment for what would have followed.
    let first = value.iter().find(|byte| **byte != b'-');
    if first.is_some_and(u8::is_ascii_digit) && memchr::memmem::find(value, b"--").is_some() {
        return false;
    }
    if place.is_name() {
        let inner = value.windows(2).any(|pair| pair == b"__");
        // A dash ends a word: what stands behind it may be the name of a schema.
        let joined = bytes.intersects(UNDERSCORE) && memchr::memchr(b'-', value).is_some();
        return !inner
            && !joined
            && !matches!(value, [b'r' | b'K' | b'C', b'O' | b'z' | b's', b'0' | b't' | b'7', ..]);
    }
    !bytes.intersects(UNDERSCORE)
        && !matches!(
            value,
            [b'r', b'O', b'0', b'A', b'B', ..]
                | [b'a' | b'A', b'c' | b'C', b'e' | b'E', b'd' | b'D', b'0', b'0', b'0', b'5', ..]
                | [b'g', b'A', b'S', b'V', ..]
                | [b'B', b'A', b'h', ..]
                | [b'K', b'z', b't', b'A', ..]
                | [b'C', b's', b'7', b'Q', ..]
        )
}

const UNDERSCORE: ByteSet = ByteSet::of_bytes(b"_");
/// Letters, digits, dashes and underscores.
const PLAIN: ByteSet = ByteSet::ALPHANUMERIC.or(ByteSet::of_bytes(b"-_"));
/// Bytes that a shell drops or expands.
const SHELL: ByteSet = ByteSet::of_bytes(b"\\'\"^$`");
/// Bytes that browsers drop, begin a comment or an entity, or lead full-width forms.
const SCRIPT: ByteSet = ByteSet::CONTROLS.or(ByteSet::NON_ASCII).or(ByteSet::of_bytes(b"\\*&<"));
/// Shorter values are no text.
const SHORT: usize = 40;
/// How much of a long address is judged as a short one.
const HEAD: usize = 256;
/// Longer values may be short ones with padding.
const LONG: usize = 1024;
/// Bytes that begin a comment to the end of the line or an escape, or that old application servers drop.
const NOISE: ByteSet = ByteSet::of_bytes(b"%#\\");

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
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    static ENGINE: LazyLock<Engine> = LazyLock::new(Engine::new);

    /// What must be judged, found out the slow way: each signature, each of its literals.
    fn plainly(context: &Context<'_>) -> Vec<u32> {
        let lower = context.value.to_ascii_lowercase();
        let eligible = |signature: &Signature| {
            signature.places.contain(context.place)
                && signature.trust.covers(context.shape())
                && (signature.needs.is_empty() || signature.needs.bytes().any(|b| context.value.contains(&b)))
                && signature.gate.iter().any(|literal| crate::gate::stands_in(literal.as_bytes(), &lower))
        };
        let all = ENGINE.signatures.iter().map(|compiled| compiled.signature);
        all.filter(|signature| eligible(signature)).map(|signature| signature.stamp).collect()
    }

    fn judged(context: &Context<'_>) -> Vec<u32> {
        let candidates = ENGINE.candidates(context).unwrap_or_default();
        let judged = candidates.iter().filter_map(|index| ENGINE.signatures.get(index));
        judged.map(|compiled| compiled.signature.stamp).collect()
    }

    fn literal(pick: usize) -> &'static str {
        let mut all = ENGINE.signatures.iter().flat_map(|compiled| compiled.signature.gate);
        let count = all.clone().count();
        all.nth(pick % count).copied().unwrap_or_default().trim_end_matches('\u{1}')
    }

    proptest! {
        /// No short cut hides a candidate: not the two gates, not the byte sets, not the early shapes.
        #[test]
        fn the_fast_path_judges_exactly_what_the_slow_path_would(
            picks in prop::collection::vec((any::<usize>(), "[a-z]{0,7}|[ a-z,.]{0,20}|[ -~]{0,4}|\\PC{0,3}", any::<bool>()), 1..9),
            place in 0..Place::ALL.len(),
        ) {
            let mut value = String::new();
            for (pick, noise, upper) in picks {
                let literal = literal(pick);
                value.push_str(&if upper { literal.to_uppercase() } else { literal.to_owned() });
                value.push_str(&noise);
            }
            let context = Context::new(value.as_bytes(), ByteSet::of(value.as_bytes()), Place::ALL[place]);
            prop_assert_eq!(judged(&context), plainly(&context));
        }

        /// A value that is passed unseen has nothing to judge that would have made a sign, except words that are signs
        /// by themselves in the middle of a text: alone, the name of a gadget class is a word.
        #[test]
        fn plain_values_have_no_signs(value in "(__)?[A-Za-z0-9_-]{1,40}|[0-9.:,-]{1,20}", pick in any::<usize>(), place in 0..Place::ALL.len()) {
            let place = Place::ALL[place];
            let word = literal(pick).as_bytes();
            let mut alone = Vec::new();
            ENGINE.scan_form(&Context::new(word, ByteSet::of(word), place), &mut alone);
            prop_assume!(alone.is_empty());
            let value = if value.contains(['.', ':', ',']) { value } else { format!("{value}{}", literal(pick)) };
            let bytes = ByteSet::of(value.as_bytes());
            if is_plain(value.as_bytes(), bytes, place) {
                let mut signs = Vec::new();
                ENGINE.scan_form(&Context::new(value.as_bytes(), bytes, place), &mut signs);
                prop_assert_eq!(signs, vec![]);
            }
        }
    }

    #[test]
    fn what_stands_before_a_comment_is_no_document() {
        let types = |value: &str| {
            let mut signs = Vec::new();
            ENGINE.scan(value.as_bytes(), Place::BodyValue, &mut signs);
            signs.iter().map(|sign| sign.attack_type).collect::<Vec<_>>()
        };
        let words: String = (0..400)
            .map(|n| format!("{} ", ["amber", "birch", "cedar", "delta", "ember"][n * n % 5]))
            .collect();
        for head in ["x' or 1=1-- ", "x\" or 1=1#\n", "1') or ('1'='1'/*"] {
            assert!(types(&format!("{head}{words}")).contains(&AttackType::Sqli), "{head}");
        }
        for head in [
            "'cargo build --release' ",
            "<td color=\"#fff\">",
            "We'd like it -- if you don't mind. ",
            "Jane's list: ",
        ] {
            assert_eq!(types(&format!("{head}{words}")), vec![], "{head}");
        }
    }

    #[test]
    fn words_behind_a_comment_make_no_text_of_an_attack() {
        let types = |value: &str| {
            let mut signs = Vec::new();
            ENGINE.scan(value.as_bytes(), Place::QueryValue, &mut signs);
            signs.iter().map(|sign| sign.attack_type).collect::<Vec<_>>()
        };
        let words = "and all of this is written by a person who likes long sentences";
        for (head, code) in [
            ("x')||(select 1)--", AttackType::Sqli),
            ("parent['\\x65val']('x');//", AttackType::Xss),
            ("self['al'+'ert'](1)//", AttackType::Xss),
        ] {
            assert!(types(&format!("{head} {words}")).contains(&code), "{head}");
        }
        for text in ["We'd like it -- if you don't mind --", "puts \"#{code} of\" and", "call run(x); // as"]
        {
            assert_eq!(types(&format!("{text} {words}")), vec![], "{text}");
        }
    }

    #[test]
    fn every_pattern_compiles() {
        for compiled in Engine::new().signatures {
            if let Test::Pattern(text) | Test::Checked(text, _) = compiled.signature.test {
                compile(text);
            }
            let stamp = compiled.signature.stamp;
            assert!(!compiled.signature.gate.is_empty(), "{stamp} has no gate");
            // A kind that several bytes share would let a value through that has none of the bytes.
            assert!(compiled.needs.is_exact(), "{stamp} needs bytes that share a kind");
        }
    }
}
