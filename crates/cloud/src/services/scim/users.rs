//! Users as the identity provider pushes them.

use bartizan_api::{
    Grant, Role,
    scim::{ScimEmail, ScimList, ScimListQuery, ScimName, ScimReference, ScimUser, USER},
};
use bartizan_store::{
    StoreError, TenantId, api_tokens, clients, entity, invitations as stored_invitations,
    scim::{self, Asked},
    sea_orm::{ActiveValue::Set, ConnectionTrait, DatabaseTransaction, IntoActiveModel},
    sessions, tickets, users,
};
use serde_json::{Value, json};

use super::{
    BY, Provider, Refusal,
    attributes::{Attributes, Operation, Verb, operations, text, truth},
    filter, id_of, listed, location, meta, slice,
};
use crate::{
    services::{
        activity::{self, Change},
        provision::{NewUser, create_user},
        quotas,
        sso::{admission, asserted_email, deprovisioning, domains, groups},
    },
    state::Cloud,
};

/// Kind of the resource.
const KIND: &str = "User";

/// What a request says about a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Wanted {
    email: Option<String>,
    realname: Option<String>,
    external_id: Option<Option<String>>,
    active: Option<bool>,
    given_name: Option<String>,
    family_name: Option<String>,
}

impl Wanted {
    /// Takes an attribute; those that are not kept here are passed over, as providers send many.
    fn take(&mut self, name: &str, value: &Value) -> Result<(), Refusal> {
        match name.to_ascii_lowercase().as_str() {
            "username" => self.email = Some(address(value)?),
            "displayname" | "name.formatted" => self.realname = Some(text(name, value)?),
            "name.givenname" => self.given_name = Some(text(name, value)?),
            "name.familyname" => self.family_name = Some(text(name, value)?),
            "name" => {
                for (part, value) in Attributes::of(value)?.iter().filter(|(_, value)| !value.is_null()) {
                    self.take(&format!("name.{part}"), value)?;
                }
            }
            "externalid" => self.external_id = Some(Some(text(name, value)?)),
            "active" => self.active = Some(truth(name, value)?),
            _ => {}
        }
        Ok(())
    }

    /// The name of a person, if it is said; of one that is known, parts replace parts.
    fn name(&self, known: Option<&str>) -> Option<String> {
        let (given, family) = (self.given_name.as_deref(), self.family_name.as_deref());
        if given.is_none() && family.is_none() {
            return self.realname.clone();
        }
        if self.realname.is_some() {
            return self.realname.clone();
        }
        let (before, behind) = parts(known.unwrap_or_default());
        let joined = format!("{} {}", given.unwrap_or(before), family.unwrap_or(behind));
        Some(joined.trim().chars().take(255).collect())
    }

    /// What a whole user says.
    fn whole(body: &Value) -> Result<Wanted, Refusal> {
        let mut wanted = Wanted::default();
        for (name, value) in Attributes::of(body)?.iter().filter(|(_, value)| !value.is_null()) {
            wanted.take(name, value)?;
        }
        if wanted.email.is_none() {
            return Err(Refusal::invalid("invalidValue", "userName is needed"));
        }
        // What is left out is what it is without being said (RFC 7644 section 3.5.1).
        wanted.external_id = wanted.external_id.or(Some(None));
        wanted.active = wanted.active.or(Some(true));
        Ok(wanted)
    }

    /// What a change says.
    fn change(body: &Value) -> Result<Wanted, Refusal> {
        let mut wanted = Wanted::default();
        for operation in operations(body)? {
            wanted.operate(&operation)?;
        }
        Ok(wanted)
    }

