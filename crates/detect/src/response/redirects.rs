//! Redirects to wherever the link says, told from those that are meant to be.
//!
//! A plain address in a parameter is no attack, but an answer that sends the browser to its host is a flaw. By one
//! exchange nobody can tell which hosts the application allows, so in doubt nothing is told: sister hosts, protocols
//! that send the user back to a registered application, and links that are signed are passed by.

use super::headers::host_of;
use super::{QueryParameter, ResponseParts};

/// Parameters of protocols whose addresses are registered (OAuth 2.0, OpenID Connect, SAML, CAS), in lower case.
const REGISTERED: [&str; 9] = [
    "client_id",
    "response_type",
    "post_logout_redirect_uri",
    "id_token_hint",
    "samlrequest",
    "samlresponse",
    "relaystate",
    "wtrealm",
    "ticket",
];
/// Parts of names of parameters that keep others from being changed, in lower case.
const SIGNED: [&str; 5] = ["sig", "hmac", "token", "hash", "nonce"];

/// Labels under which names are registered below a country.
const SECOND_LEVEL: [&str; 14] =
    ["ac", "co", "com", "edu", "go", "gob", "gov", "mil", "ne", "net", "nom", "or", "org", "sch"];

/// The parameter that names the host that the answer leads to, and the `Location` as far as that host.
pub(super) fn asked_for(
    host: &str,
    query: &[QueryParameter<'_>],
    response: &ResponseParts<'_>,
) -> Option<(usize, String)> {
    // Others than these send no browser anywhere.
    if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = std::str::from_utf8(response.header("location")?).ok()?.trim();
    let target = web_host(location)?;
    if !is_foreign(&target, host) || query.iter().any(|parameter| is_guarded(parameter.name)) {
        return None;
    }
    let index = query.iter().position(|parameter| web_host(parameter.value).as_ref() == Some(&target))?;
    // No more of it: what follows the host may be a secret of the request, or one that the application adds.
    let scheme = location.split("//").next().unwrap_or_default();
    Some((index, format!("Location: {scheme}//{target}")))
}

/// The host of an absolute address of the web, in lower case.
fn web_host(address: &str) -> Option<String> {
    let address = address.trim().to_ascii_lowercase();
    let is_web = ["http://", "https://", "//"].iter().any(|start| address.starts_with(start));
    host_of(&address).filter(|host| is_web && host.contains('.'))
}

fn is_guarded(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    REGISTERED.contains(&name.as_str()) || SIGNED.iter().any(|part| name.contains(part))
}

/// Whether a host belongs to somebody else than the one that was asked, as far as names tell.
fn is_foreign(target: &str, asked: &str) -> bool {
    let asked = asked.split(':').next().unwrap_or_default().to_ascii_lowercase();
    site(target) != site(&asked)
}

/// What is registered of a name, or the whole of an address: two labels, or three under endings such as `co.uk`.
fn site(host: &str) -> &str {
    let host = host.trim_end_matches('.');
    if !host.bytes().any(|byte| byte.is_ascii_alphabetic()) {
        return host;
    }
    let mut dots = host.rmatch_indices('.').map(|(at, _)| at);
    let (Some(last), Some(second)) = (dots.next(), dots.next()) else { return host };
    let label = host.get(second + 1..last).unwrap_or_default();
    let is_double = host.len() - last == 3 && SECOND_LEVEL.contains(&label);
    let cut = if is_double { dots.next() } else { Some(second) };
    cut.and_then(|at| host.get(at + 1..)).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(host: &str, query: &[(&str, &str)], status: u16, location: &str) -> Option<usize> {
        let headers = [(&b"location"[..], location.as_bytes())];
        let response = ResponseParts { status, headers: &headers, body: b"", parse_html: true };
        let query: Vec<_> = query.iter().map(|(name, value)| QueryParameter { name, value }).collect();
        asked_for(host, &query, &response).map(|(index, _)| index)
    }

    #[test]
    fn a_redirect_to_the_host_of_a_parameter_counts() {
        let evil = "https://evil.example/";
        for name in ["next", "url", "u", "redirect_uri", "return_to", "dest", "r"] {
            assert_eq!(found("shop.test", &[("a", "1"), (name, evil)], 302, evil), Some(1), "{name}");
        }
        assert_eq!(found("shop.test:8080", &[("n", "//EVIL.example")], 301, evil), Some(0));
        assert_eq!(found("10.0.0.1", &[("n", "http://192.168.0.1/")], 303, "http://192.168.0.1/"), Some(0));
        assert_eq!(found("a.co.uk", &[("n", "http://b.co.uk/x")], 307, "http://b.co.uk/x"), Some(0));
    }

    #[test]
    fn no_more_than_the_host_is_repeated() {
        let headers = [(&b"location"[..], &b"https://evil.example/?sid=SECRET"[..])];
        let response = ResponseParts { status: 302, headers: &headers, body: b"", parse_html: true };
        let query = [QueryParameter { name: "next", value: "https://evil.example/" }];
        let found = asked_for("shop.test", &query, &response);
        assert_eq!(found, Some((0, "Location: https://evil.example".to_owned())));
    }

    #[test]
    fn redirects_that_are_meant_to_be_do_not() {
        let evil = "https://evil.example/";
        for (host, name, value, status, location) in [
            ("shop.test", "next", evil, 200, evil),
            ("shop.test", "next", evil, 304, evil),
            ("shop.test", "next", evil, 302, "/login?next=https://evil.example/"),
            ("shop.test", "next", evil, 302, "https://sso.other.test/?next=https://evil.example/"),
            ("shop.test", "next", "evil.example", 302, evil),
            ("shop.test", "q", "see https://evil.example/", 302, evil),
            ("evil.example", "next", evil, 302, evil),
            ("www.shop.test", "next", "https://sso.shop.test/", 302, "https://sso.shop.test/"),
            ("www.a.co.uk", "next", "https://b.a.co.uk/", 302, "https://b.a.co.uk/"),
            ("www.dhl.de", "next", "https://login.dhl.de/", 302, "https://login.dhl.de/"),
            ("10.0.0.1:8080", "next", "http://10.0.0.1/", 302, "http://10.0.0.1/"),
            ("shop.test", "next", "ftp://evil.example/", 302, "ftp://evil.example/"),
        ] {
            assert_eq!(found(host, &[(name, value)], status, location), None, "{host} {value} {location}");
        }
    }

    #[test]
    fn registered_and_signed_addresses_do_not() {
        let back = "https://app.example/back?code=1";
        for guard in
            ["client_id", "response_type", "sig", "X-Signature", "csrf_token", "SAMLRequest", "ticket"]
        {
            assert_eq!(found("id.test", &[("redirect_uri", back), (guard, "x")], 302, back), None, "{guard}");
        }
    }
}
