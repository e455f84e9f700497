//! Rules: hints on actions (`spec/rules.md` section 1).
//!
//! What a hint may say is known by `bartizan_rules` alone; here is who may say it, what is kept, and what a
//! change drags along. Every change bumps the ruleset version as its first statement, which also puts the
//! changes of a tenant in a line, and is refused when the ruleset would not compile.

use bartizan_api::{
    ApiError,
    filter::{Family, Field, Filter, Kind, Test},
    list::ListRequest,
};
use bartizan_rules::{FieldErrors, HintSpec, HintType, MAX_PATTERN_BYTES, Scope, StoredHint, parse_point};
use bartizan_store::{
    TenantId, Tenants, clients, config_versions,
    entity::{action, hint},
    hints, mark_rules,
    sea_orm::{DatabaseTransaction, Order},
};
use rand::Rng;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    activity::{self, Change},
    page,
    rules_settings::require_unlocked,
    ruleset::builds,
};
use crate::{auth::Caller, failure::Failure, state::Cloud};

mod applications;
mod compile;
pub mod counters;
mod general_mode;
mod removal;
mod rights;
mod same;
pub(super) mod transfer;

pub use general_mode::{general_mode, set_general_mode, set_within as set_mode_within};
pub use removal::{delete, delete_action};
pub use same::same;

use rights::{Verb, require};

/// Most ids of one deletion.
const MAX_IDS: usize = 1000;

const FIELDS: &[Field] = &[
    Field::new("id", Kind::Int),
    Field::new("clientid", Kind::Int),
    Field::new("actionid", Kind::Int),
    Field::new("type", Kind::Text),
    Field::new("create_userid", Kind::Int),
    Field::new("create_time", Kind::Time),
    Field::new("system", Kind::Bool),
    Field::new("point", Kind::Raw),
];

/// A hint as it is kept.
///
/// # Errors
/// 500 when a row cannot be read back, which would be a bug.
pub fn stored(row: &hint::Model, action: &action::Model) -> Result<StoredHint, Failure> {
    let unreadable = || {
        tracing::error!(rule.id = row.id, "a stored rule cannot be read");
        ApiError::internal()
    };
    let scope: Scope = serde_json::from_value(action.conditions.clone()).map_err(|_| unreadable())?;
    Ok(StoredHint {
        id: row.id,
        actionid: row.action_id,
        clientid: row.client_id,
        create_time: row.created_at,
        create_userid: row.create_userid,
        updated_at: row.updated_at,
        system: row.system,
        uuid: row.uuid.clone(),
        group_uuid: row.group_uuid.clone(),
        spec: HintSpec {
            kind: HintType::from_name(&row.kind).ok_or_else(unreadable)?,
            clientid: Some(row.client_id),
            action: scope,
            active: row.active,
            validated: row.validated,
            variativity_disabled: row.variativity_disabled,
            title: row.title.clone(),
            set: row.set_name.clone(),
            comment: row.comment.clone(),
            fields: row.fields.as_object().cloned().ok_or_else(unreadable)?,
        },
    })
}

/// What a user said, put into the row.
fn fill(row: &mut hint::Model, spec: &HintSpec) {
    row.kind = spec.kind.name().to_owned();
    row.fields = Value::Object(spec.fields.clone());
    row.point_hash = spec.fields.get("point").map(point_hash);
    row.regex_id = spec.regex_id();
    row.active = spec.active;
    row.validated = spec.validated;
    row.variativity_disabled = spec.variativity_disabled;
    row.comment.clone_from(&spec.comment);
    row.title.clone_from(&spec.title);
    row.set_name.clone_from(&spec.set);
}

/// SHA-256 of a flat point as compact JSON, hex.
fn point_hash(point: &Value) -> String {
    hex::encode(Sha256::digest(point.to_string()))
}

fn refused(faults: &FieldErrors) -> ApiError {
    ApiError { body: faults.body(), ..ApiError::field("", "", Value::Null) }
}

