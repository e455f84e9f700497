//! From findings to a decision and its events.

use std::time::Duration;

use bartizan_api::AttackType;
use bartizan_detect::Detection;
use bartizan_request::ApiProtocol;
use bartizan_rules::{FiltrationMode, Selection};

use super::checks::Violation;
use super::policy::Matches;
use super::{Context, Extent, InspectionFailed, Plan, Subject, Verdict, sample, size_of_head};
use crate::config::{BlockCause, Fallback, OverlimitMode};
use crate::hits::{Outcome, Report};
use crate::response::{Watched, endpoint_of};

/// Hits that one request can cause; what is beyond them is the same attack again.
const HITS_MAX: usize = 64;
/// Bytes of serialised request that the hits of one request repeat, so that stuffed requests cannot push everything
/// else out of the spool.
const REPEATED_MAX: usize = 1 << 20;
/// Hits that are recorded however large they are.
const HITS_MIN: usize = 4;

/// What an inspection brought to light.
pub(crate) struct Findings {
    pub(crate) detections: Vec<Detection>,
    pub(crate) matches: Matches,
    /// Indexes of detections that a virtual patch for their type covers.
    pub(crate) vpatched: Vec<usize>,
    pub(crate) overlimit: OverlimitMode,
    pub(crate) api_protocol: ApiProtocol,
    pub(crate) elapsed: Duration,
}

impl Findings {
    pub(super) fn is_empty(&self) -> bool {
        self.detections.is_empty() && self.matches.is_empty()
    }
}

/// Detections that a virtual patch names by type.
pub(super) fn patched_types(selection: &Selection<'_>, detections: &[Detection]) -> Vec<usize> {
    let patched = |detection: &Detection| {
        selection.vpatches().any(|vpatch| {
            vpatch.attack_type == Some(detection.attack_type)
                && detection.point.with_path(|path| vpatch.point.covers(path))
        })
    };
    detections
        .iter()
        .enumerate()
        .filter(|(_, detection)| patched(detection))
        .map(|(index, _)| index)
        .collect()
}

pub(super) fn note_time(context: &Context<'_>, findings: &Findings) {
    let elapsed = u64::try_from(findings.elapsed.as_nanos()).unwrap_or(u64::MAX);
    context.stats.time_detect_ns.add(elapsed);
    context.stats.inspection.observe(findings.elapsed);
    context.note_app(|app| app.time_detect_ns.add(elapsed));
}

/// The verdict on a request that something was found in, or whose inspection failed.
pub(super) fn decide(
    context: &Context<'_>,
    plan: &Plan<'_>,
    subject: &Subject<'_>,
    outcome: Result<Findings, InspectionFailed>,
) -> Verdict {
    let findings = match outcome {
        Ok(findings) => findings,
        Err(why) => return failed(context, plan, subject, why),
    };
    note_time(context, &findings);
    let blocked = block_outcome(context, plan, &findings)
        .or_else(|| fallback(context, plan, subject.extent).map(|limit| (Outcome::Limit(limit), None)));
    let mut report = Report::new(context, subject, plan.mode);
    let outcome = blocked.map_or(Outcome::NotBlocked, |(outcome, _)| outcome);
    record(context, plan, subject, &findings, &mut report, outcome);
    if let Some((outcome, attack_type)) = blocked {
        note_refused(context, subject, outcome, attack_type);
    }
    let block = blocked.map(|(outcome, attack_type)| (outcome.cause(), attack_type));
    let watched = (block.is_none() && super::watches(context, plan.mode))
        .then(|| report.watched(&findings.detections, subject, endpoint(subject)));
    Verdict { block, hits: (!report.is_empty()).then(|| report.pending()), watched, mode: plan.mode }
}

/// Counts a refusal.
fn note_refused(
    context: &Context<'_>,
    subject: &Subject<'_>,
    outcome: Outcome,
    attack_type: Option<AttackType>,
) {
    context.note_blocked();
    let size = size_of_head(subject) + subject.body.len() as u64;
    if matches!(outcome, Outcome::Acl(_)) {
        context.note_denied(attack_type.unwrap_or(AttackType::BlockedSource));
        context.stats.bytes_blocked_by_acl_in.add(size);
    } else {
        context.stats.bytes_blocked_in.add(size);
    }
}

/// The limit for which a request is refused that was not, or not wholly, inspected. What could not be inspected for
/// want of memory goes the way of a failed inspection, in every mode; a body that is too large is refused where attacks
/// are.
fn fallback(context: &Context<'_>, plan: &Plan<'_>, extent: Extent) -> Option<&'static str> {
    let refused = |policy: Fallback| policy == Fallback::Block && context.state.config.enforces();
    match extent {
        Extent::Cut => (refused(context.state.config.inspect.on_body_over_limit) && blocks_attacks(plan))
            .then_some("body"),
        Extent::Shed => refused(context.settings.on_inspection_error).then_some("memory"),
        Extent::BrokenOff | Extent::Whole => None,
    }
}

/// Whether a request with attack signs is refused for them.
fn blocks_attacks(plan: &Plan<'_>) -> bool {
    match plan.mode {
        FiltrationMode::Block => true,
        FiltrationMode::SafeBlocking => plan.graylisted,
        FiltrationMode::Monitoring | FiltrationMode::Off => false,
    }
}

/// A request without findings whose answer is looked at all the same: the first one of an endpoint, then some.
pub(super) fn watch_clean(
    context: &Context<'_>,
    plan: &Plan<'_>,
    subject: &Subject<'_>,
) -> Option<Box<Watched>> {
    let endpoint = endpoint(subject);
    context.endpoints.borrow_mut().wants(endpoint).then(|| {
        let mut report = Report::new(context, subject, plan.mode);
        if let Some(selection) = &plan.selection {
            report.mask(selection);
        }
        report.watched(&[], subject, endpoint)
    })
}

