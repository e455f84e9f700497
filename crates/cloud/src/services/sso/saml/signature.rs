//! XML signatures as SAML uses them (SAML core, section 5.4): one form, and nothing but it.
//!
//! The signature is a child of the element that it signs, refers to that element by its id, and takes itself out
//! before exclusive canonicalisation without comments. Keys come from the configuration; whatever key the message
//! brings is ignored. Canonicalisation is the work of `bergshamra-c14n`, digests and signatures of `ring`.
//!
//! What is returned are the very bytes whose digest was signed. A caller reads these and forgets the message, so that
//! no wrapping can make it read another element than the one that was verified.

use base64::{Engine, engine::general_purpose::STANDARD};
use bergshamra_c14n::{C14nMode, canonicalize_doc};
use bergshamra_xml::NodeSet;
use ring::{digest, signature};
use uppsala::{Document, NodeId};
use x509_parser::{oid_registry, prelude::FromDer, x509::SubjectPublicKeyInfo};

use super::xml::{self, DSIG};

pub(super) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
pub(super) const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// Why a signature is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// There is none where it must be.
    #[error("it is not signed")]
    Absent,
    /// It has another form than SAML prescribes.
    #[error("the signature has another form than SAML prescribes: {0}")]
    Form(&'static str),
    /// SHA-1, or something unknown.
    #[error("the algorithm is not taken: {0}")]
    Algorithm(String),
    /// The element was changed after it was signed.
    #[error("the digest does not fit")]
    Digest,
    /// No configured certificate made it.
    #[error("the signature is not of a configured certificate")]
    Signature,
}

/// A public key of an identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    kind: KeyKind,
    /// As `ring` wants it.
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyKind {
    Rsa,
    P256,
    P384,
}

impl Key {
    /// The key of a certificate, DER.
    ///
    /// # Errors
    /// A text that says why it cannot be used.
    pub fn of_certificate(der: &[u8]) -> Result<Key, &'static str> {
        let (rest, certificate) =
            x509_parser::certificate::X509Certificate::from_der(der).map_err(|_| "is not a certificate")?;
        if !rest.is_empty() {
            return Err("has something behind the certificate");
        }
        Key::of(certificate.public_key())
    }

    fn of(info: &SubjectPublicKeyInfo<'_>) -> Result<Key, &'static str> {
        let bytes = info.subject_public_key.data.to_vec();
        if info.algorithm.algorithm == oid_registry::OID_PKCS1_RSAENCRYPTION {
            return Ok(Key { kind: KeyKind::Rsa, bytes });
        }
        let curve = info.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
        let kind = match curve {
            Some(curve) if curve == oid_registry::OID_EC_P256 => KeyKind::P256,
            Some(curve) if curve == oid_registry::OID_NIST_EC_P384 => KeyKind::P384,
            _ => return Err("has a key that is neither RSA nor on P-256 or P-384"),
        };
        Ok(Key { kind, bytes })
    }

    fn verifies(&self, method: &Method, message: &[u8], signature: &[u8]) -> bool {
        method.kind == self.kind
            && signature::UnparsedPublicKey::new(method.algorithm, &self.bytes)
                .verify(message, signature)
                .is_ok()
    }
}

struct Method {
    kind: KeyKind,
    algorithm: &'static dyn signature::VerificationAlgorithm,
}

fn method(uri: &str) -> Result<Method, Unsigned> {
    let (kind, algorithm): (_, &'static dyn signature::VerificationAlgorithm) = match uri {
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" => {
            (KeyKind::Rsa, &signature::RSA_PKCS1_2048_8192_SHA256)
        }
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384" => {
            (KeyKind::Rsa, &signature::RSA_PKCS1_2048_8192_SHA384)
        }
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512" => {
            (KeyKind::Rsa, &signature::RSA_PKCS1_2048_8192_SHA512)
        }
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256" => {
            (KeyKind::P256, &signature::ECDSA_P256_SHA256_FIXED)
        }
        "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384" => {
            (KeyKind::P384, &signature::ECDSA_P384_SHA384_FIXED)
        }
        other => return Err(Unsigned::Algorithm(other.chars().take(100).collect())),
    };
    Ok(Method { kind, algorithm })
}

fn digest_method(uri: &str) -> Result<&'static digest::Algorithm, Unsigned> {
    match uri {
        "http://www.w3.org/2001/04/xmlenc#sha256" => Ok(&digest::SHA256),
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => Ok(&digest::SHA384),
        "http://www.w3.org/2001/04/xmlenc#sha512" => Ok(&digest::SHA512),
        other => Err(Unsigned::Algorithm(other.chars().take(100).collect())),
    }
}

/// Whether one of the keys signed a message, by the algorithm of this name.
///
/// # Errors
/// [`Unsigned`].
pub fn verify(keys: &[Key], algorithm: &str, message: &[u8], signature: &[u8]) -> Result<(), Unsigned> {
    let method = method(algorithm)?;
    let signed = keys.iter().any(|key| key.verifies(&method, message, signature));
    if signed { Ok(()) } else { Err(Unsigned::Signature) }
}

/// Prefixes of an exclusive canonicalisation; providers name two or three.
const MAX_PREFIXES: usize = 16;
/// Elements and texts of a `SignedInfo`; one with indentation has some thirty.
const MAX_INFO_NODES: usize = 128;

