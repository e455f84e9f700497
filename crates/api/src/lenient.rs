//! Values as the public clients spell them: numbers and flags as text in query strings, zero values in bodies.
//!
//! For `#[serde(deserialize_with = "…")]`, always together with `default`.

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

/// A whole number given as one, as a string of digits, or as null.
///
/// # Errors
/// When the value is none of these.
pub fn int<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if value.is_null() || value.as_str() == Some("") {
        return Ok(None);
    }
    crate::filter::int(&value).map(Some).ok_or_else(|| D::Error::custom("a whole number is expected"))
}

/// A flag given as a boolean, as text, or as null.
///
/// # Errors
/// When the value is none of these.
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(flag)),
        Value::String(text) if text == "true" || text == "1" => Ok(Some(true)),
        Value::String(text) if text == "false" || text == "0" => Ok(Some(false)),
        _ => Err(D::Error::custom("true or false is expected")),
    }
}

/// A field that tells absence (`None`) from null (`Some(None)`).
///
/// # Errors
/// When a value that is present does not parse.
pub fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Sent {
        #[serde(default, deserialize_with = "int")]
        limit: Option<i64>,
        #[serde(default, deserialize_with = "flag")]
        desc: Option<bool>,
        #[serde(default, deserialize_with = "present")]
        end: Option<Option<i64>>,
    }

    #[test]
    fn spellings_of_numbers_and_flags() {
        let sent: Sent = serde_json::from_str(r#"{"limit":"5","desc":"true","end":null}"#).unwrap();
        assert_eq!((sent.limit, sent.desc, sent.end), (Some(5), Some(true), Some(None)));
        let sent: Sent = serde_json::from_str("{}").unwrap();
        assert_eq!((sent.limit, sent.desc, sent.end), (None, None, None));
        assert!(serde_json::from_str::<Sent>(r#"{"limit":"x"}"#).is_err());
    }
}
