//! The body: undo its content codings, then find out what it is.
//!
//! The declared type only orders the attempts. What starts like JSON or XML and parses as such is that,
//! whatever was declared: applications sniff, and a wrong declaration is the oldest way around a filter.

use std::ops::ControlFlow;

use smallvec::SmallVec;

use super::fields::FieldKind;
use super::{Flow, RequestParts, Role, Taken, Walker};
use crate::bytes::ByteSet;
use crate::decode::charset;
use crate::decode::compress::Format;
use crate::decode::ebcdic::{self, Page};
use crate::element::Element;
use crate::json::begins_like_json;
use crate::parser::Parser;
use crate::path::{PointPath, StepRef};
use crate::report::{AnomalyKind, ApiProtocol};

/// What is known about a body before looking at it.
pub(super) struct Declared<'h> {
    /// Values of all `Content-Type` fields.
    pub(super) types: SmallVec<[&'h [u8]; 2]>,
    /// The formats that they declare, each once. A server may go by any of them.
    kinds: SmallVec<[Kind; 2]>,
    /// The character set, where it is one in which ASCII does not show.
    page: Option<Page>,
    truncated: bool,
}

impl<'h> Declared<'h> {
    /// What the `Content-Type` of a part says.
    pub(super) fn of_part(content_type: &'h [u8]) -> Declared<'h> {
        let kinds = Kind::of(content_type).into_iter().collect();
        let page = page_of(content_type);
        Declared { types: SmallVec::from_iter([content_type]), kinds, page, truncated: false }
    }

    pub(super) fn page(&self) -> Option<Page> {
        self.page
    }

    pub(super) fn is_multipart(&self) -> bool {
        self.is(Kind::Multipart)
    }

    fn is(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Whether a server that goes by the declaration finds fields in anything: `{"a":"&b=1&"}` is a JSON document
    /// and a form with a field `b`. Such a declaration is followed even when content says something else.
    fn splits(&self, kind: Kind) -> bool {
        matches!(kind, Kind::Form | Kind::Multipart) && self.is(kind)
    }
}

/// Formats of a whole body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Form,
    Gql,
    Grpc,
    Json,
    Multipart,
    Protobuf,
    Xml,
}

impl Kind {
    /// The format that a media type declares.
    fn of(content_type: &[u8]) -> Option<Kind> {
        let essence = content_type.split(|&b| b == b';').next().unwrap_or_default();
        let essence = essence.trim_ascii().to_ascii_lowercase();
        let subtype = essence.splitn(2, |&b| b == b'/').nth(1).unwrap_or_default();
        if essence.starts_with(b"multipart/") {
            Some(Kind::Multipart)
        } else if subtype.starts_with(b"x-www-form-urlencoded") {
            Some(Kind::Form)
        } else if subtype.starts_with(b"grpc") || subtype.starts_with(b"connect+") {
            Some(Kind::Grpc)
        } else if subtype == b"graphql" {
            Some(Kind::Gql)
        } else if memchr::memmem::find(subtype, b"json").is_some() {
            // Also `json+protobuf`, whose bodies are JSON.
            Some(Kind::Json)
        } else if memchr::memmem::find(subtype, b"protobuf").is_some()
            || subtype == b"proto"
            || subtype == b"x-proto"
        {
            Some(Kind::Protobuf)
        } else if subtype == b"xml" || subtype.ends_with(b"+xml") {
            Some(Kind::Xml)
        } else {
            None
        }
    }

