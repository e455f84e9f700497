//! What the head of an answer proves: injected redirects and headers, banners of vulnerable versions.

use super::{
    Proof, ResponseParts,
    navigation::{Destination, Via},
};

pub(super) const REDIRECT_MEANING: &str = "The application sends visitors to an address of the request.";
pub(super) const CRLF_MEANING: &str = "A line break of the request begins a header of the answer.";

/// Where the answer leads, when that is a host of the payload that is not the one asked.
pub(super) fn redirected(payload: &str, host: &str, destinations: &[Destination]) -> Option<(Via, String)> {
    let own = host.split(':').next().unwrap_or_default();
    let payload = payload.to_ascii_lowercase();
    destinations.iter().find_map(|found| {
        let target = host_of(&found.address)?;
        let is_foreign = !target.eq_ignore_ascii_case(own) && !target.is_empty();
        let is_injected = payload.contains(&target.to_ascii_lowercase());
        (is_foreign && is_injected).then(|| (found.via, found.shown(&target)))
    })
}

/// The host of an address as browsers read it: backslashes are slashes, and the scheme may be missing.
pub(super) fn host_of(location: &str) -> Option<String> {
    let location = location.replace('\\', "/");
    let rest = match location.split_once("//") {
        Some((scheme, rest)) if scheme.is_empty() || is_scheme(scheme) => rest,
        _ => return None,
    };
    let authority = rest.trim_start_matches('/').split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    Some(host.split(':').next()?.to_owned())
}

/// A scheme with its colon; not a path whose query holds an address.
fn is_scheme(text: &str) -> bool {
    let name = text.strip_suffix(':').unwrap_or_default();
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// The header that a line break in the payload made.
pub(super) fn injected(payload: &str, response: &ResponseParts<'_>) -> Option<String> {
    let lines = payload.split(['\r', '\n']).skip(1);
    lines.filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        let (name, value) = (name.trim(), value.trim());
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let there = is_name
            && value.len() >= 3
            && response.headers.iter().any(|(known, text)| {
                known.eq_ignore_ascii_case(name.as_bytes()) && text.trim_ascii().starts_with(value.as_bytes())
            });
        there.then(|| format!("{name}: {value}"))
    })
}

/// Versions with public exploits, by the beginning of their banner.
const COMPONENTS: &[(&str, &str)] = &[
    ("Apache/2.4.49", "Apache HTTP Server 2.4.49 (CVE-2021-41773)"),
    ("Apache/2.4.50", "Apache HTTP Server 2.4.50 (CVE-2021-42013)"),
    ("Apache/2.2.", "Apache HTTP Server 2.2, without updates since 2018"),
    ("PHP/8.1.0-dev", "PHP 8.1.0-dev with a back door"),
    ("PHP/5.", "PHP 5, without updates since 2019"),
    ("PHP/4.", "PHP 4, without updates since 2008"),
    ("Microsoft-IIS/6.0", "IIS 6.0 (CVE-2017-7269)"),
    ("Microsoft-IIS/5.", "IIS 5, without updates since 2010"),
    ("nginx/0.", "nginx before 1.0, without updates since 2011"),
    ("OpenSSL/1.0.1", "OpenSSL 1.0.1, which may be open to CVE-2014-0160"),
    ("OpenSSL/0.", "OpenSSL before 1.0, without updates since 2015"),
    ("Jetty(6.", "Jetty 6, without updates since 2010"),
    ("WebLogic Server 10.3", "WebLogic Server 10.3 (CVE-2017-10271)"),
    ("Struts2", "Struts 2 shows itself in the banner"),
];

/// A banner that names a version with known vulnerabilities.
pub(super) fn vulnerable_component(response: &ResponseParts<'_>) -> Option<Proof> {
    ["server", "x-powered-by", "x-aspnet-version"].into_iter().find_map(|name| {
        let banner = std::str::from_utf8(response.header(name)?).ok()?;
        let (_, sign) = COMPONENTS.iter().find(|(start, _)| banner.contains(start))?;
        Some(Proof {
            vuln_type: "vuln_component",
            sign_class: "",
            attempt: None,
            sign,
            meaning: "The banner names a version with known vulnerabilities.",
            span: None,
            text: format!("{name}: {banner}"),
            needs_baseline: false,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::navigation::destinations;
    use super::*;

    fn with<'a>(status: u16, headers: &'a [(&'a [u8], &'a [u8])]) -> ResponseParts<'a> {
        ResponseParts { status, headers, body: b"", parse_html: true }
    }

    #[test]
    fn a_redirect_to_the_injected_host_counts() {
        let location: [(&[u8], &[u8]); 1] = [(b"location", b"https://evil.example/x")];
        let found = |payload: &str, host: &str| {
            redirected(payload, host, &destinations(&with(302, &location))).is_some()
        };
        assert!(found("https://evil.example/x", "shop.test"));
        assert!(found("//EVIL.example", "shop.test:8080"));
        assert!(!found("https://other.example", "shop.test"));
        assert!(!found("https://evil.example/x", "evil.example"));
        assert!(
            redirected("https://evil.example/x", "shop.test", &destinations(&with(200, &location))).is_none()
        );
        let relative: [(&[u8], &[u8]); 1] = [(b"location", b"/login?next=https://evil.example")];
        assert!(
            redirected("https://evil.example", "shop.test", &destinations(&with(302, &relative))).is_none()
        );
        let secret: [(&[u8], &[u8]); 1] = [(b"location", b"https://evil.example/?access_token=SECRET")];
        let shown = redirected("https://evil.example/", "shop.test", &destinations(&with(302, &secret)));
        assert_eq!(shown, Some((Via::Location, "Location: https://evil.example".to_owned())));
    }

    #[test]
    fn an_injected_header_counts() {
        let headers: [(&[u8], &[u8]); 1] = [(b"set-cookie", b"sid=evil; path=/")];
        assert!(injected("x\r\nSet-Cookie: sid=evil", &with(200, &headers)).is_some());
        assert!(injected("x\r\nSet-Cookie: sid=other", &with(200, &headers)).is_none());
        assert!(injected("Set-Cookie: sid=evil", &with(200, &headers)).is_none());
    }

    #[test]
    fn old_banners_are_known() {
        let old: [(&[u8], &[u8]); 1] = [(b"server", b"Apache/2.4.49 (Unix)")];
        assert!(vulnerable_component(&with(200, &old)).is_some());
        let new: [(&[u8], &[u8]); 1] = [(b"server", b"Apache/2.4.62 (Unix)")];
        assert!(vulnerable_component(&with(200, &new)).is_none());
    }
}
