//! Multipart bodies: fields, files, and the headers of parts.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::ControlFlow;

use super::body::Declared;
use super::fields::{Field, FieldKind};
use super::{Flow, Role, Taken, Walker};
use crate::element::Element;
use crate::multipart::{Disposition, Part, boundaries, parts};
use crate::parser::Parser;
use crate::path::{PointPath, StepRef};

/// Multipart bodies in parts of such; mail has two or three.
const MAX_LEVELS: usize = 6;

impl Walker<'_> {
    pub(super) fn multipart(
        &mut self,
        path: &PointPath<'_>,
        body: &[u8],
        declared: &Declared<'_>,
    ) -> ControlFlow<(), Taken> {
        if !self.may_parse(path, Parser::Multipart) {
            return ControlFlow::Continue(Taken::No);
        }
        let found = distinct_parts(body, &boundaries(&declared.types, body));
        if found.is_empty() {
            return ControlFlow::Continue(Taken::No);
        }
        self.visit(path, body, Role::Parsed)?;
        let dispositions: Vec<Disposition<'_>> = found
            .iter()
            .map(|part| part.header(b"content-disposition").map(Disposition::parse).unwrap_or_default())
            .collect();
        let fields: Vec<Field<'_>> = found
            .iter()
            .zip(&dispositions)
            .map(|(part, disposition)| Field {
                name: Cow::Borrowed(disposition.parameter(b"name").unwrap_or_default()),
                value: Cow::Borrowed(part.body),
            })
            .collect();
        self.fields(Some(path), FieldKind::MULTIPART, &fields, &mut |walker, path, index| match (
            found.get(index),
            dispositions.get(index),
        ) {
            (Some(part), Some(disposition)) => walker.part(path, part, disposition, declared),
            _ => Flow::Continue(()),
        })?;
        ControlFlow::Continue(Taken::Whole)
    }

    fn part(
        &mut self,
        path: &PointPath<'_>,
        part: &Part<'_>,
        disposition: &Disposition<'_>,
        whole: &Declared<'_>,
    ) -> Flow {
        let is_disposition = |name: &[u8]| name.eq_ignore_ascii_case(b"content-disposition");
        for &(name, value) in &part.headers {
            if !is_disposition(name) {
                continue;
            }
            let header = path.child(StepRef::Keyed(Element::Header, "CONTENT-DISPOSITION"));
            let role = if disposition.is_regular { Role::Parsed } else { Role::Leaf };
            self.visit(&header, value, role)?;
            self.disposition(&header, disposition)?;
            break;
        }
        // A second disposition is only ever there to confuse; it is inspected like any header.
        let mut seen = false;
        let others: Vec<(&[u8], &[u8])> = part
            .headers
            .iter()
            .copied()
            .filter(|(name, _)| !is_disposition(name) || std::mem::replace(&mut seen, true))
            .collect();
        self.header_fields(Some(path), &others)?;
        let file = path.child(StepRef::Simple(Element::File));
        let point = if disposition.parameter(b"filename").is_some() { &file } else { path };
        self.value(point, part.body, Role::Leaf)?;
        let declared = part.header(b"content-type").map(Declared::of_part);
        let page = declared.as_ref().and_then(Declared::page).or_else(|| whole.page());
        if let Some(page) = page {
            self.decoded(point, Element::Percent, part.body, Role::Leaf, Parser::Percent, |body, out| {
                page.decode(body, out);
                true
            })?;
        }
        match declared.filter(Declared::is_multipart) {
            Some(declared) => self.inner_multipart(point, part.body, &declared),
            None => Flow::Continue(()),
        }
    }

    /// The parts of a part that is a multipart body itself.
    fn inner_multipart(&mut self, path: &PointPath<'_>, body: &[u8], declared: &Declared<'_>) -> Flow {
        let levels = path.ancestors().filter(|path| path.last().element() == Element::Multipart).count();
        if levels > MAX_LEVELS || !self.may_descend(path, body) {
            return Flow::Continue(());
        }
        // It is read once more, and for each of its boundaries.
        self.note_reread(body.len());
        self.multipart(path, body, declared).map_continue(|_| ())
    }

    fn disposition(&mut self, header: &PointPath<'_>, disposition: &Disposition<'_>) -> Flow {
        let fields: Vec<Field<'_>> = disposition
            .parameters
            .iter()
            .map(|(name, value)| Field { name: Cow::Borrowed(name), value: Cow::Borrowed(value) })
            .collect();
        self.fields(Some(header), FieldKind::CONTENT_DISP, &fields, &mut |walker, path, index| {
            let value = fields.get(index).map(|field| &*field.value).unwrap_or_default();
            walker.value(path, value, Role::Leaf)
        })
    }
}

/// The parts under every boundary; one that several boundaries give is kept once.
fn distinct_parts<'b>(body: &'b [u8], boundaries: &[Cow<'_, [u8]>]) -> Vec<Part<'b>> {
    let mut seen = HashSet::new();
    let all = boundaries.iter().flat_map(|boundary| parts(body, boundary));
    all.filter(|part| seen.insert((part.body.as_ptr().addr(), part.body.len()))).collect()
}
