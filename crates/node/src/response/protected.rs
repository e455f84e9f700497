//! Endpoints that refuse who shows no credentials, and the moment one lets such a request in (`auth`,
//! `spec/node.md` section 6.1).
//!
//! One answer decides nothing: a public endpoint answers the same way. So the node remembers which addresses it saw refuse
//! requests without credentials, for each query and client: others may be let in for what they ask or where they are.
//! What speaks for another reason silences an address for as long as it is remembered: it
//! let somebody in before, it lets people in by what the node cannot tell from other parameters, it was refused only once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bartizan_api::node::RawRequest;
use bartizan_detect::Proof;

/// Addresses that are remembered.
const ADDRESSES_MAX: usize = 16_384;
/// Seconds that an address is remembered since its last refusal.
const REMEMBERED_S: i64 = 3600;
/// Seconds before a full memory is looked through again for what is over: all workers wait meanwhile.
const SWEEP_S: i64 = 60;
/// Refusals before an answer is a surprise. Each stands for a hundred: of the answers of an endpoint one in so many is
/// looked at.
const REFUSALS_MIN: u32 = 2;
/// Parts of the names of headers and parameters that may hold credentials.
const CREDENTIALS: [&str; 16] = [
    "api", "auth", "bearer", "cert", "code", "cookie", "cred", "jwt", "key", "pass", "pwd", "secret", "sess",
    "sid", "sign", "token",
];
/// Parts of the names of headers by which a proxy or a platform says who asks.
const IDENTITIES: [&str; 5] = ["ident", "oidc", "principal", "ssl", "user"];
/// Ends of the names of headers with such a part that name nobody.
const ANONYMOUS: [&str; 3] = ["forwarded-ssl", "sec-fetch-user", "user-agent"];
/// Words of answers that refuse with a status of success.
const REFUSING: [&[u8]; 6] =
    [b"error", b"login", b"denied", b"forbidden", b"unauthorized", b"unauthenticated"];

/// An exchange without credentials.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange<'a> {
    /// Host, method, path with query, and client.
    pub(crate) address: u64,
    pub(crate) status: u16,
    pub(crate) content_type: &'a [u8],
    pub(crate) body: &'a [u8],
}

#[derive(Debug)]
struct Address {
    refusals: u32,
    last: i64,
    /// It let somebody in: nothing is concluded of it any more.
    open: bool,
}

/// What was seen of addresses.
#[derive(Debug, Default)]
pub(crate) struct Protected(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    addresses: HashMap<u64, Address>,
    /// When it was last looked for addresses that are over.
    swept: Option<i64>,
}

impl Memory {
    /// Makes room when there is none, at most once a minute: as long as all are live, looking gains nothing.
    fn sweep(&mut self, now: i64) {
        // The clock may be set back.
        let is_due = self.swept.is_none_or(|last| now.abs_diff(last) >= SWEEP_S.unsigned_abs());
        if self.addresses.len() >= ADDRESSES_MAX && is_due {
            self.addresses.retain(|_, known| now - known.last < REMEMBERED_S);
            self.swept = Some(now);
        }
    }
}

impl Protected {
    /// Notes an exchange; the proof when a protected address let a request in.
    pub(crate) fn note(&self, exchange: Exchange<'_>, now: i64) -> Option<Proof> {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.sweep(now);
        let addresses = &mut memory.addresses;
        let is_known = addresses.contains_key(&exchange.address);
        match exchange.status {
            401 | 403 if is_known || addresses.len() < ADDRESSES_MAX => {
                let known = addresses.entry(exchange.address).or_insert(Address {
                    refusals: 0,
                    last: now,
                    open: false,
                });
                known.refusals = known.refusals.saturating_add(1);
                known.last = now;
                None
            }
            200..=299 => {
                // Most addresses are public and never refuse: nothing is kept of them.
                let known = addresses.get_mut(&exchange.address)?;
                let was_closed = !std::mem::replace(&mut known.open, true);
                let is_sure = known.refusals >= REFUSALS_MIN && now - known.last < REMEMBERED_S;
                (was_closed && is_sure && exchange.is_content()).then(|| Proof {
                    vuln_type: "auth",
                    sign_class: "",
                    attempt: None,
                    sign: "An answer without credentials where others were refused",
                    meaning: "The application answered a request without credentials that it had refused before.",
                    span: None,
                    // Not the answer: it is what was to be protected.
                    text: format!("{} without credentials, after 401 or 403 before", exchange.status),
                    needs_baseline: false,
                })
            }
            _ => None,
        }
    }
}

impl Exchange<'_> {
    /// Whether the answer is data rather than a page or another refusal.
    fn is_content(&self) -> bool {
        self.status == 200 && is_data(self.content_type, self.body)
    }
}

/// Whether the body of an answer is data rather than a page, nothing, or a refusal with a status of success.
pub(super) fn is_data(content_type: &[u8], body: &[u8]) -> bool {
    let kind = content_type.to_ascii_lowercase();
    let holds = |text: &[u8], part: &[u8]| memchr::memmem::find(text, part).is_some();
    let is_data = (holds(&kind, b"json") || holds(&kind, b"xml")) && !holds(&kind, b"html");
    if !is_data || body.len() <= 2 {
        return false;
    }
    let body = body.to_ascii_lowercase();
    !REFUSING.iter().any(|word| holds(&body, word))
}

