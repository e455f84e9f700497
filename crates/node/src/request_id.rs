//! Identities that a node makes: of requests and of events.
//!
//! Both are random, so that several nodes and restarts never collide.

use std::fmt;

use http::HeaderValue;
use rand::Rng as _;

/// Identity of a request: 32 hex characters, the same on the answer, in events and in logs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestId([u8; 32]);

impl RequestId {
    /// A new identity.
    pub(crate) fn random() -> RequestId {
        let mut rng = rand::rng();
        RequestId::from_parts(rng.random(), rng.random())
    }

    pub(crate) fn from_parts(high: u64, low: u64) -> RequestId {
        let mut text = [0; 32];
        let mut bytes = [0; 16];
        let (first, second) = bytes.split_at_mut(8);
        first.copy_from_slice(&high.to_be_bytes());
        second.copy_from_slice(&low.to_be_bytes());
        // 16 bytes are exactly 32 hex digits, so this cannot fail.
        let _ = hex::encode_to_slice(bytes, &mut text);
        RequestId(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        // Hex digits are ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(crate) fn header_value(self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Identity of an event: 20 URL-safe characters.
pub(crate) fn event_id() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut rng = rand::rng();
    (0..20)
        .filter_map(|_| ALPHABET.get(rng.random_range(0..ALPHABET.len())).copied().map(char::from))
        .collect()
}
