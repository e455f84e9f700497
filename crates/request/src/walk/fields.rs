//! Named values that may repeat or carry subscripts: query, forms, headers, cookies, multipart parts.
//!
//! `a=1&a=2` is `a` → array 0, array 1 and their join as `pollution`, since servers differ in which one
//! they take. `a[x]=1` is `a` → hash `x`; `a[]=1` is `a` → array 0.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::{Flow, Role, Walker, key_text, link};
use crate::bytes::ByteSet;
use crate::decode::ebcdic::Page;
use crate::decode::percent::{decode_once, decode_once_into};
use crate::element::Element;
use crate::path::{PointPath, StepRef};
use crate::target::{Target, pairs, raw_pairs};

/// A name and its value, decoded as the container says.
pub(super) struct Field<'f> {
    pub(super) name: Cow<'f, [u8]>,
    pub(super) value: Cow<'f, [u8]>,
}

/// Which element the fields become, and how their names are read.
#[derive(Clone, Copy)]
pub(super) struct FieldKind {
    pub(super) element: Element,
    pub(super) name_element: Element,
    /// Names may end in `[x]` and `[]`.
    pub(super) subscripts: bool,
}

impl FieldKind {
    pub(super) const QUERY: FieldKind =
        FieldKind { element: Element::Get, name_element: Element::GetName, subscripts: true };
    pub(super) const FORM: FieldKind = FieldKind {
        element: Element::FormUrlencoded,
        name_element: Element::FormUrlencodedName,
        subscripts: true,
    };
    pub(super) const MULTIPART: FieldKind =
        FieldKind { element: Element::Multipart, name_element: Element::MultipartName, subscripts: true };
    pub(super) const CONTENT_DISP: FieldKind = FieldKind {
        element: Element::ContentDisp,
        name_element: Element::ContentDispName,
        subscripts: false,
    };
    pub(super) const HEADER: FieldKind =
        FieldKind { element: Element::Header, name_element: Element::HeaderName, subscripts: false };
    pub(super) const COOKIE: FieldKind =
        FieldKind { element: Element::Cookie, name_element: Element::CookieName, subscripts: false };
}

/// Visits one field's value at its point; the index is that of the field.
pub(super) type Each<'e> = &'e mut dyn FnMut(&mut Walker<'_>, &PointPath<'_>, usize) -> Flow;

/// Fields up to which a query or a form is taken apart without memory of its own.
const USUAL: usize = 64;

/// What names of fields are made of.
const PLAIN_NAME: ByteSet = ByteSet::ALPHANUMERIC.or(ByteSet::of_bytes(b"_-.$[]"));

/// Subscripts in one name; a longer chain is taken as part of the name.
const MAX_SUBSCRIPTS: usize = 16;

