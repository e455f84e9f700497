//! Multipart bodies, tolerantly, on a slice.
//!
//! Crates for this read a stream asynchronously and refuse what is odd; a filter must see every reading
//! that some server has: bare line feeds, missing final boundary, several `boundary` parameters, a
//! boundary in the body that was never declared, parts without headers, RFC 2231 file names.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::decode::percent::decode_once;

/// One part.
#[derive(Debug)]
pub(crate) struct Part<'b> {
    /// Header names and raw values; folded lines are left folded.
    pub(crate) headers: SmallVec<[(&'b [u8], &'b [u8]); 4]>,
    pub(crate) body: &'b [u8],
}

/// A `Content-Disposition` value taken apart.
#[derive(Debug, Default)]
pub(crate) struct Disposition<'h> {
    /// Parameters in order; values unquoted, RFC 2231 forms decoded under their plain name.
    pub(crate) parameters: Parameters<'h>,
    /// A known disposition and well-formed parameters: nothing hides between them.
    pub(crate) is_regular: bool,
}

/// Headers read per part; the limit of visited values is reached before.
const MAX_HEADERS: usize = 20_000;
/// Parts read; the limit of visited values is reached before.
const MAX_PARTS: usize = 20_000;
/// Declared boundaries tried: the first ones and the last one, because servers take one or the other.
const MAX_BOUNDARIES: usize = 4;
/// RFC 2046 allows 70; a very long one is only there to cost time.
const MAX_BOUNDARY: usize = 256;

/// Every boundary that some server might use, without the leading dashes.
pub(crate) fn boundaries<'b>(content_types: &[&'b [u8]], body: &'b [u8]) -> Vec<Cow<'b, [u8]>> {
    let mut found: Vec<Cow<'b, [u8]>> = Vec::new();
    let mut add = |boundary: Cow<'b, [u8]>, most: usize| {
        let fits = !boundary.is_empty() && boundary.len() <= MAX_BOUNDARY;
        if fits && !found.contains(&boundary) {
            found.truncate(most - 1);
            found.push(boundary);
        }
    };
    for content_type in content_types {
        let raw = parameters(content_type).0;
        // Continued values (RFC 2231), joined; what was not continued stays as it is.
        for (name, value) in join_continuations(raw) {
            if *name == b"boundary"[..] {
                add(value, MAX_BOUNDARIES);
            }
        }
    }
    if let Some(first) = body.strip_prefix(b"--") {
        let line = first.split(|&b| b == b'\n').next().unwrap_or_default();
        add(Cow::Borrowed(line.trim_ascii_end()), MAX_BOUNDARIES + 1);
    }
    found
}

/// The parts between the lines that are the delimiter, and those between the lines that begin like it, where these
/// differ: some servers look no further than the boundary.
pub(crate) fn parts<'b>(body: &'b [u8], boundary: &[u8]) -> Vec<Part<'b>> {
    let delimiter = [b"--", boundary].concat();
    let finder = memchr::memmem::Finder::new(&delimiter);
    // Only at the start of a line; elsewhere it is content.
    let starts = finder.find_iter(body).filter(|&at| at == 0 || body.get(at - 1) == Some(&b'\n'));
    let starts: Vec<usize> = starts.take(MAX_PARTS).collect();
    let is_whole_line = |&at: &usize| {
        let after = body.get(at + delimiter.len()..).unwrap_or_default();
        let padding = after.strip_prefix(b"--").unwrap_or(after);
        !padding.iter().take_while(|&&byte| byte != b'\n').any(|byte| !byte.is_ascii_whitespace())
    };
    let exact: Vec<usize> = starts.iter().copied().filter(is_whole_line).collect();
    let mut found = parts_between(body, delimiter.len(), &exact);
    if exact.len() < starts.len() {
        found.extend(parts_between(body, delimiter.len(), &starts));
    }
    found
}

/// The parts after delimiters that start at these places.
fn parts_between<'b>(body: &'b [u8], delimiter: usize, starts: &[usize]) -> Vec<Part<'b>> {
    let mut parts = Vec::new();
    let mut content: Option<usize> = None;
    for &at in starts {
        if let Some(start) = content {
            parts.push(Part::parse(strip_line_end(body.get(start..at).unwrap_or_default())));
        }
        let after = body.get(at + delimiter..).unwrap_or_default();
        // The rest of the delimiter's line is padding. What follows the final delimiter is an epilogue
        // to some and one more part to others, so it is read as well.
        let line_end = memchr::memchr(b'\n', after);
        content = line_end.map(|end| at + delimiter + end + 1);
    }
    if let Some(rest) =
        content.and_then(|start| body.get(start..)).filter(|rest| !rest.trim_ascii().is_empty())
    {
        parts.push(Part::parse(strip_line_end(rest)));
    }
    parts
}

