//! Forgotten passwords and changes of address: links by letter (`spec/accounts.md` sections 2.4 and 3.2).

use bartizan_api::{
    ApiError,
    invitation::{EmailChange, EmailConfirm},
};
use bartizan_store::{
    StoreError, TenantId, entity,
    sea_orm::{ActiveValue::Set, DatabaseTransaction, IntoActiveModel},
    sessions, tickets, users,
};
use serde_json::{Value, json};

use super::{
    account::chosen_by_user,
    activity::{self, Change},
    invitations::{self, INVITED},
    letters,
    session::{confirmed_user, has_password},
    settings::Settings,
    signup::{self, SIGNUP},
    users::{NewPassword, end_links, new_password, remember, valid_email},
};
use crate::{
    auth::{Caller, Origin},
    failure::Failure,
    limits::Check,
    secrets::Secret,
    state::Cloud,
};

const RESET: &str = "reset";
const RESET_PREFIX: &str = "bzr_";
/// Seconds that a reset link works.
const RESET_S: i64 = 3600;
const EMAIL: &str = "email";
/// Prefix of tokens that confirm an address.
pub const EMAIL_PREFIX: &str = "bze_";
/// Seconds that a confirmation link works.
pub const EMAIL_S: i64 = 86_400;

/// Sends a reset link if the address has an account with a password. The answer never tells.
///
/// # Errors
/// 429.
pub async fn forgot(cloud: &Cloud, email: &str, origin: &Origin) -> Result<(), Failure> {
    let email = email.trim().to_lowercase();
    cloud.limits.password_check(&cloud.store, Check::Letter, &email, origin.ip).await?;
    // After the answer: looking and writing take longer for accounts that exist.
    let (cloud, origin) = (cloud.clone(), origin.clone());
    tokio::spawn(async move {
        if send_reset(&cloud, &email, &origin).await.is_err() {
            tracing::warn!("a reset link was not made");
        }
    });
    Ok(())
}

async fn send_reset(cloud: &Cloud, email: &str, origin: &Origin) -> Result<(), Failure> {
    let user = cloud.store.identify_user_by_email(email).await?;
    let Some(user) = user.filter(|user| user.enabled && user.validated && user.auth_method.is_none()) else {
        return Ok(());
    };
    if cloud.store.identify_client(user.client_id).await?.is_none_or(|client| !client.enabled) {
        return Ok(());
    }
    let token = ticket(cloud, &user, RESET, RESET_PREFIX, RESET_S, json!({"address": user.email})).await?;
    let entry = asked(&user, json!({}), json!({"reset_link": "asked for"}));
    activity::log_by_stranger(cloud.store.writer(), &user, origin, cloud.now(), entry).await?;
    letters::post(cloud, letters::reset(cloud, &user.email, &letters::link(cloud, "reset", &token)));
    Ok(())
}

/// The entry of a link that was asked for.
fn asked(user: &entity::user::Model, before: Value, after: Value) -> Change<'static> {
    Change {
        object_type: "user",
        action: "update",
        object_id: user.id.to_string(),
        object_name: user.email.clone(),
        before: Some(before),
        after: Some(after),
    }
}

/// Makes a ticket of a user; earlier ones of its kind end.
async fn ticket(
    cloud: &Cloud,
    user: &entity::user::Model,
    kind: &str,
    prefix: &str,
    lifetime_s: i64,
    payload: Value,
) -> Result<String, Failure> {
    let (secret, row) = new_ticket(cloud, user, kind, lifetime_s, payload);
    let transaction = cloud.store.begin().await?;
    tickets::delete_of_user(&transaction, user.id, kind).await?;
    tickets::insert(&transaction, row).await?;
    transaction.commit().await?;
    Ok(secret.opaque(prefix))
}

/// Makes a ticket that confirms the address of a user, as a part of what else a transaction does.
pub(super) async fn ticket_within(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    user: &entity::user::Model,
    kind: &str,
) -> Result<String, Failure> {
    let (secret, row) = new_ticket(cloud, user, kind, EMAIL_S, json!({"address": user.email}));
    tickets::insert(transaction, row).await?;
    Ok(secret.opaque(EMAIL_PREFIX))
}

