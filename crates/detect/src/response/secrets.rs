//! Secrets in answers: keys of services, private keys, addresses with passwords, files of environment variables.
//!
//! Pages that explain such things are full of them, so each has to have its form (prefix, length, alphabet) and to look
//! chosen by a machine: values that people make up for examples have words or sequences in them, or few letters. What is
//! found is never shown: [`masked_excerpt`] hides it, and hides also what has the form only.

use std::{ops::Range, sync::LazyLock};

use aho_corasick::AhoCorasick;
use memchr::memmem;

mod forms;
mod named;

use forms::{
    KEY_MAX, defined, github_fine, google, hash, hex_64, jdbc, key_block, key_pair, named_key, sendgrid,
    setting, slack, slack_hook, text_20, text_28, text_40, user_info, word_24, word_36,
};

/// Bytes before and behind an excerpt in which what reaches into it may begin or end.
const AROUND: usize = KEY_MAX + 64;
/// Bytes before and behind a setting in which others are looked for.
const LINES: usize = 1024;
/// Bytes of a secret below which it is known again with its name only.
const SHORT: usize = 8;
/// Bytes behind a needle by which a secret without a form is known again.
const UNKNOWN: usize = 16;
/// Different letters of a value that a machine chose.
const DISTINCT: usize = 10;
/// What stands for a secret in an excerpt.
const MASK: &[u8] = b"****";

/// How far a secret goes that begins with a needle: the part of it that is to be hidden.
type Extent = fn(&[u8], &Range<usize>) -> Option<Range<usize>>;

/// Needles and what follows them, for hiding; what each proves is in the table of signs.
static HIDDEN: &[(&[&[u8]], Extent)] = &[
    (
        &[
            b"-----BEGIN RSA PRIVATE KEY-----",
            b"-----BEGIN PRIVATE KEY-----",
            b"-----BEGIN EC PRIVATE KEY-----",
            b"-----BEGIN OPENSSH PRIVATE KEY-----",
            b"-----BEGIN DSA PRIVATE KEY-----",
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----",
            b"-----BEGIN PGP PRIVATE KEY BLOCK-----",
        ],
        key_block,
    ),
    (&[b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"npm_"], word_36),
    (&[b"github_pat_"], github_fine),
    (&[b"sk_live_", b"rk_live_"], word_24),
    (&[b"xoxb-", b"xoxp-", b"xoxa-", b"xoxr-", b"xoxs-"], slack),
    (&[b"hooks.slack.com/services/"], slack_hook),
    (&[b"glpat-"], text_20),
    (&[b"SG."], sendgrid),
    (&[b"AIza"], google),
    (&[b"GOCSPX-"], text_28),
    (&[b"dop_v1_"], hex_64),
    (&[b"sk-proj-", b"sk-svcacct-", b"sk-ant-"], text_40),
    (&[b"AKIA", b"ASIA"], key_pair),
    (
        &[
            b"aws_secret_access_key",
            b"AWS_SECRET_ACCESS_KEY",
            b"aws_secret_key",
            b"awsSecretAccessKey",
            b"secretAccessKey",
            b"SecretAccessKey",
        ],
        named_key,
    ),
    (&[b"jdbc:"], jdbc),
    (
        &[
            b"postgres://",
            b"postgresql://",
            b"mysql://",
            b"mongodb://",
            b"mongodb+srv://",
            b"redis://",
            b"rediss://",
            b"amqp://",
            b"amqps://",
        ],
        user_info,
    ),
    (&[b"PASSWORD=", b"PASSWD=", b"PWD=", b"SECRET=", b"TOKEN=", b"KEY=", b"SECRET_KEY_BASE="], setting),
    (&[b"'DB_PASSWORD'"], defined),
    (&[b":$6$", b":$5$", b":$1$", b":$y$", b":$2y$", b":$2b$"], hash),
];

/// The needles in one automaton, with what follows each.
static HIDING: LazyLock<Option<(AhoCorasick, Vec<Extent>)>> = LazyLock::new(|| {
    let all =
        || HIDDEN.iter().flat_map(|(needles, extent)| needles.iter().map(move |needle| (*needle, *extent)));
    // A table that does not build is a bug that the tests show; without it no excerpt is shown.
    let automaton = AhoCorasick::new(all().map(|(needle, _)| needle)).ok()?;
    Some((automaton, all().map(|(_, extent)| extent).collect()))
});

