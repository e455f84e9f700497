//! Kinds of destinations and the notifications that each may get.

use bartizan_api::{ApiError, integration::EventSwitch};

use crate::services::notification::ACTIVITY;

/// A kind of destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Files in an Amazon S3 bucket.
    AwsS3,
    /// Datadog logs.
    DataDog,
    /// Letters.
    Email,
    /// Rapid7 InsightConnect.
    InsightConnect,
    /// Issues in Jira.
    Jira,
    /// Microsoft Teams.
    MsTeams,
    /// Opsgenie.
    Opsgenie,
    /// PagerDuty.
    PagerDuty,
    /// Incidents in ServiceNow.
    ServiceNow,
    /// Slack.
    Slack,
    /// Splunk, HTTP event collector.
    Splunk,
    /// Sumo Logic, HTTP source.
    SumoLogic,
    /// Telegram.
    Telegram,
    /// Any HTTP receiver.
    WebHooks,
}

const SECURITY_ISSUES: [&str; 5] = [
    "security_issue_critical",
    "security_issue_high",
    "security_issue_medium",
    "security_issue_low",
    "security_issue_info",
];
const STREAM_EVENTS: &[&str] =
    &["siem", "rules_and_triggers", "number_of_requests_per_hour", "system", ACTIVITY];
const CHAT_EVENTS: &[&str] = &["system", "rules_and_triggers"];
const REPORTS: &[&str] = &["report_daily", "report_weekly", "report_monthly"];
const EMAIL_EVENTS: &[&str] = &[
    "system",
    "aasm_report",
    "api_discovery_hourly_changes_report",
    "api_discovery_daily_changes_report",
    "report_daily",
    "report_weekly",
    "report_monthly",
];
/// Names of before, and what they are now; none when nothing took their place.
const LEGACY: &[(&str, Option<&str>)] = &[
    ("hit", Some("siem")),
    ("vuln_critical", Some("security_issue_critical")),
    ("vuln_high", Some("security_issue_high")),
    ("vuln_medium", Some("security_issue_medium")),
    ("vuln_low", Some("security_issue_low")),
    ("vuln_info", Some("security_issue_info")),
    ("vuln", None),
    ("scope", None),
];

