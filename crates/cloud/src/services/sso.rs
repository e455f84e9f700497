//! Single sign-on of tenants (`spec/accounts.md` section 6): set-up, options, and what they mean for users.
//!
//! `oidc`, `saml` and `ldap` find out who somebody is at the identity provider; `admission` turns that person into a
//! user of the tenant. An administrator sets it up (`settings`), proves by a test sign-in that it works, and
//! activates it (`activation`).

use bartizan_api::{ApiError, Role, sso::SsoView};
use bartizan_store::{
    TenantId, clients, entity,
    sea_orm::{ConnectionTrait, DatabaseTransaction},
    sso, users,
};
use serde_json::{Value, json};

use super::activity::{self, Change};
use crate::{auth::Caller, failure::Failure, state::Cloud};

pub mod activation;
pub mod admission;
pub mod deprovisioning;
pub mod domains;
pub mod expiry;
pub mod extended;
pub mod groups;
pub mod ldap;
pub mod oidc;
pub mod saml;
pub mod settings;
pub mod sign_in;
pub mod switching;

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
    Ok(enforced(cloud, tenant).await?.map(|config| config.kind))
}

/// The single sign-on that everybody of a tenant must use.
///
/// # Errors
/// 500 when the store fails.
pub async fn enforced(cloud: &Cloud, tenant: TenantId) -> Result<Option<entity::sso_config::Model>, Failure> {
    let config = sso::find(cloud.store.reader(), tenant).await?;
    Ok(config.filter(|config| config.state == "active" && (config.strict || config.provisioning)))
}

/// An address that a provider asserts, in lower case. Letters that only fold to those of another address could be
/// somebody else's, so there are none.
pub(super) fn asserted_email(text: &str) -> Option<String> {
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
    let config = sso::find(reader, caller.tenant_of(None)?).await?;
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
    let own = saml::own_keys::of(&config);
    Ok(SsoView {
        kind: known.then_some(config.kind),
        vendor: config.vendor,
        state: config.state,
        provisioning: config.provisioning,
        strict: config.strict,
        extended_security: config.extended_security,
        tenant_permissions: config.tenant_permissions,
        role_mapping: serde_json::from_value(config.role_mapping).unwrap_or_default(),
        own_certificates: saml::own_keys::views(&own, cloud.now()),
        callback_url: oidc::callback(cloud, &caller.client, &config.settings),
        settings: config.settings,
        login_url: format!("{base}/v1/sso/login?client={}", caller.client.uuid),
        entity_id: saml::entity_id(cloud, &caller.client),
        acs_url: saml::acs_url(cloud),
        tested_at: config.tested_at,
        tested_encrypted_at: config.tested_encrypted_at,
        scim_url: super::scim::url(cloud),
        scim_token_created_at: config.scim_token_created_at,
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
        client_key_sealed: None,
        saml_keys: None,
        tested_at: None,
        tested_encrypted_at: None,
        scim_token_mac: None,
        scim_token_created_at: None,
    }
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
        let own: Vec<String> = saml::own_keys::of(config).iter().map(saml::own_keys::fingerprint).collect();
        json!({
            "state": config.state, "provisioning": config.provisioning, "strict": config.strict,
            "extended_security": config.extended_security, "own_certificates": own,
            "role_mapping": config.role_mapping, "settings": config.settings,
        })
    };
    Change {
        object_type: log_kind(kind),
        action,
        object_id: after.or(before).map(|config| config.client_id.to_string()).unwrap_or_default(),
        object_name: kind.to_owned(),
        before: before.map(state),
        after: after.map(state),
    }
}

/// What the activity log calls single sign-on of a kind.
pub(super) fn log_kind(kind: &str) -> &'static str {
    match kind {
        "ldap" => "ldap_settings",
        "saml" => "saml_authentication",
        _ => "oidc_authentication",
    }
}

pub(super) async fn configured<C: ConnectionTrait>(
    connection: &C,
    tenant: TenantId,
) -> Result<entity::sso_config::Model, Failure> {
    let config = sso::find(connection, tenant).await?;
    Ok(config.ok_or_else(|| ApiError::invalid("set single sign-on up first", Value::Null))?)
}

/// What a test sign-in proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proven {
    /// That people get in.
    SignIn,
    /// That they do with a signed and encrypted assertion.
    Encryption,
}

/// Logs that somebody tries a configuration.
async fn log_test<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    caller: &Caller,
    config: &entity::sso_config::Model,
) -> Result<(), Failure> {
    let entry = Change {
        object_type: log_kind(&config.kind),
        action: "update",
        object_id: config.client_id.to_string(),
        object_name: config.kind.clone(),
        before: None,
        after: Some(json!({"test": "begun"})),
    };
    activity::log(connection, caller, TenantId(config.client_id), cloud.now(), entry).await
}

/// Notes that a test sign-in succeeded: the configuration may be activated for a day.
///
/// # Errors
/// 500 when the store fails.
pub async fn note_test(
    cloud: &Cloud,
    config: entity::sso_config::Model,
    proven: Proven,
) -> Result<(), Failure> {
    let tenant = TenantId(config.client_id);
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let Some(current) = sso::find(&transaction, tenant).await? else { return Ok(()) };
    // The provider took its time. What was proven was proven of the settings of before.
    let proves = |of: &entity::sso_config::Model| {
        of.kind == config.kind
            && of.settings == config.settings
            && of.secret_sealed == config.secret_sealed
            && of.saml_keys == config.saml_keys
            && of.extended_security == config.extended_security
    };
    if !proves(&current) {
        return Ok(());
    }
    let state = if current.state == "draft" { "testing".to_owned() } else { current.state.clone() };
    let now = Some(cloud.now());
    let encrypted = if proven == Proven::Encryption { now } else { current.tested_encrypted_at };
    let tested =
        entity::sso_config::Model { tested_at: now, tested_encrypted_at: encrypted, state, ..current };
    sso::put(&transaction, tested).await?;
    Ok(transaction.commit().await?)
}
