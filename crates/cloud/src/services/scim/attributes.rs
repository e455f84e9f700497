//! Attributes of SCIM resources: names count in any case, and providers write truth in several ways.

use bartizan_api::scim::ScimListQuery;
use serde_json::{Map, Value};

use super::Refusal;

/// Longest text of an attribute.
const MAX_TEXT: usize = 255;
/// Most operations of one change.
const MAX_OPERATIONS: usize = 1000;

/// A resource as a request holds it.
#[derive(Clone, Debug)]
pub struct Attributes<'v>(&'v Map<String, Value>);

impl<'v> Attributes<'v> {
    /// The attributes of a body.
    ///
    /// # Errors
    /// 400 `invalidSyntax` for what is not an object.
    pub fn of(body: &'v Value) -> Result<Attributes<'v>, Refusal> {
        body.as_object()
            .map(Attributes)
            .ok_or_else(|| Refusal::invalid("invalidSyntax", "an object is needed"))
    }

    /// The value of an attribute; null is absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'v Value> {
        let found = self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value).filter(|value| !value.is_null())
    }

    /// Names with values.
    pub fn iter(&self) -> impl Iterator<Item = (&'v String, &'v Value)> {
        self.0.iter()
    }

    /// A text of 1 to 255 characters.
    ///
    /// # Errors
    /// 400 `invalidValue` naming the attribute.
    pub fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        self.get(name).map(|value| text(name, value)).transpose()
    }
}

/// A text of 1 to 255 characters.
///
/// # Errors
/// 400 `invalidValue` naming the attribute.
pub fn text(name: &str, value: &Value) -> Result<String, Refusal> {
    let text = value.as_str().map(str::trim).filter(|text| (1..=MAX_TEXT).contains(&text.chars().count()));
    let refused =
        || Refusal::invalid("invalidValue", format!("{name} must be a text of 1 to {MAX_TEXT} characters"));
    text.map(str::to_owned).ok_or_else(refused)
}

/// Truth, also as the text that some providers send.
///
/// # Errors
/// 400 `invalidValue` naming the attribute.
pub fn truth(name: &str, value: &Value) -> Result<bool, Refusal> {
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(Refusal::invalid("invalidValue", format!("{name} must be true or false"))),
    }
}

/// What an operation of a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Adds, or sets.
    Add,
    /// Sets.
    Replace,
    /// Removes.
    Remove,
}

/// One operation of a change.
#[derive(Clone, Debug)]
pub struct Operation<'v> {
    /// What it does.
    pub verb: Verb,
    /// To what; absent is the resource.
    pub path: Option<&'v str>,
    /// With what.
    pub value: Option<&'v Value>,
}

/// The operations of a change.
///
/// # Errors
/// 400 `invalidSyntax` for what is not one.
pub fn operations(body: &Value) -> Result<Vec<Operation<'_>>, Refusal> {
    let refused = |detail: &str| Refusal::invalid("invalidSyntax", detail);
    let list = Attributes::of(body)?.get("Operations").and_then(Value::as_array);
    let list = list.ok_or_else(|| refused("Operations must be a list"))?;
    if list.len() > MAX_OPERATIONS {
        return Err(refused("Operations must be at most 1000"));
    }
    let one = |value| {
        let operation = Attributes::of(value)?;
        let verb = operation.get("op").and_then(Value::as_str).unwrap_or_default();
        let verb = match verb.to_ascii_lowercase().as_str() {
            "add" => Verb::Add,
            "replace" => Verb::Replace,
            "remove" => Verb::Remove,
            _ => return Err(refused("op must be add, replace or remove")),
        };
        let path = match operation.get("path") {
            None => None,
            Some(path) => Some(path.as_str().ok_or_else(|| refused("path must be a text"))?.trim()),
        };
        Ok(Operation { verb, path: path.filter(|path| !path.is_empty()), value: operation.get("value") })
    };
    list.iter().map(one).collect()
}

/// A resource with the attributes that are asked for, or without those that are not.
#[must_use]
pub fn shown(mut resource: Value, query: &ScimListQuery) -> Value {
    let names = |list: &Option<String>| -> Vec<String> {
        let names = list.iter().flat_map(|list| list.split(','));
        names.map(|name| name.trim().split('.').next().unwrap_or_default().to_ascii_lowercase()).collect()
    };
    let (asked, left_out) = (names(&query.attributes), names(&query.excluded_attributes));
    if let Some(map) = resource.as_object_mut() {
        map.retain(|name, _| {
            let name = name.to_ascii_lowercase();
            let always = matches!(name.as_str(), "schemas" | "id");
            always || (!left_out.contains(&name) && (asked.is_empty() || asked.contains(&name)))
        });
    }
    resource
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_count_in_any_case_and_truth_in_several_ways() {
        let body = json!({"USERNAME": "eve", "displayName": null});
        let attributes = Attributes::of(&body).unwrap();
        assert_eq!(attributes.text("userName").unwrap().as_deref(), Some("eve"));
        assert_eq!(attributes.text("displayName").unwrap(), None);
        assert_eq!((truth("active", &json!("False")), truth("active", &json!(true))), (Ok(false), Ok(true)));
        assert!(truth("active", &json!(1)).is_err());
    }

    #[test]
    fn attributes_are_chosen() {
        let query = |attributes: Option<&str>, excluded: Option<&str>| ScimListQuery {
            attributes: attributes.map(str::to_owned),
            excluded_attributes: excluded.map(str::to_owned),
            ..ScimListQuery::default()
        };
        let group = json!({"schemas": [], "id": "1", "displayName": "x", "members": []});
        let without = json!({"schemas": [], "id": "1", "displayName": "x"});
        assert_eq!(shown(group.clone(), &query(None, Some("members"))), without);
        assert_eq!(shown(group, &query(Some("DisplayName"), None)), without);
    }

    #[test]
    fn operations_are_read_in_any_case() {
        let body = json!({"operations": [{"op": "Replace", "path": "active", "value": "False"}, {"OP": "remove", "path": "x"}]});
        let read: Vec<_> = operations(&body).unwrap().into_iter().map(|one| (one.verb, one.path)).collect();
        assert_eq!(read, [(Verb::Replace, Some("active")), (Verb::Remove, Some("x"))]);
        for wrong in
            [json!([]), json!({}), json!({"Operations": [{"op": "move"}]}), json!({"Operations": [1]})]
        {
            assert_eq!(operations(&wrong).unwrap_err().kind, Some("invalidSyntax"), "{wrong}");
        }
    }
}
