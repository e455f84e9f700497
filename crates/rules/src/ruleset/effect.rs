//! What a hint does, compiled from its stored fields.

use std::sync::Arc;

use bartizan_api::AttackType;
use bartizan_request::Point;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Patterns;
use crate::dialect::Pattern;
use crate::hint::HintType;
use crate::mode::FiltrationMode;

/// The effect of one hint.
#[derive(Debug)]
pub(super) enum Effect {
    ApiAbuse {
        enabled: bool,
    },
    Behaviour(Behaviour),
    BinaryData(Point),
    Credentials(Credentials),
    DisableRegex {
        regex_id: i64,
        point: Point,
    },
    DisableStamp {
        stamp: u32,
        point: Point,
    },
    /// `None` is every type.
    DisableType {
        attack_type: Option<AttackType>,
        point: Point,
    },
    Graphql(GraphqlPolicy),
    /// `None` is "default": no opinion.
    Mode(Option<FiltrationMode>),
    Overlimit(OverlimitSettings),
    Parser {
        parser: Box<str>,
        enabled: bool,
        point: Point,
    },
    RateLimit(RateLimit),
    Regex(RegexRule),
    ResponseHeader(ResponseHeader),
    SensitiveData(Point),
    UploadLimit(UploadLimit),
    Uploads {
        file: FileKind,
        point: Point,
    },
    Vpatch(Vpatch),
}

impl Effect {
    /// Whether it finds, refuses or hides something.
    pub(super) fn guards(&self) -> bool {
        matches!(
            self,
            Effect::Parser { enabled: true, .. }
                | Effect::RateLimit(_)
                | Effect::Regex(_)
                | Effect::SensitiveData(_)
                | Effect::Vpatch(_)
        )
    }

    /// Whether it keeps something from being found.
    pub(super) fn spares(&self) -> bool {
        matches!(
            self,
            Effect::BinaryData(_)
                | Effect::DisableRegex { .. }
                | Effect::DisableStamp { .. }
                | Effect::DisableType { .. }
                | Effect::Parser { enabled: false, .. }
                | Effect::Uploads { .. }
        )
    }
}

/// A virtual patch.
#[derive(Debug, Deserialize)]
pub struct Vpatch {
    /// The type that must be found at the point; `None` blocks whenever the point exists.
    #[serde(deserialize_with = "type_or_any")]
    pub attack_type: Option<AttackType>,
    /// Where.
    pub point: Point,
}

/// A pattern that makes a value an attack.
#[derive(Debug)]
pub struct RegexRule {
    /// Id of the pattern, as hits report it.
    pub id: i64,
    /// The pattern.
    pub pattern: Arc<Pattern>,
    /// What a match is; [`AttackType::Vpatch`] blocks like a virtual patch.
    pub attack_type: AttackType,
    /// Where.
    pub point: Point,
    /// On probation: matches never block and are marked.
    pub experimental: bool,
}

/// Processing time budget of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct OverlimitSettings {
    /// Milliseconds.
    #[serde(rename = "overlimit_time")]
    pub time_ms: u64,
    /// What happens beyond.
    pub mode: OverlimitMode,
}

/// What exceeding the processing time means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverlimitMode {
    /// Recorded and, where attacks are blocked, blocked.
    Blocking,
    /// Recorded.
    Monitoring,
    /// Nothing.
    Off,
}

/// The mode of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyMode {
    /// Violations are blocked.
    Block,
    /// The next less specific rule decides; without one, the filtration mode.
    Default,
    /// Violations are recorded.
    Monitoring,
    /// Not checked.
    Off,
}

/// Limits of GraphQL documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct GraphqlPolicy {
    /// What a violation means.
    pub mode: PolicyMode,
    /// Nesting levels.
    pub max_depth: u64,
    /// Kibibytes of one value.
    pub max_value_size_kb: u64,
    /// Kibibytes of the document.
    pub max_doc_size_kb: u64,
    /// Aliases in a document.
    pub max_aliases: u64,
    /// Documents in a batch.
    pub max_doc_per_batch: u64,
    /// Whether introspection is a violation.
    pub introspection: bool,
    /// Whether debug mode is a violation.
    pub debug_enabled: bool,
}

/// Size limit of a value or of the whole request.
#[derive(Debug)]
pub struct UploadLimit {
    /// What a violation means.
    pub mode: PolicyMode,
    /// Largest size allowed.
    pub max_bytes: u64,
    /// Where; `None` is the whole request.
    pub point: Option<Point>,
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum FileKind {
    Docs,
    Html,
    Images,
    Music,
    Video,
}

/// A change of a response header.
#[derive(Debug, Deserialize)]
pub struct ResponseHeader {
    /// Added or replaced.
    pub mode: HeaderMode,
    /// Name, as written in the rule.
    pub name: Box<str>,
    /// Values, in order.
    pub values: Vec<Box<str>>,
}

/// What happens to values that the response already has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderMode {
    /// They stay.
    Append,
    /// They go.
    Replace,
}

/// Request rate per distinct value of a point.
#[derive(Debug, Deserialize)]
pub struct RateLimit {
    /// Whose values are counted apart.
    pub point: Point,
    /// Requests per unit of time.
    pub rate: u32,
    /// Unit of time.
    pub time_unit: RateUnit,
    /// Queue above the rate.
    pub burst: u32,
    /// How many of the queue pass at once.
    pub delay: u32,
    /// Status of refused requests.
    #[serde(rename = "rsp_status")]
    pub status: u16,
}

/// Unit of time of a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum RateUnit {
    /// Requests per second.
    #[serde(rename = "rps")]
    PerSecond,
    /// Requests per minute.
    #[serde(rename = "rpm")]
    PerMinute,
}

