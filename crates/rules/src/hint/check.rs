//! How one field is checked, and the normal form in which it is stored and echoed.

use serde_json::Value;

use super::thresholds;
use crate::dialect::Pattern;
use crate::error::{FieldError, text};
use crate::points::{parse_point, parse_request_point};

/// Longest text inside a list, characters.
const MAX_TEXT_CHARS: usize = 8192;
/// Most items of a list.
const MAX_ITEMS: usize = 1000;

/// What a field must be. Blank values are handled before.
#[derive(Clone, Copy)]
pub(super) enum Check {
    /// Conditions on request metadata, of threshold controls.
    Advanced,
    /// Stored as it is.
    Anything,
    /// Conditions on points, of threshold controls.
    Arbitrary,
    /// What is enumerated, of threshold controls.
    Enumerated,
    /// `true` or `false`.
    Flag,
    /// A header token.
    HeaderName,
    /// A whole number in a range.
    Integer { min: i64, max: Option<i64> },
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// A pattern of the rule dialect.
    Pattern,
    /// A point of a request.
    Point,
    /// A point of a request, or the address of the client.
    PointOrSource,
    /// What a threshold control does.
    Reaction,
    /// A list of at least one value of a header field.
    HeaderValues,
    /// A count in a period.
    Threshold,
}

impl Check {
    /// The normal form of a value, or its faults.
    pub(super) fn apply(self, field: &str, sent: &Value) -> Result<Value, Vec<FieldError>> {
        let invalid = || vec![FieldError::new(field, text::INVALID, sent.clone())];
        match self {
            Check::Advanced => thresholds::advanced(field, sent),
            Check::Arbitrary => thresholds::arbitrary(field, sent),
            Check::Enumerated => thresholds::enumerated(field, sent),
            Check::Reaction => thresholds::reaction(field, sent),
            Check::Threshold => thresholds::threshold(field, sent),
            Check::Anything => Ok(sent.clone()),
            Check::Flag if sent.is_boolean() => Ok(sent.clone()),
            Check::HeaderName => match sent.as_str() {
                Some(name) if is_token(name) && !is_framing(name) => Ok(sent.clone()),
                _ => Err(invalid()),
            },
            Check::Integer { min, max } => match sent.as_i64() {
                Some(number) if number >= min && max.is_none_or(|max| number <= max) => Ok(sent.clone()),
                _ if !sent.is_number() => Err(invalid()),
                _ => Err(vec![FieldError::new(field, self.range_text().unwrap_or_default(), sent.clone())]),
            },
            Check::OneOf(allowed) => match sent.as_str() {
                Some(text) if allowed.contains(&text) => Ok(sent.clone()),
                _ => Err(invalid()),
            },
            Check::Pattern => {
                let pattern = sent.as_str().ok_or_else(invalid)?;
                Pattern::check(pattern).map_err(|fault| {
                    vec![FieldError::new(field, fault.text(), sent.clone()).with_detail(fault.to_string())]
                })?;
                Ok(sent.clone())
            }
            Check::Point | Check::PointOrSource => {
                let source_too = matches!(self, Check::PointOrSource);
                let parse = if source_too { parse_point } else { parse_request_point };
                let point = parse(field, sent).map_err(|fault| vec![fault])?;
                serde_json::to_value(point).map_err(|_| invalid())
            }
            Check::HeaderValues => match texts(sent) {
                Some([]) => Err(vec![FieldError::new(field, text::BLANK, sent.clone())]),
                Some(values) if values.iter().filter_map(Value::as_str).all(is_field_value) => {
                    Ok(sent.clone())
                }
                _ => Err(invalid()),
            },
            Check::Flag => Err(invalid()),
        }
    }

    /// The text that names the range of a number.
    pub(super) fn range_text(self) -> Option<String> {
        match self {
            Check::Integer { min, max: Some(max) } => Some(format!("should be in {min}..{max}")),
            Check::Integer { min, max: None } => Some(format!("must be greater than or equal to {min}")),
            _ => None,
        }
    }
}

/// The items of a list of texts; `None` when it is anything else.
pub(super) fn texts(sent: &Value) -> Option<&[Value]> {
    let items = sent.as_array()?;
    let fits = |item: &Value| item.as_str().is_some_and(|text| text.chars().count() <= MAX_TEXT_CHARS);
    (items.len() <= MAX_ITEMS && items.iter().all(fits)).then_some(items)
}

/// A value of a header field of RFC 9110: no control character but the tab.
fn is_field_value(value: &str) -> bool {
    !value.bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7F)
}

/// The fields that say where a message ends, which a node leaves as they are.
fn is_framing(name: &str) -> bool {
    const FRAMING: [&str; 4] = ["connection", "content-length", "transfer-encoding", "upgrade"];
    FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing))
}

/// A header name of RFC 9110.
fn is_token(name: &str) -> bool {
    let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    name.len() <= 255 && name.bytes().all(is_token_byte)
}
