//! Metadata: what an identity provider publishes about itself, and what we do.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use uppsala::{Document, NodeId};

use super::{
    signature::Key,
    xml::{self, DSIG, METADATA, SAMLP},
};

const REDIRECT: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect";
const POST: &str = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";

/// Bytes of the metadata of one provider.
pub const MAX_BYTES: usize = 256 << 10;
/// Certificates of one provider; while one follows another it has two.
const MAX_CERTIFICATES: usize = 10;

/// What is known of an identity provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderMetadata {
    /// Entity id.
    pub issuer: String,
    /// Where sign-in begins.
    pub sso_url: String,
    /// Where it ends.
    pub logout_url: Option<String>,
    /// Where messages of sign-out go.
    pub single_logout: Option<LogoutService>,
    /// Certificates, base64 of DER.
    pub certificates: Vec<String>,
}

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Binding {
    /// By a form that the browser posts.
    Post,
    /// In the address of a redirect.
    Redirect,
}

/// Where an identity provider takes messages of sign-out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutService {
    /// How they travel.
    pub binding: Binding,
    /// Where requests go.
    pub url: String,
    /// Where responses go, if elsewhere.
    pub response_url: Option<String>,
}

/// Reads the metadata of one identity provider.
///
/// # Errors
/// A text that says what is wrong.
pub fn parse(text: &str) -> Result<ProviderMetadata, String> {
    if text.len() > MAX_BYTES {
        return Err(format!("it has more than {MAX_BYTES} bytes"));
    }
    let document = xml::parse(text).map_err(|error| error.to_string())?;
    let entity =
        document.document_element().filter(|node| xml::is(&document, *node, METADATA, "EntityDescriptor"));
    let entity = entity.ok_or("it is not the metadata of one entity")?;
    let issuer = xml::attribute(&document, entity, "entityID").unwrap_or_default().to_owned();
    let role =
        xml::only(&document, entity, METADATA, "IDPSSODescriptor").ok_or("it is not an identity provider")?;
    let speaks = xml::attribute(&document, role, "protocolSupportEnumeration").unwrap_or_default();
    if !speaks.split_ascii_whitespace().any(|protocol| protocol == SAMLP) {
        return Err("it does not speak SAML 2.0".to_owned());
    }
    let services = document.child_elements_by_name_ns(role, METADATA, "SingleSignOnService");
    let by_redirect = |node: &&NodeId| xml::attribute(&document, **node, "Binding") == Some(REDIRECT);
    let sso_url =
        services.iter().find(by_redirect).and_then(|node| xml::attribute(&document, *node, "Location"));
    let sso_url = sso_url.ok_or("it takes no requests by redirect")?.to_owned();
    let mut certificates = vec![];
    for node in document.child_elements_by_name_ns(role, METADATA, "KeyDescriptor") {
        if xml::attribute(&document, node, "use").is_some_and(|purpose| purpose != "signing") {
            continue;
        }
        let below = |node, name| document.child_elements_by_name_ns(node, DSIG, name);
        let data = below(node, "KeyInfo").into_iter().flat_map(|info| below(info, "X509Data"));
        for certificate in data.flat_map(|data| below(data, "X509Certificate")) {
            certificates.push(certificate_text(&xml::text(&document, certificate).unwrap_or_default())?);
            // Each is tried at each sign-in.
            if certificates.len() > MAX_CERTIFICATES {
                return Err(format!("it has more than {MAX_CERTIFICATES} certificates"));
            }
        }
    }
    let single_logout = single_logout(&document, role);
    let logout_url = single_logout.as_ref().map(|service| service.url.clone());
    Ok(ProviderMetadata { issuer, sso_url, logout_url, single_logout, certificates })
}

