//! One value, and everything else it can be read as.
//!
//! First the containers: a value that is a JSON document, XML, a JWT or a GraphQL document is taken
//! apart. Then the decoders, each giving one more point below the value. A decoded form is again a value,
//! so encodings nest; depth, volume and number of values bound that.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;

use super::gql::may_hold_graphql;
use super::jwt::may_be_token;
use super::{Flow, Role, Taken, Walker};
use crate::binary;
use crate::bytes::ByteSet;
use crate::decode::compress::{Bounds, Format, Outcome};
use crate::decode::{base64, charset, hex, htmljs, percent, zip};
use crate::element::Element;
use crate::parser::Parser;
use crate::path::{PointPath, StepRef};
use crate::php::looks_like_php;
use crate::report::AnomalyKind;

const PERCENT: ByteSet = ByteSet::of_bytes(b"%");
const ESCAPE: ByteSet = ByteSet::of_bytes(b"&\\");
const PLUS: ByteSet = ByteSet::of_bytes(b"+");
/// What encodings of wider characters need.
const WIDE: ByteSet = ByteSet::NON_ASCII.or(ByteSet::of_bytes(b"\0"));
/// What a decoder other than those of digits needs.
const DECODABLE: ByteSet = PERCENT.or(ESCAPE).or(PLUS).or(WIDE);
/// Both alphabets of base64, padding and line breaks.
const BASE64: ByteSet = ByteSet::ALPHANUMERIC.or(ByteSet::of_bytes(b"+/-_=\r\n"));

const BLANK: ByteSet = ByteSet::of_bytes(b" ");

/// Shortest value tried as base64 or hexadecimal.
const MIN_ENCODED: usize = 8;
/// Values from this size on are worth a look at the clock of their own.
const LARGE: usize = 64 * 1024;
/// Decoders that do not grow their input may still multiply it by re-reading it in many ways; this is
/// how many times the request's size they may produce.
const MAX_EXPANSION: usize = 32;
/// Expansion that is always free: some hundred readings of a request of some hundred bytes.
const EXPANSION_GRACE: usize = 32 * 1024;

/// Largest size of what is in an archive, bytes.
const ARCHIVE_BYTES: usize = 1 << 30;
/// How many times larger than the archive that may be.
const ARCHIVE_RATIO: usize = 1000;

