//! CAPEC attack patterns of the attack types: what an attacker does, where CWE says what is weak.

use crate::AttackType;

/// Numbers of the attack patterns of a type; none where CAPEC has no fitting one.
#[must_use]
pub const fn of_type(kind: AttackType) -> &'static [u16] {
    use AttackType as T;
    match kind {
        // Cross-Site Scripting.
        T::Xss => &[63],
        // SQL Injection.
        T::Sqli => &[66],
        // OS Command Injection, Code Injection.
        T::Rce => &[88, 242],
        // Data Serialization External Entities Blowup.
        T::Xxe => &[221],
        // Path Traversal.
        T::Ptrav => &[126],
        // HTTP Response Splitting, Log Injection-Tampering-Forging.
        T::Crlf => &[34, 93],
        // NoSQL Injection.
        T::Nosqli => &[676],
        // Excavation.
        T::Infoleak | T::Scraping | T::GqlIntrospection => &[116],
        // Password Brute Forcing, Brute Force.
        T::Brute => &[49, 112],
        // Forceful Browsing.
        T::Dirbust => &[87],
        // LDAP Injection.
        T::Ldapi => &[136],
        // Footprinting, Scanning for Vulnerable Software.
        T::Scanner => &[169, 310],
        // Accessing Functionality Not Properly Constrained by ACLs.
        T::Bola => &[1],
        // Manipulating User-Controlled Variables.
        T::MassAssignment => &[77],
        // Use of Known Domain Credentials.
        T::Apileak => &[560],
        // Server Side Request Forgery.
        T::Ssrf => &[664],
        // Functionality Misuse.
        T::ApiAbuse => &[212],
        // Credential Stuffing.
        T::CredentialStuffing => &[600],
        // Server Side Include (SSI) Injection.
        T::Ssi => &[101],
        // Email Injection, IMAP/SMTP Command Injection.
        T::MailInjection => &[134, 183],
        // Code Injection.
        T::Ssti => &[242],
        // Leverage Alternate Encoding.
        T::InvalidXml => &[267],
        // Excessive Allocation.
        T::OverlimitRes | T::GqlAliases | T::FileUploadViolation => &[130],
        // Exponential Data Expansion.
        T::DataBomb => &[197],
        // Using Unpublished Interfaces or Functionality.
        T::UndefinedEndpoint => &[36],
        // Input Data Manipulation.
        T::UndefinedParameter | T::MissingParameter | T::InvalidParameterValue | T::InvalidRequest => &[153],
        // Authentication Bypass.
        T::MissingAuth => &[115],
        // Serialized Data with Nested Payloads.
        T::GqlDepth => &[230],
        // Oversized Serialized Data Payloads.
        T::GqlValueSize | T::GqlDocSize => &[231],
        // Flooding.
        T::GqlDocsPerBatch | T::RateLimit => &[125],
        // Exploit Non-Production Interfaces.
        T::GqlDebug => &[121],
        // Password Brute Forcing, Credential Stuffing.
        T::AccountTakeover => &[49, 600],
        // Fingerprinting, Scanning for Vulnerable Software.
        T::SecurityCrawlers => &[224, 310],
        // Account Footprinting.
        T::Enum => &[575],
        // Flooding, Excessive Allocation.
        T::ResourceConsumption => &[125, 130],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_ascending_and_unlike() {
        for kind in AttackType::ALL {
            let patterns = of_type(*kind);
            assert!(patterns.is_sorted_by(|a, b| a < b), "{kind:?}");
        }
        assert_eq!(of_type(AttackType::Sqli), [66]);
        assert!(of_type(AttackType::Warn).is_empty());
    }
}
