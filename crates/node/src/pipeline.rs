//! The decision on a request (`spec/node.md` sections 2.1 to 2.6).
//!
//! [`admit`] decides what can be decided from the head: mode, allowlist, denylist. [`inspect`] runs detection and
//! rules over the request and turns what was found into a verdict. Neither locks or writes to disk; small requests
//! are inspected on the worker, large ones elsewhere so that they do not hold up others.

mod admit;
mod checks;
mod files;
mod points;
mod policy;
mod rate;
pub(crate) mod reading;
mod verdict;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bartizan_api::AttackType;
use bartizan_detect::Detection;
use bartizan_request::{Limits, ParserSet, RequestParts};
use bartizan_rules::{FiltrationMode, OverlimitMode as RuleOverlimit, ResponseHeader, Selection};
use bytes::Bytes;
use http::{HeaderMap, Method, Uri, Version, header, request};
use smallvec::SmallVec;

use crate::client_ip::Client;
use crate::config::{BlockCause, Fallback, Inspect, OverlimitMode, Role};
use crate::hits::{self, PendingHits};
use crate::proxy::worker::{Connection, LocalSnapshot};
use crate::rate_limit::RateVerdict;
use crate::request_id::RequestId;
use crate::response::{Endpoints, Watched};
use crate::routes::Settings;
use crate::state::State;
use crate::stats::{AppStats, WorkerStats};
pub(crate) use admit::admit;
use admit::sample;
pub(crate) use checks::Violation;
pub(crate) use points::points;
use policy::{LocalPolicy, RulesPolicy};
pub(crate) use policy::{RegexMatch, printable};
pub(crate) use rate::RateStage;
use verdict::Findings;

/// What is known about a request from the start.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) state: &'a Arc<State>,
    pub(crate) stats: &'a WorkerStats,
    /// Endpoints whose answers were watched.
    pub(crate) endpoints: &'a RefCell<Endpoints>,
    pub(crate) snapshot: &'a LocalSnapshot,
    pub(crate) settings: &'a Settings,
    pub(crate) id: RequestId,
    pub(crate) client: Client,
    pub(crate) connection: &'a Connection,
    pub(crate) started: Instant,
}

impl Context<'_> {
    /// Changes the counters of the request's application.
    pub(crate) fn note_app(&self, note: impl FnOnce(&AppStats)) {
        if let Some(app) = self.stats.apps.of(self.settings.app_slot) {
            note(app);
        }
    }

    /// Counts a refusal for a listed source.
    fn note_denied(&self, attack_type: AttackType) {
        self.stats.blocked_by_acl.add(1);
        self.note_app(|app| app.blocked_by_acl.add(1));
        let bots = [
            AttackType::ApiAbuse,
            AttackType::AccountTakeover,
            AttackType::SecurityCrawlers,
            AttackType::Scraping,
            AttackType::ResourceConsumption,
            AttackType::Bot,
        ];
        if bots.contains(&attack_type) {
            self.stats.blocked_by_antibot.add(1);
        }
    }

    /// Counts a refusal for whatever reason.
    pub(crate) fn note_blocked(&self) {
        self.stats.blocked.add(1);
        self.note_app(|app| app.blocked.add(1));
    }
}

/// The decision before the body.
pub(crate) enum Admission<'s> {
    /// Inspect, then decide.
    Inspect(Plan<'s>),
    /// To the upstream, uninspected.
    Proxy { selection: Option<Selection<'s>> },
    /// The source is denylisted.
    Refuse { denial: Denial, hits: Option<PendingHits>, selection: Option<Selection<'s>> },
}

impl<'s> Admission<'s> {
    /// What rules change in the head of the answer, whoever gives it.
    pub(crate) fn response_headers(&self) -> ResponseHeaders<'s> {
        self.selection().map(|selection| selection.response_headers().collect()).unwrap_or_default()
    }

    /// The path of the request as logs may show it: masked where rules say so.
    pub(crate) fn logged_path(&self, path: &str) -> String {
        self.selection().map_or_else(|| path.to_owned(), |selection| hits::masked_path(path, selection))
    }

    fn selection(&self) -> Option<&Selection<'s>> {
        match self {
            Admission::Inspect(plan) => plan.selection.as_ref(),
            Admission::Proxy { selection } | Admission::Refuse { selection, .. } => selection.as_ref(),
        }
    }
}

/// Changes of the head of an answer, in the order in which they are made.
pub(crate) type ResponseHeaders<'s> = SmallVec<[&'s ResponseHeader; 2]>;

