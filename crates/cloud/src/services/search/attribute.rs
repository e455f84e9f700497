//! One term of a query as keys of a filter (`spec/events.md` section 6.3).

use std::{collections::BTreeSet, net::IpAddr};

use bartizan_api::{
    AttackType,
    filter::{IpTest, REVERSED},
    hit::ANOMALIES,
    owasp, vuln_type,
};
use serde_json::{Map, Value, json};

use super::{SearchError, words::Term};
use crate::services::{country::is_origin, ip_list::DATACENTERS};

/// API protocols of hits.
pub(super) const PROTOCOLS: &[&str] =
    &["rest", "graphql", "grpc", "soap", "json-rpc", "xml-rpc", "websocket", "webdav", "web-form", "none"];
/// Authentication protocols of hits.
pub(super) const AUTH_PROTOCOLS: &[&str] = &[
    "api-key", "awsv2", "awsv4", "basic", "bearer", "cookie", "digest", "hawk", "jwt", "none", "ntlm",
    "oauth1", "oauth2", "openid", "scram", "spnego",
];
/// Kinds of source, besides data centres.
pub(super) const SOURCES: &[&str] = &["tor", "vpn", "proxy", "spider", "malicious", "unknown"];
/// What is said of a word that is none of a list.
pub(super) const NO_PROTOCOL: &str = "must be one of: rest, graphql, grpc, soap, json-rpc, xml-rpc, websocket, webdav, \
     web-form, none";
pub(super) const NO_AUTH_PROTOCOL: &str = "must be one of: api-key, awsv2, awsv4, basic, bearer, cookie, digest, hawk, \
     jwt, none, ntlm, oauth1, oauth2, openid, scram, spnego";
pub(super) const NO_SOURCE: &str = "must be one of: tor, vpn, proxy, spider, malicious, unknown, alibaba, aws, azure, \
     docean, gce, hetzner, huawei, ibm, linode, oracle, ovh, plusserver, rackspace, tencent";
const NO_COUNTRY: &str = "must be a country of ISO 3166-1, as DE, or A1, A2, AP, EU, O1, T1 or XX";

/// What a query asks, term by term.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Keys and values of the filter.
    pub(super) filter: Map<String, Value>,
    /// Keys and values that only the filter of vulnerabilities has.
    pub(super) of_vulns: Map<String, Value>,
    /// Periods, any of which.
    pub(super) periods: Vec<(i64, i64)>,
    /// Keys that must have no value.
    pub(super) without: BTreeSet<&'static str>,
    /// Applications by name, to be looked up.
    pub(super) applications: Vec<Term>,
    /// False positives are asked for, or asked not to be there, or both.
    pub(super) only_false: bool,
    pub(super) only_true: bool,
    /// Something is asked for that nothing is.
    pub(super) is_impossible: bool,
}

impl Found {
    /// Adds a value: values of one key are alternatives.
    pub(super) fn add(&mut self, key: &str, negated: bool, value: Value) {
        add(&mut self.filter, key, negated, value);
    }

    /// Adds types: attacks and vulnerabilities have words of their own for some.
    fn add_types(&mut self, negated: bool, attacks: Vec<String>, vulns: Vec<String>) {
        attacks.into_iter().for_each(|code| add(&mut self.filter, "type", negated, json!(code)));
        vulns.into_iter().for_each(|code| add(&mut self.of_vulns, "type", negated, json!(code)));
    }

    /// Asks that a key has any value, or none.
    fn has(&mut self, key: &'static str, negated: bool) {
        if negated {
            self.without.insert(key);
        } else {
            // None of the values that are left out, and not none.
            self.add(key, true, Value::Null);
        }
    }

    /// Closes the filter: what is left is what contradicts itself.
    pub(super) fn settle(&mut self) {
        for key in std::mem::take(&mut self.without) {
            // Values of a key are alternatives, and no value is none of them.
            self.is_impossible |= self.filter.contains_key(key);
            self.filter.insert(key.to_owned(), Value::Null);
        }
        for values in self.filter.values_mut() {
            // As scalar, which is how clients know it.
            if matches!(values.as_array().map(Vec::as_slice), Some([Value::Null])) {
                *values = Value::Null;
            }
        }
    }
}

fn add(filter: &mut Map<String, Value>, key: &str, negated: bool, value: Value) {
    let key = if negated { format!("!{key}") } else { key.to_owned() };
    let values = filter.entry(key).or_insert_with(|| json!([]));
    if let Value::Array(values) = values {
        values.push(value);
    }
}

/// Adds what a term asks.
pub(super) fn read(term: &Term, found: &mut Found) -> Result<(), SearchError> {
    match &term.key {
        Some(key) => pair(term, key, found),
        None => word(term, found),
    }
}