    fn operate(&mut self, operation: &Operation<'_>) -> Result<(), Refusal> {
        match (operation.verb, operation.path, operation.value) {
            (Verb::Remove, Some(path), _) if path.eq_ignore_ascii_case("externalId") => {
                self.external_id = Some(None);
            }
            (Verb::Remove, Some(path), _) => {
                let needed = ["userName", "active", "displayName", "name"];
                if needed.iter().any(|name| path.eq_ignore_ascii_case(name)) {
                    return Err(Refusal::invalid("mutability", format!("{path} cannot be removed")));
                }
            }
            (Verb::Remove, None, _) => return Err(Refusal::invalid("noTarget", "remove needs a path")),
            (_, _, None) => return Err(Refusal::invalid("invalidValue", "value is needed")),
            (_, Some(path), Some(value)) => self.take(path, value)?,
            (_, None, Some(value)) => {
                for (name, value) in Attributes::of(value)?.iter() {
                    self.take(name, value)?;
                }
            }
        }
        Ok(())
    }
}

fn address(value: &Value) -> Result<String, Refusal> {
    let email = value.as_str().and_then(|text| asserted_email(text.trim()));
    email.ok_or_else(|| Refusal::invalid("invalidValue", "userName must be an e-mail address"))
}

fn parts(name: &str) -> (&str, &str) {
    name.split_once(' ').unwrap_or((name, ""))
}

/// Some of the users.
///
/// # Errors
/// 400 for a filter that is not understood.
pub async fn list(cloud: &Cloud, by: &Provider, query: &ScimListQuery) -> Result<ScimList, Refusal> {
    let asked = match filter::parse(query.filter.as_deref(), "userName")? {
        Asked::Name(name) => Asked::Name(name.trim().to_lowercase()),
        other => other,
    };
    let slice = slice(query)?;
    let reader = cloud.store.reader();
    let (total, rows) = scim::users(reader, by.tenant(), &asked, slice).await?;
    let mut resources = Vec::with_capacity(rows.len());
    for row in rows {
        resources.push(json!(view(cloud, reader, row).await?));
    }
    Ok(listed(total, slice, resources, query))
}

/// One user.
///
/// # Errors
/// 404.
pub async fn find(cloud: &Cloud, by: &Provider, id: &str) -> Result<ScimUser, Refusal> {
    let reader = cloud.store.reader();
    let row = scim::user(reader, by.tenant(), id_of(id)?).await?.ok_or_else(|| Refusal::absent(id))?;
    view(cloud, reader, row).await
}

async fn view<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    row: entity::user::Model,
) -> Result<ScimUser, Refusal> {
    let groups = scim::groups_of_user(connection, TenantId(row.client_id), row.id).await?;
    let group = |group: entity::scim_group::Model| ScimReference {
        value: group.id.to_string(),
        reference: location(cloud, "Group", group.id),
        display: group.name,
    };
    let (given, family) = parts(&row.realname);
    Ok(ScimUser {
        schemas: vec![USER.to_owned()],
        id: row.id.to_string(),
        external_id: row.scim_external_id,
        user_name: row.email.clone(),
        name: ScimName {
            formatted: row.realname.clone(),
            given_name: given.to_owned(),
            family_name: family.to_owned(),
        },
        display_name: row.realname.clone(),
        emails: vec![ScimEmail { value: row.email, kind: "work".to_owned(), primary: true }],
        active: row.enabled,
        groups: groups.into_iter().map(group).collect(),
        meta: meta(cloud, KIND, row.id, row.created_at, None),
    })
}

/// Makes a user, who has the role of its groups; without one, the narrowest, until it signs in.
///
/// # Errors
/// 400 naming the attribute, 409 for a taken address.
pub async fn create(cloud: &Cloud, by: &Provider, body: &Value) -> Result<ScimUser, Refusal> {
    let wanted = Wanted::whole(body)?;
    let email = wanted.email.clone().unwrap_or_default();
    check_domain(cloud, by, &email).await?;
    let new = NewUser {
        client_id: by.client.id,
        realname: wanted.name(None).unwrap_or_else(|| email.clone()),
        email,
        permissions: Grant::Role(Role::Auditor).strings(),
        password_hash: None,
        create_by: 0,
        create_from: String::new(),
    };
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, by.tenant()).await?;
    quotas::admit_user(cloud, &transaction, by.tenant()).await?;
    let user = create_user(&transaction, new, cloud.now()).await.map_err(taken)?;
    let mut row = user.into_active_model();
    row.validated = Set(true);
    row.auth_method = Set(Some(by.config.kind.clone()));
    row.sso_managed = Set(true);
    row.sso_seen_at = Set(Some(cloud.now()));
    row.scim_external_id = Set(wanted.external_id.flatten());
    if wanted.active == Some(false) {
        row.enabled = Set(false);
        row.sso_disabled_by = Set(Some(SCIM.to_owned()));
    }
    let user = sessions::update_user(&transaction, by.tenant(), row).await?;
    log(cloud, &transaction, "create", None, Some(&user)).await?;
    let view = view(cloud, &transaction, user).await?;
    transaction.commit().await?;
    Ok(view)
}

