//! Binary data: only what is too long for chance is judged, and as a part of a document is.
//!
//! Programs, images and archives hold names, messages and format strings side by side. What would be an attack as a
//! parameter is one word of many there; code that runs where it lies (a PHP tag in a picture) is not. Outside of files the
//! longest text is judged as a text alone besides: an attack in a coat of random bytes is that.

use std::borrow::Cow;
use std::ops::Range;

use bartizan_request::{ByteSet, binary};
use memchr::memmem;

use super::{Candidate, Engine, Judgement, Outcome, Sign, is_plain};
use crate::place::Place;
use crate::shape::Context;

/// The beginning of a serialized Java object, the one sign that is no text.
const JAVA_OBJECT: &[u8] = b"\xac\xed\x00\x05";
/// Where a server begins to run what it reads.
const PROGRAM: [&[u8]; 2] = [b"<?php", b"<?="];
/// So much of a program is judged. Comments between its words may hold control characters, which end a row of text.
const PROGRAM_BYTES: usize = 256;
/// A shorter program is chance: three bytes by chance are one in sixteen megabytes, ASCII behind them halves that with each byte.
const SHORTEST_PROGRAM: usize = 10;

impl Engine {
    /// Adds the signs found in binary data to `out`, each text in it judged alone.
    pub(crate) fn scan_data(&self, value: &[u8], place: Place, out: &mut Vec<Sign>) {
        for (span, text) in parts(value, place) {
            let start = out.len();
            self.scan_form(&Context::part_of_document(text, place), out);
            for sign in out.iter_mut().skip(start) {
                sign.span = shifted(&sign.span, span.start);
            }
        }
        for (span, text) in wholes(value, place) {
            let start = out.len();
            self.scan_known(&text, ByteSet::of(&text), place, out);
            for sign in out.iter_mut().skip(start) {
                sign.span =
                    if text.len() == span.len() { shifted(&sign.span, span.start) } else { span.clone() };
            }
        }
    }

    /// Says of binary data what [`Engine::explain`] says of text; what did not fire is left out.
    pub(crate) fn explain_data(&self, value: &[u8], place: Place) -> Judgement {
        let mut candidates: Vec<Candidate> = Vec::new();
        for (span, text) in parts(value, place) {
            let start = candidates.len();
            self.explain_form("text in data", &Context::part_of_document(text, place), &mut candidates);
            shift_outcomes(candidates.iter_mut().skip(start), span.start);
        }
        for (span, text) in wholes(value, place) {
            let start = candidates.len();
            candidates.extend(self.explain(&text, place).candidates);
            shift_outcomes(candidates.iter_mut().skip(start), span.start);
        }
        candidates.retain(|candidate| matches!(candidate.outcome, Outcome::Fired { .. }));
        Judgement { shape: "binary", plain: false, candidates }
    }
}

fn shift_outcomes<'c>(candidates: impl Iterator<Item = &'c mut Candidate>, by: usize) {
    for candidate in candidates {
        if let Outcome::Fired { span, .. } = &mut candidate.outcome {
            *span = shifted(span, by);
        }
    }
}

fn shifted(span: &Range<usize>, by: usize) -> Range<usize> {
    span.start + by..span.end + by
}

/// What is judged as a part of a document, and where it stands.
fn parts(value: &[u8], place: Place) -> impl Iterator<Item = (Range<usize>, &[u8])> {
    let object = memmem::find(value, JAVA_OBJECT).map(|at| at..at + JAVA_OBJECT.len());
    object
        .into_iter()
        .chain(binary::texts(value))
        .filter_map(|span| value.get(span.clone()).map(|text| (span, text)))
        .filter(move |(_, text)| !is_plain(text, ByteSet::of(text), place))
}

/// What is judged as a text of its own: the longest text, but in files, which are what they are; and the first programs.
fn wholes(value: &[u8], place: Place) -> impl Iterator<Item = (Range<usize>, Cow<'_, [u8]>)> {
    let longest = binary::longest_text(value).filter(|_| place != Place::FileContent);
    let longest = longest.and_then(|span| Some((span.clone(), Cow::Borrowed(value.get(span)?))));
    let programs = PROGRAM.into_iter().filter_map(|mark| memmem::find(value, mark)).filter_map(|at| {
        let text = value.get(at..value.len().min(at + PROGRAM_BYTES))?;
        let text = text.get(..text.iter().position(|byte| !byte.is_ascii()).unwrap_or(text.len()))?;
        let end = memmem::find(text, b"?>").map_or(text.len(), |end| end + 2);
        let kept: Vec<u8> = text.iter().take(end).copied().filter(|byte| !byte.is_ascii_control()).collect();
        (kept.len() >= SHORTEST_PROGRAM).then_some((at..at + end, Cow::Owned(kept)))
    });
    longest.into_iter().chain(programs)
}

