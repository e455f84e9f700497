//! Elements that run script, and event handlers: `<script>`, `<img onerror=…>`, `" onfocus=…` out of an attribute.

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::shape::{Context, Shape};
use crate::signature::{Detector, Places, Signature, Test, Trust};
use crate::xss::exploits;

pub(crate) static DETECTOR: Detector = Detector {
    attack_type: AttackType::Xss,
    signatures: &[
        Signature {
            stamp: 1001,
            subtype: "xss_tag",
            gate: &["<script", "< script", "<\u{0}script", "script>", ":script", "</script"],
            needs: "",
            test: Test::Checked(
                r"<[\s/\x00]*(?:\w{1,16}:)?script(?:[\s/>\x00+(&:;<=`]|$)|</script[^\w.-]",
                runs_script,
            ),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 1002,
            subtype: "xss_event",
            gate: &["on"],
            needs: "=",
            test: Test::Checked(
                r"<[a-z!?/%][^<>]{0,400}?[\s\x22'/\x00`;+]on[a-z]{3,36}[\s\x00]*=[\s\x00]*(?:[^\s{>]|$)",
                is_handler,
            ),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 1003,
            subtype: "xss_event",
            gate: &["on"],
            needs: "=",
            test: Test::Checked(
                r"(?:[\x22'`>/;]|^|\s\s|[\s+]\S{0,2})[\s\x00/+]*\bon(?:[a-z]{4,36})[\s\x00+]*=[\s\x00+]*(?:[\x22'`]?[\s\x00]*(?:javascript:|\(?(?:alert|confirm|prompt|eval|print|fetch|import|setTimeout|set\w+|document|window|location|top|self|this|parent|atob|console|new|throw|location|\$|name|url|navigator|with|function|[a-z]+=)[^\w]|[\w$.]{1,30}[\(`]|\w+=))",
                breaks_attribute,
            ),
            trust: Trust::Prose,
            places: Places::All,
        },
        // In any text: out of an attribute straight into a call.
        Signature {
            stamp: 1005,
            subtype: "xss_event",
            gate: &[
                "=alert", "=confirm", "=prompt", "=eval", "=fetch", "=import(", "=\"alert", "='alert",
                "= alert", "=\"eval", "='eval", "=\"fetch", "='fetch",
            ],
            needs: "'\"`",
            test: Test::Checked(
                r"[\x22'`][\s/]*on[a-z]{4,24}[\s]*=[\s]*[\x22'`]?[\s]*(?:alert|confirm|prompt|eval|fetch|import)[\s]*[(`]",
                |context, span| match distance_in_tag(context.before(span.start)) {
                    // 1002 judges a tag as far as it sees it.
                    Some(distance) => distance > REACH && is_handler(context, span),
                    None => !context.is_in_code(span.start),
                },
            ),
            trust: Trust::Any,
            places: Places::All,
        },
        Signature {
            stamp: 1004,
            subtype: "xss_attribute",
            gate: &["on"],
            needs: "=",
            test: Test::Checked(
                r"(?:^|[\x22'`;/\s])[\s]*\bon[a-z]{3,50}[\s\x00+]{0,8}(?:=|%3d)",
                is_dom_event,
            ),
            trust: Trust::Tight,
            places: Places::All,
        },
    ],
};

/// How many bytes of a tag 1002 reads to find a handler.
const REACH: usize = 400;

/// How far back the tag begins that is open at the end of `before`. A `<` before anything but a name compares.
fn distance_in_tag(before: &[u8]) -> Option<usize> {
    let at = memchr::memrchr2(b'<', b'>', before)?;
    let tag = before.get(at..).unwrap_or_default();
    matches!(tag, [b'<', b'a'..=b'z' | b'A'..=b'Z' | b'!' | b'?' | b'/' | b'%', ..]).then_some(tag.len())
}

