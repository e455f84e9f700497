//! Characters in disguise: overlong UTF-8, UTF-16 and UTF-32, UTF-7.
//!
//! These are alternatives to the value as it stands, never replacements: only some applications
//! read bytes this way, and an attacker picks the one that does.

use ::base64::Engine as _;

use super::base64::LENIENT;

/// Re-reads the value in the first encoding that it shows signs of.
pub(crate) fn decode(input: &[u8], out: &mut Vec<u8>) -> bool {
    decode_wide(input, out) || overlong(input, out)
}

/// The ASCII character that a full-width form is taken for by best-fit mappings.
pub(crate) fn narrow(c: char) -> char {
    match u32::from(c) {
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(c),
        _ => c,
    }
}

/// Replaces overlong UTF-8 forms and full-width characters by ASCII.
fn overlong(input: &[u8], out: &mut Vec<u8>) -> bool {
    let mut changed = false;
    let mut rest = input;
    while let Some((&byte, tail)) = rest.split_first() {
        let (decoded, used) = match (byte, tail) {
            (0xC0 | 0xC1, &[b @ 0x80..=0xBF, ..]) => (Some(((byte & 1) << 6) | (b & 0x3F)), 1),
            (0xE0, &[b @ (0x80 | 0x81), c @ 0x80..=0xBF, ..]) => (Some(((b & 1) << 6) | (c & 0x3F)), 2),
            (0xF0, &[0x80, b @ (0x80 | 0x81), c @ 0x80..=0xBF, ..]) => (Some(((b & 1) << 6) | (c & 0x3F)), 3),
            (0xEF, &[0xBC, c @ 0x81..=0xBF, ..]) => (Some(c - 0x60), 2),
            (0xEF, &[0xBD, c @ 0x80..=0x9E, ..]) => (Some(c - 0x20), 2),
            _ => (None, 0),
        };
        changed |= decoded.is_some();
        out.push(decoded.unwrap_or(byte));
        rest = tail.get(used..).unwrap_or_default();
    }
    changed
}

/// UTF-32 and UTF-16 by byte order mark, or UTF-16 by its NULs.
pub(crate) fn decode_wide(input: &[u8], out: &mut Vec<u8>) -> bool {
    if let Some(body) = input.strip_prefix(&[0xFF, 0xFE, 0, 0]) {
        return utf32(body, out, u32::from_le_bytes);
    }
    if let Some(body) = input.strip_prefix(&[0, 0, 0xFE, 0xFF]) {
        return utf32(body, out, u32::from_be_bytes);
    }
    if let Some(body) = input.strip_prefix(&[0xFF, 0xFE]) {
        return utf16(body, out, u16::from_le_bytes);
    }
    if let Some(body) = input.strip_prefix(&[0xFE, 0xFF]) {
        return utf16(body, out, u16::from_be_bytes);
    }
    match (mostly_nul(input.iter().step_by(2)), mostly_nul(input.iter().skip(1).step_by(2))) {
        (false, true) => utf16(input, out, u16::from_le_bytes),
        (true, false) => utf16(input, out, u16::from_be_bytes),
        _ => false,
    }
}

/// Whether at least half of these bytes are NUL.
fn mostly_nul<'b>(bytes: impl Iterator<Item = &'b u8>) -> bool {
    let (mut nuls, mut all) = (0usize, 0usize);
    for &byte in bytes.take(256) {
        all += 1;
        nuls += usize::from(byte == 0);
    }
    nuls * 2 >= all && all >= 2
}

fn utf16(body: &[u8], out: &mut Vec<u8>, unit: fn([u8; 2]) -> u16) -> bool {
    let units = body.as_chunks::<2>().0.iter().map(|&pair| unit(pair));
    extend(out, char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
    true
}

fn utf32(body: &[u8], out: &mut Vec<u8>, unit: fn([u8; 4]) -> u32) -> bool {
    let units = body.as_chunks::<4>().0.iter().map(|&quad| unit(quad));
    extend(out, units.map(|c| char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER)));
    true
}

