//! Extended security: signed requests, signed and encrypted assertions, and the certificates for them.

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, PrivateDecryptingKey};
use bartizan_cloud::services::sso::expiry;
use bartizan_store::{TenantId, entity::sso_config, sso};
use bartizan_testkit::{Credential, TestCloud};
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{Method, Url};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer, X509Certificate};

use self::encrypting::{How, Place, Transport, XENC, XENC11, canonical, oaep_sha256, strange_certificate};
use super::{
    super::{prove, with_proof},
    Key, Told, begin, sign_in, start, with_signature,
};

mod encrypting;
mod refusals;

const CERTIFICATE: &str = "/v1/sso/saml/certificate";
const REFUSED: &str = "/login?error=invalid_saml_response";
const DAY_MS: i64 = 86_400_000;

async fn metadata(cloud: &TestCloud) -> String {
    cloud.get(&Credential::Anonymous, &format!("/v1/sso/saml/{}/metadata", cloud.client.uuid)).await.text
}

/// The certificates of our metadata for a purpose, DER.
async fn published(cloud: &TestCloud, purpose: &str) -> Vec<Vec<u8>> {
    let metadata = metadata(cloud).await;
    let purpose = format!("use=\"{purpose}\"");
    let keys = metadata.split(&purpose).skip(1);
    let text = keys.map(|key| key.split("<ds:X509Certificate>").nth(1).unwrap().split('<').next().unwrap());
    text.map(|text| STANDARD.decode(text).unwrap()).collect()
}

/// Whether a request was signed with the key of a certificate, over the very text of its query.
fn is_signed_with(certificate: &[u8], location: &str) -> bool {
    let (_, parsed) = X509Certificate::from_der(certificate).unwrap();
    let key =
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &parsed.public_key().subject_public_key.data);
    let query = Url::parse(location).unwrap().query().unwrap().to_owned();
    let (text, signature) = query.split_once("&Signature=").unwrap();
    let names: Vec<&str> = text.split('&').map(|pair| pair.split('=').next().unwrap()).collect();
    assert_eq!(names, ["SAMLRequest", "RelayState", "SigAlg"]);
    assert!(
        text.ends_with("SigAlg=http%3A%2F%2Fwww.w3.org%2F2001%2F04%2Fxmldsig-more%23rsa-sha256"),
        "{text}"
    );
    let signature = url::form_urlencoded::parse(signature.as_bytes()).next().unwrap().0.into_owned();
    key.verify(text.as_bytes(), &STANDARD.decode(signature).unwrap()).is_ok()
}

async fn set(cloud: &TestCloud, session: &Credential, proof: &str, options: Value) -> (u16, Value) {
    let (status, text) = with_proof(cloud, session, proof, Method::PUT, "/v1/sso", options).await;
    (status, serde_json::from_str(&text).unwrap())
}

async fn make(cloud: &TestCloud, session: &Credential, proof: &str, request: Value) -> (u16, Value) {
    let (status, text) = with_proof(cloud, session, proof, Method::POST, CERTIFICATE, request).await;
    assert!(!text.contains("sealed") && !text.contains("PRIVATE"), "{text}");
    (status, serde_json::from_str(&text).unwrap())
}

/// A test sign-in; what it came to.
async fn test(cloud: &TestCloud, session: &Credential, respond: impl FnOnce(&mut Told) -> String) -> Value {
    let test = cloud.post(session, "/v1/sso/test", json!({})).await.body();
    let begun = begin(test["url"].as_str().unwrap()).await;
    let mut told = Told::new(cloud, &begun.request);
    let response = respond(&mut told);
    assert_eq!(begun.end(cloud, &response).await.0, "/settings/sso?tested=true");
    cloud.get(session, &format!("/v1/sso/test/{}", test["id"].as_str().unwrap())).await.body()
}

/// A response with an encrypted assertion.
fn encrypted<'a>(certificate: &'a [u8], key: &'a Key, how: &'a How) -> impl Fn(&mut Told) -> String + 'a {
    move |told| told.response(&how.encrypt(certificate, &told.signed(key)))
}