impl<'b> Part<'b> {
    fn parse(content: &'b [u8]) -> Part<'b> {
        let mut headers = SmallVec::new();
        let mut rest = content;
        loop {
            if let Some(body) = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n")) {
                return Part { headers, body };
            }
            let line = rest.get(..header_end(rest)).unwrap_or_default();
            let colon = memchr::memchr(b':', line);
            match colon {
                Some(colon) if headers.len() < MAX_HEADERS => {
                    let (name, value) = line.split_at(colon);
                    headers.push((name.trim_ascii(), value.get(1..).unwrap_or_default().trim_ascii()));
                }
                Some(_) => {}
                // No blank line: what looked like headers so far are, the rest is the body.
                None => return Part { headers, body: rest },
            }
            rest = rest.get(line.len()..).unwrap_or_default();
        }
    }

    /// The value of a header.
    pub(crate) fn header(&self, wanted: &[u8]) -> Option<&'b [u8]> {
        self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|&(_, value)| value)
    }
}

/// The length of a header line with its folded continuations and line end.
fn header_end(input: &[u8]) -> usize {
    let mut end = 0;
    loop {
        let rest = input.get(end..).unwrap_or_default();
        let Some(newline) = memchr::memchr(b'\n', rest) else { return input.len() };
        end += newline + 1;
        if !matches!(input.get(end), Some(b' ' | b'\t')) {
            return end;
        }
    }
}

fn strip_line_end(content: &[u8]) -> &[u8] {
    let content = content.strip_suffix(b"\n").unwrap_or(content);
    content.strip_suffix(b"\r").unwrap_or(content)
}

impl<'h> Disposition<'h> {
    /// Takes a `Content-Disposition` value apart.
    pub(crate) fn parse(value: &'h [u8]) -> Disposition<'h> {
        let kind = value.split(|&b| b == b';').next().unwrap_or_default().trim_ascii();
        let known = [&b"form-data"[..], b"attachment", b"inline", b"file"];
        let (raw, well_formed) = parameters(value);
        let is_regular = well_formed && known.iter().any(|known| known.eq_ignore_ascii_case(kind));
        Disposition { parameters: join_continuations(raw), is_regular }
    }

    /// The first value of a parameter.
    pub(crate) fn parameter(&self, wanted: &[u8]) -> Option<&[u8]> {
        self.parameters.iter().find(|(name, _)| **name == *wanted).map(|(_, value)| &**value)
    }
}

/// Names and values.
type Parameters<'h> = Vec<(Cow<'h, [u8]>, Cow<'h, [u8]>)>;

/// The parameters after the first `;`, names in lower case, and whether all were well formed.
fn parameters(value: &[u8]) -> (Parameters<'_>, bool) {
    let mut found = Vec::new();
    let mut well_formed = true;
    let Some(start) = memchr::memchr(b';', value) else { return (found, well_formed) };
    let mut rest = value.get(start + 1..).unwrap_or_default();
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return (found, well_formed);
        }
        let name_end = rest.iter().position(|b| matches!(b, b'=' | b';')).unwrap_or(rest.len());
        let (name, after) = rest.split_at(name_end);
        let name: Cow<'_, [u8]> = match name.trim_ascii() {
            name if name.iter().any(u8::is_ascii_uppercase) => name.to_ascii_lowercase().into(),
            name => name.into(),
        };
        let Some(after) = after.strip_prefix(b"=") else {
            well_formed = false;
            rest = after.get(1..).unwrap_or_default();
            continue;
        };
        let (value, tail) = parameter_value(after.trim_ascii_start());
        found.push((name, value));
        let end = memchr::memchr(b';', tail).unwrap_or(tail.len());
        well_formed &= tail.get(..end).is_some_and(|junk| junk.trim_ascii().is_empty());
        rest = tail.get(end + 1..).unwrap_or_default();
    }
}

/// A token or a quoted string, and what follows it.
fn parameter_value(input: &[u8]) -> (Cow<'_, [u8]>, &[u8]) {
    let Some(quoted) = input.strip_prefix(b"\"") else {
        let end = memchr::memchr(b';', input).unwrap_or(input.len());
        let (token, tail) = input.split_at(end);
        return (Cow::Borrowed(token.trim_ascii_end()), tail);
    };
    let mut end = 0;
    let mut escaped = false;
    while let Some(found) = memchr::memchr2(b'"', b'\\', quoted.get(end..).unwrap_or_default()) {
        end += found;
        if quoted.get(end) == Some(&b'"') {
            let (text, tail) = quoted.split_at(end);
            let text = if escaped { unescape(text).into() } else { Cow::Borrowed(text) };
            return (text, tail.get(1..).unwrap_or_default());
        }
        escaped = true;
        end += 2;
    }
    (Cow::Borrowed(quoted), &[])
}

/// Only `\"` and `\\` are escapes: browsers of old sent Windows paths.
fn unescape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if let (b'\\', Some((&next @ (b'"' | b'\\'), after))) = (byte, tail.split_first()) {
            out.push(next);
            rest = after;
        } else {
            out.push(byte);
        }
    }
    out
}

