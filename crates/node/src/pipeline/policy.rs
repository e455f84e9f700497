//! The ruleset's say while a request is walked: what is switched off, what custom rules look for.

use std::ops::Range;

use bartizan_api::AttackType;
use bartizan_detect::Policy;
use bartizan_request::{Element, Parser, ParserSet, Point, PointPath, Role, StepRef};
use bartizan_rules::{RegexRule, Selection, Vpatch};
use smallvec::SmallVec;

use super::checks::{Checks, Violation};
use super::files::{self, Pages};

/// Payloads of rule matches are cut to this many bytes.
const PAYLOAD: usize = 1024;

/// A match of a custom regular expression.
#[derive(Debug)]
pub(crate) struct RegexMatch {
    pub(crate) rule_id: i64,
    pub(crate) attack_type: AttackType,
    pub(crate) experimental: bool,
    pub(crate) point: Point,
    pub(crate) value: String,
}

/// What rules found by themselves, at most one entry per rule.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    pub(crate) regexes: Vec<RegexMatch>,
    /// Virtual patches for anything at a point, and the first value that they met.
    pub(crate) vpatches: Vec<(Point, String)>,
    /// Limits that were exceeded.
    pub(crate) violations: Vec<Violation>,
}

impl Matches {
    pub(crate) fn is_empty(&self) -> bool {
        self.regexes.is_empty() && self.vpatches.is_empty() && self.violations.is_empty()
    }
}

/// The policy where no rule holds: only the configuration has a say.
pub(crate) struct LocalPolicy {
    pub(crate) disabled_parsers: ParserSet,
}

impl Policy for LocalPolicy {
    fn parser_allowed(&mut self, _point: &PointPath<'_>, parser: Parser) -> bool {
        !self.disabled_parsers.contains(parser)
    }
}

pub(crate) struct RulesPolicy<'p, 's> {
    selection: &'p Selection<'s>,
    /// Parsers that the configuration switches off, against which rules have no say.
    disabled_parsers: ParserSet,
    regexes: SmallVec<[&'s RegexRule; 4]>,
    /// Virtual patches that hold for every value of their point.
    vpatches: SmallVec<[&'s Vpatch; 4]>,
    /// Parsers that rules switch on or off, the decisive rule first. Asked at every attempt to parse a value.
    parsers: SmallVec<[(&'s str, bool, &'s Point); 2]>,
    /// Points whose values are not to be parsed.
    binary: SmallVec<[&'s Point; 2]>,
    checks: Checks<'s>,
    pages: Pages<'s>,
    matches: Matches,
}

impl<'p, 's> RulesPolicy<'p, 's> {
    pub(crate) fn new(selection: &'p Selection<'s>, disabled_parsers: ParserSet) -> RulesPolicy<'p, 's> {
        RulesPolicy {
            selection,
            disabled_parsers,
            regexes: selection.regexes().collect(),
            vpatches: selection.vpatches().filter(|vpatch| vpatch.attack_type.is_none()).collect(),
            parsers: selection.parser_states().collect(),
            binary: selection.binary_points().collect(),
            checks: Checks::new(selection),
            pages: Pages::new(selection),
            matches: Matches::default(),
        }
    }

    /// What rules found; `body_bytes` is the size of the whole body as far as it is known.
    pub(crate) fn into_matches(mut self, body_bytes: u64) -> Matches {
        self.matches.violations = self.checks.finish(body_bytes);
        self.matches
    }
}

/// Whether a rule's point names a value. Repeating a parameter makes items of its values; they keep its name, or
/// `?q=bad&q=` would get around a rule for `q`.
pub(super) fn names(rule: &Point, point: &PointPath<'_>) -> bool {
    let is_item =
        |step| matches!(step, StepRef::Indexed(Element::Array, _) | StepRef::Simple(Element::Pollution));
    let mut at = Some(point);
    while let Some(path) = at {
        if rule.selects(path) {
            return true;
        }
        at = path.parent().filter(|_| is_item(path.last()));
    }
    false
}

impl Policy for RulesPolicy<'_, '_> {
    fn parser_allowed(&mut self, point: &PointPath<'_>, parser: Parser) -> bool {
        if self.disabled_parsers.contains(parser) {
            return false;
        }
        let mut said =
            self.parsers.iter().filter(|(name, _, at)| *name == parser.name() && at.selects(point));
        said.next().is_none_or(|(_, enabled, _)| *enabled) && !self.binary.iter().any(|at| at.covers(point))
    }

    fn type_disabled(&self, point: &PointPath<'_>, attack_type: AttackType) -> bool {
        self.selection.type_disabled(point, attack_type)
    }

    fn stamp_disabled(&self, point: &PointPath<'_>, stamp: u32) -> bool {
        self.selection.stamp_disabled(point, stamp)
    }

    fn is_noise(
        &self,
        point: &PointPath<'_>,
        value: &[u8],
        attack_type: AttackType,
        span: &Range<usize>,
    ) -> bool {
        files::is_noise(self.selection, &self.pages, point, value, attack_type, span)
    }

    fn value_seen(&mut self, point: &PointPath<'_>, value: &[u8], role: Role) {
        self.checks.value_seen(point, value, role);
        self.pages.value_seen(point, value);
        let (selection, matches) = (self.selection, &mut self.matches);
        self.regexes.retain(|rule| {
            let hit = names(&rule.point, point)
                && !selection.regex_disabled(point, rule.id)
                && !selection.type_disabled(point, rule.attack_type)
                && rule.pattern.is_match(value);
            if hit {
                matches.regexes.push(RegexMatch {
                    rule_id: rule.id,
                    attack_type: rule.attack_type,
                    experimental: rule.experimental,
                    point: point.to_point(),
                    value: printable(value, PAYLOAD),
                });
            }
            !hit
        });
        self.vpatches.retain(|vpatch| {
            let hit = vpatch.point.covers(point);
            if hit {
                matches.vpatches.push((point.to_point(), printable(value, PAYLOAD)));
            }
            !hit
        });
    }
}

/// Bytes as text: what is no UTF-8 as `\xNN`, at most `max` bytes of input.
pub(crate) fn printable(value: &[u8], max: usize) -> String {
    use std::fmt::Write as _;

    let value = value.get(..max).unwrap_or(value);
    let mut text = String::with_capacity(value.len());
    for chunk in value.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}
