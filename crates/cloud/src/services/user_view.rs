//! Rows of users as the API shows them.

use std::collections::BTreeSet;

use bartizan_api::{
    Grant, Permission,
    user::{LoginRecord, PrincipalView, UserView},
};
use bartizan_store::{TenantId, entity};
use chrono::DateTime;
use serde_json::{Value, json};

use crate::{
    auth::{Caller, NodePrincipal, strings},
    state::Cloud,
};

/// Kinds of notifications that a user may want, in the order of the wire.
pub const NOTIFICATIONS: &[&str] =
    &["report_daily", "report_weekly", "report_monthly", "vuln", "scope", "system", "billing"];

/// The preferences of a new user, as stored in `profile`.
#[must_use]
pub fn default_profile() -> Value {
    let off = json!({"email": false, "sms": false});
    let notifications: serde_json::Map<String, Value> =
        NOTIFICATIONS.iter().map(|name| ((*name).to_owned(), off.clone())).collect();
    json!({
        "timezone": "UTC", "date_format": "ddmmyy", "time_format": "24h", "language": "en", "results_per_page": 25,
        "default_pool": "", "default_poolid": null, "last_read_news_id": 0, "search_templates": {},
        "notifications": notifications, "components": ["waf"],
    })
}

/// A user as lists return it.
#[must_use]
pub fn user_view(cloud: &Cloud, row: &entity::user::Model, client_name: &str) -> UserView {
    let permissions = strings(&row.permissions);
    let profile = |name: &str| row.profile.get(name).cloned().unwrap_or_default();
    let text = |name: &str| profile(name).as_str().unwrap_or_default().to_owned();
    UserView {
        id: row.id,
        uuid: row.uuid.clone(),
        clientid: row.client_id,
        username: row.email.clone(),
        email: row.email.clone(),
        realname: row.realname.clone(),
        phone: row.phone.clone(),
        actual_permissions: actual_permissions(&permissions),
        permissions,
        enabled: row.enabled,
        validated: row.validated,
        mfa_enabled: row.mfa_sealed.is_some(),
        create_by: row.create_by,
        create_at: row.created_at,
        create_from: row.create_from.clone(),
        password_changed: row.password_changed,
        login_history: serde_json::from_value::<Vec<LoginRecord>>(row.login_history.clone())
            .unwrap_or_default(),
        last_login_time: row.last_login_time,
        timezone: text("timezone"),
        date_format: text("date_format"),
        time_format: text("time_format"),
        language: text("language"),
        results_per_page: profile("results_per_page").as_i64().unwrap_or(25),
        default_pool: text("default_pool"),
        default_poolid: profile("default_poolid").as_i64(),
        last_read_news_id: profile("last_read_news_id").as_i64().unwrap_or(0),
        search_templates: profile("search_templates"),
        notifications: notifications(&profile("notifications")),
        components: strings(&profile("components")),
        job_title: row.job_title.clone(),
        available_authentications: authentications(row),
        frontend_url: cloud.config.public.console_url.clone(),
        invited: !row.validated,
        sso_managed: row.sso_managed,
        must_change_password: profile("must_change_password").as_bool().unwrap_or(false),
        client_name: client_name.to_owned(),
    }
}

