//! Hints (rules): what the cloud accepts, stores and echoes (`spec/rules.md` sections 1.3–1.5 and 4).
//!
//! One table ([`table`]) says for every type which fields it owns, how each is checked, what it defaults
//! to and whether it may change later. Creation, update and echo all read that table, so a type is one
//! list of rows and nothing else. Past [`HintSpec::create`] and [`HintSpec::update`] nobody checks again.

use bartizan_request::Point;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::condition::Scope;
use crate::error::{FieldError, FieldErrors, text};
use crate::ruleset::HintSource;

mod check;
mod echo;
mod table;
mod thresholds;

pub use echo::StoredHint;
pub use table::{HintType, attack_types};

use table::{FieldRule, Need};

/// Longest title or set, characters.
const MAX_TITLE_CHARS: usize = 255;
/// Longest comment, characters.
const MAX_COMMENT_CHARS: usize = 4096;

/// Keys that every type accepts, on creation; `action` and `clientid` among them.
const COMMON_KEYS: [&str; 10] = [
    "type",
    "clientid",
    "action",
    "validated",
    "active",
    "enabled",
    "title",
    "set",
    "comment",
    "variativity_disabled",
];
/// Keys that old clients send and that mean nothing.
const LEGACY_KEYS: [&str; 6] = ["mitigation", "suffix", "counter", "var_type", "cred_stuff_mode", "rules"];
/// Keys that creation sets and nothing changes.
const IMMUTABLE_KEYS: [&str; 5] = ["id", "actionid", "type", "clientid", "action"];

/// A validated hint: what a user may say about one. Ids and times are added by the cloud ([`StoredHint`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HintSpec {
    /// What it does.
    #[serde(rename = "type")]
    pub kind: HintType,
    /// Tenant named in the body, if any; the cloud checks that the caller may name it.
    pub clientid: Option<i64>,
    /// Which requests it is about.
    pub action: Scope,
    /// Inactive hints are kept but not compiled.
    pub active: bool,
    /// Echoed, without effect.
    pub validated: bool,
    /// Echoed, without effect.
    pub variativity_disabled: bool,
    /// Free text.
    pub title: Option<String>,
    /// Free text.
    pub set: Option<String>,
    /// Free text.
    pub comment: Option<String>,
    /// The fields that the type owns, normalised, defaults applied, and what the server assigned
    /// (`regex_id`, `counter`, `suffix`).
    pub fields: Map<String, Value>,
}

impl HintSpec {
    /// Validates the body of a creation.
    ///
    /// # Errors
    /// Every fault of the body.
    pub fn create(body: &Map<String, Value>) -> Result<HintSpec, FieldErrors> {
        let wire_type = body.get("type").unwrap_or(&Value::Null);
        let Some(kind) = wire_type.as_str().and_then(HintType::from_name) else {
            return Err(FieldError::new("type", text::INVALID, wire_type.clone()).into());
        };
        let mut faults = Vec::new();
        let action = collect(&mut faults, Scope::parse(body.get("action"))).unwrap_or_default();
        let clientid = match body.get("clientid") {
            None | Some(Value::Null) => None,
            Some(sent) => {
                let parsed = sent.as_i64().ok_or(FieldError::new("clientid", text::INVALID, sent.clone()));
                collect(&mut faults, parsed)
            }
        };
        let mut spec = HintSpec {
            kind,
            clientid,
            action,
            active: true,
            validated: false,
            variativity_disabled: kind.variativity_disabled(),
            title: None,
            set: None,
            comment: None,
            fields: Map::new(),
        };
        spec.read_common(body, &mut faults);
        let known =
            |key: &str| COMMON_KEYS.contains(&key) || LEGACY_KEYS.contains(&key) || kind.field(key).is_some();
        refuse_unknown(body, known, &mut faults);
        spec.fields = read_fields(kind, body, &mut faults);
        if faults.is_empty() { Ok(spec) } else { Err(FieldErrors(faults)) }
    }

