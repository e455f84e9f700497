//! The request target taken apart once, for conditions and for the walk alike.
//!
//! `/api/v1/archive.tar.gz?q=1` has the directory segments `api`, `v1`, the action name `archive`, the
//! action extension `tar.gz` (everything after the first dot) and the query `q=1`. Scheme and authority
//! of an absolute-form target are no part of it. Nothing is normalised: `//` and `..` are segments.

use std::borrow::Cow;

use memchr::memchr;
use smallvec::SmallVec;

use crate::decode::percent::decode_once;

/// A request target, split but not changed.
#[derive(Debug, Clone)]
pub struct Target<'a> {
    raw: &'a [u8],
    path: &'a [u8],
    query: Option<&'a [u8]>,
    segments: SmallVec<[Cow<'a, [u8]>; 8]>,
    action_name: Cow<'a, [u8]>,
    action_ext: Option<Cow<'a, [u8]>>,
}

impl<'a> Target<'a> {
    /// Splits a target as it stands in the request line.
    pub fn parse(target: &'a [u8]) -> Target<'a> {
        let raw = without_authority(target);
        let (path, query) = match memchr(b'?', raw) {
            Some(at) => (raw.get(..at).unwrap_or_default(), raw.get(at + 1..)),
            None => (raw, None),
        };
        let mut parts = path.strip_prefix(b"/").unwrap_or(path).split(|&b| b == b'/').rev();
        let last = parts.next().unwrap_or_default();
        let mut segments: SmallVec<[Cow<'a, [u8]>; 8]> = parts.map(|s| decode_once(s, false)).collect();
        segments.reverse();
        // The split is on the raw bytes: an encoded dot belongs to the name.
        let (action_name, action_ext) = match memchr(b'.', last) {
            Some(dot) => (last.get(..dot).unwrap_or_default(), last.get(dot + 1..)),
            None => (last, None),
        };
        Target {
            raw,
            path,
            query,
            segments,
            action_name: decode_once(action_name, false),
            action_ext: action_ext.map(|ext| decode_once(ext, false)),
        }
    }

    /// Path and query as sent, without scheme and host.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The path as sent.
    pub fn path(&self) -> &'a [u8] {
        self.path
    }

    /// What follows the first `?`, as sent.
    pub fn query(&self) -> Option<&'a [u8]> {
        self.query
    }

    /// The path segments before the last one, percent-decoded once.
    pub fn segments(&self) -> &[Cow<'a, [u8]>] {
        &self.segments
    }

    /// The last segment up to its first dot, percent-decoded once; may be empty.
    pub fn action_name(&self) -> &[u8] {
        &self.action_name
    }

    /// The last segment after its first dot, percent-decoded once.
    pub fn action_ext(&self) -> Option<&[u8]> {
        self.action_ext.as_deref()
    }

    /// The query parameters in order, names and values form-decoded once.
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'a, [u8]>, Cow<'a, [u8]>)> + use<'a> {
        pairs(self.query.unwrap_or_default())
    }
}

/// Splits `a=1&b=2` and form-decodes names and values once. Empty pieces are skipped.
pub(crate) fn pairs(input: &[u8]) -> impl Iterator<Item = (Cow<'_, [u8]>, Cow<'_, [u8]>)> {
    raw_pairs(input).map(|(name, value)| (decode_once(name, true), decode_once(value, true)))
}

/// The same as they stand.
pub(crate) fn raw_pairs(input: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    input.split(|&b| b == b'&').filter(|piece| !piece.is_empty()).map(|piece| match memchr(b'=', piece) {
        Some(at) => (piece.get(..at).unwrap_or_default(), piece.get(at + 1..).unwrap_or_default()),
        None => (piece, &[][..]),
    })
}

/// Drops `http://host` of an absolute-form target.
fn without_authority(target: &[u8]) -> &[u8] {
    if target.first() == Some(&b'/') {
        return target;
    }
    let scheme = target.iter().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(0);
    let Some(rest) = target.get(scheme..).and_then(|rest| rest.strip_prefix(b"://")) else { return target };
    if scheme == 0 {
        return target;
    }
    let start = rest.iter().position(|&b| b == b'/' || b == b'?').unwrap_or(rest.len());
    rest.get(start..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(target: &str) -> (Vec<String>, String, Option<String>, Option<String>) {
        let target = Target::parse(target.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            target.segments().iter().map(|s| text(s)).collect(),
            text(target.action_name()),
            target.action_ext().map(text),
            target.query().map(text),
        )
    }

    fn parts(
        segments: &[&str],
        name: &str,
        ext: Option<&str>,
        query: Option<&str>,
    ) -> (Vec<String>, String, Option<String>, Option<String>) {
        (
            segments.iter().map(|&s| s.to_owned()).collect(),
            name.to_owned(),
            ext.map(str::to_owned),
            query.map(str::to_owned),
        )
    }

    #[test]
    fn paths_split_as_the_conditions_expect() {
        assert_eq!(split("/"), parts(&[], "", None, None));
        assert_eq!(split(""), parts(&[], "", None, None));
        assert_eq!(split("/orders"), parts(&[], "orders", None, None));
        assert_eq!(split("/api/v1/users"), parts(&["api", "v1"], "users", None, None));
        assert_eq!(split("/api/user.php?q=1"), parts(&["api"], "user", Some("php"), Some("q=1")));
        assert_eq!(split("/archive.tar.gz"), parts(&[], "archive", Some("tar.gz"), None));
        assert_eq!(split("/a//b/"), parts(&["a", "", "b"], "", None, None));
        assert_eq!(split("/a%2Fb/c%20d"), parts(&["a/b"], "c d", None, None));
        assert_eq!(split("http://host:1/a/b?x"), parts(&["a"], "b", None, Some("x")));
        assert_eq!(split("http://host?x"), parts(&[], "", None, Some("x")));
        assert_eq!(split("/a?b?c"), parts(&[], "a", None, Some("b?c")));
        assert_eq!(split("/x.?"), parts(&[], "x", Some(""), Some("")));
    }

    #[test]
    fn query_pairs_are_decoded_once() {
        let target = Target::parse(b"/?a=1+2&b=%2527&c&&=d&e=f=g");
        let pairs: Vec<(String, String)> = target
            .query_pairs()
            .map(|(k, v)| (String::from_utf8_lossy(&k).into(), String::from_utf8_lossy(&v).into()))
            .collect();
        let expected = [("a", "1 2"), ("b", "%27"), ("c", ""), ("", "d"), ("e", "f=g")];
        assert_eq!(pairs, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }
}
