//! The header by which verification says who it is, `X-Bartizan-Verify: <id>.<time>.<code>`.
//!
//! Nodes in front of the host see its requests as the attacks that they imitate, and report them. By the code, which only
//! this cloud can make, ingestion knows them and does not count them. Whoever copies the header hides nothing but hits of
//! the tenant and the host whose verification it is, and only of a few minutes; nodes judge and block such requests as all others.

use bartizan_api::node::RawRequest;
use bartizan_store::TenantId;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{keys::Keys, secrets::same};

/// Name of the header.
pub(super) const HEADER: &str = "x-bartizan-verify";
/// The same as serialised requests have it.
const RAW_HEADER: &str = "X-BARTIZAN-VERIFY";
/// Seconds for which a value is good.
const GOOD_S: i64 = 600;

/// The value for a request of a verification of a tenant to a host.
pub(super) fn value(keys: &Keys, tenant: TenantId, host: &str, id: i64, now: i64) -> String {
    format!("{id}.{now}.{}", code(keys, tenant, host, id, now))
}

/// Whether a request that a node of the tenant saw on a host at a time came from verification, however late it is told.
pub(crate) fn is_own(keys: &Keys, tenant: TenantId, host: &str, raw: &RawRequest, seen: i64) -> bool {
    let Some([text]) = raw.headers.get(RAW_HEADER).map(Vec::as_slice) else { return false };
    let mut parts = text.splitn(3, '.');
    let mut number = || parts.next().and_then(|part| part.parse::<i64>().ok());
    let (Some(id), Some(time)) = (number(), number()) else { return false };
    let code_given = parts.next().unwrap_or_default();
    (seen - GOOD_S..=seen + GOOD_S).contains(&time) && same(code_given, &code(keys, tenant, host, id, time))
}

fn code(keys: &Keys, tenant: TenantId, host: &str, id: i64, time: i64) -> String {
    code_of(keys, &format!("verification {} {id} {time} {}", tenant.0, host.to_ascii_lowercase()))
}

/// What only this cloud can make of a text: 32 hex digits.
pub(super) fn code_of(keys: &Keys, text: &str) -> String {
    // HMAC takes keys of any length, so this cannot fail; a random code would match nothing.
    let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(keys.pepper()) else {
        return uuid::Uuid::new_v4().to_string();
    };
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes()).chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_own_value_counts_and_not_for_long() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::load_or_create(folder.path()).unwrap();
        let with = |text: &str| {
            let headers = [(RAW_HEADER.to_owned(), vec![text.to_owned()])].into();
            RawRequest { headers, ..RawRequest::default() }
        };
        let good = value(&keys, TenantId(7), "shop.test", 3, 1_000_000);
        assert!(is_own(&keys, TenantId(7), "Shop.test", &with(&good), 1_000_060));
        assert!(!is_own(&keys, TenantId(7), "other.test", &with(&good), 1_000_060), "another host");
        assert!(!is_own(&keys, TenantId(8), "Shop.test", &with(&good), 1_000_060), "another tenant");
        assert!(!is_own(&keys, TenantId(7), "Shop.test", &with(&good), 1_000_000 + GOOD_S + 1), "too old");
        assert!(
            !is_own(&keys, TenantId(7), "Shop.test", &with(&good.replacen('3', "4", 1)), 1_000_060),
            "another id"
        );
        assert!(!is_own(&keys, TenantId(7), "Shop.test", &with("1.1000000."), 1_000_060), "no code");
        assert!(!is_own(&keys, TenantId(7), "Shop.test", &RawRequest::default(), 1_000_060), "no header");
    }
}