    /// Validates a partial update of a stored hint: what the patch leaves out stays.
    ///
    /// Keys that cannot change are ignored when they carry the stored value. The server-assigned fields
    /// stay, too; when [`HintSpec::regex_changed`], the cloud assigns a new `regex_id`.
    ///
    /// # Errors
    /// Every fault of the patch.
    pub fn update(stored: &StoredHint, patch: &Map<String, Value>) -> Result<HintSpec, FieldErrors> {
        let mut spec = stored.spec.clone();
        let mut faults = Vec::new();
        let echo = stored.to_json();
        let mut body = spec.fields.clone();
        for (key, sent) in patch {
            let immutable = IMMUTABLE_KEYS.contains(&key.as_str())
                || spec.kind.field(key).is_some_and(|rule| !rule.mutable);
            if immutable && !same_value(spec.kind, key, sent, echo.get(key)) {
                faults.push(FieldError::new(key.as_str(), text::IMMUTABLE, sent.clone()));
            } else if spec.kind.field(key).is_some_and(|rule| rule.mutable) && !sent.is_null() {
                body.insert(key.clone(), sent.clone());
            }
        }
        let known = |key: &str| {
            COMMON_KEYS.contains(&key)
                || IMMUTABLE_KEYS.contains(&key)
                || LEGACY_KEYS.contains(&key)
                || spec.kind.field(key).is_some()
                || patch.get(key) == echo.get(key)
        };
        refuse_unknown(patch, known, &mut faults);
        spec.read_common(patch, &mut faults);
        let assigned = assigned_fields(&spec.fields);
        spec.fields = read_fields(spec.kind, &body, &mut faults);
        spec.fields.extend(assigned);
        if faults.is_empty() { Ok(spec) } else { Err(FieldErrors(faults)) }
    }

    /// Whether the pattern that `regex_id` stands for differs from another version of the hint.
    #[must_use]
    pub fn regex_changed(&self, before: &HintSpec) -> bool {
        self.kind.has_regex_id() && self.fields.get("regex") != before.fields.get("regex")
    }

    /// Sets the server-assigned id of the pattern of a `regex` or `experimental_regex` hint.
    pub fn assign_regex_id(&mut self, regex_id: i64) {
        self.fields.insert("regex_id".into(), json!(regex_id));
    }

    /// Sets the server-assigned name of a counter hint, [`HintType::counter_prefix`]`:<client>:<16 hex>`.
    pub fn assign_counter(&mut self, counter: &str) {
        self.fields.insert("counter".into(), json!(counter));
    }

    /// Sets the random suffix of a `rate_limit` hint.
    pub fn assign_suffix(&mut self, suffix: &str) {
        self.fields.insert("suffix".into(), json!(suffix));
    }

    /// The `regex_id` of a hint that has one or names one.
    #[must_use]
    pub fn regex_id(&self) -> Option<i64> {
        self.fields.get("regex_id").and_then(Value::as_i64)
    }

    /// The point of a hint that has one.
    #[must_use]
    pub fn point(&self) -> Option<Point> {
        Point::from_json(self.fields.get("point")?).ok()
    }

    /// What the compiled ruleset needs; `None` for inactive hints.
    #[must_use]
    pub fn source(&self, id: i64, updated_at: i64) -> Option<HintSource> {
        self.active.then(|| HintSource {
            id,
            kind: self.kind.name().into(),
            action: self.action.to_json(),
            updated_at,
            fields: self.fields.clone(),
        })
    }

