//! What a response of an identity provider says about a person, once everything about it holds.
//!
//! An assertion that comes encrypted goes the same way once it is decrypted: through the same parser, with the same
//! signature over it. Until that signature is verified, whatever is wrong has one answer, [`Disbelieved::Sealed`]: nobody
//! must learn from answers what his variation of somebody's assertion decrypts to. The kind of cause is for the log.

use aws_lc_rs::rsa::OaepPrivateDecryptingKey;
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use uppsala::{Document, NodeId};

use super::{
    encryption::{self, Undecryptable},
    signature::{self, Key, Unsigned},
    xml::{self, SAML, SAMLP, Unreadable},
};

/// Largest response, bytes.
pub(super) const MAX_BYTES: usize = 256 << 10;
/// Seconds of difference between clocks.
pub(super) const LEEWAY_S: i64 = 120;
pub(super) const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
const EMAIL_FORMAT: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";

/// What a response must fit.
#[derive(Debug)]
pub struct Expected<'a> {
    /// Entity id of the identity provider.
    pub issuer: &'a str,
    /// Its keys.
    pub keys: &'a [Key],
    /// Our entity id.
    pub audience: &'a str,
    /// Our address for responses.
    pub recipient: &'a str,
    /// The request that this sign-in began with.
    pub request: &'a str,
    /// Our keys.
    pub own_keys: &'a [OaepPrivateDecryptingKey],
    /// Whether the assertion must be encrypted, and signed by itself.
    pub extended: bool,
    /// Unix seconds.
    pub now: i64,
}

/// What an assertion says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assertion {
    /// Its id.
    pub id: String,
    /// Until when it holds, Unix seconds, with leeway.
    pub ends_at: i64,
    /// Name of the person, unless it is another one each time.
    pub name: Option<String>,
    /// Whether the name is an e-mail address.
    pub name_is_email: bool,
    /// Attributes, by name, in order.
    pub attributes: Vec<(String, Vec<String>)>,
    /// Whether it was encrypted, and signed by itself.
    pub protected: bool,
    /// The person's session there.
    pub session: Option<There>,
}

/// What the identity provider calls a person and the session that an assertion came from. Sign-out repeats it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct There {
    /// Name of the person, as it stands there.
    pub name: String,
    /// Its attributes: format and qualifiers.
    pub name_attributes: Vec<(String, String)>,
    /// Name of the session, if it has one.
    pub index: Option<String>,
}

/// Attributes of a name that sign-out repeats, in the order of canonical XML.
const NAME_ATTRIBUTES: [&str; 4] = ["Format", "NameQualifier", "SPNameQualifier", "SPProvidedID"];

impl There {
    /// Reads a `NameID`; none when it is empty.
    pub fn read(document: &Document<'_>, name: NodeId) -> Option<There> {
        let value = xml::text(document, name).filter(|text| !text.is_empty())?;
        let attributes = NAME_ATTRIBUTES.into_iter().filter_map(|attribute| {
            Some((attribute.to_owned(), xml::attribute(document, name, attribute)?.to_owned()))
        });
        Some(There { name: value, name_attributes: attributes.collect(), index: None })
    }
}

impl Assertion {
    /// Values of an attribute.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let name = name.to_owned();
        let found = self.attributes.iter().filter(move |(attribute, _)| *attribute == name);
        found.flat_map(|(_, values)| values).map(String::as_str)
    }
}