fn new_ticket(
    cloud: &Cloud,
    user: &entity::user::Model,
    kind: &str,
    lifetime_s: i64,
    payload: Value,
) -> (Secret, entity::ticket::Model) {
    let (secret, now) = (Secret::random(), cloud.now());
    let row = entity::ticket::Model {
        id_mac: secret.mac(&cloud.keys),
        kind: kind.to_owned(),
        client_id: Some(user.client_id),
        user_id: Some(user.id),
        payload,
        attempts: 0,
        created_at: now,
        expires_at: now + lifetime_s,
    };
    (secret, row)
}

/// The ticket of a link, of one of some kinds.
async fn ticket_of(
    cloud: &Cloud,
    token: &str,
    kinds: &[&str],
    prefix: &str,
    origin: &Origin,
) -> Result<entity::ticket::Model, Failure> {
    let Some(secret) = Secret::parse_opaque(prefix, token) else { return Err(invalid_link().into()) };
    let id_mac = secret.mac(&cloud.keys);
    cloud.limits.password_check(&cloud.store, Check::Link, &id_mac, origin.ip).await?;
    for kind in kinds {
        if let Some(ticket) = cloud.store.identify_ticket(&id_mac, kind, cloud.now()).await? {
            return Ok(ticket);
        }
    }
    Err(invalid_link().into())
}

/// The user of a ticket, both still good.
async fn holder(cloud: &Cloud, ticket: &entity::ticket::Model) -> Result<entity::user::Model, Failure> {
    let user = cloud.store.identify_user(ticket.user_id.unwrap_or(0)).await?;
    // A link counts for the address that the account had when it was made.
    let same = |user: &entity::user::Model| {
        ticket.payload.get("address").and_then(Value::as_str) == Some(user.email.as_str())
    };
    let user = user.filter(|user| user.enabled && user.auth_method.is_none() && same(user));
    Ok(user.ok_or_else(invalid_link)?)
}

/// 400 for a link that was used, ended or never was.
#[must_use]
pub fn invalid_link() -> ApiError {
    ApiError::invalid("the link is invalid, used or expired", Value::Null)
}

/// Sets a new password by the token of a reset link. Sessions end; secret and tokens stay.
///
/// # Errors
/// 400 for a link that does not work and for a weak password, 429.
pub async fn reset(cloud: &Cloud, token: &str, password: &str, origin: &Origin) -> Result<(), Failure> {
    let ticket = ticket_of(cloud, token, &[RESET], RESET_PREFIX, origin).await?;
    let user = holder(cloud, &ticket).await?;
    let outcome = set_password(cloud, &ticket, &user, password, origin).await;
    note(cloud, &user, origin, outcome).await
}

/// Hands on what came of a user's link, and notes a refusal.
async fn note(
    cloud: &Cloud,
    user: &entity::user::Model,
    origin: &Origin,
    outcome: Result<(), Failure>,
) -> Result<(), Failure> {
    let object = ("user", user.id, user.email.as_str());
    activity::note_link(cloud, TenantId(user.client_id), object, origin, outcome).await
}

async fn set_password(
    cloud: &Cloud,
    ticket: &entity::ticket::Model,
    user: &entity::user::Model,
    password: &str,
    origin: &Origin,
) -> Result<(), Failure> {
    let tenant = TenantId(user.client_id);
    let settings = Settings::of(cloud, cloud.store.reader(), tenant).await?;
    let hash = new_password(&settings.password_policy, &NewPassword::of(user, password)).await?;
    let now = cloud.now();
    let entry = Change {
        object_type: "user",
        action: "update",
        object_id: user.id.to_string(),
        object_name: user.email.clone(),
        before: Some(json!({"password_changed": user.password_changed})),
        after: Some(json!({"password_changed": now})),
    };
    let mut row = user.clone().into_active_model();
    row.password_history = Set(remember(user));
    row.password_hash = Set(Some(hash));
    row.password_changed = Set(now);
    let transaction = cloud.store.begin().await?;
    if !tickets::take(&transaction, &ticket.id_mac).await? {
        return Err(invalid_link().into());
    }
    row.profile = Set(chosen_by_user(&transaction, user).await?);
    end_links(&transaction, tenant, user.id).await?;
    sessions::update_user(&transaction, tenant, row).await?;
    sessions::delete_of_user(&transaction, tenant, user.id, None).await?;
    activity::log_by_user(&transaction, user, origin, now, entry).await?;
    Ok(transaction.commit().await?)
}