fn extend(out: &mut Vec<u8>, chars: impl Iterator<Item = char>) {
    for c in chars {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Decodes UTF-7 runs (`+ADw-script+AD4-`). Only runs that give ASCII punctuation count: that is what
/// the encoding is abused for, and `a+b-c` must stay arithmetic.
pub(crate) fn decode_utf7(input: &[u8], out: &mut Vec<u8>) -> bool {
    let mut changed = false;
    let mut rest = input;
    while let Some(at) = memchr::memchr(b'+', rest) {
        let (clean, tail) = rest.split_at(at);
        out.extend_from_slice(clean);
        let run = tail.get(1..).unwrap_or_default();
        let end = run.iter().position(|b| !b.is_ascii_alphanumeric() && *b != b'/' && *b != b'+');
        let (run, after) = run.split_at(end.unwrap_or(run.len()));
        match utf7_run(run) {
            Some(text) => {
                extend(out, text.into_iter());
                rest = after.strip_prefix(b"-").unwrap_or(after);
                changed = true;
            }
            None => {
                out.push(b'+');
                rest = tail.get(1..).unwrap_or_default();
            }
        }
    }
    out.extend_from_slice(rest);
    changed
}

/// The characters of one run. Runs are short in practice; a long one is data.
fn utf7_run(run: &[u8]) -> Option<Vec<char>> {
    if run.len() < 3 || run.len() > 1024 {
        return None;
    }
    let bytes = LENIENT.decode(run).ok()?;
    let units = bytes.as_chunks::<2>().0.iter().map(|&pair| u16::from_be_bytes(pair));
    let text: Vec<char> = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
    text.iter().any(char::is_ascii_punctuation).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(input: &[u8]) -> Option<String> {
        let mut out = Vec::new();
        decode(input, &mut out).then(|| String::from_utf8_lossy(&out).into_owned())
    }

    #[test]
    fn overlong_and_full_width_forms_become_ascii() {
        assert_eq!(decoded(b"\xC0\xAE\xC0\xAE/").as_deref(), Some("../"));
        assert_eq!(decoded(b"\xE0\x80\xA7").as_deref(), Some("'"));
        assert_eq!(decoded("＜script＞".as_bytes()).as_deref(), Some("<script>"));
        assert_eq!(decoded("ｓ".as_bytes()).as_deref(), Some("s"));
        assert_eq!(decoded("grün".as_bytes()), None);
    }

    #[test]
    fn wide_encodings_are_recognised() {
        assert_eq!(decoded(b"\xFF\xFE<\0a\0").as_deref(), Some("<a"));
        assert_eq!(decoded(b"\xFE\xFF\0<\0a").as_deref(), Some("<a"));
        assert_eq!(decoded(b"<\0a\0b\0>\0").as_deref(), Some("<ab>"));
        assert_eq!(decoded(b"\0<\0a\0b\0>").as_deref(), Some("<ab>"));
        assert_eq!(decoded(b"\xFF\xFE\0\0<\0\0\0").as_deref(), Some("<"));
    }

    #[test]
    fn utf7_hides_markup_and_arithmetic_is_left_alone() {
        let mut out = Vec::new();
        assert!(decode_utf7(b"+ADw-script+AD4-", &mut out));
        assert_eq!(out, b"<script>");
        out.clear();
        assert!(!decode_utf7(b"a+bcd-e +1", &mut out));
        assert_eq!(out, b"a+bcd-e +1");
    }

    mod properties {
        use proptest::prelude::*;

        use super::super::*;
        use crate::decode::{htmljs, percent};

        fn once(decoder: fn(&[u8], &mut Vec<u8>) -> bool, input: &[u8]) -> Vec<u8> {
            let mut out = Vec::new();
            decoder(input, &mut out);
            out
        }

        /// The last of the forms that a decoder gives of its own results.
        fn last(decoder: fn(&[u8], &mut Vec<u8>) -> bool, input: &[u8]) -> Vec<u8> {
            let mut value = input.to_vec();
            for _ in 0..=input.len() {
                let mut out = Vec::new();
                if !decoder(&value, &mut out) || out == value {
                    return value;
                }
                value = out;
            }
            panic!("{input:?} is decoded for ever");
        }

        proptest! {
            /// What replaces characters by others leaves nothing that it would replace.
            #[test]
            fn characters_are_replaced_once(input in prop::collection::vec(prop_oneof![
                Just(0xC0u8), Just(0xC1), Just(0xE0), Just(0x80), Just(0x81), Just(0xBC), Just(0xEF), Just(0xF0), Just(0xBF), any::<u8>()
            ], 0..40)) {
                let plain = once(overlong, &input);
                prop_assert_eq!(once(overlong, &plain), plain);
            }

            /// Text in wide characters is narrow once decoded.
            #[test]
            fn wide_text_is_decoded_once(text in "[ -~äöüß東]{1,40}", big in any::<bool>()) {
                let units = text.encode_utf16();
                let wide: Vec<u8> = units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect();
                let marked = [if big { &[0xFE, 0xFF] } else { &[0xFF, 0xFE] }, &wide[..]].concat();
                let decoded = once(decode_wide, &marked);
                prop_assert_eq!(&decoded, text.as_bytes());
                prop_assert!(!decode_wide(&decoded, &mut Vec::new()));
            }

            /// Decoding comes to an end, whatever the layers are, and plain text is its own end.
            #[test]
            fn layers_come_to_an_end(input in "(%|25|26|3c|&|amp;|lt;|#x26;|u0026|\\\\|x5c|[a-z;]){0,30}") {
                for decoder in [percent::decode_wide, percent::decode_stray, htmljs::decode] {
                    let end = last(decoder, input.as_bytes());
                    prop_assert_eq!(&last(decoder, &end), &end);
                }
            }
        }
    }
}
