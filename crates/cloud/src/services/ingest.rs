//! Taking a batch of events from a node: one transaction from batch to attacks.
//!
//! Whatever a node sends twice, in other batches or in another order, is stored once: events are known by
//! (tenant, event id). What cannot be taken is set aside and counted, so that one bad event never holds up the
//! spool behind it. The tenant comes from the node's credentials, never from the event. When the transaction
//! commits the hits are durable and visible in their attacks.

use std::collections::{HashMap, HashSet};

use bartizan_api::{
    ApiError,
    node::{Event, EventsRequest, EventsResponse, HitEvent, RejectedEvent, VulnEvidence},
};
use bartizan_store::{JsonText, entity, event_index, ingest as store};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{
    notification,
    trigger::{self, evaluate::Stored},
    vulns::detection,
};
use crate::{auth::node::NodeCaller, failure::Failure, state::Cloud};

mod event;
mod grouping;

pub use grouping::group_key;

/// Most applications of a tenant; beyond it unknown ids count as the default application.
const MAX_POOLS: u64 = 10_000;
/// Most events of a batch.
const MAX_EVENTS: usize = 20_000;
/// Largest event kept when it is set aside, bytes.
const MAX_PAYLOAD: usize = 64 << 10;

/// An event as it came: understood, or not.
enum Sent {
    Hit(Box<HitEvent>),
    Proof(Box<VulnEvidence>),
    Bad { reason: String, payload: Value },
}

impl From<Event> for Sent {
    fn from(event: Event) -> Sent {
        match event {
            Event::Hit(hit) => Sent::Hit(hit),
            Event::VulnEvidence(proof) => Sent::Proof(proof),
        }
    }
}

struct Batch {
    id: String,
    seq: u64,
    events: Vec<Sent>,
}

/// Takes a batch. Returns once everything in it is durable.
///
/// # Errors
/// 400 when the batch itself is not understood; its events then have no position to acknowledge.
pub async fn take(cloud: &Cloud, node: &NodeCaller, bytes: &[u8]) -> Result<EventsResponse, Failure> {
    let batch = parse(bytes)?;
    let now_ms = cloud.clock.now_ms();
    let transaction = cloud.store.begin().await?;
    let state = store::begin_batch(
        &transaction,
        entity::event_batch::Model {
            node_uuid: node.node.uuid.clone(),
            batch_id: batch.id.clone(),
            digest: hex::encode(Sha256::digest(bytes)),
            received_at: now_ms / 1000,
        },
    )
    .await?;
    let mut taken =
        Taken { node, now_ms, batch_id: batch.id, hits: vec![], proofs: vec![], rejected: vec![] };
    for (index, sent) in batch.events.into_iter().enumerate() {
        taken.sort_in(index, sent);
    }
    let rejected = taken
        .rejected
        .iter()
        .map(|row| RejectedEvent {
            index: usize::try_from(row.position).unwrap_or_default(),
            reason: row.reason.clone(),
        })
        .collect::<Vec<_>>();
    let mut written = Written::default();
    if state != store::BatchState::Repeated {
        if !rejected.is_empty() {
            tracing::warn!(node = %node.node.uuid, count = rejected.len(), "events set aside");
        }
        written = taken.write(&transaction).await?;
    }
    transaction.commit().await?;
    if written.listed {
        cloud.notices.changed(node.tenant());
    }
    cloud.outbox.notify_one();
    if let Some((after, hits)) = written.stored {
        cloud.event_index.feed(node.tenant(), after, hits).await;
    }
    Ok(EventsResponse { acked_seq: batch.seq, rejected })
}

