//! Single sign-on of tenants (`spec/accounts.md` section 6): set-up, options, and what they mean for users.
//!
//! `oidc`, `saml` and `ldap` find out who somebody is at the identity provider; `admission` turns that person into a
//! user of the tenant. An administrator sets it up, proves by a test sign-in that it works, and activates it.

use bartizan_api::{
    ApiError, Grant, Permission, Role,
    sso::{GroupMapping, LdapSettings, OidcSettings, SsoOptions, SsoView},
};
use bartizan_store::{
    TenantId, api_tokens, clients, entity,
    sea_orm::{ActiveValue::Set, ConnectionTrait, DatabaseTransaction, IntoActiveModel},
    sessions, sso, tickets, users,
};
use serde_json::{Value, json};

use super::{
    account,
    activity::{self, Change},
    grants,
    users::grant_of,
};
use crate::{auth::Caller, failure::Failure, secrets::seal, state::Cloud};

pub mod admission;
pub mod domains;
pub mod ldap;
pub mod oidc;
pub mod saml;
pub mod sign_in;

/// Most mappings of groups.
const MAX_MAPPINGS: usize = 200;
/// Seconds that a successful test sign-in counts.
const TESTED_S: i64 = 86_400;
/// Roles that groups can be mapped to, widest first.
pub const MAPPABLE: &[Role] = &[
    Role::PartnerAdmin,
    Role::PartnerAnalytic,
    Role::PartnerAuditor,
    Role::Admin,
    Role::Analytic,
    Role::ApiDeveloper,
    Role::Auditor,
];

/// The kind of single sign-on that new users of a tenant get instead of a password: only when it is active and
/// everybody must use it.
///
/// # Errors
/// 500 when the store fails.
pub async fn replaces_password(cloud: &Cloud, tenant: TenantId) -> Result<Option<String>, Failure> {
    let config = sso::find(cloud.store.reader(), tenant).await?;
    let active = config.filter(|config| config.state == "active" && (config.strict || config.provisioning));
    Ok(active.map(|config| config.kind))
}

/// An address that a provider asserts, in lower case. Letters that only fold to those of another address could be
/// somebody else's, so there are none.
fn asserted_email(text: &str) -> Option<String> {
    super::users::valid_email(text).ok().filter(|_| text.is_ascii())
}

/// The active single sign-on that an e-mail domain belongs to.
///
/// # Errors
/// 500 when the store fails.
pub async fn of_address(cloud: &Cloud, email: &str) -> Result<Option<entity::sso_config::Model>, Failure> {
    let Some((_, domain)) = email.rsplit_once('@') else { return Ok(None) };
    let domain = domain.to_lowercase();
    let claims = |config: &entity::sso_config::Model| {
        let domains = config.settings.get("domains").map(crate::auth::strings).unwrap_or_default();
        domains.contains(&domain)
    };
    Ok(cloud.store.identify_active_sso().await?.into_iter().find(claims))
}

/// The configuration of the caller's tenant as the API shows it.
///
/// # Errors
/// 500 when the store fails.
pub async fn find(cloud: &Cloud, caller: &Caller) -> Result<SsoView, Failure> {
    let reader = cloud.store.reader();
    let config = sso::find(reader, caller.tenant()).await?;
    view(cloud, reader, caller, config).await
}

async fn view<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    caller: &Caller,
    config: Option<entity::sso_config::Model>,
) -> Result<SsoView, Failure> {
    let fallback = users::of_tenant(connection, caller.tenant()).await?;
    let fallback_user_id = fallback.into_iter().find(|user| user.is_fallback).map(|user| user.id);
    let base = cloud.config.public.console_url.trim_end_matches('/');
    let known = config.is_some();
    let config = config.unwrap_or_else(|| empty(caller.tenant(), ""));
    Ok(SsoView {
        kind: known.then_some(config.kind),
        vendor: config.vendor,
        state: config.state,
        provisioning: config.provisioning,
        strict: config.strict,
        extended_security: config.extended_security,
        tenant_permissions: config.tenant_permissions,
        role_mapping: serde_json::from_value(config.role_mapping).unwrap_or_default(),
        settings: config.settings,
        callback_url: format!("{base}{}", oidc::CALLBACK),
        login_url: format!("{base}/v1/sso/login?client={}", caller.client.uuid),
        entity_id: saml::entity_id(cloud, &caller.client),
        acs_url: saml::acs_url(cloud),
        tested_at: config.tested_at,
        fallback_user_id,
    })
}

