//! Documents that are not quite JSON, read as far as anybody might.
//!
//! Many servers stop after the first value, take `=` for a colon, or have used the members before a fault when they
//! come to it. Reading goes on behind a fault: what is between signs of structure is a value, closing brackets are
//! made up, a key without a value gets an empty one. Whatever the input, every byte of a word or a string is in some
//! token and the tokens nest.

use super::{MAX_TOKENS, Scan, Scanner, Span, Stop, Token, find_quote, span};

/// Whether a value that may be any text begins as JSON does, and hardly anything else: a bracket and a quoted string,
/// or brackets up to one.
pub(crate) fn begins_like_json(value: &[u8]) -> bool {
    let head = value.get(..value.len().min(LEAD)).unwrap_or_default();
    let mut signs = head.iter().filter(|byte| !byte.is_ascii_whitespace());
    let mut before = 0;
    signs.find_map(|&byte| {
        let outer = std::mem::replace(&mut before, byte);
        match (outer, byte) {
            (0 | b'[', b'[' | b'{') => None,
            // An object begins with a key.
            (b'{' | b'[', b'"') => Some(true),
            _ => Some(false),
        }
    }) == Some(true)
}

/// Bytes in which a document shows that it is one.
const LEAD: usize = 512;

/// Reads what there is. Whether there was a container and a string in it; without them the input is something else.
pub(crate) fn mend(input: &[u8], max_depth: usize, tokens: &mut Vec<Token>) -> bool {
    if u32::try_from(input.len()).is_err() {
        return false;
    }
    tokens.clear();
    let mut scanner = Scanner::new(input, max_depth, tokens);
    // The end of the input, or as many tokens as are kept.
    let _: Scan = scanner.mended();
    let stack = std::mem::take(&mut scanner.stack);
    for in_object in stack.into_iter().rev() {
        scanner.complete_member(in_object);
        scanner.tokens.push(Token::Close);
    }
    tokens.iter().any(|token| matches!(token, Token::OpenObject | Token::OpenArray))
        && tokens.iter().any(|token| matches!(token, Token::Text(text) if !text.range().is_empty()))
}

impl Scanner<'_, '_> {
    fn mended(&mut self) -> Scan {
        loop {
            self.gap();
            if self.tokens.len() >= MAX_TOKENS {
                return Err(Stop::Full);
            }
            match self.peek().ok_or(Stop::End)? {
                close @ (b'}' | b']') => self.mended_close(close == b'}'),
                b',' | b';' => {
                    self.at += 1;
                    self.end_member();
                }
                b':' | b'=' => self.at += 1,
                _ => self.mended_item()?,
            }
        }
    }

    /// Blanks, comments, and what stands between values in some dialect or by mistake.
    fn gap(&mut self) {
        while let Some(byte) = self.peek() {
            let rest = self.input.get(self.at..).unwrap_or_default();
            let to_line_end = || memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            self.at += match (byte, rest) {
                // The `>` of `=>` as well.
                (0..=b' ' | b'>' | b'+' | b')', _) => 1,
                // Blanks of Unicode and the byte order mark.
                (_, [0xC2, 0x85 | 0xA0, ..]) => 2,
                (_, [0xE2, 0x80, 0x80..=0x8B | 0xA8 | 0xA9, ..] | [0xEF, 0xBB, 0xBF, ..]) => 3,
                (b'#', _) | (b'/', [_, b'/', ..]) => to_line_end(),
                (b'/', [_, b'*', body @ ..]) => {
                    memchr::memmem::find(body, b"*/").map_or(rest.len(), |end| end + 4)
                }
                _ => return,
            };
        }
    }

    /// The end of a container: the innermost of its kind, or nothing if none is open.
    fn mended_close(&mut self, closes_object: bool) {
        self.at += 1;
        // Asked for every stray bracket, of which there may be millions.
        let open = if closes_object { self.open_objects } else { self.stack.len() - self.open_objects };
        if open == 0 {
            return;
        }
        while let Some(in_object) = self.close() {
            self.complete_member(in_object);
            self.tokens.push(Token::Close);
            if in_object == closes_object {
                return;
            }
        }
    }

