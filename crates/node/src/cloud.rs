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
use tokio::sync::{mpsc, oneshot, watch};

use crate::config::Config;
use crate::live::Live;
use crate::state::State;
pub(crate) use client::{Client, LinkError};
use identity::Identity;

/// What those who watch over the node want of the link.
pub(crate) enum Command {
    /// A full synchronisation now.
    Sync(Reply),
    /// Leave the cloud's list of nodes and forget the credentials.
    Unregister(Reply),
}

/// Hears how a command went.
pub(crate) type Reply = oneshot::Sender<Result<(), String>>;

/// Sends a command and waits for its outcome.
pub(crate) async fn ask(
    link: &mpsc::UnboundedSender<Command>,
    command: impl FnOnce(Reply) -> Command,
) -> Result<(), String> {
    let (reply, outcome) = oneshot::channel();
    let interrupted = || "the link to the cloud was restarted meanwhile".to_owned();
    link.send(command(reply)).map_err(|_| interrupted())?;
    outcome.await.map_err(|_| interrupted())?
}

/// Keeps the link until the node stops; begins anew when a reload changes how to reach the cloud.
pub(crate) async fn keep(
    live: Arc<Live>,
    mut identity: Option<Identity>,
    synced: watch::Sender<bool>,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let mut states = live.subscribe();
    loop {
        let state = Arc::clone(&states.borrow_and_update());
        tokio::select! {
            () = run(&state, &mut identity, &synced, &mut commands) => return,
            () = link_changed(&mut states, &state) => tracing::info!("cloud.link restarts for another configuration"),
        }
    }
}

/// Waits for a configuration that concerns the link.
async fn link_changed(states: &mut watch::Receiver<Arc<State>>, old: &State) {
    loop {
        if states.changed().await.is_err() {
            // The node ends; so does this, with its thread.
            return std::future::pending().await;
        }
        let new = &states.borrow_and_update().config;
        if new.cloud != old.config.cloud || new.acl.enabled != old.config.acl.enabled {
            return;
        }
    }
}

/// The link under one configuration.
async fn run(
    state: &Arc<State>,
    identity: &mut Option<Identity>,
    synced: &watch::Sender<bool>,
    commands: &mut mpsc::UnboundedReceiver<Command>,
) {
    if !state.config.cloud.enabled {
        return refuse_all(commands, "cloud.enabled is false").await;
    }
    let known = match identity.take() {
        Some(known) => known,
        None => register_until_done(state, commands).await,
    };
    let known: &Identity = identity.insert(known);
    state.uuid.store(Arc::new(known.uuid.clone()));
    let client = match Client::new(&state.config, Some(known)) {
        Ok(client) => Arc::new(client),
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "cloud.client cannot be made");
            return refuse_all(commands, "the client towards the cloud cannot be made").await;
        }
    };
    let (sync_now, mut syncs) = mpsc::unbounded_channel();
    let work = async {
        tokio::join!(
            sync::keep_in_sync(state, &client, known, synced, &mut syncs),
            sync::keep_alive(state, &client, known),
            upload::keep_uploading(state, &client),
        )
    };
    tokio::select! {
        _ = work => {}
        () = until_unregistered(state, &client, commands, &sync_now) => {}
    }
    *identity = None;
    state.uuid.store(Arc::new(String::new()));
    state.link.connected.store(false, Ordering::Relaxed);
    refuse_all(commands, "the node is not registered any more; a restart registers it again").await;
}

/// Passes commands on until one ends the registration.
async fn until_unregistered(
    state: &State,
    client: &Client,
    commands: &mut mpsc::UnboundedReceiver<Command>,
    sync_now: &mpsc::UnboundedSender<Reply>,
) {
    while let Some(command) = commands.recv().await {
        match command {
            Command::Sync(reply) => drop(sync_now.send(reply)),
            Command::Unregister(reply) => {
                let outcome = match client.unregister().await {
                    Ok(()) => Identity::forget(&state.config).map_err(|error| error.to_string()),
                    Err(error) => Err(told(&error)),
                };
                let done = outcome.is_ok();
                // Who asked may be gone; the deed is done all the same.
                let _ = reply.send(outcome);
                if done {
                    return tracing::info!("cloud.unregistered");
                }
            }
        }
    }
    std::future::pending().await
}

/// Answers commands that cannot be followed.
async fn refuse_all(commands: &mut mpsc::UnboundedReceiver<Command>, why: &str) {
    while let Some(Command::Sync(reply) | Command::Unregister(reply)) = commands.recv().await {
        let _ = reply.send(Err(why.to_owned()));
    }
    std::future::pending().await
}

/// An error with its causes, in one line.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let shown = inner.to_string();
        if !text.contains(&shown) {
            text = format!("{text}: {shown}");
        }
        cause = inner.source();
    }
    text
}

/// Has the node of a configuration removed from the cloud's list while it is not running.
///
/// # Errors
/// Why not, in one line.
pub async fn unregister_stopped(config: &Config) -> Result<(), String> {
    let identity = Identity::load(config).map_err(|error| error.to_string())?;
    let identity = identity.ok_or("this node is not registered")?;
    let client = Client::new(config, Some(&identity)).map_err(|error| told(&error))?;
    client.unregister().await.map_err(|error| told(&error))?;
    Identity::forget(config).map_err(|error| error.to_string())
}

/// Registers, or says why not.
pub(crate) async fn register(state: &State) -> Result<Identity, LinkError> {
    let identity = Client::new(&state.config, None)?.register(&state.config).await?;
    identity.save(&state.config).map_err(LinkError::Disk)?;
    tracing::info!(node.uuid = %identity.uuid, "cloud.registered");
    Ok(identity)
}

async fn register_until_done(state: &State, commands: &mut mpsc::UnboundedReceiver<Command>) -> Identity {
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));
    loop {
        let why = match register(state).await {
            Ok(identity) => return identity,
            Err(error) => {
                state.link.api_errors.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cloud.register failed, will try again"
                );
                format!("the node is not registered yet: {}", told(&error))
            }
        };
        tokio::select! {
            () = backoff.wait() => {}
            () = refuse_all(commands, &why) => {}
        }
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
