//! Pattern text to tree. What the language lacks is refused with its place, never reinterpreted.
//!
//! ```text
//! alternatives  := conjunction ('|' conjunction)*
//! conjunction   := sequence ('&' sequence)*
//! sequence      := '~' group | (atom quantifier?)*
//! ```

use std::str::Chars;

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};
use regex_syntax::utf8::Utf8Sequences;

use super::ast::{Ast, ByteSet};
use super::{MAX_PATTERN_BYTES, PatternError};

/// Deepest nesting of groups; bounds recursion here and in everything that walks the tree.
const MAX_DEPTH: usize = 64;
/// Largest repetition count; more could not fit the state budget with anything else in the pattern.
const MAX_REPEAT: u32 = 10_000;
/// Every text that these match but the empty one; the empty value never matches anyway.
const ANYTHING: [&str; 3] = ["^.*$", "^.?$", "^.{0,}$"];

pub(super) fn parse(pattern: &str) -> Result<Ast, PatternError> {
    if pattern.is_empty() {
        return Err(PatternError::Syntax { at: 0, reason: "the pattern is empty" });
    }
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(PatternError::Syntax { at: MAX_PATTERN_BYTES, reason: "the pattern is too long" });
    }
    let pattern = if ANYTHING.contains(&pattern) { "^.+$" } else { pattern };
    let mut parser = Parser { chars: pattern.chars(), length: pattern.len(), depth: 0 };
    let ast = parser.alternatives()?;
    match parser.peek() {
        None => Ok(ast),
        Some(_) => Err(parser.fail("a closing parenthesis without an opening one")),
    }
}

struct Parser<'a> {
    chars: Chars<'a>,
    length: usize,
    depth: usize,
}

