//! Invitations: a link by which a person becomes a user (`spec/accounts.md` section 3.5).
//!
//! Either an administrator creates the user first and the link sets the password, or the link makes the user.
//! The rights of who invited are checked again at acceptance: they may have shrunk since.

use axum::http::StatusCode;
use bartizan_api::{
    ApiError, Grant, Permission,
    invitation::{
        InvitationAccept, InvitationAccepted, InvitationCreate, InvitationLink, InvitationPreview,
        InvitationView, Ttl,
    },
};
use bartizan_store::{
    StoreError, TenantId, clients, entity, invitations,
    sea_orm::{ActiveValue::Set, ConnectionTrait, DatabaseTransaction, IntoActiveModel},
    sessions, tickets, users as stored_users,
};
use serde_json::{Value, json};

use super::{
    account,
    activity::{self, Change},
    grants, letters,
    password_reset::{self, invalid_link},
    provision::{NewUser, create_user},
    quotas,
    settings::Settings,
    users::{self, NewPassword, grant_of, new_password, valid_email, valid_name},
};
use crate::{
    auth::{Caller, Origin, strings},
    failure::Failure,
    limits::Check,
    secrets::{Secret, verify_password},
    state::Cloud,
};

/// Prefix of invitation tokens.
const PREFIX: &str = "bzi_";

/// What an invitation is for.
pub struct Invited<'a> {
    /// Tenant.
    pub client: &'a entity::client::Model,
    /// The user, when it was created beforehand.
    pub user_id: Option<i64>,
    /// Address, lower case.
    pub email: &'a str,
    /// Name, or nothing.
    pub realname: &'a str,
    /// Rights.
    pub grant: &'a Grant,
    /// Lifetime.
    pub ttl: Ttl,
    /// Whether the link goes to the address by letter, and to nobody else.
    pub sent: bool,
}

/// A new invitation.
pub struct Issued {
    id: i64,
    expires_at: i64,
    /// The link, for whoever may see it.
    pub url: String,
}

impl Issued {
    /// What the inviter sees: the link only when the inviter hands it over.
    fn view(self, sent: bool) -> InvitationLink {
        InvitationLink { id: self.id, url: (!sent).then_some(self.url), expires_at: self.expires_at }
    }
}

/// Writes an invitation and returns its link.
///
/// # Errors
/// 500 when the store fails.
pub async fn issue<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    caller: &Caller,
    invited: &Invited<'_>,
) -> Result<Issued, Failure> {
    let (secret, now) = (Secret::random(), cloud.now());
    let row = entity::invitation::Model {
        id: 0,
        client_id: invited.client.id,
        user_id: invited.user_id,
        email: invited.email.to_owned(),
        realname: invited.realname.to_owned(),
        permissions: json!(invited.grant.strings()),
        token_mac: secret.mac(&cloud.keys),
        sent: invited.sent,
        create_by: caller.user_id(),
        create_by_token: caller.token_id().filter(|_| caller.user.is_none()),
        created_at: now,
        expires_at: now + invited.ttl.seconds(),
    };
    let row = invitations::insert(connection, row).await?;
    let url = letters::link(cloud, "invitation", &secret.opaque(PREFIX));
    Ok(Issued { id: row.id, expires_at: row.expires_at, url })
}

