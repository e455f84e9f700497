//! Passive detection of vulnerabilities: answers compared with what their requests tried (`spec/node.md` section 6.1).
//!
//! Only in `monitoring` mode. An answer to a request with findings is always watched; of the others the first one of
//! each endpoint and then one in a hundred. While the answer streams to the client, the beginning of its body is
//! copied aside, at most [`RESPONSE_MAX`] bytes as they come from the upstream; when it ends, or that much is there,
//! it is inflated within the same bound and looked at on a thread for long work. The client never waits for it.
//!
//! Proofs go to the cloud through the spool like hits, after them: hits are on disk before the head of the answer
//! leaves.

mod memory;
mod ownership;
mod parameters;
mod protected;
mod watched;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bartizan_api::AttackType;
use bartizan_api::node::{Event, VulnEvidence};
use bartizan_detect::{Asked, Attempt, Proof, QueryParameter, RESPONSE_MAX, ResponseParts};
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};

pub(crate) use memory::{Endpoints, ResponseState, address_of, endpoint_of};
pub(crate) use watched::Watched;

use crate::pipeline::printable;
use crate::request_id::event_id;
use crate::state::State;

/// Bytes of an answer that go to the cloud as evidence.
const EVIDENCE: usize = 8 << 10;
/// Bytes by which text is told from other data.
const SAMPLE: usize = 1024;
/// Bytes shown before the sign.
const LEAD: usize = 512;

/// An answer on its way, with what was copied of it. Dropping it looks at what is there.
pub(crate) struct Watch {
    state: Arc<State>,
    watched: Option<Box<Watched>>,
    status: u16,
    is_text: bool,
    /// Whether its body may show something.
    is_wanted: bool,
    headers: HeaderMap,
    copy: Vec<u8>,
}

impl Watch {
    /// Begins to watch an answer, when its body may show something and there is memory for it.
    pub(crate) fn begin<B>(
        state: &Arc<State>,
        watched: Option<Box<Watched>>,
        response: &Response<B>,
    ) -> Option<Box<Watch>> {
        let watched = watched?;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS || !state.response.reserve() {
            return None;
        }
        let is_text = is_text(response.headers());
        Some(Box::new(Watch {
            state: Arc::clone(state),
            status: response.status().as_u16(),
            is_text,
            // A handler of images serves what an attack asks for under the type of images.
            is_wanted: is_text || !watched.attempts.is_empty(),
            watched: Some(watched),
            headers: response.headers().clone(),
            copy: Vec::new(),
        }))
    }

    /// Copies a piece of the body; true when no more is wanted.
    pub(crate) fn push(&mut self, data: &Bytes) -> bool {
        if !self.is_wanted {
            return true;
        }
        let room = RESPONSE_MAX.saturating_sub(self.copy.len());
        let part = data.get(..data.len().min(room)).unwrap_or_default();
        self.copy.extend_from_slice(part);
        self.copy.len() >= RESPONSE_MAX
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let state = Arc::clone(&self.state);
        let Some(watched) = self.watched.take() else { return };
        let answer = Answer {
            status: self.status,
            is_text: self.is_text,
            headers: std::mem::take(&mut self.headers),
            copy: std::mem::take(&mut self.copy),
        };
        // Without a runtime the node is stopping: what it would find now comes again with the next attack.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            state.response.release();
            return;
        };
        runtime.spawn_blocking(move || {
            // A panic is a bug in a rule of evidence; it must not take the reservation with it.
            let look = std::panic::AssertUnwindSafe(|| look(&state, &watched, &answer));
            if std::panic::catch_unwind(look).is_err() {
                state.response.failures.fetch_add(1, Ordering::Relaxed);
                tracing::error!(request.id = watched.request_id(), "inspection of an answer failed");
            }
            state.response.release();
        });
    }
}

/// What is known of an answer when it is looked at.
struct Answer {
    status: u16,
    /// By its type.
    is_text: bool,
    headers: HeaderMap,
    copy: Vec<u8>,
}

/// Whether a body is something that people or programs read as text.
fn is_text(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return true };
    let kind = kind.as_bytes().to_ascii_lowercase();
    kind.starts_with(b"text/")
        || [
            &b"json"[..],
            b"xml",
            b"javascript",
            b"x-www-form-urlencoded",
            b"octet-stream",
            b"yaml",
            b"graphql",
        ]
        .iter()
        .any(|part| memchr::memmem::find(&kind, part).is_some())
}

