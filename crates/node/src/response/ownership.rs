//! Objects of one person that another one is shown (`idor`, `spec/node.md` section 6.1).
//!
//! The node does not know whose an object is, but some addresses say it: in `/users/17/orders` a claim of the token of
//! whoever asks is `17`. So it learns at which places of which endpoints people name themselves, and what happens when
//! somebody names another. An endpoint that refuses that once checks whom it answers, and whoever is let in all the same
//! (a support desk) has a reason. One where many name others is public. What is left is an endpoint that answers anybody
//! who names anybody.
//!
//! Identifiers are kept as hashes only, and nothing of them or of the answer leaves the node.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bartizan_detect::{Proof, token_claims};
use serde_json::Value;

use super::memory::key;
use super::protected::is_data;

/// Places that are remembered.
const PLACES_MAX: usize = 4096;
/// People that are remembered of a place.
const PEOPLE_MAX: usize = 256;
/// Seconds that a place is remembered since somebody last named themselves there.
const REMEMBERED_S: i64 = 7 * 86_400;
/// Seconds before a full memory is looked through again.
const SWEEP_S: i64 = 60;
/// People who name themselves before a place is known to be one where people do.
const PEOPLE_MIN: usize = 5;
/// Of so many people one may name another; where more do, it is not meant to be private.
const STRANGERS_ONE_IN: usize = 5;
/// Places of one address that are looked at.
const VALUES_MAX: usize = 16;
/// Longest identifier.
const VALUE_MAX: usize = 64;
/// Claims that say who somebody is.
const CLAIMS: [&str; 10] = [
    "sub",
    "id",
    "uid",
    "user_id",
    "userId",
    "account_id",
    "accountId",
    "customer_id",
    "customerId",
    "preferred_username",
];
/// Claims that say what somebody may do.
const RIGHTS: [&str; 9] =
    ["role", "roles", "scope", "scopes", "scp", "permissions", "groups", "authorities", "realm_access"];
/// Parts of rights to see what belongs to others, and names of flags that grant them.
const PRIVILEGED: [&str; 11] =
    ["admin", "all", "audit", "manage", "operator", "owner", "root", "service", "staff", "support", "super"];

/// A reading exchange with credentials.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange<'a> {
    /// Host, method and path without identifiers.
    pub(crate) endpoint: u64,
    /// Path with query.
    pub(crate) uri: &'a str,
    /// Values of `Authorization` and `Cookie`.
    pub(crate) credentials: &'a [Vec<u8>],
    pub(crate) status: u16,
    pub(crate) content_type: &'a [u8],
    pub(crate) body: &'a [u8],
}

#[derive(Debug, Default)]
struct Place {
    /// Who named themselves.
    people: Vec<u64>,
    /// Who named others, and was answered.
    strangers: Vec<u64>,
    last: i64,
    /// Somebody who named another was refused, or it was told.
    silent: bool,
}

/// What was seen of places.
#[derive(Debug, Default)]
pub(crate) struct Ownership(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    places: HashMap<u64, Place>,
    /// When it was last looked for places that are over.
    swept: Option<i64>,
}

impl Memory {
    /// Makes room when there is none, at most once a minute.
    fn sweep(&mut self, now: i64) {
        // The clock may be set back.
        let is_due = self.swept.is_none_or(|last| now.abs_diff(last) >= SWEEP_S.unsigned_abs());
        if self.places.len() >= PLACES_MAX && is_due {
            self.places.retain(|_, known| now - known.last < REMEMBERED_S);
            self.swept = Some(now);
        }
    }
}

impl Ownership {
    /// Notes an exchange; the proof when somebody was shown what is another's.
    pub(crate) fn note(&self, exchange: Exchange<'_>, now: i64) -> Option<Proof> {
        let claims = person(exchange.credentials)?;
        let values = values(exchange.uri);
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.sweep(now);
        let mut proof = None;
        for (claim, own) in &claims {
            for (place, value) in &values {
                let key = key(&(exchange.endpoint, place, claim));
                if value == own {
                    memory.name_self(key, own, exchange.status, now);
                } else if is_alike(value, own) {
                    let shown =
                        memory.places.get_mut(&key).is_some_and(|known| known.name_other(own, &exchange));
                    proof = proof.or_else(|| shown.then(|| of(claim)));
                }
            }
        }
        proof
    }
}

