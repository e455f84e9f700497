//! A whole request explained: its points in the order of the walk, how each was judged, and the verdict.
//!
//! The offline companion of [`inspect`]: `bartizan check request` prints it.

use std::ops::ControlFlow;

use bartizan_request::{
    ByteSet, Limits, Parser, Point, PointPath, RequestParts, Role, Visitor, binary, walk,
};
use serde::Serialize;

use crate::engine::{Engine, Judgement, Outcome};
use crate::inspect::{Detection, NoPolicy, inspect, judged_place, path_of, target_places};
use crate::place::Place;

/// Bytes of a value that are shown.
const SHOWN: usize = 240;

/// A request taken apart and judged.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Every point that was visited.
    pub points: Vec<PointView>,
    /// What the inspection reports, the same as in traffic without rules.
    pub detections: Vec<Detection>,
    /// Values that were not decoded further because of the nesting limit.
    pub depth_limited: usize,
    /// Whether a limit ended the walk before everything was seen.
    pub stopped: bool,
}

/// One point.
#[derive(Clone, Debug, Serialize)]
pub struct PointView {
    /// Its address.
    pub point: Point,
    /// `leaf`, `name` or `parsed` (its parts follow as points of their own).
    pub role: &'static str,
    /// The length of the value in bytes.
    pub bytes: usize,
    /// The beginning of the value as text.
    pub value: String,
    /// How it was judged; none for what is not judged itself: containers, and header fields that keep to their grammar.
    pub judgement: Option<Judgement>,
}

impl PointView {
    /// The signatures that fired here.
    pub fn fired(&self) -> impl Iterator<Item = &crate::engine::Candidate> {
        self.judgement
            .iter()
            .flat_map(|judgement| &judgement.candidates)
            .filter(|candidate| matches!(candidate.outcome, Outcome::Fired { .. }))
    }
}

/// Explains a request as a node without rules sees it.
#[must_use]
pub fn explain(engine: &Engine, parts: &RequestParts<'_>, limits: &Limits) -> Explanation {
    let mut explainer = Explainer { engine, points: Vec::new() };
    let report = walk(parts, limits, &mut explainer);
    let detections = inspect(engine, parts, limits, &mut NoPolicy).detections;
    Explanation {
        points: explainer.points,
        detections,
        depth_limited: report.depth_limited,
        stopped: report.stopped,
    }
}

struct Explainer<'e> {
    engine: &'e Engine,
    points: Vec<PointView>,
}

impl Explainer<'_> {
    /// The path of a target, judged as each of the places that it counts as.
    fn target(&self, path: &[u8]) -> Judgement {
        let mut judgement = self.engine.explain(path, Place::Uri);
        for &place in target_places(ByteSet::of(path)).iter().skip(1) {
            let also = self.engine.explain(path, place);
            judgement.plain &= also.plain;
            judgement.candidates.extend(also.candidates);
        }
        judgement
    }
}

impl Visitor for Explainer<'_> {
    fn visit(&mut self, point: &PointPath<'_>, value: &[u8], role: Role) -> ControlFlow<()> {
        let bytes = ByteSet::of(value);
        let judgement = judged_place(point, value, bytes, role).map(|place| match place {
            // The query has points of its own.
            Place::Uri => self.target(path_of(value)),
            place if binary::is_binary(point, value, bytes) => self.engine.explain_data(value, place),
            place => self.engine.explain(value, place),
        });
        self.points.push(PointView {
            point: point.to_point(),
            role: match role {
                Role::Leaf => "leaf",
                Role::Parsed => "parsed",
                Role::Name => "name",
            },
            bytes: value.len(),
            value: String::from_utf8_lossy(value.get(..SHOWN).unwrap_or(value)).into_owned(),
            judgement,
        });
        ControlFlow::Continue(())
    }

    fn parser_allowed(&mut self, _: &PointPath<'_>, _: Parser) -> bool {
        true
    }
}
