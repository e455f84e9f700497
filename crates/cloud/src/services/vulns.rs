//! Vulnerabilities: lists, manual entry, changes of status.

use bartizan_api::{
    ApiError, AttackType,
    filter::{Field, Test, int},
    listing::{Count, EventListRequest, FilterRequest, Filtered},
    vuln::{PassiveDetection, RecheckView, VulnCreate, VulnStatusRequest, VulnUpdate, VulnView, VulnsView},
    vuln_type,
};
use bartizan_store::{
    TenantId, Tenants,
    entity::vuln::{Column, Model},
    ingest,
    vulns::{self as store, Sorting, incidents},
};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    false_positive_rules::{self, Judgement},
    listing::{Asked, Rows, choice, flag},
    notification,
};
use crate::{
    auth::{Caller, node::NodeCaller},
    failure::Failure,
    state::Cloud,
};

mod change;
pub(crate) mod detection;
mod status;
mod view;

pub(super) use change::{change_rows, comment_of};
use change::{first, locked, log, set};
use status::Step;

/// Most attacks that a page of vulnerabilities names, each the same number of them.
const MAX_INCIDENTS: u64 = 10_000;

fn asked(cloud: &Cloud, caller: &Caller, filter: &Value) -> Result<Asked, ApiError> {
    let fields: Vec<Field> = store::FIELDS.iter().map(|(field, _)| *field).collect();
    let named = |word: &str| vec![vuln_type::code_of(word)];
    let mut asked = Asked::parse(cloud, caller, filter, &fields, &[], named)?;
    for condition in asked.filter.clauses.iter_mut().flatten() {
        if let ("status", Test::Texts(words)) = (condition.field, &mut condition.test) {
            words.iter_mut().filter(|word| *word == "active").for_each(|word| "open".clone_into(word));
        }
    }
    Ok(asked)
}

/// Vulnerabilities of a filter.
///
/// # Errors
/// 400 by field, 403.
pub async fn list(
    cloud: &Cloud,
    caller: &Caller,
    request: &EventListRequest,
) -> Result<Filtered<Vec<VulnView>>, Failure> {
    let asked = asked(cloud, caller, &request.filter)?;
    let rows = Rows::parse(request)?;
    let column = choice("order_by", &request.order_by, Column::Id, order_named)?;
    let order = (Sorting::By(column), flag("order_desc", &request.order_desc, false)?);
    let found = if rows.limit == 0 {
        vec![]
    } else {
        store::list(cloud.store.reader(), &asked.tenants, &asked.filter, order, rows.offset, rows.limit)
            .await?
    };
    let reply = views(cloud, &asked.tenants, &found).await?;
    Ok(Filtered { reply, ignored: asked.filter.ignored })
}

/// Rows as lists return them.
///
/// # Errors
/// 500 when the store fails.
pub(super) async fn views(
    cloud: &Cloud,
    tenants: &Tenants,
    rows: &[Model],
) -> Result<Vec<VulnView>, Failure> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let each = (MAX_INCIDENTS / (ids.len() as u64).max(1)).max(1);
    let attacks = incidents::attacks_of_vulns(cloud.store.reader(), tenants, &ids, each).await?;
    let of = |row: &Model| attacks.get(&row.id).map(Vec::as_slice).unwrap_or_default();
    Ok(rows.iter().map(|row| view::view(row, of(row))).collect())
}

fn order_named(name: &str) -> Option<Column> {
    Some(match name {
        // What is not collected is equal in all rows.
        "id" | "scid" => Column::Id,
        "pool" => Column::Pool,
        "testrun_id" => Column::TestrunId,
        "clientid" => Column::ClientId,
        "time" | "validate_time" => Column::ValidateTime,
        "invalidate_time" => Column::InvalidateTime,
        "template" => Column::Template,
        "vuln_recheck_type" => Column::VulnRecheckType,
        "type" => Column::Kind,
        "status" => Column::Status,
        "target" => Column::Target,
        "threat" => Column::Threat,
        "method" => Column::Method,
        "domain" => Column::Domain,
        "path" => Column::Path,
        "parameter" => Column::Parameter,
        "hidden" => Column::Hidden,
        "validated" => Column::Validated,
        _ => return None,
    })
}

