//! The parsed pattern: an expression over bytes.

/// A set of byte values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    pub(super) const FULL: ByteSet = ByteSet([u64::MAX; 4]);

    pub(super) fn range(first: u8, last: u8) -> ByteSet {
        let mut set = ByteSet::default();
        (first..=last).for_each(|byte| set.insert(byte));
        set
    }

    pub(super) fn one(byte: u8) -> ByteSet {
        ByteSet::range(byte, byte)
    }

    pub(super) fn insert(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    pub(super) fn complement(self) -> ByteSet {
        ByteSet(self.0.map(|word| !word))
    }

    pub(super) fn union(self, other: ByteSet) -> ByteSet {
        self.zip(other, |a, b| a | b)
    }

    pub(super) fn intersection(self, other: ByteSet) -> ByteSet {
        self.zip(other, |a, b| a & b)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0 == [0; 4]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u8> {
        let set = *self;
        (0..=u8::MAX).filter(move |&byte| set.contains(byte))
    }

    fn zip(self, other: ByteSet, combine: impl Fn(u64, u64) -> u64) -> ByteSet {
        let mut words = self.0;
        words.iter_mut().zip(other.0).for_each(|(word, with)| *word = combine(*word, with));
        ByteSet(words)
    }
}

/// An expression. `Concat` of nothing is the empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ast {
    Alt(Vec<Ast>),
    And(Vec<Ast>),
    Bytes(ByteSet),
    Concat(Vec<Ast>),
    End,
    Not(Box<Ast>),
    Repeat { node: Box<Ast>, min: u32, max: Option<u32> },
    Start,
}

impl Ast {
    /// Every set of bytes that the expression tests.
    pub(super) fn byte_sets(&self, out: &mut Vec<ByteSet>) {
        match self {
            Ast::Bytes(set) => out.push(*set),
            Ast::Alt(nodes) | Ast::And(nodes) | Ast::Concat(nodes) => {
                nodes.iter().for_each(|node| node.byte_sets(out));
            }
            Ast::Not(node) | Ast::Repeat { node, .. } => node.byte_sets(out),
            Ast::Start | Ast::End => {}
        }
    }
}
