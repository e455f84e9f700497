//! `query`: groups of vectors with what was selected about them, page by page (`spec/events.md` section 5.2).

use bartizan_api::{
    ApiError, AttackType,
    attack_vector::{VectorGroups, VectorQuery},
    filter::int,
};
use bartizan_events_index::{Aggregation, Dimension, Filter, Group, Mark, Number, Text, Value as Key};
use bartizan_store::{TenantId, event_settings};
use serde_json::{Value, json};

use super::{
    conditions::{self, Conditions, Having},
    fields::{self, Field, Place},
    metrics::{self, Metric},
    period::{Period, Zone},
};
use crate::{
    failure::Failure,
    services::{cursor, listing::oldest, nearest::nearest},
    state::Cloud,
};

mod plan;
mod view;

use plan::{Plan, choose, position};
use view::{rows_of, tops};
pub(super) use view::{shown, type_label};

/// Groups of a page.
const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 100;

/// A query that is understood.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) tenant: TenantId,
    pub(super) zone: Zone,
    pub(super) period: Period,
    pub(super) conditions: Conditions,
    pub(super) columns: Vec<Column>,
    /// The time bucket first.
    pub(super) dimensions: Vec<&'static Field>,
    order: Vec<(Sorted, bool)>,
    pub(super) limit: usize,
    fingerprint: String,
    start: Option<Start>,
}

