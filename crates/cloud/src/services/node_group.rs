//! Node groups: creation, lists, tokens (`spec/rules.md` section 9.7, `spec/accounts.md` section 2.6).

use std::collections::BTreeMap;

use bartizan_api::{
    ApiError,
    filter::{Family, Field, Filter, Kind, Test},
    list::ListRequest,
    node_group::{NodeCreateRequest, NodeEnvironment, NodeFlatView, NodeState, NodeView},
};
use bartizan_store::{
    StoreError, TenantId, Tenants,
    entity::{node_group, node_instance},
    nodes,
    sea_orm::Order,
};
use serde_json::json;
use uuid::Uuid;

use super::{
    activity::{self, Change},
    page,
};
use crate::{
    auth::Caller,
    failure::Failure,
    secrets::{Secret, seal, unseal},
    state::Cloud,
};

/// Seconds without a heartbeat after which an instance counts as inactive.
pub const ACTIVE_S: i64 = 120;
/// Seconds without a heartbeat after which an instance leaves the lists.
pub const LISTED_S: i64 = 24 * 3600;
/// The one type of groups.
const KIND: &str = "cloud_node";
/// Longest name, characters.
const MAX_NAME_CHARS: usize = 255;

const FIELDS: &[Field] = &[
    Field::new("id", Kind::Int),
    Field::new("uuid", Kind::Text),
    Field::new("ip", Kind::Text),
    Field::new("hostname", Kind::Text),
    Field::new("clientid", Kind::Int),
    Field::new("type", Kind::Text),
];

/// Creates a group and its registration token.
///
/// # Errors
/// 400 for a blank name or an unknown type, 400 `Already exists`, 403 for a foreign tenant.
pub async fn create(
    cloud: &Cloud,
    caller: &Caller,
    request: &NodeCreateRequest,
) -> Result<NodeView, Failure> {
    let tenant = caller.tenant_of(request.clientid)?;
    let hostname = request.hostname.as_deref().unwrap_or_default().trim();
    if hostname.is_empty() {
        return Err(ApiError::field("hostname", "can't be blank", hostname).into());
    }
    if hostname.chars().count() > MAX_NAME_CHARS {
        return Err(ApiError::field("hostname", "is too long", hostname).into());
    }
    if let Some(kind) = request.kind.as_deref().filter(|kind| !kind.is_empty() && *kind != KIND) {
        return Err(ApiError::field("type", "is invalid", kind).into());
    }
    let partner_mode = request.partner_mode.unwrap_or(false);
    if partner_mode && !caller.grant.is_global() {
        return Err(ApiError::access_denied().into());
    }
    let secret = Secret::random();
    let group = insert(cloud, caller, tenant, hostname, partner_mode, &secret).await?;
    let mut view = view(cloud, caller, &group, &[]);
    // The creator sees the token, also one who may not list nodes or when tokens cannot be read back.
    view.token = token_of(&group, &secret)?;
    view.secret = Some(secret.hex());
    Ok(view)
}

/// Inserts a group with this token secret and logs it.
///
/// # Errors
/// 400 `Already exists`.
pub(super) async fn insert(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    hostname: &str,
    partner_mode: bool,
    secret: &Secret,
) -> Result<node_group::Model, Failure> {
    let uuid = Uuid::new_v4();
    let group = node_group::Model {
        id: 0,
        uuid: uuid.to_string(),
        client_id: tenant.0,
        hostname: hostname.to_owned(),
        partner_mode,
        token_mac: secret.mac(&cloud.keys),
        token_sealed: kept(cloud, &secret.token(uuid)),
        created_at: cloud.now(),
        create_from: caller.ip.to_string(),
    };
    let transaction = cloud.store.begin().await?;
    let group = match nodes::insert_group(&transaction, group).await {
        Err(StoreError::Duplicate) => return Err(ApiError::already_exists().into()),
        other => other?,
    };
    let state = json!({"hostname": group.hostname, "partner_mode": group.partner_mode});
    let entry = change("create", &group, None, Some(state));
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    Ok(group)
}

