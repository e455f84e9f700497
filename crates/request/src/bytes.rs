//! Which kinds of bytes a value is made of, found out in one pass.
//!
//! The set decides cheaply what would otherwise take a pass each: which decoders are worth trying, whether a
//! detector's literals can occur at all. Punctuation and white space have a kind each, so that for them the set
//! is exact; letters, digits and rare control characters share one.

/// A set of kinds of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ByteSet(u64);

const SPACE: u32 = 32;
const TAB: u32 = 33;
const LINE_FEED: u32 = 34;
const RETURN: u32 = 35;
const NUL: u32 = 36;
const CONTROL: u32 = 37;
const DELETE: u32 = 38;
const DIGIT: u32 = 39;
const HEX_LETTER: u32 = 40;
const LETTER: u32 = 41;
const HIGH: u32 = 42;
const WIDE: u32 = 43;
/// Kinds up to here are of one byte each.
const EXACT: u32 = NUL;

impl ByteSet {
    /// No kind at all.
    pub const EMPTY: ByteSet = ByteSet(0);
    /// Every kind.
    pub const ALL: ByteSet = ByteSet((1 << (WIDE + 1)) - 1);
    /// Digits and letters of ASCII.
    pub const ALPHANUMERIC: ByteSet = ByteSet(1 << DIGIT | 1 << HEX_LETTER | 1 << LETTER);
    /// Digits.
    pub const DIGITS: ByteSet = ByteSet(1 << DIGIT);
    /// Digits and the letters up to `f`.
    pub const HEX: ByteSet = ByteSet(1 << DIGIT | 1 << HEX_LETTER);
    /// Bytes above 127.
    pub const NON_ASCII: ByteSet = ByteSet(1 << HIGH | 1 << WIDE);
    /// The first byte of full-width forms, 0xEF.
    pub const WIDE_LEAD: ByteSet = ByteSet(1 << WIDE);
    /// Bytes below the space.
    pub const CONTROLS: ByteSet = ByteSet(1 << TAB | 1 << LINE_FEED | 1 << RETURN | 1 << NUL | 1 << CONTROL);
    /// Control characters other than those of text.
    pub const DATA: ByteSet = ByteSet(1 << NUL | 1 << CONTROL | 1 << DELETE);

    /// The kinds in a value.
    pub fn of(value: &[u8]) -> ByteSet {
        let (chunks, rest) = value.as_chunks::<4>();
        let mut bits = 0;
        for &[a, b, c, d] in chunks {
            bits |= kinds(a) | kinds(b) | kinds(c) | kinds(d);
        }
        ByteSet(rest.iter().fold(bits, |bits, &byte| bits | kinds(byte)))
    }

    /// The kinds of these bytes, at compile time.
    pub const fn of_bytes(bytes: &[u8]) -> ByteSet {
        let mut bits = 0;
        let mut rest = bytes;
        while let Some((&byte, tail)) = rest.split_first() {
            bits |= kinds(byte);
            rest = tail;
        }
        ByteSet(bits)
    }

    /// All kinds of both.
    pub const fn or(self, other: ByteSet) -> ByteSet {
        ByteSet(self.0 | other.0)
    }

    /// The kinds that both have.
    pub const fn and(self, other: ByteSet) -> ByteSet {
        ByteSet(self.0 & other.0)
    }

    /// The kinds of this set that are not in the other.
    pub const fn without(self, other: ByteSet) -> ByteSet {
        ByteSet(self.0 & !other.0)
    }

    /// Whether the sets have a kind in common.
    pub const fn intersects(self, other: ByteSet) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether every kind of this set is in the other.
    pub const fn is_within(self, other: ByteSet) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether there is no kind in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether each kind is of one byte, so that having the kind is having the byte.
    pub const fn is_exact(self) -> bool {
        self.0 < 1 << (EXACT + 1)
    }

    /// The number of each kind, for tables with an entry per kind; below 64.
    pub fn indexes(self) -> impl Iterator<Item = usize> {
        let mut bits = self.0;
        std::iter::from_fn(move || {
            let index = (bits != 0).then(|| bits.trailing_zeros() as usize);
            bits &= bits.wrapping_sub(1);
            index
        })
    }
}

/// The bit of a byte's kind.
#[expect(clippy::indexing_slicing, reason = "the table has an entry for every byte")]
const fn kinds(byte: u8) -> u64 {
    KINDS[byte as usize]
}

#[expect(clippy::indexing_slicing, reason = "a byte is always within 256 entries")]
static KINDS: [u64; 256] = {
    let mut table = [0u64; 256];
    let mut punctuation = 0;
    let mut byte = 0u8;
    loop {
        let kind = match byte {
            b' ' => SPACE,
            b'\t' => TAB,
            b'\n' => LINE_FEED,
            b'\r' => RETURN,
            0 => NUL,
            0x01..=0x1F => CONTROL,
            0x7F => DELETE,
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' | b'A'..=b'F' => HEX_LETTER,
            b'g'..=b'z' | b'G'..=b'Z' => LETTER,
            0xEF => WIDE,
            0x80.. => HIGH,
            _ => {
                punctuation += 1;
                punctuation - 1
            }
        };
        table[byte as usize] = 1 << kind;
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_punctuation_mark_has_a_kind_of_its_own() {
        let marks: Vec<u8> = (0..=u8::MAX).filter(u8::is_ascii_punctuation).chain(*b" \t\r\n\0").collect();
        for &mark in &marks {
            let set = ByteSet::of(&[mark]);
            assert!(set.is_exact(), "{mark}");
            let same = (0..=u8::MAX).filter(|&byte| ByteSet::of(&[byte]) == set).count();
            assert_eq!(same, 1, "{mark}");
        }
        for shared in [1u8, 0x7F, b'a', b'z', b'5', 0x80, 0xEF] {
            assert!(!ByteSet::of(&[shared]).is_exact(), "{shared}");
        }
    }

    #[test]
    fn a_set_is_the_union_of_its_bytes() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        assert_eq!(ByteSet::of(&all), ByteSet::ALL);
        assert_eq!(ByteSet::of(b"a-b_c.d"), ByteSet::of_bytes(b"abcd").or(ByteSet::of(b"-_.")));
        assert!(ByteSet::of(b"deadbeef01").is_within(ByteSet::HEX));
        assert_eq!(ByteSet::of(b"~").indexes().count(), 1);
        assert!(ByteSet::ALL.indexes().all(|index| index < 64));
    }
}
