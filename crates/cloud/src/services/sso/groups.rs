//! Groups of the identity provider that give roles in some tenants of a global account (`spec/accounts.md`
//! section 6.3).
//!
//! While the option `tenant_permissions` is on, they decide alone, except about global administrators. What somebody
//! reaches is found out from the groups as they are now and the names that the provider gave at the last sign-in, so a
//! changed group counts with the next request.

use std::collections::BTreeMap;

use bartizan_api::{
    ApiError, Grant, Role,
    sso::{GroupMapping, SsoGroupCreate, SsoGroupUpdate, SsoGroupView},
};
use bartizan_store::{TenantId, clients, entity, scim, sea_orm::DatabaseTransaction, sso};
use serde_json::{Value, json};

use super::{
    MAPPABLE,
    admission::Identity,
    log_kind,
    settings::{short, valid_text},
};
use crate::{
    auth::{Caller, linked_tenants, rights::TenantRights, strings},
    failure::Failure,
    services::{
        activity::{self, Change},
        grants,
    },
    state::Cloud,
};

/// Most groups of a global account, and most tenants of a group.
const MAX_GROUPS: usize = 500;
/// What a role that the provider gives by its name is kept under.
const NAMED: &str = "wallarm_role:";

/// Where groups lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// A global administrator.
    Everything,
    /// A role in each of some tenants.
    Listed(BTreeMap<TenantId, Role>),
}

impl Reach {
    /// The widest role; none where there is none.
    #[must_use]
    pub fn widest(&self) -> Option<Role> {
        match self {
            Reach::Everything => Some(Role::PartnerAdmin),
            Reach::Listed(roles) => roles.values().copied().min_by_key(|role| width(*role)),
        }
    }
}

/// The technical tenant and those that are linked to it.
pub struct Account<'a> {
    /// The technical tenant.
    pub technical: TenantId,
    /// The others.
    pub linked: &'a [TenantId],
}

impl Account<'_> {
    fn holds(&self, tenant: TenantId) -> bool {
        tenant == self.technical || self.linked.contains(&tenant)
    }
}

/// What a person's names at the provider give: its groups, and roles that it gives by name.
#[must_use]
pub fn held(identity: &Identity) -> Vec<String> {
    let roles = identity.roles.iter().map(|role| format!("{NAMED}{role}"));
    identity.groups.iter().cloned().chain(roles).collect()
}

/// Who a user is by what the provider told at the last sign-in, and by the groups that it pushed.
#[must_use]
pub fn remembered(user: &entity::user::Model, pushed: impl IntoIterator<Item = String>) -> Identity {
    let told = user.sso_groups.as_ref().map(strings).unwrap_or_default();
    let (roles, groups): (Vec<String>, Vec<String>) =
        told.into_iter().partition(|name| name.starts_with(NAMED));
    Identity {
        subject: user.sso_subject.clone().unwrap_or_default(),
        email: user.email.clone(),
        realname: user.realname.clone(),
        groups: groups.into_iter().chain(pushed).collect(),
        roles: roles.iter().filter_map(|name| name.strip_prefix(NAMED)).map(str::to_owned).collect(),
    }
}

/// Where the names that somebody holds lead.
#[must_use]
pub fn reach(
    config: &entity::sso_config::Model,
    groups: &[entity::sso_group::Model],
    held: &[String],
    account: &Account<'_>,
) -> Reach {
    let is = |name: &str| held.iter().any(|own| own.eq_ignore_ascii_case(name));
    let mut roles = BTreeMap::new();
    if administers(config, held) {
        return Reach::Everything;
    }
    for group in groups.iter().filter(|group| group.enabled && is(&group.name)) {
        let Some(role) = MAPPABLE.iter().copied().find(|role| role.code() == group.role) else { continue };
        let listed = ids(&group.client_ids).into_iter().map(TenantId);
        let tenants: Vec<TenantId> = match role {
            Role::PartnerAdmin => return Reach::Everything,
            role if role.is_global() => account.linked.iter().copied().chain([account.technical]).collect(),
            _ => listed.filter(|tenant| account.holds(*tenant)).collect(),
        };
        for tenant in tenants {
            let known = roles.entry(tenant).or_insert(role);
            if width(role) < width(*known) {
                *known = role;
            }
        }
    }
    Reach::Listed(roles)
}

