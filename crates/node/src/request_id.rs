//! Identities that a node makes: of requests and of events.
//!
//! Both start with the time in milliseconds, so that the cloud's indexes of them grow at one end instead of
//! everywhere, and are random after it, so that several nodes and restarts never collide.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use http::HeaderValue;
use rand::Rng as _;

/// Identity of a request: 32 hex characters, the same on the answer, in events and in logs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestId([u8; 32]);

impl RequestId {
    /// A new identity.
    pub(crate) fn random() -> RequestId {
        let mut rng = rand::rng();
        RequestId::from_parts(now_ms() << 16 | u64::from(rng.random::<u16>()), rng.random())
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

/// Milliseconds since 1970, 48 bits: enough for ten thousand years.
fn now_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    u64::try_from(elapsed).unwrap_or_default() & ((1 << 48) - 1)
}

/// Identity of an event: 20 URL-safe characters, later ones greater.
pub(crate) fn event_id() -> String {
    // In the order of ASCII, so that texts sort as the times do.
    const ALPHABET: &[u8; 64] = b"-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";
    let letter = |index: u64| {
        let index = usize::try_from(index % 64).unwrap_or_default();
        ALPHABET.get(index).copied().map_or('-', char::from)
    };
    let now = now_ms();
    let mut rng = rand::rng();
    let time = (0..8).rev().map(|place| letter(now >> (6 * place)));
    time.chain((0..12).map(|_| letter(rng.random_range(0..64)))).collect()
}
