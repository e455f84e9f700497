//! Values of requests as the types they should be: what does not fit is refused by its name.
//!
//! Two wire forms: `{"error", "value"}` of the accounts family ([`named`]), and one entry per field of the events and
//! rules families ([`keyed`]).

use bartizan_api::ApiError;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::by_name::ByName;

/// Most members of an object among which the wrong one is looked for by trying, and most bytes that they may have.
const MOST_TRIED: (usize, usize) = (64, 65_536);

/// Members that are not repeated in an answer, whatever was sent in them.
const SECRETS: &[&str] = &[
    "admin_password",
    "bind_password",
    "client_key",
    "client_secret",
    "current_password",
    "jwt",
    "otp",
    "password",
    "password_confirmation",
    "recovery_code",
    "secret",
    "ticket",
    "token",
];

/// Members that only hold the object that a request is about: faults are named by its own members.
const WRAPPERS: &[&str] = &["ip_rule", "trigger"];

/// A value as what it should be.
///
/// # Errors
/// 400 `{"error", "value"}` that says which member is wrong, what was expected of it and what was sent.
pub(crate) fn named<T: DeserializeOwned>(value: &Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(ByName(value)).map_err(|error| {
        let (path, text) = (Steps::of(error.path()), error.inner().to_string());
        if let Some(name) = missing_field(&text) {
            return ApiError::invalid(format!("{} is needed", path.member(name).name()), Value::Null);
        }
        if let Some(name) = quoted(&text, "unknown field `") {
            return ApiError::invalid(text.clone(), path.member(name).name());
        }
        let path = match path.wrong_member::<T>(value, &text) {
            Some(member) => path.member(&member),
            None => path,
        };
        let sent = path.in_value(value).filter(|_| !path.is_secret()).map(shown).unwrap_or_default();
        ApiError::invalid(path.says(&expected(&text)), sent)
    })
}

/// A value as what it should be.
///
/// # Errors
/// 400 with the member that is wrong; `whole` stands for the value as a whole, `wrong` before what is wrong with it.
pub(crate) fn keyed<T: DeserializeOwned>(value: &Value, whole: &str, wrong: &str) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(ByName(value)).map_err(|error| {
        let text = error.inner().to_string();
        let steps = error.path().iter().map(ToString::to_string);
        let mut steps: Vec<String> = steps.filter(|step| step != "?" && step != ".").collect();
        let mut value = value;
        if let [wrapper, _, ..] = steps.as_slice()
            && let Some(inner) = WRAPPERS.contains(&wrapper.as_str()).then(|| value.get(wrapper)).flatten()
        {
            value = inner;
            steps.remove(0);
        }
        if let Some(missing) = missing_field(&text)
            && steps.is_empty()
        {
            return ApiError::field(missing, "can't be blank", Value::Null);
        }
        let Some(field) = steps.first().filter(|_| value.is_object()) else {
            return ApiError::field(whole, format!("{wrong}{text}"), Value::Null);
        };
        let sent =
            value.get(field).filter(|_| !SECRETS.contains(&field.as_str())).map(shown).unwrap_or_default();
        ApiError::field(field, text, sent)
    })
}

/// What was sent, without the secrets in it.
fn shown(sent: &Value) -> Value {
    match sent {
        Value::Array(items) => items.iter().map(shown).collect(),
        Value::Object(members) => {
            let shown = members.iter().map(|(name, member)| {
                let member = if SECRETS.contains(&name.as_str()) { Value::Null } else { shown(member) };
                (name.clone(), member)
            });
            Value::Object(shown.collect())
        }
        plain => plain.clone(),
    }
}

/// The refusal of a member by its place, as [`named`] refuses.
pub(crate) fn refused(place: &[Step], error: &str) -> ApiError {
    ApiError::invalid(Steps(place.to_vec()).says(error), Value::Null)
}

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Index(usize),
    Member(String),
}

/// The way to a part of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Steps(Vec<Step>);

impl Steps {
    fn of(path: &Path) -> Steps {
        let step = |segment: &Segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Member(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        };
        Steps(path.iter().filter_map(step).collect())
    }

    /// The way to a member of what this leads to. A way that ends with it stays.
    fn member(&self, name: &str) -> Steps {
        let step = Step::Member(name.to_owned());
        let mut steps = self.0.clone();
        if steps.last() != Some(&step) {
            steps.push(step);
        }
        Steps(steps)
    }

    fn name(&self) -> String {
        let mut name = String::new();
        for step in &self.0 {
            match step {
                Step::Index(index) => name.push_str(&format!("[{index}]")),
                Step::Member(member) if name.is_empty() => name.push_str(member),
                Step::Member(member) => name.extend([".", member]),
            }
        }
        name
    }

    /// The error with the name before it.
    fn says(&self, error: &str) -> String {
        if self.0.is_empty() { format!("the body: {error}") } else { format!("{}: {error}", self.name()) }
    }

    fn is_secret(&self) -> bool {
        let secret = |step: &Step| matches!(step, Step::Member(name) if SECRETS.contains(&name.as_str()));
        self.0.iter().any(secret)
    }

