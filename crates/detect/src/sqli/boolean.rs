//! Conditions that an application's statement did not have: a quote that closes nothing, an operator, a comparison.

use bartizan_api::attack_type::AttackType;

use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};

/// A comparison operator.
macro_rules! cmp {
    () => {
        r"(?:[=<>]|!=|\bi?like\b|\bin\b|\bbetween\b|\bis\b|\br?like\b|\bregexp\b|\bglob\b|\bsounds\b|\bmatch\b)"
    };
}
/// An operator that joins a condition.
macro_rules! join {
    () => {
        r"(?:\bx?or\b|\band\b|\|\||&&|\bnot\b|\bhaving\b|\bwhere\b)"
    };
}

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Sqli,
    signatures: &[
        Signature {
            stamp: 2010,
            subtype: "sqli_boolean",
            gate: &["'", "\"", "`"],
            needs: "",
            test: Test::Checked(
                concat!(
                    r"['\x22`]{o}\)*{o}",
                    join!(),
                    r"{o}(?:not\b{o}|!|~|-|\(){0,3}{o}(?:['\x22`]?[\w@$.%-]*['\x22`]?|\w+\([^()]{0,40}\)){o}\)*{o}",
                    cmp!()
                ),
                |context, span| context.quote_breaks_out(span.start) && !quotes_words(context, span.start),
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 2011,
            subtype: "sqli_boolean",
            gate: &["=", "<", ">", " like", "/like", " rlike", "+like"],
            needs: "",
            test: Test::Checked(
                r"(?:\b(?:x?or|and|having)\b{o}|\|\||&&){o}(?:not\b{o}|!|\(){0,3}{o}(?:\d{1,12}[)]{0,3}{o}(?:=|<>|!=|<=>|\blike\b|\brlike\b){o}\(*(?:['\x22]?\w{0,24}['\x22]?)|(?:'[^']{0,24}'|\x22[^\x22]{0,24}\x22)[)]{0,3}{o}(?:=|<>|!=|<=>|\blike\b|\brlike\b){o}\(*['\x22\d]|(?:\d{1,12}){o}[<>]{o}\d{1,12}\b)",
                // `“and 1=1”`: a text of another script quotes it. `2 + 2 = 4, and 4 > 3`: a sentence goes on.
                |context, span| {
                    let before = context.before(span.start);
                    !before.ends_with("\u{201c}".as_bytes()) && !before.ends_with(b", ")
                },
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 2014,
            subtype: "sqli_boolean",
            gate: &[
                "=",
                "<",
                ">",
                "!",
                "||(",
                "&&(",
                " is not",
                "or true",
                "or\u{1}",
                "xor\u{1}",
                "and\u{1}",
                "like\u{1}",
            ],
            needs: "",
            test: Test::Pattern(
                r"^(?:\w{1,12}=|[\w/.]{1,24}{g}|[;/])?{o}(?:x?or|and|\|\||&&){o}\(*{o}[\w.@]+{o}(?:[!=<>]{1,3}){o}\(*{o}(?:['\x22(]|\d)|^(?:\w{1,12}=)?(?:\|\||&&)\(|^{o}(?:x?or){g}\d+{o}[<>!]|^\d+or\d+{o}=|^{o}x?or{g}\w{1,12}{o}=+{o}\w{1,12}{o}(?:--|#|;|$)|\b(?:or|and){g}[a-z]{o}={o}[a-z]{o}(?:--|#|;|$)|^{o}or{g}true{o}(?:--|#|;)|^{g}(?:x?or|and){g}(?:(?:true|false){o}(?:--|#|;|/\*|$)|\d{1,6}{o}(?:--|#|;|/\*))|^{o}x?or{g}\d{1,6}{o}(?:#|--|-?$)|^{o}(?:or|and|\|\||&&){o}\w+{o}(?:[!=<>]{2}|=){o}$|^/[\w-]+{g}(?:or|and)(?:[\s+]+$|\()|^{o}(?:or|and){g}'\d+'\w|^\d+{g}(?:not{g})?(?:like|rlike|regexp){g}\d+$|,\d+=\d+$|(?:^|[^\w])'\d{1,6}'{o}={o}'\d{1,6}'|^[^\w]{0,3}\)+{g}(?:or|and){g}\(+\w+=\w+$|['\x22]{o}\)*{g}?x?or{g}\w+!$|^{o}(?:x?or|and){o}['\x22\d][\w]*['\x22]?{o}[<>=?]|^{o}(?:x?or|and){o}'[^']*'(?:::\w+)?{o}[?<>=@#-]|^\d{1,9}{g}(?:x?or|and){g}\w{2,16}\([^()]{0,40}\){o}[=<>]|^\d{1,9}{g}(?:x?or|and){g}\w{1,24}{o}={o}\w{1,24}{o}\(|^{g}where{g}\d{1,9}{o}={o}\d{1,9}|^{o}(?:x?or|and){g}\w{0,2}null\(\d/0\)|^{o}(?:or|and){g}(?:true|false){o}={o}(?:true|false)",
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 2018,
            subtype: "sqli_boolean",
            gate: &["=", "<>", " is not"],
            needs: "",
            test: Test::Checked(r"^\d{1,18}{o}(?:=|!=|<=>|<>|is{g}not){o}\d{1,18}$", |context, _| {
                is_always_true(context.value)
            }),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 2012,
            subtype: "sqli_boolean",
            gate: &["=", "true", "1--", "1#", "1 --", "1;", "1/*", "or 1", "and 1"],
            needs: "",
            test: Test::Pattern(
                r"(?:\d|['\x22)]){o}\)*{g}(?:x?or|and){g}\(*(?:(?:\d{1,12}(?:[*+/-]\d{1,6}){0,3}){o}=+{o}\(*\d{1,12}\b|'(\w{0,12})'{o}={o}'\w{0,12}|(?:true|1){o}(?:--|#|;|/\*|-?$))",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 2013,
            subtype: "sqli_boolean",
            gate: &["'", "\"", "`"],
            needs: "",
            test: Test::Checked(
                concat!(
                    r"['\x22`]{o}\)*{o}(?:",
                    r"(?:\bx?or\b|\band\b|\|\||&&){o}(?:['\x22`(!~-]\S|\d+(?:e\d|x[\da-f]|[^\w\x27\x22]|$)|(?:not|exists|true|false|null|like|sleep|select|if|case|ascii|substr\w*|length|ord|likely|unlikely)\b|\w+{o}(?:\(|--|#|;|-?$|=|<|>|~|\[)|\w+{g}(?:notnull|isnull|not{g}\w+|similar|is\b|!)|--|\?--)",
                    r"|(?:\bdiv\b|\bmod\b|\bcollate\b|\bregexp\b|\brlike\b|\bsounds\b|\bhaving\b|\bgroup{g}by\b|\border{g}by\b|\blimit\b|\bprocedure\b|\bwhere\b|\bcase\b){o}[\w'\x22`(@-]|(?:\blike\b|\bglob\b|\bin\b|\bbetween\b){o}['\x22`(@%\d-]|\bis\b{g}(?:not|null|true|false|json)\b|\bin{g}\w+{o}=|\binto\b{g}(?:outfile|dumpfile|@)|\bas\b{o}(?:['\x22`(]|\w+{o}(?:from\b|,|--|#|;|\)))|not{g}(?:regexp|rlike|like|in|between){o}['\x22(]|,{o}0x[\da-f]{2}",
                    r"|(?:not{o}null|is{g}null){o}(?:--|#|;|$)|alter{g}\w|and{g}\w+{o}!{o}(?:all|any){o}\(",
                    r"|(?:[=<>|&^+*/%-]|!=|\|\||<>){1,3}{o}[\w(@]{1,24}{o}(?:--|#|/\*|\(|;)",
                    r"|(?:[=<>]|!=|<>|\^|\|){o}['\x22`]",
                    r"|\|\|{o}\w+\.\w+(?:\.\w+)?{o}\(",
                    r")"
                ),
                |context, span| {
                    context.quote_breaks_out(span.start)
                        && !looks_quoted(context.value)
                        && !quotes_an_entity(context.after(span.start + 1))
                },
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 2015,
            subtype: "sqli_boolean",
            gate: &["'", "\"", "`"],
            needs: "",
            test: Test::Checked(
                r"['\x22`]{o}\)*{o}(?:\bx?or\b|\band\b|\|\||&&){o}(?:not{g})?\(*{o}(?:select|exists|ascii|substr|substring|length|ord|mid|if|sleep|char|sqlite_\w+|likely|unlikely|likelihood|case|extractvalue|updatexml|pg_sleep|benchmark|\w+_\w+|\w+{o}!{o}(?:all|any)){o}\(",
                |context, span| context.quote_breaks_out(span.start),
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 2016,
            subtype: "sqli_select",
            gate: &["like", "case", "having", "::", "alter", "create", "select"],
            needs: "",
            test: Test::Pattern(
                r"\){o}like{o}\(|(?:^|\(){o}case{g}when\b[^;]{0,60}[=<>(\d'\x22][^;]{0,60}\bthen\b|\bgroup{g}by\b[^;]{1,80}\bhaving\b{g}\S|^\w{1,32}(?:\([^()]{0,40}\))?::(?:int|text|bigint|jsonb?|bool|varchar|numeric)\b|\b(?:alter|create|drop){g}table{g}[`\x22\[]|\bcreate{g}function{g}\w+{o}\(|\bselect{g}if{o}\(|\bthen{g}\(?1/0\b",
            ),
            trust: Trust::Prose,
            places: Places::Names,
        },
        Signature {
            stamp: 2017,
            subtype: "sqli_boolean",
            gate: &["\u{2019}", "\u{2018}", "\u{2032}", "\u{201d}", "\u{2033}", "\u{b4}"],
            needs: "=",
            test: Test::Pattern(
                r"(?:^|[)\d]|'|\xe2\x80[\x98\x99\x9d\xb2\xb3]|\xc2\xb4){o}\)*{o}(?:x?or|and){g}\(*(?:'|\x22|\xe2\x80[\x98\x99\x9c\x9d\xb2\xb3]|\xc2\xb4)?\w{1,12}(?:'|\x22|\xe2\x80[\x98\x99\x9c\x9d\xb2\xb3]|\xc2\xb4)?{o}=",
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
    ],
};

/// Whether a comparison of two numbers holds: `1=1`, `1!=2`. One that does not is no condition that lets anything through.
fn is_always_true(value: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|b| b.is_ascii_digit()).count();
    let first = value.get(..digits(value)).unwrap_or_default();
    let end = value.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let second = value.get(value.len() - end..).unwrap_or_default();
    let is_equality = !value.iter().any(|b| matches!(b, b'!' | b'<' | b'>' | b'n' | b'N'))
        || memchr::memmem::find(value, b"<=>").is_some();
    (first == second) == is_equality
}

/// JSON, attribute lists and search expressions pair their quotes: a value that begins and ends with quotes of
/// one kind, or that is one quoted list, breaks out of nothing.
fn looks_quoted(value: &[u8]) -> bool {
    let trimmed = value.trim_ascii();
    let string = matches!(trimmed, [b'"', inner @ .., b'"'] if !inner.contains(&b'"'));
    string || matches!((trimmed.first(), trimmed.last()), (Some(b'{' | b'['), Some(b'}' | b']')))
}

/// `"&hellip;"`: a string that is one entity of HTML.
fn quotes_an_entity(text: &[u8]) -> bool {
    let Some(text) = text.strip_prefix(b"&") else { return false };
    let name = text.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'#').count();
    name >= 2 && matches!(text.get(name..), Some([b';', b'"' | b'\'', ..]))
}

/// Whether the quote at `at` opens a quotation of some words: `you will see 'Not in Sync'`. In front of a string stands a
/// blank, and none at its ends.
fn quotes_words(context: &Context<'_>, at: usize) -> bool {
    let Some(&quote) = context.value.get(at) else { return false };
    let tail = context.after(at + 1);
    let Some(inner) = memchr::memchr(quote, tail).and_then(|end| tail.get(..end)) else { return false };
    let word = |b: &u8| b.is_ascii_alphabetic() || *b == b' ';
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphabetic);
    matches!(context.before(at), [.., a, b' '] if a.is_ascii_alphabetic() || *a == b',')
        && inner.len() >= 6
        && inner.iter().all(word)
        && ends(inner.first())
        && ends(inner.last())
        && !tail.get(inner.len() + 1).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'=' | b'\''))
}