/// The whole batch at once; event by event only when something in it is not understood.
fn parse(bytes: &[u8]) -> Result<Batch, ApiError> {
    let bad = |text: String| ApiError::field("body", text, Value::Null);
    let batch = match serde_json::from_slice::<EventsRequest>(bytes) {
        Ok(request) => {
            let events = request.events.into_iter().map(Sent::from).collect();
            Batch { id: request.batch_id, seq: request.seq, events }
        }
        Err(error) => {
            let mut value: Value =
                serde_json::from_slice(bytes).map_err(|error| bad(format!("invalid json: {error}")))?;
            let id = value.get("batch_id").and_then(Value::as_str).map(str::to_owned);
            let seq = value.get("seq").and_then(Value::as_u64);
            let events = value.get_mut("events").map(Value::take);
            let (Some(id), Some(seq), Some(Value::Array(events))) = (id, seq, events) else {
                return Err(bad(format!("not an event batch: {error}")));
            };
            Batch { id, seq, events: events.into_iter().map(one).collect() }
        }
    };
    if batch.id.is_empty() || batch.id.len() > 128 || batch.id.contains('\0') {
        return Err(ApiError::field("batch_id", "must be 1 to 128 characters", batch.id));
    }
    if batch.events.len() > MAX_EVENTS {
        return Err(ApiError::field("events", "too many events, split the batch", batch.events.len()));
    }
    Ok(batch)
}

fn one(payload: Value) -> Sent {
    match serde_json::from_value::<Event>(payload.clone()) {
        Ok(event) => Sent::from(event),
        Err(error) => Sent::Bad { reason: error.to_string(), payload },
    }
}

/// What storing a batch changed.
#[derive(Default)]
struct Written {
    /// The tenant's last hit before the batch, and the hits that are new.
    stored: Option<(i64, Vec<entity::hit::Model>)>,
    /// Whether triggers changed the IP lists.
    listed: bool,
}

/// A batch sorted into what is stored and what is set aside.
struct Taken<'a> {
    node: &'a NodeCaller,
    now_ms: i64,
    batch_id: String,
    hits: Vec<(entity::hit::Model, Value)>,
    proofs: Vec<VulnEvidence>,
    rejected: Vec<entity::rejected_event::Model>,
}

impl Taken<'_> {
    fn sort_in(&mut self, index: usize, sent: Sent) {
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
            Sent::Hit(hit) => match event::check(&hit) {
                Ok(()) => {
                    self.hits.push(event::rows(*hit, self.node, self.now_ms));
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
            client_id: self.node.tenant().0,
            node_uuid: self.node.node.uuid.clone(),
            batch_id: self.batch_id.clone(),
            position: i64::try_from(index).unwrap_or(i64::MAX),
            reason: event::without_nul(reason),
            payload,
            digest,
            received_at: self.now_ms / 1000,
        });
    }

    async fn write<C: bartizan_store::sea_orm::ConnectionTrait>(
        self,
        connection: &C,
    ) -> Result<Written, Failure> {
        let tenant = self.node.tenant();
        store::lock(connection, tenant).await?;
        let mut seen = {
            let ids: Vec<&str> = self.hits.iter().map(|(hit, _)| hit.event_id.as_str()).collect();
            store::known_events(connection, tenant, &ids).await?
        };
        let mut fresh: Vec<(entity::hit::Model, Value)> =
            self.hits.into_iter().filter(|(hit, _)| seen.insert(hit.event_id.clone())).collect();
        // Grouping looks at hits one after the other: in the order of their times it does not depend on how
        // the node happened to write them.
        fresh.sort_by(|(a, _), (b, _)| (a.ts_ms, &a.event_id).cmp(&(b.ts_ms, &b.event_id)));
        let now = self.now_ms / 1000;
        let mut written = Written::default();
        let mut new_incidents = Vec::new();
        if !fresh.is_empty() {
            settle_pools(connection, tenant, &mut fresh).await?;
            let (hits, raws): (Vec<_>, Vec<_>) = fresh.into_iter().unzip();
            let requests: HashSet<String> = hits.iter().map(|hit| hit.request_id.clone()).collect();
            let after = event_index::head(connection, tenant).await?;
            let (hits, listed) = write_hits(connection, tenant, hits, raws, self.now_ms).await?;
            written = Written { stored: Some((after, hits)), listed };
            let requests: Vec<&str> = requests.iter().map(String::as_str).collect();
            new_incidents = detection::link_late(connection, tenant, &requests, now).await?;
        }
        new_incidents.extend(detection::take(connection, tenant, self.proofs, now).await?);
        trigger::evaluate::incidents(connection, tenant, &new_incidents, self.now_ms).await?;
        if !self.rejected.is_empty() {
            store::set_aside(connection, self.rejected).await?;
        }
        store::note_upload(connection, tenant, &self.node.node.uuid, now).await?;
        Ok(written)
    }
}

