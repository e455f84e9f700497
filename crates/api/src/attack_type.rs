//! The catalogue of attack types: one row per type of `spec/events.md` section 7.1.
//!
//! Codes and numeric ids are public and stable: rules, hits, log masks and clients use them.

use serde::{Deserialize, Serialize};

/// What part of the system an attack of a type aims at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Other users of the application.
    Client,
    /// The data store behind the application.
    Database,
    /// The application itself.
    Server,
}

/// A row of the catalogue that cannot be derived from the code.
#[derive(Clone, Copy, Debug)]
pub struct AttackTypeInfo {
    /// Public numeric id; bit `1 << id` in attack masks.
    pub id: u8,
    /// Machine name on the wire.
    pub code: &'static str,
    /// Name shown to people.
    pub label: &'static str,
    /// Default threat, 0 to 100.
    pub threat: u8,
    /// Default target.
    pub target: Target,
    /// CWE numbers.
    pub cwe: &'static [u16],
}

macro_rules! attack_types {
    ($($variant:ident $id:literal $code:literal $label:literal $threat:literal $target:ident [$($cwe:literal),*];)*) => {
        /// An attack type, by its public code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
        pub enum AttackType {
            $(#[doc = $label] #[serde(rename = $code)] $variant,)*
        }

        impl AttackType {
            /// Every type of the catalogue, in the order of numeric ids.
            pub const ALL: &'static [AttackType] = &[$(AttackType::$variant,)*];

            /// The catalogue row of this type.
            #[must_use]
            pub const fn info(self) -> AttackTypeInfo {
                match self {
                    $(AttackType::$variant => AttackTypeInfo {
                        id: $id, code: $code, label: $label, threat: $threat, target: Target::$target, cwe: &[$($cwe),*],
                    },)*
                }
            }

            /// The type with this public code, if there is one.
            #[must_use]
            pub fn parse_code(code: &str) -> Option<AttackType> {
                match code {
                    $($code => Some(AttackType::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

attack_types! {
    Warn 0 "warn" "Warning" 0 Server [];
    Xss 1 "xss" "Cross-site Scripting" 60 Client [79];
    Sqli 2 "sqli" "SQL Injection" 80 Database [89];
    Rce 3 "rce" "Remote Code Execution" 100 Server [78, 94];
    Xxe 4 "xxe" "XML External Entity" 80 Server [611];
    Ptrav 5 "ptrav" "Path Traversal" 90 Server [22];
    Crlf 6 "crlf" "CRLF Injection" 50 Client [93];
    Redir 7 "redir" "Open Redirect" 40 Client [601];
    Nosqli 8 "nosqli" "NoSQL Injection" 80 Database [943];
    Infoleak 9 "infoleak" "Information Exposure" 40 Server [200, 209, 215, 538, 541, 548, 598];
    Brute 10 "brute" "Brute Force" 50 Server [307, 521, 799];
    Dirbust 11 "dirbust" "Forced Browsing" 40 Server [425];
    Marker 12 "marker" "Marker" 0 Server [];
    Ldapi 13 "ldapi" "LDAP Injection" 80 Database [90];
    Scanner 14 "scanner" "Resource Scanning" 20 Server [];
    Bot 15 "bot" "Bot" 0 Server [];
    Bola 16 "bola" "Broken Object Level Authorization" 70 Server [639];
    MassAssignment 17 "mass_assignment" "Mass Assignment" 60 Server [915];
    Apileak 18 "apileak" "API Leak" 60 Server [];
    Ssrf 19 "ssrf" "Server-Side Request Forgery" 80 Server [918];
    BlockedSource 20 "blocked_source" "Blocked Source" 10 Server [];
    ApiAbuse 21 "api_abuse" "Suspicious API Activity" 50 Server [799];
    Vectors 22 "vectors" "Multiple Payloads" 0 Server [];
    CredentialStuffing 24 "credential_stuffing" "Credential Stuffing" 70 Server [307];
    Ssi 25 "ssi" "SSI Injection" 60 Server [96, 97];
    MailInjection 26 "mail_injection" "Email Injection" 50 Server [20, 88, 150];
    Ssti 27 "ssti" "Server-Side Template Injection" 90 Server [94, 159];
    InvalidXml 28 "invalid_xml" "Invalid XML" 20 Server [];
    OverlimitRes 29 "overlimit_res" "Resource Overlimit" 30 Server [400];
    DataBomb 30 "data_bomb" "Data Bomb" 60 Server [409, 776];
    Vpatch 31 "vpatch" "Virtual Patch" 50 Server [];
    UndefinedEndpoint 32 "undefined_endpoint" "Undefined Endpoint" 30 Server [];
    UndefinedParameter 33 "undefined_parameter" "Undefined Parameter" 20 Server [];
    MissingAuth 34 "missing_auth" "Missing Authentication" 60 Server [306];
    MissingParameter 35 "missing_parameter" "Missing Parameter" 20 Server [];
    InvalidParameterValue 36 "invalid_parameter_value" "Invalid Parameter" 20 Server [20];
    InvalidRequest 37 "invalid_request" "Invalid Request" 20 Server [];
    ProcessingOverlimit 38 "processing_overlimit" "Specification Processing Overlimit" 10 Server [];
    GqlDepth 39 "gql_depth" "GraphQL Query Depth" 40 Server [400];
    GqlValueSize 40 "gql_value_size" "GraphQL Value Size" 40 Server [400];
    GqlAliases 41 "gql_aliases" "GraphQL Aliases" 40 Server [400];
    GqlDocSize 42 "gql_doc_size" "GraphQL Query Size" 40 Server [400];
    GqlDocsPerBatch 43 "gql_docs_per_batch" "GraphQL Batching" 40 Server [400];
    GqlIntrospection 44 "gql_introspection" "GraphQL Introspection" 30 Server [200];
    GqlDebug 45 "gql_debug" "GraphQL Debug" 30 Server [215];
    AccountTakeover 46 "account_takeover" "Account Takeover" 70 Server [307];
    SecurityCrawlers 47 "security_crawlers" "Security Crawlers" 30 Server [];
    Scraping 48 "scraping" "Scraping" 40 Server [];
    RateLimit 49 "rate_limit" "Rate Limit" 30 Server [770];
    Enum 50 "enum" "Enumeration" 50 Server [204];
    FileUploadViolation 51 "file_upload_violation" "File Upload Violation" 40 Server [434];
    ResourceConsumption 52 "resource_consumption" "Unrestricted Resource Consumption" 50 Server [770];
    SessionAnomaly 53 "session_anomaly" "Session Anomaly" 40 Server [];
    QueryAnomaly 54 "query_anomaly" "Custom AI Payload Inspection" 50 Server [];
    AiAttack 55 "ai_attack" "AI Attack" 70 Server [];
    McpSchemaViolation 56 "mcp_schema_violation" "Invalid Tool Call" 50 Server [];
    McpParameterViolation 57 "mcp_parameter_violation" "MCP Request Verification Failure" 50 Server [];
    McpAclViolation 58 "mcp_acl_violation" "ACL Violation" 60 Server [];
}

impl AttackType {
    /// The public code, as it appears on the wire.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.info().code
    }

    /// The types that a word of a filter or search names: a code, an alias or a group, in any case.
    #[must_use]
    pub fn named(word: &str) -> Vec<AttackType> {
        use AttackType::{
            AccountTakeover, AiAttack, ApiAbuse, Apileak, Bola, Infoleak, QueryAnomaly, Redir,
            ResourceConsumption, Scraping, SecurityCrawlers, SessionAnomaly,
        };
        let word = word.to_lowercase();
        let between = |first: u8, last: u8| {
            AttackType::ALL.iter().copied().filter(|kind| (first..=last).contains(&kind.info().id)).collect()
        };
        match word.as_str() {
            "redirect" => vec![Redir],
            "idor" => vec![Bola],
            "info" => vec![Infoleak],
            "api_leak" => vec![Apileak],
            "ai_prompt_injection" | "ai_prompt_retrieval" => vec![AiAttack],
            "api_specification" => between(32, 37),
            "graphql_attacks" => between(39, 45),
            "mcp_attacks" => between(56, 58),
            "api_abuse_group" => {
                vec![ApiAbuse, AccountTakeover, SecurityCrawlers, Scraping, ResourceConsumption]
            }
            "ai_attacks" => vec![SessionAnomaly, QueryAnomaly, AiAttack],
            code => AttackType::parse_code(code).into_iter().collect(),
        }
    }

    /// The technique that a word of a filter or search means in addition to its type, in any case.
    #[must_use]
    pub fn subtype_named(word: &str) -> Option<&'static str> {
        ["ai_prompt_injection", "ai_prompt_retrieval"]
            .into_iter()
            .find(|subtype| word.eq_ignore_ascii_case(subtype))
    }

    /// Whether the type is for programs only and never shown to people.
    #[must_use]
    pub const fn is_internal(self) -> bool {
        matches!(self, AttackType::Warn | AttackType::Marker | AttackType::Bot | AttackType::Vectors)
    }

    /// The bit of this type in an attack mask.
    #[must_use]
    pub const fn mask(self) -> u64 {
        1 << self.info().id
    }
}

impl std::fmt::Display for AttackType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_serde_names_agree() {
        for &kind in AttackType::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.code());
            assert_eq!(AttackType::parse_code(kind.code()), Some(kind));
        }
    }

    #[test]
    fn ids_ascend_without_repeats() {
        let ids: Vec<u8> = AttackType::ALL.iter().map(|kind| kind.info().id).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