/// A cloud with extended security in force, its provider's key, the administrator, a proof and our certificate.
async fn start_extended() -> (TestCloud, Key, Credential, String, Vec<u8>) {
    let (cloud, key, session) = start().await;
    let proof = prove(&cloud, &session).await;
    let (status, view) = set(&cloud, &session, &proof, json!({"extended_security": true})).await;
    assert_eq!((status, &view["body"]["extended_security"]), (200, &json!(true)), "{view}");
    let certificate = published(&cloud, "encryption").await.remove(0);
    let result = test(&cloud, &session, encrypted(&certificate, &key, &How::default())).await;
    assert_eq!((&result["state"], &result["role"]), (&json!("success"), &json!("analytic")), "{result}");
    let options = json!({"provisioning": true, "fallback_user_id": cloud.admin.id});
    assert_eq!(set(&cloud, &session, &proof, options).await.0, 200);
    cloud.post(&session, "/v1/sso/activate", json!({})).await.body();
    (cloud, key, session, proof, certificate)
}

fn login(cloud: &TestCloud) -> String {
    super::login(cloud)
}

#[tokio::test]
async fn requests_are_signed_and_assertions_must_be_encrypted() {
    let (cloud, key, session) = start().await;
    // Proven without encryption, which will not be enough.
    let plain = test(&cloud, &session, |told| told.response(&told.signed(&key))).await;
    assert_eq!(plain["state"], "success");
    let proof = prove(&cloud, &session).await;
    let (status, view) = set(&cloud, &session, &proof, json!({"extended_security": true})).await;
    let view = &view["body"];
    assert_eq!((status, &view["state"], &view["tested_at"]), (200, &json!("draft"), &Value::Null), "{view}");
    let early = cloud.post(&session, "/v1/sso/activate", json!({})).await;
    assert!(early.status == 400 && early.text.contains("test sign-in"), "{}", early.text);
    let shown = view["own_certificates"][0]["certificate"].as_str().unwrap();
    let shown: String = shown.lines().filter(|line| !line.starts_with('-')).collect();
    let certificate = STANDARD.decode(&shown).unwrap();
    assert_eq!(published(&cloud, "encryption").await, vec![certificate.clone()]);
    assert_eq!(published(&cloud, "signing").await, vec![certificate.clone()]);
    let text = metadata(&cloud).await.replace(&shown, "[certificate]").replace(&cloud.url, "[cloud]");
    insta::assert_snapshot!("saml_metadata_extended", text.replace(&cloud.client.uuid, "[client]"));
    let (_, parsed) = X509Certificate::from_der(&certificate).unwrap();
    let (now, days) = (cloud.running.cloud.now(), 86_400);
    // Three years, up to the 28th of the month.
    let (from, to) = (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
    assert!(from < now && now + 1090 * days < to && to < now + 1097 * days, "{from} {to}");
    assert_eq!(view["own_certificates"][0]["ends_at"], to);
    let own =
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &parsed.public_key().subject_public_key.data);
    own.verify(parsed.tbs_certificate.as_ref(), &parsed.signature_value.data).unwrap();

    let result = test(&cloud, &session, encrypted(&certificate, &key, &How::default())).await;
    assert_eq!(result["state"], "success", "{result}");
    let options = json!({"provisioning": true, "fallback_user_id": cloud.admin.id});
    assert_eq!(set(&cloud, &session, &proof, options).await.0, 200);
    let view = cloud.post(&session, "/v1/sso/activate", json!({})).await;
    assert!(view.body()["tested_encrypted_at"].is_i64() && !view.text.contains("sealed"), "{}", view.text);
    let begun = begin(&login(&cloud)).await;
    assert!(is_signed_with(&certificate, &begun.location), "{}", begun.location);
    let changed = begun.location.replace("RelayState=bzo_", "RelayState=bzo_A");
    assert!(!is_signed_with(&certificate, &changed));
    assert_eq!(sign_in(&cloud, |told| told.response(&told.signed(&key))).await.0, REFUSED, "not encrypted");
    // Off again: plain ones are taken, encrypted ones still are.
    let (status, view) = set(&cloud, &session, &proof, json!({"extended_security": false})).await;
    assert_eq!((status, &view["body"]["state"]), (200, &json!("active")), "{view}");
    assert!(!begin(&login(&cloud)).await.location.contains("Signature"));
    assert_eq!(sign_in(&cloud, |told| told.response(&told.signed(&key))).await.0, "/");
    assert_eq!(sign_in(&cloud, encrypted(&certificate, &key, &How::default())).await.0, "/");
    let log = cloud.get(&session, &format!("/v1/activity_log/{}/events", cloud.client.id)).await;
    assert!(log.text.contains("extended_security"), "{}", log.text);
    // The private key goes nowhere, neither as it is nor sealed; the log is searched when the test ends.
    let state = &cloud.running.cloud;
    let config =
        bartizan_store::sso::find(state.store.reader(), TenantId(cloud.client.id)).await.unwrap().unwrap();
    let sealed = config.saml_keys.unwrap()[0]["key_sealed"].as_str().unwrap().to_owned();
    let key = bartizan_cloud::secrets::unseal(&state.keys, &sealed).unwrap();
    assert!(PrivateDecryptingKey::from_pkcs8(&STANDARD.decode(&key).unwrap()).is_ok());
    let view = cloud.get(&session, "/v1/sso").await;
    let export = cloud.get(&session, &format!("/v1/client/{}/export", cloud.client.id)).await;
    assert!(export.text.contains("sso_configs"), "{}", export.text);
    for text in [&log.text, &view.text, &export.text, &metadata(&cloud).await] {
        assert!(!text.contains(&key) && !text.contains(&sealed), "{text}");
    }
    cloud.keep_secret([key, sealed]);
}

