//! Distinct values and their codes. Codes are dense, start at 0 and never change.

use std::{hash::BuildHasher, sync::Arc};

use hashbrown::{DefaultHashBuilder, HashTable};

/// Texts of a chunk.
const CHUNK: usize = 4096;

/// The distinct texts of a column by their codes. Code 0 is the empty text. Full chunks never change, so a copy shares
/// them and stays what it is while more texts come.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    chunks: Vec<Arc<Chunk>>,
    len: usize,
}

#[derive(Clone, Debug, Default)]
struct Chunk {
    bytes: String,
    /// Where each text ends in `bytes`.
    ends: Vec<usize>,
}

impl Default for Words {
    fn default() -> Words {
        let mut words = Words { chunks: Vec::new(), len: 0 };
        words.push("");
        words
    }
}

impl Words {
    /// Number of distinct texts.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The text of a code; empty for a code that was never given out.
    pub(crate) fn text(&self, code: u32) -> &str {
        let code = code as usize;
        self.chunks.get(code / CHUNK).map_or("", |chunk| chunk.text(code % CHUNK))
    }

    /// Every text with its code.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.since(0)
    }

    /// Texts from a code on.
    pub(crate) fn since(&self, code: usize) -> impl Iterator<Item = &str> {
        (code..self.len).map(|code| self.text(u32::try_from(code).unwrap_or(u32::MAX)))
    }

    fn push(&mut self, text: &str) {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::default());
        }
        if let Some(chunk) = self.chunks.last_mut() {
            // Copied when somebody still reads it: it is small.
            let chunk = Arc::make_mut(chunk);
            chunk.bytes.push_str(text);
            chunk.ends.push(chunk.bytes.len());
        }
        self.len += 1;
    }
}

impl Chunk {
    fn text(&self, place: usize) -> &str {
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(place).and_then(|&end| self.bytes.get(start..end)).unwrap_or("")
    }
}

/// Finds the codes of texts; only whoever adds rows needs it.
#[derive(Debug, Default)]
pub(crate) struct Codes {
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Codes {
    /// The code of a text, made when it is new. Code 0 is known beforehand.
    pub(crate) fn code(&mut self, words: &mut Words, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let Codes { table, hasher } = self;
        let hash = hasher.hash_one(text);
        if let Some(&code) = table.find(hash, |&code| words.text(code) == text) {
            return code;
        }
        let code = u32::try_from(words.len()).unwrap_or(u32::MAX);
        words.push(text);
        table.insert_unique(hash, code, |&code| hasher.hash_one(words.text(code)));
        code
    }
}

/// The distinct request ids of a tenant, known by 64 bits of hash: of a billion requests two collide with a
/// probability of 3 %, and then count as one.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    hashes: Vec<u64>,
    codes: HashTable<u32>,
}

impl Requests {
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The code of a request, made when it is new, and whether it is new.
    pub(crate) fn code(&mut self, hash: u64) -> (u32, bool) {
        let Requests { hashes, codes } = self;
        if let Some(code) = find(codes, hashes, hash) {
            return (code, false);
        }
        let code = u32::try_from(hashes.len()).unwrap_or(u32::MAX);
        hashes.push(hash);
        codes.insert_unique(hash, code, |&code| hashes.get(code as usize).copied().unwrap_or_default());
        (code, true)
    }

    /// The code of a request, if it is known.
    pub(crate) fn find(&self, hash: u64) -> Option<u32> {
        find(&self.codes, &self.hashes, hash)
    }

    pub(crate) fn since(&self, code: usize) -> &[u64] {
        self.hashes.get(code..).unwrap_or_default()
    }
}

fn find(codes: &HashTable<u32>, hashes: &[u64], hash: u64) -> Option<u32> {
    codes.find(hash, |&code| hashes.get(code as usize) == Some(&hash)).copied()
}

/// The hash that a request id is known by; stored in files, so it must not change between releases.
pub(crate) fn request_hash(id: &str) -> u64 {
    // FNV-1a, then the finaliser of MurmurHash3 to spread short ids over all bits.
    let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// A growing set of small numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    pub(crate) fn with_capacity(bits: usize) -> Bits {
        Bits(vec![0; bits.div_ceil(64)])
    }

    /// Adds a number and says whether it was new.
    pub(crate) fn insert(&mut self, number: usize) -> bool {
        let word = number / 64;
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let bit = 1_u64 << (number % 64);
        self.0.get_mut(word).is_some_and(|word| {
            let new = *word & bit == 0;
            *word |= bit;
            new
        })
    }

    pub(crate) fn contains(&self, number: usize) -> bool {
        self.0.get(number / 64).is_some_and(|word| word & (1 << (number % 64)) != 0)
    }
}
