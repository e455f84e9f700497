//! The id of a vector: the SHA-256 of client, request id, type, point and stamps (`spec/events.md` section 0.3).
//!
//! Nothing leads from a hash to a row, so the event index holds the first 64 bits of each; whoever brings an id is led to the
//! rows with these bits, and the whole id is compared with theirs. The client is part of what is hashed, so an id of
//! another tenant is one that nobody has.

use bartizan_store::entity::hit::Model;
use sha2::{Digest, Sha256};

/// The hash that a vector is known by. `point` is JSON, `stamps` a list with outer commas, as the hit has them.
pub(in crate::services) fn digest(
    client: i64,
    request: &str,
    kind: &str,
    point: &str,
    stamps: &str,
) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(client.to_be_bytes());
    for part in [request, kind, point, stamps] {
        // Lengths first, so that no two lists of parts read alike.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// The part of a hash that the event index holds.
pub(in crate::services) fn key(digest: &[u8; 32]) -> i64 {
    let [a, b, c, d, e, f, g, h, ..] = *digest;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The id of a hit's vector: 64 hex digits.
pub(super) fn of_hit(hit: &Model) -> String {
    let point = hit.point.to_string();
    hex::encode(digest(hit.client_id, &hit.request_id, &hit.kind, &point, &hit.stamps))
}

/// What the event index knows an id by; none when it is no id.
pub(super) fn key_of(id: &str) -> Option<i64> {
    let bytes: [u8; 32] = hex::decode(id).ok()?.try_into().ok()?;
    Some(key(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_makes_another_vector() {
        let of = |client, request, kind, point, stamps| digest(client, request, kind, point, stamps);
        let one = of(1, "r1", "sqli", "[\"get\",\"q\"]", ",1,2,");
        assert_eq!(one, of(1, "r1", "sqli", "[\"get\",\"q\"]", ",1,2,"));
        for other in [
            of(2, "r1", "sqli", "[\"get\",\"q\"]", ",1,2,"),
            of(1, "r", "1sqli", "[\"get\",\"q\"]", ",1,2,"),
            of(1, "r1", "xss", "[\"get\",\"q\"]", ",1,2,"),
            of(1, "r1", "sqli", "[\"get\",\"p\"]", ",1,2,"),
            of(1, "r1", "sqli", "[\"get\",\"q\"]", ",1,"),
        ] {
            assert_ne!(one, other);
        }
        assert_eq!(key_of(&hex::encode(one)), Some(key(&one)));
        assert_eq!((key_of("00"), key_of(&"zz".repeat(32)), key_of("")), (None, None, None));
    }
}
