//! ASP.NET view state, as `LosFormatter` and `ObjectStateFormatter` write it: a tree of tagged values behind `FF 01`.
//!
//! Strings and serialized objects are kept, as spans over the input. A signature may follow the tree, and a damaged
//! one is read up to the fault: a server has made objects of that much.

use smallvec::SmallVec;

/// One event of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event<'i> {
    Open(Container),
    Close,
    /// The place of the next value in a sparse array.
    Index(u32),
    /// A string, the name of a type, or an object in the format of `BinaryFormatter`.
    Value(&'i [u8]),
    /// A number, a date and the like, which only counts.
    Other,
}

/// What groups values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Container {
    Array,
    Pair,
    Triplet,
    /// Keys and values in turn.
    Dict,
    SparseArray,
}

/// More events can not all be visited anyway.
const MAX_EVENTS: usize = 1 << 16;

/// The state in a value that begins as one does, as far as it can be read.
pub(crate) fn parse(value: &[u8], max_depth: usize) -> Option<Vec<Event<'_>>> {
    let rest = value.strip_prefix(&[0xFF, 0x01])?;
    let mut parser = Parser { rest, events: Vec::new(), open: SmallVec::new(), max_depth };
    // `None` at a fault or at the end of the input.
    let _: Option<()> = parser.run();
    let unclosed = parser.open.len();
    parser.events.extend(std::iter::repeat_n(Event::Close, unclosed));
    parser.events.iter().any(|event| matches!(event, Event::Value(_))).then_some(parser.events)
}

struct Parser<'i> {
    rest: &'i [u8],
    events: Vec<Event<'i>>,
    /// How many values the open containers still have, and whether each comes with its index.
    open: SmallVec<[(usize, bool); 32]>,
    max_depth: usize,
}

impl<'i> Parser<'i> {
    fn run(&mut self) -> Option<()> {
        self.value()?;
        while let Some((left, is_sparse)) = self.open.last_mut() {
            let is_sparse = *is_sparse;
            match left.checked_sub(1) {
                None => {
                    self.open.pop();
                    self.events.push(Event::Close);
                }
                Some(fewer) => {
                    *left = fewer;
                    if is_sparse {
                        let index = self.number()?;
                        self.events.push(Event::Index(index));
                    }
                    self.value()?;
                }
            }
        }
        Some(())
    }

    /// One value, or the start of a container. The numbers are those of the format.
    fn value(&mut self) -> Option<()> {
        if self.events.len() >= MAX_EVENTS {
            return None;
        }
        let token = self.byte()?;
        match token {
            1 => self.skip(2)?,
            2 | 10 => self.skip_number()?,
            3 | 31 => self.skip(1)?,
            4 => self.skip_character()?,
            6 | 7 => self.skip(8)?,
            8 | 9 => self.skip(4)?,
            11 => {
                self.type_reference()?;
                self.skip_number()?;
            }
            27 => self.skip(12)?,
            12 | 28 | 100..=104 => {}
            5 | 30 => return self.push_string(),
            25 => {
                let name = self.type_reference()?;
                self.events.push(name.map_or(Event::Other, Event::Value));
                return Some(());
            }
            40 => {
                self.type_reference()?;
                return self.push_string();
            }
            50 => return self.push_string(),
            21 => return self.strings(),
            _ => return self.container(token),
        }
        self.events.push(Event::Other);
        Some(())
    }

    fn container(&mut self, token: u8) -> Option<()> {
        let (container, count) = match token {
            15 => (Container::Pair, 2),
            16 => (Container::Triplet, 3),
            20 => {
                self.type_reference()?;
                (Container::Array, self.count()?)
            }
            22 => (Container::Array, self.count()?),
            23 | 24 => (Container::Dict, self.count()?.saturating_mul(2)),
            60 => {
                self.type_reference()?;
                self.skip_number()?;
                (Container::SparseArray, self.count()?)
            }
            _ => return None,
        };
        if self.open.len() >= self.max_depth {
            return None;
        }
        self.events.push(Event::Open(container));
        self.open.push((count, container == Container::SparseArray));
        Some(())
    }

