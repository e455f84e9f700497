//! Single logout: requests of the provider end sessions here, and signing out here asks the provider.

use std::io::{Read, Write};

use bartizan_testkit::{Credential, TestCloud};
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use reqwest::Url;
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{
    super::put, DSIG, ECDSA, ISSUER, Key, SAML, SAMLP, SSO_URL, Told, activate, credential, sign_in, time,
    with_signature,
};

const SLO: &str = "https://idp.acme.test/slo";
/// Where a browser goes with a message that is not taken.
const REFUSED: &str = "/login?error=saml_logout_refused";

/// A message of the provider; a test changes some of it.
#[derive(Clone)]
struct Asked {
    id: String,
    issuer: String,
    destination: String,
    made: i64,
    end: Option<i64>,
    name: String,
    sessions: Vec<&'static str>,
}

impl Asked {
    fn new(cloud: &TestCloud) -> Asked {
        Asked {
            id: format!("_l{}", uuid::Uuid::new_v4().simple()),
            issuer: ISSUER.to_owned(),
            destination: address(cloud),
            made: cloud.running.cloud.now() - 5,
            end: None,
            name: "eve".to_owned(),
            sessions: vec![],
        }
    }

    /// In canonical form, without a signature.
    fn text(&self) -> String {
        let end = self.end.map(|end| format!(" NotOnOrAfter=\"{}\"", time(end))).unwrap_or_default();
        let sessions: String = self
            .sessions
            .iter()
            .map(|index| format!("<samlp:SessionIndex>{index}</samlp:SessionIndex>"))
            .collect();
        format!(
            "<samlp:LogoutRequest xmlns:samlp=\"{SAMLP}\" Destination=\"{}\" ID=\"{}\" IssueInstant=\"{}\"{end} \
             Version=\"2.0\"><saml:Issuer xmlns:saml=\"{SAML}\">{}</saml:Issuer><saml:NameID xmlns:saml=\"{SAML}\">{}\
             </saml:NameID>{sessions}</samlp:LogoutRequest>",
            self.destination,
            self.id,
            time(self.made),
            self.issuer,
            self.name,
        )
    }

    fn form(&self, cloud: &TestCloud, key: &Key) -> String {
        let text = self.text();
        with_signature(&text, &Told::new(cloud, "").signature(&text, &self.id, key))
    }
}

fn address(cloud: &TestCloud) -> String {
    format!("{}/v1/sso/saml/{}/logout", cloud.url, cloud.client.uuid)
}

/// A message in the form of a query, signed.
fn query(parameter: &str, message: &str, state: Option<&str>, key: &Key) -> String {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(message.as_bytes()).unwrap();
    signed_query(parameter, &encoder.finish().unwrap(), state, key)
}

/// Octets in the form of a query, signed as they are.
fn signed_query(parameter: &str, octets: &[u8], state: Option<&str>, key: &Key) -> String {
    let packed = STANDARD.encode(octets);
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    pairs.append_pair(parameter, &packed);
    if let Some(state) = state {
        pairs.append_pair("RelayState", state);
    }
    let text = pairs.append_pair("SigAlg", ECDSA).finish();
    let signature = key.pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
    let mut pairs = url::form_urlencoded::Serializer::new(text);
    pairs.append_pair("Signature", &STANDARD.encode(signature.as_ref())).finish()
}

