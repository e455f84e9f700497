//! The table of hint types and their fields.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::check::Check;
use super::thresholds::MAX_NUMBER;

/// One field that a type owns.
#[derive(Clone, Copy)]
pub(super) struct FieldRule {
    pub(super) name: &'static str,
    pub(super) need: Need,
    pub(super) check: Check,
    pub(super) mutable: bool,
}

/// What a missing, null or empty value means.
#[derive(Clone, Copy)]
pub(super) enum Need {
    Required,
    Optional,
    Default(Fallback),
}

/// A default value.
#[derive(Clone, Copy)]
pub(super) enum Fallback {
    Text(&'static str),
    Number(i64),
    True,
}

impl Fallback {
    pub(super) fn to_json(self) -> Value {
        match self {
            Fallback::Text(text) => Value::from(text),
            Fallback::Number(number) => Value::from(number),
            Fallback::True => Value::Bool(true),
        }
    }
}

const fn required(name: &'static str, check: Check) -> FieldRule {
    FieldRule { name, need: Need::Required, check, mutable: true }
}

const fn optional(name: &'static str, check: Check) -> FieldRule {
    FieldRule { name, need: Need::Optional, check, mutable: true }
}

const fn or_text(name: &'static str, check: Check, default: &'static str) -> FieldRule {
    FieldRule { name, need: Need::Default(Fallback::Text(default)), check, mutable: true }
}

const fn or_number(name: &'static str, check: Check, default: i64) -> FieldRule {
    FieldRule { name, need: Need::Default(Fallback::Number(default)), check, mutable: true }
}

const fn or_true(name: &'static str) -> FieldRule {
    FieldRule { name, need: Need::Default(Fallback::True), check: Check::Flag, mutable: true }
}

const fn fixed(rule: FieldRule) -> FieldRule {
    FieldRule { mutable: false, ..rule }
}

const POINT: FieldRule = fixed(required("point", Check::Point));
const CRED_STUFF_TYPE: FieldRule =
    or_text("cred_stuff_type", Check::OneOf(&["default", "custom"]), "default");
const MONITOR_OR_BLOCK: FieldRule = required("mode", Check::OneOf(&["monitoring", "block"]));
const LIMIT_1000: Check = Check::Integer { min: 0, max: Some(1000) };

macro_rules! core_and {
    ($($more:literal),*) => {
        &[
            "xss", "sqli", "rce", "xxe", "ptrav", "crlf", "redir", "nosqli", "ldapi", "scanner",
            "mass_assignment", "ssrf", "ssi", "mail_injection", "ssti" $(, $more)*
        ]
    };
}

/// Attack types that rules may name.
pub mod attack_types {
    /// For `vpatch` and `disable_attack_type`; `any` included.
    pub const PATCHABLE: &[&str] = core_and!("any", "invalid_xml");
    /// For `regex` and `experimental_regex`.
    pub const BY_PATTERN: &[&str] = core_and!("vpatch");
}

const PATCHABLE_TYPE: FieldRule = required("attack_type", Check::OneOf(attack_types::PATCHABLE));
const PATTERN_TYPE: FieldRule = fixed(required("attack_type", Check::OneOf(attack_types::BY_PATTERN)));
const PATTERN_HINT: &[FieldRule] = &[required("regex", Check::Pattern), PATTERN_TYPE, POINT];
const ENUMERATING: [FieldRule; 4] = [
    MONITOR_OR_BLOCK,
    required("threshold", Check::Threshold),
    required("reaction", Check::Reaction),
    required("enumerated_parameters", Check::Enumerated),
];
const ADVANCED: FieldRule = fixed(optional("advanced_conditions", Check::Advanced));
const ARBITRARY: FieldRule = fixed(optional("arbitrary_conditions", Check::Arbitrary));

macro_rules! control {
    ($attack:literal enumerated) => {
        &[
            ENUMERATING[0],
            ENUMERATING[1],
            ENUMERATING[2],
            ENUMERATING[3],
            fixed(or_text("attack_type", Check::OneOf(&[$attack]), $attack)),
            ADVANCED,
            ARBITRARY,
        ]
    };
    ($attack:literal) => {
        &[
            ENUMERATING[0],
            ENUMERATING[1],
            ENUMERATING[2],
            fixed(or_text("attack_type", Check::OneOf(&[$attack]), $attack)),
            ADVANCED,
            ARBITRARY,
        ]
    };
}

macro_rules! hint_types {
    ($($(#[$doc:meta])* $variant:ident $name:literal, variativity_disabled: $variativity:literal, $fields:expr;)*) => {
        /// The type of a hint, by its wire name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum HintType { $($(#[$doc])* $variant,)* }

        impl HintType {
            /// Every type.
            pub const ALL: &'static [HintType] = &[$(HintType::$variant,)*];

            /// Wire name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(HintType::$variant => $name,)* }
            }

            /// The type with this wire name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<HintType> {
                match name { $($name => Some(HintType::$variant),)* _ => None }
            }

            /// Default of the echoed flag `variativity_disabled`.
            pub const fn variativity_disabled(self) -> bool {
                match self { $(HintType::$variant => $variativity,)* }
            }

            pub(super) fn fields(self) -> &'static [FieldRule] {
                match self { $(HintType::$variant => const { $fields },)* }
            }
        }
    };
}