/// A page of hints.
///
/// # Errors
/// 400 for a bad filter, order or limit.
pub async fn list(cloud: &Cloud, caller: &Caller, request: &ListRequest) -> Result<Vec<StoredHint>, Failure> {
    let filter = Filter::parse(&request.filter, FIELDS, Family::Rules)?;
    let tenants = caller.tenants_or_own(&filter.ints("clientid"));
    let part = page::of(request)?;
    let order_by = match request.order_by.as_deref().unwrap_or_default() {
        "" | "updated_at" => hint::Column::UpdatedAt,
        "id" => hint::Column::Id,
        "create_time" => hint::Column::CreatedAt,
        other => return Err(ApiError::field("order_by", "is invalid", other).into()),
    };
    let query = hints::HintQuery {
        tenants: &tenants,
        filter: &filter,
        point_hash: asked_point(&filter)?,
        hidden: rights::unlisted(caller),
        order_by,
        order: if request.order_desc.unwrap_or(false) { Order::Desc } else { Order::Asc },
        offset: part.offset,
        limit: part.limit,
    };
    let rows = hints::list(cloud.store.reader(), query).await?;
    rows.iter().map(|(row, action)| stored(row, action)).collect()
}

/// The hash of the point that a filter names.
fn asked_point(filter: &Filter) -> Result<Option<String>, ApiError> {
    let Some(asked) = filter.conditions("point").next() else { return Ok(None) };
    let Test::Raw(sent) = &asked.test else { return Ok(None) };
    let point = parse_point("point", sent).map_err(|fault| refused(&fault.into()))?;
    let flat = serde_json::to_value(&point).map_err(|_| ApiError::internal())?;
    Ok(Some(point_hash(&flat)))
}

/// One hint.
///
/// # Errors
/// 404.
pub async fn view(cloud: &Cloud, caller: &Caller, id: i64) -> Result<StoredHint, Failure> {
    let rows = hints::by_ids(cloud.store.reader(), &caller.tenants, &[id]).await?;
    let (row, action) = rows.first().ok_or_else(ApiError::absent)?;
    if rights::hidden(caller).contains(&row.kind.as_str()) {
        return Err(ApiError::absent().into());
    }
    stored(row, action)
}

/// Creates a hint, on an existing action when there is one with these conditions.
///
/// # Errors
/// 400 with every fault, 403, 423.
pub async fn create(
    cloud: &Cloud,
    caller: &Caller,
    body: &Map<String, Value>,
) -> Result<StoredHint, Failure> {
    let new = prepare(cloud, caller, body).await?;
    let tenant = new.tenant;
    let transaction = cloud.store.begin().await?;
    if new.spec.kind.is_counter() {
        clients::lock(&transaction, tenant).await?;
        require_unlocked(&transaction, tenant).await?;
        if let Some(counter) = counters::existing(&transaction, tenant, &new.spec, cloud.now()).await? {
            transaction.commit().await?;
            return Ok(counter);
        }
    }
    let made = create_within(cloud, caller, &transaction, new).await?;
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    Ok(made)
}

/// A hint that its author may create.
pub(super) struct New {
    tenant: TenantId,
    spec: HintSpec,
}

/// Judges a body as far as that needs no transaction.
pub(super) async fn prepare(
    cloud: &Cloud,
    caller: &Caller,
    body: &Map<String, Value>,
) -> Result<New, Failure> {
    let named = body.get("type").and_then(Value::as_str).and_then(HintType::from_name);
    if let Some(kind) = named {
        // Before the body is judged: who may not write learns nothing about it.
        require(caller, Verb::Create, kind, false)?;
    }
    let tenant = caller.tenant_of(body.get("clientid").and_then(Value::as_i64))?;
    // Before the body is judged, and again below, where nobody can change it any more.
    require_unlocked(cloud.store.reader(), tenant).await?;
    let spec = HintSpec::create(body).map_err(|faults| refused(&faults))?;
    require(caller, Verb::Create, spec.kind, spec.action.is_default())?;
    if let Some(fault) = applications::foreign(cloud.store.reader(), caller, tenant, &spec.action).await? {
        return Err(fault.into());
    }
    let fields = Value::Object(spec.fields.clone());
    compile::prepare(cloud, tenant, compile::patterns_of(&fields, &spec.action.to_json())).await?;
    Ok(New { tenant, spec })
}