/// What was selected.
#[derive(Clone, Copy, Debug)]
pub(super) enum Column {
    Metric(&'static Metric),
    /// A display column, or a dimension that is not grouped by: name, and the field it lists.
    Values(&'static str, &'static Field),
    /// The requests of a group that is not one request: their number, and the ids of some.
    Requests(&'static Field),
    /// A dimension of the group.
    Dimension,
    Name,
    Security,
}

/// What groups are sorted by.
#[derive(Clone, Copy, Debug)]
enum Sorted {
    Metric(&'static Metric),
    /// Place among the dimensions.
    Dimension(usize),
}

/// Where a page starts: beyond this group, forwards or backwards.
#[derive(Clone, Debug)]
struct Start {
    values: Vec<Key>,
    sample: i64,
    backwards: bool,
}

impl Query {
    pub(super) fn parse(
        cloud: &Cloud,
        tenant: TenantId,
        zone: Option<&str>,
        request: &VectorQuery,
    ) -> Result<Query, ApiError> {
        let zone_name = zone.unwrap_or_default();
        let zone = Zone::parse(zone)?;
        let now = cloud.now();
        let dimensions = dimensions(request)?;
        let columns = columns(&request.select, &dimensions)?;
        let order = order(&request.order_by, &columns, &dimensions)?;
        let fingerprint = cursor::fingerprint(&json!([
            tenant.0,
            request.select,
            request.preset,
            request.group_by,
            request.order_by,
            request.filter,
            request.time_range,
            zone_name
        ]));
        let start = match &request.cursor {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => {
                let position = cursor::open(&cloud.keys, &fingerprint, text, now)?;
                let start = Start::read(&position);
                Some(start.ok_or_else(|| ApiError::field("cursor", "invalid cursor", Value::Null))?)
            }
            other => return Err(ApiError::field("cursor", "must be a text", other.clone())),
        };
        Ok(Query {
            tenant,
            zone,
            period: Period::parse(&request.time_range, now)?,
            conditions: conditions::parse(&request.filter, zone)?,
            columns,
            dimensions,
            order,
            limit: limit(&request.limit, DEFAULT_LIMIT, MAX_LIMIT)?,
            fingerprint,
            start,
        })
    }

    /// The rows that are meant.
    pub(super) fn rows(&self, since: i64) -> Filter {
        rows(&self.conditions, self.period, since)
    }
}

/// The oldest time whose events a tenant still keeps, Unix seconds.
pub(in crate::services) async fn kept_since(cloud: &Cloud, tenant: TenantId) -> Result<i64, Failure> {
    let settings = event_settings::of_tenant(cloud.store.reader(), tenant).await?;
    let own = settings.retention_days.map_or(i64::MIN, |days| cloud.now() - days * 86_400);
    // What was removed does not come back when more is kept from now on, though the index may still have it.
    let purged = cloud.store.event_head(tenant).await?.map_or(i64::MIN, |head| head.purged_before);
    // Of a clock that was ahead: new events are kept all the same.
    let purged = if purged > cloud.now() { i64::MIN } else { purged };
    Ok(oldest(cloud.now()).max(own).max(purged))
}

/// Rows of a period that pass, without false positives unless marks are asked for, without internal types unless one is
/// asked for, and without what is older than `since`.
pub(super) fn rows(conditions: &Conditions, period: Period, since: i64) -> Filter {
    let kept = Period { from_ms: since * 1000, to_ms: i64::MAX };
    let mut all = vec![period.and(kept).filter(), conditions.rows.clone()];
    if !conditions.names_mark {
        let false_positive = Mark::False.code()..=Mark::False.code();
        all.push(Filter::Not(Box::new(Filter::number(Number::Mark, false_positive))));
    }
    if !conditions.names_internal {
        let is_shown = |kind: &str| !AttackType::parse_code(kind).is_some_and(AttackType::is_internal);
        all.push(Filter::text(Text::Kind, is_shown));
    }
    Filter::All(all)
}

/// A limit between 1 and `most`.
pub(super) fn limit(value: &Value, default: usize, most: usize) -> Result<usize, ApiError> {
    if value.is_null() {
        return Ok(default);
    }
    let limit =
        int(value).and_then(|limit| usize::try_from(limit).ok()).filter(|limit| (1..=most).contains(limit));
    limit
        .ok_or_else(|| ApiError::field("limit", format!("limit must be between 1 and {most}"), value.clone()))
}

fn dimensions(request: &VectorQuery) -> Result<Vec<&'static Field>, ApiError> {
    let groups = |name: &str| fields::find(name).filter(|field| field.group);
    let named: Vec<&'static Field> = match (&request.preset, &request.group_by) {
        (Value::Null, Value::Null) => preset("type").unwrap_or_default(),
        (Value::String(name), Value::Null) => match preset(name) {
            Some(dimensions) => dimensions,
            None => {
                let known = || ["type", "source_ip", "none"].into_iter().chain(group_names());
                vec![groups(name).ok_or_else(|| {
                    let error = ApiError::field("preset", "unknown preset", name.as_str());
                    error.did_you_mean(nearest(name, known()))
                })?]
            }
        },
        (Value::Null, Value::Array(names)) => {
            if names.is_empty() || names.len() > 4 {
                return Err(ApiError::field("group_by", "1 to 4 dimensions are required", names.len()));
            }
            names
                .iter()
                .map(|name| {
                    let field = name.as_str().and_then(groups);
                    field.ok_or_else(|| {
                        let meant = nearest(name.as_str().unwrap_or_default(), group_names());
                        ApiError::field("group_by", "unknown dimension", name.clone()).did_you_mean(meant)
                    })
                })
                .collect::<Result<Vec<_>, _>>()?
        }
        (Value::Null, other) => {
            return Err(ApiError::field("group_by", "must be a list of dimensions", other.clone()));
        }
        (Value::String(_), _) => {
            return Err(ApiError::field("preset", "not together with group_by", request.preset.clone()));
        }
        (other, _) => return Err(ApiError::field("preset", "must be a text", other.clone())),
    };
    let is_time = |field: &&Field| matches!(field.place, Place::Time(_));
    let (mut times, others): (Vec<&'static Field>, Vec<&'static Field>) =
        named.into_iter().partition(|field| is_time(field));
    if times.is_empty() {
        times.extend(fields::find("ts_day"));
    }
    let mut all: Vec<&'static Field> = vec![];
    for field in times.into_iter().chain(others) {
        if all.iter().any(|known| known.name == field.name) {
            return Err(ApiError::field("group_by", "named twice", field.name));
        }
        all.push(field);
    }
    Ok(all)
}

fn preset(name: &str) -> Option<Vec<&'static Field>> {
    let names: &[&str] = match name {
        "type" => &["attack_type"],
        "source_ip" => &["ip"],
        "none" => &["request_id", "attack_type"],
        _ => return None,
    };
    Some(names.iter().filter_map(|name| fields::find(name)).collect())
}

