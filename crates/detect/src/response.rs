//! What an answer proves: the request's findings compared with the response (`spec/node.md` section 6.1).
//!
//! A finding in a request is an attempt; the same finding with its effect in the answer is a vulnerability. Each class
//! has its own rule of evidence: a file's content for a traversal, an error of the database for an injection, the
//! payload unescaped where a browser runs it for a script. What betrays itself without an attack (a stack trace on an
//! error page, a private key, private data of people, a token signed with a word of the dictionary, a redirect to the host that a parameter
//! names) is reported without one.
//!
//! The caller hands over at most 256 KiB of the decoded body; work is linear in that.

mod computed;
mod forms;
mod headers;
mod navigation;
mod private;
mod redirects;
mod reflection;
mod secrets;
mod signs;
mod token;

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

pub use secrets::{masked, masked_excerpt};
use signs::{Family, SignSet};
pub use token::token_claims;

/// Bytes of an answer that are looked at.
pub const RESPONSE_MAX: usize = 256 << 10;
/// Most proofs of one answer.
const MAX_PROOFS: usize = 8;

/// An answer.
#[derive(Clone, Copy, Debug)]
pub struct ResponseParts<'a> {
    /// Status.
    pub status: u16,
    /// Names in lower case, with values.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// The beginning of the body, decoded.
    pub body: &'a [u8],
    /// Whether the markup of pages is analysed.
    pub parse_html: bool,
}

impl<'a> ResponseParts<'a> {
    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| *value)
    }

    /// Whether the body goes on beyond what is here, as far as that can be told.
    fn is_cut(&self) -> bool {
        // A coded body has another length.
        let told = self.header("content-length").filter(|_| self.header("content-encoding").is_none());
        let told = told.and_then(|told| std::str::from_utf8(told).ok()?.trim().parse::<usize>().ok());
        self.body.len() >= RESPONSE_MAX || told.is_some_and(|told| told > self.body.len())
    }
}

/// What was found in the request.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// Attack type.
    pub attack_type: AttackType,
    /// Rendered point, as in the hit; places of one document begin alike.
    pub parameter: &'a str,
    /// Payload, decoded and unmasked.
    pub value: &'a str,
}

impl Attempt<'_> {
    /// The document that an external entity is declared in, as the beginning of the rendered points within it.
    fn document(&self) -> &str {
        let place = self.parameter.strip_suffix("value").unwrap_or(self.parameter);
        place.find("XML_DTD").and_then(|at| place.get(..at)).unwrap_or(place)
    }
}

/// What is needed of the request besides its findings.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Host, lower case, as the client named it.
    pub host: &'a str,
    /// Method.
    pub method: &'a str,
    /// Path, without the query.
    pub path: &'a str,
    /// Values of `Authorization` and `Cookie`.
    pub credentials: &'a [&'a [u8]],
    /// What was found.
    pub attempts: &'a [Attempt<'a>],
}

/// A parameter of the query or the body, decoded.
#[derive(Clone, Copy, Debug)]
pub struct QueryParameter<'a> {
    /// Name.
    pub name: &'a str,
    /// Value.
    pub value: &'a str,
}

/// What an answer proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Vulnerability type.
    pub vuln_type: &'static str,
    /// What kind of thing leaks, as a word; empty where the type says it.
    pub sign_class: &'static str,
    /// The attempt that succeeded, by index; none where no attack was needed.
    pub attempt: Option<usize>,
    /// What was seen, in words.
    pub sign: &'static str,
    /// What that means, in words.
    pub meaning: &'static str,
    /// Where in the body, if there.
    pub span: Option<Range<usize>>,
    /// The text that shows it, where it is not in the body.
    pub text: String,
    /// Whether the same sign in answers to harmless requests speaks against an attack.
    pub needs_baseline: bool,
}

/// Looks at answers. Build it once.
#[derive(Debug)]
pub struct ResponseEngine {
    signs: SignSet,
}

impl Default for ResponseEngine {
    fn default() -> ResponseEngine {
        ResponseEngine::new()
    }
}

impl ResponseEngine {
    /// Builds the automaton of all signs.
    #[must_use]
    pub fn new() -> ResponseEngine {
        ResponseEngine { signs: SignSet::new() }
    }

