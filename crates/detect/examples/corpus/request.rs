//! An owned request, and what the engine says about it.

use std::ops::ControlFlow;

use bartizan_detect::{Detection, Engine, NoPolicy, inspect};
use bartizan_request::{Limits, PointPath, RequestParts, Role, Visitor, walk};

/// A request of a corpus.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    /// Where it comes from, for listings.
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) target: Vec<u8>,
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A `GET`.
    pub(crate) fn get(name: &str, target: &str) -> Request {
        Request {
            name: name.to_owned(),
            method: "GET".to_owned(),
            target: target.as_bytes().to_vec(),
            ..Request::default()
        }
    }

    /// A `POST` with a body of the given type.
    pub(crate) fn post(name: &str, target: &str, kind: &str, body: &str) -> Request {
        let request = Request {
            method: "POST".to_owned(),
            body: body.as_bytes().to_vec(),
            ..Request::get(name, target)
        };
        request.header("Content-Type", kind)
    }

    /// A `POST` with a JSON body.
    pub(crate) fn json(name: &str, target: &str, body: &serde_json::Value) -> Request {
        Request::post(name, target, "application/json", &body.to_string())
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Request {
        self.headers.push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        self
    }

    /// Inspects it.
    pub(crate) fn detections(&self, engine: &Engine) -> Vec<Detection> {
        self.with_parts(|parts| inspect(engine, parts, &Limits::default(), &mut NoPolicy).detections)
    }

    /// Whether libinjection alone flags any value or name of it, all of them taken apart as for the engine.
    pub(crate) fn is_flagged_by_libinjection(&self) -> bool {
        let mut reference = Reference(false);
        self.with_parts(|parts| walk(parts, &Limits::default(), &mut reference));
        reference.0
    }

    fn with_parts<R>(&self, f: impl FnOnce(&RequestParts<'_>) -> R) -> R {
        let headers: Vec<(&[u8], &[u8])> =
            self.headers.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
        f(&RequestParts {
            method: &self.method,
            target: &self.target,
            headers: &headers,
            body: &self.body,
            body_truncated: false,
        })
    }

    /// Parses a request as it is on the wire.
    pub(crate) fn from_wire(name: String, wire: &[u8]) -> Option<Request> {
        let end = find(wire, b"\r\n\r\n").map(|at| (at, 4)).or_else(|| find(wire, b"\n\n").map(|at| (at, 2)));
        let (head, body) = match end {
            Some((at, gap)) => (wire.get(..at)?, wire.get(at + gap..)?),
            None => (wire, &[][..]),
        };
        let mut lines = head.split(|b| *b == b'\n').map(<[u8]>::trim_ascii_end);
        let mut words = lines.next()?.splitn(2, |b| *b == b' ');
        let method = String::from_utf8_lossy(words.next()?).into_owned();
        let rest = words.next()?;
        let target = match find(rest, b" HTTP/") {
            Some(at) => rest.get(..at)?,
            None => rest,
        };
        let headers = lines
            .filter_map(|line| {
                let at = line.iter().position(|b| *b == b':')?;
                Some((line.get(..at)?.to_vec(), line.get(at + 1..)?.trim_ascii().to_vec()))
            })
            .collect();
        Some(Request { name, method, target: target.to_vec(), headers, body: body.to_vec() })
    }
}

/// Whether libinjection has found something.
struct Reference(bool);

impl Visitor for Reference {
    fn visit(&mut self, _: &PointPath<'_>, value: &[u8], role: Role) -> ControlFlow<()> {
        self.0 = role != Role::Parsed
            && (libinjectionrs::detect_sqli(value).is_injection()
                || libinjectionrs::detect_xss(value) == libinjectionrs::XssResult::Xss);
        if self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// One line about a detection.
pub(crate) fn describe(detection: &Detection) -> String {
    let point = serde_json::to_string(&detection.point).unwrap_or_default();
    let value: String = detection.value.chars().take(160).collect();
    format!("{} {:?} {point} {value:?}", detection.attack_type, detection.stamps)
}

/// Percent-encodes everything but unreserved characters.
pub(crate) fn percent(text: &str) -> String {
    encode(text, "%20")
}

/// The same, as forms are written.
pub(crate) fn form(text: &str) -> String {
    encode(text, "+")
}

fn encode(text: &str, blank: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b' ' => out.push_str(blank),
            b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}
