//! What the node remembers of answers: endpoints seen, errors that everybody gets, proofs sent. All of it bounded;
//! what is forgotten is at worst reported once more.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use bartizan_detect::ResponseEngine;

use super::ownership::Ownership;
use super::protected::Protected;

/// Answers watched at once: 64 MiB of copies at most.
const WATCHES_MAX: usize = 256;
/// Endpoints known per worker.
const ENDPOINTS_MAX: usize = 8192;
/// Of the answers of a known endpoint, one in so many is watched.
const ONE_IN: u32 = 100;
/// Entries of each memory that the workers share.
const SHARED_MAX: usize = 16_384;
/// Seconds before the same proof is sent again.
const QUIET_S: i64 = 60;

/// The endpoints that a worker has seen.
#[derive(Debug, Default)]
pub(crate) struct Endpoints {
    known: HashSet<u64>,
    turn: u32,
}

impl Endpoints {
    /// Whether to watch the answer to a request without findings.
    pub(crate) fn wants(&mut self, endpoint: u64) -> bool {
        if self.known.len() < ENDPOINTS_MAX && self.known.insert(endpoint) {
            return true;
        }
        self.turn = self.turn.wrapping_add(1);
        self.turn.is_multiple_of(ONE_IN)
    }
}

/// An endpoint: host, method and path, with numbers and identifiers in the path left out.
pub(crate) fn endpoint_of(host: &[u8], method: &str, path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    host.iter().for_each(|byte| hasher.write_u8(byte.to_ascii_lowercase()));
    hasher.write_u8(0);
    method.hash(&mut hasher);
    for segment in path.split(|byte| *byte == b'/') {
        let identifier = segment.iter().any(u8::is_ascii_digit);
        if identifier { b"#"[..].hash(&mut hasher) } else { segment.hash(&mut hasher) }
    }
    hasher.finish()
}

/// What one client asks for: host, method and path with query as they are. The query may choose what is answered, and
/// the place of the client may be what lets it in.
pub(crate) fn address_of(host: &str, method: &str, uri: &str, client: &str) -> u64 {
    key(&(host, method, uri, client))
}

/// What the workers share.
#[derive(Debug, Default)]
pub(crate) struct ResponseState {
    pub(crate) engine: ResponseEngine,
    /// Proofs sent.
    pub(crate) proofs: AtomicU64,
    /// Inspections that failed.
    pub(crate) failures: AtomicU64,
    /// Addresses that refuse who shows no credentials.
    pub(super) protected: Protected,
    /// Whose objects addresses name.
    pub(super) ownership: Ownership,
    watches: AtomicUsize,
    /// Signs that harmless requests to an endpoint get.
    usual: Mutex<HashSet<u64>>,
    /// When which proof was sent.
    sent: Mutex<HashMap<u64, i64>>,
}

impl ResponseState {
    /// Takes a place among the watched answers, if there is one.
    pub(crate) fn reserve(&self) -> bool {
        let taken = self.watches.fetch_add(1, Ordering::Relaxed);
        if taken >= WATCHES_MAX {
            self.release();
        }
        taken < WATCHES_MAX
    }

    /// Gives a place back.
    pub(crate) fn release(&self) {
        self.watches.fetch_sub(1, Ordering::Relaxed);
    }

    /// Remembers that an endpoint shows a sign to anybody, when the request was `harmless`.
    pub(crate) fn note_clean(&self, endpoint: u64, sign: &str, harmless: bool) {
        if harmless {
            let mut usual = self.usual.lock().unwrap_or_else(PoisonError::into_inner);
            if usual.len() < SHARED_MAX {
                usual.insert(key(&(endpoint, sign)));
            }
        }
    }

    /// Whether an endpoint shows a sign to anybody.
    pub(crate) fn is_usual(&self, endpoint: u64, sign: &str) -> bool {
        self.usual.lock().unwrap_or_else(PoisonError::into_inner).contains(&key(&(endpoint, sign)))
    }

    /// Whether a proof of a type and class was not sent within the last minute. `address` tells apart what the endpoint does not.
    pub(crate) fn is_news(
        &self,
        flaw: (&str, &str),
        endpoint: u64,
        address: &str,
        parameter: &str,
        now: i64,
    ) -> bool {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.len() >= SHARED_MAX {
            sent.retain(|_, at| now - *at < QUIET_S);
        }
        let key = key(&(flaw, endpoint, address, parameter));
        let quiet = sent.get(&key).is_some_and(|at| now - *at < QUIET_S);
        if !quiet && sent.len() < SHARED_MAX {
            sent.insert(key, now);
        }
        !quiet
    }
}

pub(super) fn key(parts: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_answer_of_an_endpoint_and_then_one_in_a_hundred() {
        let mut endpoints = Endpoints::default();
        let one = endpoint_of(b"Shop.test", "GET", b"/items/17");
        assert_eq!(one, endpoint_of(b"shop.test", "GET", b"/items/99"));
        assert_ne!(one, endpoint_of(b"shop.test", "GET", b"/orders/17"));
        assert!(endpoints.wants(one));
        assert_eq!((0..200).filter(|_| endpoints.wants(one)).count(), 2);
    }

    #[test]
    fn queries_and_clients_make_addresses_of_their_own() {
        let one = address_of("shop.test", "GET", "/orders?of=1", "192.0.2.1");
        assert_eq!(one, address_of("shop.test", "GET", "/orders?of=1", "192.0.2.1"));
        assert_ne!(one, address_of("shop.test", "GET", "/orders?of=2", "192.0.2.1"));
        assert_ne!(one, address_of("shop.test", "GET", "/orders?of=1", "192.0.2.2"));
    }

    #[test]
    fn places_and_proofs_are_bounded() {
        let state = ResponseState::default();
        assert_eq!((0..300).filter(|_| state.reserve()).count(), WATCHES_MAX);
        state.release();
        assert!(state.reserve() && !state.reserve());
        assert!(state.is_news(("sqli", ""), 1, "/items/1", "GET_q_value", 100));
        assert!(!state.is_news(("sqli", ""), 1, "/items/1", "GET_q_value", 159));
        assert!(state.is_news(("sqli", ""), 1, "/items/2", "GET_q_value", 159));
        assert!(state.is_news(("sqli", ""), 1, "/items/1", "GET_q_value", 160));
        assert!(state.is_news(("sqli", ""), 1, "/items/1", "GET_p_value", 160));
        assert!(state.is_news(("infoleak", "trace"), 1, "", "", 160));
        assert!(state.is_news(("infoleak", "card_number"), 1, "", "", 160));
    }

    #[test]
    fn what_everybody_gets_is_usual() {
        let state = ResponseState::default();
        state.note_clean(1, "An error of MySQL", false);
        assert!(!state.is_usual(1, "An error of MySQL"));
        state.note_clean(1, "An error of MySQL", true);
        assert!(state.is_usual(1, "An error of MySQL") && !state.is_usual(2, "An error of MySQL"));
    }
}