/// Who alone may enable a user again that the provider disabled.
const SCIM: &str = "scim";

async fn check_domain(cloud: &Cloud, by: &Provider, email: &str) -> Result<(), Refusal> {
    if domains::may_provision(cloud, &by.config, &by.client, email).await? {
        Ok(())
    } else {
        Err(Refusal::invalid("invalidValue", "userName is in a domain that is not this client's"))
    }
}

fn taken(error: StoreError) -> Refusal {
    match error {
        StoreError::Duplicate => Refusal::taken("userName is taken"),
        other => other.into(),
    }
}

/// Puts a user in the place of one.
///
/// # Errors
/// 400 naming the attribute, 404, 409 for a taken address.
pub async fn replace(cloud: &Cloud, by: &Provider, id: &str, body: &Value) -> Result<ScimUser, Refusal> {
    apply(cloud, by, id, &Wanted::whole(body)?).await
}

/// Changes a user. Somebody who is no longer active loses sessions and tokens at once.
///
/// # Errors
/// 400 naming what is wrong, 404, 409 for a taken address.
pub async fn patch(cloud: &Cloud, by: &Provider, id: &str, body: &Value) -> Result<ScimUser, Refusal> {
    apply(cloud, by, id, &Wanted::change(body)?).await
}

async fn apply(cloud: &Cloud, by: &Provider, id: &str, wanted: &Wanted) -> Result<ScimUser, Refusal> {
    let (tenant, now) = (by.tenant(), cloud.now());
    let number = id_of(id)?;
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let before = scim::user(&transaction, tenant, number).await?.ok_or_else(|| Refusal::absent(id))?;
    let mut user = before.clone();
    if wanted.active == Some(false) && (user.enabled || user.sso_disabled_by.is_none()) {
        user = deprovisioning::end(&transaction, &user, Some(SCIM), now).await?;
    }
    let mut after = user.clone();
    if wanted.active == Some(true) && !user.enabled {
        (after.enabled, after.sso_disabled_by, after.sso_seen_at) = (true, None, Some(now));
    }
    after.sso_managed = true;
    after.validated = true;
    after.realname = wanted.name(Some(&user.realname)).unwrap_or(after.realname);
    after.scim_external_id = wanted.external_id.clone().unwrap_or(after.scim_external_id);
    if let Some(email) = wanted.email.clone().filter(|email| *email != user.email) {
        check_domain(cloud, by, &email).await?;
        after.email = email;
        // Links went to the address of before.
        tickets::revoke_of_user(&transaction, user.id).await?;
    }
    if after != user {
        user = users::update(&transaction, &tenant.into(), &user, after).await.map_err(taken)?;
    }
    if state(&before) != state(&user) {
        log(cloud, &transaction, "update", Some(&before), Some(&user)).await?;
    }
    let view = view(cloud, &transaction, user).await?;
    transaction.commit().await?;
    Ok(view)
}

/// Removes a user, with sessions and tokens.
///
/// # Errors
/// 404.
pub async fn delete(cloud: &Cloud, by: &Provider, id: &str) -> Result<(), Refusal> {
    let tenant = by.tenant();
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let user = scim::user(&transaction, tenant, id_of(id)?).await?.ok_or_else(|| Refusal::absent(id))?;
    stored_invitations::delete_of_user(&transaction, tenant, user.id).await?;
    scim::forget_member(&transaction, tenant, user.id).await?;
    tickets::revoke_of_user(&transaction, user.id).await?;
    sessions::delete_of_user(&transaction, tenant, user.id, None).await?;
    api_tokens::delete_of_user(&transaction, tenant, user.id).await?;
    users::delete(&transaction, tenant, user.id).await?;
    log(cloud, &transaction, "delete", Some(&user), None).await?;
    Ok(transaction.commit().await?)
}

