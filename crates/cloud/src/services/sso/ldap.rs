//! LDAP: the password is proven by a bind at the server, groups are read by the searching account.

use std::{collections::HashSet, sync::Arc, time::Duration};

use bartizan_api::{
    ApiError,
    sso::{LdapTest, SsoTestView},
};
use bartizan_store::entity;
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, ResultEntry, Scope, SearchEntry, StdStream,
    adapters::EntriesOnly, ldap_escape,
};
use reqwest::Url;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::{Value, json};

use super::admission::{self, Identity, Refused};
use crate::{
    auth::Caller,
    failure::Failure,
    outgoing::OutgoingError,
    secrets::{Secret, unseal},
    state::Cloud,
};

/// Longest wait for the server, per step.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Most groups of a person.
const MAX_GROUPS: usize = 1000;

/// A person who wants to sign in.
pub struct Asked {
    email: String,
    password: String,
}

impl Asked {
    /// Somebody with an address and a password.
    #[must_use]
    pub fn person(email: &str, password: &str) -> Asked {
        Asked { email: email.to_owned(), password: password.to_owned() }
    }

    /// Nobody, for a question that takes as long as one about somebody.
    #[must_use]
    pub fn nobody() -> Asked {
        Asked {
            email: format!("{}@nobody.invalid", Secret::random().hex()),
            password: Secret::random().hex(),
        }
    }
}

/// Who signs in with this address and password, as the server of the tenant knows it.
///
/// # Errors
/// [`Refused`] with `invalid_login` for a wrong password or an unknown person, `oidc_error` when the server
/// cannot be asked.
pub async fn identify(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    asked: &Asked,
) -> Result<Identity, Refused> {
    let wrong = || Refused::code("invalid_login", "wrong password or unknown person");
    // A bind without a password succeeds as nobody (RFC 4513 section 5.1.2).
    if asked.password.is_empty() || asked.password.contains('\0') {
        return Err(wrong());
    }
    let answer = tokio::time::timeout(TIMEOUT * 3, ask(cloud, config, asked)).await;
    let identity = answer.map_err(|_| Refused::code("oidc_error", "the LDAP server did not answer"))?;
    match identity {
        Ok(Person::Known(identity)) => Ok(identity),
        Ok(Person::Nameless) => Err(Refused::code("user_not_found", "the entry has no displayName")),
        Ok(Person::Unknown) => Err(wrong()),
        Err(error) => {
            // What came back goes to the log only: it may be the banner of any service.
            tracing::debug!(error = &error as &dyn std::error::Error, "an LDAP server could not be asked");
            Err(Refused::code("oidc_error", error.told()))
        }
    }
}

/// Why the server cannot be asked.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("LDAP: {0}")]
    Ldap(#[from] ldap3::LdapError),
    #[error("the configuration cannot be used: {0}")]
    Configuration(&'static str),
    #[error(transparent)]
    Outgoing(#[from] OutgoingError),
    #[error("more than {0} entries were found")]
    TooMany(usize),
}

impl Trouble {
    /// What an administrator is told.
    fn told(&self) -> String {
        match self {
            Trouble::Ldap(LdapError::LdapResult { result }) => {
                format!("the LDAP server answered with result code {}", result.rc)
            }
            Trouble::Ldap(_) => "the server does not speak LDAP, or not over TLS as it should".to_owned(),
            other => other.to_string(),
        }
    }
}

fn text<'a>(config: &'a entity::sso_config::Model, name: &str) -> &'a str {
    config.settings.get(name).and_then(Value::as_str).unwrap_or_default()
}

