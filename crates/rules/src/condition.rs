//! Conditions: the tests on a request that scope a rule (`spec/rules.md` section 2).
//!
//! A wire condition is parsed into types once, normalised on the way (header names upper case, `iequal`
//! values lower case, `absent` without value, `HOST` always case-insensitive), and trusted from then on:
//! echo, hash and the node's matcher all read the same value.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::dialect::Pattern;
use crate::error::{FieldError, text};

mod path;
mod scope;

pub use path::{Endpoint, uri_conditions};
pub use scope::{MAX_CONDITIONS, Scope};

/// How a condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConditionKind {
    /// The part does not exist.
    Absent,
    /// Byte-equal.
    Equal,
    /// Equal ignoring case.
    Iequal,
    /// Matches a pattern of the rule dialect.
    Regex,
}

impl ConditionKind {
    /// Name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            ConditionKind::Absent => "absent",
            ConditionKind::Equal => "equal",
            ConditionKind::Iequal => "iequal",
            ConditionKind::Regex => "regex",
        }
    }
}

/// The request part that a condition looks at. The derived order is the order in which specificity is
/// decided (`spec/rules.md` section 2.7), with `HOST` before every other part but the application.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConditionPoint {
    /// Application id, `-1` is the default application.
    Instance,
    /// The `HOST` header.
    Host,
    /// `http` or `https`.
    Scheme,
    /// `1.0`, `1.1`, `2.0`, `3.0`.
    Proto,
    /// HTTP method.
    Method,
    /// Directory segment of the path, from zero.
    Path(u32),
    /// Last path segment up to the first dot.
    ActionName,
    /// Last path segment after the first dot.
    ActionExt,
    /// Raw path and query.
    Uri,
    /// A header other than `HOST`, upper case.
    Header(Box<str>),
    /// A query parameter.
    Get(Box<str>),
}

impl ConditionPoint {
    /// Reads the wire form: `["path",3]`, `["header","HOST"]`, `["instance"]`; tolerates a numeric string as
    /// index and `query` for `get`.
    fn parse(point: &Value) -> Option<ConditionPoint> {
        let items = point.as_array()?;
        let name = items.first()?.as_str()?;
        match (name, items.get(1), items.len()) {
            ("instance", None, 1) => Some(ConditionPoint::Instance),
            ("scheme", None, 1) => Some(ConditionPoint::Scheme),
            ("proto", None, 1) => Some(ConditionPoint::Proto),
            ("method", None, 1) => Some(ConditionPoint::Method),
            ("action_name", None, 1) => Some(ConditionPoint::ActionName),
            ("action_ext", None, 1) => Some(ConditionPoint::ActionExt),
            ("uri", None, 1) => Some(ConditionPoint::Uri),
            ("path", Some(index), 2) => parse_index(index).map(ConditionPoint::Path),
            ("header", Some(Value::String(key)), 2) if !key.is_empty() => Some(Self::header(key)),
            ("get" | "query", Some(Value::String(key)), 2) => Some(ConditionPoint::Get(key.as_str().into())),
            _ => None,
        }
    }

    /// The point of a header, whatever the case of its name.
    #[must_use]
    pub fn header(name: &str) -> ConditionPoint {
        let name = name.to_ascii_uppercase();
        if name == "HOST" { ConditionPoint::Host } else { ConditionPoint::Header(name.into()) }
    }

    /// The wire form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            ConditionPoint::Instance => json!(["instance"]),
            ConditionPoint::Host => json!(["header", "HOST"]),
            ConditionPoint::Scheme => json!(["scheme"]),
            ConditionPoint::Proto => json!(["proto"]),
            ConditionPoint::Method => json!(["method"]),
            ConditionPoint::Path(index) => json!(["path", index]),
            ConditionPoint::ActionName => json!(["action_name"]),
            ConditionPoint::ActionExt => json!(["action_ext"]),
            ConditionPoint::Uri => json!(["uri"]),
            ConditionPoint::Header(name) => json!(["header", name]),
            ConditionPoint::Get(key) => json!(["get", key]),
        }
    }
}

/// Highest path index that a condition may name; deeper segments do not occur in real scopes.
const MAX_PATH_INDEX: u32 = 1023;
/// Longest value of a condition, characters.
const MAX_VALUE_CHARS: usize = 4096;

