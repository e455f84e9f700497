//! Sending what waits in the outbox (`spec/rules.md` section 8.5).
//!
//! One worker per cloud process claims notifications that are due, sends each, and notes how it went. It claims no more
//! than it sends at once, and of each tenant and each integration only a few, so that slow receivers hold up nobody else;
//! one that fails has a pause, in which nothing is sent to it. Any number
//! of processes may do so on one PostgreSQL. A notification is sent at least once: a process that dies after
//! sending and before noting it leaves it to be sent again, under the same id, by which receivers can tell.
//! Some destinations take the notifications of some minutes together; these are claimed, sent and noted as one.
//! What fails comes again after longer and longer waits, until it is given up. A destination that mostly fails
//! is switched off.

use std::{collections::HashMap, time::Duration};

use bartizan_api::ApiError;
use bartizan_store::{
    TenantId, Tenants, clients, deliveries, deliveries::Room, entity::delivery::Model, integrations,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{
    integration::{Kind, Target, target_of},
    letters,
    notification::Notification,
    quotas::Level,
};
use crate::{
    auth::Caller,
    config::Limits,
    failure::Failure,
    mail::MailError,
    outgoing::{OutgoingAnswer, OutgoingError},
    state::Cloud,
};

mod aws;
mod message;
mod outcome;
mod payload;
mod s3;
mod tickets;

pub use message::{Message, Sender};

/// How long others leave a claimed notification alone: longer than any attempt may take, and each begins at once.
const LEASE_MS: i64 = 300_000;
/// How often another process's notifications are looked for.
const LOOK: Duration = Duration::from_millis(500);
/// Longest answer that is kept, characters.
const MAX_ANSWER: usize = 500;

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The receiver answered, but not with success.
    #[error("the receiver answered {status}: {answer}")]
    Status {
        /// HTTP status.
        status: u16,
        /// Beginning of the answer.
        answer: String,
    },
    /// The receiver was not reached, or may not be.
    #[error(transparent)]
    Outgoing(#[from] OutgoingError),
    /// The letter did not go out.
    #[error("{}", with_cause(.0))]
    Mail(#[from] MailError),
    /// The client caused too many letters within the hour.
    #[error("the letters of this client for this hour are used up")]
    Budget,
    /// The integration itself cannot be used.
    #[error("{0}")]
    Unusable(String),
}

fn with_cause(error: &MailError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

impl DeliveryError {
    fn status(&self) -> Option<i64> {
        match self {
            DeliveryError::Status { status, .. } => Some(i64::from(*status)),
            _ => None,
        }
    }

    /// Whether trying again may help.
    fn is_temporary(&self) -> bool {
        match self {
            DeliveryError::Status { .. } | DeliveryError::Budget => true,
            DeliveryError::Outgoing(error) => error.is_temporary(),
            DeliveryError::Mail(error) => error.is_temporary(),
            DeliveryError::Unusable(_) => false,
        }
    }
}

/// Sends what is due, as long as the cloud runs.
pub async fn run(cloud: Cloud) {
    let mut flying = Flying::default();
    loop {
        match launch(&cloud, &mut flying).await {
            // There may be more.
            Ok(launched) if launched > 0 => continue,
            Ok(_) => {}
            Err(_) => tracing::warn!("the outbox could not be worked on; it is tried again"),
        }
        tokio::select! {
            () = flying.land(), if !flying.tasks.is_empty() => {}
            () = cloud.outbox.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Claims what is due and sends it; how many it claimed.
///
/// # Errors
/// 500 when the store fails.
pub async fn pass(cloud: &Cloud) -> Result<usize, Failure> {
    let mut flying = Flying::default();
    let launched = launch(cloud, &mut flying).await?;
    while !flying.tasks.is_empty() {
        flying.land().await;
    }
    Ok(launched)
}

/// Attempts on their way, with their tenants and integrations.
#[derive(Default)]
struct Flying {
    tasks: JoinSet<()>,
    receivers: HashMap<tokio::task::Id, (TenantId, i64)>,
}

impl Flying {
    /// Waits for the end of one.
    async fn land(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => drop(self.receivers.remove(&id)),
            Some(Err(broken)) => drop(self.receivers.remove(&broken.id())),
            None => {}
        }
    }

    /// What else there is room for.
    fn room(&self, limits: &Limits) -> Room {
        let integer = |limit: usize| i64::try_from(limit).unwrap_or(i64::MAX);
        let all = limits.deliveries.saturating_sub(self.tasks.len());
        Room {
            all: u64::try_from(all).unwrap_or(0),
            of_tenant: integer(limits.deliveries_per_client),
            of_integration: integer(limits.deliveries_per_integration),
            tenants: counted(self.receivers.values().map(|(tenant, _)| tenant.0)),
            integrations: counted(self.receivers.values().map(|(_, integration)| *integration)),
        }
    }
}

/// How often each id occurs.
fn counted(ids: impl Iterator<Item = i64>) -> Vec<(i64, i64)> {
    let mut counts: HashMap<i64, i64> = HashMap::new();
    for id in ids {
        *counts.entry(id).or_default() += 1;
    }
    counts.into_iter().collect()
}

/// Claims as many as there is room for and begins to send them; how many.
async fn launch(cloud: &Cloud, flying: &mut Flying) -> Result<usize, Failure> {
    let (now_ms, room) = (cloud.clock.now_ms(), flying.room(&cloud.config.limits));
    if room.all == 0 || !deliveries::any_due(&cloud.store, now_ms, &room).await? {
        return Ok(0);
    }
    let transaction = cloud.store.begin().await?;
    let claimed = deliveries::claim(&transaction, now_ms, now_ms + LEASE_MS, &room).await?;
    transaction.commit().await?;
    let count = claimed.len();
    for rows in claimed {
        let Some(receiver) = rows.first().map(|row| (TenantId(row.client_id), row.integration_id)) else {
            continue;
        };
        let cloud = cloud.clone();
        let task = flying.tasks.spawn(async move {
            if attempt(&cloud, &rows).await.is_err() {
                let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
                tracing::error!(delivery.ids = ?ids, "the end of an attempt could not be noted");
            }
        });
        flying.receivers.insert(task.id(), receiver);
    }
    Ok(count)
}

/// Sends what goes out together and notes how it went.
async fn attempt(cloud: &Cloud, rows: &[Model]) -> Result<(), Failure> {
    let Some(row) = rows.first() else { return Ok(()) };
    let tenant = TenantId(row.client_id);
    if cloud.quotas.of(tenant, cloud.now()) > Level::Open {
        let why = "the monthly quota of requests is used up";
        let (writer, now) = (cloud.store.writer(), cloud.now());
        return Ok(deliveries::give_up(writer, tenant, row.integration_id, why, now).await?);
    }
    let found = integrations::find(cloud.store.reader(), &Tenants::from(tenant), row.integration_id).await?;
    let outcome = match found.filter(|integration| integration.active) {
        None => Err(DeliveryError::Unusable("the integration is switched off".to_owned())),
        Some(integration) => match target_of(&cloud.keys, &integration) {
            None => Err(DeliveryError::Unusable("the target cannot be read".to_owned())),
            Some((kind, target)) => {
                let message = message(cloud, tenant, row, rows).await?;
                match allow(cloud, tenant, &target) {
                    Ok(()) => send(cloud, kind, &target, &message).await,
                    Err(_) => Err(DeliveryError::Budget),
                }
            }
        },
    };
    outcome::settle(cloud, tenant, rows, outcome).await
}

fn allow(cloud: &Cloud, tenant: TenantId, target: &Target) -> Result<(), ApiError> {
    match target {
        Target::Addresses(addresses) => letters::allow(cloud, tenant, addresses.len()),
        _ => Ok(()),
    }
}

/// One message of what goes out together; it bears the name of the first.
async fn message(cloud: &Cloud, tenant: TenantId, first: &Model, rows: &[Model]) -> Result<Message, Failure> {
    let sender = sender(cloud, tenant).await?;
    let mut events: Vec<Value> =
        rows.iter().filter_map(|row| row.events.0.as_array()).flatten().cloned().collect();
    for place in ["/details/security_issue_link", "/details/link"] {
        for link in events.iter_mut().filter_map(|event| event.pointer_mut(place)) {
            // Noted without the Console's address, which may change until it is sent.
            let path = link.as_str().unwrap_or_default();
            *link = json!(format!("{}{path}", cloud.config.public.console_url.trim_end_matches('/')));
        }
    }
    let mut message = Message::new(first.id, &first.notification_type, events, sender);
    message.time = first.batch_until.unwrap_or(first.created_at);
    Ok(message)
}

async fn sender(cloud: &Cloud, tenant: TenantId) -> Result<Sender, Failure> {
    let found = clients::of_ids(cloud.store.reader(), &Tenants::from(tenant)).await?.into_iter().next();
    let (client_name, client_uuid) = found.map(|client| (client.name, client.uuid)).unwrap_or_default();
    Ok(Sender { client_name, client_uuid, cloud: cloud.config.region.clone() })
}

/// Sends a message to a target; success is a 2xx answer, or a mail server that took the letter.
///
/// # Errors
/// [`DeliveryError`].
pub async fn send(
    cloud: &Cloud,
    kind: Kind,
    target: &Target,
    message: &Message,
) -> Result<(), DeliveryError> {
    if let Target::Addresses(addresses) = target {
        return Ok(cloud.mailer.send(&message.letter(addresses)).await?);
    }
    let request = payload::request(cloud, kind, target, message).await?;
    accepted(cloud.outgoing.send(request).await?).map(|_| ())
}

/// An answer that says yes.
fn accepted(answer: OutgoingAnswer) -> Result<OutgoingAnswer, DeliveryError> {
    if (200..300).contains(&answer.status) {
        return Ok(answer);
    }
    let text: String = String::from_utf8_lossy(&answer.body).chars().take(MAX_ANSWER).collect();
    Err(DeliveryError::Status { status: answer.status, answer: text })
}

/// Sends a test message; returns when the receiver has taken it.
///
/// # Errors
/// 400 with the answer of the receiver, 429 for too many letters.
pub async fn test(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    kind: Kind,
    target: &Target,
) -> Result<(), Failure> {
    allow(cloud, tenant, target)?;
    let region = &cloud.config.region;
    let notification = Notification {
        kind: "system",
        summary: format!("[Test message] [Test partner({region})] Connection test"),
        description: format!("This message was sent by {} to test the integration.", caller.name),
        details: json!({"test": true}),
    };
    let sender = sender(cloud, tenant).await?;
    let mut message = Message::new(0, notification.kind, vec![notification.event()], sender);
    (message.is_test, message.time) = (true, cloud.now());
    send(cloud, kind, target, &message).await.map_err(|error| {
        let mut body = json!({"error": error.to_string()});
        if let (DeliveryError::Status { status, answer }, Some(body)) = (&error, body.as_object_mut()) {
            body.insert("value".to_owned(), json!({"status": status, "answer": answer}));
        }
        let mut refusal = ApiError::field("target", "could not be reached", Value::Null);
        refusal.body = json!({ "target": body });
        refusal.into()
    })
}
