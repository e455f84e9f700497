//! Rules: the contract of actions and hints, and the compiled ruleset that a node asks about each request.
//!
//! The cloud uses [`Scope`] and [`HintSpec`] to validate, identify and echo what users write; the node
//! compiles the stored hints ([`RulesetSource`]) into a [`Ruleset`] and asks it which of them apply to a
//! request. Both sides share the same parsed types and the same compiler, so what the cloud accepted the
//! node can enforce. No I/O.

mod condition;
mod dialect;
pub mod error;
mod hint;
mod mode;
mod points;
mod ruleset;

pub use condition::{
    Condition, ConditionKind, ConditionPoint, Endpoint, MAX_CONDITIONS, Scope, uri_conditions,
};
pub use dialect::{MAX_AUTOMATON_BYTES, MAX_PATTERN_BYTES, MAX_STATES, Pattern, PatternError};
pub use error::{FieldError, FieldErrors, text};
pub use hint::{HintSpec, HintType, StoredHint, attack_types};
pub use mode::{FiltrationMode, ModeOverride, effective_mode};
pub use points::{parse_point, point_children, suggest_elements};
pub use ruleset::{
    Behaviour, Credentials, FileKind, GraphqlPolicy, HeaderMode, HintFault, HintSource, OverlimitMode,
    OverlimitSettings, PolicyMode, RateLimit, RateUnit, RegexRule, RequestFacts, ResponseHeader, RuleError,
    Ruleset, RulesetSource, Selection, UploadLimit, Vpatch,
};
