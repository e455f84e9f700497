//! The script of a page, read far enough to tell its code from its strings and comments.

use std::ops::Range;

use memchr::memmem;

use super::MAX_PLACES;

/// What a place in a script is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Code,
    /// A string, with its quote.
    Text(u8),
    Line,
    Block,
    Expression,
}

/// The first span that is code: put among the code, or breaking out of a string or comment that began before it.
pub(super) fn run(script: &[u8], from: usize, spans: &[Range<usize>]) -> Option<Range<usize>> {
    walk(script, from, spans, true)
}

/// The first span that breaks out of a string or comment that began before it.
pub(super) fn left(script: &[u8], from: usize, spans: &[Range<usize>]) -> Option<Range<usize>> {
    walk(script, from, spans, false)
}

/// Where a word begins in the code of a script that runs by itself as the page is shown, not in strings, comments and
/// functions that wait for a click; the first places of many.
pub(in crate::response) fn places(script: &[u8], word: &[u8]) -> Vec<usize> {
    let (mut state, mut at, mut before, mut found) = (State::Code, 0, b';', Vec::new());
    let (mut blocks, mut seen) = (Blocks::default(), 0);
    while let Some(byte) = script.get(at).copied().filter(|_| seen < MAX_PLACES) {
        if state == State::Code {
            if script.get(at..).is_some_and(|rest| rest.starts_with(word)) {
                seen += 1;
                found.extend(Some(at).filter(|at| blocks.runs(script, *at)));
            }
            blocks.pass(script, byte, at);
        }
        let (now, length) = step(state, byte, script.get(at + 1).copied(), before);
        if state == State::Code && !byte.is_ascii_whitespace() {
            before = byte;
        }
        (state, at) = (now, at + length.max(1));
    }
    found
}

/// The braces around a place in a script.
#[derive(Default)]
struct Blocks {
    /// Of each whether it runs as it is read.
    open: Vec<bool>,
    /// How many of them do not.
    waiting: usize,
    /// Where the statement began.
    begun: usize,
}

impl Blocks {
    fn pass(&mut self, script: &[u8], byte: u8, at: usize) {
        match byte {
            b'{' => {
                let header = script.get(self.begun..at).unwrap_or_default();
                let runs = header.trim_ascii() == b"try" || holds_function(header) && runs_at_once(header);
                self.waiting += usize::from(!runs);
                self.open.push(runs);
            }
            b'}' => self.waiting -= usize::from(self.open.pop() == Some(false)),
            b';' => {}
            _ => return,
        }
        self.begun = at + 1;
    }

    fn runs(&self, script: &[u8], at: usize) -> bool {
        self.waiting == 0 && script.get(self.begun..at).is_some_and(runs_at_once)
    }
}

/// How functions begin.
const FUNCTIONS: [&[u8]; 2] = [b"function", b"=>"];

fn holds_function(code: &[u8]) -> bool {
    FUNCTIONS.iter().any(|word| memmem::find(code, word).is_some())
}

/// Whether what a statement ends with runs without anybody's doing: nothing in it asks, and a function in it is called at
/// once, by a clock or when the page is there.
fn runs_at_once(statement: &[u8]) -> bool {
    const ASKS: [&[u8]; 4] = [b"confirm(", b"prompt(", b"click", b"submit"];
    const CALLS: [&[u8]; 8] = [
        b"setTimeout(",
        b"onload",
        b"\"load\"",
        b"'load'",
        b"DOMContentLoaded",
        b"$(function",
        b"jQuery(function",
        b".ready(",
    ];
    const WRAPPED: [&[u8]; 6] =
        [b"(function", b"(()", b"(async", b"!function", b"+function", b"void function"];
    let holds = |word: &&[u8]| memmem::find(statement, word).is_some();
    if ASKS.iter().any(holds) {
        return false;
    }
    let functions: usize = FUNCTIONS.iter().map(|word| memmem::find_iter(statement, word).count()).sum();
    let calls = || {
        let first = CALLS.iter().filter_map(|call| memmem::find(statement, call)).min();
        let before = first.and_then(|at| statement.get(..at));
        before.is_some_and(|before| !holds_function(before))
    };
    let is_wrapped = || WRAPPED.iter().any(|start| statement.trim_ascii_start().starts_with(start));
    functions == 0 || functions == 1 && (calls() || is_wrapped())
}

