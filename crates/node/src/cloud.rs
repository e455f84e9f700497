//! The link to the cloud: registration, rules and lists down, heartbeats and events up.
//!
//! Runs on its own thread with its own runtime; workers never wait for it. Whatever fails here is retried with
//! back-off while traffic goes on with the last good rules and lists, which are also on disk.

pub(crate) mod bundles;
mod client;
pub(crate) mod identity;
mod sync;
pub(crate) use sync::{put_in_force, put_lists_in_force};
mod upload;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::Rng as _;
use tokio::sync::watch;

use crate::state::State;
pub(crate) use client::{Client, LinkError};
use identity::Identity;

/// Keeps the link until the node stops.
pub(crate) async fn run(state: Arc<State>, identity: Option<Identity>, synced: watch::Sender<bool>) {
    let identity = match identity {
        Some(identity) => identity,
        None => register_until_done(&state).await,
    };
    state.uuid.store(Arc::new(identity.uuid.clone()));
    let client = match Client::new(&state.config, Some(&identity)) {
        Ok(client) => Arc::new(client),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "cloud.client cannot be made");
            return;
        }
    };
    tokio::join!(
        sync::keep_in_sync(&state, &client, &identity, &synced),
        sync::keep_alive(&state, &client, &identity),
        upload::keep_uploading(&state, &client),
    );
}

/// Registers, or says why not.
pub(crate) async fn register(state: &State) -> Result<Identity, LinkError> {
    let identity = Client::new(&state.config, None)?.register(&state.config).await?;
    identity.save(&state.config).map_err(LinkError::Disk)?;
    tracing::info!(node.uuid = %identity.uuid, "cloud.registered");
    Ok(identity)
}

async fn register_until_done(state: &State) -> Identity {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));
    loop {
        match register(state).await {
            Ok(identity) => return identity,
            Err(error) => {
                state.link.api_errors.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cloud.register failed, will try again"
                );
            }
        }
        backoff.wait().await;
    }
}

/// Growing pauses with jitter, so that a fleet does not come back all at once.
pub(crate) struct Backoff {
    first: Duration,
    next: Duration,
    max: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, max: Duration) -> Backoff {
        Backoff { first, next: first, max }
    }

    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }

    pub(crate) async fn wait(&mut self) {
        let pause = self.next.mul_f64(rand::rng().random_range(0.75..1.25));
        self.next = (self.next * 2).min(self.max);
        tokio::time::sleep(pause).await;
    }
}