impl Walker<'_> {
    pub(super) fn query(&mut self, target: &Target<'_>) -> Flow {
        self.form_fields(None, FieldKind::QUERY, target.query().unwrap_or_default())
    }

    /// Visits the fields of a query or a form, decoded side by side into one buffer.
    pub(super) fn form_fields(
        &mut self,
        parent: Option<&PointPath<'_>>,
        kind: FieldKind,
        input: &[u8],
    ) -> Flow {
        let mut buffer = self.take_buffer();
        let max = self.limits.max_leaves;
        let fields = form_fields(input, max, &mut buffer);
        let mut flow = self.fields(parent, kind, &fields, &mut |walker, path, index| {
            let value = fields.get(index).map(|field| &*field.value).unwrap_or_default();
            walker.value(path, value, Role::Leaf)
        });
        drop(fields);
        // What was not read as fields, as one value.
        let end = if input.len() > max { memchr::memchr_iter(b'&', input).nth(max) } else { None };
        let left = end.and_then(|at| input.get(at + 1..));
        if let Some(left) = left.filter(|_| flow.is_continue()) {
            buffer.clear();
            decode_once_into(left, true, &mut buffer);
            let query = PointPath::root(StepRef::Simple(Element::GetAll));
            let bytes = ByteSet::of(&buffer);
            flow = self.beyond(parent.unwrap_or(&query), &buffer, bytes, Role::Leaf);
        }
        self.give_buffer(buffer);
        flow
    }

    /// The fields of a form whose escapes are bytes of a code page.
    pub(super) fn form_in_page(&mut self, parent: &PointPath<'_>, input: &[u8], page: Page) -> Flow {
        let decoded = |raw: &[u8]| {
            let mut out = Vec::new();
            page.decode(&decode_once(raw, true), &mut out);
            out
        };
        let pairs = raw_pairs(input).take(self.limits.max_leaves);
        let fields: Vec<Field<'_>> = pairs
            .map(|(name, value)| Field { name: decoded(name).into(), value: decoded(value).into() })
            .collect();
        self.note_decoded(fields.iter().map(|field| field.name.len() + field.value.len()).sum());
        self.fields(Some(parent), FieldKind::FORM, &fields, &mut |walker, path, index| {
            let value = fields.get(index).map(|field| &*field.value).unwrap_or_default();
            walker.value(path, value, Role::Leaf)
        })
    }

    /// Visits fields grouped by name. Within a name the order is kept; the names come sorted.
    pub(super) fn fields(
        &mut self,
        parent: Option<&PointPath<'_>>,
        kind: FieldKind,
        fields: &[Field<'_>],
        each: Each<'_>,
    ) -> Flow {
        let name_of = |index: usize| fields.get(index).map(|field| &*field.name).unwrap_or_default();
        // Most names differ in their first bytes, which are compared at once. Stable: equal names keep their order.
        let mut keyed: SmallVec<[(u64, usize); USUAL]> =
            (0..fields.len()).map(|index| (prefix(name_of(index)), index)).collect();
        keyed.sort_by(|(a, i), (b, k)| a.cmp(b).then_with(|| name_of(*i).cmp(name_of(*k))));
        let order: SmallVec<[usize; USUAL]> = keyed.iter().map(|&(_, index)| index).collect();
        let mut rest = order.as_slice();
        while let Some(&first) = rest.first() {
            let name = name_of(first);
            let count = 1 + rest.iter().skip(1).take_while(|&&index| name_of(index) == name).count();
            let (group, tail) = rest.split_at(count);
            rest = tail;
            self.group(parent, kind, name, &Group { indexes: group, fields }, each)?;
        }
        Flow::Continue(())
    }

    fn group(
        &mut self,
        parent: Option<&PointPath<'_>>,
        kind: FieldKind,
        name: &[u8],
        group: &Group<'_>,
        each: Each<'_>,
    ) -> Flow {
        let (base, subscripts) =
            if kind.subscripts { split_subscripts(name) } else { (name, SmallVec::new()) };
        // A name that is not a plain identifier is shown whole: an attack may straddle the brackets.
        let plain = ByteSet::of(name).is_within(PLAIN_NAME);
        let name_path = link(parent, StepRef::Simple(kind.name_element));
        self.value(&name_path, if plain { base } else { name }, Role::Name)?;
        if kind.subscripts && !plain {
            self.undivided(&name_path, name, group)?;
        }
        let key = key_text(base);
        let path = link(parent, StepRef::Keyed(kind.element, &key));
        self.subscripted(&path, &subscripts, group, each)
    }

    /// A text that an equals sign cut in two, `<svg onload=alert(1)>`: name and value as one, for names that no field has.
    fn undivided(&mut self, path: &PointPath<'_>, name: &[u8], group: &Group<'_>) -> Flow {
        if !name.iter().any(|b| matches!(b, b'<' | b'"' | b'\'' | b'`' | b'(' | b'{' | b'|')) {
            return Flow::Continue(());
        }
        let first = group.indexes.first().and_then(|&index| group.fields.get(index));
        match first.map(|field| &*field.value) {
            None | Some(b"") => Flow::Continue(()),
            Some(value) => self.value(path, &[name, value].join(&b'='), Role::Name),
        }
    }

    fn subscripted(
        &mut self,
        path: &PointPath<'_>,
        subscripts: &[&[u8]],
        group: &Group<'_>,
        each: Each<'_>,
    ) -> Flow {
        match subscripts.split_first() {
            None if group.indexes.len() == 1 => group.indexes.iter().try_for_each(|&i| each(self, path, i)),
            None => self.items(path, &[], group, each),
            Some((&b"", rest)) => self.items(path, rest, group, each),
            Some((name, rest)) => {
                self.value(&path.child(StepRef::Simple(Element::HashName)), name, Role::Name)?;
                let key = key_text(name);
                self.subscripted(&path.child(StepRef::Keyed(Element::Hash, &key)), rest, group, each)
            }
        }
    }

    /// Each value at its array index, and all of them joined.
    fn items(&mut self, path: &PointPath<'_>, rest: &[&[u8]], group: &Group<'_>, each: Each<'_>) -> Flow {
        for (number, index) in (0u32..).zip(group.indexes) {
            let single = Group { indexes: std::slice::from_ref(index), fields: group.fields };
            self.subscripted(&path.child(StepRef::Indexed(Element::Array, number)), rest, &single, each)?;
        }
        if group.indexes.len() < 2 {
            return Flow::Continue(());
        }
        let values = group.indexes.iter().filter_map(|&i| group.fields.get(i)).map(|field| &*field.value);
        let joined = values.collect::<SmallVec<[&[u8]; 8]>>().join(&b',');
        self.value(&path.child(StepRef::Simple(Element::Pollution)), &joined, Role::Leaf)
    }
}

