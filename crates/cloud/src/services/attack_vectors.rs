//! The aggregation-first Attacks API (`spec/events.md` section 5).
//!
//! The unit is the vector: one attack sign of one request, which is a hit. Everything that groups, counts or
//! searches is asked of the event index; single vectors are read from the database by their rows. What clients
//! get to hold is bound to the tenant: ids of groups and cursors are signed, ids of vectors are hashes of what they name.

use bartizan_api::attack_vector::{VectorGroups, VectorQuery, VectorSchema};
use bartizan_store::TenantId;
use serde_json::{Value, json};

use crate::{failure::Failure, state::Cloud};

mod conditions;
mod drill;
pub(super) mod export;
mod fields;
mod glob;
mod group_id;
pub(super) mod identity;
mod metrics;
mod normal;
mod period;
mod query;
mod sql;
mod stats;

pub use drill::{by_group, by_request, mark};
pub use export::{export, export_file, export_status};
pub(super) use group_id::mac;
pub(super) use query::kept_since;
pub use stats::stats;

/// What can be asked.
#[must_use]
pub fn schema() -> VectorSchema {
    let named = |field: &fields::Field| json!({"name": field.name, "label": field.label, "type": field.kind});
    let fields_with = |wanted: fn(&fields::Field) -> bool| {
        fields::FIELDS.iter().filter(|field| wanted(field)).map(named).collect()
    };
    let metrics = metrics::METRICS.iter().map(|metric| {
        json!({"name": metric.name, "label": metric.label, "type": metric.kind(), "category": "aggregate",
            "sortable": true})
    });
    let column = |name: &str, label: &str, kind: &str, category: &str, sortable: bool| json!({"name": name, "label": label, "type": kind, "category": category, "sortable": sortable});
    let display =
        fields::DISPLAY.iter().map(|(name, label, _)| column(name, label, "list", "display", false));
    let dimensions = fields::FIELDS
        .iter()
        .filter(|field| field.group || field.stats)
        .map(|field| column(field.name, field.label, field.kind, "dimension", field.group));
    let computed =
        fields::COMPUTED.iter().map(|(name, label)| column(name, label, "object", "computed", false));
    let of_rows = fields::FIELDS.iter().map(|field| {
        let mut view = json!({"name": field.name, "label": field.label, "type": field.kind,
            "operators": field.ops.names()});
        let options: Vec<Value> = field
            .options()
            .into_iter()
            .map(|(value, label)| json!({"value": value, "label": label}))
            .collect();
        if let Some(map) = view.as_object_mut().filter(|_| !options.is_empty()) {
            map.insert("options".to_owned(), Value::Array(options));
        }
        view
    });
    let of_groups = metrics::METRICS.iter().map(|metric| {
        let operators = if metric.name == "status" { &["=", "in"][..] } else { fields::Ops::Order.names() };
        json!({"name": metric.name, "label": metric.label, "type": metric.kind(), "operators": operators})
    });
    let preset = |value: &str, label: &str, description: &str| json!({"value": value, "label": label, "description": description});
    VectorSchema {
        select_fields: metrics.chain(display).chain(dimensions).chain(computed).collect(),
        group_by_fields: fields_with(|field| field.group),
        stats_group_by_fields: fields_with(|field| field.stats),
        where_fields: of_rows.chain(of_groups).collect(),
        grouping_presets: vec![
            preset("type", "Attack type", "One row per attack type"),
            preset("source_ip", "Source IP", "One row per source address"),
            preset("none", "No grouping", "One row per request and attack type"),
        ],
    }
}

/// Groups of vectors.
///
/// # Errors
/// 400 by field.
pub async fn query(
    cloud: &Cloud,
    tenant: TenantId,
    zone: Option<&str>,
    request: &VectorQuery,
) -> Result<VectorGroups, Failure> {
    query::run(cloud, query::Query::parse(cloud, tenant, zone, request)?).await
}