/// Every kind with both flags, always in the same order: PostgreSQL does not keep the order of keys.
fn notifications(stored: &Value) -> Value {
    let flag = |kind: &str, channel: &str| {
        stored.get(kind).and_then(|flags| flags.get(channel)).and_then(Value::as_bool).unwrap_or(false)
    };
    NOTIFICATIONS
        .iter()
        .map(|kind| ((*kind).to_owned(), json!({"email": flag(kind, "email"), "sms": flag(kind, "sms")})))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Ways in which a user can prove who it is.
fn authentications(row: &entity::user::Model) -> Vec<String> {
    let Some(method) = &row.auth_method else { return vec!["default".to_owned()] };
    let api = row.api_access.then(|| "api".to_owned());
    std::iter::once(method.clone()).chain(api).collect()
}

/// The effective permissions of a grant, sorted by name.
#[must_use]
pub fn actual_permissions(granted: &[String]) -> Vec<String> {
    let mut names: Vec<String> = Grant::parse(granted)
        .map(|grant| grant.permissions().into_iter().map(|permission| permission.code().to_owned()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

/// The current principal, also when it is a shared token without a user.
#[must_use]
pub fn principal_view(cloud: &Cloud, caller: &Caller) -> PrincipalView {
    let permissions = caller.grant.strings();
    let mut actual: Vec<String> =
        shown_permissions(caller).iter().map(|permission| permission.code().to_owned()).collect();
    actual.sort();
    match caller.user.as_deref() {
        Some(row) => {
            let view = user_view(cloud, row, &caller.client.name);
            shaped(&UserView { permissions, actual_permissions: actual, ..view })
        }
        None => {
            let client = &caller.client;
            let realname = caller.name.trim_start_matches("token:");
            let row = synthetic(client, &caller.name, realname, client.created_at, "");
            let view = user_view(cloud, &row, &client.name);
            shaped(&UserView { permissions, actual_permissions: actual, email: String::new(), ..view })
        }
    }
}

/// What pages go by. Of rights that differ from tenant to tenant these are those in the tenant that the session shows,
/// else those of the widest role.
fn shown_permissions(caller: &Caller) -> BTreeSet<Permission> {
    let Some(rights) = &caller.rights else { return (*caller.permissions).clone() };
    let shown = caller.session.as_ref().and_then(|session| session.acting_client_id).map(TenantId);
    let within = shown.and_then(|tenant| rights.within(tenant)).cloned();
    within.unwrap_or_else(|| caller.grant.permissions())
}

/// A node in the shape of a user.
#[must_use]
pub fn node_view(cloud: &Cloud, node: &NodePrincipal) -> PrincipalView {
    let name = format!("node:{}", node.uuid);
    let row = synthetic(&node.client, &name, &node.hostname, node.created_at, &node.create_from);
    let view = user_view(cloud, &row, &node.client.name);
    let permissions = vec!["node".to_owned()];
    shaped(&UserView { uuid: node.uuid.clone(), permissions, email: String::new(), ..view })
}

/// The form of the current principal: the time as text, the tenant by both of its names.
fn shaped(view: &UserView) -> PrincipalView {
    let created = DateTime::from_timestamp(view.create_at, 0).unwrap_or_default();
    let client_id = view.clientid;
    let mut user = serde_json::to_value(view).unwrap_or_default();
    if let Some(map) = user.as_object_mut() {
        map.shift_remove("create_at");
    }
    PrincipalView { client_id, create_at: created.format("%Y-%m-%dT%H:%M:%SZ").to_string(), user }
}

/// A principal without a user in the shape of one: id 0.
fn synthetic(
    client: &entity::client::Model,
    name: &str,
    realname: &str,
    created_at: i64,
    create_from: &str,
) -> entity::user::Model {
    entity::user::Model {
        id: 0,
        uuid: "00000000-0000-0000-0000-000000000000".to_owned(),
        client_id: client.id,
        email: name.to_owned(),
        realname: realname.to_owned(),
        phone: None,
        job_title: None,
        permissions: json!([]),
        enabled: true,
        validated: true,
        password_hash: None,
        password_changed: 0,
        create_by: 0,
        created_at,
        create_from: create_from.to_owned(),
        profile: default_profile(),
        login_history: json!([]),
        last_login_time: None,
        secret_mac: None,
        secret_created_at: None,
        secret_last_used_at: None,
        secret_last_used_ip: None,
        mfa_sealed: None,
        mfa_step: 0,
        mfa_recovery: None,
        auth_method: None,
        sso_subject: None,
        sso_groups: None,
        sso_seen_at: None,
        sso_disabled_by: None,
        scim_external_id: None,
        sso_managed: false,
        api_access: false,
        is_fallback: false,
        password_history: None,
    }
}