/// Whether a request may show credentials anywhere. Only what reads is looked at: bodies hold passwords.
pub(crate) fn may_show_credentials(raw: &RawRequest) -> bool {
    let is_reading = matches!(raw.method.as_str(), "GET" | "HEAD");
    let query = raw.uri.split_once('?').map_or("", |(_, query)| query);
    let mut parameters = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    !is_reading
        || !raw.body.is_empty()
        || raw.headers.keys().any(|name| holds_any(name, &CREDENTIALS) || may_identify(name))
        // An escaped name may be any.
        || parameters.any(|name| name.contains('%') || holds_any(name, &CREDENTIALS))
}

/// Whether a header may say who asks.
fn may_identify(header: &str) -> bool {
    let lower = header.to_ascii_lowercase();
    holds_any(&lower, &IDENTITIES) && !ANONYMOUS.iter().any(|end| lower.ends_with(*end))
}

fn holds_any(name: &str, parts: &[&str]) -> bool {
    let lower = name.to_ascii_lowercase();
    parts.iter().any(|part| lower.contains(*part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(status: u16, body: &str) -> Exchange<'_> {
        Exchange { address: 1, status, content_type: b"application/json", body: body.as_bytes() }
    }

    #[test]
    fn an_address_that_refused_and_answers_is_reported_once() {
        let seen = Protected::default();
        for status in [401, 403, 500, 302] {
            assert_eq!(seen.note(exchange(status, ""), 100), None);
        }
        let proof = seen.note(exchange(200, r#"{"orders":[1]}"#), 200).unwrap();
        assert_eq!((proof.vuln_type, proof.attempt), ("auth", None));
        assert!(!proof.text.contains("orders"));
        // From now on it is one that answers sometimes.
        for status in [401, 401, 401, 200] {
            assert_eq!(seen.note(exchange(status, r#"{"orders":[1]}"#), 300), None);
        }
    }

    #[test]
    fn what_may_have_other_reasons_is_not_reported() {
        let data = r#"{"orders":[1]}"#;
        for (before, status, kind, body, later) in [
            // Refused once only, or long ago.
            (&[401][..], 200, "application/json", data, 1),
            (&[401, 401], 200, "application/json", data, REMEMBERED_S),
            // Public before.
            (&[401, 200, 401, 401], 200, "application/json", data, 1),
            // A page to sign in, nothing, or a refusal in other words.
            (&[401, 401], 200, "text/html", "<form>", 1),
            (&[401, 401], 200, "application/xhtml+xml", "<html/>", 1),
            (&[401, 401], 204, "application/json", "", 1),
            (&[401, 401], 200, "application/json", "{}", 1),
            (&[401, 401], 200, "application/json", r#"{"Error":"sign in"}"#, 1),
        ] {
            let seen = Protected::default();
            for status in before {
                assert_eq!(seen.note(exchange(*status, data), 0), None);
            }
            let last = Exchange { address: 1, status, content_type: kind.as_bytes(), body: body.as_bytes() };
            assert_eq!(seen.note(last, later), None, "{before:?} {status} {kind} {body}");
        }
    }

    #[test]
    fn credentials_may_stand_anywhere() {
        let raw = |method: &str, uri: &str, header: &str, body: &str| RawRequest {
            method: method.to_owned(),
            uri: uri.to_owned(),
            headers: [(header.to_owned(), vec![String::new()])].into(),
            body: body.to_owned(),
            ..RawRequest::default()
        };
        for header in
            ["USER-AGENT", "SEC-FETCH-USER", "X-FORWARDED-SSL", "X-FORWARDED-FOR", "ACCEPT-ENCODING"]
        {
            assert!(!may_show_credentials(&raw("GET", "/orders?page=2&user=5", header, "")), "{header}");
        }
        for request in [
            raw("POST", "/orders", "USER-AGENT", ""),
            raw("GET", "/orders", "USER-AGENT", "x"),
            raw("GET", "/orders", "X-API-KEY", ""),
            raw("GET", "/orders", "AUTHORIZATION", ""),
            raw("GET", "/orders", "X-FORWARDED-USER", ""),
            raw("GET", "/orders", "X-REMOTE-USER", ""),
            raw("GET", "/orders", "X-SSL-CLIENT-S-DN", ""),
            raw("GET", "/orders", "X-AMZN-OIDC-DATA", ""),
            raw("GET", "/orders", "X-MS-CLIENT-PRINCIPAL", ""),
            raw("GET", "/orders", "X-IDENTITY", ""),
            raw("GET", "/orders?access_token=1", "USER-AGENT", ""),
            raw("GET", "/orders?%74oken=1", "USER-AGENT", ""),
        ] {
            assert!(may_show_credentials(&request), "{request:?}");
        }
    }

    #[test]
    fn memory_is_bounded() {
        let seen = Protected::default();
        for address in 0..40_000 {
            seen.note(Exchange { address, ..exchange(401, "") }, i64::try_from(address / 20_000).unwrap());
        }
        assert_eq!(seen.0.lock().unwrap().addresses.len(), ADDRESSES_MAX);
    }

    #[test]
    fn a_full_memory_is_looked_through_once_a_minute() {
        let seen = Protected::default();
        for address in 0..20_000 {
            seen.note(Exchange { address, ..exchange(401, "") }, 0);
        }
        let new = Exchange { address: 99_999, ..exchange(401, "") };
        for (now, known) in [
            // Nothing is over yet; then all of it is, but it was looked for just before.
            (REMEMBERED_S - 1, ADDRESSES_MAX),
            (REMEMBERED_S, ADDRESSES_MAX),
            (REMEMBERED_S - 1 + SWEEP_S, 1),
        ] {
            seen.note(new, now);
            assert_eq!(seen.0.lock().unwrap().addresses.len(), known, "{now}");
        }
    }
}
