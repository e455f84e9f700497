//! Keys of our own for SAML: what requests are signed with, and what assertions are encrypted for.
//!
//! A tenant has one key, or up to [`MOST`] while one follows another. The newest one is in the metadata and decrypts from
//! the moment it is made, so that the identity provider can be told of it; it signs from the day that its maker named.
//! From then on the older ones only decrypt, for [`OLD_DECRYPTS_S`] more. A key that is to sign one day is kept when
//! another is made: the provider may encrypt for it already.
//!
//! The certificates are what metadata carries keys in. They vouch for nothing, so they are signed by themselves.
//! Private keys are sealed at rest, opened for one signature or one response, and go nowhere else. `aws-lc-rs` makes
//! and uses them, as `ring` neither makes RSA keys nor decrypts with them.

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rand::SystemRandom,
    rsa::{KeyPair, KeySize, OaepPrivateDecryptingKey, PrivateDecryptingKey},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use bartizan_api::{ApiError, sso::SamlCertificateView};
use bartizan_store::entity;
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Datelike};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyUsagePurpose, PKCS_RSA_SHA256};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{
    failure::Failure,
    keys::Keys,
    secrets::{seal, unseal},
    state::Cloud,
};

/// Bits of a key; 2048 would do until about the end of the first certificates.
const SIZE: KeySize = KeySize::Rsa3072;
/// Years that a certificate holds.
const YEARS: i32 = 3;
/// Seconds that an older key still decrypts after a newer one signs.
pub const OLD_DECRYPTS_S: i64 = 30 * 86_400;
/// Most keys of a tenant that count at the same time: every one of them is tried on a response.
pub const MOST: usize = 3;

/// A key of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnKey {
    /// Certificate, base64 of DER.
    pub certificate: String,
    /// Private key, base64 of PKCS #8, sealed.
    key_sealed: String,
    /// From when it signs, Unix seconds.
    pub signs_from: i64,
}

/// The keys of a configuration, oldest first.
#[must_use]
pub fn of(config: &entity::sso_config::Model) -> Vec<OwnKey> {
    let stored = config.saml_keys.clone().and_then(|keys| serde_json::from_value(keys).ok());
    stored.unwrap_or_default()
}

/// As they are stored.
#[must_use]
pub fn stored(keys: &[OwnKey]) -> Option<Value> {
    (!keys.is_empty()).then(|| json!(keys))
}

/// Makes a key for a tenant, on a thread of its own: it takes most of a second.
///
/// # Errors
/// 500 when that fails.
pub async fn make(cloud: &Cloud, client_uuid: &str, signs_from: i64) -> Result<OwnKey, Failure> {
    let (cloud, name) = (cloud.clone(), format!("Bartizan {client_uuid}"));
    let made = tokio::task::spawn_blocking(move || made(&cloud.keys, &name, cloud.now(), signs_from));
    Ok(made.await.ok().flatten().ok_or_else(ApiError::internal)?)
}

fn made(keys: &Keys, name: &str, now: i64, signs_from: i64) -> Option<OwnKey> {
    let pair = KeyPair::generate(SIZE).ok()?;
    let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).ok()?;
    let mut params = CertificateParams::new(vec![]).ok()?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
    let today = DateTime::from_timestamp(now, 0)?.date_naive();
    let part = |number: u32| u8::try_from(number).ok();
    // The clock of the provider may be behind. No day is missing in another year but the 29th of February.
    let begin = today.pred_opt()?;
    let day = part(begin.day().min(28))?;
    params.not_before = rcgen::date_time_ymd(begin.year(), part(begin.month())?, part(begin.day())?);
    params.not_after = rcgen::date_time_ymd(begin.year() + YEARS, part(begin.month())?, day);
    let certificate = params.self_signed(&Signer(&pair)).ok()?;
    let key_sealed = seal(keys, &STANDARD.encode(pkcs8.as_ref()))?;
    Some(OwnKey { certificate: STANDARD.encode(certificate.der()), key_sealed, signs_from })
}

/// What `rcgen` signs certificates with.
struct Signer<'a>(&'a KeyPair);

impl rcgen::PublicKeyData for Signer<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}

impl rcgen::SigningKey for Signer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        signed(self.0, message).ok_or(rcgen::Error::RemoteKeyError)
    }
}

/// The signature by RSA, PKCS #1 v1.5, and SHA-256.
fn signed(pair: &KeyPair, message: &[u8]) -> Option<Vec<u8>> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).ok()?;
    Some(signature)
}

/// The key that signs now.
#[must_use]
pub fn signing(own: &[OwnKey], now: i64) -> Option<&OwnKey> {
    own.iter().rev().find(|key| key.signs_from <= now)
}

/// Those that an assertion may be encrypted for now, newest first, and until when if that is known: a key ends some time
/// after the first of those that follow it signs.
pub fn decrypting(own: &[OwnKey], now: i64) -> impl Iterator<Item = (&OwnKey, Option<i64>)> {
    let mut follower: Option<i64> = None;
    let mut all = Vec::with_capacity(own.len());
    for key in own.iter().rev() {
        all.push((key, follower.map(|signs_from| signs_from + OLD_DECRYPTS_S)));
        follower = Some(follower.map_or(key.signs_from, |other| other.min(key.signs_from)));
    }
    all.into_iter().filter(move |(_, end)| end.is_none_or(|end| end > now))
}

/// Refuses one more key beside as many as there may be.
///
/// # Errors
/// 400 that says when there is room.
pub fn check_room(own: &[OwnKey], now: i64) -> Result<(), ApiError> {
    if decrypting(own, now).count() < MOST {
        return Ok(());
    }
    let error = format!(
        "there are at most {MOST} certificates: wait until the oldest of own_certificates no longer decrypts, or \
         replace all"
    );
    Err(ApiError::invalid(error, MOST))
}