/// Number of vulnerabilities of a filter.
///
/// # Errors
/// 400 by field, 403.
pub async fn count(
    cloud: &Cloud,
    caller: &Caller,
    request: &FilterRequest,
) -> Result<Filtered<Count>, Failure> {
    let asked = asked(cloud, caller, &request.filter)?;
    let count = store::count(cloud.store.reader(), &asked.tenants, &asked.filter).await?;
    Ok(Filtered { reply: Count { count }, ignored: asked.filter.ignored })
}

/// Adds a vulnerability that somebody found by hand.
///
/// # Errors
/// 400 by field, 403, 409 when an open one of the same kind is in the same place.
pub async fn create(cloud: &Cloud, caller: &Caller, request: &VulnCreate) -> Result<VulnView, Failure> {
    let tenant = caller.tenant_of(int(&request.clientid))?;
    let now = cloud.now();
    let mut row = blank(tenant, now);
    for name in ["type", "domain", "path", "method", "title"] {
        if request.fields.get(name).and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(ApiError::field(name, "is required", Value::Null).into());
        }
    }
    let place = |name: &str| request.fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    (row.kind, row.domain, row.path) = (vuln_type::code_of(&place("type")), place("domain"), place("path"));
    (row.method, row.parameter) = (place("method"), place("parameter"));
    let info = vuln_type::info(&row.kind)
        .filter(|info| vuln_type::is_known(info.code))
        .ok_or_else(|| ApiError::field("type", "unknown type of vulnerability", row.kind.clone()))?;
    row.threat = i64::from(info.threat);
    if let Some(info) = AttackType::parse_code(&row.kind).map(AttackType::info) {
        row.target = json!(info.target).as_str().unwrap_or("server").to_owned();
    }
    match place("target").as_str() {
        "" => {}
        target @ ("server" | "client" | "database") => target.clone_into(&mut row.target),
        other => return Err(ApiError::field("target", "must be server, client or database", other).into()),
    }
    row.scope =
        json!([{"method": row.method, "domain": row.domain, "path": row.path, "parameter": row.parameter}]);
    for (name, value) in &request.fields {
        if !["type", "domain", "path", "method", "parameter", "target"].contains(&name.as_str()) {
            set(&mut row, name, value, now)?;
        }
    }
    let prefix = cloud.store.identify_client(tenant.0).await?.map(|client| client.vuln_prefix);
    let transaction = cloud.store.begin().await?;
    ingest::lock(&transaction, tenant).await?;
    if store::open_twin(&transaction, &row).await? {
        return Err(ApiError::text(StatusCode::CONFLICT, "Already exists").into());
    }
    let rules = false_positive_rules::compiled(&transaction, tenant).await?;
    match false_positive_rules::judge(&rules, &row) {
        Judgement::Drop => {
            let text = "A rule for false positives keeps it out";
            return Err(ApiError::text(StatusCode::CONFLICT, text).into());
        }
        Judgement::False(rule) => {
            status::take(&mut row, Step::CallFalse, now)?;
            row.false_positive_rule_id = Some(rule);
        }
        Judgement::None => {}
    }
    let row = store::insert(&transaction, tenant, &prefix.unwrap_or_else(|| "BRTZ".to_owned()), row).await?;
    log(cloud, caller, &transaction, "create", None, &row, None).await?;
    notification::of_issue(&transaction, &row, cloud.clock.now_ms()).await?;
    transaction.commit().await?;
    cloud.outbox.notify_one();
    Ok(view::view(&row, &[]))
}

fn blank(tenant: TenantId, now: i64) -> Model {
    Model {
        id: 0,
        client_id: tenant.0,
        wid: String::new(),
        status: "open".to_owned(),
        kind: String::new(),
        target: "server".to_owned(),
        threat: 50,
        title: String::new(),
        description: String::new(),
        additional: String::new(),
        exploit_example: String::new(),
        method: String::new(),
        domain: String::new(),
        path: String::new(),
        parameter: String::new(),
        template: String::new(),
        detection_method: "manual".to_owned(),
        validate_time: now,
        invalidate_time: None,
        last_check: None,
        validated: true,
        hidden: false,
        vpatched: false,
        vuln_recheck_type: None,
        scope: json!([]),
        template_params: json!({}),
        pool: None,
        testrun_id: None,
        volume: Some(1),
        last_seen: None,
        created_at: Some(now),
        mitigation_rule_id: None,
        false_positive_rule_id: None,
        recheck_requested_at: None,
        ticket_status: None,
        ticket_history: None,
        scheme: None,
        evidence: None,
        sign_class: None,
    }
}

