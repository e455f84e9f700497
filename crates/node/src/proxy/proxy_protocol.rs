//! The PROXY protocol, versions 1 and 2: a load balancer says before the first byte who really connected.
//!
//! Only peers that a `client_ip.rule` trusts are believed; the announced source then counts as the peer, so that the
//! rules for forwarding headers apply to it in turn. Everything is bounded: a header that is longer than [`MAX`] is
//! refused, and the caller bounds the time.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes of a header: 107 in version 1; in version 2 addresses and what else a balancer adds.
const MAX: usize = 4096;
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const V1: &[u8] = b"PROXY ";
const V1_MAX: usize = 107;
/// Type of the part that says whether the client spoke TLS.
const TLV_SSL: u8 = 0x20;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Announced {
    /// Source and destination; `None` when the balancer speaks for itself or does not know.
    pub(super) addresses: Option<(SocketAddr, SocketAddr)>,
    /// Whether the client spoke TLS with the balancer.
    pub(super) secure: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    Absent,
    Header(Announced, usize),
    Incomplete,
    Malformed,
}

/// Reads the header, if there is one, and what came along after it.
pub(super) async fn read<T: AsyncRead + Unpin>(stream: &mut T) -> io::Result<(Option<Announced>, BytesMut)> {
    let mut bytes = BytesMut::with_capacity(512);
    loop {
        match parse(&bytes) {
            Parsed::Absent => return Ok((None, bytes)),
            Parsed::Header(announced, length) => {
                bytes.advance(length);
                return Ok((Some(announced), bytes));
            }
            Parsed::Incomplete if bytes.len() < MAX => {}
            Parsed::Incomplete | Parsed::Malformed => return Err(io::ErrorKind::InvalidData.into()),
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn parse(bytes: &[u8]) -> Parsed {
    let begins = |wanted: &[u8]| bytes.iter().zip(wanted).all(|(byte, wanted)| byte == wanted);
    if begins(SIGNATURE) {
        return if bytes.len() < 16 { Parsed::Incomplete } else { parse_v2(bytes) };
    }
    if begins(V1) {
        return if bytes.len() < V1.len() { Parsed::Incomplete } else { parse_v1(bytes) };
    }
    Parsed::Absent
}

/// `PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n`
fn parse_v1(bytes: &[u8]) -> Parsed {
    let window = bytes.get(..V1_MAX).unwrap_or(bytes);
    let Some(end) = memchr::memmem::find(window, b"\r\n") else {
        return if bytes.len() < V1_MAX { Parsed::Incomplete } else { Parsed::Malformed };
    };
    let line = bytes.get(V1.len()..end).and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
    let mut words = line.split(' ');
    let addresses = match words.next() {
        Some("UNKNOWN") => None,
        Some(family @ ("TCP4" | "TCP6")) => {
            let mut ip =
                || words.next()?.parse::<IpAddr>().ok().filter(|ip| ip.is_ipv4() == (family == "TCP4"));
            let ips = ip().zip(ip());
            let mut port = || words.next()?.parse::<u16>().ok();
            let (Some(ips), Some(ports), None) = (ips, port().zip(port()), words.next()) else {
                return Parsed::Malformed;
            };
            Some((SocketAddr::new(ips.0, ports.0), SocketAddr::new(ips.1, ports.1)))
        }
        _ => return Parsed::Malformed,
    };
    Parsed::Header(Announced { addresses, secure: false }, end + 2)
}

fn parse_v2(bytes: &[u8]) -> Parsed {
    let Some(&[command, family, high, low]) = bytes.get(12..16) else { return Parsed::Incomplete };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if !matches!(command, 0x20 | 0x21) || length + 16 > MAX {
        return Parsed::Malformed;
    }
    let Some(rest) = bytes.get(16..16 + length) else { return Parsed::Incomplete };
    // The balancer's own connection, a health check.
    if command == 0x20 {
        return Parsed::Header(Announced { addresses: None, secure: false }, 16 + length);
    }
    let (addresses, tlvs) = match family {
        0x11 => match ipv4(rest) {
            Some(addresses) => (Some(addresses), rest.get(12..)),
            None => return Parsed::Malformed,
        },
        0x21 => match ipv6(rest) {
            Some(addresses) => (Some(addresses), rest.get(36..)),
            None => return Parsed::Malformed,
        },
        // Unix sockets and what is not known.
        0x31 => (None, rest.get(216..)),
        _ => (None, None),
    };
    let secure = tlvs.is_some_and(says_tls);
    Parsed::Header(Announced { addresses, secure }, 16 + length)
}

fn ipv4(rest: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let ip = |at: usize| {
        rest.get(at..at + 4)?.try_into().ok().map(|octets: [u8; 4]| Ipv4Addr::from(octets).into())
    };
    Some((SocketAddr::new(ip(0)?, port(rest, 8)?), SocketAddr::new(ip(4)?, port(rest, 10)?)))
}

fn ipv6(rest: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let ip = |at: usize| {
        rest.get(at..at + 16)?.try_into().ok().map(|octets: [u8; 16]| Ipv6Addr::from(octets).into())
    };
    Some((SocketAddr::new(ip(0)?, port(rest, 32)?), SocketAddr::new(ip(16)?, port(rest, 34)?)))
}

fn port(rest: &[u8], at: usize) -> Option<u16> {
    rest.get(at..at + 2)?.try_into().ok().map(u16::from_be_bytes)
}

/// Whether the parts after the addresses say that the client spoke TLS.
fn says_tls(mut tlvs: &[u8]) -> bool {
    while let Some((&[kind, high, low], rest)) = tlvs.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some((value, next)) = rest.split_at_checked(length) else { return false };
        if kind == TLV_SSL {
            return value.first().is_some_and(|flags| flags & 1 == 1);
        }
        tlvs = next;
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
        bytes.extend(rest);
        bytes
    }

    fn announced(bytes: &[u8]) -> Announced {
        match parse(bytes) {
            Parsed::Header(announced, length) => {
                assert_eq!(length, bytes.len());
                announced
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_versions_name_source_and_destination() {
        let wanted = ("192.0.2.1:1000".parse().unwrap(), "192.0.2.2:80".parse().unwrap());
        let text = announced(b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n");
        assert_eq!((text.addresses, text.secure), (Some(wanted), false));
        let mut rest = vec![192, 0, 2, 1, 192, 0, 2, 2, 3, 232, 0, 80];
        assert_eq!(announced(&v2(0x21, 0x11, &rest)).addresses, Some(wanted));
        rest.extend([1, 0, 2, b'h', b'2', TLV_SSL, 0, 5, 1, 0, 0, 0, 0]);
        assert!(announced(&v2(0x21, 0x11, &rest)).secure);
        let six = announced(b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n");
        assert_eq!(six.addresses.unwrap().0, "[2001:db8::1]:1".parse().unwrap());
    }

    #[test]
    fn balancers_may_speak_for_themselves() {
        for bytes in [&b"PROXY UNKNOWN\r\n"[..], &v2(0x20, 0, b""), &v2(0x21, 0, b"abc")] {
            assert_eq!(announced(bytes), Announced { addresses: None, secure: false });
        }
    }

    #[test]
    fn nonsense_is_refused_and_http_is_not_taken_for_it() {
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        let short = v2(0x21, 0x11, b"abc");
        let version = v2(0x31, 0x11, &[0; 12]);
        let huge = [SIGNATURE.as_slice(), &[0x21, 0x11, 0xff, 0xff]].concat();
        for bytes in [
            &b"PROXY TCP4 1.1.1.1 ::1 1 2\r\n"[..],
            b"PROXY TCP4 1.1.1.1 1.1.1.2 1 99999\r\n",
            b"PROXY TCP4 1.1.1.1 1.1.1.2 1 2 3\r\n",
            b"PROXY UDP 1\r\n",
            &long,
            &short,
            &version,
            &huge,
        ] {
            assert_eq!(parse(bytes), Parsed::Malformed, "{bytes:?}");
        }
        for bytes in [&b"POST / HTTP/1.1"[..], b"PROPFIND /", b"\r\nGET / HTTP/1.1", b"\x16\x03\x01"] {
            assert_eq!(parse(bytes), Parsed::Absent, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_pieces_stay_incomplete(cut in 0usize..41, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            parse(&bytes);
            parse(&v2(0x21, 0x11, &bytes));
            let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 1000 80\r\n";
            if cut < line.len() {
                prop_assert_eq!(parse(&line[..cut]), Parsed::Incomplete);
            }
        }
    }
}
