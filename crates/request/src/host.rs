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