/// Invites a person who becomes a user by the link.
///
/// # Errors
/// 403 for rights above the caller's, a foreign tenant, or where the identity provider is the source of users; 400 for
/// invalid fields, 409 for a taken address.
pub async fn create(
    cloud: &Cloud,
    caller: &Caller,
    request: &InvitationCreate,
) -> Result<InvitationLink, Failure> {
    let tenant = caller.tenant_of(request.client_id)?;
    let client = cloud.store.identify_client(tenant.0).await?.ok_or_else(ApiError::access_denied)?;
    let grant = grants::parse(&request.permissions)?;
    grants::may_grant(caller, &grant, &client)?;
    let email = valid_email(&request.email)?;
    let realname = match request.realname.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => valid_name(name)?,
        None => String::new(),
    };
    if cloud.store.identify_user_by_email(&email).await?.is_some() {
        return Err(ApiError::user_exists().into());
    }
    method_of(cloud, tenant).await?;
    // Where no letter can go out, the link is handed over whatever was asked for.
    let sent = request.send && cloud.mailer.is_configured();
    if sent {
        letters::allow(cloud, tenant, 1)?;
    }
    let invited = Invited {
        client: &client,
        user_id: None,
        email: &email,
        realname: &realname,
        grant: &grant,
        ttl: request.ttl,
        sent,
    };
    let transaction = cloud.store.begin().await?;
    quotas::admit_user(cloud, &transaction, tenant).await?;
    let link = issue(cloud, &transaction, caller, &invited).await?;
    let after = json!({"email": email, "permissions": grant.strings(), "expires_at": link.expires_at});
    let entry = change(link.id, &email, "create", None, Some(after));
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    let sent = sent && send(cloud, tenant, &link, &email, &client.name).await?;
    Ok(link.view(sent))
}

/// Sends a link. One that the mail server does not take is for the inviter to hand over: false.
async fn send(
    cloud: &Cloud,
    tenant: TenantId,
    link: &Issued,
    email: &str,
    company: &str,
) -> Result<bool, Failure> {
    let sent = letters::deliver(cloud, letters::invitation(cloud, email, company, &link.url)).await;
    if !sent {
        let transaction = cloud.store.begin().await?;
        invitations::hand_over(&transaction, tenant, link.id).await?;
        transaction.commit().await?;
    }
    Ok(sent)
}

fn change(
    id: i64,
    email: &str,
    action: &'static str,
    before: Option<Value>,
    after: Option<Value>,
) -> Change<'static> {
    let (object_id, object_name) = (id.to_string(), email.to_owned());
    Change { object_type: "invitation", action, object_id, object_name, before, after }
}

/// Open invitations of the tenants in reach, newest first.
///
/// # Errors
/// 500 when the store fails.
pub async fn list(cloud: &Cloud, caller: &Caller) -> Result<Vec<InvitationView>, Failure> {
    let rows = invitations::list(cloud.store.reader(), &caller.tenants, cloud.now()).await?;
    Ok(rows.into_iter().map(view).collect())
}

fn view(row: entity::invitation::Model) -> InvitationView {
    InvitationView {
        id: row.id,
        client_id: row.client_id,
        user_id: row.user_id,
        email: row.email,
        realname: row.realname,
        permissions: strings(&row.permissions),
        create_by: row.create_by,
        created_at: row.created_at,
        expires_at: row.expires_at,
    }
}

/// Revokes an invitation.
///
/// # Errors
/// 404 when there is none, 403 when it is another tenant's.
pub async fn delete(cloud: &Cloud, caller: &Caller, id: i64) -> Result<InvitationView, Failure> {
    let tenant = cloud.store.identify_invitation_tenant(id).await?;
    let tenant = tenant.ok_or_else(|| ApiError::not_found("invitation", id))?;
    caller.tenant_of(Some(tenant.0))?;
    let transaction = cloud.store.begin().await?;
    let row = invitations::find(&transaction, &caller.tenants, id).await?;
    let row = row.ok_or_else(|| ApiError::not_found("invitation", id))?;
    invitations::delete(&transaction, tenant, id).await?;
    let entry = change(id, &row.email, "delete", Some(json!({"email": row.email})), None);
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    Ok(view(row))
}

