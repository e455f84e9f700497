//! CR/LF injection: a line break followed by something that a header block or a response understands.
//!
//! Benign look-alikes: text of several lines, pasted mail and HTTP examples (documents), a `Subject:` in prose.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::place::Place;
use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Crlf,
    signatures: &[
        Signature {
            stamp: 6001,
            subtype: "crlf_header",
            gate: &["\r", "\n", "%0d", "%0a", "\\r\\n", "%e5%98", "\u{560d}", "\u{560a}", "%u000"],
            needs: "",
            test: Test::Checked(
                r"(?:[\r\n]|%0[da]|\\r\\n|%e5%98%8[ad]|\xe5\x98[\x8a\x8d]|%u000[ad])+[\s]*(?:\d|0[ad])?(?:set-cookie2?|location|content-(?:length|type|disposition|encoding|security-policy)|transfer-encoding|access-control-allow-\w+|x-(?:xss-protection|forwarded-\w+|frame-options|injected?|crlf|test)[\w-]*|refresh|last-modified|cache-control|host|www-authenticate|clear-site-data|link|user-agent|referer|cookie|authorization|connection)[\s]*(?::|%3a)",
                |context, span| is_no_place(context, span) && !context.is_header_block(),
            ),
            trust: Trust::Tight,
            places: Places::Everywhere,
        },
        // In any text that a link carries and that has no lines of its own.
        Signature {
            stamp: 6006,
            subtype: "crlf_header",
            gate: &["set-cookie", "location:", "bcc:"],
            needs: "\r\n",
            test: Test::Checked(
                r"\r?\n[\s]*(?:set-cookie[\s]*:[^\r\n=]{1,200}=|location[\s]*:[\s]*(?:https?:|/|\\)|bcc[\s]*:[^\r\n@]{1,200}@)",
                |context, _| memchr::memchr_iter(b'\n', context.value).count() <= 3,
            ),
            trust: Trust::Any,
            places: Places::Query,
        },
        // Any field behind nothing or one word, with a value of one word: `x%0d%0aX-Any: value`.
        Signature {
            stamp: 6005,
            subtype: "crlf_header",
            gate: &["\r", "\n", "%0d", "%0a", "\\r\\n", "%e5%98", "\u{560d}", "\u{560a}", "%u000"],
            needs: ":%",
            test: Test::Checked(
                r"^[\s]*[^\s:,;={}()'\x22]{0,64}?(?:[\r\n]|%0[da]|\\r\\n|%e5%98%8[ad]|\xe5\x98[\x8a\x8d]|%u000[ad])+[\s]*(?:\d|0[ad])?[a-z][a-z0-9]{0,24}(?:-[a-z0-9]{1,24}){0,4}(?::|%3a)[\s]?[^\s:;,'\x22{}]{1,64}[\s]*$",
                is_field,
            ),
            trust: Trust::Tight,
            places: Places::Values,
        },
        Signature {
            stamp: 6002,
            subtype: "crlf_response",
            gate: &["http/1.", "http/0.", "http/2", "<html", "<script", "%0d%0a"],
            needs: "",
            test: Test::Pattern(
                r"(?:[\r\n]|%0[da])[\s]*(?:http/[0-3](?:\.\d)?[\s]+\d{3}|(?:get|post|put|delete|head|options|patch|connect|trace)[\s]+(?:/|https?:)\S*[\s]+http/\d)|(?:\r\n|%0d%0a){2}[\s]*<(?:html|script|svg|body)|%0d%0a%0d%0a",
            ),
            trust: Trust::Prose,
            places: Places::Everywhere,
        },
        Signature {
            stamp: 6004,
            subtype: "crlf_response",
            gate: &["http/1."],
            needs: "\r\n",
            test: Test::Pattern(
                r"^[\w.:/?=&%-]{0,80}[\r\n]+(?:content-(?:length|type)|set-cookie|location|connection)[\s]*:[^\r\n]*(?:[\r\n]+[\w-]+:[^\r\n]*){0,8}[\s]*http/1\.[01][\s]+\d{3}",
            ),
            trust: Trust::Any,
            places: Places::Everywhere,
        },
        Signature {
            stamp: 6003,
            subtype: "crlf_request_line",
            gate: &["\r", "\n", "%0d%0a"],
            needs: "",
            test: Test::Pattern(r"(?:[^\r\n]|^)(?:\r\n|\n|\r|%0d%0a)[a-z][\w-]{1,30}(?::|%3a)[\s]*\S"),
            trust: Trust::Tight,
            places: Places::Target,
        },
    ],
};

/// Whether one more line is a header field rather than a second line of text. A person writes a blank behind the colon, and
/// text of several lines comes in bodies; there the name must have a dash, and the value stand beside its colon.
fn is_field(context: &Context<'_>, _: &Range<usize>) -> bool {
    let value = context.value.trim_ascii();
    let line = value.iter().rposition(|b| matches!(b, b'\r' | b'\n')).map_or(0, |at| at + 1);
    let line = value.get(line..).unwrap_or_default();
    let Some(colon) = line.iter().position(|b| *b == b':') else {
        return context.place == Place::QueryValue;
    };
    let dashed = line.get(..colon).is_some_and(|name| name.contains(&b'-'));
    let beside = line.get(colon + 1).is_some_and(|b| *b != b' ');
    // A text field of a form that is sent as a link has bare line ends: `Lunch\nTime:12`.
    let is_written_out = context.value.contains(&b'\r') || !context.value.contains(&b'\n');
    match context.place {
        Place::QueryValue => dashed || beside && is_written_out,
        Place::CookieValue => dashed || beside,
        _ => dashed && beside,
    }
}

/// Whether a field is none that a text of two lines has: `Party at Anna's` and, below, `Location: Main Street 5`.
fn is_no_place(context: &Context<'_>, span: &Range<usize>) -> bool {
    let matched = context.value.get(span.clone()).unwrap_or_default();
    let field = matched.to_ascii_lowercase();
    if ![&b"location:"[..], b"location%3a"].iter().any(|name| field.ends_with(name)) {
        return true;
    }
    let is_text = |text: &[u8]| {
        text.contains(&b' ') || text.contains(&b'+') || memchr::memmem::find(text, b"%20").is_some()
    };
    let line =
        context.after(span.end).split(|b| matches!(b, b'\r' | b'\n' | b'&')).next().unwrap_or_default();
    let is_address = line.iter().any(|b| matches!(b, b'/' | b'\\' | b':'))
        || [&b"%2f"[..], b"%5c", b"%3a"]
            .iter()
            .any(|sign| memchr::memmem::find(&line.to_ascii_lowercase(), sign).is_some());
    is_address || !is_text(context.before(span.start))
}
