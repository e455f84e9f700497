//! Tenants: listing, creating, changing, deleting (`spec/accounts.md` section 4).

use bartizan_api::{
    ApiError, Grant, Permission, Role,
    client::{
        ClientCreate, ClientFields, ClientUpdate, ClientView, PartnerClientCreate, PartnerClientQuery,
        PartnerClientView, ScannerState,
    },
    filter::{Family, Field, Filter, Kind},
    list::{ListRequest, SelectRequest},
};
use bartizan_rules::FiltrationMode;
use bartizan_store::{
    StoreError, TenantId, Tenants, clients, entity, partner_clients, sea_orm::ConnectionTrait,
};
use serde_json::{Map, Value, json};

use super::{
    activity::{self, Change},
    changes, letters,
    provision::{DEFAULT_BRANCH_HASH, create_client},
    rule, users,
};
use crate::{
    auth::{self, Caller},
    failure::Failure,
    state::Cloud,
};

const FIELDS: &[Field] = &[
    Field::new("id", Kind::Int),
    Field::new("clientid", Kind::Int),
    Field::new("enabled", Kind::Bool),
    Field::new("name", Kind::Text),
    Field::new("uuid", Kind::Text),
    Field::new("partnerid", Kind::Int),
];

/// Tenants in reach: the caller's own first, then by id. Disabled ones are among them.
///
/// # Errors
/// 400 for a filter, limit or order that is not one.
pub async fn list(cloud: &Cloud, caller: &Caller, request: &ListRequest) -> Result<Vec<ClientView>, Failure> {
    let filter = parse_filter(&request.filter)?;
    // One order: clients take the first for their own.
    request.order(&["id"])?;
    let reader = cloud.store.reader();
    let rows = clients::list(reader, &caller.tenants, &filter, caller.tenant(), request.page(1000)?).await?;
    let mut views = views(reader, &rows).await?;
    if matches!(*caller.grant, Grant::Role(Role::ApiDeveloper | Role::Deploy)) {
        views.iter_mut().for_each(narrow);
    }
    Ok(views)
}

/// Leaves what a role may know that sees the name of a client only: every member stays, clients need them.
fn narrow(view: &mut ClientView) {
    view.partner_uuid.clear();
    view.notifications = notifications(&Value::Null);
}

fn parse_filter(value: &Value) -> Result<Filter, ApiError> {
    let mut filter = Filter::parse(value, FIELDS, Family::Accounts)?;
    filter.drop_zero("id");
    filter.drop_zero("clientid");
    Ok(filter)
}

fn parse_selection(caller: &Caller, value: &Value) -> Result<Filter, ApiError> {
    let filter = parse_filter(value)?;
    changes::about(caller, &filter, &["id", "clientid"]);
    filter.require_selective(&["partnerid"])?;
    Ok(filter)
}

async fn views<C: ConnectionTrait>(
    connection: &C,
    rows: &[entity::client::Model],
) -> Result<Vec<ClientView>, Failure> {
    let tenants = Tenants::new(rows.iter().map(|row| TenantId(row.id)).collect());
    let partners = clients::partner_uuids(connection, rows).await?;
    let modes = clients::modes(connection, &tenants, DEFAULT_BRANCH_HASH).await?;
    let view = |row: &entity::client::Model| {
        let partner = partners.get(&row.partner_id).map_or("", String::as_str);
        view(row, partner, modes.get(&row.id).map_or("default", String::as_str))
    };
    Ok(rows.iter().map(view).collect())
}

