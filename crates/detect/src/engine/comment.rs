//! The beginning of a value that a comment of SQL or script ends, for a look at it as a short value.

use bartizan_request::ByteSet;

/// How far from its beginning an injection ends in a comment.
const HEAD: usize = 256;
/// What ends a string of SQL.
const QUOTES: ByteSet = ByteSet::of_bytes(b"'\"");

/// Whether the beginning of a value has a sign with which a comment begins.
pub(super) fn holds_comment(value: &[u8]) -> bool {
    let head = value.get(..HEAD).unwrap_or(value);
    memchr::memchr(b'#', head).is_some()
        || [&b"--"[..], b"/*", b"//"].iter().any(|sign| memchr::memmem::find(head, sign).is_some())
}

/// The beginning of a value up to and with the first comment of SQL behind a quote, if both stand in its first line and near
/// its beginning: `x' or 1=1-- `. A number needs no quote if SQL goes on behind it.
pub(super) fn before_comment(value: &[u8], bytes: ByteSet) -> Option<&[u8]> {
    let number = value.first().is_some_and(u8::is_ascii_digit);
    if !number && !bytes.intersects(QUOTES) {
        return None;
    }
    let head = value.get(..HEAD).unwrap_or(value);
    let head = head.split(|b| *b == b'\n').next().unwrap_or_default();
    let quote = memchr::memchr2(b'\'', b'"', head);
    let of_number = || {
        (0..quote.unwrap_or(head.len()))
            .filter(|&at| begins_comment(head, at))
            // Databases refuse a comment that nothing closes.
            .filter(|&at| !is_open_comment(value, at))
            .find(|&at| continues_number(head.get(..at).unwrap_or_default()))
    };
    let of_string = || (quote?..head.len()).find(|&at| begins_comment(head, at));
    let end = number.then(of_number).flatten().or_else(of_string)?;
    head.get(..head.len().min(end + 2))
}

/// The beginning of a value up to the first comment of script that stands directly behind the end of a statement, as in
/// `');alert(1)// and words`. People write a blank in front of it.
pub(super) fn before_remark(value: &[u8], bytes: ByteSet) -> Option<&[u8]> {
    const CALLS: ByteSet = ByteSet::of_bytes(b"(`");
    if !bytes.intersects(CALLS) {
        return None;
    }
    let head = value.get(..HEAD).unwrap_or(value);
    let head = head.split(|b| *b == b'\n').next().unwrap_or_default();
    let end = memchr::memmem::find_iter(head, b"//").find(|&at| {
        at.checked_sub(1).and_then(|at| head.get(at)).is_some_and(|b| matches!(b, b';' | b')' | b'`'))
    })?;
    head.get(..end)
}

fn begins_comment(head: &[u8], at: usize) -> bool {
    // Options (`--all`), colours (`"#fff"`), attributes (`#[…]`) and holes (`"#{…}"`) are no comments.
    let free = |b: &u8| !b.is_ascii_alphanumeric() && !matches!(b, b'[' | b'!' | b'{');
    match head.get(at..).unwrap_or_default() {
        [b'-', b'-', next, ..] | [b'#', next, ..] => free(next),
        [b'/', b'*', ..] | [b'-', b'-'] | [b'#'] => true,
        _ => false,
    }
}

fn is_open_comment(value: &[u8], at: usize) -> bool {
    let rest = value.get(at..).unwrap_or_default();
    rest.strip_prefix(b"/*").is_some_and(|rest| memchr::memmem::find(rest, b"*/").is_none())
}

/// Whether a number is followed by what only SQL has: a second condition, a union, a statement, the order of a result or a
/// call that waits. `2 or more = many` is none of them.
fn continues_number(text: &[u8]) -> bool {
    let text = without_comments(text);
    // `or 1--`: a comment beside a number, as no sentence has a dash.
    let beside = text.last().is_some_and(|b| !b.is_ascii_whitespace());
    let tokens = tokens(&text);
    (1..tokens.len()).any(|at| {
        let rest = tokens.get(at + 1..).unwrap_or_default();
        match tokens.get(at).copied().unwrap_or_default() {
            b"or" | b"and" | b"xor" => is_condition(rest, beside),
            b"|" | b"&" => {
                matches!(rest, [b"|" | b"&", ..]) && is_condition(rest.get(1..).unwrap_or_default(), beside)
            }
            b"union" => {
                let rest = without_signs(rest);
                matches!(rest, [b"select" | b"values", ..] | [b"all" | b"distinct", b"select", ..])
                    || matches!(rest, [b"all" | b"distinct", b"(", b"select", ..])
            }
            b";" => rest.first().is_some_and(|word| is_statement(word)),
            b"order" | b"group" => matches!(rest, [b"by", column, ..] if is_number(column)),
            b"having" => is_condition(rest, beside),
            b"sleep" | b"pg_sleep" | b"benchmark" | b"extractvalue" | b"updatexml" | b"if" => {
                rest.first() == Some(&&b"("[..])
            }
            b"(" => rest.first() == Some(&&b"select"[..]),
            _ => false,
        }
    })
}

