//! What the engine makes of a value, step by step: the same gates, tests and forms as [`Engine::scan`], with every
//! refusal kept.
//!
//! For people: a request that was blocked, or was not, and the question why. Nothing here runs in traffic. That it
//! tells the truth is a test: the signatures that it says fired are those that `scan` reports.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;
use bartizan_request::ByteSet;
use regex_automata::Input;
use serde::Serialize;

use super::{Compiled, Engine, LONG, NOISE, SCRIPT, SHELL, heads, is_fenced, is_plain};
use crate::gate::{WHOLE, stands_in};
use crate::place::Place;
use crate::shape::{Context, Shape};
use crate::signature::Test;
use crate::sqli::confirm;
use crate::view;
use crate::xss::document;

/// How a value was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// The kind of text: `argument`, `sentence` or `document`; `binary` for data, of which only texts in it are judged.
    pub shape: &'static str,
    /// Whether the value stays inside bytes that no attack can be written in, and was not looked at further.
    pub plain: bool,
    /// Every signature that a literal made a candidate, in each form of the value.
    pub candidates: Vec<Candidate>,
}

/// One signature that was worth a look.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The form in which it was seen: `as sent`, `text in data`, `without padding`, `beginning`, `shell words`, `script` or
    /// `sql`.
    pub form: &'static str,
    /// The stable id.
    pub stamp: u32,
    /// The type of attack.
    pub attack_type: AttackType,
    /// The technique.
    pub subtype: &'static str,
    /// The literals that opened the gate.
    pub literals: Vec<&'static str>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// It is a sign of an attack.
    Fired {
        /// Where it is in the form.
        span: Range<usize>,
        /// What it is.
        payload: String,
    },
    /// The signature does not apply at this place of a request.
    OtherPlace,
    /// The text is too free for this signature to be believed.
    TooFree,
    /// None of these bytes is in the value.
    Lacks {
        /// The bytes, of which one is needed.
        bytes: &'static str,
    },
    /// The pattern does not match.
    NoMatch,
    /// The pattern matches, but what surrounds the match explains it.
    Explained {
        /// Where it matches.
        span: Range<usize>,
    },
}