fn empty(tenant: TenantId, kind: &str) -> entity::sso_config::Model {
    entity::sso_config::Model {
        client_id: tenant.0,
        kind: kind.to_owned(),
        vendor: "custom".to_owned(),
        state: "draft".to_owned(),
        provisioning: false,
        strict: false,
        extended_security: false,
        tenant_permissions: false,
        role_mapping: json!([]),
        settings: json!({}),
        secret_sealed: None,
        tested_at: None,
    }
}

/// Sets the OpenID Connect provider.
///
/// # Errors
/// 400 for invalid fields, and while single sign-on is active.
pub async fn put_oidc(cloud: &Cloud, caller: &Caller, request: OidcSettings) -> Result<SsoView, Failure> {
    let issuer = request.issuer.trim_end_matches('/').to_owned();
    cloud
        .outgoing
        .check(&issuer, false)
        .map_err(|reason| ApiError::invalid(format!("issuer {reason}"), issuer.as_str()))?;
    valid_text("client_id", &request.client_id, 255)?;
    valid_text("groups_claim", &request.groups_claim, 64)?;
    if request.scopes.len() > 20 || !request.scopes.iter().any(|scope| scope == "openid") {
        return Err(ApiError::invalid("scopes must hold openid, and at most 20", request.scopes).into());
    }
    let domains = own_domains(caller, &request.domains)?;
    domains::check(cloud, &caller.client, &domains).await?;
    let settings = json!({
        "issuer": issuer, "client_id": request.client_id, "scopes": request.scopes,
        "groups_claim": request.groups_claim, "domains": domains,
    });
    let vendor = known_vendor(&request.vendor)?;
    put(cloud, caller, "oidc", vendor, settings, request.client_secret.as_deref()).await
}

fn known_vendor(asked: &str) -> Result<&'static str, ApiError> {
    let vendor = ["google", "okta", "custom"].into_iter().find(|vendor| *vendor == asked);
    vendor.ok_or_else(|| ApiError::invalid("vendor must be google, okta or custom", short(asked)))
}

/// Sets the LDAP server.
///
/// # Errors
/// 400 for invalid fields, and while single sign-on is active.
pub async fn put_ldap(cloud: &Cloud, caller: &Caller, request: LdapSettings) -> Result<SsoView, Failure> {
    let url = reqwest::Url::parse(&request.url).ok();
    let fits = url.is_some_and(|url| matches!(url.scheme(), "ldap" | "ldaps") && url.has_host());
    if !fits || request.url.len() > 255 {
        return Err(ApiError::invalid("url must begin with ldaps:// or ldap://", short(&request.url)).into());
    }
    for (name, text) in [
        ("base_dn", &request.base_dn),
        ("bind_dn", &request.bind_dn),
        ("email_attribute", &request.email_attribute),
    ] {
        valid_text(name, text, 255)?;
    }
    if !request.email_attribute.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(ApiError::invalid("invalid email_attribute", short(&request.email_attribute)).into());
    }
    let certificate = match &request.certificate {
        Some(pem) if reqwest::Certificate::from_pem(pem.as_bytes()).is_err() || pem.len() > 64 << 10 => {
            return Err(ApiError::invalid("certificate is not PEM", Value::Null).into());
        }
        other => other,
    };
    let domains = own_domains(caller, &request.domains)?;
    domains::check(cloud, &caller.client, &domains).await?;
    let settings = json!({
        "url": request.url, "base_dn": request.base_dn, "bind_dn": request.bind_dn,
        "email_attribute": request.email_attribute, "certificate": certificate, "domains": domains,
    });
    put(cloud, caller, "ldap", "custom", settings, request.bind_password.as_deref()).await
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

fn valid_text(name: &str, text: &str, most: usize) -> Result<(), ApiError> {
    if (1..=most).contains(&text.trim().chars().count()) {
        Ok(())
    } else {
        Err(ApiError::invalid(format!("{name} must have 1 to {most} characters"), short(text)))
    }
}

