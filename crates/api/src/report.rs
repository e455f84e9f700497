//! Shapes of reports (`spec/events.md` section 8.4).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// `POST /v1/objects/report/request`. Wrong values are answered with a 400 that names the field.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct ReportRequest {
    /// Tenant; the caller's own when absent or 0.
    #[schema(value_type = Option<i64>, example = 1)]
    pub clientid: Value,
    /// Start of the period, Unix seconds.
    #[schema(value_type = i64, example = 1_767_225_600)]
    pub time_from: Value,
    /// End of the period, Unix seconds.
    #[schema(value_type = i64, example = 1_769_904_000)]
    pub time_to: Value,
    /// `pdf`, `csv`, `json` or `mail`.
    #[schema(value_type = String, example = "pdf")]
    pub format: Value,
    /// Who gets a link to the file; a report by `mail` goes to them as a letter and needs at least one. At most 20.
    #[schema(value_type = Option<Vec<String>>, example = json!(["security@example.com"]))]
    pub emails: Value,
    /// Filters of the rows: `attacks`, `incidents` and `vulns`, as `/v1/search` answers them.
    #[schema(value_type = Option<Object>)]
    pub extra_filter: Value,
}

/// A report that was taken on.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ReportAccepted {
    /// Its id.
    pub id: i64,
}

/// `POST /v1/objects/report`.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
pub struct ReportFileRequest {
    /// Report.
    #[schema(value_type = i64, example = 1)]
    pub id: Value,
}

/// A report in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReportView {
    /// Id.
    pub id: i64,
    /// Tenant.
    pub clientid: i64,
    /// Start of its period, Unix seconds.
    pub time_from: i64,
    /// End of its period, Unix seconds.
    pub time_to: i64,
    /// `pdf`, `csv`, `json` or `mail`.
    pub format: String,
    /// `accepted`, `running`, `ready` or `failed`.
    #[schema(example = "ready")]
    pub status: String,
    /// When it was asked for, Unix seconds.
    pub created_at: i64,
}
