//! JSON Web Tokens: an optional scheme, then three base64url parts, the first a JSON header with `alg`.

use std::ops::ControlFlow;

use super::{Flow, Role, Taken, Walker};
use crate::decode::base64::decode_any;
use crate::decode::compress::Format;
use crate::element::Element;
use crate::json::unescape;
use crate::parser::Parser;
use crate::path::{PointPath, StepRef};

/// Schemes under which tokens are sent.
const SCHEMES: [&[u8]; 6] = [b"bearer", b"lsapi2", b"mobapp2", b"jwt", b"token", b"dpop"];

/// Whether a value is worth a look: the first letter of a scheme or of the base64 of `{` or a blank, and three parts.
pub(super) fn may_be_token(value: &[u8]) -> bool {
    /// No signed token is shorter.
    const SHORTEST: usize = 16;
    value.len() >= SHORTEST
        && memchr::memchr(b'.', value)
            .is_some_and(|at| memchr::memchr(b'.', value.get(at + 1..).unwrap_or_default()).is_some())
}

/// The pieces of a token.
struct Token<'v> {
    prefix: Option<&'v [u8]>,
    header: &'v [u8],
    payload: &'v [u8],
}

impl<'v> Token<'v> {
    fn split(value: &'v [u8]) -> Option<Token<'v>> {
        let value = value.trim_ascii();
        let scheme = SCHEMES.iter().find(|scheme| {
            value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
                && value.get(scheme.len()).is_some_and(u8::is_ascii_whitespace)
        });
        let (prefix, token) = match scheme {
            Some(scheme) => (value.get(..scheme.len()), value.get(scheme.len()..)?.trim_ascii_start()),
            None => (None, value),
        };
        // Base64 of `{` or of a blank before it.
        if !matches!(token.first(), Some(b'e' | b'I' | b'C' | b'D')) {
            return None;
        }
        let mut parts = token.split(|&b| b == b'.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        let is_base64 = |part: &[u8]| part.iter().all(|b| b.is_ascii_alphanumeric() || b"-_+/=".contains(b));
        let regular = parts.next().is_none()
            && !header.is_empty()
            && !payload.is_empty()
            && [header, payload, signature].into_iter().all(is_base64);
        regular.then_some(Token { prefix, header, payload })
    }
}

impl Walker<'_> {
    /// Takes the value as a token, if it is one.
    pub(super) fn jwt(&mut self, path: &PointPath<'_>, value: &[u8]) -> ControlFlow<(), Taken> {
        let Some(token) = Token::split(value) else { return ControlFlow::Continue(Taken::No) };
        // A part is two levels down: the token, and its base64.
        if path.decoder_depth() + 2 > self.limits.max_depth || !self.may_parse(path, Parser::Jwt) {
            return ControlFlow::Continue(Taken::No);
        }
        let mut header = self.take_buffer();
        let is_header = decode_any(token.header, &mut header) && names_an_algorithm(&header);
        let mut flow = ControlFlow::Continue(Taken::No);
        if is_header {
            flow = self.jwt_parts(path, value, &token, &header).map_continue(|()| Taken::Whole);
        } else {
            self.report.note_failed(Parser::Jwt);
        }
        self.give_buffer(header);
        flow
    }

    fn jwt_parts(&mut self, path: &PointPath<'_>, value: &[u8], token: &Token<'_>, header: &[u8]) -> Flow {
        self.visit(path, value, Role::Parsed)?;
        let part = |name| path.child(StepRef::Keyed(Element::Jwt, name));
        if let Some(prefix) = token.prefix {
            self.visit(&part("jwt_prefix"), prefix, Role::Leaf)?;
        }
        let decoded = StepRef::Simple(Element::Base64);
        let header_path = part("jwt_header");
        self.visit(&header_path, token.header, Role::Parsed)?;
        self.report.decoded_bytes += header.len();
        self.value(&header_path.child(decoded), header, Role::Leaf)?;

        let payload_path = part("jwt_payload");
        let mut payload = self.take_buffer();
        let flow = if decode_any(token.payload, &mut payload) {
            self.visit(&payload_path, token.payload, Role::Parsed)?;
            self.report.decoded_bytes += payload.len();
            let claims = payload_path.child(decoded);
            // RFC 7516 has `zip` for encrypted tokens; libraries take it in signed ones, too.
            if holds_name(header, b"\"zip\"") {
                self.decompressed(&claims, &payload, &[Format::Deflate], |walker, inner, claims| {
                    walker.value(inner, claims, Role::Leaf)
                })?;
            }
            self.value(&claims, &payload, Role::Leaf)
        } else {
            self.visit(&payload_path, token.payload, Role::Leaf)
        };
        self.give_buffer(payload);
        flow
    }
}

/// Whether a header is a JSON object with a member `alg`, its name possibly in escapes.
fn names_an_algorithm(header: &[u8]) -> bool {
    header.trim_ascii_start().starts_with(b"{") && holds_name(header, b"\"alg\"")
}

/// Whether a name in its quotes stands in a header.
fn holds_name(header: &[u8], name: &[u8]) -> bool {
    if memchr::memchr(b'\\', header).is_none() {
        return memchr::memmem::find(header, name).is_some();
    }
    let mut plain = Vec::new();
    unescape(header, &mut plain);
    memchr::memmem::find(&plain, name).is_some()
}