#[tokio::test]
async fn what_providers_send_is_decrypted() {
    let (cloud, key, _, _, certificate) = start_extended().await;
    let ciphers = [
        "http://www.w3.org/2009/xmlenc11#aes128-gcm",
        "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
        "http://www.w3.org/2001/04/xmlenc#aes256-cbc",
    ];
    let mut cases: Vec<(String, How)> =
        ciphers.into_iter().map(|cipher| (cipher.to_owned(), How { cipher, ..How::default() })).collect();
    cases.push((
        "no digest named".to_owned(),
        How { transport_xml: format!("Algorithm=\"{XENC}rsa-oaep-mgf1p\">"), ..How::default() },
    ));
    cases.push((
        "neither digest nor mask named".to_owned(),
        How { transport_xml: format!("Algorithm=\"{XENC11}rsa-oaep\">"), ..How::default() },
    ));
    cases.push((
        "SHA-256".to_owned(),
        How {
            transport: Transport::Oaep(&OAEP_SHA256_MGF1SHA256),
            transport_xml: oaep_sha256(),
            ..How::default()
        },
    ));
    cases.push((
        "SHA-384".to_owned(),
        How {
            transport: Transport::Oaep(&OAEP_SHA384_MGF1SHA384),
            transport_xml: oaep_sha256()
                .replace("xmlenc#sha256", "xmldsig-more#sha384")
                .replace("mgf1sha256", "mgf1sha384"),
            ..How::default()
        },
    ));
    for (name, key) in [("beside", Place::Beside), ("referenced", Place::Referenced)] {
        cases.push((name.to_owned(), How { key, ..How::default() }));
    }
    for (what, how) in cases {
        let (end, cookie) = sign_in(&cloud, encrypted(&certificate, &key, &how)).await;
        assert!(end == "/" && cookie.is_some(), "{what}: {end}");
    }
    let whole = |told: &mut Told| {
        let response = told.response(&How::default().encrypt(&certificate, &told.signed(&key)));
        // The provider's canonical form: without the declarations that nothing uses, and no empty tags.
        let response = canonical(&response);
        with_signature(&response, &told.signature(&response, &format!("_r{}", told.id), &key))
    };
    assert_eq!(sign_in(&cloud, whole).await.0, "/", "the response is signed, too");
}

/// A cloud with SAML in force as it always was, its provider's key, the administrator and a proof.
async fn start_active() -> (TestCloud, Key, Credential, String) {
    let (cloud, key, session) = start().await;
    let proof = prove(&cloud, &session).await;
    let plain = test(&cloud, &session, |told| told.response(&told.signed(&key))).await;
    assert_eq!(plain["state"], "success");
    let options = json!({"provisioning": true, "fallback_user_id": cloud.admin.id});
    assert_eq!(set(&cloud, &session, &proof, options).await.0, 200);
    cloud.post(&session, "/v1/sso/activate", json!({})).await.body();
    (cloud, key, session, proof)
}

