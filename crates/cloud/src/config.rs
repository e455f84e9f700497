//! The cloud's configuration: `cloud.toml` and `BARTIZAN_CLOUD__SECTION__KEY` environment variables.
//!
//! Every key has a default, so an empty file is a working embedded cloud. Unknown keys are errors that name
//! file, line and key.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

mod billing;
mod limits;
mod mail;
mod outgoing;
mod signup;
mod verification;

pub use billing::BillingConfig;
pub use limits::Limits;
pub use mail::{MailConfig, MailPassword, MailTls};
pub use outgoing::{IntegrationsConfig, OutgoingConfig};
pub use signup::SignupConfig;
pub use verification::{VerificationConfig, VerificationTarget};

/// The whole configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CloudConfig {
    /// Short name of the region, `us1` or `eu1`.
    pub region: String,
    /// Name of the region shown to people.
    pub label: String,
    /// Folder of keys and the embedded database.
    pub data_dir: PathBuf,
    /// Where the API listens.
    pub listen: Listen,
    /// The database.
    pub database: DatabaseConfig,
    /// Addresses that other programs reach the cloud by.
    pub public: Public,
    /// Authentication.
    pub auth: AuthConfig,
    /// Self sign-up.
    pub signup: SignupConfig,
    /// Quotas and trials.
    pub billing: BillingConfig,
    /// Security events.
    pub events: EventsConfig,
    /// How much of everything it takes.
    pub limits: Limits,
    /// The mail server that letters go out by.
    pub mail: MailConfig,
    /// Connections that the cloud opens to addresses that users name.
    pub outgoing: OutgoingConfig,
    /// Addresses of the services that integrations report to.
    pub integrations: IntegrationsConfig,
    /// Active verification of attacks.
    pub verification: VerificationConfig,
}

impl Default for CloudConfig {
    fn default() -> CloudConfig {
        CloudConfig {
            region: "us1".into(),
            label: "US".into(),
            data_dir: "data".into(),
            listen: Listen::default(),
            database: DatabaseConfig::default(),
            public: Public::default(),
            auth: AuthConfig::default(),
            signup: SignupConfig::default(),
            billing: BillingConfig::default(),
            events: EventsConfig::default(),
            limits: Limits::default(),
            mail: MailConfig::default(),
            outgoing: OutgoingConfig::default(),
            integrations: IntegrationsConfig::default(),
            verification: VerificationConfig::default(),
        }
    }
}

/// Where the API listens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// Address and port. Anything but loopback needs `tls_cert` or a proxy that terminates TLS.
    pub address: SocketAddr,
    /// PEM certificate chain; with it the API speaks HTTPS only.
    pub tls_cert: Option<PathBuf>,
    /// PEM private key.
    pub tls_key: Option<PathBuf>,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` count, right to left. Empty: none.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether calls over a network may come without TLS. Whoever is on their way reads passwords and keys.
    pub plain_http: bool,
}

impl Default for Listen {
    fn default() -> Listen {
        Listen {
            address: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls_cert: None,
            tls_key: None,
            trusted_proxies: vec![],
            plain_http: false,
        }
    }
}

/// The database.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// `sqlite://…` or `postgres://…`; empty is `bartizan.db` in the data folder.
    pub url: String,
    /// Most connections, 1 to 1000.
    pub max_connections: u32,
}

impl Default for DatabaseConfig {
    fn default() -> DatabaseConfig {
        DatabaseConfig { url: String::new(), max_connections: 8 }
    }
}

/// Addresses that other programs reach the cloud by.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Public {
    /// Origin of the Console; empty is the listening address.
    pub console_url: String,
    /// Further origins whose pages may call the API with cookies.
    pub allowed_origins: Vec<String>,
    /// Domain that the session cookie covers, when Console and API sit on different hosts of it.
    pub cookie_domain: String,
    /// The other clouds, which the sign-in page links to.
    pub clouds: Vec<OtherCloud>,
}

impl Public {
    /// Origins whose pages may call the API with cookies, as browsers name them.
    #[must_use]
    pub fn origins(&self) -> Vec<String> {
        let all = std::iter::once(&self.console_url).chain(&self.allowed_origins);
        all.filter_map(|text| web_address(text)).map(|url| url.origin().ascii_serialization()).collect()
    }

    fn validate(&self) -> Result<(), String> {
        if !self.console_url.is_empty() && web_address(&self.console_url).is_none() {
            return Err("public.console_url must begin with http:// or https:// and name a host".into());
        }
        let is_origin = |text: &&String| {
            web_address(text).is_some_and(|url| {
                let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
                bare && url.username().is_empty() && url.password().is_none()
            })
        };
        match self.allowed_origins.iter().find(|text| !is_origin(text)) {
            Some(wrong) => Err(format!(
                "public.allowed_origins must be of the form https://host[:port], which {wrong:?} is not"
            )),
            None => Ok(()),
        }
    }
}

