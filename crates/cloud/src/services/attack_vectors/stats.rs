//! `stats`: the widgets of a dashboard (`spec/events.md` section 5.7).

use bartizan_api::{
    ApiError,
    attack_vector::{VectorStats, VectorStatsRequest, VectorWidget},
};
use bartizan_events_index::{Aggregation, Filter, Index, Value as Key};
use bartizan_store::TenantId;
use serde_json::{Value, json};

use super::{
    conditions,
    drill::{names_internal, rows_of_group},
    fields::{self, Field, Grain, Place},
    group_id::GroupKey,
    metrics::{self, Metric},
    period::{Period, Zone},
    query::{kept_since, limit, rows, shown, type_label},
};
use crate::{failure::Failure, state::Cloud};

const MAX_WIDGETS: usize = 20;
const DEFAULT_ITEMS: usize = 5;
const MAX_ITEMS: usize = 50;
/// Most buckets of a series: half a year of hours.
const MAX_BUCKETS: usize = 5000;

/// A widget that is understood.
#[derive(Clone, Debug)]
struct Widget {
    kind: Kind,
    title: String,
    metric: &'static Metric,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Single,
    Series(Grain, &'static Field),
    Top { by: &'static Field, limit: usize, pie: bool },
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Single => "single_value",
            Kind::Series(..) => "timeseries",
            Kind::Top { pie: true, .. } => "pie_chart",
            Kind::Top { .. } => "top_list",
        }
    }
}

impl Widget {
    fn parse(place: usize, value: &Value) -> Result<Widget, ApiError> {
        let name = format!("widgets[{place}]");
        let bad = |error: &str| ApiError::field(&name, error, value.clone());
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let metric = text("field").and_then(metrics::find).filter(|metric| metric.is_scalar());
        let metric = metric.ok_or_else(|| bad("field must be a metric that is one number"))?;
        let by = |wanted: fn(&Field) -> bool| {
            text("group_by").and_then(fields::find).filter(|field| field.stats && wanted(field))
        };
        let items = limit(value.get("limit").unwrap_or(&Value::Null), DEFAULT_ITEMS, MAX_ITEMS)
            .map_err(|_| bad("limit must be between 1 and 50"))?;
        let kind = match text("type") {
            Some("single_value") => Kind::Single,
            Some("timeseries") => match by(|field| matches!(field.place, Place::Time(_))) {
                Some(field @ Field { place: Place::Time(grain), .. }) => Kind::Series(*grain, field),
                _ => return Err(bad("group_by must be a time field")),
            },
            Some(kind @ ("top_list" | "pie_chart")) => {
                let by = by(|_| true).ok_or_else(|| bad("group_by must be a field for statistics"))?;
                Kind::Top { by, limit: items, pie: kind == "pie_chart" }
            }
            _ => return Err(bad("type must be single_value, timeseries, top_list or pie_chart")),
        };
        let title = text("title").unwrap_or(metric.label).to_owned();
        Ok(Widget { kind, title, metric })
    }
}

/// The data of widgets.
///
/// # Errors
/// 400 by field; one bad widget refuses all.
pub async fn stats(
    cloud: &Cloud,
    tenant: TenantId,
    zone: Option<&str>,
    request: &VectorStatsRequest,
) -> Result<VectorStats, Failure> {
    let zone = Zone::parse(zone)?;
    let mut period = Period::parse(&request.time_range, cloud.now())?;
    let mut asked = conditions::parse(&request.filter, zone)?;
    let mut all = vec![];
    if !request.group_id.is_null() {
        let key = GroupKey::open(&cloud.keys, tenant, &request.group_id)?;
        all.push(rows_of_group(&key)?);
        asked.names_internal |= names_internal(&key);
        period = period.and(key.period());
    }
    if !asked.groups.is_empty() {
        let error = "widgets take conditions on fields, not on metrics";
        return Err(ApiError::field("where", error, Value::Null).into());
    }
    all.push(rows(&asked, period, kept_since(cloud, tenant).await?));
    let filter = Filter::All(all);
    let widgets = request.widgets.as_array().filter(|widgets| (1..=MAX_WIDGETS).contains(&widgets.len()));
    let widgets = widgets
        .ok_or_else(|| ApiError::field("widgets", "1 to 20 widgets are required", request.widgets.clone()))?
        .iter()
        .enumerate()
        .map(|(place, value)| Widget::parse(place, value))
        .collect::<Result<Vec<_>, _>>()?;
    let mut answers = Vec::with_capacity(widgets.len());
    for widget in widgets {
        let data = data(cloud, tenant, zone, period, &filter, &widget).await?;
        answers.push(VectorWidget { kind: widget.kind.name().to_owned(), title: widget.title, data });
    }
    Ok(VectorStats { widgets: answers })
}

