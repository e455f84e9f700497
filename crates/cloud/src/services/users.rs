//! Users: listing, creating, changing, deleting (`spec/accounts.md` section 3.3).
//!
//! A change of rights takes effect with the next request, because every request reads the row. What must not
//! outlive a change (sessions, personal tokens) ends in the same transaction.

use std::collections::HashMap;

use bartizan_api::{
    ApiError, Grant, Role,
    client::FirstAdmin,
    filter::{Condition, Family, Field, Filter, Kind, Test},
    invitation::Ttl,
    list::{ListRequest, Order, SelectRequest},
    user::{UserCreate, UserView},
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
    invitations::{self, Invited, Issued},
    letters,
    provision::{NewUser, create_user},
    quotas,
    settings::Settings,
    sso, user_profile,
    user_view::user_view,
};
use crate::{
    auth::{self, Caller, strings},
    failure::Failure,
    mail::Letter,
    state::Cloud,
};

mod password;
mod update;

pub use password::{NewPassword, new_password, remember};
pub use update::update;

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
fn parse_selection(caller: &Caller, value: &Value) -> Result<Filter, ApiError> {
    let filter = parse_filter(value)?;
    changes::about(caller, &filter, &["clientid", "client_id"]);
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
    let tenant = caller.tenant_of(auth::one_client(request.clientid, request.client_id)?)?;
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
    quotas::admit_user(cloud, &transaction, tenant).await?;
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
) -> Result<Issued, Failure> {
    let grant = grant_of(user);
    let invited = Invited {
        client,
        user_id: Some(user.id),
        email: &user.email,
        realname: &user.realname,
        grant: &grant,
        ttl: Ttl::Week,
        sent: true,
    };
    invitations::issue(cloud, transaction, caller, &invited).await
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

/// Deletes the users that the filter selects, with their sessions and personal tokens.
///
/// # Errors
/// 400 for an empty filter or a broken guard, 403 for rights.
pub async fn delete(cloud: &Cloud, caller: &Caller, request: &SelectRequest) -> Result<Vec<i64>, Failure> {
    let filter = parse_selection(caller, &request.filter)?;
    let transaction = cloud.store.begin().await?;
    let rows = users::list(&transaction, &caller.tenants, &filter, BY_ID, changes::PAGE).await?;
    changes::bounded(&rows)?;
    for row in &rows {
        caller.act_on(TenantId(row.client_id));
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

/// The rights that a user was given.
#[must_use]
pub fn grant_of(row: &entity::user::Model) -> Grant {
    Grant::parse(&strings(&row.permissions)).unwrap_or_else(|_| Grant::Custom([].into()))
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
    // What no letter can be sent to is none.
    let shaped = email.parse::<lettre::Address>().is_ok();
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
