//! Confirmation: whether what looks like a part of a statement could be one.
//!
//! Patterns see words; a database parses. `1' union select` with nothing behind it is an error for every database: a
//! list of columns has to follow, and what the application appends is none. People write it in searches and titles. So an
//! open `union select` at the end is left out, and what stands before it has to be an attack by itself. Not so where another
//! value of the request could be the list: both may stand in one statement.

/// The value without an open `union select` at its end, if it has one.
pub(crate) fn before_open_union(value: &[u8]) -> Option<&[u8]> {
    let mut before = value;
    while let Some(at) = last_union(before).filter(|&at| is_open_union(before, at)) {
        before = before.get(..at)?;
    }
    (before.len() < value.len()).then_some(before)
}

fn last_union(value: &[u8]) -> Option<usize> {
    let is_union = |word: &[u8]| word.eq_ignore_ascii_case(b"union");
    value.windows(5).rposition(is_union)
}

/// Whether `union select` and nothing else stands from `at` to the end. Read forward, as a database does: a comment ends at
/// the first `*/`, whatever stands behind it.
fn is_open_union(value: &[u8], at: usize) -> bool {
    let is_word = !at
        .checked_sub(1)
        .and_then(|before| value.get(before))
        .is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
    let rest = || {
        let rest = skip_gap(strip_word(value.get(at..)?, b"union")?)?;
        let rest = [&b"distinctrow"[..], b"distinct", b"all"]
            .into_iter()
            .find_map(|word| skip_gap(strip_word(rest, word)?))
            .unwrap_or(rest);
        skip_gap(strip_word(rest, b"select")?)
    };
    is_word && rest().is_some_and(<[u8]>::is_empty)
}

fn strip_word<'v>(value: &'v [u8], word: &[u8]) -> Option<&'v [u8]> {
    let (head, rest) = value.split_at_checked(word.len())?;
    head.eq_ignore_ascii_case(word).then_some(rest)
}

/// Behind blanks and comments. `None` where a comment is left open, for then something may follow, or is conditional
/// (`/*!`, in `MariaDB` `/*M!`), for then it is read.
fn skip_gap(value: &[u8]) -> Option<&[u8]> {
    let mut rest = value.trim_ascii_start();
    while let Some(inner) = rest.strip_prefix(b"/*") {
        let is_conditional = matches!(inner, [b'!', ..] | [b'M', b'!', ..]);
        let end = memchr::memmem::find(inner, b"*/").filter(|_| !is_conditional)?;
        rest = inner.get(end + 2..)?.trim_ascii_start();
    }
    Some(rest)
}

/// Whether a value could be what an open `union select` of another one needs behind it: applications put several into one
/// statement, and what stands between them may become a text. Asked only of requests with such a clause, so that a list, an
/// operator or a word of SQL is enough; words, numbers, dates and addresses are not.
pub(crate) fn could_continue(value: &[u8]) -> bool {
    const WORDS: [&[u8]; 10] =
        [b"as", b"from", b"having", b"into", b"limit", b"null", b"procedure", b"select", b"union", b"where"];
    const SIGNS: [&[u8]; 3] = [b"--", b"/*", b"*/"];
    let value = before_open_union(value).unwrap_or(value).trim_ascii();
    let Some(first) = value.first() else { return false };
    let is_letter = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$') || *b >= 0x80;
    let mut words = value.split(|b| !is_letter(b));
    matches!(
        first,
        b',' | b'(' | b')' | b'\'' | b'"' | b'`' | b'*' | b'|' | b'+' | b'#' | b';' | b'@' | b'=' | b'!'
    ) || value.iter().any(|b| matches!(b, b',' | b'\'' | b';'))
        || SIGNS.iter().any(|sign| memchr::memmem::find(value, sign).is_some())
        || words.any(|word| WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)))
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
            ("1' union select /* ' from x */", "1' "),
        ] {
            assert_eq!(before_open_union(value.as_bytes()), Some(before.as_bytes()), "{value}");
        }
        for value in [
            "1' union select 1",
            "1' union select--",
            "1' union select/*",
            "1' union select(",
            "1' union/*!select*/",
            "1' union select/*!*/",
            "1' union select/*M!1*/",
            "1' union select /*x*/ password from users -- */",
            "-1 union select/**/username,password from users-- */",
            "1' union select/**/1,2,table_name from information_schema.tables#*/",
            "1' union/*x*/select login,password from users-- */select",
            "1' union all",
            "reunion select",
            "select",
            "",
        ] {
            assert_eq!(before_open_union(value.as_bytes()), None, "{value}");
        }
    }

    #[test]
    fn lists_and_words_of_statements_could_continue_a_clause() {
        for value in [
            ",password from users-- -",
            " from users",
            "1,2,3",
            "password,2",
            "(1)",
            "null",
            "x FROM users",
            "1' or '1'='1",
            "1 -- ",
            "*/1",
            "+1",
        ] {
            assert!(could_continue(value.as_bytes()), "{value}");
        }
        for value in [
            "",
            "1",
            "2020-01-01",
            "created",
            "https://www.example.com/a?b=c",
            "Jane Doe",
            "a@example.com",
            "fromage",
            "union select",
        ] {
            assert!(!could_continue(value.as_bytes()), "{value}");
        }
    }
}
