//! What is nested deeper than the limit: skipped by its brackets, for a document's other members count all the same.
//!
//! Parsers of servers differ in how deep they go, so the strings in it are kept, side by side.

use super::{MAX_TOKENS, Scan, Scanner, Stop, Token, span};

impl Scanner<'_, '_> {
    /// A container at the limit of depth, from its bracket to the one that closes it.
    pub(super) fn deep(&mut self) -> Scan {
        self.strict = false;
        let start = self.at;
        let first = self.tokens.len();
        self.tokens.push(Token::Deep(span(start, start, false)));
        self.tokens.push(Token::OpenArray);
        let outcome = self.deep_strings();
        self.tokens.push(Token::Close);
        if let Some(token) = self.tokens.get_mut(first) {
            *token = Token::Deep(span(start, self.at, false));
        }
        outcome
    }

    fn deep_strings(&mut self) -> Scan {
        let mut depth = 0usize;
        loop {
            match self.peek().ok_or(Stop::End)? {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                quote @ (b'"' | b'\'') => {
                    if self.tokens.len() >= MAX_TOKENS {
                        return Err(Stop::Full);
                    }
                    let text = self.string(quote)?;
                    self.tokens.push(Token::Text(text));
                    continue;
                }
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }
}
