//! Self sign-up: a company with its first administrator (`spec/accounts.md` section 3.5). Off by default.
//!
//! Nothing is made before the address is confirmed: what was asked for waits in a ticket, so nobody can take an address
//! that is not theirs or fill the cloud with companies. The answer is the same for every address, and what depends on the
//! address is done after it.

use bartizan_api::{ApiError, Role, settings::PasswordPolicy, signup::SignupRequest};
use bartizan_store::{StoreError, TenantId, entity, tickets};
use serde_json::{Value, json};

use super::{
    activity::{self, Change},
    clients, letters,
    password_reset::{EMAIL_PREFIX, EMAIL_S, invalid_link},
    provision::{NewUser, create_client, create_partner, create_user},
    users::{NewPassword, new_password, valid_email, valid_name},
};
use crate::{auth::Origin, failure::Failure, limits::Check, secrets::Secret, state::Cloud};

/// Kind of the tickets.
pub const SIGNUP: &str = "signup";
/// Whose bucket the letters of strangers come from: that of no client.
const NOBODY: TenantId = TenantId(0);

/// Takes a sign-up; a letter with a link goes out.
///
/// # Errors
/// 404 while self sign-up is off, 400 for invalid fields and a weak password, 429.
pub async fn begin(cloud: &Cloud, request: SignupRequest, origin: &Origin) -> Result<(), Failure> {
    if !cloud.config.signup.enabled {
        return Err(ApiError::absent().into());
    }
    let (client_name, realname) =
        (clients::valid_name(&request.client_name)?, valid_name(&request.realname)?);
    let email = valid_email(&request.email)?;
    cloud.limits.password_check(&cloud.store, Check::SignUp, &email, origin.ip).await?;
    letters::allow(cloud, NOBODY, 1)?;
    let new = NewPassword { password: &request.password, email: &email, realname: &realname, former: vec![] };
    let password_hash = new_password(&PasswordPolicy::default(), &new).await?;
    let asked = json!({
        "client_name": client_name, "realname": realname, "email": email, "password_hash": password_hash,
    });
    let cloud = cloud.clone();
    tokio::spawn(async move {
        if answer(&cloud, &email, asked).await.is_err() {
            tracing::warn!("a confirmation link was not made");
        }
    });
    Ok(())
}

/// The letter: a link, or for an address with an account the word that it has one.
async fn answer(cloud: &Cloud, email: &str, asked: Value) -> Result<(), Failure> {
    if cloud.store.identify_user_by_email(email).await?.is_some() {
        letters::post(cloud, letters::signup_known(cloud, email));
        return Ok(());
    }
    let (secret, now) = (Secret::random(), cloud.now());
    let ticket = entity::ticket::Model {
        id_mac: secret.mac(&cloud.keys),
        kind: SIGNUP.to_owned(),
        client_id: None,
        user_id: None,
        payload: asked,
        attempts: 0,
        created_at: now,
        expires_at: now + EMAIL_S,
    };
    tickets::insert(cloud.store.writer(), ticket).await?;
    let link = letters::link(cloud, "email", &secret.opaque(EMAIL_PREFIX));
    letters::post(cloud, letters::signup(cloud, email, &link));
    Ok(())
}

/// Makes the company and its administrator, whose address the link just confirmed.
///
/// # Errors
/// 400 for a link that does not work, 409 when the address got an account meanwhile.
pub async fn complete(cloud: &Cloud, ticket: &entity::ticket::Model, origin: &Origin) -> Result<(), Failure> {
    if !cloud.config.signup.enabled {
        return Err(invalid_link().into());
    }
    let text = |name: &str| ticket.payload.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let now = cloud.now();
    let transaction = cloud.store.begin().await?;
    if !tickets::take(&transaction, &ticket.id_mac).await? {
        return Err(invalid_link().into());
    }
    let partner = create_partner(&transaction).await?;
    let client = create_client(&transaction, partner.id, &text("client_name"), false, now).await?;
    let admin = NewUser {
        create_from: origin.ip.to_string(),
        ..NewUser::by_system(client.id, &text("email"), &text("realname"), Role::Admin, text("password_hash"))
    };
    let user = create_user(&transaction, admin, now).await.map_err(|error| match error {
        StoreError::Duplicate => Failure::from(ApiError::user_exists()),
        other => other.into(),
    })?;
    let made = |object_type: &'static str, id: i64, name: &str| Change {
        object_type,
        action: "create",
        object_id: id.to_string(),
        object_name: name.to_owned(),
        before: None,
        after: Some(json!({ "name": name })),
    };
    for change in [made("client", client.id, &client.name), made("user", user.id, &user.email)] {
        activity::log_by_user(&transaction, &user, origin, now, change).await?;
    }
    Ok(transaction.commit().await?)
}
