//! Triggers that group the hits of a source that floods: `attack_ip_grouping` with the action `group_attack_by_ip`.

use bartizan_store::{TenantId, entity::trigger::Model, sea_orm::ConnectionTrait, triggers};
use serde_json::Value;

use super::watch::Watch;
use crate::failure::Failure;

const TEMPLATE: &str = "attack_ip_grouping";
const ACTION: &str = "group_attack_by_ip";

/// When a source floods.
pub struct Flood {
    /// Hits that are still fine.
    pub count: i64,
    /// Seconds.
    pub period: i64,
    /// Filters; none counts everything.
    watch: Option<Watch>,
}

impl Flood {
    /// More than `count` hits of any kind within `period` seconds.
    #[must_use]
    pub fn of_any(count: i64, period: i64) -> Flood {
        Flood { count, period, watch: None }
    }

    /// What the enabled triggers of a tenant say.
    ///
    /// # Errors
    /// 500 when the store fails.
    pub async fn enabled<C: ConnectionTrait>(
        connection: &C,
        tenant: TenantId,
    ) -> Result<Vec<Flood>, Failure> {
        let rows = triggers::enabled(connection, tenant, &[TEMPLATE]).await?;
        let groups = |row: &Model| {
            let actions = row.actions.0.as_array().map(Vec::as_slice).unwrap_or_default();
            actions.iter().any(|action| action.get("id").and_then(Value::as_str) == Some(ACTION))
        };
        let flood = |row: &Model| {
            let watch = Watch::of(row);
            Flood { count: watch.count, period: watch.period, watch: Some(watch) }
        };
        Ok(rows.iter().filter(|row| groups(row)).map(flood).collect())
    }

    /// Whether hits on this application and host count.
    #[must_use]
    pub fn fits(&self, pool: i64, domain: &str) -> bool {
        self.watch.as_ref().is_none_or(|watch| {
            watch.passes(|id, value| match id {
                "pool" => value.as_i64() == Some(pool),
                "domain" => value.as_str().is_some_and(|name| name.eq_ignore_ascii_case(domain)),
                _ => true,
            })
        })
    }
}
