//! SAML 2.0: requests by redirect, responses by POST (`spec/accounts.md` sections 6.2 and 6.5).
//!
//! A response arrives by a form that another site posts, and browsers send no `Lax` cookie with such a form. So the
//! form is verified, and what it says is put under a second secret, with which the browser comes again by a redirect,
//! now with the cookie that proves that it began the sign-in. The keys of the provider are those of the configuration.
//!
//! With extended security requests are signed, and assertions come encrypted (`own_keys`, `encryption`).

use bartizan_api::{
    ApiError, Grant, Role,
    sso::{SamlAnswer, SamlForm, SamlSettings, SsoView},
};
use bartizan_store::{StoreError, TenantId, entity, sea_orm::ConnectionTrait, sso, tickets};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use self::{
    binding::Kind,
    metadata::{Binding, LogoutService},
    response::{Assertion, Expected, There},
};
use super::{
    Proven,
    admission::{Identity, Refused},
    settings,
    sign_in::{self, Begun, Finished, PREFIX, digest},
};
use crate::{
    auth::{Caller, Origin},
    failure::Failure,
    outgoing::OutgoingRequest,
    secrets::Secret,
    services::grants,
    state::Cloud,
};

pub mod binding;
pub mod encryption;
pub mod logout;
pub mod metadata;
pub mod own_keys;
pub mod response;
pub mod signature;
pub mod xml;

/// Path that the provider posts responses to.
pub const ACS: &str = "/v1/sso/saml/acs";
/// Path that a browser ends its sign-in at.
pub const FINISH: &str = "/v1/sso/saml/finish";
/// Kind of the tickets that remember assertions.
const SEEN: &str = "saml_assertion";
/// What an answer says about the assertion: that it was encrypted, and signed by itself.
const PROTECTED: &str = "protected";
/// What an answer says about the session at the provider.
const THERE: &str = "there";
/// Attribute that gives a role by itself, before the role.
const ROLE: &str = "wallarm_role:";
/// Places for reading what anybody may send: a text that is slow to read holds up others of its kind, not the rest of the
/// cloud.
static READING: Semaphore = Semaphore::const_new(2);

fn text<'a>(config: &'a entity::sso_config::Model, name: &str) -> &'a str {
    config.settings.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn base(cloud: &Cloud) -> &str {
    cloud.config.public.console_url.trim_end_matches('/')
}

/// Our entity id for a tenant: where its metadata is.
#[must_use]
pub fn entity_id(cloud: &Cloud, client: &entity::client::Model) -> String {
    format!("{}/v1/sso/saml/{}/metadata", base(cloud), client.uuid)
}

/// Our address for responses.
#[must_use]
pub fn acs_url(cloud: &Cloud) -> String {
    format!("{}{ACS}", base(cloud))
}

/// Our metadata for a tenant.
///
/// # Errors
/// 404 when there is no such tenant.
pub async fn own_metadata(cloud: &Cloud, client_uuid: &str) -> Result<String, Failure> {
    let client = cloud.store.identify_client_by_uuid(client_uuid).await?;
    let absent = || ApiError::not_found("client", client_uuid.chars().take(64).collect::<String>());
    let client = client.filter(|client| client.enabled).ok_or_else(absent)?;
    let config = sso::find(cloud.store.reader(), TenantId(client.id)).await?;
    let config = config.filter(|config| config.kind == "saml");
    let own = config.map(|config| published(cloud, &client, &config)).unwrap_or_default();
    Ok(metadata::own(&entity_id(cloud, &client), &acs_url(cloud), &own))
}

/// What our metadata says of our keys. The newest is the one to encrypt for, also before it signs.
fn published(
    cloud: &Cloud,
    client: &entity::client::Model,
    config: &entity::sso_config::Model,
) -> metadata::Own {
    let (own, now) = (own_keys::of(config), cloud.now());
    metadata::Own {
        logout_url: own_keys::signing(&own, now).map(|_| logout::url(cloud, client)),
        signs: config.extended_security,
        signing: own_keys::signing_from_now(&own, now).map(|key| key.certificate.clone()).collect(),
        encryption: own.last().map(|key| key.certificate.clone()),
    }
}

