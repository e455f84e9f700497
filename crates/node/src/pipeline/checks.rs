//! Limits that rules set on what a request may carry: GraphQL documents and sizes of uploads (`spec/node.md`
//! sections 7.3 and 7.4).
//!
//! The checks look at values while the request is walked; what they find is a violation with its own type, and the
//! rule says whether it is blocked, recorded, or treated as the filtration mode treats attacks.

use bartizan_api::AttackType;
use bartizan_request::{Element, Point, PointPath, Role, Step, StepRef, may_hold_graphql, measure_graphql};
use bartizan_rules::{FiltrationMode, GraphqlPolicy, PolicyMode, Selection, UploadLimit};
use smallvec::SmallVec;

use super::policy::names;

/// A limit that a request exceeds.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) attack_type: AttackType,
    pub(crate) point: Point,
    mode: PolicyMode,
}

impl Violation {
    /// Whether the request is refused for it. A rule that says "block" means it in every mode that inspects.
    pub(crate) fn blocks(&self, mode: FiltrationMode, graylisted: bool) -> bool {
        match self.mode {
            PolicyMode::Block => mode != FiltrationMode::Off,
            PolicyMode::Default => match mode {
                FiltrationMode::Block => true,
                FiltrationMode::SafeBlocking => graylisted,
                FiltrationMode::Monitoring | FiltrationMode::Off => false,
            },
            PolicyMode::Monitoring | PolicyMode::Off => false,
        }
    }
}

/// The checks that rules ask for on one request.
pub(super) struct Checks<'s> {
    graphql: Option<GraphqlCheck<'s>>,
    uploads: SmallVec<[&'s UploadLimit; 2]>,
    violations: Vec<Violation>,
}

struct GraphqlCheck<'s> {
    policy: &'s GraphqlPolicy,
    documents: u64,
    /// Where debug mode is asked for; it counts only beside a document.
    debug: Option<Point>,
    /// The longest value of variables that come beside the document, if it is too long.
    variable: Option<Point>,
}

impl<'s> Checks<'s> {
    pub(super) fn new(selection: &Selection<'s>) -> Checks<'s> {
        let graphql = selection.graphql().map(|policy| GraphqlCheck {
            policy,
            documents: 0,
            debug: None,
            variable: None,
        });
        Checks { graphql, uploads: selection.upload_limits(), violations: Vec::new() }
    }

    pub(super) fn value_seen(&mut self, point: &PointPath<'_>, value: &[u8], role: Role) {
        if role == Role::Name {
            return;
        }
        if let Some(graphql) = &mut self.graphql {
            graphql.value_seen(point, value, &mut self.violations);
        }
        let violations = &mut self.violations;
        self.uploads.retain(|limit| {
            let Some(at) = &limit.point else { return true };
            let exceeded = value.len() as u64 > limit.max_bytes && names(at, point);
            if exceeded {
                violations.push(upload_violation(limit, point.to_point()));
            }
            !exceeded
        });
    }

    /// Everything that was exceeded; `body_bytes` is the size of the whole body as far as it is known.
    pub(super) fn finish(mut self, body_bytes: u64) -> Vec<Violation> {
        if let Some(graphql) = self.graphql {
            graphql.finish(&mut self.violations);
        }
        let whole = self.uploads.iter().find(|limit| limit.point.is_none() && body_bytes > limit.max_bytes);
        if let Some(limit) = whole {
            self.violations.push(upload_violation(limit, body()));
        }
        self.violations
    }
}

fn upload_violation(limit: &UploadLimit, point: Point) -> Violation {
    Violation { attack_type: AttackType::FileUploadViolation, point, mode: limit.mode }
}

/// The point of the whole body.
fn body() -> Point {
    PointPath::root(StepRef::Simple(Element::Post)).to_point()
}

const KIB: u64 = 1024;

impl GraphqlCheck<'_> {
    fn value_seen(&mut self, point: &PointPath<'_>, value: &[u8], violations: &mut Vec<Violation>) {
        if self.policy.debug_enabled && self.debug.is_none() && asks_for_debug(point, value) {
            self.debug = Some(point.to_point());
        }
        if self.variable.is_none()
            && value.len() as u64 > self.policy.max_value_size_kb * KIB
            && is_variable(point)
        {
            self.variable = Some(point.to_point());
        }
        if !may_hold_graphql(point) {
            return;
        }
        let Some(measures) = measure_graphql(value) else { return };
        self.documents += 1;
        let policy = self.policy;
        let exceeded = [
            (measures.depth > policy.max_depth, AttackType::GqlDepth),
            (measures.largest_value > policy.max_value_size_kb * KIB, AttackType::GqlValueSize),
            (measures.aliases > policy.max_aliases, AttackType::GqlAliases),
            (value.len() as u64 > policy.max_doc_size_kb * KIB, AttackType::GqlDocSize),
            (measures.introspection && policy.introspection, AttackType::GqlIntrospection),
        ];
        for (_, attack_type) in exceeded.into_iter().filter(|(exceeded, _)| *exceeded) {
            // A batch may break the same limit many times; one violation says it.
            if violations.iter().all(|known| known.attack_type != attack_type) {
                violations.push(Violation { attack_type, point: point.to_point(), mode: policy.mode });
            }
        }
    }

