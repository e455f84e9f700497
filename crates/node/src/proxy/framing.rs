//! Message boundaries of an HTTP/1 connection, strictly (RFC 9112, `spec/node.md` section 9.2).
//!
//! A state machine over whatever pieces the socket delivers. It finds where heads begin and end, what the head says
//! about the body, and skips the body; it does not interpret anything else. The benign path looks at each head
//! line once with `memchr` and copies only lines that arrive in pieces.

use bytes::BytesMut;
use memchr::{memchr, memchr_iter};

/// The HTTP/2 preface begins like a request line.
const PREFACE_LINE: &[u8] = b"PRI * HTTP/2.0\r";

/// What to do with the bytes that were fed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    /// The request line holds a byte at this offset that must be encoded before hyper sees it; nothing from there
    /// on was looked at.
    Rewrite(usize),
    Violation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before or within the request line.
    RequestLine,
    Headers,
    /// Bytes of a body with a length that are still to come.
    Body(u64),
    ChunkSize,
    /// Bytes of a chunk, and of the line end after it, that are still to come.
    Chunk(u64),
    Trailers,
    /// HTTP/2.
    Opaque,
}

#[derive(Debug)]
pub(super) struct Framing {
    state: State,
    /// A line that has not ended yet.
    line: Vec<u8>,
    content_length: Option<u64>,
    chunked: bool,
    transfer_encoding: bool,
    host_lines: u8,
}

impl Default for Framing {
    fn default() -> Framing {
        Framing {
            state: State::RequestLine,
            line: Vec::new(),
            content_length: None,
            chunked: false,
            transfer_encoding: false,
            host_lines: 0,
        }
    }
}

/// A line longer than this is hyper's to refuse; only its beginning is kept here.
const LINE_KEPT: usize = 1 << 20;

impl Framing {
    /// Number of the phase for the connection's state: 0 idle, 1 head, 2 body, 3 open.
    pub(super) fn phase(&self) -> u8 {
        match self.state {
            State::RequestLine if self.line.is_empty() => 0,
            State::RequestLine | State::Headers => 1,
            State::Body(_) | State::ChunkSize | State::Chunk(_) | State::Trailers => 2,
            State::Opaque => 0,
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) -> Verdict {
        let mut offset = 0;
        while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
            match self.state {
                State::Opaque => return Verdict::Pass,
                State::Body(left) => {
                    let used = left.min(rest.len() as u64);
                    self.state = if left == used { State::RequestLine } else { State::Body(left - used) };
                    offset += usize::try_from(used).unwrap_or(rest.len());
                }
                State::Chunk(left) => {
                    let used = left.min(rest.len() as u64);
                    self.state = if left == used { State::ChunkSize } else { State::Chunk(left - used) };
                    offset += usize::try_from(used).unwrap_or(rest.len());
                }
                State::RequestLine | State::Headers | State::ChunkSize | State::Trailers => {
                    let end = memchr(b'\n', rest);
                    let piece = rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest);
                    if self.state == State::RequestLine
                        && let Some(at) = piece.iter().position(|byte| must_encode(*byte))
                    {
                        self.keep(piece.get(..at).unwrap_or_default());
                        return Verdict::Rewrite(offset + at);
                    }
                    if end.is_none() {
                        self.keep(piece);
                        return Verdict::Pass;
                    }
                    offset += piece.len() + 1;
                    if self.finish_line(piece).is_err() {
                        return Verdict::Violation;
                    }
                }
            }
        }
        Verdict::Pass
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = LINE_KEPT.saturating_sub(self.line.len());
        self.line.extend_from_slice(piece.get(..room).unwrap_or(piece));
    }

    /// A line is complete, except for its line feed; `tail` is the part of it that is not in `self.line`.
    fn finish_line(&mut self, tail: &[u8]) -> Result<(), ()> {
        if self.line.is_empty() {
            return self.line_ended(tail);
        }
        let mut line = std::mem::take(&mut self.line);
        line.extend_from_slice(tail);
        let result = self.line_ended(&line);
        line.clear();
        self.line = line;
        result
    }

    fn line_ended(&mut self, line: &[u8]) -> Result<(), ()> {
        // A bare line feed ends a line for some parsers and not for others.
        let line = line.strip_suffix(b"\r").ok_or(())?;
        match self.state {
            State::RequestLine if line.is_empty() => Ok(()),
            State::RequestLine if line == PREFACE_LINE.strip_suffix(b"\r").unwrap_or_default() => {
                self.state = State::Opaque;
                Ok(())
            }
            State::RequestLine => {
                self.state = State::Headers;
                self.content_length = None;
                self.chunked = false;
                self.transfer_encoding = false;
                self.host_lines = 0;
                Ok(())
            }
            State::Headers if line.is_empty() => self.head_ended(),
            State::Headers => self.header(line),
            State::ChunkSize => self.chunk_size(line),
            State::Trailers if line.is_empty() => {
                self.state = State::RequestLine;
                Ok(())
            }
            State::Trailers | State::Body(_) | State::Chunk(_) | State::Opaque => Ok(()),
        }
    }

    fn header(&mut self, line: &[u8]) -> Result<(), ()> {
        match line.first() {
            // obs-fold continues the line before.
            Some(b' ' | b'\t') => return Err(()),
            Some(b'c' | b'C' | b't' | b'T' | b'h' | b'H') => {}
            _ => return Ok(()),
        }
        let colon = memchr(b':', line).ok_or(())?;
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") {
            let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let length =
                std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).filter(|_| digits);
            if self.content_length.is_some() || self.transfer_encoding {
                return Err(());
            }
            self.content_length = Some(length.ok_or(())?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.content_length.is_some()
                || self.transfer_encoding
                || !value.eq_ignore_ascii_case(b"chunked")
            {
                return Err(());
            }
            self.transfer_encoding = true;
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"host") {
            self.host_lines += 1;
            if self.host_lines > 1 {
                return Err(());
            }
        }
        Ok(())
    }

    fn head_ended(&mut self) -> Result<(), ()> {
        self.state = match (self.chunked, self.content_length) {
            (true, _) => State::ChunkSize,
            (false, Some(length)) if length > 0 => State::Body(length),
            (false, _) => State::RequestLine,
        };
        Ok(())
    }

    fn chunk_size(&mut self, line: &[u8]) -> Result<(), ()> {
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
        if digits.is_empty() || digits.len() > 15 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(());
        }
        let size =
            std::str::from_utf8(digits).ok().and_then(|text| u64::from_str_radix(text, 16).ok()).ok_or(())?;
        // The chunk is followed by its own line end.
        self.state = if size == 0 { State::Trailers } else { State::Chunk(size + 2) };
        Ok(())
    }
}

