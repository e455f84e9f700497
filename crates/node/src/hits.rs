//! Events of one request: filled at the verdict, completed with the answer's status, on disk before it leaves.
//!
//! Masking happens here, on the copy that is reported, before anything is written: credentials always (unless
//! configured otherwise), and every point that a masking rule names (`spec/node.md` section 7.6).

mod passwords;
mod place;
mod query;
mod traits;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use bartizan_api::AttackType;
use bartizan_api::node::{BlockStatus, Event, HitContext, HitEvent, RawRequest};
use bartizan_detect::Detection;
use bartizan_request::{ApiProtocol, Element, Host, Point, PointPath, Step, StepRef};
use bartizan_rules::{FiltrationMode, Selection};
use http::Version;

use crate::access_log;
use crate::config::{AccessLogWhen, BlockCause};
use crate::pipeline::reading;
use crate::pipeline::{Context, Denial, Extent, RegexMatch, Subject, Violation, printable, size_of_head};
use crate::request_id::event_id;
use crate::response::Watched;
use crate::spool::Room;
use crate::state::State;

/// What stands in place of a masked value; it hides the length too.
const MASK: &str = "********";
const BODY_MAX: usize = 8 << 10;
const VALUE_MAX: usize = 4096;

/// Why a request was refused, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Acl(Denial),
    Attack,
    /// For a limit of the node, by its name.
    Limit(&'static str),
    NotBlocked,
    Overlimit,
}

impl Outcome {
    /// The cause that chooses the answer.
    pub(crate) fn cause(self) -> BlockCause {
        match self {
            Outcome::Acl(denial) => denial.cause(),
            Outcome::Limit(_) => BlockCause::BodyLimit,
            Outcome::Attack | Outcome::NotBlocked | Outcome::Overlimit => BlockCause::Attack,
        }
    }
}

/// Where a request holds passwords beside the fields that are named after them.
#[derive(Clone, Copy, Debug, Default)]
struct Secrets {
    /// In the body.
    body: bool,
    /// In the value of another parameter of the query.
    query: bool,
}

/// The events of a request while they are collected.
pub(crate) struct Report {
    state: Arc<State>,
    started: Instant,
    outcome: Outcome,
    template: HitEvent,
    /// Passwords that were masked in the template.
    secrets: Secrets,
    hits: Vec<(Point, HitEvent)>,
    other: Vec<HitEvent>,
}