/// Why a source is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Denial {
    /// Type of the event that the list entry causes.
    pub(crate) attack_type: AttackType,
    /// What the entry names, as block reasons say it: `ip`, `country`, `datacenter`, `proxy`, `tor`.
    pub(crate) by: &'static str,
}

impl Denial {
    /// The cause that chooses the answer.
    pub(crate) fn cause(self) -> BlockCause {
        if self.by == "ip" { BlockCause::AclIp } else { BlockCause::AclSource }
    }
}

/// How to inspect a request.
pub(crate) struct Plan<'s> {
    mode: FiltrationMode,
    selection: Option<Selection<'s>>,
    graylisted: bool,
    /// Denylisted, to be refused after inspection (`acl.early = false`).
    denied: Option<Denial>,
}

impl<'s> Plan<'s> {
    /// Bytes of a body above which the request is refused, whatever is in it.
    pub(crate) fn body_limit(&self, context: &Context<'_>) -> Option<u64> {
        let selection = self.selection.as_ref().filter(|_| context.state.config.enforces())?;
        checks::whole_upload_limit(selection, self.mode, self.graylisted).map(|limit| limit.max_bytes)
    }

    /// Whether rules want the request fed to bot detection; `None` when none says.
    pub(crate) fn api_abuse_enabled(&self) -> Option<bool> {
        self.selection.as_ref()?.api_abuse_enabled()
    }

    /// When the request rate is counted.
    pub(crate) fn rate_stage(&self, context: &Context<'_>) -> Option<RateStage> {
        let selection = self.selection.as_ref().filter(|_| context.state.config.enforces())?;
        rate::stage(selection)
    }

    /// Counts the request where a rule limits its rate.
    pub(crate) fn note_rate(
        &self,
        context: &Context<'_>,
        parts: &request::Parts,
        body: &[u8],
    ) -> RateVerdict {
        let Some(selection) = &self.selection else { return RateVerdict::Pass };
        let subject = subject(parts, context.connection.secure, body, Extent::Whole);
        rate::note(context, selection, &subject)
    }
}

impl Plan<'_> {
    /// Whether the verdict may be to refuse. When it may not, a request need not wait for it. Whatever learns to
    /// refuse in [`verdict::decide`] has to be known here.
    pub(crate) fn may_refuse(&self, context: &Context<'_>) -> bool {
        let by_rule = |selection: &Selection<'_>| {
            let mut regexes = selection.regexes();
            selection.vpatches().next().is_some()
                || regexes.any(|rule| rule.attack_type == AttackType::Vpatch && !rule.experimental)
                || checks::may_block(selection)
                || rate::stage(selection) == Some(RateStage::Body)
        };
        context.state.config.enforces()
            && (self.mode == FiltrationMode::Block
                || (self.mode == FiltrationMode::SafeBlocking && (self.graylisted || self.denied.is_some()))
                || context.settings.on_inspection_error == Fallback::Block
                || self.selection.as_ref().is_some_and(by_rule))
    }

    /// The plan without the rules, to be kept for later.
    pub(crate) fn detach(&self) -> Plan<'static> {
        Plan { mode: self.mode, selection: None, graylisted: self.graylisted, denied: self.denied }
    }

    /// The plan with the rules that its snapshot has for the request.
    pub(crate) fn attach<'s>(&self, context: &Context<'s>, parts: &request::Parts) -> Plan<'s> {
        let subject = subject(parts, context.connection.secure, b"", Extent::Whole);
        let (selection, _) = subject.read(&context.state.routes, context.settings, context.snapshot);
        Plan { selection, ..self.detach() }
    }
}

/// The decision after inspection.
pub(crate) struct Verdict {
    /// Why the request is refused, if it is.
    pub(crate) block: Option<(BlockCause, Option<AttackType>)>,
    /// Events to be written before the answer leaves.
    pub(crate) hits: Option<PendingHits>,
    /// Set when the answer is to be compared with the request.
    pub(crate) watched: Option<Box<Watched>>,
    pub(crate) mode: FiltrationMode,
}

/// How much of a body was to be inspected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Its beginning: the client, or whoever answered early, broke it off.
    BrokenOff,
    /// Its beginning: it is larger than what is inspected.
    Cut,
    /// Its beginning: there was no memory for more.
    Shed,
    /// All of it.
    Whole,
}

impl Extent {
    /// Whether no fallback has to say what becomes of the request.
    fn is_judged(self) -> bool {
        matches!(self, Extent::BrokenOff | Extent::Whole)
    }

    pub(crate) fn cut(is_cut: bool) -> Extent {
        if is_cut { Extent::Cut } else { Extent::Whole }
    }
}

