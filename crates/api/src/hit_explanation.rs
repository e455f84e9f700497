//! Why detection judged the recorded request of a hit as it did: an addition to the public API, the same as
//! `bartizan check request` prints.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A recorded request taken apart and judged by the detection database of this cloud.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HitExplanation {
    /// The points in the order in which they were visited, at most 500.
    pub points: Vec<ExplainedPoint>,
    /// Points beyond that.
    pub points_left_out: usize,
    /// What an inspection without rules reports.
    pub detections: Vec<ExplainedDetection>,
    /// Whether only the beginning of the body was recorded.
    pub body_truncated: bool,
    /// Whether a limit ended the inspection before everything was seen.
    pub stopped: bool,
    /// Values that were nested too deep to be decoded further.
    pub depth_limited: usize,
}

/// One value of a request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ExplainedPoint {
    /// Flat point: names, and numbers for indexes.
    #[schema(value_type = Vec<Object>, example = json!(["get", "q"]))]
    pub point: Value,
    /// `leaf` and `name` are inspected, the parts of `parsed` follow as points of their own.
    #[schema(example = "leaf")]
    pub role: &'static str,
    /// Length of the value, bytes.
    pub bytes: usize,
    /// Its beginning, at most 240 bytes.
    pub value: String,
    /// `argument`, `sentence` or `document`; null where nothing was inspected.
    #[schema(example = "argument")]
    pub shape: Option<&'static str>,
    /// Whether the value holds only characters that no attack can be written in.
    pub plain: bool,
    /// Signatures that matched.
    pub signs: Vec<ExplainedSign>,
}

/// One signature that matched a value.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ExplainedSign {
    /// Signature id.
    #[schema(example = 2010)]
    pub stamp: u32,
    /// Attack type.
    #[serde(rename = "type")]
    #[schema(example = "sqli")]
    pub kind: String,
    /// Technique.
    #[schema(example = "sqli_boolean")]
    pub subtype: &'static str,
    /// How the value was read: `as sent`, `text in data`, `without padding`, `beginning`, `shell words`, `script` or `sql`.
    #[schema(example = "as sent")]
    pub form: &'static str,
    /// What made the signature worth a look.
    pub literals: Vec<&'static str>,
    /// Whether it counts as an attack; otherwise the text around the match explains it.
    pub fired: bool,
    /// First byte of the match in that reading.
    pub start: usize,
    /// The byte after the match.
    pub end: usize,
    /// The match; null when it does not count.
    pub payload: Option<String>,
}

/// One attack that was found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ExplainedDetection {
    /// Attack type.
    #[serde(rename = "type")]
    #[schema(example = "sqli")]
    pub kind: String,
    /// Technique.
    #[schema(example = "sqli_boolean")]
    pub subtype: &'static str,
    /// Flat point.
    #[schema(value_type = Vec<Object>, example = json!(["get", "q"]))]
    pub point: Value,
    /// Payload.
    pub value: String,
    /// First byte of the sign itself in the payload.
    pub start: usize,
    /// First byte behind it.
    pub end: usize,
    /// Signature ids.
    pub stamps: Vec<u32>,
}
