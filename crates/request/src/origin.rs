//! Where the bytes of a value came from: its place in the request as it was sent.
//!
//! Most values are pieces of the request, or of a field of its query or form, where each byte stands for one or three.
//! For these the place is certain. What went through any other decoder (escapes of JSON, base64, compression, …) stands
//! nowhere in the request as it is read, so nothing is said of it rather than something that is nearly right.

use std::ops::Range;

use memchr::memmem;
use serde::Serialize;

use crate::decode::percent::hex_pair;
use crate::element::Element;
use crate::path::{PointPath, StepRef};
use crate::target::{Target, raw_pairs};
use crate::walk::RequestParts;

/// A part of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestPart {
    /// The request target.
    Target,
    /// The value of a header field, by its index among the fields.
    Header(usize),
    /// The body, without the framing of chunks.
    Body,
}

/// Bytes of a part of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// The part.
    pub part: RequestPart,
    /// Its bytes.
    pub span: Range<usize>,
}

/// Most fields that are looked through; among more of them no place is certain.
const MAX_FIELDS: usize = 4096;

impl RequestParts<'_> {
    /// Where bytes of a value that a walk of this request visits at `point` stand in the request; `None` where that is not
    /// certain. Looks through the fields of the query or form, so it is for what was found, not for every value.
    #[must_use]
    pub fn origin(&self, point: &PointPath<'_>, value: &[u8], span: &Range<usize>) -> Option<Origin> {
        value.get(span.clone())?;
        self.as_piece(value, span).or_else(|| self.in_a_field(point, value, span))
    }

    /// A value that lies in the memory of a part: while both are borrowed, it can be nothing else.
    fn as_piece(&self, value: &[u8], span: &Range<usize>) -> Option<Origin> {
        let found = |part, whole: &[u8]| {
            let at = offset(whole, value)?;
            Some(Origin { part, span: at + span.start..at + span.end })
        };
        let fields = self.headers.iter().enumerate();
        found(RequestPart::Target, self.target).or_else(|| found(RequestPart::Body, self.body)).or_else(
            || fields.into_iter().find_map(|(index, (_, whole))| found(RequestPart::Header(index), whole)),
        )
    }

    /// Whether the body says that its bytes are other characters than they look like.
    fn names_a_charset(&self) -> bool {
        self.headers.iter().any(|(name, value)| {
            let value = value.to_ascii_lowercase();
            let charset = memmem::find(&value, b"charset").and_then(|at| value.get(at..));
            name.eq_ignore_ascii_case(b"content-type")
                && charset.is_some_and(|charset| memmem::find(charset, b"utf-8").is_none())
        })
    }

    /// A field of the query or of a form: the one pair of this name and this value. Fields that are no pair of their own
    /// (behind a semicolon, say) have no place, nor have those of a form in another character set.
    fn in_a_field(&self, point: &PointPath<'_>, value: &[u8], span: &Range<usize>) -> Option<Origin> {
        let steps = point.steps();
        let (part, whole, (key, names)) = match steps.as_slice() {
            [StepRef::Keyed(Element::Get, key), names @ ..] => {
                (RequestPart::Target, Target::parse(self.target).query()?, (key, names))
            }
            [StepRef::Simple(Element::Post), StepRef::Keyed(Element::FormUrlencoded, key), names @ ..]
                if !self.names_a_charset() =>
            {
                (RequestPart::Body, self.body, (key, names))
            }
            _ => return None,
        };
        if !names.iter().all(|step| matches!(step.element(), Element::Array | Element::Hash)) {
            return None;
        }
        let mut same = None;
        for (count, (name, raw)) in raw_pairs(whole).enumerate() {
            let is_meant = is_form_of(raw, value) && begins_with(name, key.as_bytes());
            if count >= MAX_FIELDS || is_meant && same.replace(raw).is_some() {
                return None;
            }
        }
        let raw = same?;
        let of = match part {
            RequestPart::Target => self.target,
            _ => self.body,
        };
        let at = offset(of, raw)?;
        let place = |index| at + bytes(raw).nth(index).map_or(raw.len(), |(_, start)| start);
        Some(Origin { part, span: place(span.start)..place(span.end) })
    }
}

/// Whether the name of a field is a key, or goes on after it with a bracket.
fn begins_with(name: &[u8], key: &[u8]) -> bool {
    let mut name = bytes(name).map(|(byte, _)| byte);
    key.iter().all(|&byte| name.next() == Some(byte)) && matches!(name.next(), None | Some(b'['))
}

/// Where a piece begins in a whole of which it is a piece.
fn offset(whole: &[u8], piece: &[u8]) -> Option<usize> {
    let at = piece.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    (!piece.is_empty() && at + piece.len() <= whole.len()).then_some(at)
}

fn is_form_of(raw: &[u8], value: &[u8]) -> bool {
    (value.len()..=value.len().saturating_mul(3)).contains(&raw.len())
        && bytes(raw).map(|(byte, _)| byte).eq(value.iter().copied())
}

