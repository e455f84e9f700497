//! From a person whom an identity provider vouches for to a user of the tenant.

use axum::http::StatusCode;
use bartizan_api::{Grant, Role, sso::GroupMapping};
use bartizan_store::{
    StoreError, TenantId, entity, scim,
    sea_orm::{ActiveValue::Set, DatabaseTransaction, IntoActiveModel},
    sessions, sso, users,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    MAPPABLE, domains,
    groups::{self, Account},
    sign_in::{failure_code, still_in_force},
};
use crate::{
    auth::Origin,
    failure::Failure,
    services::{
        activity::{self, Change},
        provision::{NewUser, create_user},
        quotas,
    },
    state::Cloud,
};

/// Code of what is not set up.
const NOT_FOUND: &str = "saml_auth_not_found";
/// Characters of a detail.
const MAX_DETAIL: usize = 300;

/// Who the identity provider says it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Issuer and subject: what never changes about the person.
    pub subject: String,
    /// Address, lower case, confirmed by the provider.
    pub email: String,
    /// Name.
    pub realname: String,
    /// Groups.
    pub groups: Vec<String>,
    /// Roles that the provider gives by name, without a group.
    pub roles: Vec<String>,
}

/// Why a person gets no session. The code is shown; details are for the log.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// A code of `spec/accounts.md` section 6.5.
    #[error("{0}")]
    Code(&'static str, String),
    /// Single sign-on is not switched on for a user.
    #[error("single sign-on is not switched on for user {0}")]
    NotForUser(i64),
    /// A client has none in force.
    #[error("client {0} has no single sign-on in force")]
    NotForClient(i64),
    /// The cloud failed.
    #[error("internal error")]
    Failure(Failure),
}

impl<E: Into<Failure>> From<E> for Refused {
    fn from(error: E) -> Refused {
        Refused::Failure(error.into())
    }
}

impl Refused {
    /// A refusal with a detail for the log.
    pub fn code(code: &'static str, detail: impl Into<String>) -> Refused {
        // What a stranger sends is repeated in it.
        Refused::Code(code, detail.into().chars().take(MAX_DETAIL).collect())
    }

    /// The code for people and the detail for the log.
    ///
    /// # Errors
    /// The failure of the cloud, when it is one.
    pub fn told(&self) -> Result<(&'static str, String), Failure> {
        match self {
            Refused::Code(code, detail) => Ok((code, detail.clone())),
            Refused::NotForUser(_) | Refused::NotForClient(_) => Ok((NOT_FOUND, self.to_string())),
            Refused::Failure(failure) => Err(Failure(failure.0.clone())),
        }
    }
}

/// The widest role that the groups give, or the provider by its name.
#[must_use]
pub fn role_of(config: &entity::sso_config::Model, technical: bool, identity: &Identity) -> Option<Role> {
    let mapping: Vec<GroupMapping> = serde_json::from_value(config.role_mapping.clone()).unwrap_or_default();
    let mapped =
        |entry: &GroupMapping| identity.groups.iter().any(|group| group.eq_ignore_ascii_case(&entry.group));
    let named = config.settings.get("named_roles").map(crate::auth::strings).unwrap_or_default();
    let given = |role: &Role| {
        let code = role.code();
        identity.roles.iter().any(|role| role == code) && named.iter().any(|role| role == code)
            || mapping.iter().any(|entry| entry.role == code && mapped(entry))
    };
    MAPPABLE.iter().copied().filter(|role| technical || !role.is_global()).find(given)
}

/// The role that a person gets in a tenant: by the groups that lead into several tenants where these decide, else by
/// the mapping.
///
/// # Errors
/// 500 when the store fails.
pub async fn given_role(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    client: &entity::client::Model,
    identity: &Identity,
) -> Result<Option<Role>, Failure> {
    if !config.tenant_permissions || !client.is_technical {
        return Ok(role_of(config, client.is_technical, identity));
    }
    let technical = TenantId(client.id);
    let linked = crate::auth::linked_tenants(cloud, client).await?;
    let groups = sso::groups(cloud.store.reader(), technical).await?;
    let account = Account { technical, linked: &linked };
    Ok(groups::reach(config, &groups, &groups::held(identity), &account).widest())
}

