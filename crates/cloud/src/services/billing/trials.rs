//! Trials: subscriptions for a while, by the settings of the global account or by a token that somebody else signed.

use bartizan_api::{
    ApiError,
    billing::{SubscriptionFields, SubscriptionView},
};
use bartizan_store::{
    StoreError, TenantId, billing as store,
    entity::{billing_plan, subscription, ticket},
    sea_orm::DatabaseTransaction,
    tickets,
};
use chrono::{Days, NaiveDate};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};

use super::{Written, blank, day, locked, write};
use crate::{failure::Failure, secrets::mac_of, state::Cloud};

/// Most days of a trial.
const MOST_DAYS: i64 = 3650;
/// Longest token that is read.
const MOST_BYTES: usize = 8192;
/// Seconds by which the clock of who signs tokens may be ahead.
const LEEWAY_S: i64 = 60;
/// Kind of the tickets that remember tokens.
const USED: &str = "trial_token";

/// Begins a trial of a client by the settings of its global account, or for the operator extends the one that runs.
///
/// # Errors
/// 404 for an unknown client, 400 when the global account has no trials, the client had one lately, or has one.
pub async fn trial(cloud: &Cloud, client_id: i64, extend: Extend) -> Result<SubscriptionView, Failure> {
    let transaction = cloud.store.begin().await?;
    // Of two that ask at once the second must see the trial of the first.
    let client = locked(&transaction, client_id).await?;
    let settings = store::partner(&transaction, client.partner_id).await?;
    let off = || ApiError::invalid("the global account has no trials", client.partner_id);
    let settings = settings.filter(|settings| settings.trials_enabled).ok_or_else(off)?;
    let plan = plan(&transaction, &settings.trial_plan_slug).await?.ok_or_else(off)?;
    let today = day(cloud.now());
    let trials = trials(&transaction, client_id, today).await?;
    if let Some((running, end)) = running(&trials, today) {
        if extend == Extend::No {
            return Err(runs(running).into());
        }
        let finish_on = later(*end, settings.trial_extend_period).to_string();
        let fields = SubscriptionFields { finish_on: Some(finish_on), ..SubscriptionFields::default() };
        return write(cloud, transaction, Written::Changed(running.clone()), &fields).await;
    }
    let next = trials.last().map(|(_, end)| later(*end, settings.trial_wait_period));
    if let Some(next) = next.filter(|next| *next > today && extend == Extend::No) {
        return Err(ApiError::invalid("the next trial may begin later", next.to_string()).into());
    }
    begin(cloud, transaction, (client_id, plan.id), settings.trial_period).await
}

/// Begins the trial that a signed token describes. The public keys that sign such tokens are named by the operator.
///
/// # Errors
/// 400 for a token that is not good or was used before, when no keys are named, or when a trial runs; 404 for an unknown
/// client.
pub async fn by_token(cloud: &Cloud, jwt: &str) -> Result<SubscriptionView, Failure> {
    let claims = verified(cloud, jwt)?;
    let transaction = cloud.store.begin().await?;
    let client = locked(&transaction, claims.client_id).await?;
    let settings = store::partner(&transaction, client.partner_id).await?;
    let settings = settings.filter(|settings| settings.trials_enabled);
    let slug = claims.plan.or_else(|| settings.as_ref().map(|settings| settings.trial_plan_slug.clone()));
    let slug = slug.ok_or_else(|| wrong("plan is needed, the global account has no trials"))?;
    let days = claims.days.or_else(|| settings.as_ref().map(|settings| settings.trial_period));
    let days = days.ok_or_else(|| wrong("days are needed, the global account has no trials"))?;
    let plan = plan(&transaction, &slug).await?.ok_or_else(|| wrong("plan is unknown"))?;
    let today = day(cloud.now());
    if let Some((running, _)) = running(&trials(&transaction, client.id, today).await?, today) {
        return Err(runs(running).into());
    }
    use_up(cloud, &transaction, jwt, (client.id, claims.end)).await?;
    begin(cloud, transaction, (client.id, plan.id), days).await
}

/// Remembers a token until it ends, and refuses one that began a trial before.
async fn use_up(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    jwt: &str,
    (client_id, end): (i64, i64),
) -> Result<(), Failure> {
    // What is signed, without the signature: of that there may be other spellings.
    let signed = jwt.rsplit_once('.').map_or(jwt, |(signed, _)| signed);
    let ticket = ticket::Model {
        id_mac: mac_of(&cloud.keys, USED, &[signed.as_bytes()]),
        kind: USED.to_owned(),
        client_id: Some(client_id),
        user_id: None,
        payload: json!({}),
        attempts: 0,
        created_at: cloud.now(),
        expires_at: end,
    };
    match tickets::insert(transaction, ticket).await {
        Err(StoreError::Duplicate) => Err(wrong("it was used before").into()),
        other => Ok(other?),
    }
}

/// What a signed token says.
struct Claims {
    client_id: i64,
    /// Until when it holds, Unix seconds.
    end: i64,
    plan: Option<String>,
    days: Option<i64>,
}

