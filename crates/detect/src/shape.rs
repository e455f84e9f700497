//! What kind of text a value is: a short argument, a sentence, or a document.
//!
//! Computed at most once per value, and only when some signature is a candidate. The thresholds err towards
//! [`Shape::Tight`]: a value is a document only if a person or a program plainly wrote several lines.

use std::cell::OnceCell;

use bartizan_request::ByteSet;

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
    /// The kinds of its bytes.
    pub(crate) bytes: ByteSet,
    shape: OnceCell<Shape>,
    /// Whether the value is a picture that does nothing, once a detector asked.
    pub(crate) still_picture: OnceCell<bool>,
}

impl<'a> Context<'a> {
    pub(crate) fn new(value: &'a [u8], bytes: ByteSet, place: Place) -> Context<'a> {
        Context { value, place, bytes, shape: OnceCell::new(), still_picture: OnceCell::new() }
    }

    /// The same for a normalised form, which is judged as text of the shape of its original.
    pub(crate) fn derived(value: &'a [u8], original: &Context<'_>) -> Context<'a> {
        Context {
            value,
            place: original.place,
            bytes: ByteSet::of(value),
            shape: OnceCell::from(original.shape()),
            still_picture: OnceCell::new(),
        }
    }

    /// A text among others, judged as a part of a document.
    pub(crate) fn part_of_document(value: &'a [u8], place: Place) -> Context<'a> {
        Context {
            value,
            place,
            bytes: ByteSet::of(value),
            shape: OnceCell::from(Shape::Document),
            still_picture: OnceCell::new(),
        }
    }

    /// The kind of text, computed on first use.
    pub(crate) fn shape(&self) -> Shape {
        *self.shape.get_or_init(|| Shape::of(self.value, self.bytes))
    }

    /// Whether the value is known to be a document without a look at its text.
    pub(crate) fn is_surely_document(&self) -> bool {
        match self.shape.get() {
            Some(shape) => *shape == Shape::Document,
            None => self.value.len() > LONG,
        }
    }

    /// Whether any of these bytes occurs in the value; true for none.
    pub(crate) fn holds_any(&self, needs: ByteSet) -> bool {
        needs.is_empty() || needs.intersects(self.bytes)
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
        if quote == b'`' && self.is_code_mark(at) {
            return false;
        }
        let opened = before
            .iter()
            .enumerate()
            .filter(|&(i, &byte)| byte == quote && !(quote == b'\'' && is_apostrophe(before, i)))
            .count();
        opened % 2 == 0 && !self.opens_string(at, quote)
    }

    /// Whether the backquote at `at` belongs to a fence, or opens a code span in a sentence.
    fn is_code_mark(&self, at: usize) -> bool {
        let before = self.before(at);
        if before.ends_with(b"``") || self.after(at).starts_with(b"```") {
            return true;
        }
        let opens = before.last().is_none_or(|b| matches!(b, b' ' | b'(' | b'[' | b'\n'));
        opens && self.shape() == Shape::Prose && self.after(at + 1).contains(&b'`')
    }

    /// Whether `at` is inside code of a markdown document: a fenced block or a code span of its line. Only
    /// documents have code; a short value with a backquote in front is no document.
    pub(crate) fn is_in_code(&self, at: usize) -> bool {
        if self.shape() != Shape::Document {
            return false;
        }
        let before = self.before(at);
        let fences = memchr::memmem::find_iter(before, b"```").count();
        let line = memchr::memrchr(b'\n', before).map_or(before, |end| before.get(end..).unwrap_or_default());
        let ticks = memchr::memchr_iter(b'`', line).count();
        fences % 2 == 1 || ticks % 2 == 1 && self.after(at).iter().take(200).any(|b| *b == b'`')
    }

    /// Whether a body's value is nothing but a fenced block of markdown: a line that opens it, lines, and the line that closes
    /// it.
    pub(crate) fn is_fenced_block(&self) -> bool {
        let text = self.value.trim_ascii();
        let body = matches!(self.place, Place::BodyValue | Place::FileContent);
        body && text.len() > 8
            && text.starts_with(b"```")
            && text.ends_with(b"\n```")
            && memchr::memmem::find_iter(text, b"```").count() == 2
    }

    /// Whether a body's value is nothing but the fields of a header block, as tools that record requests report them: two
    /// lines or more that line ends join, with a field on each. A block that begins with a field breaks out of none; fields
    /// that an injection is after are not among them.
    pub(crate) fn is_header_block(&self) -> bool {
        const FIRST: [&[u8]; 12] = [
            b"accept",
            b"access-control-allow-origin",
            b"cache-control",
            b"connection",
            b"content-length",
            b"content-type",
            b"date",
            b"etag",
            b"expires",
            b"host",
            b"server",
            b"vary",
        ];
        // Other spellings of a line end that readers may take for one.
        const BREAKS: [&[u8]; 10] = [
            b"%0d",
            b"%0a",
            b"%u0",
            b"%e5%98",
            b"\xe5\x98\x8a",
            b"\xe5\x98\x8d",
            b"\\r",
            b"\\n",
            b"\\u",
            b"\\x",
        ];
        if !matches!(self.place, Place::BodyValue | Place::FileContent) {
            return false;
        }
        let text = self.value.trim_ascii_end().to_ascii_lowercase();
        let is_broken = BREAKS.iter().any(|sign| memchr::memmem::find(&text, sign).is_some());
        let mut lines = text.split(|b| *b == b'\n').map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            field_name(line).filter(|_| !line.contains(&b'\r'))
        });
        let known = lines.next().flatten().is_some_and(|name| FIRST.contains(&name));
        // `date: x` and no second field, or a blank line with a body behind it, is no block. Its last line end may be missing.
        known
            && !is_broken
            && self.value.contains(&b'\n')
            && lines.all(|name| name.is_some_and(|name| !is_aim(name)))
    }

    /// Whether a line of the value is the rule under the head of a table: `:-- | --:`.
    pub(crate) fn has_table_rule(&self) -> bool {
        let is_rule = |line: &[u8]| {
            let line = line.trim_ascii();
            line.len() >= 5
                && line.iter().all(|b| matches!(b, b'|' | b'-' | b':' | b' '))
                && line.contains(&b'|')
                && memchr::memmem::find(line, b"--").is_some()
        };
        memchr::memchr(b'\n', self.value).is_some() && self.value.split(|b| *b == b'\n').skip(1).any(is_rule)
    }

    /// Whether the tag that begins at `at` is a word of a sentence: alone in a code span, without the value of an attribute
    /// and without its end. Such a tag does nothing.
    pub(crate) fn names_a_tag(&self, at: usize) -> bool {
        let tail = self.after(at);
        let Some(end) = tail.iter().take(40).position(|b| *b == b'>') else { return false };
        let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-' | b':');
        self.before(at).ends_with(b"`")
            && tail.get(end + 1) == Some(&b'`')
            && tail.get(1..end).is_some_and(|name| name.iter().all(plain))
            && memchr::memmem::find(self.value, b"</").is_none()
    }

    /// Whether the quote at `at` plainly opens a string: after a delimiter of code or JSON, or around one word.
    fn opens_string(&self, at: usize, quote: u8) -> bool {
        let Some(&previous) = at.checked_sub(1).and_then(|i| self.value.get(i)) else { return false };
        let tail = self.after(at + 1);
        let word = tail.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
        let delimited = matches!(previous, b'{' | b'[' | b',' | b':' | b'(' | b'=') && word > 0;
        let quoted_word = !previous.is_ascii_alphanumeric() && word > 0 && tail.get(word) == Some(&quote);
        // A string of signs only: `'-'`, `"*/"`.
        let signs = tail.iter().take(4).position(|b| *b == quote).is_some_and(|end| {
            end > 0 && tail.get(..end).is_some_and(|text| text.iter().all(u8::is_ascii_punctuation))
        }) && matches!(previous, b' ' | b'(' | b'[' | b',');
        delimited || quoted_word || signs && word == 0
    }
}

