//! How a group reads on the wire.

use std::collections::{BTreeSet, HashMap};

use bartizan_api::AttackType;
use bartizan_events_index::{Dimension, Group, Number, Text, Top, Value as Key};
use serde_json::{Map, Value, json};

use super::{Column, Query, dimension, plan::Plan};
use crate::{
    failure::Failure,
    services::attack_vectors::{
        fields::{self, Field, Place},
        group_id::GroupKey,
        metrics,
        period::{Period, Zone},
    },
    state::Cloud,
};

/// Values of a display column.
const SHOWN: usize = 10;

pub(super) fn tops(columns: &[Column], zone: Zone) -> Vec<(Dimension, usize)> {
    let mut tops = vec![];
    for column in columns {
        match column {
            Column::Values(_, field) => {
                tops.extend(dimension(field, zone).map(|dimension| (dimension, SHOWN)));
            }
            // The index has no ids of requests; hits lead to them.
            Column::Requests(_) => tops.push((Dimension::Number(Number::Id, 1), SHOWN)),
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
    let mut hits = vec![];
    if query.dimensions.iter().any(|field| matches!(field.place, Place::Request)) {
        hits.extend(groups.iter().map(|group| group.sample));
    }
    let listed = |column: &Column| matches!(column, Column::Requests(_));
    let place = query.columns.iter().position(listed).map(|at| {
        // Each column before it has as many tops as a query of it alone.
        tops(query.columns.get(..at).unwrap_or_default(), query.zone).len()
    });
    if let Some(place) = place {
        let tops = groups.iter().filter_map(|group| group.tops.get(place));
        hits.extend(tops.flat_map(rows_in));
    }
    let requests =
        if hits.is_empty() { HashMap::new() } else { cloud.store.request_ids(query.tenant, &hits).await? };
    Ok(groups.iter().map(|group| row(cloud, query, plan, group, &requests)).collect())
}

/// The numbers of the hits that stand for requests.
fn rows_in(top: &Top) -> impl Iterator<Item = i64> + '_ {
    top.values.iter().filter_map(|(value, _)| match value {
        Key::Number(row) => Some(*row),
        Key::Text(_) => None,
    })
}

fn row(cloud: &Cloud, query: &Query, plan: &Plan, group: &Group, requests: &HashMap<i64, String>) -> Value {
    let request = requests.get(&group.sample).map_or("", String::as_str);
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
            Column::Requests(field) => {
                let hits = tops.next().into_iter().flat_map(rows_in);
                let ids: BTreeSet<&str> =
                    hits.filter_map(|row| requests.get(&row)).map(String::as_str).collect();
                let count = metrics::find("requests_count").map(|metric| plan.value(group, metric));
                row.insert(field.name.to_owned(), json!({"count": count, "values": ids}));
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

fn first_text(top: Option<&Top>) -> String {
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
