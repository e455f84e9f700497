//! Where the sign of a hit stands: in the value of its point, and in the request as it is recorded.
//!
//! Detection says which bytes of the request that came are the sign. What is recorded differs: bytes that are no UTF-8 are
//! escaped, long bodies cut, passwords and what rules name masked. So a place counts only if the recorded text up to the end of
//! the sign is what came; and it goes with the payload where that is masked, for its length would tell that of a secret.

use bartizan_api::node::{HitEvent, RecordedPart, RequestSpan, SignPlace};
use bartizan_detect::Detection;
use bartizan_request::{Origin, RequestPart};

use crate::pipeline::{Subject, printable};

/// The place of a finding, for the hit that records its request.
pub(super) fn of(found: &Detection, hit: &HitEvent, subject: &Subject<'_>) -> Option<SignPlace> {
    let number = |at: usize| u32::try_from(at).ok();
    let value = found.point_span.as_ref().filter(|span| span.start < span.end);
    let value = value.and_then(|span| Some([number(span.start)?, number(span.end)?]));
    let request = found.origin.as_ref().and_then(|origin| recorded(origin, hit, subject));
    (value.is_some() || request.is_some()).then_some(SignPlace { value, request })
}

/// Bytes of the request as characters of what is recorded of it.
fn recorded(Origin { part, span }: &Origin, hit: &HitEvent, subject: &Subject<'_>) -> Option<RequestSpan> {
    let (part, whole) = match *part {
        RequestPart::Target => (RecordedPart::Uri, subject.target),
        RequestPart::Body => (RecordedPart::Body, subject.body),
        RequestPart::Header(index) => (RecordedPart::Header, subject.headers.get(index)?.1),
    };
    let text = hit.recorded(part)?;
    // Far behind what is recorded is not worth a copy.
    let before = whole.get(..span.start).filter(|before| before.len() <= text.len())?;
    // Each byte is recorded as one at least.
    let sign = whole.get(span.clone()).filter(|sign| before.len() + sign.len() <= text.len())?;
    let (before, sign) = (printable(before, usize::MAX), printable(sign, usize::MAX));
    let is_there = text.strip_prefix(before.as_str()).is_some_and(|rest| rest.starts_with(&sign));
    let start = u32::try_from(before.chars().count()).ok()?;
    let end = start.checked_add(u32::try_from(sign.chars().count()).ok()?)?;
    (is_there && start < end).then_some(RequestSpan { part, span: [start, end] })
}

/// The recorded text up to the end of the sign, where its place is known.
pub(super) fn shown(hit: &HitEvent) -> Option<String> {
    let RequestSpan { part, span: [_, end] } = hit.sign_place?.request?;
    Some(hit.recorded(part)?.chars().take(end as usize).collect())
}

/// Forgets the place in the request, of which something else is recorded now.
pub(super) fn forget_in_request(hit: &mut HitEvent) {
    hit.sign_place = hit.sign_place.and_then(|SignPlace { value, .. }| {
        value.map(|value| SignPlace { value: Some(value), request: None })
    });
}

#[cfg(test)]
mod tests {
    use bartizan_detect::{Engine, NoPolicy, inspect};
    use bartizan_request::{Limits, RequestParts};
    use http::Version;
    use serde_json::json;
    use smallvec::SmallVec;

    use super::*;
    use crate::pipeline::Extent;

    /// The first finding of a request, and the hit with what is recorded of it.
    fn found(
        target: &str,
        header: &[u8],
        body: &[u8],
        recorded: &serde_json::Value,
    ) -> (HitEvent, Option<SignPlace>) {
        let fields: [(&[u8], &[u8]); 2] = [(b"content-type", b"application/json"), (b"x-a", header)];
        let headers = SmallVec::from_slice(&fields);
        let subject = Subject {
            method: "POST",
            target: target.as_bytes(),
            version: Version::HTTP_11,
            headers,
            secure: false,
            body,
            extent: Extent::Whole,
            body_bytes: body.len() as u64,
        };
        let parts = RequestParts {
            method: "POST",
            target: target.as_bytes(),
            headers: &fields,
            body,
            body_truncated: false,
        };
        let detections = inspect(&Engine::new(), &parts, &Limits::default(), &mut NoPolicy).detections;
        let detection = detections.first().expect("nothing was found");
        let hit: HitEvent = serde_json::from_value(json!({
            "event_id": "", "request_id": "", "ts_ms": 0, "node_uuid": "", "application": -1, "ruleset_version": 1,
            "attack_type": "sqli", "point": detection.point, "parameter": "", "value": "", "ip": "", "domain": "",
            "path": "", "method": "", "proto": "", "scheme": "", "statuscode": 0, "response_time": 0,
            "response_size": 0, "block_status": "blocked", "block_reason": "", "mode": "block", "raw": recorded,
        }))
        .unwrap();
        let place = of(detection, &hit, &subject);
        (HitEvent { sign_place: place, ..hit }, place)
    }

    const ATTACK: &str = "' union select password from users--";

    #[test]
    fn bytes_become_characters_of_what_is_recorded() {
        // A byte that is no UTF-8 is written as four characters, of two of a character one is.
        let body = [b"{\"a\":\"\xFF\xC3\xA4".as_slice(), ATTACK.as_bytes(), b"\"}"].concat();
        let text = format!("{{\"a\":\"\\xffä{ATTACK}\"}}");
        let (hit, place) = found("/", b"", &body, &json!({ "body": text }));
        let SignPlace { value, request } = place.unwrap();
        assert_eq!(value.unwrap()[0], 5);
        assert_eq!(request.unwrap().span[0], 6 + 5 + 2);
        assert!(shown(&hit).unwrap().ends_with("union select password from"), "{hit:?}");
    }

    #[test]
    fn a_header_is_placed_where_it_has_one_value() {
        let header = format!("x{ATTACK}");
        let place =
            |values: &[&str]| found("/", header.as_bytes(), b"", &json!({ "headers": {"X-A": values} })).1;
        let request = place(&[&header]).unwrap().request.unwrap();
        assert_eq!((request.part, request.span[0]), (RecordedPart::Header, 3));
        assert_eq!(place(&[&header, "b"]).unwrap().request, None);
        assert_eq!(place(&["********"]).unwrap().request, None);
    }

    #[test]
    fn nothing_is_placed_in_what_was_cut_or_masked() {
        let target = format!("/?pin=12345678&q=x{ATTACK}&z=1");
        let place = |recorded: &str| found(&target, b"", b"", &json!({ "uri": recorded })).1.unwrap();
        assert!(place(&target).request.is_some());
        // Behind the sign it changes nothing.
        assert!(place(&target.replace("z=1", "z=********")).request.is_some());
        for recorded in [target.replace("12345678", "********"), target[..30].to_owned(), String::new()] {
            let SignPlace { value, request } = place(&recorded);
            assert!(value.is_some() && request.is_none(), "{recorded}");
        }
        let (mut hit, _) = found(&target, b"", b"", &json!({ "uri": target }));
        forget_in_request(&mut hit);
        assert!(hit.sign_place.is_some_and(|place| place.request.is_none() && place.value.is_some()));
    }
}
