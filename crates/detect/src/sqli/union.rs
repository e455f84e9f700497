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

/// `union select 关键字怎么用`: words of a script without Latin letters are no columns, unless a quote ended a string before.
fn asks_in_words(context: &Context<'_>, span: &Range<usize>) -> bool {
    let mut rest = context.after(span.end);
    while let Some(after) = [&b" "[..], b"+", b"%20"].iter().find_map(|blank| rest.strip_prefix(*blank)) {
        rest = after;
    }
    let is_word = match rest {
        [b'%', b'e' | b'E', ..] => true,
        [first, ..] => *first >= 0xe0,
        [] => false,
    };
    is_word && !context.before(span.end).iter().any(|b| matches!(b, b'\'' | b'"' | b'`' | b')'))
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
