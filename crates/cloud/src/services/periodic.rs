//! What integrations are told when a period ends: how many requests an hour had, and reports of a day, a week and a
//! month (`spec/rules.md` section 8.3). Periods are those of UTC, weeks begin on Monday.
//!
//! Each period is told once, whatever process does it, a few minutes after its end, when the last events are in. Only
//! periods that follow one that was told: what ended while the cloud stood still or nobody asked stays untold. A tenant
//! that begins to ask hears of the first period that ends from then on.

use std::{collections::HashMap, time::Duration};

use bartizan_store::{
    JsonText, TenantId, Tenants, hits::Timeline, integrations, periodic_notifications, traffic,
};
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde_json::json;

use super::{
    notification::{self, Notification, switch_among},
    reports::content::{self, Summary},
};
use crate::{failure::Failure, state::Cloud};

/// How often the end of a period is looked for.
const LOOK: Duration = Duration::from_secs(10);
/// Seconds after the end of a period until nodes have told what was in it.
const SETTLE_S: i64 = 300;
const DAY_S: i64 = 86_400;

/// What is told in periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    RequestsPerHour,
    Daily,
    Weekly,
    Monthly,
}

impl Event {
    const ALL: [Event; 4] = [Event::RequestsPerHour, Event::Daily, Event::Weekly, Event::Monthly];

    /// Name of the wire.
    fn name(self) -> &'static str {
        match self {
            Event::RequestsPerHour => "number_of_requests_per_hour",
            Event::Daily => "report_daily",
            Event::Weekly => "report_weekly",
            Event::Monthly => "report_monthly",
        }
    }

    /// The last period that ended: its start, and its end, which is not part of it. Unix seconds.
    fn last(self, now: i64) -> (i64, i64) {
        let back = |length: i64, offset: i64| {
            let end = (now - offset).div_euclid(length) * length + offset;
            (end - length, end)
        };
        match self {
            Event::RequestsPerHour => back(3600, 0),
            Event::Daily => back(DAY_S, 0),
            // The first Monday of Unix time is 5 January 1970.
            Event::Weekly => back(7 * DAY_S, 4 * DAY_S),
            Event::Monthly => {
                let date = DateTime::from_timestamp(now, 0).unwrap_or_default();
                let end = first_of(date.year(), date.month());
                let before = DateTime::from_timestamp(end - 1, 0).unwrap_or_default();
                (first_of(before.year(), before.month()), end)
            }
        }
    }
}

fn first_of(year: i32, month: u32) -> i64 {
    let day = NaiveDate::from_ymd_opt(year, month, 1).unwrap_or_default();
    day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()
}

/// Tells of periods that ended, as long as the cloud runs.
pub async fn run(cloud: Cloud) {
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(failure) = tell_all(&cloud).await {
            tracing::warn!(error = %failure.0, "periods that ended were not told of; it is tried again");
        }
    }
}

/// Tells every tenant of the periods that ended since it was told last.
///
/// # Errors
/// 500 when the store fails. What fails for one tenant is logged and tried again.
pub async fn tell_all(cloud: &Cloud) -> Result<(), Failure> {
    let mut of_tenants: HashMap<TenantId, Vec<JsonText>> = HashMap::new();
    for (tenant, events) in integrations::events_of_all(cloud.store.reader()).await? {
        of_tenants.entry(tenant).or_default().push(events);
    }
    for (tenant, all) in of_tenants {
        for event in Event::ALL {
            if all.iter().all(|events| switch_among(events, event.name()).is_none()) {
                continue;
            }
            if let Err(failure) = tell(cloud, tenant, event).await {
                tracing::warn!(client.id = tenant.0, event = event.name(), error = %failure.0, "a period was not told of");
            }
        }
    }
    Ok(())
}

