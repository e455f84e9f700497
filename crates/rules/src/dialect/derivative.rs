//! Patterns with intersection and complement: a deterministic automaton through Brzozowski derivatives.
//!
//! The derivative of an expression by a byte matches what may follow that byte. Starting from
//! "anything, pattern, anything" and taking derivatives by one byte of each class until nothing new appears
//! gives the states. Expressions are interned and kept in a normal form (flat, sorted, without duplicates),
//! which makes the process finite; a budget of states and of work makes it short.
//!
//! Anchors are zero-width: whether an expression matches the empty text depends on whether the place is the
//! start and whether it is the end, so nullability is a table of four cases. Start anchors can hold only
//! before the first byte and are struck out of every later state.

use std::collections::HashMap;

use super::ast::{Ast, ByteSet};
use super::{MAX_AUTOMATON_BYTES, MAX_STATES, PatternError};

/// Most elementary steps of a construction; a fraction of a second of work.
const MAX_WORK: usize = 1_500_000;

/// A search automaton over byte classes.
pub(super) struct Dfa {
    classes: [u8; 256],
    width: usize,
    table: Vec<u16>,
    accepts: Vec<bool>,
    /// The states that no byte leaves, if they are reachable: everything matches, nothing does.
    always: Option<u16>,
    never: Option<u16>,
}

impl Dfa {
    pub(super) fn build(ast: &Ast) -> Result<Dfa, PatternError> {
        let (classes, representatives) = byte_classes(ast);
        let width = representatives.len();
        let mut arena = Arena::new();
        let pattern = arena.import(ast)?;
        let tail = arena.concat(pattern, ANY)?;
        let start = arena.concat(ANY, tail)?;

        let mut states = vec![start];
        let mut known = HashMap::new();
        let mut table = Vec::new();
        let mut next = 0;
        // State 0 is the start, the only one where start anchors hold; `known` leaves it out.
        while let Some(&state) = states.get(next) {
            for &byte in &representatives {
                let mut target = arena.derive(state, byte, next == 0)?;
                if next == 0 {
                    target = arena.without_start(target)?;
                }
                let index = match known.get(&target) {
                    Some(&index) => index,
                    None => {
                        let index = u16::try_from(states.len()).map_err(|_| PatternError::TooComplex)?;
                        states.push(target);
                        known.insert(target, index);
                        index
                    }
                };
                table.push(index);
            }
            if states.len() >= MAX_STATES || states.len() * width * size_of::<u16>() > MAX_AUTOMATON_BYTES {
                return Err(PatternError::TooComplex);
            }
            next += 1;
        }
        let accepts = states.iter().map(|&state| arena.is_nullable(state, AT_END)).collect();
        let (always, never) = (known.get(&ANY).copied(), known.get(&NEVER).copied());
        Ok(Dfa { classes, width, table, accepts, always, never })
    }

    /// Runs over a value that is not empty.
    pub(super) fn is_match(&self, value: &[u8]) -> bool {
        let mut state = 0_u16;
        for &byte in value {
            state = self.step(state, byte);
            if Some(state) == self.always {
                return true;
            }
            if Some(state) == self.never {
                return false;
            }
        }
        self.accepts.get(usize::from(state)).copied().unwrap_or(false)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a byte is below 256, classes are below width, table entries are states, and the table has \
                  width entries for each state"
    )]
    fn step(&self, state: u16, byte: u8) -> u16 {
        let class = usize::from(self.classes[usize::from(byte)]);
        self.table[usize::from(state) * self.width + class]
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.table.len() * size_of::<u16>() + self.accepts.len() + size_of::<Self>()
    }
}

/// Bytes that no test tells apart share a class; also one byte of each class.
fn byte_classes(ast: &Ast) -> ([u8; 256], Vec<u8>) {
    let mut sets = Vec::new();
    ast.byte_sets(&mut sets);
    let mut classes = [0_u8; 256];
    for set in sets {
        let mut renamed = HashMap::new();
        for byte in 0..=u8::MAX {
            if let Some(class) = classes.get_mut(usize::from(byte)) {
                // At most 256 classes exist, so the next number fits.
                let fresh = u8::try_from(renamed.len()).unwrap_or(u8::MAX);
                *class = *renamed.entry((*class, set.contains(byte))).or_insert(fresh);
            }
        }
    }
    let mut representatives = Vec::new();
    for byte in 0..=u8::MAX {
        if classes.get(usize::from(byte)).is_some_and(|&class| usize::from(class) == representatives.len()) {
            representatives.push(byte);
        }
    }
    (classes, representatives)
}

