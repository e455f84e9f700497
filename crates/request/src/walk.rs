//! The walk: from a request to visited values.
//!
//! `walk` visits the target, then headers and cookies, then the body. Each value goes through
//! [`Walker::value`] (see `value.rs`), which finds out what else it can be read as and recurses. The
//! [`Walker`] owns the budget: every visit and every decoded byte is charged here, so that a limit can
//! not be forgotten in a parser. Recursion is bounded by the depth limits of JSON and XML and by
//! `MAX_PATH`.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::Instant;

use crate::bytes::ByteSet;
use crate::element::Element;
use crate::limits::Limits;
use crate::parser::Parser;
use crate::path::{PointPath, StepRef};
use crate::report::{Anomaly, AnomalyKind, Report};
use crate::target::Target;

mod body;
mod fields;
mod gql;
mod headers;
mod inner;
mod json;
mod jwt;
mod multipart;
mod php;
mod protobuf;
mod value;
mod viewstate;
mod xml;

pub use gql::may_hold_graphql;

/// A request as the walk needs it. Header names may have any case.
#[derive(Debug, Clone, Copy)]
pub struct RequestParts<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// The request target, as sent.
    pub target: &'a [u8],
    /// Header names and values, in order.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// The body, or as much of it as is to be inspected.
    pub body: &'a [u8],
    /// The body goes on after `body`.
    pub body_truncated: bool,
}

/// What a visited value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// No container parser took it whole: inspect it. Decoded forms may follow as points below.
    Leaf,
    /// A container parser took it and its parts follow.
    Parsed,
    /// A key name (under an `X_name` element) or a decoded form of one.
    Name,
}

/// Receives the values of a request.
pub trait Visitor {
    /// One value and its address. A point of a repeated JSON member is visited once per value; points
    /// that only group others, such as `json_doc`, have no value and are not visited.
    ///
    /// `Break` ends the walk.
    fn visit(&mut self, point: &PointPath<'_>, value: &[u8], role: Role) -> ControlFlow<()>;

    /// The same with the kinds of bytes of the value, which the walk knows already; this is what it calls.
    /// For a [`Role::Parsed`] value, whose bytes matter in its parts only, the set is [`ByteSet::ALL`].
    fn visit_known(
        &mut self,
        point: &PointPath<'_>,
        value: &[u8],
        _bytes: ByteSet,
        role: Role,
    ) -> ControlFlow<()> {
        self.visit(point, value, role)
    }

    /// Whether a parser may be tried on the value at `point`.
    fn parser_allowed(&mut self, _point: &PointPath<'_>, _parser: Parser) -> bool {
        true
    }
}

impl<V: Visitor + ?Sized> Visitor for &mut V {
    fn visit(&mut self, point: &PointPath<'_>, value: &[u8], role: Role) -> ControlFlow<()> {
        (**self).visit(point, value, role)
    }

    fn visit_known(
        &mut self,
        point: &PointPath<'_>,
        value: &[u8],
        bytes: ByteSet,
        role: Role,
    ) -> ControlFlow<()> {
        (**self).visit_known(point, value, bytes, role)
    }

