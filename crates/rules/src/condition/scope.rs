//! A scope: the set of conditions of one action (branch), and its identity.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::path::{Endpoint, literal_path_conditions};
use super::{Condition, ConditionKind, ConditionPoint};
use crate::error::{FieldError, text};

/// Most conditions of one action.
pub const MAX_CONDITIONS: usize = 60;

/// The path that the grouping of hits writes when an attack spans several paths.
const MULTIPLE_PATHS: &str = "[multiple]";

/// The conditions of an action, all of which must hold; none at all is the default branch.
///
/// Order is the order sent, which echoes keep; identity ([`Scope::conditions_hash`]) ignores it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scope(Vec<Condition>);

impl Scope {
    /// Parses the `action` of a request body; missing is the default branch.
    ///
    /// # Errors
    /// The first fault, as a fault of the field `action`.
    pub fn parse(action: Option<&Value>) -> Result<Scope, FieldError> {
        let wires = match action {
            None | Some(Value::Null) => return Ok(Scope::default()),
            Some(Value::Array(wires)) => wires,
            Some(other) => return Err(FieldError::new("action", text::INVALID, other.clone())),
        };
        if wires.len() > MAX_CONDITIONS {
            return Err(FieldError::new("action", text::INVALID, Value::Null)
                .with_detail(format!("more than {MAX_CONDITIONS} conditions")));
        }
        let conditions = wires.iter().map(Condition::parse).collect::<Result<Vec<_>, _>>()?;
        let scope = Scope::new(conditions);
        if scope.mixes_uri_with_its_parts() {
            return Err(FieldError::new("action", text::INVALID, Value::Array(wires.clone()))
                .with_detail("uri excludes path, action_name, action_ext and get"));
        }
        Ok(scope)
    }

    /// A scope of normalised conditions, exact duplicates dropped.
    #[must_use]
    pub fn new(conditions: Vec<Condition>) -> Scope {
        let mut seen = HashSet::new();
        Scope(conditions.into_iter().filter(|condition| seen.insert(condition.clone())).collect())
    }

    /// The scope of a hit: application (unless 0), host and path, nothing else.
    #[must_use]
    pub fn by_hit(instance: i64, host: &str, path: &str) -> Scope {
        let mut conditions = Vec::new();
        if instance != 0 {
            let value = instance.to_string();
            conditions.push(Condition::new(ConditionKind::Equal, ConditionPoint::Instance, Some(&value)));
        }
        conditions.push(Condition::new(ConditionKind::Iequal, ConditionPoint::Host, Some(host)));
        if path != MULTIPLE_PATHS {
            conditions.extend(literal_path_conditions(path));
        }
        Scope(conditions)
    }

