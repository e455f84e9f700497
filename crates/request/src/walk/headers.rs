//! Header fields, and the cookies inside them.
//!
//! Names are upper-cased for the point. A client may send cookies in several `Cookie` fields (HTTP/2
//! does); they are one set of cookies, so that a cookie's point does not depend on the framing.

use smallvec::SmallVec;

use super::fields::{Field, FieldKind};
use super::{Flow, Role, Walker, key_text};
use crate::element::Element;
use crate::parser::Parser;
use crate::path::{PointPath, StepRef};

impl Walker<'_> {
    pub(super) fn headers(&mut self, headers: &[(&[u8], &[u8])]) -> Flow {
        let (cookies, others): (SmallVec<[_; 16]>, SmallVec<[_; 16]>) =
            headers.iter().copied().partition(|(name, _)| name.eq_ignore_ascii_case(b"cookie"));
        self.header_fields(None, &others)?;
        self.cookies(&cookies)
    }

    /// Header fields of the request or of a multipart part.
    pub(super) fn header_fields(
        &mut self,
        parent: Option<&PointPath<'_>>,
        headers: &[(&[u8], &[u8])],
    ) -> Flow {
        // One buffer for all names: nearly every one has to be changed.
        let mut names = self.take_buffer();
        for (name, _) in headers {
            names.extend(name.iter().map(u8::to_ascii_uppercase));
        }
        let mut rest = names.as_slice();
        let fields: SmallVec<[Field<'_>; 32]> = headers
            .iter()
            .map(|&(name, value)| {
                let (name, tail) = rest.split_at(name.len().min(rest.len()));
                rest = tail;
                Field { name: name.into(), value: value.trim_ascii().into() }
            })
            .collect();
        let flow = self.fields(parent, FieldKind::HEADER, &fields, &mut |walker, path, index| {
            let value = fields.get(index).map(|field| &*field.value).unwrap_or_default();
            walker.value(path, value, Role::Leaf)
        });
        drop(fields);
        self.give_buffer(names);
        flow
    }

    fn cookies(&mut self, headers: &[(&[u8], &[u8])]) -> Flow {
        if headers.is_empty() {
            return Flow::Continue(());
        }
        let path = PointPath::root(StepRef::Keyed(Element::Header, "COOKIE"));
        if !self.may_parse(&path, Parser::Cookie) {
            return self.header_fields(None, headers);
        }
        let mut fields: SmallVec<[Field<'_>; 16]> = SmallVec::new();
        for (_, value) in headers {
            self.visit(&path, value, Role::Parsed)?;
            fields.extend(cookie_pairs(value).take(self.limits.max_leaves));
        }
        self.fields(Some(&path), FieldKind::COOKIE, &fields, &mut |walker, path, index| {
            let value = fields.get(index).map(|field| &*field.value).unwrap_or_default();
            walker.value(path, value, Role::Leaf)
        })?;
        // Hardly any cookie has a quote or lacks a name.
        let is_nameless = fields.iter().any(|field| field.name.is_empty());
        let odd = headers.iter().filter(|(_, value)| is_nameless || memchr::memchr(b'"', value).is_some());
        odd.flat_map(|(_, value)| undivided_cookies(value)).take(self.limits.max_leaves).try_for_each(
            |field| {
                let name = key_text(&field.name);
                self.value(&path.child(StepRef::Keyed(Element::Cookie, &name)), &field.value, Role::Leaf)
            },
        )
    }
}

/// `a=1; b="2"` as fields. A piece without `=` is a value without a name, as browsers have it.
fn cookie_pairs(value: &[u8]) -> impl Iterator<Item = Field<'_>> {
    value.split(|&b| b == b';').map(<[u8]>::trim_ascii).filter(|piece| !piece.is_empty()).map(|piece| {
        let (name, value) = match memchr::memchr(b'=', piece) {
            Some(at) => (piece.get(..at).unwrap_or_default(), piece.get(at + 1..).unwrap_or_default()),
            None => (&[][..], piece),
        };
        Field { name: name.trim_ascii().into(), value: unquote(value.trim_ascii()).into() }
    })
}

/// Cookies whose value goes on behind a semicolon, as servers have it that keep a quoted value whole (RFC 2965) or that look
/// for the next name: `uid=;id;` and `id="a; b"`.
fn undivided_cookies(value: &[u8]) -> impl Iterator<Item = Field<'_>> {
    let mut rest = value;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
            let start = rest;
            rest = rest.get(end + 1..).unwrap_or_default();
            let piece = start.get(..end).unwrap_or_default();
            let Some(equals) = memchr::memchr(b'=', piece) else { continue };
            let (name, quoted) = (piece.get(..equals)?, piece.get(equals + 1..)?.trim_ascii());
            let is_open = quoted.first() == Some(&b'"') && (quoted.len() < 2 || quoted.last() != Some(&b'"'));
            let more = if is_open { up_to_quote(rest) } else { nameless(rest) };
            if more == 0 {
                continue;
            }
            let whole = start.get(equals + 1..(end + 1 + more).min(start.len()))?.trim_ascii();
            rest = rest.get(more..).unwrap_or_default();
            let value = if is_open { unquote(whole) } else { whole };
            return Some(Field { name: name.trim_ascii().into(), value: value.into() });
        }
        None
    })
}

/// How far the pieces without a name of their own reach. Blank ones are none.
fn nameless(rest: &[u8]) -> usize {
    let mut reach = 0;
    for piece in rest.split_inclusive(|&b| b == b';') {
        if piece.contains(&b'=') {
            break;
        }
        reach += piece.len();
    }
    let pieces = rest.get(..reach).unwrap_or_default();
    if pieces.iter().all(|b| *b == b';' || b.is_ascii_whitespace()) { 0 } else { reach }
}

/// How far a quoted value reaches; nowhere if its quote does not end.
fn up_to_quote(rest: &[u8]) -> usize {
    memchr::memchr(b'"', rest).map_or(0, |at| at + 1)
}

fn unquote(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_that_go_on_behind_a_semicolon() {
        let undivided = |value: &str| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            undivided_cookies(value.as_bytes())
                .map(|field| format!("{}={}", text(&field.name), text(&field.value)))
                .collect::<Vec<_>>()
        };
        assert_eq!(undivided("uid=;id;"), ["uid=;id;"]);
        assert_eq!(undivided("a=1; uid=2; id ;b=3"), ["uid=2; id ;"]);
        assert_eq!(undivided("id=\"1; x=2 -- \"; c=4"), ["id=1; x=2 -- "]);
        for plain in ["", "a=1", "a=1; b=2;", "a=\"1\"; b=\"2\"", "a=\"1; b=2", "flag; a=1", "a=1;;"] {
            assert_eq!(undivided(plain), Vec::<String>::new(), "{plain}");
        }
    }
}