/// A person with the groups that the provider pushed besides those that it told now.
async fn with_pushed(
    cloud: &Cloud,
    known: Option<&entity::user::Model>,
    identity: &Identity,
) -> Result<Identity, Failure> {
    let mut identity = identity.clone();
    if let Some(user) = known {
        let pushed = scim::groups_of_user(cloud.store.reader(), TenantId(user.client_id), user.id).await?;
        identity.groups.extend(pushed.into_iter().map(|group| group.name));
    }
    Ok(identity)
}

/// The user that a person is in a tenant: found, or under provisioning made and kept up to date.
///
/// # Errors
/// [`Refused`].
pub async fn admit(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    client: &entity::client::Model,
    identity: &Identity,
    origin: &Origin,
) -> Result<entity::user::Model, Refused> {
    let known = cloud.store.identify_user_by_email(&identity.email).await?;
    let role =
        given_role(cloud, config, client, &with_pushed(cloud, known.as_ref(), identity).await?).await?;
    let user = match known {
        Some(user) => check(config, user, identity)?,
        None if config.provisioning => {
            if !domains::may_provision(cloud, config, client, &identity.email).await? {
                return Err(Refused::code(
                    "user_not_found",
                    "the domain of the address is not this client's",
                ));
            }
            let role = role.ok_or_else(|| Refused::code("role_not_mapped", identity.groups.join(", ")))?;
            return make(cloud, config, client, identity, role, origin).await;
        }
        None => return Err(Refused::code("user_not_found", identity.email.clone())),
    };
    if config.provisioning && role.is_none() {
        return Err(Refused::code("role_not_mapped", identity.groups.join(", ")));
    }
    bring_up_to_date(cloud, config, user, identity, role, origin).await
}

fn check(
    config: &entity::sso_config::Model,
    user: entity::user::Model,
    identity: &Identity,
) -> Result<entity::user::Model, Refused> {
    if user.client_id != config.client_id || user.is_fallback {
        return Err(Refused::code("user_not_found", "the address belongs to another account"));
    }
    if !user.enabled {
        return Err(Refused::code("user_disabled", user.email));
    }
    if user.sso_subject.as_ref().is_some_and(|subject| *subject != identity.subject) {
        // The address was given to another person at the provider.
        return Err(Refused::code(failure_code(&config.kind), "another subject has this address"));
    }
    if !config.provisioning && user.auth_method.as_deref() != Some(config.kind.as_str()) {
        return Err(Refused::NotForUser(user.id));
    }
    Ok(user)
}

async fn make(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    client: &entity::client::Model,
    identity: &Identity,
    role: Role,
    origin: &Origin,
) -> Result<entity::user::Model, Refused> {
    let new = NewUser {
        client_id: client.id,
        email: identity.email.clone(),
        realname: identity.realname.clone(),
        permissions: Grant::Role(role).strings(),
        password_hash: None,
        create_by: 0,
        create_from: origin.ip.to_string(),
    };
    let transaction = cloud.store.begin().await?;
    in_force(&transaction, config).await?;
    if let Err(failure) = quotas::admit_user(cloud, &transaction, TenantId(client.id)).await {
        return Err(match failure.0.status {
            StatusCode::PAYMENT_REQUIRED => {
                Refused::code("user_not_found", "the client has as many users as it may")
            }
            _ => Refused::Failure(failure),
        });
    }
    let user = create_user(&transaction, new, cloud.now()).await.map_err(|error| match error {
        StoreError::Duplicate => Refused::code("user_not_found", "the address was taken meanwhile"),
        other => Refused::Failure(other.into()),
    })?;
    let tenant = TenantId(client.id);
    let mut row = user.into_active_model();
    row.validated = Set(true);
    row.auth_method = Set(Some(config.kind.clone()));
    row.sso_managed = Set(true);
    row.sso_subject = Set(Some(identity.subject.clone()));
    row.sso_groups = Set(Some(json!(groups::held(identity))));
    let user = sessions::update_user(&transaction, tenant, row).await?;
    let after = json!({"email": user.email, "permissions": user.permissions, "by": config.kind});
    let entry = change(&user, "create", None, after);
    activity::log_by_user(&transaction, &user, origin, cloud.now(), entry).await?;
    transaction.commit().await?;
    Ok(user)
}

