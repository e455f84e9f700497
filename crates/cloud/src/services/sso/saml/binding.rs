//! How our messages travel through the browser, signed: in the address of a redirect, or in a form that it posts (SAML
//! bindings, sections 3.4 and 3.5). And how those of the identity provider are unpacked.

use std::io::{Read, Write};

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use ring::digest;

use super::{
    metadata::escaped,
    own_keys::{self, OwnKey},
    response::MAX_BYTES,
    signature::{self, ENVELOPED, EXCLUSIVE, Key, Unsigned},
    xml::{self, DSIG},
};
use crate::state::Cloud;

/// Algorithm that our messages are signed by.
const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
/// Bytes of a state that goes back to the provider as it came (SAML bindings, section 3.4.3, has 80).
const MAX_RELAY_STATE: usize = 1024;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Somebody asks.
    Request,
    /// Somebody answers.
    Response,
}

impl Kind {
    /// The name of its parameter.
    #[must_use]
    pub fn parameter(self) -> &'static str {
        match self {
            Kind::Request => "SAMLRequest",
            Kind::Response => "SAMLResponse",
        }
    }
}

/// A message that came, packed as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packed {
    /// In an address: the query as it stood there, whose octets are what was signed.
    Query(String),
    /// In a form.
    Form {
        /// The message, base64.
        message: String,
        /// State of who sent it.
        relay_state: Option<String>,
    },
}

/// A message that its sender signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Nothing but what was signed.
    pub text: String,
    /// State of who sent it.
    pub relay_state: Option<String>,
}

/// Unpacks a message that one of the keys signed.
///
/// # Errors
/// [`Unsigned`].
pub fn unpack(packed: &Packed, kind: Kind, keys: &[Key]) -> Result<Signed, Unsigned> {
    let signed = match packed {
        Packed::Query(query) => from_query(query, kind, keys)?,
        Packed::Form { message, relay_state } => {
            let message: String = message.split_ascii_whitespace().collect();
            let text = text_of(decoded(&message)?)?;
            let document = xml::parse(&text).map_err(|_| Unsigned::Form("not readable XML"))?;
            let root = document.document_element().ok_or(Unsigned::Form("empty"))?;
            let text = signature::signed_text(&document, root, keys)?;
            Signed { text, relay_state: relay_state.clone() }
        }
    };
    match &signed.relay_state {
        Some(state) if state.len() > MAX_RELAY_STATE => Err(Unsigned::Form("a long state")),
        _ => Ok(signed),
    }
}

/// The message of an address. The signature is over the parameters as they are written there.
fn from_query(query: &str, kind: Kind, keys: &[Key]) -> Result<Signed, Unsigned> {
    let raw = |name: &str| -> Result<Option<&str>, Unsigned> {
        let mut found =
            query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(key, _)| *key == name);
        let value = found.next().map(|(_, value)| value);
        // Whoever reads the last one would read another message.
        if found.next().is_some() { Err(Unsigned::Form("a parameter comes twice")) } else { Ok(value) }
    };
    let name = kind.parameter();
    let message = raw(name)?.ok_or(Unsigned::Absent)?;
    let (state, algorithm) = (raw("RelayState")?, raw("SigAlg")?.ok_or(Unsigned::Absent)?);
    let value = decoded(&plain(raw("Signature")?.ok_or(Unsigned::Absent)?))?;
    let mut signed = format!("{name}={message}");
    if let Some(state) = state {
        signed += &format!("&RelayState={state}");
    }
    signed += &format!("&SigAlg={algorithm}");
    signature::verify(keys, &plain(algorithm), signed.as_bytes(), &value)?;
    Ok(Signed { text: inflated(&decoded(&plain(message))?)?, relay_state: state.map(plain) })
}

/// A value of a query, undone from its encoding.
fn plain(raw: &str) -> String {
    let pair = format!("v={raw}");
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

fn decoded(text: &str) -> Result<Vec<u8>, Unsigned> {
    STANDARD.decode(text).map_err(|_| Unsigned::Form("base64"))
}

fn text_of(bytes: Vec<u8>) -> Result<String, Unsigned> {
    if bytes.len() > MAX_BYTES {
        return Err(Unsigned::Form("too large"));
    }
    String::from_utf8(bytes).map_err(|_| Unsigned::Form("it is not UTF-8"))
}

fn inflated(packed: &[u8]) -> Result<String, Unsigned> {
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    let read = DeflateDecoder::new(packed).take(most).read_to_end(&mut bytes);
    read.map_err(|_| Unsigned::Form("it does not inflate"))?;
    text_of(bytes)
}

/// The encoding of messages by redirect (SAML bindings, section 3.4.4.1).
pub(super) fn deflated(message: &str) -> std::io::Result<String> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(message.as_bytes())?;
    Ok(STANDARD.encode(encoder.finish()?))
}

/// An address with parameters behind those of its own.
pub(super) fn with_query(address: &str, query: &str) -> Option<String> {
    let mut url = reqwest::Url::parse(address).ok()?;
    let query = match url.query().filter(|own| !own.is_empty()) {
        Some(own) => format!("{own}&{query}"),
        None => query.to_owned(),
    };
    url.set_query(Some(&query));
    Some(url.into())
}

/// A message and its state in the form of a query.
pub(super) fn query(kind: Kind, message: &str, relay_state: Option<&str>) -> std::io::Result<String> {
    let message = deflated(message)?;
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair(kind.parameter(), &message);
    if let Some(state) = relay_state {
        query.append_pair("RelayState", state);
    }
    Ok(query.finish())
}

