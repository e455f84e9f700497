//! Normal forms of a value, made only when the value shows the trick that the form undoes.
//!
//! Decoding (percent, base64, HTML and script escapes, …) is the request crate's work and arrives as points of
//! its own. What is left here is noise that the attacked interpreter itself ignores: quotes inside shell words,
//! control characters and comments inside scripts.

use std::borrow::Cow;
use std::ops::Range;

use bartizan_request::ByteSet;

use crate::place::Place;
use crate::shape::{Context, Shape};

/// Longest value for which a normal form is built.
const MAX_LEN: usize = 8192;

/// The value as a shell or `cmd.exe` sees its words: no quotes inside words, no escapes, no empty expansions,
/// `${IFS}` as a blank. `None` when that changes nothing of interest.
pub(crate) fn without_shell_quoting(context: &Context<'_>) -> Option<Vec<u8>> {
    let value = context.value;
    let browser = context.place == Place::UserAgent && value.starts_with(b"Mozilla/");
    if value.len() > MAX_LEN || browser || !has_quoted_word(value) || context.shape() == Shape::Document {
        return None;
    }
    // In markdown, backquotes mark code.
    if value.contains(&b'`') && context.has_table_rule() {
        return None;
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = match byte {
            b'\'' | b'"' | b'\\' | b'^' | b'`' => tail,
            b'$' => match expansion(tail) {
                Some((text, after)) => {
                    out.extend_from_slice(text);
                    after
                }
                None => {
                    out.push(byte);
                    tail
                }
            },
            _ => {
                out.push(byte);
                tail
            }
        };
    }
    (out.len() != value.len()).then_some(out)
}

/// Where the end of a quoted part of a word is looked for.
const LONGEST_WORD: usize = 64;

/// Whether a quote, escape or expansion stands inside a word.
fn has_quoted_word(value: &[u8]) -> bool {
    value.windows(3).enumerate().any(|(at, w)| {
        let [a, b, c] = w else { return false };
        let word = |x: u8| x.is_ascii_alphanumeric() || x == b'/' || x == b'-';
        if *b == b'\'' && a.is_ascii_alphabetic() && c.is_ascii_alphabetic() {
            // A quote that is not closed in its word is an apostrophe.
            let mark = |b: &u8| matches!(b, b'\'' | b'"' | b'\\' | b'$');
            let rest = value.get(at + 2..).unwrap_or_default().iter().take(LONGEST_WORD);
            let lead = value.get(..=at).unwrap_or_default().iter().rev().take(LONGEST_WORD);
            return rest.take_while(|b| !b.is_ascii_whitespace()).any(mark)
                || lead.take_while(|b| !b.is_ascii_whitespace()).any(mark);
        }
        matches!(b, b'\'' | b'"' | b'\\' | b'^' | b'$' | b'`')
            && (word(*a) || matches!(a, b';' | b'|'))
            && (word(*c)
                || matches!(c, b'\'' | b'"' | b'`' | b'{' | b'@' | b'*' | b'$')
                || *b == b'$' && matches!(c, b'!' | b'?' | b'_' | b'('))
    })
}

/// What follows a `$` and expands to nothing or to a blank: `$@`, `$*`, `$u`, `${u}`, `${IFS}`, `$IFS$9`.
fn expansion(tail: &[u8]) -> Option<(&'static [u8], &[u8])> {
    if let Some(after) = tail.strip_prefix(b"{IFS}").or_else(|| tail.strip_prefix(b"IFS")) {
        return Some((b" ", after));
    }
    match tail {
        [b'@' | b'*' | b'$' | b'!' | b'?' | b'-' | b'_' | b'0'..=b'9', after @ ..] => Some((b"", after)),
        [b'(', b')', after @ ..] => Some((b"", after)),
        [b'{', inner @ ..] => {
            let end = inner.iter().take(16).position(|&b| b == b'}')?;
            let (name, after) = inner.split_at(end);
            name.iter().all(u8::is_ascii_alphanumeric).then_some(())?;
            Some((b"", after.get(1..)?))
        }
        [first, after @ ..] if first.is_ascii_lowercase() => {
            // `$u` in `cat$u`: a short unset variable; longer names are left alone.
            (!after.first().is_some_and(u8::is_ascii_alphanumeric)).then_some((b"".as_slice(), after))
        }
        _ => None,
    }
}

