//! Base64 in the standard and the URL-safe alphabet, padded or not, with line breaks.

use ::base64::Engine as _;
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

/// Decodes whatever the result is.
pub(crate) fn decode_any(input: &[u8], out: &mut Vec<u8>) -> bool {
    let foreign = |&b: &u8| matches!(b, b'-' | b'_' | b'\r' | b'\n' | b'=');
    if input.iter().any(foreign) {
        let standard: Vec<u8> = input
            .iter()
            .filter(|b| !matches!(b, b'\r' | b'\n'))
            .map(|&b| match b {
                b'-' => b'+',
                b'_' => b'/',
                b => b,
            })
            .collect();
        // PHP and others ignore how many signs of padding there are.
        let end = standard.iter().rposition(|&b| b != b'=').map_or(0, |last| last + 1);
        LENIENT.decode_vec(standard.get(..end).unwrap_or_default(), out).is_ok()
    } else {
        LENIENT.decode_vec(input, out).is_ok()
    }
}

/// Formats that are worth a look although they are not text.
fn has_known_start(value: &[u8]) -> bool {
    const STARTS: [&[u8]; 7] = [
        &[0x1F, 0x8B],             // gzip
        b"PK\x03\x04",             // zip
        &[0xFF, 0x01],             // ASP.NET view state
        &[0xAC, 0xED, 0x00, 0x05], // serialized Java
        &[0x28, 0xB5, 0x2F, 0xFD], // zstd
        b"\x80\x04\x95",           // Python pickle
        &[0xFF, 0xFE],             // UTF-16
    ];
    STARTS.iter().any(|start| value.starts_with(start)) || is_utf16(value)
}

/// Commands for PowerShell are base64 of UTF-16 without a byte order mark.
fn is_utf16(value: &[u8]) -> bool {
    let pairs = value.as_chunks::<2>().0;
    value.len() >= 8
        && pairs.iter().filter(|[low, high]| *high == 0 && *low != 0).count() * 4 >= pairs.len() * 3
}

#[cfg(test)]
mod tests {
    use super::*;

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