/// Whether the general mapping makes a global administrator of somebody, who is never restricted.
fn administers(config: &entity::sso_config::Model, held: &[String]) -> bool {
    let code = Role::PartnerAdmin.code();
    let mapping: Vec<GroupMapping> = serde_json::from_value(config.role_mapping.clone()).unwrap_or_default();
    let by_group = mapping
        .iter()
        .any(|entry| entry.role == code && held.iter().any(|own| own.eq_ignore_ascii_case(&entry.group)));
    let named = config.settings.get("named_roles").map(strings).unwrap_or_default();
    by_group
        || (named.iter().any(|role| role == code) && held.iter().any(|own| *own == format!("{NAMED}{code}")))
}

/// How wide a role is within one tenant, widest first.
fn width(role: Role) -> usize {
    let within = match role {
        Role::PartnerAdmin => Role::Admin,
        Role::PartnerAnalytic => Role::Analytic,
        Role::PartnerAuditor => Role::Auditor,
        other => other,
    };
    MAPPABLE.iter().position(|mappable| *mappable == within).unwrap_or(usize::MAX)
}

/// The rights of a user where groups decide about them; none where the grant of the user does.
///
/// # Errors
/// 500 when the store fails.
pub async fn rights_of(
    cloud: &Cloud,
    user: &entity::user::Model,
    client: &entity::client::Model,
    linked: &[TenantId],
) -> Result<Option<TenantRights>, Failure> {
    if !client.is_technical || user.auth_method.is_none() || user.is_fallback {
        return Ok(None);
    }
    let (reader, technical) = (cloud.store.reader(), TenantId(client.id));
    let decides = |config: &entity::sso_config::Model| {
        config.tenant_permissions && user.auth_method.as_deref() == Some(config.kind.as_str())
    };
    let Some(config) = sso::find(reader, technical).await?.filter(decides) else { return Ok(None) };
    let pushed = scim::groups_of_user(reader, technical, user.id).await?;
    let held = held(&remembered(user, pushed.into_iter().map(|group| group.name)));
    let groups = sso::groups(reader, technical).await?;
    Ok(match reach(&config, &groups, &held, &Account { technical, linked }) {
        Reach::Everything => None,
        Reach::Listed(roles) => Some(TenantRights::of_roles(&roles)),
    })
}

/// The tenant that the Console shows first to somebody whose rights are not at home.
///
/// # Errors
/// 500 when the store fails.
pub async fn shown_client(cloud: &Cloud, user: &entity::user::Model) -> Result<Option<TenantId>, Failure> {
    let client = cloud.store.identify_client(user.client_id).await?;
    let Some(client) = client.filter(|client| client.is_technical) else { return Ok(None) };
    let linked = linked_tenants(cloud, &client).await?;
    let rights = rights_of(cloud, user, &client, &linked).await?;
    let own = TenantId(client.id);
    let first = rights.and_then(|rights| rights.tenants(own).ids().first().copied());
    Ok(first.filter(|tenant| *tenant != own))
}

fn ids(value: &Value) -> Vec<i64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
}

fn view(row: entity::sso_group::Model) -> SsoGroupView {
    SsoGroupView {
        client_ids: ids(&row.client_ids),
        id: row.id,
        name: row.name,
        role: row.role,
        enabled: row.enabled,
    }
}

/// The groups of the caller's global account.
///
/// # Errors
/// 403 without rights in the technical tenant.
pub async fn list(cloud: &Cloud, caller: &Caller) -> Result<Vec<SsoGroupView>, Failure> {
    let rows = sso::groups(cloud.store.reader(), caller.tenant_of(None)?).await?;
    Ok(rows.into_iter().map(view).collect())
}