    /// A key, a scalar or the start of a container.
    fn mended_item(&mut self) -> Scan {
        let wants_key = self.wants_key();
        match self.peek().ok_or(Stop::End)? {
            b'{' | b'[' => {
                if wants_key {
                    self.tokens.push(Token::Key(self.nothing()));
                }
                self.value()
            }
            quote @ (b'"' | b'\'' | b'`') => {
                let text = self.mended_string(quote);
                self.tokens.push(if wants_key { Token::Key(text) } else { Token::Text(text) });
                Ok(())
            }
            _ => {
                let word = self.run_of_words(wants_key);
                self.tokens.push(if wants_key { Token::Key(word) } else { Token::Atom(word) });
                Ok(())
            }
        }
    }

    /// Whether the next string or word of an object is a key: not behind a key and its colon.
    fn wants_key(&mut self) -> bool {
        if self.stack.last() != Some(&true) {
            return false;
        }
        let Some(Token::Key(key)) = self.tokens.last() else { return true };
        let between = self.input.get(key.range().end..self.at).unwrap_or_default();
        let has_value = between.iter().any(|byte| matches!(byte, b':' | b'='));
        if !has_value {
            self.complete_member(true);
        }
        !has_value
    }

    /// A string; three quotes on either side are as good as one. One that does not end goes to the end of its line,
    /// as does one in single quotes, which may be an apostrophe.
    fn mended_string(&mut self, quote: u8) -> Span {
        let rest = self.input.get(self.at..).unwrap_or_default();
        if rest.starts_with(&[quote; 3]) {
            let body = rest.get(3..).unwrap_or_default();
            let length = memchr::memmem::find(body, &[quote; 3]).unwrap_or(body.len());
            let start = self.at + 3;
            self.at = (start + length + 3).min(self.input.len());
            return span(start, start + length, false);
        }
        let start = self.at + 1;
        let body = self.input.get(start..).unwrap_or_default();
        let line = || memchr::memchr(b'\n', body).unwrap_or(body.len());
        let mut reach = if self.ends_in_line || quote == b'\'' { line() } else { body.len() };
        let mut end = closing_quote(quote, body.get(..reach).unwrap_or_default());
        if end.is_none() && reach == body.len() {
            // Looked for once: what follows may hold as many more.
            self.ends_in_line = true;
            reach = line();
            end = closing_quote(quote, body.get(..reach).unwrap_or_default());
        }
        let length = end.unwrap_or(reach);
        self.at = start + length + usize::from(end.is_some());
        let is_escaped = memchr::memchr(b'\\', body.get(..length).unwrap_or_default()).is_some();
        span(start, start + length, is_escaped)
    }

    /// Words up to the next sign of structure. At least one byte.
    fn run_of_words(&mut self, is_key: bool) -> Span {
        let start = self.at;
        let rest = self.input.get(start..).unwrap_or_default();
        let ends = |byte: &u8| match byte {
            b'{' | b'}' | b'[' | b']' | b'"' | b',' | b'\n' => true,
            b':' | b'=' => is_key,
            _ => false,
        };
        let length = rest.iter().skip(1).position(ends).map_or(rest.len(), |at| at + 1);
        self.at += length;
        let word = rest.get(..length).unwrap_or_default();
        span(start, start + word.trim_ascii_end().len(), false)
    }

    /// Before a comma or a closing bracket: a key has its value.
    fn end_member(&mut self) {
        if let Some(&in_object) = self.stack.last() {
            self.complete_member(in_object);
        }
    }

    fn complete_member(&mut self, in_object: bool) {
        if in_object && matches!(self.tokens.last(), Some(Token::Key(_))) {
            self.tokens.push(Token::Text(self.nothing()));
        }
    }

    fn nothing(&self) -> Span {
        span(self.at, self.at, false)
    }
}

