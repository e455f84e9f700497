//! Value decoders: pure functions from bytes to bytes, each tried on every value that looks right.
//!
//! A decoder says whether the value was in its encoding, and never fails otherwise: an odd tail is
//! copied as it is, as tolerant servers do. A [`ByteSet`](crate::ByteSet) tells which decoders are worth
//! trying. Limits on depth and volume are the walk's.

pub(crate) mod base64;
pub(crate) mod charset;
pub(crate) mod compress;
pub(crate) mod ebcdic;
pub(crate) mod hex;
pub(crate) mod htmljs;
pub(crate) mod percent;
pub(crate) mod zip;

/// Whether most of a decoded value is text, so that the decoding was probably meant.
pub(crate) fn is_mostly_text(value: &[u8]) -> bool {
    let utf8 = std::str::from_utf8(value).is_ok();
    let text = |&&byte: &&u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n') || (utf8 && byte >= 0x80);
    value.iter().filter(text).count() * 4 >= value.len() * 3
}