    /// The conditions, in the order sent.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        &self.0
    }

    /// Whether this is the default branch, which all traffic takes.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.0.is_empty()
    }

    /// The wire form.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.0.iter().map(Condition::to_json).collect()
    }

    /// Identity of the action: SHA-256 of the sorted conditions, hex (`spec/rules.md` section 1.9).
    #[must_use]
    pub fn conditions_hash(&self) -> String {
        let mut texts: Vec<String> = self.0.iter().map(Condition::hash_text).collect();
        texts.sort_unstable();
        hex::encode(Sha256::digest(format!("not_null{}", texts.join(","))))
    }

    /// Lossy rendering for people: path, host and application.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::of(&self.0)
    }

    fn mixes_uri_with_its_parts(&self) -> bool {
        let has_uri = self.0.iter().any(|condition| condition.point == ConditionPoint::Uri);
        has_uri
            && self.0.iter().any(|condition| {
                use ConditionPoint::{ActionExt, ActionName, Get, Path};
                matches!(condition.point, Path(_) | ActionName | ActionExt | Get(_))
            })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn hash_of(action: &Value, expected: &str) {
        assert_eq!(Scope::parse(Some(action)).unwrap().conditions_hash(), expected);
    }

    #[test]
    fn hash_vectors_of_the_contract() {
        hash_of(&json!([]), "5b8b61bd5ed79de9b3d130436a1e5a63ec663e224557ccb981bbb491a891b4dc");
        hash_of(
            &json!([
                {"type": "equal", "point": ["path", 0], "value": "import"},
                {"type": "equal", "point": ["path", "1"], "value": "mode"},
                {"type": "absent", "point": ["path", 2], "value": ""},
                {"point": ["action_name"], "value": "test"},
                {"type": "absent", "point": ["action_ext"]},
            ]),
            "e3a1ef0f6cf7fa1ee309ec81f63d623569b123cd88e62a7498dc9af6b733591b",
        );
        hash_of(
            &json!([
                {"type": "equal", "point": ["header", "Host"], "value": "EXAMPLE.com"},
                {"type": "absent", "point": ["path", 0]},
                {"type": "equal", "point": ["action_name"], "value": ""},
                {"type": "absent", "point": ["action_ext"]},
            ]),
            "661cad9d4e1f1c8cf972668d9c01d8c0062f02920a1a1647572abd60b62755b1",
        );
        hash_of(
            &json!([
                {"type": "equal", "point": ["method"], "value": "POST"},
                {"type": "iequal", "point": ["header", "HOST"], "value": "example.com"},
                {"type": "equal", "point": ["path", 0], "value": "path"},
                {"type": "absent", "point": ["path", 1], "value": null},
                {"type": "equal", "point": ["action_name"], "value": "action"},
                {"type": "equal", "point": ["action_ext"], "value": "ext"},
                {"type": "equal", "point": ["query", "key"], "value": "val"},
                {"type": "equal", "point": ["instance"], "value": 13},
                {"type": "equal", "point": ["proto"], "value": "1.1"},
                {"type": "equal", "point": ["scheme"], "value": "https"},
                {"type": "regex", "point": ["header", "content-type"], "value": "application/.*"},
            ]),
            "c522d1d19df25efd77ff21d973127f9515db97aa29c7373aba3f3d33fe86c42c",
        );
    }

    #[test]
    fn hash_covers_compact_json() {
        let condition = Condition::new(ConditionKind::Equal, ConditionPoint::Path(0), Some("import"));
        assert_eq!(
            condition.hash_text(),
            r#"[["point","[\"path\",0]"],["type","equal"],["value","import"]]"#
        );
    }

    #[test]
    fn duplicates_go_and_order_stays() {
        let action = json!([
            {"type": "equal", "point": ["path", 0], "value": "a"},
            {"type": "iequal", "point": ["header", "HOST"], "value": "h"},
            {"type": "equal", "point": ["path", "0"], "value": "a"},
            {"type": "equal", "point": ["header", "host"], "value": "H"},
        ]);
        let scope = Scope::parse(Some(&action)).unwrap();
        assert_eq!(
            scope.to_json(),
            json!([
                {"type": "equal", "point": ["path", 0], "value": "a"},
                {"type": "iequal", "point": ["header", "HOST"], "value": "h"},
            ])
        );
        let back: Scope = serde_json::from_value(scope.to_json()).unwrap();
        assert_eq!(back, scope);
    }

    #[test]
    fn uri_excludes_its_parts_and_size_is_bounded() {
        let uri = json!({"point": ["uri"], "value": "/a"});
        assert!(Scope::parse(Some(&json!([uri]))).is_ok());
        for part in [json!(["path", 0]), json!(["action_name"]), json!(["action_ext"]), json!(["get", "a"])] {
            let mixed = json!([uri, {"point": part, "value": "a"}]);
            assert_eq!(Scope::parse(Some(&mixed)).unwrap_err().error.as_ref(), "is invalid");
        }
        let many: Vec<Value> = (0..61).map(|index| json!({"point": ["path", index], "value": "a"})).collect();
        assert!(Scope::parse(Some(&Value::Array(many.clone()))).is_err());
        assert!(Scope::parse(Some(&Value::Array(many[..60].to_vec()))).is_ok());
    }

    #[test]
    fn scope_of_a_hit_is_application_host_and_path() {
        assert_eq!(
            Scope::by_hit(-1, "Shop.Test", "/api/v1/user.tar.gz").to_json(),
            json!([
                {"type": "equal", "point": ["instance"], "value": "-1"},
                {"type": "iequal", "point": ["header", "HOST"], "value": "shop.test"},
                {"type": "equal", "point": ["action_name"], "value": "user"},
                {"type": "equal", "point": ["action_ext"], "value": "tar.gz"},
                {"type": "equal", "point": ["path", 0], "value": "api"},
                {"type": "equal", "point": ["path", 1], "value": "v1"},
                {"type": "absent", "point": ["path", 2], "value": null},
            ])
        );
        assert_eq!(
            Scope::by_hit(0, "h", "[multiple]").to_json(),
            json!([{"type": "iequal", "point": ["header", "HOST"], "value": "h"}])
        );
        // A star in a hit's path is a star, not a pattern.
        assert!(Scope::by_hit(0, "h", "/*/x").conditions().iter().any(|c| c.value() == Some("*")));
    }
}
