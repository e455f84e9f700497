//! Values that rules declare to be binary data or files (`spec/node.md` section 3.3).
//!
//! Random bytes spell short signs by chance. At such points a sign counts only if it is too long for chance, or, in
//! an HTML file, if it is not the markup that such files are made of. A file must be what the rule says, by its first
//! bytes; anything else is scanned in full. An HTML file is also read as XML: what is found in that reading is judged like the
//! file.

use std::ops::Range;

use bartizan_api::AttackType;
use bartizan_request::{Element, Point, PointPath};
use bartizan_rules::{FileKind, Selection};
use smallvec::SmallVec;

/// Printable bytes in a row that do not come about by chance: once in some 10⁹ kilobytes of random data.
const MEANT: usize = 10;

/// The HTML files that rules declare, as the walk comes to them.
pub(super) struct Pages<'s> {
    rules: SmallVec<[(&'s Point, Option<Point>); 1]>,
}

impl<'s> Pages<'s> {
    pub(super) fn new(selection: &Selection<'s>) -> Pages<'s> {
        let pages = selection.uploads().filter(|(kind, _)| *kind == FileKind::Html);
        Pages { rules: pages.map(|(_, point)| (point, None)).collect() }
    }

    /// Looks whether a value is a declared page. What is read out of a page is no page of its own.
    pub(super) fn value_seen(&mut self, path: &PointPath<'_>, value: &[u8]) {
        for (rule, page) in &mut self.rules {
            let is_part = page.as_ref().is_some_and(|page| is_read_from(path, page));
            if !is_part && rule.covers(path) {
                *page = is_kind(value, FileKind::Html).then(|| path.to_point());
            }
        }
    }

    fn hold(&self, path: &PointPath<'_>) -> bool {
        self.rules.iter().any(|(_, page)| page.as_ref().is_some_and(|page| is_read_from(path, page)))
    }
}

/// Whether a value is what the XML parser or a decoder of characters made of the one at `page`.
fn is_read_from(path: &PointPath<'_>, page: &Point) -> bool {
    let own = page.steps().len();
    let is_reading = |element| matches!(element, Element::Xml | Element::HtmlJs | Element::Percent);
    path.depth() > own
        && page.covers(path)
        && path.steps().get(own).is_some_and(|step| is_reading(step.element()))
}

/// Whether a sign is to be ignored in a value.
pub(super) fn is_noise(
    selection: &Selection<'_>,
    pages: &Pages<'_>,
    point: &PointPath<'_>,
    value: &[u8],
    attack_type: AttackType,
    span: &Range<usize>,
) -> bool {
    if attack_type == AttackType::Xss && pages.hold(point) {
        return true;
    }
    let kinds = selection.uploads().filter(|(_, at)| at.covers(point)).map(|(kind, _)| kind);
    let mut kinds = kinds.filter(|kind| is_kind(value, *kind)).peekable();
    if kinds.peek().is_none() {
        return selection.is_binary(point) && is_short(value, span);
    }
    kinds.any(|kind| match kind {
        FileKind::Html => attack_type == AttackType::Xss,
        FileKind::Docs | FileKind::Images | FileKind::Music | FileKind::Video => is_short(value, span),
    })
}

/// A sign that spans a whole large value was found in a rewritten form of it and says nothing about its length.
fn is_short(value: &[u8], span: &Range<usize>) -> bool {
    let sign = value.get(span.clone()).unwrap_or_default();
    let run = sign.split(|byte| !matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~')).map(<[u8]>::len).max();
    run.unwrap_or(0) < MEANT || sign.len() == value.len() && run.unwrap_or(0) < value.len()
}

/// Whether the first bytes are those of a kind of file.
fn is_kind(value: &[u8], kind: FileKind) -> bool {
    match kind {
        FileKind::Docs => {
            infer::is_document(value) || infer::is_archive(value) || value.starts_with(b"{\\rtf")
        }
        FileKind::Html => infer::get(value).is_some_and(|found| found.mime_type() == "text/html"),
        FileKind::Images => infer::is_image(value),
        FileKind::Music => infer::is_audio(value),
        FileKind::Video => infer::is_video(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_bytes() {
        for (bytes, kind) in [
            (&b"\x89PNG\r\n\x1a\n\0\0"[..], FileKind::Images),
            (b"GIF89a\x01\0", FileKind::Images),
            (b"%PDF-1.7\n", FileKind::Docs),
            (b"PK\x03\x04\x14\0", FileKind::Docs),
            (b"ID3\x04\0", FileKind::Music),
            (b"\0\0\0\x18ftypmp42\0\0\0\0", FileKind::Video),
            (b"<!DOCTYPE html><html>", FileKind::Html),
        ] {
            assert!(is_kind(bytes, kind), "{kind:?}");
        }
        assert!(!is_kind(b"<?php system($_GET[1]);", FileKind::Images));
        assert!(!is_kind(b"<svg onload=alert(1)>", FileKind::Images));
    }

    #[test]
    fn what_is_read_from_a_page_is_judged_like_the_page() {
        let point = |json: &str| serde_json::from_str::<Point>(json).unwrap();
        let rule = point(r#"["post","multipart","f"]"#);
        let file = point(r#"["post","multipart","f","file"]"#);
        let script = point(r#"["post","multipart","f","file","xml","xml_tag","html","xml_tag","script"]"#);
        let page: &[u8] = b"<html><script>alert(1)</script></html>";
        let holds = |seen: &[(&Point, &[u8])], at: &Point| {
            let mut pages = Pages { rules: [(&rule, None)].into_iter().collect() };
            for (point, value) in seen {
                point.with_path(|path| pages.value_seen(path, value));
            }
            at.with_path(|path| pages.hold(path))
        };
        assert!(holds(&[(&file, page), (&script, b"alert(1)")], &script));
        // A second file of the same name is judged by its own bytes.
        assert!(!holds(&[(&file, page), (&file, b"no page")], &script));
        let member = point(r#"["post","multipart","f","file","json_doc","hash","a"]"#);
        assert!(!holds(&[(&file, page)], &member));
        let other = point(r#"["post","multipart","g","file","xml","xml_tag","html"]"#);
        assert!(!holds(&[(&file, page)], &other));
    }

    #[test]
    fn only_short_signs_are_noise() {
        let mut value = b"\x89PNG\0\xff'or 1=1\xff\0".to_vec();
        assert!(is_short(&value, &(6..13)));
        let at = value.len();
        value.extend_from_slice(b"<?php system($_GET['c']); ?>\xff");
        assert!(!is_short(&value, &(at..at + 20)));
        assert!(is_short(&value, &(0..value.len())));
    }
}