async fn ask(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    Asked { email, password }: &Asked,
) -> Result<Person, Trouble> {
    let secret = config.secret_sealed.as_deref().and_then(|sealed| unseal(&cloud.keys, sealed));
    let secret = secret.ok_or(Trouble::Configuration("the bind password is not readable"))?;
    let mut searcher = connect(cloud, config).await?;
    searcher.with_timeout(TIMEOUT).simple_bind(text(config, "bind_dn"), &secret).await?.success()?;
    let found = person(&mut searcher, config, email).await?;
    // Somebody who is not there takes as long as a wrong password: the time does not tell who is.
    let absent = || format!("cn={},{}", Secret::random().hex(), text(config, "base_dn"));
    let dn = found.as_ref().map_or_else(absent, |entry| entry.dn.clone());
    let mut own = connect(cloud, config).await?;
    let bound = own.with_timeout(TIMEOUT).simple_bind(&dn, password).await?;
    let _ = own.unbind().await;
    let Some(entry) = found.filter(|_| bound.rc == 0) else { return Ok(Person::Unknown) };
    let groups = groups(&mut searcher, config, &entry.dn).await?;
    let _ = searcher.unbind().await;
    let first = |name: &str| entry.attrs.get(name).and_then(|values| values.first()).cloned();
    let realname = first("displayName").map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    let Some(realname) = realname else { return Ok(Person::Nameless) };
    Ok(Person::Known(Identity {
        subject: format!("{}|{}", text(config, "url"), entry.dn.to_lowercase()),
        email: email.clone(),
        realname: realname.chars().take(255).collect(),
        groups,
        roles: vec![],
    }))
}

/// What the server says of an address and a password.
enum Person {
    /// They belong together.
    Known(Identity),
    /// They do, but the entry does not say how the person is called.
    Nameless,
    /// They do not.
    Unknown,
}

async fn connect(cloud: &Cloud, config: &entity::sso_config::Model) -> Result<Ldap, Trouble> {
    let url = text(config, "url");
    let encrypted = url.starts_with("ldaps://");
    let plain = cloud.config.auth.insecure_ldap && !encrypted;
    let mut settings = LdapConnSettings::new().set_conn_timeout(TIMEOUT).set_starttls(!encrypted && !plain);
    if !plain {
        settings = settings.set_config(Arc::new(tls(cloud, config)?));
    }
    let parsed = Url::parse(url).map_err(|_| Trouble::Configuration("url"))?;
    let port = if encrypted { 636 } else { 389 };
    let stream = cloud.outgoing.connect(&parsed, port, TIMEOUT).await?;
    let stream = stream.into_std().map_err(LdapError::from)?;
    settings = settings.set_std_stream(StdStream::Tcp(stream));
    let (connection, ldap) = LdapConnAsync::with_settings(settings, url).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.drive().await {
            tracing::debug!(error = &error as &dyn std::error::Error, "an LDAP connection ended");
        }
    });
    Ok(ldap)
}

/// The certificates of a PEM text; none when there is none, or one does not parse.
pub(super) fn chain(pem: &str) -> Option<Vec<CertificateDer<'static>>> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    chain.ok().filter(|chain| !chain.is_empty())
}

/// Whether certificate and key can be shown to a server.
///
/// # Errors
/// What cannot be used.
pub(super) fn check_identity(certificate: &str, key: &str) -> Result<(), &'static str> {
    let chain = chain(certificate).ok_or("client_certificate is not PEM")?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|_| "client_key is not an unencrypted PEM key")?;
    let provider = rustls::crypto::ring::default_provider();
    let fitting = rustls::sign::CertifiedKey::from_der(chain, key, &provider);
    fitting.map(drop).map_err(|_| "client_key is not the key of client_certificate")
}

fn tls(cloud: &Cloud, config: &entity::sso_config::Model) -> Result<ClientConfig, Trouble> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    if let Some(pem) = config.settings.get("certificate").and_then(Value::as_str) {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|_| Trouble::Configuration("certificate"))?;
            roots.add(certificate).map_err(|_| Trouble::Configuration("certificate"))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|_| Trouble::Configuration("TLS versions"))?;
    let builder = builder.with_root_certificates(roots);
    let Some(certificate) = config.settings.get("client_certificate").and_then(Value::as_str) else {
        return Ok(builder.with_no_client_auth());
    };
    let key = config.client_key_sealed.as_deref().and_then(|sealed| unseal(&cloud.keys, sealed));
    let key = key.and_then(|key| PrivateKeyDer::from_pem_slice(key.as_bytes()).ok());
    let identity = chain(certificate).zip(key).ok_or(Trouble::Configuration("client_certificate"))?;
    builder.with_client_auth_cert(identity.0, identity.1).map_err(|_| Trouble::Configuration("client_key"))
}

