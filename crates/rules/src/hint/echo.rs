//! The wire form of a stored hint: every key always present, unused ones null (`spec/rules.md` section 1.4).

use serde_json::{Map, Value, json};

use super::HintSpec;

/// Keys that only some types own, in the order of the contract.
const TYPE_KEYS: [&str; 42] = [
    "point",
    "login_point",
    "mode",
    "attack_type",
    "stamp",
    "regex",
    "regex_id",
    "counter",
    "file_type",
    "parser",
    "state",
    "name",
    "values",
    "rate",
    "burst",
    "delay",
    "rsp_status",
    "time_unit",
    "suffix",
    "overlimit_time",
    "max_depth",
    "max_value_size_kb",
    "max_doc_size_kb",
    "max_aliases",
    "max_doc_per_batch",
    "introspection",
    "debug_enabled",
    "login_regex",
    "cred_stuff_type",
    "case_sensitive",
    "size",
    "size_unit",
    "threshold",
    "reaction",
    "enumerated_parameters",
    "advanced_conditions",
    "arbitrary_conditions",
    "enable_parsers",
    "limit_parsers",
    "limit_size",
    "limit_deep",
    "limit_chance",
];

/// A hint with what the cloud knows about it besides the user's words.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredHint {
    /// Id of the hint.
    pub id: i64,
    /// Id of its action.
    pub actionid: i64,
    /// Owner.
    pub clientid: i64,
    /// Unix seconds.
    pub create_time: i64,
    /// Author; 0 is the system.
    pub create_userid: i64,
    /// Unix seconds; grows with every update.
    pub updated_at: i64,
    /// Whether the system made it.
    pub system: bool,
    /// Random identity.
    pub uuid: String,
    /// Random identity of the group that it belongs to.
    pub group_uuid: String,
    /// What the user said.
    pub spec: HintSpec,
}

impl StoredHint {
    /// The hint as every endpoint returns it; equal bytes from creation, update and lists.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let spec = &self.spec;
        let mut echo = Map::new();
        let mut put = |key: &str, value: Value| {
            echo.insert(key.to_owned(), value);
        };
        put("id", json!(self.id));
        put("actionid", json!(self.actionid));
        put("clientid", json!(self.clientid));
        put("action", spec.action.to_json());
        put("type", json!(spec.kind));
        put("create_time", json!(self.create_time));
        put("create_userid", json!(self.create_userid));
        put("updated_at", json!(self.updated_at));
        put("validated", json!(spec.validated));
        put("system", json!(self.system));
        put("active", json!(spec.active));
        put("enabled", json!(spec.active));
        put("variativity_disabled", json!(spec.variativity_disabled));
        put("comment", json!(spec.comment));
        put("title", json!(spec.title));
        put("set", json!(spec.set));
        put("mitigation", json!(spec.kind.mitigation_label()));
        put("group_uuid", json!(self.group_uuid));
        put("uuid", json!(self.uuid));
        for key in TYPE_KEYS {
            put(key, spec.fields.get(key).cloned().unwrap_or_default());
        }
        for key in ["rules", "var_type", "cred_stuff_mode"] {
            put(key, Value::Null);
        }
        Value::Object(echo)
    }
}
