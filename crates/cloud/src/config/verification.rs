//! `[verification]`: whether attacks are replayed harmlessly, and against which hosts.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Active verification of attacks. Nothing is sent unless it is enabled here, the host is named here, and the tenant
/// switched it on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VerificationConfig {
    /// Whether this cloud verifies at all.
    pub enabled: bool,
    /// Hosts that may be asked.
    pub targets: Vec<VerificationTarget>,
    /// Milliseconds between two requests to one host, 10 to 60,000.
    pub pause_ms: u64,
    /// Attacks and vulnerabilities of one tenant checked per hour, 1 to 10,000.
    pub checks_per_hour: u32,
    /// Hour of the day, UTC, from which requests are sent, 0 to 23.
    pub from_hour: u8,
    /// Hour of the day, UTC, until which requests are sent, 1 to 24; below `from_hour` it is that of the next day.
    pub to_hour: u8,
    /// Where calls of verified hosts are taken, by HTTP. Without it nothing is sent that makes a host call.
    pub callback_listen: Option<SocketAddr>,
    /// Origin by which verified hosts reach `callback_listen`, `http://callback.example.com`.
    pub callback_url: String,
    /// Connections that `callback_listen` takes at a time, 1 to 10,000; others are closed at once.
    pub callback_connections: usize,
}

impl Default for VerificationConfig {
    fn default() -> VerificationConfig {
        VerificationConfig {
            enabled: false,
            targets: vec![],
            pause_ms: 1000,
            checks_per_hour: 100,
            from_hour: 0,
            to_hour: 24,
            callback_listen: None,
            callback_url: String::new(),
            callback_connections: 256,
        }
    }
}

/// A host that its owner agreed to have asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerificationTarget {
    /// The host as hits name it, with the port when it is not the default one.
    pub host: String,
    /// UUID of the tenant that it belongs to: only its attacks are replayed there.
    pub client: String,
    /// Origin to send to, `https://10.0.0.5:8443`; empty is the host itself by the scheme of the attack. Addresses that
    /// the public network does not route must be in `outgoing.allowed_networks`, too.
    #[serde(default)]
    pub url: String,
    /// Methods that may be replayed besides `GET`, `HEAD` and `OPTIONS`.
    #[serde(default)]
    pub methods: Vec<String>,
}

impl VerificationConfig {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// A sentence that names the key and what it may be.
    pub(crate) fn validate(&self) -> Result<(), String> {
        if !(10..=60_000).contains(&self.pause_ms) {
            return Err("verification.pause_ms must be 10 to 60000".into());
        }
        if !(1..=10_000).contains(&self.checks_per_hour) {
            return Err("verification.checks_per_hour must be 1 to 10000".into());
        }
        if !(1..=10_000).contains(&self.callback_connections) {
            return Err("verification.callback_connections must be 1 to 10000".into());
        }
        if self.from_hour > 23 || !(1..=24).contains(&self.to_hour) || self.from_hour == self.to_hour {
            return Err(
                "verification.from_hour must be 0 to 23, verification.to_hour 1 to 24 and another hour"
                    .into(),
            );
        }
        if self.callback_listen.is_some() != self.calls_back() {
            return Err("verification.callback_listen and verification.callback_url go together".into());
        }
        if self.calls_back() && !is_origin(&self.callback_url) {
            return Err(
                "verification.callback_url must be an origin, http:// or https:// with host and port only"
                    .into(),
            );
        }
        for (at, target) in self.targets.iter().enumerate() {
            let wrong = |text: &str| Err(format!("verification.targets[{at}].{text}"));
            let host = url::Url::parse(&format!("http://{}/", target.host));
            if target.host.contains('/') || !host.is_ok_and(|url| is_host(&url)) {
                return wrong("host must be a host name, with the port when it is not the default one");
            }
            if uuid::Uuid::parse_str(&target.client).is_err() {
                return wrong("client must be the UUID of a client");
            }
            if !target.url.is_empty() && !is_origin(&target.url) {
                return wrong("url must be an origin, http:// or https:// with host and port only");
            }
            let is_method = |name: &String| {
                !name.is_empty() && name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_uppercase())
            };
            if !target.methods.iter().all(is_method) {
                return wrong("methods must be names in capitals");
            }
        }
        Ok(())
    }

    /// Whether payloads may have a host call this cloud.
    pub(crate) fn calls_back(&self) -> bool {
        !self.callback_url.is_empty()
    }

    /// The target of a tenant by the host that hits name.
    pub(crate) fn target(&self, client_uuid: &str, host: &str) -> Option<&VerificationTarget> {
        let own = |target: &&VerificationTarget| {
            target.client.eq_ignore_ascii_case(client_uuid) && target.host.eq_ignore_ascii_case(host)
        };
        self.targets.iter().find(own).filter(|_| self.enabled)
    }

    /// Whether requests may be sent in this second.
    pub(crate) fn is_open(&self, now: i64) -> bool {
        let hour = u8::try_from(now.rem_euclid(86_400) / 3600).unwrap_or(0);
        if self.from_hour < self.to_hour {
            (self.from_hour..self.to_hour).contains(&hour)
        } else {
            hour >= self.from_hour || hour < self.to_hour
        }
    }
}

