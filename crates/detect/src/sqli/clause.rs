//! Comments that cut the rest off, clauses that probe, selections that stand where a value was expected.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Sqli,
    signatures: &[
        Signature {
            stamp: 2070,
            subtype: "sqli_comment",
            gate: &["';", "\";", "`;", "' ;", "--", "#", "/*", ";\u{0}", "%00"],
            needs: "",
            test: Test::Checked(
                r"['\x22`][)]{0,3}{o}(?:;{o})?(?:--(?:[\s+-]|$|%)|--\w{0,12}$|#[^'\x22]{0,12}$|/\*|;\x00|;?%00)|\w['\x22`];[\s]*$|^['\x22];(?:[\s]*$|\w+['\x22]$)",
                |context, span| {
                    quote_in(context, span).is_some_and(|at| context.quote_breaks_out(at))
                        && context.before(span.start).len() < 200
                        && context.after(span.end).len() < 200
                        && !context.before(span.start).contains(&b'<')
                        && !context.after(span.start).starts_with(b"\" ---")
                        && !(context.after(span.start).starts_with(b"`")
                            && context.after(span.start + 1).contains(&b'`'))
                },
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
        Signature {
            stamp: 2071,
            subtype: "sqli_comment",
            gate: &[
                "/**/", "/*!", "/*+", "%23", "--", "#", "drop/*", "union/*", "select/*", "insert/*",
                "delete/*",
            ],
            needs: "",
            test: Test::Pattern(
                r"\w/\*\*+/\w+/\*\*+/|\w/\*[^*/]{0,24}\*+/(?:select|union|or|and|from|where|table|insert|update|delete|op|\(|\d)|(?:\bselect|\bunion|\bor|\band|\bfrom|\bwhere|\bin|\blike|\bnot){o}/\*[^*/]{0,24}\*+/|/\*!\d{5}|\d[)]{0,3}{o}(?:or|and){o}/\*|\b(?:drop|delete|truncate){g}[\w ]{1,32};?{o}--|\d{o};{o}--|\d[)]?{g}--{o}-?$|\*/{o}=\d+{o}--|\b(?:drop|union|select|insert|delete)/\*[^*]{0,40}\*+/\w",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 2080,
            subtype: "sqli_probe",
            gate: &["order", "group", "having", "limit", "between", "case", "distinct", "when"],
            needs: " +/",
            test: Test::Pattern(
                r"['\x22)\d]{o}\)*{g}order{g}by{g}\d{1,5}\b|^{o}order{g}by{g}\d{1,5}{o}(?:--|#|/\*|,|;|$)|['\x22)\d]{o}\)*{o}(?:having|group{g}by){g}(?:\d{1,3}{o}=|\w+\.\w+{g}having)|\bhaving{g}\d{1,9}{o}[=<>]|['\x22)\d]{o}\)*{g}limit{g}\d+{o}(?:,|offset|--|#|into)|\blimit{g}\d+{g}into{g}@|\bcase{g}when\b.{1,60}\bthen\b.{1,60}\b(?:else|end)\b|\)?{g}when{g}\d+{g}then\b|['\x22)\d]{g}between{g}\d+{g}and{g}\d+",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 2094,
            subtype: "sqli_xpath",
            gate: &[
                "count(/",
                "child::",
                "descendant::",
                "descendant-or-self::",
                "]|",
                "] |",
                "string-length(",
                "substring(/",
                "/*[",
            ],
            needs: "/",
            test: Test::Pattern(
                r"\bcount\([\s]*//?(?:child::|\*|@|\w+(?:/|\)))|//?child::|//?descendant(?:-or-self)?::node|\][\s]*\|[\s]*//?(?:\*|\w)|\b(?:substring|string-length|name|starts-with)\([\s]*//?[\w*]|^[^\w]{0,6}\][\s]*\|",
            ),
            trust: Trust::Tight,
            places: Places::Values,
        },
        Signature {
            stamp: 2081,
            subtype: "sqli_select",
            gate: &["select", "from", "except"],
            needs: " +/)*",
            test: Test::Checked(
                r"\(+{o}select\b{o}[\w*('\x22@`-][^;]{0,120}\bfrom\b|\(+{o}select{g}(?:sleep|\*|top{g}\d|case|count|concat|user|version|database|null|load_file|pg_|@@|\d|char|hex|group_concat|extractvalue|updatexml|if|substr|ascii|length|utl_|password|table_name|column_name)|(?:[=(,'\x22|+-]|\b(?:or|and|in|not|exists|except|minus|intersect|as)\b){o}\(*{o}select\b{o}[\w*('\x22@`.-]{1,40}.{0,40}\bfrom\b|^{o}select\b{o}.{0,8}\b(?:version|user|database|current_user|current_database|session_user|current_schema|sysibm|sleep|load_file|group_concat|concat|char|chr|count|extractvalue|benchmark|pg_\w+)\b|^{o}select{o}@@\w|^{o}select\b.{1,40}\bfrom{g}(?:sysibm|dual|v\$)|\bselect{g}(?:\*|[\w`.\x22]+(?:{o},{o}[\w`.\x22*]+)*){g}from{g}[\w`\x22.]+{o}(?:where\b|--|#|;|limit\b|order{g}by|group{g}by|union|$)|\bexcept{g}(?:select\b|values{o}\()|[=(]{o}\(?{o}select{o}$|^\(select$|\w'select{o}'|\bselect{o}\(+{o}case\b|^{o}select{g}0x[\da-f]{2,}|^{o}from{g}(?:`[^`]{1,64}`(?:\.`[^`]{1,64}`)?|\w+[_.]\w+){g}(?:where|limit|order{g}by|group{g}by)\b|^{o}from{g}\w+{g}group{g}by{g}\w|^['\x22`]{o};?{o}select\b|['\x22`)]{o}as{g}?['\x22`]?\w+['\x22`]?{g}from\b|\b\w+{g}as{o}['\x22`][\w ]*['\x22`]?{g}from\b|\bfrom{o}\({o}select\b|\bselect\([^()]{1,80}\)from\b",
                |context, span| !asks_in_a_link(context, span),
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
    ],
};

/// Where the first quote of a match is.
fn quote_in(context: &Context<'_>, span: &Range<usize>) -> Option<usize> {
    let matched = context.value.get(span.clone())?;
    Some(span.start + matched.iter().position(|b| matches!(b, b'\'' | b'"' | b'`'))?)
}

/// A link to a search for words: `https://example.com/search?q=select+*+from+wines`. The words come without the signs
/// that continue somebody's statement.
fn asks_in_a_link(context: &Context<'_>, span: &Range<usize>) -> bool {
    let link = memchr::memmem::find(context.before(span.start), b"://").is_some();
    link && !context.value.iter().any(|b| matches!(b, b'\'' | b'"' | b'(' | b';' | b'|'))
        && memchr::memmem::find(context.value, b"--").is_none()
}
