//! The configuration of API discovery (`spec/rules.md` section 9.2).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How API discovery works for a tenant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApiDiscoveryConfig {
    /// Tenant.
    pub clientid: i64,
    /// Whether it works at all.
    pub enabled: bool,
    /// Protocols that it looks at.
    pub protocols: Protocols,
    /// Whether responses are chosen by content type.
    pub apply_extended_filter: bool,
    /// Share of requests that decides on the type of a parameter, 0 to 1.
    #[schema(example = 0.5)]
    pub type_detection_threshold: f64,
    /// Share of requests that decides on sensitive data, 0 to 1.
    #[schema(example = 0.1)]
    pub pii_detection_threshold: f64,
    /// Most points of a call.
    pub call_points_storage_limit: i64,
    /// How examples of sensitive data are masked.
    pub sensitive_samples: SensitiveSamples,
    /// Applications that it leaves out.
    pub disabled_apps: Vec<i64>,
    /// When an endpoint counts as one.
    pub endpoint_stability: EndpointStability,
    /// Whether SOAP operations of one path are one endpoint.
    pub group_soap: bool,
    /// What makes parts of a path variable.
    pub server_variability: ServerVariability,
    /// Content types of responses that it looks at.
    pub allowed_content_types_patterns: Vec<String>,
    /// File extensions that it looks at.
    pub extensions_whitelist: ExtensionsWhitelist,
}

/// Protocols.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Protocols {
    /// REST.
    pub rest: bool,
    /// GraphQL.
    pub graphql: bool,
    /// SOAP.
    pub soap: bool,
    /// gRPC.
    pub grpc: bool,
    /// Model Context Protocol.
    pub mcp: bool,
}

/// How examples of sensitive data are masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SensitiveSamples {
    /// Whether examples are kept.
    pub enabled: bool,
    /// Least masked share, percent.
    pub min_masked: i64,
    /// Most masked share, percent.
    pub max_masked: i64,
    /// Whether punctuation is masked, too.
    pub mask_symbols: bool,
}

/// When an endpoint counts as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointStability {
    /// Requests, 1 to 100.
    #[schema(example = 2)]
    pub min_count: i64,
    /// Seconds, 1 to 900.
    #[schema(example = 300)]
    pub min_time: i64,
}

/// What makes parts of a path variable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerVariability {
    /// Whether anything does.
    pub enabled: bool,
    /// Dates.
    pub by_date_enabled: bool,
    /// Language codes.
    pub by_local_code_enabled: bool,
    /// E-mail addresses.
    pub by_email_enabled: bool,
    /// Identifiers of letters and digits.
    pub by_alphanumeric_id_enabled: bool,
    /// Paths given by expressions.
    pub by_custom_paths: CustomPaths,
}

/// Paths given by expressions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CustomPaths {
    /// Whether they count.
    pub enabled: bool,
    /// Expressions.
    pub paths: Vec<String>,
}

/// File extensions that it looks at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExtensionsWhitelist {
    /// Whether the list counts.
    pub enabled: bool,
    /// Extensions without a dot.
    pub extensions: Vec<String>,
}

impl ApiDiscoveryConfig {
    /// What a tenant begins with.
    #[must_use]
    pub fn new(clientid: i64) -> ApiDiscoveryConfig {
        let text = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        ApiDiscoveryConfig {
            clientid,
            enabled: true,
            protocols: Protocols { rest: true, graphql: true, soap: true, grpc: true, mcp: true },
            apply_extended_filter: true,
            type_detection_threshold: 0.5,
            pii_detection_threshold: 0.1,
            call_points_storage_limit: 50_000,
            sensitive_samples: SensitiveSamples {
                enabled: false,
                min_masked: 20,
                max_masked: 80,
                mask_symbols: false,
            },
            disabled_apps: vec![],
            endpoint_stability: EndpointStability { min_count: 2, min_time: 300 },
            group_soap: false,
            server_variability: ServerVariability {
                enabled: true,
                by_date_enabled: true,
                by_local_code_enabled: true,
                by_email_enabled: true,
                by_alphanumeric_id_enabled: true,
                by_custom_paths: CustomPaths { enabled: false, paths: vec![] },
            },
            allowed_content_types_patterns: text(&["text/xml", "application/%json", "application/%xml"]),
            extensions_whitelist: ExtensionsWhitelist { enabled: false, extensions: vec![] },
        }
    }
}
