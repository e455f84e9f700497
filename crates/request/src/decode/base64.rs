//! Base64 in the standard and the URL-safe alphabet, padded or not, with line breaks.

use ::base64::alphabet;
use ::base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::is_mostly_text;

/// The standard alphabet without regard to padding and trailing bits.
pub(crate) static LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Shortest string taken for base64.
const MIN_LENGTH: usize = 8;

/// Decodes when the result is text or starts like a known format. The caller has checked the alphabet.
pub(crate) fn decode(input: &[u8], out: &mut Vec<u8>) -> bool {
    input.len() >= MIN_LENGTH && decode_any(input, out) && (is_mostly_text(out) || has_known_start(out))
}

/// Whether a value is base64 in groups of one length with a blank between them, as it is printed for people: four groups or
/// more, each of whole digits but the last.
pub(crate) fn is_grouped(input: &[u8]) -> bool {
    const GROUPS: usize = 4;
    let Some(size) = memchr::memchr(b' ', input).filter(|size| *size >= 4 && size.is_multiple_of(4)) else {
        return false;
    };
    let mut groups = input.chunks(size + 1);
    let last = groups.next_back().unwrap_or_default();
    let is_digits =
        |group: &[u8]| group.iter().all(|&byte| byte != b' ' && (byte == b'=' || digit(byte) < SKIPPED));
    groups.len() + 1 >= GROUPS
        && is_digits(last)
        && groups.all(|group| group.split_last().is_some_and(|(end, group)| *end == b' ' && is_digits(group)))
}

/// Decodes what [`is_grouped`] found.
pub(crate) fn decode_groups(input: &[u8], out: &mut Vec<u8>) -> bool {
    let digits: Vec<u8> = input.iter().copied().filter(|byte| *byte != b' ').collect();
    decode(&digits, out)
}

/// Whether a short string may decode to something that [`decode`] accepts, told by its first eight digits. Every longer
/// word of a request is such a string, and nearly all of them end here.
pub(crate) fn is_worth_decoding(input: &[u8]) -> bool {
    const SHORT: usize = 32;
    let Some((&first, _)) = input.split_first_chunk::<MIN_LENGTH>() else { return true };
    let values = first.map(digit);
    if input.len() >= SHORT || values.iter().any(|&value| value >= SKIPPED) {
        return true;
    }
    let group = |values: &[u8]| values.iter().fold(0, |group, &value| group << 6 | u32::from(value));
    let (left, right) = values.split_at(values.len() / 2);
    let [_, a, b, c] = group(left).to_be_bytes();
    let [_, d, e, f] = group(right).to_be_bytes();
    let head = [a, b, c, d, e, f];
    let is_utf8 = std::str::from_utf8(&head).map_or_else(|error| error.error_len().is_none(), |_| true);
    // Zeros are every other byte of UTF-16.
    let text =
        |&&byte: &&u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n' | 0) || (is_utf8 && byte >= 0x80);
    let odd = head.len() - head.iter().filter(text).count();
    odd * 4 <= input.len() / 4 * 3 + 2 || has_known_start(&head)
}

/// Decodes whatever the result is.
///
/// Every longer word of a request is tried, so this is a loop of our own: no copy for the other alphabet, line
/// breaks and padding, and no set-up. PHP and others ignore how many signs of padding there are.
pub(crate) fn decode_any(input: &[u8], out: &mut Vec<u8>) -> bool {
    let end = input.iter().rposition(|b| !matches!(b, b'=' | b'\r' | b'\n')).map_or(0, |last| last + 1);
    let mut rest = input.get(..end).unwrap_or_default();
    out.reserve(rest.len() / 4 * 3 + 3);
    let (mut group, mut digits) = (0_u32, 0);
    while let Some((&byte, tail)) = rest.split_first() {
        if digits == 0
            && let Some((&[a, b, c, d], tail)) = rest.split_first_chunk()
        {
            let values = [digit(a), digit(b), digit(c), digit(d)];
            if values.iter().all(|&value| value < SKIPPED) {
                let [a, b, c, d] = values.map(u32::from);
                let [_, bytes @ ..] = (a << 18 | b << 12 | c << 6 | d).to_be_bytes();
                out.extend_from_slice(&bytes);
                rest = tail;
                continue;
            }
        }
        rest = tail;
        match digit(byte) {
            value @ 0..SKIPPED => {
                group = group << 6 | u32::from(value);
                digits += 1;
            }
            SKIPPED => {}
            _ => return false,
        }
        if digits == 4 {
            let [_, bytes @ ..] = group.to_be_bytes();
            out.extend_from_slice(&bytes);
            (group, digits) = (0, 0);
        }
    }
    let [_, first, second, _] = (group << (6 * (4 - digits))).to_be_bytes();
    match digits {
        0 => {}
        2 => out.push(first),
        3 => out.extend_from_slice(&[first, second]),
        _ => return false,
    }
    true
}

/// A line break inside the data.
const SKIPPED: u8 = 64;
const FOREIGN: u8 = 65;

