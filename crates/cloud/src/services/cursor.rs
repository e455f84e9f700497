//! Page cursors: opaque to clients, signed, and bound to the query that they continue.

use bartizan_api::ApiError;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::keys::Keys;

/// Seconds that a cursor is good for.
const LIFETIME_S: i64 = 86_400;
/// Bytes of the signature.
const SIGNATURE: usize = 32;

/// A cursor for `position`, good with the query of this fingerprint.
#[must_use]
pub fn issue(keys: &Keys, fingerprint: &str, position: &Value, now: i64) -> String {
    let text = json!([fingerprint, now, position]).to_string();
    let mut bytes = sign(keys, text.as_bytes());
    bytes.extend_from_slice(text.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The position that a cursor holds.
///
/// # Errors
/// 400 when it was altered, expired, or belongs to another query.
pub fn open(keys: &Keys, fingerprint: &str, cursor: &str, now: i64) -> Result<Value, ApiError> {
    let bad = || ApiError::field("cursor", "invalid cursor", Value::Null);
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad())?;
    let (signature, text) = bytes.split_at_checked(SIGNATURE).ok_or_else(bad)?;
    if !bool::from(subtle::ConstantTimeEq::ct_eq(sign(keys, text).as_slice(), signature)) {
        return Err(bad());
    }
    let (made_for, issued, position): (String, i64, Value) =
        serde_json::from_slice(text).map_err(|_| bad())?;
    if made_for != fingerprint {
        return Err(ApiError::field("cursor", "cursor does not match the query", Value::Null));
    }
    if now - issued > LIFETIME_S {
        return Err(ApiError::field("cursor", "cursor expired", Value::Null));
    }
    Ok(position)
}

/// Identifies a query by the parts that decide its rows and their order.
#[must_use]
pub fn fingerprint(parts: &Value) -> String {
    hex::encode(Sha256::digest(parts.to_string()))
}

fn sign(keys: &Keys, text: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length, so this cannot fail; an empty signature would match no cursor.
    let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(keys.pepper()) else { return Vec::new() };
    mac.update(b"cursor\n");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}