impl Report {
    pub(crate) fn new(context: &Context<'_>, subject: &Subject<'_>, mode: FiltrationMode) -> Report {
        let mut template = template(context, subject, mode);
        let secrets = if context.state.config.masking.defaults {
            mask_passwords(&mut template.raw, subject)
        } else {
            Secrets::default()
        };
        Report {
            state: Arc::clone(context.state),
            started: context.started,
            outcome: Outcome::NotBlocked,
            template,
            secrets,
            hits: Vec::new(),
            other: Vec::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.hits.is_empty() && self.other.is_empty()
    }

    /// About how many bytes each hit repeats.
    pub(crate) fn size(&self) -> usize {
        let raw = &self.template.raw;
        let values = raw
            .headers
            .iter()
            .map(|(name, values)| values.iter().map(|value| name.len() + value.len()).sum::<usize>());
        raw.uri.len() + raw.body.len() + values.sum::<usize>()
    }

    pub(crate) fn outcome(&mut self, outcome: Outcome, protocol: ApiProtocol, subject: &Subject<'_>) {
        self.outcome = outcome;
        self.template.api_protocol = traits::api_protocol(subject, protocol).to_owned();
        if outcome != Outcome::NotBlocked {
            self.template.block_status = BlockStatus::Blocked;
        }
    }

    pub(crate) fn detection(&mut self, found: &Detection, patched: bool, subject: &Subject<'_>) {
        let mut hit = self.hit(if patched { AttackType::Vpatch } else { found.attack_type }, &found.point);
        hit.attack_subtype = (!found.subtype.is_empty()).then(|| found.subtype.to_owned());
        hit.value = cut(&found.value);
        hit.payload_span = characters(&found.value, &found.span);
        hit.sign_place = place::of(found, &hit, subject);
        hit.stamps.clone_from(&found.stamps);
        hit.known_attack = found.known_attack.iter().map(|&name| name.to_owned()).collect();
        self.push(&found.point, hit);
    }

    pub(crate) fn regex(&mut self, found: &RegexMatch) {
        let mut hit = self.hit(found.attack_type, &found.point);
        hit.value = cut(&found.value);
        hit.regex = vec![found.rule_id];
        hit.experimental = found.experimental;
        self.push(&found.point, hit);
    }

    pub(crate) fn vpatch(&mut self, point: &Point, value: &str) {
        let mut hit = self.hit(AttackType::Vpatch, point);
        hit.value = cut(value);
        self.push(point, hit);
    }

    /// A limit that the request exceeds; the value itself says nothing.
    pub(crate) fn violation(&mut self, found: &Violation) {
        let hit = self.hit(found.attack_type, &found.point);
        self.push(&found.point, hit);
    }

    /// A request that is refused without a finding.
    pub(crate) fn limit(&mut self) {
        let point = PointPath::root(StepRef::Simple(Element::Post)).to_point();
        let hit = self.hit(AttackType::OverlimitRes, &point);
        self.push(&point, hit);
    }

    /// Takes an event; what is a secret by itself is gone from it.
    fn push(&mut self, point: &Point, mut hit: HitEvent) {
        let is_secret = holds_credentials(point)
            || passwords::holds_password(point)
            || self.secrets.body
                && (passwords::may_contain_password(point) || passwords::is_named_in(&hit.value))
            || self.secrets.query && matches!(place(point), Place::Query(_));
        if self.state.config.masking.defaults && is_secret {
            clear_value(&mut hit);
        }
        self.hits.push((point.clone(), hit));
    }

    /// A request of a denylisted source.
    pub(crate) fn denied(&mut self, denial: Denial, count: u32, blocked: bool) {
        let mut hit = self.template.clone();
        hit.event_id = event_id();
        hit.attack_type = denial.attack_type;
        hit.ip_blocked = true;
        hit.aggregated_count = count;
        hit.block_reason = acl_reason(denial);
        if blocked {
            hit.block_status = BlockStatus::Blocked;
        }
        self.other.push(hit);
    }

    fn hit(&self, attack_type: AttackType, point: &Point) -> HitEvent {
        let mut hit = self.template.clone();
        hit.event_id = event_id();
        hit.attack_type = attack_type;
        hit.point = match serde_json::to_value(point) {
            Ok(serde_json::Value::Array(steps)) => steps,
            _ => Vec::new(),
        };
        hit.parameter = point.parameter();
        hit
    }

    /// Masks the points that rules name, in every event of the request.
    pub(crate) fn mask(&mut self, selection: &Selection<'_>) {
        let points: Vec<&Point> = selection.sensitive_points().collect();
        if points.is_empty() {
            return;
        }
        for (point, hit) in &mut self.hits {
            let mut mixed = false;
            let before = place::shown(hit);
            points.iter().for_each(|sensitive| mixed |= mask_parts(&mut hit.raw, &mut hit.path, sensitive));
            if place::shown(hit) != before {
                place::forget_in_request(hit);
            }
            let in_query = matches!(place(point), Place::Query(_));
            if mixed && in_query || points.iter().any(|sensitive| shows(point, sensitive)) {
                clear_value(hit);
            }
        }
        for hit in self.other.iter_mut().chain([&mut self.template]) {
            for sensitive in &points {
                mask_parts(&mut hit.raw, &mut hit.path, sensitive);
            }
        }
    }

    /// What the answer is to be compared with. Call it when everything is masked.
    pub(crate) fn watched(
        &self,
        detections: &[Detection],
        subject: &Subject<'_>,
        endpoint: u64,
    ) -> Box<Watched> {
        let mut base = self.template.clone();
        // Masked with the hits, where there are any.
        if let Some((_, hit)) = self.hits.first() {
            base.raw = hit.raw.clone();
            base.path.clone_from(&hit.path);
        }
        Watched::new(base, &self.hits, detections, subject, endpoint)
    }

    /// The events, to be completed when the answer is known.
    pub(crate) fn pending(self) -> PendingHits {
        let points = match self.state.config.log.access.when {
            AccessLogWhen::Off => String::new(),
            _ => access_log::points(self.hits.iter().map(|(point, _)| point)),
        };
        let mut events: Vec<HitEvent> = self.hits.into_iter().map(|(_, hit)| hit).collect();
        let mask = events
            .iter()
            .fold(0u64, |mask, hit| mask | 1u64.checked_shl(hit.attack_type.info().id.into()).unwrap_or(0));
        let reason = match self.outcome {
            Outcome::NotBlocked => "not blocked".to_owned(),
            Outcome::Attack => format!("attack mask={mask:016x}"),
            Outcome::Limit(name) => format!("limit {name}"),
            Outcome::Overlimit => "overlimit".to_owned(),
            Outcome::Acl(denial) => acl_reason(denial),
        };
        for hit in &mut events {
            hit.block_reason.clone_from(&reason);
        }
        events.extend(self.other);
        PendingHits { state: self.state, started: self.started, events, points }
    }
}

/// Events that wait for the status of the answer. Dropped without it (the client went away), they are written
/// all the same.
pub(crate) struct PendingHits {
    state: Arc<State>,
    started: Instant,
    events: Vec<HitEvent>,
    /// Where they are, for the access log.
    points: String,
}

impl PendingHits {
    /// Completes the events and waits until they are on disk.
    pub(crate) async fn finish(mut self, status: u16, response_size: u64) {
        if let Some(durable) = self.write(status, response_size) {
            // An error is a spool that is gone, which is counted there.
            let _ = durable.await;
        }
    }

