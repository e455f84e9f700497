//! JSON kept byte for byte as text.
//!
//! PostgreSQL's JSON types sort the keys of objects and refuse NUL characters. What came from the outside, such
//! as the headers of a request, needs its order and may hold anything.

use std::{fmt, str::FromStr};

use sea_orm::{DeriveValueType, sea_query::ValueTypeErr};
use serde_json::Value;

/// A JSON value in a text column.
#[derive(Clone, Debug, PartialEq, DeriveValueType)]
#[sea_orm(value_type = "String")]
pub struct JsonText(pub Value);

impl fmt::Display for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JsonText {
    type Err = ValueTypeErr;

    fn from_str(text: &str) -> Result<JsonText, ValueTypeErr> {
        serde_json::from_str(text).map(JsonText).map_err(|_| ValueTypeErr)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn order_and_nul_survive() {
        let value = JsonText(json!({"z": "\0", "a": [1, null]}));
        assert_eq!(value.to_string(), r#"{"z":"\u0000","a":[1,null]}"#);
        assert_eq!(value.to_string().parse::<JsonText>().unwrap(), value);
    }
}