fn change(
    action: &'static str,
    group: &node_group::Model,
    before: Option<serde_json::Value>,
    after: Option<serde_json::Value>,
) -> Change<'static> {
    Change {
        object_type: "node",
        action,
        object_id: group.id.to_string(),
        object_name: group.hostname.clone(),
        before,
        after,
    }
}

/// A token as it is kept for administrators to read back, where that is allowed.
fn kept(cloud: &Cloud, token: &str) -> Option<String> {
    if cloud.config.auth.retrievable_tokens { seal(&cloud.keys, token) } else { None }
}

fn token_of(group: &node_group::Model, secret: &Secret) -> Result<String, ApiError> {
    Ok(secret.token(Uuid::parse_str(&group.uuid).map_err(|_| ApiError::internal())?))
}

/// A page of groups.
///
/// # Errors
/// 400 for a bad filter, order or limit.
pub async fn list(cloud: &Cloud, caller: &Caller, request: &ListRequest) -> Result<Vec<NodeView>, Failure> {
    let filter = Filter::parse(&request.filter, FIELDS, Family::Rules)?;
    let tenants = caller.tenants_or_own(&filter.ints("clientid"));
    let part = page::of(request)?;
    let Some(filter) = of_our_type(filter) else { return Ok(vec![]) };
    let order_by = match request.order_by.as_deref().unwrap_or_default() {
        "" | "id" => node_group::Column::Id,
        "hostname" => node_group::Column::Hostname,
        "create_time" => node_group::Column::CreatedAt,
        other => return Err(ApiError::field("order_by", "is invalid", other).into()),
    };
    let order = if request.order_desc.unwrap_or(false) { Order::Desc } else { Order::Asc };
    let groups = cloud
        .store
        .node_groups(nodes::GroupQuery {
            tenants: &tenants,
            filter: &filter,
            order_by,
            order,
            offset: part.offset,
            limit: part.limit,
        })
        .await?;
    let ids: Vec<i64> = groups.iter().map(|group| group.id).collect();
    let seen = cloud.store.node_instances(&tenants, &ids, cloud.now() - LISTED_S).await?;
    let mut by_group: BTreeMap<i64, Vec<node_instance::Model>> = BTreeMap::new();
    for instance in seen {
        by_group.entry(instance.group_id).or_default().push(instance);
    }
    Ok(groups
        .iter()
        .map(|group| {
            view(cloud, caller, group, by_group.get(&group.id).map(Vec::as_slice).unwrap_or_default())
        })
        .collect())
}

/// The clauses that groups can pass: all of them have one type. None when no clause is left.
fn of_our_type(mut filter: Filter) -> Option<Filter> {
    let had_clauses = !filter.clauses.is_empty();
    filter.clauses.retain(|clause| {
        clause.iter().filter(|asked| asked.field == "type").all(|asked| {
            let named = match &asked.test {
                Test::Texts(texts) => texts.iter().any(|text| text == KIND),
                Test::Nothing => false,
                _ => true,
            };
            named != asked.negated
        })
    });
    (!had_clauses || !filter.clauses.is_empty()).then_some(filter)
}

/// A page of groups in the flat form.
///
/// # Errors
/// As [`list`].
pub async fn list_flat(
    cloud: &Cloud,
    caller: &Caller,
    request: &ListRequest,
) -> Result<Vec<NodeFlatView>, Failure> {
    let nodes = list(cloud, caller, request).await?;
    Ok(nodes
        .into_iter()
        .map(|node| NodeFlatView { kind: node.kind, id: node.state.uuid.clone(), state: node.state })
        .collect())
}

/// Deletes a group; its token and its instances are refused from now on.
///
/// # Errors
/// 404, 403 for a group of another tenant.
pub async fn delete(cloud: &Cloud, caller: &Caller, id: i64) -> Result<(), Failure> {
    refuse_foreign(cloud, caller, id).await?;
    let transaction = cloud.store.begin().await?;
    let group = find(&transaction, &caller.tenants, id).await?;
    let tenant = TenantId(group.client_id);
    nodes::delete_group(&transaction, tenant, id).await?;
    let entry = change("delete", &group, Some(json!({"hostname": group.hostname})), None);
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    Ok(())
}