/// In a short value the tag is enough. Text about scripts names the tag, too (`the <script> tag`, `::<Script>`); there
/// it must have a source or something to run.
pub(super) fn runs_script(context: &Context<'_>, span: &Range<usize>) -> bool {
    if context.before(span.start).ends_with(b"::") {
        return false;
    }
    if context.names_a_tag(span.start) || ends_nothing(context, span) || is_component(context, span) {
        return false;
    }
    // `Loader<Script>`: a type parameter.
    let generic = context.before(span.start).last().is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
        && context.value.get(span.clone()) == Some(b"<Script>");
    if generic && context.shape() != Shape::Tight {
        return false;
    }
    // `how to use <script> in html`: words on both sides.
    let is_word = |b: &u8| b.is_ascii_alphabetic() || *b == b' ' || *b == b'?';
    let before = context.before(span.start);
    let about = before.contains(&b' ')
        && before.iter().all(is_word)
        && context.value.get(..span.end).is_some_and(|text| text.ends_with(b"<script>"))
        && context.after(span.end).iter().all(is_word);
    if context.shape() == Shape::Tight {
        return !about;
    }
    // In a text, the end of an element that it holds whole: what the element runs is seen at its beginning.
    let before = context.before(span.start);
    if context.after(span.start).starts_with(b"</")
        && memchr::memmem::rfind(before, b"<script") > memchr::memmem::rfind(before, b"</script")
    {
        return false;
    }
    let tail = context.after(span.end);
    let tail = tail.get(..tail.len().min(300)).unwrap_or(tail);
    if context.is_in_code(span.start) && !exploits(tail) {
        return false;
    }
    // `a <script> tag may hold …`: the name of an element, in words.
    if context.before(span.start).ends_with(b" ") && is_word_tag(context, span) {
        return false;
    }
    let tag_end = memchr::memchr(b'>', tail).unwrap_or(0);
    let (attributes, body) = match context.value.get(span.end.saturating_sub(1)) {
        Some(b'>') => (&b""[..], tail),
        _ => (tail.get(..tag_end).unwrap_or_default(), tail.get(tag_end..).unwrap_or_default()),
    };
    let content = body.split(|b| *b == b'<').next().unwrap_or_default();
    let runs = content.iter().any(|b| matches!(b, b'(' | b'=' | b'`' | b'[')) && !content.starts_with(b"`");
    runs || memchr::memmem::find(attributes, b"=").is_some()
}

/// Whether the words `tag may` follow the only element that the text has opened so far. Two names in a row on one line are no
/// program, whatever follows them, unless the second is an operator.
fn is_word_tag(context: &Context<'_>, span: &Range<usize>) -> bool {
    let tail = context.after(span.end);
    let Some(rest) = [&b" tag "[..], b" tags "].iter().find_map(|words| tail.strip_prefix(*words)) else {
        return false;
    };
    let (word, rest) = rest.split_at(rest.iter().take_while(|b| b.is_ascii_alphabetic()).count());
    let ends = match rest {
        [] | [b' ' | b',', ..] => true,
        [b'.', rest @ ..] => rest.first().is_none_or(|b| *b == b' '),
        _ => false,
    };
    context.before(span.end).ends_with(b">")
        && !context.before(span.start).contains(&b'<')
        && !word.is_empty()
        && ![&b"in"[..], b"instanceof"].iter().any(|operator| word.eq_ignore_ascii_case(operator))
        && ends
}

/// The end tag that a cutting of a page or component ends with, behind a line of program text: nothing follows that could run.
fn ends_nothing(context: &Context<'_>, span: &Range<usize>) -> bool {
    let before = context.before(span.start);
    let rest = context.after(span.end).iter().all(|b| matches!(b, b'>' | b'`' | b'\n' | b'\r' | b' '));
    context.after(span.start).starts_with(b"</")
        && rest
        && !before.contains(&b'<')
        && before.last().is_some_and(|b| matches!(b, b' ' | b'\n'))
        && memchr::memchr_iter(b' ', before).count() >= 2
}

