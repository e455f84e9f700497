//! The events of a batch as text, one by one, though JSON readers refuse one of them: an escape that means nothing, half a
//! surrogate pair, bytes that are no UTF-8. Only braces, brackets and quotation marks must add up.

use std::ops::Range;

/// A batch without its events, and what stands for each event.
pub(super) struct Split<'a> {
    /// The document with an empty list in place of the events.
    pub(super) head: Vec<u8>,
    /// The events.
    pub(super) events: Vec<&'a [u8]>,
}

/// Splits a batch; none when it holds no list of events or does not end where it should.
pub(super) fn split(document: &[u8]) -> Option<Split<'_>> {
    let mut scan = Scan { document, at: 0, open: vec![] };
    let mut list: Option<usize> = None;
    let (mut events, mut start) = (Vec::new(), 0);
    let mut whole: Option<Range<usize>> = None;
    loop {
        match scan.step()? {
            Mark::End => break,
            // The value of `"events"` of the outermost object.
            Mark::Open(at) if whole.is_none() && scan.open == b"{[" && is_named(document, at) => {
                (list, start) = (Some(at), at + 1);
            }
            Mark::Comma(at) if list.is_some() && scan.open == b"{[" => {
                events.push(trimmed(document, start..at));
                start = at + 1;
            }
            Mark::Close(at) if scan.open == b"{" => {
                let Some(first) = list.take() else { continue };
                let last = trimmed(document, start..at);
                if !(events.is_empty() && last.is_empty()) {
                    events.push(last);
                }
                whole = Some(first..at + 1);
            }
            _ => {}
        }
    }
    let whole = whole?;
    let head = [document.get(..whole.start)?, b"[]", document.get(whole.end..)?].concat();
    Some(Split { head, events })
}

/// Whether the value at `at` is that of a key `"events"`.
fn is_named(document: &[u8], at: usize) -> bool {
    let before = document.get(..at).unwrap_or_default().trim_ascii_end();
    before.strip_suffix(b":").is_some_and(|key| key.trim_ascii_end().ends_with(b"\"events\""))
}

fn trimmed(document: &[u8], range: Range<usize>) -> &[u8] {
    document.get(range).unwrap_or_default().trim_ascii()
}

/// What stands outside of texts; the position of each.
enum Mark {
    Open(usize),
    Close(usize),
    Comma(usize),
    End,
}

struct Scan<'a> {
    document: &'a [u8],
    at: usize,
    /// The brackets that are open.
    open: Vec<u8>,
}

impl Scan<'_> {
    /// The next mark; none where the document is broken.
    fn step(&mut self) -> Option<Mark> {
        while let Some(&byte) = self.document.get(self.at) {
            let at = self.at;
            self.at += 1;
            match byte {
                b'"' => self.skip_text()?,
                b'{' | b'[' => {
                    self.open.push(byte);
                    return Some(Mark::Open(at));
                }
                b'}' | b']' => {
                    let opened = if byte == b'}' { b'{' } else { b'[' };
                    return (self.open.pop()? == opened).then_some(Mark::Close(at));
                }
                b',' => return Some(Mark::Comma(at)),
                _ => {}
            }
        }
        self.open.is_empty().then_some(Mark::End)
    }

    /// Goes on behind the quotation mark that ends a text.
    fn skip_text(&mut self) -> Option<()> {
        loop {
            let rest = self.document.get(self.at..)?;
            let found = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            self.at += found + 1;
            if rest.get(found) == Some(&b'"') {
                return Some(());
            }
            // Whatever is escaped is part of the text.
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(document: &str) -> Option<(String, Vec<&str>)> {
        let split = split(document.as_bytes())?;
        let events = split.events.iter().map(|event| std::str::from_utf8(event).unwrap()).collect();
        Some((String::from_utf8(split.head).unwrap(), events))
    }

    #[test]
    fn events_are_cut_out_whatever_their_texts_hold() {
        let document =
            r#"{"x":{"events":[1]}, "events" : [ {"a":"\q],{"}, {"b":["events",{"c":1}]} ,7],"seq":2}"#;
        let (head, events) = parts(document).unwrap();
        assert_eq!(head, r#"{"x":{"events":[1]}, "events" : [],"seq":2}"#);
        assert_eq!(events, [r#"{"a":"\q],{"}"#, r#"{"b":["events",{"c":1}]}"#, "7"]);
        assert_eq!(parts(r#"{"events":[]}"#).unwrap(), (r#"{"events":[]}"#.to_owned(), vec![]));
    }

    #[test]
    fn what_does_not_add_up_is_no_batch() {
        for document in [
            "",
            "[]",
            "{}",
            r#"{"events":{}}"#,
            r#"{"events":[}]"#,
            r#"{"events":["#,
            r#"{"events":["a]}"#,
            r#"{"events":["a\"#,
            r#"["events",[1]]"#,
            r#"{"events":[1]}}"#,
        ] {
            assert!(parts(document).is_none(), "{document}");
        }
    }
}
