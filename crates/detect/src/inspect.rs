//! Whole-request inspection: a walk over the points, the engine on each, the ruleset's say in between.
//!
//! Runs once per request in the node, and offline wherever a request is checked. Order of detections is the order
//! of the walk, so the first one of a type is the first sign of it. Anomalies of the walk (an external entity, a
//! bomb, exhausted limits) are detections without stamps.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::{ControlFlow, Range};

use bartizan_api::attack_type::AttackType;
use bartizan_request::{
    AnomalyKind, ByteSet, Element, Limits, Origin, Parser, Point, PointPath, Report, RequestParts, Role,
    StepRef, Visitor, binary, walk,
};
use serde::Serialize;

use crate::engine::{Engine, Sign, StampInfo};
use crate::names::{self, Privileges};
use crate::place::Place;
use crate::rce::{deserialization, framework};
use crate::sqli::{is_own_statement, is_plain_query};

mod clauses;
#[cfg(test)]
mod tests;

use self::clauses::Clause;

/// One attack at one point of a request.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Detection {
    /// The type of attack.
    pub attack_type: AttackType,
    /// The technique of the first sign.
    pub subtype: &'static str,
    /// Where it is.
    pub point: Point,
    /// The first sign with what surrounds it, at most 1024 bytes; bytes that are no UTF-8 as `\xNN`.
    pub value: String,
    /// Where the sign stands in `value`, bytes; all of it when the sign was found in a rewritten form.
    pub span: Range<usize>,
    /// Where the sign stands in the value of the point, bytes; all of it when the sign was found in a rewritten form, `None`
    /// when the request as a whole is the sign.
    pub point_span: Option<Range<usize>>,
    /// Where the sign stands in the request as it was sent, where that is certain.
    pub origin: Option<Origin>,
    /// Every stamp found at the point for this type, ascending.
    pub stamps: Vec<u32>,
    /// Public names of well-known attacks that the signs belong to.
    pub known_attack: Vec<&'static str>,
}

/// What an inspection found.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// At most one per attack type and point, in the order of the walk.
    pub detections: Vec<Detection>,
    /// What the walk itself reports.
    pub report: Report,
}

/// The ruleset's say during an inspection. Every method has a default that changes nothing.
pub trait Policy {
    /// Whether a parser may be tried on the value at `point`.
    fn parser_allowed(&mut self, _point: &PointPath<'_>, _parser: Parser) -> bool {
        true
    }

    /// Whether findings of a type are dropped at `point`.
    fn type_disabled(&self, _point: &PointPath<'_>, _attack_type: AttackType) -> bool {
        false
    }

    /// Whether one signature is switched off at `point`.
    fn stamp_disabled(&self, _point: &PointPath<'_>, _stamp: u32) -> bool {
        false
    }

    /// Whether a sign of a value is chance, because rules say that the value is binary data or a file. `span` is where
    /// in the value the sign stands; the whole value when it was found in a rewritten form.
    fn is_noise(
        &self,
        _point: &PointPath<'_>,
        _value: &[u8],
        _attack_type: AttackType,
        _span: &Range<usize>,
    ) -> bool {
        false
    }