async fn data(
    cloud: &Cloud,
    tenant: TenantId,
    zone: Zone,
    period: Period,
    filter: &Filter,
    widget: &Widget,
) -> Result<Vec<Value>, Failure> {
    let dimensions = match widget.kind {
        Kind::Single => vec![],
        Kind::Series(grain, _) => vec![zone.dimension(grain)],
        Kind::Top { by: Field { place: Place::Time(grain), .. }, .. } => vec![zone.dimension(*grain)],
        Kind::Top { by, .. } => by.dimension().into_iter().collect(),
    };
    let measures = widget.metric.measures();
    let asked = Aggregation {
        filter: filter.clone(),
        dimensions,
        metrics: measures,
        details: vec![],
        tops: vec![],
        weight: None,
    };
    let metric = widget.metric;
    let groups = move |index: &Index| {
        let groups = index.aggregate(tenant.0, &asked, |table| (0..table.len()).collect())?;
        Ok(groups
            .into_iter()
            .map(|group| (group.key.into_iter().next(), metric.rank(&group.metrics)))
            .collect::<Vec<_>>())
    };
    let groups = cloud.event_index.ask(tenant, groups).await?;
    Ok(match widget.kind {
        Kind::Single => {
            let value = groups.first().map_or(0, |(_, value)| *value);
            vec![json!({"label": "Total", "key": "", "value": value})]
        }
        Kind::Series(grain, field) => series(zone, period, grain, field, &groups, cloud.now()),
        Kind::Top { by, limit, pie } => top(zone, by, limit, pie, groups),
    })
}

/// One item per bucket of the period, empty ones too.
fn series(
    zone: Zone,
    period: Period,
    grain: Grain,
    field: &Field,
    groups: &[(Option<Key>, i64)],
    now: i64,
) -> Vec<Value> {
    let values: std::collections::HashMap<i64, i64> = groups
        .iter()
        .filter_map(|(key, value)| match key {
            Some(Key::Number(start)) => Some((*start, *value)),
            _ => None,
        })
        .collect();
    let last = period.to_ms.div_euclid(1000).min(now.max(period.from_ms.div_euclid(1000)));
    let last = values.keys().copied().max().map_or(last, |latest| latest.max(last));
    let mut start = zone.bucket(grain, period.from_ms.div_euclid(1000));
    let mut items = vec![];
    while start <= last && items.len() < MAX_BUCKETS {
        let key = shown(zone, field, Value::from(start));
        items.push(json!({"label": key, "key": key, "value": values.get(&start).copied().unwrap_or(0)}));
        // A zone never makes a bucket end before it starts; the step keeps the loop finite all the same.
        start = zone.next(grain, start).max(start + 1);
    }
    items
}

/// The greatest groups with their share of all.
fn top(
    zone: Zone,
    by: &'static Field,
    limit: usize,
    pie: bool,
    mut groups: Vec<(Option<Key>, i64)>,
) -> Vec<Value> {
    let total: i64 = groups.iter().map(|(_, value)| *value).sum();
    let share = |value: i64| {
        // Thousandths, rounded: one digit after the point.
        let tenths = (value * 2000 + total) / (2 * total).max(1);
        #[expect(clippy::cast_precision_loss, reason = "at most 1000")]
        let share = tenths as f64 / 10.0;
        share
    };
    groups.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let rest: i64 = groups.iter().skip(limit).map(|(_, value)| *value).sum();
    let more = groups.len() > limit;
    let options = by.options();
    let mut items: Vec<Value> = groups
        .into_iter()
        .take(limit)
        .map(|(key, value)| {
            let raw = match key {
                Some(Key::Text(text)) => Value::from(text),
                Some(Key::Number(number)) => Value::from(number),
                None => Value::Null,
            };
            let key = match shown(zone, by, raw) {
                Value::String(text) => text,
                Value::Null => String::new(),
                other => other.to_string(),
            };
            let key = if key.is_empty() { "__none__".to_owned() } else { key };
            let label = options.iter().find(|(value, _)| *value == key).map(|(_, label)| label.clone());
            let label = match by.place {
                Place::Type => type_label(&key),
                _ => label.unwrap_or_else(|| key.clone()),
            };
            json!({"label": label, "key": key, "value": value, "percentage": share(value)})
        })
        .collect();
    if pie && more {
        items.push(json!({"label": "Other", "key": "__other__", "value": rest, "percentage": share(rest)}));
    }
    items
}
