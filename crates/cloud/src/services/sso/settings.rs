//! Setting a provider and what its groups mean. Whatever is set is a draft until it was tested and activated.

use bartizan_api::{
    ApiError, Grant, Role,
    sso::{GroupMapping, LdapSettings, OidcSettings, SsoView},
};
use bartizan_store::{clients, entity, scim, sso, tickets};
use serde_json::{Value, json};

use super::{
    MAPPABLE, configured, domains, empty, ldap,
    oidc::SHARED,
    saml::own_keys::{self, OwnKey},
    save,
    sign_in::STATE,
};
use crate::{auth::Caller, failure::Failure, secrets::seal, services::grants, state::Cloud};

/// Most mappings of groups.
const MAX_MAPPINGS: usize = 200;

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
    if !["client", SHARED].contains(&request.callback.as_str()) {
        return Err(ApiError::invalid("callback must be client or shared", short(&request.callback)).into());
    }
    let domains = own_domains(cloud, caller, &request.domains)?;
    domains::check(cloud, &caller.client, &domains).await?;
    let settings = json!({
        "issuer": issuer, "client_id": request.client_id, "scopes": request.scopes,
        "groups_claim": request.groups_claim, "domains": domains, "callback": request.callback,
    });
    let vendor = known_vendor(&request.vendor)?;
    let secrets = Secrets { secret: request.client_secret.as_deref(), ..Secrets::default() };
    put(cloud, caller, "oidc", vendor, settings, secrets).await
}

pub(super) fn known_vendor(asked: &str) -> Result<&'static str, ApiError> {
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
    let (client_certificate, client_key) = client_identity(&request)?;
    let domains = own_domains(cloud, caller, &request.domains)?;
    if domains.is_empty() {
        let error = "domains must name the e-mail domains whose people sign in by LDAP";
        return Err(ApiError::invalid(error, Value::Null).into());
    }
    domains::check(cloud, &caller.client, &domains).await?;
    let settings = json!({
        "url": request.url, "base_dn": request.base_dn, "bind_dn": request.bind_dn,
        "email_attribute": request.email_attribute, "certificate": certificate, "domains": domains,
        "client_certificate": client_certificate,
    });
    let secrets = Secrets { secret: request.bind_password.as_deref(), client_key, saml_key: None };
    put(cloud, caller, "ldap", "custom", settings, secrets).await
}

/// Certificate and key that the server is shown, as far as they are given; together they must fit.
fn client_identity(request: &LdapSettings) -> Result<(Option<&str>, Option<&str>), ApiError> {
    let given =
        |text: &'_ Option<String>| text.as_deref().map(str::trim).is_some_and(|text| !text.is_empty());
    let certificate = request.client_certificate.as_deref().filter(|_| given(&request.client_certificate));
    let key = request.client_key.as_deref().filter(|_| given(&request.client_key));
    let unusable = |error: &str| Err(ApiError::invalid(error, Value::Null));
    let long = [certificate, key].into_iter().flatten().any(|text| text.len() > 64 << 10);
    match (certificate, key) {
        _ if long => unusable("client_certificate and client_key have 64 KiB at most"),
        (None, Some(_)) => unusable("client_key needs a client_certificate"),
        (Some(certificate), None) if ldap::chain(certificate).is_none() => {
            unusable("client_certificate is not PEM")
        }
        (Some(certificate), Some(key)) => match ldap::check_identity(certificate, key) {
            Ok(()) => Ok((Some(certificate), Some(key))),
            Err(reason) => unusable(reason),
        },
        other => Ok(other),
    }
}

pub(super) fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

pub(super) fn valid_text(name: &str, text: &str, most: usize) -> Result<(), ApiError> {
    if (1..=most).contains(&text.trim().chars().count()) {
        Ok(())
    } else {
        Err(ApiError::invalid(format!("{name} must have 1 to {most} characters"), short(text)))
    }
}