/// Gives an invited user a new link; the old one is void.
///
/// # Errors
/// 404 for an unknown user, 403 for rights, 400 for a user who has a password.
pub async fn resend(cloud: &Cloud, caller: &Caller, user_id: i64) -> Result<InvitationLink, Failure> {
    let user = account::reachable_user(cloud, caller, user_id, Permission::UpdateUser).await?;
    if user.validated {
        return Err(ApiError::invalid("the user is not invited", user_id).into());
    }
    let tenant = TenantId(user.client_id);
    let client = cloud.store.identify_client(tenant.0).await?.ok_or_else(ApiError::access_denied)?;
    letters::allow(cloud, tenant, 1)?;
    let grant = grant_of(&user);
    let sent = cloud.mailer.is_configured();
    let invited = Invited {
        client: &client,
        user_id: Some(user.id),
        email: &user.email,
        realname: &user.realname,
        grant: &grant,
        ttl: Ttl::Week,
        sent,
    };
    let transaction = cloud.store.begin().await?;
    invitations::delete_of_user(&transaction, tenant, user.id).await?;
    let link = issue(cloud, &transaction, caller, &invited).await?;
    let entry = change(link.id, &user.email, "update", None, Some(json!({"expires_at": link.expires_at})));
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    let sent = sent && send(cloud, tenant, &link, &user.email, &client.name).await?;
    Ok(link.view(sent))
}

/// The invitation of a link with its tenant, both still good.
async fn open(
    cloud: &Cloud,
    token: &str,
    origin: &Origin,
) -> Result<(entity::invitation::Model, entity::client::Model), Failure> {
    let Some(secret) = Secret::parse_opaque(PREFIX, token) else { return Err(invalid_link().into()) };
    let mac = secret.mac(&cloud.keys);
    cloud.limits.password_check(&cloud.store, Check::Link, &mac, origin.ip).await?;
    let row = cloud.store.identify_invitation(&mac, cloud.now()).await?.ok_or_else(invalid_link)?;
    let client = cloud.store.identify_client(row.client_id).await?.filter(|client| client.enabled);
    let client = client.ok_or_else(invalid_link)?;
    let permissions = match row.user_id {
        // What the link gives is what the user has by now.
        Some(id) => {
            let user = cloud.store.identify_user(id).await?.filter(|user| waits(user, &row));
            user.ok_or_else(invalid_link)?.permissions
        }
        None => row.permissions.clone(),
    };
    check_issuer(cloud, &row, &client, &permissions).await?;
    let row = entity::invitation::Model { permissions, ..row };
    Ok((row, client))
}

/// Whether a user made beforehand is still who was invited: at the same address, and without a password.
fn waits(user: &entity::user::Model, row: &entity::invitation::Model) -> bool {
    !user.validated && user.email == row.email && user.client_id == row.client_id
}

/// An issuer who lost rights or was disabled invites nobody any more. What the system issued stands.
async fn check_issuer(
    cloud: &Cloud,
    row: &entity::invitation::Model,
    client: &entity::client::Model,
    permissions: &Value,
) -> Result<(), Failure> {
    let issuer = match (row.create_by, row.create_by_token) {
        (0, None) => return Ok(()),
        (0, Some(token)) => {
            let token = cloud.store.identify_api_token_by_id(token).await?;
            let alive = |token: &entity::api_token::Model| {
                token.enabled && token.expires_at.is_none_or(|end| end > cloud.now())
            };
            let token = token.filter(alive).ok_or_else(invalid_link)?;
            Grant::parse(&strings(&token.permissions)).map_err(|_| invalid_link())?
        }
        (user, _) => {
            let issuer = cloud.store.identify_user(user).await?.filter(|issuer| issuer.enabled);
            grant_of(&issuer.ok_or_else(invalid_link)?)
        }
    };
    let grant = Grant::parse(&strings(permissions)).map_err(|_| invalid_link())?;
    let within = grant.permissions().is_subset(&issuer.permissions())
        && issuer.permissions().contains(&Permission::CreateUser)
        && (!grant.is_global()
            || (client.is_technical && issuer.permissions().contains(&Permission::CreateTenant)));
    if within { Ok(()) } else { Err(invalid_link().into()) }
}

/// What the holder of a link may know.
///
/// # Errors
/// 404 for a link that does not work, 429.
pub async fn preview(cloud: &Cloud, token: &str, origin: &Origin) -> Result<InvitationPreview, Failure> {
    // The path names it. It is a secret, so it is not repeated.
    let absent = || Failure::from(ApiError::not_found("invitation", Value::Null));
    let opened = open(cloud, token, origin).await;
    let (row, client) =
        opened.map_err(|failure| if failure.0 == invalid_link() { absent() } else { failure })?;
    let sso = super::sso::replaces_password(cloud, TenantId(client.id)).await?.is_some();
    Ok(InvitationPreview { email: row.email, client_name: client.name, realname: row.realname, sso })
}

