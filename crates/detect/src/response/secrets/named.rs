//! What excerpts hide besides secrets that have a form: values behind names that speak of one, and what stands before the
//! host of an address. It proves nothing, so it may hide too much.

use std::{ops::Range, sync::LazyLock};

use aho_corasick::{AhoCorasick, MatchKind};
use memchr::memmem;

/// Words at the end of names.
const WORDS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "pass",
    "pwd",
    "secret",
    "tokens",
    "token",
    "key",
    "salt",
    "credentials",
    "authorization",
];
/// Quotes as they are written in code, in text within text, and in pages; longer ones first.
const QUOTES: [&[u8]; 8] = [b"\\\"", b"\\'", b"&quot;", b"&#39;", b"&#34;", b"\"", b"'", b"`"];
/// Longest rest of a name, address and value that are read.
const NAME_MAX: usize = 40;
const ADDRESS_MAX: usize = 512;
const VALUE_MAX: usize = 8 << 10;

static NAMES: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .build(WORDS)
        .ok()
});

/// Everything to hide in a text.
pub(super) fn ranges(text: &[u8]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let names = NAMES.iter().flat_map(|names| names.find_iter(text));
    for name in names {
        // What is hidden already is not read again.
        if found.last().is_none_or(|known| known.end <= name.start()) {
            found.extend(behind(text, name.end()));
        }
    }
    let addresses = memmem::find_iter(text, b"://").filter_map(|at| user_info(text, at + 3));
    found.extend(addresses);
    found
}

/// The value behind a name that ends here or with a suffix.
fn behind(text: &[u8], from: usize) -> Option<Range<usize>> {
    let mut at = from;
    if text.get(at).is_some_and(|byte| b"_-".contains(byte) || byte.is_ascii_digit()) {
        at += count(text, at, NAME_MAX, |byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    }
    let quoted = quote(text, at);
    at += quoted.map_or(0, <[u8]>::len);
    at += count(text, at, NAME_MAX, |byte| b" \t])".contains(&byte));
    if let Some(cell) = cell(text, at) {
        return whole(cell..cell + count(text, cell, VALUE_MAX, |byte| byte != b'<'));
    }
    let rest = text.get(at..)?;
    at += match rest {
        [b'=', b'>', ..] | [b':', b'=', ..] => 2,
        [b'=' | b':', ..] => 1,
        [b',', ..] if quoted.is_some() => 1,
        _ => return None,
    };
    at += count(text, at, NAME_MAX, |byte| byte == b' ' || byte == b'\t');
    let Some(open) = quote(text, at) else {
        // In a document the members behind it stay.
        let is_member = quoted.is_some();
        let ends = |byte: u8| b"\r\n<".contains(&byte) || is_member && b",;}])".contains(&byte);
        return whole(at..at + count(text, at, VALUE_MAX, |byte| !ends(byte)));
    };
    at += open.len();
    let value = text.get(at..(at + VALUE_MAX).min(text.len()))?;
    let line = memchr::memchr(b'\n', value).unwrap_or(value.len());
    // A key of many lines is hidden by its form.
    (!value.starts_with(b"-----BEGIN ")).then_some(())?;
    whole(at..at + memmem::find(value, open).map_or(line, |end| end.min(line)))
}

/// Where the next cell of a table begins, behind the end of one.
fn cell(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?.strip_prefix(b"</td>")?;
    let rest = rest.trim_ascii_start().strip_prefix(b"<td")?;
    let close = memchr::memchr(b'>', rest.get(..NAME_MAX).unwrap_or(rest))?;
    Some(text.len() - rest.len() + close + 1)
}

/// The quote that begins here.
fn quote(text: &[u8], at: usize) -> Option<&'static [u8]> {
    let rest = text.get(at..)?;
    QUOTES.into_iter().find(|quote| rest.starts_with(quote))
}

/// The password in an address of any scheme; slashes may be part of it.
fn user_info(text: &[u8], from: usize) -> Option<Range<usize>> {
    let length = count(text, from, ADDRESS_MAX, |byte| byte > b' ' && !b"\"`<>\\?".contains(&byte));
    let address = text.get(from..from + length)?;
    let at = memchr::memrchr(b'@', address)?;
    let colon = memchr::memchr(b':', address.get(..at)?)?;
    whole(from + colon + 1..from + at)
}

fn whole(range: Range<usize>) -> Option<Range<usize>> {
    (!range.is_empty()).then_some(range)
}

fn count(text: &[u8], from: usize, most: usize, is_wanted: impl Fn(u8) -> bool) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    rest.iter().take(most).take_while(|byte| is_wanted(**byte)).count()
}

#[cfg(test)]
mod tests {
    use super::super::masked;

    #[test]
    fn values_behind_names_of_secrets_are_hidden() {
        for (text, expected) in [
            ("MAIL_PASSWORD=\"correct horse battery\"\nA=1", "MAIL_PASSWORD=\"****\"\nA=1"),
            ("DB_PASSWORD=ab'cdefgh\nA=1", "DB_PASSWORD=****\nA=1"),
            (
                "jdbc:sqlserver://db;trustStorePassword=t1Rvst0re;user=sa;password=t9kLm2vQ;",
                "jdbc:sqlserver://db;trustStorePassword=****",
            ),
            ("jdbc:mysql://db/a?password=ab)cdef", "jdbc:mysql://db/a?password=****"),
            ("define('AUTH_KEY', 'a b;c');", "define('AUTH_KEY', '****');"),
            ("define(\"NONCE_SALT\",\"a'b\");", "define(\"NONCE_SALT\",\"****\");"),
            ("\"Token\" : \"IQoJb3\", \"a\": 1", "\"Token\" : \"****\", \"a\": 1"),
            ("{\"pin_token\":123,\"a\":1}", "{\"pin_token\":****,\"a\":1}"),
            (
                "<td class=\"e\">DB_PASSWORD </td><td class=\"v\">hunter22 </td>",
                "<td class=\"e\">DB_PASSWORD </td><td class=\"v\">****</td>",
            ),
            (
                "$_SERVER['AWS_SECRET_ACCESS_KEY']</td>\n<td>a/b</td>",
                "$_SERVER['AWS_SECRET_ACCESS_KEY']</td>\n<td>****</td>",
            ),
            ("{\\\"SecretAccessKey\\\":\\\"q9Zt\\\"}", "{\\\"SecretAccessKey\\\":\\\"****\\\"}"),
            ("&quot;secretAccessKey&quot;:&quot;q9&quot;", "&quot;secretAccessKey&quot;:&quot;****&quot;"),
            ("'password' => 'a\\b',", "'password' => '****',"),
            ("mysql+pymysql://root:t9kLm2vQ@db/shop", "mysql+pymysql://root:****@db/shop"),
            ("https://user:pw@host/", "https://user:****@host/"),
            ("postgres://shop:pa/ss@db/x", "postgres://shop:****@db/x"),
            ("Server=db;User Id=sa;Password=t9kLm2vQ;", "Server=db;User Id=sa;Password=****"),
            ("SECRET_KEY_BASE: abc", "SECRET_KEY_BASE: ****"),
        ] {
            let shown = masked(text);
            assert_eq!(shown, expected);
            assert_eq!(masked(&shown), shown, "masked again");
        }
    }

    #[test]
    fn other_text_stays() {
        for text in [
            "KeyError: 'x'",
            "a passenger: Ann, keyword=b",
            "\"AccessKeyId\" : \"ASIAX\"",
            "https://shop.test:8080/a?mail=a@b.test",
            "unexpected token at line 3",
            "password=\nA=1",
            "the password",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
