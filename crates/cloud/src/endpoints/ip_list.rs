//! IP lists, current API (`spec/rules.md` sections 6.3 to 6.5).

use axum::extract::State;
use bartizan_api::{
    ApiError, Envelope,
    ip_list::{AccessRulesRequest, IpGroupDeleteRequest, IpGroupView, Objects},
    list::ListRequest,
};
use bartizan_store::{entity::ip_group::Model, ip_groups::GroupFilter};
use serde_json::Value;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{Caller, strings},
    extract::{Body, Path, RackQuery},
    failure::Failure,
    services::{
        ip_list::{self, List, NewEntries, RuleType, Spelling},
        page,
    },
    state::Cloud,
};

/// Rows of a list without a limit.
const DEFAULT_LIMIT: u64 = 50;

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new().routes(routes!(ip_group_list, ip_group_delete)).routes(routes!(access_rule_create))
}

fn view_of(cloud: &Cloud, group: &Model) -> Result<IpGroupView, Failure> {
    let list = List::of_stored(&group.list).ok_or_else(ApiError::internal)?;
    let rule_type = RuleType::of_stored(&group.rule_type).ok_or_else(ApiError::internal)?;
    Ok(IpGroupView {
        id: group.id,
        client_id: group.client_id,
        rule_type: rule_type.name(Spelling::Current),
        list: list.name(Spelling::Current),
        created_at: group.created_at,
        expired_at: group.expired_at,
        application_ids: serde_json::from_value(group.application_ids.clone()).unwrap_or_default(),
        reason: group.reason.clone(),
        author_user_id: group.author_user_id,
        author_trigger_id: None,
        values: strings(&group.values),
        status: if group.expired_at > cloud.now() { "enabled" } else { "expired" },
    })
}

fn views(cloud: &Cloud, groups: &[Model]) -> Result<Envelope<Objects<IpGroupView>>, Failure> {
    let objects = groups.iter().map(|group| view_of(cloud, group)).collect::<Result<_, _>>()?;
    Ok(Envelope::new(Objects::new(objects)))
}

/// The texts of a filter value: one, or an array.
pub(super) fn texts<'a>(filter: &'a Value, key: &str) -> Vec<&'a str> {
    match filter.get(key) {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        Some(Value::String(text)) => vec![text.as_str()],
        _ => vec![],
    }
}

/// The lists that a filter value names.
pub(super) fn lists(filter: &Value) -> Result<Vec<List>, ApiError> {
    let parse = |name: &str| List::parse(name).ok_or_else(|| ApiError::field("list", "is invalid", name));
    texts(filter, "list").into_iter().map(parse).collect()
}

pub(super) fn rule_type(field: &str, name: &str) -> Result<RuleType, ApiError> {
    RuleType::parse(name).ok_or_else(|| ApiError::field(field, "is invalid", name))
}

/// List entries of the IP lists
///
/// Newest first. `filter[query]` finds an address, subnet or code exactly as it is listed.
#[utoipa::path(get, path = "/v1/blocklist/clients/{client_id}/groups", tag = "IP lists",
    params(("client_id" = i64, Path, description = "Tenant"),
        ("filter[list]" = Option<String>, Query, description = "`allow`, `block` or `gray`"),
        ("filter[rule_type][]" = Option<Vec<String>>, Query, description = "Types"),
        ("filter[query]" = Option<String>, Query, description = "Value"),
        ("filter[status]" = Option<String>, Query, description = "`expired` lists what has ended"),
        ("limit" = Option<i64>, Query, description = "Most rows, 1 to 1000; default 50"),
        ("offset" = Option<i64>, Query, description = "Rows to skip")),
    responses((status = 200, description = "Entries", body = Envelope<Objects<IpGroupView>>)))]
pub async fn ip_group_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    RackQuery(request): RackQuery<ListRequest>,
) -> Result<Envelope<Objects<IpGroupView>>, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let types = texts(&request.filter, "rule_type").into_iter().map(|name| rule_type("rule_type", name));
    let types = types.collect::<Result<Vec<_>, _>>()?;
    let filter = GroupFilter {
        rule_types: types.into_iter().map(|kind| kind.stored().to_owned()).collect(),
        value: texts(&request.filter, "query").first().map(|text| ip_list::value_query(text)),
        expired: texts(&request.filter, "status") == ["expired"],
        ..GroupFilter::default()
    };
    let asked = lists(&request.filter)?;
    let part = page::of(&request, DEFAULT_LIMIT)?;
    views(&cloud, &ip_list::list(&cloud, &caller, &tenant.into(), asked, filter, part).await?)
}

/// Add entries to an IP list
///
/// Each subnet becomes an entry of its own, the codes of one rule become one entry. An entry with the same
/// value and an overlapping application scope on any list answers 409, unless `force` replaces it.
#[utoipa::path(post, path = "/v1/blocklist/clients/{client_id}/access_rules", tag = "IP lists",
    params(("client_id" = i64, Path, description = "Tenant")), request_body = AccessRulesRequest,
    responses((status = 200, description = "The created entries", body = Envelope<Objects<IpGroupView>>),
        (status = 409, description = "Conflicting entries")))]
pub async fn access_rule_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    Body(request): Body<AccessRulesRequest>,
) -> Result<Envelope<Objects<IpGroupView>>, Failure> {
    let list = request.list.as_deref().unwrap_or_default();
    let rules =
        request.rules.into_iter().map(|rule| Ok((rule_type("rules_type", &rule.rules_type)?, rule.values)));
    let new = NewEntries {
        tenant: caller.tenant_of(Some(client_id))?,
        spelling: Spelling::Current,
        list: List::parse(list).ok_or_else(|| ApiError::field("list", "is invalid", list))?,
        force: request.force.unwrap_or(false),
        reason: request.reason.unwrap_or_default(),
        applications: request.application_ids.unwrap_or_default(),
        expired_at: request.expired_at,
        rules: rules.collect::<Result<_, ApiError>>()?,
    };
    views(&cloud, &ip_list::create(&cloud, &caller, new).await?)
}

/// Delete entries of the IP lists
///
/// Unknown and foreign ids are ignored.
#[utoipa::path(delete, path = "/v1/blocklist/clients/{client_id}/groups", tag = "IP lists",
    params(("client_id" = i64, Path, description = "Tenant")), request_body = IpGroupDeleteRequest,
    responses((status = 200, description = "The deleted entries", body = Envelope<Objects<IpGroupView>>)))]
pub async fn ip_group_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    Body(request): Body<IpGroupDeleteRequest>,
) -> Result<Envelope<Objects<IpGroupView>>, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let mut filters = Vec::new();
    for rule in request.rules {
        let kind = rule_type("rule_type", &rule.rule_type)?;
        filters.push(GroupFilter {
            rule_types: vec![kind.stored().to_owned()],
            ids: Some(rule.ids),
            ..GroupFilter::default()
        });
    }
    views(&cloud, &ip_list::delete(&cloud, &caller, tenant, &filters).await?)
}