/// Whether an injection is after the header field: it moves the reader, stores, allows or forbids something, or addresses
/// mail.
fn is_aim(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 33] = [
        b"alt-svc",
        b"authorization",
        b"bcc",
        b"cc",
        b"clear-site-data",
        b"content-disposition",
        b"content-location",
        b"cookie",
        b"cookie2",
        b"forwarded",
        b"from",
        b"link",
        b"location",
        b"mime-version",
        b"nel",
        b"origin-agent-cluster",
        b"permissions-policy",
        b"refresh",
        b"reply-to",
        b"report-to",
        b"reporting-endpoints",
        b"return-path",
        b"service-worker-allowed",
        b"sourcemap",
        b"strict-transport-security",
        b"subject",
        b"to",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"www-authenticate",
        b"x-sendfile",
        b"x-sourcemap",
    ];
    const BEGINNINGS: [&[u8]; 15] = [
        b"access-control-",
        b"content-security-policy",
        b"cross-origin-",
        b"proxy-",
        b"public-key-pins",
        b"set-cookie",
        b"x-accel-",
        b"x-crlf",
        b"x-forwarded-",
        b"x-frame-options",
        b"x-inject",
        b"x-mailer",
        b"x-original-",
        b"x-test",
        b"x-xss-protection",
    ];
    NAMES.contains(&name) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// The name of a header field, if the line is one.
