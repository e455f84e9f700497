//! How an attempt ended: what is noted, when it comes again, and when a destination is switched off.
//!
//! A notification waits longer after each attempt that fails, and so does its integration: what else is for it would
//! fail as well, and would take the room of the tenant's other receivers meanwhile.

use bartizan_store::{
    TenantId, Tenants, deliveries, deliveries::Attempt, entity::delivery::Model, integrations,
    sea_orm::ConnectionTrait,
};
use serde_json::json;

use super::DeliveryError;
use crate::{
    failure::Failure,
    services::notification::{self, Notification},
    state::Cloud,
};

/// Waits between attempts, seconds.
const WAITS_S: [i64; 16] = [1, 3, 5, 10, 10, 0, 1, 3, 5, 30, 60, 60, 180, 300, 600, 1800];
/// Longest pause of an integration that fails, milliseconds: it is tried that often at least.
const MAX_PAUSE_MS: i64 = 60_000;
/// Hours over which failures are counted.
const WATCHED_HOURS: i64 = 12;
/// Share of failed attempts, in percent, that switches a destination off.
const TOO_MANY_FAILED: i64 = 60;

/// Notes how the attempt to send what goes out together went.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn settle(
    cloud: &Cloud,
    tenant: TenantId,
    rows: &[Model],
    outcome: Result<(), DeliveryError>,
) -> Result<(), Failure> {
    let Some(row) = rows.first() else { return Ok(()) };
    let now_ms = cloud.clock.now_ms();
    let attempt = match &outcome {
        Ok(()) => Attempt {
            state: deliveries::DELIVERED,
            due_ms: now_ms,
            now: now_ms / 1000,
            status: None,
            error: None,
            counts: true,
        },
        Err(error) => {
            let wait_ms = wait_ms(row.attempts).filter(|_| error.is_temporary());
            Attempt {
                state: if wait_ms.is_some() { deliveries::PENDING } else { deliveries::DEAD },
                due_ms: now_ms + wait_ms.unwrap_or(0),
                now: now_ms / 1000,
                status: error.status(),
                error: Some(error.to_string()),
                counts: says_something_of_the_receiver(error),
            }
        }
    };
    let transaction = cloud.store.begin().await?;
    integrations::lock(&transaction, tenant, row.integration_id).await?;
    deliveries::settle(&transaction, rows, &attempt).await?;
    match &outcome {
        Ok(()) => deliveries::resume(&transaction, tenant, row.integration_id).await?,
        Err(error) if error.is_temporary() && attempt.counts => {
            let pause_ms = |failures| wait_ms(failures).unwrap_or(MAX_PAUSE_MS).min(MAX_PAUSE_MS);
            deliveries::pause(&transaction, tenant, row.integration_id, now_ms, pause_ms).await?;
        }
        Err(_) => {}
    }
    let dead = attempt.state == deliveries::DEAD;
    if dead {
        tracing::warn!(
            delivery.id = row.id,
            integration.id = row.integration_id,
            error = attempt.error.as_deref().unwrap_or_default(),
            "a notification was given up"
        );
    }
    if outcome.is_err() && attempt.counts {
        // While there is a pause, much that waits is tried rarely, and none of it as often as it may be.
        let since = if dead { i64::MIN } else { row.created_at };
        switch_off_if_failing(&transaction, tenant, row.integration_id, since, now_ms).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Letters that are used up are no fault of the mailbox.
fn says_something_of_the_receiver(error: &DeliveryError) -> bool {
    !matches!(error, DeliveryError::Budget)
}

/// How long to wait after so many attempts that failed, and one more; `None` when there were enough.
fn wait_ms(failures: i64) -> Option<i64> {
    let failures = usize::try_from(failures).ok()?;
    WAITS_S.get(failures).map(|seconds| seconds * 1000)
}

/// Switches an integration off when most attempts of half a day failed, and says so to the others. That takes as long as
/// a notification is tried: from `since`, Unix seconds, or from the last change of the integration, if that is later.
async fn switch_off_if_failing<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    id: i64,
    since: i64,
    now_ms: i64,
) -> Result<(), Failure> {
    let (now, tried) = (now_ms / 1000, WAITS_S.iter().sum::<i64>());
    if since > now - tried {
        return Ok(());
    }
    let (delivered, failed) =
        deliveries::attempts_since(connection, tenant, id, now / 3600 - WATCHED_HOURS).await?;
    // One letter to a mailbox that does not exist is no outage.
    let enough = failed > i64::try_from(WAITS_S.len()).unwrap_or(i64::MAX);
    if !enough || failed * 100 < (delivered + failed) * TOO_MANY_FAILED {
        return Ok(());
    }
    let Some(mut row) = integrations::find(connection, &Tenants::from(tenant), id).await? else {
        return Ok(());
    };
    if !row.active || (since != i64::MIN && row.updated_at > now - tried) {
        return Ok(());
    }
    let reason = format!("{failed} of {} attempts failed within 12 hours", delivered + failed);
    row.active = false;
    row.disabled_reason = Some(reason.clone());
    let row = integrations::update(connection, row).await?;
    deliveries::give_up(connection, tenant, id, "the integration was switched off", now).await?;
    let notification = Notification {
        kind: "system",
        summary: format!("Integration \"{}\" was switched off", row.name),
        description: format!("{reason}. Check the destination, then switch the integration on again."),
        details: json!({"object": {"type": "integration", "id": row.id, "name": row.name}, "action": "disable"}),
    };
    notification::announce(connection, tenant, "system", &notification, now_ms).await
}
