//! A request as text, the way tools print it and people paste it: request line, headers, an empty line, the body.
//!
//! Used where a request comes from a file rather than from a connection. It is lenient about line ends, because
//! editors change them, and about a missing version; the body is what follows the empty line, byte by byte.

use crate::walk::RequestParts;

/// An owned request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The method.
    pub method: String,
    /// The request target.
    pub target: Vec<u8>,
    /// Header names and values, in order.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why bytes are no request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageError {
    /// The first line does not hold a method and a target.
    RequestLine,
    /// This line of the head, counted from 1, has no colon.
    Header(usize),
}

impl std::fmt::Display for MessageError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MessageError::RequestLine => {
                f.write_str("line 1 is no request line such as `GET /path HTTP/1.1`")
            }
            MessageError::Header(line) => write!(f, "line {line} is no header such as `Name: value`"),
        }
    }
}

impl std::error::Error for MessageError {}

impl Message {
    /// Reads a request.
    ///
    /// # Errors
    /// [`MessageError`] names the line that is none of a request.
    pub fn parse(wire: &[u8]) -> Result<Message, MessageError> {
        let (head, body) = split_head(wire);
        let mut lines = head.split(|&b| b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = lines.next().unwrap_or_default();
        let (method, rest) = split_at_blank(first).ok_or(MessageError::RequestLine)?;
        if method.is_empty()
            || !method.iter().all(|b| b.is_ascii_alphanumeric() || b"-_!#$%&'*+.^`|~".contains(b))
        {
            return Err(MessageError::RequestLine);
        }
        let rest = rest.trim_ascii_end();
        let target = match memchr::memmem::rfind(rest, b" HTTP/") {
            Some(at) => rest.get(..at).unwrap_or(rest),
            None => rest,
        };
        let target = target.trim_ascii();
        if target.is_empty() {
            return Err(MessageError::RequestLine);
        }
        let mut headers = Vec::new();
        for (line, number) in lines.zip(2..).filter(|(line, _)| !line.is_empty()) {
            let colon =
                memchr::memchr(b':', line).filter(|&at| at > 0).ok_or(MessageError::Header(number))?;
            let (name, value) = line.split_at(colon);
            headers.push((name.to_vec(), value.get(1..).unwrap_or_default().trim_ascii().to_vec()));
        }
        let is_chunked = headers.iter().any(|(name, value): &(Vec<u8>, Vec<u8>)| {
            name.eq_ignore_ascii_case(b"transfer-encoding")
                && value.to_ascii_lowercase().rsplit(|b| *b == b',').next().map(<[u8]>::trim_ascii)
                    == Some(b"chunked")
        });
        let whole = is_chunked.then(|| without_chunks(body)).flatten();
        Ok(Message {
            method: String::from_utf8_lossy(method).into_owned(),
            target: target.to_vec(),
            headers,
            body: whole.unwrap_or_else(|| body.to_vec()),
        })
    }

    /// Lends the request to something that takes it apart.
    pub fn with_parts<T>(&self, use_parts: impl FnOnce(&RequestParts<'_>) -> T) -> T {
        let headers: Vec<(&[u8], &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
        use_parts(&RequestParts {
            method: &self.method,
            target: &self.target,
            headers: &headers,
            body: &self.body,
            body_truncated: false,
        })
    }
}

/// A body without the sizes of its chunks; `None` where it is not in chunks after all. One that breaks off is read as far as it
/// goes.
fn without_chunks(body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::with_capacity(body.len());
    let mut rest = body;
    loop {
        let end = memchr::memchr(b'\n', rest)?;
        let (line, after) = rest.split_at(end);
        let size = line.split(|b| *b == b';').next()?.trim_ascii();
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        let after = after.get(1..)?;
        let Some((chunk, next)) = after.split_at_checked(size) else {
            whole.extend_from_slice(after);
            return Some(whole);
        };
        whole.extend_from_slice(chunk);
        let next = next.strip_prefix(b"\r").unwrap_or(next);
        if size == 0 || next.is_empty() {
            return Some(whole);
        }
        rest = next.strip_prefix(b"\n")?;
    }
}

/// The head and what follows the first empty line.
fn split_head(wire: &[u8]) -> (&[u8], &[u8]) {
    let crlf = memchr::memmem::find(wire, b"\r\n\r\n").map(|at| (at, 4));
    let lf = memchr::memmem::find(wire, b"\n\n").map(|at| (at, 2));
    let end = match (crlf, lf) {
        (Some(a), Some(b)) => Some(if a.0 < b.0 { a } else { b }),
        (a, b) => a.or(b),
    };
    match end {
        Some((at, gap)) => (wire.get(..at).unwrap_or(wire), wire.get(at + gap..).unwrap_or_default()),
        None => (wire, b""),
    }
}

fn split_at_blank(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b' ', line)?;
    Some((line.get(..at)?, line.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_with_either_line_end() {
        for wire in [
            &b"POST /a?b=c d HTTP/1.1\r\nHost: x\r\nA: 1: 2\r\n\r\nbody\n\nmore"[..],
            b"POST /a?b=c d HTTP/1.1\nHost: x\nA: 1: 2\n\nbody\n\nmore",
            b"POST /a?b=c d\nHost:x\nA:1: 2\n\nbody\n\nmore",
        ] {
            let message = Message::parse(wire).unwrap();
            assert_eq!(message.method, "POST");
            assert_eq!(message.target, b"/a?b=c d");
            assert_eq!(
                message.headers,
                [(b"Host".to_vec(), b"x".to_vec()), (b"A".to_vec(), b"1: 2".to_vec())]
            );
            assert_eq!(message.body, b"body\n\nmore");
        }
    }

    #[test]
    fn a_body_in_chunks_is_read_without_their_sizes() {
        let body = |text: &str| {
            let wire = format!("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n{text}");
            String::from_utf8(Message::parse(wire.as_bytes()).unwrap().body).unwrap()
        };
        assert_eq!(body("9\r\nid=1%27+U\r\n5;a=b\r\nNION+\r\n0\r\nX: y\r\n\r\n"), "id=1%27+UNION+");
        assert_eq!(body("3\nabc\n0\n\n"), "abc");
        assert_eq!(body("5\r\nabc"), "abc");
        assert_eq!(body(""), "");
        // No chunks, whatever the field says.
        for text in ["id=1", "z\r\nabc", "3\r\nabcd\r\n0\r\n\r\n", "-1\r\nabc"] {
            assert_eq!(body(text), text);
        }
    }

    #[test]
    fn what_is_no_request_is_refused_with_its_line() {
        assert_eq!(Message::parse(b""), Err(MessageError::RequestLine));
        assert_eq!(Message::parse(b"GET"), Err(MessageError::RequestLine));
        assert_eq!(Message::parse(b"GET  HTTP/1.1"), Err(MessageError::RequestLine));
        assert_eq!(Message::parse(b"GET / HTTP/1.1\nHost: x\nnonsense"), Err(MessageError::Header(3)));
    }
}