/// A part of a text in which every secret is masked, also those that begin before it or end behind it.
#[must_use]
pub fn masked_excerpt(text: &[u8], part: Range<usize>) -> Vec<u8> {
    let part = part.start.min(text.len())..part.end.min(text.len());
    let from = part.start.saturating_sub(AROUND);
    let window = text.get(from..(part.end + AROUND).min(text.len())).unwrap_or_default();
    let Some((automaton, extents)) = HIDING.as_ref() else { return Vec::new() };
    let mut ranges: Vec<Range<usize>> = automaton
        .find_overlapping_iter(window)
        .filter_map(|found| {
            let range = extents.get(found.pattern().as_usize())?(window, &found.range())?;
            Some(range.start + from..range.end + from)
        })
        .collect();
    ranges.extend(named::ranges(window).into_iter().map(|range| range.start + from..range.end + from));
    ranges.sort_by_key(|range| (range.start, range.end));
    let (mut shown, mut at) = (Vec::with_capacity(part.len()), part.start);
    for range in ranges.into_iter().filter(|range| range.end > part.start && range.start < part.end) {
        if range.start >= at {
            shown.extend_from_slice(text.get(at..range.start).unwrap_or_default());
            shown.extend_from_slice(MASK);
        } else if at == part.start {
            shown.extend_from_slice(MASK);
        }
        at = at.max(range.end);
    }
    shown.extend_from_slice(text.get(at..part.end).unwrap_or_default());
    shown
}

/// A token that a machine made.
pub(super) fn is_token(body: &[u8], span: &Range<usize>) -> bool {
    holds(body, span, is_random)
}

/// The two parts of a key pair near each other, or the secret one by its name.
pub(super) fn is_key(body: &[u8], span: &Range<usize>) -> bool {
    holds(body, span, |value| (32..=64).contains(&value.len()) && is_random(value))
}

/// Whether a secret is handed over for a session: it comes with a token that ends with it.
pub(super) fn is_lent(body: &[u8], span: &Range<usize>) -> bool {
    let near = body.get(span.start.saturating_sub(LINES)..(span.end + LINES).min(body.len()));
    let near = near.unwrap_or_default().to_ascii_lowercase();
    [&b"sessiontoken"[..], b"session_token"].iter().any(|name| memmem::find(&near, name).is_some())
}

/// The part of a secret by which it is known again.
pub(super) fn known_part(body: &[u8], span: &Range<usize>) -> Range<usize> {
    match extent(body, span) {
        Some(range) if range.len() >= SHORT => range,
        // Short ones stand elsewhere by chance.
        Some(range) => span.start.min(range.start)..range.end.max(span.end),
        None => span.start..(span.end + UNKNOWN).min(body.len()),
    }
}

/// A text in which every secret is masked.
#[must_use]
pub fn masked(text: &str) -> String {
    String::from_utf8_lossy(&masked_excerpt(text.as_bytes(), 0..text.len())).into_owned()
}

/// A private key, not only its first line.
pub(super) fn is_key_block(body: &[u8], span: &Range<usize>) -> bool {
    let Some(range) = extent(body, span) else { return false };
    let key = body.get(range).unwrap_or_default();
    if is_known(key) || memmem::find(key, b"...").is_some() || memmem::find(key, "…".as_bytes()).is_some() {
        return false;
    }
    let letters = key.iter().copied().filter(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(byte));
    let letters: Vec<u8> = letters.collect();
    // Words and sequences stand in long keys by chance.
    letters.len() >= 60 && distinct(&letters) >= 16
}

/// A password in an address or a setting that is none of those that stand for one.
pub(super) fn is_password(body: &[u8], span: &Range<usize>) -> bool {
    holds(body, span, is_no_stand_in)
}

