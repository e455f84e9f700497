//! Ids of groups, which the API hands out and takes back. Opaque to clients, signed, and bound to the tenant, so that a
//! foreign or altered one is refused.

use bartizan_api::ApiError;
use bartizan_store::TenantId;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;

use super::period::Period;
use crate::keys::Keys;

/// What a group is: its dimensions with their values, within the times that were asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct GroupKey {
    /// Field names.
    pub(super) f: Vec<String>,
    /// Values: texts, numbers, and Unix seconds of buckets.
    pub(super) v: Vec<Value>,
    /// Unix milliseconds, both included.
    pub(super) t: (i64, i64),
}

#[derive(Serialize, Deserialize)]
struct Signed {
    #[serde(flatten)]
    key: GroupKey,
    s: String,
}

impl GroupKey {
    pub(super) fn period(&self) -> Period {
        Period { from_ms: self.t.0, to_ms: self.t.1 }
    }

    /// The id of the group.
    pub(super) fn issue(&self, keys: &Keys, tenant: TenantId) -> String {
        let s = hex::encode(self.signature(keys, tenant));
        let signed = json!({"f": self.f, "v": self.v, "t": self.t, "s": s});
        STANDARD.encode(signed.to_string())
    }

    /// Reads an id.
    pub(super) fn open(keys: &Keys, tenant: TenantId, id: &Value) -> Result<GroupKey, ApiError> {
        let bad = || ApiError::field("group_id", "invalid", Value::Null);
        let text = id.as_str().ok_or_else(bad)?;
        let bytes = STANDARD.decode(text).map_err(|_| bad())?;
        let signed: Signed = serde_json::from_slice(&bytes).map_err(|_| bad())?;
        let given = hex::decode(&signed.s).map_err(|_| bad())?;
        let right = signed.key.signature(keys, tenant);
        if !bool::from(subtle::ConstantTimeEq::ct_eq(right.as_slice(), given.as_slice())) {
            return Err(bad());
        }
        Ok(signed.key)
    }

    fn signature(&self, keys: &Keys, tenant: TenantId) -> Vec<u8> {
        let text = json!([tenant.0, self.f, self.v, self.t]).to_string();
        mac(keys, "group", text.as_bytes())
    }
}

/// Signs a text for one purpose.
pub(in crate::services) fn mac(keys: &Keys, purpose: &str, text: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length, so this cannot fail; an empty signature would match nothing.
    let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(keys.pepper()) else { return Vec::new() };
    mac.update(purpose.as_bytes());
    mac.update(b"\n");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}
