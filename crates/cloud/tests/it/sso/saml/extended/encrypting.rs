//! How an identity provider encrypts, in all the ways that the tests want.

use aws_lc_rs::{
    aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    iv::FixedLength,
    rsa::{
        KeySize, OAEP_SHA1_MGF1SHA1, OaepAlgorithm, OaepPublicEncryptingKey, Pkcs1PublicEncryptingKey,
        PrivateDecryptingKey, PublicEncryptingKey,
    },
};
use base64::{Engine, engine::general_purpose::STANDARD};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::super::{DSIG, SAML};

pub(super) const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
pub(super) const XENC11: &str = "http://www.w3.org/2009/xmlenc11#";

/// How an assertion is encrypted.
#[derive(Clone)]
pub(super) struct How {
    pub(super) transport: Transport,
    /// What the message says of the transport; the inside of an element's tag and its content.
    pub(super) transport_xml: String,
    pub(super) cipher: &'static str,
    pub(super) key: Place,
    /// Changes the bytes of the content.
    pub(super) tamper: fn(&mut Vec<u8>),
}

#[derive(Clone, Copy)]
pub(super) enum Transport {
    Oaep(&'static OaepAlgorithm),
    Pkcs1,
}

/// Where the key of the content is.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Inside,
    Beside,
    Referenced,
    Twice,
    Elsewhere,
}

pub(super) fn oaep_sha256() -> String {
    format!(
        "Algorithm=\"{XENC11}rsa-oaep\"><ds:DigestMethod Algorithm=\"{XENC}sha256\"/>\
         <xenc11:MGF xmlns:xenc11=\"{XENC11}\" Algorithm=\"{XENC11}mgf1sha256\"/>"
    )
}

impl Default for How {
    fn default() -> How {
        How {
            transport: Transport::Oaep(&OAEP_SHA1_MGF1SHA1),
            transport_xml: format!(
                "Algorithm=\"{XENC}rsa-oaep-mgf1p\"><ds:DigestMethod Algorithm=\"{DSIG}sha1\"/>"
            ),
            cipher: "http://www.w3.org/2009/xmlenc11#aes256-gcm",
            key: Place::Inside,
            tamper: |_| {},
        }
    }
}

impl How {
    pub(super) fn encrypt(&self, certificate: &[u8], assertion: &str) -> String {
        let key: Vec<u8> =
            (0..if self.cipher.contains("128") { 16 } else { 32 }).map(|_| rand::random()).collect();
        let mut content = self.content(&key, assertion.as_bytes().to_vec());
        (self.tamper)(&mut content);
        let (_, parsed) = X509Certificate::from_der(certificate).unwrap();
        let public = PublicEncryptingKey::from_der(parsed.public_key().raw).unwrap();
        let mut room = vec![0; public.key_size_bytes()];
        let transported = match self.transport {
            Transport::Oaep(algorithm) => {
                let public = OaepPublicEncryptingKey::new(public).unwrap();
                public.encrypt(algorithm, &key, &mut room, None).unwrap().to_vec()
            }
            Transport::Pkcs1 => {
                let public = Pkcs1PublicEncryptingKey::new(public).unwrap();
                public.encrypt(&key, &mut room).unwrap().to_vec()
            }
        };
        let key = format!(
            "<xenc:EncryptedKey Id=\"_key\"><xenc:EncryptionMethod {}</xenc:EncryptionMethod><xenc:CipherData>\
             <xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>",
            self.transport_xml,
            STANDARD.encode(transported)
        );
        let leads = |to: &str| format!("<ds:RetrievalMethod Type=\"{XENC}EncryptedKey\" URI=\"#{to}\"/>");
        let info = |content: &str| format!("<ds:KeyInfo>{content}</ds:KeyInfo>");
        let (inside, beside) = match self.key {
            Place::Inside => (info(&key), String::new()),
            Place::Beside => (String::new(), key),
            Place::Referenced => (info(&leads("_key")), key),
            Place::Twice => (info(&key.replace("_key", "_other")), key),
            Place::Elsewhere => (info(&leads("_nowhere")), key),
        };
        format!(
            "<saml:EncryptedAssertion xmlns:saml=\"{SAML}\" xmlns:xenc=\"{XENC}\" xmlns:ds=\"{DSIG}\">\
             <xenc:EncryptedData Type=\"{XENC}Element\"><xenc:EncryptionMethod Algorithm=\"{}\"/>{inside}\
             <xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>{beside}\
             </saml:EncryptedAssertion>",
            self.cipher,
            STANDARD.encode(content)
        )
    }

    /// Initialisation vector and encrypted text.
    fn content(&self, key: &[u8], mut text: Vec<u8>) -> Vec<u8> {
        if self.cipher.ends_with("gcm") {
            let algorithm = if key.len() == 16 { &AES_128_GCM } else { &AES_256_GCM };
            let key = LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap());
            let nonce: [u8; 12] = rand::random();
            key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut text)
                .unwrap();
            return [nonce.as_slice(), &text].concat();
        }
        // The last byte counts the padding, the others are anything.
        let padding = 16 - text.len() % 16;
        text.extend((1..padding).map(|_| rand::random::<u8>()));
        text.push(u8::try_from(padding).unwrap());
        let algorithm = if key.len() == 16 { &AES_128 } else { &AES_256 };
        let key = EncryptingKey::cbc(UnboundCipherKey::new(algorithm, key).unwrap()).unwrap();
        let vector: [u8; 16] = rand::random();
        let context = EncryptionContext::Iv128(FixedLength::from(vector));
        key.less_safe_encrypt(&mut text, context).unwrap();
        [vector.as_slice(), &text].concat()
    }
}

/// The exclusive canonical form of a response that this file writes.
pub(super) fn canonical(response: &str) -> String {
    let declared = |tag: &str| format!(" xmlns:{tag}=\"{}\"", if tag == "ds" { DSIG } else { XENC });
    let mut text = response.replace(&declared("xenc"), "").replace(&declared("ds"), "");
    for (tag, prefix) in [("xenc:EncryptedData", "xenc"), ("ds:KeyInfo", "ds")] {
        text = text.replacen(&format!("<{tag}"), &format!("<{tag}{}", declared(prefix)), 1);
    }
    let mut expanded = String::new();
    for part in text.split_inclusive("/>") {
        match part.strip_suffix("/>") {
            Some(tag) => {
                let name = tag.rsplit('<').next().unwrap().split(' ').next().unwrap();
                expanded += &format!("{tag}></{name}>");
            }
            None => expanded += part,
        }
    }
    expanded
}

/// A key of content that is transported for another key than ours.
pub(super) fn transported_for(other: &PrivateDecryptingKey) -> String {
    let public = OaepPublicEncryptingKey::new(other.public_key()).unwrap();
    let mut room = vec![0; public.ciphertext_size()];
    STANDARD.encode(public.encrypt(&OAEP_SHA1_MGF1SHA1, &[7; 32], &mut room, None).unwrap())
}

/// A certificate for encryption that has nothing to do with the cloud.
pub(super) fn strange_certificate() -> String {
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
    let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&Strange(pair)).unwrap();
    STANDARD.encode(certificate.der())
}

struct Strange(aws_lc_rs::rsa::KeyPair);

impl rcgen::PublicKeyData for Strange {
    fn der_bytes(&self) -> &[u8] {
        aws_lc_rs::signature::KeyPair::public_key(&self.0).as_ref()
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl rcgen::SigningKey for Strange {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        let signed = self.0.sign(&aws_lc_rs::signature::RSA_PKCS1_SHA256, &random, message, &mut signature);
        signed.map(|()| signature).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}
