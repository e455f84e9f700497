//! Quotas: what a client may use in a month, and what follows when it uses more (`spec/accounts.md` section 4.6).
//!
//! Off unless the operator defines them: for all clients in `[billing]` of the configuration, for one by properties of a
//! subscription in force. Requests are counted from what nodes report, in whole minutes that are over. Beyond the quota
//! Console and integrations are closed, beyond twice as much nodes get a ruleset that is off; both until the month
//! ends or the quota grows. Every process keeps in memory who is beyond; one of them moves a count on.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{PoisonError, RwLock},
    time::Duration,
};

use bartizan_api::ApiError;
use bartizan_store::{
    TenantId, Tenants, billing, clients, config_versions,
    entity::{client_usage, subscription},
    hits::Timeline,
    ruleset_settings,
    sea_orm::{ConnectionTrait, DatabaseTransaction},
    traffic, usage, users,
};
use chrono::{DateTime, NaiveDate};
use serde_json::{Value, json};

use super::{
    activity::{self, Change},
    grants, letters,
    node_sync::month_of,
    rules_settings,
    users::grant_of,
};
use crate::{config::BillingConfig, failure::Failure, state::Cloud};

/// Property of a subscription: requests of the client in a month, 0 is no limit.
pub const REQUESTS: &str = "requests_per_month";
/// Property of a subscription: users of the client, 0 is no limit.
pub const USERS: &str = "max_users";

/// How often it is looked who is beyond the quota.
const LOOK: Duration = Duration::from_secs(30);
/// Seconds for which a count that stays the same is not written: that would be a write per client at every look.
const QUIET_S: i64 = 900;
/// Seconds after a minute until every process has written what its nodes reported in it.
const SETTLE_S: i64 = 120;

/// What follows from what a client used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing.
    #[default]
    Open,
    /// Console and integrations are closed.
    Closed,
    /// Nodes do not protect either.
    Unprotected,
}

impl Level {
    fn of(requests: i64, quota: i64) -> Level {
        if requests > quota.saturating_mul(2) {
            Level::Unprotected
        } else if requests > quota {
            Level::Closed
        } else {
            Level::Open
        }
    }

    fn stored(self) -> i64 {
        match self {
            Level::Open => 0,
            Level::Closed => 1,
            Level::Unprotected => 2,
        }
    }

    fn of_stored(level: i64) -> Level {
        match level {
            2 => Level::Unprotected,
            1 => Level::Closed,
            _ => Level::Open,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Level::Open => "open",
            Level::Closed => "closed",
            Level::Unprotected => "unprotected",
        }
    }
}

/// Who is beyond the quota, as this process knows it.
#[derive(Debug, Default)]
pub struct Levels(RwLock<HashMap<i64, (i64, Level)>>);

impl Levels {
    /// What follows for a client at a moment. With the month everything opens.
    #[must_use]
    pub fn of(&self, tenant: TenantId, now: i64) -> Level {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        // Nearly always nobody is beyond anything.
        match known.get(&tenant.0) {
            Some((month, level)) if *month == month_of(now) => *level,
            _ => Level::Open,
        }
    }

    fn set(&self, rows: &[client_usage::Model]) {
        let beyond = rows.iter().filter(|row| row.level > 0);
        let levels = beyond.map(|row| (row.client_id, (row.month, Level::of_stored(row.level)))).collect();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = levels;
    }
}

/// 402 `Payment required`.
#[must_use]
pub fn payment_required() -> ApiError {
    ApiError::text(axum::http::StatusCode::PAYMENT_REQUIRED, "Payment required")
}

/// What of a kind a client may use, by its subscriptions in force or else the configuration; none is no limit.
fn limit(config: i64, subscriptions: &[&subscription::Model], name: &str) -> Option<i64> {
    let bought = subscriptions.iter().filter_map(|row| row.properties.get(name)?.as_i64());
    // The widest counts, and 0 is wider than anything.
    let widest = bought.max_by_key(|limit| if *limit == 0 { i64::MAX } else { *limit });
    Some(widest.unwrap_or(config)).filter(|limit| *limit > 0)
}