impl Memory {
    fn name_self(&mut self, place: u64, own: &str, status: u16, now: i64) {
        let is_room = self.places.len() < PLACES_MAX || self.places.contains_key(&place);
        if !(200..300).contains(&status) || !is_room {
            return;
        }
        let known = self.places.entry(place).or_default();
        known.last = now;
        remember(&mut known.people, own);
    }
}

impl Place {
    /// Notes that somebody named another; whether that shows a flaw.
    fn name_other(&mut self, own: &str, exchange: &Exchange<'_>) -> bool {
        match exchange.status {
            401 | 403 | 404 => self.silent = true,
            200 if is_data(exchange.content_type, exchange.body) => remember(&mut self.strangers, own),
            _ => return false,
        }
        let is_private =
            self.people.len() >= PEOPLE_MIN && self.strangers.len() * STRANGERS_ONE_IN <= self.people.len();
        let shows = is_private && !self.silent;
        self.silent |= shows;
        shows
    }
}

fn remember(people: &mut Vec<u64>, own: &str) {
    let person = key(&own);
    if people.len() < PEOPLE_MAX && !people.contains(&person) {
        people.push(person);
    }
}

fn of(claim: &str) -> Proof {
    Proof {
        vuln_type: "idor",
        sign_class: "",
        attempt: None,
        sign: "The object of another person",
        meaning: "Whoever names another person in the address is shown what belongs to that person.",
        span: None,
        // Not the answer, and nobody's name: they are what was to be protected.
        text: format!("the address names another person than the claim {claim} of the token; 200 with data"),
        needs_baseline: false,
    }
}

/// Who asks, by the claims of a token; none for those who may see what belongs to others.
fn person(credentials: &[Vec<u8>]) -> Option<Vec<(&'static str, String)>> {
    let claims = credentials.iter().find_map(|text| token_claims(text))?;
    if is_privileged(&claims) {
        return None;
    }
    let of_claim = |name: &&'static str| {
        let text = match claims.get(*name)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        is_identifier(&text).then_some((*name, text))
    };
    Some(CLAIMS.iter().filter_map(of_claim).collect())
}

fn is_privileged(claims: &serde_json::Map<String, Value>) -> bool {
    let speaks_of = |text: &str| {
        let lower = text.to_ascii_lowercase();
        PRIVILEGED.iter().any(|part| lower.contains(part)) || lower.contains('*')
    };
    claims.iter().any(|(name, value)| {
        let is_right = RIGHTS.iter().any(|right| name.eq_ignore_ascii_case(right));
        let is_flag = *value == Value::Bool(true) && speaks_of(name);
        is_flag || is_right && speaks_of(&value.to_string())
    })
}