/// Where an identity provider takes messages of sign-out: by redirect if it may be, as that needs no page of ours.
fn single_logout(document: &Document<'_>, role: NodeId) -> Option<LogoutService> {
    let services = document.child_elements_by_name_ns(role, METADATA, "SingleLogoutService");
    let bindings = [(REDIRECT, Binding::Redirect), (POST, Binding::Post)];
    bindings.into_iter().find_map(|(name, binding)| {
        let speaks = |node: &&NodeId| xml::attribute(document, **node, "Binding") == Some(name);
        let node = *services.iter().find(speaks)?;
        let text = |name: &str| xml::attribute(document, node, name).map(str::to_owned);
        Some(LogoutService { binding, url: text("Location")?, response_url: text("ResponseLocation") })
    })
}

/// A certificate as PEM or bare base64, as base64 of DER without line breaks; its key must be usable.
///
/// # Errors
/// A text that says what is wrong.
pub fn certificate_text(text: &str) -> Result<String, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    let joined: String = lines.flat_map(str::split_ascii_whitespace).collect();
    let der = STANDARD.decode(&joined).map_err(|_| "a certificate is not base64")?;
    Key::of_certificate(&der).map_err(|reason| format!("a certificate {reason}"))?;
    Ok(joined)
}

/// The keys of certificates that [`certificate_text`] made.
pub fn keys(certificates: &[String]) -> Vec<Key> {
    let der = certificates.iter().filter_map(|text| STANDARD.decode(text).ok());
    der.filter_map(|der| Key::of_certificate(&der).ok()).collect()
}

/// What our metadata says besides the addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Whether requests are signed.
    pub signs: bool,
    /// Certificates of keys that sign now or will, base64 of DER, the one of now first.
    pub signing: Vec<String>,
    /// Certificate of the key that assertions should be encrypted for.
    pub encryption: Option<String>,
    /// Our address for messages of sign-out, where we can sign them.
    pub logout_url: Option<String>,
}

/// Our metadata.
pub fn own(entity_id: &str, acs_url: &str, own: &Own) -> String {
    let (entity_id, acs_url) = (escaped(entity_id), escaped(acs_url));
    let signing = own.signing.iter().map(|certificate| ("signing", certificate));
    let keys = signing.chain(own.encryption.iter().map(|certificate| ("encryption", certificate)));
    let keys: String = keys.map(|(purpose, certificate)| key_descriptor(purpose, certificate)).collect();
    let logout: String = own.logout_url.iter().map(|url| logout_services(&escaped(url))).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <md:EntityDescriptor xmlns:md=\"{METADATA}\" entityID=\"{entity_id}\">\
         <md:SPSSODescriptor AuthnRequestsSigned=\"{}\" WantAssertionsSigned=\"true\" \
         protocolSupportEnumeration=\"{SAMLP}\">{keys}{logout}\
         <md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat>\
         <md:NameIDFormat>urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress</md:NameIDFormat>\
         <md:AssertionConsumerService Binding=\"{POST}\" Location=\"{acs_url}\" index=\"0\" isDefault=\"true\"/>\
         </md:SPSSODescriptor></md:EntityDescriptor>\n",
        own.signs
    )
}

fn logout_services(url: &str) -> String {
    let service = |binding| format!("<md:SingleLogoutService Binding=\"{binding}\" Location=\"{url}\"/>");
    [REDIRECT, POST].map(service).concat()
}

/// A certificate with what its key is for. For encryption, what providers should use of that which `encryption` takes.
fn key_descriptor(purpose: &str, certificate: &str) -> String {
    let methods: String = if purpose == "encryption" {
        let methods = [
            "http://www.w3.org/2009/xmlenc11#aes256-gcm",
            "http://www.w3.org/2009/xmlenc11#aes128-gcm",
            "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
        ];
        methods.iter().map(|name| format!("<md:EncryptionMethod Algorithm=\"{name}\"/>")).collect()
    } else {
        String::new()
    };
    format!(
        "<md:KeyDescriptor use=\"{purpose}\"><ds:KeyInfo xmlns:ds=\"{DSIG}\"><ds:X509Data>\
         <ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>{methods}</md:KeyDescriptor>"
    )
}

/// A text as the value of an attribute.
pub fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}