/// Creates a hint within a transaction; who commits it notices the change.
pub(super) async fn create_within(
    cloud: &Cloud,
    caller: &Caller,
    transaction: &DatabaseTransaction,
    New { tenant, mut spec }: New,
) -> Result<StoredHint, Failure> {
    let now = cloud.now();
    let seq = builds::change(transaction, tenant, now).await?.seq;
    require_unlocked(transaction, tenant).await?;
    if spec.kind == HintType::DisableRegex {
        require_regex(transaction, tenant, &spec).await?;
    }
    let action = find_or_create_action(transaction, tenant, &spec.action, now).await?;
    assign(&mut spec, tenant, seq);
    let mut row = new_row(tenant, action.id, caller.user_id(), now);
    fill(&mut row, &spec);
    row.expires_at = counters::first_end(spec.kind, now);
    row.updated_at = change_time(transaction, tenant, &row, now).await?;
    let row = hints::insert(transaction, row).await?;
    hints::touch_action(transaction, tenant, action.id, row.updated_at).await?;
    compile::check(transaction, tenant, &spec, &row, &action).await?;
    let made = stored(&row, &action)?;
    log(transaction, caller, now, "create", None, Some(&made)).await?;
    Ok(made)
}

/// The time of a change: no earlier than `earliest`, and such that the hint wins over all that were changed before.
/// Several changes within a second run ahead of the clock.
async fn change_time(
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    row: &hint::Model,
    earliest: i64,
) -> Result<i64, Failure> {
    let Some((time, id)) = hints::last_change(transaction, tenant, &row.kind).await? else {
        return Ok(earliest);
    };
    // Among those of one time the greatest id wins; one that is new, and has none yet, gets a greater one.
    let wins_by_id = row.id == 0 || row.id >= id;
    Ok(earliest.max(if wins_by_id { time } else { time + 1 }))
}

fn new_row(tenant: TenantId, action_id: i64, author: i64, now: i64) -> hint::Model {
    hint::Model {
        id: 0,
        client_id: tenant.0,
        action_id,
        kind: String::new(),
        fields: Value::Null,
        point_hash: None,
        regex_id: None,
        system: false,
        active: true,
        validated: false,
        variativity_disabled: false,
        comment: None,
        title: None,
        set_name: None,
        uuid: Uuid::new_v4().to_string(),
        group_uuid: Uuid::new_v4().to_string(),
        created_at: now,
        create_userid: author,
        updated_at: now,
        expires_at: None,
    }
}

/// Gives a new hint what the server assigns.
fn assign(spec: &mut HintSpec, tenant: TenantId, seq: i64) {
    if spec.kind.has_regex_id() {
        // Ascending and never used again: hits keep naming an expression after its rule is gone.
        spec.assign_regex_id(seq);
    }
    if let Some(prefix) = spec.kind.counter_prefix() {
        let random: u64 = rand::rng().random();
        spec.assign_counter(&format!("{prefix}:{}:{random:016x}", tenant.0));
    }
    if spec.kind == HintType::RateLimit {
        let letters = rand::rng().sample_iter(rand::distr::Alphanumeric).take(8);
        let suffix: String = letters.map(|byte| char::from(byte).to_ascii_lowercase()).collect();
        spec.assign_suffix(&suffix);
    }
}

