//! The ways in which servers read a path.
//!
//! `/health/../shop` is `/shop` to most servers, `/health/..;/shop` to some and `/health/..%2fshop` to others. What spares
//! `/health` must not spare them, and what guards `/shop` must hold, whichever server is behind the node. Inspection and
//! the upstream get the target as it was sent.

use std::borrow::Cow;

use percent_encoding::percent_decode;
use smallvec::{SmallVec, smallvec};

/// What a server does beside resolving `.` and `..` segments: a set of the following.
type Quirks = u8;

/// Takes several slashes for one.
const MERGED_SLASHES: Quirks = 1;
/// Leaves out what follows a `;` in a segment.
const PARAMETERS: Quirks = 2;
/// Takes `%2f` for a slash.
const ENCODED_SLASHES: Quirks = 4;
/// Takes a backslash for a slash, also as `%5c`.
const BACKSLASHES: Quirks = 8;
const ALL: Quirks = 15;

/// Different targets that servers may take one for.
pub(crate) type Readings<'t> = SmallVec<[Cow<'t, [u8]>; 1]>;

/// The targets that servers may take this one for, the likely one first and the target itself among them. One for
/// most.
pub(crate) fn readings(target: &[u8]) -> Readings<'_> {
    let Some(present) = quirks_in(path_of(target)) else { return smallvec![Cow::Borrowed(target)] };
    let mut readings = Readings::new();
    let quirks = (0..=ALL).filter(|quirks| quirks & !present == 0);
    let resolved = quirks.map(|quirks| resolved(target, quirks));
    for reading in [resolved_plainly(target), Cow::Borrowed(target)].into_iter().chain(resolved) {
        if !readings.contains(&reading) {
            readings.push(reading);
        }
    }
    readings
}

/// The path by which a route is chosen: decoded, with `.` and `..` segments and several slashes resolved
/// (`spec/node.md` section 2.8).
pub(crate) fn normalised(path: &[u8]) -> Cow<'_, [u8]> {
    let resolved = match quirks_in(path) {
        None => Cow::Borrowed(path),
        Some(_) => resolved(path, MERGED_SLASHES | ENCODED_SLASHES),
    };
    match resolved {
        Cow::Borrowed(path) => decoded(path),
        Cow::Owned(path) => Cow::Owned(decoded(&path).into_owned()),
    }
}

/// Percent-decoded once.
pub(crate) fn decoded(path: &[u8]) -> Cow<'_, [u8]> {
    percent_decode(path).into()
}

/// The target without its query.
pub(crate) fn path_of(target: &[u8]) -> &[u8] {
    target.get(..memchr::memchr(b'?', target).unwrap_or(target.len())).unwrap_or(target)
}

/// As most servers have it.
fn resolved_plainly(target: &[u8]) -> Cow<'_, [u8]> {
    resolved(target, MERGED_SLASHES)
}

/// What in a path is read in different ways; `None` when nothing is, and no segment can be one of dots.
fn quirks_in(path: &[u8]) -> Option<Quirks> {
    let (mut found, mut dots) = (0, false);
    for (at, byte) in path.iter().enumerate() {
        let rest = path.get(at + 1..).unwrap_or_default();
        match (byte, rest) {
            (b'/', [b'/', ..]) => found |= MERGED_SLASHES,
            (b'/', [b'.', ..] | [b'%', b'2', b'e' | b'E', ..]) => dots = true,
            (b';', _) => found |= PARAMETERS,
            (b'\\', _) | (b'%', [b'5', b'c' | b'C', ..]) => found |= BACKSLASHES,
            (b'%', [b'2', b'f' | b'F', ..]) => found |= ENCODED_SLASHES,
            _ => {}
        }
    }
    if found != 0 {
        // Whatever is taken for a slash, or left out, may make two in a row.
        found |= MERGED_SLASHES;
    }
    (dots || found != 0).then_some(found)
}