struct Answer {
    status: u16,
    location: String,
    text: String,
    policy: String,
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let header = |name: &str| {
        answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    let (status, location) = (answer.status().as_u16(), header("location"));
    let policy = header("content-security-policy");
    Answer { status, location, policy, text: answer.text().await.unwrap() }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

async fn by_redirect(cloud: &TestCloud, query: &str) -> Answer {
    answer(http().get(format!("{}?{query}", address(cloud)))).await
}

async fn by_form(cloud: &TestCloud, message: &str, state: &str) -> Answer {
    let form = [("SAMLRequest", STANDARD.encode(message)), ("RelayState", state.to_owned())];
    answer(http().post(address(cloud)).form(&form)).await
}

/// What our message in an address says, with its state; it is signed by the key of our metadata.
async fn ours(cloud: &TestCloud, location: &str, parameter: &str) -> (String, Option<String>) {
    assert!(location.starts_with(SLO), "{location}");
    let path = format!("/v1/sso/saml/{}/metadata", cloud.client.uuid);
    let metadata = cloud.get(&Credential::Anonymous, &path).await.text;
    let certificate = metadata.split("use=\"signing\"").nth(1).unwrap();
    let certificate = certificate.split("<ds:X509Certificate>").nth(1).unwrap().split('<').next().unwrap();
    let certificate = STANDARD.decode(certificate).unwrap();
    let (_, parsed) = X509Certificate::from_der(&certificate).unwrap();
    let key =
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &parsed.public_key().subject_public_key.data);
    let url = Url::parse(location).unwrap();
    let (text, signature) = url.query().unwrap().split_once("&Signature=").unwrap();
    let signature = url::form_urlencoded::parse(signature.as_bytes()).next().unwrap().0.into_owned();
    key.verify(text.as_bytes(), &STANDARD.decode(signature).unwrap()).unwrap();
    let value =
        |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let packed = STANDARD.decode(value(parameter).unwrap()).unwrap();
    let mut message = String::new();
    DeflateDecoder::new(packed.as_slice()).read_to_string(&mut message).unwrap();
    (message, value("RelayState"))
}

fn attribute(text: &str, name: &str) -> String {
    text.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// A cloud whose provider takes requests of single logout.
async fn start() -> (TestCloud, Key, Credential) {
    let (cloud, key) = (TestCloud::start().await, Key::new());
    let session = cloud.sign_in("admin@acme.test").await;
    let settings = json!({"issuer": ISSUER, "sso_url": SSO_URL, "x509": key.certificate,
        "domains": ["acme.test"], "single_logout_url": SLO});
    let view = put(&cloud, &session, "/v1/sso/saml", settings).await;
    assert_eq!(view.0, 200, "{}", view.1);
    let mapping = json!([{"group": "security", "role": "analytic"}]);
    assert_eq!(put(&cloud, &session, "/v1/sso/mapping", mapping).await.0, 200);
    activate(&cloud, &key, &session, json!({"provisioning": true})).await;
    (cloud, key, session)
}

/// Signs a person in, in a session of the provider; a credential that may change things.
async fn come(cloud: &TestCloud, key: &Key, name: &str, session: &'static str) -> Credential {
    let (end, cookie) = sign_in(cloud, |told| {
        (told.name, told.email) = (name.to_owned(), format!("{name}@acme.test"));
        told.session = session;
        told.response(&told.signed(key))
    })
    .await;
    assert_eq!(end, "/");
    let Credential::Cookie(cookie, _) = credential(cookie) else { unreachable!() };
    let view = cloud.get(&Credential::Cookie(cookie.clone(), String::new()), "/v1/session").await.body();
    Credential::Cookie(cookie, view["csrf"].as_str().unwrap().to_owned())
}

async fn status(cloud: &TestCloud, session: &Credential) -> u16 {
    cloud.get(session, "/v1/user").await.status
}

#[tokio::test]
async fn a_request_of_the_provider_ends_the_sessions_that_it_names_and_is_answered() {
    let (cloud, key, admin) = start().await;
    let one = come(&cloud, &key, "eve", "s1").await;
    let two = come(&cloud, &key, "eve", "s2").await;
    let three = come(&cloud, &key, "eve", "s3").await;
    let bob = come(&cloud, &key, "bob", "s4").await;
    let bearer = cloud.post(&one, "/v1/session/token", json!({})).await.body();
    // By form, one session.
    let asked = Asked { sessions: vec!["s1", "s9"], ..Asked::new(&cloud) };
    let reply = by_form(&cloud, &asked.form(&cloud, &key), "back & forth").await;
    assert_eq!(reply.status, 303, "{}", reply.text);
    let (message, state) = ours(&cloud, &reply.location, "SAMLResponse").await;
    assert_eq!(state.as_deref(), Some("back & forth"));
    assert!(message.contains("LogoutResponse") && message.contains("status:Success"), "{message}");
    assert_eq!(
        (attribute(&message, "InResponseTo"), attribute(&message, "Destination")),
        (asked.id.clone(), SLO.to_owned())
    );
    let entity = format!("{}/v1/sso/saml/{}/metadata", cloud.url, cloud.client.uuid);
    assert!(message.contains(&format!("<saml:Issuer>{entity}</saml:Issuer>")), "{message}");
    assert_eq!((status(&cloud, &one).await, status(&cloud, &two).await), (401, 200));
    let bearer = format!("Bearer {}", bearer["token"].as_str().unwrap());
    let derived = [("Authorization", bearer.as_str())];
    let reply =
        cloud.call_with(&Credential::Anonymous, reqwest::Method::GET, "/v1/user", &derived, None).await;
    assert_eq!(reply.status, 401, "what was derived from the session");
    // By redirect, all of the person's.
    let reply = by_redirect(&cloud, &query("SAMLRequest", &Asked::new(&cloud).text(), None, &key)).await;
    assert_eq!(reply.status, 302, "{}", reply.text);
    assert_eq!(ours(&cloud, &reply.location, "SAMLResponse").await.1, None);
    assert_eq!((status(&cloud, &two).await, status(&cloud, &three).await), (401, 401));
    assert_eq!((status(&cloud, &bob).await, status(&cloud, &admin).await), (200, 200));
    let log = format!("/v1/activity_log/{}/events?filter[object_types][]=sign_in", cloud.client.id);
    let log = cloud.get(&admin, &log).await.body();
    let ended: Vec<_> = log["objects"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["state_after_action"]["by"] == "saml")
        .map(|entry| (entry["object"]["name"].clone(), entry["state_after_action"]["sessions"].clone()))
        .collect();
    assert_eq!(ended, [(json!("eve@acme.test"), json!(2)), (json!("eve@acme.test"), json!(1))], "{log}");
    // Whoever has no session here is signed out.
    let nobody = Asked { name: "nobody".to_owned(), ..Asked::new(&cloud) };
    let reply = by_redirect(&cloud, &query("SAMLRequest", &nobody.text(), None, &key)).await;
    assert!(ours(&cloud, &reply.location, "SAMLResponse").await.0.contains("status:Success"));
}

#[tokio::test]
async fn requests_that_are_not_the_providers_or_not_of_now_are_refused() {
    let (cloud, key, _) = start().await;
    let eve = come(&cloud, &key, "eve", "s1").await;
    let (good, other) = (Asked::new(&cloud), Key::new());
    let now = cloud.running.cloud.now();
    let signed = |asked: &Asked, key: &Key| query("SAMLRequest", &asked.text(), Some("x"), key);
    let whole = signed(&good, &key);
    let unsigned = whole.split("&SigAlg").next().unwrap().to_owned();
    let other_message = signed(&Asked { name: "bob".to_owned(), ..good.clone() }, &key);
    let moved = format!("{}&{}", other_message.split('&').next().unwrap(), whole.split_once('&').unwrap().1);
    let queries = [
        ("unsigned", unsigned.clone()),
        ("nothing", String::new()),
        ("signed by somebody else", signed(&good, &other)),
        ("another message under the signature", moved),
        ("another state", whole.replace("RelayState=x", "RelayState=y")),
        ("without its state", whole.replace("&RelayState=x", "")),
        ("SHA-1", whole.replace("xmldsig-more%23ecdsa-sha256", "xmldsig-more%23ecdsa-sha1")),
        ("twice", format!("{unsigned}&{whole}")),
        ("as a response", whole.replace("SAMLRequest", "SAMLResponse")),
        ("both", format!("{whole}&SAMLResponse=x")),
        ("not deflated", signed_query("SAMLRequest", good.text().as_bytes(), Some("x"), &key)),
        ("another issuer", signed(&Asked { issuer: "urn:other".to_owned(), ..good.clone() }, &key)),
        ("another address", signed(&Asked { destination: cloud.url.clone(), ..good.clone() }, &key)),
        ("made long ago", signed(&Asked { made: now - 600, ..good.clone() }, &key)),
        ("ended", signed(&Asked { end: Some(now - 200), ..good.clone() }, &key)),
        ("from the future", signed(&Asked { made: now + 300, ..good.clone() }, &key)),
        ("nobody named", signed(&Asked { name: String::new(), ..good.clone() }, &key)),
        ("a page that there is not", "page=bzo_x".to_owned()),
    ];
    for (what, query) in queries {
        let reply = by_redirect(&cloud, &query).await;
        assert_eq!((reply.status, reply.location.as_str()), (302, REFUSED), "{what}");
    }
    let form = good.form(&cloud, &key);
    // A request about bob that was signed once, within one about eve that never was.
    let bobs = Asked { name: "bob".to_owned(), ..good.clone() };
    let signature = Told::new(&cloud, "").signature(&bobs.text(), &bobs.id, &key);
    let around = |inner: &str| {
        let outer = Asked { id: "_outer".to_owned(), ..good.clone() }.text();
        let outer = outer.trim_end_matches("</samlp:LogoutRequest>");
        format!("{outer}<samlp:Extensions>{inner}</samlp:Extensions></samlp:LogoutRequest>")
    };
    let answered = good.text().replace("LogoutRequest", "LogoutResponse");
    let of_another = Told::new(&cloud, "").signature(&good.text(), "_another", &key);
    for (what, message) in [
        ("unsigned", good.text()),
        ("signed by somebody else", good.form(&cloud, &other)),
        ("changed", form.replace(">eve<", ">bob<")),
        ("wrapped, the signature with what it signs", around(&with_signature(&bobs.text(), &signature))),
        ("wrapped, the signature outside", with_signature(&around(&bobs.text()), &signature)),
        ("by a signature of another element", with_signature(&good.text(), &of_another)),
        ("a document type", format!("<!DOCTYPE x>{form}")),
        (
            "another element",
            with_signature(&answered, &Told::new(&cloud, "").signature(&answered, &good.id, &key)),
        ),
        ("no XML", "x".to_owned()),
        ("nothing", String::new()),
        ("signed with SHA-1", form.replace("xmldsig-more#ecdsa-sha256", "xmldsig-more#ecdsa-sha1")),
        ("without a signature in it", form.replace(DSIG, "urn:x")),
    ] {
        let reply = by_form(&cloud, &message, "x").await;
        assert_eq!((reply.status, reply.location.as_str()), (303, REFUSED), "{what}");
    }
    assert_eq!(status(&cloud, &eve).await, 200, "nothing of this ended anything");
    // The good one counts once, whichever way it comes.
    assert!(by_redirect(&cloud, &whole).await.location.starts_with(SLO));
    assert_eq!(status(&cloud, &eve).await, 401);
    let eve = come(&cloud, &key, "eve", "s1").await;
    for again in [by_redirect(&cloud, &whole).await, by_form(&cloud, &form, "x").await] {
        assert_eq!(again.location, REFUSED);
    }
    assert_eq!(status(&cloud, &eve).await, 200);
    // At the address of another client nothing of this one is taken.
    let rival = cloud.add_company("Rival").await;
    let elsewhere = address(&cloud).replace(&cloud.client.uuid, &rival.uuid);
    let fresh = Asked { destination: elsewhere.clone(), ..Asked::new(&cloud) };
    let reply = answer(http().get(format!("{elsewhere}?{}", signed(&fresh, &key)))).await;
    assert_eq!(reply.location, REFUSED);
    assert_eq!(status(&cloud, &eve).await, 200);
}

/// An answer of the provider to a request of ours.
fn answered(cloud: &TestCloud, request: &str, status: &str) -> String {
    let now = time(cloud.running.cloud.now());
    format!(
        "<samlp:LogoutResponse xmlns:samlp=\"{SAMLP}\" Destination=\"{}\" ID=\"_x{}\" InResponseTo=\"{request}\" \
         IssueInstant=\"{now}\" Version=\"2.0\"><saml:Issuer xmlns:saml=\"{SAML}\">{ISSUER}</saml:Issuer><samlp:Status>\
         <samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:{status}\"></samlp:StatusCode></samlp:Status>\
         </samlp:LogoutResponse>",
        address(cloud),
        uuid::Uuid::new_v4().simple(),
    )
}

#[tokio::test]
async fn whoever_signs_out_here_is_signed_out_at_the_provider() {
    let (cloud, key, admin) = start().await;
    let eve = come(&cloud, &key, "eve", "s1").await;
    let out = cloud.post(&eve, "/v1/logout", json!({})).await.body();
    assert_eq!(status(&cloud, &eve).await, 401);
    let (message, state) = ours(&cloud, out["sso_logout_url"].as_str().unwrap(), "SAMLRequest").await;
    assert!(message.contains("<saml:NameID>eve</saml:NameID><samlp:SessionIndex>s1<"), "{message}");
    assert_eq!(attribute(&message, "Destination"), SLO);
    let (request, state) = (attribute(&message, "ID"), state.unwrap());
    let close = async |request: &str, state: &str, key: &Key| {
        let message = answered(&cloud, request, "Success");
        by_redirect(&cloud, &query("SAMLResponse", &message, Some(state), key)).await
    };
    assert_eq!(close("_other", &state, &key).await.location, REFUSED, "an answer to something else");
    assert_eq!(close(&request, "bzo_x", &key).await.location, REFUSED, "another state");
    assert_eq!(close(&request, &state, &Key::new()).await.location, REFUSED, "signed by somebody else");
    let end = close(&request, &state, &key).await;
    assert_eq!((end.status, end.location.as_str()), (302, "/login"));
    assert_eq!(close(&request, &state, &key).await.location, REFUSED, "again");
    // Another answer than success ends at the same place.
    let eve = come(&cloud, &key, "eve", "s1").await;
    let out = cloud.post(&eve, "/v1/logout", json!({})).await.body();
    let (message, state) = ours(&cloud, out["sso_logout_url"].as_str().unwrap(), "SAMLRequest").await;
    let partial = answered(&cloud, &attribute(&message, "ID"), "Responder");
    let reply = by_redirect(&cloud, &query("SAMLResponse", &partial, state.as_deref(), &key)).await;
    assert_eq!((reply.status, reply.location.as_str()), (302, "/login"));
    // Whoever signed in by a password has no session there.
    let out = cloud.post(&admin, "/v1/logout", json!({})).await.body();
    assert_eq!(out["sso_logout_url"], Value::Null);
}

#[tokio::test]
async fn a_provider_that_takes_forms_only_gets_one() {
    let (cloud, key) = (TestCloud::start().await, Key::new());
    let session = cloud.sign_in("admin@acme.test").await;
    let certificate: String = key.certificate.lines().filter(|line| !line.starts_with('-')).collect();
    let bindings = "urn:oasis:names:tc:SAML:2.0:bindings";
    let theirs = format!(
        "<md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{ISSUER}\"><md:IDPSSODescriptor \
         protocolSupportEnumeration=\"{SAMLP}\"><md:KeyDescriptor use=\"signing\"><ds:KeyInfo xmlns:ds=\"{DSIG}\">\
         <ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>\
         <md:SingleLogoutService Binding=\"{bindings}:SOAP\" Location=\"https://idp.acme.test/soap\"/>\
         <md:SingleLogoutService Binding=\"{bindings}:HTTP-POST\" Location=\"{SLO}\" \
         ResponseLocation=\"https://idp.acme.test/slo/done\"/><md:SingleSignOnService \
         Binding=\"{bindings}:HTTP-Redirect\" Location=\"{SSO_URL}\"/></md:IDPSSODescriptor></md:EntityDescriptor>"
    );
    let settings = json!({"metadata_xml": theirs, "domains": ["acme.test"]});
    let view = cloud.call(&session, reqwest::Method::PUT, "/v1/sso/saml", Some(&settings)).await.body();
    assert_eq!(view["settings"]["single_logout"]["binding"], "post");
    assert_eq!(view["own_certificates"].as_array().unwrap().len(), 1, "a key was made for it");
    let mapping = json!([{"group": "security", "role": "analytic"}]);
    assert_eq!(put(&cloud, &session, "/v1/sso/mapping", mapping).await.0, 200);
    activate(&cloud, &key, &session, json!({"provisioning": true})).await;
    let eve = come(&cloud, &key, "eve", "s1").await;
    let out = cloud.post(&eve, "/v1/logout", json!({})).await.body();
    let page = out["sso_logout_url"].as_str().unwrap().to_owned();
    assert!(page.starts_with(&format!("{}?page=bzo_", address(&cloud))), "{page}");
    let shown = answer(http().get(&page)).await;
    assert!(shown.status == 200 && shown.policy.contains("script-src 'sha256-"), "{}", shown.policy);
    assert!(shown.text.contains(&format!("action=\"{SLO}\"")), "{}", shown.text);
    let value = |text: &str, name: &str| {
        let behind = text.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        String::from_utf8(STANDARD.decode(behind.split('"').next().unwrap()).unwrap()).unwrap()
    };
    let message = value(&shown.text, "SAMLRequest");
    let signed = &message[message.find("<ds:Signature ").unwrap()..];
    assert!(message.contains("LogoutRequest") && signed.contains(&attribute(&message, "ID")), "{message}");
    assert_eq!(answer(http().get(&page)).await.location, REFUSED, "a page is shown once");
    // The answer goes where the provider takes answers.
    come(&cloud, &key, "eve", "s1").await;
    let reply = by_form(&cloud, &Asked::new(&cloud).form(&cloud, &key), "x").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(reply.text.contains("action=\"https://idp.acme.test/slo/done\""), "{}", reply.text);
    assert!(value(&reply.text, "SAMLResponse").contains("status:Success"));
}