impl Parser<'_> {
    fn at(&self) -> usize {
        self.length - self.chars.as_str().len()
    }

    fn fail(&self, reason: &'static str) -> PatternError {
        PatternError::Syntax { at: self.at(), reason }
    }

    fn peek(&self) -> Option<char> {
        self.chars.clone().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.chars.next();
        }
        found
    }

    fn alternatives(&mut self) -> Result<Ast, PatternError> {
        self.separated('|', Self::conjunction, Ast::Alt)
    }

    fn conjunction(&mut self) -> Result<Ast, PatternError> {
        self.separated('&', Self::sequence, Ast::And)
    }

    fn separated(
        &mut self,
        separator: char,
        part: fn(&mut Self) -> Result<Ast, PatternError>,
        join: fn(Vec<Ast>) -> Ast,
    ) -> Result<Ast, PatternError> {
        let first = part(self)?;
        let mut parts = vec![first];
        while self.take(separator) {
            parts.push(part(self)?);
        }
        Ok(if parts.len() == 1 { parts.swap_remove(0) } else { join(parts) })
    }

    fn sequence(&mut self) -> Result<Ast, PatternError> {
        if self.take('~') {
            if !self.take('(') {
                return Err(self.fail("the operand of ~ must be in parentheses"));
            }
            let operand = self.group()?;
            return match self.peek() {
                None | Some(')' | '|' | '&') => Ok(Ast::Not(Box::new(operand))),
                Some(_) => Err(self.fail("a complement must be in parentheses of its own: (~(a))")),
            };
        }
        let mut items = Vec::new();
        while let Some(next) = self.peek() {
            if matches!(next, '|' | '&' | ')') {
                break;
            }
            let atom = self.atom()?;
            items.push(self.quantified(atom)?);
        }
        Ok(if items.len() == 1 { items.swap_remove(0) } else { Ast::Concat(items) })
    }

    /// The inside of a group whose opening parenthesis was taken, and its end.
    fn group(&mut self) -> Result<Ast, PatternError> {
        if self.depth == MAX_DEPTH {
            return Err(self.fail("groups are nested too deep"));
        }
        self.depth += 1;
        let inside = self.alternatives()?;
        self.depth -= 1;
        if self.take(')') { Ok(inside) } else { Err(self.fail("a parenthesis is not closed")) }
    }

    fn atom(&mut self) -> Result<Ast, PatternError> {
        let refusal = match self.peek() {
            Some('*' | '+' | '?' | '{') => "nothing to repeat",
            Some('~') => "a complement must be in parentheses of its own: (~(a))",
            _ => "",
        };
        if !refusal.is_empty() {
            return Err(self.fail(refusal));
        }
        match self.chars.next() {
            Some('(') => self.group(),
            Some('[') => self.class(),
            Some('.') => Ok(Ast::Bytes(ByteSet::one(b'\n').complement())),
            Some('^') => Ok(Ast::Start),
            Some('$') => Ok(Ast::End),
            Some('\\') => Ok(match self.escape()? {
                Escape::Literal(literal) => literal_char(literal),
                Escape::Class(set) => Ast::Bytes(set),
            }),
            Some(literal) => Ok(literal_char(literal)),
            None => Err(self.fail("the pattern ends too early")),
        }
    }

    fn quantified(&mut self, atom: Ast) -> Result<Ast, PatternError> {
        let at = self.at();
        let (min, max) = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => (0, Some(0)),
            _ => return Ok(atom),
        };
        if matches!(atom, Ast::Start | Ast::End) {
            return Err(self.fail("an anchor cannot be repeated"));
        }
        let braces = self.chars.next() == Some('{');
        let (min, max) = if braces { self.counts(at)? } else { (min, max) };
        if let Some('*' | '+' | '?' | '{') = self.peek() {
            return Err(self.fail("lazy, possessive and stacked quantifiers are not supported"));
        }
        Ok(Ast::Repeat { node: Box::new(atom), min, max })
    }

    /// `m}`, `m,}` or `m,n}`, after the brace at byte `at`.
    fn counts(&mut self, at: usize) -> Result<(u32, Option<u32>), PatternError> {
        let wrong = |reason| PatternError::Syntax { at, reason };
        let (inside, after) =
            self.chars.as_str().split_once('}').ok_or(wrong("a quantifier brace is not closed"))?;
        let count = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            if !plain {
                return Err(wrong("a quantifier is {m}, {m,} or {m,n}"));
            }
            match digits.parse() {
                Ok(number) if number <= MAX_REPEAT => Ok(number),
                _ => Err(PatternError::TooComplex),
            }
        };
        let (min, max) = match inside.split_once(',') {
            None => (count(inside)?, Some(count(inside)?)),
            Some((min, "")) => (count(min)?, None),
            Some((min, max)) => (count(min)?, Some(count(max)?)),
        };
        if max.is_some_and(|max| max < min) {
            return Err(wrong("a quantifier's maximum is below its minimum"));
        }
        self.chars = after.chars();
        Ok((min, max))
    }

    /// What follows a backslash, outside or inside a class.
    fn escape(&mut self) -> Result<Escape, PatternError> {
        let Some(escaped) = self.peek() else {
            return Err(self.fail("the pattern ends with a backslash"));
        };
        let shorthand = |of: char| {
            let mut set = ByteSet::default();
            let member: fn(u8) -> bool = match of {
                'd' => |byte| byte.is_ascii_digit(),
                's' => |byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c),
                _ => |byte| byte.is_ascii_alphanumeric() || byte == b'_',
            };
            (0..=u8::MAX).filter(|&byte| member(byte)).for_each(|byte| set.insert(byte));
            set
        };
        let found = match escaped {
            'd' | 's' | 'w' => Escape::Class(shorthand(escaped)),
            'D' | 'S' | 'W' => Escape::Class(shorthand(escaped.to_ascii_lowercase()).complement()),
            'n' => Escape::Literal('\n'),
            'r' => Escape::Literal('\r'),
            't' => Escape::Literal('\t'),
            _ if escaped.is_alphanumeric() => {
                return Err(self.fail("this escape (back-reference, octal, boundary, …) is not supported"));
            }
            _ => Escape::Literal(escaped),
        };
        self.chars.next();
        Ok(found)
    }

    /// The rest of a class whose opening bracket was taken.
    fn class(&mut self) -> Result<Ast, PatternError> {
        let negated = self.take('^');
        let mut class = Class::default();
        let mut first = true;
        loop {
            let at = self.at();
            if is_posix_class(self.chars.as_str()) {
                return Err(self.fail("POSIX classes such as [:alpha:] are not supported: write [a-zA-Z]"));
            }
            let item = match self.chars.next() {
                None => return Err(self.fail("a class is not closed")),
                Some(']') if !first => break,
                Some('\\') => self.escape()?,
                Some(literal) => Escape::Literal(literal),
            };
            first = false;
            let low = match item {
                Escape::Class(set) => {
                    class.shorthand = class.shorthand.union(set);
                    continue;
                }
                Escape::Literal(low) => low,
            };
            let rest = self.chars.as_str();
            if !rest.starts_with('-') || rest.starts_with("-]") {
                class.ranges.push(ClassUnicodeRange::new(low, low));
                continue;
            }
            self.chars.next();
            let high = match self.chars.next() {
                Some('\\') => self.escape()?,
                Some(literal) => Escape::Literal(literal),
                None => return Err(self.fail("a class is not closed")),
            };
            match high {
                Escape::Literal(high) if low <= high => {
                    class.ranges.push(ClassUnicodeRange::new(low, high));
                }
                _ => return Err(PatternError::Syntax { at, reason: "a range of a class is not ascending" }),
            }
        }
        Ok(class.into_ast(negated))
    }
}