    /// Called for every point of the request, also those that are not scanned themselves.
    fn value_seen(&mut self, _point: &PointPath<'_>, _value: &[u8], _role: Role) {}
}

/// The policy without any rule.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPolicy;

impl Policy for NoPolicy {}

/// Inspects a whole request.
pub fn inspect(
    engine: &Engine,
    parts: &RequestParts<'_>,
    limits: &Limits,
    policy: &mut dyn Policy,
) -> Inspection {
    let mut inspector = Inspector {
        engine,
        policy,
        signs: Vec::new(),
        open: Vec::new(),
        clauses: Vec::new(),
        detections: Found::of(parts),
        whole_path: Found::of(parts),
        excused: Vec::new(),
        privileges: Privileges::default(),
        operator: None,
        listing: None,
        answers_statements: false,
    };
    let report = walk(parts, limits, &mut inspector);
    inspector.settle_operator(None);
    inspector.settle_clauses(parts, limits);
    let Inspector { policy, detections, whole_path, excused, privileges, .. } = inspector;
    let mut detections = detections.list;
    // The path as a whole is scanned for what no segment shows alone; what a segment shows is reported there, and what
    // a rule switches off there must not come back here. Climbs are between segments, so those stay.
    let is_excused = |found: &Detection| {
        let is_known = |stamp: &u32| excused.contains(&(found.attack_type, *stamp));
        found.attack_type != AttackType::Ptrav
            && !found.stamps.is_empty()
            && found.stamps.iter().all(is_known)
    };
    for found in whole_path.list {
        if is_excused(&found) {
            continue;
        }
        if !detections.iter().any(|d| d.attack_type == found.attack_type && is_path(&d.point)) {
            detections.insert(0, found);
        }
    }
    if let Some((point, value)) = privileges.verdict()
        && !point.with_path(|path| is_disabled(policy, path, &names::PRIVILEGE))
    {
        detections.push(detection(point, &names::PRIVILEGE, value));
    }
    for anomaly in &report.anomalies {
        let (attack_type, subtype) = anomaly_type(anomaly.kind);
        let known = detections.iter().any(|d| d.attack_type == attack_type && d.point == anomaly.point);
        let disabled = || anomaly.point.with_path(|path| policy.type_disabled(path, attack_type));
        if !known && !disabled() {
            detections.push(Detection {
                attack_type,
                subtype,
                point: anomaly.point.clone(),
                value: String::new(),
                span: 0..0,
                point_span: None,
                origin: None,
                stamps: Vec::new(),
                known_attack: Vec::new(),
            });
        }
    }
    Inspection { detections, report }
}

struct Inspector<'a> {
    engine: &'a Engine,
    policy: &'a mut dyn Policy,
    /// Signs of the current value; kept to reuse its memory.
    signs: Vec<Sign>,
    /// Signs of the current value that its open clause makes; kept to reuse its memory.
    open: Vec<Sign>,
    clauses: Vec<Clause>,
    detections: Found<'a>,
    whole_path: Found<'a>,
    /// Signs that rules switch off in segments of the path.
    excused: Vec<(AttackType, u32)>,
    privileges: Privileges,
    operator: Option<Operator>,
    /// An operator that was answered, behind which more names of members may follow.
    listing: Option<Operator>,
    /// Whether the resource is one that is asked statements.
    answers_statements: bool,
}

/// An operator where queries hold such by design: it is one of them if a value to compare with follows.
struct Operator {
    point: Point,
    name: Vec<u8>,
    sign: Sign,
}

/// Detections in the order of the walk.
struct Found<'a> {
    parts: &'a RequestParts<'a>,
    list: Vec<Detection>,
    /// Where in the list a type at a point is, by a hash of both, so that a thousand findings do not slow down the next.
    places: BTreeMap<u64, usize>,
    /// How many there are of a type.
    counts: BTreeMap<AttackType, usize>,
    hasher: RandomState,
}

impl<'a> Found<'a> {
    /// Most points of one type that are named. More of them say nothing new about a request, and naming them takes longer
    /// than finding them.
    const MAX_POINTS: usize = 100;
    /// Most detections that are looked for in the request, which may have as many fields as detections.
    const MAX_LOCATED: usize = 16;