impl Walker<'_> {
    /// The raw request target. Only percent-decoding makes sense for the whole of it: its parts are
    /// visited on their own.
    pub(super) fn uri(&mut self, raw: &[u8]) -> Flow {
        let path = PointPath::root(StepRef::Simple(Element::Uri));
        self.visit(&path, raw, Role::Leaf)?;
        if memchr::memchr(b'%', raw).is_none() || !self.may_parse(&path, Parser::Percent) {
            return Flow::Continue(());
        }
        let mut buffer = self.take_buffer();
        let mut flow = Flow::Continue(());
        if percent::decode_wide(raw, &mut buffer) {
            self.report.decoded_bytes += buffer.len();
            flow = self.visit(&path.child(StepRef::Simple(Element::Percent)), &buffer, Role::Leaf);
        }
        self.give_buffer(buffer);
        flow
    }

    /// Visits a value, its parts and its decoded forms.
    pub(super) fn value(&mut self, path: &PointPath<'_>, value: &[u8], role: Role) -> Flow {
        if value.len() >= LARGE {
            self.check_clock(path)?;
        }
        let taken = if role == Role::Name { Taken::No } else { self.containers(path, value)? };
        if taken == Taken::Whole {
            return Flow::Continue(());
        }
        let bytes = ByteSet::of(value);
        if taken == Taken::No {
            self.visit_known(path, value, bytes, role)?;
            self.inner_fields(path, value, bytes, role)?;
        }
        self.decoded_forms(path, value, bytes, role)
    }

    /// What a value can be read as besides, by whether it is text or data.
    pub(super) fn decoded_forms(
        &mut self,
        path: &PointPath<'_>,
        value: &[u8],
        bytes: ByteSet,
        role: Role,
    ) -> Flow {
        if binary::is_binary(path, value, bytes) {
            self.forms_of_data(path, value, role)
        } else {
            self.decoders(path, value, bytes, role)
        }
    }

    /// Text in wide characters has bytes like data. What else a decoder would make of data is data too.
    fn forms_of_data(&mut self, path: &PointPath<'_>, value: &[u8], role: Role) -> Flow {
        self.decoded(path, Element::Percent, value, role, Parser::Percent, charset::decode_wide)?;
        self.hidden_compression(path, value, role)
    }

    /// Tries the containers that the first bytes suggest.
    pub(super) fn containers(&mut self, path: &PointPath<'_>, value: &[u8]) -> ControlFlow<(), Taken> {
        let Some(first) = value.iter().find(|b| !b.is_ascii_whitespace()) else {
            return ControlFlow::Continue(Taken::No);
        };
        if looks_like_php(value) && self.may_descend(path, value) {
            return self.php(path, value);
        }
        // Most values end here, so this looks at one byte and the length only.
        let (is_json, is_xml, is_token, is_gql) = match first {
            b'{' => (true, false, false, true),
            b'[' | b'/' | 0xEF => (true, false, false, false),
            b'<' => (false, true, false, false),
            b'e' | b'b' | b'B' | b'l' | b'L' | b'j' | b'J' | b't' | b'T' | b'd' | b'D' | b'I' | b'C' => {
                (false, false, may_be_token(value), false)
            }
            b'm' | b'M' => (false, false, may_be_token(value), true),
            b'q' | b's' | b'f' | b'#' => (false, false, false, true),
            0xFF if value.starts_with(&[0xFF, 0x01]) && self.may_descend(path, value) => {
                return self.viewstate(path, value);
            }
            _ => return ControlFlow::Continue(Taken::No),
        };
        let is_gql = is_gql && may_hold_graphql(path);
        let candidate = value.len() >= 2 && (is_json || is_xml || is_token || is_gql);
        if !candidate || !self.may_descend(path, value) {
            return ControlFlow::Continue(Taken::No);
        }
        let mut taken = Taken::No;
        if is_json {
            taken = self.json(path, value, false)?;
        }
        if is_xml {
            taken = self.xml(path, value, false)?;
        }
        if is_token {
            taken = self.jwt(path, value)?;
        }
        if taken == Taken::No && is_gql {
            taken = self.gql(path, value)?;
        }
        if taken == Taken::No && is_json {
            taken = self.damaged_json(path, value)?;
        }
        ControlFlow::Continue(taken)
    }

    /// Tries every decoder that the bytes suggest.
    pub(super) fn decoders(
        &mut self,
        path: &PointPath<'_>,
        value: &[u8],
        bytes: ByteSet,
        role: Role,
    ) -> Flow {
        // Most values end here: nothing in them is an escape, and they are no string of digits.
        if !bytes.intersects(DECODABLE) && (value.len() < MIN_ENCODED || !may_be_digits(path, bytes)) {
            return Flow::Continue(());
        }
        if is_decoder(path.last().element()) {
            return self.each_decoder(path, value, bytes, role);
        }
        // The decodings of a value that no decoder made are its own.
        let outer = std::mem::replace(&mut self.first_decoding, self.decodings.len());
        let flow = self.each_decoder(path, value, bytes, role);
        self.decodings.truncate(self.first_decoding);
        self.first_decoding = outer;
        flow
    }

    fn each_decoder(&mut self, path: &PointPath<'_>, value: &[u8], bytes: ByteSet, role: Role) -> Flow {
        if bytes.intersects(PERCENT) && !self.percent_was_tried(path, value) {
            self.decoded(path, Element::Percent, value, role, Parser::Percent, percent::decode_wide)?;
            self.decoded(path, Element::Percent, value, role, Parser::Percent, percent::decode_stray)?;
        }
        if bytes.intersects(ESCAPE) {
            self.decoded(path, Element::HtmlJs, value, role, Parser::HtmlJs, htmljs::decode)?;
        }
        self.text_decoders(path, value, bytes, role)?;
        if bytes.intersects(WIDE) {
            self.decoded(path, Element::Percent, value, role, Parser::Percent, charset::decode)?;
            self.hidden_compression(path, value, role)?;
        }
        if bytes.intersects(PLUS) {
            self.decoded(path, Element::Percent, value, role, Parser::Percent, charset::decode_utf7)?;
        }
        Flow::Continue(())
    }

    /// A value that begins like a compressed one.
    fn hidden_compression(&mut self, path: &PointPath<'_>, value: &[u8], role: Role) -> Flow {
        self.check_archive(path, value);
        // A body was already tried with every coding it shows.
        let Some(format) = Format::of_magic(value).filter(|_| !is_whole_body(path)) else {
            return Flow::Continue(());
        };
        self.decompressed(path, value, &[format], |walker, path, value| walker.value(path, value, role))
    }

    /// A zip archive is not unpacked, but says how large it will be.
    fn check_archive(&mut self, path: &PointPath<'_>, value: &[u8]) {
        let Some(size) = zip::unpacked_size(value).and_then(|size| usize::try_from(size).ok()) else {
            return;
        };
        // What is unpacked elsewhere, if at all, has room for what people pack: logs and tables shrink a hundredfold.
        let exceeds_ratio = size > self.limits.ratio_grace_bytes
            && size / ARCHIVE_RATIO.max(self.limits.max_ratio) > value.len();
        if size > ARCHIVE_BYTES.max(self.limits.max_decoded_bytes) || exceeds_ratio {
            self.anomaly(AnomalyKind::DataBomb, path);
        }
    }

    /// Hexadecimal digits and base64, as the whole value or after a known prefix.
    fn text_decoders(&mut self, path: &PointPath<'_>, value: &[u8], bytes: ByteSet, role: Role) -> Flow {
        if let Some(digits) = value.strip_prefix(b"0x").or_else(|| value.strip_prefix(b"0X")) {
            self.decoded(path, Element::Hex, digits, role, Parser::Hex, hex::decode)
        } else if bytes.intersects(BLANK) && bytes.is_within(BASE64.or(BLANK)) && base64::is_grouped(value) {
            self.decoded(path, Element::Base64, value, role, Parser::Base64, base64::decode_groups)?;
            // The blanks may be plus signs of a query.
            self.decoded(path, Element::Base64, value, role, Parser::Base64, base64::decode)
        } else if !bytes.is_within(BASE64) {
            let plus = || may_be_plus(value, bytes).then_some(value);
            let Some(data) = embedded_base64(path, value).or_else(plus) else { return Flow::Continue(()) };
            self.decoded(path, Element::Base64, data, role, Parser::Base64, base64::decode)
        } else if value.len() < MIN_ENCODED {
            Flow::Continue(())
        } else if !bytes.is_within(ByteSet::HEX) {
            if !base64::is_worth_decoding(value) {
                return Flow::Continue(());
            }
            self.decoded(path, Element::Base64, value, role, Parser::Base64, base64::decode)
        } else {
            // Hexadecimal digits are base64 too, but mean themselves.
            self.decoded(path, Element::Hex, value, role, Parser::Hex, hex::decode)
        }
    }

    /// After `htmljs`, percent signs that were there before have been decoded in the sibling point, whose
    /// own `htmljs` child sees the same text. Following both orders would double the work per layer.
    fn percent_was_tried(&self, path: &PointPath<'_>, value: &[u8]) -> bool {
        path.last().element() == Element::HtmlJs
            && self.percents_before.is_some_and(|before| count_percents(value) <= before)
    }

    /// Runs a decoder and visits what it gives as a child.
    pub(super) fn decoded(
        &mut self,
        path: &PointPath<'_>,
        element: Element,
        value: &[u8],
        role: Role,
        parser: Parser,
        decode: impl FnOnce(&[u8], &mut Vec<u8>) -> bool,
    ) -> Flow {
        if !self.may_descend(path, value) || !self.may_parse(path, parser) {
            return Flow::Continue(());
        }
        let mut buffer = self.take_buffer();
        let mut flow = Flow::Continue(());
        if decode(value, &mut buffer)
            && buffer != value
            && !buffer.is_empty()
            && self.is_new(element, &buffer, path.decoder_depth())
        {
            self.note_decoded(buffer.len());
            let outer = self.percents_before.replace(count_percents(value));
            flow = self.value(&path.child(StepRef::Simple(element)), &buffer, role);
            self.percents_before = outer;
        }
        self.give_buffer(buffer);
        flow
    }

    /// Charges what a decoder gave to the budget.
    pub(super) fn note_decoded(&mut self, bytes: usize) {
        self.report.decoded_bytes += bytes;
        self.note_reread(bytes);
    }

    /// Charges bytes that are looked at once more to what a request may be expanded to.
    pub(super) fn note_reread(&mut self, bytes: usize) {
        self.expanded += bytes;
    }

    /// Whether a decoder gave these bytes for the first time among the decodings of the value at hand, or for the first
    /// time so near to it: in whatever order layers are taken off, the same is inspected once. Without this, mixed
    /// layers are as many points as there are orders.
    fn is_new(&mut self, element: Element, bytes: &[u8], depth: usize) -> bool {
        let mut hasher = DefaultHasher::new();
        (element, bytes).hash(&mut hasher);
        let hash = hasher.finish();
        let known = self.decodings.iter_mut().skip(self.first_decoding).find(|known| known.0 == hash);
        match known {
            Some(known) if known.1 <= depth => false,
            Some(known) => {
                known.1 = depth;
                true
            }
            None => {
                self.decodings.push((hash, depth));
                true
            }
        }
    }

    /// Decompresses with the first format that works and passes the result on as the `gzip` child.
    /// All formats share that element; the type table has no other.
    pub(super) fn decompressed(
        &mut self,
        path: &PointPath<'_>,
        value: &[u8],
        formats: &[Format],
        then: impl FnOnce(&mut Self, &PointPath<'_>, &[u8]) -> Flow,
    ) -> Flow {
        if formats.is_empty() || !self.may_descend(path, value) || !self.may_parse(path, Parser::Gzip) {
            return Flow::Continue(());
        }
        let inner = path.child(StepRef::Simple(Element::Gzip));
        let level = inner.ancestors().filter(|path| path.last().element() == Element::Gzip).count();
        if level > self.limits.max_archive_levels {
            self.anomaly(AnomalyKind::DataBomb, path);
            return Flow::Continue(());
        }
        let bounds = Bounds {
            max_bytes: self.limits.max_decoded_bytes.saturating_sub(self.report.decoded_bytes),
            max_ratio: self.limits.max_ratio.max(1),
            ratio_grace_bytes: self.limits.ratio_grace_bytes,
            deadline: self.limits.deadline,
        };
        let mut buffer = self.take_buffer();
        let mut outcome = Outcome::Failed;
        for format in formats {
            buffer.clear();
            outcome = format.decode(value, &mut buffer, bounds);
            if outcome != Outcome::Failed {
                break;
            }
        }
        self.report.decoded_bytes += buffer.len();
        // What was compressed is as much to look at as if it had been sent plainly.
        self.request_bytes = self.request_bytes.saturating_add(buffer.len());
        let flow = match outcome {
            Outcome::Done => self.check_clock(path).is_continue().then(|| then(self, &inner, &buffer)),
            Outcome::Failed => {
                self.report.note_failed(Parser::Gzip);
                Some(Flow::Continue(()))
            }
            Outcome::Bomb => {
                self.anomaly(AnomalyKind::DataBomb, &inner);
                Some(Flow::Continue(()))
            }
        };
        self.give_buffer(buffer);
        flow.unwrap_or(Flow::Break(()))
    }

    /// Whether a container or decoder may add a level below `path`.
    pub(super) fn may_descend(&mut self, path: &PointPath<'_>, value: &[u8]) -> bool {
        if self.overran {
            return false;
        }
        let deep = path.decoder_depth() >= self.limits.max_depth || path.depth() >= super::MAX_PATH;
        let expansion = self.expanded.saturating_add(value.len());
        let wide = expansion > EXPANSION_GRACE && expansion / MAX_EXPANSION > self.request_bytes
            || self.report.decoded_bytes.saturating_add(value.len()) > self.limits.max_decoded_bytes;
        if deep || wide {
            self.report.depth_limited += 1;
        }
        !deep && !wide
    }
}