/// Sets the identity provider, by its metadata or by hand.
///
/// # Errors
/// 400 for what cannot be used, and while single sign-on is active.
pub async fn put(cloud: &Cloud, caller: &Caller, request: SamlSettings) -> Result<SsoView, Failure> {
    let mut provider = match (&request.metadata_xml, &request.metadata_url) {
        (Some(xml), None) => parsed("metadata_xml", xml)?,
        (None, Some(url)) => parsed("metadata_url", &fetched(cloud, url).await?)?,
        (None, None) => metadata::ProviderMetadata::default(),
        _ => return Err(ApiError::invalid("metadata_xml or metadata_url, not both", Value::Null).into()),
    };
    if let Some(issuer) = request.issuer {
        provider.issuer = issuer;
    }
    if let Some(url) = request.sso_url {
        provider.sso_url = url;
    }
    if let Some(certificate) = request.x509 {
        let certificate = metadata::certificate_text(&certificate);
        provider.certificates =
            vec![certificate.map_err(|reason| ApiError::invalid(format!("x509: {reason}"), Value::Null))?];
    }
    if let Some(url) = request.single_logout_url {
        provider.logout_url = Some(url.clone());
        provider.single_logout = Some(LogoutService { binding: Binding::Redirect, url, response_url: None });
    }
    provider.logout_url = request.logout_url.or(provider.logout_url);
    settings::valid_text("issuer", &provider.issuer, 1024)?;
    settings::valid_text("groups_attribute", &request.groups_attribute, 255)?;
    if provider.certificates.is_empty() {
        return Err(ApiError::invalid("x509: a certificate is needed", Value::Null).into());
    }
    let vendor = settings::known_vendor(&request.vendor)?;
    let single = provider.single_logout.as_ref();
    for (name, url) in [
        ("sso_url", Some(&provider.sso_url)),
        ("single_logout_url", single.map(|service| &service.url)),
        ("single_logout_url", single.and_then(|service| service.response_url.as_ref())),
        ("logout_url", provider.logout_url.as_ref()),
    ] {
        // The browser goes there, not the cloud; what is checked is that it is a page and encrypted.
        let checked = url.map(|url| browser_url(cloud, url)).transpose();
        checked.map_err(|reason| {
            ApiError::invalid(format!("{name} {reason}"), url.map(|url| settings::short(url)))
        })?;
    }
    let settings = json!({
        "issuer": provider.issuer, "sso_url": provider.sso_url, "logout_url": provider.logout_url,
        "single_logout": provider.single_logout, "certificates": provider.certificates, "groups_attribute": request.groups_attribute,
        "domains": settings::own_domains(cloud, caller, &request.domains)?, "named_roles": named_roles(caller),
    });
    let made = match single {
        Some(_) => key_for_logout(cloud, caller).await?,
        None => None,
    };
    let secrets = settings::Secrets { saml_key: made.as_ref(), ..settings::Secrets::default() };
    settings::put(cloud, caller, "saml", vendor, settings, secrets).await
}

/// A key for messages of sign-out, which must be signed, unless there is one.
async fn key_for_logout(cloud: &Cloud, caller: &Caller) -> Result<Option<own_keys::OwnKey>, Failure> {
    let config = sso::find(cloud.store.reader(), caller.tenant_of(None)?).await?;
    if config.is_some_and(|config| config.kind == "saml" && !own_keys::of(&config).is_empty()) {
        return Ok(None);
    }
    own_keys::make(cloud, &caller.client.uuid, cloud.now()).await.map(Some)
}

/// Roles that the provider may give by name: those that who trusts it could give.
fn named_roles(caller: &Caller) -> Vec<&'static str> {
    let may_grant = |role: &&Role| grants::may_grant(caller, &Grant::Role(**role), &caller.client).is_ok();
    super::MAPPABLE.iter().filter(may_grant).map(|role| role.code()).collect()
}

fn parsed(field: &str, xml: &str) -> Result<metadata::ProviderMetadata, ApiError> {
    metadata::parse(xml).map_err(|reason| ApiError::invalid(format!("{field}: {reason}"), Value::Null))
}

async fn fetched(cloud: &Cloud, address: &str) -> Result<String, ApiError> {
    let refused =
        |reason: &str| ApiError::invalid(format!("metadata_url {reason}"), settings::short(address));
    let url = cloud.outgoing.check(address, false).map_err(refused)?;
    let answer = cloud.outgoing.send(OutgoingRequest::get(url, metadata::MAX_BYTES)).await;
    match answer {
        Ok(answer) if answer.status == 200 => {
            String::from_utf8(answer.body).map_err(|_| refused("does not answer with text"))
        }
        Ok(answer) => Err(refused(&format!("answers with status {}", answer.status))),
        Err(error) => Err(refused(&format!("cannot be read: {error}"))),
    }
}

fn browser_url(cloud: &Cloud, text: &str) -> Result<(), &'static str> {
    let url = reqwest::Url::parse(text).map_err(|_| "is not a URL")?;
    let plain = cloud.config.outgoing.plain_http && url.scheme() == "http";
    if text.len() > 2048 {
        Err("is too long")
    } else if url.has_host() && (url.scheme() == "https" || plain) {
        Ok(())
    } else {
        Err("must begin with https://")
    }
}