#[cfg(test)]
mod tests {
    use bartizan_api::attack_type::AttackType;
    use bartizan_request::{Limits, RequestParts};

    use super::*;
    use crate::explain::explain;
    use crate::inspect::{Detection, NoPolicy, inspect};

    /// Bytes like those of an encrypted or compressed file.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 11u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_be_bytes()[0]
        };
        (0..length).map(|_| next()).collect()
    }

    fn found(content_type: &str, body: &[u8]) -> Vec<Detection> {
        let headers: [(&[u8], &[u8]); 1] = [(b"Content-Type", content_type.as_bytes())];
        let parts = RequestParts {
            method: "POST",
            target: b"/files",
            headers: &headers,
            body,
            body_truncated: false,
        };
        let engine = Engine::new();
        let found = inspect(&engine, &parts, &Limits::default(), &mut NoPolicy).detections;
        let explained = explain(&engine, &parts, &Limits::default());
        let mut fired: Vec<u32> =
            explained.points.iter().flat_map(|point| point.fired()).map(|one| one.stamp).collect();
        fired.sort_unstable();
        fired.dedup();
        let mut stamps: Vec<u32> = found.iter().flat_map(|one| one.stamps.iter().copied()).collect();
        stamps.sort_unstable();
        stamps.dedup();
        assert_eq!(fired, stamps, "what is explained is what is found");
        found
    }

    fn upload(file: &[u8]) -> Vec<u8> {
        let head = "--b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a.bin\"\r\n\r\n";
        [head.as_bytes(), file, b"\r\n--b--\r\n"].concat()
    }

    #[test]
    fn data_is_no_attack_however_it_is_sent() {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        for length in [64, 1_000, 30_000] {
            let data = noise(length);
            assert_eq!(found("application/octet-stream", &data), [], "{length}");
            assert_eq!(found("multipart/form-data; boundary=b", &upload(&data)), [], "{length}");
            let json = format!(r#"{{"image":"{}"}}"#, STANDARD.encode(&data));
            assert_eq!(found("application/json", json.as_bytes()), [], "{length}");
        }
    }

    #[test]
    fn a_program_in_data_is_found() {
        let mut file = noise(4_000);
        file.extend_from_slice(b"<?php system($_GET['c']); ?>");
        file.extend(noise(1_000));
        for (content_type, body) in
            [("multipart/form-data; boundary=b", upload(&file)), ("application/octet-stream", file.clone())]
        {
            let found = found(content_type, &body);
            assert!(found.iter().any(|one| one.attack_type == AttackType::Rce), "{found:?}");
            assert!(found.iter().all(|one| one.value.contains("<?php system(")), "{found:?}");
        }
    }

    #[test]
    fn a_short_program_in_a_long_file_is_found() {
        let comments = b"<?=/*\x01*/eval/*\x01*/(/*\x01*/$_GET[/*\x01*/0])/*\x01*/?>";
        for program in [&b"<?=`$_GET[0]`?>"[..], comments] {
            let mut file = noise(60_000);
            file.extend_from_slice(program);
            file.extend(noise(300));
            let found = found("multipart/form-data; boundary=b", &upload(&file));
            assert!(found.iter().any(|one| one.attack_type == AttackType::Rce), "{found:?}");
        }
    }

    #[test]
    fn an_attack_in_a_coat_of_random_bytes_is_found() {
        let attack = b"x' or name like 'admin%' and 1=1 -- ";
        for data in
            [[&attack[..], &b"\x01".repeat(28)].concat(), [&noise(200), &attack[..], &noise(200)].concat()]
        {
            let found = found("application/octet-stream", &data);
            assert!(found.iter().any(|one| one.attack_type == AttackType::Sqli), "{found:?}");
        }
    }

    #[test]
    fn a_serialized_object_in_data_is_found() {
        let object =
            [JAVA_OBJECT, b"sr\x00\x11java.util.HashMap\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03", &noise(300)];
        let found = found("application/octet-stream", &object.concat());
        assert!(found.iter().any(|one| one.stamps.contains(&3501)), "{found:?}");
    }

    #[test]
    fn a_message_in_a_program_is_none() {
        let mut file = noise(3_000);
        for text in
            ["rm -f '%s' && exit 1", "SELECT name FROM users WHERE id='%s' OR 1=1", "../../share/locale"]
        {
            file.extend_from_slice(text.as_bytes());
            file.extend_from_slice(b"\0\0\0\x01");
        }
        assert_eq!(found("multipart/form-data; boundary=b", &upload(&file)), []);
    }
}