fn field_name(line: &[u8]) -> Option<&[u8]> {
    let name = line.split(|b| *b == b':').next()?;
    let rest = line.get(name.len() + 1..)?;
    let is_name = !name.is_empty() && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
    (is_name && !rest.contains(&b'<')).then_some(name)
}

/// Whether the quote at `at` stands between two letters, as in `don't`.
fn is_apostrophe(text: &[u8], at: usize) -> bool {
    let letter =
        |i: Option<usize>| i.and_then(|i| text.get(i)).is_some_and(|b| b.is_ascii_alphabetic() || *b >= 0x80);
    letter(at.checked_sub(1)) && letter(Some(at + 1))
}

/// A longer value is a document whatever is in it.
const LONG: usize = 1500;
/// A shorter one is no sentence.
const SHORT: usize = 20;
/// What a value must have one of to be a sentence or a document. A NUL counts only in long values.
const BLANK_OR_WIDE: ByteSet = ByteSet::NON_ASCII.or(ByteSet::of_bytes(b" \n\0"));

impl Shape {
    /// All shapes, from the one in which most is believed.
    pub(crate) const ALL: [Shape; 3] = [Shape::Tight, Shape::Prose, Shape::Document];

    /// Classifies a value.
    pub(crate) fn of(value: &[u8], bytes: ByteSet) -> Shape {
        // Without a blank or a line end there is no second word and no second line; seven words are 20 bytes.
        if value.len() <= LONG
            && (!bytes.intersects(BLANK_OR_WIDE) || value.len() < SHORT && !value.starts_with(b"#!/"))
        {
            return Shape::Tight;
        }
        if value.len() > LONG || is_page(value) {
            return Shape::Document;
        }
        let sample = value;
        let count = Counts::of(sample);
        if memchr::memchr(0, sample).is_some_and(|_| sample.len() > 200 && count.control * 20 > sample.len())
        {
            return Shape::Document;
        }
        if is_program(value, count.lines) {
            return Shape::Document;
        }
        if count.lines >= 4 && sample.len() >= 80 || count.lines >= 2 && count.words >= 12 {
            return Shape::Document;
        }
        // Sentences: most of it letters and blanks, and a good number of words that contain letters only.
        let text = count.letters + count.blanks;
        let sentence = count.words >= 7 && count.blanks >= 6 && text * 100 >= sample.len() * 78;
        // Log lines and sentences full of numbers and names: more blanks, fewer letters.
        let line = count.words >= 10 && count.blanks >= 10 && text * 100 >= sample.len() * 62;
        // Scripts without blanks are prose, too; a URL spelled in wide letters is not.
        let wide = count.wide * 2 > sample.len()
            && sample.len() > 40
            && memchr::memmem::find(sample, b"://").is_none();
        // Command lines are full of options: `schtasks /create /tn x /tr y`.
        if count.options >= 2 && count.options * 3 >= count.words {
            return Shape::Tight;
        }
        if sentence || line || wide {
            return Shape::Prose;
        }
        Shape::Tight
    }
}

/// A script for an interpreter, or a whole source file of C: one line in front makes no program of a command.
fn is_program(value: &[u8], lines: usize) -> bool {
    const SHORTEST: usize = 64;
    let is_c = value.starts_with(b"#include <") || value.starts_with(b"#include \"");
    let is_whole = value.len() >= SHORTEST
        && lines >= 3
        && value.trim_ascii_end().ends_with(b"}")
        && memchr::memmem::find(value, b"{\n").is_some();
    value.starts_with(b"#!/") && lines > 0 || is_c && is_whole
}

