//! What a walk found besides values: anomalies of the request itself, and counters.

use crate::parser::Parser;
use crate::point::Point;

/// A verdict that follows from parsing alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AnomalyKind {
    /// Decompression or entity expansion beyond the limits.
    DataBomb,
    /// The real encoding contradicts the XML declaration, or XML breaks off after a valid prolog.
    InvalidXml,
    /// The body is longer than what is inspected.
    OverlimitSize,
    /// The deadline passed, or there are more values than may be inspected.
    OverlimitTime,
    /// An external XML entity is declared. It is never fetched.
    Xxe,
}

/// An anomaly and where it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    /// What it is.
    pub kind: AnomalyKind,
    /// The value that shows it.
    pub point: Point,
}

/// The style of API that the request speaks, as far as parsing shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ApiProtocol {
    /// gRPC frames.
    Grpc,
    /// A GraphQL document.
    GraphQl,
    /// A SOAP envelope.
    Soap,
    /// Anything else.
    #[default]
    Rest,
}

/// The outcome of a walk.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Anomalies, each kind at most once per point and 32 in all.
    pub anomalies: Vec<Anomaly>,
    /// Values handed to the visitor.
    pub leaves: usize,
    /// Bytes that decoders produced.
    pub decoded_bytes: usize,
    /// Values not decoded further because of the nesting limit.
    pub depth_limited: usize,
    /// The walk ended before it had seen everything: by a limit or by the visitor.
    pub stopped: bool,
    /// The style of API.
    pub api_protocol: ApiProtocol,
    failed: [u32; Parser::ALL.len()],
}

impl Report {
    /// How often a parser had to be tried by declaration or first bytes and did not take the value.
    pub fn failed(&self, parser: Parser) -> u32 {
        self.failed.get(parser as usize).copied().unwrap_or(0)
    }

    /// Whether an anomaly of this kind was seen.
    pub fn has(&self, kind: AnomalyKind) -> bool {
        self.anomalies.iter().any(|anomaly| anomaly.kind == kind)
    }

    pub(crate) fn note_failed(&mut self, parser: Parser) {
        if let Some(count) = self.failed.get_mut(parser as usize) {
            *count = count.saturating_add(1);
        }
    }
}