    /// Everything that the answer proves, attacks first, at most one proof per vulnerability type, of leaks one per kind of
    /// thing; of attacks in several parameters one each, where what shows them stands apart.
    #[must_use]
    pub fn inspect(&self, asked: &Asked<'_>, response: &ResponseParts<'_>) -> Vec<Proof> {
        let mut proofs: Vec<Proof> = Vec::new();
        let counts = |found: &signs::Found| !is_owned(found, asked, response);
        for found in self.signs.find(response.body, counts) {
            add(&mut proofs, asked, by_sign(&found, asked, response));
        }
        // Once for all of them: to find them is to read the page.
        let leads = asked.attempts.iter().any(|attempt| attempt.attack_type == AttackType::Redir);
        let destinations = if leads { navigation::destinations(response) } else { Vec::new() };
        for (index, attempt) in asked.attempts.iter().enumerate() {
            add(&mut proofs, asked, by_attempt(index, attempt, asked, response, &destinations));
        }
        add(&mut proofs, asked, token::weak(asked, response));
        add(&mut proofs, asked, headers::vulnerable_component(response));
        for proof in private::leaked(response.body, response.is_cut()) {
            add(&mut proofs, asked, Some(proof));
        }
        add(&mut proofs, asked, forms::without_token(asked, response));
        proofs.sort_by_key(|proof| proof.attempt.is_none());
        proofs.truncate(MAX_PROOFS);
        proofs
    }

