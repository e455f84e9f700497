//! Groups as the identity provider pushes them. Their names are mapped to roles like those of a sign-in; a change of
//! members changes roles at once.

use std::collections::{BTreeMap, BTreeSet};

use bartizan_api::scim::{GROUP, ScimGroup, ScimList, ScimListQuery, ScimReference};
use bartizan_store::{
    StoreError, clients, entity, scim,
    sea_orm::{ConnectionTrait, DatabaseTransaction},
};
use serde_json::{Value, json};

use super::{
    BY, Provider, Refusal,
    attributes::{Attributes, Operation, Verb, operations, text},
    filter, id_of, listed, location, meta, slice, users,
};
use crate::{
    services::{
        activity::{self, Change},
        sso::log_kind,
    },
    state::Cloud,
};

/// Kind of the resource.
const KIND: &str = "Group";
/// Most groups of a tenant.
const MAX_GROUPS: u64 = 1000;
/// Most members of a group.
const MAX_MEMBERS: usize = 5000;

/// What a request makes of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    name: String,
    external_id: Option<String>,
    members: BTreeSet<i64>,
}

impl Wanted {
    /// What a whole group says.
    fn whole(body: &Value) -> Result<Wanted, Refusal> {
        let attributes = Attributes::of(body)?;
        let name = attributes.text("displayName")?;
        Ok(Wanted {
            name: name.ok_or_else(|| Refusal::invalid("invalidValue", "displayName is needed"))?,
            external_id: attributes.text("externalId")?,
            members: attributes.get("members").map(values).transpose()?.unwrap_or_default(),
        })
    }

    fn operate(&mut self, operation: &Operation<'_>) -> Result<(), Refusal> {
        let path = operation.path.unwrap_or_default();
        match (operation.verb, path.to_ascii_lowercase().as_str(), operation.value) {
            (Verb::Remove, "", _) => return Err(Refusal::invalid("noTarget", "remove needs a path")),
            (Verb::Remove, "members", None) => self.members.clear(),
            (Verb::Remove, "members", Some(list)) => {
                let gone = values(list)?;
                self.members.retain(|member| !gone.contains(member));
            }
            (Verb::Remove, "externalid", _) => self.external_id = None,
            (Verb::Remove, "displayname", _) => {
                return Err(Refusal::invalid("mutability", "displayName cannot be removed"));
            }
            (Verb::Remove, _, _) => {
                if let Some(member) = filter::member(path) {
                    self.members.remove(&member.parse().unwrap_or(0));
                }
            }
            (_, _, None) => return Err(Refusal::invalid("invalidValue", "value is needed")),
            (verb, "", Some(value)) => {
                for (name, value) in Attributes::of(value)?.iter() {
                    self.set(verb, name, value)?;
                }
            }
            (verb, _, Some(value)) => self.set(verb, path, value)?,
        }
        Ok(())
    }

    fn set(&mut self, verb: Verb, name: &str, value: &Value) -> Result<(), Refusal> {
        match name.to_ascii_lowercase().as_str() {
            "displayname" => self.name = text(name, value)?,
            "externalid" => self.external_id = Some(text(name, value)?),
            "members" if verb == Verb::Add => self.members.extend(values(value)?),
            "members" => self.members = values(value)?,
            _ => {}
        }
        Ok(())
    }
}

/// The ids of `[{"value": "12"}]`, or of one of these.
fn values(list: &Value) -> Result<BTreeSet<i64>, Refusal> {
    let refused = || Refusal::invalid("invalidValue", "members must name users by value");
    let one = |member: &Value| {
        let value = member.get("value").unwrap_or(member);
        value.as_str().and_then(|text| text.parse().ok()).or_else(|| value.as_i64()).ok_or_else(refused)
    };
    match list {
        Value::Array(list) => list.iter().map(one).collect(),
        one_member => Ok(BTreeSet::from([one(one_member)?])),
    }
}

/// Some of the groups.
///
/// # Errors
/// 400 for a filter that is not understood.
pub async fn list(cloud: &Cloud, by: &Provider, query: &ScimListQuery) -> Result<ScimList, Refusal> {
    let asked = filter::parse(query.filter.as_deref(), "displayName")?;
    let slice = slice(query)?;
    let reader = cloud.store.reader();
    let (total, rows) = scim::groups(reader, by.tenant(), &asked, slice).await?;
    let views = views(cloud, reader, by, rows).await?;
    Ok(listed(total, slice, views.into_iter().map(|view| json!(view)).collect(), query))
}