/// Domains that the sign-in page recognises: only the caller's own, or an administrator could draw the
/// passwords of somebody else's people to a server of his.
fn own_domains(caller: &Caller, asked: &[String]) -> Result<Vec<String>, ApiError> {
    let own = caller.user.as_ref().and_then(|user| user.email.rsplit_once('@').map(|(_, domain)| domain));
    let folded: Vec<String> = asked.iter().map(|domain| domain.trim().to_lowercase()).collect();
    match folded.iter().find(|domain| Some(domain.as_str()) != own) {
        Some(foreign) => Err(ApiError::invalid("domains: only the one of your own address", short(foreign))),
        None => Ok(folded),
    }
}

async fn put(
    cloud: &Cloud,
    caller: &Caller,
    kind: &str,
    vendor: &str,
    settings: Value,
    secret: Option<&str>,
) -> Result<SsoView, Failure> {
    let tenant = caller.tenant();
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let before = sso::find(&transaction, tenant).await?;
    if before.as_ref().is_some_and(|config| config.state == "active") {
        return Err(ApiError::invalid("deactivate single sign-on first", Value::Null).into());
    }
    let before = before.filter(|config| config.kind == kind);
    let mut config = before.clone().unwrap_or_else(|| empty(tenant, kind));
    let address = |settings: &Value| [settings.get("issuer").cloned(), settings.get("url").cloned()];
    if let Some(secret) = secret.filter(|secret| !secret.is_empty()) {
        config.secret_sealed = Some(seal(&cloud.keys, secret).ok_or_else(ApiError::internal)?);
    } else if config.secret_sealed.is_none() && kind != "saml" {
        return Err(ApiError::invalid("a secret is needed", Value::Null).into());
    } else if config.secret_sealed.is_some() && address(&config.settings) != address(&settings) {
        // Or whoever may not read the secret could have it sent to a server of his.
        return Err(
            ApiError::invalid("the secret must be given again for another address", Value::Null).into()
        );
    }
    // Another provider gives the roles of the mapping to whom it likes.
    let mapping: Vec<GroupMapping> = serde_json::from_value(config.role_mapping.clone()).unwrap_or_default();
    for role in mapping.iter().filter_map(|entry| Role::parse_code(&entry.role)) {
        grants::may_grant(caller, &Grant::Role(role), &caller.client)?;
    }
    config.settings = settings;
    vendor.clone_into(&mut config.vendor);
    // Whatever was proven was proven of other settings.
    config.state = "draft".to_owned();
    config.tested_at = None;
    save(cloud, caller, transaction, before.as_ref(), config).await
}

/// Writes the configuration with its entry in the log, and commits.
async fn save(
    cloud: &Cloud,
    caller: &Caller,
    transaction: DatabaseTransaction,
    before: Option<&entity::sso_config::Model>,
    after: entity::sso_config::Model,
) -> Result<SsoView, Failure> {
    sso::put(&transaction, after.clone()).await?;
    let entry = change(&after.kind, if before.is_some() { "update" } else { "create" }, before, Some(&after));
    activity::log(&transaction, caller, caller.tenant(), cloud.now(), entry).await?;
    let view = view(cloud, &transaction, caller, Some(after)).await?;
    transaction.commit().await?;
    Ok(view)
}

fn change(
    kind: &str,
    action: &'static str,
    before: Option<&entity::sso_config::Model>,
    after: Option<&entity::sso_config::Model>,
) -> Change<'static> {
    let state = |config: &entity::sso_config::Model| {
        json!({
            "state": config.state, "provisioning": config.provisioning, "strict": config.strict,
            "role_mapping": config.role_mapping, "settings": config.settings,
        })
    };
    Change {
        object_type: match kind {
            "ldap" => "ldap_settings",
            "saml" => "saml_authentication",
            _ => "oidc_authentication",
        },
        action,
        object_id: after.or(before).map(|config| config.client_id.to_string()).unwrap_or_default(),
        object_name: kind.to_owned(),
        before: before.map(state),
        after: after.map(state),
    }
}

async fn configured<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<entity::sso_config::Model, Failure> {
    let config = sso::find(connection, tenant).await?;
    Ok(config.ok_or_else(|| ApiError::invalid("set single sign-on up first", Value::Null))?)
}