/// One group.
///
/// # Errors
/// 404 for one that there is not.
pub async fn find(cloud: &Cloud, caller: &Caller, id: i64) -> Result<SsoGroupView, Failure> {
    let row = sso::group(cloud.store.reader(), caller.tenant_of(None)?, id).await?;
    Ok(view(row.ok_or_else(|| ApiError::not_found("group", id))?))
}

/// Binds a group of the provider to a role in tenants.
///
/// # Errors
/// 400 naming the field, 403 for tenants out of reach.
pub async fn create(
    cloud: &Cloud,
    caller: &Caller,
    request: SsoGroupCreate,
) -> Result<SsoGroupView, Failure> {
    let tenant = caller.tenant_of(None)?;
    let row = entity::sso_group::Model {
        id: 0,
        client_id: tenant.0,
        name: request.name,
        role: request.role,
        client_ids: json!(request.client_ids),
        enabled: request.enabled,
    };
    let row = checked(caller, row)?;
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    if sso::groups(&transaction, tenant).await?.len() >= MAX_GROUPS {
        return Err(ApiError::invalid("too many groups", MAX_GROUPS).into());
    }
    let row = sso::insert_group(&transaction, row).await?;
    finish(cloud, caller, transaction, None, Some(row)).await
}

/// Changes a group; what is absent stays.
///
/// # Errors
/// 400 naming the field, 403 for tenants out of reach, 404 for a group that there is not.
pub async fn update(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    request: SsoGroupUpdate,
) -> Result<SsoGroupView, Failure> {
    let tenant = caller.tenant_of(None)?;
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let before = sso::group(&transaction, tenant, id).await?;
    let before = before.ok_or_else(|| ApiError::not_found("group", id))?;
    let mut after = before.clone();
    after.name = request.name.unwrap_or(after.name);
    after.role = request.role.unwrap_or(after.role);
    after.client_ids = request.client_ids.map_or(after.client_ids, |ids| json!(ids));
    after.enabled = request.enabled.unwrap_or(after.enabled);
    let after = sso::update_group(&transaction, checked(caller, after)?).await?;
    finish(cloud, caller, transaction, Some(before), Some(after)).await
}

/// Removes a group; what it gave ends at once.
///
/// # Errors
/// 404 for a group that there is not.
pub async fn delete(cloud: &Cloud, caller: &Caller, id: i64) -> Result<SsoGroupView, Failure> {
    let tenant = caller.tenant_of(None)?;
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let before = sso::group(&transaction, tenant, id).await?;
    let before = before.ok_or_else(|| ApiError::not_found("group", id))?;
    sso::delete_group(&transaction, tenant, id).await?;
    finish(cloud, caller, transaction, Some(before), None).await
}

/// Refuses what cannot be a group. A global role is one over all tenants, so it names the technical tenant alone.
fn checked(caller: &Caller, row: entity::sso_group::Model) -> Result<entity::sso_group::Model, ApiError> {
    if !caller.client.is_technical {
        return Err(ApiError::access_denied());
    }
    valid_text("name", &row.name, 255)?;
    let role = MAPPABLE.iter().find(|role| role.code() == row.role);
    let role = role.ok_or_else(|| ApiError::invalid("role cannot be mapped", short(&row.role)))?;
    let listed = ids(&row.client_ids);
    if listed.is_empty() || listed.len() > MAX_GROUPS {
        let error = format!("client_ids must name 1 to {MAX_GROUPS} clients");
        return Err(ApiError::invalid(error, listed.len()));
    }
    if !listed.iter().all(|id| caller.tenants.contains(TenantId(*id))) {
        return Err(ApiError::access_denied());
    }
    if role.is_global() && listed != [caller.client.id] {
        let error = "client_ids of a global role must name the technical client alone";
        return Err(ApiError::invalid(error, listed));
    }
    grants::may_grant(caller, &Grant::Role(*role), &caller.client)?;
    Ok(row)
}

