//! Vulnerabilities that nodes saw: from the proof in an answer to the vulnerability and its incident
//! (`spec/events.md` sections 3 and 4.3, `spec/node.md` section 6.1).
//!
//! A flaw is known by type, host, path and parameter, a leak also by what leaks; every later proof of it attaches to the
//! same row, and [`status`] says what that does to it. Proofs are known by their event, so a
//! repeated batch changes nothing, and a proof that overtakes its hits finds them when they arrive.

use bartizan_api::{AttackType, node::VulnEvidence, vuln_type};
use bartizan_store::{
    TenantId, entity,
    entity::{vuln::Model, vuln_proof},
    sea_orm::{ConnectionTrait, EntityTrait},
    vulns::{self as store, history, incidents},
};
use serde_json::json;

use super::{
    blank,
    status::{self, Step},
};
use crate::{
    failure::Failure,
    services::{
        false_positive_rules::{self, Judgement},
        notification,
        security_issues::view::mitigation,
    },
};

/// Longest text that is kept of a proof, characters.
const MAX_TEXT: usize = 8192;
/// Longest name, characters.
const MAX_NAME: usize = 2048;
/// Who changes what nobody changed by hand.
const SYSTEM: &str = "system";
/// Detection method of active verification.
const VERIFICATION: &str = "attack_rechecker";

/// Stores the proofs of a batch, oldest first, and returns a hit of each attack that became an incident. Call it
/// under the event lock, after the hits of the batch.
pub(crate) async fn take<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    mut proofs: Vec<VulnEvidence>,
    now: i64,
) -> Result<Vec<entity::hit::Model>, Failure> {
    let mut new_incidents = Vec::new();
    if proofs.is_empty() {
        return Ok(new_incidents);
    }
    proofs.sort_by(|a, b| (a.ts_ms, &a.event_id).cmp(&(b.ts_ms, &b.event_id)));
    let rules = false_positive_rules::compiled(connection, tenant).await?;
    for proof in proofs {
        let mut row = vuln_proof::Model {
            client_id: tenant.0,
            event_id: proof.event_id.clone(),
            vuln_id: 0,
            request_id: proof.request_id.clone(),
            kind: proof.attack_type.map_or("", AttackType::code).to_owned(),
            parameter: proof.parameter.clone(),
            exploited: proof.exploited,
            received_at: now,
        };
        if !incidents::note_proof(connection, row.clone()).await? {
            continue;
        }
        let Some(vuln) = find_or_create(connection, tenant, &proof, &rules, now).await? else { continue };
        row.vuln_id = vuln.id;
        incidents::settle_proof(connection, tenant, &row.event_id, vuln.id).await?;
        if row.exploited && vuln.status != "falsepositive" {
            new_incidents.extend(incidents::link(connection, tenant, &row, now).await?);
        }
    }
    Ok(new_incidents)
}

/// Links hits that arrive after the proof of their exploit, and returns a hit of each attack that became an
/// incident.
pub(crate) async fn link_late<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    requests: &[&str],
    now: i64,
) -> Result<Vec<entity::hit::Model>, Failure> {
    let mut new_incidents = Vec::new();
    for proof in incidents::proofs_of(connection, tenant, requests).await? {
        new_incidents.extend(incidents::link(connection, tenant, &proof, now).await?);
    }
    Ok(new_incidents)
}

/// The vulnerability of a proof; none when a rule drops it.
pub(crate) async fn find_or_create<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    proof: &VulnEvidence,
    rules: &[false_positive_rules::Rule],
    now: i64,
) -> Result<Option<Model>, Failure> {
    attach(connection, tenant, row_of(tenant, proof, now), rules, now).await
}

/// The vulnerability that active verification reproduced; none when a rule drops it.
pub(crate) async fn verified<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    proof: &VulnEvidence,
    now: i64,
) -> Result<Option<Model>, Failure> {
    let rules = false_positive_rules::compiled(connection, tenant).await?;
    let mut fresh = row_of(tenant, proof, now);
    VERIFICATION.clone_into(&mut fresh.detection_method);
    fresh.vuln_recheck_type = Some("auto".to_owned());
    fresh.last_check = Some(now);
    let Some(mut row) = attach(connection, tenant, fresh, &rules, now).await? else { return Ok(None) };
    if row.status != "falsepositive" {
        row.validated = true;
        row.last_check = Some(now);
        row.vuln_recheck_type = Some("auto".to_owned());
        row = store::update(connection, row).await?;
    }
    Ok(Some(row))
}