    fn of(parts: &'a RequestParts<'a>) -> Found<'a> {
        Found {
            parts,
            list: Vec::new(),
            places: BTreeMap::new(),
            counts: BTreeMap::new(),
            hasher: RandomState::new(),
        }
    }

    /// The detection of a type at a point; made when there is none, up to a number that no honest mistake reaches.
    fn entry(
        &mut self,
        sign: &Sign,
        point: &Point,
        path: &PointPath<'_>,
        value: &[u8],
    ) -> Option<&mut Detection> {
        let next = self.list.len();
        let key = self.hasher.hash_one((sign.attack_type, point));
        let mut at = self.places.get(&key).copied().unwrap_or(next);
        // Two of one hash, as good as never: the list tells.
        let is_same =
            |detection: &Detection| detection.attack_type == sign.attack_type && detection.point == *point;
        if self.list.get(at).is_some_and(|detection| !is_same(detection)) {
            at = self.list.iter().position(is_same).unwrap_or(next);
        }
        if at == next {
            let count = self.counts.entry(sign.attack_type).or_default();
            if *count >= Self::MAX_POINTS {
                return None;
            }
            *count += 1;
            self.places.entry(key).or_insert(next);
            let located = next < Self::MAX_LOCATED;
            let origin = located.then(|| self.parts.origin(path, value, &sign.span)).flatten();
            let (value, span) = excerpt(value, &sign.span);
            self.list.push(Detection {
                attack_type: sign.attack_type,
                subtype: sign.subtype,
                point: point.clone(),
                value,
                span,
                point_span: Some(sign.span.clone()),
                origin,
                stamps: Vec::new(),
                known_attack: Vec::new(),
            });
        }
        self.list.get_mut(at)
    }
}

fn is_disabled(policy: &dyn Policy, point: &PointPath<'_>, info: &StampInfo) -> bool {
    policy.stamp_disabled(point, info.stamp) || policy.type_disabled(point, info.attack_type)
}

fn detection(point: Point, info: &StampInfo, value: String) -> Detection {
    Detection {
        attack_type: info.attack_type,
        subtype: info.subtype,
        point,
        span: 0..value.len(),
        value,
        point_span: None,
        origin: None,
        stamps: vec![info.stamp],
        known_attack: Vec::new(),
    }
}

impl Visitor for Inspector<'_> {
    fn visit(&mut self, point: &PointPath<'_>, value: &[u8], role: Role) -> ControlFlow<()> {
        self.visit_known(point, value, ByteSet::of(value), role)
    }

    fn visit_known(
        &mut self,
        point: &PointPath<'_>,
        value: &[u8],
        bytes: ByteSet,
        role: Role,
    ) -> ControlFlow<()> {
        if self.operator.is_some() {
            self.settle_operator(Some((point, value)));
        }
        // The first member was looked at; a secret may be among the others.
        if self.listing.is_some()
            && let Some(listing) = self
                .listing
                .take_if(|listing| names::is_below(point, &listing.name) && names::is_secret_member(value))
        {
            self.report_operator(listing);
        }
        self.policy.value_seen(point, value, role);
        if point.root_element() == Element::ActionName {
            self.answers_statements |= names::answers_statements(value);
        }
        self.privileges.note(point, value, role);
        match judged_place(point, value, bytes, role) {
            Some(Place::Uri) => self.target(point, value),
            Some(place) => self.scan(point, value, bytes, place),
            None => {}
        }
        ControlFlow::Continue(())
    }

    fn parser_allowed(&mut self, point: &PointPath<'_>, parser: Parser) -> bool {
        self.policy.parser_allowed(point, parser)
    }
}

