//! API abuse as a bot engine reports it: each event becomes an attack of its own.

use std::collections::HashSet;

use axum::http::StatusCode;
use bartizan_api::{
    ApiError,
    abuse_event::{AbuseEvent, AbuseEvents},
};
use bartizan_store::entity;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use super::{
    batch::{Batch, NewHit},
    event,
    write::valid_pool,
};
use crate::{auth::node::NodeCaller, failure::Failure, state::Cloud};

/// Stores attacks by bots; an event that is known changes nothing.
///
/// # Errors
/// 400 by field, 403 for another tenant than the node's, 503 when too much waits already.
pub async fn take(cloud: &Cloud, node: &NodeCaller, request: &AbuseEvents) -> Result<(), Failure> {
    request.check()?;
    let tenant = node.tenant();
    if request.events.iter().any(|event| event.client_id != tenant.0) {
        return Err(ApiError::text(StatusCode::FORBIDDEN, "Check permissions failed").into());
    }
    let (now_ms, most_hits) = (cloud.clock.now_ms(), cloud.config.limits.aggregated_count);
    let mut named = HashSet::new();
    let hits: Vec<NewHit> = request
        .events
        .iter()
        // Of an event that is told twice the first counts, as it does when the second comes later.
        .filter(|abuse| named.insert(&abuse.abuse_event_id))
        .flat_map(|abuse| {
            let key = identity(tenant.0, abuse, None);
            abuse
                .hits(|place| identity(tenant.0, abuse, Some(place)))
                .into_iter()
                .map(move |hit| (key.clone(), hit))
        })
        .map(|(key, hit)| {
            let refused = |error| ApiError::field("events", error, hit.event_id.clone());
            event::check(&hit, most_hits).map_err(refused)?;
            let (mut row, raw) = event::rows(hit, node, now_ms);
            if !valid_pool(row.pool) {
                row.pool = -1;
            }
            Ok(NewHit { row, key, raw })
        })
        .collect::<Result<_, ApiError>>()?;
    let digest = hits.iter().fold(Sha256::new(), |hash, hit| hash.chain_update(&hit.row.event_id));
    let digest = hex::encode(digest.finalize());
    let head = entity::event_batch::Model {
        node_uuid: node.node.uuid.clone(),
        batch_id: format!("abuse-{digest}"),
        digest,
        received_at: now_ms / 1000,
    };
    let batch = Batch {
        tenant,
        node_uuid: node.node.uuid.clone(),
        now_ms,
        // What came was larger than what is kept of it.
        bytes: 0,
        head,
        hits,
        whole_groups: true,
        proofs: vec![],
        dropped: vec![],
        rejected: vec![],
    };
    cloud.ingestion.commit(cloud, batch).await
}

/// The group of an event, or the id of one of its hits: 20 URL-safe characters.
fn identity(tenant: i64, abuse: &AbuseEvent, place: Option<usize>) -> String {
    let digest = Sha256::digest(format!("abuse\n{tenant}\n{}\n{place:?}", abuse.abuse_event_id));
    URL_SAFE_NO_PAD.encode(digest.get(..15).unwrap_or(&digest))
}
