//! What may follow in a query: the word under the cursor, completed.

use bartizan_api::{AttackType, owasp, search::Suggestion, vuln_type};

use super::{
    attribute::{AUTH_PROTOCOLS, NO_AUTH_PROTOCOL, NO_PROTOCOL, NO_SOURCE, PROTOCOLS, SOURCES},
    period::MONTHS,
};
use crate::services::{country, ip_list::DATACENTERS, nearest::nearest};

/// Most suggestions of one answer.
const MAX: usize = 50;

const ATTRIBUTES: &[&str] = &[
    "a:",
    "anomaly:",
    "app:",
    "application:",
    "attackid:",
    "auth:",
    "country:",
    "d:",
    "domain:",
    "hitid:",
    "ip:",
    "known:",
    "method:",
    "N:",
    "node_uuid:",
    "p:",
    "param:",
    "parameter:",
    "proto:",
    "request_id:",
    "rt:",
    "s:",
    "session_id:",
    "size:",
    "source:",
    "spec:",
    "statuscode:",
    "time:",
    "u:",
    "url:",
];
const WORDS: &[&str] = &[
    "attacks",
    "blocked",
    "client",
    "closed",
    "custom_rule",
    "database",
    "falsepositive",
    "high",
    "incidents",
    "known",
    "low",
    "medium",
    "monitored",
    "open",
    "partially_blocked",
    "request_id",
    "sampled",
    "server",
    "vulns",
];
const PERIODS: &[&str] = &[
    "today",
    "yesterday",
    "last hour",
    "last 3 hours",
    "last day",
    "last 7 days",
    "last week",
    "last month",
    "last 3 months",
    "this week",
    "this month",
];
const GROUPS: &[&str] =
    &["api_specification", "graphql_attacks", "mcp_attacks", "api_abuse_group", "ai_attacks"];

/// The values of an attribute that has a list of them.
fn values(key: &str) -> Vec<&'static str> {
    match key {
        "proto" => PROTOCOLS.to_vec(),
        "auth" => AUTH_PROTOCOLS.to_vec(),
        "source" => SOURCES.iter().chain(&DATACENTERS).copied().collect(),
        "country" => country::origins().collect(),
        "method" => vec!["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
        "statuscode" => vec!["2xx", "3xx", "4xx", "5xx", "400-499", "500+", "404"],
        "a" | "anomaly" => vec!["size", "statuscode", "time", "stamps", "impression", "vector"],
        "n" => vec![">100", ">1000"],
        _ => vec![],
    }
}

/// What a word that is not known may have been meant as, by what is said of it.
pub(super) fn meant(error: &str, word: &str) -> Option<&'static str> {
    match error {
        "unknown attribute" => nearest(word, ATTRIBUTES.iter().map(|name| name.trim_end_matches(':'))),
        "unknown anomaly" => nearest(word, values("anomaly")),
        NO_PROTOCOL => nearest(word, values("proto")),
        NO_AUTH_PROTOCOL => nearest(word, values("auth")),
        NO_SOURCE => nearest(word, values("source")),
        _ => None,
    }
}

/// The word that the cursor (in characters) stands in or after, as far as it is typed.
fn word(query: &str, cursor: usize) -> String {
    let typed: String = query.chars().take(cursor).collect();
    typed.rsplit(char::is_whitespace).next().unwrap_or_default().to_owned()
}

/// What may follow when the words before the cursor begin a period and mean nothing without its rest.
fn rest_of_period(query: &str, cursor: usize) -> Option<&'static [&'static str]> {
    let typed: String = query.chars().take(cursor).collect();
    let (before, _) = typed.rsplit_once(char::is_whitespace)?;
    let mut words = before.split_whitespace().rev().map(str::to_lowercase);
    let (last, second) = (words.next()?, words.next());
    match (last.as_str(), second.as_deref()) {
        ("last", _) => {
            Some(&["hour", "day", "week", "month", "year", "3 hours", "7 days", "2 weeks", "3 months"])
        }
        ("this", _) => Some(&["day", "week", "month", "year"]),
        (number, Some("last")) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(&["minutes", "hours", "days", "weeks", "months"])
        }
        _ => None,
    }
}

/// The attribute whose value is being typed, when it names applications.
pub(super) fn asks_applications(query: &str, cursor: usize) -> bool {
    let word = word(query, cursor);
    let key = word.trim_start_matches('!').split_once(':').map(|(key, _)| key.to_lowercase());
    key.is_some_and(|key| key == "app" || key == "application")
}

