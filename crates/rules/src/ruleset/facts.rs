//! The parts of a request that conditions look at, and whether one condition holds.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use bartizan_request::{Host, Target};

use crate::condition::{ConditionPoint, lower};
use crate::dialect::Pattern;

/// What a node knows about a request before its body.
#[derive(Clone, Copy)]
pub struct RequestFacts<'a, 't> {
    /// Application; -1 is the default one.
    pub instance: i64,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// HTTP method, as sent.
    pub method: &'a str,
    /// `1.0`, `1.1`, `2.0`, `3.0`.
    pub proto: &'a str,
    /// Path and query.
    pub target: &'a Target<'t>,
    /// Names and values; `Host` among them, also for HTTP/2.
    pub headers: &'a [(&'a [u8], &'a [u8])],
}

/// Query parameters, decoded once.
type Pairs<'a> = Vec<(Cow<'a, [u8]>, Cow<'a, [u8]>)>;

/// Facts with what several conditions need computed once.
pub(super) struct Facts<'a, 't> {
    request: RequestFacts<'a, 't>,
    instance: String,
    query: OnceCell<Pairs<'t>>,
}

/// A compiled condition.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) point: ConditionPoint,
    pub(super) check: Check,
}

#[derive(Debug)]
pub(super) enum Check {
    Absent,
    Equal(Box<str>),
    /// Lower case already.
    Iequal(Box<str>),
    Regex(Arc<Pattern>),
}

impl<'a, 't> Facts<'a, 't> {
    pub(super) fn new(request: RequestFacts<'a, 't>) -> Facts<'a, 't> {
        Facts { request, instance: request.instance.to_string(), query: OnceCell::new() }
    }

    /// Calls `each` with every occurrence of a part until it answers `true`; returns whether it did.
    pub(super) fn any_value(&self, point: &ConditionPoint, mut each: impl FnMut(&[u8]) -> bool) -> bool {
        let request = &self.request;
        match point {
            ConditionPoint::Instance => each(self.instance.as_bytes()),
            ConditionPoint::Scheme => each(request.scheme.as_bytes()),
            ConditionPoint::Method => each(request.method.as_bytes()),
            ConditionPoint::Proto => each(request.proto.as_bytes()),
            ConditionPoint::Uri => each(request.target.raw()),
            ConditionPoint::ActionName => each(request.target.action_name()),
            ConditionPoint::ActionExt => request.target.action_ext().is_some_and(each),
            ConditionPoint::Path(index) => {
                let segments = request.target.segments();
                usize::try_from(*index)
                    .ok()
                    .and_then(|index| segments.get(index))
                    .is_some_and(|value| each(value))
            }
            ConditionPoint::Host => {
                self.any_header(b"HOST", |sent| each(sent) || any_shorter_host(sent, &mut each))
            }
            ConditionPoint::Header(name) => self.any_header(name.as_bytes(), each),
            ConditionPoint::Get(key) => {
                self.query().iter().any(|(name, value)| **name == *key.as_bytes() && each(value))
            }
        }
    }

    fn any_header(&self, wanted: &[u8], mut each: impl FnMut(&[u8]) -> bool) -> bool {
        let mut headers = self.request.headers.iter();
        headers.any(|(name, value)| name.eq_ignore_ascii_case(wanted) && each(value.trim_ascii()))
    }

    /// Calls `each` with every header (but the host) and query parameter that the request has.
    pub(super) fn names(&self, each: &mut impl FnMut(&ConditionPoint)) {
        for (name, _) in self.request.headers {
            if let Ok(name) = std::str::from_utf8(name) {
                each(&ConditionPoint::header(name));
            }
        }
        for (name, _) in self.query() {
            if let Ok(name) = std::str::from_utf8(name) {
                each(&ConditionPoint::Get(name.into()));
            }
        }
    }

    fn query(&self) -> &Pairs<'t> {
        self.query.get_or_init(|| self.request.target.query_pairs().collect())
    }

    pub(super) fn holds(&self, test: &Test) -> bool {
        match &test.check {
            Check::Absent => !self.any_value(&test.point, |_| true),
            Check::Equal(wanted) => self.any_value(&test.point, |value| value == wanted.as_bytes()),
            Check::Iequal(wanted) => {
                self.any_value(&test.point, |value| *folded(value) == *wanted.as_bytes())
            }
            Check::Regex(pattern) => self.any_value(&test.point, |value| pattern.is_match(value)),
        }
    }
}

/// Calls `each` with the host without what does not choose the site of a server: the name with its port, and the name
/// alone, as far as they are not what was sent.
fn any_shorter_host(sent: &[u8], each: &mut impl FnMut(&[u8]) -> bool) -> bool {
    let host = Host::parse(sent);
    if host.name().len() == sent.len() {
        return false;
    }
    let with_port = host.port().map(|port| [host.name(), port].join(&b':')).filter(|short| *short != sent);
    with_port.is_some_and(|short| each(&short)) || each(host.name())
}

/// Lower case, as `iequal` values are stored; bytes that are no text only in ASCII.
pub(super) fn folded(value: &[u8]) -> Cow<'_, [u8]> {
    if value.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(match std::str::from_utf8(value) {
        Ok(text) => lower(text).into_bytes(),
        Err(_) => value.to_ascii_lowercase(),
    })
}
