//! Expressions that the server worked out: `{{1337*3}}` answered by `4011`.

use std::ops::Range;

pub(super) const MEANING: &str = "The server evaluated an expression of the request.";

/// Products with at least this many digits do not stand in a page by chance.
const DISTINCT_DIGITS: usize = 4;
/// A shorter one counts where the answer is hardly anything else.
const SHORT_ANSWER: usize = 64;
/// A text repeated more often is no probe.
const MAX_TIMES: u32 = 64;
/// Bytes around the expression that make a short product distinct.
const CONTEXT: usize = 3;

/// Where the result of an expression in the payload stands in the body, though the payload itself does not.
pub(super) fn result(payload: &str, body: &[u8]) -> Option<Range<usize>> {
    let (expression, results) = multiplication(payload)?;
    results.iter().find_map(|result| place(payload, &expression, result, body))
}

/// Where a result stands, with its surroundings or alone.
fn place(payload: &str, expression: &Range<usize>, result: &str, body: &[u8]) -> Option<Range<usize>> {
    let before = payload.get(..expression.start).unwrap_or_default();
    let after = payload.get(expression.end..).unwrap_or_default();
    let before = before.get(before.len().saturating_sub(16)..).unwrap_or_default();
    let after = after.get(..after.len().min(16)).unwrap_or_default();
    // With its surroundings first: that is certain whatever the number.
    if before.len() >= CONTEXT || after.len() >= CONTEXT {
        let whole = format!("{before}{result}{after}");
        if let Some(at) = memchr::memmem::find(body, whole.as_bytes()) {
            return Some(at..at + whole.len());
        }
    }
    if result.len() < DISTINCT_DIGITS && (result.len() < 2 || body.len() > SHORT_ANSWER) {
        return None;
    }
    memchr::memmem::find_iter(body, result.as_bytes()).find_map(|at| {
        let end = at + result.len();
        let goes_on = |index: Option<usize>| {
            index.and_then(|index| body.get(index)).is_some_and(|byte| byte.is_ascii_alphanumeric())
        };
        (!goes_on(at.checked_sub(1)) && !goes_on(Some(end))).then_some(at..end)
    })
}

/// The span of a template or shell expression that multiplies two numbers, and what that can come to: the product, or,
/// in Python, a text as often as the number says.
fn multiplication(payload: &str) -> Option<(Range<usize>, Vec<String>)> {
    const DELIMITERS: &[(&str, &str)] =
        &[("{{", "}}"), ("${", "}"), ("#{", "}"), ("<%=", "%>"), ("$((", "))"), ("@(", ")"), ("{", "}")];
    DELIMITERS.iter().find_map(|(open, close)| {
        let start = payload.find(open)?;
        let inner = start + open.len();
        let length = payload.get(inner..)?.find(close)?;
        let (left, right) = payload.get(inner..inner + length)?.split_once('*')?;
        let number = |text: &str| text.trim().trim_matches(['\'', '"', ' ']).parse::<u32>().ok();
        let (first, second) = (number(left)?, number(right)?);
        let mut results = vec![(u64::from(first) * u64::from(second)).to_string()];
        if (1..=MAX_TIMES).contains(&first) && right.trim().starts_with(['\'', '"']) {
            results.push(second.to_string().repeat(usize::try_from(first).unwrap_or_default()));
        }
        Some((start..inner + length + close.len(), results))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_told_from_chance() {
        assert!(result("{{1337*3}}", b"<p>4011</p>").is_some());
        assert!(result("{{1337*3}}", b"<p>{{1337*3}}</p>").is_none());
        assert!(result("{{1337*3}}", b"order 94011x").is_none());
        assert!(result("${7*7}", b"Hello 49").is_some());
        assert!(result("{{7*'7'}}", b"<p>Hello 7777777!</p>").is_some());
        assert!(result("{{7*'7'}}", b"<p>Hello 77777777!</p>").is_none());
        assert!(result("{{0*'7'}}", b"<p>Hello</p>").is_none());
        assert!(result("hello{{0*'7'}}bye", b"hellobye").is_none());
        assert!(result("{{4000000000*'7'}}", b"7").is_none());
        assert!(result("${7*7}", &[b'x', b' ', b'4', b'9', b' '].repeat(200)).is_none());
        let page = [b" ".repeat(600).as_slice(), b"hello49bye"].concat();
        assert!(result("hello{{7*7}}bye", &page).is_some());
        assert!(result("echo $((4*333))", b"echo 1332").is_some());
        assert!(result("{{config}}", b"anything").is_none());
        assert!(result("{{3*}}", b"3").is_none());
    }
}
