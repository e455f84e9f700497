//! The reference tokenizer (libinjection), a second opinion on short values.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::shape::Context;
use crate::signature::{Detector, Places, Signature, Test, Trust};
use crate::xss::document::{declares_only, is_inert};
use crate::xss::handler::runs_script;
use crate::xss::markup::{fetches_background, is_embedded_player, is_still_picture};

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Xss,
    signatures: &[Signature {
        stamp: 1099,
        subtype: "xss_grammar",
        gate: &["<", "on", "javascript", "style"],
        needs: "<=",
        test: Test::Code(grammar),
        trust: Trust::Tight,
        places: Places::All,
    }],
};

const GRAMMAR_MAX: usize = 1024;

/// The second opinion of the reference tokenizer, for short values that hold a tag, a handler or a script URL.
fn grammar(context: &Context<'_>) -> Option<Range<usize>> {
    let value = context.value;
    // The beginning of a page; what follows it is judged.
    const PAGE: &[u8] = b"<!doctype html>";
    let text = value.trim_ascii_start();
    if let Some((head, rest)) = text.split_at_checked(PAGE.len())
        && head.eq_ignore_ascii_case(PAGE)
        && !rest.trim_ascii_start().starts_with(b"<!")
    {
        let rest = Context::derived(rest, context);
        return grammar(&rest).map(|_| 0..value.len());
    }
    let named =
        memchr::memmem::find(value, b" <script> ").is_some_and(|at| !runs_script(context, &(at + 1..at + 9)));
    if named && memchr::memchr_iter(b'<', value).count() == 1 {
        return None;
    }
    let mut tags = memchr::memchr_iter(b'<', value).peekable();
    if tags.peek().is_some() && tags.all(|at| context.names_a_tag(at)) {
        return None;
    }
    let code = memchr::memmem::find(value, b"={").is_some() || memchr::memmem::find(value, b"::<").is_some();
    if code {
        return None;
    }
    let has_tag = value.contains(&b'<');
    let has_break = value.iter().any(|b| matches!(b, b'"' | b'\'' | b'`'));
    // A tag begins with a letter or one of these signs, an attribute has a value.
    let tag = value
        .windows(2)
        .any(|w| matches!(w, [b'<', b] if b.is_ascii_alphabetic() || matches!(b, b'!' | b'?' | b'%' | b'/')));
    if !tag && !value.contains(&b'=') {
        return None;
    }
    if value.len() > GRAMMAR_MAX
        || value.trim_ascii_start().starts_with(b"<?x")
        || value.starts_with(b"<div xmlns=")
        || !(has_tag || has_break && value.contains(&b'='))
    {
        return None;
    }
    // The reference counts every `style`; formatting is harmless unless it computes or fetches.
    let lower = value.to_ascii_lowercase();
    if is_still_picture(context) {
        return None;
    }
    let active: [&[u8]; 5] = [b"expression", b"url", b"script", b"behavi", b"import"];
    let shows = fetches_background(&lower);
    let harmless = !active
        .iter()
        .filter(|word| **word != b"url" || !shows)
        .any(|word| memchr::memmem::find(&lower, word).is_some());
    let verdict = match memchr::memmem::find(&lower, b"style") {
        Some(_) if harmless => {
            let mut form = lower.clone();
            let places: Vec<usize> = memchr::memmem::find_iter(&lower, b" style").collect();
            for at in places {
                if let Some(byte) = form.get_mut(at + 1) {
                    *byte = b'_';
                }
            }
            libinjectionrs::detect_xss(&form)
        }
        _ => libinjectionrs::detect_xss(value),
    };
    // Asked last: what the reference passes need not be read.
    let is_xss = verdict == libinjectionrs::XssResult::Xss
        && !is_inert(value)
        && !declares_only(value)
        && !is_embedded_player(value);
    is_xss.then_some(0..value.len())
}
