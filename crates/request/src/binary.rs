//! Binary data: which values are, and what in them can be text.
//!
//! Random bytes spell the short marks of every language by chance, and no decoder has anything to find in them. So of an
//! image, an archive or an encrypted message only what is too long for chance is read: printable bytes in a row. A
//! program hidden in a picture is such a row.
//!
//! Only values that an application takes as bytes count: a body that no parser took, an uploaded file, bytes in a
//! protobuf message, what base64, hexadecimal digits or a compression hid. A parameter stays text whatever is in it, or a
//! few control characters would hide an attack from the detectors of text. For the same reason what is UTF-8 is text, and so
//! is what is mostly printable, but for files.

use std::ops::Range;

use crate::bytes::ByteSet;
use crate::element::Element;
use crate::path::PointPath;

/// Shorter values are read as text.
const SHORTEST: usize = 64;
/// One control character in so many bytes makes data of a text. Random bytes have one in nine, text in any character set
/// none.
const RARE: usize = 32;
/// Fewer printable bytes in a row are chance, whatever they spell.
const MEANT: usize = 10;
/// Random data of this length has one row of [`MEANT`] printable bytes in sixteen.
const MEANT_IN: usize = 600;
/// The beginning of a serialized .NET object. What matters in one, the names of types, is text between lengths.
const NET_OBJECT: &[u8] = b"\x00\x01\x00\x00\x00\xFF\xFF\xFF\xFF";

/// Whether a value at a point is binary data, given its kinds of bytes.
#[must_use]
pub fn is_binary(point: &PointPath<'_>, value: &[u8], bytes: ByteSet) -> bool {
    value.len() >= SHORTEST
        && !value.starts_with(NET_OBJECT)
        && bytes.intersects(ByteSet::DATA)
        && is_taken_as_bytes(point)
        && is_data(value, point.last().element() == Element::File)
}

/// The longest of the texts in binary data: where somebody disguised a text as data, it is this.
pub fn longest_text(value: &[u8]) -> Option<Range<usize>> {
    texts(value).max_by_key(ExactSizeIterator::len)
}

/// Where binary data can be text: printable bytes in a row, in their order. The longer the data, the longer a row can
/// be by chance: each byte more is as rare as two and a half times the data.
pub fn texts(value: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let (mut meant, mut reach, mut at) = (MEANT, MEANT_IN, 0usize);
    while reach < value.len() {
        meant += 1;
        reach = reach.saturating_mul(5) / 2;
    }
    std::iter::from_fn(move || {
        loop {
            // From the end of the shortest row back: most of random data is skipped without a look.
            let window = value.get(at..at + meant)?;
            if let Some(gap) = window.iter().rposition(|byte| !is_printable(*byte)) {
                at += gap + 1;
                continue;
            }
            let start = at;
            let rest = value.get(start + meant..).unwrap_or_default();
            let more = rest.iter().position(|byte| !is_printable(*byte)).unwrap_or(rest.len());
            at = start + meant + more;
            return Some(start..at);
        }
    })
}

/// Whether a value has more control characters than any text, and is in no other way like one.
fn is_data(value: &[u8], is_file: bool) -> bool {
    let controls = value.iter().filter(|byte| is_control(**byte)).count();
    if controls * RARE < value.len() {
        return false;
    }
    // Random bytes are printable to three eighths.
    let is_legible = || value.iter().filter(|byte| is_printable(**byte)).count() * 4 >= value.len() * 3;
    is_file || !is_legible() && std::str::from_utf8(value).is_err()
}

fn is_taken_as_bytes(point: &PointPath<'_>) -> bool {
    let is_whole_body =
        || point.ancestors().all(|path| matches!(path.last().element(), Element::Post | Element::Gzip));
    match point.last().element() {
        // Credentials of `Basic` are read as text.
        Element::Base64 if point.parent().is_some_and(|above| above.last().element() == Element::Header) => {
            false
        }
        Element::Base64 | Element::Hex | Element::Gzip | Element::File | Element::Protobuf => true,
        Element::Post => is_whole_body(),
        _ => false,
    }
}

const fn is_control(byte: u8) -> bool {
    // Databases take the vertical tab and the form feed for blanks.
    byte < b' ' && !matches!(byte, b'\t' | b'\n' | 0x0B | 0x0C | b'\r') || byte == 0x7F
}

const fn is_printable(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::StepRef;

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        (0..length).map(|_| next()).collect()
    }

    fn binary(element: Element, value: &[u8]) -> bool {
        let body = PointPath::root(StepRef::Simple(Element::Post));
        let point = body.child(StepRef::Simple(element));
        is_binary(&point, value, ByteSet::of(value))
    }

    #[test]
    fn data_is_what_has_many_control_characters() {
        assert!(binary(Element::File, &noise(4096)));
        assert!(!binary(Element::File, "Grüße aus Köln, с любовью 東京より ".repeat(20).as_bytes()));
        assert!(!binary(Element::File, &[0xC0, 0xE1, b' ', 0xF2, 0xEE, b'\n'].repeat(40)));
        assert!(!binary(Element::File, b"\0\x01\x02"));
    }

    #[test]
    fn a_text_with_control_characters_stays_text() {
        let text = b"x' or name like 'admin%' and pwd > (select 'm') or 'a' like 'a' -- \x01\x01\x01\x01";
        for element in [Element::Base64, Element::Hex, Element::Protobuf, Element::Gzip] {
            assert!(!binary(element, text), "{element:?}");
            assert!(!binary(element, &[&text[..], b"\xff\x01\xff"].concat()), "{element:?}");
        }
        let header = PointPath::root(StepRef::Keyed(Element::Header, "AUTHORIZATION"));
        let value = noise(400);
        assert!(!is_binary(&header.child(StepRef::Simple(Element::Base64)), &value, ByteSet::of(&value)));
    }

    #[test]
    fn a_parameter_stays_text() {
        let body = PointPath::root(StepRef::Simple(Element::Post));
        let field = body.child(StepRef::Keyed(Element::FormUrlencoded, "id"));
        let value = noise(4096);
        assert!(!is_binary(&field, &value, ByteSet::of(&value)));
        assert!(!is_binary(&body.child(StepRef::Simple(Element::Percent)), &value, ByteSet::of(&value)));
        assert!(is_binary(&body, &value, ByteSet::of(&value)));
        assert!(is_binary(&field.child(StepRef::Simple(Element::Base64)), &value, ByteSet::of(&value)));
    }

    #[test]
    fn texts_are_long_rows_of_printable_bytes() {
        let value = b"\x89PNG\r\n\x1a\n\0<?php system($_GET['c']); ?>\xffshort\x01last words here";
        let found: Vec<&[u8]> = texts(value).map(|span| &value[span]).collect();
        assert_eq!(found, [&b"<?php system($_GET['c']); ?>"[..], b"last words here"]);
        assert_eq!(texts(b"").count(), 0);
    }

    #[test]
    fn random_data_of_any_length_has_hardly_a_text() {
        let found: usize = (6..21).map(|power| texts(&noise(1 << power)).count()).sum();
        assert!(found <= 3, "{found}");
    }
}
