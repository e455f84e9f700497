//! The host that a request names, as servers compare it.

/// A `Host` field or an authority, taken apart: `user@Shop.test.:8443` is the name `Shop.test` and the port `8443`.
///
/// Servers choose a site by the name alone. Who asks for `shop.test:9` or `shop.test.` gets the site of `shop.test`, so
/// what is configured for that site has to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host<'a> {
    name: &'a [u8],
    port: Option<&'a [u8]>,
}

impl<'a> Host<'a> {
    /// Takes a host apart. Whatever is sent has a name, which may be empty.
    #[must_use]
    pub fn parse(sent: &'a [u8]) -> Host<'a> {
        let sent = sent.trim_ascii();
        let sent = memchr::memrchr(b'@', sent).and_then(|at| sent.get(at + 1..)).unwrap_or(sent);
        // The colons of an IPv6 address are in brackets.
        let name_end = match memchr::memchr(b']', sent).filter(|_| sent.starts_with(b"[")) {
            Some(bracket) => bracket + 1,
            None => memchr::memchr(b':', sent).unwrap_or(sent.len()),
        };
        let (mut name, rest) = sent.split_at(name_end);
        while let Some(shorter) = name.strip_suffix(b".") {
            name = shorter;
        }
        Host { name, port: rest.strip_prefix(b":").filter(|port| !port.is_empty()) }
    }

    /// Whether a `Host` field or authority is one by its grammar (RFC 9110 section 7.2, RFC 3986 section 3.2.2): a name or address
    /// and perhaps a port, no user and nothing of a path. What is none means one site here and another elsewhere.
    #[must_use]
    pub fn is_valid(sent: &[u8]) -> bool {
        let (name, port) = match sent.strip_prefix(b"[") {
            Some(literal) => {
                let Some(end) = memchr::memchr(b']', literal) else { return false };
                let (address, rest) = literal.split_at(end);
                let is_address = |b: &u8| b.is_ascii_alphanumeric() || b":._~-!$&'()*+,;=%".contains(b);
                if address.is_empty() || !address.iter().all(is_address) {
                    return false;
                }
                (&b""[..], rest.get(1..).unwrap_or_default())
            }
            None => sent.split_at(memchr::memchr(b':', sent).unwrap_or(sent.len())),
        };
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(b);
        let is_port = match port.split_first() {
            None => true,
            Some((b':', digits)) => digits.iter().all(u8::is_ascii_digit),
            Some(_) => false,
        };
        name.iter().all(is_name) && is_port
    }

    /// The name or address, without dots at its end; letters as sent.
    #[must_use]
    pub fn name(self) -> &'a [u8] {
        self.name
    }

    /// The port, as sent.
    #[must_use]
    pub fn port(self) -> Option<&'a [u8]> {
        self.port
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_keep_to_their_grammar() {
        for sent in [
            "",
            "shop.test",
            "Shop_1.test.:8443",
            "127.0.0.1:",
            "[::1]:80",
            "[fe80::1%25eth0]",
            "xn--a.test",
            "a%20b",
        ] {
            assert!(Host::is_valid(sent.as_bytes()), "{sent}");
        }
        for sent in [
            "a/b",
            "a?b",
            "a#b",
            "a@evil",
            "user:pass@a",
            "a b",
            "a:80:81",
            "a:8o",
            "[::1",
            "[]",
            "[::1]x",
            "::1",
            "a\\b",
            "a\tb",
            "ä",
            "a,b@c",
            "<a>",
            "\"a\"",
        ] {
            assert!(!Host::is_valid(sent.as_bytes()), "{sent}");
        }
    }

    #[test]
    fn names_lose_what_does_not_choose_the_site() {
        for (sent, name, port) in [
            ("shop.test", "shop.test", None),
            ("shop.test:443", "shop.test", Some("443")),
            (" Shop.test.:8443 ", "Shop.test", Some("8443")),
            ("shop.test..", "shop.test", None),
            ("shop.test:", "shop.test", None),
            ("spared.test@shop.test:1:2", "shop.test", Some("1:2")),
            ("[::1]:80", "[::1]", Some("80")),
            ("[::1]", "[::1]", None),
            ("", "", None),
            ("[", "[", None),
        ] {
            let host = Host::parse(sent.as_bytes());
            assert_eq!((host.name(), host.port()), (name.as_bytes(), port.map(str::as_bytes)), "{sent}");
        }
    }
}
