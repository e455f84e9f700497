//! How a group reads on the wire.

use bartizan_api::AttackType;
use bartizan_events_index::{Dimension, Group, Number, Text, Value as Key};
use serde_json::{Map, Value, json};

use super::{Column, Query, plan::Plan};
use crate::{
    failure::Failure,
    services::attack_vectors::{
        fields::{self, Field, Place},
        group_id::GroupKey,
        period::{Period, Zone},
    },
    state::Cloud,
};

/// Values of a display column.
const SHOWN: usize = 10;

pub(super) fn tops(columns: &[Column]) -> Vec<(Dimension, usize)> {
    let mut tops = vec![];
    for column in columns {
        match column {
            Column::Values(_, field) => tops.extend(field.dimension().map(|dimension| (dimension, SHOWN))),
            Column::Name => {
                tops.push((Dimension::Text(Text::Kind), 1));
                tops.push((Dimension::Text(Text::Host), 1));
            }
            Column::Security => {
                tops.push((Dimension::Number(Number::Issue, 1), SHOWN + 1));
                let tags = std::sync::Arc::new(fields::items);
                tops.push((Dimension::Mapped(Text::KnownAttack, tags), SHOWN));
            }
            Column::Metric(_) | Column::Dimension => {}
        }
    }
    tops
}

pub(super) fn plain(value: &Key) -> Value {
    match value {
        Key::Text(text) => Value::from(text.as_str()),
        Key::Number(number) => Value::from(*number),
    }
}

pub(super) async fn rows_of(
    cloud: &Cloud,
    query: &Query,
    plan: &Plan,
    groups: &[Group],
) -> Result<Vec<Value>, Failure> {
    // The index knows requests by number only.
    let requests = if query.dimensions.iter().any(|field| matches!(field.place, Place::Request)) {
        let samples: Vec<i64> = groups.iter().map(|group| group.sample).collect();
        cloud.store.request_ids(query.tenant, &samples).await?
    } else {
        std::collections::HashMap::new()
    };
    Ok(groups
        .iter()
        .map(|group| {
            let request = requests.get(&group.sample).map_or("", String::as_str);
            row(cloud, query, plan, group, request)
        })
        .collect())
}

fn row(cloud: &Cloud, query: &Query, plan: &Plan, group: &Group, request: &str) -> Value {
    let values: Vec<Value> = query
        .dimensions
        .iter()
        .zip(&group.key)
        .map(|(field, key)| match field.place {
            Place::Request => Value::from(request),
            _ => plain(key),
        })
        .collect();
    let key = GroupKey {
        f: query.dimensions.iter().map(|field| field.name.to_owned()).collect(),
        v: values.clone(),
        t: times(query, group),
    };
    let mut row = Map::new();
    row.insert("id".to_owned(), Value::from(key.issue(&cloud.keys, query.tenant)));
    for (field, value) in query.dimensions.iter().zip(values) {
        if matches!(field.place, Place::Type) {
            let label = type_label(value.as_str().unwrap_or_default());
            row.insert(field.name.to_owned(), value);
            row.insert(format!("{}_label", field.name), Value::from(label));
        } else {
            row.insert(field.name.to_owned(), shown(query.zone, field, value));
        }
    }
    let mut tops = group.tops.iter();
    for column in &query.columns {
        match column {
            Column::Dimension => {}
            Column::Metric(metric) => {
                row.insert(metric.name.to_owned(), plan.value(group, metric));
            }
            Column::Values(name, field) => {
                let top = tops.next().cloned().unwrap_or_default();
                let values: Vec<Value> =
                    top.values.iter().map(|(value, _)| shown(query.zone, field, plain(value))).collect();
                row.insert((*name).to_owned(), json!({"count": top.count, "values": values}));
            }
            Column::Name => {
                let (kind, host) = (first_text(tops.next()), first_text(tops.next()));
                let name = format!("{} {host}", type_label(&kind));
                row.insert("attack_name".to_owned(), Value::from(name.trim()));
            }
            Column::Security => {
                let issues = tops.next().cloned().unwrap_or_default();
                let issues: Vec<Value> = issues
                    .values
                    .iter()
                    .map(|(value, _)| plain(value))
                    .filter(|id| *id != json!(0))
                    .collect();
                let known = tops.next().cloned().unwrap_or_default();
                let known: Vec<Value> = known.values.iter().map(|(value, _)| plain(value)).collect();
                let info = json!({
                    "incident": !issues.is_empty(), "security_issue_ids": issues, "known_attack": known
                });
                row.insert("security_info".to_owned(), info);
            }
        }
    }
    Value::Object(row)
}

/// The times of a group: those asked for, within its buckets.
fn times(query: &Query, group: &Group) -> (i64, i64) {
    let buckets =
        query.dimensions.iter().zip(&group.key).filter_map(|(field, key)| match (field.place, key) {
            (Place::Time(grain), Key::Number(start)) => {
                let end = query.zone.next(grain, *start);
                Some(Period { from_ms: start * 1000, to_ms: end * 1000 - 1 })
            }
            _ => None,
        });
    let period = buckets.fold(query.period, Period::and);
    (period.from_ms, period.to_ms)
}

fn first_text(top: Option<&bartizan_events_index::Top>) -> String {
    match top.and_then(|top| top.values.first()) {
        Some((Key::Text(text), _)) => text.clone(),
        _ => String::new(),
    }
}

/// The name of a type for people.
pub(in crate::services::attack_vectors) fn type_label(kind: &str) -> String {
    AttackType::parse_code(kind).map_or_else(|| kind.to_owned(), |kind| kind.info().label.to_owned())
}

/// How a value of a field reads on the wire.
pub(in crate::services::attack_vectors) fn shown(zone: Zone, field: &Field, value: Value) -> Value {
    let number = value.as_i64().unwrap_or_default();
    match field.place {
        Place::Time(grain) => Value::from(zone.label(grain, number)),
        Place::StatusGroup if number > 0 => Value::from(format!("{number}xx")),
        Place::StatusGroup => Value::from(""),
        Place::Mark => Value::from(match number {
            1 => "fp",
            2 => "tp",
            _ => "",
        }),
        Place::Id(_) if number == 0 => Value::Null,
        _ => value,
    }
}