fn view(row: &entity::client::Model, partner_uuid: &str, mode: &str) -> ClientView {
    ClientView {
        id: row.id,
        uuid: row.uuid.clone(),
        name: row.name.clone(),
        enabled: row.enabled,
        validated: true,
        create_at: row.created_at,
        partnerid: row.partner_id,
        partner_uuid: partner_uuid.to_owned(),
        vuln_prefix: row.vuln_prefix.clone(),
        components: vec!["waf".to_owned()],
        support_plan: "standard".to_owned(),
        date_format: row.date_format.clone(),
        language: row.language.clone(),
        attack_rechecker_mode: row.attack_rechecker_mode.clone(),
        vuln_rechecker_mode: row.vuln_rechecker_mode.clone(),
        notifications: notifications(&row.notifications),
        mode: mode.to_owned(),
        blocking_type: "incidents".to_owned(),
        hidden_vulns: false,
        qrator_blacklists: false,
        can_enable_blacklist: true,
        blacklist_disabled_at: None,
        last_scan: None,
        scanner_mode: "off".to_owned(),
        scanner_cluster: String::new(),
        scanner_scope_cluster: String::new(),
        scanner_priority: "normal".to_owned(),
        scanner_state: ScannerState::default(),
        qrator_mode: None,
        ngenixids: vec![],
        qratorids: vec![],
        is_technical: row.is_technical,
    }
}

/// Every kind of notification with its receivers by channel, always in the same order: PostgreSQL does not keep
/// the order of keys.
#[must_use]
pub fn notifications(stored: &Value) -> Value {
    const KINDS: &[&str] = &["report_daily", "report_weekly", "report_monthly", "system", "vuln", "scope"];
    const CHANNELS: &[&str] = &["email", "telegram", "slack", "splunk", "pager_duty"];
    let receivers = |kind: &str, channel: &str| {
        stored.get(kind).and_then(|channels| channels.get(channel)).cloned().unwrap_or_else(|| json!([]))
    };
    let channels = |kind: &str| {
        CHANNELS
            .iter()
            .map(|channel| ((*channel).to_owned(), receivers(kind, channel)))
            .collect::<Map<_, _>>()
    };
    KINDS.iter().map(|kind| ((*kind).to_owned(), channels(kind).into())).collect::<Map<_, _>>().into()
}

/// Creates a tenant of the caller's global account.
///
/// # Errors
/// 400 `Already exists`, 400 for invalid fields, 403 for another global account, 409 for a taken address of the
/// first administrator.
pub async fn create(cloud: &Cloud, caller: &Caller, request: &ClientCreate) -> Result<ClientView, Failure> {
    if let Some(uuid) = request.partner_uuid.as_deref().filter(|uuid| !uuid.is_empty()) {
        let partner = cloud.store.identify_partner(&uuid.to_lowercase()).await?;
        if partner.is_none_or(|partner| partner.id != caller.client.partner_id) {
            return Err(ApiError::access_denied().into());
        }
    }
    let name = valid_name(&request.name)?;
    let transaction = cloud.store.begin().await?;
    let created = create_client(&transaction, caller.client.partner_id, &name, false, cloud.now()).await;
    let created = created.map_err(duplicate)?;
    let mut row = created.clone();
    if let Some(prefix) = request.vuln_prefix.as_deref().filter(|prefix| !prefix.is_empty()) {
        row.vuln_prefix = valid_prefix(prefix)?;
    }
    row.enabled = request.enabled.unwrap_or(true);
    let given = ClientFields {
        language: request.language.clone(),
        notifications: request.notifications.clone(),
        ..ClientFields::default()
    };
    apply(&mut row, &given)?;
    let tenant = TenantId(row.id);
    let row =
        clients::update(&transaction, &Tenants::from(tenant), &created, row).await.map_err(duplicate)?;
    activity::log(&transaction, caller, tenant, cloud.now(), change(&row, "create", None, true)).await?;
    if let Some(mode) = request.mode.as_deref().filter(|mode| !mode.is_empty() && *mode != "default") {
        if FiltrationMode::from_name(mode).is_none() {
            return Err(ApiError::invalid("invalid mode", mode).into());
        }
        rule::set_mode_within(cloud, caller, &transaction, tenant, &json!(mode)).await?;
    }
    let letter = match &request.admin {
        Some(admin) => Some(users::create_first(cloud, &transaction, caller, &row, admin).await?),
        None => None,
    };
    let view = views(&transaction, std::slice::from_ref(&row)).await?.pop();
    transaction.commit().await?;
    if let Some(letter) = letter {
        letters::post(cloud, letter);
    }
    Ok(view.ok_or_else(ApiError::internal)?)
}