/// One group.
///
/// # Errors
/// 404.
pub async fn find(cloud: &Cloud, by: &Provider, id: &str, query: &ScimListQuery) -> Result<Value, Refusal> {
    let reader = cloud.store.reader();
    let row = scim::group(reader, by.tenant(), id_of(id)?).await?.ok_or_else(|| Refusal::absent(id))?;
    Ok(super::attributes::shown(json!(one(cloud, reader, by, row).await?), query))
}

async fn one<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    by: &Provider,
    row: entity::scim_group::Model,
) -> Result<ScimGroup, Refusal> {
    let id = row.id.to_string();
    views(cloud, connection, by, vec![row]).await?.pop().ok_or_else(|| Refusal::absent(&id))
}

async fn views<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    by: &Provider,
    rows: Vec<entity::scim_group::Model>,
) -> Result<Vec<ScimGroup>, Refusal> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let members = scim::members(connection, by.tenant(), &ids).await?;
    let all = bartizan_store::users::of_tenant(connection, by.tenant()).await?;
    let names: BTreeMap<i64, String> = all.into_iter().map(|user| (user.id, user.email)).collect();
    let member = |user: i64| ScimReference {
        value: user.to_string(),
        display: names.get(&user).cloned().unwrap_or_default(),
        reference: location(cloud, "User", user),
    };
    let view = |row: entity::scim_group::Model| ScimGroup {
        schemas: vec![GROUP.to_owned()],
        id: row.id.to_string(),
        external_id: row.external_id,
        display_name: row.name,
        members: members.iter().filter(|one| one.group_id == row.id).map(|one| member(one.user_id)).collect(),
        meta: meta(cloud, KIND, row.id, row.created_at, Some(row.updated_at)),
    };
    Ok(rows.into_iter().map(view).collect())
}

/// Makes a group.
///
/// # Errors
/// 400 naming the attribute, 409 for a taken name.
pub async fn create(cloud: &Cloud, by: &Provider, body: &Value) -> Result<ScimGroup, Refusal> {
    let wanted = Wanted::whole(body)?;
    let (tenant, now) = (by.tenant(), cloud.now());
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let none = scim::Slice { offset: 0, limit: 0 };
    let (count, _) = scim::groups(&transaction, tenant, &scim::Asked::All, none).await?;
    if count >= MAX_GROUPS {
        return Err(Refusal::invalid("tooMany", format!("there are {MAX_GROUPS} groups already")));
    }
    let row = entity::scim_group::Model {
        id: 0,
        client_id: tenant.0,
        name: wanted.name.clone(),
        external_id: wanted.external_id.clone(),
        created_at: now,
        updated_at: now,
    };
    let row = scim::insert_group(&transaction, row).await.map_err(taken)?;
    set_members(cloud, &transaction, by, row.id, &BTreeSet::new(), &wanted.members).await?;
    log(cloud, &transaction, by, "create", row.id, None, Some(&wanted)).await?;
    let view = one(cloud, &transaction, by, row).await?;
    transaction.commit().await?;
    Ok(view)
}

fn taken(error: StoreError) -> Refusal {
    match error {
        StoreError::Duplicate => Refusal::taken("displayName is taken"),
        other => other.into(),
    }
}

/// Writes the members of a group; roles of those who came and went follow.
async fn set_members(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    by: &Provider,
    group: i64,
    before: &BTreeSet<i64>,
    after: &BTreeSet<i64>,
) -> Result<(), Refusal> {
    if after.len() > MAX_MEMBERS {
        return Err(Refusal::invalid("tooMany", format!("members must be at most {MAX_MEMBERS}")));
    }
    for id in after.difference(before) {
        if scim::user(transaction, by.tenant(), *id).await?.is_none() {
            return Err(Refusal::invalid("invalidValue", format!("members: there is no user {id}")));
        }
    }
    let list: Vec<i64> = after.iter().copied().collect();
    scim::set_members(transaction, by.tenant(), group, &list).await?;
    let changed = before.symmetric_difference(after).copied();
    users::follow_groups(cloud, transaction, by, changed).await
}

/// Puts a group in the place of one.
///
/// # Errors
/// 400 naming the attribute, 404, 409 for a taken name.
pub async fn replace(cloud: &Cloud, by: &Provider, id: &str, body: &Value) -> Result<ScimGroup, Refusal> {
    let wanted = Wanted::whole(body)?;
    change(cloud, by, id, |_| Ok(wanted)).await
}