/// The script of a component: one that begins with an import of names or an export and is not declared a module, which
/// browsers refuse as a whole, or one that only a compiler of components takes (`<script setup>`) and that does not do what
/// exploits do.
fn is_component(context: &Context<'_>, span: &Range<usize>) -> bool {
    let tag = context.after(span.start);
    let Some(end) = tag.iter().take(200).position(|b| *b == b'>') else { return false };
    let (attributes, body) = tag.split_at(end + 1);
    if matches!(attributes, b"<script setup>" | b"<script setup lang=\"ts\">" | b"<script lang=\"ts\" setup>")
    {
        return !exploits(body.get(..body.len().min(300)).unwrap_or(body));
    }
    let body = body.trim_ascii_start();
    let names = body.strip_prefix(b"import ").is_some_and(|rest| {
        let line = rest.split(|b| matches!(b, b'\n' | b';')).next().unwrap_or_default();
        !line.contains(&b'(') && memchr::memmem::find(line, b" from ").is_some()
    });
    !attributes.contains(&b'=')
        && tag.starts_with(b"<script")
        && (names || body.starts_with(b"export default {"))
}

/// Whether the matched `on…=` is an event handler and not a JSX property or an attribute of another word.
fn is_handler(context: &Context<'_>, span: &Range<usize>) -> bool {
    let tail = context.after(span.end.saturating_sub(1));
    // JSX: `onClick={handler}`; markup that browsers run has no braces there.
    if tail.starts_with(b"{") {
        return false;
    }
    let near = tail.get(..tail.len().min(300)).unwrap_or(tail);
    // The source of a page template: `onclick="buy({{id}})"`.
    let line = near.split(|b| *b == b'>').next().unwrap_or_default();
    let is_template = context.shape() == Shape::Document && memchr::memmem::find(line, b"({{").is_some();
    !(is_template || context.is_in_code(span.start)) || exploits(near)
}

/// An event handler outside a tag counts only when it breaks out of an attribute.
fn breaks_attribute(context: &Context<'_>, span: &Range<usize>) -> bool {
    match context.value.get(span.start) {
        Some(b'"' | b'\'' | b'`') => context.quote_breaks_out(span.start),
        _ => is_dom_event(context, span),
    }
}

/// Whether the word before the `=` at the end of the match begins like an event of the DOM.
fn is_dom_event(context: &Context<'_>, span: &Range<usize>) -> bool {
    const EVENTS: &[&[u8]] = &[
        b"abort",
        b"activate",
        b"after",
        b"anim",
        b"append",
        b"auxclick",
        b"bef",
        b"begin",
        b"beforeinput",
        b"blur",
        b"bounce",
        b"cached",
        b"cancel",
        b"canplay",
        b"cell",
        b"change",
        b"click",
        b"close",
        b"context",
        b"copy",
        b"cuechange",
        b"cut",
        b"data",
        b"dbl",
        b"deactivate",
        b"device",
        b"drag",
        b"drop",
        b"durationchange",
        b"emptied",
        b"end",
        b"error",
        b"filter",
        b"finish",
        b"focus",
        b"fullscreen",
        b"gesture",
        b"hash",
        b"help",
        b"input",
        b"invalid",
        b"key",
        b"layout",
        b"load",
        b"lose",
        b"message",
        b"mouse",
        b"move",
        b"online",
        b"offline",
        b"orientation",
        b"page",
        b"paste",
        b"pause",
        b"play",
        b"pointer",
        b"popstate",
        b"progress",
        b"property",
        b"ratechange",
        b"ready",
        b"repeat",
        b"reset",
        b"resize",
        b"row",
        b"scroll",
        b"search",
        b"seek",
        b"select",
        b"show",
        b"start",
        b"stalled",
        b"storage",
        b"submit",
        b"suspend",
        b"time",
        b"toggle",
        b"touch",
        b"transition",
        b"unload",
        b"unhandled",
        b"volume",
        b"waiting",
        b"webkit",
        b"wheel",
        b"zoom",
    ];
    let Some(matched) = context.value.get(span.clone()) else { return false };
    // JSX, as in `is_handler`.
    if context.after(span.end).starts_with(b"{") {
        return false;
    }
    let lower = matched.to_ascii_lowercase();
    let Some(at) = memchr::memmem::find(&lower, b"on") else { return false };
    let name = lower.get(at + 2..).unwrap_or_default();
    EVENTS.iter().any(|event| name.starts_with(event))
}