/// Changes the tenants that the filter selects: the own one with the right to change it, others and their
/// activation as a global administrator.
///
/// # Errors
/// 400 for an empty filter or invalid fields, 403 for rights.
pub async fn update(
    cloud: &Cloud,
    caller: &Caller,
    request: &ClientUpdate,
) -> Result<Vec<ClientView>, Failure> {
    let filter = parse_selection(caller, &request.filter)?;
    let fields = request.fields.as_ref();
    let transaction = cloud.store.begin().await?;
    let rows = clients::list(&transaction, &caller.tenants, &filter, caller.tenant(), changes::PAGE).await?;
    changes::bounded(&rows)?;
    let mut changed = Vec::with_capacity(rows.len());
    for listed in rows {
        caller.act_on(TenantId(listed.id));
        let Some(row) = clients::lock(&transaction, TenantId(listed.id)).await? else { continue };
        let mut after = row.clone();
        if let Some(fields) = fields {
            after.enabled = fields.enabled.unwrap_or(row.enabled);
            apply(&mut after, fields)?;
        }
        let own = row.id == caller.client.id;
        let needed = if own && after.enabled == row.enabled {
            Permission::UpdateClient
        } else {
            Permission::UpdateTenant
        };
        caller.require(needed)?;
        if own && !after.enabled {
            return Err(refused("cannot change own access").into());
        }
        let after = clients::update(&transaction, &caller.tenants, &row, after).await.map_err(duplicate)?;
        let entry = change(&after, "update", Some(&row), true);
        activity::log(&transaction, caller, TenantId(after.id), cloud.now(), entry).await?;
        changed.push(after);
    }
    let views = views(&transaction, &changed).await?;
    transaction.commit().await?;
    for row in &changed {
        // Nodes of a disabled tenant learn it now.
        cloud.notices.changed(TenantId(row.id));
    }
    Ok(views)
}

/// Switches a tenant on or off; nodes and users of one that is off are refused.
///
/// # Errors
/// 403 for a tenant out of reach, 400 for the own one.
pub async fn switch(
    cloud: &Cloud,
    caller: &Caller,
    client_id: Option<i64>,
    enabled: bool,
) -> Result<ClientView, Failure> {
    let id = client_id
        .filter(|id| *id != 0)
        .ok_or_else(|| ApiError::invalid("clientid is needed", Value::Null))?;
    let tenant = caller.tenant_of(Some(id))?;
    let fields = ClientFields { enabled: Some(enabled), ..ClientFields::default() };
    let request = ClientUpdate { filter: json!({"id": tenant.0}), fields: Some(fields) };
    let changed = update(cloud, caller, &request).await?.pop();
    Ok(changed.ok_or_else(|| ApiError::not_found("client", id))?)
}

/// Links of application ids to tenants of the caller's global account.
///
/// # Errors
/// 400 for a limit that is not one.
pub async fn partner_links(
    cloud: &Cloud,
    caller: &Caller,
    query: &PartnerClientQuery,
) -> Result<Vec<PartnerClientView>, Failure> {
    let Ok(partner) = own_partner(caller, query.partnerid) else { return Ok(vec![]) };
    let list = ListRequest { limit: query.limit, offset: query.offset, ..ListRequest::default() };
    let rows =
        partner_clients::list(cloud.store.reader(), &caller.tenants, partner, list.page(1000)?).await?;
    Ok(rows.into_iter().map(link_view).collect())
}

fn own_partner(caller: &Caller, asked: Option<i64>) -> Result<i64, ApiError> {
    match asked.filter(|id| *id != 0) {
        Some(id) if id != caller.client.partner_id => Err(ApiError::access_denied()),
        _ => Ok(caller.client.partner_id),
    }
}