/// A word without a digit may be the name of a page.
fn is_identifier(text: &str) -> bool {
    text.len() <= VALUE_MAX && text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Whether two identifiers are of one kind: numbers, or texts of one length.
fn is_alike(one: &str, other: &str) -> bool {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    match (is_number(one), is_number(other)) {
        (true, true) => true,
        (false, false) => one.len() == other.len(),
        _ => false,
    }
}

/// Where in an address identifiers stand: segments of the path and parameters that are not escaped.
fn values(uri: &str) -> Vec<(String, &str)> {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    let segments = path.split('/').enumerate().map(|(at, segment)| (at.to_string(), segment));
    let parameters = query.split('&').filter_map(|pair| pair.split_once('='));
    let parameters = parameters.map(|(name, value)| (format!("?{name}"), value));
    segments.chain(parameters).filter(|(_, value)| is_identifier(value)).take(VALUES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::json;

    use super::*;

    const DATA: &str = r#"{"orders":[1]}"#;

    fn token(claims: &Value) -> Vec<u8> {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("Bearer {}.{}.c2lnbmF0dXJl", part(&json!({"alg": "RS256"})), part(claims)).into_bytes()
    }

    fn ask(seen: &Ownership, claims: &Value, uri: &str, status: u16, body: &str) -> Option<Proof> {
        let credentials = [token(claims)];
        let exchange = Exchange {
            endpoint: 1,
            uri,
            credentials: &credentials,
            status,
            content_type: b"application/json",
            body: body.as_bytes(),
        };
        seen.note(exchange, 100)
    }

    /// People who ask for what is theirs.
    fn learned(people: u64) -> Ownership {
        let seen = Ownership::default();
        for person in 0..people {
            let own = format!("/users/{person}/orders?page=1");
            assert_eq!(ask(&seen, &json!({"sub": person.to_string()}), &own, 200, DATA), None);
        }
        seen
    }

    #[test]
    fn what_belongs_to_another_is_told_once() {
        let seen = learned(5);
        let stranger = json!({"sub": "71"});
        let proof = ask(&seen, &stranger, "/users/3/orders", 200, DATA).unwrap();
        assert_eq!((proof.vuln_type, proof.attempt), ("idor", None));
        assert!(!proof.text.contains("71") && !proof.text.contains("orders"), "{}", proof.text);
        assert_eq!(ask(&seen, &stranger, "/users/4/orders", 200, DATA), None);
    }

    #[test]
    fn parameters_and_other_claims_name_people_too() {
        let seen = Ownership::default();
        for person in 10..15 {
            ask(&seen, &json!({"user_id": person}), &format!("/orders?of=u&user={person}"), 200, DATA);
        }
        assert!(ask(&seen, &json!({"user_id": 99}), "/orders?of=u&user=12", 200, DATA).is_some());
        // Another place of the same endpoint says nothing of people.
        assert_eq!(ask(&seen, &json!({"user_id": 99}), "/orders?page=12", 200, DATA), None);
    }

    #[test]
    fn what_may_have_other_reasons_is_not_told() {
        let stranger = json!({"sub": "71"});
        for (people, claims, uri, status, body) in [
            // Too few people are known.
            (4, stranger.clone(), "/users/3/orders", 200, DATA),
            // Who may see everything, says so.
            (5, json!({"sub": "71", "role": "Support"}), "/users/3/orders", 200, DATA),
            (5, json!({"sub": "71", "scope": "orders:read users:*"}), "/users/3/orders", 200, DATA),
            (5, json!({"sub": "71", "is_admin": true}), "/users/3/orders", 200, DATA),
            // Nothing was shown.
            (5, stranger.clone(), "/users/3/orders", 302, DATA),
            (5, stranger.clone(), "/users/3/orders", 200, r#"{"error":"not yours"}"#),
            (5, stranger.clone(), "/users/3/orders", 200, "[]"),
            // Another kind of name, or a name that no claim could be.
            (5, stranger.clone(), "/users/a3f/orders", 200, DATA),
            (5, stranger.clone(), "/users/me/orders", 200, DATA),
        ] {
            assert_eq!(
                ask(&learned(people), &claims, uri, status, body),
                None,
                "{claims} {uri} {status} {body}"
            );
        }
    }

    #[test]
    fn endpoints_that_check_or_are_public_are_silent() {
        let checks = learned(9);
        assert_eq!(ask(&checks, &json!({"sub": "71"}), "/users/3/orders", 404, DATA), None);
        assert_eq!(ask(&checks, &json!({"sub": "72"}), "/users/3/orders", 200, DATA), None);
        let public = Ownership::default();
        for person in 0..20 {
            let claims = json!({"sub": person.to_string()});
            ask(&public, &claims, &format!("/users/{person}"), 200, DATA);
            assert_eq!(ask(&public, &claims, &format!("/users/{}", person + 100), 200, DATA), None);
        }
    }

    #[test]
    fn memory_is_bounded() {
        let seen = Ownership::default();
        for endpoint in 0..10_000 {
            let credentials = [token(&json!({"sub": "1"}))];
            let exchange = Exchange {
                endpoint,
                uri: "/users/1",
                credentials: &credentials,
                status: 200,
                content_type: b"application/json",
                body: DATA.as_bytes(),
            };
            seen.note(exchange, 0);
        }
        assert_eq!(seen.0.lock().unwrap().places.len(), PLACES_MAX);
        let place = seen.0.lock().unwrap().places.values().next().unwrap().people.len();
        assert_eq!(place, 1);
        let mut people = vec![];
        (0..1000).for_each(|person| remember(&mut people, &person.to_string()));
        assert_eq!(people.len(), PEOPLE_MAX);
    }
}