fn in_force(row: &&subscription::Model, today: &str) -> bool {
    row.state == "active" && row.start_on.as_str() <= today && today <= row.finish_on.as_str()
}

fn today(now: i64) -> String {
    DateTime::from_timestamp(now, 0).unwrap_or_default().date_naive().to_string()
}

/// Checks the quotas among the properties of a subscription.
///
/// # Errors
/// 400 naming the property.
pub fn check_properties(properties: &Value) -> Result<(), ApiError> {
    for name in [REQUESTS, USERS] {
        let Some(value) = properties.get(name) else { continue };
        if value.as_i64().is_none_or(|limit| limit < 0) {
            let error = format!("properties.{name} must be a whole number, 0 for no limit");
            return Err(ApiError::invalid(error, value.clone()));
        }
    }
    Ok(())
}

/// Refuses a further user of a tenant that has as many as it may.
///
/// # Errors
/// 402 `Payment required`.
pub async fn admit_user(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    tenant: TenantId,
) -> Result<(), Failure> {
    let all = billing::subscriptions(transaction, tenant).await?;
    let today = today(cloud.now());
    let bought: Vec<_> = all.iter().filter(|row| in_force(row, &today)).collect();
    let most = |config: i64| limit(config, &bought, USERS);
    let of_everybody = cloud.config.billing.max_users;
    if most(of_everybody).is_none() {
        return Ok(());
    }
    // Of two that are made at once, the second must see the first.
    let client = clients::lock(transaction, tenant).await?;
    // As with requests: the home of global users has the quota of a subscription only.
    let technical = client.is_some_and(|client| client.is_technical);
    let Some(most) = most(if technical { 0 } else { of_everybody }) else { return Ok(()) };
    let there = users::of_tenant(transaction, tenant).await?.len();
    if i64::try_from(there).unwrap_or(i64::MAX) < most { Ok(()) } else { Err(payment_required().into()) }
}

/// Whether nodes of a tenant protect; what the ruleset is made by.
///
/// # Errors
/// 500 when the store fails.
pub async fn protects<C: ConnectionTrait>(connection: &C, tenant: TenantId) -> Result<bool, Failure> {
    let row = usage::find(connection, tenant).await?;
    Ok(row.is_none_or(|row| Level::of_stored(row.level) < Level::Unprotected))
}

/// Counts and closes, as long as the cloud runs.
pub async fn run(cloud: Cloud) {
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if let Err(failure) = refresh(&cloud).await {
            tracing::warn!(error = %failure.0, "quotas were not looked at; it is tried again");
        }
    }
}

/// Counts what clients with a quota used, and closes or opens what follows.
///
/// # Errors
/// 500 when the store fails. What fails for one client is logged and tried again.
pub async fn refresh(cloud: &Cloud) -> Result<(), Failure> {
    let reader = cloud.store.reader();
    let quotas = quotas(reader, &cloud.config.billing, cloud.now()).await?;
    // Who had a quota and has none any more is set free.
    let known = usage::all(reader).await?.into_iter().filter(|row| row.level > 0);
    let freed = known.map(|row| TenantId(row.client_id)).filter(|tenant| !quotas.contains_key(tenant));
    let all = freed.map(|tenant| (tenant, i64::MAX)).collect::<Vec<_>>();
    for (tenant, quota) in all.into_iter().chain(quotas) {
        if let Err(failure) = count(cloud, tenant, quota).await {
            tracing::warn!(client.id = tenant.0, error = %failure.0, "a client's requests were not counted");
        }
    }
    cloud.quotas.set(&usage::all(reader).await?);
    Ok(())
}

