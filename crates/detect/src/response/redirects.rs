//! Redirects to wherever the link says, told from those that are meant to be.
//!
//! A plain address in a parameter is no attack, but an answer that sends the browser to its host is a flaw. By one
//! exchange nobody can tell which hosts the application allows, so in doubt nothing is told: sister hosts, protocols
//! that send the user back to a registered application, and links that are signed are passed by.

use super::headers::host_of;
use super::navigation::{self, Via};
use super::{QueryParameter, ResponseParts};

/// Parameters of protocols whose addresses are registered (OAuth 2.0, OpenID Connect, SAML, CAS, WS-Federation), in lower
/// case.
const REGISTERED: [&str; 15] = [
    "client_id",
    "response_type",
    "post_logout_redirect_uri",
    "id_token_hint",
    "samlrequest",
    "samlresponse",
    "relaystate",
    "wtrealm",
    "wreply",
    "wa",
    "entityid",
    "service",
    "ticket",
    "returnto",
    "sso",
];
/// Parameters that such a protocol adds to the address that it sends the user back to, in lower case.
const ANSWERS: [&str; 8] =
    ["ticket", "code", "samlresponse", "state", "id_token", "access_token", "wresult", "sso"];
/// Parts of names of parameters that keep others from being changed, in lower case.
const SIGNED: [&str; 5] = ["signature", "hmac", "token", "hash", "nonce"];
/// Words in such names: within a word they are part of `signup` and `design`.
const SIGNED_WORDS: [&str; 2] = ["sig", "sign"];

/// Labels under which names are registered below a country.
const SECOND_LEVEL: [&str; 14] =
    ["ac", "co", "com", "edu", "go", "gob", "gov", "mil", "ne", "net", "nom", "or", "org", "sch"];

/// The parameter that names the host that the answer leads to, how it does, and the address as far as that host.
pub(super) fn asked_for(
    host: &str,
    parameters: &[QueryParameter<'_>],
    response: &ResponseParts<'_>,
) -> Option<(usize, Via, String)> {
    if parameters.iter().any(|parameter| is_guarded(parameter.name)) {
        return None;
    }
    let named: Vec<Option<String>> = parameters.iter().map(|parameter| web_host(parameter.value)).collect();
    // Most requests name none, and then the page needs no reading.
    if named.iter().all(Option::is_none) {
        return None;
    }
    navigation::destinations(response).into_iter().find_map(|found| {
        // Others than these send no browser anywhere.
        if found.via == Via::Location && !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let target = web_host(&found.address).filter(|target| is_foreign(target, host))?;
        if is_answer_of_protocol(&found.address) {
            return None;
        }
        let index = named.iter().position(|name| name.as_ref() == Some(&target))?;
        Some((index, found.via, found.shown(&target)))
    })
}

/// The host of an absolute address of the web, in lower case.
fn web_host(address: &str) -> Option<String> {
    let address = address.trim().to_ascii_lowercase();
    let is_web = ["http://", "https://", "//"].iter().any(|start| address.starts_with(start));
    host_of(&address).filter(|host| is_web && host.contains('.'))
}

fn is_guarded(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    REGISTERED.contains(&name.as_str())
        || SIGNED.iter().any(|part| name.contains(part))
        || words.any(|word| SIGNED_WORDS.contains(&word))
}

/// Whether an address brings the user back from signing in or out.
fn is_answer_of_protocol(address: &str) -> bool {
    let mut parts = address.split(['?', '&', '#', ';']).skip(1);
    parts.any(|part| {
        let name = part.split('=').next().unwrap_or_default().to_ascii_lowercase();
        ANSWERS.contains(&name.as_str())
    })
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
        asked_for(host, &query, &response).map(|(index, ..)| index)
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
        assert_eq!(found, Some((0, Via::Location, "Location: https://evil.example".to_owned())));
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
    fn pages_that_go_on_to_the_host_of_a_parameter_count() {
        let evil = "https://evil.example/?sid=SECRET";
        let meta = format!("<meta http-equiv=refresh content='0;url={evil}'>");
        let script = format!("<script>location.replace('{evil}')</script>");
        let refresh = format!("0;url={evil}");
        let html = (&b"content-type"[..], &b"text/html"[..]);
        for (header, body, via, text) in [
            ((&b"refresh"[..], refresh.as_bytes()), "", Via::Refresh, "Refresh: https://evil.example"),
            (html, meta.as_str(), Via::Meta, "meta refresh: https://evil.example"),
            (html, script.as_str(), Via::Script, "location = https://evil.example"),
        ] {
            let headers = [header];
            let response =
                ResponseParts { status: 200, headers: &headers, body: body.as_bytes(), parse_html: true };
            let asked = |value| {
                let query =
                    [QueryParameter { name: "a", value: "1" }, QueryParameter { name: "next", value }];
                asked_for("shop.test", &query, &response)
            };
            assert_eq!(asked("https://evil.example/"), Some((1, via, text.to_owned())));
            assert_eq!(asked("https://other.example/"), None);
            assert_eq!(asked("https://shop.test/"), None);
        }
    }

    #[test]
    fn registered_and_signed_addresses_do_not() {
        let plain = "https://app.example/back";
        for guard in [
            "client_id",
            "response_type",
            "sig",
            "sign",
            "url_sig",
            "X-Signature",
            "csrf_token",
            "SAMLRequest",
            "ticket",
            "wa",
            "entityID",
            "sso",
        ] {
            assert_eq!(found("id.test", &[("u", plain), (guard, "x")], 302, plain), None, "{guard}");
        }
        for name in ["service", "wreply", "returnTo"] {
            assert_eq!(found("id.test", &[(name, plain)], 302, plain), None, "{name}");
        }
        for query in ["?code=1", "?ticket=ST-1", "?a=1&state=x", "#id_token=x", "?SAMLResponse=x"] {
            let back = format!("{plain}{query}");
            assert_eq!(found("id.test", &[("u", plain)], 302, &back), None, "{query}");
        }
        for name in ["signin", "signup", "design", "assigned_to"] {
            assert_eq!(found("id.test", &[("u", plain), (name, "1")], 302, plain), Some(0), "{name}");
        }
    }
}