/// Whether what follows `or` is a condition: a comparison that has a constant or the same name twice, a call, a
/// constant beside the comment.
fn is_condition(tokens: &[&[u8]], beside: bool) -> bool {
    let compares = |sign: &&[u8]| matches!(*sign, b"=" | b"<" | b">" | b"!");
    match without_signs(tokens) {
        [b"exists" | b"select", ..] | [b"case", b"when", ..] | [_, b"is", b"null" | b"not", ..] => true,
        [word, b"(", ..] if !is_number(word) => true,
        [left, rest @ ..] if rest.first().is_some_and(compares) => {
            let right = rest.iter().find(|token| !compares(token)).copied().unwrap_or_default();
            is_number(right) || right == *left
        }
        [_, b"like" | b"between" | b"regexp" | b"rlike", right, ..] => is_number(right),
        [_, b"in", b"(", ..] => true,
        [constant] => beside && (is_number(constant) || matches!(*constant, b"true" | b"false" | b"null")),
        _ => false,
    }
}

/// What follows signs and negations.
fn without_signs<'a, 'b>(tokens: &'a [&'b [u8]]) -> &'a [&'b [u8]] {
    let signs = tokens
        .iter()
        .take_while(|token| matches!(**token, b"(" | b"not" | b"!" | b"-" | b"+" | b"~"))
        .count();
    tokens.get(signs..).unwrap_or_default()
}

fn is_number(token: &[u8]) -> bool {
    token.first().is_some_and(u8::is_ascii_digit)
}

fn is_statement(word: &[u8]) -> bool {
    const STATEMENTS: [&[u8]; 14] = [
        b"alter",
        b"call",
        b"create",
        b"declare",
        b"delete",
        b"drop",
        b"exec",
        b"execute",
        b"insert",
        b"select",
        b"shutdown",
        b"truncate",
        b"update",
        b"waitfor",
    ];
    STATEMENTS.contains(&word)
}

/// The text in small letters, with a blank for each comment and each sign that stands for a blank.
fn without_comments(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first == b'/'
            && let Some(inner) = tail.strip_prefix(b"*")
            && let Some(end) = memchr::memmem::find(inner, b"*/")
        {
            rest = inner.get(end + 2..).unwrap_or_default();
            out.push(b' ');
        } else {
            out.push(if *first < b' ' || *first == 0xa0 { b' ' } else { first.to_ascii_lowercase() });
        }
    }
    out
}

/// Words and single signs.
fn tokens(text: &[u8]) -> Vec<&[u8]> {
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'@' | b'.' | b'$') || *b >= 0x80;
    let mut tokens = Vec::new();
    let mut rest = text.trim_ascii_start();
    while !rest.is_empty() {
        let length = rest.iter().take_while(|b| is_word(b)).count().max(1);
        let (token, tail) = rest.split_at(length);
        tokens.push(token);
        rest = tail.trim_ascii_start();
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_stands_directly_behind_its_statement() {
        let head = |text: &str| {
            let value = text.as_bytes();
            before_remark(value, ByteSet::of(value)).map(|head| String::from_utf8_lossy(head).into_owned())
        };
        assert_eq!(head("');alert(1)// and words").as_deref(), Some("');alert(1)"));
        assert_eq!(head("x = run(); // and words"), None);
        assert_eq!(head("see (https://example.com/a) and words"), None);
    }

    #[test]
    fn a_number_needs_sql_behind_it() {
        let head = |text: &str| {
            let value = format!("{text}{}", "amber birch cedar ".repeat(80));
            before_comment(value.as_bytes(), ByteSet::of(value.as_bytes())).is_some()
        };
        for attack in [
            "1 or 1=1-- ",
            "1/**/or/**/1=1-- ",
            "1) or (1=1)# ",
            "1 and sleep(5)-- ",
            "1 union all select 1,2-- ",
            "1 union(select 1)-- ",
            "1; drop table users-- ",
            "1 or true-- ",
            "1 or 1-- ",
            "1 order by 5-- ",
            "1 or not 1=2-- ",
            "1 or x=x-- ",
            "1 or 1=1/* x */ ",
            "1 || 1=1-- ",
            "1-sleep(5)-- ",
            "1' or 'a'='a'-- ",
            "1-(select 1)-- ",
            "1 and id is null-- ",
        ] {
            assert!(head(attack), "{attack}");
        }
        for text in [
            "2 or more = many -- so we said ",
            "1/* ",
            "1/* x */ ",
            "2 or 3 -- as you like ",
            "3 -- the last ",
            "1) -- the first ",
            "1 or 1=1/* ",
            "4 and up # all ",
            "1; see below -- ",
        ] {
            assert!(!head(text), "{text}");
        }
    }
}
