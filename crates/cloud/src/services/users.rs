//! Users: listing, creating, changing, deleting (`spec/accounts.md` section 3.3).
//!
//! A change of rights takes effect with the next request, because every request reads the row. What must not
//! outlive a change (sessions, personal tokens) ends in the same transaction.

use std::collections::HashMap;

use bartizan_api::{
    ApiError, Grant, Role,
    client::FirstAdmin,
    filter::{Condition, Family, Field, Filter, Kind, Test},
    invitation::{InvitationLink, Ttl},
    list::{ListRequest, Order, SelectRequest},
    user::{UserCreate, UserFields, UserUpdate, UserView},
};
use bartizan_store::{
    StoreError, TenantId, Tenants, api_tokens, clients, entity, invitations as stored_invitations,
    sea_orm::{ConnectionTrait, DatabaseTransaction},
    sessions, tickets, users,
};
use serde_json::{Value, json};

use super::{
    account::managed,
    activity::{self, Change},
    changes, grants,
    invitations::{self, Invited},
    letters,
    provision::{NewUser, create_user},
    settings::Settings,
    sso, user_profile,
    user_view::user_view,
};
use crate::{
    auth::{Caller, Scheme, strings},
    failure::Failure,
    mail::Letter,
    state::Cloud,
};

mod password;

pub use password::{NewPassword, new_password, remember};

const FIELDS: &[Field] = &[
    Field::new("id", Kind::Int),
    Field::new("clientid", Kind::Int),
    Field::new("client_id", Kind::Int),
    Field::new("uuid", Kind::Text),
    Field::new("username", Kind::Text),
    Field::new("email", Kind::Text),
    Field::new("enabled", Kind::Bool),
    Field::new("permissions", Kind::Text),
    Field::new("realname", Kind::Text),
    Field::new("query", Kind::Text),
];
const ORDERS: &[&str] = &["id", "realname", "email", "last_login_time", "create_at", "enabled"];
const BY_ID: Order = Order { field: "id", descending: false };

/// Users of the tenants in reach. Without the right to see users, a caller sees itself.
///
/// # Errors
/// 400 for a filter, limit or order that is not one.
pub async fn list(cloud: &Cloud, caller: &Caller, request: &ListRequest) -> Result<Vec<UserView>, Failure> {
    let mut filter = parse_filter(&request.filter)?;
    let mut tenants = caller.tenants_with(bartizan_api::Permission::ViewUser);
    if tenants.ids().is_empty() {
        only(&mut filter, caller.user_id());
        tenants = Tenants::from(caller.tenant());
    }
    let (order, page) = (request.order(ORDERS)?, request.page(1000)?);
    let reader = cloud.store.reader();
    let rows = users::list(reader, &tenants, &filter, order, page).await?;
    views(cloud, reader, &rows).await
}

fn parse_filter(value: &Value) -> Result<Filter, ApiError> {
    let mut filter = Filter::parse(value, FIELDS, Family::Accounts)?;
    for field in ["id", "clientid", "client_id"] {
        filter.drop_zero(field);
    }
    Ok(filter)
}

/// The filter of a change, which must name its rows.
fn parse_selection(value: &Value) -> Result<Filter, ApiError> {
    let filter = parse_filter(value)?;
    filter.require_selective(&["clientid", "client_id"])?;
    Ok(filter)
}

/// Adds `id = user` to every alternative.
fn only(filter: &mut Filter, user: i64) {
    if filter.clauses.is_empty() {
        filter.clauses.push(vec![]);
    }
    for clause in &mut filter.clauses {
        clause.push(Condition { field: "id", negated: false, test: Test::Ints(vec![user], vec![]) });
    }
}

async fn views<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    rows: &[entity::user::Model],
) -> Result<Vec<UserView>, Failure> {
    let tenants = Tenants::new(rows.iter().map(|row| TenantId(row.client_id)).collect());
    let names: HashMap<i64, String> = clients::of_ids(connection, &tenants)
        .await?
        .into_iter()
        .map(|client| (client.id, client.name))
        .collect();
    let name = |row: &entity::user::Model| names.get(&row.client_id).map_or("", String::as_str);
    Ok(rows.iter().map(|row| user_view(cloud, row, name(row))).collect())
}

