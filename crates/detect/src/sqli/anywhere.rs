//! Injections that stay what they are in any text: a quote, a word that joins, and a comparison of two constants or a
//! function that makes a server wait. Whatever stands before and behind them, a database runs them.
//!
//! Benign look-alikes: `'a' or 'b'`, `if (s == '' || n == 1)`, `where kind = 'x' or size = 3`.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::shape::{Context, Shape};
use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Sqli,
    signatures: &[Signature {
        stamp: 2024,
        subtype: "sqli_boolean",
        gate: &[
            "'or",
            "' or",
            "'and",
            "' and",
            "'||",
            "' ||",
            "')or",
            "') or",
            "') and",
            "'/*",
            "\"or",
            "\" or",
            "\"and",
            "\" and",
            "\") or",
            "'; drop",
            "';drop",
            "'; waitfor",
            "';waitfor",
            "'; exec",
            "';exec",
            "'; shutdown",
            "';shutdown",
            "'; select",
            "';select",
            "');",
        ],
        needs: "=(;",
        test: Test::Checked(
            concat!(
                r"['\x22]\)*{o}(?:x?or|and|\|\||&&){o}\(*{o}(?:not{g})?(?:\d{1,9}{o}(?:={1,2}|<>|!=){o}\d{1,9}",
                r"|'[^'\n]{0,24}'{o}={o}'[^'\n]{0,24}|\x22[^\x22\n]{0,24}\x22{o}={o}\x22[^\x22\n]{0,24}",
                r"|(?:sleep|benchmark|pg_sleep|extractvalue|updatexml|load_file|dbms_pipe\.receive_message|utl_inaddr\.get_host_address){o}\()",
                r"|['\x22]\)*{o};{o}(?:drop{g}table{g}\w+{o}(?:;|--|#|/\*)|waitfor{g}delay{g}['\x22]|shutdown{o}--|exec(?:ute)?{g}(?:master\.+)?xp_\w|select{g}(?:pg_)?sleep{o}\()",
            ),
            compares_constants,
        ),
        trust: Trust::Any,
        places: Places::All,
    }],
};

/// Whether the comparison proves an injection: two strings that are compared are the same or a letter or two each.
/// Program text compares a name with a string.
fn compares_constants(context: &Context<'_>, span: &Range<usize>) -> bool {
    // A text of several lines that quotes an attack writes it as a word (`entered ' or 1=1; --`) or with its statement
    // (`where name='' or 1=1`).
    let breaks_a_word =
        context.before(span.start).last().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b')');
    if !breaks_a_word && memchr::memchr_iter(b'\n', context.value).count() >= 3 {
        return false;
    }
    if closes_its_own(context, span.start) && context.shape() == Shape::Document {
        return false;
    }
    let matched = context.value.get(span.clone()).unwrap_or_default();
    let Some(equals) = memchr::memchr(b'=', matched) else { return true };
    let (left, right) = matched.split_at(equals);
    let Some(quote) = left.trim_ascii_end().last().copied().filter(|b| matches!(b, b'\'' | b'"')) else {
        return true;
    };
    let left: &[u8] = left.trim_ascii_end().split_last().map_or(&[], |(_, rest)| rest);
    let left = left.rsplit(|b| *b == quote).next().unwrap_or_default();
    // The last string is the application's to close: what follows there is padding.
    let right = right.split(|b| *b == quote).nth(1).unwrap_or_default();
    let word = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
    left.len() <= 2 && word(right) <= 2 || right.strip_prefix(left).is_some_and(|rest| word(rest) == 0)
}

/// Whether the quote at `at` closes a word that a comparison, a call or a list opened: `where id='%s' or 1=1`,
/// `a == 'x' or 1 == 1`, `values (2, 'x');`, a statement as programs hold it.
fn closes_its_own(context: &Context<'_>, at: usize) -> bool {
    const LONGEST: usize = 24;
    let Some(&quote) = context.value.get(at) else { return false };
    let before = context.before(at);
    let near = before.get(before.len().saturating_sub(LONGEST)..).unwrap_or(before);
    let Some(opener) = memchr::memrchr(quote, near) else { return false };
    let (lead, word) = near.split_at(opener);
    lead.trim_ascii_end().last().is_some_and(|b| matches!(b, b'=' | b'(' | b',')) && !word.contains(&b' ')
}
