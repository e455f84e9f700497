//! Who the client is (`spec/node.md` section 9.1).
//!
//! Proxies are trusted by network, and lists of addresses are read from the right: an entry that a client wrote
//! itself stands to the left of the one that our own proxy appended, so the walk stops before it.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::config::ClientIp;

/// The rules, with header names parsed.
#[derive(Debug, Default)]
pub(crate) struct ClientIpRules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    trusted: Vec<IpNet>,
    headers: Vec<HeaderName>,
    recursive: bool,
}

/// The client of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) ip: IpAddr,
    /// Whether a rule trusts the peer, so that its forwarding headers are kept.
    pub(crate) peer_trusted: bool,
}

impl ClientIpRules {
    /// Rules from the configuration; names were checked with it.
    pub(crate) fn new(config: &ClientIp) -> ClientIpRules {
        let rule = |rule: &crate::config::ClientIpRule| Rule {
            trusted: rule.trusted_networks.clone(),
            headers: rule.real_ip.iter().filter_map(|name| name.parse().ok()).collect(),
            recursive: rule.recursive,
        };
        ClientIpRules(config.rule.iter().map(rule).collect())
    }

    /// Whether some rule trusts a peer.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.0.iter().any(|rule| rule.trusts(peer))
    }

    pub(crate) fn resolve(&self, peer: IpAddr, headers: &HeaderMap) -> Client {
        let peer = peer.to_canonical();
        let Some(rule) = self.0.iter().find(|rule| rule.trusts(peer)) else {
            return Client { ip: peer, peer_trusted: false };
        };
        let ip = rule
            .headers
            .iter()
            .find(|name| headers.contains_key(*name))
            .map_or(peer, |name| rule.walk(peer, name, headers));
        Client { ip, peer_trusted: true }
    }
}

impl Rule {
    fn trusts(&self, ip: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(&ip))
    }

    /// The first address from the right that no rule trusts; an entry that is no address ends the walk at the
    /// last address that was seen, because nothing to its left can be believed.
    fn walk(&self, peer: IpAddr, name: &HeaderName, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        for value in headers.get_all(name).iter().rev() {
            let Ok(text) = value.to_str() else { return client };
            for entry in text.rsplit(',') {
                let Some(ip) = parse_entry(entry, name == http::header::FORWARDED) else { return client };
                client = ip;
                if !self.recursive || !self.trusts(ip) {
                    return client;
                }
            }
        }
        client
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::1`; in `Forwarded`, the `for` parameter.
fn parse_entry(entry: &str, forwarded: bool) -> Option<IpAddr> {
    let text = if forwarded {
        entry.split(';').find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then_some(value)
        })?
    } else {
        entry
    };
    let text = text.trim().trim_matches('"');
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None if text.matches(':').count() == 1 => text.split(':').next()?,
        None => text,
    };
    bare.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(networks: &[&str], headers: &[&str], recursive: bool) -> ClientIpRules {
        ClientIpRules::new(&ClientIp {
            rule: vec![crate::config::ClientIpRule {
                trusted_networks: networks.iter().map(|net| net.parse().unwrap()).collect(),
                real_ip: headers.iter().map(|&name| name.to_owned()).collect(),
                recursive,
            }],
        })
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn resolve(rules: &ClientIpRules, peer: &str, pairs: &[(&str, &str)]) -> String {
        rules.resolve(peer.parse().unwrap(), &headers(pairs)).ip.to_string()
    }

    #[test]
    fn nobody_is_trusted_by_default() {
        let rules = ClientIpRules::new(&ClientIp::default());
        assert_eq!(resolve(&rules, "192.0.2.7", &[("x-forwarded-for", "1.1.1.1")]), "192.0.2.7");
    }

    #[test]
    fn walk_stops_at_the_first_untrusted_address_from_the_right() {
        let rules = rules(&["10.0.0.0/8"], &["X-Forwarded-For"], true);
        let xff = [("x-forwarded-for", "1.1.1.1, 198.51.100.9"), ("x-forwarded-for", "10.0.0.3,10.0.0.2")];
        assert_eq!(resolve(&rules, "10.0.0.1", &xff), "198.51.100.9");
        assert_eq!(resolve(&rules, "192.0.2.7", &xff), "192.0.2.7");
    }

    #[test]
    fn garbage_ends_the_walk_at_the_last_believed_address() {
        let rules = rules(&["10.0.0.0/8"], &["X-Forwarded-For"], true);
        assert_eq!(
            resolve(&rules, "10.0.0.1", &[("x-forwarded-for", "8.8.8.8, unknown, 10.0.0.2")]),
            "10.0.0.2"
        );
    }

    #[test]
    fn forwarded_and_ports_and_ipv6_are_read() {
        let rules = rules(&["10.0.0.0/8"], &["Forwarded", "X-Real-IP"], true);
        let forwarded = [("forwarded", "for=192.0.2.60;proto=http, for=\"[2001:db8:cafe::17]:4711\"")];
        assert_eq!(resolve(&rules, "10.0.0.1", &forwarded), "2001:db8:cafe::17");
        assert_eq!(resolve(&rules, "10.0.0.1", &[("x-real-ip", "192.0.2.5:99")]), "192.0.2.5");
        assert_eq!(resolve(&rules, "::ffff:10.0.0.1", &[("x-real-ip", "::ffff:192.0.2.5")]), "192.0.2.5");
    }

    proptest! {
        /// Whatever a client writes to the left of what our proxy appended changes nothing.
        #[test]
        fn spoofed_prefix_changes_nothing(spoof in "[ -~]{0,60}", client in any::<[u8; 4]>()) {
            let rules = rules(&["10.0.0.0/8"], &["X-Forwarded-For"], true);
            let client = IpAddr::from(client);
            prop_assume!(!rules.0[0].trusts(client));
            let list = format!("{spoof},{client}, 10.1.1.1");
            prop_assert_eq!(rules.resolve("10.0.0.1".parse().unwrap(), &headers(&[("x-forwarded-for", &list)])).ip, client);
        }

        #[test]
        fn untrusted_peer_is_the_client(value in "[ -~]{0,60}", peer in any::<[u8; 4]>()) {
            let rules = rules(&["10.0.0.0/8"], &["X-Forwarded-For", "Forwarded", "X-Real-IP"], true);
            let peer = IpAddr::from(peer);
            prop_assume!(!rules.0[0].trusts(peer));
            for name in ["x-forwarded-for", "forwarded", "x-real-ip"] {
                prop_assert_eq!(rules.resolve(peer, &headers(&[(name, &value)])).ip, peer);
            }
        }
    }
}