/// Gives a group a new token. The old one, and the instances that registered with it, are refused from now on.
///
/// # Errors
/// 404, 403 for a group of another tenant.
pub async fn regenerate_token(cloud: &Cloud, caller: &Caller, id: i64) -> Result<NodeView, Failure> {
    refuse_foreign(cloud, caller, id).await?;
    let secret = Secret::random();
    let transaction = cloud.store.begin().await?;
    let group = find(&transaction, &caller.tenants, id).await?;
    let tenant = TenantId(group.client_id);
    let token = token_of(&group, &secret)?;
    let sealed = kept(cloud, &token);
    nodes::replace_group_token(&transaction, tenant, id, &secret.mac(&cloud.keys), sealed).await?;
    let entry = Change { object_type: "node_token", ..change("update", &group, None, None) };
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    let seen = cloud.store.node_instances(&tenant.into(), &[id], cloud.now() - LISTED_S).await?;
    let mut view = view(cloud, caller, &group, &seen);
    view.token = token;
    Ok(view)
}

/// Refuses a group of another tenant, which a path may not name; one that does not exist is reported later.
async fn refuse_foreign(cloud: &Cloud, caller: &Caller, id: i64) -> Result<(), Failure> {
    match cloud.store.identify_node_group_tenant(id).await? {
        Some(tenant) if !caller.tenants.contains(tenant) => Err(ApiError::access_denied().into()),
        Some(tenant) => {
            caller.act_on(tenant);
            Ok(())
        }
        None => Ok(()),
    }
}

async fn find<C: bartizan_store::sea_orm::ConnectionTrait>(
    connection: &C,
    tenants: &Tenants,
    id: i64,
) -> Result<node_group::Model, Failure> {
    Ok(nodes::find_group(connection, tenants, id).await?.ok_or_else(|| ApiError::not_found("node", id))?)
}

/// A group with the instances of the last day, the one seen last first.
fn view(
    cloud: &Cloud,
    caller: &Caller,
    group: &node_group::Model,
    instances: &[node_instance::Model],
) -> NodeView {
    let now = cloud.now();
    let active: Vec<&node_instance::Model> =
        instances.iter().filter(|instance| instance.last_seen_at + ACTIVE_S > now).collect();
    let latest = instances.first();
    let positive = |version: i64| Some(version).filter(|version| *version > 0);
    let month = super::node_sync::month_of(now);
    let may_see_token = caller.administers(TenantId(group.client_id));
    let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    NodeView {
        kind: KIND,
        id: group.id,
        state: NodeState {
            uuid: group.uuid.clone(),
            ip: latest.map(|instance| instance.ip.clone()),
            last_activity: latest.map(|instance| instance.last_seen_at),
            last_analytic: instances.iter().filter_map(|instance| instance.last_event_at).max(),
            enabled: true,
            clientid: group.client_id,
            create_time: group.created_at,
            create_from: group.create_from.clone(),
            hostname: group.hostname.clone(),
            protondb_version: latest.and_then(|instance| positive(instance.detectdb_version)),
            lom_version: latest.and_then(|instance| positive(instance.ruleset_version)),
            protondb_updated_at: latest.and_then(|instance| instance.detectdb_updated_at),
            lom_updated_at: latest.and_then(|instance| instance.ruleset_updated_at),
            node_env_params: NodeEnvironment {
                packages: latest
                    .and_then(|instance| serde_json::from_value(instance.packages.clone()).ok())
                    .unwrap_or_default(),
            },
            active: !active.is_empty(),
            partner_mode: group.partner_mode,
            last_error: active.iter().find_map(|instance| instance.last_error.clone()),
        },
        instance_count: count(instances.len()),
        active_instance_count: count(active.len()),
        token: group
            .token_sealed
            .as_deref()
            .filter(|_| may_see_token && cloud.config.auth.retrievable_tokens)
            .and_then(|sealed| unseal(&cloud.keys, sealed))
            .unwrap_or_default(),
        requests_amount: instances
            .iter()
            .filter(|instance| instance.requests_month == month)
            .fold(0, |sum: i64, instance| sum.saturating_add(instance.requests)),
        rps: active.iter().map(|instance| instance.rps).fold(0.0, std::ops::Add::add),
        secret: None,
    }
}
