//! Rules: the contract of actions and hints, and the compiled ruleset that a node asks about each request.
//!
//! The cloud uses [`Scope`] and the hint types to validate, echo and identify what users write; the node
//! compiles the stored hints into a ruleset and asks it which of them apply to a request. Both sides share
//! the same parsed types, so what the cloud accepted the node can enforce. No I/O.

mod condition;
mod dialect;
pub mod error;

pub use condition::{
    Condition, ConditionKind, ConditionPoint, Endpoint, MAX_CONDITIONS, Scope, uri_conditions,
};
pub use dialect::{MAX_AUTOMATON_BYTES, MAX_PATTERN_BYTES, MAX_STATES, Pattern, PatternError};
pub use error::{FieldError, FieldErrors};
