//! `[outgoing]` and `[integrations]`: which addresses the cloud itself may connect to, and where services live.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Connections that the cloud opens to addresses that users name: integrations, remote API specifications.
///
/// Loopback, private, link-local and other addresses that the public network does not route are refused unless
/// they are listed here.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutgoingConfig {
    /// Networks that may be reached although the public network does not route them.
    pub allowed_networks: Vec<IpNet>,
    /// Whether webhooks and API specifications may use plain HTTP.
    pub plain_http: bool,
    /// PEM file with authorities that are trusted besides the public ones.
    pub ca_file: Option<PathBuf>,
}

impl OutgoingConfig {
    /// The authorities that are trusted besides the public ones.
    ///
    /// # Errors
    /// A sentence that names the key and what is wrong with the file.
    pub(crate) fn authorities(&self) -> Result<Vec<reqwest::Certificate>, String> {
        let Some(path) = &self.ca_file else { return Ok(vec![]) };
        let wrong = |error: &dyn std::fmt::Display| format!("outgoing.ca_file {}: {error}", path.display());
        let pem = std::fs::read(path).map_err(|error| wrong(&error))?;
        let found = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| wrong(&error))?;
        if found.is_empty() { Err(wrong(&"no certificate in PEM form")) } else { Ok(found) }
    }
}

/// Addresses of the services that integrations report to, for installations that reach them by a relay.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntegrationsConfig {
    /// Key by which the cloud takes on roles of tenants in Amazon Web Services; empty: it takes on none.
    pub aws_access_key_id: String,
    /// The secret of the key.
    pub aws_secret_access_key: String,
    /// Amazon S3; empty: by the region of the integration.
    pub aws_s3_url: String,
    /// Token service of Amazon Web Services; empty: by the region of the integration.
    pub aws_sts_url: String,
    /// Events API of PagerDuty.
    pub pager_duty_url: String,
    /// Log intake of Datadog; empty: by the region of the integration.
    pub data_dog_url: String,
    /// Bot API of Telegram.
    pub telegram_url: String,
    /// Token of the Telegram bot that integrations without a token of their own speak by.
    pub telegram_token: String,
}

impl IntegrationsConfig {
    /// # Errors
    /// A sentence that names the keys that do not fit each other.
    pub(crate) fn validate(&self) -> Result<(), String> {
        if self.aws_access_key_id.is_empty() == self.aws_secret_access_key.is_empty() {
            Ok(())
        } else {
            Err("integrations.aws_access_key_id and integrations.aws_secret_access_key go together"
                .to_owned())
        }
    }
}

impl Default for IntegrationsConfig {
    fn default() -> IntegrationsConfig {
        IntegrationsConfig {
            aws_access_key_id: String::new(),
            aws_secret_access_key: String::new(),
            aws_s3_url: String::new(),
            aws_sts_url: String::new(),
            pager_duty_url: "https://events.pagerduty.com/v2/enqueue".to_owned(),
            data_dog_url: String::new(),
            telegram_url: "https://api.telegram.org".to_owned(),
            telegram_token: String::new(),
        }
    }
}