/// Begins a sign-in: a request in the address of the provider's page.
///
/// # Errors
/// [`Refused`].
pub(super) async fn begin(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    test: Option<String>,
) -> Result<Begun, Refused> {
    let client = cloud.store.identify_client(config.client_id).await?;
    let client = client.ok_or_else(|| Refused::code("client_not_found", ""))?;
    let (request, binding) = (format!("_{}", Secret::random().hex()), Secret::random().opaque(""));
    let payload = json!({"request": request, "binding": digest(&binding), "test": test});
    let state = sign_in::keep(cloud, config, payload).await?;
    let message = authn_request(cloud, &client, text(config, "sso_url"), &request);
    let query = request_query(cloud, config, &message, &state.opaque(PREFIX)).await?;
    let location = binding::with_query(text(config, "sso_url"), &query);
    let location = location.ok_or_else(|| Refused::code("invalid_saml_response", "sso_url is no address"))?;
    Ok(Begun { location, binding, cookie_path: FINISH })
}

/// Request and state in the form of a query; signed with extended security.
async fn request_query(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    message: &str,
    state: &str,
) -> Result<String, Failure> {
    let query = binding::query(Kind::Request, message, Some(state)).map_err(|_| ApiError::internal())?;
    if !config.extended_security {
        return Ok(query);
    }
    let (cloud, own) = (cloud.clone(), own_keys::of(config));
    let signed = tokio::task::spawn_blocking(move || binding::signed_query(&cloud, &own, &query));
    Ok(signed.await.ok().flatten().ok_or_else(ApiError::internal)?)
}

fn authn_request(cloud: &Cloud, client: &entity::client::Model, destination: &str, id: &str) -> String {
    let at = DateTime::from_timestamp(cloud.now(), 0).unwrap_or_default();
    let (samlp, saml) = (xml::SAMLP, xml::SAML);
    format!(
        "<samlp:AuthnRequest xmlns:samlp=\"{samlp}\" xmlns:saml=\"{saml}\" ID=\"{id}\" Version=\"2.0\" \
         IssueInstant=\"{}\" Destination=\"{}\" AssertionConsumerServiceURL=\"{}\" \
         ProtocolBinding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\">\
         <saml:Issuer>{}</saml:Issuer><samlp:NameIDPolicy AllowCreate=\"true\"/></samlp:AuthnRequest>",
        at.to_rfc3339_opts(SecondsFormat::Secs, true),
        metadata::escaped(destination),
        metadata::escaped(&acs_url(cloud)),
        metadata::escaped(&entity_id(cloud, client)),
    )
}

/// Takes a response; returns where the browser goes on.
///
/// # Errors
/// [`Refused`].
pub async fn accept(cloud: &Cloud, form: &SamlForm) -> Result<String, Refused> {
    let mut returned = sign_in::resume(cloud, "saml", form.relay_state.as_deref(), None).await?;
    let identity = match identify(cloud, &returned, form.saml_response.as_deref()).await {
        Ok((identity, assertion)) => {
            json!({"identity": identity, PROTECTED: assertion.protected, THERE: assertion.session})
        }
        // The sign-in goes on to its end in the browser, where a test can tell its administrator.
        Err(refused) => {
            let (code, detail) = refused.told().map_err(Refused::Failure)?;
            json!({"code": code, "detail": detail})
        }
    };
    if let Some(payload) = returned.payload.as_object_mut() {
        payload.insert("answer".to_owned(), identity);
    }
    let secret = sign_in::keep(cloud, &returned.config, returned.payload).await?;
    Ok(format!("{FINISH}?answer={}", secret.opaque(PREFIX)))
}

async fn identify(
    cloud: &Cloud,
    returned: &sign_in::Returned,
    form: Option<&str>,
) -> Result<(Identity, Assertion), Refused> {
    let refused = |detail: String| Refused::code("invalid_saml_response", detail);
    let config = &returned.config;
    let client = cloud.store.identify_client(config.client_id).await?;
    let client = client.ok_or_else(|| Refused::code("client_not_found", ""))?;
    let encoded: String = form.unwrap_or_default().split_ascii_whitespace().collect();
    let message = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let message = message.ok_or_else(|| refused("it is not base64 of UTF-8".to_owned()))?;
    let certificates = config.settings.get("certificates").map(crate::auth::strings).unwrap_or_default();
    let (audience, recipient, now) = (entity_id(cloud, &client), acs_url(cloud), cloud.now());
    let (issuer, request) = (text(config, "issuer").to_owned(), returned.text("request").to_owned());
    let (opener, own, extended) = (cloud.clone(), own_keys::of(config), config.extended_security);
    let _place = READING.acquire().await.map_err(|_| ApiError::internal())?;
    let read = tokio::task::spawn_blocking(move || {
        let expected = Expected {
            issuer: &issuer,
            keys: &metadata::keys(&certificates),
            audience: &audience,
            recipient: &recipient,
            request: &request,
            own_keys: &own_keys::open(&opener, &own),
            extended,
            now,
        };
        response::believe(&message, &expected)
    });
    let assertion = read.await.map_err(|_| ApiError::internal())?.map_err(|error| {
        // Not in the detail, which a test shows: what is wrong in an encrypted assertion is nobody's business. Nor is
        // anything that was decrypted in the log.
        if let response::Disbelieved::Sealed(cause) = &error {
            let (client, cause) = (config.client_id, cause.kind());
            tracing::info!(client.id = client, cause, "an encrypted assertion was not believed");
        }
        refused(error.to_string())
    })?;
    remember(cloud, cloud.store.writer(), config, &assertion.id, assertion.ends_at).await?;
    Ok((identity_of(config, &assertion)?, assertion))
}