fn parse_index(index: &Value) -> Option<u32> {
    let number = match index {
        Value::Number(number) => u32::try_from(number.as_u64()?).ok()?,
        Value::String(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        _ => return None,
    };
    (number <= MAX_PATH_INDEX).then_some(number)
}

/// RFC 9110 section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether the text is the id of an application as nodes write it.
fn is_application(text: &str) -> bool {
    text == "-1" || text.parse::<i32>().is_ok_and(|id| id >= 1 && id.to_string() == text)
}

/// Lower case, each character for itself, as clients fold values. `İ` is the only one whose lower case is more than
/// one character; simple folding makes it an `i`. Other rules of languages (a `Σ` at the end of a word) do not apply.
pub(crate) fn lower(text: &str) -> String {
    let fold = |character: char| {
        let mut folded = character.to_lowercase();
        match (folded.next(), folded.next()) {
            (Some(one), None) => one,
            _ => 'i',
        }
    };
    text.chars().map(fold).collect()
}

/// One test on one request part, normalised.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Condition {
    kind: ConditionKind,
    point: ConditionPoint,
    value: Option<Box<str>>,
}

impl Condition {
    /// A normalised condition; a missing value is empty, and `absent` drops its value.
    #[must_use]
    pub fn new(kind: ConditionKind, point: ConditionPoint, value: Option<&str>) -> Condition {
        let kind = match (kind, &point) {
            (ConditionKind::Equal, ConditionPoint::Host) => ConditionKind::Iequal,
            (kind, _) => kind,
        };
        let value = match kind {
            ConditionKind::Absent => None,
            ConditionKind::Iequal => Some(lower(value.unwrap_or_default()).into()),
            ConditionKind::Equal | ConditionKind::Regex => Some(value.unwrap_or_default().into()),
        };
        Condition { kind, point, value }
    }

    /// Parses and normalises one wire condition.
    ///
    /// # Errors
    /// A fault of the field `action` that carries the condition as sent.
    pub fn parse(wire: &Value) -> Result<Condition, FieldError> {
        let condition = Condition::parse_stored(wire)?;
        condition
            .can_hold()
            .map_err(|detail| FieldError::new("action", text::INVALID, wire.clone()).with_detail(detail))?;
        if condition.kind == ConditionKind::Regex {
            Pattern::check(condition.value.as_deref().unwrap_or_default()).map_err(|fault| {
                FieldError::new("action", fault.text(), wire.clone()).with_detail(fault.to_string())
            })?;
        }
        Ok(condition)
    }

