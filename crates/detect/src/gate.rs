//! The gate: which signatures have one of their literals in a value.
//!
//! One pass without branches on the way. Bytes become classes of six bits, in which upper and lower case are the
//! same. A literal of two to four bytes is filed under its first three classes (or all classes in the third place),
//! which are looked up at every byte; a longer one under two runs of four, one beginning at an even and one at an odd
//! byte of it, so that only every second run has to be looked up. Of the runs that a literal has, the rarest are
//! taken, so that ordinary text hardly ever hits; a hit is confirmed by comparing the literal itself. Single-byte
//! literals need no pass: the set of bytes of the value has them. A literal that ends in [`WHOLE`] is a word:
//! `rm`, but not the one in `form`.
//!
//! An automaton over all literals does the same with one look-up per byte, but each waits for the one before and
//! its table is larger than the second-level cache: measured 4 to 12 ns per byte, against about 1 here, whose tables
//! stay in the first-level cache.

use std::collections::BTreeMap;

use bartizan_request::ByteSet;

/// The mark at the end of a literal that has no letter or digit before or behind it.
pub(crate) const WHOLE: u8 = 1;

/// Words of a set of signatures: room for 64 each.
const WORDS: usize = 6;

/// A set of signatures by index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SignSet([u64; WORDS]);

impl SignSet {
    /// How many signatures there can be.
    pub(crate) const CAPACITY: usize = WORDS * 64;

    /// The indexes that a condition holds for, of the first `count`.
    pub(crate) fn of(count: usize, holds: impl Fn(usize) -> bool) -> SignSet {
        let mut set = SignSet::default();
        (0..count.min(SignSet::CAPACITY)).filter(|&index| holds(index)).for_each(|index| set.insert(index));
        set
    }

    pub(crate) fn insert(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

    fn add(&mut self, other: &SignSet) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
    }

    /// Drops what is not in `other`.
    pub(crate) fn keep(&mut self, other: &SignSet) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= other);
    }

    pub(crate) fn is_within(&self, other: &SignSet) -> bool {
        self.0.iter().zip(other.0).all(|(&word, other)| word & !other == 0)
    }

    /// Drops the signatures that a condition does not hold for; whether any is left.
    pub(crate) fn retain(&mut self, holds: impl Fn(usize) -> bool) -> bool {
        let mut any = false;
        for (word, bits) in self.0.iter_mut().enumerate() {
            let mut rest = *bits;
            while rest != 0 {
                let bit = rest.trailing_zeros();
                rest &= rest - 1;
                if !holds(word * 64 + bit as usize) {
                    *bits &= !(1 << bit);
                }
            }
            any |= *bits != 0;
        }
        any
    }

    /// The indexes, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + use<> {
        self.0.into_iter().enumerate().flat_map(|(word, bits)| {
            std::iter::successors(Some(bits), |bits| Some(bits & bits.wrapping_sub(1)))
                .take_while(|&bits| bits != 0)
                .map(move |bits| word * 64 + bits.trailing_zeros() as usize)
        })
    }
}

/// The literals of all signatures, filed for search.
pub(crate) struct Gate {
    /// Signatures that a byte of a kind opens, by the number of the kind.
    singles: Box<[SignSet; 64]>,
    single_kinds: ByteSet,
    /// Bytes that share their kind with others.
    rare_singles: Vec<(u8, SignSet)>,
    /// Literals of two to four bytes, by three classes.
    short: Table<4096>,
    /// Longer literals, by a hash of four classes.
    long: Table<1024>,
    literals: Vec<Literal>,
}

/// A literal and the signatures that it opens.
struct Literal {
    text: &'static [u8],
    /// Whether no letter or digit may stand beside it.
    whole: bool,
    /// The classes of its first and last byte.
    ends: Option<(u32, u32)>,
    signs: SignSet,
}

/// The classes of the first and the last byte.
fn ends(text: &[u8]) -> Option<(u32, u32)> {
    text.first().zip(text.last()).map(|(&first, &last)| (class(first), class(last)))
}

impl Literal {
    /// Whether a text of its length is the literal and tells something new. Most that share a run of classes differ at
    /// an end; in hostile values the same literals stand everywhere.
    fn is_news(&self, text: &[u8], found: &SignSet) -> bool {
        ends(text) == self.ends && !self.signs.is_within(found) && text.eq_ignore_ascii_case(self.text)
    }
}