type Id = u32;

const NEVER: Id = 0;
const EMPTY: Id = 1;
const ANY: Id = 2;

/// Bits of a place, and so index of a nullability case: the start, the end.
const AT_START: u8 = 1;
const AT_END: u8 = 2;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Node {
    Never,
    Empty,
    Any,
    Bytes(ByteSet),
    Concat(Id, Id),
    Alt(Box<[Id]>),
    And(Box<[Id]>),
    Not(Id),
    Repeat(Id, u32, Option<u32>),
    Start,
    End,
}

/// Interned expressions in normal form.
struct Arena {
    nodes: Vec<(Node, u8)>,
    ids: HashMap<Node, Id>,
    derived: HashMap<(Id, u8), Id>,
    unanchored: HashMap<Id, Id>,
    work: usize,
}

impl Arena {
    fn new() -> Arena {
        let mut arena = Arena {
            nodes: Vec::new(),
            ids: HashMap::new(),
            derived: HashMap::new(),
            unanchored: HashMap::new(),
            work: 0,
        };
        // In the order of the constants NEVER, EMPTY and ANY.
        for (node, nullable) in [(Node::Never, 0), (Node::Empty, 15), (Node::Any, 15)] {
            arena.insert(node, nullable);
        }
        arena
    }

    fn spend(&mut self, steps: usize) -> Result<(), PatternError> {
        self.work += steps;
        if self.work > MAX_WORK { Err(PatternError::TooComplex) } else { Ok(()) }
    }

    fn insert(&mut self, node: Node, nullable: u8) -> Id {
        if let Some(&id) = self.ids.get(&node) {
            return id;
        }
        // Each insertion is paid for by `spend`, whose limit is far below `u32::MAX`.
        let id = Id::try_from(self.nodes.len()).unwrap_or(NEVER);
        self.nodes.push((node.clone(), nullable));
        self.ids.insert(node, id);
        id
    }

    fn node(&self, id: Id) -> &Node {
        usize::try_from(id)
            .ok()
            .and_then(|index| self.nodes.get(index))
            .map_or(&Node::Never, |entry| &entry.0)
    }

    /// Four bits: whether the empty text matches at each kind of place.
    fn nullable(&self, id: Id) -> u8 {
        usize::try_from(id).ok().and_then(|index| self.nodes.get(index)).map_or(0, |entry| entry.1)
    }

    fn is_nullable(&self, id: Id, place: u8) -> bool {
        self.nullable(id) >> place & 1 == 1
    }

    fn import(&mut self, ast: &Ast) -> Result<Id, PatternError> {
        self.spend(1)?;
        match ast {
            Ast::Bytes(set) if set.is_empty() => Ok(NEVER),
            Ast::Bytes(set) => Ok(self.insert(Node::Bytes(*set), 0)),
            Ast::Start => Ok(self.insert(Node::Start, 1 << AT_START | 1 << (AT_START | AT_END))),
            Ast::End => Ok(self.insert(Node::End, 1 << AT_END | 1 << (AT_START | AT_END))),
            Ast::Not(node) => {
                let id = self.import(node)?;
                Ok(self.not(id))
            }
            &Ast::Repeat { ref node, min, max } => {
                let id = self.import(node)?;
                Ok(self.repeat(id, min, max))
            }
            Ast::Alt(nodes) => {
                let ids = nodes.iter().map(|node| self.import(node)).collect::<Result<_, _>>()?;
                self.alt(ids)
            }
            Ast::And(nodes) => {
                let ids = nodes.iter().map(|node| self.import(node)).collect::<Result<_, _>>()?;
                self.and(ids)
            }
            Ast::Concat(nodes) => {
                let mut whole = EMPTY;
                for node in nodes.iter().rev() {
                    let id = self.import(node)?;
                    whole = self.concat(id, whole)?;
                }
                Ok(whole)
            }
        }
    }

