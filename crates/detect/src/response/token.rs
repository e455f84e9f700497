//! JSON Web Tokens that anybody can make: without a signature, or signed with a word of the dictionary.
//!
//! A token counts when the application issued it (it is in the answer), or accepted it (it is in a request that was
//! answered with success).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use memchr::memmem;
use sha2::{Sha256, Sha384, Sha512};

use super::{Asked, Proof, ResponseParts};

/// Most tokens of one exchange.
const MAX_TOKENS: usize = 4;
/// Longest token.
const MAX_LENGTH: usize = 8192;
/// Keys of examples and tutorials.
const KEYS: &[&str] = &[
    "secret",
    "secretkey",
    "secret-key",
    "secret_key",
    "mysecret",
    "my_secret",
    "my-secret",
    "supersecret",
    "your-256-bit-secret",
    "your-384-bit-secret",
    "your-512-bit-secret",
    "your_jwt_secret",
    "jwt",
    "jwtsecret",
    "jwt_secret",
    "jwt-secret",
    "password",
    "passw0rd",
    "123456",
    "12345678",
    "1234567890",
    "qwerty",
    "admin",
    "changeme",
    "change_me",
    "test",
    "testing",
    "key",
    "private",
    "token",
    "default",
    "example",
    "shhhhh",
    "root",
    "letmein",
    "dev",
    "development",
    "hmac",
    "auth",
    "s3cr3t",
    "",
];

/// Weak tokens that the application issued or accepted: at most one proof.
pub(super) fn weak(asked: &Asked<'_>, response: &ResponseParts<'_>) -> Option<Proof> {
    let cookies = response.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"set-cookie"));
    let issued = cookies.map(|(_, value)| *value).chain([response.body]).flat_map(tokens);
    let issued = issued.take(MAX_TOKENS).find_map(|token| Some((weakness(token)?, "issued")));
    let accepted = || {
        let successful = (200..300).contains(&response.status);
        let tokens = asked.credentials.iter().filter(|_| successful).flat_map(|value| tokens(value));
        tokens.take(MAX_TOKENS).find_map(|token| Some((weakness(token)?, "accepted")))
    };
    let (sign, how) = issued.or_else(accepted)?;
    Some(Proof {
        vuln_type: "weak_auth",
        sign_class: "",
        attempt: None,
        sign,
        meaning: "Anybody can make a token that the application takes for its own.",
        span: None,
        text: format!("{sign}; the application {how} it"),
        needs_baseline: false,
    })
}

/// The tokens in a text: three parts of base64url, the first one an object.
fn tokens(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    memmem::find_iter(text, b"eyJ").filter_map(move |at| {
        let rest = text.get(at..)?;
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let length = rest.iter().take(MAX_LENGTH).take_while(|byte| is_part(byte)).count();
        let token = rest.get(..length)?;
        let inner = at > 0 && text.get(at - 1).is_some_and(is_part);
        (!inner && token.iter().filter(|byte| **byte == b'.').count() == 2).then_some(token)
    })
}

/// What the first token in a text claims. Nobody verified it: it is for the answer to say whether it was believed.
#[must_use]
pub fn token_claims(text: &[u8]) -> Option<serde_json::Map<String, serde_json::Value>> {
    tokens(text).take(MAX_TOKENS).find_map(|token| {
        let claims = token.split(|byte| *byte == b'.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
    })
}

/// Why a token is weak.
fn weakness(token: &[u8]) -> Option<&'static str> {
    let text = std::str::from_utf8(token).ok()?;
    let (signed, signature) = text.rsplit_once('.')?;
    let header = URL_SAFE_NO_PAD.decode(signed.split('.').next()?).ok()?;
    let header: serde_json::Value = serde_json::from_slice(&header).ok()?;
    let algorithm = header.get("alg")?.as_str()?.to_ascii_uppercase();
    if algorithm == "NONE" {
        return Some("A token without a signature");
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let verifies: fn(&str, &[u8], &[u8]) -> bool = match algorithm.as_str() {
        "HS256" => is_signed_by::<Hmac<Sha256>>,
        "HS384" => is_signed_by::<Hmac<Sha384>>,
        "HS512" => is_signed_by::<Hmac<Sha512>>,
        _ => return None,
    };
    KEYS.iter()
        .any(|key| verifies(key, signed.as_bytes(), &signature))
        .then_some("A token signed with a well-known key")
}

fn is_signed_by<M: Mac + hmac::digest::KeyInit>(key: &str, signed: &[u8], signature: &[u8]) -> bool {
    let Ok(mut mac) = <M as Mac>::new_from_slice(key.as_bytes()) else { return false };
    mac.update(signed);
    mac.verify_slice(signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(algorithm: &str, key: Option<&str>) -> String {
        let part = |text: String| URL_SAFE_NO_PAD.encode(text);
        let signed =
            format!("{}.{}", part(format!("{{\"alg\":\"{algorithm}\"}}")), part("{\"sub\":1}".into()));
        let signature = key.map_or_else(String::new, |key| {
            let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key.as_bytes()).unwrap();
            mac.update(signed.as_bytes());
            URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
        });
        format!("{signed}.{signature}")
    }

    fn found(request: &str, status: u16, cookie: &str) -> bool {
        let credentials: [&[u8]; 1] = [request.as_bytes()];
        let headers: [(&[u8], &[u8]); 1] = [(b"set-cookie", cookie.as_bytes())];
        let asked = Asked { host: "", method: "GET", path: "/", credentials: &credentials, attempts: &[] };
        weak(&asked, &ResponseParts { status, headers: &headers, body: b"", parse_html: true }).is_some()
    }

    #[test]
    fn tokens_that_anybody_can_make_are_weak() {
        let bearer = |token: String| format!("Bearer {token}");
        assert!(found(&bearer(token("HS256", Some("secret"))), 200, ""));
        assert!(found(&bearer(token("none", None)), 204, ""));
        assert!(!found(&bearer(token("none", None)), 401, ""));
        assert!(!found(&bearer(token("HS256", Some("Zk3v0q8bN1xYw2Lt5RcA"))), 200, ""));
        assert!(!found(&bearer(token("RS256", Some("secret"))), 200, ""));
        assert!(found("", 401, &format!("session={}; Path=/", token("HS256", Some("changeme")))));
        assert!(!found("Bearer eyJhbGciOiJIUzI1NiJ9", 200, ""));
    }
}
