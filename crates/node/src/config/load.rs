//! Reading `node.toml`: where a mistake is, what it is, and what was probably meant.
//!
//! The file is parsed twice: by `toml` alone, because only it knows line numbers, and by `figment` together with
//! the environment. A value from the environment is reported under its key.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use toml::de::{DeTable, DeValue};

use super::{Config, Role, Secret, Workers};

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A key or value is wrong.
    #[error("{place}: {message}")]
    Invalid {
        /// File and line, or the key.
        place: String,
        /// What is wrong.
        message: String,
    },
}

impl Config {
    /// Reads a file and the environment, and validates the result.
    ///
    /// # Errors
    /// [`ConfigError`], one line that names the file, the line, the key and the nearest known key.
    pub fn load(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        if let Err(error) = toml::from_str::<Config>(&text) {
            return Err(file_error(path, &text, &error));
        }
        let figment = Figment::new()
            .merge(Serialized::defaults(Overridable::default()))
            .merge(Toml::string(&text))
            .merge(Env::prefixed("BARTIZAN__").split("__"));
        let mut config: Config = figment.extract().map_err(|error| ConfigError::Invalid {
            place: format!("environment: {}", error.path.join(".")),
            message: with_nearest(&error.to_string()),
        })?;
        config.apply_cloud_aliases(|name| std::env::var(name).ok())?;
        config.validate().map_err(|error| locate(path, &text, error))?;
        config.source = Some(path.to_owned());
        Ok(config)
    }

    /// Whether a node that runs under `old` can take this over while it runs.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] for the first changed key that only a restart can put in force.
    pub(crate) fn reloadable_from(&self, old: &Config) -> Result<(), ConfigError> {
        let fixed = [
            ("workers", self.workers.count() == old.workers.count()),
            ("state_dir", self.state_dir == old.state_dir),
            ("spool", self.spool == old.spool),
            ("status.address", self.status.address == old.status.address),
            ("limits.connections", self.limits.connections == old.limits.connections),
        ];
        for (key, same) in fixed {
            if !same {
                let error = invalid(key, "a change of this needs a restart");
                let Some(path) = &self.source else { return Err(error) };
                // Without the text the key alone has to do.
                let text = std::fs::read_to_string(path).unwrap_or_default();
                return Err(locate(path, &text, error));
            }
        }
        Ok(())
    }