    /// Right-nested, so that equal sequences are one node.
    fn concat(&mut self, left: Id, right: Id) -> Result<Id, PatternError> {
        let mut spine = Vec::new();
        let mut rest = left;
        while let &Node::Concat(head, tail) = self.node(rest) {
            spine.push(head);
            rest = tail;
        }
        spine.push(rest);
        self.spend(spine.len())?;
        let mut whole = right;
        for &head in spine.iter().rev() {
            let second = if let &Node::Concat(second, _) = self.node(whole) { second } else { whole };
            whole = match (head, whole) {
                (NEVER, _) | (_, NEVER) => NEVER,
                (EMPTY, whole) => whole,
                (head, EMPTY) => head,
                (ANY, whole) if second == ANY => whole,
                (head, whole) => {
                    let nullable = self.nullable(head) & self.nullable(whole);
                    self.insert(Node::Concat(head, whole), nullable)
                }
            };
        }
        Ok(whole)
    }

    fn alt(&mut self, ids: Vec<Id>) -> Result<Id, PatternError> {
        let mut bytes = ByteSet::default();
        let mut parts = Vec::new();
        for id in ids {
            match self.node(id) {
                Node::Never => {}
                Node::Any => return Ok(ANY),
                Node::Bytes(set) => bytes = bytes.union(*set),
                // Flat already: the parts of an interned alternation are no alternations.
                Node::Alt(inner) => {
                    for &part in inner {
                        match self.node(part) {
                            Node::Bytes(set) => bytes = bytes.union(*set),
                            _ => parts.push(part),
                        }
                    }
                }
                _ => parts.push(id),
            }
        }
        if !bytes.is_empty() {
            parts.push(self.insert(Node::Bytes(bytes), 0));
        }
        parts.sort_unstable();
        parts.dedup();
        self.spend(parts.len() + 1)?;
        Ok(match parts.as_slice() {
            [] => NEVER,
            [only] => *only,
            _ => {
                let nullable = parts.iter().fold(0, |bits, &part| bits | self.nullable(part));
                self.insert(Node::Alt(parts.into()), nullable)
            }
        })
    }

    fn and(&mut self, ids: Vec<Id>) -> Result<Id, PatternError> {
        let mut parts = Vec::new();
        for id in ids {
            match self.node(id) {
                Node::Never => return Ok(NEVER),
                Node::Any => {}
                Node::And(inner) => parts.extend_from_slice(inner),
                _ => parts.push(id),
            }
        }
        parts.sort_unstable();
        parts.dedup();
        let sets = parts.iter().filter_map(|&part| match self.node(part) {
            Node::Bytes(set) => Some(*set),
            _ => None,
        });
        if sets.fold(ByteSet::FULL, ByteSet::intersection).is_empty() {
            return Ok(NEVER);
        }
        self.spend(parts.len() + 1)?;
        Ok(match parts.as_slice() {
            [] => ANY,
            [only] => *only,
            _ => {
                let nullable = parts.iter().fold(15, |bits, &part| bits & self.nullable(part));
                self.insert(Node::And(parts.into()), nullable)
            }
        })
    }

    fn not(&mut self, id: Id) -> Id {
        match *self.node(id) {
            Node::Never => ANY,
            Node::Any => NEVER,
            Node::Not(inner) => inner,
            _ => self.insert(Node::Not(id), !self.nullable(id) & 15),
        }
    }

    fn repeat(&mut self, id: Id, min: u32, max: Option<u32>) -> Id {
        let min = if self.nullable(id) == 15 { 0 } else { min };
        match (self.node(id), min, max) {
            (_, _, Some(0)) | (Node::Empty, ..) | (Node::Never, 0, _) => EMPTY,
            (Node::Never, ..) => NEVER,
            (Node::Any, ..) => ANY,
            (_, 1, Some(1)) => id,
            (Node::Bytes(set), 0, None) if *set == ByteSet::FULL => ANY,
            (Node::Repeat(_, 0, None), _, _) => id,
            _ => {
                let nullable = if min == 0 { 15 } else { self.nullable(id) };
                self.insert(Node::Repeat(id, min, max), nullable)
            }
        }
    }

