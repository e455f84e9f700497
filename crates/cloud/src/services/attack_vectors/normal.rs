//! Hosts and paths as endpoints: what is written differently and means the same, and what names one object of many,
//! reads alike.

use std::fmt::Write as _;

/// Stands for a segment that names one of many objects.
const ID: &str = "{id}";
/// Hexadecimal digits from which on they are an identifier and no word.
const MIN_HEX: usize = 16;

/// A host without the port that its scheme has anyway, without the dot of the root, in lower case.
pub(super) fn host(host: &str, scheme: &str) -> String {
    let default = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(default).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_lowercase()
}

/// A path with `.`, `..` and empty segments resolved, escapes of plain characters decoded, and numbers, UUIDs and long
/// hexadecimal numbers as `{id}`.
pub(super) fn path(path: &str) -> String {
    let Some(rest) = path.strip_prefix('/') else { return path.to_owned() };
    let mut kept: Vec<String> = vec![];
    let mut is_folder = false;
    for segment in rest.split('/') {
        let segment = decoded(segment);
        is_folder = matches!(segment.as_str(), "" | "." | "..");
        match segment.as_str() {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            _ if is_identifier(&segment) => kept.push(ID.to_owned()),
            _ => kept.push(segment),
        }
    }
    let mut normal = String::with_capacity(path.len());
    for segment in &kept {
        normal.push('/');
        normal.push_str(segment);
    }
    if is_folder || kept.is_empty() {
        normal.push('/');
    }
    normal
}

fn is_identifier(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let is_number = bytes.iter().all(u8::is_ascii_digit);
    let is_hex = || bytes.iter().all(u8::is_ascii_hexdigit) && bytes.iter().any(u8::is_ascii_digit);
    let is_uuid = || {
        bytes.len() == 36
            && bytes.iter().enumerate().all(|(place, byte)| match place {
                8 | 13 | 18 | 23 => *byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
    };
    is_number || bytes.len() >= MIN_HEX && is_hex() || is_uuid()
}

/// Decodes escapes of what needs none (RFC 3986, section 2.3), and writes the digits of others in upper case.
fn decoded(segment: &str) -> String {
    if !segment.contains('%') {
        return segment.to_owned();
    }
    let mut decoded = String::with_capacity(segment.len());
    let mut rest = segment;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.push_str(before);
        let byte = after.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match byte.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
                    decoded.push(char::from(byte));
                } else {
                    // Writing to a string cannot fail.
                    let _ = write!(decoded, "%{byte:02X}");
                }
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push('%');
                rest = after;
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_one_endpoint_read_alike() {
        for (raw, normal) in [
            ("/items/1", "/items/{id}"),
            ("//items/2", "/items/{id}"),
            ("/a/../items/./0003", "/items/{id}"),
            ("/%69tems/123/", "/items/{id}/"),
            ("/u/123e4567-e89b-12d3-a456-426614174000/x", "/u/{id}/x"),
            ("/f/5f4dcc3b5aa765d61d8327deb882cf99", "/f/{id}"),
            // Words, versions and short names stay.
            ("/v1/deadbeef/facade", "/v1/deadbeef/facade"),
            ("/effacedfacadedecade", "/effacedfacadedecade"),
            ("/a%2fb/%zz%", "/a%2Fb/%zz%"),
            ("/../..", "/"),
            ("/", "/"),
            ("", ""),
            ("*", "*"),
        ] {
            assert_eq!(path(raw), normal, "{raw}");
            assert_eq!(path(normal), normal, "{normal}");
        }
    }

    #[test]
    fn hosts_have_no_default_port() {
        for (raw, scheme, normal) in [
            ("Shop.Test", "https", "shop.test"),
            ("shop.test:443", "https", "shop.test"),
            ("shop.test.:80", "http", "shop.test"),
            ("shop.test:8443", "https", "shop.test:8443"),
            ("[2001:db8::443]", "https", "[2001:db8::443]"),
            ("", "https", ""),
        ] {
            assert_eq!(host(raw, scheme), normal);
        }
    }
}