fn word(term: &Term, found: &mut Found) -> Result<(), SearchError> {
    let not = term.negated;
    let text = term.value.as_str();
    if term.quoted {
        found.add("search", not, json!(text));
        return Ok(());
    }
    let lower = text.to_lowercase();
    let types: Option<Vec<_>> = text.split(',').map(types_named).collect();
    if let Some(types) = types {
        types.into_iter().for_each(|(attacks, vulns)| found.add_types(not, attacks, vulns));
        return Ok(());
    }
    match lower.as_str() {
        // Which list is wanted: every filter is made anyway.
        "attacks" | "incidents" | "vulns" => {}
        // Every hit has a request.
        "request_id" if not => found.is_impossible = true,
        "request_id" => {}
        "known" => found.has("known_attack", not),
        "custom_rule" => found.has("regex", not),
        "client" | "database" | "server" => found.add("target", not, json!(lower)),
        "low" => found.add("threat", not, json!([0, 39])),
        "medium" => found.add("threat", not, json!([40, 69])),
        "high" => found.add("threat", not, json!([70, 100])),
        "blocked" | "monitored" | "partially_blocked" => found.add("block_status", not, json!(lower)),
        "open" | "closed" => found.add("status", not, json!(lower)),
        "falsepositive" if not => found.only_true = true,
        "falsepositive" => found.only_false = true,
        "sampled" => {
            found.is_impossible |= found.filter.get("sampled") == Some(&json!(not));
            found.filter.insert("sampled".to_owned(), json!(!not));
        }
        word if owasp::preset(word).is_some() => found.add("preset", not, json!(word)),
        word if word.starts_with("owasp_") => return Err(error(term, "unknown OWASP category")),
        _ if text.starts_with('/') => found.add("path", not, json!(text)),
        _ if is_method(text) => found.add("method", not, json!(text)),
        _ if is_address(text) => found.add("ip", not, json!(text)),
        _ => found.add("search", not, json!(text)),
    }
    Ok(())
}

/// The types of attacks and of vulnerabilities that a word names.
fn types_named(word: &str) -> Option<(Vec<String>, Vec<String>)> {
    let vulns = vuln_type::named(word);
    let attacks: Vec<String> = if AttackType::subtype_named(word).is_some() {
        vec![word.to_lowercase()]
    } else {
        AttackType::named(word).into_iter().map(|kind| kind.code().to_owned()).collect()
    };
    // A word of vulnerabilities alone is a type that no attack has.
    let attacks = if attacks.is_empty() { vulns.clone() } else { attacks };
    (!attacks.is_empty()).then_some((attacks, vulns))
}

fn is_method(text: &str) -> bool {
    matches!(text, "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD" | "OPTIONS" | "TRACE" | "CONNECT")
}

/// An address or subnet.
fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || text.parse::<ipnet::IpNet>().is_ok()
}

fn pair(term: &Term, key: &str, found: &mut Found) -> Result<(), SearchError> {
    let not = term.negated;
    let values: Vec<&str> = if term.quoted {
        vec![term.value.as_str()]
    } else {
        term.value.split(',').map(str::trim).filter(|value| !value.is_empty()).collect()
    };
    if values.is_empty() {
        return Err(error(term, "a value is required"));
    }
    for value in values {
        let lower = value.to_lowercase();
        let number = || numbers(value).map_err(|text| error(term, text));
        match key {
            "known" => found.add("known_attack", not, json!(value)),
            "proto" if !PROTOCOLS.contains(&lower.as_str()) => return Err(unknown(term, value, NO_PROTOCOL)),
            "proto" => found.add("protocol", not, json!(lower)),
            "auth" if !AUTH_PROTOCOLS.contains(&lower.as_str()) => {
                return Err(unknown(term, value, NO_AUTH_PROTOCOL));
            }
            "auth" => found.add("auth_protocol", not, json!(lower)),
            "ip" => match numbers(value) {
                Ok(count) if !is_address(value) => found.add("ips", not, count),
                Err(REVERSED) => return Err(error(term, REVERSED)),
                _ => address(term, value, found)?,
            },
            "source" if !is_source(&lower) => return Err(unknown(term, value, NO_SOURCE)),
            "source" => source(&lower, not, found),
            "country" if !is_origin(value) => return Err(unknown(term, value, NO_COUNTRY)),
            "country" => found.add("remote_country", not, json!(value.to_uppercase())),
            "statuscode" => found.add("statuscode", not, status_class(&lower).map_or_else(number, Ok)?),
            "s" | "size" => found.add("size", not, number()?),
            "time" | "rt" => found.add("response_time", not, number()?),
            "n" => found.add("hits", not, number()?),
            "method" => found.add("method", not, json!(value.to_uppercase())),
            "d" | "domain" => found.add("domain", not, json!(lower)),
            "u" | "url" => found.add("path", not, json!(rooted(value))),
            "application" | "app" => match value.parse::<i64>() {
                Ok(id) => found.add("poolid", not, json!(id)),
                Err(_) => found.applications.push(Term { value: value.to_owned(), ..term.clone() }),
            },
            "p" | "param" | "parameter" => {
                parameters(value).into_iter().for_each(|mask| found.add("parameter", not, json!(mask)));
            }
            "a" | "anomaly" => {
                let name = if lower == "time" { "response_time" } else { &lower };
                if !ANOMALIES.contains(&name) {
                    return Err(error(term, "unknown anomaly"));
                }
                found.add("anomality", not, json!(name));
            }
            "request_id" | "session_id" | "node_uuid" => found.add(key, not, json!(value)),
            "attackid" | "hitid" if value.contains(':') => found.add(key, not, json!(value)),
            "attackid" | "hitid" => return Err(error(term, "an id is required")),
            "spec" => found.add("api_spec_id", not, json!(value)),
            _ => {
                let column = term.column + usize::from(not);
                return Err(SearchError { text: "unknown attribute", value: key.to_owned(), column });
            }
        }
    }
    Ok(())
}

