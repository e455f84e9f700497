//! SAML against an identity provider of the test. Its texts are written in canonical form by hand, so that what it signs
//! does not depend on the code that verifies.

use std::io::Read;

use bartizan_cloud::services::sso::expiry;
use bartizan_store::sea_orm::ConnectionTrait;
use bartizan_testkit::{Credential, TestCloud, cloud::PASSWORD};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use reqwest::{Method, Url};
use ring::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use serde_json::{Value, json};

use super::{Browser, credential, login, put, with_proof};

mod extended;
mod logout;

const ISSUER: &str = "https://idp.acme.test/metadata";
const SSO_URL: &str = "https://idp.acme.test/sso";
const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const SAMLP: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
const ECDSA: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";

struct Key {
    pair: EcdsaKeyPair,
    certificate: String,
}

impl Key {
    fn new() -> Key {
        Key::of(rcgen::CertificateParams::new(vec![]).unwrap())
    }

    /// A key whose certificate ends with the day before this one.
    fn ending(day: DateTime<Utc>) -> Key {
        let part = |number: u32| u8::try_from(number).unwrap();
        let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
        params.not_after = rcgen::date_time_ymd(day.year(), part(day.month()), part(day.day()));
        Key::of(params)
    }

    fn of(params: rcgen::CertificateParams) -> Key {
        let pair = rcgen::KeyPair::generate().unwrap();
        let certificate = params.self_signed(&pair).unwrap();
        let der = pair.serialize_der();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new());
        Key { pair: pair.unwrap(), certificate: certificate.pem() }
    }
}

/// What a response says; a test changes some of it.
#[derive(Clone)]
struct Told {
    id: String,
    issuer: String,
    audience: String,
    recipient: String,
    request: String,
    begin: i64,
    end: i64,
    name: String,
    email: String,
    attributes: String,
    status: &'static str,
    canonicalization: &'static str,
    method: &'static str,
    digest: &'static str,
    transforms: String,
    /// Name of the session at the provider, if it has one.
    session: &'static str,
}

impl Told {
    fn new(cloud: &TestCloud, request: &str) -> Told {
        let now = cloud.running.cloud.now();
        Told {
            id: format!("_a{}", uuid::Uuid::new_v4().simple()),
            issuer: ISSUER.to_owned(),
            audience: format!("{}/v1/sso/saml/{}/metadata", cloud.url, cloud.client.uuid),
            recipient: format!("{}/v1/sso/saml/acs", cloud.url),
            request: request.to_owned(),
            begin: now - 30,
            end: now + 300,
            name: "eve".to_owned(),
            email: "Eve@acme.test".to_owned(),
            attributes: values("wallarm_roles", &["security"]),
            status: "Success",
            canonicalization: EXCLUSIVE,
            method: ECDSA,
            digest: SHA256,
            transforms: format!(
                "<ds:Transform Algorithm=\"{DSIG}enveloped-signature\"></ds:Transform>\
                 <ds:Transform Algorithm=\"{EXCLUSIVE}\"></ds:Transform>"
            ),
            session: "",
        }
    }

    /// Names prefixes that the canonical form keeps; none of them is used.
    fn name_prefixes(&mut self, count: usize) {
        let names: Vec<String> = (0..count).map(|number| format!("p{number}")).collect();
        let plain = format!("<ds:Transform Algorithm=\"{EXCLUSIVE}\"></ds:Transform>");
        let with = format!(
            "<ds:Transform Algorithm=\"{EXCLUSIVE}\"><ec:InclusiveNamespaces xmlns:ec=\"{EXCLUSIVE}\" PrefixList=\"{}\">\
             </ec:InclusiveNamespaces></ds:Transform>",
            names.join(" ")
        );
        self.transforms = self.transforms.replace(&plain, &with);
    }