/// Whether an element has a signature of its own.
pub fn is_signed(document: &Document<'_>, element: NodeId) -> bool {
    document.first_child_element_by_name_ns(element, DSIG, "Signature").is_some()
}

/// The canonical text of an element that one of the keys signed, without the signature.
///
/// # Errors
/// [`Unsigned`].
pub fn signed_text(document: &Document<'_>, element: NodeId, keys: &[Key]) -> Result<String, Unsigned> {
    let signature = match document.child_elements_by_name_ns(element, DSIG, "Signature").as_slice() {
        [] => return Err(Unsigned::Absent),
        [one] => *one,
        _ => return Err(Unsigned::Form("several signatures")),
    };
    if !document.child_elements_by_name_ns(signature, DSIG, "Object").is_empty() {
        return Err(Unsigned::Form("an object in the signature"));
    }
    let part = |node, name, missing| xml::only(document, node, DSIG, name).ok_or(Unsigned::Form(missing));
    let info = part(signature, "SignedInfo", "not one SignedInfo")?;
    if document.descendants(info).len() > MAX_INFO_NODES {
        return Err(Unsigned::Form("a large SignedInfo"));
    }
    let form = part(info, "CanonicalizationMethod", "not one CanonicalizationMethod")?;
    let prefixes = exclusive(document, form)?;
    let method = method(algorithm(document, part(info, "SignatureMethod", "not one SignatureMethod")?))?;
    let value = base64_text(document, part(signature, "SignatureValue", "not one SignatureValue")?)?;
    let canonical = canonical(document, info, None, &prefixes)?;
    if !keys.iter().any(|key| key.verifies(&method, canonical.as_bytes(), &value)) {
        return Err(Unsigned::Signature);
    }
    let reference = part(info, "Reference", "not one Reference")?;
    referred(document, element, signature, reference)
}

/// The canonical text of the element, when the reference is to it and the digest fits.
fn referred(
    document: &Document<'_>,
    element: NodeId,
    signature: NodeId,
    reference: NodeId,
) -> Result<String, Unsigned> {
    let id = xml::attribute(document, element, "ID").filter(|id| !id.is_empty());
    let uri = xml::attribute(document, reference, "URI").and_then(|uri| uri.strip_prefix('#'));
    if id.is_none() || uri != id {
        return Err(Unsigned::Form("the reference is to another element"));
    }
    let part = |node, name, missing| xml::only(document, node, DSIG, name).ok_or(Unsigned::Form(missing));
    let transforms = part(reference, "Transforms", "not one Transforms")?;
    let steps = document.child_elements_by_name_ns(transforms, DSIG, "Transform");
    let prefixes = match steps.as_slice() {
        [first, second] if algorithm(document, *first) == ENVELOPED => exclusive(document, *second)?,
        _ => return Err(Unsigned::Form("other transforms")),
    };
    let with = digest_method(algorithm(document, part(reference, "DigestMethod", "not one DigestMethod")?))?;
    let expected = base64_text(document, part(reference, "DigestValue", "not one DigestValue")?)?;
    let canonical = canonical(document, element, Some(signature), &prefixes)?;
    // Of public bytes: nothing is learnt from the time that it takes.
    if digest::digest(with, canonical.as_bytes()).as_ref() == expected.as_slice() {
        Ok(canonical)
    } else {
        Err(Unsigned::Digest)
    }
}

fn algorithm<'d>(document: &'d Document<'_>, node: NodeId) -> &'d str {
    xml::attribute(document, node, "Algorithm").unwrap_or_default()
}

/// Prefixes that an exclusive canonicalisation treats as an inclusive one does.
fn exclusive(document: &Document<'_>, node: NodeId) -> Result<Vec<String>, Unsigned> {
    let uri = algorithm(document, node);
    if uri != EXCLUSIVE {
        return Err(Unsigned::Algorithm(uri.chars().take(100).collect()));
    }
    let list = document.child_elements_by_name_ns(node, EXCLUSIVE, "InclusiveNamespaces");
    let list = list.first().and_then(|node| xml::attribute(document, *node, "PrefixList"));
    let prefixes: Vec<String> =
        list.unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect();
    // Each is looked up at each element, and before anything is known to be signed.
    if prefixes.len() > MAX_PREFIXES {
        return Err(Unsigned::Form("too many prefixes"));
    }
    Ok(prefixes)
}

/// The exclusive canonical form of an element, without one that is in it.
///
/// # Errors
/// [`Unsigned::Form`].
pub(super) fn canonical(
    document: &Document<'_>,
    element: NodeId,
    without: Option<NodeId>,
    prefixes: &[String],
) -> Result<String, Unsigned> {
    let mut nodes = NodeSet::tree_without_comments(element, document);
    if let Some(without) = without {
        nodes = nodes.subtract(&NodeSet::tree_with_comments(without, document));
    }
    let bytes = canonicalize_doc(document, C14nMode::Exclusive, Some(&nodes), prefixes);
    let bytes = bytes.map_err(|_| Unsigned::Form("it cannot be made canonical"))?;
    String::from_utf8(bytes).map_err(|_| Unsigned::Form("it is not UTF-8"))
}

fn base64_text(document: &Document<'_>, node: NodeId) -> Result<Vec<u8>, Unsigned> {
    let text = xml::text(document, node).unwrap_or_default();
    let text: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(text).map_err(|_| Unsigned::Form("base64"))
}
