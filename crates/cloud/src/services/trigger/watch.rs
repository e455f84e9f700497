//! A stored trigger as types, and whether an event passes its filters.

use std::collections::HashSet;

use bartizan_api::{
    AttackType,
    trigger::{ActionView, FilterView},
};
use bartizan_store::entity::{hit, trigger::Model};
use serde_json::{Value, json};

/// What is done when a trigger fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// The source goes onto the denylist for so many seconds.
    Block(i64),
    /// The source goes onto the graylist for so many seconds.
    Graylist(i64),
    /// These integrations are told.
    Notify(Vec<i64>),
}

/// A trigger in force.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) id: i64,
    pub(super) template: String,
    pub(super) name: String,
    pub(super) period: i64,
    pub(super) count: i64,
    pub(super) actions: Vec<Action>,
    filters: Vec<FilterView>,
}

impl Watch {
    pub(super) fn of(row: &Model) -> Watch {
        let actions: Vec<ActionView> = serde_json::from_value(row.actions.0.clone()).unwrap_or_default();
        Watch {
            id: row.id,
            template: row.template.clone(),
            name: row.name.clone(),
            period: row.threshold_period.unwrap_or_default(),
            count: row.threshold_count.unwrap_or_default(),
            actions: actions.iter().filter_map(action).collect(),
            filters: serde_json::from_value(row.filters.0.clone()).unwrap_or_default(),
        }
    }

    /// Whether a hit passes every filter.
    pub(super) fn passes_hit(&self, hit: &hit::Model) -> bool {
        self.passes(|id, value| match id {
            "ip_address" => value.as_str() == Some(hit.ip.as_str()),
            "pool" => value.as_i64() == Some(hit.pool),
            "attack_type" => value.as_str() == Some(hit.kind.as_str()),
            "domain" => value.as_str().is_some_and(|domain| domain.eq_ignore_ascii_case(&hit.domain)),
            "target" => value.as_str() == target_of(&hit.kind).as_deref(),
            "response_status" => is_status(value, hit.statuscode),
            _ => true,
        })
    }

    /// Whether something with these members passes every filter: `ask` says whether one value of one filter fits.
    pub(super) fn passes(&self, ask: impl Fn(&str, &Value) -> bool) -> bool {
        self.filters.iter().all(|filter| {
            // A filter without values does not restrict.
            filter.values.is_empty()
                || filter.values.iter().any(|value| ask(&filter.id, value)) != (filter.operator == "ne")
        })
    }

    /// The applications that the trigger is about; none: all.
    pub(super) fn pools(&self) -> Vec<i64> {
        let pools = self.filters.iter().filter(|filter| filter.id == "pool" && filter.operator == "eq");
        let ids: HashSet<i64> = pools.flat_map(|filter| &filter.values).filter_map(Value::as_i64).collect();
        let mut ids: Vec<i64> = ids.into_iter().collect();
        ids.sort_unstable();
        ids
    }

    /// The filters as notifications tell them.
    pub(super) fn clauses(&self) -> Value {
        json!(self.filters)
    }

    /// Seconds of one slice of the window: exact for short windows, a sixtieth of long ones.
    pub(super) fn slice(&self) -> i64 {
        (self.period / 60).max(1)
    }
}

fn action(view: &ActionView) -> Option<Action> {
    match view.id.as_str() {
        "send_notification" => view.params.integration_ids.clone().map(Action::Notify),
        "block_ips" => view.params.lock_time.map(Action::Block),
        "add_to_graylist" => view.params.lock_time.map(Action::Graylist),
        _ => None,
    }
}

fn target_of(kind: &str) -> Option<String> {
    let target = AttackType::parse_code(kind)?.info().target;
    serde_json::to_value(target).ok()?.as_str().map(str::to_owned)
}

fn is_status(value: &Value, status: i64) -> bool {
    match value {
        Value::String(class) => class.strip_suffix("xx") == Some((status / 100).to_string().as_str()),
        other => other.as_i64() == Some(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_single_statuses_fit() {
        assert!(is_status(&json!("5xx"), 504) && !is_status(&json!("5xx"), 404));
        assert!(is_status(&json!(404), 404) && !is_status(&json!(404), 405));
    }

    #[test]
    fn filters_are_joined_by_and_and_values_by_or() {
        let filters = json!([
            {"id": "pool", "operator": "eq", "values": [1, 2]},
            {"id": "domain", "operator": "ne", "values": ["a.test"]},
            {"id": "target", "operator": "eq", "values": []},
        ]);
        let watch = Watch {
            id: 1,
            template: "hits_exceeded".into(),
            name: String::new(),
            period: 60,
            count: 1,
            actions: vec![],
            filters: serde_json::from_value(filters).unwrap(),
        };
        let passes = |pool: i64, domain: &str| {
            watch.passes(|id, value| match id {
                "pool" => value.as_i64() == Some(pool),
                _ => value.as_str() == Some(domain),
            })
        };
        assert!(passes(2, "b.test"));
        assert!(!passes(3, "b.test"));
        assert!(!passes(2, "a.test"));
        assert_eq!(watch.pools(), [1, 2]);
    }
}
