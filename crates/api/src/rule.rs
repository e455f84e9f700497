//! Shapes of rules: hints and the actions that they are attached to (`spec/rules.md` section 1).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

mod fields;

pub use fields::{
    AdvancedCondition, ArbitraryCondition, EnumeratedParameters, EnumeratedPoint, HintFields, HintReaction,
    HintThreshold,
};

/// One condition of an action.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ConditionView {
    /// `equal`, `iequal`, `regex` or `absent`.
    #[serde(rename = "type")]
    #[schema(example = "equal")]
    pub kind: String,
    /// Request part: strings, and a number for a path segment.
    #[schema(value_type = Vec<Object>, example = json!(["path", 0]))]
    pub point: Vec<Value>,
    /// Value; null for `absent`.
    pub value: Option<String>,
}

/// A rule. Fields that its type does not own are null.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HintView {
    /// Identity.
    pub id: i64,
    /// Action.
    pub actionid: i64,
    /// Tenant.
    pub clientid: i64,
    /// Normalised conditions of the action; none is all traffic.
    pub action: Vec<ConditionView>,
    /// What it does: `vpatch`, `regex`, `wallarm_mode`, ….
    #[serde(rename = "type")]
    #[schema(example = "vpatch")]
    pub kind: String,
    /// Unix seconds.
    pub create_time: i64,
    /// Author; 0 is the system.
    pub create_userid: i64,
    /// Unix seconds.
    pub updated_at: i64,
    /// Echoed, without effect.
    pub validated: bool,
    /// Whether the system made it.
    pub system: bool,
    /// Whether it is in force.
    pub active: bool,
    /// As `active`.
    pub enabled: bool,
    /// Echoed, without effect.
    pub variativity_disabled: bool,
    /// Free text.
    pub comment: Option<String>,
    /// Free text.
    pub title: Option<String>,
    /// Free text.
    pub set: Option<String>,
    /// Flat point.
    #[schema(value_type = Option<Vec<Object>>, example = json!(["post", "form_urlencoded", "login"]))]
    pub point: Option<Vec<Value>>,
    /// Filtration mode and the like.
    pub mode: Option<String>,
    /// Attack type.
    pub attack_type: Option<String>,
    /// Pattern.
    pub regex: Option<String>,
    /// Id of the pattern, given by the server.
    pub regex_id: Option<i64>,
    /// Everything else that types own.
    #[serde(flatten)]
    #[schema(value_type = HintFields)]
    pub fields: Map<String, Value>,
}

/// `POST /v1/objects/hint/create`, and `PUT /v3/hint/{id}`, where what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"type": "vpatch", "clientid": 7, "attack_type": "sqli", "point": [["post"], ["form_urlencoded", "login"]],
    "action": [{"type": "iequal", "point": ["header", "HOST"], "value": "shop.example.com"}], "comment": "Until the release"}))]
pub struct HintCreateRequest {
    /// What it does.
    #[serde(rename = "type")]
    #[schema(example = "vpatch")]
    pub kind: Option<String>,
    /// Tenant; the caller's own when absent.
    pub clientid: Option<i64>,
    /// Conditions; none is all traffic.
    #[schema(value_type = Option<Vec<ConditionView>>)]
    pub action: Option<Value>,
    /// Where in the request, 2-D or flat.
    #[schema(value_type = Option<Vec<Object>>, example = json!([["post"], ["form_urlencoded", "login"]]))]
    pub point: Option<Value>,
    /// Attack type.
    #[schema(example = "sqli")]
    pub attack_type: Option<String>,
    /// Filtration mode and the like.
    pub mode: Option<String>,
    /// Pattern.
    pub regex: Option<String>,
    /// Whether it is in force.
    pub active: Option<bool>,
    /// Free text, up to 4096 characters; not empty.
    pub comment: Option<String>,
    /// Free text, up to 255 characters.
    pub title: Option<String>,
    /// Free text, up to 255 characters.
    pub set: Option<String>,
    /// As `active`, which wins.
    pub enabled: Option<bool>,
    /// Echoed, without effect.
    pub validated: Option<bool>,
    /// Echoed, without effect; by the type when absent.
    pub variativity_disabled: Option<bool>,
    /// `disable_regex`: id of the pattern that is switched off.
    pub regex_id: Option<i64>,
    /// What some types own.
    #[serde(flatten)]
    pub fields: HintFields,
}

/// `POST /v1/objects/hint/update`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(example = json!({"filter": {"clientid": [7], "id": [71001]}, "fields": {"active": false}}))]
pub struct HintUpdateRequest {
    /// Which rules: `id`, and optionally `clientid`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub filter: Value,
    /// What changes, as in `PUT /v3/hint/{id}`.
    #[serde(default)]
    #[schema(value_type = HintCreateRequest)]
    pub fields: Map<String, Value>,
}

/// The credential stuffing rules of a tenant.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CredentialConfigsView {
    /// Rules that check the public list of compromised passwords.
    pub default: Vec<HintView>,
    /// Rules that check the tenant's own list.
    pub custom: Vec<HintView>,
}

/// `POST /v2/suggest/point`.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct SuggestRequest {
    /// Chains of elements, each as the points of rules are written; an empty chain asks for the first elements.
    #[serde(default)]
    #[schema(value_type = Vec<Vec<Vec<Object>>>, example = json!([[["post"], ["json_doc"]]]))]
    pub points: Vec<Value>,
}

/// An attack type.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AttackTypeView {
    /// Number, as in hits.
    pub id: u8,
    /// Name, as in rules.
    #[schema(example = "sqli")]
    pub name: &'static str,
}

/// A set of conditions that rules share.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ActionView {
    /// Identity.
    pub id: i64,
    /// Tenant.
    pub clientid: i64,
    /// Name.
    pub name: Option<String>,
    /// Conditions; none is all traffic.
    pub conditions: Vec<ConditionView>,
    /// Number of rules.
    pub hints: i64,
    /// As `hints`.
    pub grouped_hints_count: i64,
    /// Readable path.
    pub endpoint_path: Option<String>,
    /// Host.
    pub endpoint_domain: Option<String>,
    /// Application.
    pub endpoint_instance: Option<String>,
    /// Host and readable path together.
    #[schema(example = "shop.example.com/api/v1/users")]
    pub endpoint: String,
    /// Method; null when it is open.
    #[schema(example = "POST")]
    pub method: Option<String>,
    /// Unix seconds.
    pub updated_at: i64,
}

/// `POST /v1/objects/action/by_hit`.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct ByHitRequest {
    /// Id of the hit: `["<index>", "<id>"]`, or both joined with a colon.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["hits_production_7_202606_v_1", "Zk3v0q8bN1xYw2Lt5RcA"]))]
    pub id: Value,
}

/// The conditions that a rule about a hit would have.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ByHitView {
    /// Application, host and path of the hit.
    pub conditions: Vec<ConditionView>,
    /// Tenant of the hit.
    pub clientid: i64,
    /// The action with these conditions; null while no rule made one.
    pub action: Option<ByHitAction>,
}

/// The action that rules about a hit belong to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ByHitAction {
    /// Identity.
    pub id: i64,
    /// Tenant.
    pub clientid: i64,
    /// Name.
    pub name: Option<String>,
    /// Conditions.
    pub conditions: Vec<ConditionView>,
    /// Unix seconds.
    pub updated_at: i64,
}

/// The general filtration mode of a tenant.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WallarmModeView {
    /// `default`, `off`, `monitoring`, `safe_blocking` or `block`.
    #[schema(example = "monitoring")]
    pub mode: String,
}