impl Kind {
    /// Every kind with its name on the wire and its name for people.
    const NAMES: &'static [(Kind, &'static str, &'static str)] = &[
        (Kind::AwsS3, "aws_s3", "Amazon S3"),
        (Kind::DataDog, "data_dog", "Datadog"),
        (Kind::Email, "email", "Email report"),
        (Kind::InsightConnect, "insight_connect", "InsightConnect"),
        (Kind::Jira, "jira", "Jira"),
        (Kind::MsTeams, "ms_teams", "Microsoft Teams"),
        (Kind::Opsgenie, "opsgenie", "Opsgenie"),
        (Kind::PagerDuty, "pager_duty", "PagerDuty"),
        (Kind::ServiceNow, "servicenow", "ServiceNow"),
        (Kind::Slack, "slack", "Slack"),
        (Kind::Splunk, "splunk", "Splunk"),
        (Kind::SumoLogic, "sumo_logic", "Sumo Logic"),
        (Kind::Telegram, "telegram", "Telegram"),
        (Kind::WebHooks, "web_hooks", "Webhook"),
    ];

    /// The kind of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Kind> {
        Kind::NAMES.iter().find(|(_, wire, _)| *wire == name).map(|(kind, _, _)| *kind)
    }

    fn names(self) -> (&'static str, &'static str) {
        let found = Kind::NAMES.iter().find(|(kind, _, _)| *kind == self);
        found.map_or(("", ""), |(_, wire, title)| (wire, title))
    }

    /// Name on the wire and in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// Name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.names().1
    }

    /// Whether one message may carry many events.
    #[must_use]
    pub const fn takes_batches(self) -> bool {
        matches!(self, Kind::AwsS3 | Kind::DataDog | Kind::Splunk | Kind::SumoLogic | Kind::WebHooks)
    }

    /// For how many seconds notifications are collected before they go out together; none: each at once.
    #[must_use]
    pub const fn collects_for_s(self) -> Option<i64> {
        match self {
            Kind::AwsS3 => Some(600),
            _ => None,
        }
    }

    /// Whether it may get this kind of notification.
    #[must_use]
    pub fn allows(self, event: &str) -> bool {
        match self {
            Kind::AwsS3 => event == "siem",
            Kind::Email => EMAIL_EVENTS.contains(&event),
            Kind::DataDog | Kind::InsightConnect | Kind::Splunk | Kind::SumoLogic | Kind::WebHooks => {
                STREAM_EVENTS.contains(&event) || SECURITY_ISSUES.contains(&event)
            }
            Kind::Telegram => {
                CHAT_EVENTS.contains(&event) || SECURITY_ISSUES.contains(&event) || REPORTS.contains(&event)
            }
            Kind::Jira
            | Kind::MsTeams
            | Kind::Opsgenie
            | Kind::PagerDuty
            | Kind::ServiceNow
            | Kind::Slack => CHAT_EVENTS.contains(&event) || SECURITY_ISSUES.contains(&event),
        }
    }

    /// Switches as they were sent, in the names of today, each once: the last word counts.
    ///
    /// # Errors
    /// 400 for an event that this kind does not get, and for headers with anything but hits.
    pub fn switches(self, sent: &[EventSwitch]) -> Result<Vec<EventSwitch>, ApiError> {
        let mut switches: Vec<EventSwitch> = Vec::new();
        for one in sent {
            let event = match LEGACY.iter().find(|(old, _)| *old == one.event) {
                // Older clients list all that there was, whatever the kind gets.
                Some((_, new)) => match new.filter(|new| self.allows(new)) {
                    Some(new) => new.to_owned(),
                    None => continue,
                },
                None if self.allows(&one.event) => one.event.clone(),
                None => return Err(ApiError::field("events", "is invalid", one.event.clone())),
            };
            let siem = event == "siem";
            if one.with_headers == Some(true) && !siem {
                return Err(ApiError::field("events", "with_headers is only for siem", event));
            }
            let switch =
                EventSwitch { event, active: one.active, with_headers: one.with_headers.filter(|_| siem) };
            match switches.iter_mut().find(|other| other.event == switch.event) {
                Some(other) => *other = switch,
                None => switches.push(switch),
            }
        }
        Ok(switches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn switch(event: &str) -> EventSwitch {
        EventSwitch { event: event.into(), active: true, with_headers: None }
    }

    #[test]
    fn each_kind_gets_its_own_events() {
        assert!(Kind::WebHooks.allows("siem") && !Kind::WebHooks.allows("report_daily"));
        assert!(Kind::Slack.allows("security_issue_low") && !Kind::Slack.allows("siem"));
        assert!(Kind::Jira.allows("security_issue_high") && !Kind::ServiceNow.allows("siem"));
        assert!(Kind::AwsS3.allows("siem") && !Kind::AwsS3.allows("system"));
        assert!(Kind::Splunk.allows(ACTIVITY) && !Kind::Slack.allows(ACTIVITY));
        assert!(Kind::Telegram.allows("report_weekly"));
        assert!(Kind::Email.allows("aasm_report") && !Kind::Email.allows("rules_and_triggers"));
        assert!(Kind::Email.switches(&[switch("siem")]).is_err());
    }

    #[test]
    fn old_names_are_understood_and_the_last_word_counts() {
        let off = EventSwitch { active: false, ..switch("siem") };
        let sent = [switch("hit"), switch("scope"), off.clone(), switch("vuln_high")];
        let got = Kind::Splunk.switches(&sent).unwrap();
        assert_eq!(got, [off, switch("security_issue_high")]);
        let sent = [switch("hit"), switch("vuln_high"), switch("system"), switch("scope")];
        assert_eq!(Kind::Email.switches(&sent).unwrap(), [switch("system")]);
        assert_eq!(
            Kind::Opsgenie.switches(&sent).unwrap(),
            [switch("security_issue_high"), switch("system")]
        );
    }

    #[test]
    fn headers_go_with_hits_only() {
        let with = |event: &str, headers| EventSwitch { with_headers: Some(headers), ..switch(event) };
        assert!(Kind::WebHooks.switches(&[with("system", true)]).is_err());
        assert_eq!(Kind::WebHooks.switches(&[with("system", false)]).unwrap(), [switch("system")]);
        assert_eq!(Kind::WebHooks.switches(&[with("siem", true)]).unwrap(), [with("siem", true)]);
    }
}
