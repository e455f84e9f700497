//! An HTTP request as points: parsers and decoders, no I/O.
//!
//! [`walk()`] takes a request apart (target, headers, cookies, body, and encodings nested in any of them)
//! and hands every value with its address, a [`PointPath`], to a [`Visitor`]. Detection and rules are
//! visitors. A value that a container parser took is visited as [`Role::Parsed`] and its parts follow;
//! a value that only decodes differently (percent, base64, HTML entities) stays a [`Role::Leaf`] and
//! the decoded form is one more point below it. So nothing escapes inspection by looking like something
//! else, and no limit of [`Limits`] is ever exceeded, whatever the input.

pub mod binary;
mod bytes;
mod decode;
mod element;
mod gql;
mod host;
mod json;
mod limits;
mod message;
mod multipart;
mod origin;
mod parser;
mod path;
mod php;
mod point;
mod protobuf;
mod report;
mod target;
mod viewstate;
mod walk;
mod xml;

pub use bytes::ByteSet;
pub use decode::compress::inflate_prefix;
pub use element::{Arity, Element, Norm};
pub use gql::measure::{GraphqlMeasures, measure_graphql};
pub use host::Host;
pub use limits::Limits;
pub use message::{Message, MessageError};
pub use origin::{Origin, RequestPart};
pub use parser::{Parser, ParserSet};
pub use path::{PointPath, StepRef};
pub use point::{Point, PointError, Step};
pub use report::{Anomaly, AnomalyKind, ApiProtocol, Report};
pub use target::Target;
pub use walk::{RequestParts, Role, Visitor, may_hold_graphql, walk};
