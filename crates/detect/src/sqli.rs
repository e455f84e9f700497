//! SQL injection: fragments that only make sense when they continue somebody else's statement.
//!
//! Three kinds of evidence. Structure that no search text has (a quote that closes nothing, followed by an
//! operator and a comparison; `union select` with a select list; a second statement after a quote). Functions
//! and objects that only an attacker or a database tool names. And the reference grammar (libinjection) for short
//! values, as a second opinion. Whole statements, as code and migrations contain them, are documents and prove nothing.
//!
//! Benign look-alikes: `O'Reilly`, `rock and roll`, `1 or 2 items`, `select a plan from the list`,
//! `project = "X" AND status = "Open"`, `OData` and search-engine filters, ORM code.

pub(crate) mod anywhere;
pub(crate) mod boolean;
pub(crate) mod clause;
pub(crate) mod confirm;
pub(crate) mod fragment;
pub(crate) mod function;
pub(crate) mod grammar;
pub(crate) mod nested;
pub(crate) mod server;
pub(crate) mod stacked;
pub(crate) mod union;

/// A whole statement or query expression of its own, as people post and as reporting tools send it: it breaks out of
/// nothing.
pub(crate) fn is_own_statement(value: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 10] = [
        b"select ",
        b"with ",
        b"insert ",
        b"update ",
        b"delete ",
        b"create ",
        b"explain ",
        b"merge ",
        b"(select ",
        b"--",
    ];
    let head: Vec<u8> = value.trim_ascii_start().iter().take(8).map(u8::to_ascii_lowercase).collect();
    BEGINNINGS.iter().any(|word| head.starts_with(word))
        && memchr::memmem::find(value, b"--").is_none()
        && memchr::memmem::find(value, b"/*").is_none()
}

/// A query that reads and breaks out of nothing, whoever takes it as a part of another: each text in quotes is compared with
/// something and closed, and nothing but sums and lists has parentheses.
pub(crate) fn is_plain_query(value: &[u8]) -> bool {
    const SUMS: [&[u8]; 9] = [b"count", b"sum", b"avg", b"mean", b"min", b"max", b"in", b"first", b"last"];
    const OTHERS: [&[u8]; 7] = [b"union", b"into", b"select", b"intersect", b"except", b"waitfor", b"exec"];
    let lower = value.trim_ascii().to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix(b"select ") else { return false };
    if memchr::memmem::find(rest, b" from ").is_none()
        || rest.iter().any(|b| b";#`\\".contains(b))
        || [&b"--"[..], b"/*"].iter().any(|comment| memchr::memmem::find(rest, comment).is_some())
    {
        return false;
    }
    // Texts stand at odd places between the quotes.
    let parts: Vec<&[u8]> = rest.split(|b| *b == b'\'').collect();
    if parts.len().is_multiple_of(2) {
        return false;
    }
    let last = parts.len() - 1;
    parts.iter().enumerate().step_by(2).all(|(index, part)| {
        let words = || part.split(|b| !b.is_ascii_alphanumeric() && *b != b'_');
        let calls = part.split(|b| *b == b'(').collect::<Vec<_>>();
        let sums_only = calls.iter().take(calls.len() - 1).all(|before| {
            let before = before.trim_ascii_end();
            SUMS.iter().any(|sum| {
                before.strip_suffix(*sum).is_some_and(|rest| rest.last().is_none_or(|b| b" ,(".contains(b)))
            })
        });
        let compared = index == last
            || part.trim_ascii_end().last().is_some_and(|b| b"=<>,(".contains(b))
            || part.trim_ascii_end().ends_with(b" like");
        let follows = part.trim_ascii_start();
        let closed = index == 0
            || follows.is_empty()
            || follows.starts_with(b",")
            || follows.starts_with(b")")
            || [&b"and "[..], b"or ", b"group ", b"order ", b"limit "]
                .iter()
                .any(|word| follows.starts_with(word));
        sums_only && compared && closed && !words().any(|word| OTHERS.contains(&word))
    })
}