/// Whether a body is text, whatever it is called.
fn looks_like_text(body: &[u8]) -> bool {
    let start = body.get(..SAMPLE).unwrap_or(body);
    let is_whole = match std::str::from_utf8(start) {
        Ok(_) => true,
        // The last character may be cut.
        Err(error) => error.error_len().is_none(),
    };
    is_whole && !start.iter().any(|byte| matches!(byte, 0..=8 | 14..=26 | 28..=31))
}

/// The body as the client sees it.
fn decoded<'a>(state: &State, answer: &'a Answer) -> Cow<'a, [u8]> {
    let inspect = &state.config.inspect;
    let body = match answer.headers.get(header::CONTENT_ENCODING) {
        Some(coding) if !coding.as_bytes().eq_ignore_ascii_case(b"identity") => {
            // What does not inflate is not looked at: compressed bytes say nothing.
            let room = if inspect.unpack_response { RESPONSE_MAX } else { 0 };
            bartizan_request::inflate_prefix(coding.as_bytes(), &answer.copy, room).unwrap_or_default().into()
        }
        _ => Cow::Borrowed(answer.copy.as_slice()),
    };
    if answer.is_text || looks_like_text(&body) { body } else { Cow::Borrowed(&[]) }
}

fn look(state: &State, watched: &Watched, answer: &Answer) {
    let body = decoded(state, answer);
    let headers = &answer.headers;
    let list: Vec<(&[u8], &[u8])> =
        headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())).collect();
    let response = ResponseParts {
        status: answer.status,
        headers: &list,
        body: &body,
        parse_html: state.config.inspect.parse_html_response,
    };
    let attempts: Vec<Attempt<'_>> = watched
        .attempts
        .iter()
        .map(|attempt| Attempt {
            attack_type: attempt.attack_type,
            parameter: &attempt.parameter,
            value: &attempt.value,
        })
        .collect();
    let credentials: Vec<&[u8]> =
        watched.credentials.iter().chain(&watched.tokens).map(Vec::as_slice).collect();
    let asked = Asked {
        host: watched.host(),
        method: &watched.base.method,
        path: &watched.base.path,
        credentials: &credentials,
        attempts: &attempts,
    };
    let mut proofs = state.response.engine.inspect(&asked, &response);
    proofs.extend(unprotected(state, watched, &response));
    proofs.extend(disowned(state, watched, &response));
    let mut events: Vec<VulnEvidence> =
        proofs.iter().filter_map(|proof| event(state, watched, proof, "", &response)).collect();
    if !proofs.iter().any(|proof| proof.vuln_type == AttackType::Redir.code()) {
        events.extend(open_redirect(state, watched, &response));
    }
    let events: Vec<Vec<u8>> = events
        .into_iter()
        .filter_map(|event| serde_json::to_vec(&Event::VulnEvidence(Box::new(event))).ok())
        .collect();
    if !events.is_empty() {
        state.response.proofs.fetch_add(events.len() as u64, Ordering::Relaxed);
        // Nobody waits for these: the answer is gone already.
        drop(state.spool.append(events));
    }
}

/// An answer that leads to the host that a parameter names.
fn open_redirect(state: &State, watched: &Watched, response: &ResponseParts<'_>) -> Option<VulnEvidence> {
    let fields = parameters::of(&watched.base.raw);
    let parameters: Vec<QueryParameter<'_>> =
        fields.iter().map(|field| QueryParameter { name: &field.name, value: &field.value }).collect();
    let (index, proof) = state.response.engine.open_redirect(watched.host(), &parameters, response)?;
    event(state, watched, &proof, &fields.get(index)?.place(), response)
}

/// What it proves that a request without credentials was answered. One with attacks proves nothing: what it tried may
/// be why it was refused, or answered.
fn unprotected(state: &State, watched: &Watched, response: &ResponseParts<'_>) -> Option<Proof> {
    let base = &watched.base;
    if !watched.attempts.is_empty()
        || !watched.credentials.is_empty()
        || protected::may_show_credentials(&base.raw)
    {
        return None;
    }
    let exchange = protected::Exchange {
        address: address_of(&base.domain, &base.method, &base.raw.uri, &base.ip),
        status: response.status,
        content_type: response.header("content-type").unwrap_or_default(),
        body: response.body,
    };
    state.response.protected.note(exchange, crate::clock::unix_seconds())
}