    /// Refuses what no request can have: a rule of such a scope would look as if it did something.
    fn can_hold(&self) -> Result<(), &'static str> {
        if let ConditionPoint::Header(name) = &self.point
            && !name.bytes().all(is_token_byte)
        {
            return Err("the name of a header is letters, digits and !#$%&'*+-.^_`|~");
        }
        let (ConditionKind::Equal | ConditionKind::Iequal, Some(value)) = (self.kind, self.value()) else {
            return Ok(());
        };
        match self.point {
            ConditionPoint::Instance if !is_application(value) => {
                Err("the value is the id of an application: 1 to 2147483647, or -1 for the default one")
            }
            ConditionPoint::Scheme if !["http", "https"].contains(&value) => {
                Err("the value is http or https")
            }
            ConditionPoint::Proto if !["1.0", "1.1", "2.0", "3.0"].contains(&value) => {
                Err("the value is 1.0, 1.1, 2.0 or 3.0")
            }
            _ => Ok(()),
        }
    }

    /// Parses a condition whose value was checked before it was stored.
    fn parse_stored(wire: &Value) -> Result<Condition, FieldError> {
        let refuse =
            |detail: &str| FieldError::new("action", text::INVALID, wire.clone()).with_detail(detail);
        let Some(object) = wire.as_object() else {
            return Err(refuse("a condition is an object with type, point and value"));
        };
        let kind = match object.get("type") {
            None | Some(Value::Null) => ConditionKind::Equal,
            Some(Value::String(name)) => match name.as_str() {
                "" | "equal" => ConditionKind::Equal,
                "iequal" => ConditionKind::Iequal,
                "regex" => ConditionKind::Regex,
                "absent" => ConditionKind::Absent,
                _ => return Err(refuse("type is one of equal, iequal, regex, absent")),
            },
            Some(_) => return Err(refuse("type is a string")),
        };
        let Some(point) = object.get("point").and_then(ConditionPoint::parse) else {
            return Err(refuse("this point cannot scope a rule"));
        };
        let value = match object.get("value") {
            None | Some(Value::Null) => None,
            Some(Value::String(value)) => Some(value.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            // The value of `absent` is dropped whatever it is.
            Some(_) if kind == ConditionKind::Absent => None,
            Some(_) => return Err(refuse("value is a string")),
        };
        if value.as_ref().is_some_and(|value| value.chars().count() > MAX_VALUE_CHARS) {
            return Err(refuse("value is longer than 4096 characters"));
        }
        Ok(Condition::new(kind, point, value.as_deref()))
    }

    /// How it compares.
    #[must_use]
    pub fn kind(&self) -> ConditionKind {
        self.kind
    }

    /// What it looks at.
    #[must_use]
    pub fn point(&self) -> &ConditionPoint {
        &self.point
    }

    /// What it compares with; `None` for `absent` only.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// The wire form: always `type`, `point` and `value`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "type": self.kind.name(), "point": self.point.to_json(), "value": self.value })
    }

    /// The text that the conditions hash sorts and covers.
    fn hash_text(&self) -> String {
        json!([
            ["point", self.point.to_json().to_string()],
            ["type", self.kind.name()],
            ["value", self.value]
        ])
        .to_string()
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.point.to_json(), self.kind.name(), self.value)
    }
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Value::deserialize(deserializer)?;
        Condition::parse_stored(&wire).map_err(|fault| {
            serde::de::Error::custom(format!("condition {wire} {}", fault.detail.unwrap_or(fault.error)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn echo(sent: &Value, echoed: &Value) {
        assert_eq!(&Condition::parse(sent).unwrap().to_json(), echoed, "sent {sent}");
    }

    #[test]
    fn input_is_normalised_on_the_way_in() {
        echo(
            &json!({"point": ["path", "3"], "value": "a"}),
            &json!({"type": "equal", "point": ["path", 3], "value": "a"}),
        );
        echo(
            &json!({"type": "", "point": ["instance"], "value": 3}),
            &json!({"type": "equal", "point": ["instance"], "value": "3"}),
        );
        echo(
            &json!({"type": "equal", "point": ["header", "host"], "value": "Shop.Test"}),
            &json!({"type": "iequal", "point": ["header", "HOST"], "value": "shop.test"}),
        );
        echo(
            &json!({"type": "iequal", "point": ["header", "x-Name"], "value": "ÄB"}),
            &json!({"type": "iequal", "point": ["header", "X-NAME"], "value": "äb"}),
        );
        // As clients fold: no rules of words or languages.
        echo(
            &json!({"type": "iequal", "point": ["action_name"], "value": "İZΣΟΦΟΣ"}),
            &json!({"type": "iequal", "point": ["action_name"], "value": "izσοφοσ"}),
        );
        echo(
            &json!({"type": "absent", "point": ["action_ext"], "value": ""}),
            &json!({"type": "absent", "point": ["action_ext"], "value": null}),
        );
        echo(
            &json!({"type": "equal", "point": ["query", "Key"]}),
            &json!({"type": "equal", "point": ["get", "Key"], "value": ""}),
        );
    }

    #[test]
    fn every_value_that_a_request_can_have_is_taken() {
        for sent in [
            json!({"point": ["instance"], "value": "-1"}),
            json!({"point": ["instance"], "value": "2147483647"}),
            json!({"point": ["instance"], "type": "regex", "value": "^[1-9]$"}),
            json!({"point": ["instance"], "type": "absent"}),
            json!({"point": ["scheme"], "type": "iequal", "value": "HTTPS"}),
            json!({"point": ["proto"], "value": "3.0"}),
            json!({"point": ["header", "x_odd.name~"], "value": "a"}),
        ] {
            assert!(Condition::parse(&sent).is_ok(), "{sent}");
        }
    }

    #[test]
    fn what_cannot_scope_a_rule_is_refused() {
        for sent in [
            json!("x"),
            json!({"point": ["post"], "value": "a"}),
            json!({"point": ["path"], "value": "a"}),
            json!({"point": ["path", -1], "value": "a"}),
            json!({"point": ["path", "1x"], "value": "a"}),
            json!({"point": ["path", 0, 1], "value": "a"}),
            json!({"point": ["header", ""], "value": "a"}),
            json!({"point": [], "value": "a"}),
            json!({"point": ["method"], "type": "like", "value": "a"}),
            json!({"point": ["method"], "value": ["a"]}),
            json!({"point": ["method"], "type": "regex", "value": ""}),
            json!({"point": ["method"], "type": "regex", "value": "a**"}),
            json!({"point": ["instance"], "value": "abc"}),
            json!({"point": ["instance"], "value": "1.5"}),
            json!({"point": ["instance"], "value": "0"}),
            json!({"point": ["instance"], "value": "01"}),
            json!({"point": ["instance"], "value": "+1"}),
            json!({"point": ["instance"], "value": -2}),
            json!({"point": ["instance"], "value": 1_i64 << 31}),
            json!({"point": ["instance"]}),
            json!({"point": ["scheme"], "value": "ftp"}),
            json!({"point": ["scheme"], "value": "HTTP"}),
            json!({"point": ["proto"], "value": "HTTP/1.1"}),
            json!({"point": ["header", "A B"], "value": "a"}),
            json!({"point": ["header", "A\n"], "value": "a"}),
            json!({"point": ["header", "X:"], "type": "absent"}),
        ] {
            let fault = Condition::parse(&sent).unwrap_err();
            assert_eq!((&*fault.field, &*fault.error), ("action", "is invalid"), "{sent}");
            assert_eq!(fault.value, sent);
        }
    }
}