fn is_source(word: &str) -> bool {
    SOURCES.contains(&word) || DATACENTERS.contains(&word)
}

/// One of the values of a term that is none of those that exist.
fn unknown(term: &Term, value: &str, text: &'static str) -> SearchError {
    SearchError { text, value: value.to_owned(), column: term.column }
}

fn error(term: &Term, text: &'static str) -> SearchError {
    SearchError { text, value: term.value.clone(), column: term.column }
}

fn address(term: &Term, value: &str, found: &mut Found) -> Result<(), SearchError> {
    let test = IpTest::parse(value).ok_or_else(|| error(term, "an address is required"))?;
    if test.is_reversed() {
        return Err(error(term, REVERSED));
    }
    found.add("ip", term.negated, json!(value));
    Ok(())
}

fn source(name: &str, not: bool, found: &mut Found) {
    match name {
        "tor" => found.add("tor", not, json!("tor")),
        "vpn" => found.add("proxy_type", not, json!("VPN")),
        "proxy" => ["PUB", "WEB"].into_iter().for_each(|kind| found.add("proxy_type", not, json!(kind))),
        "spider" => found.add("proxy_type", not, json!("SES")),
        "malicious" => found.add("proxy_type", not, json!("MIP")),
        datacenter => found.add("datacenter", not, json!(datacenter)),
    }
}

/// `2xx` as a range.
fn status_class(text: &str) -> Option<Value> {
    let class: i64 = text.strip_suffix("xx")?.parse().ok().filter(|class| (1..=5).contains(class))?;
    Some(json!([class * 100, class * 100 + 99]))
}

/// `404`, `400-499`, `500+`, `>100`, `<10`, `>=100`, `<=10`. Fails with what is wrong.
fn numbers(text: &str) -> Result<Value, &'static str> {
    const NO_NUMBER: &str = "a number is required";
    let number = |text: &str| {
        let number = text.trim().parse::<i64>().ok().filter(|number| *number >= 0);
        number.ok_or(NO_NUMBER)
    };
    if let Some(rest) = text.strip_prefix(">=") {
        return Ok(json!([number(rest)?, null]));
    }
    if let Some(rest) = text.strip_prefix("<=") {
        return Ok(json!([null, number(rest)?]));
    }
    if let Some(rest) = text.strip_prefix('>') {
        return Ok(json!([number(rest)?.checked_add(1).ok_or(NO_NUMBER)?, null]));
    }
    if let Some(rest) = text.strip_prefix('<') {
        return Ok(json!([null, number(rest)? - 1]));
    }
    if let Some(rest) = text.strip_suffix('+') {
        return Ok(json!([number(rest)?, null]));
    }
    if let Some((from, to)) = text.split_once('-') {
        let (from, to) = (number(from)?, number(to)?);
        return if to < from { Err(REVERSED) } else { Ok(json!([from, to])) };
    }
    Ok(json!(number(text)?))
}

/// The leading slash of a path may be left out.
fn rooted(path: &str) -> String {
    if path.starts_with(['/', '*', '[']) { path.to_owned() } else { format!("/{path}") }
}

/// Masks of a parameter: a name without masks matches whole segments of the rendered point.
fn parameters(name: &str) -> Vec<String> {
    if name.contains(['*', '?']) {
        vec![name.to_owned()]
    } else {
        vec![name.to_owned(), format!("{name}_*"), format!("*_{name}"), format!("*_{name}_*")]
    }
}
