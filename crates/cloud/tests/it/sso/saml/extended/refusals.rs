//! What is refused under extended security, and what of the reason is told.

use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};

use super::{
    super::{Key, Told, sign_in, with_signature},
    REFUSED, encrypted,
    encrypting::{How, Place, Transport, XENC, canonical, transported_for},
    start_extended, test,
};

type Respond<'a> = Box<dyn Fn(&mut Told) -> String + 'a>;

#[tokio::test]
async fn what_is_not_the_providers_is_refused_with_one_answer() {
    let (cloud, key, session, _, certificate) = start_extended().await;
    let stranger = Key::new();
    let other = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
    let seal = |how: How, change: fn(String) -> String| -> Respond<'_> {
        let (certificate, key) = (&certificate, &key);
        Box::new(move |told| told.response(&how.encrypt(certificate, &change(told.signed(key)))))
    };
    let inside = |make: fn(&Told, &Key) -> String| -> Respond<'_> {
        let (certificate, key) = (&certificate, &key);
        Box::new(move |told| told.response(&How::default().encrypt(certificate, &make(told, key))))
    };
    let cbc = How { cipher: "http://www.w3.org/2001/04/xmlenc#aes256-cbc", ..How::default() };
    let cases: Vec<(&str, Respond<'_>)> = vec![
        ("unsigned inside", inside(|told, _| told.assertion())),
        (
            "signed by somebody else",
            Box::new(|told| told.response(&How::default().encrypt(&certificate, &told.signed(&stranger)))),
        ),
        ("changed after it was signed", seal(How::default(), |it| it.replace("Eve@acme", "mallory@acme"))),
        (
            "encrypted for another key",
            Box::new(|told| {
                let sealed = How::default().encrypt(&certificate, &told.signed(&key));
                let foreign = transported_for(&other);
                let from = sealed.find("<xenc:EncryptedKey").unwrap();
                let at =
                    from + sealed[from..].find("<xenc:CipherValue>").unwrap() + "<xenc:CipherValue>".len();
                let end = at + sealed[at..].find('<').unwrap();
                told.response(&format!("{}{foreign}{}", &sealed[..at], &sealed[end..]))
            }),
        ),
        (
            "another tag",
            seal(How { tamper: |content| *content.last_mut().unwrap() ^= 1, ..How::default() }, |it| it),
        ),
        ("another text", seal(How { tamper: |content| content[40] ^= 1, ..How::default() }, |it| it)),
        (
            "another padding",
            seal(
                How {
                    tamper: |content| {
                        let at = content.len() - 17;
                        content[at] ^= 0x80;
                    },
                    ..cbc.clone()
                },
                |it| it,
            ),
        ),
        ("another block", seal(How { tamper: |content| content[40] ^= 1, ..cbc.clone() }, |it| it)),
        (
            "a block less",
            seal(How { tamper: |content| content.truncate(content.len() - 16), ..cbc.clone() }, |it| it),
        ),
        (
            "a document type inside",
            seal(How::default(), |it| format!("<!DOCTYPE r [<!ENTITY e \"x\">]>{it}")),
        ),
        (
            "a comment inside",
            seal(How::default(), |it| it.replace("Eve@acme.test", "Eve@acme.test<!-- -->.evil.test")),
        ),
        ("text around it", seal(How::default(), |it| format!("{it}x"))),
        ("two inside", seal(How::default(), |it| format!("{it}{it}"))),
        (
            "deeper than anybody needs",
            seal(How::default(), |it| {
                it.replace(
                    "<saml:Subject>",
                    &format!("{}{}<saml:Subject>", "<x>".repeat(200), "</x>".repeat(200)),
                )
            }),
        ),
        ("something else inside", seal(How::default(), |it| it.replace("saml:Assertion", "saml:Advice"))),
        (
            "wrapped inside",
            inside(|told, key| {
                let evil =
                    told.assertion().replace("Eve@acme.test", "admin@acme.test").replace(&told.id, "_evil");
                evil.replacen("</saml:Assertion>", &format!("{}</saml:Assertion>", told.signed(key)), 1)
            }),
        ),
        (
            "the signature of another around it",
            inside(|told, key| {
                let good = told.assertion();
                let evil = good.replace("Eve@acme.test", "admin@acme.test").replace(&told.id, "_evil");
                let signature = told.signature(&good, &told.id, key);
                let signature = signature
                    .replace("</ds:Signature>", &format!("<ds:Object>{good}</ds:Object></ds:Signature>"));
                with_signature(&evil, &signature)
            }),
        ),
        ("encrypted again inside", {
            let (certificate, key) = (&certificate, &key);
            Box::new(move |told: &mut Told| {
                let once = How::default().encrypt(certificate, &told.signed(key));
                told.response(&How::default().encrypt(certificate, &once))
            })
        }),
    ];
    let mut answers = std::collections::BTreeSet::new();
    for (what, respond) in &cases {
        let result = test(&cloud, &session, respond).await;
        assert_eq!(result["state"], "failure", "{what}");
        answers.insert(result["error"].as_str().unwrap().to_owned());
        let (end, cookie) = sign_in(&cloud, respond).await;
        assert_eq!((end.as_str(), cookie), (REFUSED, None), "{what}");
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(sign_in(&cloud, encrypted(&certificate, &key, &How::default())).await.0, "/");
}

