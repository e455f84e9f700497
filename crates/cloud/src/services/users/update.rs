//! Changing users: what may be changed, and what must not outlive it.

use std::collections::BTreeSet;

use bartizan_api::{
    ApiError,
    user::{UserFields, UserUpdate, UserView},
};
use bartizan_store::{TenantId, api_tokens, clients, entity, sea_orm::DatabaseTransaction, sessions, users};
use serde_json::json;

use super::{
    BY_ID, NewPassword, change, end_links, fallback, given, grant_of, keep_administrator, new_password,
    own_access, parse_selection, remember, state, valid_email, valid_name, views, write,
};
use crate::{
    auth::{Caller, Scheme},
    failure::Failure,
    services::{account::managed, activity, changes, grants, quotas, settings::Settings, sso, user_profile},
    state::Cloud,
};

/// Changes the users that the filter selects, all or none.
///
/// # Errors
/// 400 for an empty filter, invalid fields or a broken guard, 403 for rights, 409 for a taken address.
pub async fn update(cloud: &Cloud, caller: &Caller, request: UserUpdate) -> Result<Vec<UserView>, Failure> {
    let filter = parse_selection(caller, &request.filter)?;
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
    lock_homes(&transaction, &rows, moved.as_ref()).await?;
    let mut changed = Vec::with_capacity(rows.len());
    for row in rows {
        let plan = Plan { fields: &fields, password_hash: password_hash.as_deref(), moved: moved.as_ref() };
        changed.extend(update_one(cloud, caller, &transaction, &row, &plan).await?);
    }
    let views = views(cloud, &transaction, &changed).await?;
    transaction.commit().await?;
    Ok(views)
}

/// Locks the clients that users belong to and the one that they are moved to, in the order of their ids: of two changes
/// that move users between the same clients, neither waits for what the other holds.
async fn lock_homes(
    transaction: &DatabaseTransaction,
    rows: &[entity::user::Model],
    moved: Option<&entity::client::Model>,
) -> Result<(), Failure> {
    let homes = rows.iter().map(|row| row.client_id).chain(moved.map(|client| client.id));
    for id in homes.collect::<BTreeSet<_>>() {
        clients::lock(transaction, TenantId(id)).await?;
    }
    Ok(())
}

/// What an update does to each of its users.
struct Plan<'a> {
    fields: &'a UserFields,
    password_hash: Option<&'a str>,
    moved: Option<&'a entity::client::Model>,
}

/// The tenant that users are moved to: within reach of a caller that administers tenants.
async fn destination(cloud: &Cloud, caller: &Caller, id: i64) -> Result<entity::client::Model, Failure> {
    // The change is about the clients that the users belong to.
    let tenant = TenantId(id);
    if !caller.tenants.contains(tenant) {
        return Err(ApiError::access_denied().into());
    }
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
    caller.act_on(tenant);
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
        quotas::admit_user(cloud, transaction, TenantId(after.client_id)).await?;
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
        user.forget_secret();
    }
    Ok(())
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
        row.forget_secret();
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

fn own_session(caller: &Caller, own: bool) -> Option<&str> {
    match &caller.scheme {
        Scheme::Session { id_mac, .. } if own => Some(id_mac),
        _ => None,
    }
}

fn loses_rights(before: &entity::user::Model, after: &entity::user::Model) -> bool {
    let narrower = !grant_of(before).permissions().is_subset(&grant_of(after).permissions());
    narrower || (before.enabled && !after.enabled) || before.client_id != after.client_id
}