/// Requests that each client with a quota may have in a month.
async fn quotas<C: ConnectionTrait>(
    connection: &C,
    config: &BillingConfig,
    now: i64,
) -> Result<BTreeMap<TenantId, i64>, Failure> {
    let (all, today) = (billing::all_subscriptions(connection).await?, today(now));
    let mut bought: BTreeMap<i64, Vec<&subscription::Model>> = BTreeMap::new();
    for row in all.iter().filter(|row| in_force(row, &today)) {
        bought.entry(row.client_id).or_default().push(row);
    }
    let everybody = match config.requests_per_month {
        0 => bought.keys().copied().map(TenantId).collect(),
        _ => clients::ordinary(connection).await?,
    };
    let none = Vec::new();
    let quota = |tenant: &TenantId| {
        limit(config.requests_per_month, bought.get(&tenant.0).unwrap_or(&none), REQUESTS)
    };
    Ok(everybody.into_iter().filter_map(|tenant| Some((tenant, quota(&tenant)?))).collect())
}

/// Moves the count of a client on.
async fn count(cloud: &Cloud, tenant: TenantId, quota: i64) -> Result<(), Failure> {
    let (now, reader) = (cloud.now(), cloud.store.reader());
    let (month, start) = (month_of(now), start_of_month(now));
    let Some(before) = usage::find(reader, tenant).await? else {
        let row =
            client_usage::Model { client_id: tenant.0, month, counted_until: start, requests: 0, level: 0 };
        usage::begin(cloud.store.writer(), row).await?;
        return Box::pin(count(cloud, tenant, quota)).await;
    };
    let (counted, from) =
        if before.month == month { (before.requests, before.counted_until) } else { (0, start) };
    let until = (now - now.rem_euclid(60) - SETTLE_S).max(from);
    let fresh = requests(reader, tenant, from, until).await?;
    let requests = counted.saturating_add(fresh);
    let level = Level::of(requests, quota);
    let after = client_usage::Model {
        client_id: tenant.0,
        month,
        counted_until: until,
        requests,
        level: level.stored(),
    };
    if is_due(&before, &after, now) { settle(cloud, tenant, &before, &after, quota).await } else { Ok(()) }
}

/// Whether a count is written: when it says something else, and now and then, so that little is read again at each look.
fn is_due(before: &client_usage::Model, after: &client_usage::Model, now: i64) -> bool {
    let said = |row: &client_usage::Model| (row.month, row.requests, row.level);
    let moved = before.counted_until != after.counted_until;
    said(before) != said(after) || (moved && now - before.counted_until > QUIET_S)
}

fn start_of_month(now: i64) -> i64 {
    let date = DateTime::from_timestamp(now, 0).unwrap_or_default().date_naive();
    let first = chrono::Datelike::with_day(&date, 1).unwrap_or(date);
    NaiveDate::and_time(&first, chrono::NaiveTime::MIN).and_utc().timestamp()
}

async fn requests<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    from: i64,
    until: i64,
) -> Result<i64, Failure> {
    if until <= from {
        return Ok(0);
    }
    let sums =
        traffic::series(connection, &Tenants::from(tenant), None, Timeline::over(from, until - 1, 1)).await?;
    Ok(sums.iter().map(|sum| sum.requests).sum())
}

/// Writes a count, with what follows from it, unless another process did.
async fn settle(
    cloud: &Cloud,
    tenant: TenantId,
    before: &client_usage::Model,
    after: &client_usage::Model,
    quota: i64,
) -> Result<(), Failure> {
    let (was, is) = (Level::of_stored(before.level), Level::of_stored(after.level));
    let rebuilt = (was == Level::Unprotected) != (is == Level::Unprotected);
    let transaction = cloud.store.begin().await?;
    if rebuilt {
        rebuild(&transaction, tenant, cloud.now()).await?;
    }
    if !usage::advance(&transaction, before, after).await? {
        return Ok(());
    }
    if was != is {
        let state = |level: Level, requests: i64| json!({"quota": level.name(), "requests": requests});
        let entry = Change {
            object_type: "subscription",
            action: "update",
            object_id: tenant.0.to_string(),
            object_name: "Quota".to_owned(),
            before: Some(state(was, before.requests)),
            after: Some(state(is, after.requests)),
        };
        activity::log_by_system(&transaction, tenant, cloud.now(), activity::SYSTEM, entry).await?;
    }
    transaction.commit().await?;
    if rebuilt {
        cloud.notices.changed(tenant);
    }
    if is > was {
        tracing::info!(client.id = tenant.0, level = is.name(), "a client is beyond its quota");
        tell(cloud, tenant, is, quota).await?;
    }
    Ok(())
}

