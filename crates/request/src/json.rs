//! JSON, leniently, as a tape of spans over the input.
//!
//! `serde_json` is not enough here: it refuses what tolerant servers take (comments, trailing commas,
//! single quotes, bare keys, `NaN`), keeps one of several equal keys, allocates per value, and can not
//! say where in the input a value was. The scanner makes one pass with an explicit stack, so depth costs
//! no recursion, and the walk then reads strings straight out of the body.
//!
//! A document is taken only when all of it parses. `strict` tells whether it was JSON by the standard;
//! if not, the raw text might be read as something else, and the walk inspects it raw as well. What does not
//! parse, but some server reads as far as it goes, is `mend`'s.

use std::ops::Range;

use smallvec::SmallVec;

use crate::decode::percent::hex_pair;

mod deep;
mod mend;

pub(crate) use mend::{begins_like_json, mend};

/// A piece of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
    /// Contains backslashes.
    escaped: bool,
}

/// One event of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    OpenArray,
    OpenObject,
    Close,
    Key(Span),
    Text(Span),
    /// A number, a literal, or a bare word.
    Atom(Span),
    /// A container below the limit of depth, as it stands. An array of the strings in it follows.
    Deep(Span),
}

impl Span {
    /// The raw bytes, without quotes.
    pub(crate) fn raw<'i>(&self, input: &'i [u8]) -> &'i [u8] {
        input.get(self.range()).unwrap_or_default()
    }

    /// Where it is.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// Whether the raw bytes are not yet the value.
    pub(crate) fn is_escaped(&self) -> bool {
        self.escaped
    }
}

/// Scans one or more concatenated documents, each an object or an array.
///
/// `None` when the input is not JSON even leniently; otherwise whether it is strict. A `truncated` input may end
/// anywhere; one with too many tokens is read as far as that goes and is not strict, and what is nested deeper than
/// `max_depth` is one token.
pub(crate) fn scan(input: &[u8], max_depth: usize, truncated: bool, tokens: &mut Vec<Token>) -> Option<bool> {
    u32::try_from(input.len()).ok()?;
    let mut scanner = Scanner::new(input, max_depth, tokens);
    match scanner.run() {
        Ok(()) => Some(scanner.strict),
        Err(Stop::End) if truncated => Some(scanner.strict),
        // The rest was not looked at, so the raw text must be.
        Err(Stop::Full) => Some(false),
        Err(_) => None,
    }
}

