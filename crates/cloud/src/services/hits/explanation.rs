//! The recorded request of a hit, judged again with reasons.

use std::{collections::BTreeMap, sync::OnceLock};

use bartizan_api::{
    ApiError,
    hit_explanation::{ExplainedDetection, ExplainedPoint, ExplainedSign, HitExplanation},
};
use bartizan_detect::{Candidate, Detection, Engine, Explanation, Outcome, PointView, explain};
use bartizan_request::{Limits, RequestParts};
use serde_json::Value;

use super::detail;
use crate::{auth::Caller, failure::Failure, state::Cloud};

/// Points of a reply.
const POINTS: usize = 500;

/// Explains a hit.
///
/// # Errors
/// 400 for another form of id, 404.
pub async fn explanation(cloud: &Cloud, caller: &Caller, id: &str) -> Result<HitExplanation, Failure> {
    let raw = detail(cloud, caller, id).await?;
    // A request is short, but hostile by nature: it does not hold up others.
    Ok(tokio::task::spawn_blocking(move || judged(&raw)).await.map_err(|_| ApiError::internal())?)
}

fn judged(raw: &Value) -> HitExplanation {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    let text = |name: &str| raw.get(name).and_then(Value::as_str).unwrap_or_default();
    // By name: PostgreSQL does not keep the order of keys.
    let named: BTreeMap<&String, &Value> =
        raw.get("headers").and_then(Value::as_object).into_iter().flatten().collect();
    let headers: Vec<(&[u8], &[u8])> = named
        .into_iter()
        .flat_map(|(name, values)| {
            let values = values.as_array().into_iter().flatten().filter_map(Value::as_str);
            values.map(|value| (name.as_bytes(), value.as_bytes()))
        })
        .collect();
    let body = bytes_of(text("body"));
    let parts = RequestParts {
        method: text("method"),
        target: text("uri").as_bytes(),
        headers: &headers,
        body: &body,
        body_truncated: raw.get("body_original_size").is_some_and(|size| !size.is_null()),
    };
    let explained = explain(ENGINE.get_or_init(Engine::new), &parts, &Limits::default());
    view(&explained, parts.body_truncated)
}

/// The bytes of a recorded text, in which those that are no UTF-8 were written as `\xNN`.
fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = rest.strip_prefix(b"\\x").and_then(|digits| digits.get(..2));
        let byte = escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        // Only such bytes are written so: others were sent as four characters.
        match byte.filter(|byte| !byte.is_ascii()) {
            Some(byte) => {
                bytes.push(byte);
                rest = rest.get(4..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    bytes
}

fn view(explained: &Explanation, body_truncated: bool) -> HitExplanation {
    HitExplanation {
        points: explained.points.iter().take(POINTS).map(point).collect(),
        points_left_out: explained.points.len().saturating_sub(POINTS),
        detections: explained.detections.iter().map(detection).collect(),
        body_truncated,
        stopped: explained.stopped,
        depth_limited: explained.depth_limited,
    }
}

fn point(point: &PointView) -> ExplainedPoint {
    ExplainedPoint {
        point: serde_json::to_value(&point.point).unwrap_or_default(),
        role: point.role,
        bytes: point.bytes,
        value: point.value.clone(),
        shape: point.judgement.as_ref().map(|judgement| judgement.shape),
        plain: point.judgement.as_ref().is_some_and(|judgement| judgement.plain),
        signs: point.judgement.iter().flat_map(|judgement| &judgement.candidates).filter_map(sign).collect(),
    }
}

/// A signature that matched; others would only be noise.
fn sign(candidate: &Candidate) -> Option<ExplainedSign> {
    let (span, payload) = match &candidate.outcome {
        Outcome::Fired { span, payload } => (span, Some(payload.clone())),
        Outcome::Explained { span } => (span, None),
        Outcome::OtherPlace | Outcome::TooFree | Outcome::Lacks { .. } | Outcome::NoMatch => return None,
    };
    Some(ExplainedSign {
        stamp: candidate.stamp,
        kind: candidate.attack_type.to_string(),
        subtype: candidate.subtype,
        form: candidate.form,
        literals: candidate.literals.clone(),
        fired: payload.is_some(),
        start: span.start,
        end: span.end,
        payload,
    })
}

fn detection(detection: &Detection) -> ExplainedDetection {
    ExplainedDetection {
        kind: detection.attack_type.to_string(),
        subtype: detection.subtype,
        point: serde_json::to_value(&detection.point).unwrap_or_default(),
        value: detection.value.clone(),
        start: detection.span.start,
        end: detection.span.end,
        stamps: detection.stamps.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_bytes_come_back() {
        assert_eq!(bytes_of("a\\xffb"), b"a\xffb");
        assert_eq!(bytes_of("\\x41\\xzz\\x"), b"\\x41\\xzz\\x");
        assert_eq!(bytes_of("caf\u{e9}"), "caf\u{e9}".as_bytes());
    }
}
