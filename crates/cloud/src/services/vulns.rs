//! Vulnerabilities: lists, manual entry, changes of status.

use bartizan_api::{
    ApiError, AttackType,
    filter::{Field, Test, int},
    listing::{Count, EventListRequest, FilterRequest, Filtered},
    vuln::{VulnCreate, VulnStatusRequest, VulnUpdate, VulnView, VulnsView},
};
use bartizan_store::{
    TenantId, Tenants,
    entity::vuln::{Column, Model},
    ingest, vulns as store,
};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    activity::{self, Change},
    listing::{Asked, Rows, choice, flag},
};
use crate::{auth::Caller, failure::Failure, state::Cloud};

fn asked(cloud: &Cloud, caller: &Caller, filter: &Value) -> Result<Asked, ApiError> {
    let fields: Vec<Field> = store::FIELDS.iter().map(|(field, _)| *field).collect();
    let mut asked = Asked::parse(cloud, caller, filter, &fields, &[])?;
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
    let order = (column, flag("order_desc", &request.order_desc, false)?);
    let found = if rows.limit == 0 {
        vec![]
    } else {
        store::list(cloud.store.reader(), &asked.tenants, &asked.filter, order, rows.offset, rows.limit)
            .await?
    };
    Ok(Filtered { reply: found.iter().map(view).collect(), ignored: asked.filter.ignored })
}

fn order_named(name: &str) -> Option<Column> {
    Some(match name {
        // What is not collected is equal in all rows.
        "id" | "pool" | "scid" | "testrun_id" => Column::Id,
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
    (row.kind, row.domain, row.path) = (place("type"), place("domain"), place("path"));
    (row.method, row.parameter) = (place("method"), place("parameter"));
    if let Some(info) = AttackType::parse_code(&row.kind).map(AttackType::info) {
        row.threat = i64::from(info.threat);
        row.target = json!(info.target).as_str().unwrap_or("server").to_owned();
    }
    if let target @ ("server" | "client" | "database") = place("target").as_str() {
        target.clone_into(&mut row.target);
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
    let row = store::insert(&transaction, tenant, &prefix.unwrap_or_else(|| "BRTZ".to_owned()), row).await?;
    log(cloud, caller, &transaction, "create", None, &row, None).await?;
    transaction.commit().await?;
    Ok(view(&row))
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
/// 400 without an id.
pub async fn set_status(
    cloud: &Cloud,
    caller: &Caller,
    request: &VulnStatusRequest,
    status: &str,
) -> Result<VulnsView, Failure> {
    let fields = Map::from_iter([("status".to_owned(), json!(status))]);
    change(cloud, caller, &caller.tenants, &request.id, &fields, request.comment.as_str()).await
}

async fn change(
    cloud: &Cloud,
    caller: &Caller,
    tenants: &Tenants,
    id: &Value,
    fields: &Map<String, Value>,
    comment: Option<&str>,
) -> Result<VulnsView, Failure> {
    let items = id.as_array().cloned().unwrap_or_else(|| vec![id.clone()]);
    let ids: Option<Vec<i64>> = items.iter().map(int).collect();
    let ids = ids
        .filter(|ids| (1..=1000).contains(&ids.len()))
        .ok_or_else(|| ApiError::field("id", "one id or a list is required", id.clone()))?;
    let transaction = cloud.store.begin().await?;
    let mut vulns = Vec::new();
    for before in store::of_ids(&transaction, tenants, &ids).await? {
        let mut row = before.clone();
        for (name, value) in fields {
            set(&mut row, name, value, cloud.now())?;
        }
        let row = store::update(&transaction, row).await?;
        log(cloud, caller, &transaction, "update", Some(&before), &row, comment).await?;
        vulns.push(view(&row));
    }
    transaction.commit().await?;
    Ok(VulnsView { vulns })
}

async fn log<C: bartizan_store::sea_orm::ConnectionTrait>(
    cloud: &Cloud,
    caller: &Caller,
    connection: &C,
    action: &str,
    before: Option<&Model>,
    after: &Model,
    comment: Option<&str>,
) -> Result<(), Failure> {
    let state = |row: &Model| json!({"status": row.status, "threat": row.threat, "hidden": row.hidden});
    let mut now = state(after);
    if let (Some(map), Some(comment)) = (now.as_object_mut(), comment) {
        map.insert("comment".to_owned(), json!(comment));
    }
    let change = Change {
        object_type: "vuln",
        action,
        object_id: after.id.to_string(),
        object_name: after.wid.clone(),
        before: before.map(state),
        after: Some(now),
    };
    activity::log(connection, caller, TenantId(after.client_id), cloud.now(), change).await
}

/// Clients send scalars and arrays of one alike.
fn first(value: &Value) -> &Value {
    value.as_array().and_then(|items| items.first()).unwrap_or(value)
}

fn set(row: &mut Model, name: &str, sent: &Value, now: i64) -> Result<(), ApiError> {
    let value = first(sent);
    let bad = |text: &str| ApiError::field(name, text, sent.clone());
    let text = || value.as_str().map(|text| text.replace('\0', "")).ok_or_else(|| bad("must be a string"));
    let boolean = || value.as_bool().ok_or_else(|| bad("must be true or false"));
    match name {
        "status" => {
            let status = match text()?.as_str() {
                "active" => "open".to_owned(),
                known @ ("open" | "closed" | "falsepositive") => known.to_owned(),
                _ => return Err(bad("must be open, closed or falsepositive")),
            };
            row.invalidate_time = match status.as_str() {
                "open" => None,
                _ => row.invalidate_time.or(Some(now)),
            };
            row.status = status;
        }
        "threat" => {
            let threat = int(value).filter(|threat| (0..=100).contains(threat));
            row.threat = threat.ok_or_else(|| bad("must be 0 to 100"))?;
        }
        "last_check" => row.last_check = int(value),
        "vuln_recheck_type" => {
            row.vuln_recheck_type =
                value.as_str().filter(|kind| matches!(*kind, "auto" | "manual")).map(str::to_owned);
        }
        "template" => row.template = text()?,
        "title" => row.title = text()?,
        "description" => row.description = text()?,
        "additional" => row.additional = text()?,
        "exploit_example" => row.exploit_example = text()?,
        "validated" => row.validated = boolean()?,
        "hidden" => row.hidden = boolean()?,
        "vpatched" => row.vpatched = boolean()?,
        "template_params" if value.is_object() => row.template_params = value.clone(),
        "filter" if sent.is_array() => row.scope = sent.clone(),
        "template_params" | "filter" => return Err(bad("has the wrong type")),
        // Unknown keys are ignored, as in every request of this family.
        _ => {}
    }
    Ok(())
}

fn view(row: &Model) -> VulnView {
    let mut params = json!({
        "method": row.method, "domain": row.domain, "path": row.path, "parameter": row.parameter,
        "exploit_example": row.exploit_example,
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
        threat_level: match row.threat {
            ..20 => "info",
            20..40 => "low",
            40..70 => "medium",
            70..95 => "high",
            _ => "critical",
        },
        title: row.title.clone(),
        description: row.description.clone(),
        additional: row.additional.clone(),
        exploit_example: row.exploit_example.clone(),
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
        incidents: None,
        validated: row.validated,
        hidden: row.hidden,
        detection_method: row.detection_method.clone(),
        vuln_recheck_type: row.vuln_recheck_type.clone(),
        testrun_id: None,
        ticket_status: None,
        ticket_history: vec![],
        vpatched: row.vpatched,
        pool: None,
    }
}
