//! Shapes of a tenant's rules settings and general time budget (`spec/rules.md` sections 9.5 and 9.6).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a tenant's ruleset is made, and the weights of the risk score. The defaults are those of a new tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct RulesSettings {
    /// Oldest format of the ruleset; null is the server's choice.
    pub min_lom_format: Option<i64>,
    /// Newest format of the ruleset; null is the server's choice.
    pub max_lom_format: Option<i64>,
    /// Stored, without effect; at least 1025.
    pub max_lom_size: i64,
    /// Whether nodes keep the ruleset of the moment this was set.
    pub lom_disabled: bool,
    /// Seconds that changes of rules wait for others before nodes get them, at least 0: each change begins them anew.
    pub lom_compilation_delay: i64,
    /// Whether the system takes a snapshot of the rules when they changed, at most one a day.
    pub rules_snapshot_enabled: bool,
    /// Snapshots taken by hand that are kept, 0 to 99.
    pub rules_snapshot_max_count: i64,
    /// Whether changes of rules are refused with 423.
    pub rules_manipulation_locked: bool,
    /// Stored, without effect.
    pub heavy_lom: bool,
    /// Stored, without effect.
    pub data_in_s3: bool,
    /// Weight in the risk score, 0 to 10.
    pub parameters_count_weight: i64,
    /// Weight in the risk score, 0 to 10.
    pub path_variativity_weight: i64,
    /// Weight in the risk score, 0 to 10.
    pub pii_weight: i64,
    /// Weight in the risk score, 0 to 10.
    pub request_content_weight: i64,
    /// Weight in the risk score, 0 to 10.
    pub open_vulns_weight: i64,
    /// Weight in the risk score, 0 to 10.
    pub serialized_data_weight: i64,
    /// `maximum` or `average`.
    #[schema(example = "maximum")]
    pub risk_score_algo: String,
    /// Stored, without effect.
    pub pii_fallback: bool,
}

impl Default for RulesSettings {
    fn default() -> RulesSettings {
        RulesSettings {
            min_lom_format: None,
            max_lom_format: None,
            max_lom_size: 10_240_000,
            lom_disabled: false,
            lom_compilation_delay: 0,
            rules_snapshot_enabled: true,
            rules_snapshot_max_count: 5,
            rules_manipulation_locked: false,
            heavy_lom: false,
            data_in_s3: false,
            parameters_count_weight: 6,
            path_variativity_weight: 6,
            pii_weight: 8,
            request_content_weight: 6,
            open_vulns_weight: 9,
            serialized_data_weight: 6,
            risk_score_algo: "maximum".to_owned(),
            pii_fallback: false,
        }
    }
}

/// The rules settings of a tenant.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RulesSettingsView {
    /// Tenant.
    pub clientid: i64,
    /// Settings.
    #[serde(flatten)]
    pub settings: RulesSettings,
}

/// The general time budget of a request: what holds where no `overlimit_res_settings` rule says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct OverlimitSettings {
    /// Milliseconds, 0 to 10000.
    #[schema(example = 1000)]
    pub overlimit_time: i64,
    /// What happens beyond: `monitoring` or `blocking`.
    #[schema(example = "monitoring")]
    pub mode: String,
}

impl Default for OverlimitSettings {
    fn default() -> OverlimitSettings {
        OverlimitSettings { overlimit_time: 1000, mode: "monitoring".to_owned() }
    }
}