/// Undoes the escapes of a string.
pub(crate) fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (clean, tail) = rest.split_at(at);
        out.extend_from_slice(clean);
        let (used, c) = match tail {
            [_, b'u', ..] => unicode(tail),
            [_, b'x', after @ ..] => match hex_pair(after) {
                Some(byte) => (4, char::from(byte)),
                None => (2, 'x'),
            },
            [_, b'n', ..] => (2, '\n'),
            [_, b't', ..] => (2, '\t'),
            [_, b'r', ..] => (2, '\r'),
            [_, b'b', ..] => (2, '\u{8}'),
            [_, b'f', ..] => (2, '\u{c}'),
            // `\"`, `\\`, `\/` and everything that is no escape at all: the character itself, which
            // follows as it is.
            [_, other, after @ ..] => {
                out.push(*other);
                rest = after;
                continue;
            }
            _ => (1, '\\'),
        };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        rest = tail.get(used..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// `\uXXXX`, or two of them for one character; how many bytes and what character.
fn unicode(input: &[u8]) -> (usize, char) {
    let unit = |at: usize| -> Option<u16> {
        match input.get(at..at + 6)? {
            [b'\\', b'u', digits @ ..] => {
                Some(u16::from(hex_pair(digits)?) << 8 | u16::from(hex_pair(digits.get(2..)?)?))
            }
            _ => None,
        }
    };
    let Some(first) = unit(0) else { return (2, 'u') };
    let pair = [first, unit(6).unwrap_or(0)];
    match char::decode_utf16(pair).next() {
        Some(Ok(c)) => (6 * c.len_utf16(), c),
        _ => (6, char::REPLACEMENT_CHARACTER),
    }
}

struct Scanner<'i, 't> {
    input: &'i [u8],
    at: usize,
    tokens: &'t mut Vec<Token>,
    strict: bool,
    /// Open containers; true for an object.
    stack: SmallVec<[bool; 32]>,
    /// How many of them are objects.
    open_objects: usize,
    max_depth: usize,
    /// A string without an end was seen where faults are mended: others are looked for no further than their line.
    ends_in_line: bool,
}

/// Why scanning stopped early.
enum Stop {
    End,
    Full,
    Malformed,
}

/// Tokens kept: several times what may be visited, and 4 MiB.
const MAX_TOKENS: usize = 1 << 18;

type Scan = Result<(), Stop>;

impl<'i, 't> Scanner<'i, 't> {
    fn new(input: &'i [u8], max_depth: usize, tokens: &'t mut Vec<Token>) -> Self {
        let at = if input.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
        Scanner {
            input,
            at,
            tokens,
            strict: true,
            stack: SmallVec::new(),
            open_objects: 0,
            max_depth,
            ends_in_line: false,
        }
    }

    fn run(&mut self) -> Scan {
        self.space()?;
        if self.peek().is_none() {
            return Err(Stop::Malformed);
        }
        while self.peek().is_some() {
            if !matches!(self.peek(), Some(b'{' | b'[')) {
                return Err(Stop::Malformed);
            }
            self.value()?;
            while let Some(&in_object) = self.stack.last() {
                if self.tokens.len() >= MAX_TOKENS {
                    return Err(Stop::Full);
                }
                self.member(in_object)?;
            }
            self.space()?;
        }
        Ok(())
    }

    /// One member of the innermost container, or its end.
    fn member(&mut self, in_object: bool) -> Scan {
        let first = matches!(self.tokens.last(), Some(Token::OpenArray | Token::OpenObject));
        self.space()?;
        if !first && !self.is_closing() {
            match self.peek().ok_or(Stop::End)? {
                b',' => self.at += 1,
                _ => return Err(Stop::Malformed),
            }
            self.space()?;
            // A trailing comma, or several.
            while self.peek() == Some(b',') {
                self.strict = false;
                self.at += 1;
                self.space()?;
            }
            self.strict &= !self.is_closing();
        }
        if self.is_closing() {
            let closes_object = self.peek() == Some(b'}');
            if closes_object != in_object {
                return Err(Stop::Malformed);
            }
            self.at += 1;
            self.close();
            self.tokens.push(Token::Close);
            return Ok(());
        }
        if in_object {
            self.key()?;
            self.space()?;
            match self.peek().ok_or(Stop::End)? {
                b':' => self.at += 1,
                _ => return Err(Stop::Malformed),
            }
            self.space()?;
        }
        self.value()
    }

    /// Leaves the innermost container; whether it was an object.
    fn close(&mut self) -> Option<bool> {
        let closed = self.stack.pop();
        self.open_objects -= usize::from(closed == Some(true));
        closed
    }

    fn is_closing(&self) -> bool {
        matches!(self.peek(), Some(b'}' | b']'))
    }

    fn key(&mut self) -> Scan {
        let span = match self.peek().ok_or(Stop::End)? {
            quote @ (b'"' | b'\'') => self.string(quote)?,
            _ => {
                self.strict = false;
                self.word()?
            }
        };
        self.tokens.push(Token::Key(span));
        Ok(())
    }

    /// A scalar, or the start of a container.
    fn value(&mut self) -> Scan {
        match self.peek().ok_or(Stop::End)? {
            open @ (b'{' | b'[') => {
                if self.stack.len() >= self.max_depth {
                    return self.deep();
                }
                self.at += 1;
                self.stack.push(open == b'{');
                self.open_objects += usize::from(open == b'{');
                self.tokens.push(if open == b'{' { Token::OpenObject } else { Token::OpenArray });
            }
            quote @ (b'"' | b'\'') => {
                let span = self.string(quote)?;
                self.tokens.push(Token::Text(span));
            }
            _ => {
                let span = self.word()?;
                self.strict &= is_strict_atom(span.raw(self.input));
                self.tokens.push(Token::Atom(span));
            }
        }
        Ok(())
    }

    /// A string after its opening quote. Control characters are let pass, as many parsers do.
    fn string(&mut self, quote: u8) -> Result<Span, Stop> {
        self.strict &= quote == b'"';
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = self.input.get(self.at..).unwrap_or_default();
            match find_quote(quote, rest) {
                Some(found) if rest.get(found) == Some(&quote) => {
                    let end = self.at + found;
                    self.at = end + 1;
                    return Ok(span(start, end, escaped));
                }
                Some(found) => {
                    escaped = true;
                    self.at += found + 2;
                }
                None => {
                    // Cut off: what there is of the string is still a value.
                    self.at = self.input.len();
                    self.tokens.push(Token::Text(span(start, self.at, escaped)));
                    return Err(Stop::End);
                }
            }
        }
    }

    /// A run of characters that can not end a value.
    fn word(&mut self) -> Result<Span, Stop> {
        let start = self.at;
        let rest = self.input.get(start..).unwrap_or_default();
        let is_word =
            |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b'+' | b'-' | b'.' | 128..);
        let length = rest.iter().position(|b| !is_word(b)).unwrap_or(rest.len());
        if length == 0 {
            return Err(Stop::Malformed);
        }
        self.at += length;
        Ok(span(start, self.at, false))
    }

    /// Skips white space and comments.
    #[inline]
    fn space(&mut self) -> Scan {
        // Most documents are written without.
        match self.peek() {
            Some(byte) if byte > b' ' && byte != b'/' => Ok(()),
            _ => self.long_space(),
        }
    }

    fn long_space(&mut self) -> Scan {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.at += 1,
                Some(b'/') => {
                    self.strict = false;
                    let rest = self.input.get(self.at..).unwrap_or_default();
                    self.at += match rest {
                        [_, b'/', ..] => memchr::memchr(b'\n', rest).unwrap_or(rest.len()),
                        [_, b'*', body @ ..] => memchr::memmem::find(body, b"*/").ok_or(Stop::End)? + 4,
                        _ => return Err(Stop::Malformed),
                    };
                }
                _ => return Ok(()),
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }
}