async fn tell(cloud: &Cloud, tenant: TenantId, event: Event) -> Result<(), Failure> {
    let (reader, writer) = (cloud.store.reader(), cloud.store.writer());
    let (from, to) = event.last(cloud.now() - SETTLE_S);
    let Some(told) = periodic_notifications::told_until(reader, tenant, event.name()).await? else {
        return Ok(periodic_notifications::begin(writer, tenant, event.name(), to).await?);
    };
    if told >= to {
        return Ok(());
    }
    if told < from {
        periodic_notifications::advance(writer, tenant, event.name(), (told, to)).await?;
        return Ok(());
    }
    let notification = match event {
        Event::RequestsPerHour => requests(cloud, tenant, (from, to)).await?,
        Event::Daily | Event::Weekly | Event::Monthly => report(cloud, tenant, event, (from, to)).await?,
    };
    let transaction = cloud.store.begin().await?;
    if !periodic_notifications::advance(&transaction, tenant, event.name(), (told, to)).await? {
        return Ok(());
    }
    let now_ms = cloud.clock.now_ms();
    notification::announce(&transaction, tenant, event.name(), &notification, now_ms).await?;
    transaction.commit().await?;
    cloud.outbox.notify_one();
    Ok(())
}

async fn requests(cloud: &Cloud, tenant: TenantId, (from, to): (i64, i64)) -> Result<Notification, Failure> {
    let whole = Timeline::over(from, to - 1, 1);
    let sums = traffic::series(cloud.store.reader(), &Tenants::from(tenant), None, whole).await?;
    let count: i64 = sums.iter().map(|sum| sum.requests).sum();
    let hour = utc(from, "%Y-%m-%d %H:%M UTC");
    Ok(Notification {
        kind: Event::RequestsPerHour.name(),
        summary: format!("{count} requests in the hour from {hour}"),
        description: format!("Nodes inspected {count} requests in the hour from {hour}."),
        details: json!({"count": count, "time_from": from, "time_to": to}),
    })
}

async fn report(
    cloud: &Cloud,
    tenant: TenantId,
    event: Event,
    (from, to): (i64, i64),
) -> Result<Notification, Failure> {
    let (summary, before) = content::figures(cloud, tenant, (from, to), event.last(from)).await?;
    let (name, period) = match event {
        Event::Monthly => ("Monthly", utc(from, "%B %Y")),
        Event::Weekly => ("Weekly", format!("{} to {}", utc(from, "%Y-%m-%d"), utc(to - 1, "%Y-%m-%d"))),
        Event::Daily | Event::RequestsPerHour => ("Daily", utc(from, "%Y-%m-%d")),
    };
    Ok(Notification {
        kind: event.name(),
        summary: format!(
            "{name} report, {period}: {} attacks, {} incidents",
            summary.attacks, summary.incidents
        ),
        description: compared(&summary, &before),
        details: json!({"time_from": from, "time_to": to, "summary": summary, "before": before}),
    })
}

/// The figures, a line each, with those of the period before.
fn compared(summary: &Summary, before: &Summary) -> String {
    let line = |name: &str, now: i64, then: i64| format!("{name}: {now} (before: {then})");
    [
        line("Requests", summary.requests, before.requests),
        line("Malicious requests", summary.hits, before.hits),
        line("Blocked", summary.blocked, before.blocked),
        line("Attacks", summary.attacks, before.attacks),
        line("Incidents", summary.incidents, before.incidents),
        line("Sources", summary.sources, before.sources),
        line("New vulnerabilities", summary.vulns, before.vulns),
    ]
    .join("\n")
}

fn utc(unix_s: i64, format: &str) -> String {
    DateTime::<Utc>::from_timestamp(unix_s, 0).unwrap_or_default().format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_end_at_midnight_on_monday_and_on_the_first() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().timestamp();
        let last = |event: Event, now: &str| {
            let (from, to) = event.last(at(now));
            (utc(from, "%F %H"), utc(to, "%F %H"))
        };
        let period = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        // A Thursday.
        let now = "2026-03-05T07:30:00Z";
        assert_eq!(last(Event::RequestsPerHour, now), period("2026-03-05 06", "2026-03-05 07"));
        assert_eq!(last(Event::Daily, now), period("2026-03-04 00", "2026-03-05 00"));
        assert_eq!(last(Event::Weekly, now), period("2026-02-23 00", "2026-03-02 00"));
        assert_eq!(last(Event::Monthly, now), period("2026-02-01 00", "2026-03-01 00"));
        // The moment of the end itself.
        let end = "2026-06-01T00:00:00Z";
        assert_eq!(last(Event::Weekly, end), period("2026-05-25 00", "2026-06-01 00"));
        assert_eq!(last(Event::Monthly, end), period("2026-05-01 00", "2026-06-01 00"));
        assert_eq!(last(Event::Monthly, "2026-01-31T10:00:00Z"), period("2025-12-01 00", "2026-01-01 00"));
    }
}