    /// What may follow `byte`; `at_start` when it is the first byte of the value.
    fn derive(&mut self, id: Id, byte: u8, at_start: bool) -> Result<Id, PatternError> {
        if !at_start && let Some(&done) = self.derived.get(&(id, byte)) {
            return Ok(done);
        }
        self.spend(1)?;
        let derived = match self.node(id).clone() {
            Node::Never | Node::Empty | Node::Start | Node::End => NEVER,
            Node::Any => ANY,
            Node::Bytes(set) => {
                if set.contains(byte) {
                    EMPTY
                } else {
                    NEVER
                }
            }
            Node::Not(inner) => {
                let inner = self.derive(inner, byte, at_start)?;
                self.not(inner)
            }
            Node::Alt(parts) => {
                let parts = self.derive_all(&parts, byte, at_start)?;
                self.alt(parts)?
            }
            Node::And(parts) => {
                let parts = self.derive_all(&parts, byte, at_start)?;
                self.and(parts)?
            }
            Node::Repeat(inner, min, max) => {
                let skippable = self.is_nullable(inner, if at_start { AT_START } else { 0 });
                let min = if skippable { 0 } else { min.saturating_sub(1) };
                let first = self.derive(inner, byte, at_start)?;
                let rest = self.repeat(inner, min, max.map(|max| max.saturating_sub(1)));
                self.concat(first, rest)?
            }
            Node::Concat(..) => self.derive_sequence(id, byte, at_start)?,
        };
        if !at_start {
            self.derived.insert((id, byte), derived);
        }
        Ok(derived)
    }

    fn derive_all(&mut self, parts: &[Id], byte: u8, at_start: bool) -> Result<Vec<Id>, PatternError> {
        parts.iter().map(|&part| self.derive(part, byte, at_start)).collect()
    }

    /// The byte may belong to any part that only skippable parts precede. A loop: sequences are long.
    fn derive_sequence(&mut self, id: Id, byte: u8, at_start: bool) -> Result<Id, PatternError> {
        let place = if at_start { AT_START } else { 0 };
        let mut choices = Vec::new();
        let mut rest = id;
        while let &Node::Concat(head, tail) = self.node(rest) {
            let first = self.derive(head, byte, at_start)?;
            choices.push(self.concat(first, tail)?);
            if !self.is_nullable(head, place) {
                return self.alt(choices);
            }
            rest = tail;
        }
        choices.push(self.derive(rest, byte, at_start)?);
        self.alt(choices)
    }

    /// The expression with start anchors that can never hold again.
    fn without_start(&mut self, id: Id) -> Result<Id, PatternError> {
        if let Some(&done) = self.unanchored.get(&id) {
            return Ok(done);
        }
        self.spend(1)?;
        let stripped = match self.node(id).clone() {
            Node::Start => NEVER,
            Node::Not(inner) => {
                let inner = self.without_start(inner)?;
                self.not(inner)
            }
            Node::Repeat(inner, min, max) => {
                let inner = self.without_start(inner)?;
                self.repeat(inner, min, max)
            }
            Node::Alt(parts) => {
                let parts = parts.iter().map(|&part| self.without_start(part)).collect::<Result<_, _>>()?;
                self.alt(parts)?
            }
            Node::And(parts) => {
                let parts = parts.iter().map(|&part| self.without_start(part)).collect::<Result<_, _>>()?;
                self.and(parts)?
            }
            Node::Concat(..) => {
                let mut spine = Vec::new();
                let mut rest = id;
                while let &Node::Concat(head, tail) = self.node(rest) {
                    spine.push(head);
                    rest = tail;
                }
                let mut whole = self.without_start(rest)?;
                for &head in spine.iter().rev() {
                    let head = self.without_start(head)?;
                    whole = self.concat(head, whole)?;
                }
                whole
            }
            _ => id,
        };
        self.unanchored.insert(id, stripped);
        Ok(stripped)
    }
}
