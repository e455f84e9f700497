//! Distinct values and their codes. Codes are dense, start at 0 and never change.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// The distinct texts of a column. Code 0 is the empty text.
#[derive(Debug)]
pub(crate) struct Dictionary {
    bytes: String,
    /// Where each text ends in `bytes`.
    ends: Vec<usize>,
    codes: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Default for Dictionary {
    fn default() -> Dictionary {
        let mut dictionary = Dictionary {
            bytes: String::new(),
            ends: Vec::new(),
            codes: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        };
        dictionary.code("");
        dictionary
    }
}

impl Dictionary {
    /// Number of distinct texts.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of a code; empty for a code that was never given out.
    pub(crate) fn text(&self, code: u32) -> &str {
        text_of(&self.bytes, &self.ends, code)
    }

    /// The code of a text, made when it is new.
    pub(crate) fn code(&mut self, text: &str) -> u32 {
        let Dictionary { bytes, ends, codes, hasher } = self;
        let hash = hasher.hash_one(text);
        if let Some(&code) = codes.find(hash, |&code| text_of(bytes, ends, code) == text) {
            return code;
        }
        let code = u32::try_from(ends.len()).unwrap_or(u32::MAX);
        bytes.push_str(text);
        ends.push(bytes.len());
        codes.insert_unique(hash, code, |&code| hasher.hash_one(text_of(bytes, ends, code)));
        code
    }

    /// Every text with its code.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|code| self.text(u32::try_from(code).unwrap_or(u32::MAX)))
    }

    /// Texts from a code on.
    pub(crate) fn since(&self, code: usize) -> impl Iterator<Item = &str> {
        self.iter().skip(code)
    }
}

fn text_of<'a>(bytes: &'a str, ends: &[usize], code: u32) -> &'a str {
    let code = code as usize;
    let start = code.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0);
    ends.get(code).and_then(|&end| bytes.get(start..end)).unwrap_or("")
}

/// The distinct request ids of a tenant, known by 64 bits of hash: of a billion requests two collide with a
/// probability of 3 %, and then count as one.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    hashes: Vec<u64>,
    codes: HashTable<u32>,
    /// Requests that have more than one row.
    pub(crate) repeated: Bits,
}

impl Requests {
    pub(crate) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// The code of a request, made when it is new, and whether it is new.
    pub(crate) fn code(&mut self, hash: u64) -> (u32, bool) {
        let Requests { hashes, codes, .. } = self;
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