/// The value as a browser or script engine sees it: control characters, soft hyphens and comments gone, letters in
/// another dress plain. `None` when it has none of them.
pub(crate) fn without_script_noise(context: &Context<'_>) -> Option<Vec<u8>> {
    let value = context.value;
    if value.len() > MAX_LEN {
        return None;
    }
    let has_control = value.windows(3).any(|w| {
        matches!(w, [a, b, c] if a.is_ascii_alphabetic() && (*b < 0x20 || *b == b'\\') && c.is_ascii_alphabetic())
    });
    let has_nul = value.contains(&0)
        && value.iter().all(|b| *b == 0 || b.is_ascii_graphic() || b.is_ascii_whitespace());
    let has_control = has_control || has_nul;
    let has_comment = memchr::memmem::find(value, b"/*").is_some();
    let has_entity =
        memchr::memmem::find(value, b"&tab;").or_else(|| memchr::memmem::find(value, b"&newline;")).is_some();
    let has_wide = has_dressed_letters(value);
    let has_tag = has_tag_inside_word(value);
    let is_split = has_tag || has_invisible(value);
    let is_noisy =
        has_control && is_single_line(value) || has_comment && value.len() < 1024 || has_wide || has_entity;
    if !(is_noisy || is_split) || context.shape() == Shape::Document {
        return None;
    }
    let text: Cow<'_, str> = String::from_utf8_lossy(value);
    let mut out = String::with_capacity(text.len());
    let mut rest: &str = &text;
    while let Some(c) = rest.chars().next() {
        if let Some(comment) = rest.strip_prefix("/*")
            && let Some(end) = comment.find("*/")
        {
            rest = comment.get(end + 2..).unwrap_or_default();
            continue;
        }
        if let Some(after) = ["&tab;", "&newline;"].iter().find_map(|entity| rest.strip_prefix(entity)) {
            rest = after;
            continue;
        }
        if has_tag && let Some(after) = short_tag(rest.as_bytes()) {
            rest = rest.get(after..).unwrap_or_default();
            continue;
        }
        match c {
            _ if is_invisible(c) || c == '\u{ad}' => {}
            _ if !c.is_ascii() => out.push(plain_letter(c).unwrap_or(c)),
            // Before a dot or another mark it is a separator of folders, not an escape.
            '\\' if rest.get(1..).is_some_and(separates) => out.push(c),
            '\\' | '\u{0}'..='\u{1f}' => {}
            _ => out.push(c),
        }
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    Some(out.into_bytes())
}

/// Whether the value has letters or angle brackets in another dress, which normalisation (NFKC) takes off: full-width,
/// mathematical, circled.
fn has_dressed_letters(value: &[u8]) -> bool {
    !value.is_ascii()
        && value.windows(3).any(|w| {
            matches!(
                w,
                [0xef, 0xbc, 0x9c | 0xa1..=0xba]
                    | [0xef, 0xbd, 0x81..=0x9a]
                    | [0xf0, 0x9d, 0x90..=0x9f]
                    | [0xe2, 0x92, 0xb6..=0xbf]
                    | [0xe2, 0x93, 0x80..=0xa9]
            )
        })
}

/// The ASCII character that normalisation makes of one in another dress.
fn plain_letter(c: char) -> Option<char> {
    let nth = |code: u32, first: u8| char::from_u32(u32::from(first) + code);
    let code = u32::from(c);
    match code {
        0xff01..=0xff5e => char::from_u32(code - 0xfee0),
        // Thirteen alphabets of capital and small letters, five rows of digits.
        0x1d400..=0x1d6a3 => match (code - 0x1d400) % 52 {
            at @ 0..=25 => nth(at, b'A'),
            at => nth(at - 26, b'a'),
        },
        0x1d7ce..=0x1d7ff => nth((code - 0x1d7ce) % 10, b'0'),
        0x24b6..=0x24cf => nth(code - 0x24b6, b'A'),
        0x24d0..=0x24e9 => nth(code - 0x24d0, b'a'),
        _ => None,
    }
}

/// Whether what follows a backslash is not what it could escape.
fn separates(rest: &str) -> bool {
    rest.starts_with(['.', '\\', '\u{fffd}'])
}

/// Characters without a width, marks of direction, and what stands for bytes that are no text: filters drop them after
/// they looked (`un\u{200b}ion`).
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{fffd}')
}