/// Gives users the roles that their groups lead to now. Whoever has none left loses the sessions.
///
/// # Errors
/// 500 when the store fails.
pub async fn follow_groups(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    by: &Provider,
    ids: impl IntoIterator<Item = i64>,
) -> Result<(), Refusal> {
    for id in ids {
        let Some(user) = scim::user(transaction, by.tenant(), id).await? else { continue };
        let pushed = scim::groups_of_user(transaction, by.tenant(), id).await?;
        let identity = groups::remembered(&user, pushed.into_iter().map(|group| group.name));
        match admission::given_role(cloud, &by.config, &by.client, &identity).await? {
            Some(role) if user.permissions != json!(Grant::Role(role).strings()) => {
                let mut row = user.clone().into_active_model();
                row.permissions = Set(json!(Grant::Role(role).strings()));
                let after = sessions::update_user(transaction, by.tenant(), row).await?;
                log(cloud, transaction, "update", Some(&user), Some(&after)).await?;
            }
            Some(_) => {}
            None => {
                sessions::delete_of_user(transaction, by.tenant(), id, None).await?;
                api_tokens::disable_of_user(transaction, by.tenant(), id, cloud.now()).await?;
            }
        }
    }
    Ok(())
}

fn state(user: &entity::user::Model) -> Value {
    json!({"email": user.email, "realname": user.realname, "enabled": user.enabled, "permissions": user.permissions})
}

async fn log(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    action: &'static str,
    before: Option<&entity::user::Model>,
    after: Option<&entity::user::Model>,
) -> Result<(), Refusal> {
    let Some(user) = after.or(before) else { return Ok(()) };
    let entry = Change {
        object_type: "user",
        action,
        object_id: user.id.to_string(),
        object_name: user.email.clone(),
        before: before.map(state),
        after: after.map(state),
    };
    Ok(activity::log_by_system(transaction, TenantId(user.client_id), cloud.now(), BY, entry).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_joined_from_what_is_said() {
        let wanted = |body: Value| Wanted::whole(&body).unwrap();
        let named = |body: Value| wanted(body).name(Some("Old Name")).unwrap_or_default();
        let email = json!("eve@acme.test");
        assert_eq!(named(json!({"userName": email, "displayName": "Eve Low"})), "Eve Low");
        assert_eq!(
            named(json!({"userName": email, "name": {"givenName": "Eve", "familyName": "Low"}})),
            "Eve Low"
        );
        assert_eq!(named(json!({"userName": email, "name": {"familyName": "Low"}})), "Old Low");
        assert_eq!(named(json!({"userName": email})), "");
    }

    #[test]
    fn a_change_takes_what_is_kept_here_and_passes_over_the_rest() {
        let change = |operations: Value| Wanted::change(&json!({"Operations": operations}));
        let off = Wanted { active: Some(false), ..Wanted::default() };
        assert_eq!(change(json!([{"op": "replace", "path": "active", "value": "False"}])), Ok(off.clone()));
        assert_eq!(change(json!([{"op": "Replace", "value": {"active": false, "title": "x"}}])), Ok(off));
        for (wrong, kind) in [
            (json!([{"op": "remove"}]), "noTarget"),
            (json!([{"op": "remove", "path": "userName"}]), "mutability"),
            (json!([{"op": "replace", "path": "active"}]), "invalidValue"),
            (json!([{"op": "replace", "path": "active", "value": 5}]), "invalidValue"),
            (json!([{"op": "replace", "path": "userName", "value": "eve"}]), "invalidValue"),
        ] {
            assert_eq!(change(wrong.clone()).unwrap_err().kind, Some(kind), "{wrong}");
        }
    }
}