/// Creates a user: with a password ready to work, without one invited.
///
/// # Errors
/// 403 for rights above the caller's or a foreign tenant, 400 for invalid fields, 409 for a taken address.
pub async fn create(cloud: &Cloud, caller: &Caller, request: UserCreate) -> Result<UserView, Failure> {
    let tenant = caller.tenant_of(request.clientid.or(request.client_id))?;
    let client = cloud.store.identify_client(tenant.0).await?.ok_or_else(ApiError::access_denied)?;
    let grant = grants::parse(&request.permissions)?;
    grants::may_grant(caller, &grant, &client)?;
    let email = valid_email(&request.email)?;
    if request.username.as_deref().is_some_and(|name| !name.is_empty() && name.trim().to_lowercase() != email)
    {
        return Err(ApiError::invalid("username must equal email", request.username).into());
    }
    let realname = valid_name(&request.realname)?;
    let provider = sso::enforced(cloud, tenant).await?;
    if provider.as_ref().is_some_and(|config| config.provisioning) {
        return Err(managed().into());
    }
    let password_hash = match given(request.password.as_ref()).filter(|_| provider.is_none()) {
        Some(password) => {
            let settings = Settings::of(cloud, cloud.store.reader(), tenant).await?;
            let new = NewPassword { password, email: &email, realname: &realname, former: vec![] };
            Some(new_password(&settings.password_policy, &new).await?)
        }
        None => None,
    };
    // Under strict single sign-on the user is ready as it is.
    let invited = password_hash.is_none() && provider.is_none();
    if invited {
        letters::allow(cloud, tenant, 1)?;
    }
    let new = NewUser {
        client_id: client.id,
        email,
        realname,
        permissions: grant.strings(),
        password_hash,
        create_by: caller.user_id(),
        create_from: caller.ip.to_string(),
    };
    let transaction = cloud.store.begin().await?;
    let mut row = create_user(&transaction, new, cloud.now()).await.map_err(duplicate)?;
    let plain = row.clone();
    user_profile::apply(&mut row, &request.profile)?;
    row.enabled = request.enabled.unwrap_or(true);
    if let Some(config) = provider {
        row.auth_method = Some(config.kind);
        row.validated = true;
    }
    if row != plain {
        row = write(&transaction, &caller.tenants, &plain, row).await?;
    }
    let entry = made(&row);
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    let link = match invited {
        true => Some(invite(cloud, &transaction, caller, &client, &row).await?),
        false => None,
    };
    transaction.commit().await?;
    if let Some(link) = link {
        letters::post(cloud, letters::invitation(cloud, &row.email, &client.name, &link.url));
    }
    Ok(user_view(cloud, &row, &client.name))
}

/// Makes the first administrator of a tenant that is being created. The letter is for after the commit.
///
/// # Errors
/// 400 for invalid fields, 409 for a taken address.
pub async fn create_first(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    caller: &Caller,
    client: &entity::client::Model,
    admin: &FirstAdmin,
) -> Result<Letter, Failure> {
    let new = NewUser {
        client_id: client.id,
        email: valid_email(&admin.email)?,
        realname: valid_name(&admin.realname)?,
        permissions: Grant::Role(Role::Admin).strings(),
        password_hash: None,
        create_by: caller.user_id(),
        create_from: caller.ip.to_string(),
    };
    let row = create_user(transaction, new, cloud.now()).await.map_err(duplicate)?;
    let entry = made(&row);
    activity::log(transaction, caller, TenantId(client.id), cloud.now(), entry).await?;
    let link = invite(cloud, transaction, caller, client, &row).await?;
    Ok(letters::invitation(cloud, &row.email, &client.name, &link.url))
}

/// Invites a user who was created without a password.
async fn invite(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    caller: &Caller,
    client: &entity::client::Model,
    user: &entity::user::Model,
) -> Result<InvitationLink, Failure> {
    let grant = grant_of(user);
    let invited = Invited {
        client,
        user_id: Some(user.id),
        email: &user.email,
        realname: &user.realname,
        grant: &grant,
        ttl: Ttl::Week,
    };
    invitations::issue(cloud, transaction, caller, &invited).await
}

