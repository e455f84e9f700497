//! The catalogue of vulnerability types: those of attacks, and those that only vulnerabilities have
//! (`spec/events.md` section 7.2).

use crate::AttackType;

/// What is known of a vulnerability type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VulnTypeInfo {
    /// Name on the wire.
    pub code: &'static str,
    /// Name shown to people.
    pub label: &'static str,
    /// Default threat, 0 to 100.
    pub threat: u8,
    /// CWE numbers.
    pub cwe: &'static [u16],
}

/// Types that attacks do not have.
pub const ONLY_VULNS: &[VulnTypeInfo] = &[
    of("idor", "Broken Object Level Authorization", 80, &[639]),
    of("auth", "Authentication Bypass", 80, &[288]),
    of("csrf", "Cross-Site Request Forgery", 50, &[352]),
    of("weak_auth", "Weak Authentication", 50, &[1270, 1294]),
    of("vuln_component", "Vulnerable Component", 50, &[937, 1035, 1104]),
    of("api_leak", "API Leak", 50, &[200]),
    of("dos", "Denial of Service", 95, &[400]),
    of("broken_access", "Broken Access Control", 80, &[284]),
    of("bfla", "Broken Function Level Authorization", 80, &[285]),
    of("privesc", "Privilege Escalation", 80, &[269]),
    of("file_read", "File Read", 80, &[22]),
    of("file_delete", "Arbitrary File Delete", 80, &[73]),
    of("lfi", "Local File Inclusion", 80, &[98]),
    of("rfi", "Remote File Inclusion", 80, &[98]),
    of("file_upload", "File Upload Violation", 40, &[434]),
    of("deserialize", "Insecure Deserialization", 80, &[502]),
    of("buffer_overflow", "Buffer Overflow", 80, &[120]),
    of("memory_corruption", "Memory Corruption", 80, &[119]),
    of("race", "Race Condition", 80, &[362]),
    of("request_smuggling", "HTTP Request Smuggling", 80, &[444]),
    of("misconfig", "Security Misconfiguration", 50, &[16]),
    of("weak_crypto", "Weak Cryptography", 30, &[327]),
    of("weak_creds", "Weak Credentials", 50, &[1391]),
    of("insecure_storage", "Insecure Storage", 50, &[922]),
    of("input_validation", "Improper Input Validation", 50, &[20]),
    of("admin", "Management Interface", 50, &[749]),
    of("sensitive_api", "Sensitive API Exposure", 50, &[200]),
    of("user_enum", "User Enumeration", 30, &[204]),
    of("sub_takeover", "Subdomain Takeover", 80, &[350]),
];

/// Types of attacks that are vulnerabilities, too.
const ALSO_ATTACKS: &[&str] = &[
    "sqli",
    "nosqli",
    "rce",
    "ssti",
    "ldapi",
    "ssrf",
    "xxe",
    "xss",
    "redir",
    "crlf",
    "ptrav",
    "mass_assignment",
    "account_takeover",
    "missing_auth",
    "infoleak",
];

/// Whether a vulnerability may be of this type.
#[must_use]
pub fn is_known(code: &str) -> bool {
    ALSO_ATTACKS.contains(&code) || ONLY_VULNS.iter().any(|info| info.code == code)
}

const fn of(code: &'static str, label: &'static str, threat: u8, cwe: &'static [u16]) -> VulnTypeInfo {
    VulnTypeInfo { code, label, threat, cwe }
}

/// The code that a word means: aliases are `info`, `vuln_version` and `redirect`, and what attacks call otherwise.
#[must_use]
pub fn code_of(word: &str) -> String {
    match word {
        "info" => "infoleak".to_owned(),
        "vuln_version" => "vuln_component".to_owned(),
        "redirect" => "redir".to_owned(),
        "bola" => "idor".to_owned(),
        "apileak" => "api_leak".to_owned(),
        "file_upload_violation" => "file_upload".to_owned(),
        other => other.to_owned(),
    }
}

/// The types of vulnerabilities that a word of a search means, in any case; none for a word that means none.
#[must_use]
pub fn named(word: &str) -> Vec<String> {
    let code = code_of(&word.to_lowercase());
    if ONLY_VULNS.iter().any(|info| info.code == code) {
        return vec![code];
    }
    AttackType::named(&code).into_iter().map(|kind| kind.code().to_owned()).collect()
}

/// What is known of a type; none for a code that nobody defined.
#[must_use]
pub fn info(code: &str) -> Option<VulnTypeInfo> {
    ONLY_VULNS.iter().find(|info| info.code == code).copied().or_else(|| {
        let info = AttackType::parse_code(code)?.info();
        Some(VulnTypeInfo { code: info.code, label: info.label, threat: info.threat, cwe: info.cwe })
    })
}

/// The name shown to people; an unknown code names itself.
#[must_use]
pub fn label(code: &str) -> String {
    info(code).map_or_else(|| code.to_owned(), |info| info.label.to_owned())
}

/// The words for threats, least first.
pub const SEVERITIES: [&str; 5] = ["info", "low", "medium", "high", "critical"];

/// The threat as a word.
#[must_use]
pub const fn severity(threat: i64) -> &'static str {
    match threat {
        ..20 => "info",
        20..40 => "low",
        40..70 => "medium",
        70..95 => "high",
        _ => "critical",
    }
}

/// The threats that a word covers.
#[must_use]
pub fn threats(severity: &str) -> Option<(i64, i64)> {
    Some(match severity {
        "info" => (0, 19),
        "low" => (20, 39),
        "medium" => (40, 69),
        "high" => (70, 94),
        "critical" => (95, 100),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers_agree() {
        for threat in 0..=100 {
            let (from, to) = threats(severity(threat)).unwrap();
            assert!((from..=to).contains(&threat));
        }
        assert_eq!(info("sqli").unwrap().threat, 80);
        assert_eq!(label(&code_of("vuln_version")), "Vulnerable Component");
        assert_eq!(label("own"), "own");
        for (word, code) in
            [("IDOR", "idor"), ("bola", "idor"), ("vuln_version", "vuln_component"), ("redirect", "redir")]
        {
            assert_eq!(named(word), [code]);
        }
        assert_eq!(named("graphql_attacks").len(), 7);
        assert!(named("moon").is_empty());
        assert!(is_known("xxe") && is_known("idor") && !is_known("brute") && !is_known("moon"));
        assert!(ALSO_ATTACKS.iter().all(|code| AttackType::parse_code(code).is_some()));
    }
}