/// Refuses a `disable_regex` hint that names no expression of the tenant.
async fn require_regex(
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    spec: &HintSpec,
) -> Result<(), Failure> {
    let id = spec.regex_id().unwrap_or_default();
    let named = hints::with_regex_ids(transaction, tenant, &["regex", "experimental_regex"], &[id]).await?;
    if named.is_empty() { Err(ApiError::field("regex_id", "is invalid", id).into()) } else { Ok(()) }
}

async fn find_or_create_action(
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    scope: &Scope,
    now: i64,
) -> Result<action::Model, Failure> {
    let hash = scope.conditions_hash();
    if let Some(action) = hints::find_action_by_hash(transaction, tenant, &hash).await? {
        return Ok(action);
    }
    let action = action::Model {
        id: 0,
        client_id: tenant.0,
        conditions: scope.to_json(),
        conditions_hash: hash,
        name: None,
        updated_at: now,
    };
    Ok(hints::insert_action(transaction, action).await?)
}

/// Changes what a patch names of a hint.
///
/// # Errors
/// 400 with every fault, 403 (counters included), 404, 423.
pub async fn update(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    patch: &Map<String, Value>,
) -> Result<StoredHint, Failure> {
    let tenant = TenantId(view(cloud, caller, id).await?.clientid);
    compile::prepare(cloud, tenant, sent_patterns(patch)).await?;
    let transaction = cloud.store.begin().await?;
    let seq = builds::change(&transaction, tenant, cloud.now()).await?.seq;
    let rows = hints::by_ids(&transaction, &tenant.into(), &[id]).await?;
    let (row, action) = rows.into_iter().next().ok_or_else(ApiError::absent)?;
    let changed = change(cloud, caller, &transaction, (row, action), patch, seq).await?;
    transaction.commit().await?;
    cloud.notices.changed(tenant);
    Ok(changed)
}

/// Changes what a patch names of every hint that a filter names by id, all or none of a tenant's. Unknown and
/// foreign ones stay out of it.
///
/// # Errors
/// 400 without ids or with every fault of the patch, 403 (counters included), 423.
pub async fn update_all(
    cloud: &Cloud,
    caller: &Caller,
    filter: &Value,
    patch: &Map<String, Value>,
) -> Result<Vec<StoredHint>, Failure> {
    let (tenants, ids) = selected(caller, filter)?;
    let mut changed = Vec::new();
    for tenant in tenants.ids() {
        if hints::by_ids(cloud.store.reader(), &(*tenant).into(), &ids).await?.is_empty() {
            continue;
        }
        compile::prepare(cloud, *tenant, sent_patterns(patch)).await?;
        let transaction = cloud.store.begin().await?;
        let mut of_tenant = Vec::new();
        for (row, action) in hints::by_ids(&transaction, &(*tenant).into(), &ids).await? {
            // One build for all; a number for each.
            let versions = if of_tenant.is_empty() {
                builds::change(&transaction, *tenant, cloud.now()).await?
            } else {
                config_versions::bump_ruleset(&transaction, *tenant, cloud.now()).await?
            };
            let seq = versions.seq;
            of_tenant.push(change(cloud, caller, &transaction, (row, action), patch, seq).await?);
        }
        if !of_tenant.is_empty() {
            transaction.commit().await?;
            cloud.notices.changed(*tenant);
        }
        changed.extend(of_tenant);
    }
    Ok(changed)
}

/// The patterns that a patch brings, which is not judged yet; conditions cannot be changed.
fn sent_patterns(patch: &Map<String, Value>) -> Vec<String> {
    let mut texts = compile::patterns_of(&Value::Object(patch.clone()), &Value::Null);
    texts.retain(|text| text.len() <= MAX_PATTERN_BYTES);
    texts
}

/// The tenants and ids that a filter for changes names.
fn selected(caller: &Caller, filter: &Value) -> Result<(Tenants, Vec<i64>), ApiError> {
    let filter = Filter::parse(filter, FIELDS, Family::Rules)?;
    let ids = filter.ints("id");
    if ids.is_empty() {
        return Err(ApiError::empty_filter());
    }
    if ids.len() > MAX_IDS {
        return Err(ApiError::field("id", format!("should be in 1..{MAX_IDS}"), ids.len()));
    }
    Ok((caller.tenants_or_own(&filter.ints("clientid")), ids))
}