/// Changes the users that the filter selects, all or none.
///
/// # Errors
/// 400 for an empty filter, invalid fields or a broken guard, 403 for rights, 409 for a taken address.
pub async fn update(cloud: &Cloud, caller: &Caller, request: UserUpdate) -> Result<Vec<UserView>, Failure> {
    let filter = parse_selection(&request.filter)?;
    let fields = request.fields.unwrap_or_default();
    let moved = match fields.clientid.filter(|id| *id != 0) {
        Some(id) => Some(destination(cloud, caller, id).await?),
        None => None,
    };
    let rows = users::list(cloud.store.reader(), &caller.tenants, &filter, BY_ID, changes::PAGE).await?;
    if given(fields.password.as_ref()).is_some() && rows.len() > 1 {
        // Policies and former passwords differ, and nobody should share one.
        return Err(ApiError::invalid("a password can be set for one user at a time", rows.len()).into());
    }
    // Hashing takes time: before the transaction, which would hold up every other writer.
    let password_hash = match (given(fields.password.as_ref()), rows.first()) {
        (Some(_), Some(row)) if row.auth_method.is_some() => return Err(managed().into()),
        (Some(password), Some(row)) => {
            let tenant = TenantId(row.client_id);
            let settings = Settings::of(cloud, cloud.store.reader(), tenant).await?;
            Some(new_password(&settings.password_policy, &NewPassword::of(row, password)).await?)
        }
        _ => None,
    };
    let transaction = cloud.store.begin().await?;
    let rows = users::list(&transaction, &caller.tenants, &filter, BY_ID, changes::PAGE).await?;
    changes::bounded(&rows)?;
    let mut changed = Vec::with_capacity(rows.len());
    for row in rows {
        let plan = Plan { fields: &fields, password_hash: password_hash.as_deref(), moved: moved.as_ref() };
        changed.extend(update_one(cloud, caller, &transaction, &row, &plan).await?);
    }
    let views = views(cloud, &transaction, &changed).await?;
    transaction.commit().await?;
    Ok(views)
}

/// What an update does to each of its users.
struct Plan<'a> {
    fields: &'a UserFields,
    password_hash: Option<&'a str>,
    moved: Option<&'a entity::client::Model>,
}

/// The tenant that users are moved to: within reach of a caller that administers tenants.
async fn destination(cloud: &Cloud, caller: &Caller, id: i64) -> Result<entity::client::Model, Failure> {
    let tenant = caller.tenant_of(Some(id))?;
    Ok(cloud.store.identify_client(tenant.0).await?.ok_or_else(ApiError::access_denied)?)
}

/// None when the user is gone meanwhile.
async fn update_one(
    cloud: &Cloud,
    caller: &Caller,
    transaction: &DatabaseTransaction,
    listed: &entity::user::Model,
    plan: &Plan<'_>,
) -> Result<Option<entity::user::Model>, Failure> {
    let tenant = TenantId(listed.client_id);
    let client = clients::lock(transaction, tenant).await?.ok_or_else(ApiError::access_denied)?;
    // Judged as it is now: another administrator may have changed it since it was listed.
    let Some(before) = users::lock(transaction, tenant, listed.id).await? else { return Ok(None) };
    grants::may_manage(caller, &grant_of(&before))?;
    let vouched = enables_only(plan.fields) && before.sso_disabled_by.is_none();
    if before.sso_managed && decides_access(plan.fields) && !vouched {
        return Err(managed().into());
    }
    let mut after = before.clone();
    apply(caller, &mut after, plan, &client, cloud.now())?;
    let (own, moved) = (before.id == caller.user_id(), after.client_id != before.client_id);
    if moved {
        enter(cloud, &mut after).await?;
    }
    if before.is_fallback && (moved || !after.enabled || !grants::is_administrator(&grant_of(&after))) {
        return Err(fallback().into());
    }
    if own && loses_rights(&before, &after) {
        return Err(own_access().into());
    }
    if loses_rights(&before, &after) {
        keep_administrator(transaction, tenant, &before, &after).await?;
    }
    let password_set = plan.password_hash.is_some();
    if moved {
        api_tokens::delete_of_user(transaction, tenant, before.id).await?;
    } else if before.enabled && !after.enabled {
        api_tokens::disable_of_user(transaction, tenant, before.id, cloud.now()).await?;
    }
    if moved || !after.enabled || password_set {
        sessions::delete_of_user(transaction, tenant, before.id, own_session(caller, own)).await?;
    }
    if moved || password_set || after.email != before.email {
        end_links(transaction, tenant, before.id).await?;
    }
    let after = write(transaction, &caller.tenants, &before, after).await?;
    let entry = change(&after, "update", Some(state(&before)), Some(state(&after)));
    activity::log(transaction, caller, tenant, cloud.now(), entry).await?;
    Ok(Some(after))
}

