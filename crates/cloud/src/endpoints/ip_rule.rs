//! IP lists, legacy API: the same store in older words (`spec/rules.md` section 6.6).

use axum::extract::State;
use bartizan_api::{
    ApiError, Envelope, filter,
    ip_list::{IpRuleCreateRequest, IpRuleDeleteRequest, IpRuleView, Objects},
    list::ListRequest,
};
use bartizan_store::{entity::ip_group::Model, ip_groups::GroupFilter};
use serde_json::Value;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::ip_list::{lists, rule_type, texts};
use crate::{
    auth::{Caller, strings},
    extract::{EventsBody, EventsQuery},
    failure::Failure,
    services::{
        ip_list::{self, List, NewEntries, RuleType, Spelling},
        page,
    },
    state::Cloud,
};

/// Most rows of a list.
const MAX_LIMIT: u64 = 300;

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    OpenApiRouter::new().routes(routes!(ip_rule_list, ip_rule_create, ip_rule_delete))
}

fn view_of(group: &Model, author: Option<String>) -> Result<IpRuleView, Failure> {
    let list = List::of_stored(&group.list).ok_or_else(ApiError::internal)?;
    let rule_type = RuleType::of_stored(&group.rule_type).ok_or_else(ApiError::internal)?;
    let values = strings(&group.values);
    let first_of = |kind: RuleType| values.first().filter(|_| kind == rule_type).cloned();
    Ok(IpRuleView {
        id: group.id,
        clientid: group.client_id,
        rule_type: rule_type.name(Spelling::Legacy),
        list: list.name(Spelling::Legacy),
        author,
        created_at: group.created_at,
        expired_at: group.expired_at,
        pools: serde_json::from_value(group.application_ids.clone()).unwrap_or_default(),
        reason: group.reason.clone(),
        author_trigger_id: group.author_trigger_id,
        author_user_id: group.author_user_id,
        subnet: first_of(RuleType::Subnet),
        country: first_of(RuleType::Location),
        proxy_type: first_of(RuleType::ProxyType),
        datacenter: first_of(RuleType::Datacenter),
        source_values: (rule_type != RuleType::Subnet).then_some(values),
        deleted_by: None,
    })
}

async fn views(cloud: &Cloud, groups: &[Model]) -> Result<Envelope<Objects<IpRuleView>>, Failure> {
    let authors = cloud.store.ip_group_authors(groups).await?;
    let view = |group: &Model| view_of(group, authors.get(&group.author_user_id).cloned());
    Ok(Envelope::new(Objects::new(groups.iter().map(view).collect::<Result<_, _>>()?)))
}

/// The whole numbers of a filter value: one, or an array, as numbers or text.
fn ints(sent: &Value, key: &str) -> Result<Vec<i64>, ApiError> {
    let items: Vec<&Value> = match sent.get(key) {
        None | Some(Value::Null) => vec![],
        Some(Value::Array(items)) => items.iter().collect(),
        Some(single) => vec![single],
    };
    let parse = |item: &Value| {
        filter::int(item).ok_or_else(|| ApiError::field(key, "must be a number", item.clone()))
    };
    items.into_iter().map(parse).collect()
}

/// List entries of the IP lists in the legacy form
///
/// Newest first.
#[utoipa::path(get, path = "/v4/ip_rules", tag = "IP lists",
    params(("filter[clientid]" = Option<i64>, Query, description = "Tenant"),
        ("filter[list]" = Option<String>, Query, description = "`white`, `black` or `gray`"),
        ("filter[id][]" = Option<Vec<i64>>, Query, description = "Ids"),
        ("limit" = Option<i64>, Query, description = "Most rows, 1 to 300; default 100"),
        ("offset" = Option<i64>, Query, description = "Rows to skip")),
    responses((status = 200, description = "Entries", body = Envelope<Objects<IpRuleView>>)))]