fn wrong(why: &str) -> ApiError {
    ApiError::invalid(format!("invalid jwt: {why}"), Value::Null)
}

fn verified(cloud: &Cloud, jwt: &str) -> Result<Claims, ApiError> {
    let none =
        || ApiError::invalid("trials by jwt are off: the cloud has no billing.trial_keys", Value::Null);
    // Read anew each time: it is rare, and keys change.
    let keys = cloud.config.billing.keys().map_err(|error| {
        tracing::error!(error, "keys of trials cannot be read");
        ApiError::internal()
    });
    let keys = keys?.ok_or_else(none)?;
    if jwt.len() > MOST_BYTES {
        return Err(wrong("it is too long"));
    }
    let header = jsonwebtoken::decode_header(jwt).map_err(|_| wrong("it is none"))?;
    if !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA) {
        return Err(wrong("it must be signed by RS256, ES256 or EdDSA"));
    }
    let named = |key: &&jsonwebtoken::jwk::Jwk| header.kid.is_none() || header.kid == key.common.key_id;
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[&cloud.config.region]);
    validation.set_required_spec_claims(&["aud", "exp"]);
    // Beginning and end are checked below, by the clock of the cloud.
    validation.validate_exp = false;
    let read = |key: &jsonwebtoken::jwk::Jwk| {
        let key = DecodingKey::from_jwk(key).ok()?;
        jsonwebtoken::decode::<Value>(jwt, &key, &validation).ok()
    };
    let data = keys.keys.iter().filter(named).find_map(read);
    let claims = data.ok_or_else(|| wrong("no key signed it, or it is for another cloud"))?.claims;
    let number = |name: &str| claims.get(name).and_then(Value::as_i64);
    let now = cloud.now();
    let end = number("exp").filter(|end| *end > now).ok_or_else(|| wrong("it ended"))?;
    check_begin(&claims, now)?;
    let days = match claims.get("days") {
        None | Some(Value::Null) => None,
        Some(days) => Some(
            days.as_i64()
                .filter(|days| (1..=MOST_DAYS).contains(days))
                .ok_or_else(|| wrong("days must be 1 to 3650"))?,
        ),
    };
    Ok(Claims {
        client_id: number("client_id").ok_or_else(|| wrong("client_id is needed"))?,
        end,
        plan: claims.get("plan").and_then(Value::as_str).map(str::to_owned),
        days,
    })
}

/// Refuses a token that does not hold yet.
fn check_begin(claims: &Value, now: i64) -> Result<(), ApiError> {
    let begin = match claims.get("nbf") {
        None | Some(Value::Null) => return Ok(()),
        Some(begin) => begin.as_i64().ok_or_else(|| wrong("nbf must be a whole number"))?,
    };
    if begin <= now.saturating_add(LEEWAY_S) { Ok(()) } else { Err(wrong("it does not hold yet")) }
}

async fn plan(transaction: &DatabaseTransaction, slug: &str) -> Result<Option<billing_plan::Model>, Failure> {
    Ok(store::plans(transaction).await?.into_iter().find(|plan| plan.slug == slug))
}

/// A trial with its end.
type Trial = (subscription::Model, NaiveDate);

/// The trials of a client, the one that ends last at the end.
async fn trials(
    transaction: &DatabaseTransaction,
    client_id: i64,
    today: NaiveDate,
) -> Result<Vec<Trial>, Failure> {
    let rows = store::subscriptions(transaction, TenantId(client_id)).await?;
    let trials = rows.into_iter().filter(|row| row.kind == "trial");
    let mut trials: Vec<Trial> = trials
        .map(|row| {
            let end = row.finish_on.parse().unwrap_or(today);
            (row, end)
        })
        .collect();
    trials.sort_by_key(|(_, end)| *end);
    Ok(trials)
}

/// The trial that runs. One that the operator blocked does not; what it was is still waited for.
fn running(trials: &[Trial], today: NaiveDate) -> Option<&Trial> {
    trials.iter().rev().find(|(row, end)| row.state == "active" && *end >= today)
}

fn runs(running: &subscription::Model) -> ApiError {
    ApiError::invalid("a trial runs", running.finish_on.as_str())
}

async fn begin(
    cloud: &Cloud,
    transaction: DatabaseTransaction,
    (client_id, plan_id): (i64, i64),
    days: i64,
) -> Result<SubscriptionView, Failure> {
    let fields = SubscriptionFields {
        kind: Some("trial".to_owned()),
        finish_on: Some(later(day(cloud.now()), days).to_string()),
        ..SubscriptionFields::default()
    };
    write(cloud, transaction, Written::New(blank(cloud, client_id, plan_id)), &fields).await
}

/// Whether a trial that runs is made longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extend {
    /// It is refused.
    No,
    /// It is, and nobody waits for the next one.
    Yes,
}

fn later(day: NaiveDate, days: i64) -> NaiveDate {
    day.checked_add_days(Days::new(days.unsigned_abs())).unwrap_or(NaiveDate::MAX)
}
