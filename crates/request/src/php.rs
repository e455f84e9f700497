//! PHP's `serialize` format, as spans over the input.
//!
//! `a:1:{s:2:"id";i:5;}` and `O:4:"User":1:{...}` matter twice: their strings are values like any other,
//! and a class name chosen by the client is an attack of its own.

/// One event of a serialized value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event<'i> {
    /// An array or object starts; for an object, with its class.
    Open(Option<&'i [u8]>),
    Close,
    /// The key of the next value.
    Key(&'i [u8]),
    Value(&'i [u8]),
}

const MAX_DEPTH: usize = 64;
const MAX_EVENTS: usize = 1 << 16;

/// Whether the first bytes are those of a serialized array or object.
pub(crate) fn looks_like_php(value: &[u8]) -> bool {
    matches!(value, [b'a' | b'O', b':', b'0'..=b'9' | b'+', ..])
}

/// Parses a whole value.
pub(crate) fn parse(input: &[u8]) -> Option<Vec<Event<'_>>> {
    let mut parser = Parser { rest: input, events: Vec::new() };
    parser.value(0)?;
    parser.rest.is_empty().then_some(parser.events)
}

struct Parser<'i> {
    rest: &'i [u8],
    events: Vec<Event<'i>>,
}

impl<'i> Parser<'i> {
    fn value(&mut self, depth: usize) -> Option<()> {
        if depth > MAX_DEPTH || self.events.len() > MAX_EVENTS {
            return None;
        }
        let kind = self.take(1)?;
        match kind {
            b"N" => self.expect(b";"),
            b"a" => {
                self.expect(b":")?;
                let count = self.number(b":")?;
                self.members(None, count, depth)
            }
            b"O" => {
                self.expect(b":")?;
                let class = self.quoted()?;
                self.expect(b":")?;
                let count = self.number(b":")?;
                self.members(Some(class), count, depth)
            }
            _ => {
                let value = self.scalar(kind)?;
                self.events.push(Event::Value(value));
                Some(())
            }
        }
    }

    fn members(&mut self, class: Option<&'i [u8]>, count: usize, depth: usize) -> Option<()> {
        self.expect(b"{")?;
        self.events.push(Event::Open(class));
        for _ in 0..count {
            let kind = self.take(1).filter(|kind| matches!(*kind, b"i" | b"s"))?;
            let key = self.scalar(kind)?;
            self.events.push(Event::Key(key));
            self.value(depth + 1)?;
        }
        self.events.push(Event::Close);
        self.expect(b"}")
    }

    fn scalar(&mut self, kind: &[u8]) -> Option<&'i [u8]> {
        self.expect(b":")?;
        if kind == b"s" {
            let text = self.quoted()?;
            self.expect(b";")?;
            return Some(text);
        }
        if !matches!(kind, b"i" | b"d" | b"b" | b"r" | b"R") {
            return None;
        }
        let end = memchr::memchr(b';', self.rest.get(..self.rest.len().min(64))?)?;
        let number = self.take(end)?;
        self.expect(b";")?;
        let is_number = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
        number.iter().all(is_number).then_some(number)
    }

    /// `5:"hello"`
    fn quoted(&mut self) -> Option<&'i [u8]> {
        let length = self.number(b":")?;
        self.expect(b"\"")?;
        let text = self.take(length)?;
        self.expect(b"\"")?;
        Some(text)
    }

    /// A length and what follows it. PHP takes a sign, which filters have been bypassed with.
    fn number(&mut self, end: &[u8]) -> Option<usize> {
        let digits = self.rest.strip_prefix(b"+").unwrap_or(self.rest);
        let count = digits.iter().take(9).take_while(|b| b.is_ascii_digit()).count();
        let (number, rest) = digits.split_at_checked(count)?;
        self.rest = rest.strip_prefix(end)?;
        std::str::from_utf8(number).ok()?.parse().ok()
    }

    fn expect(&mut self, sign: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(sign)?;
        Some(())
    }

    fn take(&mut self, count: usize) -> Option<&'i [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_values_parse_and_damaged_ones_do_not() {
        let events = parse(br#"O:+4:"User":2:{s:2:"id";i:5;i:0;a:1:{i:0;s:3:"a"b";}}"#);
        let expected = [
            Event::Open(Some(b"User")),
            Event::Key(b"id"),
            Event::Value(b"5"),
            Event::Key(b"0"),
            Event::Open(None),
            Event::Key(b"0"),
            Event::Value(b"a\"b"),
            Event::Close,
            Event::Close,
        ];
        assert_eq!(events.as_deref(), Some(&expected[..]));
        for bad in ["a:1:{}", "s:5:\"abc\";", "a:0:{}x", "O:1:\"ab\":0:{}", "a:2:{i:0;i:1;}", "s:x:\"\";"] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(parse("a:1:{i:0;".repeat(1000).as_bytes()), None);
    }
}