/// What single sign-on of the tenant that a user comes to means for it; that of the one before counts no more.
async fn enter(cloud: &Cloud, user: &mut entity::user::Model) -> Result<(), Failure> {
    let provider = sso::enforced(cloud, TenantId(user.client_id)).await?;
    if provider.as_ref().is_some_and(|config| config.provisioning) {
        return Err(managed().into());
    }
    user.auth_method = provider.map(|config| config.kind);
    (user.sso_subject, user.sso_groups, user.api_access) = (None, None, false);
    if user.auth_method.is_some() {
        (user.secret_mac, user.secret_created_at, user.secret_last_used_at) = (None, None, None);
    }
    Ok(())
}

/// Without the fallback account nobody gets in when the identity provider fails.
fn fallback() -> ApiError {
    ApiError::text(axum::http::StatusCode::BAD_REQUEST, "fallback account of single sign-on")
}

/// Ends every link and half-made sign-in of a user: they went to an address, or proved a password, that counts no
/// more.
pub(super) async fn end_links<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    user: i64,
) -> Result<(), Failure> {
    tickets::revoke_of_user(connection, user).await?;
    Ok(stored_invitations::delete_of_user(connection, tenant, user).await?)
}

/// Whether nothing but enabling is asked for: an administrator may vouch for somebody who did not sign in for long.
fn enables_only(fields: &UserFields) -> bool {
    fields.enabled == Some(true) && !decides_identity(fields)
}

/// What the identity provider decides about the users it manages.
fn decides_access(fields: &UserFields) -> bool {
    fields.enabled.is_some() || decides_identity(fields)
}

/// Who a user is, and what for.
fn decides_identity(fields: &UserFields) -> bool {
    let given = |text: Option<&String>| given(text).is_some();
    fields.permissions.is_some()
        || fields.clientid.is_some_and(|id| id != 0)
        || given(fields.email.as_ref())
        || given(fields.password.as_ref())
}

/// Writes the fields into the row, checking each.
fn apply(
    caller: &Caller,
    row: &mut entity::user::Model,
    plan: &Plan<'_>,
    client: &entity::client::Model,
    now: i64,
) -> Result<(), ApiError> {
    let fields = plan.fields;
    if let Some(email) = given(fields.email.as_ref()) {
        row.email = valid_email(email)?;
    }
    if let Some(realname) = given(fields.realname.as_ref()) {
        row.realname = valid_name(realname)?;
    }
    let home = plan.moved.unwrap_or(client);
    if home.id != row.client_id {
        caller.require(bartizan_api::Permission::CreateTenant)?;
        row.client_id = home.id;
        // With the tokens: the pair and its token form were for the other tenant.
        row.secret_mac = None;
        row.secret_created_at = None;
        row.secret_last_used_at = None;
    }
    if let Some(permissions) = &fields.permissions {
        row.permissions = json!(grants::parse(permissions)?.strings());
    }
    if plan.moved.is_some() || fields.permissions.is_some() {
        grants::may_grant(caller, &grant_of(row), home)?;
    }
    if let Some(enabled) = fields.enabled {
        if enabled && !row.enabled && row.sso_managed {
            row.sso_seen_at = Some(now);
        }
        row.enabled = enabled;
    }
    user_profile::apply(row, &fields.profile)?;
    if let Some(hash) = plan.password_hash {
        if row.auth_method.is_some() {
            return Err(managed());
        }
        row.password_history = remember(row);
        row.password_hash = Some(hash.to_owned());
        row.password_changed = now;
        row.validated = true;
        if let Some(profile) = row.profile.as_object_mut() {
            // Only somebody else's choice of a password is temporary.
            profile.insert("must_change_password".to_owned(), json!(row.id != caller.user_id()));
        }
    }
    Ok(())
}