    fn parser_allowed(&mut self, point: &PointPath<'_>, parser: Parser) -> bool {
        (**self).parser_allowed(point, parser)
    }
}

/// Takes a request apart and shows every value to the visitor.
pub fn walk<V: Visitor + ?Sized>(parts: &RequestParts<'_>, limits: &Limits, visitor: &mut V) -> Report {
    let mut visitor = visitor;
    let mut walker = Walker::new(limits, &mut visitor);
    walker.report.stopped = walker.request(parts).is_break() || walker.overran;
    walker.report
}

/// Continue, or stop the whole walk.
pub(crate) type Flow = ControlFlow<()>;

/// Steps in a path beyond which no container is opened, so that recursion stays shallow.
const MAX_PATH: usize = 320;
/// Anomalies kept; more of the same say nothing new.
const MAX_ANOMALIES: usize = 32;
/// Buffers larger than this are freed rather than kept for reuse.
const MAX_KEPT_BUFFER: usize = 1 << 20;
/// Bytes visited between two looks at the clock.
const BYTES_PER_CLOCK: usize = 32 << 10;
/// What a value is made of that says nothing beside others.
const HARMLESS: ByteSet = ByteSet::ALPHANUMERIC.or(ByteSet::of_bytes(b"."));
/// What a visit costs beside its bytes, in bytes.
const BYTES_PER_VISIT: usize = 256;

pub(crate) struct Walker<'w> {
    visitor: &'w mut dyn Visitor,
    limits: &'w Limits,
    report: Report,
    /// Visits after which the current section of the request has used up its share.
    ceiling: usize,
    /// Whether a section wanted more than its share.
    overran: bool,
    /// What is looked at as one value for that.
    rest: Vec<u8>,
    /// Decode buffers for reuse; one is taken per decoder that is active.
    buffers: Vec<Vec<u8>>,
    /// Size of the request as received.
    request_bytes: usize,
    /// What the decoders that do not decompress have produced.
    expanded: usize,
    /// Bytes visited since the last look at the clock.
    unclocked: usize,
    /// Percent signs in the value that the current decoder was given.
    percents_before: Option<usize>,
    /// What decoders made of the value at hand, and at which depth.
    decodings: Vec<(u64, usize)>,
    /// Where those of the value at hand begin.
    first_decoding: usize,
    /// Whether the value at hand is a field inside another value.
    in_field: bool,
}

/// What became of a value that a container parser was tried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Not this container; the value has not been visited.
    No,
    /// Its parts were visited, but it could be something else as well: it was visited as a leaf, too.
    Alongside,
    /// Nothing is left to inspect in the raw value.
    Whole,
}

impl Taken {
    fn whole_if(unambiguous: bool) -> Taken {
        if unambiguous { Taken::Whole } else { Taken::Alongside }
    }

    /// The role under which the raw value is visited.
    fn role(self) -> Role {
        if self == Taken::Whole { Role::Parsed } else { Role::Leaf }
    }
}

