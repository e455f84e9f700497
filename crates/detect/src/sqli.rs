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
