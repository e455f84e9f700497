//! `union select`: a second result set appended to the application's.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Sqli,
    signatures: &[
        Signature {
            stamp: 2001,
            subtype: "sqli_union_based",
            gate: &["union"],
            needs: "",
            test: Test::Checked(
                r"\bunion[^\w]{0,3}{o}(?:(?:all|distinct|distinctrow){g}|\(){0,3}{o}\(*select\b[^\w]{0,3}{o}(?:[(*@$'`\x22\d\-~]|null\b|concat|char\(|group_concat|version|user|database|current|distinct|\w+{o}(?:,|\(|{g}from\b|--|#|/\*))",
                continues_a_statement,
            ),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 2002,
            subtype: "sqli_union_based",
            gate: &["union"],
            needs: "",
            test: Test::Checked(
                r"(?:['\x22`)\d\x00]|^|=){o}(?:;|-)?{o}union{o}(?:all|distinct)?{o}\(*{o}select(?:\b|from)|/\*!\d{0,6}{o}(?:union|select)\b|union[^\w\s]{1,20}(?:all[^\w\s]{1,20})?select|\bunion{g}(?:all{g})?select{g}(?:\d+|null|@@\w+|\w+\(\)|'[^']{0,24}')(?:{o},{o}(?:\d+|null|@@\w+|\w+\(\)|'[^']{0,24}')){0,40}{o}(?:--|#|/\*)",
                |context, span| !asks_in_words(context, span),
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 2003,
            subtype: "sqli_union_based",
            gate: &["union", "xunionselectfrom"],
            needs: "",
            test: Test::Checked(
                r"\bunion{g}(?:all{g})?select\b|unionselect|['\x22]{o}\)*{o}union\b{o}(?:all\b|select|\(|/)|^union[^\w\s]?select",
                |context, span| !asks_in_words(context, span),
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
    ],
};

/// `union select 关键字怎么用`: words of a script without Latin letters are no columns, unless a quote ended a string before or
/// more than words follow: a sign of a statement, or the table that columns come from.
fn asks_in_words(context: &Context<'_>, span: &Range<usize>) -> bool {
    let lower = context.after(span.end).to_ascii_lowercase();
    let blank = |text: &[u8]| [&b" "[..], b"+", b"%20"].iter().find(|b| text.starts_with(b)).map(|b| b.len());
    let mut rest = lower.as_slice();
    while let Some(after) = blank(rest).and_then(|length| rest.get(length..)) {
        rest = after;
    }
    let is_word = match rest {
        [b'%', b'e', ..] => true,
        [first, ..] => *first >= 0xe0,
        [] => false,
    };
    is_word
        && !has_statement(rest)
        && !context.before(span.end).iter().any(|b| matches!(b, b'\'' | b'"' | b'`' | b')'))
}

/// Whether a text, in small letters, has more than words and blanks. Wide signs (`，`, `．`, `（`) count as the narrow ones that
/// a database or a view may make of them; a question mark ends a question.
fn has_statement(text: &[u8]) -> bool {
    const CLAUSES: [&[u8]; 6] = [b"from", b"into", b"select", b"union", b"where", b"table"];
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b' ' | b'+' | b'?' | b'_', _) => after,
            (b'%', [b'2', b'0', after @ ..]) => after,
            // `？` and `！`.
            (0xef, [0xbc, 0x9f | 0x81, after @ ..]) => after,
            // Other wide forms.
            (0xef, [0xb8..=0xbd, ..]) => return true,
            (b'%', [b'e', b'f', b'%', b'b', b'8'..=b'9' | b'a'..=b'd', ..]) => return true,
            (b'%', [b'8'..=b'9' | b'a'..=b'f', low, after @ ..]) if low.is_ascii_hexdigit() => after,
            (b, _) if b.is_ascii_alphanumeric() || *b >= 0x80 => after,
            _ => return true,
        };
    }
    CLAUSES.iter().any(|word| memchr::memmem::find(text, word).is_some())
}

/// `union select` inside a statement that the value itself began is a query, as code and migrations hold; what
/// follows anything else continues a statement of the application's.
fn continues_a_statement(context: &Context<'_>, span: &Range<usize>) -> bool {
    let head = context.before(span.start);
    let lower = head.get(head.len().saturating_sub(2000)..).unwrap_or(head).to_ascii_lowercase();
    let Some(select) = memchr::memmem::rfind(&lower, b"select") else { return true };
    let between = lower.get(select..).unwrap_or_default();
    // A statement of one's own: select … from …, with no quote left open and no comment before the union.
    let open_quote = memchr::memchr_iter(b'\'', between).count() % 2 == 1;
    memchr::memmem::find(between, b"from").is_none()
        || open_quote
        || memchr::memmem::find(between, b"/*").is_some()
}