/// The keys once a new one was made: it, and those that still decrypt unless they are replaced.
#[must_use]
pub fn followed(own: &[OwnKey], new: OwnKey, now: i64, replaced: bool) -> Vec<OwnKey> {
    let mut kept: Vec<OwnKey> = decrypting(own, now).map(|(key, _)| key.clone()).collect();
    kept.reverse();
    if replaced {
        kept.clear();
    }
    kept.push(new);
    kept
}

/// The keys that requests may be signed with from now on, oldest first.
pub fn signing_from_now(own: &[OwnKey], now: i64) -> impl Iterator<Item = &OwnKey> {
    let first = own.iter().rposition(|key| key.signs_from <= now).unwrap_or(0);
    own.iter().skip(first)
}

/// The signature of a request by the key that signs now; none when it cannot be opened.
#[must_use]
pub fn sign(cloud: &Cloud, own: &[OwnKey], message: &[u8]) -> Option<Vec<u8>> {
    let pkcs8 = opened(&cloud.keys, signing(own, cloud.now())?)?;
    signed(&KeyPair::from_pkcs8(&pkcs8).ok()?, message)
}

/// The keys that decrypt now, opened.
#[must_use]
pub fn open(cloud: &Cloud, own: &[OwnKey]) -> Vec<OaepPrivateDecryptingKey> {
    let open = |key: &OwnKey| {
        let key = PrivateDecryptingKey::from_pkcs8(&opened(&cloud.keys, key)?).ok()?;
        OaepPrivateDecryptingKey::new(key).ok()
    };
    decrypting(own, cloud.now()).filter_map(|(key, _)| open(key)).collect()
}

fn opened(keys: &Keys, key: &OwnKey) -> Option<Vec<u8>> {
    STANDARD.decode(unseal(keys, &key.key_sealed)?).ok()
}

/// The certificate, DER.
#[must_use]
pub fn certificate_der(key: &OwnKey) -> Vec<u8> {
    STANDARD.decode(&key.certificate).unwrap_or_default()
}

/// What the activity log tells certificates apart by: SHA-256 of DER, hex.
#[must_use]
pub fn fingerprint(key: &OwnKey) -> String {
    hex::encode(Sha256::digest(certificate_der(key)))
}

/// The certificates that still count, newest first, as the API shows them.
#[must_use]
pub fn views(own: &[OwnKey], now: i64) -> Vec<SamlCertificateView> {
    let view = |(key, decrypts_until): (&OwnKey, Option<i64>)| {
        let der = certificate_der(key);
        let parsed = X509Certificate::from_der(&der).ok();
        SamlCertificateView {
            certificate: pem(&key.certificate),
            fingerprint: fingerprint(key),
            ends_at: parsed.map_or(0, |(_, parsed)| parsed.validity().not_after.timestamp()),
            signs_from: key.signs_from,
            decrypts_until,
        }
    };
    decrypting(own, now).map(view).collect()
}

fn pem(certificate: &str) -> String {
    // Base64 is ASCII, so a part of its bytes is text.
    let lines = certificate.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let lines: String = lines.map(|line| line.into_owned() + "\n").collect();
    format!("-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_S: i64 = 86_400;

    fn key(name: &str, signs_from: i64) -> OwnKey {
        OwnKey { certificate: name.to_owned(), key_sealed: String::new(), signs_from }
    }

    /// Names and ends of the keys that decrypt, newest first.
    fn ends(own: &[OwnKey], now: i64) -> Vec<(&str, Option<i64>)> {
        decrypting(own, now).map(|(key, end)| (key.certificate.as_str(), end)).collect()
    }

    #[test]
    fn two_rotations_at_once_end_no_key_before_its_time() {
        let own = followed(&[key("a", 0)], key("b", 7 * DAY_S), DAY_S, false);
        let own = followed(&own, key("c", 14 * DAY_S), 2 * DAY_S, false);
        let until = |days: i64| Some(days * DAY_S + OLD_DECRYPTS_S);
        assert_eq!(ends(&own, 2 * DAY_S), [("c", None), ("b", until(14)), ("a", until(7))]);
        let signs = [2, 7, 14].map(|day| signing(&own, day * DAY_S).unwrap().certificate.as_str());
        assert_eq!(signs, ["a", "b", "c"]);
        let later: Vec<_> = signing_from_now(&own, 7 * DAY_S).map(|key| key.certificate.as_str()).collect();
        assert_eq!(later, ["b", "c"]);
        assert!(check_room(&own, 36 * DAY_S).is_err());
        // The oldest ended, and is not kept.
        assert!(check_room(&own, 37 * DAY_S).is_ok());
        let own = followed(&own, key("d", 40 * DAY_S), 37 * DAY_S, false);
        assert_eq!(ends(&own, 37 * DAY_S), [("d", None), ("c", until(40)), ("b", until(14))]);
        assert_eq!(followed(&own, key("e", 38 * DAY_S), 38 * DAY_S, true), [key("e", 38 * DAY_S)]);
    }

    #[test]
    fn a_key_that_overtakes_another_ends_what_signed_before() {
        let own = followed(&[key("a", 0)], key("b", 7 * DAY_S), 0, false);
        let own = followed(&own, key("c", 3 * DAY_S), 0, false);
        let until = Some(3 * DAY_S + OLD_DECRYPTS_S);
        assert_eq!(ends(&own, 0), [("c", None), ("b", until), ("a", until)]);
        assert_eq!(signing(&own, 7 * DAY_S).unwrap().certificate, "c");
    }
}
