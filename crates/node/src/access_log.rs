//! The access log: a line per request, or per request in which something was found (`spec/node.md` section 8.3).
//!
//! Lines go where the rest of the log goes, under the target `access`. Names of the fields that describe a verdict are the
//! public ones. What is masked in events is masked here, and no payload is written at all.

use std::fmt::Write as _;
use std::time::Duration;

use bartizan_api::node::{BlockStatus, HitEvent};
use bartizan_request::{Point, Step};
use http::{Method, StatusCode};

use crate::config::AccessLogWhen;
use crate::pipeline::Context;

/// Writes the line of a request in which something was found.
pub(crate) fn attack(when: AccessLogWhen, events: &[HitEvent], points: &str, elapsed: Duration) {
    let Some(first) = events.first() else { return };
    let is_blocked = first.block_status == BlockStatus::Blocked;
    let is_wanted = match when {
        AccessLogWhen::All | AccessLogWhen::Attacks => true,
        AccessLogWhen::Blocked => is_blocked,
        AccessLogWhen::Off => false,
    };
    if !is_wanted {
        return;
    }
    let mask = events
        .iter()
        .fold(0u64, |mask, hit| mask | 1u64.checked_shl(hit.attack_type.info().id.into()).unwrap_or(0));
    let types = joined(events.iter().map(|hit| hit.attack_type.info().code.to_owned()));
    let stamps = joined(events.iter().flat_map(|hit| &hit.stamps).map(u32::to_string));
    tracing::info!(
        target: "access",
        request_id = first.request_id.as_str(),
        client_ip = first.ip.as_str(),
        application = first.application,
        method = first.method.as_str(),
        host = first.domain.as_str(),
        path = first.path.as_str(),
        status = first.statuscode,
        ruleset_version = first.ruleset_version,
        wallarm_mode = first.mode.as_str(),
        wallarm_attack_type = mask.to_string().as_str(),
        wallarm_attack_type_list = types.as_str(),
        wallarm_attack_point_list = points,
        wallarm_attack_stamp_list = stamps.as_str(),
        wallarm_block_reason = first.block_reason.as_str(),
        wallarm_request_mono_time = elapsed.as_secs_f64(),
        "attack"
    );
}

/// Writes the line of a request, whatever was found in it.
pub(crate) fn request(context: &Context<'_>, method: &Method, host: &str, path: &str, status: StatusCode) {
    tracing::info!(
        target: "access",
        request_id = context.id.to_string().as_str(),
        client_ip = context.client.ip.to_string().as_str(),
        peer_ip = context.connection.peer.ip().to_string().as_str(),
        application = context.settings.application,
        method = method.as_str(),
        host,
        path,
        status = status.as_u16(),
        ruleset_version = context.snapshot.ruleset_version,
        wallarm_request_mono_time = context.started.elapsed().as_secs_f64(),
        "request"
    );
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join("|")
}

/// Most characters of a key in a line, and bytes of a list of points.
const KEY_MAX: usize = 256;
const POINTS_MAX: usize = 4096;

/// Points in their public notation, `[post][json_doc][hash, 'data']`, joined by `|`. Long keys are cut, and so many
/// points are named as fit into a line.
pub(crate) fn points<'p>(points: impl Iterator<Item = &'p Point>) -> String {
    let mut list = String::new();
    for point in points {
        let text = notation(point);
        if list.len() + text.len() > POINTS_MAX {
            list.push_str(if list.is_empty() { "…" } else { "|…" });
            break;
        }
        if !list.is_empty() {
            list.push('|');
        }
        list.push_str(&text);
    }
    list
}

fn notation(point: &Point) -> String {
    let cut = |key: &str| key.chars().take(KEY_MAX).collect::<String>();
    let mut text = String::new();
    for step in point.steps() {
        // Writing to a string cannot fail.
        let _ = match step {
            Step::Simple(element) => write!(text, "[{element}]"),
            Step::Keyed(element, key) => write!(text, "[{element}, '{}']", cut(key)),
            Step::Indexed(element, index) => write!(text, "[{element}, {index}]"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_written_in_the_public_notation() {
        let point = |json| serde_json::from_value::<Point>(json).unwrap();
        let list = [
            point(serde_json::json!(["post", "json_doc", "hash", "data", "base64"])),
            point(serde_json::json!(["path", 0])),
        ];
        assert_eq!(points(list.iter()), "[post][json_doc][hash, 'data'][base64]|[path, 0]");
    }

    #[test]
    fn a_line_has_a_bound() {
        let point = serde_json::from_value::<Point>(serde_json::json!(["get", "k".repeat(1 << 20)])).unwrap();
        let one = points([&point].into_iter());
        assert_eq!(one, format!("[get, '{}']", "k".repeat(KEY_MAX)));
        let many = points(std::iter::repeat_n(&point, 100_000));
        assert!(many.len() < POINTS_MAX + 8 && many.ends_with("|…"), "{}", many.len());
    }
}