/// A whole page of HTML, as mail and content systems send it, with or without line ends. A short one has nothing to show.
fn is_page(value: &[u8]) -> bool {
    const SHORTEST: usize = 120;
    if value.len() < SHORTEST {
        return false;
    }
    let begins = |text: &[u8]| value.get(..text.len()).is_some_and(|head| head.eq_ignore_ascii_case(text));
    (begins(b"<!doctype html") || begins(b"<html"))
        && (value.trim_ascii_end().ends_with(b"</html>") || value.trim_ascii_end().ends_with(b"</HTML>"))
}

/// What a text is made of. Each count is a pass of its own, over many bytes at a time.
struct Counts {
    letters: usize,
    blanks: usize,
    wide: usize,
    lines: usize,
    control: usize,
    /// Runs of at least two letters.
    words: usize,
    /// Words behind a dash or a slash.
    options: usize,
}

impl Counts {
    fn of(text: &[u8]) -> Counts {
        let second = text.get(1..).unwrap_or_default();
        let third = text.get(2..).unwrap_or_default();
        // A word is counted at its second letter.
        let first_word = matches!(text, [a, b, ..] if is_letter(*a) && is_letter(*b));
        let (mut words, mut options) = (usize::from(first_word), 0);
        for ((third, second), first) in third.chunks(LANE).zip(second.chunks(LANE)).zip(text.chunks(LANE)) {
            let triples = || third.iter().zip(second).zip(first).map(|((&c, &b), &a)| (a, b, c));
            words += usize::from(
                triples().map(|(a, b, c)| u8::from(is_letter(c) & is_letter(b) & !is_letter(a))).sum::<u8>(),
            );
            options += usize::from(triples().map(|(a, b, c)| u8::from(opens_option(a, b, c))).sum::<u8>());
        }
        Counts {
            letters: count(text, is_letter),
            blanks: count(text, |byte| (byte == b' ') | (byte == b'\n')),
            wide: count(text, |byte| byte >= 0x80),
            lines: count(text, |byte| byte == b'\n'),
            control: count(text, |byte| (byte < b' ') & (byte != b'\n')),
            words,
            options,
        }
    }
}

/// As many as a byte can count.
const LANE: usize = 255;

fn count(text: &[u8], holds: impl Fn(u8) -> bool) -> usize {
    text.chunks(LANE)
        .map(|chunk| usize::from(chunk.iter().map(|&byte| u8::from(holds(byte))).sum::<u8>()))
        .sum()
}

/// Whether three bytes begin an option: ` -x`, ` /x`, `--x`.
fn opens_option(a: u8, b: u8, c: u8) -> bool {
    let dash = b == b'-';
    is_letter(c) & ((dash | (b == b'/')) & (a == b' ') | (dash & (a == b'-')))
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() | (byte >= 0x80)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context_of(value: &[u8]) -> Context<'_> {
        Context::new(value, ByteSet::of(value), Place::QueryValue)
    }

    #[test]
    fn shapes_of_typical_values() {
        let shape = |value: &[u8]| Shape::of(value, ByteSet::of(value));
        assert_eq!(shape(b"1' or '1'='1"), Shape::Tight);
        assert_eq!(shape(b"127.0.0.1; cat /etc/passwd"), Shape::Tight);
        assert_eq!(shape(b"Please choose a plan from the list and tell us what you think."), Shape::Prose);
        assert_eq!(
            shape("これは日本語の文章です。とても長いので散文と見なされます。".as_bytes()),
            Shape::Prose
        );
        assert_eq!(shape(b"fn main() {\n    let x = 1;\n    println!(\"{x}\");\n    drop(x);\n    std::process::exit(0);\n}\n"), Shape::Document);
    }

    #[test]
    fn words_are_runs_of_two_letters() {
        for (text, words) in
            [("", 0), ("a", 0), ("ab", 1), ("a b", 0), ("ab c de", 2), (".ab", 1), ("äb", 1), ("a1bc", 1)]
        {
            assert_eq!(Counts::of(text.as_bytes()).words, words, "{text}");
        }
        assert_eq!(Counts::of("ab ".repeat(300).as_bytes()).words, 300);
    }

    #[test]
    fn a_quote_breaks_out_when_nothing_was_opened() {
        let context = |text: &'static str| context_of(text.as_bytes());
        assert!(context("admin' or 1").quote_breaks_out(5));
        assert!(!context("a = 'b' and c").quote_breaks_out(6));
        assert!(context("don't x' or").quote_breaks_out(7));
    }
}