impl Gate {
    /// Files lower-case literals with the signatures that each opens.
    pub(crate) fn new(literals: &[(&'static [u8], SignSet)]) -> Gate {
        let mut gate = Gate {
            singles: Box::new([SignSet::default(); 64]),
            single_kinds: ByteSet::EMPTY,
            rare_singles: Vec::new(),
            short: Table::default(),
            long: Table::default(),
            literals: Vec::with_capacity(literals.len()),
        };
        let (mut short, mut long) = (Filing::default(), Filing::default());
        for &(text, signs) in literals {
            let id = gate.literals.len();
            let (text, whole) = match text {
                [word @ .., WHOLE] if word.len() > 1 => (word, true),
                _ => (text, false),
            };
            match text {
                [] => {}
                [byte] => gate.file_single(*byte, signs),
                [_, _] => {
                    let follows = |&third: &u32| !whole || third > LAST_DIGIT;
                    for third in (0..=CLASS_MASK).filter(follows) {
                        short.file(short_key(classes(text) << CLASS_BITS | third), Entry { id, before: 0 });
                    }
                }
                [_, _, _] => short.file(short_key(classes(text)), Entry { id, before: 0 }),
                [_, _, _, _] => file_rarest(text, 3, 0..2, short_key, id, &mut short),
                _ => {
                    for parity in 0..2 {
                        let starts = (parity..text.len() - 3).step_by(2);
                        file_rarest(text, 4, starts, long_key, id, &mut long);
                    }
                }
            }
            gate.literals.push(Literal { text, whole, ends: ends(text), signs });
        }
        gate.short = short.into_table();
        gate.long = long.into_table();
        gate
    }

    fn file_single(&mut self, byte: u8, signs: SignSet) {
        let kind = ByteSet::of_bytes(&[byte]);
        self.single_kinds = self.single_kinds.or(kind);
        if !kind.is_exact() {
            self.rare_singles.push((byte, signs));
        } else if let Some(slot) = kind.indexes().next().and_then(|index| self.singles.get_mut(index)) {
            slot.add(&signs);
        }
    }

    /// The signatures with a literal in the value, upper and lower case being the same; `bytes` are its kinds of
    /// bytes. `None` when there is none.
    pub(crate) fn candidates(&self, value: &[u8], bytes: ByteSet) -> Option<SignSet> {
        let mut found = SignSet::default();
        let mut any = false;
        let singles = bytes.and(self.single_kinds);
        for kind in singles.indexes() {
            if let Some(signs) = self.singles.get(kind) {
                found.add(signs);
            }
        }
        any |= found != SignSet::default();
        if !singles.is_exact() {
            for (byte, signs) in &self.rare_singles {
                if memchr::memchr(*byte, value).is_some() {
                    found.add(signs);
                    any = true;
                }
            }
        }
        let (pairs, rest) = value.as_chunks::<2>();
        let mut word = 0;
        let mut end = 0;
        for &[first, second] in pairs {
            word = word << (2 * CLASS_BITS) | class(first) << CLASS_BITS | class(second);
            end += 2;
            let odd = self.short.has(short_key(word >> CLASS_BITS));
            let even = self.short.has(short_key(word));
            let long = self.long.has(long_key(word));
            if odd | even | long {
                any |= self.confirm(value, end, word, [odd, even, long], &mut found);
            }
        }
        // The last byte of an odd number, and then one past the end: a pair may stand there without a third.
        for class in rest.iter().map(|&byte| class(byte)).chain([class(b' ')]) {
            word = word << CLASS_BITS | class;
            end += 1;
            if self.short.has(short_key(word)) {
                any |= self.confirm_short(value, end, word, &mut found);
            }
        }
        any.then_some(found)
    }

    /// Looks closer at what ends at `end`; whether a literal is there.
    #[inline(never)]
    fn confirm(
        &self,
        value: &[u8],
        end: usize,
        word: u32,
        [odd, even, long]: [bool; 3],
        found: &mut SignSet,
    ) -> bool {
        (odd && self.confirm_short(value, end - 1, word >> CLASS_BITS, found))
            | (even && self.confirm_short(value, end, word, found))
            | (long && self.compare(self.long.entries(long_key(word)), value, end.wrapping_sub(4), found))
    }

    fn confirm_short(&self, value: &[u8], end: usize, word: u32, found: &mut SignSet) -> bool {
        self.compare(self.short.entries(short_key(word)), value, end.wrapping_sub(3), found)
    }

    /// Adds the signatures of the literals that stand in the value with what they are filed under at `start`.
    fn compare(&self, entries: &[Entry], value: &[u8], start: usize, found: &mut SignSet) -> bool {
        let mut any = false;
        for entry in entries {
            let Some(literal) = self.literals.get(entry.id) else { continue };
            let start = start.wrapping_sub(entry.before);
            let text = value.get(start..).and_then(|rest| rest.get(..literal.text.len()));
            if text.is_some_and(|text| literal.is_news(text, found))
                && (!literal.whole || is_word(value, start, start + literal.text.len()))
            {
                found.add(&literal.signs);
                any = true;
            }
        }
        any
    }
}

/// Whether no letter or digit stands beside a part of the value.
fn is_word(value: &[u8], start: usize, end: usize) -> bool {
    let before = start.checked_sub(1).and_then(|at| value.get(at));
    !before.is_some_and(u8::is_ascii_alphanumeric) && !value.get(end).is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether a literal stands in a lower-case value, found out the slow way.
pub(crate) fn stands_in(literal: &[u8], lower: &[u8]) -> bool {
    match literal {
        [word @ .., WHOLE] if word.len() > 1 => {
            memchr::memmem::find_iter(lower, word).any(|at| is_word(lower, at, at + word.len()))
        }
        _ => memchr::memmem::find(lower, literal).is_some(),
    }
}

/// Bits of a class.
const CLASS_BITS: u32 = 6;
const CLASS_MASK: u32 = (1 << CLASS_BITS) - 1;
/// The classes up to here are letters and digits.
const LAST_DIGIT: u32 = 26;

/// The class of a byte: letters without their case and punctuation have one each, digits one together, and so have
/// white space, the other control characters, and the two halves of what is beyond ASCII.
#[expect(clippy::indexing_slicing, reason = "the table has an entry for every byte")]
fn class(byte: u8) -> u32 {
    u32::from(CLASSES[usize::from(byte)])
}

#[expect(clippy::indexing_slicing, reason = "a byte is always within 256 entries")]
static CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut punctuation = 0;
    let mut byte = 0u8;
    loop {
        table[byte as usize] = match byte {
            b'a'..=b'z' => byte - b'a',
            b'A'..=b'Z' => byte - b'A',
            b'0'..=b'9' => 26,
            b' ' => 27,
            b'\t' | b'\r' | b'\n' => 28,
            // The rare ones share theirs with the two most common marks.
            0..=0x1F | 0x7F => 29,
            0x80..=0xBF => 30,
            0xC0.. => 31,
            _ => {
                punctuation += 1;
                31 + punctuation
            }
        };
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    table
};

/// The classes of up to five bytes, the last one lowest.
fn classes(text: &[u8]) -> u32 {
    text.iter().fold(0, |word, &byte| word << CLASS_BITS | class(byte))
}

/// The last three classes.
fn short_key(word: u32) -> u32 {
    word & 0x3_FFFF
}

/// A hash of the last four classes.
fn long_key(word: u32) -> u32 {
    (word << 8).wrapping_mul(0x9E37_79B1) >> 16
}

/// Files a literal under the rarest of its runs that begin at `starts`.
fn file_rarest(
    text: &'static [u8],
    length: usize,
    starts: impl Iterator<Item = usize>,
    key: fn(u32) -> u32,
    id: usize,
    filing: &mut Filing,
) {
    let runs = starts.filter_map(|before| {
        let run = text.get(before..before + length)?;
        let key = key(classes(run));
        let pairs = run.windows(2).filter(|pair| is_common(pair)).count();
        let cost = run.iter().map(|&byte| frequency(byte)).sum::<usize>() + 6 * pairs + 4 * filing.count(key);
        Some((cost, before, key))
    });
    if let Some((_, before, key)) = runs.min() {
        filing.file(key, Entry { id, before });
    }
}

/// Whether two letters often follow each other.
fn is_common(pair: &[u8]) -> bool {
    const COMMON: &[u8] =
        b"thheineranreonatenndtiesorteofedisitalarsttontngsehaasouiolevecomedehiriroicnearaceli\
        chllbemasiomur";
    COMMON.as_chunks::<2>().0.iter().any(|common| common == pair)
}

/// Roughly how often a byte occurs in requests.
const fn frequency(byte: u8) -> usize {
    match byte {
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' | b' ' => 9,
        b'h' | b'l' | b'd' | b'u' | b'c' | b'm' => 7,
        b'.' | b',' | b'-' | b'_' | b'/' | b':' | b'"' => 6,
        b'f' | b'p' | b'g' | b'w' | b'y' | b'b' | b'0'..=b'9' => 5,
        b'v' | b'k' => 4,
        b'j' | b'q' | b'x' | b'z' => 1,
        _ => 2,
    }
}

/// A literal by its number, and how many of its bytes stand before those that it is filed under.
#[derive(Clone, Copy, Debug)]
struct Entry {
    id: usize,
    before: usize,
}

/// Entries by key, while they are collected.
#[derive(Default)]
struct Filing(BTreeMap<u32, Vec<Entry>>);

impl Filing {
    fn file(&mut self, key: u32, entry: Entry) {
        self.0.entry(key).or_default().push(entry);
    }

    fn count(&self, key: u32) -> usize {
        self.0.get(&key).map_or(0, Vec::len)
    }

    fn into_table<const N: usize>(self) -> Table<N> {
        let mut table = Table::default();
        for (key, entries) in self.0 {
            if let Some(word) = table.present.get_mut(key as usize / 64) {
                *word |= 1 << (key % 64);
            }
            table.starts.push(table.entries.len());
            table.entries.extend(entries);
        }
        table.starts.push(table.entries.len());
        let mut before = 0;
        for (word, rank) in table.present.iter().zip(table.ranks.iter_mut()) {
            *rank = before;
            before += word.count_ones();
        }
        table
    }
}

/// Entries by key: a bit per key to ask first, and the number of bits before each word to find the entries.
struct Table<const N: usize> {
    present: Box<[u64; N]>,
    ranks: Box<[u32; N]>,
    /// Where the entries of a key begin, by the number of keys before it.
    starts: Vec<usize>,
    entries: Vec<Entry>,
}

impl<const N: usize> Default for Table<N> {
    fn default() -> Table<N> {
        Table { present: Box::new([0; N]), ranks: Box::new([0; N]), starts: Vec::new(), entries: Vec::new() }
    }
}

impl<const N: usize> Table<N> {
    #[expect(clippy::indexing_slicing, reason = "the index is taken modulo the length")]
    fn has(&self, key: u32) -> bool {
        self.present[(key >> 6) as usize % N] >> (key & 63) & 1 != 0
    }

    fn entries(&self, key: u32) -> &[Entry] {
        if !self.has(key) {
            return &[];
        }
        let word = (key >> 6) as usize;
        let (Some(&present), Some(&rank)) = (self.present.get(word), self.ranks.get(word)) else {
            return &[];
        };
        let index = (rank + (present & ((1 << (key & 63)) - 1)).count_ones()) as usize;
        match self.starts.get(index..index + 2) {
            Some(&[start, end]) => self.entries.get(start..end).unwrap_or_default(),
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LITERALS: [&[u8]; 20] = [
        b"'",
        b"\x02",
        b"--",
        b"id",
        b"sh",
        b"/*",
        b"\xc2\xbc",
        b"cat",
        b"../",
        b"union",
        b"select",
        b"onerror",
        b"xp_",
        b"\xe5\x98\x8a",
        b"script:",
        b"elect",
        b"<?",
        b"ls\x01",
        b"dig\x01",
        b"chroot\x01",
    ];

    fn gate() -> Gate {
        let sets: Vec<_> = (0..LITERALS.len())
            .map(|index| (LITERALS[index], SignSet::of(99, |other| other == index)))
            .collect();
        Gate::new(&sets)
    }

    fn plainly(value: &[u8]) -> SignSet {
        let lower = value.to_ascii_lowercase();
        SignSet::of(LITERALS.len(), |index| stands_in(LITERALS[index], &lower))
    }

    proptest! {
        /// The fast search finds exactly what a plain one finds.
        #[test]
        fn the_gate_hides_nothing_and_invents_nothing(
            pieces in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..4), 0..LITERALS.len(), 0..12_usize, any::<bool>()), 0..6),
        ) {
            let gate = gate();
            let mut value = Vec::new();
            for (noise, literal, length, upper) in pieces {
                value.extend(noise);
                let piece = LITERALS[literal].iter().take(length).copied();
                value.extend(piece.map(|byte| if upper { byte.to_ascii_uppercase() } else { byte }));
            }
            prop_assert_eq!(gate.candidates(&value, ByteSet::of(&value)).unwrap_or_default(), plainly(&value));
        }
    }

    #[test]
    fn a_literal_is_found_wherever_it_stands() {
        let gate = gate();
        for (index, literal) in LITERALS.iter().enumerate() {
            let literal = literal.strip_suffix(b"\x01").unwrap_or(literal);
            for before in 0..6 {
                for after in 0..6 {
                    let value = [&b"......"[..before], literal, &b"......"[..after]].concat();
                    let found = gate.candidates(&value, ByteSet::of(&value)).unwrap_or_default();
                    assert!(found.iter().any(|sign| sign == index), "{literal:?} in {value:?}");
                }
            }
        }
    }
}
