//! Payloads that come back where a browser runs them.
//!
//! What was sent has to stand in the answer as it was, and to do something there: to begin an element or an attribute
//! that runs script (`reflection/page.rs`), or to leave the string or comment of a script that it was put in
//! (`reflection/script.rs`). Comments, plain text and quoted values run nothing.

pub(super) mod page;
pub(super) mod script;

use std::ops::Range;

use memchr::memmem;

use super::ResponseParts;

pub(super) const MEANING: &str = "A script of the request runs in the page of whoever follows the link.";

/// Shortest payload that does not stand in a page by chance.
const MIN: usize = 6;
/// Bytes of the payload that must come back.
const MAX: usize = 200;
/// Most places in an answer at which each part of a payload is looked at.
const MAX_PLACES: usize = 32;
const SCHEME: &str = "javascript:";

/// Where the executable part of a payload stands in the answer as it was sent.
pub(super) fn executable(payload: &str, response: &ResponseParts<'_>) -> Option<Range<usize>> {
    let (is_page, is_script) = (is_page(response), is_script(response));
    if !is_page && !is_script {
        return None;
    }
    let body = response.body;
    let mut spans: Vec<Range<usize>> = cores(payload)
        .iter()
        .flat_map(|core| {
            memmem::find_iter(body, core.as_bytes()).take(MAX_PLACES).map(|at| at..at + core.len())
        })
        .collect();
    if spans.is_empty() {
        return None;
    }
    spans.sort_by_key(|span| (span.start, span.end));
    spans.dedup();
    if is_page { page::runs(body, &spans, is_xml(response)) } else { script::left(body, 0, &spans) }
}

/// Whether a browser shows the answer as a page: what it saves to a file or leaves for another address runs nothing.
pub(super) fn is_page(response: &ResponseParts<'_>) -> bool {
    let leads_on = (300..400).contains(&response.status) && response.header("location").is_some();
    let kept = response.header("content-disposition").unwrap_or_default().trim_ascii_start();
    let is_saved = kept.get(..10).is_some_and(|kind| kind.eq_ignore_ascii_case(b"attachment"));
    if !response.parse_html || leads_on || is_saved {
        return false;
    }
    let Some(kind) = response.header("content-type") else {
        return response.header("x-content-type-options").is_none();
    };
    let kind = kind.to_ascii_lowercase();
    [&b"text/html"[..], b"application/xhtml+xml", b"image/svg+xml"].iter().any(|page| kind.starts_with(page))
}

fn is_xml(response: &ResponseParts<'_>) -> bool {
    let kind = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
    memmem::find(&kind, b"xml").is_some()
}

/// Whether pages include the answer as a script.
pub(super) fn is_script(response: &ResponseParts<'_>) -> bool {
    let kind = response.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    kind.ends_with(b"javascript") || kind.ends_with(b"ecmascript")
}

/// The parts of a payload that make it run, as far as they have to come back.
fn cores(payload: &str) -> Vec<&str> {
    let from = |at: Option<usize>| at.and_then(|at| payload.get(at..));
    let markup = from(payload.find('<')).and_then(|text| {
        let end = text.rfind('>').map_or(text.len(), |at| at + 1);
        text.get(..end)
    });
    let quoted = from(payload.find(['"', '\'', '`']));
    // Browsers read escaped quotes of an address as quotes: what comes back as it was ends before them.
    let address = from(payload.to_ascii_lowercase().find(SCHEME))
        .and_then(|text| text.split(['<', '>', '"', '\'', '&']).next())
        .filter(|text| text.len() > SCHEME.len());
    let whole = Some(payload.trim());
    [markup, quoted, address, whole]
        .into_iter()
        .flatten()
        .map(bounded)
        .filter(|core| core.len() >= MIN)
        .collect()
}

/// At most [`MAX`] bytes, cut between characters.
fn bounded(text: &str) -> &str {
    let mut end = text.len().min(MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The span that a place lies in.
fn holding(spans: &[Range<usize>], at: usize) -> Option<Range<usize>> {
    // Sorted by their beginnings; few.
    spans.iter().take_while(|span| span.start <= at).find(|span| at < span.end).cloned()
}

#[cfg(test)]
mod tests;