#[tokio::test]
async fn encryption_in_another_form_is_refused_and_the_test_says_why() {
    let (cloud, key, session, _, certificate) = start_extended().await;
    let refused = |how: How| -> Respond<'_> {
        let (certificate, key) = (&certificate, &key);
        Box::new(move |told| told.response(&how.encrypt(certificate, &told.signed(key))))
    };
    let in_response = |change: fn(String, &Told, &Key) -> String| -> Respond<'_> {
        let (certificate, key) = (&certificate, &key);
        Box::new(move |told| {
            let sealed = How::default().encrypt(certificate, &told.signed(key));
            told.response(&change(sealed, told, key))
        })
    };
    let named = |algorithm: &str| How {
        transport: Transport::Pkcs1,
        transport_xml: format!("Algorithm=\"{algorithm}\">"),
        ..How::default()
    };
    let cases: Vec<(&str, Respond<'_>)> = vec![
        ("xmlenc#rsa-1_5", refused(named(&format!("{XENC}rsa-1_5")))),
        (
            "xmlenc#sha256 and",
            refused(How {
                transport_xml: format!(
                    "Algorithm=\"{XENC}rsa-oaep-mgf1p\"><ds:DigestMethod Algorithm=\"{XENC}sha256\"/>"
                ),
                ..How::default()
            }),
        ),
        (
            "has parameters",
            refused(How {
                transport_xml: format!(
                    "Algorithm=\"{XENC}rsa-oaep-mgf1p\"><xenc:OAEPparams>AAAA</xenc:OAEPparams>"
                ),
                ..How::default()
            }),
        ),
        (
            "tripledes-cbc",
            in_response(|sealed, _, _| {
                sealed.replace(
                    "http://www.w3.org/2009/xmlenc11#aes256-gcm",
                    "http://www.w3.org/2001/04/xmlenc#tripledes-cbc",
                )
            }),
        ),
        ("not one EncryptedKey", refused(How { key: Place::Twice, ..How::default() })),
        ("the key is elsewhere", refused(How { key: Place::Elsewhere, ..How::default() })),
        ("not an element", in_response(|sealed, _, _| sealed.replace("xmlenc#Element", "xmlenc#Content"))),
        (
            "a length that cannot be",
            refused(How { tamper: |content| content.truncate(20), ..How::default() }),
        ),
        (
            "a length that cannot be",
            refused(How {
                cipher: "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
                tamper: |content| content.truncate(content.len() - 1),
                ..How::default()
            }),
        ),
        (
            "not one CipherValue",
            in_response(|sealed, _, _| sealed.replace("xenc:CipherValue>", "xenc:CipherReference>")),
        ),
        ("not encrypted", in_response(|_, told, key| told.signed(key))),
        ("not one assertion", in_response(|sealed, told, key| format!("{sealed}{}", told.signed(key)))),
        (
            "not one assertion",
            in_response(|sealed, _, _| format!("{sealed}{}", sealed.replace("_key", "_key2"))),
        ),
        ("not one assertion", in_response(|_, _, _| String::new())),
        (
            "a hidden assertion",
            in_response(|sealed, _, _| format!("<samlp:Extensions>{sealed}</samlp:Extensions>")),
        ),
        ("too large", in_response(|sealed, _, _| sealed + &" ".repeat(300_000))),
    ];
    for (why, respond) in &cases {
        let result = test(&cloud, &session, respond).await;
        let error = result["error"].as_str().unwrap_or_default();
        assert!(error.starts_with("invalid_saml_response: ") && error.contains(why), "{why}: {result}");
        let (end, cookie) = sign_in(&cloud, respond).await;
        assert_eq!((end.as_str(), cookie), (REFUSED, None), "{why}");
    }
    // A signature around everything is not enough, and a wrong one is too much.
    for signed in [true, false] {
        let (end, _) = sign_in(&cloud, |told| {
            let inner = if signed { told.assertion() } else { told.signed(&key) };
            let response = canonical(&told.response(&How::default().encrypt(&certificate, &inner)));
            let by = if signed { &key } else { &Key::new() };
            with_signature(&response, &told.signature(&response, &format!("_r{}", told.id), by))
        })
        .await;
        assert_eq!(end, REFUSED, "{signed}");
    }
    // The conditions of an assertion that is the provider's are told, encrypted or not.
    let result = test(&cloud, &session, |told| {
        told.audience = "https://somebody.test".to_owned();
        told.response(&How::default().encrypt(&certificate, &told.signed(&key)))
    })
    .await;
    assert!(result["error"].as_str().unwrap().ends_with("audience"), "{result}");
    // It counts once.
    let mut id = String::new();
    for end in ["/", REFUSED] {
        let (ended, _) = sign_in(&cloud, |told| {
            if id.is_empty() {
                id.clone_from(&told.id);
            }
            told.id.clone_from(&id);
            told.response(&How::default().encrypt(&certificate, &told.signed(&key)))
        })
        .await;
        assert_eq!(ended, end);
    }
}
