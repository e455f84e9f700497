//! IP lists, current API (`spec/rules.md` sections 6.3 to 6.5).

use axum::{
    body::Bytes,
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
};
use bartizan_api::{
    ApiError, Envelope, filter,
    ip_list::{AccessRulesRequest, IpGroupDeleteRequest, IpGroupView, IpListCounts, IpListImported, Objects},
    list::ListRequest,
};
use bartizan_store::{entity::ip_group::Model, ip_groups::GroupFilter};
use serde_json::{Map, Value};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::{Caller, strings},
    extract::{EventsBody, EventsQuery, Path, whole},
    failure::Failure,
    services::{
        ip_list::{self, List, NewEntries, RuleType, Spelling},
        page,
    },
    state::Cloud,
};

/// Largest text of an import.
const IMPORT_BYTES: usize = 8 << 20;

pub(super) fn routes() -> OpenApiRouter<Cloud> {
    let import =
        OpenApiRouter::new().routes(routes!(ip_list_import)).layer(DefaultBodyLimit::max(IMPORT_BYTES));
    OpenApiRouter::new()
        .routes(routes!(ip_group_list, ip_group_delete))
        .routes(routes!(access_rule_create))
        .routes(routes!(access_rule_counts))
        .merge(import)
}

fn view_of(group: &Model, author: Option<String>, now: i64) -> Result<IpGroupView, Failure> {
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
        author,
        author_trigger_id: group.author_trigger_id,
        values: strings(&group.values),
        status: if group.expired_at > now { "enabled" } else { "expired" },
    })
}

async fn views(cloud: &Cloud, groups: &[Model]) -> Result<Envelope<Objects<IpGroupView>>, Failure> {
    let (authors, now) = (cloud.store.ip_group_authors(groups).await?, cloud.now());
    let view = |group: &Model| view_of(group, authors.get(&group.author_user_id).cloned(), now);
    Ok(Envelope::new(Objects::new(groups.iter().map(view).collect::<Result<_, _>>()?)))
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

/// The applications that a filter value names.
fn applications(filter: &Value) -> Result<Vec<i64>, ApiError> {
    let asked = match filter.get("application_ids") {
        None => return Ok(vec![]),
        Some(Value::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
    };
    let number = |item: &Value| {
        filter::int(item).ok_or_else(|| ApiError::field("application_ids", "is invalid", item.clone()))
    };
    asked.into_iter().map(number).collect()
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
        ("filter[application_ids][]" = Option<Vec<i64>>, Query, description = "Applications that it holds for"),
        ("filter[status]" = Option<String>, Query, description = "`expired` lists what has ended"),
        ("limit" = Option<i64>, Query, description = "Most rows, 1 to 1000; default 100"),
        ("offset" = Option<i64>, Query, description = "Rows to skip")),
    responses((status = 200, description = "Entries", body = Envelope<Objects<IpGroupView>>)))]
pub async fn ip_group_list(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    EventsQuery(request): EventsQuery<ListRequest>,
) -> Result<Envelope<Objects<IpGroupView>>, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let types = texts(&request.filter, "rule_type").into_iter().map(|name| rule_type("rule_type", name));
    let types = types.collect::<Result<Vec<_>, _>>()?;
    let filter = GroupFilter {
        rule_types: types.into_iter().map(|kind| kind.stored().to_owned()).collect(),
        value: texts(&request.filter, "query").first().map(|text| ip_list::value_query(text)),
        applications: applications(&request.filter)?,
        expired: texts(&request.filter, "status") == ["expired"],
        ..GroupFilter::default()
    };
    let asked = lists(&request.filter)?;
    let part = page::of(&request)?;
    views(&cloud, &ip_list::list(&cloud, &caller, &tenant.into(), asked, filter, part).await?).await
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
    EventsBody(request): EventsBody<AccessRulesRequest>,
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
    views(&cloud, &ip_list::create(&cloud, &caller, new).await?).await
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
    EventsBody(request): EventsBody<IpGroupDeleteRequest>,
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
    views(&cloud, &ip_list::delete(&cloud, &caller, tenant, &filters).await?).await
}

/// Count entries of the IP lists
///
/// Live entries by type, over all lists or over those that the filter names.
#[utoipa::path(get, path = "/v1/blocklist/clients/{client_id}/access_rules/counts", tag = "IP lists",
    params(("client_id" = i64, Path, description = "Tenant"),
        ("filter[list]" = Option<String>, Query, description = "`allow`, `block` or `gray`")),
    responses((status = 200, description = "Counts", body = Envelope<IpListCounts>)))]
pub async fn access_rule_counts(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    EventsQuery(request): EventsQuery<ListRequest>,
) -> Result<Envelope<IpListCounts>, Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let asked = lists(&request.filter)?;
    Ok(Envelope::new(ip_list::counts(&cloud, &caller, tenant, &asked).await?))
}

/// Import addresses into an IP list
///
/// The body is text with an address or subnet on each line, up to 100,000; empty lines and what follows `#` are
/// left out. A bad line is named, and then nothing is imported.
#[utoipa::path(post, path = "/v1/blocklist/clients/{client_id}/import", tag = "IP lists",
    params(("client_id" = i64, Path, description = "Tenant"),
        ("list" = String, Query, description = "`allow`, `block` or `gray`"),
        ("expired_at" = i64, Query, description = "Unix seconds; 0 is never"),
        ("reason" = Option<String>, Query, description = "Why"),
        ("application_ids[]" = Option<Vec<i64>>, Query, description = "Applications, at most 250; none is all"),
        ("force" = Option<bool>, Query, description = "Replace entries that conflict instead of refusing")),
    request_body(content = String, content_type = "text/plain", example = "198.51.100.7\n203.0.113.0/24 # scanner"),
    responses((status = 200, description = "How many entries were made", body = Envelope<IpListImported>),
        (status = 409, description = "Conflicting entries")))]
pub async fn ip_list_import(
    State(cloud): State<Cloud>,
    caller: Caller,
    Path(client_id): Path<i64>,
    EventsQuery(options): EventsQuery<Map<String, Value>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Envelope<IpListImported>, Failure> {
    let options = Value::Object(options);
    let text = whole(body)?;
    let text = std::str::from_utf8(&text).map_err(|_| ApiError::field("body", "is not text", Value::Null))?;
    // Editors of some systems begin a text with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let option = |key: &str| texts(&options, key).first().copied().unwrap_or_default();
    let new = NewEntries {
        tenant: caller.tenant_of(Some(client_id))?,
        spelling: Spelling::Current,
        list: List::parse(option("list"))
            .ok_or_else(|| ApiError::field("list", "is invalid", option("list")))?,
        force: match option("force") {
            "true" | "1" => true,
            "" | "false" | "0" => false,
            other => return Err(ApiError::field("force", "should be true or false", other).into()),
        },
        reason: option("reason").to_owned(),
        applications: applications(&options)?,
        expired_at: options.get("expired_at").cloned().unwrap_or_default(),
        rules: vec![],
    };
    let created = ip_list::import(&cloud, &caller, new, text).await?;
    Ok(Envelope::new(IpListImported { created }))
}