/// A request as inspection sees it.
pub(crate) struct Subject<'a> {
    pub(crate) method: &'a str,
    pub(crate) target: &'a [u8],
    pub(crate) version: Version,
    pub(crate) headers: SmallVec<[(&'a [u8], &'a [u8]); 32]>,
    pub(crate) secure: bool,
    pub(crate) body: &'a [u8],
    pub(crate) extent: Extent,
    /// Size of the whole body as far as it is known.
    pub(crate) body_bytes: u64,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(
        method: &'a Method,
        uri: &'a Uri,
        version: Version,
        headers: &'a HeaderMap,
        secure: bool,
    ) -> Subject<'a> {
        let mut list: SmallVec<[(&[u8], &[u8]); 32]> = SmallVec::new();
        let authority = uri.authority();
        if let Some(authority) = authority {
            list.push((b"host", authority.as_str().as_bytes()));
        }
        // The target's host replaces the field on the way to the upstream; a rule for the other must not apply.
        let fields = headers.iter().filter(|(name, _)| authority.is_none() || **name != header::HOST);
        list.extend(fields.map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())));
        let target = uri.path_and_query().map_or(&b"/"[..], |target| target.as_str().as_bytes());
        Subject {
            method: method.as_str(),
            target,
            version,
            headers: list,
            secure,
            body: b"",
            extent: Extent::Whole,
            body_bytes: 0,
        }
    }

    pub(crate) fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    pub(crate) fn proto(&self) -> &'static str {
        match self.version {
            Version::HTTP_10 => "1.0",
            Version::HTTP_2 => "2.0",
            _ => "1.1",
        }
    }

    pub(crate) fn header(&self, wanted: &str) -> Option<&'a [u8]> {
        let mut headers = self.headers.iter();
        headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes())).map(|(_, value)| *value)
    }
}

pub(crate) fn size_of_head(subject: &Subject<'_>) -> u64 {
    let headers: usize = subject.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    (subject.method.len() + subject.target.len() + 12 + headers) as u64
}

/// Inspects a request and decides. Gives the head back, because a large request is inspected elsewhere.
pub(crate) async fn inspect(
    context: &Context<'_>,
    plan: Plan<'_>,
    parts: request::Parts,
    body: Bytes,
    extent: Extent,
) -> (request::Parts, Verdict) {
    let secure = context.connection.secure;
    if extent == Extent::Shed {
        context.stats.abnormal.add(1);
        context.stats.shed_memory.add(1);
    }
    let (parts, outcome) = if body.len() <= context.state.config.inspect.offload_bytes {
        let outcome = {
            let subject = subject(&parts, secure, &body, extent);
            let disabled = context.settings.disabled_parsers;
            examine_caught(context.state, plan.selection.as_ref(), disabled, &subject)
        };
        (parts, outcome)
    } else {
        examine_elsewhere(context, parts, body.clone(), extent).await
    };
    let verdict = match outcome {
        Ok(findings) if findings.is_empty() && plan.denied.is_none() && extent.is_judged() => {
            verdict::note_time(context, &findings);
            let watched = watches(context, plan.mode)
                .then(|| verdict::watch_clean(context, &plan, &subject(&parts, secure, &body, extent)));
            Verdict { block: None, hits: None, watched: watched.flatten(), mode: plan.mode }
        }
        outcome => verdict::decide(context, &plan, &subject(&parts, secure, &body, extent), outcome),
    };
    (parts, verdict)
}

/// Whether answers are compared with their requests.
fn watches(context: &Context<'_>, mode: FiltrationMode) -> bool {
    // A copy of a request has no answer here.
    let config = &context.state.config;
    mode == FiltrationMode::Monitoring && config.inspect.parse_response && config.role == Role::Proxy
}

fn subject<'a>(parts: &'a request::Parts, secure: bool, body: &'a [u8], extent: Extent) -> Subject<'a> {
    let mut subject = Subject::new(&parts.method, &parts.uri, parts.version, &parts.headers, secure);
    subject.body = body;
    subject.extent = extent;
    let declared =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    subject.body_bytes = declared.unwrap_or(0).max(body.len() as u64);
    subject
}

/// Why there was no inspection; it does not matter to the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InspectionFailed {
    /// The engine panicked.
    Panicked,
    /// Too many others are waiting for theirs.
    QueueFull,
}

