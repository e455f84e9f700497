//! What applies to one request.

use bartizan_api::AttackType;
use bartizan_request::{Point, PointPath};
use smallvec::SmallVec;

use super::Hint;
use super::effect::{
    Behaviour, Credentials, Effect, FileKind, GraphqlPolicy, OverlimitSettings, PolicyMode, RateLimit,
    RegexRule, ResponseHeader, UploadLimit, Vpatch,
};
use crate::hint::HintType;
use crate::mode::FiltrationMode;

/// The hints of every branch that matches a request, most specific first; of equally specific ones, the
/// newest. Scalar questions are answered by the first hint that has an opinion, point questions by all.
pub struct Selection<'r> {
    hints: SmallVec<[&'r Hint; 16]>,
}

impl<'r> Selection<'r> {
    pub(super) fn new(hints: impl Iterator<Item = &'r Hint>) -> Selection<'r> {
        let mut hints: SmallVec<[&'r Hint; 16]> = hints.collect();
        hints.sort_unstable_by_key(|hint| std::cmp::Reverse((hint.rank, hint.updated_at, hint.id)));
        Selection { hints }
    }

    fn effects(&self) -> impl DoubleEndedIterator<Item = &'r Effect> {
        self.hints.iter().map(|hint| &hint.effect)
    }

    /// What applies whichever way a request is read, where `self` holds for the likely reading and `other` for another.
    /// Rules that find or refuse something apply when either reading has them, rules that spare something only when
    /// both have; all others are those of the likely reading.
    #[must_use]
    pub fn reconciled(mut self, other: &Selection<'r>) -> Selection<'r> {
        let has = |hints: &[&Hint], id| hints.iter().any(|hint| hint.id == id);
        self.hints.retain(|hint| !hint.effect.spares() || has(&other.hints, hint.id));
        let missing = other.hints.iter().filter(|hint| hint.effect.guards() && !has(&self.hints, hint.id));
        let missing: SmallVec<[&'r Hint; 4]> = missing.copied().collect();
        Selection::new(self.hints.into_iter().chain(missing))
    }

    /// Whether no rule applies.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hints.is_empty()
    }

    /// Ids of the hints that apply, most specific first.
    pub fn hint_ids(&self) -> impl Iterator<Item = i64> {
        self.hints.iter().map(|hint| hint.id)
    }

    /// The filtration mode that rules ask for. `None` when no rule does, or when the most specific one says
    /// `default`, which hides the broader ones.
    #[must_use]
    pub fn mode(&self) -> Option<FiltrationMode> {
        let mut modes = self.effects().filter_map(|effect| match effect {
            Effect::Mode(mode) => Some(*mode),
            _ => None,
        });
        modes.next().flatten()
    }

    /// Whether the request is fed to bot detection; `None` when no rule says.
    #[must_use]
    pub fn api_abuse_enabled(&self) -> Option<bool> {
        self.effects().find_map(|effect| match effect {
            Effect::ApiAbuse { enabled } => Some(*enabled),
            _ => None,
        })
    }

    /// The processing time budget, if a rule sets one.
    #[must_use]
    pub fn overlimit(&self) -> Option<&'r OverlimitSettings> {
        self.effects().find_map(|effect| match effect {
            Effect::Overlimit(settings) => Some(settings),
            _ => None,
        })
    }

    /// The GraphQL limits to check. Of the modes, `default` gives way to the next rule that decides; where none
    /// does, it follows the filtration mode.
    #[must_use]
    pub fn graphql(&self) -> Option<&'r GraphqlPolicy> {
        let policies = || {
            self.effects().filter_map(|effect| match effect {
                Effect::Graphql(policy) => Some(policy),
                _ => None,
            })
        };
        let decided = policies().find(|policy| policy.mode != PolicyMode::Default);
        decided.or_else(|| policies().next()).filter(|policy| policy.mode != PolicyMode::Off)
    }

    /// The size limits to check, one for each point; modes as for [`Selection::graphql`].
    #[must_use]
    pub fn upload_limits(&self) -> SmallVec<[&'r UploadLimit; 2]> {
        let mut limits: SmallVec<[&'r UploadLimit; 2]> = SmallVec::new();
        for effect in self.effects() {
            let Effect::UploadLimit(limit) = effect else { continue };
            match limits.iter_mut().find(|other| other.point == limit.point) {
                None => limits.push(limit),
                Some(other) if other.mode == PolicyMode::Default && limit.mode != PolicyMode::Default => {
                    *other = limit;
                }
                Some(_) => {}
            }
        }
        limits.retain(|limit| limit.mode != PolicyMode::Off);
        limits
    }

    /// Virtual patches.
    pub fn vpatches(&self) -> impl Iterator<Item = &'r Vpatch> {
        self.effects().filter_map(|effect| match effect {
            Effect::Vpatch(vpatch) => Some(vpatch),
            _ => None,
        })
    }

