//! GraphQL documents: a small parser that keeps what can carry data or cost.
//!
//! It checks the grammar of executable documents closely enough that prose and other code are not taken
//! for GraphQL, and gives events that map one to one to points: operations, fields, aliases, arguments,
//! variables, directives, spreads and fragments. Type definitions are not requests and are refused.

use crate::element::Element;

pub(crate) mod measure;

/// An event of a document; names are spans of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event<'i> {
    /// Enters an element that stands alone.
    Open(Element),
    /// Enters an element with a key.
    OpenKeyed(Element, &'i [u8]),
    /// Enters a list item.
    OpenItem(u32),
    Close,
    /// A value of the current point.
    Value(&'i [u8]),
    /// A string between its quotes, escapes not undone.
    Text(&'i [u8]),
}

/// A parsed document.
#[derive(Debug)]
pub(crate) struct Document<'i> {
    pub(crate) events: Vec<Event<'i>>,
    /// Comments were skipped, so the text may be something else in disguise.
    pub(crate) has_comments: bool,
}

const MAX_DEPTH: usize = 64;
/// No client writes documents of this size; 4 MiB of events.
const MAX_EVENTS: usize = 1 << 17;

/// Parses an executable document.
pub(crate) fn parse(input: &[u8]) -> Option<Document<'_>> {
    let mut parser = Parser { rest: input, events: Vec::new(), has_comments: false, depth: 0 };
    parser.skip();
    if parser.rest.is_empty() {
        return None;
    }
    while !parser.rest.is_empty() {
        parser.definition()?;
    }
    Some(Document { events: parser.events, has_comments: parser.has_comments })
}

struct Parser<'i> {
    rest: &'i [u8],
    events: Vec<Event<'i>>,
    has_comments: bool,
    depth: usize,
}

impl<'i> Parser<'i> {
    fn definition(&mut self) -> Option<()> {
        if self.rest.first() == Some(&b'{') {
            self.events.push(Event::OpenKeyed(Element::GqlQuery, b""));
        } else {
            let element = match self.name()? {
                b"query" => Element::GqlQuery,
                b"mutation" => Element::GqlMutation,
                b"subscription" => Element::GqlSubscription,
                b"fragment" => Element::GqlFragment,
                _ => return None,
            };
            let name = self.optional_name();
            self.events.push(Event::OpenKeyed(element, name));
            if element == Element::GqlFragment {
                (self.name()? == b"on").then_some(())?;
                let condition = self.name()?;
                self.events.push(Event::OpenKeyed(Element::GqlType, condition));
                self.directives()?;
                self.selection()?;
                self.events.push(Event::Close);
                self.events.push(Event::Close);
                return Some(());
            }
            if self.accept(b"(") {
                self.variables()?;
            }
            self.directives()?;
        }
        self.selection()?;
        self.events.push(Event::Close);
        Some(())
    }

    /// `$id: Type! = default`, up to the closing parenthesis.
    fn variables(&mut self) -> Option<()> {
        while !self.accept(b")") {
            self.expect(b"$")?;
            let name = self.name()?;
            self.expect(b":")?;
            self.type_reference()?;
            self.events.push(Event::OpenKeyed(Element::GqlVar, name));
            if self.accept(b"=") {
                self.value()?;
            }
            self.directives()?;
            self.events.push(Event::Close);
        }
        Some(())
    }

    fn type_reference(&mut self) -> Option<()> {
        self.deeper(|parser| {
            if parser.accept(b"[") {
                parser.type_reference()?;
                parser.expect(b"]")?;
            } else {
                parser.name()?;
            }
            parser.accept(b"!");
            Some(())
        })
    }

    fn directives(&mut self) -> Option<()> {
        while self.accept(b"@") {
            let name = self.name()?;
            self.events.push(Event::OpenKeyed(Element::GqlDir, name));
            self.arguments()?;
            self.events.push(Event::Close);
        }
        Some(())
    }

    fn arguments(&mut self) -> Option<()> {
        if !self.accept(b"(") {
            return Some(());
        }
        self.events.push(Event::Open(Element::GqlArg));
        while !self.accept(b")") {
            self.named_value()?;
        }
        self.events.push(Event::Close);
        Some(())
    }

    fn named_value(&mut self) -> Option<()> {
        let name = self.name()?;
        self.expect(b":")?;
        self.events.push(Event::OpenKeyed(Element::Hash, name));
        self.value()?;
        self.events.push(Event::Close);
        Some(())
    }

    /// `{ field ... }`
    fn selection(&mut self) -> Option<()> {
        self.expect(b"{")?;
        self.deeper(|parser| {
            while !parser.accept(b"}") {
                if parser.accept(b"...") {
                    parser.spread()?;
                } else {
                    parser.field()?;
                }
            }
            Some(())
        })
    }

    fn field(&mut self) -> Option<()> {
        let first = self.name()?;
        let (alias, name) = if self.accept(b":") { (Some(first), self.name()?) } else { (None, first) };
        self.events.push(Event::OpenKeyed(Element::Hash, name));
        if let Some(alias) = alias {
            self.events.extend([Event::Open(Element::GqlAlias), Event::Value(alias), Event::Close]);
        }
        self.arguments()?;
        self.directives()?;
        if self.rest.first() == Some(&b'{') {
            self.selection()?;
        }
        self.events.push(Event::Close);
        Some(())
    }