/// Notes that a vulnerability was checked again; one that is not there any more is closed.
pub(crate) async fn checked<C: ConnectionTrait>(
    connection: &C,
    known: Model,
    is_there: bool,
    now: i64,
) -> Result<(), Failure> {
    // What a proof changed meanwhile stays.
    let tenant = TenantId(known.client_id);
    let Some(mut row) = store::of_ids(connection, &tenant.into(), &[known.id]).await?.into_iter().next()
    else {
        return Ok(());
    };
    row.last_check = Some(now);
    row.recheck_requested_at = None;
    let (step, comment) = if is_there {
        row.validated = true;
        (Step::Reproduced, "Reproduced by active verification")
    } else {
        (Step::Missed, "Not reproduced by active verification")
    };
    let was = row.status.clone();
    if status::take(&mut row, step, now)? {
        note(connection, &row, &was, comment, now).await?;
    }
    store::update(connection, row).await?;
    Ok(())
}

/// Notes that a vulnerability could not be checked, so that it neither waits for ever nor is tried again at once.
pub(crate) async fn asked_in_vain<C: ConnectionTrait>(
    connection: &C,
    mut row: Model,
    now: i64,
) -> Result<(), Failure> {
    row.recheck_requested_at = None;
    row.last_check = Some(now);
    store::update(connection, row).await?;
    Ok(())
}

/// Notes that a vulnerability that only a call can show was checked and no call came: that proves nothing, so it stays as
/// it is, and its history says why. Said once, not after each check.
pub(crate) async fn not_called<C: ConnectionTrait>(
    connection: &C,
    row: Model,
    now: i64,
) -> Result<(), Failure> {
    const COMMENT: &str = "Not proved again: no call came";
    let changes = history::of_vuln(connection, TenantId(row.client_id), row.id).await?;
    if changes.last().is_none_or(|last| last.comment != COMMENT) {
        note(connection, &row, &row.status, COMMENT, now).await?;
    }
    asked_in_vain(connection, row, now).await
}

/// Finds the row of a flaw or makes it.
async fn attach<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    fresh: Model,
    rules: &[false_positive_rules::Rule],
    now: i64,
) -> Result<Option<Model>, Failure> {
    let Some(known) = store::twin(connection, &fresh).await? else {
        return create(connection, tenant, fresh, rules, now).await;
    };
    let mut row = known.clone();
    row.volume = Some(known.volume.unwrap_or(1).saturating_add(1));
    row.last_seen = known.last_seen.max(Some(fresh.validate_time));
    row.sign_class = known.sign_class.clone().or_else(|| fresh.sign_class.clone());
    if status::take(&mut row, Step::Seen(fresh.validate_time), now)? {
        note(connection, &row, &known.status, "Seen again", now).await?;
    }
    Ok(Some(store::update(connection, row).await?))
}

async fn create<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    mut row: Model,
    rules: &[false_positive_rules::Rule],
    now: i64,
) -> Result<Option<Model>, Failure> {
    let mut comment = match row.detection_method.as_str() {
        VERIFICATION => "Found by active verification",
        _ => "Found by passive detection",
    };
    match false_positive_rules::judge(rules, &row) {
        Judgement::None => {}
        Judgement::Drop => return Ok(None),
        Judgement::False(rule) => {
            status::take(&mut row, Step::CallFalse, now)?;
            row.false_positive_rule_id = Some(rule);
            comment = "Judged false by a rule";
        }
    }
    let client = entity::client::Entity::find_by_id(tenant.0).one(connection).await?;
    let prefix = client.map_or_else(|| "BRTZ".to_owned(), |client| client.vuln_prefix);
    let row = store::insert(connection, tenant, &prefix, row).await?;
    note(connection, &row, "", comment, now).await?;
    notification::of_issue(connection, &row, now * 1000).await?;
    Ok(Some(row))
}

async fn note<C: ConnectionTrait>(
    connection: &C,
    row: &Model,
    before: &str,
    comment: &str,
    now: i64,
) -> Result<(), Failure> {
    let change = entity::vuln_change::Model {
        id: 0,
        client_id: row.client_id,
        vuln_id: row.id,
        time: now,
        author: SYSTEM.to_owned(),
        before: before.to_owned(),
        after: row.status.clone(),
        comment: comment.to_owned(),
    };
    Ok(history::append(connection, change).await?)
}