/// What the server finds, at most so many entries.
async fn search(
    ldap: &mut Ldap,
    config: &entity::sso_config::Model,
    filter: &str,
    attributes: Vec<&str>,
    most: usize,
) -> Result<Vec<ResultEntry>, Trouble> {
    let base = text(config, "base_dn");
    let found = ldap.with_timeout(TIMEOUT).streaming_search_with(
        EntriesOnly::new(),
        base,
        Scope::Subtree,
        filter,
        attributes,
    );
    let mut found = found.await?;
    let mut entries = Vec::new();
    while let Some(entry) = found.next().await? {
        if entries.len() == most {
            return Err(Trouble::TooMany(most));
        }
        entries.push(entry);
    }
    found.finish().await.success()?;
    Ok(entries)
}

/// The one person with this address; two with the same are none.
async fn person(
    ldap: &mut Ldap,
    config: &entity::sso_config::Model,
    email: &str,
) -> Result<Option<SearchEntry>, Trouble> {
    let filter = format!("({}={})", text(config, "email_attribute"), ldap_escape(email));
    let attributes = vec!["displayName"];
    let mut entries = search(ldap, config, &filter, attributes, 1).await.or_else(|error| match error {
        Trouble::TooMany(_) => Ok(vec![]),
        other => Err(other),
    })?;
    let last = entries.pop();
    Ok(if entries.is_empty() { last.map(SearchEntry::construct) } else { None })
}

/// Distinguished names of the groups that a person is in.
async fn groups(
    ldap: &mut Ldap,
    config: &entity::sso_config::Model,
    dn: &str,
) -> Result<Vec<String>, Trouble> {
    let dn = ldap_escape(dn);
    let filter = format!(
        "(&(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))(|(member={dn})(uniqueMember={dn})))"
    );
    let entries = search(ldap, config, &filter, vec!["1.1"], MAX_GROUPS).await?;
    let names: HashSet<String> = entries.into_iter().map(|entry| SearchEntry::construct(entry).dn).collect();
    Ok(names.into_iter().collect())
}

/// A test sign-in: what the server says about a person, changing nothing.
///
/// # Errors
/// 400 without a configuration, 429.
pub async fn test(cloud: &Cloud, caller: &Caller, request: &LdapTest) -> Result<SsoTestView, Failure> {
    let config = super::configured(cloud.store.reader(), caller.tenant_of(None)?).await?;
    if config.kind != "ldap" {
        return Err(ApiError::invalid("LDAP is not set up", Value::Null).into());
    }
    let email = request.username.trim().to_lowercase();
    cloud.limits.password_check(&cloud.store, crate::limits::Check::SignIn, &email, caller.ip).await?;
    super::log_test(cloud, cloud.store.writer(), caller, &config).await?;
    match identify(cloud, &config, &Asked::person(&email, &request.password)).await {
        Ok(identity) => {
            let role = admission::given_role(cloud, &config, &caller.client, &identity).await?;
            super::note_test(cloud, config, super::Proven::SignIn).await?;
            let role = role.map(|role| role.code().to_owned());
            Ok(SsoTestView { state: "success".to_owned(), attributes: json!(identity), role, error: None })
        }
        Err(refused) => {
            let (code, detail) = refused.told()?;
            let error = Some(format!("{code}: {detail}"));
            Ok(SsoTestView { state: "failure".to_owned(), error, ..SsoTestView::default() })
        }
    }
}