    fn finish(self, violations: &mut Vec<Violation>) {
        if self.documents == 0 {
            return;
        }
        let mode = self.policy.mode;
        if self.documents > self.policy.max_doc_per_batch {
            violations.push(Violation { attack_type: AttackType::GqlDocsPerBatch, point: body(), mode });
        }
        if let Some(point) = self.debug {
            violations.push(Violation { attack_type: AttackType::GqlDebug, point, mode });
        }
        if let Some(point) = self.variable
            && violations.iter().all(|known| known.attack_type != AttackType::GqlValueSize)
        {
            violations.push(Violation { attack_type: AttackType::GqlValueSize, point, mode });
        }
    }
}

/// A parameter or member named `debug` that is switched on.
fn asks_for_debug(point: &PointPath<'_>, value: &[u8]) -> bool {
    let StepRef::Keyed(Element::Get | Element::Hash | Element::FormUrlencoded | Element::Multipart, name) =
        point.last()
    else {
        return false;
    };
    name.eq_ignore_ascii_case("debug")
        && [&b"1"[..], b"true", b"on", b"yes"].iter().any(|on| value.eq_ignore_ascii_case(on))
}

/// A value inside the `variables` that travel beside a document.
fn is_variable(point: &PointPath<'_>) -> bool {
    point.ancestors().any(|path| matches!(path.last(), StepRef::Keyed(Element::Hash, "variables")))
}

/// Whether some limit can lead to a refusal.
pub(super) fn may_block(selection: &Selection<'_>) -> bool {
    let blocks = |mode: PolicyMode| matches!(mode, PolicyMode::Block | PolicyMode::Default);
    selection.graphql().is_some_and(|policy| blocks(policy.mode))
        || selection.upload_limits().iter().any(|limit| blocks(limit.mode))
}

/// The rule of a whole request that blocks, as far as its size can be told from the head; `None` when none does.
pub(crate) fn whole_upload_limit<'s>(
    selection: &Selection<'s>,
    mode: FiltrationMode,
    graylisted: bool,
) -> Option<&'s UploadLimit> {
    let limits = selection.upload_limits();
    let blocks = |limit: &&UploadLimit| {
        limit.point.is_none() && upload_violation(limit, body()).blocks(mode, graylisted)
    };
    limits.into_iter().filter(blocks).min_by_key(|limit| limit.max_bytes)
}

/// Whether a point can only be found in the body.
pub(crate) fn is_in_body(point: &Point) -> bool {
    matches!(point.steps().first(), Some(Step::Simple(Element::Post)))
}