    /// An array of strings, which have no tags of their own.
    fn strings(&mut self) -> Option<()> {
        let count = self.count()?;
        self.events.push(Event::Open(Container::Array));
        let read = (0..count)
            .try_for_each(|_| if self.events.len() >= MAX_EVENTS { None } else { self.push_string() });
        self.events.push(Event::Close);
        read
    }

    fn push_string(&mut self) -> Option<()> {
        let length = self.count()?;
        // What there is of one that is cut off is a value as well.
        let text = self.rest.get(..length.min(self.rest.len()))?;
        self.rest = self.rest.get(text.len()..)?;
        self.events.push(Event::Value(text));
        (text.len() == length).then_some(())
    }

    /// The name of a type where it first occurs, or nothing for its number.
    fn type_reference(&mut self) -> Option<Option<&'i [u8]>> {
        match self.byte()? {
            41 | 42 => {
                let length = self.count()?;
                let (name, rest) = self.rest.split_at_checked(length)?;
                self.rest = rest;
                Some(Some(name))
            }
            43 => self.skip_number().map(|()| None),
            _ => None,
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.rest = self.rest.get(count..)?;
        Some(())
    }

    /// A character of UTF-8.
    fn skip_character(&mut self) -> Option<()> {
        let length = match self.byte()? {
            0xC0..=0xDF => 1,
            0xE0..=0xEF => 2,
            0xF0.. => 3,
            _ => 0,
        };
        self.skip(length)
    }

    fn skip_number(&mut self) -> Option<()> {
        self.number().map(|_| ())
    }

    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    /// Seven bits to a byte, the lowest first.
    fn number(&mut self) -> Option<u32> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            value |= u32::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_gives_its_strings_where_they_stand() {
        let state = b"\xFF\x01\x0F\x16\x02\x05\x01a\x02\xAC\x02\x18\x01\x1E\x01k\x15\x02\x01x\x01ysignature";
        let expected = [
            Event::Open(Container::Pair),
            Event::Open(Container::Array),
            Event::Value(b"a"),
            Event::Other,
            Event::Close,
            Event::Open(Container::Dict),
            Event::Value(b"k"),
            Event::Open(Container::Array),
            Event::Value(b"x"),
            Event::Value(b"y"),
            Event::Close,
            Event::Close,
            Event::Close,
        ];
        assert_eq!(parse(state, 32).as_deref(), Some(&expected[..]));
        let sparse = b"\xFF\x01\x3C\x2B\x00\x09\x01\x07\x32\x03\x00\x01\x00";
        let expected = [
            Event::Open(Container::SparseArray),
            Event::Index(7),
            Event::Value(b"\x00\x01\x00"),
            Event::Close,
        ];
        assert_eq!(parse(sparse, 32).as_deref(), Some(&expected[..]));
    }

    #[test]
    fn a_damaged_state_is_read_up_to_the_fault() {
        let expected = [Event::Open(Container::Pair), Event::Value(b"ab"), Event::Close];
        assert_eq!(parse(b"\xFF\x01\x0F\x05\x02ab\xEE", 32).as_deref(), Some(&expected[..]));
        assert_eq!(parse(b"\xFF\x01\x0F\x05\x09ab", 32).as_deref(), Some(&expected[..]));
        for other in [&b"\xFF\x01"[..], b"\xFF\x01\x64", b"\xFF\xFEa\0", b"\xFF\x01\x16\xFF\xFF\xFF\xFF\x0F"]
        {
            assert_eq!(parse(other, 32), None, "{other:?}");
        }
        let deep = [b"\xFF\x01".as_slice(), &[0x0F; 1000], b"\x05\x01a"].concat();
        assert_eq!(parse(&deep, 32), None);
    }
}
