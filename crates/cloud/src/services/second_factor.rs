//! The second factor: codes of an authenticator (RFC 6238) and recovery codes (`spec/accounts.md` section 3.7).
//!
//! The seed is stored encrypted, recovery codes as keyed hashes. A code works once: the time step of the last
//! one that worked is kept, and only later ones are taken.

use bartizan_api::{ApiError, mfa::MfaSetupView};
use bartizan_store::{
    TenantId, clients, entity,
    sea_orm::{ActiveValue::Set, DatabaseTransaction, IntoActiveModel},
    sessions, tickets, users,
};
use hmac::{Hmac, Mac};
use rand::Rng;
use serde_json::{Value, json};
use sha2::Sha256;
use totp_rs::{Algorithm, TOTP};

use super::{
    account::{self, Renewed},
    activity::{self, Change},
    session::confirmed_user,
    settings::Settings,
};
use crate::{
    auth::Caller,
    failure::Failure,
    secrets::{self, seal, unseal},
    state::Cloud,
};

/// Seconds that a set-up waits for its first code.
const SETUP_S: i64 = 600;
const SETUP: &str = "mfa_setup";
/// Seconds of a time step.
const STEP_S: u64 = 30;
/// Recovery codes that are made.
const RECOVERY_CODES: usize = 10;
/// Letters and digits that are not mistaken for each other.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// Begins the set-up: a seed to put into an authenticator. Nothing is asked for until [`confirm`].
///
/// # Errors
/// 403 for users of an identity provider, 400 when it is on already.
pub async fn begin(cloud: &Cloud, caller: &Caller) -> Result<MfaSetupView, Failure> {
    let user = own_user(caller)?;
    if user.mfa_sealed.is_some() {
        return Err(ApiError::invalid("the second factor is on already", Value::Null).into());
    }
    let seed: [u8; 20] = rand::rng().random();
    let totp = totp(seed.to_vec(), &user.email, &cloud.config.label)?;
    let now = cloud.now();
    let sealed = seal(&cloud.keys, &hex::encode(seed)).ok_or_else(ApiError::internal)?;
    let ticket = entity::ticket::Model {
        id_mac: setup_key(user.id),
        kind: SETUP.to_owned(),
        client_id: Some(user.client_id),
        user_id: Some(user.id),
        payload: json!({ "sealed": sealed }),
        attempts: 0,
        created_at: now,
        expires_at: now + SETUP_S,
    };
    let transaction = cloud.store.begin().await?;
    tickets::delete_of_user(&transaction, user.id, SETUP).await?;
    tickets::insert(&transaction, ticket).await?;
    let entry = Change { after: Some(json!({"state": "pending"})), ..change(user, "create") };
    activity::log(&transaction, caller, TenantId(user.client_id), now, entry).await?;
    transaction.commit().await?;
    let otpauth_url = totp.get_url();
    Ok(MfaSetupView { secret: totp.get_secret_base32(), qr_svg: qr_svg(&otpauth_url)?, otpauth_url })
}

/// Not a secret: only the signed-in user reaches it.
fn setup_key(user_id: i64) -> String {
    format!("{SETUP}:{user_id}")
}

fn own_user(caller: &Caller) -> Result<&entity::user::Model, ApiError> {
    let user = caller.user.as_deref().ok_or_else(ApiError::access_denied)?;
    if user.auth_method.is_some() { Err(ApiError::access_denied()) } else { Ok(user) }
}

fn totp(seed: Vec<u8>, account: &str, label: &str) -> Result<TOTP, ApiError> {
    let step = STEP_S;
    // A colon separates issuer and account in the link.
    let issuer = format!("Bartizan {label}").replace(':', " ");
    let account = account.replace(':', " ");
    TOTP::new(Algorithm::SHA1, 6, 1, step, seed, Some(issuer), account).map_err(|_| ApiError::internal())
}

/// A QR code as a picture that scales.
fn qr_svg(text: &str) -> Result<String, ApiError> {
    let code = qrcodegen::QrCode::encode_text(text, qrcodegen::QrCodeEcc::Medium)
        .map_err(|_| ApiError::internal())?;
    let side = code.size();
    let modules: String = (0..side)
        .flat_map(|y| (0..side).map(move |x| (x, y)))
        .filter(|(x, y)| code.get_module(*x, *y))
        .map(|(x, y)| format!("M{},{}h1v1h-1z", x + 4, y + 4))
        .collect();
    let full = side + 8;
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {full} {full}\"><path fill=\"#fff\" d=\"M0,0h{full}v{full}H0z\"/><path d=\"{modules}\"/></svg>"
    ))
}

