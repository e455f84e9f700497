//! What is wrong with a request body, field by field.
//!
//! Validation runs in the cloud before anything is stored. All faults of a body are reported together, in
//! the shape that the public clients print: `{"<field>":{"error":"<text>","value":<sent>}}`, nested one
//! level for fields of an inner object.

use serde_json::{Map, Value, json};

/// The literal texts of validation errors; clients show and sometimes compare them.
pub mod text {
    /// A required value is missing or empty.
    pub const BLANK: &str = "can't be blank";
    /// The value has the wrong type or is not one of the allowed ones.
    pub const INVALID: &str = "is invalid";
    /// A pattern needs too large an automaton.
    pub const TOO_COMPLEX: &str = "is too complex";
    /// A counted quantity is zero or negative.
    pub const AT_LEAST_ONE: &str = "must be greater than or equal to 1";
    /// The value differs from the stored one and cannot be changed.
    pub const IMMUTABLE: &str = "can't be changed";
}

/// One fault of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    /// Field, with a dot before an inner field: `enumerated_parameters.name_regexps`.
    pub field: Box<str>,
    /// Literal text for the client.
    pub error: Box<str>,
    /// What was sent, `null` when nothing was.
    pub value: Value,
    /// More for people than the literal text says, for instance where a pattern breaks.
    pub detail: Option<Box<str>>,
}

impl FieldError {
    /// A fault of `field` with a literal text and the value that was sent.
    pub fn new(field: impl Into<Box<str>>, error: impl Into<Box<str>>, value: Value) -> Self {
        FieldError { field: field.into(), error: error.into(), value, detail: None }
    }

    /// The same fault with an explanation for people.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Box<str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

/// All faults of a body; never empty.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("invalid fields: {}", .0.iter().map(|fault| format!("{} {}", fault.field, fault.error)).collect::<Vec<_>>().join(", "))]
pub struct FieldErrors(pub Vec<FieldError>);

impl FieldErrors {
    /// The `body` of the 400 answer.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = Map::new();
        for fault in &self.0 {
            let mut entry = json!({ "error": fault.error, "value": fault.value });
            if let (Some(detail), Some(entry)) = (&fault.detail, entry.as_object_mut()) {
                entry.insert("detail".into(), json!(detail));
            }
            match fault.field.split_once('.') {
                None => {
                    body.insert(fault.field.to_string(), entry);
                }
                Some((outer, inner)) => {
                    if let Some(nested) = body.entry(outer).or_insert_with(|| json!({})).as_object_mut() {
                        nested.insert(inner.into(), entry);
                    }
                }
            }
        }
        Value::Object(body)
    }
}

impl From<FieldError> for FieldErrors {
    fn from(fault: FieldError) -> Self {
        FieldErrors(vec![fault])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_fields_nest_one_level() {
        let faults = FieldErrors(vec![
            FieldError::new("comment", text::BLANK, json!("")),
            FieldError::new("threshold.count", text::AT_LEAST_ONE, json!(0)),
        ]);
        assert_eq!(
            faults.body(),
            json!({
                "comment": { "error": "can't be blank", "value": "" },
                "threshold": { "count": { "error": "must be greater than or equal to 1", "value": 0 } },
            })
        );
    }
}
