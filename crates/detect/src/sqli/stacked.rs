//! A second statement behind the application's, or instead of it.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Sqli,
    signatures: &[
        Signature {
            stamp: 2020,
            subtype: "sqli_stacked",
            gate: &[
                "drop", "delete", "insert", "update", "alter", "create", "truncate", "exec", "declare",
                "select", "waitfor", "shutdown", "merge", "set", "call", "copy", "grant", "revoke",
                "handler", "desc", "load",
            ],
            needs: ";",
            test: Test::Checked(
                r"(?:^|['\x22)`\d\w]){o}\)*{o};{o}(?:drop{g}(?:table|database|schema|view|user|index|procedure|function|column)\b|delete{g}(?:from|low_priority|quick|ignore)\b|load{g}(?:xml|data){g}(?:low_priority{g}|concurrent{g}|local{g})?infile\b|insert{g}into\b|update{g}\w+{g}set\b|alter{g}(?:table|database|user|login)\b|create{g}(?:table|user|login|function|or{g}replace|alias|extension)\b|truncate{g}table\b|exec(?:ute)?{g}(?:xp_|sp_|master|immediate|\(|@|')|exec(?:ute)?{o}[(@']|declare{g}@|select{g}(?:\*|pg_|sleep|@@|case|\(|count|if|load|dbms|utl|version|user|null|\d|\w+{g}from|[\w,.]{1,40}{g}from)|select{o}\(|waitfor{g}(?:delay|time)\b|shutdown\b|merge{g}into\b|set{g}@|call{g}\w+\(|copy{g}\w+{g}(?:from|to)\b|(?:grant|revoke){g}(?:\w+|all{g}privileges){g}(?:on|to|from)\b|handler{g}\w+{g}open|begin{g}(?:declare|dbms)|desc(?:ribe)?{g}\w+{o};)",
                |context, span| !is_in_script(context, span),
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 2022,
            subtype: "sqli_stacked",
            gate: &["create", "insert", "bulk", "grant"],
            needs: "'\"",
            test: Test::Pattern(
                r"^{o}['\x22]{o}\)*{o}(?:create{g}user{g}\w+{g}identified\b|insert{g}into{g}\w+{o}\(|grant{g}\w+(?:{o},{o}\w+){0,4}{g}to{g})|\bbulk{g}insert{g}[\w.#]+{g}from{g}['\x22]",
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        Signature {
            stamp: 2023,
            subtype: "sqli_stacked",
            gate: &["drop", "alter", "delete", "insert", "update", "select", "truncate", "union"],
            needs: ";-",
            test: Test::Pattern(
                r"^[^;]{0,60};{o}(?:drop|alter|delete|insert|update|select|truncate){o}$|^--{o}(?:drop|alter|select|union)\b",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
        Signature {
            stamp: 2021,
            subtype: "sqli_stacked",
            gate: &[
                "set @",
                "drop",
                "delete",
                "insert",
                "update",
                "alter",
                "create",
                "truncate",
                "exec",
                "merge",
                "replace",
                "load",
                "backup",
                "restore",
                "grant",
                "values",
                "desc",
                "optimize",
                "set ",
                "duplicate",
            ],
            needs: " +/",
            test: Test::Pattern(
                r"(?:^|[;=(/'\x22]){o}(?:drop{g}(?:table|database|schema|view|user|procedure|function|column|index){g}(?:if{g}exists{g}[\w.`\x22\[\]]+{o}(?:;|,|--|#|/\*|cascade|restrict|purge|[)'\x22]|$)|\w*[_.]\w+|[`\x22\[]\w+|\w+{o}(?:;|--|#|/\*|cascade))|delete{g}from{g}(?:\w*[_.`]\w+|\w+{o}(?:;|--|#|where))|insert{g}(?:ignore{g})?into{g}[\w.`\x22\[]+{o}(?:\(|values|select)|update{g}[\w.`]+{g}set{g}[\w.`]+{o}=|alter{g}(?:table|database|user){g}\w+|create{g}(?:temporary{g})?(?:(?:table|function|procedure){g}[\w`.\x22]+{o}\(|(?:table|view){g}[\w`.\x22]+{g}as\b|procedure{g}[\w`.\x22]+{g}(?:as|is)\b|trigger{g}[\w`.\x22]+{g}(?:before|after|instead|on)\b|database{g}[\w`\x22]+{o}(?:;|--|#|$)|user{g}[\w`.\x22'@%]+{g}(?:identified|with{g}password|password|for{g}login)\b)|truncate{g}table\b|exec(?:ute)?{g}(?:xp_\w*|sp_\w*|master\.)|\d{g}exec{g}(?:sp|xp)_|[;=(/\x27\x22]{o}create{g}(?:table|view|function|procedure){g}\w|exec(?:ute)?{o}\({o}[@']|;{o}update{g}\w+$|;?{o}set{g}@\w+|execute{g}immediate\b|^{o}grant{g}[\w ,]{1,40}?{g}on{g}(?:\*\.\*|[\w`]+\.\*){g}to\b|create{g}or{g}replace{g}function{g}\w+{o}\(|merge{o}[^a-z]{0,16}using{o}\(|load{g}data{g}(?:local{g})?infile|backup{g}database|(?:backup|restore){g}\w+{g}.{0,60}\bdisk{o}={o}n?['\x22]|\bon{g}duplicate{g}key{g}update\b|values{o}\({o}['\d]|replace{g}into{g}\w+)",
            ),
            trust: Trust::Tight,
            places: Places::Names,
        },
    ],
};

/// Whether a statement stands on a line of its own in a script of statements, as set-ups of databases hold it.
fn is_in_script(context: &Context<'_>, span: &Range<usize>) -> bool {
    const BEGINNINGS: [&[u8]; 5] =
        [b"create table ", b"create database ", b"create index ", b"create schema ", b"insert into "];
    let matched = context.value.get(span.clone()).unwrap_or_default();
    let next = memchr::memchr(b';', matched).and_then(|at| matched.get(at + 1..)).unwrap_or_default();
    let blanks = next.iter().take_while(|b| b.is_ascii_whitespace());
    let head: Vec<u8> = context.value.iter().take(16).map(u8::to_ascii_lowercase).collect();
    // A quote that is open before the end of the statement was closed by whoever sent it.
    let quotes = context.value.iter().take(span.start + matched.len() - next.len()).filter(|b| **b == b'\'');
    quotes.count().is_multiple_of(2)
        && blanks.into_iter().any(|b| *b == b'\n')
        && BEGINNINGS.iter().any(|word| head.starts_with(word))
}