/// Makes the invited person a user who can sign in. The link works once.
///
/// # Errors
/// 400 for a link that does not work, a weak password or a confirmation that differs; 403 where the identity provider became
/// the source of users; 409 when the address got an account meanwhile; 429.
pub async fn accept(
    cloud: &Cloud,
    request: &InvitationAccept,
    origin: &Origin,
) -> Result<InvitationAccepted, Failure> {
    let (row, client) = open(cloud, &request.token, origin).await?;
    let outcome = take(cloud, request, &row, &client, origin).await;
    let object = ("invitation", row.id, row.email.as_str());
    activity::note_link(cloud, TenantId(client.id), object, origin, outcome).await
}

async fn take(
    cloud: &Cloud,
    request: &InvitationAccept,
    row: &entity::invitation::Model,
    client: &entity::client::Model,
    origin: &Origin,
) -> Result<InvitationAccepted, Failure> {
    let tenant = TenantId(client.id);
    let realname = match request.realname.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => valid_name(name)?,
        None if row.realname.is_empty() => {
            return Err(ApiError::invalid("realname must have 1 to 255 characters", "").into());
        }
        None => row.realname.clone(),
    };
    let method = method_of(cloud, tenant).await?;
    let hash = match method {
        Some(_) => None,
        None => Some(password_of(cloud, tenant, &row.email, &realname, request).await?),
    };
    // A link that was handed over says nothing of the address; a provider vouches for it, and without letters nobody can.
    let confirm_email = !row.sent && hash.is_some() && cloud.mailer.is_configured();
    let accepted = Accepted { realname, hash, method, validated: !confirm_email };
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    if !invitations::delete(&transaction, tenant, row.id).await? {
        return Err(invalid_link().into());
    }
    let user = match row.user_id {
        Some(id) => complete(cloud, &transaction, row, id, accepted).await?,
        None => make(cloud, &transaction, row, accepted, origin).await?,
    };
    let entry = change(row.id, &user.email, "update", None, Some(json!({"accepted_by": user.email})));
    activity::log_by_user(&transaction, &user, origin, cloud.now(), entry).await?;
    if row.user_id.is_none() {
        let entry = users::made(&user);
        activity::log_by_user(&transaction, &user, origin, cloud.now(), entry).await?;
    }
    let letter = if confirm_email {
        let token = password_reset::ticket_within(cloud, &transaction, &user, INVITED).await?;
        let url = letters::joining_link(cloud, &client.name, &token);
        letters::confirm_joining(cloud, &user.email, &client.name, &url)
    } else {
        letters::welcome(cloud, &user.email, &client.name)
    };
    transaction.commit().await?;
    letters::post(cloud, letter);
    Ok(InvitationAccepted { confirm_email })
}

/// Kind of the tickets of people whose address is to be confirmed.
pub const INVITED: &str = "invited";

/// Confirms the address of somebody who came by a link that was handed over. The password is asked for again: who reads
/// the letters must be who chose it.
///
/// # Errors
/// 400 for a link that does not work any more, 403 for another password.
pub async fn confirm(
    cloud: &Cloud,
    ticket: &entity::ticket::Model,
    user: &entity::user::Model,
    password: Option<&str>,
    origin: &Origin,
) -> Result<(), Failure> {
    let tenant = TenantId(user.client_id);
    let client = cloud.store.identify_client(user.client_id).await?.filter(|client| client.enabled);
    let client = client.ok_or_else(invalid_link)?;
    let password = password.ok_or_else(|| ApiError::invalid("password is needed", Value::Null))?;
    if !verify_password(password.to_owned(), user.password_hash.clone()).await {
        return Err(ApiError::text(StatusCode::FORBIDDEN, "Invalid password").into());
    }
    let transaction = cloud.store.begin().await?;
    if !tickets::take(&transaction, &ticket.id_mac).await? {
        return Err(invalid_link().into());
    }
    let current = stored_users::lock(&transaction, tenant, user.id).await?;
    // Nothing of what was judged may have changed while the password was hashed.
    let current = current.filter(|current| current == user).ok_or_else(invalid_link)?;
    let mut row = current.into_active_model();
    row.validated = Set(true);
    let user = sessions::update_user(&transaction, tenant, row).await?;
    let entry = Change {
        object_type: "user",
        action: "update",
        object_id: user.id.to_string(),
        object_name: user.email.clone(),
        before: Some(json!({"validated": false})),
        after: Some(json!({"validated": true})),
    };
    activity::log_by_user(&transaction, &user, origin, cloud.now(), entry).await?;
    transaction.commit().await?;
    letters::post(cloud, letters::welcome(cloud, &user.email, &client.name));
    Ok(())
}

