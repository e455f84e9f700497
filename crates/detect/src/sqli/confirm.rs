//! Confirmation: whether what looks like a part of a statement could be one.
//!
//! Patterns see words; a database parses. `1' union select` with nothing behind it is an error for every database: a
//! list of columns has to follow, and what the application appends is none. People write it in searches and titles. So an
//! open `union select` at the end is left out, and what stands before it has to be an attack by itself.

/// The value without an open `union select` at its end, if it has one.
pub(crate) fn before_open_union(value: &[u8]) -> Option<&[u8]> {
    let mut rest = value;
    let mut found = None;
    while let Some(before) = before_one(rest) {
        found = Some(before);
        rest = before;
    }
    found
}

fn before_one(value: &[u8]) -> Option<&[u8]> {
    let before = strip_word(trim_gap(value)?, b"select")?;
    let before = trim_gap(before)?;
    let before = [&b"all"[..], b"distinct", b"distinctrow"]
        .into_iter()
        .find_map(|word| trim_gap(strip_word(before, word)?))
        .unwrap_or(before);
    let before = strip_word(before, b"union")?;
    let is_word = !before.last().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
    is_word.then_some(before)
}

fn strip_word<'v>(value: &'v [u8], word: &[u8]) -> Option<&'v [u8]> {
    let (before, end) = value.split_at_checked(value.len().checked_sub(word.len())?)?;
    end.eq_ignore_ascii_case(word).then_some(before)
}

/// Without blanks and comments at the end. `None` where a comment is left open or conditional, for then something may follow.
fn trim_gap(value: &[u8]) -> Option<&[u8]> {
    let mut rest = value.trim_ascii_end();
    while let Some(inner) = rest.strip_suffix(b"*/") {
        let open = memchr::memmem::rfind(inner, b"/*")?;
        let is_conditional = inner.get(open + 2) == Some(&b'!');
        rest = inner.get(..open).filter(|_| !is_conditional)?.trim_ascii_end();
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_open_union_at_the_end_is_left_out() {
        for (value, before) in [
            ("1' UNION SELECT", "1' "),
            ("1' union/**/all /* x */ select ", "1' "),
            ("x union select union select", "x "),
            ("union select", ""),
        ] {
            assert_eq!(before_open_union(value.as_bytes()), Some(before.as_bytes()), "{value}");
        }
        for value in [
            "1' union select 1",
            "1' union select--",
            "1' union select/*",
            "1' union select(",
            "1' union/*!select*/",
            "1' union all",
            "reunion select",
            "select",
            "",
        ] {
            assert_eq!(before_open_union(value.as_bytes()), None, "{value}");
        }
    }
}
