//! The reference grammar (libinjection), a second opinion on short values.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::place::Place;
use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Sqli,
    signatures: &[Signature {
        stamp: 2099,
        subtype: "sqli_grammar",
        gate: &["'", "\"", "`", "--", "/*", "#", "@@", "||", " or ", " and "],
        needs: "",
        test: Test::Code(grammar),
        trust: Trust::Tight,
        places: Places::All,
    }],
};

/// Longest value given to the reference grammar; longer text holds its fragments near a quote, which the
/// signatures above see.
const GRAMMAR_MAX: usize = 512;

/// The second opinion of the reference grammar, for short values that hold something beyond words.
fn grammar(context: &Context<'_>) -> Option<Range<usize>> {
    let value = context.value;
    if value.len() > GRAMMAR_MAX || !value.is_ascii() && !value.contains(&b'\'') {
        return None;
    }
    // Fenced blocks hold program text, whose quotes the grammar reads as breaks.
    if memchr::memmem::find(value, b"```").is_some() {
        return None;
    }
    if is_quoted_text(context) {
        return None;
    }
    // Signs alone continue nothing unless they comment out the rest.
    let silent = !value.iter().any(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'#' | b'*'));
    let quotes = value.iter().filter(|b| matches!(b, b'\'' | b'"' | b'`')).count();
    if silent && quotes < 2 || value.len() < 3 {
        return None;
    }
    if context.place.is_header() && !value.iter().any(|b| matches!(b, b'\'' | b'"')) {
        return None;
    }
    // One word without quotes, comparison or call has no clause to continue: passwords, globs, tags.
    let one_word =
        !value.iter().any(|b| b.is_ascii_whitespace() || matches!(b, b'\'' | b'"' | b'`' | b'=' | b'('));
    if one_word && value.first().is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    let code: [&[u8]; 3] = [b"===", b"=> ", b") {"];
    if !holds_sql_marks(value) || code.iter().any(|mark| memchr::memmem::find(value, mark).is_some()) {
        return None;
    }
    let dashed = memchr::memmem::find(value, b" -- ").is_some()
        && !value.iter().any(|b| matches!(b, b'\'' | b'"' | b'`' | b'=' | b'('));
    if dashed
        && value.first().is_none_or(|b| *b != b'-' && *b != b'\'')
        && memchr::memchr_iter(b' ', value).count() >= 3
    {
        return None;
    }
    // A search of logs pipes its result on: `source=a/* | where status >= 500`.
    let piped = memchr::memmem::find(value, b" | ").is_some()
        && !value.iter().any(|b| matches!(b, b'\'' | b'"' | b'`' | b'('));
    if piped || is_filter(value) || strings_are_own(context) && !names_sql(value) {
        return None;
    }
    let result = libinjectionrs::detect_sqli(value);
    if !result.is_injection() {
        return None;
    }
    let fingerprint = result.fingerprint?;
    believable(fingerprint.as_str(), value).then_some(0..value.len())
}

/// An import of program text (`import { a } from "b";`), a block between two marks of three quotes, or the head of a page
/// between two lines of dashes.
fn is_quoted_text(context: &Context<'_>) -> bool {
    let text = context.value.trim_ascii();
    let name = |b: &u8| {
        b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$' | b',' | b' ' | b'{' | b'}' | b'*' | b'\n')
    };
    let module = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'@' | b'/' | b'.' | b'-' | b'_');
    let import = text.strip_prefix(b"import ").is_some_and(|rest| {
        let rest = rest.strip_suffix(b";").unwrap_or(rest);
        let parts: Vec<&[u8]> = rest.split(|b| matches!(b, b'"' | b'\'')).collect();
        matches!(parts.as_slice(), [names, path, b""] if names.ends_with(b" from ")
            && names.iter().all(name) && path.iter().all(module) && !path.ends_with(b".js"))
    });
    let between = |mark: &[u8]| {
        text.len() > 2 * mark.len()
            && text.starts_with(mark)
            && text.ends_with(mark)
            && memchr::memmem::find_iter(text, mark.trim_ascii()).count() == 2
    };
    import
        || between(b"\"\"\"") && !text.contains(&b'\'')
        || matches!(context.place, Place::BodyValue | Place::FileContent) && is_head_of_a_page(text)
}

/// Lines of a name and a value between two lines of dashes.
fn is_head_of_a_page(text: &[u8]) -> bool {
    let is_field = |line: &[u8]| {
        let name = line.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')).count();
        let rest = line.get(name..).unwrap_or_default();
        name > 0 && (rest.starts_with(b": ") || rest.trim_ascii_end() == b":")
    };
    let inner = text.strip_prefix(b"---\n").and_then(|rest| rest.strip_suffix(b"\n---"));
    inner.is_some_and(|inner| inner.split(|b| *b == b'\n').all(is_field))
}

/// A filter of a query language: clauses of a name, an operator and one value, joined by words (`status = 'open' AND
/// assignee = me`). No clause compares a constant, and no quote is left open.
fn is_filter(value: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(value) else { return false };
    let lower = text.to_ascii_lowercase().replace(" or ", " and ");
    lower.contains(" and ") && lower.split(" and ").all(is_filter_clause)
}