/// Why a response is not believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Disbelieved {
    /// Larger than any.
    #[error("it is too large")]
    Size,
    /// Cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// Neither the response nor the assertion is signed by the provider.
    #[error(transparent)]
    Unsigned(#[from] Unsigned),
    /// The provider refuses.
    #[error("the identity provider refuses: {0}")]
    Status(String),
    /// Not of the form of a response.
    #[error("it is not a response with one assertion: {0}")]
    Form(&'static str),
    /// Encrypted in a way that is not taken.
    #[error(transparent)]
    Undecryptable(#[from] Undecryptable),
    /// Encrypted, and what is in it is not the provider's. The text is the same for every cause.
    #[error("the encrypted assertion cannot be read with our key, or is not signed by the identity provider")]
    Sealed(#[source] Box<Disbelieved>),
    /// For somebody else, another sign-in or another time.
    #[error("it is not for this sign-in: {0}")]
    Condition(&'static str),
}

impl Disbelieved {
    /// The kind of failure, without any text of the message: that may have been encrypted.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match *self {
            Disbelieved::Size => "too large",
            Disbelieved::Unreadable(_) => "not readable XML",
            Disbelieved::Unsigned(Unsigned::Absent) => "not signed",
            Disbelieved::Unsigned(Unsigned::Form(_)) => "the form of the signature",
            Disbelieved::Unsigned(Unsigned::Algorithm(_)) => "the algorithm of the signature",
            Disbelieved::Unsigned(Unsigned::Digest) => "the digest of the signature",
            Disbelieved::Unsigned(Unsigned::Signature) => "not the signature of a configured certificate",
            Disbelieved::Status(_) => "the status",
            Disbelieved::Form(what) | Disbelieved::Condition(what) => what,
            Disbelieved::Undecryptable(_) => "the form of the encryption",
            Disbelieved::Sealed(ref cause) => cause.kind(),
        }
    }
}

/// Reads a response; only what is signed counts.
///
/// # Errors
/// [`Disbelieved`].
pub fn believe(text: &str, expected: &Expected<'_>) -> Result<Assertion, Disbelieved> {
    if text.len() > MAX_BYTES {
        return Err(Disbelieved::Size);
    }
    let document = xml::parse(text)?;
    let response = document.document_element().ok_or(Disbelieved::Form("empty"))?;
    if !xml::is(&document, response, SAMLP, "Response") {
        return Err(Disbelieved::Form("another element"));
    }
    check_status(&document, response)?;
    // More than one anywhere is how wrapping begins.
    let signed = match (count(&document, "Assertion"), count(&document, "EncryptedAssertion")) {
        (1, 0) if expected.extended => return Err(Disbelieved::Form("the assertion is not encrypted")),
        (1, 0) => plain(&document, response, expected)?,
        (0, 1) if expected.own_keys.is_empty() => {
            return Err(Disbelieved::Form("the assertion is encrypted, and we have no key"));
        }
        (0, 1) => encrypted(&document, response, expected)?,
        _ => return Err(Disbelieved::Form("not one assertion")),
    };
    check_envelope(&document, response, expected)?;
    // From here on only the signed bytes are read.
    let document = xml::parse(&signed.text)?;
    let root = document.document_element().ok_or(Disbelieved::Form("empty"))?;
    let assertion =
        if signed.in_response { xml::only(&document, root, SAML, "Assertion") } else { Some(root) };
    let assertion = assertion.filter(|node| xml::is(&document, *node, SAML, "Assertion"));
    let read = read(&document, assertion.ok_or(Disbelieved::Form("no assertion"))?, expected)?;
    Ok(Assertion { protected: signed.protected, ..read })
}

/// What the provider signed.
struct Signed {
    text: String,
    /// Whether it is the response, with the assertion in it.
    in_response: bool,
    /// Whether it was encrypted, and signed by itself.
    protected: bool,
}

fn count(document: &Document<'_>, name: &str) -> usize {
    document.get_elements_by_tag_name_ns(SAML, name).len()
}

fn plain(document: &Document<'_>, response: NodeId, expected: &Expected<'_>) -> Result<Signed, Disbelieved> {
    let assertion =
        xml::only(document, response, SAML, "Assertion").ok_or(Disbelieved::Form("a hidden assertion"))?;
    let whole = signature::is_signed(document, response);
    let text = signature::signed_text(document, if whole { response } else { assertion }, expected.keys)?;
    if whole && signature::is_signed(document, assertion) {
        signature::signed_text(document, assertion, expected.keys)?;
    }
    Ok(Signed { text, in_response: whole, protected: false })
}

fn encrypted(
    document: &Document<'_>,
    response: NodeId,
    expected: &Expected<'_>,
) -> Result<Signed, Disbelieved> {
    let sealed = |document: &Document<'_>, response: NodeId| {
        let node = xml::only(document, response, SAML, "EncryptedAssertion");
        let node = node.ok_or(Disbelieved::Form("a hidden assertion"))?;
        Ok::<_, Disbelieved>(encryption::Sealed::read(document, node)?)
    };
    let whole = signature::is_signed(document, response);
    let sealed = if whole {
        // Where the response is signed, nothing else is decrypted.
        let text = signature::signed_text(document, response, expected.keys)?;
        let document = xml::parse(&text)?;
        sealed(&document, document.document_element().ok_or(Disbelieved::Form("empty"))?)?
    } else {
        sealed(document, response)?
    };
    decrypted(&sealed, whole, expected).map_err(|cause| Disbelieved::Sealed(Box::new(cause)))
}

/// The assertion in what was encrypted. It must be signed, unless the response around it is and that is enough.
fn decrypted(
    sealed: &encryption::Sealed,
    whole: bool,
    expected: &Expected<'_>,
) -> Result<Signed, Disbelieved> {
    let text = sealed.open(expected.own_keys).ok_or(Disbelieved::Form("it does not decrypt"))?;
    let document = xml::parse(&text)?;
    let root = document.document_element().ok_or(Disbelieved::Form("empty"))?;
    if !xml::is(&document, root, SAML, "Assertion")
        || (count(&document, "Assertion"), count(&document, "EncryptedAssertion")) != (1, 0)
    {
        return Err(Disbelieved::Form("not one assertion"));
    }
    if whole && !expected.extended && !signature::is_signed(&document, root) {
        return Ok(Signed { text, in_response: false, protected: false });
    }
    let text = signature::signed_text(&document, root, expected.keys)?;
    Ok(Signed { text, in_response: false, protected: true })
}

fn check_status(document: &Document<'_>, response: NodeId) -> Result<(), Disbelieved> {
    let status = xml::only(document, response, SAMLP, "Status");
    let code = status.and_then(|status| xml::only(document, status, SAMLP, "StatusCode"));
    let value = code.and_then(|code| xml::attribute(document, code, "Value")).unwrap_or_default();
    if value == SUCCESS { Ok(()) } else { Err(Disbelieved::Status(value.chars().take(100).collect())) }
}

/// The response around the assertion: what it says must fit, although only the assertion may be signed.
fn check_envelope(
    document: &Document<'_>,
    response: NodeId,
    expected: &Expected<'_>,
) -> Result<(), Disbelieved> {
    let fits =
        |name: &str, value: &str| xml::attribute(document, response, name).is_none_or(|it| it == value);
    if !fits("Destination", expected.recipient) {
        return Err(Disbelieved::Condition("destination"));
    }
    if !fits("InResponseTo", expected.request) {
        return Err(Disbelieved::Condition("request"));
    }
    let issuer = document.first_child_element_by_name_ns(response, SAML, "Issuer");
    if issuer.is_some_and(|issuer| xml::text(document, issuer).as_deref() != Some(expected.issuer)) {
        return Err(Disbelieved::Condition("issuer"));
    }
    Ok(())
}

fn read(
    document: &Document<'_>,
    assertion: NodeId,
    expected: &Expected<'_>,
) -> Result<Assertion, Disbelieved> {
    let child = |node, name| xml::only(document, node, SAML, name);
    let issuer = child(assertion, "Issuer").and_then(|issuer| xml::text(document, issuer));
    if issuer.as_deref() != Some(expected.issuer) {
        return Err(Disbelieved::Condition("issuer"));
    }
    let subject = child(assertion, "Subject").ok_or(Disbelieved::Form("no subject"))?;
    let confirmed_until = confirmation(document, subject, expected)?;
    let conditions = child(assertion, "Conditions").ok_or(Disbelieved::Form("no conditions"))?;
    let ends_at = check_conditions(document, conditions, expected)?
        .map_or(confirmed_until, |end| end.min(confirmed_until));
    let index = check_statement(document, assertion, expected.now)?;
    let id = xml::attribute(document, assertion, "ID").filter(|id| !id.is_empty());
    let name = child(subject, "NameID");
    let format = name.and_then(|name| xml::attribute(document, name, "Format")).unwrap_or_default();
    let value = name.and_then(|name| xml::text(document, name)).filter(|name| !name.is_empty());
    Ok(Assertion {
        id: id.ok_or(Disbelieved::Form("no id"))?.to_owned(),
        ends_at: ends_at + LEEWAY_S,
        name_is_email: format == EMAIL_FORMAT,
        name: value.filter(|_| format != TRANSIENT),
        attributes: attributes(document, assertion),
        protected: false,
        session: name.and_then(|name| There::read(document, name)).map(|there| There { index, ..there }),
    })
}

/// Until when a bearer of the assertion may be the subject.
fn confirmation(
    document: &Document<'_>,
    subject: NodeId,
    expected: &Expected<'_>,
) -> Result<i64, Disbelieved> {
    let mut refused = Disbelieved::Condition("confirmation");
    for node in document.child_elements_by_name_ns(subject, SAML, "SubjectConfirmation") {
        if xml::attribute(document, node, "Method") != Some(BEARER) {
            continue;
        }
        let Some(data) = xml::only(document, node, SAML, "SubjectConfirmationData") else { continue };
        let value = |name| xml::attribute(document, data, name);
        let end = value("NotOnOrAfter").and_then(instant);
        refused = Disbelieved::Condition(match end {
            _ if value("Recipient") != Some(expected.recipient) => "recipient",
            _ if value("InResponseTo") != Some(expected.request) => "request",
            None => "confirmation without an end",
            Some(end) if end + LEEWAY_S <= expected.now => "it ended",
            Some(_) if !begun(value("NotBefore"), expected.now) => "it has not begun",
            Some(end) => return Ok(end),
        });
    }
    Err(refused)
}

fn check_conditions(
    document: &Document<'_>,
    conditions: NodeId,
    expected: &Expected<'_>,
) -> Result<Option<i64>, Disbelieved> {
    let value = |name| xml::attribute(document, conditions, name);
    let end = match value("NotOnOrAfter") {
        Some(text) => Some(instant(text).ok_or(Disbelieved::Form("time"))?),
        None => None,
    };
    if end.is_some_and(|end| end + LEEWAY_S <= expected.now) {
        return Err(Disbelieved::Condition("it ended"));
    }
    if !begun(value("NotBefore"), expected.now) {
        return Err(Disbelieved::Condition("it has not begun"));
    }
    let restrictions = document.child_elements_by_name_ns(conditions, SAML, "AudienceRestriction");
    let names = |restriction: &NodeId| {
        let audiences = document.child_elements_by_name_ns(*restriction, SAML, "Audience");
        audiences.into_iter().any(|node| xml::text(document, node).as_deref() == Some(expected.audience))
    };
    if restrictions.is_empty() || !restrictions.iter().all(names) {
        return Err(Disbelieved::Condition("audience"));
    }
    Ok(end)
}

/// The name of the session that the person has there.
fn check_statement(
    document: &Document<'_>,
    assertion: NodeId,
    now: i64,
) -> Result<Option<String>, Disbelieved> {
    let statements = document.child_elements_by_name_ns(assertion, SAML, "AuthnStatement");
    let statement = statements.first().ok_or(Disbelieved::Form("no statement of authentication"))?;
    match xml::attribute(document, *statement, "SessionNotOnOrAfter") {
        Some(text) if instant(text).is_none_or(|end| end + LEEWAY_S <= now) => {
            Err(Disbelieved::Condition("the session there ended"))
        }
        _ => Ok(xml::attribute(document, *statement, "SessionIndex").map(str::to_owned)),
    }
}

fn begun(from: Option<&str>, now: i64) -> bool {
    from.is_none_or(|text| instant(text).is_some_and(|begin| begin <= now + LEEWAY_S))
}

pub(super) fn instant(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp())
}

fn attributes(document: &Document<'_>, assertion: NodeId) -> Vec<(String, Vec<String>)> {
    let mut found = vec![];
    for statement in document.child_elements_by_name_ns(assertion, SAML, "AttributeStatement") {
        for node in document.child_elements_by_name_ns(statement, SAML, "Attribute") {
            let values = document.child_elements_by_name_ns(node, SAML, "AttributeValue");
            let values = values.into_iter().filter_map(|value| xml::text(document, value));
            let values = values.filter(|value| !value.is_empty()).collect();
            let name = xml::attribute(document, node, "Name").unwrap_or_default();
            found.push((name.to_owned(), values));
        }
    }
    found
}
