//! Encrypted assertions (XML Encryption 1.1, as SAML core, section 6 uses it): one form, read with a key of our own.
//!
//! The key of the content comes by RSA-OAEP. Transport by PKCS #1 v1.5 is refused: whoever can tell a wrong padding
//! from a wrong content reads what others were sent (Bleichenbacher). The content is AES, by GCM or by CBC, which is
//! what many providers do unless told otherwise. CBC does not say who wrote the text, so a stranger may send variations
//! of an assertion that he caught and watch how they fail. Therefore no padding is refused here: what is left of a
//! wrong text fails where everything else does that is not the provider's, and [`super::response`] has one answer for
//! all of it. What [`Sealed::read`] refuses is what anybody sees in the message.

use aws_lc_rs::{
    aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{AES_128, AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey},
    iv::FixedLength,
    rsa::{
        OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
        OaepAlgorithm, OaepPrivateDecryptingKey,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use uppsala::{Document, NodeId};

use super::xml::{self, DSIG};

/// Namespace of XML encryption.
pub const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
/// Namespace of what its version 1.1 added.
const XENC11: &str = "http://www.w3.org/2009/xmlenc11#";

const ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";
const ENCRYPTED_KEY: &str = "http://www.w3.org/2001/04/xmlenc#EncryptedKey";
const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
const MGF1_SHA1: &str = "http://www.w3.org/2009/xmlenc11#mgf1sha1";

/// Bytes of a block of AES.
const BLOCK: usize = 16;

/// Why an encrypted assertion is not even decrypted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undecryptable {
    /// Another form than providers send.
    #[error("the encryption has another form than SAML prescribes: {0}")]
    Form(&'static str),
    /// An algorithm that is too weak, or unknown.
    #[error("the algorithm of the encryption is not taken: {0}")]
    Algorithm(String),
}

/// How the content is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cipher {
    Aes128Cbc,
    Aes128Gcm,
    Aes256Cbc,
    Aes256Gcm,
}

/// An assertion that nobody has opened yet.
#[derive(Debug)]
pub struct Sealed {
    transport: &'static OaepAlgorithm,
    /// Key of the content, encrypted.
    key: Vec<u8>,
    cipher: Cipher,
    content: Vec<u8>,
}

impl Sealed {
    /// Reads an `EncryptedAssertion`: one content and one key, which is in the content's `KeyInfo` or beside the content.
    ///
    /// # Errors
    /// [`Undecryptable`].
    pub fn read(document: &Document<'_>, node: NodeId) -> Result<Sealed, Undecryptable> {
        let data = part(document, node, XENC, "EncryptedData", "not one EncryptedData")?;
        if xml::attribute(document, data, "Type").is_some_and(|kind| kind != ELEMENT) {
            return Err(Undecryptable::Form("the content is not an element"));
        }
        let key = encrypted_key(document, node, data)?;
        let cipher = cipher(document, method(document, data)?)?;
        let content = value(document, data)?;
        let (least, blocks) = match cipher {
            Cipher::Aes128Gcm | Cipher::Aes256Gcm => (12 + BLOCK, 1),
            // The initialisation vector and a block at least.
            Cipher::Aes128Cbc | Cipher::Aes256Cbc => (2 * BLOCK, BLOCK),
        };
        if content.len() < least || content.len() % blocks != 0 {
            return Err(Undecryptable::Form("the content has a length that cannot be"));
        }
        Ok(Sealed {
            transport: transport(document, method(document, key)?)?,
            key: value(document, key)?,
            cipher,
            content,
        })
    }

    /// The text, with whichever key fits; none for whatever reason.
    #[must_use]
    pub fn open(&self, keys: &[OaepPrivateDecryptingKey]) -> Option<String> {
        let text = keys.iter().find_map(|key| {
            let mut room = vec![0; key.min_output_size()];
            let content_key = key.decrypt(self.transport, &self.key, &mut room, None).ok()?;
            self.decrypt(content_key)
        })?;
        String::from_utf8(text).ok()
    }

    fn decrypt(&self, key: &[u8]) -> Option<Vec<u8>> {
        let mut content = self.content.clone();
        match self.cipher {
            Cipher::Aes128Gcm | Cipher::Aes256Gcm => {
                let algorithm = if self.cipher == Cipher::Aes128Gcm { &AES_128_GCM } else { &AES_256_GCM };
                let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
                let mut text = content.split_off(12);
                let nonce = Nonce::try_assume_unique_for_key(&content).ok()?;
                let length = key.open_in_place(nonce, Aad::empty(), &mut text).ok()?.len();
                text.truncate(length);
                Some(text)
            }
            Cipher::Aes128Cbc | Cipher::Aes256Cbc => {
                let algorithm = if self.cipher == Cipher::Aes128Cbc { &AES_128 } else { &AES_256 };
                let key = DecryptingKey::cbc(UnboundCipherKey::new(algorithm, key).ok()?).ok()?;
                let mut text = content.split_off(BLOCK);
                let vector = FixedLength::try_from(content.as_slice()).ok()?;
                key.decrypt(&mut text, DecryptionContext::Iv128(vector)).ok()?;
                // The last byte counts those to leave out. With another number than can be, none is left out.
                let padding = text.last().map_or(0, |last| usize::from(*last));
                text.truncate(text.len() - if padding <= BLOCK { padding } else { 0 });
                Some(text)
            }
        }
    }
}

/// The key of the content: in its `KeyInfo`, or beside it, to where a `RetrievalMethod` may lead.
fn encrypted_key(document: &Document<'_>, assertion: NodeId, data: NodeId) -> Result<NodeId, Undecryptable> {
    let info = at_most_one(document, data, DSIG, "KeyInfo")?;
    let mut keys = document.child_elements_by_name_ns(assertion, XENC, "EncryptedKey");
    let reference = match info {
        Some(info) => {
            keys.extend(document.child_elements_by_name_ns(info, XENC, "EncryptedKey"));
            at_most_one(document, info, DSIG, "RetrievalMethod")?
        }
        None => None,
    };
    let [key] = keys.as_slice() else { return Err(Undecryptable::Form("not one EncryptedKey")) };
    let Some(reference) = reference else { return Ok(*key) };
    let leads_to = xml::attribute(document, reference, "URI").and_then(|uri| uri.strip_prefix('#'));
    let kind = xml::attribute(document, reference, "Type");
    let fits = leads_to.is_some() && leads_to == xml::attribute(document, *key, "Id");
    if fits && kind.is_none_or(|kind| kind == ENCRYPTED_KEY) {
        Ok(*key)
    } else {
        Err(Undecryptable::Form("the key is elsewhere"))
    }
}

fn cipher(document: &Document<'_>, method: NodeId) -> Result<Cipher, Undecryptable> {
    match algorithm(document, method) {
        "http://www.w3.org/2001/04/xmlenc#aes128-cbc" => Ok(Cipher::Aes128Cbc),
        "http://www.w3.org/2001/04/xmlenc#aes256-cbc" => Ok(Cipher::Aes256Cbc),
        "http://www.w3.org/2009/xmlenc11#aes128-gcm" => Ok(Cipher::Aes128Gcm),
        "http://www.w3.org/2009/xmlenc11#aes256-gcm" => Ok(Cipher::Aes256Gcm),
        other => Err(refused(other)),
    }
}

/// OAEP with one hash for both of its purposes. The older name means SHA-1 for the mask, whatever the other hash is.
fn transport(document: &Document<'_>, method: NodeId) -> Result<&'static OaepAlgorithm, Undecryptable> {
    let name = algorithm(document, method);
    let named = |namespace: &str, part: &str, missing: &'static str| -> Result<_, Undecryptable> {
        let node = at_most_one(document, method, namespace, part)?;
        Ok(node.map_or(missing, |node| algorithm(document, node)))
    };
    let mask = match name {
        "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p" => MGF1_SHA1,
        "http://www.w3.org/2009/xmlenc11#rsa-oaep" => named(XENC11, "MGF", MGF1_SHA1)?,
        other => return Err(refused(other)),
    };
    if at_most_one(document, method, XENC, "OAEPparams")?.is_some() {
        return Err(Undecryptable::Form("the transport of the key has parameters"));
    }
    match (named(DSIG, "DigestMethod", SHA1)?, mask) {
        (SHA1, MGF1_SHA1) => Ok(&OAEP_SHA1_MGF1SHA1),
        ("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2009/xmlenc11#mgf1sha256") => {
            Ok(&OAEP_SHA256_MGF1SHA256)
        }
        ("http://www.w3.org/2001/04/xmldsig-more#sha384", "http://www.w3.org/2009/xmlenc11#mgf1sha384") => {
            Ok(&OAEP_SHA384_MGF1SHA384)
        }
        ("http://www.w3.org/2001/04/xmlenc#sha512", "http://www.w3.org/2009/xmlenc11#mgf1sha512") => {
            Ok(&OAEP_SHA512_MGF1SHA512)
        }
        (digest, mask) => Err(refused(&format!("{name} with {digest} and {mask}"))),
    }
}

fn method(document: &Document<'_>, node: NodeId) -> Result<NodeId, Undecryptable> {
    part(document, node, XENC, "EncryptionMethod", "not one EncryptionMethod")
}

/// The bytes of an encrypted thing; they must be in the message.
fn value(document: &Document<'_>, node: NodeId) -> Result<Vec<u8>, Undecryptable> {
    let data = part(document, node, XENC, "CipherData", "not one CipherData")?;
    let value = part(document, data, XENC, "CipherValue", "not one CipherValue")?;
    let text: String = xml::text(document, value).unwrap_or_default().split_ascii_whitespace().collect();
    STANDARD.decode(text).map_err(|_| Undecryptable::Form("base64"))
}

fn part(
    document: &Document<'_>,
    node: NodeId,
    namespace: &str,
    name: &str,
    missing: &'static str,
) -> Result<NodeId, Undecryptable> {
    xml::only(document, node, namespace, name).ok_or(Undecryptable::Form(missing))
}

fn at_most_one(
    document: &Document<'_>,
    node: NodeId,
    namespace: &str,
    name: &str,
) -> Result<Option<NodeId>, Undecryptable> {
    match document.child_elements_by_name_ns(node, namespace, name).as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        _ => Err(Undecryptable::Form("something is there twice")),
    }
}

fn algorithm<'d>(document: &'d Document<'_>, node: NodeId) -> &'d str {
    xml::attribute(document, node, "Algorithm").unwrap_or_default()
}

fn refused(name: &str) -> Undecryptable {
    Undecryptable::Algorithm(name.chars().take(200).collect())
}