/// The fields of a query or a form.
///
/// Some servers also split at `;`. The pieces after one are added as fields of their own; the value up to
/// the `&` stays whole, so that both readings are seen. Others decode before they split: an encoded `=` divides there.
///
/// One more than `max` is read at most: enough to run into the limit of visited values.
fn form_fields<'f>(input: &'f [u8], max: usize, buffer: &'f mut Vec<u8>) -> SmallVec<[Field<'f>; USUAL]> {
    let mut ends: SmallVec<[(usize, usize); USUAL]> = SmallVec::new();
    for (name, value) in raw_pairs(input).take(max.saturating_add(1)) {
        decode_once_into(name, true, buffer);
        let middle = buffer.len();
        decode_once_into(value, true, buffer);
        ends.push((middle, buffer.len()));
    }
    let decoded: &'f [u8] = buffer;
    let part = |from: usize, to: usize| Cow::Borrowed(decoded.get(from..to).unwrap_or_default());
    let mut start = 0;
    let mut fields: SmallVec<[Field<'f>; USUAL]> = SmallVec::with_capacity(ends.len());
    for (middle, end) in ends {
        fields.push(Field { name: part(start, middle), value: part(middle, end) });
        start = end;
    }
    let undivided: SmallVec<[Field<'_>; 1]> = fields.iter().filter_map(divided_after_decoding).collect();
    fields.extend(undivided);
    if fields.len() <= max && memchr::memchr(b';', input).is_some() {
        let pieces = input.split(|&b| b == b'&').flat_map(|piece| piece.split(|&b| b == b';').skip(1));
        let alternatives = pieces.filter(|rest| rest.contains(&b'=')).flat_map(pairs);
        fields.extend(alternatives.take(max).map(|(name, value)| Field { name, value }));
    }
    fields
}

/// `a%3D1` as servers read it that decode before they split: a field `a`.
fn divided_after_decoding<'f>(field: &Field<'f>) -> Option<Field<'f>> {
    if !field.value.is_empty() {
        return None;
    }
    let at = memchr::memchr(b'=', &field.name)?;
    let (name, value) = (field.name.get(..at)?, field.name.get(at + 1..)?);
    let plain = !name.is_empty() && name.iter().all(|&b| b.is_ascii_alphanumeric() || b"_-.[]".contains(&b));
    plain.then(|| Field { name: Cow::Owned(name.to_vec()), value: Cow::Owned(value.to_vec()) })
}

/// The first eight bytes as a number that orders as they do; shorter names are filled up with zeros.
fn prefix(name: &[u8]) -> u64 {
    match name.first_chunk() {
        Some(head) => u64::from_be_bytes(*head),
        None => name.iter().rev().fold(0, |number, &byte| number >> 8 | u64::from(byte) << 56),
    }
}

/// The fields of one name.
struct Group<'g> {
    indexes: &'g [usize],
    fields: &'g [Field<'g>],
}

/// Splits `a[x][]` into `a` and its subscripts, `x` and nothing. A name with odd brackets has no subscripts.
fn split_subscripts(name: &[u8]) -> (&[u8], SmallVec<[&[u8]; 4]>) {
    let mut subscripts = SmallVec::new();
    let Some(open) = memchr::memchr(b'[', name).filter(|&at| at > 0) else { return (name, subscripts) };
    let (base, mut rest) = name.split_at(open);
    while let Some(inner) = rest.strip_prefix(b"[") {
        let Some(close) = memchr::memchr(b']', inner) else { return (name, SmallVec::new()) };
        subscripts.push(inner.get(..close).unwrap_or_default());
        rest = inner.get(close + 1..).unwrap_or_default();
    }
    let regular = rest.is_empty() && subscripts.len() <= MAX_SUBSCRIPTS;
    if regular { (base, subscripts) } else { (name, SmallVec::new()) }
}
