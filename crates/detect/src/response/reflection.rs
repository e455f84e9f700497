//! Payloads that come back where a browser runs them.

use std::ops::Range;

use memchr::memmem;

use super::ResponseParts;

pub(super) const MEANING: &str = "A script of the request runs in the page of whoever follows the link.";

/// Shortest payload that does not stand in a page by chance.
const MIN: usize = 6;
/// Bytes of the payload that must come back.
const MAX: usize = 200;

/// Where the executable part of a payload stands in the page as it was sent.
pub(super) fn executable(payload: &str, response: &ResponseParts<'_>) -> Option<Range<usize>> {
    if !is_page(response) {
        return None;
    }
    let (core, inside_tag) = core(payload)?;
    let body = response.body;
    memmem::find_iter(body, core.as_bytes()).map(|at| at..at + core.len()).find(|span| {
        let before = body.get(..span.start).unwrap_or_default();
        if inside_tag { is_inside_tag(before) } else { !is_inert(before) }
    })
}

/// Whether a browser shows the answer as a page.
fn is_page(response: &ResponseParts<'_>) -> bool {
    let Some(kind) = response.header("content-type") else {
        return response.header("x-content-type-options").is_none();
    };
    let kind = kind.to_ascii_lowercase();
    [&b"text/html"[..], b"application/xhtml+xml", b"image/svg+xml"].iter().any(|page| kind.starts_with(page))
}

/// The part of a payload that makes it run, and whether it does so from within a tag.
fn core(payload: &str) -> Option<(&str, bool)> {
    if let Some(start) = payload.find('<') {
        let text = payload.get(start..)?;
        let end = text.rfind('>').map_or(text.len(), |at| at + 1);
        return Some((bounded(text.get(..end)?), false)).filter(|(core, _)| core.len() >= MIN);
    }
    let quote = payload.find(['"', '\''])?;
    let rest = payload.get(quote..)?;
    let lower = rest.to_ascii_lowercase();
    let handler = lower.find(" on").or_else(|| lower.find("\ton")).or_else(|| lower.find("/on"))?;
    lower.get(handler..)?.find('=')?;
    Some((bounded(rest), true)).filter(|(core, _)| core.len() >= MIN)
}

/// At most [`MAX`] bytes, cut between characters.
fn bounded(text: &str) -> &str {
    let mut end = text.len().min(MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// Whether the place is within a tag, where a quote ends an attribute.
fn is_inside_tag(before: &[u8]) -> bool {
    match memchr::memrchr2(b'<', b'>', before) {
        Some(at) => before.get(at) == Some(&b'<'),
        None => false,
    }
}

/// Whether the place is within something that browsers do not run: a comment or an element of plain text.
fn is_inert(before: &[u8]) -> bool {
    let recent = before.get(before.len().saturating_sub(16 << 10)..).unwrap_or_default().to_ascii_lowercase();
    let open = |start: &[u8], end: &[u8]| match memmem::rfind(&recent, start) {
        Some(at) => memmem::find(recent.get(at..).unwrap_or_default(), end).is_none(),
        None => false,
    };
    open(b"<!--", b"-->")
        || [&b"textarea"[..], b"title", b"noscript", b"style", b"xmp"]
            .iter()
            .any(|name| open(&[b"<", *name].concat(), &[b"</", *name].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(payload: &str, kind: &str, body: &str) -> bool {
        let headers = [(&b"content-type"[..], kind.as_bytes())];
        let response = ResponseParts { status: 200, headers: &headers, body: body.as_bytes() };
        executable(payload, &response).is_some()
    }

    #[test]
    fn a_script_counts_where_it_runs() {
        let payload = "x<script>alert(1)</script>";
        assert!(found(payload, "text/html; charset=utf-8", "<p>x<script>alert(1)</script></p>"));
        assert!(!found(payload, "text/html", "<p>x&lt;script&gt;alert(1)&lt;/script&gt;</p>"));
        assert!(!found(payload, "application/json", "{\"q\":\"x<script>alert(1)</script>\"}"));
        assert!(!found(payload, "text/html", "<textarea>x<script>alert(1)</script></textarea>"));
        assert!(!found(payload, "text/html", "<!-- x<script>alert(1)</script> -->"));
        assert!(found(payload, "text/html", "<title>a</title><!-- c --> <script>alert(1)</script>"));
    }

    #[test]
    fn a_handler_counts_within_a_tag() {
        let payload = "\" onmouseover=alert(1) x=\"";
        assert!(found(payload, "text/html", "<input value=\"\" onmouseover=alert(1) x=\"\">"));
        assert!(!found(payload, "text/html", "<p>\" onmouseover=alert(1) x=\"</p>"));
        assert!(!found(payload, "text/html", "<input value=\"&quot; onmouseover=alert(1) x=&quot;\">"));
        assert!(!found("plain words", "text/html", "plain words"));
    }
}