/// Turns the second factor on and returns the recovery codes, this once, and the session if it goes on under another id.
///
/// # Errors
/// 403 `Invalid password`, 400 for a wrong code or without a set-up, 429.
pub async fn confirm(
    cloud: &Cloud,
    caller: &Caller,
    otp: &str,
    password: &str,
) -> Result<(Vec<String>, Option<Renewed>), Failure> {
    own_user(caller)?;
    let user = confirmed_user(cloud, caller, password, None).await?;
    let key = setup_key(user.id);
    let absent = || ApiError::invalid("begin the set-up first", Value::Null);
    let ticket = cloud.store.identify_ticket(&key, SETUP, cloud.now()).await?.ok_or_else(absent)?;
    let sealed = ticket.payload.get("sealed").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(step) = matching_step(cloud, &sealed, otp)? else {
        cloud.store.fail_ticket(&key, 5).await?;
        return Err(ApiError::invalid("wrong code", Value::Null).into());
    };
    let tenant = TenantId(user.client_id);
    let (codes, hashes) = recovery_codes(cloud, user.id);
    let entry = change(&user, "create");
    let mut row = user.into_active_model();
    row.mfa_sealed = Set(Some(sealed));
    row.mfa_step = Set(step);
    row.mfa_recovery = Set(Some(json!(hashes)));
    let transaction = cloud.store.begin().await?;
    if !tickets::take(&transaction, &key).await? {
        return Err(absent().into());
    }
    sessions::update_user(&transaction, tenant, row).await?;
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    Ok((codes, account::lift(cloud, caller, "mfa").await?))
}

/// The time step whose code this is, among the present one and its neighbours.
fn matching_step(cloud: &Cloud, sealed: &str, otp: &str) -> Result<Option<i64>, ApiError> {
    let seed = unseal(&cloud.keys, sealed).and_then(|text| hex::decode(text).ok());
    let totp = totp(seed.ok_or_else(ApiError::internal)?, "", "")?;
    let now = u64::try_from(cloud.now()).unwrap_or(0);
    let present = now / STEP_S;
    let found = [present.saturating_sub(1), present, present + 1]
        .into_iter()
        .filter(|step| secrets::same(&totp.generate(step * STEP_S), otp))
        .max();
    Ok(found.and_then(|step| i64::try_from(step).ok()))
}

fn recovery_codes(cloud: &Cloud, user_id: i64) -> (Vec<String>, Vec<String>) {
    let mut rng = rand::rng();
    let mut letter =
        || char::from(ALPHABET.get(rng.random_range(0..ALPHABET.len())).copied().unwrap_or(b'a'));
    let codes: Vec<String> = (0..RECOVERY_CODES)
        .map(|_| {
            let mut code: String = (0..10).map(|_| letter()).collect();
            code.insert(5, '-');
            code
        })
        .collect();
    let hashes = codes.iter().map(|code| recovery_mac(cloud, user_id, code)).collect();
    (codes, hashes)
}