/// The value of a digit of either alphabet, [`SKIPPED`] or [`FOREIGN`].
#[expect(clippy::indexing_slicing, reason = "the table has an entry for every byte")]
fn digit(byte: u8) -> u8 {
    DIGITS[usize::from(byte)]
}

#[expect(clippy::indexing_slicing, reason = "a byte is always within 256 entries")]
static DIGITS: [u8; 256] = {
    let mut table = [FOREIGN; 256];
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            // In a form, an unescaped `+` arrives as a blank.
            b'+' | b'-' | b' ' => 62,
            b'/' | b'_' => 63,
            b'\r' | b'\n' => SKIPPED,
            _ => FOREIGN,
        };
        byte += 1;
    }
    table
};

/// Formats that are worth a look although they are not text.
fn has_known_start(value: &[u8]) -> bool {
    const STARTS: [&[u8]; 6] = [
        &[0x1F, 0x8B],             // gzip
        b"PK\x03\x04",             // zip
        &[0xFF, 0x01],             // ASP.NET view state
        &[0xAC, 0xED, 0x00, 0x05], // serialized Java
        &[0x28, 0xB5, 0x2F, 0xFD], // zstd
        &[0xFF, 0xFE],             // UTF-16
    ];
    STARTS.iter().any(|start| value.starts_with(start)) || is_pickle(value) || is_utf16(value)
}

/// Python objects: the protocol and the first instruction, a frame from the fourth on.
fn is_pickle(value: &[u8]) -> bool {
    matches!(
        value,
        [0x80, 2 | 3, b'c' | b'(' | b'}' | b']' | b')', ..] | [0x80, 4 | 5, 0x95 | 0x8C | b'c', ..]
    )
}

/// Commands for PowerShell are base64 of UTF-16 without a byte order mark.
fn is_utf16(value: &[u8]) -> bool {
    let pairs = value.as_chunks::<2>().0;
    value.len() >= 8
        && pairs.iter().filter(|[low, high]| *high == 0 && *low != 0).count() * 4 >= pairs.len() * 3
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use ::base64::Engine as _;

    fn decoded(input: &str) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        decode(input.as_bytes(), &mut out).then_some(out)
    }

    #[test]
    fn both_alphabets_with_and_without_padding() {
        assert_eq!(decoded("PHNjcmlwdD4="), Some(b"<script>".to_vec()));
        assert_eq!(decoded("PHNjcmlwdD4"), Some(b"<script>".to_vec()));
        assert_eq!(decoded("PHNj\r\ncmlwdD4="), Some(b"<script>".to_vec()));
        assert_eq!(decoded("PD8-fm9rP34-Pw"), Some(b"<?>~ok?~>?".to_vec()));
        assert_eq!(decoded("PD8+fm9rP34+Pw==="), Some(b"<?>~ok?~>?".to_vec()));
    }

    #[test]
    fn groups_are_of_one_length() {
        let decoded = |input: &str| {
            let mut out = Vec::new();
            (is_grouped(input.as_bytes()) && decode_groups(input.as_bytes(), &mut out)).then_some(out)
        };
        assert_eq!(decoded("PHNj cmlw dD5h bGVy dCgx KQ=="), Some(b"<script>alert(1)".to_vec()));
        for text in [
            "PHNj cmlw dD5h",
            "then they said that",
            "PHNj cmlw dD5 hbGVy dCgx KQ==",
            "four more or less words",
        ] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }

    proptest! {
        /// The look at the first digits never turns away what would have been decoded.
        #[test]
        fn the_short_look_hides_nothing(text in "[ -~]{5,20}|\\PC{2,8}|[A-Za-z0-9+/_-]{8,31}", raw in any::<bool>()) {
            let encoded = if raw { text } else { LENIENT.encode(text) };
            let mut out = Vec::new();
            if decode(encoded.as_bytes(), &mut out) {
                prop_assert!(is_worth_decoding(encoded.as_bytes()), "{encoded} is {out:?}");
            }
        }

        /// The loop takes and gives what the library does after line breaks and padding are gone.
        #[test]
        fn decoding_agrees_with_the_library(text in "[A-Za-z0-9+/_\r\n=.-]{0,40}|[A-Za-z0-9+/]{0,40}={0,3}") {
            let standard: String = text
                .chars()
                .filter(|c| !matches!(c, '\r' | '\n'))
                .map(|c| match c { '-' => '+', '_' => '/', c => c })
                .collect();
            let mut out = Vec::new();
            let decoded = decode_any(text.as_bytes(), &mut out).then_some(out);
            prop_assert_eq!(decoded, LENIENT.decode(standard.trim_end_matches('=')).ok());
        }
    }

    #[test]
    fn words_and_identifiers_are_not_base64() {
        for word in ["username", "checkout", "5f2b8c1de9a04712", "short"] {
            assert_eq!(decoded(word), None, "{word}");
        }
    }

    #[test]
    fn utf16_commands_are_decoded() {
        assert!(decoded("aQBlAHgAIAAoACkA").is_some());
    }
}