/// The kind of single sign-on that a new user of a tenant gets instead of a password.
async fn method_of(cloud: &Cloud, tenant: TenantId) -> Result<Option<String>, Failure> {
    let enforced = super::sso::enforced(cloud, tenant).await?;
    if enforced.as_ref().is_some_and(|config| config.provisioning) {
        // Nobody but the provider makes users.
        return Err(account::managed().into());
    }
    Ok(enforced.map(|config| config.kind))
}

/// What an acceptance settles.
struct Accepted {
    realname: String,
    /// Password hash; none with single sign-on.
    hash: Option<String>,
    /// Kind of single sign-on.
    method: Option<String>,
    /// Whether the address is proven.
    validated: bool,
}

async fn password_of(
    cloud: &Cloud,
    tenant: TenantId,
    email: &str,
    realname: &str,
    request: &InvitationAccept,
) -> Result<String, Failure> {
    let password = request.password.as_deref().unwrap_or_default();
    if request.password_confirmation.as_deref().is_some_and(|again| again != password) {
        return Err(ApiError::invalid("password_confirmation differs", Value::Null).into());
    }
    let settings = Settings::of(cloud, cloud.store.reader(), tenant).await?;
    let new = NewPassword { password, email, realname, former: vec![] };
    new_password(&settings.password_policy, &new).await
}

async fn complete(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    invitation: &entity::invitation::Model,
    user_id: i64,
    accepted: Accepted,
) -> Result<entity::user::Model, Failure> {
    let tenant = TenantId(invitation.client_id);
    let user = stored_users::lock(transaction, tenant, user_id).await?;
    // Nothing of what was judged may have changed while the password was hashed.
    let same =
        |user: &entity::user::Model| waits(user, invitation) && user.permissions == invitation.permissions;
    let user = user.filter(same).ok_or_else(invalid_link)?;
    let mut row = user.into_active_model();
    row.realname = Set(accepted.realname);
    row.validated = Set(accepted.validated);
    row.password_changed = Set(if accepted.hash.is_some() { cloud.now() } else { 0 });
    row.password_hash = Set(accepted.hash);
    row.auth_method = Set(accepted.method);
    Ok(sessions::update_user(transaction, tenant, row).await?)
}

async fn make(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    row: &entity::invitation::Model,
    accepted: Accepted,
    origin: &Origin,
) -> Result<entity::user::Model, Failure> {
    quotas::admit_user(cloud, transaction, TenantId(row.client_id)).await?;
    let new = NewUser {
        client_id: row.client_id,
        email: row.email.clone(),
        realname: accepted.realname,
        permissions: strings(&row.permissions),
        password_hash: accepted.hash,
        create_by: row.create_by,
        create_from: origin.ip.to_string(),
    };
    let user = create_user(transaction, new, cloud.now()).await.map_err(|error| match error {
        StoreError::Duplicate => Failure::from(ApiError::user_exists()),
        other => other.into(),
    })?;
    let tenant = TenantId(user.client_id);
    let mut change = user.into_active_model();
    change.validated = Set(accepted.validated);
    change.auth_method = Set(accepted.method);
    Ok(sessions::update_user(transaction, tenant, change).await?)
}