fn web_address(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Another cloud with users of its own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherCloud {
    /// Name shown to people.
    pub label: String,
    /// Origin of its Console.
    pub console_url: String,
}

/// Authentication.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// Whether owners can read the values of their API tokens again; they are kept encrypted for it.
    pub retrievable_tokens: bool,
    /// Whether LDAP without TLS is allowed, for servers on the machine itself.
    pub insecure_ldap: bool,
    /// E-mail domains with the UUIDs of the clients whose single sign-on may claim them. One that is not named here
    /// is of the only client with users in it; those of public mail providers are nobody's.
    pub sso_domains: BTreeMap<String, String>,
    /// Days without a sign-in after which a user whom an identity provider manages is disabled; 0 is never.
    pub sso_inactive_days: u32,
}

impl Default for AuthConfig {
    fn default() -> AuthConfig {
        AuthConfig {
            retrievable_tokens: true,
            insecure_ldap: false,
            sso_domains: BTreeMap::new(),
            sso_inactive_days: 30,
        }
    }
}

/// Security events.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventsConfig {
    /// Bytes of columns and rankings that the event index keeps in memory; its dictionaries come on top.
    pub index_cache_bytes: usize,
}

impl Default for EventsConfig {
    fn default() -> EventsConfig {
        EventsConfig { index_cache_bytes: 512 << 20 }
    }
}

/// A configuration that cannot be used: one line that says where and what.
#[derive(Debug, thiserror::Error)]
#[error("{file}{}: {message}", line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct ConfigError {
    /// File, or the environment variable.
    pub file: String,
    /// Line, when known.
    pub line: Option<usize>,
    /// What is wrong and what is expected.
    pub message: String,
}

impl CloudConfig {
    /// Reads the file, then overrides from the environment, then checks ranges.
    ///
    /// # Errors
    /// [`ConfigError`] with file, line and key.
    pub fn load(path: &Path) -> Result<CloudConfig, ConfigError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
            file: file.clone(),
            line: None,
            message: format!("cannot be read: {error}"),
        })?;
        // The typed parse first: it knows lines.
        toml::from_str::<CloudConfig>(&text).map_err(|error| ConfigError {
            file: file.clone(),
            line: error.span().map(|span| line_of(&text, span.start)),
            message: error.message().replace('\n', " "),
        })?;
        let table: toml::Table = toml::from_str(&text).map_err(|error| ConfigError {
            file: file.clone(),
            line: None,
            message: error.message().to_owned(),
        })?;
        CloudConfig::completed(table, &file, &text)
    }

    /// The defaults with what the environment says, for a cloud without a file.
    ///
    /// # Errors
    /// [`ConfigError`] with the key.
    pub fn from_environment() -> Result<CloudConfig, ConfigError> {
        CloudConfig::completed(toml::Table::new(), "environment", "")
    }

    /// Overrides from the environment, then checks ranges.
    fn completed(mut table: toml::Table, file: &str, text: &str) -> Result<CloudConfig, ConfigError> {
        for (name, value) in std::env::vars() {
            if let Some(path) = name.strip_prefix("BARTIZAN_CLOUD__") {
                let keys: Vec<String> = path.to_lowercase().split("__").map(str::to_owned).collect();
                set(&mut table, &keys, &value);
            }
        }
        let config: CloudConfig = table.try_into().map_err(|error: toml::de::Error| ConfigError {
            file: "environment BARTIZAN_CLOUD__…".into(),
            line: None,
            message: error.message().to_owned(),
        })?;
        config.validate().map_err(|message| placed(message, file, text))?;
        Ok(config)
    }

    /// Checks what types cannot.
    ///
    /// # Errors
    /// A sentence that names the key and what it may be.
    pub fn validate(&self) -> Result<(), String> {
        if !(1..=1000).contains(&self.database.max_connections) {
            return Err("database.max_connections must be 1 to 1000".into());
        }
        if !(self.database.url.is_empty()
            || self.database.url.starts_with("sqlite:")
            || self.database.url.starts_with("postgres"))
        {
            return Err("database.url must begin with sqlite: or postgres:".into());
        }
        if self.listen.tls_cert.is_some() != self.listen.tls_key.is_some() {
            return Err("listen.tls_cert and listen.tls_key go together".into());
        }
        let listen = &self.listen;
        if !listen.address.ip().is_loopback()
            && listen.tls_cert.is_none()
            && listen.trusted_proxies.is_empty()
            && !listen.plain_http
        {
            return Err(
                "listen.address is reached from other machines: set listen.tls_cert and listen.tls_key, or \
                        listen.trusted_proxies for the proxy that speaks TLS, or allow listen.plain_http"
                    .into(),
            );
        }
        self.public.validate()?;
        self.mail.validate()?;
        if self.signup.enabled && self.mail.host.is_empty() {
            return Err("signup.enabled needs mail.host: a letter confirms the address".into());
        }
        self.billing.validate()?;
        self.outgoing.authorities()?;
        self.verification.validate()?;
        self.integrations.validate()?;
        self.limits.validate()
    }

    /// The database URL in force.
    #[must_use]
    pub fn database_url(&self) -> String {
        if self.database.url.is_empty() {
            format!("sqlite://{}", self.data_dir.join("bartizan.db").display())
        } else {
            self.database.url.clone()
        }
    }

    /// Whether the API itself speaks TLS.
    #[must_use]
    pub fn tls(&self) -> bool {
        self.listen.tls_cert.is_some()
    }
}