/// Refuses an assertion or a request that was presented before: until it ends by itself, its id is kept.
async fn remember<C: ConnectionTrait>(
    cloud: &Cloud,
    connection: &C,
    config: &entity::sso_config::Model,
    id: &str,
    ends_at: i64,
) -> Result<(), Refused> {
    let ticket = entity::ticket::Model {
        id_mac: digest(&format!("{}|{}|{id}", config.client_id, text(config, "issuer"))),
        kind: SEEN.to_owned(),
        client_id: Some(config.client_id),
        user_id: None,
        payload: json!({}),
        attempts: 0,
        created_at: cloud.now(),
        expires_at: ends_at,
    };
    match tickets::insert(connection, ticket).await {
        Err(StoreError::Duplicate) => Err(Refused::code("invalid_saml_response", "it was used before")),
        other => Ok(other?),
    }
}

fn identity_of(config: &entity::sso_config::Model, assertion: &Assertion) -> Result<Identity, Refused> {
    let first = |name: &str| assertion.values(name).next();
    let name = assertion.name.as_deref();
    let email = first("email").or(name.filter(|_| assertion.name_is_email));
    let email = email.and_then(super::asserted_email);
    let email =
        email.ok_or_else(|| Refused::code("no_mail_in_saml_response", "neither attribute nor name"))?;
    let names: Vec<&str> = [first("first_name"), first("last_name")].into_iter().flatten().collect();
    let realname = if names.is_empty() { email.clone() } else { names.join(" ") };
    // An address is the same in any case.
    let subject =
        name.map(|name| if assertion.name_is_email { name.to_lowercase() } else { name.to_owned() });
    let roles = assertion.attributes.iter().filter(|(_, values)| !values.is_empty());
    let roles = roles.filter_map(|(name, _)| name.strip_prefix(ROLE)).map(str::to_owned).collect();
    Ok(Identity {
        subject: format!("{}|{}", text(config, "issuer"), subject.unwrap_or_else(|| email.clone())),
        realname: realname.chars().take(255).collect(),
        groups: assertion.values(text(config, "groups_attribute")).map(str::to_owned).collect(),
        roles,
        email,
    })
}

/// Finishes a sign-in in the browser that began it.
///
/// # Errors
/// [`Refused`].
pub async fn finish(
    cloud: &Cloud,
    query: &SamlAnswer,
    binding: &str,
    origin: &Origin,
) -> Result<Finished, Refused> {
    let returned = sign_in::resume(cloud, "saml", query.answer.as_deref(), Some(binding)).await?;
    let answer = returned.payload.get("answer").cloned().unwrap_or_default();
    let unprotected = returned.config.extended_security && proven(&returned) != Proven::Encryption;
    let identity = match answer.get("identity") {
        // It was believed before extended security was turned on.
        Some(_) if unprotected => {
            Err(Refused::code("invalid_saml_response", "the assertion is not encrypted"))
        }
        Some(identity) => serde_json::from_value(identity.clone()).map_err(|_| ApiError::internal().into()),
        None => {
            let word = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
            let code = if word("code") == "no_mail_in_saml_response" {
                "no_mail_in_saml_response"
            } else {
                "invalid_saml_response"
            };
            Err(Refused::code(code, word("detail")))
        }
    };
    let there = answer.get(THERE).and_then(|there| serde_json::from_value::<There>(there.clone()).ok());
    let kept = there.and_then(|there| logout::kept(cloud, &returned.config, &there));
    sign_in::conclude(cloud, returned, identity, kept.as_ref(), origin).await
}

/// What a test proves whose answer this is.
pub(super) fn proven(returned: &sign_in::Returned) -> Proven {
    let answer = returned.payload.get("answer").and_then(|answer| answer.get(PROTECTED));
    if answer == Some(&Value::Bool(true)) { Proven::Encryption } else { Proven::SignIn }
}