/// Changes the vulnerabilities that `filter.id` names.
///
/// # Errors
/// 400 by field or without an id, 403.
pub async fn update(cloud: &Cloud, caller: &Caller, request: &VulnUpdate) -> Result<VulnsView, Failure> {
    let tenant = request.filter.get("clientid").map(first).and_then(int);
    let tenants =
        if tenant.is_some() { Tenants::from(caller.tenant_of(tenant)?) } else { caller.tenants.clone() };
    let id = request.filter.get("id").cloned().unwrap_or_default();
    change(cloud, caller, &tenants, &id, &request.fields, None).await
}

/// Opens, closes or disproves the vulnerabilities that `id` names.
///
/// # Errors
/// 400 without an id or with too long a comment, 409 when one that was called false is to be closed.
pub async fn set_status(
    cloud: &Cloud,
    caller: &Caller,
    request: &VulnStatusRequest,
    status: &str,
) -> Result<VulnsView, Failure> {
    let fields = Map::from_iter([("status".to_owned(), json!(status))]);
    let comment = comment_of(cloud, &request.comment)?;
    change(cloud, caller, &caller.tenants, &request.id, &fields, comment.as_deref()).await
}

async fn change(
    cloud: &Cloud,
    caller: &Caller,
    tenants: &Tenants,
    id: &Value,
    fields: &Map<String, Value>,
    comment: Option<&str>,
) -> Result<VulnsView, Failure> {
    let rows = change_rows(cloud, caller, tenants, &ids_of(id)?, fields, comment).await?;
    Ok(VulnsView { vulns: views(cloud, tenants, &rows).await? })
}

/// One id or a list of them.
fn ids_of(id: &Value) -> Result<Vec<i64>, ApiError> {
    let items = id.as_array().cloned().unwrap_or_else(|| vec![id.clone()]);
    let ids: Option<Vec<i64>> = items.iter().map(int).collect();
    ids.filter(|ids| (1..=1000).contains(&ids.len()))
        .ok_or_else(|| ApiError::field("id", "one id or a list is required", id.clone()))
}

/// Notes that vulnerabilities are to be checked again; one that waits for it already goes on waiting.
///
/// # Errors
/// 400 without an id, with too long a comment or when one cannot be checked, 404 when there is none.
pub async fn recheck(
    cloud: &Cloud,
    caller: &Caller,
    request: &VulnStatusRequest,
) -> Result<RecheckView, Failure> {
    let comment = comment_of(cloud, &request.comment)?;
    let transaction = cloud.store.begin().await?;
    let rows = locked(&transaction, &caller.tenants, &ids_of(&request.id)?).await?;
    if rows.is_empty() {
        return Err(ApiError::absent().into());
    }
    for mut row in rows {
        if row.vuln_recheck_type.is_none() || row.status == "falsepositive" {
            return Err(ApiError::field("id", "cannot be checked again", row.id).into());
        }
        if row.recheck_requested_at.is_some() {
            continue;
        }
        let before = row.clone();
        row.recheck_requested_at = Some(cloud.now());
        let row = store::update(&transaction, row).await?;
        log(cloud, caller, &transaction, "recheck", Some(&before), &row, comment.as_deref()).await?;
    }
    transaction.commit().await?;
    cloud.verification.notify_one();
    Ok(RecheckView { status: "queued" })
}

/// Takes a proof that a node's analysis sends by itself, and returns the vulnerability found or made.
///
/// # Errors
/// 400 by field; 404 when a rule keeps it out.
pub async fn passive_detection(
    cloud: &Cloud,
    node: &NodeCaller,
    request: &PassiveDetection,
) -> Result<VulnView, Failure> {
    let tenant = node.tenant();
    let proof = request.proof(&node.node.uuid, cloud.clock.now_ms())?;
    let transaction = cloud.store.begin().await?;
    ingest::lock(&transaction, tenant).await?;
    let rules = super::false_positive_rules::compiled(&transaction, tenant).await?;
    let row = detection::find_or_create(&transaction, tenant, &proof, &rules, cloud.now()).await?;
    transaction.commit().await?;
    let row = row.ok_or_else(ApiError::absent)?;
    let found = views(cloud, &tenant.into(), std::slice::from_ref(&row)).await?;
    Ok(found.into_iter().next().ok_or_else(ApiError::absent)?)
}