/// Whether one of them, or a byte that no text has, follows a letter or a sign of ASCII, as none does in the scripts that
/// need them.
fn has_invisible(value: &[u8]) -> bool {
    !value.is_ascii()
        && value.windows(4).any(|w| {
            matches!(
                w,
                [0x21..=0x7e, 0xc0 | 0xc1, 0x21..=0x7e, _]
                    | [0x21..=0x7e, 0xe2, 0x80, 0x8b..=0x8f | 0xaa..=0xae]
                    | [0x21..=0x7e, 0xe2, 0x81, 0xa0..=0xa4]
                    | [0x21..=0x7e, 0xef, 0xbb | 0xbf, 0xbf | 0xbd]
            )
        })
}

/// The length of a tag of one or two letters, `<x>`.
fn short_tag(rest: &[u8]) -> Option<usize> {
    match rest {
        [b'<', a, b'>', ..] if a.is_ascii_alphabetic() => Some(3),
        [b'<', a, b, b'>', ..] if a.is_ascii_alphabetic() && b.is_ascii_alphanumeric() => Some(4),
        _ => None,
    }
}

/// Whether a word is split by a tag that a filter takes away: `o<x>nfocus`.
fn has_tag_inside_word(value: &[u8]) -> bool {
    memchr::memchr_iter(b'<', value).any(|at| {
        let before = at.checked_sub(1).and_then(|at| value.get(at)).is_some_and(u8::is_ascii_alphabetic);
        let rest = value.get(at..).unwrap_or_default();
        before
            && short_tag(rest)
                .is_some_and(|end| rest.get(end).is_some_and(|b| b.is_ascii_alphabetic() || *b == b'('))
    })
}

/// Most that may be left of a value without its padding.
const MAX_UNPADDED: usize = 1024;
/// Runs from this length on are padding: of one byte, and of letters and digits.
const MIN_RUN: usize = 64;
const MIN_WORD: usize = 128;

/// Whether some run can be long enough, told by pieces that a long run fills.
fn may_be_padded(value: &[u8]) -> bool {
    let fills = |piece: &[u8]| {
        let same = piece.first().is_some_and(|first| piece.iter().all(|byte| byte == first));
        same || piece.iter().all(u8::is_ascii_alphanumeric)
    };
    value.chunks_exact(MIN_RUN / 2).any(fills) || memchr::memmem::find(value, b"/*").is_some()
}

/// The length of a comment of SQL or script that a value begins with, if it is long.
fn comment(rest: &[u8]) -> Option<usize> {
    let inner = rest.strip_prefix(b"/*")?;
    memchr::memmem::find(inner, b"*/").map(|end| end + 4).filter(|&length| length >= MIN_RUN)
}

/// A long value without what only makes it long: runs of one byte, endless words and comments. `None` when there is no such run,
/// or when much is left, as of any document.
pub(crate) fn without_padding(context: &Context<'_>) -> Option<Vec<u8>> {
    const BLOB: ByteSet = ByteSet::ALPHANUMERIC.or(ByteSet::of_bytes(b"+/-_=.\r\n"));
    if context.value.len() <= MAX_UNPADDED || context.bytes.is_within(BLOB) {
        return None;
    }
    // Frames of data are no text.
    let is_text = !context.bytes.intersects(ByteSet::DATA);
    if let Some(rest) = is_text.then(|| without_repetition(context.value)).flatten() {
        return Some(rest);
    }
    if !may_be_padded(context.value) {
        return None;
    }
    let mut out = Vec::new();
    let mut rest = context.value;
    // Behind the last end of a comment none is looked for again.
    let closes = memchr::memmem::rfind(rest, b"*/").unwrap_or(0);
    while let Some(&first) = rest.first() {
        if context.value.len() - rest.len() < closes
            && let Some(length) = comment(rest)
        {
            out.extend_from_slice(b"/**/");
            rest = rest.get(length..).unwrap_or_default();
            continue;
        }
        let same = rest.iter().take_while(|byte| **byte == first).count();
        let run = if same >= MIN_RUN {
            same
        } else {
            let word = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            if word >= MIN_WORD { word } else { 0 }
        };
        // What is no run is taken up to where the next one may begin.
        let (kept, used) = if run > 0 { (1, run) } else { (same.max(1), same.max(1)) };
        out.extend_from_slice(rest.get(..kept).unwrap_or_default());
        if out.len() > MAX_UNPADDED {
            return None;
        }
        rest = rest.get(used..).unwrap_or_default();
    }
    (out.len() < context.value.len()).then_some(out)
}