hint_types! {
    /// Filtration mode of a branch.
    WallarmMode "wallarm_mode", variativity_disabled: true,
        &[required("mode", Check::OneOf(&["default", "off", "monitoring", "safe_blocking", "block"]))];
    /// Virtual patch.
    Vpatch "vpatch", variativity_disabled: true, &[PATCHABLE_TYPE, POINT];
    /// Attack by pattern.
    Regex "regex", variativity_disabled: true, PATTERN_HINT;
    /// Attack by pattern on probation: never blocks.
    ExperimentalRegex "experimental_regex", variativity_disabled: true, PATTERN_HINT;
    /// Detections of a type are dropped at a point.
    DisableAttackType "disable_attack_type", variativity_disabled: false, &[PATCHABLE_TYPE, POINT];
    /// A pattern is not evaluated at a point.
    DisableRegex "disable_regex", variativity_disabled: false,
        &[fixed(required("regex_id", Check::Integer { min: 1, max: None })), POINT];
    /// One signature is ignored at a point.
    DisableStamp "disable_stamp", variativity_disabled: false,
        &[required("stamp", Check::Integer { min: 1, max: None }), POINT];
    /// Whether requests are fed to bot detection.
    ApiAbuseMode "api_abuse_mode", variativity_disabled: true,
        &[required("mode", Check::OneOf(&["enabled", "disabled"]))];
    /// Processing time budget.
    OverlimitResSettings "overlimit_res_settings", variativity_disabled: false, &[
        required("overlimit_time", Check::Integer { min: 0, max: Some(MAX_NUMBER) }),
        or_text("mode", Check::OneOf(&["off", "monitoring", "blocking"]), "monitoring"),
    ];
    /// The value is masked before anything leaves the node.
    SensitiveData "sensitive_data", variativity_disabled: true, &[POINT];
    /// The value is binary.
    BinaryData "binary_data", variativity_disabled: false, &[POINT];
    /// The value is a file of a kind.
    Uploads "uploads", variativity_disabled: false,
        &[required("file_type", Check::OneOf(&["docs", "html", "images", "music", "video"])), POINT];
    /// A parser is switched at a point.
    ParserState "parser_state", variativity_disabled: false, &[
        required("parser", Check::OneOf(&[
            "base64", "cookie", "form_urlencoded", "gql", "grpc", "gzip", "htmljs", "json_doc", "jwt",
            "multipart", "percent", "protobuf", "viewstate", "xml",
        ])),
        required("state", Check::OneOf(&["enabled", "disabled"])),
        POINT,
    ];
    /// A response header is added or replaced.
    SetResponseHeader "set_response_header", variativity_disabled: true, &[
        required("mode", Check::OneOf(&["append", "replace"])),
        required("name", Check::HeaderName),
        required("values", Check::HeaderValues),
    ];
    /// Request rate per value of a point.
    RateLimit "rate_limit", variativity_disabled: true, &[
        fixed(required("point", Check::PointOrSource)),
        required("rate", LIMIT_1000),
        required("rsp_status", Check::Integer { min: 400, max: Some(599) }),
        or_number("burst", LIMIT_1000, 0),
        or_number("delay", LIMIT_1000, 0),
        or_text("time_unit", Check::OneOf(&["rps", "rpm"]), "rps"),
    ];
    /// Limits of GraphQL documents.
    GraphqlDetection "graphql_detection", variativity_disabled: true, &[
        required("mode", Check::OneOf(&["off", "default", "monitoring", "block"])),
        or_number("max_depth", Check::Integer { min: 1, max: Some(100) }, 10),
        or_number("max_value_size_kb", Check::Integer { min: 1, max: Some(100) }, 10),
        or_number("max_doc_size_kb", Check::Integer { min: 1, max: Some(1024) }, 100),
        or_number("max_aliases", Check::Integer { min: 1, max: Some(1000) }, 5),
        or_number("max_doc_per_batch", Check::Integer { min: 1, max: Some(100) }, 10),
        or_true("introspection"),
        or_true("debug_enabled"),
    ];
    /// Brute-force protection.
    Brute "brute", variativity_disabled: true, control!("brute" enumerated);
    /// Object enumeration protection.
    Bola "bola", variativity_disabled: true, control!("bola" enumerated);
    /// Generic enumeration protection.
    Enum "enum", variativity_disabled: true, control!("enum" enumerated);
    /// Forced browsing protection.
    ForcedBrowsing "forced_browsing", variativity_disabled: true, control!("dirbust");
    /// Request-rate protection by session or address.
    RateLimitEnum "rate_limit_enum", variativity_disabled: true, control!("rate_limit");
    /// Size of uploads.
    FileUploadSizeLimit "file_upload_size_limit", variativity_disabled: false, &[
        required("size", Check::Integer { min: 1, max: Some(i64::MAX) }),
        or_text("mode", Check::OneOf(&["monitoring", "block", "off", "default"]), "monitoring"),
        fixed(or_text("size_unit", Check::OneOf(&["b", "kb", "mb", "gb", "tb"]), "b")),
        fixed(optional("point", Check::Point)),
    ];
    /// Where credentials are.
    CredentialsPoint "credentials_point", variativity_disabled: true,
        &[POINT, fixed(required("login_point", Check::Point)), CRED_STUFF_TYPE];
    /// What the parameters of credentials are called.
    CredentialsRegex "credentials_regex", variativity_disabled: true, &[
        required("regex", Check::Pattern),
        required("login_regex", Check::Pattern),
        required("case_sensitive", Check::Flag),
        CRED_STUFF_TYPE,
    ];
    /// Counts requests for a brute-force trigger.
    BruteCounter "brute_counter", variativity_disabled: true, &[];
    /// Counts missing pages for a forced-browsing trigger.
    DirbustCounter "dirbust_counter", variativity_disabled: true, &[];
    /// Counts requests for an object-enumeration trigger.
    BolaCounter "bola_counter", variativity_disabled: true, &[];
    /// Stored, without effect.
    DetailedExport "detailed_export", variativity_disabled: false,
        &[required("mode", Check::OneOf(&["keep_headers"]))];
    /// Stored, without effect.
    ResponseConds "response_conds", variativity_disabled: false, &[
        optional("enable_parsers", Check::Anything),
        optional("limit_parsers", Check::Anything),
        optional("limit_size", Check::Anything),
        optional("limit_deep", Check::Anything),
        optional("limit_chance", Check::Anything),
    ];
}