    /// Patterns to look for, experimental ones included. Ask [`Selection::regex_disabled`] at each point.
    pub fn regexes(&self) -> impl Iterator<Item = &'r RegexRule> {
        self.effects().filter_map(|effect| match effect {
            Effect::Regex(rule) => Some(rule),
            _ => None,
        })
    }

    /// Whether a pattern must not be evaluated at a point.
    #[must_use]
    pub fn regex_disabled(&self, path: &PointPath<'_>, id: i64) -> bool {
        self.effects().any(|effect| match effect {
            Effect::DisableRegex { regex_id, point } => *regex_id == id && point.covers(path),
            _ => false,
        })
    }

    /// Whether findings of a type are dropped at a point; rules hold at their point and below.
    #[must_use]
    pub fn type_disabled(&self, path: &PointPath<'_>, found: AttackType) -> bool {
        self.effects().any(|effect| match effect {
            Effect::DisableType { attack_type, point } => {
                attack_type.is_none_or(|disabled| disabled == found) && point.covers(path)
            }
            _ => false,
        })
    }

    /// Whether a signature is ignored at a point; rules hold at their point and below.
    #[must_use]
    pub fn stamp_disabled(&self, path: &PointPath<'_>, found: u32) -> bool {
        self.effects().any(|effect| match effect {
            Effect::DisableStamp { stamp, point } => *stamp == found && point.covers(path),
            _ => false,
        })
    }

    /// Whether a parser may run at a point; `None` when no rule says. Names are those of `parser_state`.
    #[must_use]
    pub fn parser_enabled(&self, path: &PointPath<'_>, name: &str) -> Option<bool> {
        self.effects().find_map(|effect| match effect {
            Effect::Parser { parser, enabled, point } if **parser == *name && point.selects(path) => {
                Some(*enabled)
            }
            _ => None,
        })
    }

    /// Whether the value at a point must be masked; rules hold at their point and below.
    #[must_use]
    pub fn is_sensitive(&self, path: &PointPath<'_>) -> bool {
        self.sensitive_points().any(|point| point.covers(path))
    }

    /// Points whose values must be masked.
    pub fn sensitive_points(&self) -> impl Iterator<Item = &'r Point> {
        self.effects().filter_map(|effect| match effect {
            Effect::SensitiveData(point) => Some(point),
            _ => None,
        })
    }

    /// Whether the value at a point is binary; rules hold at their point and below.
    #[must_use]
    pub fn is_binary(&self, path: &PointPath<'_>) -> bool {
        self.effects().any(|effect| matches!(effect, Effect::BinaryData(point) if point.covers(path)))
    }

    /// Points that hold files, with the kinds of file that they may be.
    pub fn uploads(&self) -> impl Iterator<Item = (FileKind, &'r Point)> {
        self.effects().filter_map(|effect| match effect {
            Effect::Uploads { file, point } => Some((*file, point)),
            _ => None,
        })
    }

    /// Changes of response headers in the order in which they are made: least specific first.
    pub fn response_headers(&self) -> impl Iterator<Item = &'r ResponseHeader> {
        self.effects().rev().filter_map(|effect| match effect {
            Effect::ResponseHeader(header) => Some(header),
            _ => None,
        })
    }

    /// Rate limits with the ids of their hints. Where several hold for a request, the lowest is enforced.
    pub fn rate_limits(&self) -> impl Iterator<Item = (i64, &'r RateLimit)> {
        self.hints.iter().filter_map(|hint| match &hint.effect {
            Effect::RateLimit(limit) => Some((hint.id, limit)),
            _ => None,
        })
    }

    /// Parsers that rules switch on or off, by their names in `parser_state`, with the points; of several for one
    /// parser at a point the first holds.
    pub fn parser_states(&self) -> impl Iterator<Item = (&'r str, bool, &'r Point)> {
        self.effects().filter_map(|effect| match effect {
            Effect::Parser { parser, enabled, point } => Some((&**parser, *enabled, point)),
            _ => None,
        })
    }

    /// Points whose values are binary, as are those below them.
    pub fn binary_points(&self) -> impl Iterator<Item = &'r Point> {
        self.effects().filter_map(|effect| match effect {
            Effect::BinaryData(point) => Some(point),
            _ => None,
        })
    }

    /// Where credentials are.
    pub fn credentials(&self) -> impl Iterator<Item = &'r Credentials> {
        self.effects().filter_map(|effect| match effect {
            Effect::Credentials(credentials) => Some(credentials),
            _ => None,
        })
    }

    /// The threshold control or counter of a type, with the id of its hint; the most specific one.
    #[must_use]
    pub fn behaviour(&self, kind: HintType) -> Option<(i64, &'r Behaviour)> {
        self.hints.iter().find_map(|hint| match &hint.effect {
            Effect::Behaviour(behaviour) if behaviour.kind == kind => Some((hint.id, behaviour)),
            _ => None,
        })
    }
}