    const fn parser(self) -> Parser {
        match self {
            Kind::Form => Parser::FormUrlencoded,
            Kind::Gql => Parser::Gql,
            Kind::Grpc => Parser::Grpc,
            Kind::Json => Parser::JsonDoc,
            Kind::Multipart => Parser::Multipart,
            Kind::Protobuf => Parser::Protobuf,
            Kind::Xml => Parser::Xml,
        }
    }
}

impl Walker<'_> {
    pub(super) fn body(&mut self, parts: &RequestParts<'_>) -> Flow {
        let path = PointPath::root(StepRef::Simple(Element::Post));
        if parts.body_truncated {
            self.anomaly(AnomalyKind::OverlimitSize, &path);
        }
        if parts.body.is_empty() {
            return Flow::Continue(());
        }
        let named = |wanted: &'static [u8]| {
            parts.headers.iter().filter(move |(name, _)| name.eq_ignore_ascii_case(wanted)).map(|&(_, v)| v)
        };
        let types: SmallVec<[&[u8]; 2]> = named(b"content-type").collect();
        let mut kinds = SmallVec::new();
        for kind in types.iter().flat_map(|value| value.split(|&b| b == b',')).filter_map(Kind::of) {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        let page = types.iter().copied().find_map(page_of);
        let declared = Declared { types, kinds, page, truncated: parts.body_truncated };
        let codings: SmallVec<[&[Format]; 4]> = named(b"content-encoding")
            .flat_map(|value| value.split(|&b| b == b','))
            .map(|token| Format::of_coding(token.trim_ascii()))
            .filter(|formats| !formats.is_empty())
            .collect();
        self.coded_body(&path, parts.body, &codings, &declared)
    }

    /// Undoes the codings, last one first, and those that are not declared but show.
    fn coded_body(
        &mut self,
        path: &PointPath<'_>,
        body: &[u8],
        codings: &[&[Format]],
        declared: &Declared<'_>,
    ) -> Flow {
        let magic = Format::of_magic(body);
        let (declared_formats, rest) =
            codings.split_last().map_or((&[][..], codings), |(last, rest)| (*last, rest));
        // A server goes by what is said; what shows besides is for those that do not.
        let mut formats: SmallVec<[Format; 3]> = SmallVec::from_slice(declared_formats);
        formats.extend(magic.filter(|format| !declared_formats.contains(format)));
        if formats.is_empty() {
            return self.document(path, body, declared);
        }
        let mut was_coded = false;
        self.decompressed(path, body, &formats, |walker, inner, decoded| {
            was_coded = true;
            walker.visit(path, body, Role::Parsed)?;
            walker.coded_body(inner, decoded, rest, declared)
        })?;
        if was_coded { Flow::Continue(()) } else { self.document(path, body, declared) }
    }

    /// Takes a body apart by content, the declared format first where content does not decide.
    fn document(&mut self, path: &PointPath<'_>, body: &[u8], declared: &Declared<'_>) -> Flow {
        let mut wide = self.take_buffer();
        if charset::decode_wide(body, &mut wide) {
            self.check_wide_xml(path, &wide);
        }
        self.give_buffer(wide);
        let page = declared.page.or_else(|| body.starts_with(ebcdic::XML_START).then_some(Page::Us));
        if let Some(page) = page {
            self.body_in_page(path, body, page, declared)?;
        }
        let mut taken = Taken::No;
        let mut taken_as = None;
        for kind in attempts(body, &declared.kinds) {
            let splits = declared.splits(kind) && memchr::memchr(b'=', body).is_some();
            // A field of a message is found in nearly anything, also before a text that somebody reads as such.
            let is_text = taken_as == Some(Kind::Protobuf)
                && matches!(kind, Kind::Json | Kind::Xml)
                && matches!(body.trim_ascii_start().first(), Some(b'{' | b'[' | b'<'));
            if taken != Taken::No && !splits && !is_text {
                continue;
            }
            let as_kind = self.document_as(kind, path, body, declared)?;
            if as_kind == Taken::No && declared.is(kind) && !matches!(kind, Kind::Json | Kind::Xml) {
                self.report.note_failed(kind.parser());
            }
            if taken == Taken::No && as_kind != Taken::No {
                taken = as_kind;
                taken_as = Some(kind);
            }
        }
        if taken_as.is_none_or(|kind| kind == Kind::Form)
            && (declared.is(Kind::Json) || begins_like_json(body))
        {
            self.damaged_json_body(path, body)?;
        }
        match taken {
            Taken::Whole => return Flow::Continue(()),
            Taken::Alongside => {}
            Taken::No => {
                // A token as the whole body, whatever was declared.
                if body.starts_with(b"ey") && self.jwt(path, body)? == Taken::Whole {
                    return Flow::Continue(());
                }
                self.visit(path, body, Role::Leaf)?;
            }
        }
        self.decoded_forms(path, body, ByteSet::of(body), Role::Leaf)
    }