/// The credential stuffing rules of a tenant, by id: those that check the public list, and the others.
///
/// # Errors
/// 403 for a foreign tenant.
pub async fn credential_configs(
    cloud: &Cloud,
    caller: &Caller,
    client_id: i64,
) -> Result<(Vec<StoredHint>, Vec<StoredHint>), Failure> {
    let tenant = caller.tenant_of(Some(client_id))?;
    let kinds = [HintType::CredentialsPoint.name(), HintType::CredentialsRegex.name()];
    let rows = hints::of_types(cloud.store.reader(), tenant, &kinds).await?;
    let all = rows.iter().map(|(row, action)| stored(row, action)).collect::<Result<Vec<_>, _>>()?;
    let is_custom =
        |hint: &StoredHint| hint.spec.fields.get("cred_stuff_type").and_then(Value::as_str) == Some("custom");
    let (custom, default) = all.into_iter().partition(is_custom);
    Ok((default, custom))
}

/// Applies a patch to a hint within a transaction that has bumped the version to `seq`.
pub(super) async fn change(
    cloud: &Cloud,
    caller: &Caller,
    transaction: &DatabaseTransaction,
    (mut row, action): (hint::Model, action::Model),
    patch: &Map<String, Value>,
    seq: i64,
) -> Result<StoredHint, Failure> {
    let before = stored(&row, &action)?;
    if before.spec.kind.is_counter() {
        return Err(ApiError::access_denied().into());
    }
    require(caller, Verb::Update, before.spec.kind, before.spec.action.is_default())?;
    require_unlocked(transaction, TenantId(row.client_id)).await?;
    let mut spec = HintSpec::update(&before, patch).map_err(|faults| refused(&faults))?;
    let (tenant, now) = (TenantId(row.client_id), cloud.now());
    if spec.regex_changed(&before.spec) {
        let old: Vec<i64> = before.spec.regex_id().into_iter().collect();
        removal::delete_dependants(transaction, caller, tenant, &old, now).await?;
        spec.assign_regex_id(seq);
    }
    fill(&mut row, &spec);
    row.updated_at = change_time(transaction, tenant, &row, now.max(row.updated_at + 1)).await?;
    let row = hints::update(transaction, row).await?;
    // Whoever edits a rule that a mark made takes it over: it no longer goes with the mark.
    mark_rules::delete(transaction, tenant, &[row.id]).await?;
    hints::touch_action(transaction, tenant, action.id, row.updated_at).await?;
    compile::check(transaction, tenant, &spec, &row, &action).await?;
    let after = stored(&row, &action)?;
    log(transaction, caller, now, "update", Some(&before), Some(&after)).await?;
    Ok(after)
}

async fn log(
    transaction: &DatabaseTransaction,
    caller: &Caller,
    now: i64,
    action: &'static str,
    before: Option<&StoredHint>,
    after: Option<&StoredHint>,
) -> Result<(), Failure> {
    let Some(hint) = after.or(before) else { return Ok(()) };
    let change = change_of(action, before, after);
    activity::log(transaction, caller, TenantId(hint.clientid), now, change).await
}

/// What the activity log says of a change.
fn change_of(
    action: &'static str,
    before: Option<&StoredHint>,
    after: Option<&StoredHint>,
) -> Change<'static> {
    let hint = after.or(before);
    let name =
        |hint: &StoredHint| hint.spec.title.clone().unwrap_or_else(|| hint.spec.kind.name().to_owned());
    Change {
        object_type: "rule",
        action,
        object_id: hint.map(|hint| hint.id.to_string()).unwrap_or_default(),
        object_name: hint.map(name).unwrap_or_default(),
        before: before.map(StoredHint::to_json),
        after: after.map(StoredHint::to_json),
    }
}