impl Inspector<'_> {
    /// Decides about open clauses once all values are known.
    fn settle_clauses(&mut self, parts: &RequestParts<'_>, limits: &Limits) {
        if self.clauses.is_empty() {
            return;
        }
        let clauses = std::mem::take(&mut self.clauses);
        if !clauses::are_continued(&clauses, parts, limits, &mut *self.policy) {
            return;
        }
        let (policy, detections) = (&*self.policy, &mut self.detections);
        for Clause { point, value, mut signs } in clauses {
            point.with_path(|path| collect(policy, path, &value, &mut signs, detections));
        }
    }

    /// Puts an operator aside where queries hold such by design.
    fn defer_operator(&mut self, point: &PointPath<'_>, name: &[u8]) {
        let Some(at) = self.signs.iter().position(|sign| sign.stamp == names::OPERATOR) else { return };
        if names::queries_by_design(point, name) {
            let sign = self.signs.swap_remove(at);
            self.operator = Some(Operator { point: point.to_point(), name: name.to_vec(), sign });
        }
    }

    /// Decides about an operator by what was visited next.
    fn settle_operator(&mut self, next: Option<(&PointPath<'_>, &[u8])>) {
        let Some(Operator { point, name, sign }) = self.operator.take() else { return };
        if next.is_some_and(|(at, value)| names::answers_operator(at, value, &name)) {
            if names::names_members(&name) {
                self.listing = Some(Operator { point, name, sign });
            }
            return;
        }
        self.report_operator(Operator { point, name, sign });
    }

    fn report_operator(&mut self, Operator { point, name, sign }: Operator) {
        let (policy, detections) = (&*self.policy, &mut self.detections);
        point.with_path(|path| collect(policy, path, &name, &mut vec![sign], detections));
    }

    fn scan(&mut self, point: &PointPath<'_>, value: &[u8], bytes: ByteSet, place: Place) {
        if binary::is_binary(point, value, bytes) {
            self.engine.scan_data(value, place, &mut self.signs);
        } else {
            self.engine.scan_apart(value, bytes, place, &mut self.signs, &mut self.open);
        }
        if !self.open.is_empty() {
            let signs = std::mem::take(&mut self.open);
            if self.clauses.len() < Found::MAX_POINTS {
                self.clauses.push(Clause { point: point.to_point(), value: value.to_vec(), signs });
            }
        }
        if place.is_name() && names::is_prototype_chain(point, value) {
            let StampInfo { stamp, attack_type, subtype } = names::PROTOTYPE_CHAIN;
            self.signs.push(Sign { attack_type, subtype, stamp, span: 0..value.len() });
        }
        if place.is_name() && !self.signs.is_empty() {
            self.defer_operator(point, value);
        }
        if self.answers_statements && names::asks_a_statement(point) && is_plain_query(value) {
            self.signs.retain(|sign| sign.attack_type != AttackType::Sqli);
        }
        if !self.signs.is_empty() {
            if point.ancestors().any(|at| is_path_element(at.last().element())) {
                let signs = self.signs.iter();
                let off = signs.filter(|sign| {
                    self.policy.stamp_disabled(point, sign.stamp)
                        || self.policy.type_disabled(point, sign.attack_type)
                });
                self.excused.extend(off.map(|sign| (sign.attack_type, sign.stamp)));
            }
            collect(self.policy, point, value, &mut self.signs, &mut self.detections);
        }
    }

    /// The raw target and its decoded form: only the path, whose parts are not all visible in segments (the
    /// climbs between them, a last segment that is split at its dot). The query has points of its own.
    fn target(&mut self, point: &PointPath<'_>, value: &[u8]) {
        let path = path_of(value);
        let bytes = ByteSet::of(path);
        for &place in target_places(bytes) {
            self.engine.scan_known(path, bytes, place, &mut self.signs);
        }
        if !self.signs.is_empty() {
            let known = self.whole_path.list.len();
            collect(self.policy, point, path, &mut self.signs, &mut self.whole_path);
            // The absolute form has the host before the path.
            let before = path.as_ptr().addr().saturating_sub(value.as_ptr().addr());
            let spans =
                self.whole_path.list.iter_mut().skip(known).filter_map(|found| found.point_span.as_mut());
            spans.for_each(|span| *span = span.start + before..span.end + before);
        }
    }
}

/// The place as which a value is judged; `None` for what is not judged itself: containers, whose parts are points of their
/// own, and header fields that keep to a grammar in which no attack can be written.
pub(crate) fn judged_place(point: &PointPath<'_>, value: &[u8], bytes: ByteSet, role: Role) -> Option<Place> {
    if role == Role::Parsed {
        return None;
    }
    match Place::of(point, role) {
        // What a browser negotiates is in every request.
        Some(Place::HeaderValue) if is_negotiation(point, value, bytes) => None,
        // A server logs and compares these fields too: what breaks their grammar is scanned.
        None => (!bytes.is_within(STRUCTURAL)).then_some(Place::HeaderValue),
        place => place,
    }
}