/// The same, signed: what is signed is this very text. None without a key that signs now. Takes some milliseconds.
pub(super) fn signed_query(cloud: &Cloud, own: &[OwnKey], query: &str) -> Option<String> {
    let pairs = |name: &str, value: &str| {
        url::form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish()
    };
    let text = format!("{query}&{}", pairs("SigAlg", RSA_SHA256));
    let signature = own_keys::sign(cloud, own, text.as_bytes())?;
    Some(format!("{text}&{}", pairs("Signature", &STANDARD.encode(signature))))
}

/// A message with a signature of ours behind its issuer. None without a key that signs now. Takes some milliseconds.
pub(super) fn signed_message(cloud: &Cloud, own: &[OwnKey], message: &str, id: &str) -> Option<String> {
    let document = xml::parse(message).ok()?;
    let canonical = signature::canonical(&document, document.document_element()?, None, &[]).ok()?;
    let digest = STANDARD.encode(digest::digest(&digest::SHA256, canonical.as_bytes()));
    // In canonical form, as it is what is signed.
    let info = format!(
        "<ds:SignedInfo xmlns:ds=\"{DSIG}\"><ds:CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\">\
         </ds:CanonicalizationMethod><ds:SignatureMethod Algorithm=\"{RSA_SHA256}\"></ds:SignatureMethod>\
         <ds:Reference URI=\"#{id}\"><ds:Transforms><ds:Transform Algorithm=\"{ENVELOPED}\"></ds:Transform>\
         <ds:Transform Algorithm=\"{EXCLUSIVE}\"></ds:Transform></ds:Transforms><ds:DigestMethod \
         Algorithm=\"{SHA256}\"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>\
         </ds:SignedInfo>"
    );
    let value = STANDARD.encode(own_keys::sign(cloud, own, info.as_bytes())?);
    let signature = format!(
        "<ds:Signature xmlns:ds=\"{DSIG}\">{info}<ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>"
    );
    let (issuer, rest) = message.split_once(ISSUER_END)?;
    Some(format!("{issuer}{ISSUER_END}{signature}{rest}"))
}

/// What a signature stands behind.
const ISSUER_END: &str = "</saml:Issuer>";

/// Posts the form of a page as soon as it is there.
const SCRIPT: &str = "document.forms[0].submit()";

/// A page whose form carries a message on, and the policy that it needs.
pub(super) fn page(kind: Kind, action: &str, message: &str, relay_state: Option<&str>) -> Page {
    let field = |name: &str, value: &str| {
        format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value))
    };
    let state = relay_state.map(|state| field("RelayState", state)).unwrap_or_default();
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Signing out</title></head><body>\
         <form method=\"post\" action=\"{}\">{}{state}<noscript><button>Continue signing out</button></noscript></form>\
         <script>{SCRIPT}</script></body></html>",
        escaped(action),
        field(kind.parameter(), &STANDARD.encode(message)),
    );
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, SCRIPT.as_bytes()));
    // Providers load it in frames. Where the form leads on to is theirs to say.
    Page { html, policy: format!("default-src 'none'; base-uri 'none'; script-src 'sha256-{hash}'") }
}

/// A page of ours that leads to the identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The page.
    pub html: String,
    /// Its `Content-Security-Policy`.
    pub policy: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_inflate_to_what_they_were_and_not_beyond_the_limit() {
        let packed = STANDARD.decode(deflated("<a>ü</a>").unwrap()).unwrap();
        assert_eq!(inflated(&packed).unwrap(), "<a>ü</a>");
        let bomb = STANDARD.decode(deflated(&"a".repeat(MAX_BYTES + 1)).unwrap()).unwrap();
        assert_eq!(inflated(&bomb), Err(Unsigned::Form("too large")));
        assert_eq!(inflated(b"\xff\xff"), Err(Unsigned::Form("it does not inflate")));
    }

    #[test]
    fn a_query_must_be_signed_and_unambiguous() {
        let refused = |query: &str| from_query(query, Kind::Request, &[]).unwrap_err();
        for unsigned in
            ["", "SAMLResponse=a", "SAMLRequest=a", "SAMLRequest=a&SigAlg=b", "SAMLRequest=a&Signature=b"]
        {
            assert_eq!(refused(unsigned), Unsigned::Absent, "{unsigned}");
        }
        let twice = "SAMLRequest=a&SigAlg=b&Signature=YQ==&SAMLRequest=c";
        assert_eq!(refused(twice), Unsigned::Form("a parameter comes twice"));
        let rsa = "http%3A%2F%2Fwww.w3.org%2F2001%2F04%2Fxmldsig-more%23rsa-sha256";
        let by_nobody = format!("SAMLRequest=a&SigAlg={rsa}&Signature=YQ%3D%3D");
        assert_eq!(refused(&by_nobody), Unsigned::Signature);
        let old = by_nobody.replace("xmldsig-more%23rsa-sha256", "xmldsig%23rsa-sha1");
        assert!(matches!(refused(&old), Unsigned::Algorithm(_)));
    }

    #[test]
    fn a_page_repeats_nothing_as_markup() {
        let page = page(Kind::Response, "https://idp.test/slo?a=1&b=\"", "<x/>", Some("\"><script>"));
        assert!(page.html.contains("action=\"https://idp.test/slo?a=1&amp;b=&quot;\""), "{}", page.html);
        assert!(page.html.contains("value=\"&quot;&gt;&lt;script&gt;\""), "{}", page.html);
    }
}
