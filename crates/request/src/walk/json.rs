//! JSON values: from the tape to `json_doc`, `hash` and `array` points.
//!
//! A key that occurs twice gives the same point twice, once per value: servers differ in which one
//! they take, and a rule at that point must see both.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::slice::Iter;

use super::{Flow, Role, Taken, Walker, key_text};
use crate::binary::is_binary;
use crate::bytes::ByteSet;
use crate::element::Element;
use crate::json::{Span, Token, begins_like_json, mend, scan, unescape};
use crate::parser::Parser;
use crate::path::{PointPath, StepRef};

/// Longer bare words may be encoded text and go through the decoders.
const LONGEST_PLAIN_ATOM: usize = 24;

/// A document. Its keys are parts of its text, if it is one, so that they need not be checked one by one.
#[derive(Clone, Copy)]
struct Input<'i> {
    bytes: &'i [u8],
    text: Option<&'i str>,
}

impl<'i> Input<'i> {
    /// The text of a key that stands in the document as it is.
    fn key(&self, span: &Span) -> Option<&'i str> {
        if span.is_escaped() { None } else { self.text?.get(span.range()) }
    }
}

impl Walker<'_> {
    /// Takes the value as JSON, if it is.
    pub(super) fn json(
        &mut self,
        path: &PointPath<'_>,
        value: &[u8],
        truncated: bool,
    ) -> ControlFlow<(), Taken> {
        if !self.may_parse(path, Parser::JsonDoc) {
            return ControlFlow::Continue(Taken::No);
        }
        // A guess that saves most of the growing and wastes little.
        let mut tokens = Vec::with_capacity((value.len() / 8).min(1 << 16));
        let Some(strict) = scan(value, self.limits.max_json_depth, truncated, &mut tokens) else {
            self.report.note_failed(Parser::JsonDoc);
            return ControlFlow::Continue(Taken::No);
        };
        let taken = Taken::whole_if(strict);
        self.visit(path, value, taken.role())?;
        self.json_tokens(path, value, &tokens)?;
        ControlFlow::Continue(taken)
    }

    /// Takes a value that is no JSON as what it would be but for its faults, beside what else it is.
    pub(super) fn damaged_json(&mut self, path: &PointPath<'_>, value: &[u8]) -> ControlFlow<(), Taken> {
        if !begins_like_json(value) {
            return ControlFlow::Continue(Taken::No);
        }
        let Some(tokens) = self.mended(path, value) else { return ControlFlow::Continue(Taken::No) };
        self.visit(path, value, Role::Leaf)?;
        self.json_tokens(path, value, &tokens)?;
        ControlFlow::Continue(Taken::Alongside)
    }

    /// The parts alone of a body that is no JSON, though it is declared or begins as such.
    pub(super) fn damaged_json_body(&mut self, path: &PointPath<'_>, body: &[u8]) -> Flow {
        match self.mended(path, body) {
            Some(tokens) => self.json_tokens(path, body, &tokens),
            None => Flow::Continue(()),
        }
    }

    fn mended(&mut self, path: &PointPath<'_>, value: &[u8]) -> Option<Vec<Token>> {
        // Quotes in data stand where chance put them.
        if !self.may_parse(path, Parser::JsonDoc) || is_binary(path, value, ByteSet::of(value)) {
            return None;
        }
        let mut tokens = Vec::new();
        mend(value, self.limits.max_json_depth, &mut tokens).then_some(tokens)
    }

    fn json_tokens(&mut self, path: &PointPath<'_>, value: &[u8], tokens: &[Token]) -> Flow {
        let doc = path.child(StepRef::Simple(Element::JsonDoc));
        let input = Input { bytes: value, text: std::str::from_utf8(value).ok() };
        let mut rest = tokens.iter();
        while let Some(token) = rest.next() {
            self.json_value(&doc, input, token, &mut rest)?;
        }
        Flow::Continue(())
    }

    fn json_value(
        &mut self,
        path: &PointPath<'_>,
        input: Input<'_>,
        token: &Token,
        rest: &mut Iter<'_, Token>,
    ) -> Flow {
        match token {
            Token::OpenObject => self.json_object(path, input, rest),
            Token::OpenArray => self.json_array(path, input, rest),
            Token::Text(span) => {
                self.json_text(span, input, |walker, text| walker.value(path, text, Role::Leaf))
            }
            Token::Atom(span) => {
                let atom = span.raw(input.bytes);
                if atom.len() <= LONGEST_PLAIN_ATOM {
                    self.visit(path, atom, Role::Leaf)
                } else {
                    self.value(path, atom, Role::Leaf)
                }
            }
            Token::Deep(span) => {
                self.report.depth_limited += 1;
                self.visit(path, span.raw(input.bytes), Role::Leaf)?;
                // The strings in it.
                match rest.next() {
                    Some(token) => self.json_value(path, input, token, rest),
                    None => Flow::Continue(()),
                }
            }
            // A truncated document may end in a key.
            Token::Close | Token::Key(_) => Flow::Continue(()),
        }
    }

    fn json_object(&mut self, path: &PointPath<'_>, input: Input<'_>, rest: &mut Iter<'_, Token>) -> Flow {
        self.json_empty(path, rest)?;
        let names = path.child(StepRef::Simple(Element::HashName));
        while let Some(Token::Key(span)) = rest.next() {
            self.json_text(span, input, |walker, key| {
                walker.value(&names, key, Role::Name)?;
                let Some(token) = rest.next() else { return Flow::Continue(()) };
                let key = input.key(span).map_or_else(|| key_text(key), Cow::Borrowed);
                walker.json_value(&path.child(StepRef::Keyed(Element::Hash, &key)), input, token, rest)
            })?;
        }
        Flow::Continue(())
    }

    fn json_array(&mut self, path: &PointPath<'_>, input: Input<'_>, rest: &mut Iter<'_, Token>) -> Flow {
        self.json_empty(path, rest)?;
        let mut index = 0u32;
        while let Some(token) = rest.next().filter(|token| !matches!(token, Token::Close)) {
            self.json_value(&path.child(StepRef::Indexed(Element::Array, index)), input, token, rest)?;
            index = index.saturating_add(1);
        }
        Flow::Continue(())
    }

    /// An object or array with nothing in it has no value, but a rule may be about its being there.
    fn json_empty(&mut self, path: &PointPath<'_>, rest: &Iter<'_, Token>) -> Flow {
        match rest.as_slice().first() {
            Some(Token::Close) => self.visit(path, b"", Role::Leaf),
            _ => Flow::Continue(()),
        }
    }

    /// Passes the text of a string on, straight from the input unless it has escapes.
    fn json_text(
        &mut self,
        span: &Span,
        input: Input<'_>,
        then: impl FnOnce(&mut Self, &[u8]) -> Flow,
    ) -> Flow {
        let raw = span.raw(input.bytes);
        if !span.is_escaped() {
            return then(self, raw);
        }
        let mut buffer = self.take_buffer();
        unescape(raw, &mut buffer);
        let flow = then(self, &buffer);
        self.give_buffer(buffer);
        flow
    }
}
