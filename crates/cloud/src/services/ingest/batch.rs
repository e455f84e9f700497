//! A batch as it came, read and turned into rows. Nothing here touches the database.

use bartizan_api::{
    ApiError,
    node::{DroppedHits, Event, EventsRequest, HitEvent, VulnEvidence},
};
use bartizan_store::{TenantId, entity};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{event, grouping::group_key, split::split};
use crate::{auth::node::NodeCaller, keys::Keys, services::verification::mark};

/// Most events of a batch.
const MAX_EVENTS: usize = 20_000;
/// Largest event kept when it is set aside, bytes.
const MAX_PAYLOAD: usize = 64 << 10;

/// A hit that is new, as far as the batch tells.
pub(super) struct NewHit {
    pub(super) row: entity::hit::Model,
    /// The group of attacks that it belongs to.
    pub(super) key: String,
    /// The serialised request.
    pub(super) raw: String,
}

/// A batch sorted into what is stored and what is set aside.
pub(super) struct Batch {
    pub(super) tenant: TenantId,
    pub(super) node_uuid: String,
    pub(super) now_ms: i64,
    /// Size of the upload.
    pub(super) bytes: usize,
    pub(super) head: entity::event_batch::Model,
    pub(super) hits: Vec<NewHit>,
    /// Whether groups of hits are stored whole or not at all: what is known of one is all of it.
    pub(super) whole_groups: bool,
    pub(super) proofs: Vec<VulnEvidence>,
    pub(super) dropped: Vec<entity::dropped_request::Model>,
    pub(super) rejected: Vec<entity::rejected_event::Model>,
}

/// An event as it came: understood, or not.
enum Sent {
    Hit(Box<HitEvent>),
    Proof(Box<VulnEvidence>),
    Dropped(Box<DroppedHits>),
    Bad { reason: String, payload: Value },
}

impl From<Event> for Sent {
    fn from(event: Event) -> Sent {
        match event {
            Event::Hit(hit) => Sent::Hit(hit),
            Event::VulnEvidence(proof) => Sent::Proof(proof),
            Event::DroppedHits(dropped) => Sent::Dropped(dropped),
        }
    }
}

/// Reads a batch; answers its position in the spool, too.
pub(super) fn read(
    keys: &Keys,
    node: &NodeCaller,
    bytes: &[u8],
    now_ms: i64,
    most_hits: u32,
) -> Result<(u64, Batch), ApiError> {
    let (id, seq, events) = parse(bytes)?;
    let head = entity::event_batch::Model {
        node_uuid: node.node.uuid.clone(),
        batch_id: id,
        digest: hex::encode(Sha256::digest(bytes)),
        received_at: now_ms / 1000,
    };
    let mut batch = Batch {
        tenant: node.tenant(),
        node_uuid: node.node.uuid.clone(),
        now_ms,
        bytes: bytes.len(),
        head,
        hits: Vec::with_capacity(events.len()),
        whole_groups: false,
        proofs: vec![],
        dropped: vec![],
        rejected: vec![],
    };
    for (index, sent) in events.into_iter().enumerate() {
        let seen = match &sent {
            Sent::Hit(hit) => Some((&hit.domain, &hit.raw, hit.ts_ms)),
            Sent::Proof(proof) => Some((&proof.domain, &proof.raw, proof.ts_ms)),
            Sent::Dropped(_) | Sent::Bad { .. } => None,
        };
        // What verification asks looks like an attack and is none.
        if seen.is_some_and(|(domain, raw, ts_ms)| {
            mark::is_own(keys, batch.tenant, domain, raw, event::believed(ts_ms, now_ms) / 1000)
        }) {
            tracing::debug!(node = %batch.node_uuid, "an event of verification itself was left out");
            continue;
        }
        batch.sort_in(index, sent, node, most_hits);
    }
    // Grouping looks at hits one after the other: in the order of their times it does not depend on how the node
    // happened to write them.
    batch.hits.sort_by(|a, b| (a.row.ts_ms, &a.row.event_id).cmp(&(b.row.ts_ms, &b.row.event_id)));
    Ok((seq, batch))
}

