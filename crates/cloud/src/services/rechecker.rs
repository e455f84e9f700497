//! The state of active verification of attacks (`spec/events.md` section 4.5). Who verifies reports here; who looks
//! at attacks asks for it here.

use bartizan_api::{
    ApiError, AttackType,
    filter::int,
    public_id::{self, Indexed},
    rechecker::{RecheckQuery, RecheckRequest, RecheckStatusView},
};
use bartizan_store::{
    TenantId, attacks, entity, ingest, verifications,
    vulns::{self, incidents},
};
use serde_json::json;

use super::{
    activity::{self, Change},
    event_view::attack_id,
    ingest::is_of_source,
    trigger::evaluate,
    verification,
};
use crate::{auth::Caller, failure::Failure, state::Cloud};

/// What happened to the verification of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nobody wants it any more.
    Cancel,
    /// The host did not answer.
    CannotConnect,
    /// Somebody wants it now.
    Forced,
    /// It failed.
    TechFailed,
    /// The flaw is there.
    VulnFound,
    /// It is not.
    VulnNotFound,
}

fn found<'a>(id: &'a str, index: &'a str) -> Result<Vec<public_id::Key>, ApiError> {
    let pair = json!([index, id]);
    public_id::parse(Indexed::Attacks, &pair)
        .ok()
        .filter(|keys| keys.len() == 1)
        .ok_or_else(|| ApiError::field("attackid", "attackid and attackindex are required", pair))
}

async fn attack(
    cloud: &Cloud,
    caller: &Caller,
    id: &str,
    index: &str,
) -> Result<entity::attack::Model, Failure> {
    let keys = found(id, index)?;
    let rows = attacks::of_keys(cloud.store.reader(), &caller.tenants, &keys).await?;
    Ok(rows.into_iter().next().ok_or_else(ApiError::absent)?)
}

/// Attacks can be repeated that were found by a sign, one of them at one place.
fn is_recheckable(row: &entity::attack::Model) -> bool {
    use AttackType::{Crlf, Ldapi, MailInjection, Nosqli, Ptrav, Rce, Redir, Sqli, Ssi, Ssrf, Ssti, Xss};
    let kinds = [Crlf, Ldapi, MailInjection, Nosqli, Ptrav, Rce, Redir, Sqli, Ssi, Ssrf, Ssti, Xss];
    !is_of_source(&row.group_key) && kinds.iter().any(|kind| kind.code() == row.kind)
}

fn view(row: &entity::attack::Model) -> RecheckStatusView {
    let status = match &row.recheck_status {
        Some(status) => Some(status.clone()),
        None => (!is_recheckable(row)).then(|| "unrecheckable".to_owned()),
    };
    RecheckStatusView { current_status: status }
}

/// How far the verification of an attack is.
///
/// # Errors
/// 400 without both parts of the id, 404.
pub async fn status(
    cloud: &Cloud,
    caller: &Caller,
    query: &RecheckQuery,
) -> Result<RecheckStatusView, Failure> {
    Ok(view(&attack(cloud, caller, &query.attackid, &query.attackindex).await?))
}

/// Notes what happened.
///
/// # Errors
/// 400 by field or for an attack that cannot be repeated, 404.
pub async fn note(
    cloud: &Cloud,
    caller: &Caller,
    request: &RecheckRequest,
    outcome: Outcome,
) -> Result<RecheckStatusView, Failure> {
    let row = attack(cloud, caller, &request.attackid, &request.attackindex).await?;
    if !is_recheckable(&row) {
        return Err(ApiError::field("attackid", "unrecheckable", row.kind).into());
    }
    let forced = row.recheck_status.as_deref().is_some_and(|status| status.starts_with("forced"));
    let status = match outcome {
        Outcome::Cancel => "skipped",
        Outcome::CannotConnect => "connect_failed",
        Outcome::Forced => "forced",
        Outcome::TechFailed if forced => "forced_tech_failed",
        Outcome::TechFailed => "tech_failed",
        Outcome::VulnFound => "vuln_found",
        Outcome::VulnNotFound if forced => "forced_without_vuln",
        Outcome::VulnNotFound => "vuln_not_found",
    };
    let tenant = TenantId(row.client_id);
    let transaction = cloud.store.begin().await?;
    ingest::lock(&transaction, tenant).await?;
    let queued = outcome == Outcome::Forced && verification::force(cloud, &transaction, &row).await?;
    let status = if queued { "forced_in_progress" } else { status };
    if outcome != Outcome::Forced {
        // Whoever says how it ended says it for everybody.
        verifications::cancel(&transaction, tenant, row.id, cloud.now()).await?;
    }
    if outcome == Outcome::VulnFound {
        let vuln = int(&request.vulnid)
            .ok_or_else(|| ApiError::field("vulnid", "is required", request.vulnid.clone()))?;
        let known = vulns::of_ids(&transaction, &tenant.into(), &[vuln]).await?;
        let known = known.first().ok_or_else(|| ApiError::field("vulnid", "no such vulnerability", vuln))?;
        if incidents::link_attack(&transaction, tenant, known.id, row.id, row.last_time).await? {
            let hits = incidents::hit_of(&transaction, tenant, row.id).await?;
            evaluate::incidents(&transaction, tenant, hits.as_slice(), cloud.clock.now_ms()).await?;
        }
    }
    let now = cloud.now();
    let after = attacks::set_recheck(&transaction, tenant, row.id, status, now).await?;
    let change = Change {
        object_type: "attack",
        action: "recheck",
        object_id: attack_id(&row).join(":"),
        object_name: format!("{} {}{}", row.kind, row.domain, row.path),
        before: row.recheck_status.as_ref().map(|status| json!({"recheck_status": status})),
        after: Some(json!({"recheck_status": status})),
    };
    activity::log(&transaction, caller, tenant, now, change).await?;
    transaction.commit().await?;
    if queued {
        cloud.verification.notify_one();
    }
    Ok(after.as_ref().map_or(RecheckStatusView { current_status: None }, view))
}