/// The row that a proof makes when the flaw is new.
fn row_of(tenant: TenantId, proof: &VulnEvidence, now: i64) -> Model {
    let text = |text: &str, most: usize| -> String {
        text.chars().take(most).map(|c| if c == '\0' { ' ' } else { c }).collect()
    };
    let kind = vuln_type::code_of(&text(&proof.vuln_type, 64));
    let mut row = blank(tenant, now);
    let info = vuln_type::info(&kind);
    let label = vuln_type::label(&kind);
    row.threat = info.map_or(50, |info| i64::from(info.threat));
    if let Some(target) = AttackType::parse_code(&kind).map(|kind| json!(kind.info().target)) {
        target.as_str().unwrap_or("server").clone_into(&mut row.target);
    }
    row.template = format!("{kind}_generic");
    row.kind = kind;
    row.method = text(&proof.method, 64);
    row.domain = text(&proof.domain, MAX_NAME);
    row.path = text(&proof.path, MAX_NAME);
    row.parameter = text(&proof.parameter, MAX_NAME);
    // Without the place, which has members of its own: groups of issues are those of one title.
    row.title = if proof.sign_class.is_empty() || proof.sign.is_empty() {
        label.clone()
    } else {
        format!("{label}: {}", proof.sign)
    };
    row.title = text(&row.title, 255);
    row.description = format!("{}\n\n{}", text(&proof.description, MAX_TEXT), mitigation(&row.kind));
    row.additional = text(&proof.sign, MAX_TEXT);
    row.sign_class = Some(text(&proof.sign_class, 64)).filter(|class| !class.is_empty());
    row.exploit_example = text(&example(proof), MAX_TEXT);
    // Nodes of an older version send secrets as they are.
    row.evidence = Some(text(&bartizan_detect::masked(&proof.evidence), MAX_TEXT));
    "passive".clone_into(&mut row.detection_method);
    row.validate_time = proof.ts_ms.div_euclid(1000).clamp(now - 86_400 * 180, now);
    row.last_seen = Some(row.validate_time);
    row.scheme = Some(if proof.scheme == "https" { "https" } else { "http" }.to_owned());
    row.pool = Some(proof.application);
    row.vuln_recheck_type = proof.exploited.then(|| "manual".to_owned());
    row.scope =
        json!([{"method": row.method, "domain": row.domain, "path": row.path, "parameter": row.parameter}]);
    row
}

/// The request that shows the flaw, as text.
fn example(proof: &VulnEvidence) -> String {
    let raw = &proof.raw;
    let host = raw.headers.get("HOST").and_then(|values| values.first());
    let host = host.map_or(proof.domain.as_str(), String::as_str);
    let mut text = format!("{} {} {}\nHost: {host}\n", raw.method, raw.uri, raw.proto);
    for (name, value) in attacked_fields(proof) {
        text.extend([name, ": ", value, "\n"]);
    }
    if !raw.body.is_empty() {
        text.push('\n');
        text.push_str(&raw.body);
    }
    text
}

/// The header fields that hold the attack, masked as they were reported.
fn attacked_fields(proof: &VulnEvidence) -> impl Iterator<Item = (&str, &str)> {
    let place = proof.parameter.strip_prefix("HEADER_").unwrap_or_default();
    let is_place = |name: &str| {
        let rest = place.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name));
        rest.is_some()
            && place.as_bytes().get(name.len()) == Some(&b'_')
            && !name.eq_ignore_ascii_case("host")
    };
    let fields = proof.raw.headers.iter().filter(move |(name, _)| is_place(name.as_str()));
    fields.flat_map(|(name, values)| values.iter().map(move |value| (name.as_str(), value.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_stored_without_secrets() {
        let proof = json!({
            "event_id": "e1", "request_id": "r1", "ts_ms": 1_700_000_000_000_i64, "vuln_type": "infoleak",
            "domain": "shop.test", "path": "/", "method": "GET",
            "evidence": "url: postgres://shop:t9kLm2vQ@db/shop",
        });
        let proof: VulnEvidence = serde_json::from_value(proof).unwrap();
        let row = row_of(TenantId(1), &proof, 1_700_000_000);
        assert_eq!(row.evidence.as_deref(), Some("url: postgres://shop:****@db/shop"));
    }
}