    /// Without a signature, in canonical form.
    fn assertion(&self) -> String {
        let (begin, end) = (time(self.begin), time(self.end));
        let session = match self.session {
            "" => String::new(),
            session => format!(" SessionIndex=\"{session}\""),
        };
        format!(
            "<saml:Assertion xmlns:saml=\"{SAML}\" ID=\"{}\" IssueInstant=\"{begin}\" Version=\"2.0\">\
             <saml:Issuer>{}</saml:Issuer><saml:Subject><saml:NameID>{}</saml:NameID>\
             <saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\">\
             <saml:SubjectConfirmationData InResponseTo=\"{}\" NotOnOrAfter=\"{end}\" Recipient=\"{}\">\
             </saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject>\
             <saml:Conditions NotBefore=\"{begin}\" NotOnOrAfter=\"{end}\"><saml:AudienceRestriction>\
             <saml:Audience>{}</saml:Audience></saml:AudienceRestriction></saml:Conditions>\
             <saml:AuthnStatement AuthnInstant=\"{begin}\"{session}></saml:AuthnStatement>\
             <saml:AttributeStatement>{}{}</saml:AttributeStatement></saml:Assertion>",
            self.id,
            self.issuer,
            self.name,
            self.request,
            self.recipient,
            self.audience,
            values("email", &[&self.email]),
            self.attributes,
        )
    }

    /// The signature of an element in canonical form.
    fn signature(&self, element: &str, id: &str, key: &Key) -> String {
        let digest = STANDARD.encode(digest::digest(&digest::SHA256, element.as_bytes()));
        let info = format!(
            "<ds:SignedInfo xmlns:ds=\"{DSIG}\"><ds:CanonicalizationMethod Algorithm=\"{}\">\
             </ds:CanonicalizationMethod><ds:SignatureMethod Algorithm=\"{}\"></ds:SignatureMethod>\
             <ds:Reference URI=\"{}\"><ds:Transforms>{}</ds:Transforms><ds:DigestMethod Algorithm=\"{}\">\
             </ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>",
            self.canonicalization,
            self.method,
            if id.is_empty() { String::new() } else { format!("#{id}") },
            self.transforms,
            self.digest,
        );
        let value = key.pair.sign(&SystemRandom::new(), info.as_bytes()).unwrap();
        let certificate: String = key.certificate.lines().filter(|line| !line.starts_with('-')).collect();
        format!(
            "<ds:Signature xmlns:ds=\"{DSIG}\">{info}<ds:SignatureValue>{}</ds:SignatureValue><ds:KeyInfo>\
             <ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>\
             </ds:Signature>",
            STANDARD.encode(value.as_ref())
        )
    }

    fn signed(&self, key: &Key) -> String {
        let assertion = self.assertion();
        with_signature(&assertion, &self.signature(&assertion, &self.id, key))
    }

    /// A response in canonical form with something in it.
    fn response(&self, content: &str) -> String {
        format!(
            "<samlp:Response xmlns:samlp=\"{SAMLP}\" Destination=\"{}\" ID=\"_r{}\" InResponseTo=\"{}\" \
             IssueInstant=\"{}\" Version=\"2.0\"><saml:Issuer xmlns:saml=\"{SAML}\">{}</saml:Issuer>\
             <samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:{}\"></samlp:StatusCode>\
             </samlp:Status>{content}</samlp:Response>",
            self.recipient,
            self.id,
            self.request,
            time(self.begin),
            self.issuer,
            self.status,
        )
    }

    /// A response that is signed as a whole.
    fn signed_response(&self, key: &Key) -> String {
        let response = self.response(&self.assertion());
        let signature = self.signature(&response, &format!("_r{}", self.id), key);
        with_signature(&response, &signature)
    }
}

fn values(name: &str, values: &[&str]) -> String {
    let values: String =
        values.iter().map(|value| format!("<saml:AttributeValue>{value}</saml:AttributeValue>")).collect();
    format!("<saml:Attribute Name=\"{name}\">{values}</saml:Attribute>")
}