/// Sets which group gets which role.
///
/// # Errors
/// 400 for unknown roles or too many mappings, 403 for roles above the caller's.
pub async fn put_mapping(
    cloud: &Cloud,
    caller: &Caller,
    mapping: Vec<GroupMapping>,
) -> Result<SsoView, Failure> {
    if mapping.len() > MAX_MAPPINGS {
        return Err(ApiError::invalid("too many mappings", mapping.len()).into());
    }
    for entry in &mapping {
        valid_text("group", &entry.group, 255)?;
        let role = MAPPABLE.iter().find(|role| role.code() == entry.role);
        let role = role.ok_or_else(|| ApiError::invalid("role cannot be mapped", short(&entry.role)))?;
        grants::may_grant(caller, &bartizan_api::Grant::Role(*role), &caller.client)?;
    }
    let transaction = cloud.store.begin().await?;
    let before = configured(&transaction, caller.tenant()).await?;
    let after = entity::sso_config::Model { role_mapping: json!(mapping), ..before.clone() };
    save(cloud, caller, transaction, Some(&before), after).await
}

/// Sets what single sign-on means for users, and the fallback account.
///
/// # Errors
/// 403 without a fresh proof of the password; 400 without a test sign-in or a fallback account.
pub async fn put_options(
    cloud: &Cloud,
    caller: &Caller,
    proof: &str,
    options: &SsoOptions,
) -> Result<SsoView, Failure> {
    configured(cloud.store.reader(), caller.tenant()).await?;
    super::session::require_proof(cloud, caller, proof).await?;
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, caller.tenant()).await?;
    let before = configured(&transaction, caller.tenant()).await?;
    if let Some(id) = options.fallback_user_id.filter(|id| *id != 0) {
        choose_fallback(caller, &transaction, caller.tenant(), id).await?;
    }
    let mut after = before.clone();
    after.provisioning = options.provisioning.unwrap_or(before.provisioning);
    after.strict = options.strict.unwrap_or(before.strict);
    if (after.provisioning && !before.provisioning) || (after.strict && !before.strict) {
        check_ready(cloud, &transaction, &before, true).await?;
    }
    if after.state == "active" {
        switch_users(cloud, caller, &transaction, &after).await?;
    }
    save(cloud, caller, transaction, Some(&before), after).await
}

/// Makes one administrator with a password and a second factor the fallback account.
async fn choose_fallback(
    caller: &Caller,
    transaction: &DatabaseTransaction,
    tenant: TenantId,
    id: i64,
) -> Result<(), Failure> {
    for user in users::of_tenant(transaction, tenant).await? {
        let chosen = user.id == id;
        if chosen {
            let fits = user.enabled
                && user.validated
                && user.password_hash.is_some()
                && user.mfa_sealed.is_some()
                && grants::is_administrator(&grant_of(&user));
            if !fits {
                let error = "the fallback account must be an administrator with password and second factor";
                return Err(ApiError::invalid(error, id).into());
            }
        }
        if chosen != user.is_fallback {
            grants::may_manage(caller, &grant_of(&user))?;
            let mut row = user.into_active_model();
            row.is_fallback = Set(chosen);
            if chosen {
                row.auth_method = Set(None);
                row.sso_managed = Set(false);
            }
            sessions::update_user(transaction, tenant, row).await?;
        }
    }
    let chosen = users::find(transaction, tenant, id).await?.is_some_and(|user| user.is_fallback);
    if chosen { Ok(()) } else { Err(ApiError::not_found("user", id).into()) }
}

/// Whether a test sign-in succeeded lately, and a fallback account exists where one is needed.
async fn check_ready(
    cloud: &Cloud,
    transaction: &DatabaseTransaction,
    config: &entity::sso_config::Model,
    needs_fallback: bool,
) -> Result<(), Failure> {
    if config.tested_at.is_none_or(|at| at + TESTED_S <= cloud.now()) {
        return Err(ApiError::invalid("a test sign-in must succeed first", Value::Null).into());
    }
    let users = users::of_tenant(transaction, TenantId(config.client_id)).await?;
    if needs_fallback && !users.iter().any(|user| user.is_fallback && user.enabled) {
        return Err(ApiError::invalid("choose a fallback account first", Value::Null).into());
    }
    Ok(())
}