/// As what the path of a target is judged: an odd one also as a segment.
pub(crate) fn target_places(bytes: ByteSet) -> &'static [Place] {
    if bytes.is_within(PATH) { &[Place::Uri] } else { &[Place::Uri, Place::Path] }
}

/// Whether the value is a list of types, languages or codings in `Accept` and its kin, or of validators: names with
/// weights (`de-DE,de;q=0.9`), each blank after a comma or semicolon, each semicolon before a weight.
fn is_negotiation(point: &PointPath<'_>, value: &[u8], bytes: ByteSet) -> bool {
    const LIST: ByteSet = ByteSet::ALPHANUMERIC.or(ByteSet::of_bytes(b" ,;=.-*/+"));
    const VALIDATORS: ByteSet = ByteSet::ALPHANUMERIC.or(ByteSet::of_bytes(b" ,-_\"/"));
    let StepRef::Keyed(Element::Header, name) = point.last() else { return false };
    match name {
        "ACCEPT" | "ACCEPT-LANGUAGE" | "ACCEPT-ENCODING" => {
            let fits = |at: usize, byte: u8| {
                let before = at.checked_sub(1).and_then(|at| value.get(at)).copied().unwrap_or(b',');
                let after = value.get(at + 1..).unwrap_or_default();
                match byte {
                    b' ' => matches!(before, b',' | b';'),
                    b'/' => before.is_ascii_alphabetic() || before == b'*',
                    b'.' | b'-' => before.is_ascii_alphanumeric(),
                    b';' => {
                        let weight = after.trim_ascii_start();
                        weight.starts_with(b"q=") || weight.starts_with(b"v=")
                    }
                    _ => true,
                }
            };
            bytes.is_within(LIST) && value.iter().enumerate().all(|(at, &byte)| fits(at, byte))
        }
        "IF-NONE-MATCH" | "IF-MATCH" => {
            let tag = |tag: &[u8]| {
                let tag = tag.trim_ascii();
                let tag = tag.strip_prefix(b"W/").unwrap_or(tag);
                matches!(tag, [b'"', inner @ .., b'"'] if !inner.iter().any(|b| matches!(b, b'"' | b' ' | b'/')))
            };
            bytes.is_within(VALIDATORS)
                && memchr::memmem::find(value, b"--").is_none()
                && value.split(|b| *b == b',').all(tag)
        }
        _ => false,
    }
}

/// What dates, tokens, hosts and client hints are made of; too little to write an attack with.
const STRUCTURAL: ByteSet = ByteSet::ALPHANUMERIC.or(ByteSet::of_bytes(b" \t-_.,:;=/?+()[]\""));
/// What ordinary paths are made of.
const PATH: ByteSet = ByteSet::ALPHANUMERIC.or(ByteSet::of_bytes(b"/-_.~%"));

/// The path of a target: without the query, and without scheme and authority of the absolute form.
pub(crate) fn path_of(target: &[u8]) -> &[u8] {
    let path = match memchr::memchr(b'?', target) {
        Some(at) => target.get(..at).unwrap_or(target),
        None => target,
    };
    if path.starts_with(b"/") {
        return path;
    }
    let Some(scheme) = memchr::memmem::find(path.get(..16).unwrap_or(path), b"://") else { return path };
    let authority = path.get(scheme + 3..).unwrap_or_default();
    match memchr::memchr(b'/', authority) {
        Some(at) => authority.get(at..).unwrap_or_default(),
        None => b"",
    }
}

