//! Values that rules declare to be binary data or files (`spec/node.md` section 3.3).
//!
//! Random bytes spell short signs by chance. At such points a sign counts only if it is too long for chance, or, in
//! an HTML file, if it is not the markup that such files are made of. A file must be what the rule says, by its first
//! bytes; anything else is scanned in full.

use std::ops::Range;

use bartizan_api::AttackType;
use bartizan_request::PointPath;
use bartizan_rules::{FileKind, Selection};

/// Printable bytes in a row that do not come about by chance: once in some 10⁹ kilobytes of random data.
const MEANT: usize = 10;

/// Whether a sign is to be ignored in a value.
pub(super) fn is_noise(
    selection: &Selection<'_>,
    point: &PointPath<'_>,
    value: &[u8],
    attack_type: AttackType,
    span: &Range<usize>,
) -> bool {
    let mut kinds = selection.upload_kinds(point).filter(|kind| is_kind(value, *kind)).peekable();
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
    fn only_short_signs_are_noise() {
        let mut value = b"\x89PNG\0\xff'or 1=1\xff\0".to_vec();
        assert!(is_short(&value, &(6..13)));
        let at = value.len();
        value.extend_from_slice(b"<?php system($_GET['c']); ?>\xff");
        assert!(!is_short(&value, &(at..at + 20)));
        assert!(is_short(&value, &(0..value.len())));
    }
}