/// The first quote or backslash. Most strings are shorter than what a call of the vectorised search costs, so that
/// their first bytes are looked at in words of eight.
fn find_quote(quote: u8, rest: &[u8]) -> Option<usize> {
    const NEAR: usize = 32;
    const ONES: u64 = u64::MAX / 0xFF;
    // The lowest byte that is marked is zero; what is above it may be marked wrongly.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & (ONES << 7);
    let (near, far) = rest.split_at(rest.len().min(NEAR));
    let (words, tail) = near.as_chunks::<8>();
    let mut at = 0;
    for &word in words {
        let word = u64::from_le_bytes(word);
        let marks = zeros(word ^ (ONES * u64::from(quote))) | zeros(word ^ (ONES * u64::from(b'\\')));
        if marks != 0 {
            return Some(at + marks.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let found = tail.iter().position(|&byte| byte == quote || byte == b'\\').map(|found| at + found);
    found.or_else(|| memchr::memchr2(quote, b'\\', far).map(|at| near.len() + at))
}

/// The caller keeps within the input, whose length was checked to fit.
fn span(start: usize, end: usize, escaped: bool) -> Span {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { start: offset(start), end: offset(end), escaped }
}

fn is_strict_atom(word: &[u8]) -> bool {
    matches!(word, b"true" | b"false" | b"null")
        || word.iter().all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict(input: &str) -> Option<bool> {
        scan(input.as_bytes(), 256, false, &mut Vec::new())
    }

    fn texts(input: &str, truncated: bool) -> Vec<String> {
        let mut tokens = Vec::new();
        scan(input.as_bytes(), 256, truncated, &mut tokens).expect("is JSON");
        tokens
            .iter()
            .filter_map(|token| match token {
                Token::Key(span) | Token::Text(span) | Token::Atom(span) => {
                    let mut out = Vec::new();
                    unescape(span.raw(input.as_bytes()), &mut out);
                    Some(String::from_utf8_lossy(&out).into_owned())
                }
                _ => None,
            })
            .collect()
    }

    #[test]
    fn standard_documents_are_strict() {
        for text in
            [r#"{}"#, r#"[1,-2.5e3,true,null,"a"]"#, r#" {"a":{"b":[]},"a":1} "#, "{\"a\":1}\n{\"b\":2}"]
        {
            assert_eq!(strict(text), Some(true), "{text}");
        }
    }

    #[test]
    fn what_tolerant_parsers_take_is_taken_but_not_strict() {
        for text in [
            "{a:1}",
            "{'a':'b'}",
            "[1,2,]",
            "[1,,2]",
            "{\"a\":NaN}",
            "[/* x */1]",
            "// x\n[1]",
            "{\"a\":1,}",
            "{\"a\":0x1F}",
        ] {
            assert_eq!(strict(text), Some(false), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "",
            "1",
            "\"a\"",
            "{",
            "[1",
            "{\"a\"}",
            "{\"a\":}",
            "[1}",
            "{]",
            "[1 2]",
            "{} x",
            "[\"a]",
            "{\"a\" 1}",
        ] {
            assert_eq!(strict(text), None, "{text}");
        }
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert_eq!(strict(&deep(256)), Some(true));
        assert_eq!(strict(&deep(257)), Some(false));
    }

    #[test]
    fn a_quote_is_found_wherever_it_stands() {
        for before in 0..80 {
            for stop in [b'"', b'\\'] {
                let mut text = vec![b'!'; before];
                text.extend([stop, b'"', b'\\']);
                assert_eq!(find_quote(b'"', &text), Some(before));
            }
            assert_eq!(find_quote(b'"', &vec![b'#'; before]), None);
        }
    }

    #[test]
    fn escapes_are_undone() {
        let text = r#"{"a":"\u003cb\ud83d\ude00\/\"\\\n","c":"\ud800","d":"\x41\q"}"#;
        assert_eq!(texts(text, false), ["a", "<b😀/\"\\\n", "c", "\u{FFFD}", "d", "Aq"]);
    }

    #[test]
    fn a_truncated_document_gives_what_is_there() {
        assert_eq!(texts(r#"{"a":"b","c":["de"#, true), ["a", "b", "c", "de"]);
        assert_eq!(texts(r#"{"a":1,"#, true), ["a", "1"]);
    }
}
