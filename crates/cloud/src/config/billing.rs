//! `[billing]`: what clients may use without buying more, and who may sell trials.

use std::path::PathBuf;

use jsonwebtoken::jwk::{AlgorithmParameters, JwkSet};
use serde::{Deserialize, Serialize};

/// Most requests and users that a quota may allow.
const MOST: i64 = 1_000_000_000_000_000;

/// What clients may use without buying more, and who may sell trials.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BillingConfig {
    /// Requests of a client in a month; 0 is no limit. Beyond, its Console and integrations are closed until the next
    /// month; beyond twice as many its nodes do not protect either.
    pub requests_per_month: i64,
    /// Users of a client; 0 is no limit.
    pub max_users: i64,
    /// File with the public keys, as a JSON Web Key Set, that sign trials; none: no trials by JWT.
    pub trial_keys: Option<PathBuf>,
}

impl BillingConfig {
    /// Checks ranges and the file of keys.
    pub(super) fn validate(&self) -> Result<(), String> {
        for (name, value) in [("requests_per_month", self.requests_per_month), ("max_users", self.max_users)]
        {
            if !(0..=MOST).contains(&value) {
                return Err(format!("billing.{name} must be 0 to {MOST}"));
            }
        }
        self.keys().map(drop)
    }

    /// The public keys that sign trials; none when no file is named.
    ///
    /// # Errors
    /// A sentence that begins with the key and says what is wrong with the file.
    pub(crate) fn keys(&self) -> Result<Option<JwkSet>, String> {
        let Some(path) = &self.trial_keys else { return Ok(None) };
        let wrong = |error: &dyn std::fmt::Display| format!("billing.trial_keys {}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
        let keys: JwkSet = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
        // Whoever could read a symmetric key could sign.
        let public =
            |parameters: &AlgorithmParameters| !matches!(parameters, AlgorithmParameters::OctetKey(_));
        if keys.keys.is_empty() || !keys.keys.iter().all(|key| public(&key.algorithm)) {
            return Err(wrong(&"one or more public keys are needed"));
        }
        Ok(Some(keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_keys_sign_trials() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let config = BillingConfig { trial_keys: Some(path.clone()), ..BillingConfig::default() };
        assert!(config.validate().unwrap_err().starts_with("billing.trial_keys "));
        std::fs::write(&path, r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#).unwrap();
        assert!(config.validate().unwrap_err().contains("public keys"));
        let key = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        std::fs::write(&path, format!("{{\"keys\":[{key}]}}")).unwrap();
        assert_eq!(config.keys().unwrap().unwrap().keys.len(), 1);
        let config = BillingConfig { requests_per_month: -1, ..BillingConfig::default() };
        assert!(config.validate().unwrap_err().starts_with("billing.requests_per_month must be"));
    }
}