/// Links an application id to a tenant.
///
/// # Errors
/// 400 `Already exists` or for an id out of range, 403 for another global account or a tenant out of reach.
pub async fn link_partner(
    cloud: &Cloud,
    caller: &Caller,
    partner_id: i64,
    request: &PartnerClientCreate,
) -> Result<PartnerClientView, Failure> {
    let partner_id = own_partner(caller, Some(partner_id))?;
    let needed = |name: &str| ApiError::invalid(format!("{name} is needed"), Value::Null);
    let named = auth::one_client(request.clientid, request.client_id)?;
    let tenant = caller.tenant_of(Some(named.ok_or_else(|| needed("clientid"))?))?;
    let id = request.id.ok_or_else(|| needed("id"))?;
    if !(1..=2_147_483_647).contains(&id) {
        return Err(ApiError::invalid("id must be 1 to 2147483647", id).into());
    }
    let params = request.params.clone().filter(|params| !params.is_null());
    if params.as_ref().is_some_and(|params| !params.is_object()) {
        return Err(ApiError::invalid("params must be an object", params.unwrap_or_default()).into());
    }
    let row = entity::partner_client::Model { partner_id, id, client_id: tenant.0, params };
    let transaction = cloud.store.begin().await?;
    partner_clients::insert(&transaction, row.clone()).await.map_err(duplicate)?;
    let entry = Change {
        object_type: "client",
        action: "update",
        object_id: tenant.0.to_string(),
        object_name: String::new(),
        before: None,
        after: Some(json!({"application_id": id, "params": row.params})),
    };
    activity::log(&transaction, caller, tenant, cloud.now(), entry).await?;
    transaction.commit().await?;
    Ok(link_view(row))
}

fn link_view(row: entity::partner_client::Model) -> PartnerClientView {
    PartnerClientView { id: row.id, partnerid: row.partner_id, clientid: row.client_id, params: row.params }
}