/// Longest phrase whose repetition is padding.
const LONGEST_PHRASE: usize = 512;
/// How often it is repeated at least; nobody says anything so often.
const REPEATS: usize = 6;
/// How much of a phrase is looked for.
const PROBE: usize = 24;

/// A long value without a phrase that is repeated over most of it: `The quick brown fox … The quick brown fox …`.
fn without_repetition(value: &[u8]) -> Option<Vec<u8>> {
    let mut rest = Cow::Borrowed(value);
    for _ in 0..2 {
        // What covers most of the value is met in the middle, or at a quarter if it stands on both sides of something.
        let found = [2, 4].into_iter().find_map(|part| repetition(&rest, rest.len() / part));
        let Some(found) = found else { break };
        let left = [rest.get(..found.start).unwrap_or_default(), rest.get(found.end..).unwrap_or_default()];
        rest = Cow::Owned(left.concat());
    }
    let is_short = rest.len() < value.len() && rest.len() <= MAX_UNPADDED && !rest.is_empty();
    // Frames of data are no text.
    let is_text = |text: &[u8]| !text.iter().any(|b| b.is_ascii_control() && !b.is_ascii_whitespace());
    (is_short && is_text(&rest)).then(|| rest.into_owned())
}

/// Where a phrase around `at` is repeated.
fn repetition(value: &[u8], at: usize) -> Option<Range<usize>> {
    let tail = value.get(at..)?;
    let probe = tail.get(..PROBE)?;
    // A phrase has words. Runs of one byte and endless words are found otherwise.
    if !probe.contains(&b' ') || !probe.iter().any(u8::is_ascii_alphabetic) {
        return None;
    }
    let near = tail.get(1..).unwrap_or_default();
    let period = 1 + memchr::memmem::find(near.get(..LONGEST_PHRASE).unwrap_or(near), probe)?;
    let (before, _) = value.split_at(at);
    let repeats = |(byte, next): &(&u8, &u8)| byte == next;
    let (shifted, _) = value.split_at(at + period);
    let back = before.iter().rev().zip(shifted.iter().rev()).take_while(repeats).count();
    let ahead = tail.iter().zip(tail.iter().skip(period)).take_while(repeats).count();
    let times = (back + ahead) / period + 1;
    if times < REPEATS {
        return None;
    }
    // A letter of what stands beside may be that of the phrase by chance; at an end of the value nothing is.
    let (start, end) = (at - back, at + ahead + period);
    let length = times * period;
    Some(if end == value.len() && start > 0 { end - length..end } else { start..start + length })
}