#[tokio::test]
async fn an_active_provider_is_told_of_the_certificate_first() {
    let (cloud, key, session, proof) = start_active().await;
    let strange = STANDARD.decode(strange_certificate()).unwrap();
    let unknown = test(&cloud, &session, encrypted(&strange, &key, &How::default())).await;
    assert!(unknown["error"].as_str().unwrap().contains("we have no key"), "{unknown}");
    let on = json!({"extended_security": true});
    let refused = async |on: &Value| {
        let (status, answer) = set(&cloud, &session, &proof, on.clone()).await;
        assert!(status == 400 && answer.to_string().contains("POST /v1/sso/saml/certificate"), "{answer}");
    };
    refused(&on).await;
    let (status, view) = make(&cloud, &session, &proof, json!({})).await;
    let made = &view["body"]["own_certificates"][0];
    assert_eq!(status, 200, "{view}");
    assert!(
        made["signs_from"].as_i64().unwrap() <= cloud.running.cloud.now(),
        "the first signs at once: {made}"
    );
    assert!(metadata(&cloud).await.contains("AuthnRequestsSigned=\"false\""));
    let certificate = published(&cloud, "encryption").await.remove(0);
    refused(&on).await;
    let plain = |told: &mut Told| told.response(&told.signed(&key));
    assert_eq!(test(&cloud, &session, plain).await["state"], "success");
    refused(&on).await;
    assert_eq!(sign_in(&cloud, plain).await.0, "/");
    assert_eq!(sign_in(&cloud, encrypted(&certificate, &key, &How::default())).await.0, "/");
    let signed_around = |told: &mut Told| {
        let response = canonical(&told.response(&How::default().encrypt(&certificate, &told.assertion())));
        with_signature(&response, &told.signature(&response, &format!("_r{}", told.id), &key))
    };
    assert_eq!(test(&cloud, &session, signed_around).await["state"], "success");
    refused(&on).await;
    let result = test(&cloud, &session, encrypted(&certificate, &key, &How::default())).await;
    assert_eq!(result["state"], "success", "{result}");
    // Believed without encryption, but not at its end yet.
    let mut begun = begin(&login(&cloud)).await;
    let mut told = Told::new(&cloud, &begun.request);
    let next = begun.post(&cloud, &plain(&mut told)).await;
    let (status, view) = set(&cloud, &session, &proof, on).await;
    assert_eq!((status, &view["body"]["state"]), (200, &json!("active")), "{view}");
    assert_eq!(begun.browser.get(&format!("{}{next}", cloud.url)).await.0, REFUSED);
    assert_eq!(sign_in(&cloud, plain).await.0, REFUSED);
    assert_eq!(sign_in(&cloud, encrypted(&certificate, &key, &How::default())).await.0, "/");
    // After a theft the old key ends at once.
    let (status, view) = make(&cloud, &session, &proof, json!({"replace": true})).await;
    assert_eq!((status, view["body"]["own_certificates"].as_array().unwrap().len()), (200, 1), "{view}");
    assert_eq!(sign_in(&cloud, encrypted(&certificate, &key, &How::default())).await.0, REFUSED);
    let new = published(&cloud, "encryption").await.remove(0);
    assert_eq!(sign_in(&cloud, encrypted(&new, &key, &How::default())).await.0, "/");
    assert!(is_signed_with(&new, &begin(&login(&cloud)).await.location));
}