/// Makes nodes fetch a ruleset anew. What they keep while builds are off comes back under a higher number: nodes refuse
/// one that is older than theirs.
async fn rebuild(transaction: &DatabaseTransaction, tenant: TenantId, now: i64) -> Result<(), Failure> {
    config_versions::lock(transaction, tenant).await?;
    let versions = config_versions::bump_ruleset(transaction, tenant, now).await?;
    let mut stored = rules_settings::stored(transaction, tenant).await?;
    if let Some(held) = &mut stored.held {
        held.version = versions.ruleset_version;
        ruleset_settings::save(transaction, stored.row(tenant)?).await?;
    }
    Ok(())
}

/// Tells the administrators of a client by letter.
async fn tell(cloud: &Cloud, tenant: TenantId, level: Level, quota: i64) -> Result<(), Failure> {
    for user in users::of_tenant(cloud.store.reader(), tenant).await? {
        if user.enabled && user.validated && grants::is_administrator(&grant_of(&user)) {
            letters::post(cloud, letters::quota_used(&user.email, quota, level == Level::Unprotected));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subscription(properties: Value) -> subscription::Model {
        subscription::Model {
            id: 1,
            client_id: 1,
            plan_id: 1,
            kind: "annual".into(),
            state: "active".into(),
            start_on: "2026-01-05".into(),
            finish_on: "2026-12-31".into(),
            position: 0,
            properties,
        }
    }

    #[test]
    fn more_than_the_quota_closes_and_more_than_twice_as_much_ends_protection() {
        let levels = [100, 101, 200, 201].map(|requests| Level::of(requests, 100));
        assert_eq!(levels, [Level::Open, Level::Closed, Level::Closed, Level::Unprotected]);
        assert_eq!(Level::of(i64::MAX, i64::MAX), Level::Open);
    }

    #[test]
    fn the_widest_subscription_in_force_counts_before_the_configuration() {
        let (small, large) = (subscription(json!({REQUESTS: 10})), subscription(json!({REQUESTS: 50})));
        let (free, other) = (subscription(json!({REQUESTS: 0})), subscription(json!({})));
        assert_eq!(limit(7, &[&small, &large, &other], REQUESTS), Some(50));
        assert_eq!(limit(7, &[&small, &free], REQUESTS), None);
        assert_eq!(limit(7, &[&other], REQUESTS), Some(7));
        assert_eq!(limit(0, &[], REQUESTS), None);
        assert!(in_force(&&small, "2026-12-31") && !in_force(&&small, "2027-01-01"));
        assert!(!in_force(&&subscription::Model { state: "blocked".into(), ..small }, "2026-06-01"));
    }

    #[test]
    fn a_count_that_stays_the_same_is_written_now_and_then() {
        let before =
            client_usage::Model { client_id: 1, month: 5, counted_until: 1000, requests: 7, level: 0 };
        let quiet = client_usage::Model { counted_until: 1060, ..before.clone() };
        assert!(!is_due(&before, &quiet, 1000 + QUIET_S));
        assert!(is_due(&before, &quiet, 1001 + QUIET_S));
        assert!(!is_due(&before, &before, 1001 + QUIET_S));
        for other in [
            client_usage::Model { requests: 8, ..quiet.clone() },
            client_usage::Model { level: 1, ..quiet.clone() },
            client_usage::Model { month: 6, ..quiet },
        ] {
            assert!(is_due(&before, &other, 1200));
        }
    }

    #[test]
    fn months_begin_on_the_first_at_midnight() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().timestamp();
        assert_eq!(start_of_month(at("2026-11-30T23:59:59Z")), at("2026-11-01T00:00:00Z"));
        assert_eq!(start_of_month(at("2026-12-01T00:00:00Z")), at("2026-12-01T00:00:00Z"));
    }
}
