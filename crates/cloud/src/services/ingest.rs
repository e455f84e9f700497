//! Taking a batch of events from a node: one transaction from batch to attacks.
//!
//! Whatever a node sends twice, in other batches or in another order, is stored once: events are known by
//! (tenant, event id). What cannot be taken is set aside and counted, so that one bad event never holds up the
//! spool behind it. The tenant comes from the node's credentials, never from the event. When the transaction
//! commits the hits are durable and visible in their attacks.
//!
//! A batch is read and turned into rows where it arrives ([`batch`]), on all cores; then it waits for the writer
//! ([`commit`]), which takes everything that waits into one transaction ([`write`]).

use bartizan_api::node::{EventsResponse, RejectedEvent};

use crate::{auth::node::NodeCaller, failure::Failure, state::Cloud};

mod abuse;
mod batch;
mod commit;
mod event;
mod grouping;
mod sources;
mod split;
mod write;

pub use abuse::take as take_abuse;
pub use commit::Ingestion;
pub use grouping::{MULTIPLE, group_key};
pub use sources::{SOURCE_GROUPS, is_of_source};

/// Takes a batch. Returns once everything in it is durable.
///
/// # Errors
/// 400 when the batch itself is not understood; its events then have no position to acknowledge. 503 when too much
/// waits already.
pub async fn take(cloud: &Cloud, node: &NodeCaller, bytes: &[u8]) -> Result<EventsResponse, Failure> {
    let most_hits = cloud.config.limits.aggregated_count;
    let (seq, batch) = batch::read(&cloud.keys, node, bytes, cloud.clock.now_ms(), most_hits)?;
    let rejected = batch
        .rejected
        .iter()
        .map(|row| RejectedEvent {
            index: usize::try_from(row.position).unwrap_or_default(),
            reason: row.reason.clone(),
        })
        .collect();
    cloud.ingestion.commit(cloud, batch).await?;
    Ok(EventsResponse { acked_seq: seq, rejected })
}
