//! Values of entries: validation, echo form, and the canonical network that finds them.

use std::{collections::HashSet, net::IpAddr};

use bartizan_api::ApiError;
use ipnet::IpNet;
use serde_json::{Value, json};

use super::RuleType;
use crate::services::country::is_country;

/// Longest part of a bad value that is shown, characters.
const MAX_SHOWN_CHARS: usize = 100;
/// Widest IPv4 subnet.
const MIN_V4_PREFIX: u8 = 8;
/// Widest IPv6 subnet.
const MIN_V6_PREFIX: u8 = 32;
/// Hosting providers that the contract names.
pub const DATACENTERS: [&str; 14] = [
    "alibaba",
    "aws",
    "azure",
    "docean",
    "gce",
    "hetzner",
    "huawei",
    "ibm",
    "linode",
    "oracle",
    "ovh",
    "plusserver",
    "rackspace",
    "tencent",
];
/// Kinds of source that the contract names.
const PROXY_TYPES: [&str; 7] = ["DCH", "MIP", "PUB", "WEB", "SES", "TOR", "VPN"];

/// The values that become one group.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) rule_type: RuleType,
    /// As echoed.
    pub(super) values: Vec<String>,
    /// The network of a subnet group.
    pub(super) network: Option<String>,
}

/// The groups of a request: one per subnet, one per rule of codes. Values are judged before they are counted, so
/// that a bad one among many is named, and of several rules the one it is in, counted from 1.
pub(super) fn groups(rules: &[(RuleType, Vec<String>)], most: usize) -> Result<Vec<Group>, ApiError> {
    if rules.is_empty() {
        return Err(ApiError::field("rules", "can't be blank", Value::Null));
    }
    let mut groups: Vec<Group> = Vec::new();
    let mut networks = HashSet::new();
    for (rule, (rule_type, values)) in rules.iter().enumerate() {
        let of_rule = |mut error: ApiError| {
            let fault = error.body.get_mut("values").and_then(Value::as_object_mut);
            if let Some(fault) = fault.filter(|_| rules.len() > 1) {
                fault.insert("rule".to_owned(), json!(rule + 1));
            }
            error
        };
        if values.is_empty() {
            return Err(of_rule(ApiError::field("values", "can't be blank", Value::Null)));
        }
        if *rule_type == RuleType::Subnet {
            for (index, value) in values.iter().enumerate() {
                let (echo, network) = subnet(value).ok_or_else(|| of_rule(bad_value(index, value)))?;
                // The same network twice is one entry.
                if networks.insert(network.clone()) {
                    groups.push(Group { rule_type: *rule_type, values: vec![echo], network: Some(network) });
                }
            }
        } else {
            let values = codes(*rule_type, values).map_err(of_rule)?;
            groups.push(Group { rule_type: *rule_type, values, network: None });
        }
    }
    let count: usize = rules.iter().map(|(_, values)| values.len()).sum();
    if count > most {
        return Err(ApiError::field("values", format!("should be in 1..{most}"), count));
    }
    Ok(groups)
}

/// The groups of a text with a subnet on each line.
pub(super) fn lines(text: &str, most: usize) -> Result<Vec<Group>, ApiError> {
    let mut groups = Vec::new();
    let mut networks = HashSet::new();
    for (index, line) in text.lines().enumerate() {
        let value = line.split('#').next().unwrap_or_default().trim();
        if value.is_empty() {
            continue;
        }
        let (echo, network) = subnet(value).ok_or_else(|| bad_value(index, value))?;
        if networks.insert(network.clone()) {
            groups.push(Group { rule_type: RuleType::Subnet, values: vec![echo], network: Some(network) });
        }
    }
    if groups.is_empty() || groups.len() > most {
        return Err(ApiError::field("values", format!("should be in 1..{most}"), groups.len()));
    }
    Ok(groups)
}

/// The codes of a rule, each once.
fn codes(rule_type: RuleType, values: &[String]) -> Result<Vec<String>, ApiError> {
    let mut codes: Vec<String> = Vec::new();
    for (index, value) in values.iter().enumerate() {
        if !is_code(rule_type, value) {
            return Err(bad_value(index, value));
        }
        if !codes.iter().any(|code| code.eq_ignore_ascii_case(value)) {
            codes.push(value.clone());
        }
    }
    Ok(codes)
}