/// Domains that the sign-in page recognises: only the caller's own and those that the operator gave to the client, or
/// an administrator could draw the passwords of somebody else's people to a server of his.
pub(super) fn own_domains(cloud: &Cloud, caller: &Caller, asked: &[String]) -> Result<Vec<String>, ApiError> {
    let own = caller.user.as_ref().and_then(|user| user.email.rsplit_once('@').map(|(_, domain)| domain));
    let folded: Vec<String> = asked.iter().map(|domain| domain.trim().to_lowercase()).collect();
    let given = domains::given(cloud, &caller.client);
    let foreign = |domain: &&String| Some(domain.as_str()) != own && !given.contains(domain);
    match folded.iter().find(foreign) {
        Some(foreign) => {
            let error =
                "domains: only the one of your own address, and those that the operator gave to your client";
            Err(ApiError::invalid(error, short(foreign)))
        }
        None => Ok(folded),
    }
}

/// What of a provider is stored encrypted; none of it keeps what is stored.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Secrets<'a> {
    /// Client secret or bind password.
    pub(super) secret: Option<&'a str>,
    /// Key of the certificate that the server is shown.
    pub(super) client_key: Option<&'a str>,
    /// Key of our own for SAML, where there is none yet.
    pub(super) saml_key: Option<&'a OwnKey>,
}

/// Seals the key of the client certificate; a stored one stays only with its certificate.
fn set_client_key(
    cloud: &Cloud,
    config: &mut entity::sso_config::Model,
    settings: &Value,
    key: Option<&str>,
) -> Result<(), ApiError> {
    let certificate = settings.get("client_certificate").filter(|text| !text.is_null());
    let same = certificate == config.settings.get("client_certificate");
    config.client_key_sealed = match (certificate, key) {
        (None, _) => None,
        (Some(_), Some(key)) => Some(seal(&cloud.keys, key).ok_or_else(ApiError::internal)?),
        (Some(_), None) if same && config.client_key_sealed.is_some() => config.client_key_sealed.take(),
        (Some(_), None) => {
            let error = "client_key must be given with another client_certificate";
            return Err(ApiError::invalid(error, Value::Null));
        }
    };
    Ok(())
}

pub(super) async fn put(
    cloud: &Cloud,
    caller: &Caller,
    kind: &str,
    vendor: &str,
    settings: Value,
    secrets: Secrets<'_>,
) -> Result<SsoView, Failure> {
    let tenant = caller.tenant_of(None)?;
    let transaction = cloud.store.begin().await?;
    clients::lock(&transaction, tenant).await?;
    let before = sso::find(&transaction, tenant).await?;
    if before.as_ref().is_some_and(|config| config.state == "active") {
        return Err(ApiError::invalid("deactivate single sign-on first", Value::Null).into());
    }
    let before = before.filter(|config| config.kind == kind);
    if before.is_none() {
        // What another provider pushed is not of this one.
        scim::clear(&transaction, tenant).await?;
    }
    let mut config = before.clone().unwrap_or_else(|| empty(tenant, kind));
    let address = |settings: &Value| [settings.get("issuer").cloned(), settings.get("url").cloned()];
    if let Some(secret) = secrets.secret.filter(|secret| !secret.is_empty()) {
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
    set_client_key(cloud, &mut config, &settings, secrets.client_key)?;
    if let Some(key) = secrets.saml_key.filter(|_| config.saml_keys.is_none()) {
        config.saml_keys = own_keys::stored(std::slice::from_ref(key));
    }
    tickets::delete_of_client(&transaction, tenant, STATE).await?;
    config.settings = settings;
    vendor.clone_into(&mut config.vendor);
    // Whatever was proven was proven of other settings.
    config.state = "draft".to_owned();
    config.tested_at = None;
    config.tested_encrypted_at = None;
    save(cloud, caller, transaction, before.as_ref(), config).await
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
    let before = configured(&transaction, caller.tenant_of(None)?).await?;
    let after = entity::sso_config::Model { role_mapping: json!(mapping), ..before.clone() };
    save(cloud, caller, transaction, Some(&before), after).await
}