/// Writes the entry of the log and commits; shows the group as it is now, or as it was.
async fn finish(
    cloud: &Cloud,
    caller: &Caller,
    transaction: DatabaseTransaction,
    before: Option<entity::sso_group::Model>,
    after: Option<entity::sso_group::Model>,
) -> Result<SsoGroupView, Failure> {
    let tenant = caller.tenant();
    let config = sso::find(&transaction, tenant).await?;
    let state = |row: &entity::sso_group::Model| json!({"name": row.name, "role": row.role, "client_ids": row.client_ids, "enabled": row.enabled});
    let shown = after.clone().or_else(|| before.clone()).ok_or_else(ApiError::internal)?;
    let entry = Change {
        object_type: log_kind(config.as_ref().map_or("", |config| config.kind.as_str())),
        action: match (&before, &after) {
            (None, _) => "create",
            (_, None) => "delete",
            _ => "update",
        },
        object_id: shown.id.to_string(),
        object_name: shown.name.clone(),
        before: before.as_ref().map(state),
        after: after.as_ref().map(state),
    };
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    Ok(view(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(mapping: Value, named: &[&str]) -> entity::sso_config::Model {
        let mut config = super::super::empty(TenantId(1), "oidc");
        config.role_mapping = mapping;
        config.settings = json!({"named_roles": named});
        config
    }

    fn group(name: &str, role: &str, client_ids: Value) -> entity::sso_group::Model {
        let (name, role) = (name.to_owned(), role.to_owned());
        entity::sso_group::Model { id: 1, client_id: 1, name, role, client_ids, enabled: true }
    }

    fn reached(
        config: &entity::sso_config::Model,
        groups: &[entity::sso_group::Model],
        held: &[&str],
    ) -> Reach {
        let held: Vec<String> = held.iter().map(|name| (*name).to_owned()).collect();
        let account = Account { technical: TenantId(1), linked: &[TenantId(2), TenantId(3)] };
        reach(config, groups, &held, &account)
    }

    fn listed(roles: &[(i64, Role)]) -> Reach {
        Reach::Listed(roles.iter().map(|(id, role)| (TenantId(*id), *role)).collect())
    }

    #[test]
    fn of_groups_that_overlap_the_wider_role_wins() {
        let none = config(json!([]), &[]);
        let groups = [
            group("a", "auditor", json!([2, 3])),
            group("A", "analytic", json!([3])),
            group("b", "admin", json!([2])),
        ];
        let expected = listed(&[(2, Role::Auditor), (3, Role::Analytic)]);
        assert_eq!(reached(&none, &groups, &["a"]), expected);
        assert_eq!(reached(&none, &groups, &["a", "b"]), listed(&[(2, Role::Admin), (3, Role::Analytic)]));
        assert_eq!(reached(&none, &groups, &["c"]), listed(&[]));
    }

    #[test]
    fn tenants_of_others_and_disabled_groups_do_not_count() {
        let none = config(json!([]), &[]);
        let off = entity::sso_group::Model { enabled: false, ..group("a", "admin", json!([2])) };
        assert_eq!(reached(&none, &[off, group("a", "auditor", json!([9]))], &["a"]), listed(&[]));
    }

    #[test]
    fn a_global_role_reaches_every_tenant_and_an_administrator_is_not_restricted() {
        let none = config(json!([]), &[]);
        let groups = [group("a", "partner_auditor", json!([1])), group("b", "analytic", json!([2]))];
        let expected = listed(&[(1, Role::PartnerAuditor), (2, Role::Analytic), (3, Role::PartnerAuditor)]);
        assert_eq!(reached(&none, &groups, &["a", "b"]), expected);
        let mapped = config(json!([{"group": "root", "role": "partner_admin"}]), &["partner_admin"]);
        assert_eq!(reached(&mapped, &groups, &["b", "root"]), Reach::Everything);
        assert_eq!(reached(&mapped, &groups, &["wallarm_role:partner_admin"]), Reach::Everything);
        assert_eq!(reached(&none, &groups, &["wallarm_role:partner_admin"]), listed(&[]));
    }
}