#[tokio::test]
async fn one_certificate_follows_another_without_a_gap() {
    let (cloud, key, session, proof, old) = start_extended().await;
    let (status, view) = make(&cloud, &session, &proof, json!({"signs_after_days": "10"})).await;
    assert_eq!(status, 200, "{view}");
    let mut shown = view["body"]["own_certificates"].clone();
    let ends = shown[1]["decrypts_until"].as_i64().unwrap() - shown[0]["signs_from"].as_i64().unwrap();
    assert_eq!((ends, &shown[0]["decrypts_until"]), (30 * 86_400, &Value::Null));
    for certificate in shown.as_array_mut().unwrap() {
        for (name, value) in certificate.as_object_mut().unwrap() {
            if value.is_i64() || ["certificate", "fingerprint"].contains(&name.as_str()) {
                *value = json!("[some]");
            }
        }
    }
    insta::assert_json_snapshot!("saml_own_certificates", shown);
    let new = published(&cloud, "encryption").await.remove(0);
    assert_eq!(published(&cloud, "signing").await, [old.clone(), new.clone()]);
    // Whether the provider has the old one or the new, with which of them we sign, and whether people get in.
    let holds = async |signs: &[u8], decrypts: [&str; 2], when: &str| {
        assert!(is_signed_with(signs, &begin(&login(&cloud)).await.location), "{when}");
        for (certificate, expected) in [&old, &new].into_iter().zip(decrypts) {
            let end = sign_in(&cloud, encrypted(certificate, &key, &How::default())).await.0;
            assert_eq!(end, expected, "{when}");
        }
    };
    holds(&old, ["/", "/"], "made").await;
    cloud.running.cloud.clock.shift_ms(10 * DAY_MS);
    holds(&new, ["/", "/"], "signs").await;
    assert_eq!(published(&cloud, "signing").await, vec![new.clone()]);
    cloud.running.cloud.clock.shift_ms(29 * DAY_MS);
    holds(&new, ["/", "/"], "a month later").await;
    cloud.running.cloud.clock.shift_ms(DAY_MS);
    holds(&new, [REFUSED, "/"], "more than a month later").await;
}

#[tokio::test]
async fn a_certificate_made_before_the_one_ahead_of_it_signs_ends_neither() {
    let (cloud, key, session, proof, first) = start_extended().await;
    assert_eq!(make(&cloud, &session, &proof, json!({"signs_after_days": 10})).await.0, 200);
    let second = published(&cloud, "encryption").await.remove(0);
    let (status, view) = make(&cloud, &session, &proof, json!({"signs_after_days": 20})).await;
    assert_eq!((status, view["body"]["own_certificates"].as_array().unwrap().len()), (200, 3), "{view}");
    let third = published(&cloud, "encryption").await.remove(0);
    assert_eq!(published(&cloud, "signing").await, [first.clone(), second.clone(), third.clone()]);
    let (status, answer) = make(&cloud, &session, &proof, json!({})).await;
    assert!(status == 400 && answer.to_string().contains("at most 3 certificates"), "{answer}");
    // Days to pass, who signs then, and whether people get in with an assertion for each of the three.
    for (days, signs, ends) in [
        (0, &first, ["/", "/", "/"]),
        (10, &second, ["/", "/", "/"]),
        (10, &third, ["/", "/", "/"]),
        (19, &third, ["/", "/", "/"]),
        (1, &third, [REFUSED, "/", "/"]),
        (10, &third, [REFUSED, REFUSED, "/"]),
    ] {
        cloud.running.cloud.clock.shift_ms(days * DAY_MS);
        assert!(is_signed_with(signs, &begin(&login(&cloud)).await.location), "{days} {ends:?}");
        for (certificate, expected) in [&first, &second, &third].into_iter().zip(ends) {
            let end = sign_in(&cloud, encrypted(certificate, &key, &How::default())).await.0;
            assert_eq!(end, expected, "{days} {ends:?}");
        }
    }
    assert_eq!(published(&cloud, "signing").await, [third]);
}

#[tokio::test]
async fn what_was_believed_without_encryption_does_not_end_in_a_session_under_extended_security() {
    let (cloud, key, _, _) = start_active().await;
    let mut begun = begin(&login(&cloud)).await;
    let told = Told::new(&cloud, &begun.request);
    let next = begun.post(&cloud, &told.response(&told.signed(&key))).await;
    // As when the option is turned on while the response is on its way: its ticket is made after the others have ended.
    let store = &cloud.running.cloud.store;
    let config = sso::find(store.reader(), TenantId(cloud.client.id)).await.unwrap().unwrap();
    sso::put(store.writer(), sso_config::Model { extended_security: true, ..config }).await.unwrap();
    assert_eq!(begun.browser.get(&format!("{}{next}", cloud.url)).await.0, REFUSED);
}

