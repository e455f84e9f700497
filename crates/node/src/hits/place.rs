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
    let before = printable(before, usize::MAX);
    let sign = printable(whole.get(span.clone())?, usize::MAX);
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