impl HintType {
    pub(super) fn field(self, name: &str) -> Option<&'static FieldRule> {
        self.fields().iter().find(|rule| rule.name == name)
    }

    /// Whether it is a counter: made by the server's rules, never updated, never deleted by users.
    #[must_use]
    pub const fn is_counter(self) -> bool {
        self.counter_prefix().is_some()
    }

    /// First letter of the counter name that the server assigns.
    #[must_use]
    pub const fn counter_prefix(self) -> Option<char> {
        match self {
            HintType::BruteCounter => Some('b'),
            HintType::DirbustCounter => Some('d'),
            HintType::BolaCounter => Some('i'),
            _ => None,
        }
    }

    /// Whether the server assigns a `regex_id`.
    #[must_use]
    pub const fn has_regex_id(self) -> bool {
        matches!(self, HintType::Regex | HintType::ExperimentalRegex)
    }

    /// Whether it is a mitigation control, which fewer roles may write.
    #[must_use]
    pub const fn is_mitigation(self) -> bool {
        matches!(
            self,
            HintType::Brute
                | HintType::Bola
                | HintType::Enum
                | HintType::ForcedBrowsing
                | HintType::RateLimitEnum
                | HintType::GraphqlDetection
                | HintType::FileUploadSizeLimit
        )
    }

    /// The server's label of mitigation controls that have one.
    pub(super) const fn mitigation_label(self) -> Option<&'static str> {
        match self {
            HintType::FileUploadSizeLimit => Some("file_upload_policy"),
            _ => None,
        }
    }
}

impl Serialize for HintType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for HintType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        HintType::from_name(&name)
            .ok_or_else(|| serde::de::Error::custom(format!("unknown hint type {name}")))
    }
}