fn columns(select: &Value, dimensions: &[&'static Field]) -> Result<Vec<Column>, ApiError> {
    let bad = |error: &str, value: &Value| ApiError::field("select", error, value.clone());
    let names = select.as_array().filter(|names| (1..=50).contains(&names.len()));
    let names = names.ok_or_else(|| bad("1 to 50 columns are required", select))?;
    let mut columns = names
        .iter()
        .map(|name| {
            let text = name.as_str().unwrap_or_default();
            column(text, dimensions)
                .ok_or_else(|| bad("unknown column", name).did_you_mean(nearest(text, column_names())))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if !columns.iter().any(|column| matches!(column, Column::Metric(_))) {
        columns.extend(metrics::find("requests_count").map(Column::Metric));
    }
    Ok(columns)
}

/// Everything that may be selected.
fn column_names() -> impl Iterator<Item = &'static str> {
    let metrics = metrics::METRICS.iter().map(|metric| metric.name);
    let display = fields::DISPLAY.iter().map(|(name, ..)| *name);
    let computed = fields::COMPUTED.iter().map(|(name, _)| *name);
    let dimensions = fields::FIELDS.iter().filter(|field| field.group || field.stats);
    metrics.chain(display).chain(computed).chain(dimensions.map(|field| field.name))
}

/// Everything that a query may be grouped by.
fn group_names() -> impl Iterator<Item = &'static str> {
    fields::FIELDS.iter().filter(|field| field.group).map(|field| field.name)
}

fn column(name: &str, dimensions: &[&'static Field]) -> Option<Column> {
    if let Some(metric) = metrics::find(name) {
        return Some(Column::Metric(metric));
    }
    if let Some((name, _, of)) = fields::DISPLAY.iter().find(|(known, ..)| *known == name) {
        return fields::find(of).map(|field| Column::Values(name, field));
    }
    match name {
        "attack_name" => return Some(Column::Name),
        "security_info" => return Some(Column::Security),
        _ => {}
    }
    let field = fields::find(name).filter(|field| field.group || field.stats)?;
    if dimensions.iter().any(|known| known.name == field.name) {
        return Some(Column::Dimension);
    }
    // Of a group that is not split by it, a dimension has several values.
    Some(match field.place {
        Place::Request => Column::Requests(field),
        _ => Column::Values(field.name, field),
    })
}

fn order(
    value: &Value,
    columns: &[Column],
    dimensions: &[&'static Field],
) -> Result<Vec<(Sorted, bool)>, ApiError> {
    let bad = |error: &str, value: &Value| ApiError::field("order_by", error, value.clone());
    let default = || metrics::find("requests_count").map(|metric| (Sorted::Metric(metric), true));
    let entries = match value {
        Value::Null => return Ok(default().into_iter().collect()),
        Value::Array(entries) if entries.is_empty() => return Ok(default().into_iter().collect()),
        Value::Array(entries) if entries.len() <= 3 => entries,
        _ => return Err(bad("must be a list of at most 3 fields", value)),
    };
    entries
        .iter()
        .map(|entry| {
            let name = entry.get("field").and_then(Value::as_str).unwrap_or_default();
            let desc = match entry.get("desc") {
                None | Some(Value::Null) => false,
                Some(Value::Bool(desc)) => *desc,
                Some(_) => return Err(bad("desc must be true or false", entry)),
            };
            let selected = |column: &Column| match column {
                Column::Metric(metric) if metric.name == name => Some(*metric),
                _ => None,
            };
            let sorted = columns.iter().find_map(selected).map(Sorted::Metric).or_else(|| {
                let field = fields::find(name)?;
                let place = dimensions.iter().position(|known| known.name == field.name)?;
                Some(Sorted::Dimension(place))
            });
            let sorted =
                sorted.or_else(|| default().map(|(sorted, _)| sorted).filter(|_| name == "requests_count"));
            let sorted = sorted.ok_or_else(|| {
                let metrics = columns.iter().filter_map(|column| match column {
                    Column::Metric(metric) => Some(metric.name),
                    _ => None,
                });
                let known = metrics.chain(dimensions.iter().map(|field| field.name));
                bad("not a selected metric or a dimension", entry).did_you_mean(nearest(name, known))
            })?;
            Ok((sorted, desc))
        })
        .collect()
}

impl Start {
    fn read(position: &Value) -> Option<Start> {
        let (backwards, sample, values): (bool, i64, Vec<Value>) =
            serde_json::from_value(position.clone()).ok()?;
        let key = |value: Value| match value {
            Value::String(text) => Some(Key::Text(text)),
            other => other.as_i64().map(Key::Number),
        };
        Some(Start { values: values.into_iter().map(key).collect::<Option<_>>()?, sample, backwards })
    }
}

/// The groups of a page, and whether there are more after and before.
struct Page {
    groups: Vec<Group>,
    after: bool,
    before: bool,
}

/// Runs a query.
pub(super) async fn run(cloud: &Cloud, query: Query) -> Result<VectorGroups, Failure> {
    let plan = std::sync::Arc::new(Plan::new(&query));
    let page = page(cloud, &query, std::sync::Arc::clone(&plan), query.limit).await?;
    let boundary = |group: Option<&Group>, backwards: bool| {
        group.map(|group| {
            let position = position(&query, &plan, group, backwards);
            cursor::issue(&cloud.keys, &query.fingerprint, &position, cloud.now())
        })
    };
    let next_cursor = boundary(page.groups.last().filter(|_| page.after), false);
    let prev_cursor = boundary(page.groups.first().filter(|_| page.before), true);
    Ok(VectorGroups { data: rows_of(cloud, &query, &plan, &page.groups).await?, next_cursor, prev_cursor })
}

/// Every group of a query up to a limit, as rows.
pub(super) async fn all(cloud: &Cloud, query: &Query, limit: usize) -> Result<Vec<Value>, Failure> {
    let plan = std::sync::Arc::new(Plan::new(query));
    let page = page(cloud, query, std::sync::Arc::clone(&plan), limit).await?;
    rows_of(cloud, query, &plan, &page.groups).await
}

/// Whether the rows of a group meet conditions on metrics.
pub(super) async fn passes(
    cloud: &Cloud,
    tenant: TenantId,
    rows: Filter,
    groups: Vec<Having>,
) -> Result<bool, Failure> {
    let plan = Plan::of_conditions(&groups);
    let asked = Aggregation {
        filter: rows,
        dimensions: vec![],
        metrics: plan.metrics.clone(),
        details: vec![],
        tops: vec![],
        weight: None,
    };
    let passes = move |index: &bartizan_events_index::Index| {
        let mut passes = false;
        index.aggregate(tenant.0, &asked, |table| {
            passes = !table.is_empty() && plan.all_pass(table, &groups, 0);
            vec![]
        })?;
        Ok(passes)
    };
    cloud.event_index.ask(tenant, passes).await
}

/// What rows are grouped by.
fn dimension(field: &Field, zone: Zone) -> Option<Dimension> {
    match field.place {
        Place::Time(grain) => Some(zone.dimension(grain)),
        _ => field.dimension(),
    }
}

async fn page(
    cloud: &Cloud,
    query: &Query,
    plan: std::sync::Arc<Plan>,
    limit: usize,
) -> Result<Page, Failure> {
    let zone = query.zone;
    let dimensions = query.dimensions.iter().filter_map(|field| dimension(field, zone)).collect();
    let asked = Aggregation {
        filter: query.rows(kept_since(cloud, query.tenant).await?),
        dimensions,
        metrics: plan.metrics.clone(),
        details: plan.details.clone(),
        tops: tops(&query.columns, zone),
        weight: None,
    };
    let (tenant, query) = (query.tenant, query.clone());
    let page = move |index: &bartizan_events_index::Index| {
        let (mut after, mut before) = (false, false);
        let groups = index.aggregate(query.tenant.0, &asked, |table| {
            let chosen = choose(&query, &plan, table, limit);
            (after, before) = (chosen.1, chosen.2);
            chosen.0
        })?;
        Ok(Page { groups, after, before })
    };
    cloud.event_index.ask(tenant, page).await
}