/// Deletes the users that the filter selects, with their sessions and personal tokens.
///
/// # Errors
/// 400 for an empty filter or a broken guard, 403 for rights.
pub async fn delete(cloud: &Cloud, caller: &Caller, request: &SelectRequest) -> Result<Vec<i64>, Failure> {
    let filter = parse_selection(&request.filter)?;
    let transaction = cloud.store.begin().await?;
    let rows = users::list(&transaction, &caller.tenants, &filter, BY_ID, changes::PAGE).await?;
    changes::bounded(&rows)?;
    for row in &rows {
        if row.id == caller.user_id() {
            return Err(own_access().into());
        }
        grants::may_manage(caller, &grant_of(row))?;
        if row.sso_managed {
            return Err(managed().into());
        }
        if row.is_fallback {
            return Err(fallback().into());
        }
        let tenant = TenantId(row.client_id);
        stored_invitations::delete_of_user(&transaction, tenant, row.id).await?;
        clients::lock(&transaction, tenant).await?;
        let gone = entity::user::Model { enabled: false, ..row.clone() };
        keep_administrator(&transaction, tenant, row, &gone).await?;
        sessions::delete_of_user(&transaction, tenant, row.id, None).await?;
        api_tokens::delete_of_user(&transaction, tenant, row.id).await?;
        users::delete(&transaction, tenant, row.id).await?;
        let entry = change(row, "delete", Some(state(row)), None);
        activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    }
    transaction.commit().await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

async fn write(
    transaction: &DatabaseTransaction,
    tenants: &Tenants,
    before: &entity::user::Model,
    after: entity::user::Model,
) -> Result<entity::user::Model, Failure> {
    users::update(transaction, tenants, before, after).await.map_err(duplicate)
}

fn duplicate(error: StoreError) -> Failure {
    match error {
        StoreError::Duplicate => ApiError::user_exists().into(),
        other => other.into(),
    }
}

/// An account cannot take away its own access by mistake.
fn own_access() -> ApiError {
    ApiError::text(axum::http::StatusCode::BAD_REQUEST, "cannot change own access")
}

fn own_session(caller: &Caller, own: bool) -> Option<&str> {
    match &caller.scheme {
        Scheme::Session { id_mac, .. } if own => Some(id_mac),
        _ => None,
    }
}

/// The rights that a user was given.
#[must_use]
pub fn grant_of(row: &entity::user::Model) -> Grant {
    Grant::parse(&strings(&row.permissions)).unwrap_or_else(|_| Grant::Custom([].into()))
}

fn loses_rights(before: &entity::user::Model, after: &entity::user::Model) -> bool {
    let narrower = !grant_of(before).permissions().is_subset(&grant_of(after).permissions());
    narrower || (before.enabled && !after.enabled) || before.client_id != after.client_id
}

/// Refuses a change after which nobody could administer the tenant.
async fn keep_administrator<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    before: &entity::user::Model,
    after: &entity::user::Model,
) -> Result<(), Failure> {
    let administers = |user: &entity::user::Model| {
        user.enabled && user.client_id == tenant.0 && grants::is_administrator(&grant_of(user))
    };
    if !administers(before) || administers(after) {
        return Ok(());
    }
    let others = users::of_tenant(connection, tenant).await?;
    if others.iter().any(|user| user.id != before.id && administers(user)) {
        Ok(())
    } else {
        Err(ApiError::text(axum::http::StatusCode::BAD_REQUEST, "last administrator").into())
    }
}

/// Go clients send empty texts for what they do not set.
fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

/// An address, lower case.
///
/// # Errors
/// 400 when it is none.
pub fn valid_email(text: &str) -> Result<String, ApiError> {
    let email = text.trim().to_lowercase();
    let shaped = email
        .split_once('@')
        .is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty() && !domain.contains('@'));
    if shaped && email.len() <= 254 && !email.chars().any(|c| c.is_whitespace() || c.is_control()) {
        Ok(email)
    } else {
        Err(ApiError::invalid("invalid email", text))
    }
}

/// A name, trimmed.
///
/// # Errors
/// 400 when it is empty or too long.
pub fn valid_name(text: &str) -> Result<String, ApiError> {
    let name = text.trim();
    if (1..=255).contains(&name.chars().count()) {
        Ok(name.to_owned())
    } else {
        Err(ApiError::invalid("realname must have 1 to 255 characters", text))
    }
}

/// The entry of a user who was made.
#[must_use]
pub fn made(row: &entity::user::Model) -> Change<'static> {
    change(row, "create", None, Some(state(row)))
}

fn change(
    row: &entity::user::Model,
    action: &'static str,
    before: Option<Value>,
    after: Option<Value>,
) -> Change<'static> {
    Change {
        object_type: "user",
        action,
        object_id: row.id.to_string(),
        object_name: row.email.clone(),
        before,
        after,
    }
}

/// What the activity log keeps of a user: no secret, no hash.
fn state(row: &entity::user::Model) -> Value {
    let mut state = json!({
        "email": row.email, "realname": row.realname, "permissions": row.permissions, "enabled": row.enabled,
        "client_id": row.client_id, "phone": row.phone, "job_title": row.job_title,
        "password_changed": row.password_changed, "validated": row.validated,
    });
    if let (Some(state), Some(profile)) = (state.as_object_mut(), row.profile.as_object()) {
        state.extend(profile.iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    state
}