fn endpoint(subject: &Subject<'_>) -> u64 {
    let path = subject.target.split(|byte| *byte == b'?').next().unwrap_or_default();
    endpoint_of(subject.header("host").unwrap_or_default(), subject.method, path)
}

/// Why the request is to be refused, if it is.
fn block_outcome(
    context: &Context<'_>,
    plan: &Plan<'_>,
    findings: &Findings,
) -> Option<(Outcome, Option<AttackType>)> {
    if !context.state.config.enforces() {
        return None;
    }
    let regex_patch = findings
        .matches
        .regexes
        .iter()
        .any(|found| found.attack_type == AttackType::Vpatch && !found.experimental);
    if !findings.matches.vpatches.is_empty() || !findings.vpatched.is_empty() || regex_patch {
        return Some((Outcome::Attack, Some(AttackType::Vpatch)));
    }
    if plan.mode >= FiltrationMode::SafeBlocking
        && let Some(denial) = plan.denied
    {
        return Some((Outcome::Acl(denial), Some(denial.attack_type)));
    }
    let violated = |found: &&Violation| found.blocks(plan.mode, plan.graylisted);
    if let Some(found) = findings.matches.violations.iter().find(violated) {
        return Some((Outcome::Attack, Some(found.attack_type)));
    }
    if !blocks_attacks(plan) {
        return None;
    }
    let signs = findings.detections.iter().map(|detection| detection.attack_type);
    let regexes =
        findings.matches.regexes.iter().filter(|found| !found.experimental).map(|found| found.attack_type);
    if let Some(attack_type) = signs.chain(regexes).find(|found| *found != AttackType::OverlimitRes) {
        return Some((Outcome::Attack, Some(attack_type)));
    }
    let over = findings.detections.iter().any(|detection| detection.attack_type == AttackType::OverlimitRes);
    (over && findings.overlimit == OverlimitMode::Blocking)
        .then_some((Outcome::Overlimit, Some(AttackType::OverlimitRes)))
}

fn record(
    context: &Context<'_>,
    plan: &Plan<'_>,
    subject: &Subject<'_>,
    findings: &Findings,
    report: &mut Report,
    outcome: Outcome,
) {
    report.outcome(outcome, findings.api_protocol, subject);
    let most = (REPEATED_MAX / report.size().max(1)).clamp(HITS_MIN, HITS_MAX);
    // What caused a refusal comes first: it must not be lost among the rest.
    let (patched, others): (Vec<_>, Vec<_>) =
        findings.detections.iter().enumerate().partition(|(index, _)| findings.vpatched.contains(index));
    for (index, detection) in patched.into_iter().chain(others).take(most) {
        if detection.attack_type == AttackType::OverlimitRes {
            context.stats.overlimits_time.add(1);
            context.note_app(|app| app.overlimits_time.add(1));
            if findings.overlimit == OverlimitMode::Off {
                continue;
            }
        }
        context.stats.note_found(detection.attack_type);
        report.detection(detection, findings.vpatched.contains(&index), subject);
    }
    for found in findings.matches.regexes.iter().take(most) {
        context.stats.note_found(found.attack_type);
        report.regex(found);
    }
    for (point, value) in findings.matches.vpatches.iter().take(1) {
        context.stats.note_found(AttackType::Vpatch);
        report.vpatch(point, value);
    }
    for found in findings.matches.violations.iter().take(most) {
        context.stats.note_found(found.attack_type);
        report.violation(found);
    }
    if matches!(outcome, Outcome::Limit(_)) && report.is_empty() {
        report.limit();
    }
    if !report.is_empty() {
        context.stats.attacks.add(1);
        context.note_app(|app| app.attacks.add(1));
    }
    if let Some(denial) = plan.denied
        && let Some(count) = sample(context, subject, crate::clock::unix_seconds())
    {
        report.denied(denial, count, matches!(outcome, Outcome::Acl(_)));
    }
    if let Some(selection) = &plan.selection {
        report.mask(selection);
    }
}

/// There was no inspection: the route says whether the request passes. One that is refused leaves an event.
fn failed(context: &Context<'_>, plan: &Plan<'_>, subject: &Subject<'_>, why: InspectionFailed) -> Verdict {
    context.stats.abnormal.add(1);
    match why {
        InspectionFailed::Panicked => {
            context.stats.segfaults.add(1);
            tracing::error!(request.id = %context.id, "inspection failed");
        }
        // A flood of these must not become a flood of log lines.
        InspectionFailed::QueueFull => context.stats.shed_queue.add(1),
    }
    let limit = match why {
        InspectionFailed::Panicked => "inspection",
        InspectionFailed::QueueFull => "queue",
    };
    let refuse = context.settings.on_inspection_error == Fallback::Block && context.state.config.enforces();
    let hits = refuse.then(|| {
        let outcome = Outcome::Limit(limit);
        note_refused(context, subject, outcome, None);
        context.stats.attacks.add(1);
        context.note_app(|app| app.attacks.add(1));
        let mut report = Report::new(context, subject, plan.mode);
        report.outcome(outcome, ApiProtocol::Rest, subject);
        report.limit();
        if let Some(selection) = &plan.selection {
            report.mask(selection);
        }
        report.pending()
    });
    Verdict { block: refuse.then_some((BlockCause::Attack, None)), hits, watched: None, mode: plan.mode }
}
