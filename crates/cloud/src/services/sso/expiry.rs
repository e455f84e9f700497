//! Certificates of single sign-on that end: administrators hear of it 30, 7 and 1 days ahead (`spec/accounts.md`
//! section 8).

use bartizan_store::{StoreError, TenantId, entity, tickets, users};
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::saml::own_keys;
use crate::{
    failure::Failure,
    secrets::mac_of,
    services::{grants, letters, users::grant_of},
    state::Cloud,
};

const DAY_S: i64 = 86_400;
/// Days ahead, soonest first.
const NOTICE_DAYS: [i64; 3] = [1, 7, 30];
/// Kind of the tickets that remember what was told.
const TOLD: &str = "certificate_notice";

/// A certificate of a configuration.
struct Certificate {
    der: Vec<u8>,
    /// What it is called in the letter.
    name: &'static str,
    /// Unix seconds.
    ends: i64,
}

/// Writes to the administrators of every tenant whose certificates end soon: once for each number of days, in
/// whichever process. A tenant that fails does not hold up the others, and is met again at the next round.
///
/// # Errors
/// 500 when the store fails.
pub async fn warn(cloud: &Cloud) -> Result<(), Failure> {
    let mut outcome = Ok(());
    for config in cloud.store.identify_active_sso().await? {
        if let Err(failure) = warn_of(cloud, &config).await {
            outcome = Err(failure);
        }
    }
    outcome
}

/// Writes of the certificates of one configuration.
async fn warn_of(cloud: &Cloud, config: &entity::sso_config::Model) -> Result<(), Failure> {
    let now = cloud.now();
    for certificate in certificates(config) {
        let left = certificate.ends - now;
        let due = NOTICE_DAYS.into_iter().find(|days| (1..=days * DAY_S).contains(&left));
        let Some(days) = due else { continue };
        let Some(ticket) = claim(cloud, config, &certificate, days).await? else { continue };
        if let Err(failure) = tell(cloud, config, &certificate).await {
            tickets::take(cloud.store.writer(), &ticket).await?;
            return Err(failure);
        }
    }
    Ok(())
}

/// Every certificate that sign-ins depend on.
fn certificates(config: &entity::sso_config::Model) -> Vec<Certificate> {
    let text = |name: &str| config.settings.get(name).and_then(Value::as_str).unwrap_or_default();
    let of_pem = |name: &str, title: &'static str| -> Vec<(Vec<u8>, &'static str)> {
        let parsed = CertificateDer::pem_slice_iter(text(name).as_bytes());
        parsed.filter_map(Result::ok).map(|der| (der.to_vec(), title)).collect()
    };
    let found = match config.kind.as_str() {
        "saml" => {
            let list = config.settings.get("certificates").map(crate::auth::strings).unwrap_or_default();
            let der = list.iter().filter_map(|text| STANDARD.decode(text).ok());
            let theirs = der.map(|der| (der, "signing certificate of the SAML identity provider"));
            // An older one of ours was followed by another.
            let own = own_keys::of(config).last().map(own_keys::certificate_der);
            theirs.chain(own.map(|der| (der, "certificate of Bartizan for SAML"))).collect()
        }
        "ldap" => [
            of_pem("certificate", "authority's certificate of the LDAP server"),
            of_pem("client_certificate", "client certificate for the LDAP server"),
        ]
        .concat(),
        _ => Vec::new(),
    };
    let dated = found.into_iter().filter_map(|(der, name)| {
        let ends = X509Certificate::from_der(&der).ok()?.1.validity().not_after.timestamp();
        Some(Certificate { der, name, ends })
    });
    dated.collect()
}

/// Whether it is ours to tell of this certificate so many days ahead: gives the ticket once.
async fn claim(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    certificate: &Certificate,
    days: i64,
) -> Result<Option<String>, Failure> {
    let parts = [&config.client_id.to_be_bytes()[..], &days.to_be_bytes(), &certificate.der];
    let id_mac = mac_of(&cloud.keys, TOLD, &parts);
    let ticket = entity::ticket::Model {
        id_mac: id_mac.clone(),
        kind: TOLD.to_owned(),
        client_id: Some(config.client_id),
        user_id: None,
        payload: json!({}),
        attempts: 0,
        created_at: cloud.now(),
        expires_at: certificate.ends,
    };
    match tickets::insert(cloud.store.writer(), ticket).await {
        Ok(()) => Ok(Some(id_mac)),
        Err(StoreError::Duplicate) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Queues the letters: all, or none when it fails.
async fn tell(
    cloud: &Cloud,
    config: &entity::sso_config::Model,
    certificate: &Certificate,
) -> Result<(), Failure> {
    for user in users::of_tenant(cloud.store.reader(), TenantId(config.client_id)).await? {
        if user.enabled && user.validated && grants::is_administrator(&grant_of(&user)) {
            let letter = letters::certificate_ends(cloud, &user.email, certificate.name, certificate.ends);
            letters::post(cloud, letter);
        }
    }
    Ok(())
}