fn is_filter_clause(clause: &str) -> bool {
    let clause = clause.trim();
    let name =
        clause.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))).unwrap_or(0);
    let (name, rest) = clause.split_at(name);
    let signs = rest.trim_start();
    let value = signs.trim_start_matches(['=', '!', '~', '<', '>', ':']);
    let named = name.starts_with(|c: char| c.is_ascii_alphabetic()) && value.len() < signs.len();
    let value = value.trim();
    let word = |text: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | ' ' | ':'))
    };
    let quoted = ['\'', '"'].iter().any(|&quote| {
        value.strip_prefix(quote).and_then(|inner| inner.strip_suffix(quote)).is_some_and(word)
    });
    named && value != name && (quoted || word(value) && !value.contains(' '))
}

/// Every string in the value is opened and closed by it, as in a line of program text or a quoted option: quotes come
/// in pairs, and the first of each kind follows a blank or a delimiter.
fn strings_are_own(context: &Context<'_>) -> bool {
    let value = context.value;
    if nests_apostrophes(value) {
        return true;
    }
    let mut any = false;
    for quote in [b'\'', b'"', b'`'] {
        let Some(first) = memchr::memchr(quote, value) else { continue };
        any = true;
        let before = first.checked_sub(1).and_then(|at| value.get(at));
        let opens = before.is_some_and(|b| {
            matches!(b, b' ' | b'(' | b'[' | b'{' | b',' | b'=' | b':' | b'<' | b'>' | b'+')
        });
        if !opens || memchr::memchr_iter(quote, value).count() % 2 == 1 {
            return false;
        }
    }
    any
}

/// Strings in double quotes that follow a delimiter, and apostrophes inside their words: `name ~ "O'Brien"`.
fn nests_apostrophes(value: &[u8]) -> bool {
    let parts: Vec<&[u8]> = value.split(|b| *b == b'"').collect();
    let opens =
        |text: &[u8]| text.last().is_some_and(|b| matches!(b, b' ' | b'(' | b'[' | b',' | b'=' | b':'));
    let word = |text: &[u8]| {
        text.windows(3).all(|w| w.get(1) != Some(&b'\'') || w.iter().step_by(2).all(u8::is_ascii_alphabetic))
            && text.first() != Some(&b'\'')
            && text.last() != Some(&b'\'')
    };
    parts.len() >= 3
        && parts.len() % 2 == 1
        && value.contains(&b'\'')
        && !value.contains(&b'`')
        && parts.iter().enumerate().all(|(n, part)| match n % 2 {
            0 => !part.contains(&b'\'') && (n + 1 == parts.len() || opens(part)),
            _ => word(part),
        })
}

/// Whether a word of the language stands in the value.
fn names_sql(value: &[u8]) -> bool {
    const WORDS: [&[u8]; 24] = [
        b"and", b"between", b"case", b"delete", b"drop", b"exec", b"exists", b"from", b"having", b"insert",
        b"like", b"limit", b"null", b"or", b"order", b"regexp", b"rlike", b"select", b"sleep", b"union",
        b"update", b"where", b"xor", b"waitfor",
    ];
    let lower = value.to_ascii_lowercase();
    // `String::from("x")`: the name of a function.
    let lower = if memchr::memmem::find(&lower, b"::from(").is_some() {
        String::from_utf8_lossy(&lower).replace("::from(", "(").into_bytes()
    } else {
        lower
    };
    memchr::memmem::find(&lower, b"--").is_some()
        || memchr::memmem::find(&lower, b"/*").is_some()
        || lower.split(|b| !b.is_ascii_alphanumeric() && *b != b'_').any(|word| WORDS.contains(&word))
}

/// Quotes inside words are apostrophes; a value without any other mark has nothing for the grammar to continue.
fn holds_sql_marks(value: &[u8]) -> bool {
    let marks = value
        .iter()
        .any(|b| matches!(b, b'"' | b'`' | b'#' | b'=' | b'(' | b'|' | b'&' | b'@' | b'<' | b'>'));
    marks
        || memchr::memmem::find(value, b"--").is_some()
        || memchr::memmem::find(value, b"/*").is_some()
        || value.first().is_some_and(u8::is_ascii_digit)
        || value.windows(2).any(|w| matches!(w, [a, b'\''] if !a.is_ascii_alphabetic()))
        || value.windows(2).any(|w| matches!(w, [b'\'', b] if !b.is_ascii_alphabetic()))
        || value.first() == Some(&b'\'')
}

/// Fingerprints that ordinary text produces are not believed without a sign of SQL in the value.
fn believable(fingerprint: &str, value: &[u8]) -> bool {
    let strong = |b: &u8| matches!(b, b'\'' | b'"' | b'`' | b'#' | b';');
    let marks: [&[u8]; 3] = [b"--", b"/*", b"@@"];
    let has_strong = value.iter().any(strong)
        || marks.iter().any(|mark| memchr::memmem::find(value, mark).is_some())
        || value.first().is_some_and(|b| b.is_ascii_digit() || *b == b'-' || *b == b')');
    // Words and operators only: `s&s`, `n&1`, … come from prose with an ampersand or an apostrophe.
    let has_core = fingerprint
        .bytes()
        .any(|b| matches!(b, b'U' | b'E' | b'c' | b'f' | b'B' | b'X' | b';' | b'k' | b'o'));
    let mixed =
        fingerprint.contains('&') && fingerprint.bytes().any(|b| matches!(b, b's' | b'1' | b'o' | b'('));
    has_strong && (has_core || mixed)
}