/// Whether a value under this element is what a decoder made of another.
fn is_decoder(element: Element) -> bool {
    matches!(element, Element::Percent | Element::HtmlJs | Element::Base64 | Element::Hex)
}

/// Whether the value may be hexadecimal or base64, as a whole or after one of the known prefixes.
fn may_be_digits(path: &PointPath<'_>, bytes: ByteSet) -> bool {
    const DATA_URL: ByteSet = ByteSet::of_bytes(b":");
    bytes.is_within(BASE64.or(BLANK))
        || bytes.intersects(DATA_URL)
        || path.last().element() == Element::Header
}

/// Whether the value may be base64 whose `+` was read as the blank of a form: fewer blanks than any text has.
fn may_be_plus(value: &[u8], bytes: ByteSet) -> bool {
    const SHORTEST: usize = 16;
    value.len() >= SHORTEST
        && bytes.intersects(BLANK)
        && bytes.is_within(BASE64.or(BLANK))
        && memchr::memchr_iter(b' ', value).count() * SHORTEST <= value.len()
}

/// The body itself or what its content codings hide.
fn is_whole_body(path: &PointPath<'_>) -> bool {
    path.ancestors().all(|path| matches!(path.last().element(), Element::Post | Element::Gzip))
}

fn count_percents(value: &[u8]) -> usize {
    memchr::memchr_iter(b'%', value).count()
}

/// The base64 part of `Basic dXNlcjpwYXNz` and of `data:text/html;base64,...`.
fn embedded_base64<'v>(path: &PointPath<'_>, value: &'v [u8]) -> Option<&'v [u8]> {
    if path.last().element() == Element::Header
        && value.get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"basic "))
    {
        return value.get(6..);
    }
    let head = value.get(..value.len().min(128))?;
    if !head.get(..5)?.eq_ignore_ascii_case(b"data:") {
        return None;
    }
    let comma = memchr::memchr(b',', head)?;
    head.get(..comma)?.ends_with(b"base64").then(|| value.get(comma + 1..)).flatten()
}
