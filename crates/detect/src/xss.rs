//! Cross-site scripting: markup that executes, URLs that execute, and script that breaks out of its context.
//!
//! Formatting markup is not an attack: HTML mail, markdown and rich-text editors send it all day. Evidence is an
//! element that runs something, an event handler, a script URL in an attribute or alone, or script expressions
//! that only an exploit needs. The reference tokenizer (libinjection) gives a second opinion on short values.
//!
//! Benign look-alikes: `<b>`, `<a href="https://…">`, mail with `<style>` and `<meta charset>`, `x < y`, generics
//! (`Vec<String>`), `onboarding = true`, JSX handlers (`onClick={save}`), prose about JavaScript.

pub(crate) mod document;
pub(crate) mod grammar;
pub(crate) mod handler;
pub(crate) mod markup;
pub(crate) mod script;
pub(crate) mod uri;

/// Whether script does what exploits do and examples in documentation hardly ever do.
fn exploits(script: &[u8]) -> bool {
    const SIGNS: [&[u8]; 14] = [
        b"alert",
        b"confirm(",
        b"prompt(",
        b"eval(",
        b"cookie",
        b"atob",
        b"fromcharcode",
        b"fetch(",
        b"location",
        b"xmlhttprequest",
        b"innerhtml",
        b"window[",
        b"srcdoc",
        b"localstorage",
    ];
    let lower = script.to_ascii_lowercase();
    SIGNS.iter().any(|sign| memchr::memmem::find(&lower, sign).is_some())
}
