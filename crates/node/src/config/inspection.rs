//! What of a request is read, and how far: parsers that are switched off, and the bounds of inspection.

use std::borrow::Cow;
use std::time::Instant;

use bartizan_request::{Parser, ParserSet};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Names of parsers in the file, those of rules and the shorter ones of the public documentation.
const NAMES: &[&str] = &[
    "base64",
    "cookie",
    "form_urlencoded",
    "gql",
    "grpc",
    "gzip",
    "hex",
    "htmljs",
    "json",
    "json_doc",
    "jwt",
    "multipart",
    "percent",
    "php",
    "protobuf",
    "urlenc",
    "viewstate",
    "xml",
    "zlib",
];

/// Parsers that are not tried, whatever rules say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Parsers {
    /// Their names: `base64`, `cookie`, `form_urlencoded` or `urlenc`, `gql`, `grpc`, `gzip` or `zlib`, `hex`, `htmljs`,
    /// `json_doc` or `json`, `jwt`, `multipart`, `percent`, `php`, `protobuf`, `viewstate`, `xml`.
    pub disabled: Vec<ParserName>,
}

impl Parsers {
    pub(crate) fn set(&self) -> ParserSet {
        self.disabled.iter().map(|name| name.0).collect()
    }
}

/// A parser by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParserName(pub Parser);

impl Serialize for ParserName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for ParserName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ParserName, D::Error> {
        let name = String::deserialize(deserializer)?;
        Parser::from_name(&name).map(ParserName).ok_or_else(|| de::Error::unknown_variant(&name, NAMES))
    }
}

impl JsonSchema for ParserName {
    fn schema_name() -> Cow<'static, str> {
        "ParserName".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "description": "A parser by its name.", "type": "string", "enum": NAMES })
    }
}

/// How far a request is taken apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InspectionLimits {
    /// Decoders and containers inside each other, 1 to 32; below, a value is judged as it stands.
    pub depth: usize,
    /// Values of a request, 1,000 to 10,000,000; beyond, the rest of the body is judged as one value and the request is
    /// over its limits.
    pub leaves: usize,
    /// Nested containers of JSON, 8 to 300; below, they are judged as one value.
    pub json_depth: usize,
    /// Nested elements of XML, 8 to 300; below, they are judged as one value.
    pub xml_depth: usize,
    /// Bytes that all decoders together may give, 1 MiB to 4 GiB; beyond is a `data_bomb`.
    pub decoded_bytes: usize,
    /// Decompressed size over compressed size, 2 to 10,000, once past `ratio_grace_bytes`; beyond is a `data_bomb`.
    pub ratio: usize,
    /// Decompressed bytes before the ratio counts, at most 1 GiB.
    pub ratio_grace_bytes: usize,
    /// Compressed data inside each other, 1 to 10; beyond is a `data_bomb`.
    pub archive_levels: usize,
    /// Replacements of entities in one document of XML, 0 to 1,000,000; beyond is a `data_bomb`.
    pub entity_expansions: usize,
    /// Bytes that they may give, at most 64 MiB; beyond is a `data_bomb`.
    pub entity_bytes: usize,
}

impl Default for InspectionLimits {
    fn default() -> InspectionLimits {
        let limits = bartizan_request::Limits::default();
        InspectionLimits {
            depth: limits.max_depth,
            leaves: limits.max_leaves,
            json_depth: limits.max_json_depth,
            xml_depth: limits.max_xml_depth,
            decoded_bytes: limits.max_decoded_bytes,
            ratio: limits.max_ratio,
            ratio_grace_bytes: limits.ratio_grace_bytes,
            archive_levels: limits.max_archive_levels,
            entity_expansions: limits.max_entity_expansions,
            entity_bytes: limits.max_entity_bytes,
        }
    }
}

impl InspectionLimits {
    /// Each key with its value and range.
    pub(super) fn ranges(&self) -> [(&'static str, usize, u64, u64); 10] {
        [
            ("inspect.limits.depth", self.depth, 1, 32),
            ("inspect.limits.leaves", self.leaves, 1000, 10_000_000),
            ("inspect.limits.json_depth", self.json_depth, 8, 300),
            ("inspect.limits.xml_depth", self.xml_depth, 8, 300),
            ("inspect.limits.decoded_bytes", self.decoded_bytes, 1 << 20, 1 << 32),
            ("inspect.limits.ratio", self.ratio, 2, 10_000),
            ("inspect.limits.ratio_grace_bytes", self.ratio_grace_bytes, 0, 1 << 30),
            ("inspect.limits.archive_levels", self.archive_levels, 1, 10),
            ("inspect.limits.entity_expansions", self.entity_expansions, 0, 1_000_000),
            ("inspect.limits.entity_bytes", self.entity_bytes, 0, 64 << 20),
        ]
    }

    /// The bounds of one walk.
    pub(crate) fn until(&self, deadline: Instant) -> bartizan_request::Limits {
        bartizan_request::Limits {
            max_depth: self.depth,
            max_leaves: self.leaves,
            max_decoded_bytes: self.decoded_bytes,
            max_ratio: self.ratio,
            ratio_grace_bytes: self.ratio_grace_bytes,
            max_json_depth: self.json_depth,
            max_xml_depth: self.xml_depth,
            max_archive_levels: self.archive_levels,
            max_entity_expansions: self.entity_expansions,
            max_entity_bytes: self.entity_bytes,
            deadline: Some(deadline),
        }
    }
}

/// What is written to the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// A line per request.
    pub access: AccessLog,
}

/// Which requests leave a line in the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccessLog {
    /// Which ones.
    pub when: AccessLogWhen,
}

/// Which requests leave a line in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccessLogWhen {
    /// All.
    All,
    /// Those in which something was found, and those of denylisted sources that are reported.
    Attacks,
    /// Those of them that were refused.
    Blocked,
    /// None.
    #[default]
    Off,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parser_has_a_name_here_and_every_name_a_parser() {
        assert!(Parser::ALL.iter().all(|parser| NAMES.contains(&parser.name())));
        assert!(NAMES.iter().all(|name| Parser::from_name(name).is_some()));
    }
}