/// Sends a confirmation link to a new address and a notice to the old one. Whether the new address has an
/// account already shows only to whoever reads its letters.
///
/// # Errors
/// 403 `Invalid password`, also for a wrong code of the second factor, or for users of an identity provider, 400 for what is no address, 429.
pub async fn change_email(cloud: &Cloud, caller: &Caller, request: &EmailChange) -> Result<(), Failure> {
    let otp = request.otp.as_deref().unwrap_or_default();
    has_password(caller)?;
    let user = confirmed_user(cloud, caller, &request.password, Some(otp)).await?;
    let email = valid_email(&request.email)?;
    letters::allow(cloud, TenantId(user.client_id), 2)?;
    let payload = json!({"email": email, "address": user.email});
    let token = ticket(cloud, &user, EMAIL, EMAIL_PREFIX, EMAIL_S, payload).await?;
    let entry = asked(&user, json!({"email": user.email}), json!({"email_to_confirm": email}));
    activity::log(cloud.store.writer(), caller, TenantId(user.client_id), cloud.now(), entry).await?;
    letters::post(cloud, letters::email_confirmation(&email, &letters::link(cloud, "email", &token)));
    letters::post(cloud, letters::email_notice(&user.email, &email));
    Ok(())
}

/// Moves an account to the address that received the link, makes the one that signed up with it, or confirms the address of
/// somebody who was invited by a link that was handed over.
///
/// # Errors
/// 400 for a link that does not work, 403 for another password than that of the sign-up or the invitation, 409 when the address has an
/// account, 429.
pub async fn confirm_email(cloud: &Cloud, request: &EmailConfirm, origin: &Origin) -> Result<(), Failure> {
    let kinds = [EMAIL, SIGNUP, INVITED];
    let ticket = ticket_of(cloud, &request.token, &kinds, EMAIL_PREFIX, origin).await?;
    if ticket.kind == SIGNUP {
        return signup::complete(cloud, &ticket, request.password.as_deref(), origin).await;
    }
    let user = holder(cloud, &ticket).await?;
    let outcome = if ticket.kind == INVITED {
        invitations::confirm(cloud, &ticket, &user, request.password.as_deref(), origin).await
    } else {
        move_to(cloud, &ticket, &user, origin).await
    };
    note(cloud, &user, origin, outcome).await
}

async fn move_to(
    cloud: &Cloud,
    ticket: &entity::ticket::Model,
    user: &entity::user::Model,
    origin: &Origin,
) -> Result<(), Failure> {
    let email = ticket.payload.get("email").and_then(Value::as_str).ok_or_else(invalid_link)?.to_owned();
    let tenant = TenantId(user.client_id);
    let entry = Change {
        object_type: "user",
        action: "update",
        object_id: user.id.to_string(),
        object_name: email.clone(),
        before: Some(json!({"email": user.email})),
        after: Some(json!({ "email": email })),
    };
    let transaction = cloud.store.begin().await?;
    if !tickets::take(&transaction, &ticket.id_mac).await? {
        return Err(invalid_link().into());
    }
    let current = users::lock(&transaction, tenant, user.id).await?.ok_or_else(invalid_link)?;
    end_links(&transaction, tenant, user.id).await?;
    let moved = entity::user::Model { email, ..current.clone() };
    users::update(&transaction, &tenant.into(), &current, moved).await.map_err(|error| match error {
        StoreError::Duplicate => Failure::from(ApiError::user_exists()),
        other => other.into(),
    })?;
    activity::log_by_user(&transaction, user, origin, cloud.now(), entry).await?;
    Ok(transaction.commit().await?)
}
