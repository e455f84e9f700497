//! Cutting a query into terms: `["!"] (word | key ":" value)`, values quoted or not.

use super::SearchError;

/// One term of a query.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Term {
    pub(super) negated: bool,
    /// What stands before the colon, lower case.
    pub(super) key: Option<String>,
    pub(super) value: String,
    /// Whether some of it was quoted: then it is text, whatever it looks like.
    pub(super) quoted: bool,
    /// Character of the query, from 1.
    pub(super) column: usize,
}

/// The terms of a query.
pub(super) fn terms(query: &str) -> Result<Vec<Term>, SearchError> {
    let mut terms = Vec::new();
    let mut chars = query.chars().enumerate().peekable();
    while let Some(&(start, first)) = chars.peek() {
        if first.is_whitespace() {
            chars.next();
            continue;
        }
        let negated = first == '!';
        if negated {
            chars.next();
            // With a blank between them the word would be asked for instead of left out.
            if chars.peek().is_none_or(|(_, next)| next.is_whitespace() || *next == '!') {
                let text = "a word is expected right after the exclamation mark";
                return Err(SearchError { text, value: "!".to_owned(), column: start + 1 });
            }
        }
        let mut term = Term { negated, key: None, value: String::new(), quoted: false, column: start + 1 };
        let mut quote: Option<(char, usize)> = None;
        while let Some(&(at, c)) = chars.peek() {
            if quote.is_none() && c.is_whitespace() {
                break;
            }
            chars.next();
            match (quote, c) {
                (Some(_), '\\') => term.value.extend(chars.next().map(|(_, escaped)| escaped)),
                (Some((open, _)), c) if c == open => quote = None,
                (None, '"' | '\'') => {
                    quote = Some((c, at + 1));
                    term.quoted = true;
                }
                (None, ':') if term.key.is_none() && is_key(&term.value) => {
                    term.key = Some(std::mem::take(&mut term.value).to_lowercase());
                }
                (_, c) => term.value.push(c),
            }
        }
        if let Some((_, column)) = quote {
            return Err(SearchError { text: "the quotation is not closed", value: term.value, column });
        }
        if term.key.is_some() || !term.value.is_empty() {
            terms.push(term);
        }
    }
    Ok(terms)
}

/// Whether text before a colon is an attribute name; in `::1` and `2001:db8::1` it is not.
fn is_key(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        // A group of an IPv6 address, except the one-letter attributes.
        && !(text.len() > 1 && text.len() <= 4 && text.chars().all(|c| c.is_ascii_hexdigit()))
}