/// The value as a database sees it when the noise between its words goes: comments up to a line end (`#x\n`,
/// `--x\n`), and the percent signs that old application servers drop before what is no hexadecimal number.
pub(crate) fn without_sql_noise(context: &Context<'_>) -> Option<Vec<u8>> {
    let value = context.value;
    if value.len() > MAX_LEN || context.shape() == Shape::Document {
        return None;
    }
    let percents = value.windows(3).filter(|w| matches!(w, [b'%', a, b'%'] if !a.is_ascii_control())).count();
    let comment = memchr::memchr(b'\n', value).is_some_and(|end| {
        value
            .get(..end)
            .is_some_and(|line| line.contains(&b'#') || memchr::memmem::find(line, b"--").is_some())
    }) && memchr::memchr_iter(b'\n', value).count() <= 16
        && value.len() < 2048;
    let joints = if context.bytes.intersects(ESCAPED) { joints(value) } else { 0 };
    if percents < 4 && !comment && joints == 0 {
        return None;
    }
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = match byte {
            b'\\' if joints > 0 && tail.starts_with(JOINT.get(1..).unwrap_or_default()) => {
                tail.get(JOINT.len() - 1..).unwrap_or_default()
            }
            b'%' if percents >= 4 => tail,
            b'#' if comment && memchr::memchr(b'\n', tail).is_some() => after_line(tail, &mut out),
            b'-' if comment && tail.first() == Some(&b'-') && memchr::memchr(b'\n', tail).is_some() => {
                after_line(tail, &mut out)
            }
            _ => {
                out.push(byte);
                tail
            }
        };
    }
    (out.len() != value.len()).then_some(out)
}

/// A quoted comma, which some filters take away: `uni\",\"on`.
const JOINT: &[u8] = b"\\\",\\\"";
/// What it begins with.
const ESCAPED: ByteSet = ByteSet::of_bytes(b"\\");

/// How many words it splits.
fn joints(value: &[u8]) -> usize {
    let letter = |at: Option<usize>| at.and_then(|at| value.get(at)).is_some_and(u8::is_ascii_alphabetic);
    memchr::memmem::find_iter(value, JOINT)
        .filter(|&at| letter(at.checked_sub(1)) && letter(Some(at + JOINT.len())))
        .count()
}

/// Skips a comment to the end of its line; a blank takes its place.
fn after_line<'v>(tail: &'v [u8], out: &mut Vec<u8>) -> &'v [u8] {
    out.push(b' ');
    let end = memchr::memchr(b'\n', tail).map_or(tail.len(), |at| at + 1);
    tail.get(end..).unwrap_or_default()
}

/// Text of several lines is written that way; a single break inside a word is not.
fn is_single_line(value: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', value).count() <= 3 && value.len() < 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(text: &str) -> Option<String> {
        without_shell_quoting(&Context::new(text.as_bytes(), ByteSet::of(text.as_bytes()), Place::QueryValue))
            .map(|v| String::from_utf8_lossy(&v).into_owned())
    }

    #[test]
    fn shell_words_lose_their_quotes() {
        assert_eq!(shell("c'a't${IFS}/etc/pa\\sswd").as_deref(), Some("cat /etc/passwd"));
        assert_eq!(shell("wh$@oami").as_deref(), Some("whoami"));
        assert_eq!(shell("cat$u /etc$u/passwd$u").as_deref(), Some("cat /etc/passwd"));
        assert_eq!(shell("a plain text"), None);
    }

    #[test]
    fn a_phrase_said_again_and_again_is_padding() {
        let phrase = "The quick brown fox jumps over the lazy dog. ";
        let rest = |text: &str| {
            without_repetition(text.as_bytes()).map(|rest| String::from_utf8_lossy(&rest).into_owned())
        };
        for (before, after) in [("x' or 1=1", ""), ("", "1 or 1=1"), ("a-", "-b"), ("", "The x")] {
            let left = rest(&format!("{before}{}{after}", phrase.repeat(40)));
            assert_eq!(left, Some(format!("{before}{after}")), "{before}|{after}");
        }
        let words: String = (0..200_usize).map(|n| format!("word{} ", n * n % 97)).collect();
        assert_eq!(rest(&words), None);
        assert_eq!(rest(&phrase.repeat(4)), None);
    }

    fn script(text: &str) -> Option<Vec<u8>> {
        without_script_noise(&Context::new(text.as_bytes(), ByteSet::of(text.as_bytes()), Place::QueryValue))
    }

    #[test]
    fn scripts_lose_control_characters_and_comments() {
        let form = script("ja\tvascript:ale/**/rt(1)").unwrap();
        assert_eq!(form, b"javascript:alert(1)");
        assert_eq!(script("\u{ff1c}script\u{ff1e}").unwrap(), b"<script>");
    }
}
