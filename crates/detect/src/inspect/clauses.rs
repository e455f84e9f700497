//! The second look at a request: whether one of its values could continue the open clause of another.
//!
//! Almost no request has an open clause, so that a second walk costs less than a look at every value on the first.

use std::ops::ControlFlow;

use bartizan_request::{Limits, Parser, Point, PointPath, RequestParts, Role, Visitor, walk};

use super::Policy;
use crate::engine::Sign;
use crate::place::Place;
use crate::sqli::confirm::could_continue;

/// Whether a value of the request could continue one of the clauses.
pub(super) fn are_continued(
    clauses: &[Clause],
    parts: &RequestParts<'_>,
    limits: &Limits,
    policy: &mut dyn Policy,
) -> bool {
    let mut others = Continuations { policy, clauses, found: false };
    walk(parts, limits, &mut others);
    others.found
}

/// A value that is an attack only if another one continues the clause at its end.
pub(super) struct Clause {
    pub(super) point: Point,
    pub(super) value: Vec<u8>,
    pub(super) signs: Vec<Sign>,
}

/// Looks for a value that could continue the clause of another one.
struct Continuations<'a> {
    policy: &'a mut dyn Policy,
    clauses: &'a [Clause],
    found: bool,
}

impl Visitor for Continuations<'_> {
    fn visit(&mut self, point: &PointPath<'_>, value: &[u8], role: Role) -> ControlFlow<()> {
        // Fields of the header block are lists by their grammar.
        let is_argument = matches!(
            Place::of(point, role),
            Some(
                Place::QueryValue
                    | Place::BodyValue
                    | Place::CookieValue
                    | Place::FileContent
                    | Place::FileName
                    | Place::Path
            )
        );
        let is_other = || {
            let point = point.to_point();
            self.clauses.iter().any(|clause| clause.point != point)
        };
        if role != Role::Parsed && is_argument && could_continue(value) && is_other() {
            self.found = true;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn parser_allowed(&mut self, point: &PointPath<'_>, parser: Parser) -> bool {
        self.policy.parser_allowed(point, parser)
    }
}