/// Whether an item of a class is what other languages read as `[:alpha:]`. Taken for single characters, it would mean
/// something else than its author wants; a bracket beside a colon is still a bracket and a colon.
fn is_posix_class(item: &str) -> bool {
    let name = item.strip_prefix("[:").and_then(|rest| rest.split_once(":]")).map(|(name, _)| name);
    name.is_some_and(|name| {
        let name = name.strip_prefix('^').unwrap_or(name);
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

enum Escape {
    Class(ByteSet),
    Literal(char),
}

#[derive(Default)]
struct Class {
    ranges: Vec<ClassUnicodeRange>,
    shorthand: ByteSet,
}

impl Class {
    /// ASCII classes are sets of bytes. One that names other characters is a set of characters, so that its
    /// complement does not cut a character in half.
    fn into_ast(self, negated: bool) -> Ast {
        if self.ranges.iter().all(|range| range.end().is_ascii()) {
            let mut set = self.shorthand;
            for range in &self.ranges {
                let byte = |of: char| u8::try_from(of).unwrap_or(0x7f);
                set = set.union(ByteSet::range(byte(range.start()), byte(range.end())));
            }
            return Ast::Bytes(if negated { set.complement() } else { set });
        }
        let mut class = ClassUnicode::new(self.ranges);
        let ascii = self.shorthand.iter().filter(u8::is_ascii).map(char::from);
        ascii.for_each(|member| class.push(ClassUnicodeRange::new(member, member)));
        if self.shorthand.contains(0xff) {
            class.push(ClassUnicodeRange::new('\u{80}', char::MAX));
        }
        if negated {
            class.negate();
        }
        let sequences =
            class.ranges().iter().flat_map(|range| Utf8Sequences::new(range.start(), range.end()));
        Ast::Alt(
            sequences
                .map(|sequence| {
                    let bytes = sequence.as_slice().iter();
                    Ast::Concat(
                        bytes.map(|range| Ast::Bytes(ByteSet::range(range.start, range.end))).collect(),
                    )
                })
                .collect(),
        )
    }
}

/// A character is the bytes of its UTF-8 form, repeated as one.
fn literal_char(literal: char) -> Ast {
    let mut buffer = [0; 4];
    let mut bytes: Vec<Ast> =
        literal.encode_utf8(&mut buffer).bytes().map(|byte| Ast::Bytes(ByteSet::one(byte))).collect();
    if bytes.len() == 1 { bytes.swap_remove(0) } else { Ast::Concat(bytes) }
}