/// What it proves that somebody was shown what belongs to another.
fn disowned(state: &State, watched: &Watched, response: &ResponseParts<'_>) -> Option<Proof> {
    let raw = &watched.base.raw;
    if !watched.attempts.is_empty() || watched.credentials.is_empty() || raw.method != "GET" {
        return None;
    }
    let exchange = ownership::Exchange {
        endpoint: watched.endpoint,
        uri: &raw.uri,
        credentials: &watched.credentials,
        status: response.status,
        content_type: response.header("content-type").unwrap_or_default(),
        body: response.body,
    };
    state.response.ownership.note(exchange, crate::clock::unix_seconds())
}

/// The event of a proof; none when it says nothing new. `place` is the parameter of a proof without an attempt, if it has one.
fn event(
    state: &State,
    watched: &Watched,
    proof: &Proof,
    place: &str,
    response: &ResponseParts<'_>,
) -> Option<VulnEvidence> {
    let endpoint = watched.endpoint;
    let attempt = proof.attempt.and_then(|index| watched.attempts.get(index));
    if proof.attempt.is_none() {
        state.response.note_clean(endpoint, proof.sign, attempt.is_none() && watched.attempts.is_empty());
    }
    // An error that harmless requests get as well is no effect of the attack.
    let exploited =
        attempt.is_some() && !(proof.needs_baseline && state.response.is_usual(endpoint, proof.sign));
    let vuln_type = if attempt.is_some() && !exploited { "infoleak" } else { proof.vuln_type };
    let parameter = attempt.filter(|_| exploited).map_or(place, |attempt| attempt.parameter.as_str());
    let base = &watched.base;
    // Numbers in paths make no other leak, but each exploited address is a vulnerability of its own.
    let address = if exploited { base.path.as_str() } else { "" };
    // What leaks tells leaks apart.
    let sign_class = if vuln_type == "infoleak" { proof.sign_class } else { "" };
    let flaw = (vuln_type, sign_class);
    let is_news = state.response.is_news(flaw, endpoint, address, parameter, crate::clock::unix_seconds());
    // Every exploit makes its hits an incident, so its proof is never left out; what shows it was sent already.
    if !is_news && !exploited {
        return None;
    }
    let shown = is_news && !attempt.is_some_and(|attempt| attempt.private);
    let mut raw = base.raw.clone();
    if !is_news {
        raw.body.clear();
    }
    Some(VulnEvidence {
        event_id: event_id(),
        request_id: base.request_id.clone(),
        ts_ms: base.ts_ms,
        node_uuid: base.node_uuid.clone(),
        application: base.application,
        vuln_type: vuln_type.to_owned(),
        exploited,
        attack_type: attempt.filter(|_| exploited).map(|attempt| attempt.attack_type),
        parameter: parameter.to_owned(),
        domain: base.domain.clone(),
        path: base.path.clone(),
        method: base.method.clone(),
        scheme: base.scheme.clone(),
        statuscode: response.status,
        sign: proof.sign.to_owned(),
        sign_class: sign_class.to_owned(),
        description: proof.meaning.to_owned(),
        // What a rule masks in the request must not leave in the answer that repeats it.
        evidence: if shown { excerpt(proof, response.body) } else { String::new() },
        raw,
    })
}

/// The sign with what surrounds it, without the secrets in it.
fn excerpt(proof: &Proof, body: &[u8]) -> String {
    let Some(span) = &proof.span else { return bartizan_detect::masked(&proof.text) };
    let start = span.start.saturating_sub(LEAD);
    printable(&bartizan_detect::masked_excerpt(body, start..start + EVIDENCE / 2), EVIDENCE / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_told_from_other_data() {
        let cut = ["a".repeat(SAMPLE - 1), "ü".to_owned()].concat();
        for text in [&b"root:x:0:0:root\n"[..], b"", "Grüße\t\r\n".as_bytes(), cut.as_bytes()] {
            assert!(looks_like_text(text));
        }
        for data in [&b"\x89PNG\r\n\x1a\n"[..], b"\xff\xd8\xff\xe0", b"a\0b", b"GIF89a\x01"] {
            assert!(!looks_like_text(data));
        }
    }
}