/// Names a bad value and its place, counted from 1.
fn bad_value(index: usize, value: &str) -> ApiError {
    let shown: String = value.chars().take(MAX_SHOWN_CHARS).collect();
    let body = json!({"values": {"error": "is invalid", "value": shown, "line": index + 1}});
    ApiError { body, ..ApiError::field("values", "", Value::Null) }
}

/// The echo form and the canonical network of an address or subnet within the widest that is allowed.
fn subnet(text: &str) -> Option<(String, String)> {
    let net = parse_net(text)?;
    let widest = if net.addr().is_ipv4() { MIN_V4_PREFIX } else { MIN_V6_PREFIX };
    if net.prefix_len() < widest {
        return None;
    }
    let text = text.trim();
    let echo = if text.contains('/') { text.to_owned() } else { format!("{text}/{}", net.prefix_len()) };
    Some((echo, net.trunc().to_string()))
}

fn parse_net(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// The masked network of an address or subnet, in the form that groups are found by.
#[must_use]
pub fn canonical_network(text: &str) -> Option<String> {
    Some(parse_net(text)?.trunc().to_string())
}

fn is_code(rule_type: RuleType, value: &str) -> bool {
    let among = |known: &[&str]| known.iter().any(|code| code.eq_ignore_ascii_case(value));
    match rule_type {
        RuleType::Subnet => false,
        RuleType::Location => {
            let (country, region) = value.split_once('-').map_or((value, None), |(c, r)| (c, Some(r)));
            is_country(country)
                && region.is_none_or(|region| {
                    (1..=3).contains(&region.len()) && region.bytes().all(|b| b.is_ascii_alphanumeric())
                })
        }
        RuleType::Datacenter => among(&DATACENTERS),
        RuleType::ProxyType => among(&PROXY_TYPES),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_are_echoed_as_typed_and_found_masked() {
        let of = |text| subnet(text).unwrap();
        assert_eq!(of("1.1.1.1"), ("1.1.1.1/32".into(), "1.1.1.1/32".into()));
        assert_eq!(of("1.1.1.1/24"), ("1.1.1.1/24".into(), "1.1.1.0/24".into()));
        assert_eq!(of("2001:DB8::1"), ("2001:DB8::1/128".into(), "2001:db8::1/128".into()));
    }

    #[test]
    fn countries_are_those_of_the_standard() {
        for code in ["US", "nl", "US-CA", "XK"] {
            assert!(is_code(RuleType::Location, code), "{code}");
        }
        for code in ["ZZ", "XX", "A1", "USA", "", "U", "ZZ-1", "US-", "US-CALI"] {
            assert!(!is_code(RuleType::Location, code), "{code}");
        }
    }

    #[test]
    fn too_wide_or_senseless_is_refused() {
        for text in ["1.0.0.0/7", "2001::/31", "1.1.1", "x", "", "1.1.1.1/33"] {
            assert_eq!(subnet(text), None, "{text}");
        }
        assert!(subnet("10.0.0.0/8").is_some() && subnet("2001:db8::/32").is_some());
    }

    #[test]
    fn a_bad_line_among_many_is_named() {
        let mut values: Vec<String> = (0..50_000).map(|n| format!("10.{}.{}.1", n / 250, n % 250)).collect();
        assert_eq!(groups(&[(RuleType::Subnet, values.clone())], 50_000).unwrap().len(), 50_000);
        let many = groups(&[(RuleType::Subnet, values.clone())], 1000).unwrap_err();
        assert_eq!(many.body["values"]["error"], "should be in 1..1000");
        values[31_336] = "10.0.0".to_owned();
        let bad = groups(&[(RuleType::Subnet, values)], 1000).unwrap_err();
        assert_eq!(bad.body, json!({"values": {"error": "is invalid", "value": "10.0.0", "line": 31_337}}));
    }

    #[test]
    fn codes_follow_their_type() {
        assert!(is_code(RuleType::Location, "ru") && is_code(RuleType::Location, "US-CA"));
        assert!(!is_code(RuleType::Location, "RUS") && !is_code(RuleType::Location, "U1"));
        assert!(is_code(RuleType::ProxyType, "TOR") && !is_code(RuleType::ProxyType, "tor2"));
        assert!(is_code(RuleType::Datacenter, "tencent") && !is_code(RuleType::Datacenter, "home"));
    }
}
