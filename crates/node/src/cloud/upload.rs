//! Events from the spool to the cloud, at least once.
//!
//! One batch is in flight at a time and is sent as soon as there is something to send; what arrives meanwhile is the
//! next batch. A batch is named after the records it holds, so that sending it again is recognised, and every event
//! carries its own identity besides.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bartizan_api::node::Event;
use reqwest::StatusCode;

use super::Backoff;
use super::client::{Client, LinkError};
use crate::spool::Batch;
use crate::state::State;

/// Bytes of events per batch.
const BATCH_BYTES: usize = 256 << 10;

/// Uploads until the node stops.
pub(super) async fn keep_uploading(state: &State, client: &Client) {
    let mut reader = state.spool.reader();
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(30));
    let mut room = BATCH_BYTES;
    loop {
        reader.ready().await;
        let batch = match reader.read(room) {
            Ok(batch) if batch.records.is_empty() => {
                // What could not be read was passed over; others have their turn before the next attempt.
                tokio::task::yield_now().await;
                continue;
            }
            Ok(batch) => batch,
            Err(error) => {
                tracing::error!(%error, "spool.read failed, will try again");
                backoff.wait().await;
                continue;
            }
        };
        match client.events(encode(state, &batch)).await {
            Ok(answer) => {
                for rejected in &answer.rejected {
                    tracing::warn!(
                        index = rejected.index,
                        reason = rejected.reason,
                        "event was set aside by the cloud"
                    );
                }
                reader.ack(answer.acked_seq.min(batch.last_seq()));
                backoff.reset();
                // Not at once what was too much for the line before.
                room = (room * 2).min(BATCH_BYTES);
            }
            // The cloud sets bad events aside, so a batch that it does not understand holds one that breaks the whole. Over a
            // very slow line a smaller one arrives in time.
            Err(LinkError::Status {
                status: StatusCode::PAYLOAD_TOO_LARGE | StatusCode::BAD_REQUEST | StatusCode::REQUEST_TIMEOUT,
                ..
            }) if batch.records.len() > 1 => {
                room = (room / 2).max(1);
            }
            Err(LinkError::Status { status: StatusCode::BAD_REQUEST, .. }) if is_damaged(&batch) => {
                tracing::error!(seq = batch.first_seq(), "event is damaged, dropped");
                reader.ack(batch.last_seq());
                room = BATCH_BYTES;
            }
            Err(LinkError::Status { status: StatusCode::PAYLOAD_TOO_LARGE, .. }) => {
                // It will never fit; keeping it would hold up everything behind it.
                tracing::error!(seq = batch.first_seq(), "event is too large for the cloud, dropped");
                reader.ack(batch.last_seq());
                room = BATCH_BYTES;
            }
            Err(error) => {
                if matches!(&error, LinkError::Transport(cause) if cause.is_timeout()) {
                    // Perhaps the line is too slow for so many.
                    room = (room / 2).max(1);
                }
                state.link.api_errors.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cloud.events failed, will try again"
                );
                match error {
                    LinkError::Status { retry_after: Some(pause), .. } => {
                        tokio::time::sleep(pause.min(Duration::from_secs(300))).await;
                    }
                    _ => backoff.wait().await,
                }
            }
        }
    }
}

/// Whether an event is not what this node wrote. What is, waits: then the refusal is about something else.
fn is_damaged(batch: &Batch) -> bool {
    batch.records.iter().any(|(_, event)| serde_json::from_slice::<Event>(event).is_err())
}

/// The body of the call, from events that are encoded already.
fn encode(state: &State, batch: &Batch) -> Vec<u8> {
    let uuid = state.uuid.load();
    let (first, last) = (batch.first_seq(), batch.last_seq());
    let mut body =
        format!("{{\"batch_id\":\"{uuid}-{first}-{last}\",\"seq\":{last},\"events\":[").into_bytes();
    for (index, (_, event)) in batch.records.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        if memchr::memmem::find(event, b"\"node_uuid\":\"\"").is_some() {
            body.extend_from_slice(&with_uuid(event, &uuid));
        } else {
            body.extend_from_slice(event);
        }
    }
    body.extend_from_slice(b"]}");
    body
}

/// Events from before the registration do not name their node yet.
fn with_uuid(event: &[u8], uuid: &str) -> Vec<u8> {
    let Ok(mut parsed) = serde_json::from_slice::<Event>(event) else { return event.to_vec() };
    let named = match &mut parsed {
        Event::Hit(hit) => &mut hit.node_uuid,
        Event::VulnEvidence(proof) => &mut proof.node_uuid,
        Event::DroppedHits(dropped) => &mut dropped.node_uuid,
    };
    if named.is_empty() {
        uuid.clone_into(named);
    }
    serde_json::to_vec(&parsed).unwrap_or_else(|_| event.to_vec())
}