/// Where a string ends that begins here; a backslash takes the next byte along.
fn closing_quote(quote: u8, text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let found = at + find_quote(quote, text.get(at..)?)?;
        if text.get(found) == Some(&quote) {
            return Some(found);
        }
        at = found + 2;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The tokens in a short notation.
    fn mended(input: &str) -> String {
        let mut tokens = Vec::new();
        mend(input.as_bytes(), 4, &mut tokens);
        let text = |span: &Span| String::from_utf8_lossy(span.raw(input.as_bytes())).into_owned();
        let note = |token: &Token| match token {
            Token::OpenArray => "[".to_owned(),
            Token::OpenObject => "{".to_owned(),
            Token::Close => "/".to_owned(),
            Token::Key(span) => format!("{}:", text(span)),
            Token::Text(span) => format!("'{}'", text(span)),
            Token::Atom(span) => text(span),
            Token::Deep(span) => format!("<{}>", text(span)),
        };
        tokens.iter().map(note).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn dialects_give_the_members_that_their_parsers_see() {
        let plain = "{ a: 'x' b: 'y' /";
        for text in [
            r#"{"a":"x","b":"y""#,
            r#"{"a":"x","b":"y"} ]"#,
            r#"{"a"="x";"b"=>"y"}"#,
            r##"{"a":"x", # c
               "b":"y"}"##,
            r#"{"a":"x" "b":"y"}"#,
            "{\"a\":`x`,\"b\":\"\"\"y\"\"\"}",
            "{\"a\":\"x\",\u{b}\"b\":\"y\"}",
            "{\"a\":\"x\",\u{a0}\"b\":\"y\"}",
        ] {
            assert_eq!(mended(text), plain, "{text}");
        }
        assert_eq!(mended(r#"cb({"a":"x"});"#), "cb( { a: 'x' /");
        assert_eq!(mended(r#"{"a":"x"}garbage{"b":"y"}"#), "{ a: 'x' / garbage { b: 'y' /");
        assert_eq!(mended("\x1e{\"a\":\"x\"}\n\x1e{\"b\":1}"), "{ a: 'x' / { b: 1 /");
        assert_eq!(mended(r#"{"a":new Date(1),"b":"y"}"#), "{ a: new Date(1) b: 'y' /");
        assert_eq!(mended(r#"{"a":["x","y"}"#), "{ a: [ 'x' 'y' / /");
        assert_eq!(mended(r#"{"a",{"b":1}}"#), "{ a: '' : { b: 1 / /");
    }

    #[test]
    fn only_what_begins_as_json_is_mended_where_text_may_stand() {
        for text in ["{\"a\"", "[\"a", "[[ {\"a\"", " [ { \"a\":1"] {
            assert!(begins_like_json(text.as_bytes()), "{text}");
        }
        for text in ["", "{", "[INFO] \"a\"", "{{7*7}}", "{ a }", "[link](\"a\")", "{[\"a\"", "\"a\""] {
            assert!(!begins_like_json(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn tokens_nest_and_keys_have_values(text in r#"[\[\]{}:,="'`#/* ab\\\n]{0,60}"#) {
            let mut tokens = Vec::new();
            mend(text.as_bytes(), 3, &mut tokens);
            let mut stack = Vec::new();
            let mut wants_value = false;
            for token in &tokens {
                let in_object = stack.last() == Some(&true);
                match token {
                    Token::Deep(_) => continue,
                    Token::Key(_) => {
                        prop_assert!(in_object && !wants_value, "{text:?}: {tokens:?}");
                        wants_value = true;
                        continue;
                    }
                    Token::Close => {
                        prop_assert!(stack.pop().is_some() && !wants_value, "{text:?}: {tokens:?}");
                        continue;
                    }
                    _ => prop_assert!(!in_object || wants_value, "{text:?}: {tokens:?}"),
                }
                wants_value = false;
                match token {
                    Token::OpenArray => stack.push(false),
                    Token::OpenObject => stack.push(true),
                    _ => {}
                }
            }
            prop_assert!(stack.is_empty(), "{text:?}: {tokens:?}");
        }

        /// No word is left out.
        #[test]
        fn every_letter_is_in_a_token(text in r#"[\[\]{}:,="'ab\n]{0,40}"#) {
            let mut tokens = Vec::new();
            mend(text.as_bytes(), 3, &mut tokens);
            let covers = |at: usize| tokens.iter().any(|token| match token {
                Token::Key(span) | Token::Text(span) | Token::Atom(span) | Token::Deep(span) => span.range().contains(&at),
                _ => false,
            });
            for (at, _) in text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_alphabetic()) {
                prop_assert!(covers(at), "{at} in {text:?}: {tokens:?}");
            }
        }
    }
}