/// A file of environment variables: lines of names and values, one of them a secret, and no page.
pub(super) fn is_environment_file(body: &[u8], span: &Range<usize>) -> bool {
    let begin = body.get(..LINES).unwrap_or(body).trim_ascii_start();
    if begin.first().is_some_and(|first| b"<{[".contains(first)) {
        return false;
    }
    let (before, after) = (span.start.saturating_sub(LINES), (span.end + LINES).min(body.len()));
    let (before, after) = (body.get(before..span.start), body.get(span.end..after));
    let (Some(before), Some(after)) = (before, after) else { return false };
    let start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let end = memchr::memchr(b'\n', after).unwrap_or(after.len());
    let is_line = |line: &[u8]| {
        let line = line.trim_ascii();
        let line = line.strip_prefix(b"export ").unwrap_or(line);
        let name = line
            .iter()
            .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'_');
        let name = name.count();
        name >= 2 && line.get(name) == Some(&b'=')
    };
    let own = body.get(span.start - (before.len() - start)..span.end + end).unwrap_or_default();
    // The nearest lines that say anything.
    let says = |line: &&[u8]| !line.trim_ascii().is_empty() && !line.trim_ascii_start().starts_with(b"#");
    let mut above = before.get(..start).unwrap_or_default().rsplit(|byte| *byte == b'\n');
    let mut below = after.get(end..).unwrap_or_default().split(|byte| *byte == b'\n');
    let (above, below) = (above.find(says), below.find(says));
    is_line(own)
        && (above.is_some_and(is_line) || below.is_some_and(is_line))
        && holds(body, span, |value| value.len() >= 6 && is_no_stand_in(value))
}

/// Whether what a needle begins has its form, and its value is so.
fn holds(body: &[u8], span: &Range<usize>, is_real: impl Fn(&[u8]) -> bool) -> bool {
    if is_introduced(body, span) {
        return false;
    }
    extent(body, span).and_then(|range| body.get(range)).is_some_and(is_real)
}

/// What is to be hidden of what a needle begins.
fn extent(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    let needle = body.get(span.clone())?;
    let of = HIDDEN.iter().find(|(needles, _)| {
        needles.contains(&needle) || needles.iter().any(|known| needle.ends_with(known))
    });
    of?.1(body, span)
}

/// Whether the text says that an example comes.
fn is_introduced(body: &[u8], span: &Range<usize>) -> bool {
    let before = body.get(span.start.saturating_sub(48)..span.start).unwrap_or_default().to_ascii_lowercase();
    [&b"e.g."[..], b"for example", b"example:", b"sample"]
        .iter()
        .any(|word| memmem::find(&before, word).is_some())
}

/// Parts of keys that stand in the manuals of services and of JSON Web Tokens.
const KNOWN: [&[u8]; 5] = [
    b"16C7e42F292c6912E7710c838347Ae178B4a",
    b"ngeVfQFYQlKU0ufo8x5d1A",
    b"pdFZKVeTuE8sk7oOcHrzqygy",
    b"C7VJTUt9Us8cKjMzEf",
    b"nzyis1ZjfNB0bBgKFMSvvkTtwlvBsaJq7S5wA",
];

fn is_known(value: &[u8]) -> bool {
    KNOWN.iter().any(|part| memmem::find(value, part).is_some())
}

/// Parts of values that people make up, in lower case.
const MADE_UP: [&[u8]; 18] = [
    b"example",
    b"sample",
    b"placeholder",
    b"changeme",
    b"replace",
    b"redacted",
    b"dummy",
    b"fake",
    b"your",
    b"xxxx",
    b"****",
    b"0000",
    b"1111",
    b"aaaa",
    b"abcdef",
    b"123456",
    b"qwerty",
    b"todo",
];

fn is_made_up(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    is_known(value) || MADE_UP.iter().any(|part| memmem::find(&lower, part).is_some())
}

fn distinct(value: &[u8]) -> usize {
    let mut letters = value.to_vec();
    letters.sort_unstable();
    letters.dedup();
    letters.len()
}

/// Whether a value has digits and letters as random ones have.
fn is_random(value: &[u8]) -> bool {
    distinct(value) >= DISTINCT
        && value.iter().any(u8::is_ascii_digit)
        && value.iter().any(u8::is_ascii_alphabetic)
        && !is_made_up(value)
}

/// Passwords of manuals.
const STAND_INS: [&[u8]; 14] = [
    b"pass",
    b"passwd",
    b"secret",
    b"root",
    b"admin",
    b"user",
    b"test",
    b"guest",
    b"postgres",
    b"mysql",
    b"mongo",
    b"redis",
    b"null",
    b"none",
];

/// Whether a password is none that stands for one: a variable, a mask, a word of manuals.
fn is_no_stand_in(value: &[u8]) -> bool {
    let lower = value.to_ascii_lowercase();
    let begins = lower.first().is_some_and(|first| b"$%{<[(*&".contains(first));
    value.len() >= 4
        && !begins
        && distinct(value) >= 3
        && !STAND_INS.contains(&lower.as_slice())
        && memmem::find(&lower, b"password").is_none()
        && !is_made_up(value)
}

#[cfg(test)]
mod tests;