fn time(at: i64) -> String {
    DateTime::from_timestamp(at, 0).unwrap().to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// The signature goes behind the first issuer.
fn with_signature(element: &str, signature: &str) -> String {
    element.replacen("</saml:Issuer>", &format!("</saml:Issuer>{signature}"), 1)
}

async fn start() -> (TestCloud, Key, Credential) {
    let (cloud, key) = (TestCloud::start().await, Key::new());
    let session = set_up(&cloud, &key).await;
    (cloud, key, session)
}

/// Sets the provider with this key; the session of the administrator.
async fn set_up(cloud: &TestCloud, key: &Key) -> Credential {
    let session = cloud.sign_in("admin@acme.test").await;
    let settings = json!({
        "issuer": ISSUER, "sso_url": SSO_URL, "x509": key.certificate, "domains": ["acme.test"],
        "logout_url": "https://idp.acme.test/bye",
    });
    let view = put(cloud, &session, "/v1/sso/saml", settings).await;
    assert_eq!(view.0, 200, "{}", view.1);
    let mapping = json!([{"group": "security", "role": "analytic"}, {"group": "staff", "role": "auditor"}]);
    assert_eq!(put(cloud, &session, "/v1/sso/mapping", mapping).await.0, 200);
    session
}

/// A sign-in that began: the browser, the request's id and the state.
struct Begun {
    browser: Browser,
    /// Where it led.
    location: String,
    request: String,
    state: String,
}

async fn begin(from: &str) -> Begun {
    let mut browser = Browser::new();
    let (location, _) = browser.get(from).await;
    assert!(location.starts_with(SSO_URL), "{location}");
    let url = Url::parse(&location).unwrap();
    let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    let packed = STANDARD.decode(value("SAMLRequest")).unwrap();
    let mut request = String::new();
    flate2::read::DeflateDecoder::new(packed.as_slice()).read_to_string(&mut request).unwrap();
    assert!(request.contains("/v1/sso/saml/acs") && request.contains("AuthnRequest"), "{request}");
    let request = request.split(" ID=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    Begun { browser, request, state: value("RelayState"), location }
}

impl Begun {
    /// Posts a response as a page of the provider does, without cookies; returns where it leads.
    async fn post(&self, cloud: &TestCloud, response: &str) -> String {
        let form = [("SAMLResponse", STANDARD.encode(response)), ("RelayState", self.state.clone())];
        let request = self.browser.http.post(format!("{}/v1/sso/saml/acs", cloud.url)).form(&form);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 303, "{}", answer.text().await.unwrap());
        answer.headers()["location"].to_str().unwrap().to_owned()
    }

    /// Posts a response and follows to the end.
    async fn end(mut self, cloud: &TestCloud, response: &str) -> (String, Option<String>) {
        let next = self.post(cloud, response).await;
        if next.starts_with("/login") {
            (next, None)
        } else {
            self.browser.get(&format!("{}{next}", cloud.url)).await
        }
    }
}

/// Signs in with a response; returns where it ends and the cookie.
async fn sign_in(cloud: &TestCloud, respond: impl FnOnce(&mut Told) -> String) -> (String, Option<String>) {
    let begun = begin(&login(cloud)).await;
    let mut told = Told::new(cloud, &begun.request);
    let response = respond(&mut told);
    begun.end(cloud, &response).await
}

/// Activates what was set; the proof of the password.
async fn activate(cloud: &TestCloud, key: &Key, session: &Credential, options: Value) -> String {
    let test = cloud.post(session, "/v1/sso/test", json!({})).await.body();
    let begun = begin(test["url"].as_str().unwrap()).await;
    let told = Told::new(cloud, &begun.request);
    let (end, cookie) = begun.end(cloud, &told.response(&told.signed(key))).await;
    assert_eq!((end.as_str(), cookie), ("/settings/sso?tested=true", None));
    let result = cloud.get(session, &format!("/v1/sso/test/{}", test["id"].as_str().unwrap())).await.body();
    assert_eq!((&result["state"], &result["role"]), (&json!("success"), &json!("analytic")), "{result}");
    super::activate_tested(cloud, session, options).await
}

#[tokio::test]
async fn a_person_with_a_signed_assertion_becomes_a_user() {
    let (cloud, key, session) = start().await;
    activate(&cloud, &key, &session, json!({"provisioning": true})).await;
    let (end, cookie) = sign_in(&cloud, |told| told.response(&told.signed(&key))).await;
    assert_eq!(end, "/");
    let user = cloud.get(&credential(cookie), "/v1/user").await.body();
    assert_eq!(
        (&user["email"], &user["permissions"], &user["available_authentications"], &user["sso_managed"]),
        (&json!("eve@acme.test"), &json!(["analytic"]), &json!(["saml"]), &json!(true))
    );
    // A role by its name, and a response that is signed as a whole.
    let (end, cookie) = sign_in(&cloud, |told| {
        told.attributes =
            values("wallarm_role:admin", &["everybody"]) + &values("wallarm_role:deploy", &["x"]);
        told.signed_response(&key)
    })
    .await;
    assert_eq!(end, "/");
    assert_eq!(cloud.get(&credential(cookie), "/v1/user").await.body()["permissions"], json!(["admin"]));
    // Global roles are for technical tenants.
    let (end, _) = sign_in(&cloud, |told| {
        told.attributes = values("wallarm_role:partner_admin", &["everybody"]);
        told.response(&told.signed(&key))
    })
    .await;
    assert_eq!(end, "/login?error=role_not_mapped");
    let (end, _) = sign_in(&cloud, |told| {
        told.name = "mallory".to_owned();
        told.response(&told.signed(&key))
    })
    .await;
    assert_eq!(end, "/login?error=invalid_saml_response", "another person with the address");
    let (end, _) = sign_in(&cloud, |told| {
        told.email = "nothing".to_owned();
        told.response(&told.signed(&key))
    })
    .await;
    assert_eq!(end, "/login?error=no_mail_in_saml_response");
}

#[tokio::test]
async fn responses_that_are_not_for_this_sign_in_are_refused() {
    let (cloud, key, session) = start().await;
    activate(&cloud, &key, &session, json!({"provisioning": true})).await;
    let now = cloud.running.cloud.now();
    let other = Key::new();
    type Respond<'a> = Box<dyn Fn(&mut Told) -> String + 'a>;
    fn changed<'a>(key: &'a Key, change: impl Fn(&mut Told) + 'a) -> Respond<'a> {
        Box::new(move |told| {
            change(told);
            told.response(&told.signed(key))
        })
    }
    fn text<'a>(key: &'a Key, change: impl Fn(String) -> String + 'a) -> Respond<'a> {
        Box::new(move |told| change(told.response(&told.signed(key))))
    }
    let cases: Vec<(&str, Respond<'_>)> = vec![
        ("unsigned", Box::new(|told| told.response(&told.assertion()))),
        ("signed by a key that it brings", Box::new(|told| told.response(&told.signed(&other)))),
        ("changed after it was signed", text(&key, |it| it.replace("Eve@acme", "mallory@acme"))),
        (
            "a signature of something else",
            text(&key, |it| it.replace("<ds:DigestValue>", "<ds:DigestValue>A")),
        ),
        ("an older digest", changed(&key, |told| told.digest = "http://www.w3.org/2000/09/xmldsig#sha1")),
        (
            "an older signature",
            changed(&key, |told| told.method = "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
        ),
        (
            "a shared secret",
            changed(&key, |told| told.method = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
        ),
        (
            "comments that count",
            changed(&key, |told| {
                told.canonicalization = "http://www.w3.org/2001/10/xml-exc-c14n#WithComments";
            }),
        ),
        (
            "another transform",
            changed(&key, |told| {
                told.transforms += "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"></ds:Transform>";
            }),
        ),
        (
            "a signature of the whole document",
            Box::new(|told| {
                let assertion = told.assertion();
                told.response(&with_signature(&assertion, &told.signature(&assertion, "", &key)))
            }),
        ),
        ("more prefixes than anybody needs", changed(&key, |told| told.name_prefixes(17))),
        (
            "a signature over more than anybody needs",
            changed(&key, |told| told.transforms += &"<ds:Padding></ds:Padding>".repeat(130)),
        ),
        ("another audience", changed(&key, |told| told.audience = "https://somebody.test".to_owned())),
        ("another recipient", changed(&key, |told| told.recipient = "https://somebody.test/acs".to_owned())),
        ("another request", changed(&key, |told| told.request = "_other".to_owned())),
        ("another issuer", changed(&key, |told| told.issuer = "https://somebody.test".to_owned())),
        ("ended", changed(&key, move |told| told.end = now - 600)),
        ("not begun", changed(&key, move |told| told.begin = now + 600)),
        ("refused by the provider", changed(&key, |told| told.status = "Responder")),
        (
            "no audience",
            Box::new(|told| {
                let assertion = told.assertion();
                let from = assertion.find("<saml:AudienceRestriction>").unwrap();
                let to = assertion.find("</saml:Conditions>").unwrap();
                let assertion = format!("{}{}", &assertion[..from], &assertion[to..]);
                told.response(&with_signature(&assertion, &told.signature(&assertion, &told.id, &key)))
            }),
        ),
        (
            "no conditions of the bearer",
            Box::new(|told| {
                let assertion = told.assertion().replace("cm:bearer", "cm:sender-vouches");
                told.response(&with_signature(&assertion, &told.signature(&assertion, &told.id, &key)))
            }),
        ),
        (
            "a comment in an address",
            text(&key, |it| it.replace("Eve@acme.test", "Eve@acme.test<!-- -->.evil.test")),
        ),
        ("a comment anywhere", text(&key, |it| it.replace("<saml:Conditions", "<!-- --><saml:Conditions"))),
        ("a document type", text(&key, |it| format!("<!DOCTYPE r [<!ENTITY e \"x\">]>{it}"))),
        ("an instruction", text(&key, |it| it.replace("<samlp:Status>", "<?x y?><samlp:Status>"))),
        ("a character section", text(&key, |it| it.replace("Eve@acme.test", "<![CDATA[Eve@acme.test]]>"))),
        ("not XML", Box::new(|_| "<samlp:Response".to_owned())),
        ("another element", text(&key, |it| it.replace("samlp:Response", "samlp:LogoutResponse"))),
        (
            "too large",
            text(&key, |it| {
                it.replace("</samlp:Response>", &format!("{}</samlp:Response>", " ".repeat(300_000)))
            }),
        ),
    ];
    for (what, respond) in cases {
        let (end, cookie) = sign_in(&cloud, |told| respond(told)).await;
        assert_eq!((end.as_str(), cookie), ("/login?error=invalid_saml_response", None), "{what}");
    }
    assert_eq!(sign_in(&cloud, |told| told.response(&told.signed(&key))).await.0, "/");
    let named = |told: &mut Told| {
        told.name_prefixes(16);
        told.response(&told.signed(&key))
    };
    assert_eq!(sign_in(&cloud, named).await.0, "/", "as many prefixes as are taken");
}

/// The eight ways to wrap that the literature numbers, with the names that it gives them.
#[tokio::test]
async fn wrapped_assertions_are_refused() {
    let (cloud, key, session) = start().await;
    activate(&cloud, &key, &session, json!({"provisioning": true})).await;
    for way in 1..=8 {
        let (end, cookie) = sign_in(&cloud, |told| wrapped(told, &key, way)).await;
        assert_eq!((end.as_str(), cookie), ("/login?error=invalid_saml_response", None), "wrapping {way}");
    }
    // With the id of the original, too.
    for way in 3..=8 {
        let (end, cookie) = sign_in(&cloud, |told| wrapped(told, &key, way).replace("_evil", &told.id)).await;
        assert_eq!(
            (end.as_str(), cookie),
            ("/login?error=invalid_saml_response", None),
            "wrapping {way}, same id"
        );
    }
}

fn wrapped(told: &Told, key: &Key, way: u8) -> String {
    let good = told.assertion();
    let evil = good.replace("Eve@acme.test", "admin@acme.test").replace(&told.id, "_evil");
    let signature = told.signature(&good, &told.id, key);
    let signed = with_signature(&good, &signature);
    let in_object = |inner: &str| {
        signature.replace("</ds:Signature>", &format!("<ds:Object>{inner}</ds:Object></ds:Signature>"))
    };
    let into =
        |outer: &str, inner: &str, before: &str| outer.replacen(before, &format!("{inner}{before}"), 1);
    match way {
        1 | 2 => {
            let original = told.response(&good);
            let whole = told.signature(&original, &format!("_r{}", told.id), key);
            let forged = told.response(&evil).replace(&format!("_r{}", told.id), "_r_evil");
            if way == 1 {
                let whole = whole
                    .replace("</ds:Signature>", &format!("<ds:Object>{original}</ds:Object></ds:Signature>"));
                with_signature(&forged, &whole)
            } else {
                with_signature(&forged, &format!("{original}{whole}"))
            }
        }
        3 => told.response(&format!("{evil}{signed}")),
        4 => told.response(&into(&evil, &signed, "</saml:Assertion>")),
        5 => told.response(&format!("{}{good}", with_signature(&evil, &signature))),
        6 => told.response(&with_signature(
            &evil,
            &signature.replace("</ds:Signature>", &format!("{good}</ds:Signature>")),
        )),
        7 => told.response(&format!("<samlp:Extensions>{evil}</samlp:Extensions>{signed}")),
        _ => told.response(&with_signature(&evil, &in_object(&good))),
    }
}

#[tokio::test]
async fn a_response_counts_once_and_only_in_the_browser_that_asked() {
    let (cloud, key, session) = start().await;
    activate(&cloud, &key, &session, json!({"provisioning": true})).await;
    let mut begun = begin(&login(&cloud)).await;
    let told = Told::new(&cloud, &begun.request);
    let response = told.response(&told.signed(&key));
    let next = format!("{}{}", cloud.url, begun.post(&cloud, &response).await);
    assert_eq!(begun.post(&cloud, &response).await, "/login?error=invalid_saml_response", "posted again");
    assert_eq!(Browser::new().get(&next).await.0, "/login?error=invalid_saml_response", "another browser");
    assert_eq!(begun.browser.get(&next).await.0, "/");
    assert_eq!(begun.browser.get(&next).await.0, "/login?error=invalid_saml_response", "again");
    // The same assertion in another sign-in, even if the provider said so.
    let (end, _) = sign_in(&cloud, |new| {
        new.id = told.id.clone();
        new.response(&new.signed(&key))
    })
    .await;
    assert_eq!(end, "/login?error=invalid_saml_response");
    // Nobody asked for it.
    let unasked = Begun {
        browser: Browser::new(),
        location: String::new(),
        request: String::new(),
        state: String::new(),
    };
    assert_eq!(unasked.post(&cloud, &response).await, "/login?error=invalid_saml_response");
    // A beginning does not end without a response.
    let mut begun = begin(&login(&cloud)).await;
    let short = format!("{}/v1/sso/saml/finish?answer={}", cloud.url, begun.state);
    assert_eq!(begun.browser.get(&short).await.0, "/login?error=invalid_saml_response");
}

#[tokio::test]
async fn a_response_that_comes_many_times_at_once_makes_one_session() {
    let (cloud, key, session) = start().await;
    activate(&cloud, &key, &session, json!({"provisioning": true})).await;
    for _ in 0..3 {
        let begun = begin(&login(&cloud)).await;
        let told = Told::new(&cloud, &begun.request);
        let response = told.response(&told.signed(&key));
        let posts = (0..6).map(|_| begun.post(&cloud, &response));
        let ends = futures_util::future::join_all(posts).await;
        let taken: Vec<_> = ends.iter().filter(|end| end.starts_with("/v1/sso/saml/finish")).collect();
        assert_eq!(taken.len(), 1, "{ends:?}");
        let url = format!("{}{}", cloud.url, taken[0]);
        let finish = || begun.browser.http.get(&url).header("Cookie", &begun.browser.cookie).send();
        let ends = futures_util::future::join_all((0..6).map(|_| finish())).await;
        let sessions = ends.iter().filter(|end| end.as_ref().unwrap().headers()["location"] == "/").count();
        assert_eq!(sessions, 1);
    }
}

#[tokio::test]
async fn no_session_begins_behind_the_end_of_single_sign_on() {
    let (cloud, key, session) = start().await;
    cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let proof = activate(&cloud, &key, &session, json!({"strict": true})).await;
    for _ in 0..4 {
        let mut begun = begin(&login(&cloud)).await;
        let told = Told::new(&cloud, &begun.request);
        let next = format!("{}{}", cloud.url, begun.post(&cloud, &told.response(&told.signed(&key))).await);
        let off = with_proof(&cloud, &session, &proof, Method::POST, "/v1/sso/deactivate", json!({}));
        let ((_, cookie), off) = tokio::join!(begun.browser.get(&next), off);
        assert_eq!(off.0, 200, "{}", off.1);
        if let Some(cookie) = cookie.filter(|cookie| cookie.contains("bzsid")) {
            let status = cloud.get(&credential(Some(cookie)), "/v1/user").await.status;
            assert_eq!(status, 401, "a session outlived what vouched for it");
        }
        let on = json!({"strict": true});
        assert_eq!(with_proof(&cloud, &session, &proof, Method::PUT, "/v1/sso", on).await.0, 200);
        cloud.post(&session, "/v1/sso/activate", json!({})).await.body();
    }
}

#[tokio::test]
async fn under_strict_single_sign_on_only_the_fallback_account_has_a_password() {
    let (cloud, key, session) = start().await;
    let eve = cloud.add_user(cloud.client.id, "eve@acme.test", &["analytic"]).await;
    let pair = cloud.pair_of(&eve).await;
    assert_eq!(cloud.get(&pair, "/v1/user").await.status, 200);
    activate(&cloud, &key, &session, json!({"strict": true})).await;
    let refused = cloud.get(&pair, "/v1/user").await;
    assert_eq!(
        (refused.status, refused.text.as_str()),
        (403, r#"{"status":403,"body":"User not authenticated"}"#)
    );
    let by_password = json!({"username": "eve@acme.test", "password": PASSWORD});
    assert_eq!(cloud.post(&Credential::Anonymous, "/v1/login", by_password).await.status, 401);
    let by_password = json!({"username": "admin@acme.test", "password": PASSWORD});
    let step = cloud.post(&Credential::Anonymous, "/v1/login", by_password).await;
    assert!(step.text.contains("mfa_required"), "{}", step.text);
    let discovered =
        cloud.post(&Credential::Anonymous, "/v1/login/discover", json!({"username": "x@acme.test"})).await;
    assert_eq!(discovered.body(), json!({"methods": ["sso"], "sso_url": login(&cloud)}));
    // The role is the one of here; signing out leads to the provider.
    let (end, cookie) = sign_in(&cloud, |told| {
        told.attributes = values("wallarm_roles", &["staff"]);
        told.response(&told.signed(&key))
    })
    .await;
    assert_eq!(end, "/");
    let Credential::Cookie(cookie, _) = credential(cookie) else { unreachable!() };
    let view = cloud.get(&Credential::Cookie(cookie.clone(), String::new()), "/v1/session").await.body();
    let eve = Credential::Cookie(cookie, view["csrf"].as_str().unwrap().to_owned());
    assert_eq!(cloud.get(&eve, "/v1/user").await.body()["permissions"], json!(["analytic"]));
    let out = cloud.post(&eve, "/v1/logout", json!({})).await.body();
    assert_eq!(out["sso_logout_url"], "https://idp.acme.test/bye");
    // Whoever is not a user here stays out.
    let (end, _) = sign_in(&cloud, |told| {
        (told.email, told.name) = ("new@acme.test".to_owned(), "new".to_owned());
        told.response(&told.signed(&key))
    })
    .await;
    assert_eq!(end, "/login?error=user_not_found");
}

#[tokio::test]
async fn metadata_goes_both_ways() {
    let cloud = TestCloud::start().await;
    let session = cloud.sign_in("admin@acme.test").await;
    let path = format!("/v1/sso/saml/{}/metadata", cloud.client.uuid);
    let own = cloud.get(&Credential::Anonymous, &path).await;
    assert_eq!(
        (own.status, &own.headers["content-type"]),
        (200, &"application/samlmetadata+xml".parse().unwrap())
    );
    assert!(own.text.contains(&format!("entityID=\"{}{path}\"", cloud.url)), "{}", own.text);
    assert!(own.text.contains("WantAssertionsSigned=\"true\"") && own.text.contains("/v1/sso/saml/acs"));
    let unknown = cloud.get(&Credential::Anonymous, "/v1/sso/saml/nobody/metadata").await;
    assert_eq!(unknown.status, 404);
    let key = Key::new();
    let certificate: String = key.certificate.lines().filter(|line| !line.starts_with('-')).collect();
    let theirs = format!(
        "<?xml version=\"1.0\"?><md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{ISSUER}\">\
         <md:IDPSSODescriptor protocolSupportEnumeration=\"{SAMLP}\"><md:KeyDescriptor use=\"signing\">\
         <ds:KeyInfo xmlns:ds=\"{DSIG}\"><ds:X509Data><ds:X509Certificate>\n{certificate}\n</ds:X509Certificate></ds:X509Data>\
         </ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect\" \
         Location=\"{SSO_URL}\"/></md:IDPSSODescriptor></md:EntityDescriptor>"
    );
    let view = cloud
        .call(&session, Method::PUT, "/v1/sso/saml", Some(&json!({"metadata_xml": theirs})))
        .await
        .body();
    assert_eq!(
        (
            &view["type"],
            &view["settings"]["issuer"],
            &view["settings"]["sso_url"],
            &view["settings"]["certificates"]
        ),
        (&json!("saml"), &json!(ISSUER), &json!(SSO_URL), &json!([certificate]))
    );
    let entry = cloud.get(&session, &format!("/v1/activity_log/{}/events", cloud.client.id)).await.body();
    assert!(entry.to_string().contains("saml_authentication"), "{entry}");
    let good = json!({"issuer": ISSUER, "sso_url": SSO_URL, "x509": key.certificate});
    for (field, value) in [
        ("issuer", json!("")),
        ("sso_url", json!("http://idp.acme.test/sso")),
        ("sso_url", json!("javascript:alert(1)")),
        ("logout_url", json!("idp.acme.test")),
        ("x509", json!("not a certificate")),
        ("x509", json!("")),
        ("metadata_xml", json!("<x/>")),
        ("metadata_xml", json!(format!("<!DOCTYPE x>{theirs}"))),
        ("metadata_url", json!("https://127.0.0.1/metadata")),
        ("metadata_url", json!("http://idp.acme.test/metadata")),
        ("domains", json!(["elsewhere.test"])),
        ("vendor", json!("acme")),
        ("nope", json!(1)),
    ] {
        let mut settings = good.clone();
        settings[field] = value.clone();
        let refused = put(&cloud, &session, "/v1/sso/saml", settings).await;
        assert_eq!(refused.0, 400, "{field} {value}: {}", refused.1);
    }
    assert_eq!(put(&cloud, &session, "/v1/sso/saml", good).await.0, 200);
}

#[tokio::test]
async fn what_could_not_be_told_of_a_certificate_is_told_at_the_next_round() {
    let mail = bartizan_testkit::smtp::MailServer::start().await;
    let cloud = crate::letters::start(&mail).await;
    let state = &cloud.running.cloud;
    let end = DateTime::from_timestamp(state.now(), 0).unwrap() + chrono::Days::new(100);
    let key = Key::ending(end);
    let session = set_up(&cloud, &key).await;
    activate(&cloud, &key, &session, json!({})).await;
    while mail.now().await.is_some() {}
    state.clock.shift_ms(80 * 86_400_000);
    let rename = async |from: &str, to: &str| {
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        state.store.writer().execute_unprepared(&sql).await.unwrap();
    };
    rename("users", "users_away").await;
    assert!(expiry::warn(state).await.is_err());
    rename("users_away", "users").await;
    for _ in 0..2 {
        expiry::warn(state).await.unwrap();
    }
    assert_eq!(mail.next().await.to, ["admin@acme.test"]);
    assert!(mail.now().await.is_none());
}

#[tokio::test]
async fn administrators_hear_once_of_each_time_before_a_certificate_ends() {
    let mail = bartizan_testkit::smtp::MailServer::start().await;
    let cloud = crate::letters::start(&mail).await;
    let now = cloud.running.cloud.now();
    let end = DateTime::from_timestamp(now, 0).unwrap() + chrono::Days::new(100);
    let key = Key::ending(end);
    let session = set_up(&cloud, &key).await;
    cloud.add_user(cloud.client.id, "eve@acme.test", &["auditor"]).await;
    activate(&cloud, &key, &session, json!({})).await;
    while mail.now().await.is_some() {}
    let end = end.date_naive().and_hms_opt(0, 0, 0).unwrap().and_utc();
    let day = end.format("%Y-%m-%d 00:00 UTC").to_string();
    for (hours_left, told) in [
        (31 * 24, false),
        (29 * 24, true),
        (8 * 24, false),
        (6 * 24, true),
        (30, false),
        (20, true),
        (-1, false),
    ] {
        let then = end.timestamp() - hours_left * 3600;
        cloud.running.cloud.clock.shift_ms((then - cloud.running.cloud.now()) * 1000);
        for _ in 0..2 {
            bartizan_cloud::services::accounts::clean(&cloud.running.cloud).await;
        }
        if told {
            let letter = mail.next().await;
            assert_eq!(letter.to, ["admin@acme.test"], "{hours_left}");
            assert!(crate::letters::text(&letter).contains(&day), "{}", letter.data);
        }
        assert!(mail.now().await.is_none(), "{hours_left}");
    }
}