async fn bring_up_to_date(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    user: entity::user::Model,
    identity: &Identity,
    role: Option<Role>,
    origin: &Origin,
) -> Result<entity::user::Model, Refused> {
    if told(config, &user, identity, role) == user {
        return Ok(user);
    }
    let tenant = TenantId(user.client_id);
    let transaction = cloud.store.begin().await?;
    in_force(&transaction, config).await?;
    // Judged as it is now: an administrator may have changed it since it was read.
    let current = users::lock(&transaction, tenant, user.id).await?;
    let user = check(config, current.ok_or_else(|| Refused::code("user_not_found", user.email))?, identity)?;
    let after = told(config, &user, identity, role);
    let mut row = user.clone().into_active_model();
    row.sso_subject = Set(after.sso_subject);
    row.sso_groups = Set(after.sso_groups);
    row.validated = Set(after.validated);
    row.auth_method = Set(after.auth_method);
    row.sso_managed = Set(after.sso_managed);
    row.realname = Set(after.realname);
    row.permissions = Set(after.permissions);
    let changed = sessions::update_user(&transaction, tenant, row).await?;
    let state =
        |user: &entity::user::Model| json!({"realname": user.realname, "permissions": user.permissions});
    if state(&user) != state(&changed) {
        let entry = change(&changed, "update", Some(state(&user)), state(&changed));
        activity::log_by_user(&transaction, &changed, origin, cloud.now(), entry).await?;
    }
    transaction.commit().await?;
    Ok(changed)
}

/// A user as the provider tells of it.
fn told(
    config: &entity::sso_config::Model,
    user: &entity::user::Model,
    identity: &Identity,
    role: Option<Role>,
) -> entity::user::Model {
    let mut after = user.clone();
    after.sso_subject = Some(identity.subject.clone());
    after.sso_groups = Some(json!(groups::held(identity)));
    after.validated = true;
    if config.provisioning {
        after.auth_method = Some(config.kind.clone());
        after.sso_managed = true;
        identity.realname.clone_into(&mut after.realname);
        if let Some(role) = role {
            after.permissions = json!(Grant::Role(role).strings());
        }
    }
    after
}

/// Refuses what a provider vouches for that is out of force by now.
async fn in_force(
    transaction: &DatabaseTransaction,
    config: &entity::sso_config::Model,
) -> Result<(), Refused> {
    still_in_force(transaction, config).await.map_err(|failure| meanwhile(config, failure))
}

/// The refusal when what vouches for somebody was found out of force at the last moment.
pub(super) fn meanwhile(config: &entity::sso_config::Model, failure: Failure) -> Refused {
    if failure.0.status == StatusCode::UNAUTHORIZED {
        Refused::code(failure_code(&config.kind), "single sign-on was changed meanwhile")
    } else {
        Refused::Failure(failure)
    }
}

fn change(
    user: &entity::user::Model,
    action: &'static str,
    before: Option<serde_json::Value>,
    after: serde_json::Value,
) -> Change<'static> {
    Change {
        object_type: "user",
        action,
        object_id: user.id.to_string(),
        object_name: user.email.clone(),
        before,
        after: Some(after),
    }
}