    fn in_value<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(value, |value, step| match step {
            Step::Index(index) => value.get(index),
            Step::Member(name) => value.get(name),
        })
    }

    fn in_value_mut<'a>(&self, value: &'a mut Value) -> Option<&'a mut Value> {
        self.0.iter().try_fold(value, |value, step| match step {
            Step::Index(index) => value.get_mut(index),
            Step::Member(name) => value.get_mut(name),
        })
    }

    /// The member of the object that this leads to without which the error is another one: types that flatten others
    /// into themselves do not say which.
    fn wrong_member<T: DeserializeOwned>(&self, value: &Value, text: &str) -> Option<String> {
        let object = self.in_value(value)?.as_object().filter(|object| object.len() <= MOST_TRIED.0)?;
        if value.to_string().len() > MOST_TRIED.1 {
            return None;
        }
        let mut rest = value.clone();
        for (name, member) in object {
            self.in_value_mut(&mut rest)?.as_object_mut()?.remove(name);
            match serde_path_to_error::deserialize::<_, T>(ByName(&rest))
                .err()
                .map(|error| error.inner().to_string())
            {
                Some(same) if same == text => {}
                // It is needed, right as it is.
                Some(other) if missing_field(&other).is_some() => {
                    self.in_value_mut(&mut rest)?.as_object_mut()?.insert(name.clone(), member.clone());
                }
                _ => return Some(name.clone()),
            }
        }
        None
    }
}

/// What was expected, in the words of JSON rather than of types, and without what was sent.
fn expected(text: &str) -> String {
    let Some((_, expected)) = text.strip_prefix("invalid ").and_then(|text| text.rsplit_once(", expected "))
    else {
        return text.to_owned();
    };
    let expected = match expected {
        "a boolean" => "true or false",
        "a map" => "an object",
        "a sequence" => "a list",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of 0 or more",
        "f32" | "f64" => "a number",
        text if text.starts_with("struct ") => "an object",
        text if text.starts_with("tuple ") => "a list",
        text => text,
    };
    format!("{expected} is expected")
}

/// The name in the text for a member that is required.
fn missing_field(text: &str) -> Option<&str> {
    quoted(text, "missing field `")
}

fn quoted<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.split('`').next()
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it is read matters")]
    struct Made {
        name: String,
        #[serde(default)]
        ids: Vec<i64>,
        #[serde(default)]
        inner: Option<Inner>,
        #[serde(default)]
        password: Option<String>,
        #[serde(flatten)]
        rest: Rest,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it is read matters")]
    struct Inner {
        level: Level,
        #[serde(default)]
        on: bool,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        High,
        Low,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only whether it is read matters")]
    struct Rest {
        #[serde(default)]
        phone: Option<String>,
        #[serde(default)]
        title: Option<String>,
        #[serde(default)]
        map: serde_json::Map<String, Value>,
    }

    /// The error and the value of a refusal.
    fn refusal(value: &Value) -> (String, Value) {
        let body = named::<Made>(value).unwrap_err().body;
        (body["error"].as_str().unwrap().to_owned(), body["value"].clone())
    }

    #[test]
    fn what_does_not_fit_is_named_with_what_was_sent() {
        for (sent, error, value) in [
            (json!({}), "name is needed", json!(null)),
            (json!({"name": 5}), "name: a string is expected", json!(5)),
            (json!({"name": "a", "ids": [1, "x"]}), "ids[1]: a whole number is expected", json!("x")),
            (json!({"name": "a", "inner": {}}), "inner.level is needed", json!(null)),
            (json!({"name": "a", "inner": 7}), "inner: an object is expected", json!(7)),
            (
                json!({"name": "a", "inner": {"level": "top"}}),
                "inner.level: unknown variant `top`, expected `high` or `low`",
                json!("top"),
            ),
            (
                json!({"name": "a", "inner": {"level": "low", "of": 1}}),
                "unknown field `of`, expected `level` or `on`",
                json!("inner.of"),
            ),
            (json!({"name": "a", "inner": ["low"]}), "inner: an object is expected", json!(["low"])),
            (json!("x"), "the body: an object is expected", json!("x")),
        ] {
            assert_eq!(refusal(&sent), (error.to_owned(), value), "{sent}");
        }
    }

    #[test]
    fn members_of_a_flattened_type_are_found_too() {
        let phone = ("phone: a string is expected".to_owned(), json!(5));
        assert_eq!(refusal(&json!({"name": "a", "phone": 5})), phone);
        assert_eq!(refusal(&json!({"title": "b", "phone": 5, "name": "a"})), phone);
        let both = refusal(&json!({"name": "a", "phone": 5, "title": 5}));
        assert!(both == phone || both.0 == "title: a string is expected", "{both:?}");
        assert_eq!(refusal(&json!({"name": "a", "map": [1]})).0, "map: an object is expected");
        // Beyond what is tried there is no name, and no long search.
        let mut many: serde_json::Map<_, _> = (0..100).map(|n| (format!("k{n}"), json!(1))).collect();
        many.extend([("name".to_owned(), json!("a")), ("phone".to_owned(), json!(5))]);
        assert_eq!(refusal(&Value::Object(many)).0, "the body: a string is expected");
    }

    #[test]
    fn secrets_are_not_repeated() {
        let (_, whole) = refusal(&json!([{"name": "a", "password": "x", "of": {"token": ["y"]}}]));
        assert_eq!(whole, json!([{"name": "a", "password": null, "of": {"token": null}}]));
        let (error, value) = refusal(&json!({"name": "a", "password": 12_345_678}));
        assert_eq!((error.as_str(), value), ("password: a string is expected", Value::Null));
    }
}
