//! EBCDIC, as some servers decode a body that declares it: the oldest way to hide ASCII behind a `charset`.
//!
//! Letters, digits and most signs stand at the same place in every code page of the family; where pages differ, the
//! few that frameworks know by default are told apart.

/// A code page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// 037, and what stands for the national pages.
    Us,
    /// 500.
    International,
    /// 1047.
    OpenSystems,
}

/// `<?xml` in every page.
pub(crate) const XML_START: &[u8] = b"\x4C\x6F\xA7\x94\x93";

impl Page {
    /// The page that a name of a character set means: `ibm037`, `cp500`, `IBM-1047`, `ebcdic-cp-us`.
    pub(crate) fn of(charset: &[u8]) -> Option<Page> {
        const OTHERS: [u16; 29] = [
            273, 277, 278, 280, 284, 285, 290, 297, 420, 423, 424, 833, 838, 870, 871, 875, 880, 905, 1025,
            1026, 1140, 1141, 1142, 1143, 1144, 1145, 1146, 1147, 1149,
        ];
        // Longer than any name.
        let name = charset.get(..charset.len().min(24))?.to_ascii_lowercase();
        let mut rest = name.as_slice();
        for prefix in [&b"cs"[..], b"x-", b"ebcdic", b"ibm", b"cp", b"-", b"_"] {
            rest = rest.strip_prefix(prefix).unwrap_or(rest);
        }
        let number: Option<u16> = std::str::from_utf8(rest).ok().and_then(|digits| digits.parse().ok());
        match number {
            Some(500 | 1148) => Some(Page::International),
            Some(1047 | 924) => Some(Page::OpenSystems),
            Some(37) => Some(Page::Us),
            // `cp1252` and its kin are no EBCDIC.
            Some(number) => OTHERS.contains(&number).then_some(Page::Us),
            None => memchr::memmem::find(&name, b"ebcdic").map(|_| Page::Us),
        }
    }

