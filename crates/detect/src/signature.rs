//! What a signature is: one stable stamp, the literals that must be present before it is worth a look, a
//! linear-time pattern, and how free the surrounding text may be before the pattern stops being evidence.
//!
//! A detector file is mostly a table of these. Patterns are case-insensitive, work on bytes, and may use the
//! short-hands of [`expand`].

use std::ops::Range;

use bartizan_api::attack_type::AttackType;

use crate::place::Place;
use crate::shape::{Context, Shape};

/// A detector: everything that one file contributes to the engine.
pub(crate) struct Detector {
    /// The type that its signs carry.
    pub(crate) attack_type: AttackType,
    /// Its signatures, in the order of stamps.
    pub(crate) signatures: &'static [Signature],
}

/// One recognisable thing, by its stable stamp.
pub(crate) struct Signature {
    /// Stable id; never reused for something else.
    pub(crate) stamp: u32,
    /// `<type>_<technique>`, as hits show it.
    pub(crate) subtype: &'static str,
    /// Lower-case literals: a value without any of them cannot match.
    pub(crate) gate: &'static [&'static str],
    /// Bytes of which the value must hold at least one as well; empty when the literals say enough.
    pub(crate) needs: &'static str,
    /// How the value is judged once a literal was seen.
    pub(crate) test: Test,
    /// The freest text in which a match still is evidence.
    pub(crate) trust: Trust,
    /// The places of a request where it applies.
    pub(crate) places: Places,
}

/// How a candidate is judged.
pub(crate) enum Test {
    /// The pattern matches.
    Pattern(&'static str),
    /// The pattern matches, and the function accepts one of the matches.
    Checked(&'static str, fn(&Context<'_>, &Range<usize>) -> bool),
    /// Code decides alone, and names the span.
    Code(fn(&Context<'_>) -> Option<Range<usize>>),
}

/// The freest kind of text in which a signature is believed.
///
/// Code, markdown, logs and mail quote attacks and use the same words as attacks; what is proof in a parameter
/// is no proof there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trust {
    /// Only where the value is short and is no sentence.
    Tight,
    /// Also inside sentences, not in documents of several lines.
    Prose,
    /// Everywhere.
    Any,
}

impl Trust {
    /// Whether text of this shape leaves the signature believable.
    pub(crate) fn covers(self, shape: Shape) -> bool {
        match shape {
            Shape::Tight => true,
            Shape::Prose => self >= Trust::Prose,
            Shape::Document => self == Trust::Any,
        }
    }
}

/// The places where a signature applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Places {
    /// All of them but the raw target, whose parts are points of their own.
    All,
    /// All, and the raw target.
    Everywhere,
    /// Everything that a client's own text reaches as a value: not the raw target, not the user agent.
    Values,
    /// The target: its raw form and path.
    Target,
    /// The user-agent header.
    UserAgent,
    /// Names of parameters, fields and headers as well as values, but not the raw target.
    Names,
    /// Names of uploaded files.
    FileNames,
    /// Query values and cookies: arguments that a person can put into a link.
    Query,
    /// Query, form and body values, not headers: where a free URL or host is somebody's argument.
    Arguments,
    /// The same and names of uploaded files, where a path is somebody's choice; in headers proxies name their own.
    ArgumentsAndFileNames,
}

impl Places {
    /// Whether `place` is one of them.
    pub(crate) fn contain(self, place: Place) -> bool {
        match self {
            Places::All => place != Place::Uri,
            Places::Everywhere => true,
            Places::Values => {
                !matches!(place, Place::Uri | Place::UserAgent | Place::BodyName | Place::HeaderName)
            }
            Places::Target => matches!(place, Place::Uri | Place::Path),
            Places::UserAgent => place == Place::UserAgent,
            Places::Names => place != Place::Uri,
            Places::FileNames => place == Place::FileName,
            Places::Query => matches!(place, Place::QueryValue | Place::QueryName | Place::CookieValue),
            Places::Arguments => {
                matches!(place, Place::QueryValue | Place::QueryName | Place::BodyValue | Place::CookieValue)
            }
            Places::ArgumentsAndFileNames => place == Place::FileName || Places::Arguments.contain(place),
        }
    }
}

/// Replaces the short-hands of our patterns by what they stand for:
/// `{g}` SQL white space (blanks, control characters as SQL Server takes them, comments), at least one; `{o}` the same,
/// optional.
pub(crate) fn expand(pattern: &str) -> String {
    const GAP: &str = r"(?:[\x00-\x20\xa0+]|%20|%0[9abcd]|/\*[^*]*\*+/|\\[nrt])";
    pattern.replace("{g}", &format!("{GAP}+")).replace("{o}", &format!("{GAP}*"))
}