impl Engine {
    /// Judges a value as [`Engine::scan`] does, and says why.
    #[must_use]
    pub fn explain(&self, value: &[u8], place: Place) -> Judgement {
        let bytes = ByteSet::of(value);
        let context = Context::new(value, bytes, place);
        let shape = match context.shape() {
            Shape::Tight => "argument",
            Shape::Prose => "sentence",
            Shape::Document => "document",
        };
        let plain = is_plain(value, bytes, place);
        let mut candidates = Vec::new();
        if !plain {
            self.explain_form("as sent", &context, &mut candidates);
            let forms = [
                ("shell words", SHELL, view::without_shell_quoting as fn(&Context<'_>) -> Option<Vec<u8>>),
                ("script", SCRIPT, view::without_script_noise),
                ("sql", NOISE, view::without_sql_noise),
            ];
            if value.len() > LONG
                && let Some(form) = view::without_padding(&context)
            {
                let short = Context::new(&form, ByteSet::of(&form), place);
                self.explain_form("without padding", &short, &mut candidates);
            }
            for (head, types) in heads(&context) {
                let short = Context::new(head, ByteSet::of(head), place);
                let known = candidates.len();
                self.explain_form("beginning", &short, &mut candidates);
                let found = candidates.split_off(known);
                candidates
                    .extend(found.into_iter().filter(|candidate| types.contains(&candidate.attack_type)));
            }
            let fenced = is_fenced(&context);
            for (name, marks, make) in forms {
                if bytes.intersects(marks)
                    && !(fenced && name != "sql")
                    && let Some(form) = make(&context)
                {
                    let known = candidates.len();
                    self.explain_form(name, &Context::derived(&form, &context), &mut candidates);
                    if name != "sql" && document::is_inert(value) {
                        excuse(candidates.get_mut(known..).unwrap_or_default(), &document::STAMPS);
                    }
                }
            }
        }
        if self.confirms
            && let Some(before) = confirm::before_open_union(value)
        {
            self.confirm(&mut candidates, before, place);
        }
        Judgement { shape, plain, candidates }
    }

    /// Takes back the signs of SQL injection that the value has only with an open clause at its end.
    fn confirm(&self, candidates: &mut [Candidate], before: &[u8], place: Place) {
        let mut confirmed = Vec::new();
        self.scan(before, place, &mut confirmed);
        for candidate in candidates.iter_mut().filter(|candidate| candidate.attack_type == AttackType::Sqli) {
            if let Outcome::Fired { span, .. } = &candidate.outcome
                && !confirmed.iter().any(|sign| sign.stamp == candidate.stamp)
            {
                candidate.outcome = Outcome::Explained { span: span.clone() };
            }
        }
    }

    pub(super) fn explain_form(&self, form: &'static str, context: &Context<'_>, out: &mut Vec<Candidate>) {
        for (index, compiled) in (0_u16..).zip(&self.signatures) {
            let literals = self.literals_of(index, context.value);
            if literals.is_empty() {
                continue;
            }
            out.push(Candidate {
                form,
                stamp: compiled.signature.stamp,
                attack_type: compiled.attack_type,
                subtype: compiled.signature.subtype,
                literals,
                outcome: compiled.outcome(context),
            });
        }
    }

    fn literals_of(&self, index: u16, value: &[u8]) -> Vec<&'static str> {
        let Some(compiled) = self.signatures.get(usize::from(index)) else { return Vec::new() };
        let lower = value.to_ascii_lowercase();
        let present = |literal: &&&'static str| stands_in(literal.as_bytes(), &lower);
        let shown = |literal: &&'static str| literal.trim_end_matches(char::from(WHOLE));
        compiled.signature.gate.iter().filter(present).map(shown).collect()
    }
}

/// Takes back signs that what surrounds them explains.
fn excuse(candidates: &mut [Candidate], stamps: &[u32]) {
    for candidate in candidates.iter_mut().filter(|candidate| stamps.contains(&candidate.stamp)) {
        if let Outcome::Fired { span, .. } = &candidate.outcome {
            candidate.outcome = Outcome::Explained { span: span.clone() };
        }
    }
}

impl Compiled {
    fn outcome(&self, context: &Context<'_>) -> Outcome {
        let signature = self.signature;
        if !signature.places.contain(context.place) {
            return Outcome::OtherPlace;
        }
        if !signature.trust.covers(context.shape()) {
            return Outcome::TooFree;
        }
        if !context.holds_any(self.needs) {
            return Outcome::Lacks { bytes: signature.needs };
        }
        if let Some(span) = self.judge(context) {
            let payload = context.value.get(span.clone()).unwrap_or_default();
            return Outcome::Fired { span, payload: String::from_utf8_lossy(payload).into_owned() };
        }
        match &signature.test {
            Test::Checked(text, _) => match self.compiled(text).find(Input::new(context.value)) {
                Some(found) => Outcome::Explained { span: found.range() },
                None => Outcome::NoMatch,
            },
            Test::Pattern(_) | Test::Code(_) => Outcome::NoMatch,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fired(judgement: &Judgement) -> Vec<u32> {
        let mut stamps: Vec<u32> = judgement
            .candidates
            .iter()
            .filter(|c| matches!(c.outcome, Outcome::Fired { .. }))
            .map(|c| c.stamp)
            .collect();
        stamps.sort_unstable();
        stamps.dedup();
        stamps
    }

    #[test]
    fn refusals_name_their_reason() {
        let engine = Engine::new();
        let judgement = engine.explain(b"O'Reilly and sons", Place::QueryValue);
        assert_eq!(judgement.shape, "argument");
        assert!(fired(&judgement).is_empty());
        assert!(judgement.candidates.iter().any(|c| c.stamp == 2010 && c.outcome == Outcome::NoMatch));
        assert!(engine.explain(b"plain-word-1", Place::QueryValue).plain);
        let agent = engine.explain(b"see sqlmap", Place::QueryValue);
        assert!(agent.candidates.iter().any(|c| c.outcome == Outcome::OtherPlace));
    }

    #[test]
    fn the_beginning_of_a_long_value_is_a_form_of_its_own() {
        let engine = Engine::new();
        let words = "amber birch cedar delta ember ".repeat(60);
        let path = "amber/birch/cedar/delta/ember-1.2/".repeat(60);
        for value in [format!("5 or 1=1-- {words}"), format!("http://127.0.0.1/{path}")] {
            let judgement = engine.explain(value.as_bytes(), Place::QueryValue);
            let from_beginning =
                |c: &Candidate| c.form == "beginning" && matches!(c.outcome, Outcome::Fired { .. });
            assert!(judgement.candidates.iter().any(from_beginning), "{value}");
            let mut signs = Vec::new();
            engine.scan(value.as_bytes(), Place::QueryValue, &mut signs);
            assert!(!signs.is_empty(), "{value}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn the_explanation_fires_what_the_scan_fires(
            value in r#"([ -~\n]{0,20}(' or 1=1--|<script>|;cat /etc/passwd|union select 1|%27|c'a't)?){1,4}"#,
        ) {
            let engine = Engine::new();
            let mut signs = Vec::new();
            engine.scan(value.as_bytes(), Place::BodyValue, &mut signs);
            let mut stamps: Vec<u32> = signs.iter().map(|sign| sign.stamp).collect();
            stamps.sort_unstable();
            stamps.dedup();
            prop_assert_eq!(stamps, fired(&engine.explain(value.as_bytes(), Place::BodyValue)));
        }
    }
}
