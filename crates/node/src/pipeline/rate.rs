//! Which rate rule counts a request, and under which value (`spec/node.md` section 5.3).

use std::ops::ControlFlow;
use std::time::Instant;

use bartizan_request::{
    Element, Parser, ParserSet, Point, PointPath, RequestParts, Role, Step, Visitor, walk,
};
use bartizan_rules::Selection;

use super::checks::is_in_body;
use super::policy::names;
use super::{Context, Subject};
use crate::rate_limit::{RateVerdict, per_second};

/// When the value that is counted by is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RateStage {
    /// Before the body is read.
    Head,
    /// After it.
    Body,
}

/// When to count; `None` when no rule does.
pub(super) fn stage(selection: &Selection<'_>) -> Option<RateStage> {
    let in_body = selection.rate_limits().map(|(_, limit)| is_in_body(&limit.point));
    in_body.reduce(|one, other| one || other).map(|body| if body { RateStage::Body } else { RateStage::Head })
}

/// Counts the request. Of several rules that hold the lowest rate does.
pub(super) fn note(context: &Context<'_>, selection: &Selection<'_>, subject: &Subject<'_>) -> RateVerdict {
    let held = selection.rate_limits().filter_map(|(id, limit)| {
        value_at(&limit.point, context, selection, subject).map(|value| (id, limit, value))
    });
    let lowest = held.min_by(|(_, one, _), (_, other, _)| per_second(one).total_cmp(&per_second(other)));
    match lowest {
        Some((id, limit, value)) => context.state.rates.note(id, limit, &value, Instant::now()),
        None => RateVerdict::Pass,
    }
}

/// The first value at a point.
fn value_at(
    point: &Point,
    context: &Context<'_>,
    selection: &Selection<'_>,
    subject: &Subject<'_>,
) -> Option<Vec<u8>> {
    if matches!(point.steps().first(), Some(Step::Simple(Element::RemoteAddr))) {
        return Some(context.client.ip.to_string().into_bytes());
    }
    let parts = RequestParts {
        method: subject.method,
        target: subject.target,
        headers: &subject.headers,
        body: if is_in_body(point) { subject.body } else { b"" },
        body_truncated: false,
    };
    let disabled_parsers = context.settings.disabled_parsers;
    let mut finder = Finder { point, disabled_parsers, value: None };
    let (limits, _) = super::limits(&context.state.config.inspect, Some(selection), Instant::now());
    walk(&parts, &limits, &mut finder);
    finder.value
}

struct Finder<'p> {
    point: &'p Point,
    disabled_parsers: ParserSet,
    value: Option<Vec<u8>>,
}

impl Visitor for Finder<'_> {
    fn visit(&mut self, point: &PointPath<'_>, value: &[u8], role: Role) -> ControlFlow<()> {
        if role == Role::Name || !names(self.point, point) {
            return ControlFlow::Continue(());
        }
        self.value = Some(value.to_vec());
        ControlFlow::Break(())
    }

    fn parser_allowed(&mut self, _point: &PointPath<'_>, parser: Parser) -> bool {
        !self.disabled_parsers.contains(parser)
    }
}