/// Bytes that occur in request targets in practice and that `http::Uri` does not take.
fn must_encode(byte: u8) -> bool {
    matches!(byte, b'"' | b'<' | b'>' | b'`' | 0x80..)
}

/// Percent-encodes such bytes up to the end of the line.
pub(super) fn encode_target(bytes: &[u8]) -> BytesMut {
    let end = memchr_iter(b'\n', bytes).next().unwrap_or(bytes.len());
    let (line, rest) = bytes.split_at(end);
    let mut out = BytesMut::with_capacity(bytes.len() + 64);
    for byte in line {
        if must_encode(*byte) {
            const HEX: [u8; 16] = *b"0123456789ABCDEF";
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        } else {
            out.extend_from_slice(&[*byte]);
        }
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn feed(text: &[u8]) -> Verdict {
        Framing::default().feed(text)
    }

    fn refused(head: &str) -> bool {
        feed(format!("POST / HTTP/1.1\r\n{head}\r\n\r\n").as_bytes()) == Verdict::Violation
    }

    #[test]
    fn ambiguous_framing_is_refused() {
        for head in [
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\ncontent-length: 3",
            "Content-Length: 3\r\nContent-Length: 3",
            "Content-Length: +3",
            "Content-Length: 3, 3",
            "Content-Length:",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "A: b\n C: d",
            "A: b\r\n folded",
            "A: b\nC: d",
            "Host: a\r\nHost: b",
        ] {
            assert!(refused(head), "{head:?}");
        }
        for head in ["Content-Length: 0", "Host: a\r\nA_b.c: d", "X-Content-Length: 1\r\nContent-Length: 0"] {
            assert!(!refused(head), "{head:?}");
        }
    }

    #[test]
    fn http2_is_left_alone() {
        assert_eq!(feed(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\n\n Content-Length:"), Verdict::Pass);
    }

    #[test]
    fn refused_target_bytes_are_encoded() {
        let mut framing = Framing::default();
        let request = b"GET /?q=<script>\"\xff HTTP/1.1\r\nA: <\r\n\r\n";
        assert_eq!(framing.feed(request), Verdict::Rewrite(8));
        let rest = encode_target(&request[8..]);
        assert_eq!(&rest[..], b"%3Cscript%3E%22%FF HTTP/1.1\r\nA: <\r\n\r\n");
        assert_eq!(framing.feed(&rest), Verdict::Pass);
        assert_eq!(framing.phase(), 0);
    }

    proptest! {
        /// The verdict does not depend on how the network cuts the bytes, and boundaries are found.
        #[test]
        fn pieces_do_not_matter(cuts in prop::collection::vec(1usize..30, 1..40), smuggle in any::<bool>()) {
            let mut text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec();
            text.extend_from_slice(b"POST /a HTTP/1.1\r\nContent-Length: 7\r\n\r\nab\ncd\r\n");
            text.extend_from_slice(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nab\ncd\r\n0\r\nT: x\r\n\r\n");
            if smuggle {
                text.extend_from_slice(b"POST /b HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
            }
            let mut framing = Framing::default();
            let (mut rest, mut verdict) = (&text[..], Verdict::Pass);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() || verdict != Verdict::Pass {
                    break;
                }
                let (piece, tail) = rest.split_at((*cut).min(rest.len()));
                verdict = framing.feed(piece);
                rest = tail;
            }
            prop_assert_eq!(verdict, if smuggle { Verdict::Violation } else { Verdict::Pass });
            if !smuggle {
                prop_assert_eq!(framing.phase(), 0);
            }
        }

        #[test]
        fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            feed(&bytes);
        }
    }
}