/// Puts single sign-on in force.
///
/// # Errors
/// 400 without a test sign-in in the last day, or without a fallback account where one is needed.
pub async fn activate(cloud: &Cloud, caller: &Caller) -> Result<SsoView, Failure> {
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, caller.tenant()).await?;
    let before = configured(&transaction, caller.tenant()).await?;
    check_ready(cloud, &transaction, &before, before.provisioning || before.strict).await?;
    // Again, as somebody else may have come first.
    let domains = before.settings.get("domains").map(crate::auth::strings).unwrap_or_default();
    domains::check(cloud, &caller.client, &domains).await?;
    let after = entity::sso_config::Model { state: "active".to_owned(), ..before.clone() };
    switch_users(cloud, caller, &transaction, &after).await?;
    save(cloud, caller, transaction, Some(&before), after).await
}

/// Under strict single sign-on everybody but the fallback account uses it, from now on. Who switches a user decides
/// who can be that user, so it takes the rights of each.
async fn switch_users(
    cloud: &Cloud,
    caller: &Caller,
    transaction: &DatabaseTransaction,
    config: &entity::sso_config::Model,
) -> Result<(), Failure> {
    if !config.strict && !config.provisioning {
        return Ok(());
    }
    let tenant = TenantId(config.client_id);
    for user in users::of_tenant(transaction, tenant).await? {
        if !user.is_fallback && user.auth_method.as_deref() != Some(config.kind.as_str()) {
            grants::may_manage(caller, &grant_of(&user))?;
            switch_user(cloud, caller, transaction, user, Some(&config.kind)).await?;
        }
    }
    Ok(())
}

/// Moves a user to single sign-on, or back to a password. What the old way allowed ends.
async fn switch_user(
    cloud: &Cloud,
    caller: &Caller,
    transaction: &DatabaseTransaction,
    user: entity::user::Model,
    kind: Option<&str>,
) -> Result<entity::user::Model, Failure> {
    let tenant = TenantId(user.client_id);
    let (id, api_access) = (user.id, user.api_access);
    let mut row = user.into_active_model();
    row.auth_method = Set(kind.map(str::to_owned));
    if kind.is_some() {
        // The second factor is the provider's business.
        row.mfa_sealed = Set(None);
        row.mfa_recovery = Set(None);
        if !api_access {
            api_tokens::disable_of_user(transaction, tenant, id, cloud.now()).await?;
        }
    } else {
        row.sso_subject = Set(None);
        row.sso_managed = Set(false);
        row.api_access = Set(false);
    }
    tickets::revoke_of_user(transaction, id).await?;
    // The caller goes on: a setting that throws out who makes it could not be corrected.
    let own = caller.session.as_ref().filter(|session| session.user_id == id);
    let own = own.map(|session| session.parent_mac.as_deref().unwrap_or(&session.id_mac));
    sessions::delete_of_user(transaction, tenant, id, own).await?;
    Ok(sessions::update_user(transaction, tenant, row).await?)
}

/// Takes single sign-on out of force; users are back to passwords.
///
/// # Errors
/// 400 while the identity provider is the source of users.
pub async fn deactivate(cloud: &Cloud, caller: &Caller) -> Result<SsoView, Failure> {
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, caller.tenant()).await?;
    let before = configured(&transaction, caller.tenant()).await?;
    release(cloud, caller, &transaction, &before).await?;
    let after = entity::sso_config::Model { state: "draft".to_owned(), strict: false, ..before.clone() };
    save(cloud, caller, transaction, Some(&before), after).await
}

async fn release(
    cloud: &Cloud,
    caller: &Caller,
    transaction: &DatabaseTransaction,
    config: &entity::sso_config::Model,
) -> Result<(), Failure> {
    if config.provisioning {
        return Err(ApiError::invalid("turn provisioning off first", Value::Null).into());
    }
    for user in users::of_tenant(transaction, TenantId(config.client_id)).await? {
        if user.auth_method.is_some() {
            grants::may_manage(caller, &grant_of(&user))?;
            switch_user(cloud, caller, transaction, user, None).await?;
        }
    }
    Ok(())
}

