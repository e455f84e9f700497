//! Messages of sign-out: what the identity provider asks and answers, and what we do (SAML core, section 3.7).
//!
//! A request of the provider reaches here only after its signature was verified, and as nothing but what was signed. What
//! is checked here is that it is for us, of now, and from whom the configuration says.

use aws_lc_rs::rsa::OaepPrivateDecryptingKey;
use chrono::{DateTime, SecondsFormat};
use uppsala::{Document, NodeId};

use crate::services::sso::saml::{
    encryption::Sealed,
    metadata::escaped,
    response::{LEEWAY_S, SUCCESS, There, instant},
    xml::{self, SAML, SAMLP},
};

/// Seconds that a request counts after it was made, if it does not say less.
const COUNTS_S: i64 = 300;
/// Most sessions that one request names.
const MAX_SESSIONS: usize = 64;

/// What a message must fit.
pub struct Expected<'a> {
    /// Entity id of the identity provider.
    pub issuer: &'a str,
    /// Our address for messages of sign-out.
    pub destination: &'a str,
    /// Unix seconds.
    pub now: i64,
}

/// A request to end the sessions of a person.
#[derive(Debug, PartialEq, Eq)]
pub struct LogoutRequest {
    /// Its id.
    pub id: String,
    /// What the person is called there.
    pub name: String,
    /// Sessions there; none for all.
    pub sessions: Vec<String>,
    /// Until when it could count again, Unix seconds, with leeway.
    pub ends_at: i64,
}

/// An answer to our request.
#[derive(Debug, PartialEq, Eq)]
pub struct LogoutAnswer {
    /// Id of our request.
    pub request: String,
    /// Whether every session ended.
    pub complete: bool,
}

/// Reads a request that was signed.
///
/// # Errors
/// What does not fit.
pub fn read_request(
    text: &str,
    expected: &Expected<'_>,
    own_keys: &[OaepPrivateDecryptingKey],
) -> Result<LogoutRequest, &'static str> {
    let document = xml::parse(text).map_err(|_| "not readable XML")?;
    let root = root(&document, "LogoutRequest", expected)?;
    let made = xml::attribute(&document, root, "IssueInstant").and_then(instant).ok_or("no time")?;
    let end = match xml::attribute(&document, root, "NotOnOrAfter") {
        Some(text) => instant(text).ok_or("the form of a time")?.min(made.saturating_add(COUNTS_S)),
        None => made.saturating_add(COUNTS_S),
    };
    let ends_at = end.saturating_add(LEEWAY_S);
    if ends_at <= expected.now {
        return Err("it ended");
    }
    if made > expected.now + LEEWAY_S {
        return Err("it is from the future");
    }
    let sessions = document.child_elements_by_name_ns(root, SAMLP, "SessionIndex");
    if sessions.len() > MAX_SESSIONS {
        return Err("too many sessions");
    }
    let sessions = sessions.into_iter().filter_map(|node| xml::text(&document, node));
    let id = xml::attribute(&document, root, "ID").filter(|id| !id.is_empty()).ok_or("no id")?;
    Ok(LogoutRequest {
        id: id.to_owned(),
        name: name(&document, root, own_keys)?,
        sessions: sessions.filter(|index| !index.is_empty()).collect(),
        ends_at,
    })
}

/// Whom a request is about; the name may be encrypted for us.
fn name(
    document: &Document<'_>,
    root: NodeId,
    own_keys: &[OaepPrivateDecryptingKey],
) -> Result<String, &'static str> {
    const UNNAMED: &str = "it does not name a person in a form that is taken";
    let plain = xml::only(document, root, SAML, "NameID");
    let sealed = xml::only(document, root, SAML, "EncryptedID");
    match (plain, sealed) {
        (Some(name), None) => There::read(document, name).map(|there| there.name).ok_or(UNNAMED),
        (None, Some(sealed)) => {
            let opened = Sealed::read(document, sealed).ok().and_then(|sealed| sealed.open(own_keys));
            let opened = opened.ok_or(UNNAMED)?;
            let document = xml::parse(&opened).map_err(|_| UNNAMED)?;
            let name = document.document_element().filter(|node| xml::is(&document, *node, SAML, "NameID"));
            name.and_then(|name| There::read(&document, name)).map(|there| there.name).ok_or(UNNAMED)
        }
        _ => Err(UNNAMED),
    }
}