/// Makes unknown applications; what cannot be one becomes the default application.
async fn settle_pools<C: bartizan_store::sea_orm::ConnectionTrait>(
    connection: &C,
    tenant: bartizan_store::TenantId,
    hits: &mut [(entity::hit::Model, Value)],
) -> Result<(), Failure> {
    let valid = |id: i64| id == -1 || (1..=i64::from(i32::MAX)).contains(&id);
    let mut asked: Vec<i64> = hits
        .iter()
        .map(|(hit, _)| hit.pool)
        .filter(|id| valid(*id))
        .collect::<HashSet<_>>()
        .into_iter()
        .collect();
    asked.sort_unstable();
    let live = store::ensure_pools(connection, tenant, &asked, MAX_POOLS).await?;
    for (hit, _) in hits {
        if !live.contains(&hit.pool) {
            hit.pool = -1;
        }
    }
    Ok(())
}

async fn write_hits<C: bartizan_store::sea_orm::ConnectionTrait>(
    connection: &C,
    tenant: bartizan_store::TenantId,
    mut hits: Vec<entity::hit::Model>,
    raws: Vec<Value>,
    now_ms: i64,
) -> Result<(Vec<entity::hit::Model>, bool), Failure> {
    let keys: Vec<String> = hits.iter().map(group_key).collect();
    let groups: HashSet<&str> = keys.iter().map(String::as_str).collect();
    let mut groups: Vec<&str> = groups.into_iter().collect();
    groups.sort_unstable();
    let first = hits.iter().map(|hit| hit.time).min().unwrap_or_default();
    let last = hits.iter().map(|hit| hit.time).max().unwrap_or_default();
    let window = grouping::WINDOW_S;
    let known = store::attacks_near(connection, tenant, &groups, first - window, last + window).await?;
    let mut grouping = grouping::Grouping::new(known);
    let homes: Vec<usize> = hits.iter().zip(&keys).map(|(hit, key)| grouping.add(hit, key)).collect();

    let numbers = store::insert_attacks(connection, grouping.new_attacks()).await?;
    store::update_attacks(connection, grouping.changed_attacks().cloned().collect()).await?;
    for (hit, home) in hits.iter_mut().zip(homes) {
        hit.attack_id = grouping.row_of(home, &numbers).unwrap_or_default();
    }
    notification::of_hits(connection, tenant, &hits, &raws, now_ms).await?;
    let new_attacks: HashSet<i64> = numbers.values().copied().collect();
    let stored = Stored { hits: &hits, new_attacks: &new_attacks };
    let listed = trigger::evaluate::hits(connection, tenant, &stored, now_ms).await?;
    let numbers: HashMap<String, i64> = store::insert_hits(connection, tenant, hits.clone()).await?;
    for hit in &mut hits {
        hit.id = numbers.get(&hit.event_id).copied().unwrap_or_default();
    }
    let raws = hits.iter().zip(raws).map(|(hit, raw)| entity::hit_raw::Model {
        hit_id: hit.id,
        client_id: tenant.0,
        raw: JsonText(raw),
    });
    store::insert_raws(connection, raws.collect()).await?;
    hits.sort_unstable_by_key(|hit| hit.id);
    Ok((hits, listed))
}