/// Removes single sign-on.
///
/// # Errors
/// 400 while the identity provider is the source of users, or when there is none.
pub async fn delete(cloud: &Cloud, caller: &Caller) -> Result<SsoView, Failure> {
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, caller.tenant()).await?;
    let before = configured(&transaction, caller.tenant()).await?;
    release(cloud, caller, &transaction, &before).await?;
    sso::delete(&transaction, caller.tenant()).await?;
    let entry = change(&before.kind, "delete", Some(&before), None);
    activity::log(&transaction, caller, caller.tenant(), cloud.now(), entry).await?;
    let view = view(cloud, &transaction, caller, None).await?;
    transaction.commit().await?;
    Ok(view)
}

/// Switches single sign-on for one user, where neither strict mode nor the provider decides.
///
/// # Errors
/// 404, 403 for rights and under provisioning, 400 without active single sign-on or under strict mode.
pub async fn switch_one(cloud: &Cloud, caller: &Caller, id: i64, enabled: bool) -> Result<(), Failure> {
    let user = account::reachable_user(cloud, caller, id, Permission::UpdateUser).await?;
    let tenant = TenantId(user.client_id);
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let config = configured(&transaction, tenant).await?;
    if config.provisioning || user.is_fallback {
        return Err(account::managed().into());
    }
    if config.state != "active" || (config.strict && !enabled) {
        return Err(ApiError::invalid("single sign-on of this client does not allow it", enabled).into());
    }
    let user =
        switch_user(cloud, caller, &transaction, user, enabled.then_some(config.kind.as_str())).await?;
    log_switch(cloud, caller, &transaction, &user, json!({"sso": enabled})).await?;
    Ok(transaction.commit().await?)
}

/// Lets an administrator of an identity provider have API tokens, or ends that.
///
/// # Errors
/// 404, 403 for rights, 400 for users who do not use single sign-on or are no administrators.
pub async fn switch_api_access(
    cloud: &Cloud,
    caller: &Caller,
    id: i64,
    enabled: bool,
) -> Result<(), Failure> {
    let user = account::reachable_user(cloud, caller, id, Permission::UpdateUser).await?;
    let tenant = TenantId(user.client_id);
    let transaction = cloud.store.begin().await?;
    let config = configured(&transaction, tenant).await?;
    let everybody = config.provisioning || config.strict;
    let administers = grants::is_administrator(&grant_of(&user));
    if user.auth_method.is_none() || (enabled && !(everybody && administers)) {
        return Err(ApiError::invalid("only for administrators under single sign-on", id).into());
    }
    let mut row = user.into_active_model();
    row.api_access = Set(enabled);
    let user = sessions::update_user(&transaction, tenant, row).await?;
    if !enabled {
        api_tokens::disable_of_user(&transaction, tenant, user.id, cloud.now()).await?;
    }
    log_switch(cloud, caller, &transaction, &user, json!({"api_access": enabled})).await?;
    Ok(transaction.commit().await?)
}

async fn log_switch(
    cloud: &Cloud,
    caller: &Caller,
    transaction: &DatabaseTransaction,
    user: &entity::user::Model,
    after: Value,
) -> Result<(), Failure> {
    let entry = Change {
        object_type: "user",
        action: "update",
        object_id: user.id.to_string(),
        object_name: user.email.clone(),
        before: None,
        after: Some(after),
    };
    activity::log(transaction, caller, TenantId(user.client_id), cloud.now(), entry).await
}

/// Notes that a test sign-in succeeded: the configuration may be activated for a day.
///
/// # Errors
/// 500 when the store fails.
pub async fn note_test(cloud: &Cloud, config: entity::sso_config::Model) -> Result<(), Failure> {
    let tenant = TenantId(config.client_id);
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let Some(current) = sso::find(&transaction, tenant).await? else { return Ok(()) };
    // The provider took its time. What was proven was proven of the settings of before.
    let proves = |of: &entity::sso_config::Model| {
        of.kind == config.kind && of.settings == config.settings && of.secret_sealed == config.secret_sealed
    };
    if !proves(&current) {
        return Ok(());
    }
    let state = if current.state == "draft" { "testing".to_owned() } else { current.state.clone() };
    sso::put(&transaction, entity::sso_config::Model { tested_at: Some(cloud.now()), state, ..current })
        .await?;
    Ok(transaction.commit().await?)
}