/// The whole batch at once; event by event only when something in it is not understood.
fn parse(bytes: &[u8]) -> Result<(String, u64, Vec<Sent>), ApiError> {
    let bad = |text: String| ApiError::field("body", text, Value::Null);
    let (id, seq, events) = match serde_json::from_slice::<EventsRequest>(bytes) {
        Ok(request) => {
            (request.batch_id, request.seq, request.events.into_iter().map(Sent::from).collect::<Vec<_>>())
        }
        Err(error) => {
            let not_one = || bad(format!("not an event batch: {error}"));
            let split = split(bytes).ok_or_else(not_one)?;
            let head: Value =
                serde_json::from_slice(&split.head).map_err(|error| bad(format!("invalid json: {error}")))?;
            let id = head.get("batch_id").and_then(Value::as_str).map(str::to_owned);
            let seq = head.get("seq").and_then(Value::as_u64);
            let (Some(id), Some(seq)) = (id, seq) else { return Err(not_one()) };
            (id, seq, split.events.into_iter().map(one).collect())
        }
    };
    if id.is_empty() || id.len() > 128 || id.contains('\0') {
        return Err(ApiError::field("batch_id", "must be 1 to 128 characters", id));
    }
    if events.len() > MAX_EVENTS {
        return Err(ApiError::field("events", "too many events, split the batch", events.len()));
    }
    Ok((id, seq, events))
}

fn one(text: &[u8]) -> Sent {
    match serde_json::from_slice::<Event>(text) {
        Ok(event) => Sent::from(event),
        Err(error) => {
            let unreadable = || json!({"unreadable": String::from_utf8_lossy(text)});
            let payload = serde_json::from_slice(text).unwrap_or_else(|_| unreadable());
            Sent::Bad { reason: error.to_string(), payload }
        }
    }
}

impl Batch {
    /// Number of rows, roughly.
    pub(super) fn len(&self) -> usize {
        self.hits.len() + self.proofs.len() + self.dropped.len() + self.rejected.len()
    }

    fn sort_in(&mut self, index: usize, sent: Sent, node: &NodeCaller, most_hits: u32) {
        let (reason, payload) = match sent {
            Sent::Bad { reason, payload } => (reason, payload),
            Sent::Proof(proof) => match event::check_proof(&proof) {
                Ok(()) => {
                    self.proofs.push(*proof);
                    return;
                }
                Err(reason) => {
                    let payload = serde_json::to_value(Event::VulnEvidence(proof)).unwrap_or_default();
                    (reason.to_owned(), payload)
                }
            },
            Sent::Dropped(dropped) => match event::check_dropped(&dropped) {
                Ok(()) => {
                    self.dropped.push(event::dropped_row(*dropped, node, self.now_ms));
                    return;
                }
                Err(reason) => {
                    (reason.to_owned(), serde_json::to_value(Event::DroppedHits(dropped)).unwrap_or_default())
                }
            },
            Sent::Hit(hit) => match event::check(&hit, most_hits) {
                Ok(()) => {
                    let (row, raw) = event::rows(*hit, node, self.now_ms);
                    self.hits.push(NewHit { key: group_key(&row), row, raw });
                    return;
                }
                Err(reason) => (reason.to_owned(), serde_json::to_value(Event::Hit(hit)).unwrap_or_default()),
            },
        };
        let text = payload.to_string();
        let digest = hex::encode(Sha256::digest(&text));
        let payload = if text.len() > MAX_PAYLOAD {
            json!({"too_large": text.len(), "start": event::without_nul(text.chars().take(1024).collect())})
        } else {
            event::value_without_nul(payload)
        };
        self.rejected.push(entity::rejected_event::Model {
            id: 0,
            client_id: self.tenant.0,
            node_uuid: self.node_uuid.clone(),
            batch_id: self.head.batch_id.clone(),
            position: i64::try_from(index).unwrap_or(i64::MAX),
            reason: event::without_nul(reason),
            payload,
            digest,
            received_at: self.now_ms / 1000,
        });
    }
}