/// Where credentials are in a request.
#[derive(Debug)]
pub enum Credentials {
    /// At points.
    Points {
        /// Password.
        password: Point,
        /// Login.
        login: Point,
        /// Whether the client's own list is checked.
        custom_list: bool,
    },
    /// In parameters with such names.
    Names {
        /// Password.
        password: Arc<Pattern>,
        /// Login.
        login: Arc<Pattern>,
        /// Whether case matters.
        case_sensitive: bool,
        /// Whether the client's own list is checked.
        custom_list: bool,
    },
}

/// A threshold control or counter, with its validated fields.
#[derive(Debug)]
pub struct Behaviour {
    /// Type of the hint.
    pub kind: HintType,
    /// Its fields.
    pub fields: Map<String, Value>,
}

impl Effect {
    /// Compiles the fields of a hint; `None` for types that are stored without effect.
    pub(super) fn compile(
        kind: HintType,
        fields: &Map<String, Value>,
        patterns: &mut Patterns,
    ) -> Result<Option<Effect>, String> {
        let text = |key: &str| field::<Box<str>>(fields, key);
        let point = || field::<Point>(fields, "point");
        Ok(Some(match kind {
            HintType::WallarmMode => match &*text("mode")? {
                "default" => Effect::Mode(None),
                name => Effect::Mode(Some(
                    FiltrationMode::from_name(name).ok_or_else(|| format!("unknown mode {name:?}"))?,
                )),
            },
            HintType::ApiAbuseMode => Effect::ApiAbuse { enabled: &*text("mode")? == "enabled" },
            HintType::OverlimitResSettings => Effect::Overlimit(whole(fields)?),
            HintType::GraphqlDetection => Effect::Graphql(whole(fields)?),
            HintType::FileUploadSizeLimit => Effect::UploadLimit(upload_limit(fields)?),
            HintType::Vpatch => Effect::Vpatch(whole(fields)?),
            HintType::Regex | HintType::ExperimentalRegex => Effect::Regex(RegexRule {
                id: field(fields, "regex_id")?,
                pattern: patterns.compile(&text("regex")?)?,
                attack_type: field(fields, "attack_type")?,
                point: point()?,
                experimental: kind == HintType::ExperimentalRegex,
            }),
            HintType::DisableAttackType => {
                let Vpatch { attack_type, point } = whole(fields)?;
                Effect::DisableType { attack_type, point }
            }
            HintType::DisableStamp => {
                // A stamp beyond 32 bits names no signature, so it disables none.
                let Ok(stamp) = u32::try_from(field::<u64>(fields, "stamp")?) else { return Ok(None) };
                Effect::DisableStamp { stamp, point: point()? }
            }
            HintType::DisableRegex => {
                Effect::DisableRegex { regex_id: field(fields, "regex_id")?, point: point()? }
            }
            HintType::SensitiveData => Effect::SensitiveData(point()?),
            HintType::BinaryData => Effect::BinaryData(point()?),
            HintType::Uploads => Effect::Uploads { file: field(fields, "file_type")?, point: point()? },
            HintType::ParserState => Effect::Parser {
                parser: text("parser")?,
                enabled: &*text("state")? == "enabled",
                point: point()?,
            },
            HintType::SetResponseHeader => Effect::ResponseHeader(whole(fields)?),
            HintType::RateLimit => Effect::RateLimit(whole(fields)?),
            HintType::CredentialsPoint => Effect::Credentials(Credentials::Points {
                password: point()?,
                login: field(fields, "login_point")?,
                custom_list: &*text("cred_stuff_type")? == "custom",
            }),
            HintType::CredentialsRegex => Effect::Credentials(Credentials::Names {
                password: patterns.compile(&text("regex")?)?,
                login: patterns.compile(&text("login_regex")?)?,
                case_sensitive: field(fields, "case_sensitive")?,
                custom_list: &*text("cred_stuff_type")? == "custom",
            }),
            HintType::Brute
            | HintType::Bola
            | HintType::Enum
            | HintType::ForcedBrowsing
            | HintType::RateLimitEnum
            | HintType::BruteCounter
            | HintType::DirbustCounter
            | HintType::BolaCounter => Effect::Behaviour(Behaviour { kind, fields: fields.clone() }),
            HintType::DetailedExport | HintType::ResponseConds => return Ok(None),
        }))
    }
}

fn upload_limit(fields: &Map<String, Value>) -> Result<UploadLimit, String> {
    let unit: u64 = match &*field::<Box<str>>(fields, "size_unit")? {
        "b" => 1,
        "kb" => 1 << 10,
        "mb" => 1 << 20,
        "gb" => 1 << 30,
        "tb" => 1 << 40,
        other => return Err(format!("unknown unit {other:?}")),
    };
    let has_point = fields.get("point").is_some_and(|point| !point.is_null());
    Ok(UploadLimit {
        mode: field(fields, "mode")?,
        max_bytes: field::<u64>(fields, "size")?.saturating_mul(unit),
        point: if has_point { Some(field(fields, "point")?) } else { None },
    })
}

fn field<T: DeserializeOwned>(fields: &Map<String, Value>, key: &str) -> Result<T, String> {
    let value = fields.get(key).ok_or_else(|| format!("{key} is missing"))?;
    T::deserialize(value).map_err(|fault| format!("{key}: {fault}"))
}

fn whole<T: DeserializeOwned>(fields: &Map<String, Value>) -> Result<T, String> {
    T::deserialize(fields).map_err(|fault| fault.to_string())
}

fn type_or_any<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<AttackType>, D::Error> {
    let code = String::deserialize(deserializer)?;
    if code == "any" {
        return Ok(None);
    }
    let unknown = || serde::de::Error::custom(format!("unknown attack type {code:?}"));
    AttackType::parse_code(&code).map(Some).ok_or_else(unknown)
}