/// Completions of the word under the cursor; `applications` are offered for `application:`.
pub(super) fn suggest(query: &str, cursor: usize, applications: &[String]) -> Vec<Suggestion> {
    let word = word(query, cursor);
    let (sign, word) = word.strip_prefix('!').map_or(("", word.as_str()), |rest| ("!", rest));
    let mut found = Vec::new();
    let mut offer = |text: String, kind: &'static str| {
        if found.len() < MAX {
            found.push(Suggestion { text: format!("{sign}{text}"), kind });
        }
    };
    if let (true, Some(candidates)) = (sign.is_empty(), rest_of_period(query, cursor)) {
        let typed = word.to_lowercase();
        let fitting = candidates.iter().filter(|candidate| candidate.starts_with(&typed));
        fitting.for_each(|candidate| offer((*candidate).to_owned(), "period"));
        return found;
    }
    if let Some((key, typed)) = word.split_once(':') {
        let (attribute, typed) = (key.to_lowercase(), typed.trim_start_matches(['"', '\'']).to_lowercase());
        for value in values(&attribute) {
            if value.to_lowercase().starts_with(&typed) {
                offer(format!("{key}:{value}"), "value");
            }
        }
        for name in applications.iter().filter(|name| name.to_lowercase().starts_with(&typed)) {
            let plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'));
            offer(if plain { format!("{key}:{name}") } else { format!("{key}:{}", quoted(name)) }, "value");
        }
        return found;
    }
    let typed = word.to_lowercase();
    let begins = |candidate: &str| candidate.to_lowercase().starts_with(&typed);
    let types = AttackType::ALL.iter().map(|kind| kind.info()).filter(|info| info.threat > 0);
    types.filter(|info| begins(info.code)).for_each(|info| offer(info.code.to_owned(), "type"));
    let groups = GROUPS.iter().filter(|word| begins(word));
    groups.for_each(|word| offer((*word).to_owned(), "type"));
    let vulns = vuln_type::ONLY_VULNS.iter().filter(|info| begins(info.code));
    vulns.for_each(|info| offer(info.code.to_owned(), "type"));
    ATTRIBUTES.iter().filter(|name| begins(name)).for_each(|name| offer((*name).to_owned(), "attribute"));
    WORDS.iter().filter(|word| begins(word)).for_each(|word| offer((*word).to_owned(), "word"));
    if sign.is_empty() {
        let periods = PERIODS.iter().chain(&MONTHS).filter(|word| begins(word));
        periods.for_each(|word| offer((*word).to_owned(), "period"));
    }
    // Thirty of them would bury the rest.
    if typed.starts_with('o') {
        owasp::presets().filter(|word| begins(word)).for_each(|word| offer(word, "preset"));
    }
    found
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(query: &str) -> Vec<String> {
        let names = ["shop".to_owned(), "My \"app\"".to_owned()];
        let names: &[String] = if asks_applications(query, usize::MAX) { &names } else { &[] };
        suggest(query, usize::MAX, names).into_iter().map(|one| one.text).collect()
    }

    #[test]
    fn the_word_under_the_cursor_is_completed() {
        assert_eq!(texts("attacks sq"), ["sqli"]);
        assert_eq!(texts("!sq"), ["!sqli"]);
        assert_eq!(texts("xss stat"), ["statuscode:"]);
        assert_eq!(texts("statuscode:5"), ["statuscode:5xx", "statuscode:500+"]);
        assert_eq!(texts("!proto:gr"), ["!proto:graphql", "!proto:grpc"]);
        assert_eq!(texts("country:t1"), ["country:T1"]);
        assert_eq!(
            texts("!country:d"),
            ["DE", "DJ", "DK", "DM", "DO", "DZ"].map(|code| format!("!country:{code}"))
        );
        assert_eq!(texts("app:m"), ["app:\"My \\\"app\\\"\""]);
        assert!(texts("owasp_api1_").contains(&"owasp_api1_2023".to_owned()));
        assert!(texts("").len() == MAX && texts("sqli ").len() == MAX);
        assert_eq!(texts("sqli octo"), ["october"]);
        assert_eq!(texts("sqli last m"), ["month"]);
        assert_eq!(texts("LAST 3 "), ["minutes", "hours", "days", "weeks", "months"]);
        assert_eq!(texts("xss this "), ["day", "week", "month", "year"]);
        assert!(texts("last ").starts_with(&["hour".to_owned(), "day".to_owned()]));
        assert!(texts("last hour ").contains(&"sqli".to_owned()));
        assert_eq!(suggest("sqli xss", 2, &[]).len(), 1);
        assert_eq!(meant("unknown attribute", "statsucode"), Some("statuscode"));
        assert_eq!(meant(NO_PROTOCOL, "graphq"), Some("graphql"));
    }

    #[test]
    fn what_is_expected_names_every_value() {
        for (text, key) in [(NO_PROTOCOL, "proto"), (NO_AUTH_PROTOCOL, "auth"), (NO_SOURCE, "source")] {
            assert_eq!(text, format!("must be one of: {}", values(key).join(", ")));
        }
    }
}