    /// Names the message of a gRPC call that the events are about; inspection sees one at a time.
    pub(crate) fn set_message(&mut self, index: u64) {
        self.events.retain(|hit| hit.point.first().is_none_or(|step| step == "post"));
        for hit in &mut self.events {
            let at = hit.point.iter().position(|step| step == "grpc");
            if let Some(step) = at.and_then(|at| hit.point.get_mut(at + 1)) {
                *step = index.into();
            }
        }
    }

    /// The events themselves, which are then not recorded.
    pub(crate) fn discard(mut self) -> Vec<HitEvent> {
        std::mem::take(&mut self.events)
    }

    fn write(&mut self, status: u16, response_size: u64) -> Option<tokio::sync::oneshot::Receiver<()>> {
        let mut events = std::mem::take(&mut self.events);
        let elapsed = u32::try_from(self.started.elapsed().as_millis()).unwrap_or(u32::MAX);
        for hit in &mut events {
            hit.statuscode = status;
            hit.response_time = elapsed;
            hit.response_size = response_size;
        }
        access_log::attack(self.state.config.log.access.when, &events, &self.points, self.started.elapsed());
        let now = crate::clock::unix_seconds();
        let sampling = &self.state.sampling;
        let sampled = sampling.sift(&self.state.config.sampling, events, now);
        let mut record = sampling.record(&sampled.dropped, now);
        let mut events = sampled.kept;
        // A hit may stand for others that were left out before it.
        let told =
            |events: &[HitEvent]| events.iter().map(|hit| u64::from(hit.aggregated_count)).sum::<u64>();
        let all = told(&events);
        match self.state.spool.room() {
            Room::All => {}
            Room::Trace => {
                record = None;
                // The first says what the request was refused for.
                events.truncate(1);
                events.iter_mut().for_each(trim);
            }
            Room::None => {
                record = None;
                events.clear();
            }
        }
        self.state.spool.note_lost(all - told(&events));
        if events.is_empty() && record.is_none() {
            return None;
        }
        let hits = events.into_iter().map(|hit| Event::Hit(Box::new(hit)));
        let records = record.into_iter().map(|record| Event::DroppedHits(Box::new(record)));
        let encoded = hits.chain(records).filter_map(|event| serde_json::to_vec(&event).ok());
        Some(self.state.spool.append(encoded.collect()))
    }
}

impl Drop for PendingHits {
    fn drop(&mut self) {
        self.write(0, 0);
    }
}

/// Leaves nothing of the request.
pub(crate) fn trim(hit: &mut HitEvent) {
    hit.raw = crate::sampling::trimmed(&hit.raw);
    place::forget_in_request(hit);
}

fn acl_reason(denial: Denial) -> String {
    format!("acl blacklist {} {}", denial.by, denial.attack_type.info().code)
}

/// What the databases of the node say of the source.
fn source_context(context: &Context<'_>) -> HitContext {
    let sources = &context.state.sources;
    if sources.is_empty() {
        return HitContext::default();
    }
    let source = sources.of(context.client.ip);
    HitContext {
        country: source.country,
        datacenter: source.datacenter.map(str::to_owned),
        tor: source.proxies.contains(&"TOR"),
        proxy_type: source.proxies.first().map(|&code| code.to_owned()),
        ..HitContext::default()
    }
}

/// Header fields whose values are credentials; `name` in upper case.
fn is_credential(name: &str) -> bool {
    matches!(name, "AUTHORIZATION" | "PROXY-AUTHORIZATION" | "COOKIE" | "SET-COOKIE")
}

/// Whether a point is such a field or a part of one, or several headers at once.
fn holds_credentials(point: &Point) -> bool {
    match point.steps().first() {
        Some(Step::Keyed(Element::Header, name)) => is_credential(name),
        Some(Step::Simple(Element::HeaderAll)) => true,
        _ => false,
    }
}

/// Takes the payload out of an event.
fn clear_value(hit: &mut HitEvent) {
    hit.value.clear();
    hit.payload_span = None;
    hit.sign_place = None;
}

/// A span of bytes of a text as one of characters; `None` of nothing.
fn characters(text: &str, span: &Range<usize>) -> Option<[u32; 2]> {
    let count = |end: usize| u32::try_from(text.get(..end)?.chars().count()).ok();
    let [start, end] = [count(span.start)?, count(span.end)?];
    (start < end).then_some([start, end])
}

fn cut(value: &str) -> String {
    value.chars().take(VALUE_MAX).collect()
}

fn text(bytes: &[u8]) -> String {
    printable(bytes, usize::MAX)
}

/// Everything that the hits of a request have in common.
fn template(context: &Context<'_>, subject: &Subject<'_>, mode: FiltrationMode) -> HitEvent {
    let path = subject.target.split(|byte| *byte == b'?').next().unwrap_or_default();
    HitEvent {
        event_id: String::new(),
        request_id: context.id.to_string(),
        ts_ms: crate::clock::unix_millis(),
        node_uuid: context.state.uuid.load().as_ref().clone(),
        application: context.settings.application,
        ruleset_version: context.snapshot.ruleset_version,
        attack_type: AttackType::Warn,
        attack_subtype: None,
        point: Vec::new(),
        parameter: String::new(),
        value: String::new(),
        payload_span: None,
        sign_place: None,
        stamps: Vec::new(),
        regex: Vec::new(),
        experimental: false,
        known_attack: Vec::new(),
        ip: context.client.ip.to_string(),
        remote_port: context.connection.peer.port(),
        domain: domain(subject),
        path: text(path),
        method: subject.method.to_owned(),
        proto: proto(subject.version).to_owned(),
        scheme: subject.scheme().to_owned(),
        api_protocol: "none".to_owned(),
        auth_protocol: traits::auth_protocols(subject),
        statuscode: 0,
        response_time: 0,
        response_size: 0,
        request_size: size_of_head(subject) + subject.body.len() as u64,
        block_status: BlockStatus::Monitored,
        block_reason: "not blocked".to_owned(),
        ip_blocked: false,
        mode: mode.name().to_owned(),
        aggregated_count: 1,
        raw: raw(context, subject),
        context: hit_context(context, mode),
    }
}

fn hit_context(context: &Context<'_>, mode: FiltrationMode) -> HitContext {
    let local = reading::local_mode(context.settings.mode);
    let local_mode = (local != mode).then(|| local.name().to_owned());
    HitContext { local_mode, ..source_context(context) }
}

fn domain(subject: &Subject<'_>) -> String {
    let host = Host::parse(subject.header("host").unwrap_or_default());
    let default_port: &[u8] = if subject.secure { b"443" } else { b"80" };
    let mut domain = text(host.name()).to_lowercase();
    if let Some(port) = host.port().filter(|port| *port != default_port) {
        domain.push(':');
        domain.push_str(&text(port));
    }
    domain
}

fn proto(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}

fn raw(context: &Context<'_>, subject: &Subject<'_>) -> RawRequest {
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in &subject.headers {
        let name = text(name).to_uppercase();
        let secret = context.state.config.masking.defaults && is_credential(&name);
        let value = if secret { MASK.to_owned() } else { text(value) };
        headers.entry(name).or_default().push(value);
    }
    let cut = subject.body.len() > BODY_MAX;
    RawRequest {
        remote_addr: context.client.ip.to_string(),
        remote_port: context.connection.peer.port().to_string(),
        server_addr: context.connection.local.ip().to_canonical().to_string(),
        server_port: context.connection.local.port().to_string(),
        method: subject.method.to_owned(),
        proto: proto(subject.version).to_owned(),
        uri: text(subject.target),
        headers,
        body: printable(subject.body, BODY_MAX),
        body_original_size: (cut || subject.extent != Extent::Whole).then_some(subject.body.len() as u64),
        ebpf: None,
    }
}

/// Masks what login forms send.
fn mask_passwords(raw: &mut RawRequest, subject: &Subject<'_>) -> Secrets {
    let query = query::mask(&mut raw.uri, &passwords::is_password);
    let masked = passwords::masked(&raw.body, subject.header("content-type").unwrap_or_default());
    let body = masked.is_some() || passwords::may_follow(subject.body.get(BODY_MAX..).unwrap_or_default());
    if let Some(masked) = masked {
        raw.body = masked;
    }
    Secrets { body, query }
}

/// Whether the value at `point` is or holds the one at `sensitive`: below it, or a whole of which it is a part.
fn shows(point: &Point, sensitive: &Point) -> bool {
    /// Other readings of the same bytes.
    fn is_reading(step: &Step) -> bool {
        let element = step.element();
        matches!(
            element,
            Element::Base64
                | Element::Gzip
                | Element::Hex
                | Element::HtmlJs
                | Element::Percent
                | Element::Pollution
        )
    }
    if point.with_path(|path| sensitive.covers(path)) {
        return true;
    }
    // The whole target, and what a part of a request has beyond the values that are looked at one by one.
    match point.steps().first() {
        Some(Step::Simple(Element::Uri)) => return place(sensitive) == Place::Path,
        Some(Step::Simple(Element::GetAll)) => {
            return !matches!(place(sensitive), Place::Header(_) | Place::Body);
        }
        Some(Step::Simple(Element::HeaderAll)) => return matches!(place(sensitive), Place::Header(_)),
        _ => {}
    }
    let parts = |point: &Point| -> Vec<Step> {
        point.steps().iter().filter(|step| !is_reading(step)).cloned().collect()
    };
    let (whole, part) = (parts(point), parts(sensitive));
    !whole.is_empty() && part.starts_with(&whole)
}

/// The part of a serialised request that a point is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place<'p> {
    /// `None` is every header.
    Header(Option<&'p str>),
    /// `None` is every parameter.
    Query(Option<&'p str>),
    Path,
    Body,
}

fn place(point: &Point) -> Place<'_> {
    match point.steps().first() {
        Some(Step::Keyed(Element::Header, name)) => Place::Header(Some(name)),
        Some(Step::Keyed(Element::Get, name)) => Place::Query(Some(name)),
        Some(Step::Simple(Element::Post)) => Place::Body,
        Some(Step::Simple(Element::HeaderAll | Element::HeaderName)) => Place::Header(None),
        Some(Step::Simple(Element::GetAll | Element::GetName)) => Place::Query(None),
        _ => Place::Path,
    }
}

/// Masks what a point of the request shows in its serialised form. Where the place of the value in the text is not
/// certain (a part of a body, a decoded part of the target), the whole is masked: too much rather than too little.
/// Says whether the masked value is also part of another parameter.
fn mask_parts(raw: &mut RawRequest, path: &mut String, sensitive: &Point) -> bool {
    match place(sensitive) {
        Place::Header(wanted) => {
            for (known, values) in &mut raw.headers {
                if wanted.is_none_or(|name| known.eq_ignore_ascii_case(name)) {
                    values.fill(MASK.to_owned());
                }
            }
        }
        Place::Query(wanted) => {
            return query::mask(&mut raw.uri, &|name| wanted.is_none_or(|wanted| wanted == name));
        }
        Place::Body if raw.body.is_empty() => {}
        Place::Body => MASK.clone_into(&mut raw.body),
        Place::Path => {
            let end = raw.uri.split('?').next().unwrap_or_default().len();
            let masked = raw.uri.get(..end).filter(|sent| *sent == path.as_str());
            let masked = masked.and_then(|sent| masked_segment(sent, sensitive)).unwrap_or(MASK.to_owned());
            raw.uri.replace_range(..end, &masked);
            *path = masked;
        }
    }
    false
}

/// A path as it may be shown under the rules of a request.
pub(crate) fn masked_path(path: &str, selection: &Selection<'_>) -> String {
    let on_path = |point: &&Point| place(point) == Place::Path;
    selection.sensitive_points().filter(on_path).fold(path.to_owned(), |path, sensitive| {
        masked_segment(&path, sensitive).unwrap_or_else(|| MASK.to_owned())
    })
}

/// A path with the segment masked that a point names, if it has one. `None` when the path could be read in two ways or the
/// point is no single segment.
fn masked_segment(path: &str, sensitive: &Point) -> Option<String> {
    let is_plain = |segment: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~*".contains(&byte);
        segment.bytes().all(plain) && !matches!(segment, "." | "..")
    };
    let mut segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    let last = segments.len() - 1;
    let doubled = segments.iter().take(last).any(|segment| segment.is_empty());
    if doubled || !segments.iter().all(|segment| is_plain(segment)) {
        return None;
    }
    let at = match sensitive.steps() {
        [Step::Indexed(Element::Path, index), ..] => usize::try_from(*index).ok()?,
        [Step::Simple(Element::ActionName | Element::ActionExt), ..] => last,
        _ => return None,
    };
    // The last segment is the action, with a number only where it is empty.
    if let Some(segment) = segments.get_mut(at).filter(|segment| !segment.is_empty()) {
        *segment = MASK;
    }
    Some(format!("/{}", segments.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(json: &str) -> Point {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn masked_points_are_gone_from_the_raw_request() {
        let raw = RawRequest {
            uri: "/a/b?card=4111&x[card]=1&card%5Bcvv%5D=999".into(),
            headers: [("X-TOKEN".to_owned(), vec!["secret".to_owned()])].into(),
            body: "{\"pin\":1234}".into(),
            ..RawRequest::default()
        };
        let masked = |json| {
            let (mut copy, mut path) = (raw.clone(), "/a/b".to_owned());
            mask_parts(&mut copy, &mut path, &point(json));
            assert_eq!(path, copy.uri.split('?').next().unwrap());
            copy
        };
        assert_eq!(masked(r#"["get","card"]"#).uri, "/a/b?card=********&x[card]=1&card%5Bcvv%5D=********");
        assert_eq!(
            masked(r#"["get_all"]"#).uri,
            "/a/b?card=********&x[card]=********&card%5Bcvv%5D=********"
        );
        assert_eq!(masked(r#"["header","X-TOKEN"]"#).headers["X-TOKEN"], ["********"]);
        assert_eq!(masked(r#"["post","json_doc","hash","pin"]"#).body, "********");
        assert_eq!(masked(r#"["path",0]"#).uri, "/********/b?card=4111&x[card]=1&card%5Bcvv%5D=999");
        assert_eq!(masked(r#"["path_all"]"#).uri, "********?card=4111&x[card]=1&card%5Bcvv%5D=999");
    }

    #[test]
    fn a_segment_is_masked_where_it_is_certain_and_else_the_path() {
        let masked = |path: &str, json: &str| masked_segment(path, &point(json));
        let name = r#"["action_name"]"#;
        assert_eq!(masked("/u/123/card.json", r#"["path",1]"#).unwrap(), "/u/********/card.json");
        assert_eq!(masked("/u/123/card.json", name).unwrap(), "/u/123/********");
        assert_eq!(masked("/u/123/", r#"["path",1]"#).unwrap(), "/u/********/");
        assert_eq!(masked("/u", r#"["path",3]"#).unwrap(), "/u");
        for odd in ["/u//1", "/u/%31", "/u;x/1", "/a/../1", "/u\\1", "********", "/u/é"] {
            assert_eq!(masked(odd, r#"["path",1]"#), None, "{odd}");
        }
        assert_eq!(masked("/u/1", r#"["uri"]"#), None);
    }

    #[test]
    fn a_request_without_a_body_gets_none() {
        let (mut raw, mut path) = (RawRequest { uri: "/a".into(), ..RawRequest::default() }, "/a".to_owned());
        mask_parts(&mut raw, &mut path, &point(r#"["post","json_doc","hash","pin"]"#));
        assert_eq!(raw.body, "");
    }

    #[test]
    fn values_that_hold_a_masked_point_are_masked_too() {
        let shows = |hit: &str, sensitive: &str| shows(&point(hit), &point(sensitive));
        let pin = r#"["post","json_doc","hash","pin"]"#;
        assert!(shows(pin, pin));
        assert!(shows(r#"["post"]"#, pin) && shows(r#"["post","percent"]"#, pin));
        assert!(shows(r#"["post","json_doc","hash","pin","base64"]"#, pin));
        assert!(!shows(r#"["post","json_doc","hash","name"]"#, pin) && !shows(r#"["get","pin"]"#, pin));
        assert!(shows(r#"["get","a","pollution"]"#, r#"["get","a"]"#));
        assert!(shows(r#"["uri","percent"]"#, r#"["path",1]"#) && !shows(r#"["uri"]"#, r#"["get","a"]"#));
        // What is beyond the number of values is of any place of its section.
        let rest = r#"["get_all"]"#;
        assert!(shows(rest, r#"["get","token"]"#) && shows(rest, r#"["path",1]"#) && !shows(rest, pin));
        let headers = r#"["header_all"]"#;
        assert!(shows(headers, r#"["header","X-TOKEN"]"#) && !shows(headers, r#"["get","token"]"#));
        assert!(holds_credentials(&point(headers)) && !holds_credentials(&point(r#"["header","X-A"]"#)));
    }
}