pub async fn ip_rule_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsQuery(request): EventsQuery<ListRequest>,
) -> Result<Envelope<Objects<IpRuleView>>, Failure> {
    let tenants = caller.tenants_or_own(&ints(&request.filter, "clientid")?);
    let ids = ints(&request.filter, "id")?;
    let filter = GroupFilter {
        ids: Some(ids).filter(|ids| !ids.is_empty()),
        value: texts(&request.filter, "query").first().map(|text| ip_list::value_query(text)),
        ..GroupFilter::default()
    };
    let asked = lists(&request.filter)?;
    let part = page::part(request.limit, request.offset, MAX_LIMIT)?;
    views(&cloud, &ip_list::list(&cloud, &caller, &tenants, asked, filter, part).await?).await
}

/// Add an entry to an IP list in the legacy form
///
/// Conflicts answer 409, unless `force` replaces them.
#[utoipa::path(post, path = "/v4/ip_rules", tag = "IP lists", request_body = IpRuleCreateRequest,
    responses((status = 200, description = "The created entry", body = Envelope<Objects<IpRuleView>>),
        (status = 409, description = "Conflicting entries")))]
pub async fn ip_rule_create(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<IpRuleCreateRequest>,
) -> Result<Envelope<Objects<IpRuleView>>, Failure> {
    let rule = request.ip_rule;
    if rule.list.is_none() && rule.rule_type.is_none() {
        return Err(ApiError::field("ip_rule", "can't be blank", Value::Null).into());
    }
    let list = rule.list.as_deref().unwrap_or_default();
    let kind = rule_type("rule_type", rule.rule_type.as_deref().unwrap_or_default())?;
    let values = match kind {
        RuleType::Subnet => rule.subnet.into_iter().collect(),
        _ => rule.source_values.unwrap_or_default(),
    };
    let new = NewEntries {
        tenant: caller.tenant_of(request.clientid)?,
        spelling: Spelling::Legacy,
        list: List::parse(list).ok_or_else(|| ApiError::field("list", "is invalid", list))?,
        force: request.force.unwrap_or(false),
        reason: rule.reason.unwrap_or_default(),
        applications: rule.pools.unwrap_or_default(),
        expired_at: rule.expired_at,
        rules: vec![(kind, values)],
    };
    let created = ip_list::create(&cloud, &caller, new).await.map_err(|error| legacy(error, kind))?;
    views(&cloud, &created).await
}

/// A refusal that names the values by the member of the legacy form.
fn legacy(Failure(mut error): Failure, kind: RuleType) -> Failure {
    if let Some(fields) = error.body.as_object_mut()
        && let Some(mut fault) = fields.remove("values")
    {
        if let (RuleType::Subnet, Some(fault)) = (kind, fault.as_object_mut()) {
            // It is one value, not a list of lines.
            fault.remove("line");
        }
        fields.insert(if kind == RuleType::Subnet { "subnet" } else { "source_values" }.to_owned(), fault);
    }
    Failure(error)
}

/// Delete entries of the IP lists in the legacy form
///
/// By `id`. Unknown and foreign ids are ignored.
#[utoipa::path(delete, path = "/v4/ip_rules", tag = "IP lists", request_body = IpRuleDeleteRequest,
    responses((status = 200, description = "The deleted entries", body = Envelope<Objects<IpRuleView>>)))]
pub async fn ip_rule_delete(
    State(cloud): State<Cloud>,
    caller: Caller,
    EventsBody(request): EventsBody<IpRuleDeleteRequest>,
) -> Result<Envelope<Objects<IpRuleView>>, Failure> {
    let ids = ints(&request.filter, "id")?;
    if ids.is_empty() {
        return Err(ApiError::empty_filter().into());
    }
    let stored = lists(&request.filter)?.into_iter().map(|list| list.stored().to_owned()).collect();
    let filters = [GroupFilter { ids: Some(ids), lists: stored, ..GroupFilter::default() }];
    let mut deleted = Vec::new();
    for tenant in caller.tenants_or_own(&ints(&request.filter, "clientid")?).ids() {
        deleted.extend(ip_list::delete(&cloud, &caller, *tenant, &filters).await?);
    }
    views(&cloud, &deleted).await
}