/// On a thread for long work, so that the worker goes on with other requests.
async fn examine_elsewhere(
    context: &Context<'_>,
    parts: request::Parts,
    body: Bytes,
    extent: Extent,
) -> (request::Parts, Result<Findings, InspectionFailed>) {
    let inspect = &context.state.config.inspect;
    let patience = Duration::from_millis(inspect.process_time_limit_ms);
    let Some(turn) = context.state.offload.turn(inspect.queue_max, patience).await else {
        return (parts, Err(InspectionFailed::QueueFull));
    };
    let (state, snapshot) = (Arc::clone(context.state), Arc::clone(context.snapshot));
    let (settings, secure) = (*context.settings, context.connection.secure);
    let spare = copy_head(&parts);
    let work = tokio::task::spawn_blocking(move || {
        // Given back when the work is done, also when nobody waits for it any more.
        let _turn = turn;
        let outcome = {
            let subject = subject(&parts, secure, &body, extent);
            let (selection, _) = subject.read(&state.routes, &settings, &snapshot);
            examine_caught(&state, selection.as_ref(), settings.disabled_parsers, &subject)
        };
        (parts, outcome)
    });
    // The closure catches panics, so the only way to lose it is a runtime that is shutting down.
    work.await.unwrap_or((spare, Err(InspectionFailed::Panicked)))
}

/// Another head like this one, without extensions.
pub(crate) fn copy_head(parts: &request::Parts) -> request::Parts {
    let mut spare = http::Request::new(()).into_parts().0;
    spare.method = parts.method.clone();
    spare.uri = parts.uri.clone();
    spare.version = parts.version;
    spare.headers = parts.headers.clone();
    spare
}

fn examine_caught(
    state: &State,
    selection: Option<&Selection<'_>>,
    disabled_parsers: ParserSet,
    subject: &Subject<'_>,
) -> Result<Findings, InspectionFailed> {
    let examine = std::panic::AssertUnwindSafe(|| examine(state, selection, disabled_parsers, subject));
    std::panic::catch_unwind(examine).map_err(|_| InspectionFailed::Panicked)
}

/// The bounds of a walk that begins at a time, and what reaching them leads to.
fn limits(inspect: &Inspect, selection: Option<&Selection<'_>>, begin: Instant) -> (Limits, OverlimitMode) {
    let (time_ms, overlimit) = match selection.and_then(Selection::overlimit) {
        Some(settings) => (settings.time_ms, rule_overlimit(settings.mode)),
        None => (inspect.process_time_limit_ms, inspect.overlimit_mode),
    };
    (inspect.limits.until(begin + Duration::from_millis(time_ms)), overlimit)
}

fn examine(
    state: &State,
    selection: Option<&Selection<'_>>,
    disabled_parsers: ParserSet,
    subject: &Subject<'_>,
) -> Findings {
    let begin = Instant::now();
    let inspect = &state.config.inspect;
    let (limits, overlimit) = limits(inspect, selection, begin);
    let parts = RequestParts {
        method: subject.method,
        target: subject.target,
        headers: &subject.headers,
        body: subject.body,
        body_truncated: subject.extent != Extent::Whole,
    };
    let (mut inspection, matches) = match selection {
        None => {
            let mut policy = LocalPolicy { disabled_parsers };
            (
                bartizan_detect::inspect(&state.engine, &parts, &limits, &mut policy),
                policy::Matches::default(),
            )
        }
        Some(selection) => {
            let mut policy = RulesPolicy::new(selection, disabled_parsers);
            let inspection = bartizan_detect::inspect(&state.engine, &parts, &limits, &mut policy);
            (inspection, policy.into_matches(subject.body_bytes))
        }
    };
    // A rule that refuses large bodies has them cut before the inspection would, and is an event of its own.
    let cut_for_a_rule = subject.extent == Extent::Cut && subject.body.len() < inspect.body_max;
    if cut_for_a_rule || matches!(subject.extent, Extent::BrokenOff | Extent::Shed) {
        inspection.detections.retain(|found| !comes_of_the_end(found));
    }
    Findings {
        vpatched: selection.map(|s| verdict::patched_types(s, &inspection.detections)).unwrap_or_default(),
        detections: inspection.detections,
        matches,
        overlimit,
        api_protocol: inspection.report.api_protocol,
        elapsed: begin.elapsed(),
    }
}

/// Whether there is nothing to a finding but that the body was not seen to its end, which is no attack when it was broken
/// off or there was no memory for it.
fn comes_of_the_end(found: &Detection) -> bool {
    found.subtype == "overlimit_res_size" || found.attack_type == AttackType::InvalidXml
}

fn rule_overlimit(mode: RuleOverlimit) -> OverlimitMode {
    match mode {
        RuleOverlimit::Off => OverlimitMode::Off,
        RuleOverlimit::Monitoring => OverlimitMode::Monitoring,
        RuleOverlimit::Blocking => OverlimitMode::Blocking,
    }
}