impl<'w> Walker<'w> {
    fn new(limits: &'w Limits, visitor: &'w mut dyn Visitor) -> Walker<'w> {
        Walker {
            visitor,
            limits,
            report: Report::default(),
            ceiling: limits.max_leaves,
            overran: false,
            rest: Vec::new(),
            buffers: Vec::new(),
            request_bytes: 0,
            expanded: 0,
            // So that the first visit looks.
            unclocked: BYTES_PER_CLOCK,
            percents_before: None,
            decodings: Vec::new(),
            first_decoding: 0,
            in_field: false,
        }
    }

    fn request(&mut self, parts: &RequestParts<'_>) -> Flow {
        let header_bytes = parts.headers.iter().map(|(name, value)| name.len() + value.len());
        self.request_bytes = parts.target.len() + header_bytes.sum::<usize>() + parts.body.len();
        // Shares, so that a stuffed query does not keep the rest from being looked at.
        let max = self.limits.max_leaves;
        self.section(Element::GetAll, max / 4, |walker| walker.target(&Target::parse(parts.target)))?;
        self.section(Element::HeaderAll, max / 2, |walker| walker.headers(parts.headers))?;
        self.section(Element::Post, max, |walker| walker.body(parts))
    }

    /// Walks one section; that it used up its share does not end the walk. What it has beyond that is of several
    /// places, so that its point is the section as a whole.
    fn section(&mut self, whole: Element, ceiling: usize, walk: impl FnOnce(&mut Self) -> Flow) -> Flow {
        // One is for the rest.
        self.ceiling = ceiling.saturating_sub(1);
        let before = std::mem::replace(&mut self.overran, false);
        let mut flow = walk(self);
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            flow = self.rest(&PointPath::root(StepRef::Simple(whole)), &rest);
        }
        let ended_by_share = self.overran;
        self.overran |= before;
        if ended_by_share { Flow::Continue(()) } else { flow }
    }

    fn target(&mut self, target: &Target<'_>) -> Flow {
        self.uri(target.raw())?;
        for (index, segment) in (0u32..).zip(target.segments()) {
            self.value(&PointPath::root(StepRef::Indexed(Element::Path, index)), segment, Role::Leaf)?;
        }
        let name = PointPath::root(StepRef::Simple(Element::ActionName));
        self.value(&name, target.action_name(), Role::Leaf)?;
        if let Some(ext) = target.action_ext() {
            self.value(&PointPath::root(StepRef::Simple(Element::ActionExt)), ext, Role::Leaf)?;
        }
        self.query(target)
    }

    /// Shows one value to the visitor, within the budget.
    fn visit(&mut self, path: &PointPath<'_>, value: &[u8], role: Role) -> Flow {
        let bytes = if role == Role::Parsed { ByteSet::ALL } else { ByteSet::of(value) };
        self.visit_known(path, value, bytes, role)
    }

    fn visit_known(&mut self, path: &PointPath<'_>, value: &[u8], bytes: ByteSet, role: Role) -> Flow {
        self.unclocked += value.len() + BYTES_PER_VISIT;
        if self.unclocked >= BYTES_PER_CLOCK {
            self.unclocked = 0;
            self.check_clock(path)?;
        }
        if self.report.leaves >= self.ceiling {
            return self.beyond(path, value, bytes, role);
        }
        self.report.leaves += 1;
        self.visitor.visit_known(path, value, bytes, role)
    }

    /// A value more than the section may have. It is kept for one look at all of them, so that many harmless values do
    /// not hide what follows; from here on nothing is decoded.
    #[cold]
    fn beyond(&mut self, path: &PointPath<'_>, value: &[u8], bytes: ByteSet, role: Role) -> Flow {
        if !self.overran {
            self.overran = true;
            self.anomaly(AnomalyKind::OverlimitTime, path);
        }
        if role == Role::Parsed || bytes.is_within(HARMLESS) {
            return Flow::Continue(());
        }
        if self.rest.len() + value.len() > self.request_bytes {
            return Flow::Break(());
        }
        self.rest.extend_from_slice(value);
        self.rest.push(b'\n');
        Flow::Continue(())
    }

    /// The values that a section had beyond its share.
    fn rest(&mut self, path: &PointPath<'_>, rest: &[u8]) -> Flow {
        if self.report.leaves >= self.limits.max_leaves {
            return Flow::Continue(());
        }
        self.check_clock(path)?;
        self.report.leaves += 1;
        self.visitor.visit(path, rest, Role::Leaf)
    }

    /// Stops the walk once the deadline has passed.
    fn check_clock(&mut self, path: &PointPath<'_>) -> Flow {
        match self.limits.deadline {
            Some(deadline) if Instant::now() >= deadline => {
                self.anomaly(AnomalyKind::OverlimitTime, path);
                Flow::Break(())
            }
            _ => Flow::Continue(()),
        }
    }

    fn anomaly(&mut self, kind: AnomalyKind, path: &PointPath<'_>) {
        if self.report.anomalies.len() >= MAX_ANOMALIES {
            return;
        }
        let anomaly = Anomaly { kind, point: path.to_point() };
        if !self.report.anomalies.contains(&anomaly) {
            self.report.anomalies.push(anomaly);
        }
    }

    /// Whether the rules let a parser be tried here.
    fn may_parse(&mut self, path: &PointPath<'_>, parser: Parser) -> bool {
        self.visitor.parser_allowed(path, parser)
    }

    fn take_buffer(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }

    fn give_buffer(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= MAX_KEPT_BUFFER {
            buffer.clear();
            self.buffers.push(buffer);
        }
    }
}

/// Text of a key; bytes that are no UTF-8 are replaced.
fn key_text(key: &[u8]) -> Cow<'_, str> {
    // Unlike the lossy conversion, this takes ASCII many bytes at a time.
    match std::str::from_utf8(key) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(key),
    }
}

/// A root path or a child of `parent`.
fn link<'p>(parent: Option<&'p PointPath<'p>>, step: StepRef<'p>) -> PointPath<'p> {
    match parent {
        Some(parent) => parent.child(step),
        None => PointPath::root(step),
    }
}

#[cfg(test)]
mod tests;
