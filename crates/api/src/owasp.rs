//! OWASP categories: what they are called, and which types of attacks and vulnerabilities belong to them
//! (`spec/events.md` section 7).
//!
//! Filters name a category by a preset (`owasp_api1_2023`), security issues show its id (`API1:2023`).

use serde::Serialize;
use utoipa::ToSchema;

/// A category of one of the Top 10 lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Category {
    /// `API1:2023`.
    #[schema(example = "API1:2023")]
    pub id: &'static str,
    /// Short name.
    #[schema(example = "BOLA")]
    pub name: &'static str,
    /// Id and title.
    #[schema(example = "API1:2023 Broken Object Level Authorization")]
    pub full_name: &'static str,
    /// Where the list is explained.
    #[schema(example = "https://owasp.org/API-Security/")]
    pub link: &'static str,
}

const API: &str = "https://owasp.org/API-Security/";
const WEB: &str = "https://owasp.org/Top10/";
const LLM: &str = "https://genai.owasp.org/llm-top-10/";

macro_rules! categories {
    ($($link:ident $id:literal $name:literal $title:literal;)*) => {
        /// Every category.
        pub const CATEGORIES: &[Category] = &[$(
            Category { id: $id, name: $name, full_name: concat!($id, " ", $title), link: $link },
        )*];
    };
}

categories! {
    API "API1:2023" "BOLA" "Broken Object Level Authorization";
    API "API2:2023" "Broken Authentication" "Broken Authentication";
    API "API3:2023" "BOPLA" "Broken Object Property Level Authorization";
    API "API4:2023" "Resource Consumption" "Unrestricted Resource Consumption";
    API "API5:2023" "BFLA" "Broken Function Level Authorization";
    API "API6:2023" "Business Flows" "Unrestricted Access to Sensitive Business Flows";
    API "API7:2023" "SSRF" "Server Side Request Forgery";
    API "API8:2023" "Misconfiguration" "Security Misconfiguration";
    API "API9:2023" "Inventory" "Improper Inventory Management";
    API "API10:2023" "Unsafe Consumption" "Unsafe Consumption of APIs";
    API "API1:2019" "BOLA" "Broken Object Level Authorization";
    API "API2:2019" "Broken Authentication" "Broken User Authentication";
    API "API3:2019" "Data Exposure" "Excessive Data Exposure";
    API "API4:2019" "Rate Limiting" "Lack of Resources & Rate Limiting";
    API "API5:2019" "BFLA" "Broken Function Level Authorization";
    API "API6:2019" "Mass Assignment" "Mass Assignment";
    API "API7:2019" "Misconfiguration" "Security Misconfiguration";
    API "API8:2019" "Injection" "Injection";
    API "API9:2019" "Assets" "Improper Assets Management";
    API "API10:2019" "Logging" "Insufficient Logging & Monitoring";
    WEB "A01:2021" "Access Control" "Broken Access Control";
    WEB "A02:2021" "Cryptography" "Cryptographic Failures";
    WEB "A03:2021" "Injection" "Injection";
    WEB "A04:2021" "Design" "Insecure Design";
    WEB "A05:2021" "Misconfiguration" "Security Misconfiguration";
    WEB "A06:2021" "Components" "Vulnerable and Outdated Components";
    WEB "A07:2021" "Authentication" "Identification and Authentication Failures";
    WEB "A08:2021" "Integrity" "Software and Data Integrity Failures";
    WEB "A09:2021" "Logging" "Security Logging and Monitoring Failures";
    WEB "A10:2021" "SSRF" "Server-Side Request Forgery";
    LLM "LLM01:2025" "Prompt Injection" "Prompt Injection";
    LLM "LLM07:2025" "Prompt Leakage" "System Prompt Leakage";
}