fn recovery_mac(cloud: &Cloud, user_id: i64, code: &str) -> String {
    // HMAC takes keys of any length, so this cannot fail; an empty hash would match nothing.
    let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(cloud.keys.pepper()) else {
        return String::new();
    };
    let letters: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    mac.update(format!("recovery:{user_id}:{}", letters.to_lowercase()).as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// Whether a code of the authenticator is right; it works no second time, in no process.
///
/// # Errors
/// 500 when the store fails.
pub async fn use_code(cloud: &Cloud, user: &entity::user::Model, otp: &str) -> Result<bool, Failure> {
    let Some(sealed) = &user.mfa_sealed else { return Ok(false) };
    match matching_step(cloud, sealed, otp.trim())? {
        Some(step) => {
            Ok(users::advance_factor(cloud.store.writer(), TenantId(user.client_id), user.id, step).await?)
        }
        None => Ok(false),
    }
}

/// Whether a recovery code is right; it is gone afterwards.
///
/// # Errors
/// 500 when the store fails.
pub async fn use_recovery_code(
    cloud: &Cloud,
    user: &entity::user::Model,
    code: &str,
) -> Result<bool, Failure> {
    let mac = recovery_mac(cloud, user.id, code);
    let tenant = TenantId(user.client_id);
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let Some(row) = users::find(&transaction, tenant, user.id).await? else { return Ok(false) };
    let left: Vec<String> = row.mfa_recovery.as_ref().map(crate::auth::strings).unwrap_or_default();
    let kept: Vec<&String> = left.iter().filter(|known| !secrets::same(known, &mac)).collect();
    if kept.len() == left.len() {
        return Ok(false);
    }
    let kept = json!(kept);
    let mut change = row.into_active_model();
    change.mfa_recovery = Set(Some(kept));
    sessions::update_user(&transaction, tenant, change).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Turns the second factor of the caller off.
///
/// # Errors
/// 403 `Invalid password`, also for a wrong code; 400 while it is enforced; 429.
pub async fn remove(cloud: &Cloud, caller: &Caller, password: &str, otp: &str) -> Result<(), Failure> {
    let user = proven(cloud, caller, password, otp).await?;
    if user.is_fallback {
        return Err(fallback().into());
    }
    if caller.settings.mfa_enforced {
        return Err(enforced().into());
    }
    let transaction = cloud.store.begin().await?;
    clear(cloud, caller, &transaction, user).await?;
    Ok(transaction.commit().await?)
}

fn enforced() -> ApiError {
    ApiError::text(axum::http::StatusCode::BAD_REQUEST, "second factor is enforced")
}

/// The fallback account of single sign-on is nothing without its second factor.
fn fallback() -> ApiError {
    ApiError::text(axum::http::StatusCode::BAD_REQUEST, "fallback account of single sign-on")
}

/// Turns the second factor of another user off, who lost the authenticator.
///
/// # Errors
/// 403 `Invalid password` of the caller, 403 for rights, 404, 400 while it is enforced, 429.
pub async fn remove_of(cloud: &Cloud, caller: &Caller, user_id: i64, password: &str) -> Result<(), Failure> {
    confirmed_user(cloud, caller, password, None).await?;
    let user = account::reachable_user(cloud, caller, user_id, bartizan_api::Permission::UpdateUser).await?;
    if user.is_fallback {
        return Err(fallback().into());
    }
    let settings = Settings::of(cloud, cloud.store.reader(), TenantId(user.client_id)).await?;
    if settings.mfa_enforced {
        return Err(enforced().into());
    }
    let transaction = cloud.store.begin().await?;
    clear(cloud, caller, &transaction, user).await?;
    Ok(transaction.commit().await?)
}

async fn clear(
    cloud: &Cloud,
    caller: &Caller,
    transaction: &DatabaseTransaction,
    user: entity::user::Model,
) -> Result<(), Failure> {
    let (tenant, entry) = (TenantId(user.client_id), change(&user, "delete"));
    let mut row = user.into_active_model();
    row.mfa_sealed = Set(None);
    row.mfa_step = Set(0);
    row.mfa_recovery = Set(None);
    sessions::update_user(transaction, tenant, row).await?;
    activity::log(transaction, caller, tenant, cloud.now(), entry).await
}

/// New recovery codes; the old ones are void.
///
/// # Errors
/// 403 `Invalid password`, also for a wrong code; 429.
pub async fn renew_codes(
    cloud: &Cloud,
    caller: &Caller,
    password: &str,
    otp: &str,
) -> Result<Vec<String>, Failure> {
    let user = proven(cloud, caller, password, otp).await?;
    let (tenant, entry) = (TenantId(user.client_id), change(&user, "update"));
    let (codes, hashes) = recovery_codes(cloud, user.id);
    let mut row = user.into_active_model();
    row.mfa_recovery = Set(Some(json!(hashes)));
    let transaction = cloud.store.begin().await?;
    sessions::update_user(&transaction, tenant, row).await?;
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    Ok(codes)
}

/// The caller's user with a second factor, once password and code are proven.
async fn proven(
    cloud: &Cloud,
    caller: &Caller,
    password: &str,
    otp: &str,
) -> Result<entity::user::Model, Failure> {
    if own_user(caller)?.mfa_sealed.is_none() {
        return Err(ApiError::invalid("the second factor is off", Value::Null).into());
    }
    confirmed_user(cloud, caller, password, Some(otp)).await
}

fn change(user: &entity::user::Model, action: &'static str) -> Change<'static> {
    Change {
        object_type: "mfa",
        action,
        object_id: user.id.to_string(),
        object_name: user.email.clone(),
        before: None,
        after: None,
    }
}