#[tokio::test]
async fn certificates_are_made_by_who_may_change_single_sign_on() {
    let (cloud, _, session) = start().await;
    let on = json!({"extended_security": true});
    for (path, method, body) in [("/v1/sso", Method::PUT, &on), (CERTIFICATE, Method::POST, &json!({}))] {
        let refused = with_proof(&cloud, &session, "rat_nothing", method.clone(), path, body.clone()).await;
        assert_eq!(refused.0, 403, "{path} without a proof: {}", refused.1);
        cloud.add_user(cloud.client.id, &format!("a{}@acme.test", path.len()), &["analytic"]).await;
        let other = cloud.sign_in(&format!("a{}@acme.test", path.len())).await;
        let refused = with_proof(&cloud, &other, "rat_nothing", method, path, body.clone()).await;
        assert!(refused.0 == 403 && refused.1.contains("Access denied"), "{path}: {}", refused.1);
    }
    let proof = prove(&cloud, &session).await;
    for (said, body) in [
        ("signs_after_days", json!({"signs_after_days": 31})),
        ("signs_after_days", json!({"signs_after_days": -1})),
        ("a whole number", json!({"signs_after_days": "soon"})),
        ("signs_after_days", json!({"signs_after_days": 1, "replace": true})),
        ("true or false", json!({"replace": "yes"})),
        ("nope", json!({"nope": 1})),
    ] {
        let (status, answer) = make(&cloud, &session, &proof, body.clone()).await;
        assert!(status == 400 && answer.to_string().contains(said), "{body}: {answer}");
    }
    // The address of the provider keeps a query of its own.
    let settings = json!({
        "issuer": super::ISSUER, "sso_url": format!("{}?tenant=7", super::SSO_URL), "x509": Key::new().certificate,
    });
    assert_eq!(super::put(&cloud, &session, "/v1/sso/saml", settings).await.0, 200);
    assert_eq!(set(&cloud, &session, &proof, on.clone()).await.0, 200);
    let link = cloud.post(&session, "/v1/sso/test", json!({})).await.body();
    let begun = begin(link["url"].as_str().unwrap()).await;
    assert!(begun.location.contains("/sso?tenant=7&SAMLRequest="), "{}", begun.location);
    // What is kept of it goes with it, and other kinds have nothing of this.
    let oidc = json!({"issuer": "https://login.acme.test", "client_id": "b", "client_secret": "hush"});
    let view = super::put(&cloud, &session, "/v1/sso/oidc", oidc).await;
    assert!(view.0 == 200 && view.1.contains("\"own_certificates\":[]"), "{}", view.1);
    for (status, answer) in
        [set(&cloud, &session, &proof, on).await, make(&cloud, &session, &proof, json!({})).await]
    {
        assert!(status == 400 && answer.to_string().contains("is for SAML"), "{answer}");
    }
    assert_eq!(published(&cloud, "encryption").await.len(), 0);
}

#[tokio::test]
async fn administrators_hear_before_our_certificate_ends() {
    let mail = bartizan_testkit::smtp::MailServer::start().await;
    let cloud = crate::letters::start(&mail).await;
    let key = Key::new();
    let session = super::set_up(&cloud, &key).await;
    let proof = prove(&cloud, &session).await;
    assert_eq!(set(&cloud, &session, &proof, json!({"extended_security": true})).await.0, 200);
    let certificate = published(&cloud, "encryption").await.remove(0);
    let result = test(&cloud, &session, encrypted(&certificate, &key, &How::default())).await;
    assert_eq!(result["state"], "success", "{result}");
    let view = cloud.post(&session, "/v1/sso/activate", json!({})).await.body();
    let end = view["own_certificates"][0]["ends_at"].as_i64().unwrap();
    while mail.now().await.is_some() {}
    let state = &cloud.running.cloud;
    for (days_left, told) in [(31, false), (29, true)] {
        state.clock.shift_ms((end - days_left * 86_400 - state.now()) * 1000);
        for _ in 0..2 {
            expiry::warn(state).await.unwrap();
        }
        if told {
            let letter = mail.next().await;
            assert!(
                crate::letters::text(&letter).contains("certificate of Bartizan for SAML"),
                "{}",
                letter.data
            );
        }
        assert!(mail.now().await.is_none(), "{days_left}");
    }
}