    /// Reads the fields that all types share.
    fn read_common(&mut self, body: &Map<String, Value>, faults: &mut Vec<FieldError>) {
        let mut flag = |key: &str| match body.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::Bool(flag)) => Some(*flag),
            Some(other) => {
                faults.push(FieldError::new(key, text::INVALID, other.clone()));
                None
            }
        };
        // The legacy alias gives way.
        let active = flag("active");
        let enabled = flag("enabled");
        self.active = active.or(enabled).unwrap_or(self.active);
        self.validated = flag("validated").unwrap_or(self.validated);
        self.variativity_disabled = flag("variativity_disabled").unwrap_or(self.variativity_disabled);
        let mut free_text = |key: &str, limit: usize, current: &Option<String>| match body.get(key) {
            None => current.clone(),
            Some(Value::Null) => None,
            Some(Value::String(sent)) if sent.is_empty() => {
                if key == "comment" {
                    faults.push(FieldError::new(key, text::BLANK, json!("")));
                }
                None
            }
            Some(Value::String(sent)) if sent.chars().count() <= limit => Some(sent.clone()),
            Some(other) => {
                faults.push(FieldError::new(key, text::INVALID, other.clone()));
                None
            }
        };
        self.title = free_text("title", MAX_TITLE_CHARS, &self.title);
        self.set = free_text("set", MAX_TITLE_CHARS, &self.set);
        self.comment = free_text("comment", MAX_COMMENT_CHARS, &self.comment);
    }
}

/// Checks the type's own fields and applies defaults.
fn read_fields(
    kind: HintType,
    body: &Map<String, Value>,
    faults: &mut Vec<FieldError>,
) -> Map<String, Value> {
    let mut fields = Map::new();
    for rule in kind.fields() {
        let sent = body.get(rule.name).unwrap_or(&Value::Null);
        let is_blank = sent.is_null() || sent.as_str() == Some("");
        if is_blank {
            match rule.need {
                Need::Required => faults.push(rule.blank(sent)),
                Need::Default(default) => {
                    fields.insert(rule.name.into(), default.to_json());
                }
                Need::Optional => {}
            }
        } else {
            match rule.check.apply(rule.name, sent) {
                Ok(value) => {
                    fields.insert(rule.name.into(), value);
                }
                Err(found) => faults.extend(found),
            }
        }
    }
    thresholds::cross_check(kind, &fields, faults);
    fields
}

fn assigned_fields(fields: &Map<String, Value>) -> Map<String, Value> {
    let assigned = |key: &str| fields.get(key).map(|value| (key.to_owned(), value.clone()));
    ["regex_id", "counter", "suffix"].into_iter().filter_map(assigned).collect()
}

/// A key that means nothing for the type is refused, unless a client merely sends it empty.
fn refuse_unknown(body: &Map<String, Value>, known: impl Fn(&str) -> bool, faults: &mut Vec<FieldError>) {
    for (key, sent) in body {
        let is_empty = sent.is_null() || sent.as_str() == Some("");
        if !is_empty && !known(key) {
            faults.push(FieldError::new(key.as_str(), text::INVALID, sent.clone()));
        }
    }
}

/// Whether an immutable key repeats what is stored, in any accepted spelling.
fn same_value(kind: HintType, key: &str, sent: &Value, stored: Option<&Value>) -> bool {
    let is_empty = sent.is_null() || sent.as_str() == Some("");
    // A list without elements says the same as none.
    let no_items = sent.as_array().is_some_and(Vec::is_empty) && stored.is_none_or(Value::is_null);
    if stored == Some(sent) || is_empty || no_items {
        return true;
    }
    let hash = |action: Option<&Value>| Scope::parse(action).ok().map(|scope| scope.conditions_hash());
    match kind.field(key) {
        Some(rule) => rule.check.apply(key, sent).is_ok_and(|normal| Some(&normal) == stored),
        None => key == "action" && hash(Some(sent)).is_some() && hash(Some(sent)) == hash(stored),
    }
}

fn collect<T>(faults: &mut Vec<FieldError>, result: Result<T, FieldError>) -> Option<T> {
    result.map_err(|fault| faults.push(fault)).ok()
}

impl FieldRule {
    /// The refusal of a required field that is missing.
    fn blank(&self, sent: &Value) -> FieldError {
        let error = match self.check.range_text() {
            Some(range) => format!("{range}, {}", text::BLANK),
            None => text::BLANK.to_owned(),
        };
        FieldError::new(self.name, error, sent.clone())
    }
}

#[cfg(test)]
mod tests;
