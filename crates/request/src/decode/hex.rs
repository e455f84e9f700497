//! Hexadecimal strings.

use super::is_mostly_text;
use super::percent::hex_pair;

/// Shortest string taken for hexadecimal; below that it is a number or a word.
const MIN_DIGITS: usize = 8;

/// Decodes when the result is text.
pub(crate) fn decode(input: &[u8], out: &mut Vec<u8>) -> bool {
    if input.len() < MIN_DIGITS || !input.len().is_multiple_of(2) {
        return false;
    }
    for pair in input.as_chunks::<2>().0 {
        match hex_pair(pair) {
            Some(byte) => out.push(byte),
            None => return false,
        }
    }
    out.iter().all(|&b| matches!(b, b' '..=b'~' | b'\t' | b'\r' | b'\n' | 0x80..)) && is_mostly_text(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_is_taken() {
        let mut out = Vec::new();
        assert!(decode(b"3c7363726970743e", &mut out));
        assert_eq!(out, b"<script>");
        assert!(!decode(b"00010203", &mut Vec::new()));
        assert!(!decode(b"3c3c3c", &mut Vec::new()));
        assert!(!decode(b"123456789", &mut Vec::new()));
    }
}
