//! Words that look like dates and times of day and are none: nobody looks for them as texts.

/// What is wrong with a time of day.
pub(super) const NO_TIME: &str = "no such time: hh:mm is expected, or quotes around a text";
const NO_ISO_DATE: &str = "no such date: yyyy-mm-dd is expected, or quotes around a text";

/// What is wrong with a word that is no period but begins like one, and which word it is; `expected` is said of a date
/// with slashes.
pub(super) fn misread<'a>(
    first: &'a str,
    second: &'a str,
    expected: &'static str,
) -> Option<(&'static str, &'a str)> {
    let start = first.trim_start_matches(['<', '>', '=']);
    if is_iso(start) {
        return Some((NO_ISO_DATE, first));
    }
    let before_dash = start.split('-').next().unwrap_or_default();
    if is_numbers(before_dash, '/', 3, 4) {
        return Some((expected, first));
    }
    // `10:15` alone may be a port; with `-12:00` behind it, or with a sign before it, it is a time.
    let is_span = start.split_once('-').is_some_and(|(from, to)| is_like_time(from) && is_like_time(to));
    (is_span || start != first && is_like_time(start) && second.is_empty()).then_some((NO_TIME, first))
}

/// `10:15`, whether there is such a time or not, perhaps with more behind a dash.
pub(super) fn is_like_time(word: &str) -> bool {
    is_numbers(word.split('-').next().unwrap_or_default(), ':', 2, 2)
}

/// Whether a word begins like a date of ISO 8601 and, after it, ends or goes on with a dash.
fn is_iso(word: &str) -> bool {
    let mut parts = word.splitn(4, '-');
    let mut is_number = |digits: std::ops::RangeInclusive<usize>| {
        parts.next().is_some_and(|part| {
            digits.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    if !(is_number(4..=4) && is_number(1..=2) && is_number(1..=2)) {
        return false;
    }
    // What follows is a second date or a time, or the word is something else, as the id `2026-02-30-a1`.
    parts.next().is_none_or(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit() || b"-/:".contains(&byte))
    })
}

fn is_numbers(word: &str, separator: char, count: usize, longest: usize) -> bool {
    let is_number =
        |part: &str| (1..=longest).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    word.split(separator).count() == count && word.split(separator).all(is_number)
}
