//! Percent-encoding, once: the strict-enough form every server applies, and the wider IIS form.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

/// Decodes `%hh`, and `+` as a space when `plus`; anything else is kept as it is.
pub(crate) fn decode_once(input: &[u8], plus: bool) -> Cow<'_, [u8]> {
    let first = if plus { memchr2(b'%', b'+', input) } else { memchr(b'%', input) };
    let Some(first) = first else { return Cow::Borrowed(input) };
    let (clean, mut rest) = input.split_at(first);
    let mut out = Vec::with_capacity(input.len());
    out.extend_from_slice(clean);
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'%' => match hex_pair(tail) {
                Some(decoded) => {
                    out.push(decoded);
                    rest = tail.get(2..).unwrap_or_default();
                }
                None => out.push(b'%'),
            },
            b'+' if plus => out.push(b' '),
            _ => out.push(byte),
        }
    }
    Cow::Owned(out)
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
    fn a_clean_value_is_borrowed() {
        assert!(matches!(decode_once(b"plain", true), Cow::Borrowed(_)));
    }
}
