//! From a person whom an identity provider vouches for to a user of the tenant.

use bartizan_api::{Grant, Role, sso::GroupMapping};
use bartizan_store::{
    StoreError, TenantId, clients, entity,
    sea_orm::{ActiveValue::Set, IntoActiveModel},
    sessions,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{MAPPABLE, sign_in::failure_code};
use crate::{
    auth::Origin,
    failure::Failure,
    services::{
        activity::{self, Change},
        provision::{NewUser, create_user},
    },
    state::Cloud,
};

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
    let role = role_of(config, client.is_technical, identity);
    let known = cloud.store.identify_user_by_email(&identity.email).await?;
    let user = match known {
        Some(user) => check(config, user, identity)?,
        None if config.provisioning => {
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
        return Err(Refused::code("saml_auth_not_found", user.id.to_string()));
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
    let tenant = TenantId(user.client_id);
    let mut after = user.clone();
    after.sso_subject = Some(identity.subject.clone());
    after.validated = true;
    if config.provisioning {
        after.auth_method = Some(config.kind.clone());
        after.sso_managed = true;
        identity.realname.clone_into(&mut after.realname);
        if let Some(role) = role {
            after.permissions = json!(Grant::Role(role).strings());
        }
    }
    if after == user {
        return Ok(user);
    }
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let mut row = user.clone().into_active_model();
    row.sso_subject = Set(after.sso_subject);
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