/// RFC 2231: `name*=UTF-8''a%20b` and `name*0=a; name*1=b` become `name`.
fn join_continuations(raw: Parameters<'_>) -> Parameters<'_> {
    let mut joined: Parameters<'_> = Vec::with_capacity(raw.len());
    for (name, value) in raw {
        let Some(star) = memchr::memchr(b'*', &name) else {
            joined.push((name, value));
            continue;
        };
        let (plain, suffix) = name.split_at(star);
        let is_encoded = suffix.ends_with(b"*");
        let value = if is_encoded { decode_extended(&value).into() } else { value };
        let is_continuation = suffix
            .get(1..)
            .is_some_and(|s| s.first().is_some_and(u8::is_ascii_digit) && !s.starts_with(b"0"));
        match joined.iter_mut().rev().find(|(known, _)| is_continuation && **known == *plain) {
            Some((_, whole)) => whole.to_mut().extend_from_slice(&value),
            None => joined.push((plain.to_vec().into(), value)),
        }
    }
    joined
}

/// Drops `charset'language'` and undoes the percent-encoding.
fn decode_extended(value: &[u8]) -> Vec<u8> {
    let text = value.splitn(3, |&b| b == b'\'').nth(2).unwrap_or(value);
    decode_once(text, false).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(body: &str, boundary: &str) -> Vec<String> {
        let parts = parts(body.as_bytes(), boundary.as_bytes());
        parts.iter().map(|part| String::from_utf8_lossy(part.body).into_owned()).collect()
    }

    #[test]
    fn regular_and_sloppy_bodies_give_the_same_parts() {
        let regular = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b\r\nX: y\r\n\r\n2\r\n\r\n--b--\r\n";
        assert_eq!(bodies(regular, "b"), ["1", "2\r\n"]);
        assert_eq!(bodies("preamble\n--b\nA: b\n\n1\n--b\n\n2\n", "b"), ["1", "2"]);
        assert_eq!(bodies("--b\r\nA: b\r\n\r\nx --b y", "b"), ["x --b y"]);
        assert_eq!(bodies("--b\r\nno headers", "b"), ["no headers"]);
        assert_eq!(bodies("--b--\r\nA: b\r\n\r\nepilogue", "b"), ["epilogue"]);
        assert_eq!(bodies("nothing", "b"), Vec::<String>::new());
    }

    #[test]
    fn a_longer_word_behind_the_boundary_is_read_both_ways() {
        assert_eq!(bodies("--b\n\n1\n--bx\n\n2\n--b--\n", "b"), ["1\n--bx\n\n2", "1", "2"]);
        assert_eq!(bodies("--b \t\r\n\n1\n--b-- \r\n", "b"), ["1"]);
    }

    #[test]
    fn the_last_of_many_headers_is_read() {
        let body = format!("--b\r\n{}X: last\r\n\r\n1\r\n--b--", "A: b\r\n".repeat(70));
        assert_eq!(parts(body.as_bytes(), b"b")[0].header(b"x"), Some(&b"last"[..]));
    }

    #[test]
    fn a_continued_boundary_is_joined() {
        let declared: [&[u8]; 1] = [b"multipart/form-data; boundary*0=b; boundary*1=\"cd\""];
        assert_eq!(boundaries(&declared, b""), [&b"bcd"[..]]);
    }

    #[test]
    fn every_candidate_boundary_is_found() {
        let types: [&[u8]; 2] =
            [b"multipart/form-data; boundary=x; BOUNDARY=\"y z\"", b"multipart/mixed;boundary=x"];
        let found = boundaries(&types, b"--w\r\n");
        assert_eq!(found, [&b"x"[..], b"y z", b"w"]);
    }

    #[test]
    fn the_last_of_many_boundaries_is_not_forgotten() {
        let many: Vec<u8> = (0..50).flat_map(|i| format!(";boundary=b{i}").into_bytes()).collect();
        let declared = [b"multipart/form-data", &many[..]].concat();
        let found = boundaries(&[&declared], b"--w\r\n");
        assert_eq!(found, [&b"b0"[..], b"b1", b"b2", b"b49", b"w"]);
    }

    #[test]
    fn disposition_parameters_in_all_spellings() {
        let parse = |value: &'static str| Disposition::parse(value.as_bytes());
        let name = |d: &Disposition<'_>, key: &str| {
            d.parameter(key.as_bytes()).map(|v| String::from_utf8_lossy(v).into_owned())
        };
        let d = parse(r#"form-data; name="a;b"; filename="c\"d\e.txt""#);
        assert_eq!(name(&d, "name").as_deref(), Some("a;b"));
        assert_eq!(name(&d, "filename").as_deref(), Some("c\"d\\e.txt"));
        assert!(d.is_regular);
        let d = parse("form-data; NAME = a ; filename*=UTF-8''%2e%2e%2Fx.php");
        assert_eq!(name(&d, "name").as_deref(), Some("a"));
        assert_eq!(name(&d, "filename").as_deref(), Some("../x.php"));
        let d = parse("form-data; filename*0=\"shell\"; filename*1=\".php\"");
        assert_eq!(name(&d, "filename").as_deref(), Some("shell.php"));
        assert!(!parse("form-data; name=\"a\"junk; filename=b").is_regular);
        assert!(!parse("weird; name=a").is_regular);
        assert_eq!(name(&parse("form-data; name=\"open"), "name").as_deref(), Some("open"));
    }
}
