//! Percent-encoding, once: the strict-enough form every server applies, and the wider IIS form.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// Decodes `%hh`, and `+` as a space when `plus`; anything else is kept as it is.
pub(crate) fn decode_once(input: &[u8], plus: bool) -> Cow<'_, [u8]> {
    let Some(first) = first_escape(input, plus) else { return Cow::Borrowed(input) };
    let mut out = Vec::with_capacity(input.len());
    append_decoded(input, first, plus, &mut out);
    Cow::Owned(out)
}

/// The same into memory that the caller keeps; what there is nothing to decode in is copied.
pub(crate) fn decode_once_into(input: &[u8], plus: bool, out: &mut Vec<u8>) {
    append_decoded(input, first_escape(input, plus).unwrap_or(input.len()), plus, out);
}

fn first_escape(input: &[u8], plus: bool) -> Option<usize> {
    if plus { memchr2(b'%', b'+', input) } else { memchr(b'%', input) }
}

fn append_decoded(input: &[u8], first: usize, plus: bool, out: &mut Vec<u8>) {
    let (clean, mut rest) = input.split_at_checked(first).unwrap_or((input, b""));
    out.extend_from_slice(clean);
    while let Some(&byte) = rest.first() {
        if byte == b'%' {
            let tail = rest.get(1..).unwrap_or_default();
            let decoded = hex_pair(tail);
            out.push(decoded.unwrap_or(b'%'));
            rest = if decoded.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
        } else {
            let (run, tail) = rest.split_at(memchr(b'%', rest).unwrap_or(rest.len()));
            if plus {
                // Many bytes at a time, unlike one by one.
                out.extend(run.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }));
            } else {
                out.extend_from_slice(run);
            }
            rest = tail;
        }
    }
}

/// Decodes `%hh` and IIS's `%uXXXX` once; `None` when there is nothing to decode.
///
/// `%uXXXX` of a full-width form gives the ASCII character, which is what IIS's best-fit mapping makes
/// of it.
pub(crate) fn decode_wide(input: &[u8], out: &mut Vec<u8>) -> bool {
    let mut changed = false;
    let mut rest = input;
    while let Some(at) = memchr(b'%', rest) {
        let (clean, tail) = rest.split_at(at);
        out.extend_from_slice(clean);
        let tail = tail.get(1..).unwrap_or_default();
        if let Some(decoded) = hex_pair(tail) {
            out.push(decoded);
            rest = tail.get(2..).unwrap_or_default();
            changed = true;
        } else if let Some(decoded) = wide_char(tail) {
            out.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
            rest = tail.get(5..).unwrap_or_default();
            changed = true;
        } else {
            out.push(b'%');
            rest = tail;
        }
    }
    out.extend_from_slice(rest);
    changed
}

/// Drops percent signs inside words that no two digits follow, as ASP did (`UN%ION`).
pub(crate) fn decode_stray(input: &[u8], out: &mut Vec<u8>) -> bool {
    let is_stray = |at: usize| {
        let is_letter =
            |at: Option<usize>| at.and_then(|at| input.get(at)).is_some_and(u8::is_ascii_alphabetic);
        is_letter(at.checked_sub(1))
            && is_letter(Some(at + 1))
            && hex_pair(input.get(at + 1..).unwrap_or_default()).is_none()
            && wide_char(input.get(at + 1..).unwrap_or_default()).is_none()
    };
    let mut from = 0;
    for at in memchr::memchr_iter(b'%', input).filter(|&at| is_stray(at)) {
        out.extend_from_slice(input.get(from..at).unwrap_or_default());
        from = at + 1;
    }
    if from == 0 {
        return false;
    }
    out.extend_from_slice(input.get(from..).unwrap_or_default());
    true
}

/// The character of `uXXXX`.
fn wide_char(input: &[u8]) -> Option<char> {
    let [b'u' | b'U', a, b, c, d, ..] = input else { return None };
    let high = hex_pair(&[*a, *b])?;
    let low = hex_pair(&[*c, *d])?;
    char::from_u32(u32::from(high) << 8 | u32::from(low)).map(super::charset::narrow)
}

/// The byte spelled by the first two characters.
pub(crate) fn hex_pair(input: &[u8]) -> Option<u8> {
    match input {
        [high, low, ..] => Some((hex_digit(*high)? << 4) | hex_digit(*low)?),
        _ => None,
    }
}

/// The value of a hexadecimal digit.
pub(crate) const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_tails_are_kept() {
        assert_eq!(&*decode_once(b"a%2", false), b"a%2");
        assert_eq!(&*decode_once(b"%zz%41%", false), b"%zzA%");
        assert_eq!(&*decode_once(b"a+b%2Bc", true), b"a b+c");
        assert_eq!(&*decode_once(b"a+b", false), b"a+b");
    }

    #[test]
    fn wide_form_knows_iis_characters() {
        let mut out = Vec::new();
        assert!(decode_wide(b"%u0027%uff07%41%u12", &mut out));
        assert_eq!(out, b"''A%u12");
        out.clear();
        assert!(!decode_wide(b"100% sure", &mut out));
        assert_eq!(out, b"100% sure");
    }

    #[test]
    fn a_clean_value_is_borrowed() {
        assert!(matches!(decode_once(b"plain", true), Cow::Borrowed(_)));
    }

    #[test]
    fn stray_signs_inside_words_are_dropped() {
        let decoded = |text: &str| {
            let mut out = Vec::new();
            decode_stray(text.as_bytes(), &mut out).then(|| String::from_utf8_lossy(&out).into_owned())
        };
        assert_eq!(decoded("UN%ION SE%LECT 5%").as_deref(), Some("UNION SELECT 5%"));
        for text in ["50%off", "a%41b", "100% sure", "%s", "%"] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }
}