/// A refusal with the place of the key that it begins with: the variable that sets it, else the line in the file.
fn placed(message: String, file: &str, text: &str) -> ConfigError {
    let key = message.split(' ').next().unwrap_or_default();
    let variable = format!("BARTIZAN_CLOUD__{}", key.replace('.', "__").to_uppercase());
    if std::env::var_os(&variable).is_some() {
        return ConfigError { file: format!("environment {variable}"), line: None, message };
    }
    ConfigError { file: file.to_owned(), line: line_of_key(text, key), message }
}

/// The line of a dotted key, or of as much of it as the file has.
fn line_of_key(text: &str, key: &str) -> Option<usize> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let (mut table, mut line) = (document.get_ref(), None);
    for name in key.split('.') {
        let Some((held, value)) = table.iter().find(|(held, _)| held.get_ref().as_ref() == name) else {
            break;
        };
        line = Some(line_of(text, held.span().start));
        let toml::de::DeValue::Table(inner) = value.get_ref() else { break };
        table = inner;
    }
    line
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Sets a nested key; the text becomes a TOML value when it reads as one, a string otherwise.
fn set(table: &mut toml::Table, keys: &[String], text: &str) {
    match keys {
        [] => {}
        [key] => {
            let value = toml::from_str::<toml::Table>(&format!("v = {text}"))
                .ok()
                .and_then(|mut parsed| parsed.remove("v"))
                .unwrap_or_else(|| toml::Value::String(text.to_owned()));
            table.insert(key.clone(), value);
        }
        [key, rest @ ..] => {
            let inner = table.entry(key.clone()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if let toml::Value::Table(inner) = inner {
                set(inner, rest, text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<CloudConfig, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cloud.toml");
        std::fs::write(&path, text).unwrap();
        CloudConfig::load(&path)
    }

    #[test]
    fn an_empty_file_is_a_working_configuration() {
        assert_eq!(load("").unwrap().limits.requests_per_second, 500);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let error = load("region = \"us1\"\n[listen]\nadress = \"x\"\n").unwrap_err();
        assert_eq!(error.line, Some(3));
        assert!(error.message.contains("unknown field `adress`"), "{error}");
    }

    #[test]
    fn a_value_out_of_range_is_named() {
        let error = load("[limits]\nrequest_burst = 0\n").unwrap_err();
        assert!(
            error.to_string().ends_with("cloud.toml:2: limits.request_burst must be 1 to 1000000"),
            "{error}"
        );
        let error = load("region = \"us1\"\n\n[listen]\ntls_key = \"key.pem\"\n").unwrap_err();
        assert_eq!(error.line, Some(3), "{error}");
        for wrong in
            ["*", "null", "acme.test", "ftp://acme.test", "https://acme.test/console", "https://a@acme.test"]
        {
            let error = load(&format!("[public]\nallowed_origins = [\"{wrong}\"]\n")).unwrap_err();
            assert_eq!(error.line, Some(2), "{error}");
            assert!(error.message.contains("https://host[:port]"), "{error}");
        }
        let error = load("limits.ip_list_pairs = 0\nregion = \"us1\"\n").unwrap_err();
        assert_eq!(error.line, Some(1), "{error}");
    }

    #[test]
    fn origins_are_as_browsers_name_them() {
        let public = Public {
            console_url: "https://my.acme.test/console/".to_owned(),
            allowed_origins: vec![
                "https://Shop.acme.test:443/".to_owned(),
                "http://localhost:8080".to_owned(),
            ],
            ..Public::default()
        };
        public.validate().unwrap();
        assert_eq!(
            public.origins(),
            ["https://my.acme.test", "https://shop.acme.test", "http://localhost:8080"]
        );
    }
}
