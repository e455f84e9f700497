//! Numbers about groups: which measurements of the index each is made of, and how it reads on the wire.

use bartizan_events_index::{Condition, Metric as Measure, Number, Subject, Text};
use chrono::{DateTime, SecondsFormat};
use serde_json::Value;

/// A metric.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    /// How it reads.
    form: Form,
    measures: fn() -> Vec<Measure>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Number,
    Time,
    /// Rows, and blocked rows.
    Status,
}

const BLOCKED: Condition = Condition(Number::Blocked, 1..=1);

fn requests(condition: Option<Condition>) -> Vec<Measure> {
    vec![Measure::Distinct(Subject::Requests, condition)]
}

fn texts(column: Text) -> Vec<Measure> {
    vec![Measure::Distinct(Subject::Text(column), None)]
}

const fn number(name: &'static str, label: &'static str, measures: fn() -> Vec<Measure>) -> Metric {
    Metric { name, label, form: Form::Number, measures }
}

/// Every metric, in the order of the schema.
pub(super) const METRICS: &[Metric] = &[
    number("requests_count", "Total Requests", || requests(None)),
    number("attack_vectors_count", "Attack Vectors", || vec![Measure::Rows(None)]),
    number("blocked_count", "Blocked Requests", || requests(Some(BLOCKED))),
    number("success_count", "Successful Requests", || requests(Some(Condition(Number::Status, 200..=299)))),
    Metric {
        name: "status",
        label: "Status",
        form: Form::Status,
        measures: || vec![Measure::Rows(None), Measure::Rows(Some(BLOCKED))],
    },
    number("unique_ips", "Unique IPs", || texts(Text::Ip)),
    number("unique_paths", "Unique URI Paths", || texts(Text::Path)),
    number("unique_users", "Unique Users", || texts(Text::User)),
    number("unique_user_roles", "Unique User Roles", || texts(Text::UserRole)),
    number("unique_endpoints", "Unique API Entries", || vec![Measure::Distinct(Subject::Endpoints, None)]),
    number("unique_parameters", "Unique Attacked Parameters", || texts(Text::Parameter)),
    number("unique_status_codes", "Unique Status Codes", || {
        vec![Measure::Distinct(Subject::Number(Number::Status), None)]
    }),
    number("unique_orig_sessions", "Unique Sessions", || texts(Text::Session)),
    number("request_size_sum", "Total Request Bytes", || vec![Measure::RequestSum(Number::RequestSize)]),
    number("response_size_sum", "Total Response Bytes", || vec![Measure::RequestSum(Number::ResponseSize)]),
    number("response_time_avg", "Average Response Time, ms", || {
        vec![Measure::RequestAverage(Number::ResponseTime)]
    }),
    number("response_time_max", "Longest Response Time, ms", || vec![Measure::Max(Number::ResponseTime)]),
    Metric {
        name: "min_request_time",
        label: "Started",
        form: Form::Time,
        measures: || vec![Measure::Min(Number::Time)],
    },
    Metric {
        name: "max_request_time",
        label: "Last Seen",
        form: Form::Time,
        measures: || vec![Measure::Max(Number::Time)],
    },
];

/// The metric of a name.
pub(super) fn find(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

impl Metric {
    /// What the index measures for it.
    pub(super) fn measures(&self) -> Vec<Measure> {
        (self.measures)()
    }

    /// Whether it is one number, for widgets and sorting.
    pub(super) fn is_scalar(&self) -> bool {
        self.form == Form::Number
    }

    pub(super) fn kind(&self) -> &'static str {
        match self.form {
            Form::Number => "integer",
            Form::Time => "date",
            Form::Status => "string",
        }
    }

    /// The number to sort by.
    pub(super) fn rank(&self, measured: &[i64]) -> i64 {
        match self.form {
            Form::Number | Form::Time => measured.first().copied().unwrap_or_default(),
            // The more was let through the lower.
            Form::Status => match status(measured) {
                "Monitoring" => 0,
                "Partially Blocked" => 1,
                _ => 2,
            },
        }
    }

    /// How it reads on the wire.
    pub(super) fn value(&self, measured: &[i64]) -> Value {
        match self.form {
            Form::Number => Value::from(self.rank(measured)),
            Form::Time => Value::from(rfc3339(self.rank(measured))),
            Form::Status => Value::from(status(measured)),
        }
    }
}

/// The blocking status of a group, from its rows and its blocked rows.
pub(super) fn status(measured: &[i64]) -> &'static str {
    match measured {
        [_, 0] => "Monitoring",
        [rows, blocked] if blocked < rows => "Partially Blocked",
        _ => "Blocked",
    }
}

/// Unix milliseconds as the API writes times.
pub(super) fn rfc3339(ms: i64) -> String {
    DateTime::from_timestamp_millis(ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}