    /// JSON Schema of the file.
    #[must_use]
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Config).to_value()
    }

    /// The state folder that a file names, also when the rest of the file is wrong: a running node can be asked all
    /// the same.
    #[must_use]
    pub fn state_dir_of(path: &Path) -> PathBuf {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let table: toml::Table = toml::from_str(&text).unwrap_or_default();
        let named = std::env::var("BARTIZAN__STATE_DIR")
            .ok()
            .or_else(|| table.get("state_dir").and_then(|value| value.as_str()).map(str::to_owned));
        named.map_or_else(super::defaults::state_dir, PathBuf::from)
    }

    /// Applies `BARTIZAN_API_*`, `BARTIZAN_LABELS` and their `WALLARM_` spellings.
    fn apply_cloud_aliases(&mut self, lookup: impl Fn(&str) -> Option<String>) -> Result<(), ConfigError> {
        let find = |suffix: &str| {
            ["BARTIZAN", "WALLARM"].iter().find_map(|prefix| {
                let name = format!("{prefix}_{suffix}");
                lookup(&name).map(|value| (name, value))
            })
        };
        if let Some((_, token)) = find("API_TOKEN") {
            self.cloud.token = Some(Secret(token));
        }
        if let Some((_, host)) = find("API_HOST") {
            self.cloud.host = host;
        }
        if let Some((name, port)) = find("API_PORT") {
            self.cloud.port = port.parse().map_err(|_| invalid(&name, "expected a port number"))?;
        }
        if let Some((name, value)) = find("API_USE_SSL") {
            self.cloud.use_ssl = parse_switch(&name, &value)?;
        }
        if let Some((name, value)) = find("API_CA_VERIFY") {
            self.cloud.ca_verify = parse_switch(&name, &value)?;
        }
        if let Some((name, value)) = find("LABELS") {
            for pair in value.split(',').filter(|pair| !pair.trim().is_empty()) {
                let Some((label, value)) = pair.split_once('=') else {
                    return Err(invalid(&name, "expected label=value pairs separated by commas"));
                };
                self.cloud.labels.insert(label.trim().to_owned(), value.trim().to_owned());
            }
        }
        Ok(())
    }

    /// Checks ranges and references between sections.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] for the first key that is out of range or names something that is not there.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.version != 1 {
            return Err(invalid("version", "this build reads version 1"));
        }
        if let Workers::Count(count) = self.workers {
            range("workers", count as u64, 1, 256)?;
        }
        self.validate_cloud()?;
        if self.listen.is_empty() {
            return Err(invalid("listen", "at least one [[listen]] with an address is needed"));
        }
        self.validate_upstreams()?;
        self.validate_routes()?;
        self.validate_limits()?;
        self.validate_client_ip()?;
        self.validate_blocks()
    }

    fn validate_cloud(&self) -> Result<(), ConfigError> {
        if self.cloud.enabled && self.cloud.host.is_empty() {
            return Err(invalid("cloud.host", "is required unless cloud.enabled is false"));
        }
        Ok(())
    }

    fn validate_upstreams(&self) -> Result<(), ConfigError> {
        for (name, upstream) in &self.upstream {
            let key = format!("upstream.{name}.servers");
            if upstream.servers.is_empty() {
                return Err(invalid(&key, "needs at least one server"));
            }
            for server in &upstream.servers {
                let uri: http::Uri =
                    server.parse().map_err(|_| invalid(&key, &format!("{server:?} is no URL")))?;
                if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
                    return Err(invalid(
                        &key,
                        &format!("{server:?}: expected http://host:port or https://host:port"),
                    ));
                }
                if uri.path() != "/" || uri.query().is_some() {
                    return Err(invalid(&key, &format!("{server:?} must not have a path")));
                }
            }
        }
        Ok(())
    }

    fn validate_routes(&self) -> Result<(), ConfigError> {
        let check = |key: String, application: Option<i64>, upstream: Option<&String>| {
            if application.is_some_and(|id| id != -1 && id < 1) {
                return Err(invalid(&format!("{key}.application"), "expected a positive number or -1"));
            }
            match upstream {
                Some(name) if !self.upstream.contains_key(name) => {
                    let known = self.upstream.keys().map(String::as_str);
                    Err(invalid(&format!("{key}.upstream"), &unknown("upstream", name, known)))
                }
                _ => Ok(()),
            }
        };
        check("route".into(), self.route.application, self.route.upstream.as_ref())?;
        for (h, host) in self.route.hosts.iter().enumerate() {
            check(format!("route.hosts.{h}"), host.application, host.upstream.as_ref())?;
            for (p, path) in host.paths.iter().enumerate() {
                check(format!("route.hosts.{h}.paths.{p}"), path.application, path.upstream.as_ref())?;
            }
        }
        crate::routes::Routes::compile(self).map_err(|error| invalid(&error.key, &error.message)).map(drop)
    }

    fn validate_limits(&self) -> Result<(), ConfigError> {
        let limits = &self.limits;
        range("limits.header_block_bytes", limits.header_block_bytes as u64, 8 << 10, 1 << 20)?;
        range("limits.header_line_bytes", limits.header_line_bytes as u64, 1 << 10, 1 << 20)?;
        range("limits.header_count", limits.header_count as u64, 16, 10_000)?;
        range("rate_limit.keys", self.rate_limit.keys as u64, 1000, 10_000_000)?;
        range("limits.max_streams", limits.max_streams.into(), 1, 10_000)?;
        range("limits.connections", limits.connections as u64, 1, 1 << 20)?;
        range("inspect.process_time_limit_ms", self.inspect.process_time_limit_ms, 1, 10_000)?;
        range("inspect.body_max", self.inspect.body_max as u64, 0, 1 << 30)?;
        range("inspect.queue_max", self.inspect.queue_max as u64, 0, 1 << 20)?;
        range("inspect.held_max", self.inspect.held_max, 1 << 20, 1 << 44)?;
        for (key, value, min, max) in self.inspect.limits.ranges() {
            range(key, value as u64, min, max)?;
        }
        let sampling = &self.sampling;
        range("sampling.high_share_percent", sampling.high_share_percent.into(), 1, 100)?;
        range("sampling.high_hits_per_s", sampling.high_hits_per_s.into(), 0, 1_000_000)?;
        let high = sampling.high_share_percent.into();
        range("sampling.low_share_percent", sampling.low_share_percent.into(), 0, high)?;
        range("spool.max_bytes", self.spool.max_bytes, 1 << 20, 1 << 44)?;
        range("spool.segment_bytes", self.spool.segment_bytes, 64 << 10, 1 << 30)?;
        range("spool.queue_bytes", self.spool.queue_bytes, 64 << 10, 1 << 40)?;
        let timeouts = &self.timeouts;
        range("timeouts.upstream_idle_s", timeouts.upstream_idle_s, 0, 86_400)?;
        for (key, value) in [
            ("timeouts.tls_handshake_s", timeouts.tls_handshake_s),
            ("timeouts.header_s", timeouts.header_s),
            ("timeouts.body_idle_s", timeouts.body_idle_s),
            ("timeouts.response_idle_s", timeouts.response_idle_s),
            ("timeouts.upstream_connect_s", timeouts.upstream_connect_s),
            ("timeouts.upstream_response_s", timeouts.upstream_response_s),
            ("timeouts.tunnel_idle_s", timeouts.tunnel_idle_s),
            ("timeouts.keep_alive_s", timeouts.keep_alive_s),
            ("timeouts.drain_s", timeouts.drain_s),
        ] {
            range(key, value, 1, 86_400)?;
        }
        Ok(())
    }

    fn validate_client_ip(&self) -> Result<(), ConfigError> {
        for (i, rule) in self.client_ip.rule.iter().enumerate() {
            let wrong = rule.real_ip.iter().find(|name| name.parse::<http::HeaderName>().is_err());
            if let Some(name) = wrong {
                let message = format!("{name:?} is no name of a header field");
                return Err(invalid(&format!("client_ip.rule.{i}.real_ip"), &message));
            }
        }
        Ok(())
    }

    fn validate_blocks(&self) -> Result<(), ConfigError> {
        for (i, block) in self.block.iter().enumerate() {
            if block.status != 200 && !(400..=599).contains(&block.status) {
                return Err(invalid(&format!("block.{i}.status"), "expected 200, or 400 to 599"));
            }
            let redirect = block.redirect.as_deref();
            if redirect.is_some_and(|to| to.is_empty() || http::HeaderValue::from_str(to).is_err()) {
                return Err(invalid(&format!("block.{i}.redirect"), "expected an address"));
            }
            if block.page.is_some() && block.redirect.is_some() {
                return Err(invalid(&format!("block.{i}.redirect"), "cannot be combined with a page"));
            }
        }
        Ok(())
    }

    /// Whether anything may be refused at all.
    pub(crate) fn enforces(&self) -> bool {
        self.blocking && self.role == Role::Proxy
    }
}

