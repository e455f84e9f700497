//! The forms of secrets: how far each goes, as the part of it that is to be hidden.

use std::ops::Range;

use memchr::memmem;

use super::is_made_up;

/// Longest address that is read.
const ADDRESS_MAX: usize = 512;
/// Longest value that is read.
const VALUE_MAX: usize = 1024;
/// Longest private key that is read: one of RSA with 16,384 bits.
pub(super) const KEY_MAX: usize = 16 << 10;
/// Bytes between the two parts of a key pair.
const PAIR: usize = 256;

/// Whether a place is in the middle of a word.
fn is_inside(body: &[u8], at: usize) -> bool {
    at.checked_sub(1)
        .and_then(|at| body.get(at))
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_text(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// Where the bytes of a kind from a place on end; of very many not all, since every needle looks at them anew.
fn run(body: &[u8], from: usize, is_wanted: impl Fn(u8) -> bool) -> Range<usize> {
    let rest = body.get(from..).unwrap_or_default();
    let rest = rest.get(..VALUE_MAX).unwrap_or(rest);
    from..from + rest.iter().take_while(|byte| is_wanted(**byte)).count()
}

/// The value behind a prefix, when it is as long as it has to be.
fn value(
    body: &[u8],
    span: &Range<usize>,
    is_wanted: fn(u8) -> bool,
    lengths: std::ops::RangeInclusive<usize>,
) -> Option<Range<usize>> {
    let found = run(body, span.end, is_wanted);
    let goes_on = body.get(found.end) == Some(&b'_');
    (!is_inside(body, span.start) && !goes_on && lengths.contains(&found.len())).then_some(found)
}

pub(super) fn word_36(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    value(body, span, is_word, 36..=255)
}

pub(super) fn word_24(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    value(body, span, is_word, 24..=247)
}

pub(super) fn text_20(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    value(body, span, is_text, 20..=64)
}

pub(super) fn text_28(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    value(body, span, is_text, 28..=28)
}

pub(super) fn text_40(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    value(body, span, is_text, 40..=300)
}

pub(super) fn hex_64(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    value(body, span, |byte| byte.is_ascii_hexdigit(), 64..=64)
}

/// 22 characters, a line, 59 characters.
pub(super) fn github_fine(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    let found = value(body, span, |byte| is_word(byte) || byte == b'_', 82..=82)?;
    (body.get(found.start + 22) == Some(&b'_')).then_some(found)
}

/// Groups of digits and then the secret one.
pub(super) fn slack(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    let found = run(body, span.end, |byte| is_word(byte) || byte == b'-');
    let groups: Vec<&[u8]> = body.get(found.clone())?.split(|byte| *byte == b'-').collect();
    let (last, before) = groups.split_last()?;
    let is_number = |group: &&[u8]| group.len() >= 9 && group.iter().all(u8::is_ascii_digit);
    let is_whole =
        !is_inside(body, span.start) && (24..=64).contains(&last.len()) && before.iter().any(is_number);
    is_whole.then(|| found.end - last.len()..found.end)
}

/// `T…/B…/` and then the secret part.
pub(super) fn slack_hook(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    let found = run(body, span.end, |byte| is_word(byte) || byte == b'/');
    let parts: Vec<&[u8]> = body.get(found.clone())?.split(|byte| *byte == b'/').collect();
    let [team @ [b'T', ..], bot @ [b'B', ..], secret] = parts.as_slice() else { return None };
    (team.len() >= 9 && bot.len() >= 9 && secret.len() == 24).then(|| found.end - 24..found.end)
}

/// 22 characters, a full stop, 43 characters.
pub(super) fn sendgrid(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    let first = run(body, span.end, is_text);
    let second = run(body, first.end + 1, is_text);
    let is_whole = first.len() == 22 && body.get(first.end) == Some(&b'.') && second.len() == 43;
    (is_whole && !is_inside(body, span.start)).then_some(first.start..second.end)
}

/// A key of Google: hidden, and never a leak, for pages show those of maps, videos and sign-in to everybody.
pub(super) fn google(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    value(body, span, is_text, 35..=35)
}

/// The secret part of a pair: it stands near the one with a name.
pub(super) fn key_pair(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    let id = run(body, span.end, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let is_id = id.len() == 16
        && !is_inside(body, span.start)
        && !body.get(id.end).is_some_and(|byte| is_text(*byte));
    // In addresses that are signed the id names who signed them, and words of paths stand around it.
    let before = body.get(..span.start).unwrap_or_default();
    let signs = [&b"X-Amz-Credential="[..], b"AWSAccessKeyId="].iter().any(|name| before.ends_with(name))
        || matches!(body.get(id.end), Some(b'%' | b'/' | b'&'));
    if !is_id || signs || is_made_up(body.get(id.clone())?) {
        return None;
    }
    // Parts of names of hosts and of paths do not stand alone.
    let is_alone = |found: &Range<usize>| {
        let before = found.start.checked_sub(1);
        let is_part = before.and_then(|at| body.get(at)).is_some_and(|byte| b"%./:".contains(byte));
        (!is_part || before == Some(id.end))
            && !body.get(found.end).is_some_and(|byte| b"%.=:?&".contains(byte))
    };
    let secret = |range: Range<usize>| {
        let mut at = range.start;
        while at < range.end {
            let found = run(body, at, |byte| is_word(byte) || byte == b'+' || byte == b'/');
            let text = body.get(found.clone())?;
            let has = |is: fn(&u8) -> bool| text.iter().any(is);
            let is_mixed =
                has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
            if found.len() == 40 && is_mixed && is_alone(&found) {
                return Some(found);
            }
            at = found.end + 1;
        }
        None
    };
    // From the beginning of a word on.
    let before = span.start.saturating_sub(PAIR);
    let before = before + run(body, before, is_word).len() + 1;
    secret(id.end..(id.end + PAIR).min(body.len())).or_else(|| secret(before.min(span.start)..span.start))
}

/// The value behind the name of a key.
pub(super) fn named_key(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    let quote = |at: usize| at + usize::from(matches!(body.get(at), Some(b'"' | b'\'')));
    let blank = |at: usize| at + run(body, at, |byte| byte == b' ' || byte == b'\t').len();
    let at = blank(quote(span.end));
    if !matches!(body.get(at), Some(b':' | b'=')) {
        return None;
    }
    let found = run(body, quote(blank(at + 1)), |byte| is_word(byte) || byte == b'+' || byte == b'/');
    (!found.is_empty()).then_some(found)
}

/// What an address goes on with.
fn address(body: &[u8], from: usize) -> Range<usize> {
    let found = run(body, from, |byte| byte > b' ' && !b"\"'`<>\\".contains(&byte));
    found.start..found.end.min(from + ADDRESS_MAX)
}

/// The password of an address: a parameter, or behind the name of the user.
pub(super) fn jdbc(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    let range = address(body, span.end);
    let text = body.get(range.clone())?;
    let lower = text.to_ascii_lowercase();
    for name in [&b"password="[..], b"pwd="] {
        if let Some(at) = memmem::find(&lower, name) {
            let from = range.start + at + name.len();
            let found = run(body, from, |byte| byte > b' ' && !b"\"'`<>\\&;,)}".contains(&byte));
            return (!found.is_empty()).then_some(found);
        }
    }
    if let Some(at) = memmem::find(&lower, b"//") {
        return user_info(body, &(range.start..range.start + at + 2));
    }
    // `oracle:thin:user/password@host`.
    let at = memchr::memchr(b'@', text)?;
    let slash = memchr::memrchr(b'/', text.get(..at)?)?;
    (slash + 1 < at).then(|| range.start + slash + 1..range.start + at)
}

/// The password in `user:password@host`.
pub(super) fn user_info(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    let range = address(body, span.end);
    let text = body.get(range.clone())?;
    let authority = text.split(|byte| matches!(byte, b'/' | b'?')).next()?;
    let at = memchr::memrchr(b'@', authority)?;
    let colon = memchr::memchr(b':', authority.get(..at)?)?;
    (colon + 1 < at).then(|| range.start + colon + 1..range.start + at)
}

/// The value of a setting, without quotes.
pub(super) fn setting(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    let at = span.end + usize::from(matches!(body.get(span.end), Some(b'"' | b'\'')));
    let found = run(body, at, |byte| byte > b' ' && !b"\"'<".contains(&byte));
    (!found.is_empty()).then_some(found)
}

/// The value in `define('DB_PASSWORD', 'value')`.
pub(super) fn defined(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    let gap = run(body, span.end, |byte| matches!(byte, b' ' | b','));
    let quote = body.get(gap.end).copied().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let found = run(body, gap.end + 1, |byte| byte != quote && byte != b'\n');
    (!gap.is_empty() && !found.is_empty()).then_some(found)
}

/// The hash of a password in a line of `/etc/shadow`.
pub(super) fn hash(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    Some(run(body, span.end, |byte| byte > b' ' && byte != b':'))
}

/// A key up to its last line, or to the end of what is here.
pub(super) fn key_block(body: &[u8], span: &Range<usize>) -> Option<Range<usize>> {
    let rest = body.get(span.end..(span.end + KEY_MAX).min(body.len()))?;
    let length = memmem::find(rest, b"-----").unwrap_or(rest.len());
    Some(span.end..span.end + length)
}