    /// An open redirect that no attack was needed for: the answer sends the browser to the foreign host that a parameter
    /// names, by its head or by its page. With the index of that parameter.
    #[must_use]
    pub fn open_redirect(
        &self,
        host: &str,
        parameters: &[QueryParameter<'_>],
        response: &ResponseParts<'_>,
    ) -> Option<(usize, Proof)> {
        let (index, via, text) = redirects::asked_for(host, parameters, response)?;
        let proof = Proof {
            vuln_type: AttackType::Redir.code(),
            sign_class: "",
            attempt: None,
            sign: via.asked(),
            meaning: headers::REDIRECT_MEANING,
            span: None,
            text,
            needs_baseline: false,
        };
        Some((index, proof))
    }
}

/// Keeps one proof per type, of leaks per class, of attacks per parameter and place in the answer; one of an attack rather
/// than one without.
fn add(proofs: &mut Vec<Proof>, asked: &Asked<'_>, proof: Option<Proof>) {
    let Some(proof) = proof else { return };
    let is_same = |known: &&mut Proof| {
        known.vuln_type == proof.vuln_type
            && (known.vuln_type != "infoleak" || known.sign_class == proof.sign_class)
            && !is_apart(asked, known, &proof)
    };
    match proofs.iter_mut().find(is_same) {
        None => proofs.push(proof),
        Some(known) if known.attempt.is_none() && proof.attempt.is_some() => *known = proof,
        Some(_) => {}
    }
}

/// Whether two proofs are of attacks in two parameters, each shown in a place of its own: one place that both would explain
/// says nothing about the second.
fn is_apart(asked: &Asked<'_>, one: &Proof, other: &Proof) -> bool {
    let parameter = |proof: &Proof| asked.attempts.get(proof.attempt?).map(|attempt| attempt.parameter);
    let (Some(of_one), Some(of_other)) = (parameter(one), parameter(other)) else { return false };
    let (Some(place), Some(another)) = (&one.span, &other.span) else { return false };
    of_one != of_other && (place.end <= another.start || another.end <= place.start)
}

/// What a sign in the body proves: an attack that aims at it, or a leak where it shows without one.
fn by_sign(found: &signs::Found, asked: &Asked<'_>, response: &ResponseParts<'_>) -> Option<Proof> {
    let sign = found.sign;
    let proof = |vuln_type, attempt, needs_baseline| Proof {
        vuln_type,
        sign_class: sign.family.class(),
        attempt,
        sign: sign.name,
        meaning: sign.family.meaning(),
        span: Some(found.span.clone()),
        text: String::new(),
        needs_baseline,
    };
    if let Some((index, attempt)) = aimed(sign, asked.attempts) {
        return Some(proof(attempt.attack_type.code(), Some(index), sign.family.is_error()));
    }
    let failing = response.status >= 400;
    let leaks = match sign.family {
        Family::Crash | Family::Listing | Family::Settings | Family::Source => true,
        Family::Connection | Family::Secret | Family::Token => true,
        // On pages that work they may be text about errors.
        Family::Trace | Family::SqlError | Family::NosqlError | Family::LdapError => failing,
        Family::UnixFile | Family::WindowsFile | Family::Metadata | Family::Command => false,
    };
    leaks.then(|| proof("infoleak", None, false))
}

/// Whether what stands here is a secret that is the client's own.
fn is_owned(found: &signs::Found, asked: &Asked<'_>, response: &ResponseParts<'_>) -> bool {
    if !found.sign.family.is_secret() {
        return false;
    }
    let is_aimed = || aimed(found.sign, asked.attempts).is_some();
    // Whoever shows a key gets it back now and then.
    is_shown(&found.span, asked, response)
        || (is_handed(asked, response) || secrets::is_lent(response.body, &found.span)) && !is_aimed()
}

/// Whether the client itself named what stands here, as a credential.
fn is_shown(span: &Range<usize>, asked: &Asked<'_>, response: &ResponseParts<'_>) -> bool {
    let text = response.body.get(secrets::known_part(response.body, span)).unwrap_or_default();
    asked.credentials.iter().any(|credential| memchr::memmem::find(credential, text).is_some())
}

/// Whether the request made what the answer shows, or asked for a key of its own.
fn is_handed(asked: &Asked<'_>, response: &ResponseParts<'_>) -> bool {
    const WORDS: [&str; 4] = ["token", "key", "credential", "secret"];
    let path = asked.path.to_ascii_lowercase();
    let mut words = path.split(|c: char| !c.is_ascii_alphanumeric()).map(|word| word.trim_end_matches('s'));
    matches!(asked.method, "POST" | "PUT")
        && !asked.credentials.is_empty()
        && (response.status == 201 || words.any(|word| WORDS.iter().any(|end| word.ends_with(end))))
}

/// The attempt that explains a sign. An external entity names a file, and what stands for the entity elsewhere in the
/// document names it again, so both look like a traversal of its own: what the document shows is the entity's work.
fn aimed<'a>(sign: &signs::Sign, attempts: &'a [Attempt<'a>]) -> Option<(usize, &'a Attempt<'a>)> {
    // What the client itself sent is no answer.
    let is_sent =
        |attempt: &Attempt<'_>| memchr::memmem::find(attempt.value.as_bytes(), sign.needle).is_some();
    let aimed = || {
        let aimed = attempts.iter().enumerate();
        aimed.filter(|(_, attempt)| sign.family.proves(attempt) && !is_sent(attempt))
    };
    let first = aimed().next()?;
    let entity = aimed().find(|(_, attempt)| {
        attempt.attack_type == AttackType::Xxe && first.1.parameter.starts_with(attempt.document())
    });
    Some(entity.unwrap_or(first))
}

fn by_attempt(
    index: usize,
    attempt: &Attempt<'_>,
    asked: &Asked<'_>,
    response: &ResponseParts<'_>,
    destinations: &[navigation::Destination],
) -> Option<Proof> {
    let (sign, meaning, span, text) = match attempt.attack_type {
        AttackType::Xss => {
            let span = reflection::executable(attempt.value, response)?;
            ("The payload stands unescaped in the page", reflection::MEANING, Some(span), String::new())
        }
        AttackType::Redir => {
            let (via, text) = headers::redirected(attempt.value, asked.host, destinations)?;
            (via.injected(), headers::REDIRECT_MEANING, None, text)
        }
        AttackType::Crlf => {
            let text = headers::injected(attempt.value, response)?;
            ("The injected header is in the answer", headers::CRLF_MEANING, None, text)
        }
        AttackType::Ssti | AttackType::Rce => {
            let span = computed::result(attempt.value, response.body)?;
            ("The result of the injected expression", computed::MEANING, Some(span), String::new())
        }
        _ => return None,
    };
    Some(Proof {
        vuln_type: attempt.attack_type.code(),
        sign_class: "",
        attempt: Some(index),
        sign,
        meaning,
        span,
        text,
        needs_baseline: false,
    })
}

#[cfg(test)]
mod tests;
