//! Reading XML of an identity provider: small, without a document type, comments or instructions.
//!
//! A comment inside a name once cut it short for one parser and not for another, entities read files, and a document
//! type names ids anew. No provider needs any of them, so a text with `<!` in it is not parsed at all.

use uppsala::{Document, NodeId};

/// Namespace of SAML assertions.
pub const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
/// Namespace of the SAML protocol.
pub const SAMLP: &str = "urn:oasis:names:tc:SAML:2.0:protocol";
/// Namespace of SAML metadata.
pub const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";
/// Namespace of XML signatures.
pub const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";

/// Signs of equality between two elements; the tags of providers have some ten.
const MAX_ATTRIBUTES: usize = 128;

/// Why a text is not read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A document type, a comment, a character section or an instruction.
    #[error("it holds a document type, a comment, a character section or an instruction")]
    Markup,
    /// Not well-formed.
    #[error("it is not well-formed XML: {0}")]
    Form(String),
    /// More attributes in an element than any needs: they are compared with each other.
    #[error("an element has too many attributes")]
    Attributes,
    /// One id names two elements.
    #[error("an id is used twice")]
    Id,
}

/// Parses a text that holds elements and characters only, and whose ids are unique.
///
/// # Errors
/// [`Unreadable`].
pub fn parse(text: &str) -> Result<Document<'_>, Unreadable> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let body = match text.strip_prefix("<?xml ") {
        Some(rest) => rest.split_once("?>").ok_or(Unreadable::Markup)?.1,
        None => text,
    };
    if body.contains("<!") || body.contains("<?") {
        return Err(Unreadable::Markup);
    }
    // With the text behind it, as a value may hold a `>`.
    if body.split('<').any(|tag| tag.bytes().filter(|byte| *byte == b'=').count() > MAX_ATTRIBUTES) {
        return Err(Unreadable::Attributes);
    }
    let document = uppsala::parse(body.trim_start()).map_err(|error| Unreadable::Form(error.to_string()))?;
    let mut ids = std::collections::HashSet::new();
    for node in document.descendants(document.root()) {
        let Some(element) = document.element(node) else { continue };
        for attribute in &element.attributes {
            if attribute.name.local_name.eq_ignore_ascii_case("id")
                && !ids.insert(attribute.value.to_string())
            {
                return Err(Unreadable::Id);
            }
        }
    }
    Ok(document)
}

/// An attribute without a namespace.
pub fn attribute<'d>(document: &'d Document<'_>, node: NodeId, name: &str) -> Option<&'d str> {
    let element = document.element(node)?;
    let found = element.attributes.iter().find(|attribute| attribute.name.matches(None, name));
    found.map(|attribute| &*attribute.value)
}

/// The only child of a name; two are none.
pub fn only(document: &Document<'_>, node: NodeId, namespace: &str, name: &str) -> Option<NodeId> {
    match document.child_elements_by_name_ns(node, namespace, name).as_slice() {
        [child] => Some(*child),
        _ => None,
    }
}

/// The characters of an element that holds nothing else, without blanks around them.
pub fn text(document: &Document<'_>, node: NodeId) -> Option<String> {
    let plain = document.children(node).into_iter().all(|child| document.element(child).is_none());
    plain.then(|| document.text_content_deep(node).trim().to_owned())
}

/// Whether an element has this name.
pub fn is(document: &Document<'_>, node: NodeId, namespace: &str, name: &str) -> bool {
    document.element(node).is_some_and(|element| element.matches_name_ns(namespace, name))
}
