//! A page read as browsers tokenize it (HTML, section 13.2.5), as far as it tells what in it runs.
//!
//! One pass, linear in the page. Elements of plain text and comments are passed over; what a payload that stands in
//! them may do is to close them.

use std::ops::Range;

use memchr::{memchr, memchr_iter, memmem};

use super::{holding, script};

/// Elements whose content is text, up to their end tag.
const TEXT: [&[u8]; 9] =
    [b"textarea", b"title", b"noscript", b"style", b"xmp", b"iframe", b"noembed", b"noframes", b"template"];
/// Elements that run or load something by themselves.
const ACTIVE: [&[u8]; 9] =
    [b"script", b"iframe", b"frame", b"object", b"embed", b"applet", b"base", b"meta", b"link"];

/// Most elements of a page that may lead elsewhere.
const STEERING_MAX: usize = 256;

/// The first span in which something begins that runs.
pub(super) fn runs(page: &[u8], spans: &[Range<usize>], is_xml: bool) -> Option<Range<usize>> {
    let last = spans.iter().map(|span| span.end).max()?;
    let mut at = 0;
    while let Some(open) = memchr(b'<', page.get(at..)?).map(|found| at + found) {
        if open >= last {
            return None;
        }
        let rest = page.get(open + 1..)?;
        at = match rest {
            [b'!' | b'?', ..] => open + 1 + comment(rest, is_xml),
            [b'/', letter, ..] if letter.is_ascii_alphabetic() => Tag::read(page, open + 2, |_| ()).end,
            [b'/', ..] => open + 1 + up_to(rest, b">"),
            [letter, ..] if letter.is_ascii_alphabetic() => {
                let is_sent = holding(spans, open);
                let (mut runs, mut is_code) = (None, true);
                let tag = Tag::read(page, open + 1, |attribute| {
                    let sent = is_sent.clone().or_else(|| attribute.sent(spans));
                    runs = runs.take().or_else(|| sent.filter(|_| attribute.is_active()));
                    is_code &= attribute.is_of_code();
                });
                let starts = is_sent.filter(|_| tag.is_active());
                if let Some(span) = starts.or(runs) {
                    return Some(span);
                }
                let is_empty = is_xml && page.get(tag.end.saturating_sub(2)..tag.end) == Some(b"/>");
                if is_empty {
                    tag.end
                } else {
                    match content(page, &tag, spans, is_code) {
                        Content::Runs(span) => return Some(span),
                        Content::Ends(end) => end,
                    }
                }
            }
            _ => open + 1,
        };
    }
    None
}

/// An element that says where the page goes on, as [`steering`] finds it.
pub(in crate::response) enum Steering<'a> {
    /// The content of `<meta http-equiv=refresh>`, as it is written.
    Refresh(&'a [u8]),
    /// The code of a script.
    Script(&'a [u8]),
}

/// Everything in a page that may lead the browser elsewhere by itself: not what stands in comments or texts.
pub(in crate::response) fn steering(page: &[u8]) -> Vec<Steering<'_>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(open) = page.get(at..).and_then(|rest| memchr(b'<', rest)).map(|found| at + found) {
        let rest = page.get(open + 1..).unwrap_or_default();
        at = match rest {
            [b'!' | b'?', ..] => open + 1 + comment(rest, false),
            [letter, ..] if letter.is_ascii_alphabetic() && found.len() < STEERING_MAX => {
                let (mut content, mut is_refresh, mut is_code) = (None, false, true);
                let tag = Tag::read(page, open + 1, |attribute| {
                    let is_kind = attribute.is(b"http-equiv");
                    is_refresh |= is_kind && attribute.value.trim_ascii().eq_ignore_ascii_case(b"refresh");
                    is_code &= attribute.is_of_code();
                    if attribute.is(b"content") {
                        content = Some(attribute.value);
                    }
                });
                found.extend(content.filter(|_| tag.is(b"meta") && is_refresh).map(Steering::Refresh));
                let is_script = tag.is(b"script");
                if is_script || TEXT.iter().any(|name| tag.is(name)) {
                    let end = end_tag(page, tag.end, tag.name);
                    let code = page.get(tag.end..end).filter(|_| is_script && is_code);
                    found.extend(code.map(Steering::Script));
                    end
                } else {
                    tag.end
                }
            }
            [letter, ..] if letter.is_ascii_alphabetic() => return found,
            _ => open + 1,
        };
    }
    found
}

enum Content {
    Runs(Range<usize>),
    /// Where reading goes on.
    Ends(usize),
}

/// What follows a start tag, if that is no markup.
fn content(page: &[u8], tag: &Tag<'_>, spans: &[Range<usize>], is_code: bool) -> Content {
    let is_script = tag.is(b"script");
    if !is_script && !TEXT.iter().any(|name| tag.is(name)) {
        return Content::Ends(tag.end);
    }
    let end = end_tag(page, tag.end, tag.name);
    if !is_script {
        return Content::Ends(end);
    }
    // A script that the payload ends is not the application's any more.
    if let Some(span) = holding(spans, end).filter(|span| span.start >= tag.end && end < page.len()) {
        return Content::Runs(span);
    }
    let code = page.get(..end).unwrap_or_default();
    let found = if is_code { script::run(code, tag.end, spans) } else { None };
    found.map_or(Content::Ends(end), Content::Runs)
}

/// Where the end tag of an element of text begins.
fn end_tag(page: &[u8], from: usize, name: &[u8]) -> usize {
    let rest = page.get(from..).unwrap_or_default();
    let found = memmem::find_iter(rest, b"</").find(|at| {
        let after = rest.get(at + 2..).unwrap_or_default();
        let is_name = after.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        is_name && !after.get(name.len()).is_some_and(u8::is_ascii_alphanumeric)
    });
    found.map_or(page.len(), |at| from + at)
}