/// Figment needs at least one provider of the default profile; an empty one adds no keys.
#[derive(Default, serde::Serialize)]
struct Overridable {}

fn invalid(place: &str, message: &str) -> ConfigError {
    ConfigError::Invalid { place: place.to_owned(), message: message.to_owned() }
}

fn range(key: &str, value: u64, min: u64, max: u64) -> Result<(), ConfigError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(invalid(key, &format!("{value} is out of range, expected {min} to {max}")))
}

fn parse_switch(name: &str, value: &str) -> Result<bool, ConfigError> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(invalid(name, "expected true or false")),
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut message = format!("unknown {what} {name:?}");
    if let Some(nearest) = nearest(name, known) {
        let _ = write!(message, ", did you mean {nearest:?}?");
    }
    message
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(score, _)| *score > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// Serde lists every known key; a person wants the nearest one.
fn with_nearest(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let (Some(name), Some(kind)) =
        (quoted.next(), ["unknown field", "unknown variant"].into_iter().find(|kind| message.contains(kind)))
    else {
        return message.to_owned();
    };
    unknown(if kind == "unknown field" { "key" } else { "value" }, name, quoted)
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn file_error(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let place = match error.span() {
        Some(span) => format!("{}:{}", path.display(), line_of(text, span.start)),
        None => path.display().to_string(),
    };
    ConfigError::Invalid { place, message: with_nearest(error.message()) }
}

/// Replaces the key of a validation error with file, line and key, when the file holds the key.
fn locate(path: &Path, text: &str, error: ConfigError) -> ConfigError {
    let ConfigError::Invalid { place: key, message } = error else {
        return error;
    };
    let place = match find_key(text, &key) {
        Some(offset) => format!("{}:{}", path.display(), line_of(text, offset)),
        None => path.display().to_string(),
    };
    ConfigError::Invalid { place, message: format!("{key}: {message}") }
}

/// Offset of the deepest part of a dotted key that the file holds.
fn find_key(text: &str, key: &str) -> Option<usize> {
    let root = DeTable::parse(text).ok()?;
    let mut parts = key.split('.');
    let mut current = root.get_ref().get(parts.next()?)?;
    for part in parts {
        let next = match current.get_ref() {
            DeValue::Table(table) => table.get(part),
            DeValue::Array(array) => part.parse::<usize>().ok().and_then(|index| array.get(index)),
            _ => None,
        };
        let Some(next) = next else { break };
        current = next;
    }
    Some(current.span().start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = "[cloud]\nenabled = false\n[[listen]]\naddress = \"127.0.0.1:0\"\n";

    fn load(text: &str) -> Result<Config, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(&path)
            .map_err(|error| error.to_string().replace(&path.display().to_string(), "node.toml"))
    }

    #[test]
    fn minimal_file_gets_the_documented_defaults() {
        let config = load(MINIMAL).unwrap();
        assert_eq!(config.limits.header_count, 256);
        assert_eq!(config.inspect.body_max, 8 << 20);
        assert_eq!(config.status.address.to_string(), "127.0.0.1:10246");
        assert!(config.client_ip.rule.is_empty());
    }

    #[test]
    fn example_shows_the_defaults() {
        let example = load(include_str!("../../node.example.toml")).unwrap();
        let (example, default) =
            (toml::Table::try_from(example).unwrap(), toml::Table::try_from(Config::default()).unwrap());
        for section in [
            "acl",
            "inspect",
            "limits",
            "timeouts",
            "keep_alive",
            "sampling",
            "spool",
            "status",
            "masking",
            "parsers",
            "log",
            "workers",
            "role",
        ] {
            assert_eq!(example[section], default[section], "{section}");
        }
        for key in ["port", "use_ssl", "ca_verify", "force_register", "on_register_failure"] {
            assert_eq!(example["cloud"][key], default["cloud"][key], "{key}");
        }
    }

    #[test]
    fn minimal_configuration_of_the_specification_loads() {
        let config = load(
            r#"
            version = 1
            role = "proxy"
            [cloud]
            host = "cloud.example"
            labels = { group = "prod" }
            [[listen]]
            address = "0.0.0.0:8443"
            tls = { cert = "/etc/bartizan/tls/site.crt", key = "/etc/bartizan/tls/site.key" }
            [upstream.shop]
            servers = ["https://10.0.0.10:443", "https://10.0.0.11:443"]
            [route]
            mode = "monitoring"
            mode_allow_override = "on"
            upstream = "shop"
            [acl]
            enabled = true
            early = true
            [inspect]
            process_time_limit_ms = 1000
            enable_confirmation = true
            parse_response = true
            [log.access]
            when = "attacks"
            "#,
        )
        .unwrap();
        assert!(config.inspect.enable_confirmation);
        assert_eq!(config.log.access.when, crate::config::AccessLogWhen::Attacks);
    }

    #[test]
    fn limits_of_inspection_have_ranges_and_parsers_have_names() {
        let error = load(&format!("{MINIMAL}[inspect.limits]\nleaves = 3\n")).unwrap_err();
        assert_eq!(error, "node.toml:6: inspect.limits.leaves: 3 is out of range, expected 1000 to 10000000");
        let error = load(&format!("{MINIMAL}[parsers]\ndisabled = [\"jsn\"]\n")).unwrap_err();
        assert_eq!(error, "node.toml:6: unknown value \"jsn\", did you mean \"json\"?");
        let config = load(&format!("{MINIMAL}[parsers]\ndisabled = [\"json\", \"zlib\"]\n")).unwrap();
        let names = toml::Value::try_from(&config.parsers).unwrap();
        assert_eq!(names["disabled"].to_string(), r#"["json_doc", "gzip"]"#);
    }

    #[test]
    fn unknown_key_is_named_with_its_line_and_the_nearest_key() {
        let error = load(&format!("{MINIMAL}[inspect]\nprocess_time_limit = 3\n")).unwrap_err();
        assert_eq!(
            error,
            "node.toml:6: unknown key \"process_time_limit\", did you mean \"process_time_limit_ms\"?"
        );
    }

    #[test]
    fn value_out_of_range_is_named_with_its_line() {
        let error = load(&format!("{MINIMAL}[limits]\nheader_count = 3\n")).unwrap_err();
        assert_eq!(error, "node.toml:6: limits.header_count: 3 is out of range, expected 16 to 10000");
    }

    #[test]
    fn names_and_addresses_that_no_head_can_hold_are_refused() {
        let error = load(&format!(
            "{MINIMAL}[[client_ip.rule]]\ntrusted_networks = [\"10.0.0.0/8\"]\nreal_ip = [\"X-Real-IP\", \"X Forwarded\"]\n"
        ))
        .unwrap_err();
        let wanted = "client_ip.rule.0.real_ip: \"X Forwarded\" is no name of a header field";
        assert_eq!(error, format!("node.toml:7: {wanted}"));
        let error = load(&format!("{MINIMAL}[[block]]\nredirect = \"a\\nb\"\n")).unwrap_err();
        assert_eq!(error, "node.toml:6: block.0.redirect: expected an address");
    }

    #[test]
    fn route_to_an_unknown_upstream_names_the_nearest() {
        let error = load(&format!(
            "{MINIMAL}[upstream.shop]\nservers = [\"http://127.0.0.1:1\"]\n[route]\nupstream = \"shpo\"\n"
        ))
        .unwrap_err();
        assert_eq!(error, "node.toml:8: route.upstream: unknown upstream \"shpo\", did you mean \"shop\"?");
    }

    #[test]
    fn cloud_aliases_of_both_spellings_are_read() {
        let mut config = Config::default();
        config
            .apply_cloud_aliases(|name| match name {
                "WALLARM_API_HOST" => Some("cloud.example".into()),
                "BARTIZAN_API_PORT" => Some("8443".into()),
                "WALLARM_LABELS" => Some("group=prod, zone=a".into()),
                "BARTIZAN_API_USE_SSL" => Some("false".into()),
                _ => None,
            })
            .unwrap();
        assert_eq!((config.cloud.host.as_str(), config.cloud.port), ("cloud.example", 8443));
        assert_eq!(config.cloud.labels["zone"], "a");
        assert!(!config.cloud.use_ssl);
    }

    #[test]
    fn secrets_do_not_print() {
        let mut config = Config::default();
        config.cloud.token = Some(Secret("very-secret".into()));
        assert!(!format!("{config:?}").contains("very-secret"));
    }
}