/// Whether an address is a host with its port and nothing else.
fn is_host(url: &url::Url) -> bool {
    url.path() == "/" && url.query().is_none() && url.username().is_empty() && url.fragment().is_none()
}

fn is_origin(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && is_host(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_need_an_address_and_a_listener() {
        let with = |listen: Option<&str>, url: &str| VerificationConfig {
            callback_listen: listen.map(|address| address.parse().unwrap()),
            callback_url: url.to_owned(),
            ..VerificationConfig::default()
        };
        assert_eq!(with(Some("127.0.0.1:9000"), "http://callback.test:9000").validate(), Ok(()));
        for wrong in [
            with(Some("127.0.0.1:9000"), ""),
            with(None, "http://callback.test"),
            with(Some("127.0.0.1:9000"), "http://callback.test/here"),
            with(Some("127.0.0.1:9000"), "dns://callback.test"),
        ] {
            assert!(wrong.validate().unwrap_err().contains("verification.callback_"));
        }
    }

    #[test]
    fn hours_may_span_midnight() {
        let hours =
            |from_hour, to_hour| VerificationConfig { from_hour, to_hour, ..VerificationConfig::default() };
        let at = |hour: i64| hour * 3600 + 1;
        assert!(hours(0, 24).is_open(at(0)) && hours(0, 24).is_open(at(23)));
        assert!(hours(22, 6).is_open(at(23)) && hours(22, 6).is_open(at(5)) && !hours(22, 6).is_open(at(6)));
        assert!(hours(1, 5).is_open(at(4)) && !hours(1, 5).is_open(at(5)) && !hours(1, 5).is_open(at(0)));
    }

    #[test]
    fn a_target_is_a_host_of_one_client() {
        let uuid = "11111111-1111-4111-8111-111111111111";
        let target = |host: &str, url: &str, methods: &[&str]| VerificationConfig {
            enabled: true,
            targets: vec![VerificationTarget {
                host: host.to_owned(),
                client: uuid.to_owned(),
                url: url.to_owned(),
                methods: methods.iter().map(|name| (*name).to_owned()).collect(),
            }],
            ..VerificationConfig::default()
        };
        let good = target("shop.test:8443", "https://10.0.0.5:8443", &["POST"]);
        assert_eq!(good.validate(), Ok(()));
        assert!(good.target(uuid, "SHOP.test:8443").is_some());
        assert!(good.target(uuid, "shop.test").is_none());
        assert!(good.target("22222222-1111-4111-8111-111111111111", "shop.test:8443").is_none());
        assert!(VerificationConfig { enabled: false, ..good }.target(uuid, "shop.test:8443").is_none());
        for wrong in [
            target("http://shop.test", "", &[]),
            target("shop.test/a", "", &[]),
            target("me@shop.test", "", &[]),
            target("shop.test", "ftp://shop.test", &[]),
            target("shop.test", "http://shop.test/a", &[]),
            target("shop.test", "", &["post"]),
        ] {
            assert!(wrong.validate().unwrap_err().starts_with("verification.targets[0]."));
        }
    }
}