/// The target as a server with these quirks reads it; borrowed when that makes no difference.
fn resolved(target: &[u8], quirks: Quirks) -> Cow<'_, [u8]> {
    let path = path_of(target);
    let Some(mut rest) = path.strip_prefix(b"/") else { return Cow::Borrowed(target) };
    let mut kept: SmallVec<[&[u8]; 16]> = SmallVec::new();
    loop {
        let (segment, after) = split(rest, quirks);
        let end = if quirks & PARAMETERS == 0 { None } else { memchr::memchr(b';', segment) };
        let segment = segment.get(..end.unwrap_or(segment.len())).unwrap_or(segment);
        let leads_elsewhere = match dots(segment) {
            Some(2) => {
                kept.pop();
                true
            }
            dots => dots == Some(1) || segment.is_empty() && quirks & MERGED_SLASHES != 0,
        };
        if !leads_elsewhere {
            kept.push(segment);
        }
        match after {
            Some(after) => rest = after,
            None => {
                if leads_elsewhere {
                    kept.push(b"");
                }
                break;
            }
        }
    }
    let mut whole = Vec::with_capacity(target.len());
    for segment in kept {
        whole.push(b'/');
        whole.extend_from_slice(segment);
    }
    whole.extend_from_slice(target.get(path.len()..).unwrap_or_default());
    if whole == target { Cow::Borrowed(target) } else { Cow::Owned(whole) }
}

/// The first segment, and what follows its end, if it has one.
fn split<'p>(path: &'p [u8], quirks: Quirks) -> (&'p [u8], Option<&'p [u8]>) {
    let has = |quirk| quirks & quirk != 0;
    let after = |rest: &'p [u8]| match rest {
        [b'/', after @ ..] => Some(after),
        [b'\\', after @ ..] | [b'%', b'5', b'c' | b'C', after @ ..] if has(BACKSLASHES) => Some(after),
        [b'%', b'2', b'f' | b'F', after @ ..] if has(ENCODED_SLASHES) => Some(after),
        _ => None,
    };
    let mut ends = memchr::memchr3_iter(b'/', b'\\', b'%', path);
    let found = ends.find_map(|at| Some((path.get(..at)?, after(path.get(at..)?)?)));
    found.map_or((path, None), |(segment, after)| (segment, Some(after)))
}

/// The number of dots of a segment that is nothing else, percent-encoded or not.
fn dots(segment: &[u8]) -> Option<usize> {
    let (mut rest, mut count) = (segment, 0);
    loop {
        rest = match rest {
            [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => rest,
            [] => return (count > 0).then_some(count),
            _ => return None,
        };
        count += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(target: &str) -> Vec<String> {
        let readings = readings(target.as_bytes());
        readings.iter().map(|reading| String::from_utf8(reading.to_vec()).unwrap()).collect()
    }

    #[test]
    fn likely_reading_comes_first() {
        for (target, likely) in [
            ("/health/../shop/buy?a=/../b", "/shop/buy?a=/../b"),
            ("/health/%2e%2E/shop", "/shop"),
            ("//shop//buy", "/shop/buy"),
            ("/shop/./buy/.", "/shop/buy/"),
            ("/a/b/..", "/a/"),
            ("/../..", "/"),
        ] {
            let readings = read(target);
            assert_eq!(readings[0], likely, "{target}");
            assert!(readings.contains(&target.to_owned()), "{target}");
        }
    }

    #[test]
    fn every_quirk_is_a_reading() {
        for (target, wanted) in [
            ("/health/..;x=1/shop", "/shop"),
            ("/health;v=1/a", "/health/a"),
            ("/health/..%2fshop", "/shop"),
            ("/health/..%5cshop", "/shop"),
            (r"/health\..\shop", "/shop"),
            ("/a//../b", "/a/b"),
            ("/a//../b", "/b"),
            ("/;/a", "/a"),
            // A server that does not decode `%2f` sees one long segment and goes back over it.
            ("/shop/x/..%2f..%2fhealth/../..", "/shop/"),
        ] {
            assert!(read(target).contains(&wanted.to_owned()), "{target}: {:?}", read(target));
        }
    }

    #[test]
    fn ordinary_targets_are_read_in_one_way() {
        for target in
            ["/", "/a/b.c?d=..;%2f\\", "/a/.well-known/x", "/a/...", "/a/%2ex", "*", "/a/", "/a%20b"]
        {
            assert_eq!(read(target), [target]);
        }
    }

    #[test]
    fn normalisation_never_leaves_the_root() {
        for (path, wanted) in [
            ("/../../etc/", "/etc/"),
            ("/%2e%2e/a", "/a"),
            ("/a/..", "/"),
            ("/x/..//%61pi/v2/./x", "/api/v2/x"),
            ("/a/..%2fb", "/b"),
            ("/a%20b", "/a b"),
        ] {
            assert_eq!(&*normalised(path.as_bytes()), wanted.as_bytes(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn resolving_twice_changes_nothing(target in "/[a./%2ef5c;\\\\]{0,24}", quirks in 0..=ALL) {
            let once = resolved(target.as_bytes(), quirks).into_owned();
            prop_assert_eq!(&*resolved(&once, quirks), &*once);
        }
    }
}
