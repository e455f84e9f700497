//! False-positive marks: the hits, their attacks' counters, and, unless the caller declines it, the rule that keeps the
//! node from finding the same again (`spec/events.md` section 2.6).
//!
//! A mark alone changes data; it is the rule that changes detection. The rule for one attack type at one point of one address is
//! `disable_attack_type` there, or `disable_regex` for each custom expression that found it. Each goes when the last such hit
//! loses its mark, unless somebody edited it meanwhile, and is never made where the tenant has one like it already; a
//! rule that was deleted is made again with the next mark. Whoever may not create rules only marks. Of marks at the same
//! time one makes the rule: each looks once more when nobody else can change the tenant's rules.

use std::collections::BTreeSet;

use bartizan_api::{
    ApiError,
    filter::Test,
    listing::{MarkRequest, Marked},
    public_id::Indexed,
};
use bartizan_rules::Scope;
use bartizan_store::{
    TenantId, Tenants, attacks, config_versions,
    entity::mark_rule,
    hints,
    hits::{self, HitQuery, MarkedGroup, Verdict},
    ingest, mark_rules,
    sea_orm::{Condition, ConnectionTrait},
};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{asked, members};
use crate::{
    auth::Caller,
    failure::Failure,
    services::{
        activity::{self, Change},
        event_view::{attack_id, items},
        ingest::is_of_source,
        listing::{Asked, flag, keys},
        rule,
    },
    state::Cloud,
};

/// Most kinds of hits of one request that get rules; who marks more is not correcting detection.
const MAX_GROUPS: usize = 20;
/// Attacks of one statement.
const CHUNK: usize = 500;
/// What a mark writes into the comment of its rule.
const COMMENT: &str = "Made by marking hits as false positives";

/// Marks hits as false positives, or takes the mark away, and counts their attacks anew.
///
/// # Errors
/// 400 when neither `id` nor `attackid` is given, 403.
pub async fn mark_false(cloud: &Cloud, caller: &Caller, request: &MarkRequest) -> Result<Marked, Failure> {
    let members = members(&request.filter);
    let names = |filter: &Value, key: &str| {
        let value = filter.get(key).unwrap_or(&Value::Null);
        !value.is_null() && value.as_array().is_none_or(|items| !items.is_empty())
    };
    if members.is_empty() || !members.iter().all(|one| names(one, "id") || names(one, "attackid")) {
        return Err(ApiError::field("filter", "id or attackid is required", request.filter.clone()).into());
    }
    let asked = asked(cloud, caller, &request.filter)?;
    refuse_sources(cloud, caller, &asked).await?;
    let verdict = if flag("mode", &request.mode, true)? { Verdict::False } else { Verdict::NotFalse };
    // The ids name their tenants themselves; without `clientid` every tenant in reach is meant.
    let own = members.iter().all(|one| names(one, "clientid"));
    let tenants = if own { asked.tenants.clone() } else { caller.tenants.clone() };
    let rule = flag("rule", &request.rule, true)?;
    let mut marked = 0;
    for &tenant in tenants.ids() {
        let own = Tenants::from(tenant);
        let condition = HitQuery { tenants: &own, since: asked.since, filter: &asked.filter }.condition();
        marked += judge(cloud, caller, tenant, &[condition], verdict, rule).await?;
    }
    Ok(Marked { marked })
}

/// Everything that a source does is not one finding: its hits are judged one by one.
async fn refuse_sources(cloud: &Cloud, caller: &Caller, asked: &Asked) -> Result<(), Failure> {
    for condition in asked.filter.conditions("attackid") {
        let Test::Raw(value) = &condition.test else { continue };
        let keys = keys("attackid", Indexed::Attacks, value)?;
        let rows = attacks::of_keys(cloud.store.reader(), &caller.tenants, &keys).await?;
        if rows.iter().any(|attack| is_of_source(&attack.group_key)) {
            let text = "hits of an attack that is grouped by source are marked one by one";
            return Err(ApiError::field("attackid", text, value.clone()).into());
        }
    }
    Ok(())
}