/// Type code to category ids.
const TYPES: &[(&[&str], &[&str])] = &[
    (&["xss", "crlf", "ssi", "mail_injection"], &["A03:2021"]),
    (&["sqli", "rce", "nosqli", "ldapi", "ssti"], &["A03:2021", "API8:2023", "API8:2019"]),
    (&["xxe"], &["A05:2021", "API8:2023", "API8:2019"]),
    (&["ptrav", "file_read", "file_delete", "lfi", "rfi"], &["A01:2021", "API8:2023", "API8:2019"]),
    (&["redir"], &["A01:2021"]),
    (&["infoleak"], &["A05:2021", "API3:2023", "API3:2019"]),
    (&["brute"], &["API2:2023", "API4:2023", "API2:2019", "API4:2019"]),
    (&["dirbust"], &["A01:2021", "API5:2023", "API5:2019"]),
    (&["scanner", "invalid_xml"], &["API8:2023", "API7:2019"]),
    (&["misconfig", "input_validation"], &["A05:2021", "API8:2023", "API7:2019"]),
    (&["bola", "idor"], &["A01:2021", "API1:2023", "API1:2019"]),
    (&["enum"], &["API1:2023", "API1:2019"]),
    (&["mass_assignment"], &["API3:2023", "API6:2019"]),
    (&["ssrf"], &["A10:2021", "API7:2023"]),
    (&["apileak", "api_leak"], &["API2:2023", "API8:2023", "API2:2019"]),
    (&["api_abuse", "security_crawlers", "scraping"], &["API6:2023", "API4:2019"]),
    (&["credential_stuffing", "account_takeover"], &["API2:2023", "API2:2019"]),
    (&["overlimit_res", "data_bomb", "processing_overlimit", "rate_limit"], &["API4:2023", "API4:2019"]),
    (&["file_upload_violation", "file_upload", "resource_consumption", "dos"], &["API4:2023", "API4:2019"]),
    (
        &["gql_depth", "gql_value_size", "gql_aliases", "gql_doc_size", "gql_docs_per_batch"],
        &["API4:2023", "API4:2019"],
    ),
    (&["gql_introspection", "gql_debug"], &["API8:2023", "API7:2019"]),
    (&["undefined_endpoint"], &["API9:2023", "API9:2019"]),
    (&["undefined_parameter", "missing_parameter", "invalid_parameter_value"], &["API8:2023", "API7:2019"]),
    (&["invalid_request"], &["API8:2023", "API7:2019"]),
    (&["missing_auth"], &["API2:2023", "API2:2019"]),
    (&["auth"], &["A07:2021", "API2:2023", "API2:2019"]),
    (&["ai_attack"], &["LLM01:2025", "LLM07:2025"]),
    (&["query_anomaly"], &["LLM01:2025"]),
    (&["csrf"], &["A01:2021"]),
    (&["weak_auth", "weak_creds", "user_enum"], &["A07:2021", "API2:2023", "API2:2019"]),
    (&["vuln_component"], &["A06:2021"]),
    (&["broken_access"], &["A01:2021", "API5:2023", "API5:2019"]),
    (&["bfla", "privesc", "admin"], &["A01:2021", "API5:2023", "API5:2019"]),
    (&["deserialize"], &["A08:2021"]),
    (&["buffer_overflow", "memory_corruption", "race", "insecure_storage"], &["A04:2021"]),
    (&["request_smuggling"], &["A05:2021", "API8:2023", "API7:2019"]),
    (&["weak_crypto"], &["A02:2021"]),
    (&["sensitive_api", "sub_takeover"], &["A05:2021", "API9:2023", "API9:2019"]),
];

/// The categories of a type, in the order of the lists.
pub fn of_type(kind: &str) -> impl Iterator<Item = &'static Category> {
    let ids = TYPES.iter().find(|(kinds, _)| kinds.contains(&kind)).map_or(&[][..], |(_, ids)| *ids);
    CATEGORIES.iter().filter(move |category| ids.contains(&category.id))
}

/// The types of a category: none for an id that names no category.
#[must_use]
pub fn types_of(id: &str) -> Option<Vec<&'static str>> {
    CATEGORIES.iter().find(|category| category.id.eq_ignore_ascii_case(id))?;
    let named = |ids: &&[&str]| ids.iter().any(|known| known.eq_ignore_ascii_case(id));
    Some(TYPES.iter().filter(|(_, ids)| named(ids)).flat_map(|(kinds, _)| kinds.iter().copied()).collect())
}

/// The category that a preset names: `owasp_api<N>_2019`, `owasp_api<N>_2023` or `owasp_a<N>_2021`.
#[must_use]
pub fn preset(word: &str) -> Option<&'static Category> {
    let word = word.to_ascii_lowercase();
    let (list, year) = word.strip_prefix("owasp_")?.rsplit_once('_')?;
    let id = if let Some(number) = list.strip_prefix("api") {
        format!("API{number}:{year}")
    } else {
        let number: u8 = list.strip_prefix('a')?.parse().ok()?;
        format!("A{number:02}:{year}")
    };
    CATEGORIES.iter().find(|category| category.id == id)
}

/// Every preset, in the order of the lists.
pub fn presets() -> impl Iterator<Item = String> {
    CATEGORIES.iter().filter_map(|category| {
        let (list, year) = category.id.split_once(':')?;
        let list = list.to_ascii_lowercase();
        match list.strip_prefix("api") {
            Some(number) => Some(format!("owasp_api{number}_{year}")),
            None => list
                .strip_prefix('a')
                .map(|number| format!("owasp_a{}_{year}", number.trim_start_matches('0'))),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_names_a_category_and_every_type_row_too() {
        assert_eq!(presets().count(), 30);
        for word in presets() {
            assert!(preset(&word).is_some(), "{word}");
        }
        for (_, ids) in TYPES {
            for id in *ids {
                assert!(types_of(id).is_some_and(|types| !types.is_empty()), "{id}");
            }
        }
        assert_eq!(preset("owasp_api1_2023").map(|category| category.name), Some("BOLA"));
        assert_eq!(preset("owasp_a3_2021").map(|category| category.id), Some("A03:2021"));
        assert!(preset("owasp_api11_2023").is_none() && preset("owasp_x").is_none());
    }

    #[test]
    fn types_belong_to_their_categories() {
        let ids: Vec<_> = of_type("sqli").map(|category| category.id).collect();
        assert_eq!(ids, ["API8:2023", "API8:2019", "A03:2021"]);
        assert!(types_of("API1:2023").unwrap().contains(&"idor"));
        assert!(types_of("api7:2023").unwrap().contains(&"ssrf"));
        assert_eq!(types_of("API99"), None);
    }
}