    /// The body as a server has it that decodes by the declared code page: all of it, or each field of a form.
    fn body_in_page(
        &mut self,
        path: &PointPath<'_>,
        body: &[u8],
        page: Page,
        declared: &Declared<'_>,
    ) -> Flow {
        // What the page gave is plain.
        if path.last().element() == Element::Percent
            || !self.may_descend(path, body)
            || !self.may_parse(path, Parser::Percent)
        {
            return Flow::Continue(());
        }
        let inner = path.child(StepRef::Simple(Element::Percent));
        if body.is_ascii() && memchr::memchr(b'%', body).is_some() {
            return self.form_in_page(&inner, body, page);
        }
        let mut decoded = self.take_buffer();
        page.decode(body, &mut decoded);
        self.note_decoded(decoded.len());
        let flow = self.document(&inner, &decoded, declared);
        self.give_buffer(decoded);
        flow
    }

    fn document_as(
        &mut self,
        kind: Kind,
        path: &PointPath<'_>,
        body: &[u8],
        declared: &Declared<'_>,
    ) -> ControlFlow<(), Taken> {
        match kind {
            Kind::Form => self.form(path, body, declared.is(Kind::Form)),
            Kind::Gql => self.gql(path, body),
            Kind::Grpc => {
                self.report.api_protocol = ApiProtocol::Grpc;
                self.grpc(path, body)
            }
            Kind::Json => self.json(path, body, declared.truncated),
            Kind::Multipart => self.multipart(path, body, declared),
            Kind::Protobuf => self.protobuf(path, body),
            Kind::Xml => self.xml(path, body, declared.is(Kind::Xml)),
        }
    }

    fn form(&mut self, path: &PointPath<'_>, body: &[u8], is_declared: bool) -> ControlFlow<(), Taken> {
        if !self.may_parse(path, Parser::FormUrlencoded) {
            return ControlFlow::Continue(Taken::No);
        }
        let has_values = memchr::memchr(b'=', body).is_some();
        let taken = Taken::whole_if(is_declared && has_values);
        self.visit(path, body, taken.role())?;
        self.form_fields(Some(path), FieldKind::FORM, body)?;
        ControlFlow::Continue(taken)
    }
}

/// The code page that a media type declares, if it is one without ASCII.
fn page_of(content_type: &[u8]) -> Option<Page> {
    let charset = content_type.split(|&b| b == b';').skip(1).find_map(|parameter| {
        let at = memchr::memchr(b'=', parameter)?;
        let (name, value) = (parameter.get(..at)?, parameter.get(at + 1..)?);
        name.trim_ascii().eq_ignore_ascii_case(b"charset").then_some(value)
    })?;
    let value = charset.trim_ascii();
    Page::of(value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value))
}

/// The formats to try, in order.
fn attempts(body: &[u8], declared: &[Kind]) -> SmallVec<[Kind; 4]> {
    let by_content = match body.iter().find(|b| !b.is_ascii_whitespace()) {
        Some(b'{' | b'[' | b'/' | 0xEF) => Some(Kind::Json),
        Some(b'<') => Some(Kind::Xml),
        Some(b'-') if body.starts_with(b"--") => Some(Kind::Multipart),
        _ => None,
    };
    let mut attempts = SmallVec::new();
    // Frames, messages and boundaries are explicit; the rest is decided by how the body starts.
    let explicit = declared
        .iter()
        .copied()
        .filter(|kind| matches!(kind, Kind::Grpc | Kind::Multipart | Kind::Gql | Kind::Protobuf));
    let form = looks_like_form(body).then_some(Kind::Form);
    for kind in explicit.chain(by_content).chain(declared.iter().copied()).chain(form) {
        if !attempts.contains(&kind) {
            attempts.push(kind);
        }
    }
    attempts
}

/// A name without blanks, then `=`. Prose and code with an equals sign somewhere are not forms.
fn looks_like_form(body: &[u8]) -> bool {
    let Some(equals) = memchr::memchr(b'=', body) else { return false };
    let name = body.get(..equals).unwrap_or_default();
    !name.is_empty()
        && name.len() <= 256
        && name.iter().all(|&b| b > b' ' && b != 0x7F && !matches!(b, b'<' | b'>' | b'"' | b'{'))
        && !body.iter().take(4096).any(|&b| b < b' ' && !matches!(b, b'\r' | b'\n' | b'\t'))
}