    /// What follows `...`: a fragment's name or an inline fragment.
    fn spread(&mut self) -> Option<()> {
        let name = self.optional_name();
        if !name.is_empty() && name != b"on" {
            self.events.push(Event::OpenKeyed(Element::GqlSpread, name));
            self.directives()?;
            self.events.push(Event::Close);
            return Some(());
        }
        self.events.push(Event::Open(Element::GqlInline));
        let is_typed = name == b"on";
        if is_typed {
            let condition = self.name()?;
            self.events.push(Event::OpenKeyed(Element::GqlType, condition));
        }
        self.directives()?;
        self.selection()?;
        if is_typed {
            self.events.push(Event::Close);
        }
        self.events.push(Event::Close);
        Some(())
    }

    fn value(&mut self) -> Option<()> {
        match *self.rest.first()? {
            b'"' => self.text(),
            b'[' => {
                self.accept(b"[");
                self.deeper(|parser| {
                    let mut index = 0;
                    while !parser.accept(b"]") {
                        if parser.events.len() >= MAX_EVENTS {
                            return None;
                        }
                        parser.events.push(Event::OpenItem(index));
                        parser.value()?;
                        parser.events.push(Event::Close);
                        index += 1;
                    }
                    Some(())
                })
            }
            b'{' => {
                self.accept(b"{");
                self.deeper(|parser| {
                    while !parser.accept(b"}") {
                        parser.named_value()?;
                    }
                    Some(())
                })
            }
            _ => {
                let is_word =
                    |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+' | b'.' | b'$');
                let end = self.rest.iter().position(|b| !is_word(b)).unwrap_or(self.rest.len());
                let word = self.take(end).filter(|word| !word.is_empty())?;
                self.events.push(Event::Value(word));
                Some(())
            }
        }
    }

    /// A string or a block string.
    fn text(&mut self) -> Option<()> {
        if let Some(block) = self.rest.strip_prefix(b"\"\"\"") {
            let end = memchr::memmem::find(block, b"\"\"\"")?;
            self.events.push(Event::Value(block.get(..end)?));
            self.rest = block.get(end + 3..)?;
            self.skip();
            return Some(());
        }
        let body = self.rest.get(1..)?;
        let mut end = 0;
        loop {
            end += memchr::memchr3(b'"', b'\\', b'\n', body.get(end..)?)?;
            match body.get(end)? {
                b'"' => break,
                b'\\' => end += 2,
                _ => return None,
            }
        }
        self.events.push(Event::Text(body.get(..end)?));
        self.rest = body.get(end + 1..)?;
        self.skip();
        Some(())
    }

    fn deeper(&mut self, inner: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        if self.depth >= MAX_DEPTH || self.events.len() >= MAX_EVENTS {
            return None;
        }
        self.depth += 1;
        inner(self)?;
        self.depth -= 1;
        Some(())
    }

    fn name(&mut self) -> Option<&'i [u8]> {
        if self.events.len() >= MAX_EVENTS {
            return None;
        }
        Some(self.optional_name()).filter(|name| !name.is_empty())
    }

    fn optional_name(&mut self) -> &'i [u8] {
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        if self.rest.first().is_none_or(u8::is_ascii_digit) {
            return b"";
        }
        let end = self.rest.iter().position(|b| !is_name(b)).unwrap_or(self.rest.len());
        self.take(end).unwrap_or_default()
    }

    fn expect(&mut self, sign: &[u8]) -> Option<()> {
        self.accept(sign).then_some(())
    }

    fn accept(&mut self, sign: &[u8]) -> bool {
        let found = self.rest.starts_with(sign);
        if found {
            self.take(sign.len());
        }
        found
    }

    fn take(&mut self, count: usize) -> Option<&'i [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        self.skip();
        Some(taken)
    }

    /// Skips blanks, commas, the byte order mark and comments.
    fn skip(&mut self) {
        loop {
            match self.rest {
                [b' ' | b'\t' | b'\r' | b'\n' | b',', rest @ ..] | [0xEF, 0xBB, 0xBF, rest @ ..] => {
                    self.rest = rest
                }
                [b'#', ..] => {
                    self.has_comments = true;
                    let end = memchr::memchr(b'\n', self.rest).unwrap_or(self.rest.len());
                    self.rest = self.rest.get(end..).unwrap_or_default();
                }
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_told_from_other_text() {
        for text in [
            "{a}",
            "query { a(b: 1) { c } }",
            "mutation M($x: [Int!]! = [1, 2] @d) @e(f: {g: \"h\"}) { i: j(k: $x) { ...L ... on N { o } ... @p { q } } } fragment L on N { r }",
            "{ a(b: \"\"\" block \" \"\"\") } # end",
        ] {
            assert!(parse(text.as_bytes()).is_some(), "{text}");
        }
        for text in [
            "",
            "query",
            "select * from x",
            "{}x",
            "{\"a\":1}",
            "{a:1}",
            "query the database { now",
            "type A { b: C }",
            "{a(b)}",
        ] {
            assert!(parse(text.as_bytes()).is_none(), "{text}");
        }
        let deep = |n: usize| "{a".repeat(n) + &"}".repeat(n);
        assert!(parse(deep(64).as_bytes()).is_some());
        assert!(parse(deep(65).as_bytes()).is_none());
    }

    #[test]
    fn comments_are_told() {
        assert!(parse(b"{a} #' or 1=1").is_some_and(|document| document.has_comments));
        assert!(!parse(b"{a}").is_some_and(|document| document.has_comments));
    }
}
