//! Value decoders: pure functions from bytes to bytes, each tried on every value that looks right.
//!
//! A decoder says whether the value was in its encoding, and never fails otherwise: an odd tail is
//! copied as it is, as tolerant servers do. [`Traits`] tells in one pass which decoders are worth trying.
//! Limits on depth and volume are the walk's.

pub(crate) mod base64;
pub(crate) mod charset;
pub(crate) mod compress;
pub(crate) mod hex;
pub(crate) mod htmljs;
pub(crate) mod percent;

/// Which bytes occur in a value, as far as decoders care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Traits(u8);

impl Traits {
    /// `%`
    pub(crate) const PERCENT: u8 = 1;
    /// `&` or `\`
    pub(crate) const ESCAPE: u8 = 2;
    /// `+`
    pub(crate) const PLUS: u8 = 4;
    /// Bytes above 127.
    pub(crate) const HIGH: u8 = 8;
    /// NUL
    pub(crate) const NUL: u8 = 16;
    /// Something outside both base64 alphabets, padding and line breaks.
    pub(crate) const NOT_BASE64: u8 = 32;
    /// Something that is not a hexadecimal digit.
    pub(crate) const NOT_HEX: u8 = 64;

    /// Looks at every byte once.
    pub(crate) fn of(value: &[u8]) -> Traits {
        Traits(value.iter().fold(0, |bits, &byte| bits | table_entry(byte)))
    }

    /// Whether any of the bits was seen.
    pub(crate) const fn any(self, bits: u8) -> bool {
        self.0 & bits != 0
    }
}

#[expect(clippy::indexing_slicing, reason = "the table has an entry for every byte")]
fn table_entry(byte: u8) -> u8 {
    TABLE[usize::from(byte)]
}

#[expect(clippy::indexing_slicing, reason = "a byte is always within 256 entries")]
static TABLE: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut byte = 0u8;
    loop {
        let mut bits = match byte {
            b'%' => Traits::PERCENT,
            b'&' | b'\\' => Traits::ESCAPE,
            b'+' => Traits::PLUS,
            0 => Traits::NUL,
            128.. => Traits::HIGH,
            _ => 0,
        };
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=' | b'\r' | b'\n'))
        {
            bits |= Traits::NOT_BASE64;
        }
        if !byte.is_ascii_hexdigit() {
            bits |= Traits::NOT_HEX;
        }
        table[byte as usize] = bits;
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    table
};

/// Whether most of a decoded value is text, so that the decoding was probably meant.
pub(crate) fn is_mostly_text(value: &[u8]) -> bool {
    let utf8 = std::str::from_utf8(value).is_ok();
    let text = |&&byte: &&u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n') || (utf8 && byte >= 0x80);
    value.iter().filter(text).count() * 4 >= value.len() * 3
}