/// Changes a group.
///
/// # Errors
/// 400 naming what is wrong, 404, 409 for a taken name.
pub async fn patch(cloud: &Cloud, by: &Provider, id: &str, body: &Value) -> Result<ScimGroup, Refusal> {
    let operations = operations(body)?;
    let apply = |mut wanted: Wanted| {
        for operation in &operations {
            wanted.operate(operation)?;
        }
        Ok(wanted)
    };
    change(cloud, by, id, apply).await
}

async fn change(
    cloud: &Cloud,
    by: &Provider,
    id: &str,
    apply: impl FnOnce(Wanted) -> Result<Wanted, Refusal>,
) -> Result<ScimGroup, Refusal> {
    let tenant = by.tenant();
    let number = id_of(id)?;
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let (row, before) = read(&transaction, by, number).await?.ok_or_else(|| Refusal::absent(id))?;
    let after = apply(before.clone())?;
    let row = entity::scim_group::Model {
        name: after.name.clone(),
        external_id: after.external_id.clone(),
        updated_at: cloud.now(),
        ..row
    };
    let row = scim::update_group(&transaction, row).await.map_err(taken)?;
    set_members(cloud, &transaction, by, number, &before.members, &after.members).await?;
    if before.name != after.name {
        users::follow_groups(cloud, &transaction, by, after.members.iter().copied()).await?;
    }
    if before != after {
        log(cloud, &transaction, by, "update", number, Some(&before), Some(&after)).await?;
    }
    let view = one(cloud, &transaction, by, row).await?;
    transaction.commit().await?;
    Ok(view)
}

async fn read(
    transaction: &DatabaseTransaction,
    by: &Provider,
    id: i64,
) -> Result<Option<(entity::scim_group::Model, Wanted)>, Refusal> {
    let Some(row) = scim::group(transaction, by.tenant(), id).await? else { return Ok(None) };
    let members = scim::members(transaction, by.tenant(), &[id]).await?;
    let wanted = Wanted {
        name: row.name.clone(),
        external_id: row.external_id.clone(),
        members: members.into_iter().map(|member| member.user_id).collect(),
    };
    Ok(Some((row, wanted)))
}

/// Removes a group; roles of those who were in it follow.
///
/// # Errors
/// 404.
pub async fn delete(cloud: &Cloud, by: &Provider, id: &str) -> Result<(), Refusal> {
    let number = id_of(id)?;
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, by.tenant()).await?;
    let (_, before) = read(&transaction, by, number).await?.ok_or_else(|| Refusal::absent(id))?;
    scim::delete_group(&transaction, by.tenant(), number).await?;
    users::follow_groups(cloud, &transaction, by, before.members.iter().copied()).await?;
    log(cloud, &transaction, by, "delete", number, Some(&before), None).await?;
    Ok(transaction.commit().await?)
}

async fn log(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    by: &Provider,
    action: &'static str,
    id: i64,
    before: Option<&Wanted>,
    after: Option<&Wanted>,
) -> Result<(), Refusal> {
    let state = |wanted: &Wanted| json!({"name": wanted.name, "members": wanted.members});
    let name = after.or(before).map(|wanted| wanted.name.clone()).unwrap_or_default();
    let entry = Change {
        object_type: log_kind(&by.config.kind),
        action,
        object_id: id.to_string(),
        object_name: name,
        before: before.map(state),
        after: after.map(state),
    };
    Ok(activity::log_by_system(transaction, by.tenant(), cloud.now(), BY, entry).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_and_go() {
        let mut group =
            Wanted::whole(&json!({"displayName": "x", "members": [{"value": "1"}, {"value": "2"}]})).unwrap();
        let mut change = |body: Value| -> Result<Vec<i64>, Refusal> {
            for operation in operations(&json!({"Operations": [body]}))? {
                group.operate(&operation)?;
            }
            Ok(group.members.iter().copied().collect())
        };
        assert_eq!(
            change(json!({"op": "add", "path": "members", "value": [{"value": "3"}]})),
            Ok(vec![1, 2, 3])
        );
        assert_eq!(change(json!({"op": "remove", "path": "members[value eq \"1\"]"})), Ok(vec![2, 3]));
        assert_eq!(
            change(json!({"op": "remove", "path": "members", "value": [{"value": "2"}]})),
            Ok(vec![3])
        );
        assert_eq!(change(json!({"op": "replace", "value": {"members": [{"value": "9"}]}})), Ok(vec![9]));
        assert_eq!(change(json!({"op": "remove", "path": "members"})), Ok(vec![]));
        let refused = change(json!({"op": "add", "path": "members", "value": [{"value": "x"}]}));
        assert_eq!(refused.unwrap_err().kind, Some("invalidValue"));
    }
}