/// Turns the signs of one value into detections, leaving out what rules switch off.
fn collect(
    policy: &dyn Policy,
    point: &PointPath<'_>,
    value: &[u8],
    signs: &mut Vec<Sign>,
    detections: &mut Found,
) {
    let mut owned: Option<Point> = None;
    for sign in signs.drain(..) {
        if policy.stamp_disabled(point, sign.stamp)
            || policy.type_disabled(point, sign.attack_type)
            || policy.is_noise(point, value, sign.attack_type, &sign.span)
        {
            continue;
        }
        if sign.stamp == names::REDIRECT_ONLY && !names::is_redirect(point) {
            continue;
        }
        if sign.stamp == framework::CONSTRUCTOR && !names::says_what_to_call(point) {
            continue;
        }
        // Pages keep their own objects in the view state; an attack shows by what it makes.
        if sign.stamp == deserialization::DOTNET_STREAM
            && is_view_state(point)
            && !deserialization::makes_a_process(value)
        {
            continue;
        }
        let is_expected = match sign.stamp {
            stamp if names::SYSTEM_PATHS.contains(&stamp) => names::is_service_path(value),
            names::PROGRAM_PATH => !value.contains(&b' '),
            names::OPERATOR if names::updates_a_profile(point, value) => continue,
            names::CLIMB if names::imports_a_source(point, value) => continue,
            _ => false,
        };
        if is_expected && names::is_body(point) && names::names_a_path(point) {
            continue;
        }
        let by_design = match sign.attack_type {
            AttackType::Rce => {
                sign.stamp < 3100 && (names::runs_by_design(point) || names::builds_a_package(point, value))
            }
            AttackType::Ptrav | AttackType::Ssrf => names::runs_by_design(point),
            AttackType::Sqli => names::takes_sql(point) && is_own_statement(value),
            AttackType::Ldapi => names::is_whole_filter(value) && names::takes_filter(point),
            _ => false,
        };
        if by_design {
            continue;
        }
        let at = owned.get_or_insert_with(|| point.to_point());
        if let Some(detection) = detections.entry(&sign, at, point, value) {
            note_stamp(detection, sign.stamp);
        }
    }
}

/// Whether a point lies in a view state.
fn is_view_state(point: &PointPath<'_>) -> bool {
    point.ancestors().any(|at| at.last().element().name().starts_with("viewstate"))
}

fn note_stamp(detection: &mut Detection, stamp: u32) {
    // `xxe` carries no stamps on the wire: it can be switched off per type only.
    if detection.attack_type != AttackType::Xxe
        && let Err(at) = detection.stamps.binary_search(&stamp)
    {
        detection.stamps.insert(at, stamp);
    }
    if let Some(name) = known_attack(stamp)
        && !detection.known_attack.contains(&name)
    {
        detection.known_attack.push(name);
    }
}

/// The public name of the attack behind a stamp, where there is one.
const fn known_attack(stamp: u32) -> Option<&'static str> {
    match stamp {
        3005 => Some("CVE-2014-6271"),
        3301 | 3302 => Some("CVE-2021-44228"),
        _ => None,
    }
}

/// Longest payload with context, in bytes.
const EXCERPT: usize = 1024;
/// Bytes shown before the first sign of a longer value.
const LEAD: usize = 128;

/// The sign with what surrounds it, as text, and where in that text it stands.
fn excerpt(value: &[u8], span: &Range<usize>) -> (String, Range<usize>) {
    let start = if value.len() <= EXCERPT { 0 } else { span.start.saturating_sub(LEAD) };
    let end = value.len().min(start + EXCERPT);
    let mut text = String::with_capacity(end - start);
    let (mut first, mut last) = (0, None);
    let mut at = start;
    for chunk in value.get(start..end).unwrap_or_default().utf8_chunks() {
        for (offset, c) in chunk.valid().char_indices() {
            if at + offset <= span.start {
                first = text.len();
            }
            if last.is_none() && at + offset >= span.end {
                last = Some(text.len());
            }
            text.push(c);
        }
        at += chunk.valid().len();
        for byte in chunk.invalid() {
            if at <= span.start {
                first = text.len();
            }
            if last.is_none() && at >= span.end {
                last = Some(text.len());
            }
            text.push_str(&format!("\\x{byte:02x}"));
            at += 1;
        }
    }
    let last = last.unwrap_or(text.len());
    (text, first.min(last)..last)
}

