//! What triggers can watch, and which filters, thresholds and actions go with it.

use bartizan_api::trigger::{ActionParams, ActionView, TemplateFilter, TemplateThreshold, TemplateView};

/// Whether a template counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// It counts; without a threshold it begins with this one: period in seconds, count.
    Defaulted(i64, i64),
    /// It does not count.
    Forbidden,
    /// It counts, and the threshold must be given; the Console begins with this one.
    Required(i64, i64),
}

impl Threshold {
    /// What the Console begins with.
    #[must_use]
    pub const fn start(self) -> Option<(i64, i64)> {
        match self {
            Threshold::Defaulted(period, count) | Threshold::Required(period, count) => Some((period, count)),
            Threshold::Forbidden => None,
        }
    }
}

/// Something that triggers can watch.
#[derive(Debug)]
pub struct Template {
    /// Name on the wire.
    pub id: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// Whether it counts.
    pub threshold: Threshold,
    /// Filters that the Console offers.
    pub filters: &'static [&'static str],
    /// Actions that it may have.
    pub actions: &'static [&'static str],
    /// Whether its period must fit the counters of nodes: whole half minutes, or whole ten minutes above ten.
    pub counted_by_nodes: bool,
}

const NOTIFY: &[&str] = &["send_notification"];
const EVENT_FILTERS: &[&str] = &["attack_type", "pool", "ip_address", "domain", "target", "response_status"];
const SOURCE_FILTERS: &[&str] = &["hint_tag", "url", "pool", "ip_address"];
const SOURCE_ACTIONS: &[&str] = &["mark_as_brute", "block_ips", "add_to_graylist"];
/// Seconds that a source is listed for when nothing is said.
pub(super) const DEFAULT_LOCK_S: i64 = 3600;

const fn event(id: &'static str, title: &'static str) -> Template {
    Template {
        id,
        title,
        threshold: Threshold::Required(3600, 100),
        filters: EVENT_FILTERS,
        actions: NOTIFY,
        counted_by_nodes: false,
    }
}

const fn told(id: &'static str, title: &'static str, filters: &'static [&'static str]) -> Template {
    Template { id, title, threshold: Threshold::Forbidden, filters, actions: NOTIFY, counted_by_nodes: false }
}

const fn counted(id: &'static str, title: &'static str, threshold: Threshold) -> Template {
    Template {
        id,
        title,
        threshold,
        filters: SOURCE_FILTERS,
        actions: SOURCE_ACTIONS,
        counted_by_nodes: true,
    }
}

/// Every template.
pub const TEMPLATES: &[Template] = &[
    told("user_created", "User added", &["user_role"]),
    event("attacks_exceeded", "Number of attacks"),
    event("hits_exceeded", "Number of hits"),
    event("incidents_exceeded", "Number of incidents"),
    Template {
        id: "vector_attack",
        title: "Number of malicious payloads",
        threshold: Threshold::Required(3600, 3),
        filters: &["attack_type", "pool", "ip_address", "domain", "response_status"],
        actions: &["block_ips", "add_to_graylist", "send_notification"],
        counted_by_nodes: false,
    },
    counted("bruteforce_started", "Brute force", Threshold::Required(30, 30)),
    counted("forced_browsing_started", "Forced browsing", Threshold::Defaulted(30, 30)),
    counted("bola_search_started", "BOLA", Threshold::Defaulted(30, 30)),
    told("blacklist_ip_added", "Denylisted IP", &["pool"]),
    told("api_structure_changed", "Changes in API", &["pool", "domain", "change_type", "pii"]),
    told("rogue_api_detected", "Rogue API", &["deviation_type", "api_spec_ids", "pool", "domain"]),
    told("compromised_logins", "Compromised user account", &["pool", "domain"]),
    Template {
        id: "attack_ip_grouping",
        title: "Hits from the same IP",
        threshold: Threshold::Required(900, 50),
        filters: &["pool", "domain"],
        actions: &["group_attack_by_ip"],
        counted_by_nodes: false,
    },
];

impl Template {
    /// The template of this name.
    #[must_use]
    pub fn parse(id: &str) -> Option<&'static Template> {
        TEMPLATES.iter().find(|template| template.id == id)
    }

    /// As the Console needs it.
    #[must_use]
    pub fn view(&self) -> TemplateView {
        let filter = |id: &&'static str| TemplateFilter {
            id,
            required: *id == "hint_tag" && self.counted_by_nodes,
            values: vec![],
            allowed_operators: vec!["eq", "ne"],
            operator: "eq",
        };
        let action = |id: &&'static str| ActionView {
            id: (*id).to_owned(),
            params: match *id {
                "block_ips" | "add_to_graylist" => {
                    ActionParams { lock_time: Some(DEFAULT_LOCK_S), ..ActionParams::default() }
                }
                "send_notification" => {
                    ActionParams { integration_ids: Some(vec![]), ..ActionParams::default() }
                }
                _ => ActionParams::default(),
            },
        };
        TemplateView {
            id: self.id,
            filters: self.filters.iter().map(filter).collect(),
            threshold: self.threshold.start().map_or_else(TemplateThreshold::default, |(period, count)| {
                TemplateThreshold { allowed_operators: vec!["gt"], operator: "gt", period, count }
            }),
            actions: self.actions.iter().map(action).collect(),
        }
    }
}