/// Bytes of a comment or declaration, from its `!` or `?` on.
fn comment(rest: &[u8], is_xml: bool) -> usize {
    match rest {
        // `<!-->` and `<!--->` are over at once.
        [b'!', b'-', b'-', b'>', ..] => 4,
        [b'!', b'-', b'-', b'-', b'>', ..] => 5,
        [b'!', b'-', b'-', text @ ..] => {
            // One way through, whichever end it has: pages hold thousands of comments.
            let is_end = |at: &usize| {
                let before = text.get(..*at).unwrap_or_default();
                before.ends_with(b"--") || before.ends_with(b"--!")
            };
            memchr_iter(b'>', text).find(is_end).map_or(rest.len(), |at| 3 + at + 1)
        }
        _ if is_xml && rest.starts_with(b"![CDATA[") => up_to(rest, b"]]>"),
        _ => up_to(rest, b">"),
    }
}

/// Bytes up to and with an end, or all of them.
fn up_to(rest: &[u8], end: &[u8]) -> usize {
    memmem::find(rest, end).map_or(rest.len(), |at| at + end.len())
}

/// A tag without what its attributes say.
struct Tag<'a> {
    name: &'a [u8],
    /// Behind its `>`.
    end: usize,
}

struct Attribute<'a> {
    tag: &'a [u8],
    name: &'a [u8],
    name_at: usize,
    value: &'a [u8],
    value_at: usize,
}

impl<'a> Tag<'a> {
    /// Reads a tag from its name on.
    fn read(page: &'a [u8], from: usize, mut see: impl FnMut(&Attribute<'a>)) -> Tag<'a> {
        let ends_name = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>');
        let name = run(page, from, |byte| !ends_name(byte));
        let mut at = from + name.len();
        loop {
            at += run(page, at, |byte| byte.is_ascii_whitespace() || *byte == b'/').len();
            match page.get(at) {
                None => return Tag { name, end: page.len() },
                Some(b'>') => return Tag { name, end: at + 1 },
                Some(_) => {}
            }
            let name_at = at;
            // An equals sign at the beginning is part of the name.
            let rest = run(page, at + 1, |byte| !ends_name(byte) && *byte != b'=');
            at += 1 + rest.len();
            let label = page.get(name_at..at).unwrap_or_default();
            let blank = run(page, at, u8::is_ascii_whitespace).len();
            let mut attribute = Attribute { tag: name, name: label, name_at, value: b"", value_at: at };
            if page.get(at + blank) == Some(&b'=') {
                at += blank + 1;
                at += run(page, at, u8::is_ascii_whitespace).len();
                let quote = page.get(at).copied().filter(|byte| matches!(byte, b'"' | b'\''));
                attribute.value_at = at + usize::from(quote.is_some());
                attribute.value = run(page, attribute.value_at, |byte| match quote {
                    Some(quote) => *byte != quote,
                    None => !byte.is_ascii_whitespace() && *byte != b'>',
                });
                at = attribute.value_at + attribute.value.len() + usize::from(quote.is_some());
            }
            see(&attribute);
        }
    }

    fn is(&self, name: &[u8]) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn is_active(&self) -> bool {
        // In XML a prefix may stand before it.
        let name = self.name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
        ACTIVE.iter().any(|known| name.eq_ignore_ascii_case(known))
    }
}

impl Attribute<'_> {
    fn is(&self, name: &[u8]) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The span in which it begins, or in which its value does when that is an address.
    fn sent(&self, spans: &[Range<usize>]) -> Option<Range<usize>> {
        holding(spans, self.name_at)
            .or_else(|| holding(spans, self.value_at).filter(|_| self.is_script_address()))
    }

    /// Whether it runs script: a handler, a page within the page, or an address that is a script.
    fn is_active(&self) -> bool {
        let is_handler =
            self.name.len() > 4 && self.name.get(..2).is_some_and(|on| on.eq_ignore_ascii_case(b"on"));
        (is_handler || self.is(b"srcdoc")) && !self.value.is_empty() || self.is_script_address()
    }

    fn is_script_address(&self) -> bool {
        let of = |tags: &[&[u8]]| tags.iter().any(|tag| self.tag.eq_ignore_ascii_case(tag));
        let is_followed = match self.name.to_ascii_lowercase().as_slice() {
            b"href" => !of(&[b"link", b"base"]),
            b"xlink:href" | b"action" | b"formaction" => true,
            b"src" => of(&[b"iframe", b"frame", b"embed"]),
            b"data" => of(&[b"object"]),
            _ => false,
        };
        // Browsers leave out control characters and blanks before a scheme.
        let start = self.value.iter().position(|byte| *byte > b' ').unwrap_or_default();
        let scheme = self.value.get(start..start + super::SCHEME.len());
        is_followed && scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(super::SCHEME.as_bytes()))
    }

    /// Whether an element with it may be a script that runs: other types are data.
    fn is_of_code(&self) -> bool {
        let kind = self.value.to_ascii_lowercase();
        !self.is(b"type")
            || matches!(kind.as_slice(), b"" | b"module")
            || memmem::find(&kind, b"javascript").is_some()
            || memmem::find(&kind, b"ecmascript").is_some()
    }
}

/// The bytes from a place on that are of a kind.
fn run(page: &[u8], from: usize, is_wanted: impl Fn(&u8) -> bool) -> &[u8] {
    let rest = page.get(from..).unwrap_or_default();
    let length = rest.iter().position(|byte| !is_wanted(byte)).unwrap_or(rest.len());
    rest.get(..length).unwrap_or_default()
}