/// Judges the hits of any of the conditions, counts their attacks anew, and makes or removes the rules of those that
/// become or cease to be false positives. Returns how many hits changed.
///
/// # Errors
/// [`Failure`] of the store.
pub(in crate::services) async fn judge(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    conditions: &[Condition],
    verdict: Verdict,
    rule: bool,
) -> Result<u64, Failure> {
    let (now, is_false) = (cloud.now(), verdict == Verdict::False);
    let (mut marked, mut touched, mut groups) = (0, BTreeSet::new(), Vec::new());
    let transaction = cloud.store.begin().await?;
    ingest::lock(&transaction, tenant).await?;
    for condition in conditions {
        if !is_false || groups.len() < MAX_GROUPS {
            let limit = u64::try_from(MAX_GROUPS).unwrap_or(u64::MAX);
            let changed =
                hits::marked_groups(&transaction, tenant, condition.clone(), verdict, limit).await?;
            for group in changed {
                if !groups.contains(&group) {
                    groups.push(group);
                }
            }
        }
        let (count, attacks) = hits::mark(&transaction, tenant, condition.clone(), verdict, now).await?;
        marked += count;
        touched.extend(attacks);
    }
    let touched: Vec<i64> = touched.into_iter().collect();
    for touched in touched.chunks(CHUNK) {
        attacks::recount(&transaction, tenant, touched, now).await?;
        for attack in attacks::by_rows(&transaction, tenant, touched).await? {
            let after = json!({
                "mark": verdict.state(), "hits": attack.hits, "false_hits": attack.false_hits,
            });
            let change = Change {
                object_type: "attack",
                action: "mark_false",
                object_id: attack_id(&attack).join(":"),
                object_name: format!("{} {}{}", attack.kind, attack.domain, attack.path),
                before: None,
                after: Some(after),
            };
            activity::log(&transaction, caller, tenant, now, change).await?;
        }
    }
    transaction.commit().await?;
    if is_false {
        groups.truncate(MAX_GROUPS);
    }
    // Taking marks away removes the rules that marking made, asked or not.
    if rule || !is_false {
        settle_rules(cloud, caller, tenant, &groups, is_false).await?;
    }
    Ok(marked)
}

/// A rule that keeps a group from being found again.
struct RuleOfMark<'a> {
    group: &'a MarkedGroup,
    /// Expression that it disables; none where it disables the attack type.
    regex_id: Option<i64>,
    body: Map<String, Value>,
}

/// Makes or removes the rules of groups of hits whose mark changed.
async fn settle_rules(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    groups: &[MarkedGroup],
    marked: bool,
) -> Result<(), Failure> {
    for rule in groups.iter().flat_map(|group| rules_of(tenant, group)) {
        let (group, regex_id) = (rule.group, rule.regex_id);
        let known = rules_made(cloud, tenant, &rule).await?;
        if marked && known.is_empty() {
            try_rule(cloud, caller, tenant, &rule).await?;
        } else if !marked && !mark_rules::is_needed(cloud.store.reader(), tenant, group, regex_id).await? {
            remove_rules(cloud, caller, tenant, &known).await?;
            // A mark that came meanwhile may have found the rule still there.
            if !known.is_empty()
                && mark_rules::is_needed(cloud.store.writer(), tenant, group, regex_id).await?
            {
                try_rule(cloud, caller, tenant, &rule).await?;
            }
        }
    }
    Ok(())
}

async fn try_rule(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    rule: &RuleOfMark<'_>,
) -> Result<(), Failure> {
    match make_rule(cloud, caller, tenant, rule).await {
        // No rule can say it, or the caller may not, or rules are locked: the mark stands all the same.
        Err(Failure(error)) if error.status.is_client_error() => {
            tracing::debug!(%error, attack.kind = rule.group.kind, "no rule for a false-positive mark");
            Ok(())
        }
        made => made,
    }
}

