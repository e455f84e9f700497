//! Every point of a request with its value, for a person who wants to see what the node sees.

use std::time::Instant;

use bartizan_request::{Parser, ParserSet, Point, PointPath, RequestParts, Role};
use bartizan_rules::Selection;
use bytes::Bytes;
use http::request;

use super::{Context, Extent, printable, subject};

/// Values are cut to this many bytes.
const VALUE: usize = 256;

/// Writes down what the walk shows.
struct Recorder<'p, 's> {
    selection: Option<&'p Selection<'s>>,
    disabled_parsers: ParserSet,
    points: Vec<(Point, String)>,
}

impl bartizan_detect::Policy for Recorder<'_, '_> {
    fn parser_allowed(&mut self, point: &PointPath<'_>, parser: Parser) -> bool {
        let by_rule = || self.selection.and_then(|selection| selection.parser_enabled(point, parser.name()));
        !self.disabled_parsers.contains(parser) && by_rule().unwrap_or(true)
    }

    fn value_seen(&mut self, point: &PointPath<'_>, value: &[u8], _role: Role) {
        self.points.push((point.to_point(), printable(value, VALUE)));
    }
}

/// The points of a request under the rules in force, in the order of the walk.
pub(crate) fn points(
    context: &Context<'_>,
    parts: &request::Parts,
    body: &Bytes,
    truncated: bool,
) -> Vec<(Point, String)> {
    let subject = subject(parts, context.connection.secure, body, Extent::cut(truncated));
    let (selection, _) = subject.read(&context.state.routes, context.settings, context.snapshot);
    let request = RequestParts {
        method: subject.method,
        target: subject.target,
        headers: &subject.headers,
        body: subject.body,
        body_truncated: subject.extent != Extent::Whole,
    };
    let disabled_parsers = context.settings.disabled_parsers;
    let mut recorder = Recorder { selection: selection.as_ref(), disabled_parsers, points: Vec::new() };
    let (limits, _) = super::limits(&context.state.config.inspect, selection.as_ref(), Instant::now());
    bartizan_detect::inspect(&context.state.engine, &request, &limits, &mut recorder);
    recorder.points
}
