//! What kind of text a value is: a short argument, a sentence, or a document.
//!
//! Computed at most once per value, and only when some signature is a candidate. The thresholds err towards
//! [`Shape::Tight`]: a value is a document only if a person or a program plainly wrote several lines.

use std::cell::OnceCell;

use crate::place::Place;

/// The kind of text of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A short argument: an id, a name, a search text, an expression.
    Tight,
    /// A sentence or a few.
    Prose,
    /// Several lines, or one very long one: code, markdown, a log, a mail.
    Document,
}

/// One value under inspection.
pub(crate) struct Context<'a> {
    /// The bytes.
    pub(crate) value: &'a [u8],
    /// Where they were found.
    pub(crate) place: Place,
    shape: OnceCell<Shape>,
    bytes: OnceCell<[bool; 256]>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(value: &'a [u8], place: Place) -> Context<'a> {
        Context { value, place, shape: OnceCell::new(), bytes: OnceCell::new() }
    }

    /// The same for a normalised form, which is judged as text of the shape of its original.
    pub(crate) fn derived(value: &'a [u8], original: &Context<'_>) -> Context<'a> {
        Context {
            value,
            place: original.place,
            shape: OnceCell::from(original.shape()),
            bytes: OnceCell::new(),
        }
    }

    /// The kind of text, computed on first use.
    pub(crate) fn shape(&self) -> Shape {
        *self.shape.get_or_init(|| Shape::of(self.value))
    }

    /// Whether any of `needs` occurs in the value; true for an empty list.
    pub(crate) fn holds_any(&self, needs: &str) -> bool {
        if needs.is_empty() {
            return true;
        }
        let present = self.bytes.get_or_init(|| {
            let mut present = [false; 256];
            for &byte in self.value {
                if let Some(slot) = present.get_mut(usize::from(byte)) {
                    *slot = true;
                }
            }
            present
        });
        needs.bytes().any(|byte| present.get(usize::from(byte)).copied().unwrap_or(false))
    }

    /// The bytes before `at`.
    pub(crate) fn before(&self, at: usize) -> &'a [u8] {
        self.value.get(..at).unwrap_or(self.value)
    }

    /// The bytes from `at` on.
    pub(crate) fn after(&self, at: usize) -> &'a [u8] {
        self.value.get(at..).unwrap_or_default()
    }

    /// Whether the quote at `at` closes a string that the value did not open: an even number of quotes of its
    /// kind stand before it (apostrophes inside words not counted), and it opens no word or list item itself.
    pub(crate) fn quote_breaks_out(&self, at: usize) -> bool {
        let Some(&quote) = self.value.get(at) else { return false };
        let before = self.before(at);
        let opened = before
            .iter()
            .enumerate()
            .filter(|&(i, &byte)| byte == quote && !(quote == b'\'' && is_apostrophe(before, i)))
            .count();
        opened % 2 == 0 && !self.opens_string(at, quote)
    }

    /// Whether the quote at `at` plainly opens a string: after a delimiter of code or JSON, or around one word.
    fn opens_string(&self, at: usize, quote: u8) -> bool {
        let Some(&previous) = at.checked_sub(1).and_then(|i| self.value.get(i)) else { return false };
        let tail = self.after(at + 1);
        let word = tail.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let delimited = matches!(previous, b'{' | b'[' | b',' | b':' | b'(' | b'=') && word > 0;
        let quoted_word = !previous.is_ascii_alphanumeric() && word > 0 && tail.get(word) == Some(&quote);
        delimited || quoted_word
    }
}

/// Whether the quote at `at` stands between two letters, as in `don't`.
fn is_apostrophe(text: &[u8], at: usize) -> bool {
    let letter =
        |i: Option<usize>| i.and_then(|i| text.get(i)).is_some_and(|b| b.is_ascii_alphabetic() || *b >= 0x80);
    letter(at.checked_sub(1)) && letter(Some(at + 1))
}

/// How much of a value decides about its shape.
const SAMPLE: usize = 4096;

impl Shape {
    /// Classifies a value by its first kilobytes.
    pub(crate) fn of(value: &[u8]) -> Shape {
        let sample = value.get(..SAMPLE).unwrap_or(value);
        let mut count = Counts::default();
        for &byte in sample {
            count.add(byte);
        }
        count.finish_word();
        if memchr::memchr(0, sample).is_some_and(|_| sample.len() > 200 && count.control * 20 > sample.len())
        {
            return Shape::Document;
        }
        if value.starts_with(b"#!/") && count.lines > 0 {
            return Shape::Document;
        }
        if count.lines >= 4 && sample.len() >= 80
            || count.lines >= 2 && count.words >= 12
            || value.len() > 1500
        {
            return Shape::Document;
        }
        // Sentences: most of it letters and blanks, and a good number of words that contain letters only.
        let text = count.letters + count.blanks;
        let sentence = count.words >= 7 && count.blanks >= 6 && text * 100 >= sample.len() * 78;
        // Log lines and sentences full of numbers and names: more blanks, fewer letters.
        let line = count.words >= 10 && count.blanks >= 10 && text * 100 >= sample.len() * 62;
        let wide = count.wide * 2 > sample.len() && sample.len() > 40;
        if sentence || line || wide {
            return Shape::Prose;
        }
        Shape::Tight
    }
}

#[derive(Default)]
struct Counts {
    letters: usize,
    blanks: usize,
    wide: usize,
    lines: usize,
    control: usize,
    words: usize,
    run: usize,
}

impl Counts {
    fn add(&mut self, byte: u8) {
        if byte.is_ascii_alphabetic() || byte >= 0x80 {
            self.letters += 1;
            self.run += 1;
            self.wide += usize::from(byte >= 0x80);
            return;
        }
        self.finish_word();
        match byte {
            b'\n' => {
                self.lines += 1;
                self.blanks += 1;
            }
            b' ' => self.blanks += 1,
            0..0x20 => self.control += 1,
            _ => {}
        }
    }

    fn finish_word(&mut self) {
        self.words += usize::from(self.run >= 2);
        self.run = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_of_typical_values() {
        assert_eq!(Shape::of(b"1' or '1'='1"), Shape::Tight);
        assert_eq!(Shape::of(b"127.0.0.1; cat /etc/passwd"), Shape::Tight);
        assert_eq!(
            Shape::of(b"Please choose a plan from the list and tell us what you think."),
            Shape::Prose
        );
        assert_eq!(
            Shape::of("これは日本語の文章です。とても長いので散文と見なされます。".as_bytes()),
            Shape::Prose
        );
        assert_eq!(Shape::of(b"fn main() {\n    let x = 1;\n    println!(\"{x}\");\n    drop(x);\n    std::process::exit(0);\n}\n"), Shape::Document);
    }

    #[test]
    fn a_quote_breaks_out_when_nothing_was_opened() {
        let context = |text: &'static str| Context::new(text.as_bytes(), Place::QueryValue);
        assert!(context("admin' or 1").quote_breaks_out(5));
        assert!(!context("a = 'b' and c").quote_breaks_out(6));
        assert!(context("don't x' or").quote_breaks_out(7));
    }
}