/// Such rules that marks made and that are still there; the others are forgotten.
async fn rules_made(cloud: &Cloud, tenant: TenantId, rule: &RuleOfMark<'_>) -> Result<Vec<i64>, Failure> {
    let noted = mark_rules::of_group(cloud.store.reader(), tenant, rule.group, rule.regex_id).await?;
    let noted: Vec<i64> = noted.iter().map(|row| row.hint_id).collect();
    let rules = hints::by_ids(cloud.store.reader(), &tenant.into(), &noted).await?;
    let (known, gone): (Vec<i64>, Vec<i64>) =
        noted.into_iter().partition(|id| rules.iter().any(|(rule, _)| rule.id == *id));
    if !gone.is_empty() {
        mark_rules::delete(cloud.store.writer(), tenant, &gone).await?;
    }
    Ok(known)
}

/// Whether somebody, or a mark of the same group, made a rule that says this. Rules of other marks go with those.
async fn has_own_rule<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
    rule: &RuleOfMark<'_>,
) -> Result<bool, Failure> {
    let same = rule::same(connection, tenant, &rule.body).await?;
    let of_marks = mark_rules::among(connection, tenant, &same).await?;
    let of_group = mark_rules::of_group(connection, tenant, rule.group, rule.regex_id).await?;
    Ok(same.iter().any(|id| !of_marks.contains(id) || of_group.iter().any(|row| row.hint_id == *id)))
}

/// The rules that keep a group from being found again; none where no rule can.
fn rules_of(tenant: TenantId, group: &MarkedGroup) -> Vec<RuleOfMark<'_>> {
    let scope = Scope::by_hit(group.pool, &group.domain, &group.path).to_json();
    let of = |kind: &str, name: &str, value: Value, regex_id: Option<i64>| {
        let rule = json!({
            "type": kind, "clientid": tenant.0, "action": scope, "point": group.point, name: value,
            "comment": COMMENT,
        });
        RuleOfMark { group, regex_id, body: rule.as_object().cloned().unwrap_or_default() }
    };
    let expressions = items(&group.regex);
    if expressions.is_empty() {
        return vec![of("disable_attack_type", "attack_type", json!(group.kind), None)];
    }
    let ids = expressions.iter().filter_map(|id| id.parse::<i64>().ok());
    ids.map(|id| of("disable_regex", "regex_id", json!(id), Some(id))).collect()
}

async fn make_rule(
    cloud: &Cloud,
    caller: &Caller,
    tenant: TenantId,
    rule: &RuleOfMark<'_>,
) -> Result<(), Failure> {
    let new = rule::prepare(cloud, caller, &rule.body).await?;
    let transaction = cloud.store.begin().await?;
    // Every change of rules takes this lock.
    config_versions::lock(&transaction, tenant).await?;
    if has_own_rule(&transaction, tenant, rule).await? {
        return Ok(());
    }
    let made = rule::create_within(cloud, caller, &transaction, new).await?;
    let group = rule.group;
    let row = mark_rule::Model {
        hint_id: made.id,
        client_id: tenant.0,
        kind: group.kind.clone(),
        pool: group.pool,
        domain: group.domain.clone(),
        path: group.path.clone(),
        parameter: group.parameter.clone(),
        regex_id: rule.regex_id,
    };
    mark_rules::insert(&transaction, row).await?;
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    Ok(())
}

async fn remove_rules(cloud: &Cloud, caller: &Caller, tenant: TenantId, ids: &[i64]) -> Result<(), Failure> {
    if ids.is_empty() {
        return Ok(());
    }
    match rule::delete(cloud, caller, &json!({"id": ids, "clientid": tenant.0})).await {
        Ok(_) => Ok(mark_rules::delete(cloud.store.writer(), tenant, ids).await?),
        Err(Failure(error)) if [StatusCode::FORBIDDEN, StatusCode::LOCKED].contains(&error.status) => Ok(()),
        Err(failure) => Err(failure),
    }
}