const fn anomaly_type(kind: AnomalyKind) -> (AttackType, &'static str) {
    match kind {
        AnomalyKind::DataBomb => (AttackType::DataBomb, "data_bomb"),
        AnomalyKind::InvalidXml => (AttackType::InvalidXml, "invalid_xml"),
        AnomalyKind::OverlimitSize => (AttackType::OverlimitRes, "overlimit_res_size"),
        AnomalyKind::OverlimitTime => (AttackType::OverlimitRes, "overlimit_res_time"),
        AnomalyKind::Xxe => (AttackType::Xxe, "xxe_external"),
    }
}

fn is_path(point: &Point) -> bool {
    point.steps().first().is_some_and(|step| is_path_element(step.element()))
}

fn is_path_element(element: Element) -> bool {
    matches!(element, Element::ActionName | Element::ActionExt | Element::Path)
}

impl Place {
    /// The place of a point of a walk; `None` for header fields of fixed grammar, where no attack can be written.
    #[must_use]
    pub fn of(point: &PointPath<'_>, role: Role) -> Option<Place> {
        let name = role == Role::Name;
        // The body has most of the values.
        if point.root_element() == Element::Post {
            return Some(body_place(point, name));
        }
        Some(match point.first() {
            StepRef::Simple(Element::Uri) => Place::Uri,
            StepRef::Simple(Element::ActionName | Element::ActionExt)
            | StepRef::Indexed(Element::Path, _) => Place::Path,
            StepRef::Simple(Element::HeaderName) => Place::HeaderName,
            StepRef::Simple(Element::GetName) => Place::QueryName,
            StepRef::Keyed(Element::Header, header) => return header_place(point, header, name),
            step if step.element() == Element::Get => {
                if name {
                    Place::QueryName
                } else {
                    Place::QueryValue
                }
            }
            _ => body_place(point, name),
        })
    }
}

fn header_place(point: &PointPath<'_>, header: &str, name: bool) -> Option<Place> {
    /// Fields whose grammar is fixed.
    const STRUCTURAL: &[&str] = &[
        "CONNECTION",
        "CONTENT-LENGTH",
        "DNT",
        "HOST",
        "IF-MODIFIED-SINCE",
        "IF-UNMODIFIED-SINCE",
        "KEEP-ALIVE",
        "SEC-CH-UA",
        "SEC-CH-UA-FULL-VERSION-LIST",
        "SEC-CH-UA-MOBILE",
        "SEC-CH-UA-PLATFORM",
        "SEC-WEBSOCKET-KEY",
        "TE",
        "TRANSFER-ENCODING",
        "UPGRADE-INSECURE-REQUESTS",
    ];
    Some(match header {
        "COOKIE" if name || point.contains(Element::CookieName) => Place::CookieName,
        "COOKIE" => Place::CookieValue,
        "REFERER" => Place::Referer,
        "USER-AGENT" => Place::UserAgent,
        "X-FILENAME" | "X-FILE-NAME" | "X_FILENAME" | "X.FILENAME" => Place::FileName,
        _ if STRUCTURAL.contains(&header) => return None,
        _ if name => Place::HeaderName,
        _ => Place::HeaderValue,
    })
}

fn body_place(point: &PointPath<'_>, name: bool) -> Place {
    let file_name = point.contains(Element::ContentDisp)
        && point.ancestors().any(|path| {
            matches!(path.last(), StepRef::Keyed(Element::ContentDisp, key) if key.to_ascii_lowercase().starts_with("filename"))
        });
    if file_name {
        Place::FileName
    } else if name {
        Place::BodyName
    } else if point.contains(Element::File) {
        Place::FileContent
    } else {
        Place::BodyValue
    }
}
