//! Vulnerabilities as the API shows them.

use bartizan_api::{vuln::VulnView, vuln_type};
use bartizan_store::entity::{self, vuln::Model};
use serde_json::json;

use crate::services::event_view::attack_id;

/// A vulnerability as lists return it, with the attacks that exploited it.
pub(super) fn view(row: &Model, attacks: &[entity::attack::Model]) -> VulnView {
    let mut params = json!({
        "method": row.method, "domain": row.domain, "path": row.path, "parameter": row.parameter,
        "exploit_example": row.exploit_example, "custom_title": "", "custom_description": "",
        "custom_additional": "",
    });
    if let (Some(params), Some(own)) = (params.as_object_mut(), row.template_params.as_object()) {
        params.extend(own.clone());
    }
    VulnView {
        id: row.id,
        clientid: row.client_id,
        wid: row.wid.clone(),
        short_wid: row.wid.clone(),
        status: row.status.clone(),
        kind: row.kind.clone(),
        target: row.target.clone(),
        threat: row.threat,
        threat_level: vuln_type::severity(row.threat),
        title: row.title.clone(),
        description: row.description.clone(),
        additional: row.additional.clone(),
        exploit_example: row.exploit_example.clone(),
        evidence: row.evidence.clone().unwrap_or_default(),
        method: row.method.clone(),
        domain: row.domain.clone(),
        path: row.path.clone(),
        parameter: row.parameter.clone(),
        filter: row.scope.clone(),
        template: row.template.clone(),
        template_params: params,
        validate_time: row.validate_time,
        invalidate_time: row.invalidate_time,
        last_check: row.last_check,
        incidents: (!attacks.is_empty())
            .then(|| attacks.iter().map(|attack| attack_id(attack).join(":")).collect()),
        validated: row.validated,
        hidden: row.hidden,
        detection_method: row.detection_method.clone(),
        vuln_recheck_type: row.vuln_recheck_type.clone(),
        testrun_id: row.testrun_id,
        ticket_status: row.ticket_status.clone(),
        ticket_history: row
            .ticket_history
            .as_deref()
            .and_then(|list| serde_json::from_str(list).ok())
            .unwrap_or_default(),
        vpatched: row.vpatched,
        pool: row.pool,
    }
}