/// Deletes disabled tenants. They disappear at once; their data is kept for a month.
///
/// # Errors
/// 400 `tenant is enabled`, 400 for an empty filter, 403 for the own and the technical tenant.
pub async fn delete(cloud: &Cloud, caller: &Caller, request: &SelectRequest) -> Result<Vec<i64>, Failure> {
    let filter = parse_selection(caller, &request.filter)?;
    let transaction = cloud.store.begin().await?;
    let rows = clients::list(&transaction, &caller.tenants, &filter, caller.tenant(), changes::PAGE).await?;
    changes::bounded(&rows)?;
    for listed in &rows {
        caller.act_on(TenantId(listed.id));
        let Some(row) = &clients::lock(&transaction, TenantId(listed.id)).await? else { continue };
        if row.is_technical || row.id == caller.client.id {
            return Err(ApiError::access_denied().into());
        }
        if row.enabled {
            return Err(refused("tenant is enabled").into());
        }
        let mut gone = row.clone();
        gone.deleted_at = Some(cloud.now());
        gone.name = format!("{}{}", row.name, deleted_mark(row.id));
        clients::update(&transaction, &caller.tenants, row, gone).await?;
        let entry = change(row, "delete", Some(row), false);
        activity::log(&transaction, caller, TenantId(row.id), cloud.now(), entry).await?;
        // Its own log is out of reach from now on: whoever looks after tenants must see who deleted one.
        let entry = change(row, "delete", Some(row), false);
        activity::log(&transaction, caller, caller.tenant(), cloud.now(), entry).await?;
    }
    transaction.commit().await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Brings a deleted tenant back while its data is kept, disabled as it was. For the operator.
///
/// # Errors
/// 404 when there is none, 400 `Already exists` when its name was given away meanwhile.
pub async fn restore(cloud: &Cloud, id: i64) -> Result<entity::client::Model, Failure> {
    let transaction = cloud.store.begin().await?;
    let gone = clients::deleted(&transaction, id).await?;
    let gone = gone.ok_or_else(|| ApiError::not_found("deleted client", id))?;
    let name = gone.name.strip_suffix(&deleted_mark(id)).unwrap_or(&gone.name).to_owned();
    let back = entity::client::Model { name, deleted_at: None, ..gone.clone() };
    let tenant = TenantId(id);
    let row = clients::update(&transaction, &tenant.into(), &gone, back).await.map_err(duplicate)?;
    activity::log_by_operator(&transaction, tenant, cloud.now(), change(&row, "update", None, true)).await?;
    transaction.commit().await?;
    Ok(row)
}

/// What is put behind the name of a deleted tenant, so that the name is free for a new one.
fn deleted_mark(id: i64) -> String {
    format!(" (deleted {id})")
}

fn duplicate(error: StoreError) -> Failure {
    match error {
        StoreError::Duplicate => ApiError::already_exists().into(),
        other => other.into(),
    }
}

fn refused(text: &str) -> ApiError {
    ApiError::text(axum::http::StatusCode::BAD_REQUEST, text)
}

/// Writes the fields into the row; empty ones leave it alone.
fn apply(row: &mut entity::client::Model, fields: &ClientFields) -> Result<(), ApiError> {
    let choose =
        |place: &mut String, given: &Option<String>, name: &str, allowed: &[&str]| match given.as_deref() {
            None | Some("") => Ok(()),
            Some(text) if allowed.contains(&text) => {
                text.clone_into(place);
                Ok(())
            }
            Some(text) => Err(ApiError::invalid(format!("invalid {name}"), text)),
        };
    if let Some(name) = fields.name.as_deref().filter(|name| !name.is_empty()) {
        row.name = valid_name(name)?;
    }
    choose(&mut row.language, &fields.language, "language", &["en", "ru"])?;
    choose(&mut row.date_format, &fields.date_format, "date_format", &["ddmmyy", "mmddyy", "yymmdd"])?;
    let mode = &fields.attack_rechecker_mode;
    choose(&mut row.attack_rechecker_mode, mode, "attack_rechecker_mode", &["on", "off"])?;
    let mode = &fields.vuln_rechecker_mode;
    choose(&mut row.vuln_rechecker_mode, mode, "vuln_rechecker_mode", &["on", "off"])?;
    match &fields.notifications {
        Some(Value::Object(kinds)) => merge_notifications(&mut row.notifications, kinds)?,
        None => {}
        Some(other) => return Err(ApiError::invalid("invalid notifications", other.clone())),
    }
    Ok(())
}

/// Takes over the receivers that are given, for the kinds and channels there are.
fn merge_notifications(stored: &mut Value, kinds: &Map<String, Value>) -> Result<(), ApiError> {
    for (kind, channels) in kinds {
        let Some(known) = stored.get_mut(kind).and_then(Value::as_object_mut) else { continue };
        for (channel, receivers) in channels.as_object().into_iter().flatten() {
            let Some(place) = known.get_mut(channel) else { continue };
            if !receivers.is_array() {
                return Err(ApiError::invalid("invalid notifications", receivers.clone()));
            }
            *place = receivers.clone();
        }
    }
    Ok(())
}

/// A name, trimmed.
///
/// # Errors
/// 400 when it is empty or too long.
pub fn valid_name(text: &str) -> Result<String, ApiError> {
    if (1..=128).contains(&text.trim().chars().count()) {
        Ok(text.trim().to_owned())
    } else {
        Err(ApiError::invalid("name must have 1 to 128 characters", text))
    }
}

fn valid_prefix(text: &str) -> Result<String, ApiError> {
    let fits =
        (4..=8).contains(&text.len()) && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    if fits { Ok(text.to_owned()) } else { Err(ApiError::invalid("invalid vuln_prefix", text)) }
}

fn change(
    row: &entity::client::Model,
    action: &'static str,
    before: Option<&entity::client::Model>,
    remains: bool,
) -> Change<'static> {
    Change {
        object_type: "client",
        action,
        object_id: row.id.to_string(),
        object_name: row.name.clone(),
        before: before.map(state),
        after: remains.then(|| state(row)),
    }
}

fn state(row: &entity::client::Model) -> Value {
    json!({
        "vuln_prefix": row.vuln_prefix,
        "name": row.name, "enabled": row.enabled, "language": row.language, "date_format": row.date_format,
        "attack_rechecker_mode": row.attack_rechecker_mode, "vuln_rechecker_mode": row.vuln_rechecker_mode,
        "notifications": row.notifications,
    })
}
