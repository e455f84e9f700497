//! A vulnerability (`spec/events.md` section 4.1).

use sea_orm::entity::prelude::*;

/// A vulnerability (`spec/events.md` section 4.1).
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "vulns")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Tenant.
    pub client_id: i64,
    /// Human id.
    pub wid: String,
    /// `open`, `closed` or `falsepositive`.
    pub status: String,
    /// Vulnerability type.
    pub kind: String,
    /// `server`, `client` or `database`.
    pub target: String,
    /// 0 to 100.
    pub threat: i64,
    /// Title.
    pub title: String,
    /// Text.
    pub description: String,
    /// Text.
    pub additional: String,
    /// Text.
    pub exploit_example: String,
    /// Method.
    pub method: String,
    /// Host.
    pub domain: String,
    /// Path.
    pub path: String,
    /// Parameter.
    pub parameter: String,
    /// Template.
    pub template: String,
    /// How found.
    pub detection_method: String,
    /// Unix seconds.
    pub validate_time: i64,
    /// Unix seconds.
    pub invalidate_time: Option<i64>,
    /// Unix seconds.
    pub last_check: Option<i64>,
    /// Confirmed.
    pub validated: bool,
    /// Not shown.
    pub hidden: bool,
    /// A virtual patch answers it.
    pub vpatched: bool,
    /// `auto`, `manual` or none.
    pub vuln_recheck_type: Option<String>,
    /// List of method, domain, path and parameter that it covers.
    pub scope: Json,
    /// Values for the template, as last written.
    pub template_params: Json,
    /// Application.
    pub pool: Option<i64>,
    /// Schema-based test run.
    pub testrun_id: Option<i64>,
    /// How often it was seen; null is once.
    pub volume: Option<i64>,
    /// Last proof, Unix seconds.
    pub last_seen: Option<i64>,
    /// When the row was made, Unix seconds; null is the time of confirmation.
    pub created_at: Option<i64>,
    /// Rule that patches it virtually.
    pub mitigation_rule_id: Option<i64>,
    /// Rule that judged it false.
    pub false_positive_rule_id: Option<i64>,
    /// When somebody asked to check it again, Unix seconds.
    pub recheck_requested_at: Option<i64>,
    /// `open` or `closed`, of the linked ticket.
    pub ticket_status: Option<String>,
    /// JSON list of what happened to the ticket.
    pub ticket_history: Option<String>,
    /// `http` or `https`.
    pub scheme: Option<String>,
    /// Excerpt of the answer that proved it.
    pub evidence: Option<String>,
    /// What kind of thing leaks, where two at one address are two flaws; null where type and place say it.
    pub sign_class: Option<String>,
}

/// None: rows are joined by explicit queries.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