    /// Decodes to UTF-8.
    pub(crate) fn decode(self, input: &[u8], out: &mut Vec<u8>) {
        out.reserve(input.len());
        for &byte in input {
            let c = char::from(self.differing(byte).unwrap_or_else(|| us(byte)));
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    /// Where a page is not 037.
    const fn differing(self, byte: u8) -> Option<u8> {
        Some(match (self, byte) {
            (Page::International, 0x4A) | (Page::OpenSystems, 0xAD) => b'[',
            (Page::International, 0x5A) | (Page::OpenSystems, 0xBD) => b']',
            (Page::International | Page::OpenSystems, 0x5F) => b'^',
            (Page::International, 0x4F) => b'!',
            (Page::International, 0xBB) => b'|',
            (Page::International, 0xB0) => 0xA2,
            (Page::International, 0xBA) | (Page::OpenSystems, 0xB0) => 0xAC,
            (Page::OpenSystems, 0xBA) => 0xDD,
            (Page::OpenSystems, 0xBB) => 0xA8,
            _ => return None,
        })
    }
}

#[expect(clippy::indexing_slicing, reason = "the table has an entry for every byte")]
fn us(byte: u8) -> u8 {
    US[usize::from(byte)]
}

/// Page 037 as Latin-1.
#[rustfmt::skip]
const US: [u8; 256] = [
    0x00, 0x01, 0x02, 0x03, 0x9C, 0x09, 0x86, 0x7F, 0x97, 0x8D, 0x8E, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F,
    0x10, 0x11, 0x12, 0x13, 0x9D, 0x85, 0x08, 0x87, 0x18, 0x19, 0x92, 0x8F, 0x1C, 0x1D, 0x1E, 0x1F,
    0x80, 0x81, 0x82, 0x83, 0x84, 0x0A, 0x17, 0x1B, 0x88, 0x89, 0x8A, 0x8B, 0x8C, 0x05, 0x06, 0x07,
    0x90, 0x91, 0x16, 0x93, 0x94, 0x95, 0x96, 0x04, 0x98, 0x99, 0x9A, 0x9B, 0x14, 0x15, 0x9E, 0x1A,
    0x20, 0xA0, 0xE2, 0xE4, 0xE0, 0xE1, 0xE3, 0xE5, 0xE7, 0xF1, 0xA2, 0x2E, 0x3C, 0x28, 0x2B, 0x7C,
    0x26, 0xE9, 0xEA, 0xEB, 0xE8, 0xED, 0xEE, 0xEF, 0xEC, 0xDF, 0x21, 0x24, 0x2A, 0x29, 0x3B, 0xAC,
    0x2D, 0x2F, 0xC2, 0xC4, 0xC0, 0xC1, 0xC3, 0xC5, 0xC7, 0xD1, 0xA6, 0x2C, 0x25, 0x5F, 0x3E, 0x3F,
    0xF8, 0xC9, 0xCA, 0xCB, 0xC8, 0xCD, 0xCE, 0xCF, 0xCC, 0x60, 0x3A, 0x23, 0x40, 0x27, 0x3D, 0x22,
    0xD8, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0xAB, 0xBB, 0xF0, 0xFD, 0xFE, 0xB1,
    0xB0, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x70, 0x71, 0x72, 0xAA, 0xBA, 0xE6, 0xB8, 0xC6, 0xA4,
    0xB5, 0x7E, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7A, 0xA1, 0xBF, 0xD0, 0xDD, 0xDE, 0xAE,
    0x5E, 0xA3, 0xA5, 0xB7, 0xA9, 0xA7, 0xB6, 0xBC, 0xBD, 0xBE, 0x5B, 0x5D, 0xAF, 0xA8, 0xB4, 0xD7,
    0x7B, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0xAD, 0xF4, 0xF6, 0xF2, 0xF3, 0xF5,
    0x7D, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F, 0x50, 0x51, 0x52, 0xB9, 0xFB, 0xFC, 0xF9, 0xFA, 0xFF,
    0x5C, 0xF7, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5A, 0xB2, 0xD4, 0xD6, 0xD2, 0xD3, 0xD5,
    0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0xB3, 0xDB, 0xDC, 0xD9, 0xDA, 0x9F,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_known_by_their_names() {
        for name in [
            "ibm037",
            "IBM037",
            "cp037",
            "cp37",
            "csIBM037",
            "ebcdic-cp-us",
            "x-ebcdic-koreanextended",
            "ibm285",
        ] {
            assert_eq!(Page::of(name.as_bytes()), Some(Page::Us), "{name}");
        }
        assert_eq!(Page::of(b"IBM-500"), Some(Page::International));
        assert_eq!(Page::of(b"cp1047"), Some(Page::OpenSystems));
        for name in ["utf-8", "iso-8859-1", "cp1252", "ibm850", "cp437", "windows-1251", "", "-"] {
            assert_eq!(Page::of(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn a_script_comes_out() {
        let mut out = Vec::new();
        Page::Us.decode(b"\x4C\xA2\x83\x99\x89\x97\xA3\x6E\x81\x4D\x7D\xF1\x7D\x5D", &mut out);
        assert_eq!(out, b"<script>a('1')");
        let mut brackets = Vec::new();
        Page::Us.decode(b"\xBA\xBB\xB0\x5A", &mut brackets);
        Page::International.decode(b"\x4A\x5A\x5F\x4F", &mut brackets);
        Page::OpenSystems.decode(b"\xAD\xBD\x5F\x5A", &mut brackets);
        assert_eq!(brackets, b"[]^![]^![]^!");
    }

    /// A byte has one meaning, and no two bytes the same.
    #[test]
    fn every_page_is_a_permutation() {
        for page in [Page::Us, Page::International, Page::OpenSystems] {
            let mut seen: Vec<u8> =
                (0..=255).map(|byte| page.differing(byte).unwrap_or_else(|| us(byte))).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..=255).collect::<Vec<u8>>(), "{page:?}");
        }
    }
}