/// Reads an answer that was signed.
///
/// # Errors
/// What does not fit.
pub fn read_answer(text: &str, expected: &Expected<'_>) -> Result<LogoutAnswer, &'static str> {
    let document = xml::parse(text).map_err(|_| "not readable XML")?;
    let root = root(&document, "LogoutResponse", expected)?;
    let request = xml::attribute(&document, root, "InResponseTo").ok_or("no request that it answers")?;
    let status = xml::only(&document, root, SAMLP, "Status").ok_or("no status")?;
    let code = xml::only(&document, status, SAMLP, "StatusCode").ok_or("no status")?;
    let whole = xml::attribute(&document, code, "Value") == Some(SUCCESS)
        && document.child_elements_by_name_ns(code, SAMLP, "StatusCode").is_empty();
    Ok(LogoutAnswer { request: request.to_owned(), complete: whole })
}

/// The element of a message that is the provider's and for us.
fn root(document: &Document<'_>, name: &str, expected: &Expected<'_>) -> Result<NodeId, &'static str> {
    let root = document.document_element().filter(|node| xml::is(document, *node, SAMLP, name));
    let root = root.ok_or("another element")?;
    if xml::attribute(document, root, "Version") != Some("2.0") {
        return Err("another version");
    }
    let issuer = xml::only(document, root, SAML, "Issuer").and_then(|issuer| xml::text(document, issuer));
    if issuer.as_deref() != Some(expected.issuer) {
        return Err("issuer");
    }
    // Signed messages must say where they go (SAML bindings, sections 3.4.5.2 and 3.5.5.2).
    if xml::attribute(document, root, "Destination") != Some(expected.destination) {
        return Err("destination");
    }
    Ok(root)
}

/// What our messages say about themselves.
pub struct Head<'a> {
    /// Id.
    pub id: &'a str,
    /// Where it goes.
    pub destination: &'a str,
    /// Our entity id.
    pub issuer: &'a str,
    /// Unix seconds.
    pub now: i64,
}

impl Head<'_> {
    fn attributes(&self) -> String {
        let at = DateTime::from_timestamp(self.now, 0).unwrap_or_default();
        format!(
            "ID=\"{}\" Version=\"2.0\" IssueInstant=\"{}\" Destination=\"{}\"",
            self.id,
            at.to_rfc3339_opts(SecondsFormat::Secs, true),
            escaped(self.destination)
        )
    }
}

/// Our request to end the session of a person.
#[must_use]
pub fn request(head: &Head<'_>, there: &There) -> String {
    let attributes: String =
        there.name_attributes.iter().map(|(name, value)| format!(" {name}=\"{}\"", escaped(value))).collect();
    let index = there
        .index
        .iter()
        .map(|index| format!("<samlp:SessionIndex>{}</samlp:SessionIndex>", escaped(index)));
    format!(
        "<samlp:LogoutRequest xmlns:samlp=\"{SAMLP}\" xmlns:saml=\"{SAML}\" {}><saml:Issuer>{}</saml:Issuer>\
         <saml:NameID{attributes}>{}</saml:NameID>{}</samlp:LogoutRequest>",
        head.attributes(),
        escaped(head.issuer),
        escaped(&there.name),
        index.collect::<String>(),
    )
}

/// Our answer: the sessions that were asked for are no more.
#[must_use]
pub fn answer(head: &Head<'_>, request: &str) -> String {
    format!(
        "<samlp:LogoutResponse xmlns:samlp=\"{SAMLP}\" xmlns:saml=\"{SAML}\" {} InResponseTo=\"{}\">\
         <saml:Issuer>{}</saml:Issuer><samlp:Status><samlp:StatusCode Value=\"{SUCCESS}\"></samlp:StatusCode>\
         </samlp:Status></samlp:LogoutResponse>",
        head.attributes(),
        escaped(request),
        escaped(head.issuer),
    )
}
