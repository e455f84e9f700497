//! Header fields, and the cookies inside them.
//!
//! Names are upper-cased for the point. A client may send cookies in several `Cookie` fields (HTTP/2
//! does); they are one set of cookies, so that a cookie's point does not depend on the framing.

use smallvec::SmallVec;

use super::fields::{Field, FieldKind};
use super::{Flow, Role, Walker};
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
        })
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

fn unquote(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(value)
}