/// The bytes that a field of a form stands for, each with where it begins.
fn bytes(raw: &[u8]) -> impl Iterator<Item = (u8, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        let (&first, rest) = raw.get(at..)?.split_first()?;
        let decoded = hex_pair(rest).filter(|_| first == b'%');
        at += if decoded.is_some() { 3 } else { 1 };
        Some((decoded.unwrap_or(if first == b'+' { b' ' } else { first }), start))
    })
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use proptest::prelude::*;

    use super::*;
    use crate::decode::percent::decode_once;
    use crate::limits::Limits;
    use crate::walk::{Role, Visitor, walk};

    /// Looks for a text in the values of a request.
    struct Finder<'a> {
        parts: &'a RequestParts<'a>,
        wanted: &'a [u8],
        /// Point, part, and what stands there.
        found: Vec<(String, Option<(RequestPart, String)>)>,
    }

    impl Visitor for Finder<'_> {
        fn visit(&mut self, point: &PointPath<'_>, value: &[u8], role: Role) -> ControlFlow<()> {
            let at = memchr::memmem::find(value, self.wanted).filter(|_| role == Role::Leaf);
            if let Some(at) = at.filter(|_| point.root_element() != Element::Uri) {
                let origin = self.parts.origin(point, value, &(at..at + self.wanted.len()));
                let shown = origin.map(|Origin { part, span }| {
                    let whole = match part {
                        RequestPart::Target => self.parts.target,
                        RequestPart::Body => self.parts.body,
                        RequestPart::Header(index) => self.parts.headers[index].1,
                    };
                    (part, String::from_utf8_lossy(&whole[span]).into_owned())
                });
                self.found.push((point.to_point().to_string(), shown));
            }
            ControlFlow::Continue(())
        }
    }

    fn found(
        target: &str,
        kind: &str,
        body: &[u8],
        wanted: &str,
    ) -> Vec<(String, Option<(RequestPart, String)>)> {
        let headers: [(&[u8], &[u8]); 2] = [(b"content-type", kind.as_bytes()), (b"x-a", b" one <u> ")];
        let parts = RequestParts {
            method: "POST",
            target: target.as_bytes(),
            headers: &headers,
            body,
            body_truncated: false,
        };
        let mut finder = Finder { parts: &parts, wanted: wanted.as_bytes(), found: Vec::new() };
        walk(&parts, &Limits::default(), &mut finder);
        finder.found
    }

    fn first(target: &str, kind: &str, body: &[u8], wanted: &str) -> Option<(RequestPart, String)> {
        found(target, kind, body, wanted).into_iter().next().expect("no value has it").1
    }

    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn pieces_of_the_request_and_of_fields_are_found_again() {
        let target = |text: &str| Some((RequestPart::Target, text.to_owned()));
        let body = |text: &str| Some((RequestPart::Body, text.to_owned()));
        assert_eq!(first("/?a=1&q=%27+or+1%3d1", "", b"", "' or 1=1"), target("%27+or+1%3d1"));
        assert_eq!(first("http://x/?q=a'b", "", b"", "'b"), target("'b"));
        assert_eq!(first("/?q[x][]=a%27b", "", b"", "'"), target("%27"));
        assert_eq!(first("/", FORM, b"a=1&b=%3Cb%3E%", "<b>%"), body("%3Cb%3E%"));
        assert_eq!(first("/", "application/json", b"{\"a\":[1,\"x<b>y\"]}", "<b>"), body("<b>"));
        assert_eq!(
            first("/", "multipart/form-data; boundary=b", b"--b\r\n\r\nx <i>\r\n--b--", "<i>"),
            body("<i>")
        );
        assert_eq!(first("/", "", b"", "<u>"), Some((RequestPart::Header(1), "<u>".to_owned())));
    }

    #[test]
    fn nothing_is_said_where_it_is_not_certain() {
        // Escapes of JSON, another layer of percent-encoding, two fields alike.
        assert_eq!(first("/", "application/json", br#"{"a":"x\u003cb>"}"#, "<b>"), None);
        assert_eq!(first("/?a=%253Cb%253E", "", b"", "<b>"), None);
        assert_eq!(first("/?a=<i>&a=<i>", "", b"", "<i>"), None);
        // A pair that looks alike is another field.
        let places = found("/?a=1;q=%3Cq%3E&z=%3Cq%3E", "", b"", "<q>");
        assert!(places.iter().any(|(point, place)| point.contains("q") && place.is_none()), "{places:?}");
        let charset = "application/x-www-form-urlencoded; charset=ibm037";
        assert!(found("/", charset, b"q=%3Cq%3E", "<q>").iter().all(|(_, place)| place.is_none()));
        let many = format!("q=%3Cq%3E{}", "&z".repeat(MAX_FIELDS));
        assert_eq!(first("/", FORM, many.as_bytes(), "<q>"), None);
        let empty =
            RequestParts { method: "GET", target: b"/?q=", headers: &[], body: b"", body_truncated: false };
        let point = PointPath::root(StepRef::Keyed(Element::Get, "q"));
        assert_eq!(empty.origin(&point, b"", &(0..0)), None);
        assert_eq!(empty.origin(&point, b"abc", &(2..9)), None);
    }

    proptest! {
        /// A field is read as the walk reads it.
        #[test]
        fn fields_are_read_as_everywhere(raw in "(%|2|7|[a-f]|\\+|é){0,12}") {
            let read: Vec<u8> = bytes(raw.as_bytes()).map(|(byte, _)| byte).collect();
            prop_assert_eq!(&read[..], &*decode_once(raw.as_bytes(), true));
            prop_assert!(is_form_of(raw.as_bytes(), &read));
        }
    }
}
