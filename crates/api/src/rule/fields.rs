//! What types of rules own, for the API document (`spec/rules.md` section 4). What a type takes, and what it must have, is
//! known by `bartizan_rules` alone; nothing is parsed into these.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Fields that only some types of rules have.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct HintFields {
    /// `credentials_point`: where the login is, 2-D or flat; flat in answers.
    #[schema(value_type = Option<Vec<Object>>, example = json!([["post"], ["json_doc"], ["hash", "login"]]))]
    pub login_point: Option<Value>,
    /// `credentials_regex`: pattern of the names of logins, 1 to 4096 characters.
    #[schema(example = "^(login|email)$")]
    pub login_regex: Option<String>,
    /// `credentials_regex`: whether case matters in the patterns.
    pub case_sensitive: Option<bool>,
    /// `credentials_point`, `credentials_regex`: `default` (public list) or `custom` (the tenant's own).
    #[schema(example = "default")]
    pub cred_stuff_type: Option<String>,
    /// `disable_stamp`: number of the signature, from 1.
    pub stamp: Option<i64>,
    /// `uploads`: `docs`, `html`, `images`, `music` or `video`.
    #[schema(example = "images")]
    pub file_type: Option<String>,
    /// `parser_state`: parser, such as `json_doc` or `base64`.
    #[schema(example = "base64")]
    pub parser: Option<String>,
    /// `parser_state`: `enabled` or `disabled`.
    #[schema(example = "disabled")]
    pub state: Option<String>,
    /// `set_response_header`: name of the header.
    #[schema(example = "X-Frame-Options")]
    pub name: Option<String>,
    /// `set_response_header`: values, at least one.
    #[schema(example = json!(["DENY"]))]
    pub values: Option<Vec<String>>,
    /// `rate_limit`: requests per `time_unit` and value of the point, 0 to 1000.
    #[schema(example = 10)]
    pub rate: Option<i64>,
    /// `rate_limit`: requests above the rate that wait, 0 to 1000; 0 when absent.
    pub burst: Option<i64>,
    /// `rate_limit`: how many of these pass at once, 0 to 1000; 0 when absent.
    pub delay: Option<i64>,
    /// `rate_limit`: status of refusals, 400 to 599.
    #[schema(example = 503)]
    pub rsp_status: Option<i64>,
    /// `rate_limit`: `rps` or `rpm`; `rps` when absent.
    #[schema(example = "rps")]
    pub time_unit: Option<String>,
    /// `rate_limit`: name of its counter, given by the server.
    pub suffix: Option<String>,
    /// `overlimit_res_settings`: budget of one request, milliseconds.
    #[schema(example = 1000)]
    pub overlimit_time: Option<i64>,
    /// `graphql_detection`: deepest nesting, 1 to 100; 10 when absent.
    pub max_depth: Option<i64>,
    /// `graphql_detection`: longest value, 1 to 100 KiB; 10 when absent.
    pub max_value_size_kb: Option<i64>,
    /// `graphql_detection`: largest document, 1 to 1024 KiB; 100 when absent.
    pub max_doc_size_kb: Option<i64>,
    /// `graphql_detection`: most aliases, 1 to 1000; 5 when absent.
    pub max_aliases: Option<i64>,
    /// `graphql_detection`: most documents of a batch, 1 to 100; 10 when absent.
    pub max_doc_per_batch: Option<i64>,
    /// `graphql_detection`: whether introspection is an attack; true when absent.
    pub introspection: Option<bool>,
    /// `graphql_detection`: whether the debug mode is an attack; true when absent.
    pub debug_enabled: Option<bool>,
    /// `file_upload_size_limit`: largest value at the point, or largest request, from 1, in `size_unit`.
    #[schema(example = 10)]
    pub size: Option<i64>,
    /// `file_upload_size_limit`: `b`, `kb`, `mb`, `gb` or `tb`, powers of 1024; `b` when absent.
    #[schema(example = "mb")]
    pub size_unit: Option<String>,
    /// Mitigation controls: kind of protection, given by the server.
    #[schema(example = "file_upload_policy")]
    pub mitigation: Option<String>,
    /// Counters: their name, given by the server; triggers name it in `hint_tag`.
    #[schema(example = "b:7:00112233445566aa")]
    pub counter: Option<String>,
    /// Threshold controls: when they act.
    pub threshold: Option<HintThreshold>,
    /// Threshold controls: what they do; `block_*` with the mode `block`, `graylist_by_ip` with `monitoring`.
    pub reaction: Option<HintReaction>,
    /// `brute`, `bola`, `enum`: what is enumerated.
    pub enumerated_parameters: Option<EnumeratedParameters>,
    /// Threshold controls: which requests count; all conditions must hold.
    pub advanced_conditions: Option<Vec<AdvancedCondition>>,
    /// Threshold controls: which requests count, by what is in them; all conditions must hold.
    pub arbitrary_conditions: Option<Vec<ArbitraryCondition>>,
}

/// More than a count within a period.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct HintThreshold {
    /// From 1.
    #[schema(example = 30)]
    pub count: i64,
    /// Seconds, from 1.
    #[schema(example = 60)]
    pub period: i64,
}

/// What a threshold control does, each for 600 to 315569520 seconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct HintReaction {
    /// Denies the session.
    pub block_by_session: Option<i64>,
    /// Denies the address.
    #[schema(example = 3600)]
    pub block_by_ip: Option<i64>,
    /// Graylists the address.
    pub graylist_by_ip: Option<i64>,
}

/// Parameters whose different values are counted, by patterns or by points.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct EnumeratedParameters {
    /// `regexp` or `exact`.
    #[schema(example = "regexp")]
    pub mode: String,
    /// `regexp`: patterns of names, at least one; an empty one takes all.
    #[schema(example = json!(["^id$"]))]
    pub name_regexps: Option<Vec<String>>,
    /// `regexp`: patterns of values, at least one; an empty one takes all.
    #[schema(example = json!([""]))]
    pub value_regexps: Option<Vec<String>>,
    /// `regexp`: whether parameters of the session's context count; true when absent.
    pub additional_parameters: Option<bool>,
    /// `regexp`: whether parameters of path and query count; true when absent.
    pub plain_parameters: Option<bool>,
    /// `exact`: the parameters.
    pub points: Option<Vec<EnumeratedPoint>>,
}

/// A parameter by its place.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EnumeratedPoint {
    /// Flat point, echoed as sent.
    #[schema(value_type = Vec<Object>, example = json!(["get", "id"]))]
    pub point: Value,
    /// Whether its values are masked.
    pub sensitive: bool,
}

/// A condition on what a request is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AdvancedCondition {
    /// `ip`, `method`, `user_agent`, `domain`, `uri`, `status_code`, `request_time`, `request_size`, `response_size`,
    /// `attack_type` or `blocked`.
    #[schema(example = "status_code")]
    pub field: String,
    /// `eq`, `ne`, `imatch`, `notimatch`, `match`, `notmatch`, `lt`, `gt`, `le` or `ge`.
    #[schema(example = "eq")]
    pub operator: String,
    /// Values, one of which must fit.
    #[schema(example = json!(["401"]))]
    pub value: Vec<String>,
}

/// A condition on what is in a request.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ArbitraryCondition {
    /// Point, 2-D or flat; flat in answers.
    #[schema(value_type = Vec<Object>, example = json!([["header", "X-CLIENT"]]))]
    pub point: Value,
    /// As of other conditions.
    #[schema(example = "eq")]
    pub operator: String,
    /// Values, one of which must fit.
    #[schema(example = json!(["mobile"]))]
    pub value: Vec<String>,
}
