//! The path as servers resolve it, for the choice of rules.
//!
//! `/health/../shop` is `/shop` to most servers. A rule that spares `/health` must not spare it, and a rule that
//! guards `/shop` must hold. Inspection and the upstream get the target as it was sent.

use smallvec::SmallVec;

/// The target without `.` and `..` segments and doubled slashes; `None` when it has none.
pub(super) fn resolved(target: &[u8]) -> Option<Vec<u8>> {
    let path_end = memchr::memchr(b'?', target).unwrap_or(target.len());
    let (path, query) = target.split_at(path_end);
    let rest = path.strip_prefix(b"/")?;
    // Most paths end here.
    if !memchr::memchr_iter(b'/', path).any(|at| is_suspect(path.get(at + 1..).unwrap_or_default())) {
        return None;
    }
    let mut kept: SmallVec<[&[u8]; 16]> = SmallVec::new();
    let mut segments = rest.split(|byte| *byte == b'/').peekable();
    let mut changed = false;
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        let dots = dots(segment);
        if dots == Some(2) {
            kept.pop();
        } else if dots != Some(1) && (is_last || !segment.is_empty()) {
            kept.push(segment);
            continue;
        }
        changed = true;
        if is_last {
            kept.push(b"");
        }
    }
    if !changed {
        return None;
    }
    let mut whole = Vec::with_capacity(target.len());
    for segment in kept {
        whole.push(b'/');
        whole.extend_from_slice(segment);
    }
    whole.extend_from_slice(query);
    Some(whole)
}

/// Whether what follows a slash may be an empty segment or one of dots.
fn is_suspect(rest: &[u8]) -> bool {
    matches!(rest, [b'/' | b'.', ..] | [b'%', b'2', b'e' | b'E', ..])
}

/// The number of dots of a segment that is nothing else, percent-encoded or not, parameters (`..;a=b`) aside.
fn dots(segment: &[u8]) -> Option<usize> {
    let mut rest = segment;
    let mut count = 0;
    loop {
        rest = match rest {
            [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => rest,
            [] | [b';', ..] => return (count > 0).then_some(count),
            _ => return None,
        };
        count += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resolve(target: &str) -> Option<String> {
        resolved(target.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn dots_and_doubled_slashes_are_resolved() {
        for (target, wanted) in [
            ("/health/../shop/buy?a=/../b", "/shop/buy?a=/../b"),
            ("/health/%2e%2E/shop", "/shop"),
            ("/health/..;x=1/shop", "/shop"),
            ("//shop//buy", "/shop/buy"),
            ("/shop/./buy/.", "/shop/buy/"),
            ("/a/b/..", "/a/"),
            ("/../..", "/"),
        ] {
            assert_eq!(resolve(target).as_deref(), Some(wanted), "{target}");
        }
    }

    #[test]
    fn ordinary_targets_stay_as_they_are() {
        for target in ["/", "/a/b.c?d=..", "/a/.well-known/x", "/a/...", "/a/%2ex", "*", "/a/"] {
            assert_eq!(resolve(target), None, "{target}");
        }
    }

    proptest! {
        #[test]
        fn resolving_twice_changes_nothing(target in "/[a./%2e;]{0,24}") {
            if let Some(once) = resolved(target.as_bytes()) {
                prop_assert_eq!(resolved(&once), None);
            }
        }
    }
}