fn walk(script: &[u8], from: usize, spans: &[Range<usize>], counts_code: bool) -> Option<Range<usize>> {
    let last = spans.iter().map(|span| span.end).max()?;
    let (mut state, mut opened, mut at) = (State::Code, from, from);
    // The last byte of code that is no blank: it tells a division from an expression.
    let mut before = b';';
    while let Some(byte) = script.get(at).copied().filter(|_| at < last) {
        if state == State::Code && counts_code {
            let first = spans.partition_point(|span| span.start < at);
            let mut begins = spans.iter().skip(first).take_while(|span| span.start == at);
            if let Some(span) = begins.find(|span| is_code(part(script, span, at))) {
                return Some(span.clone());
            }
        }
        let next = script.get(at + 1).copied();
        let (now, length) = step(state, byte, next, before);
        let leaves = state != State::Code && now == State::Code;
        let inserts = state == State::Text(b'`') && byte == b'$' && next == Some(b'{');
        if leaves || inserts {
            let sent = spans.iter().find(|span| opened < span.start && (span.start..span.end).contains(&at));
            let runs = |span: &&Range<usize>| {
                let after = part(script, span, at + length);
                acts(after) && (inserts || follows(state, after))
            };
            if let Some(span) = sent.filter(runs) {
                return Some(span.clone());
            }
        }
        if state == State::Code && now != State::Code {
            opened = at;
        }
        if state == State::Code && !byte.is_ascii_whitespace() {
            before = byte;
        }
        state = now;
        at += length;
    }
    None
}

/// The state behind a byte, and how many bytes that takes.
fn step(state: State, byte: u8, next: Option<u8>, before: u8) -> (State, usize) {
    match (state, byte) {
        (State::Code, b'"' | b'\'' | b'`') => (State::Text(byte), 1),
        (State::Code, b'/') => match next {
            Some(b'/') => (State::Line, 2),
            Some(b'*') => (State::Block, 2),
            _ if b"(,=:[!&|?{};+-<>".contains(&before) => (State::Expression, 1),
            _ => (State::Code, 1),
        },
        (State::Text(_) | State::Expression, b'\\') => (state, 2),
        (State::Text(quote), _) if byte == quote => (State::Code, 1),
        (State::Text(quote), b'\n') if quote != b'`' => (State::Code, 1),
        (State::Expression, b'/' | b'\n') | (State::Line, b'\n' | b'\r') => (State::Code, 1),
        (State::Block, b'*') if next == Some(b'/') => (State::Code, 2),
        _ => (state, 1),
    }
}

/// What of a span lies behind a place of the script.
fn part<'a>(script: &'a [u8], span: &Range<usize>, from: usize) -> &'a [u8] {
    script.get(from..span.end.min(script.len())).unwrap_or_default()
}

/// Whether text put among code is code: something that begins like it and acts.
fn is_code(text: &[u8]) -> bool {
    let begins = |byte: &u8| byte.is_ascii_alphanumeric() || b"_$;,()[]{}+-!".contains(byte);
    text.first().is_some_and(begins) && acts(text)
}

/// Whether code calls or sets something.
fn acts(code: &[u8]) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_$)]".contains(&byte);
    code.windows(3).any(|three| match three {
        [name, b'(' | b'`', _] => is_name(*name),
        [name, b'=', value] => is_name(*name) && !b"=>".contains(value),
        _ => false,
    })
}

/// Whether code goes on behind what was left: after a string there must be an operator or the end of a statement.
fn follows(state: State, after: &[u8]) -> bool {
    if !matches!(state, State::Text(_) | State::Expression) {
        return true;
    }
    let code = after.trim_ascii_start();
    let blank = after.get(..after.len() - code.len()).unwrap_or_default();
    let starts_name =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphabetic() || b"_$(".contains(byte));
    match code {
        [b'=', second, ..] => *second == b'=',
        [b'<' | b'>', rest @ ..] => starts_name(rest.trim_ascii_start().first()),
        [first, ..] => b";,)]}+-*/%&|^?([.:".contains(first) || blank.contains(&b'\n'),
        [] => false,
    }
}
